//! Loading, installing, deleting, states, and who may do it.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::get_status::{GetStatus, GetStatusResponse, Scope};
use globalplatform::commands::install::{
    InstallForExtradition, InstallForMakeSelectable, InstallForRegistryUpdate, RegistryParameters,
};
use globalplatform::commands::load::Load;
use globalplatform::privileges::Privileges;
use globalplatform::registry;
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::Tag;
use scp03::SecurityLevel;
use sha2::{Digest, Sha256};

use crate::terminal::*;

const PACKAGE: Aid = Aid::from_slice_const(&[0xF0, 0x01, 0x02, 0x03, 0x04, 0x00]);
const MODULE: Aid = Aid::from_slice_const(&[0xF0, 0x01, 0x02, 0x03, 0x04, 0x01]);
const INSTANCE: Aid = Aid::from_slice_const(&[0xF0, 0x01, 0x02, 0x03, 0x04, 0x02]);
const OTHER_SSD: Aid = Aid::from_slice_const(&[0xF0, 0x01, 0x02, 0x03, 0x04, 0x03]);

const NOT_FOUND: StatusWord = StatusWord(0x6A88);
const CONDITIONS: StatusWord = StatusWord(0x6985);
const SECURITY: StatusWord = StatusWord(0x6982);
const WRONG_DATA: StatusWord = StatusWord(0x6A80);

fn foreign() -> Vec<u8> {
    data_block(PACKAGE, &[MODULE], &[], 300)
}

fn entries(t: &mut Terminal, session: &mut Session, scope: Scope) -> Vec<registry::RegistryEntry> {
    let mut command = GetStatus::all(scope);
    command.tag_list = [0x4F, 0x9F70, 0xC5, 0xC4, 0xCC, 0xCE, 0x84]
        .map(Tag)
        .to_vec();
    let mut entries = Vec::new();
    loop {
        let response = session.send(t, &command.to_apdu());
        if response.sw == NOT_FOUND {
            return entries;
        }
        entries.extend(GetStatusResponse::decode(&response.data).unwrap().entries);
        match response.sw {
            StatusWord::MORE_DATA => command.next = true,
            sw => {
                assert_eq!(sw, StatusWord::OK);
                return entries;
            }
        }
    }
}

#[test]
fn a_foreign_package_becomes_an_inert_instance() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let hash = Sha256::digest(foreign()).to_vec();
    isd.ok(
        &mut t,
        &install_for_load(PACKAGE, None, Some(hash)).to_apdu(),
    );
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&foreign())),
        StatusWord::OK
    );
    isd.ok(&mut t, &install_applet(PACKAGE, MODULE, INSTANCE).to_apdu());
    let files = entries(&mut t, &mut isd, Scope::LoadFilesAndModules);
    let file = files.iter().find(|file| file.aid == PACKAGE).unwrap();
    assert_eq!(
        (file.modules.clone(), file.security_domain),
        (vec![MODULE], Some(ISD))
    );
    let applet = entries(&mut t, &mut isd, Scope::Applications)
        .pop()
        .unwrap();
    assert_eq!((applet.aid, applet.life_cycle), (INSTANCE, 0x07));
    assert_eq!(
        (applet.load_file, applet.security_domain),
        (Some(PACKAGE), Some(ISD))
    );
    assert_eq!(t.select(INSTANCE), StatusWord::OK);
    assert_eq!(t.hex("80 CA 00 66 00").sw, StatusWord(0x6D00));
}

#[test]
fn install_refuses_what_is_unknown_or_taken() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut isd = t.isd();
    for (install, sw) in [
        (install_applet(PACKAGE, MODULE, INSTANCE), NOT_FOUND),
        (install_applet(JPKI_PACKAGE, MODULE, INSTANCE), NOT_FOUND),
        (install_applet(JPKI_PACKAGE, JPKI, JPKI), CONDITIONS),
        (install_applet(JPKI_PACKAGE, JPKI, JPKI_PACKAGE), CONDITIONS),
        (
            install_applet(DOMAIN_PACKAGE, DOMAIN_MODULE, INSTANCE),
            WRONG_DATA,
        ),
    ] {
        assert_eq!(isd.sw(&mut t, &install.to_apdu()), sw, "{install:?}");
    }
    let mut install = install_applet(JPKI_PACKAGE, JPKI, INSTANCE);
    install.token = Some(vec![0; 16]);
    assert_eq!(
        isd.sw(&mut t, &install.to_apdu()),
        WRONG_DATA,
        "a token where none is due"
    );
    assert_eq!(
        isd.sw(&mut t, &CommandApdu::new(0x80, 0xE6, 0x84, 0x00)),
        StatusWord(0x6A86)
    );
    let load = install_for_load(JPKI_PACKAGE, None, None).to_apdu();
    assert_eq!(isd.sw(&mut t, &load), CONDITIONS);
}

#[test]
fn an_interrupted_or_disordered_load_is_gone() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let structure = load_file_structure(&foreign());
    let announce = install_for_load(PACKAGE, None, None).to_apdu();
    let block = |number, last, block: &[u8]| {
        Load {
            last,
            block_number: number,
            block: block.to_vec(),
        }
        .to_apdu()
    };
    assert_eq!(
        isd.sw(&mut t, &block(0, true, &structure[..100])),
        CONDITIONS,
        "nothing announced"
    );
    isd.ok(&mut t, &announce);
    isd.ok(&mut t, &block(0, false, &structure[..100]));
    assert_eq!(
        isd.sw(&mut t, &block(2, true, &structure[100..200])),
        CONDITIONS
    );
    assert_eq!(
        isd.sw(&mut t, &block(1, true, &structure[100..200])),
        CONDITIONS
    );
    isd.ok(&mut t, &announce);
    isd.ok(&mut t, &block(0, false, &structure[..100]));
    isd.ok(
        &mut t,
        &GetStatus::all(Scope::IssuerSecurityDomain).to_apdu(),
    );
    assert_eq!(
        isd.sw(&mut t, &block(1, true, &structure[100..200])),
        CONDITIONS
    );
    isd.ok(&mut t, &announce);
    isd.ok(&mut t, &block(0, false, &structure[..100]));
    let free = t.card.inventory().memory.free;
    let mut isd = t.isd();
    assert_eq!(
        isd.sw(&mut t, &block(1, true, &structure[100..200])),
        CONDITIONS
    );
    assert_eq!(t.card.inventory().memory.free, free);
    isd.ok(&mut t, &announce);
    assert_eq!(isd.load(&mut t, &structure), StatusWord::OK);
}

#[test]
fn a_load_file_must_be_what_was_announced() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let mut attempt = |announce: &globalplatform::commands::install::InstallForLoad,
                       structure: &[u8]| {
        isd.ok(&mut t, &announce.to_apdu());
        isd.load(&mut t, structure)
    };
    let good = load_file_structure(&foreign());
    let wrong_hash = install_for_load(PACKAGE, None, Some(vec![0; 32]));
    assert_eq!(attempt(&wrong_hash, &good), WRONG_DATA);
    assert_eq!(
        attempt(&install_for_load(INSTANCE, None, None), &good),
        WRONG_DATA
    );
    let announce = install_for_load(PACKAGE, None, None);
    assert_eq!(
        attempt(&announce, &load_file_structure(&[0; 50])),
        WRONG_DATA
    );
    assert_eq!(
        attempt(&announce, &[&good[..], &[0x00]].concat()),
        WRONG_DATA
    );
    let unknown: &[u8] = &[0xA0, 0x00, 0x00, 0x00, 0x62, 0x99, 0x99];
    let lacking = data_block(PACKAGE, &[MODULE], &[(unknown, (1, 0))], 10);
    assert_eq!(
        attempt(&announce, &load_file_structure(&lacking)),
        StatusWord(0x6438)
    );
    let framework: &[u8] = &[0xA0, 0x00, 0x00, 0x00, 0x62, 0x01, 0x01];
    let newer = data_block(PACKAGE, &[MODULE], &[(framework, (1, 99))], 10);
    assert_eq!(
        attempt(&announce, &load_file_structure(&newer)),
        StatusWord(0x6438)
    );
    assert_eq!(attempt(&announce, &good), StatusWord::OK);
}

#[test]
fn delete_keeps_what_others_need() {
    let mut t = Terminal::new();
    deploy(&mut t);
    t.hex("00 70 00 00 01");
    let mut isd = t.isd();
    assert_eq!(isd.sw(&mut t, &delete(INSTANCE, false)), NOT_FOUND);
    assert_eq!(isd.sw(&mut t, &delete(ISD, false)), CONDITIONS);
    assert_eq!(isd.sw(&mut t, &delete(DOMAIN_PACKAGE, true)), CONDITIONS);
    assert_eq!(
        isd.sw(&mut t, &delete(SSD, false)),
        CONDITIONS,
        "it has content"
    );
    assert_eq!(
        isd.sw(&mut t, &delete(JPKI_PACKAGE, false)),
        CONDITIONS,
        "it has an instance"
    );
    t.hex("01 A4 04 0C 0A D392F000260100000001");
    assert_eq!(
        isd.sw(&mut t, &delete(JPKI, false)),
        CONDITIONS,
        "it is in use"
    );
    assert_eq!(isd.sw(&mut t, &delete(JPKI_PACKAGE, true)), CONDITIONS);
    t.hex("00 70 80 01");
    let used = t.card.inventory().memory.used;
    isd.ok(&mut t, &delete(JPKI_PACKAGE, true));
    isd.ok(&mut t, &delete(SSD, false));
    let inventory = t.card.inventory();
    assert!(inventory.memory.used < used);
    assert!(inventory.domains[0].domains.is_empty());
}

#[test]
fn a_package_that_another_imports_stays() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let library: Aid = "F00102030499".parse().unwrap();
    isd.ok(&mut t, &install_for_load(library, None, None).to_apdu());
    let block = data_block(library, &[], &[], 10);
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&block)),
        StatusWord::OK
    );
    isd.ok(&mut t, &install_for_load(PACKAGE, None, None).to_apdu());
    let block = data_block(PACKAGE, &[MODULE], &[(library.as_bytes(), (1, 0))], 10);
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&block)),
        StatusWord::OK
    );
    assert_eq!(isd.sw(&mut t, &delete(library, false)), CONDITIONS);
    isd.ok(&mut t, &delete(PACKAGE, false));
    isd.ok(&mut t, &delete(library, false));
}

#[test]
fn an_ssd_without_management_rights_changes_nothing() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut ssd = t.ssd();
    for (command, sw) in [
        (install_for_load(PACKAGE, None, None).to_apdu(), SECURITY),
        (
            install_applet(JPKI_PACKAGE, JPKI, INSTANCE).to_apdu(),
            SECURITY,
        ),
        (
            install_ssd(OTHER_SSD, ssd_privileges(), None).to_apdu(),
            SECURITY,
        ),
        (delete(JPKI, false), SECURITY),
        (delete(JPKI_PACKAGE, true), SECURITY),
        (InstallForMakeSelectable::new(JPKI).to_apdu(), SECURITY),
        (set_status(ISD, 0x80), SECURITY),
        (
            GetStatus::all(Scope::IssuerSecurityDomain).to_apdu(),
            SECURITY,
        ),
        (CommandApdu::new(0x80, 0xF0, 0x80, 0x7F), SECURITY),
    ] {
        assert_eq!(ssd.sw(&mut t, &command), sw, "{command:?}");
    }
    let visible: Vec<Aid> = entries(&mut t, &mut ssd, Scope::Applications)
        .iter()
        .map(|e| e.aid)
        .collect();
    assert_eq!(visible, [SSD, JPKI]);
    let visible: Vec<Aid> = entries(&mut t, &mut ssd, Scope::LoadFiles)
        .iter()
        .map(|e| e.aid)
        .collect();
    assert_eq!(visible, [JPKI_PACKAGE]);
}

#[test]
fn an_ssd_with_authorized_management_works_in_its_own_house_only() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut isd = t.isd();
    let privileges = ssd_privileges() | Privileges::AUTHORIZED_MANAGEMENT;
    isd.ok(&mut t, &install_ssd(OTHER_SSD, privileges, None).to_apdu());
    let mut other = t.open(OTHER_SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    other.ok(&mut t, &install_for_load(PACKAGE, None, None).to_apdu());
    assert_eq!(
        other.load(&mut t, &load_file_structure(&foreign())),
        StatusWord::OK
    );
    other.ok(&mut t, &install_applet(PACKAGE, MODULE, INSTANCE).to_apdu());
    assert_eq!(
        other.sw(&mut t, &install_for_load(MODULE, Some(SSD), None).to_apdu()),
        SECURITY
    );
    assert_eq!(
        other.sw(
            &mut t,
            &install_applet(JPKI_PACKAGE, JPKI, MODULE).to_apdu()
        ),
        SECURITY
    );
    assert_eq!(other.sw(&mut t, &delete(JPKI, false)), SECURITY);
    assert_eq!(other.sw(&mut t, &set_status(JPKI, 0x80)), SECURITY);
    let mut greedy = install_applet(PACKAGE, MODULE, MODULE);
    greedy.privileges = Privileges::CARD_TERMINATE;
    assert_eq!(other.sw(&mut t, &greedy.to_apdu()), SECURITY);
    other.ok(&mut t, &set_status(INSTANCE, 0x80));
    other.ok(&mut t, &delete(PACKAGE, true));
}

#[test]
fn delegated_management_needs_a_token_that_this_card_cannot_check() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let privileges = ssd_privileges() | Privileges::DELEGATED_MANAGEMENT;
    isd.ok(&mut t, &install_ssd(SSD, privileges, None).to_apdu());
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    let mut load = install_for_load(PACKAGE, None, None);
    assert_eq!(ssd.sw(&mut t, &load.to_apdu()), SECURITY);
    load.token = Some(vec![0; 16]);
    assert_eq!(ssd.sw(&mut t, &load.to_apdu()), SECURITY);
}

#[test]
fn privileges_must_make_sense_and_be_supported() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    for privileges in [
        ssd_privileges() | Privileges::DAP_VERIFICATION,
        ssd_privileges() | Privileges::TOKEN_VERIFICATION,
        ssd_privileges() | Privileges::AUTHORIZED_MANAGEMENT | Privileges::DELEGATED_MANAGEMENT,
        Privileges::TRUSTED_PATH,
        Privileges::NONE,
    ] {
        let install = install_ssd(SSD, privileges, None);
        assert_eq!(
            isd.sw(&mut t, &install.to_apdu()),
            WRONG_DATA,
            "{privileges}"
        );
    }
    let reset = ssd_privileges() | Privileges::CARD_RESET;
    isd.ok(&mut t, &install_ssd(SSD, reset, None).to_apdu());
    assert_eq!(
        isd.sw(&mut t, &install_ssd(OTHER_SSD, reset, None).to_apdu()),
        CONDITIONS
    );
    t.card.reset();
    let mut ssd = t.authenticate(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    assert_eq!(entries(&mut t, &mut ssd, Scope::Applications)[0].aid, SSD);
}

#[test]
fn an_ssd_becomes_personalized_by_itself_only() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let mut install = install_ssd(SSD, ssd_privileges(), None);
    install.parameters.applet = vec![0x81, 0x02, 0x03, 0x70];
    install.make_selectable = false;
    isd.ok(&mut t, &install.to_apdu());
    assert_eq!(t.select(SSD), StatusWord(0x6A82), "INSTALLED only");
    let mut isd = t.isd();
    isd.ok(&mut t, &InstallForMakeSelectable::new(SSD).to_apdu());
    assert_eq!(
        isd.sw(&mut t, &InstallForMakeSelectable::new(SSD).to_apdu()),
        CONDITIONS
    );
    let load = install_for_load(JPKI_PACKAGE, Some(SSD), None).to_apdu();
    assert_eq!(isd.sw(&mut t, &load), CONDITIONS, "SELECTABLE only");
    assert_eq!(isd.sw(&mut t, &set_status(SSD, 0x0F)), CONDITIONS);
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    ssd.ok(&mut t, &set_status(SSD, 0x0F));
    assert_eq!(ssd.sw(&mut t, &set_status(SSD, 0x07)), CONDITIONS);
    let mut isd = t.isd();
    isd.ok(&mut t, &load);
}

#[test]
fn locking_hides_and_unlocking_restores() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut isd = t.isd();
    isd.ok(&mut t, &set_status(JPKI, 0x80));
    assert_eq!(isd.sw(&mut t, &set_status(JPKI, 0x80)), CONDITIONS);
    assert_eq!(t.select(JPKI), StatusWord(0x6A82));
    let mut ssd = t.ssd();
    assert_eq!(
        entries(&mut t, &mut ssd, Scope::Applications)[1].life_cycle,
        0x87
    );
    ssd.ok(&mut t, &set_status(JPKI, 0x07));
    assert_eq!(t.select(JPKI), StatusWord::OK);
    let mut isd = t.isd();
    let hierarchy = CommandApdu::new(0x80, 0xF0, 0x60, 0x80).with_data(SSD.as_bytes());
    isd.ok(&mut t, &hierarchy);
    assert_eq!(t.select(SSD), StatusWord(0x6A82));
    assert_eq!(t.select(JPKI), StatusWord(0x6A82));
    let unlock = CommandApdu::new(0x80, 0xF0, 0x60, 0x00).with_data(SSD.as_bytes());
    let mut isd = t.isd();
    isd.ok(&mut t, &unlock);
    assert_eq!(isd.sw(&mut t, &unlock), CONDITIONS);
    t.ssd();
}

#[test]
fn an_ssd_can_lock_but_not_unlock_itself() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut ssd = t.ssd();
    ssd.ok(&mut t, &set_status(SSD, 0x80));
    assert_ne!(ssd.sw(&mut t, &set_status(SSD, 0x0F)), StatusWord::OK);
    assert_eq!(t.select(SSD), StatusWord(0x6A82));
    let mut isd = t.isd();
    isd.ok(&mut t, &set_status(SSD, 0x00));
    t.ssd();
}

#[test]
fn a_locked_card_answers_and_changes_nothing() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let card = |status| CommandApdu::new(0x80, 0xF0, 0x80, status);
    let mut isd = t.isd();
    assert_eq!(isd.sw(&mut t, &card(0x07)), CONDITIONS, "never back");
    isd.ok(&mut t, &card(0x7F));
    assert_eq!(isd.sw(&mut t, &delete(JPKI, false)), CONDITIONS);
    assert_eq!(t.select(JPKI), StatusWord(0x6A81));
    assert_eq!(t.hex("00 A4 04 00 00").sw, StatusWord(0x6283));
    assert_eq!(t.hex("00 70 00 00 01").sw, StatusWord(0x6A81));
    let mut isd = t.authenticate(ISD, &isd_keys(), 0x30, SecurityLevel::Full);
    assert_eq!(
        entries(&mut t, &mut isd, Scope::IssuerSecurityDomain)[0].life_cycle,
        0x7F
    );
    isd.ok(&mut t, &card(0x0F));
    assert_eq!(t.select(JPKI), StatusWord::OK);
    let mut isd = t.isd();
    isd.ok(&mut t, &card(0xFF));
    assert_eq!(t.hex("00 A4 04 00 00").sw, CONDITIONS);
    t.card.reset();
    assert!(t.data(0x0066).sw.is_success());
    assert_eq!(t.hex("80 50 30 00 08 0102030405060708 00").sw, CONDITIONS);
}

#[test]
fn the_registry_comes_in_pages() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    for n in 0..12u8 {
        let aid = Aid::new(&[0xF0, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, n]).unwrap();
        isd.ok(&mut t, &install_ssd(aid, ssd_privileges(), None).to_apdu());
    }
    let first = isd.send(&mut t, &GetStatus::all(Scope::Applications).to_apdu());
    assert_eq!(first.sw, StatusWord::MORE_DATA);
    let all = entries(&mut t, &mut isd, Scope::Applications);
    assert_eq!(all.len(), 12);
    assert_eq!(all[11].privileges, Some(ssd_privileges()));
    let mut next = GetStatus::all(Scope::Applications);
    next.next = true;
    assert_eq!(
        isd.sw(&mut t, &next.to_apdu()),
        CONDITIONS,
        "nothing to continue"
    );
    let mut prefix = GetStatus::all(Scope::Applications);
    prefix.criteria = vec![0xF0, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0x05];
    let response = isd.send(&mut t, &prefix.to_apdu());
    assert_eq!(
        GetStatusResponse::decode(&response.data)
            .unwrap()
            .entries
            .len(),
        1
    );
    prefix.criteria = vec![0xF1];
    assert_eq!(isd.sw(&mut t, &prefix.to_apdu()), NOT_FOUND);
    let obsolete = CommandApdu::new(0x80, 0xF2, 0x40, 0x00).with_data([0x4F, 0x00]);
    assert_eq!(isd.sw(&mut t, &obsolete), StatusWord(0x6A86));
}

#[test]
fn extradition_needs_both_sides() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let extradite = |to: Aid, aid: Aid| {
        InstallForExtradition {
            security_domain: to,
            aid,
            parameters: RegistryParameters::default(),
            token: None,
        }
        .to_apdu()
    };
    let mut isd = t.isd();
    let mut closed = install_ssd(OTHER_SSD, ssd_privileges(), Some(2000));
    closed.parameters.applet.extend([0x82, 0x01, 0x00]);
    isd.ok(&mut t, &closed.to_apdu());
    assert_eq!(isd.sw(&mut t, &extradite(OTHER_SSD, JPKI)), CONDITIONS);
    assert_eq!(isd.sw(&mut t, &extradite(JPKI, JPKI_PACKAGE)), NOT_FOUND);
    assert_eq!(isd.sw(&mut t, &extradite(ISD, INSTANCE)), NOT_FOUND);
    isd.ok(&mut t, &extradite(ISD, JPKI));
    let jpki = entries(&mut t, &mut isd, Scope::Applications)
        .into_iter()
        .find(|e| e.aid == JPKI);
    assert_eq!(jpki.unwrap().security_domain, Some(ISD));
    isd.ok(&mut t, &extradite(SSD, OTHER_SSD));
    assert_eq!(isd.sw(&mut t, &extradite(OTHER_SSD, SSD)), CONDITIONS);
    isd.ok(&mut t, &extradite(SSD, SSD));
    let roots: Vec<String> = t
        .card
        .inventory()
        .domains
        .into_iter()
        .map(|d| d.aid)
        .collect();
    assert_eq!(roots, [ISD.to_string(), SSD.to_string()]);
}

#[test]
fn a_registry_update_can_take_functions_away() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut isd = t.isd();
    let mut update = InstallForRegistryUpdate {
        aid: Some(SSD),
        privileges: Some(ssd_privileges() | Privileges::AUTHORIZED_MANAGEMENT),
        ..InstallForRegistryUpdate::default()
    };
    update.parameters.restrictions = Some(0x01);
    isd.ok(&mut t, &update.to_apdu());
    let mut ssd = t.ssd();
    assert_eq!(ssd.sw(&mut t, &delete(JPKI, false)), CONDITIONS);
    ssd.ok(&mut t, &install_for_load(PACKAGE, None, None).to_apdu());
    let mut isd = t.isd();
    update.privileges = Some(ssd_privileges() | Privileges::DAP_VERIFICATION);
    update.parameters.restrictions = Some(0x00);
    assert_eq!(isd.sw(&mut t, &update.to_apdu()), WRONG_DATA);
    let mut ssd = t.ssd();
    assert_eq!(
        ssd.sw(&mut t, &delete(JPKI, false)),
        CONDITIONS,
        "nothing of it was done"
    );
}
