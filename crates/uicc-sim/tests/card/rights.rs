//! Who may manage what: privileges, extradition, registry updates.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::get_status::{GetStatus, GetStatusResponse, Scope};
use globalplatform::commands::install::{
    InstallForExtradition, InstallForMakeSelectable, InstallForRegistryUpdate, RegistryParameters,
};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;

use crate::terminal::*;

const NOT_FOUND: StatusWord = StatusWord(0x6A88);
const CONDITIONS: StatusWord = StatusWord(0x6985);
const SECURITY: StatusWord = StatusWord(0x6982);
const WRONG_DATA: StatusWord = StatusWord(0x6A80);

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
    let visible: Vec<Aid> = ssd
        .registry(&mut t, Scope::Applications)
        .iter()
        .map(|e| e.aid)
        .collect();
    assert_eq!(visible, [SSD, JPKI]);
    let visible: Vec<Aid> = ssd
        .registry(&mut t, Scope::LoadFiles)
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
fn delegated_management_needs_a_token_that_somebody_can_check() {
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
        ssd_privileges() | Privileges::MANDATED_DAP,
        ssd_privileges() | Privileges::GLOBAL_SERVICE,
        ssd_privileges() | Privileges::DELEGATED_MANAGEMENT | Privileges::TOKEN_VERIFICATION,
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
    assert_eq!(ssd.registry(&mut t, Scope::Applications)[0].aid, SSD);
}

#[test]
fn an_application_becomes_the_default_one_later() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut isd = t.isd();
    // As gp --make-default sends it: one byte of privileges, no parameters.
    let fields = "00 00 0A D392F000260100000001 01 04 00 00".replace(' ', "");
    let command = CommandApdu::new(0x80, 0xE6, 0x08, 0x00).with_data(hex::decode(fields).unwrap());
    isd.ok(&mut t, &command);
    t.card.reset();
    assert_eq!(
        t.hex("80 CA 00 E1 00").sw,
        StatusWord::OK,
        "the applet answers"
    );
    let mut isd = t.isd();
    let plain = InstallForMakeSelectable::new(JPKI).to_apdu();
    assert_eq!(
        isd.sw(&mut t, &plain),
        CONDITIONS,
        "it is SELECTABLE already"
    );
    isd.ok(&mut t, &set_status(JPKI, 0x80));
    assert_eq!(isd.sw(&mut t, &command), CONDITIONS, "it is locked");
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
    let jpki = isd
        .registry(&mut t, Scope::Applications)
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
    update.privileges = Some(ssd_privileges() | Privileges::MANDATED_DAP);
    update.parameters.restrictions = Some(0x00);
    assert_eq!(isd.sw(&mut t, &update.to_apdu()), WRONG_DATA);
    let mut ssd = t.ssd();
    assert_eq!(
        ssd.sw(&mut t, &delete(JPKI, false)),
        CONDITIONS,
        "nothing of it was done"
    );
}

#[test]
fn a_list_of_applications_shows_what_lies_below() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut isd = t.isd();
    isd.ok(
        &mut t,
        &install_ssd(OTHER_SSD, ssd_privileges(), None).to_apdu(),
    );
    let sees_all = ssd_privileges() | Privileges::GLOBAL_REGISTRY;
    let auditor: Aid = "F001020304AA".parse().unwrap();
    isd.ok(&mut t, &install_ssd(auditor, sees_all, None).to_apdu());
    let list = |aids: &[Aid]| -> Vec<u8> {
        let entry = |aid: &Aid| {
            let aid = aid.as_bytes();
            let length = aid.len() as u8;
            [&[0x61, length + 2, 0x4F, length], aid].concat()
        };
        aids.iter().flat_map(entry).collect()
    };
    let all = [ISD, SSD, JPKI, OTHER_SSD, auditor];
    for (domain, expected) in [
        (ISD, &all[..]),
        (SSD, &[SSD, JPKI]),
        (OTHER_SSD, &[OTHER_SSD]),
        (auditor, &all),
    ] {
        t.select(domain);
        for command in ["80 CA 2F 00 02 5C 00 00", "00 CB 2F 00 02 5C 00 00"] {
            assert_eq!(t.hex(command).data, list(expected), "{domain} {command}");
        }
        assert_eq!(t.hex("80 CA 2F 00 00").sw, NOT_FOUND);
    }
}

#[test]
fn get_status_keeps_to_every_search_criterion_that_it_knows() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut isd = t.isd();
    let install = install_ssd(OTHER_SSD, ssd_privileges(), None);
    isd.ok(&mut t, &install.to_apdu());
    let listed = |data: &[u8]| -> Vec<Aid> {
        let entries = GetStatusResponse::decode(data).unwrap().entries;
        entries.iter().map(|entry| entry.aid).collect()
    };
    for (p1, criteria, found) in [
        (0x40, "4F00 9F70010F", &[SSD, OTHER_SSD][..]),
        (0x40, "4F00 9F700107 5C044F9F70CC", &[JPKI]),
        (0x40, "4F00 C503808000", &[SSD, OTHER_SSD]),
        (0x40, "4F00 C5039CFE80", &[]),
        (0x40, "4F00 CC08A000000151000000", &[SSD, OTHER_SSD]),
        (0x40, "4F05D392F00026 9F70010F", &[SSD]),
        (0x40, "4F00 C40AD392F000260100000000", &[]),
        (0x40, "4F00 C409D392F0002601000000 DF7F0101", &[JPKI]),
        (0x40, "4F00 CE020100", &[]),
        (0x20, "4F00 CE020100 CC05D392F00026", &[JPKI_PACKAGE]),
        (0x10, "4F00 840AD392F000260100000001", &[JPKI_PACKAGE]),
        (0x10, "4F00 CF0141", &[]),
        // Table 11-33: of the issuer's domain search criteria are ignored.
        (0x80, "4F05F000000000 9F700107", &[ISD]),
    ] {
        let data = hex::decode(criteria.replace(' ', "")).unwrap();
        let command = CommandApdu::new(0x80, 0xF2, p1, 0x02).with_data(data);
        let response = isd.send(&mut t, &command.with_le(256));
        if found.is_empty() {
            assert_eq!(response.sw, NOT_FOUND, "{criteria}");
        } else {
            assert_eq!(response.sw, StatusWord::OK, "{criteria}");
            assert_eq!(listed(&response.data), found, "{criteria}");
        }
    }
    for criteria in ["4F004F00", "4F009F7001079F70010F", "4F005C014F5C01C5"] {
        let data = hex::decode(criteria).unwrap();
        let command = CommandApdu::new(0x80, 0xF2, 0x40, 0x02).with_data(data);
        assert_eq!(
            isd.sw(&mut t, &command.with_le(256)),
            WRONG_DATA,
            "{criteria}"
        );
    }
}
