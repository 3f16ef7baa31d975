//! Loading, installing, deleting, and reading what is there.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::get_status::{GetStatus, GetStatusResponse, Scope};
use globalplatform::commands::load::Load;
use globalplatform::status_word::StatusWord;
use sha2::{Digest, Sha256};

use crate::terminal::*;

const NOT_FOUND: StatusWord = StatusWord(0x6A88);
const CONDITIONS: StatusWord = StatusWord(0x6985);
const WRONG_DATA: StatusWord = StatusWord(0x6A80);

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
    let files = isd.registry(&mut t, Scope::LoadFilesAndModules);
    let file = files.iter().find(|file| file.aid == PACKAGE).unwrap();
    assert_eq!(
        (file.modules.clone(), file.security_domain),
        (vec![MODULE], Some(ISD))
    );
    let applet = isd.registry(&mut t, Scope::Applications).pop().unwrap();
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
        isd.sw(&mut t, &CommandApdu::new(0x80, 0xE6, 0x06, 0x00)),
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
fn a_domain_locked_during_a_load_gets_nothing() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &install_ssd(SSD, ssd_privileges(), None).to_apdu());
    t.hex("00 70 00 05");
    let mut other = t.on_channel(5, ISD);
    let status = GetStatus::all(Scope::IssuerSecurityDomain).to_apdu();
    let locking = set_status(SSD, 0x80);
    let mut isd = t.isd();
    isd.ok(
        &mut t,
        &install_for_load(PACKAGE, Some(SSD), None).to_apdu(),
    );
    let structure = load_file_structure(&foreign());
    let blocks = globalplatform::commands::load::load_blocks(&structure, 200).unwrap();
    let (last, first) = blocks.split_last().unwrap();
    for block in first {
        isd.ok(&mut t, &block.to_apdu());
    }
    other.ok(&mut t, &status.on_channel(5).unwrap());
    other.ok(&mut t, &locking.on_channel(5).unwrap());
    let before = t.card.state_digest();
    assert_eq!(isd.sw(&mut t, &last.to_apdu()), CONDITIONS);
    assert_eq!(t.card.state_digest(), before);
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
fn the_registry_comes_in_pages() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    for n in 0..12u8 {
        let aid = Aid::new(&[0xF0, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, n]).unwrap();
        isd.ok(&mut t, &install_ssd(aid, ssd_privileges(), None).to_apdu());
    }
    let first = isd.send(&mut t, &GetStatus::all(Scope::Applications).to_apdu());
    assert_eq!(first.sw, StatusWord::MORE_DATA);
    let all = isd.registry(&mut t, Scope::Applications);
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
    let reserved = CommandApdu::new(0x80, 0xF2, 0x40, 0x04).with_data([0x4F, 0x00]);
    assert_eq!(isd.sw(&mut t, &reserved), StatusWord(0x6A86));
}
