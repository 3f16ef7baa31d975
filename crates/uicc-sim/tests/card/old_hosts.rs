//! What hosts of the time before GlobalPlatform 2.2 do: another name of the issuer security domain, the obsolete form of
//! GET STATUS, level 00.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::get_status::Scope;
use globalplatform::commands::install::InstallForExtradition;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;

use crate::terminal::*;

const ALIAS: Aid = uicc_sim::config::DEFAULT_ALIAS;

fn status(p1: u8, p2: u8, criteria: &[u8]) -> CommandApdu {
    let mut data = vec![0x4F, criteria.len() as u8];
    data.extend_from_slice(criteria);
    CommandApdu::new(0x80, 0xF2, p1, p2)
        .with_data(data)
        .with_le(256)
}

#[test]
fn the_alias_means_the_issuer_security_domain_everywhere() {
    let mut t = Terminal::new();
    assert_eq!(t.select(ALIAS), StatusWord::OK);
    let mut isd = t.authenticate(ISD, &isd_keys(), 0x30, SecurityLevel::CMac);
    let load = install_for_load(PACKAGE, Some(ALIAS), None);
    isd.ok(&mut t, &load.to_apdu());
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&foreign())),
        StatusWord::OK
    );
    let files = isd.registry(&mut t, Scope::LoadFiles);
    let file = files.iter().find(|file| file.aid == PACKAGE).unwrap();
    assert_eq!(file.security_domain, Some(ISD));
    let found = isd.ok(&mut t, &status(0x80, 0x02, ALIAS.as_bytes()));
    assert_eq!(&found[2..12], &[&[0x4F, 0x08][..], ISD.as_bytes()].concat());
    isd.ok(&mut t, &install_ssd(SSD, ssd_privileges(), None).to_apdu());
    let extradite = |to| InstallForExtradition {
        security_domain: to,
        aid: PACKAGE,
        parameters: Default::default(),
        token: None,
    };
    isd.ok(&mut t, &extradite(SSD).to_apdu());
    isd.ok(&mut t, &extradite(ALIAS).to_apdu());
    let conditions = StatusWord(0x6985);
    assert_eq!(isd.sw(&mut t, &delete(ALIAS, false)), conditions);
    assert_eq!(isd.sw(&mut t, &set_status(ALIAS, 0x80)), conditions);
    let taken = install_applet(PACKAGE, MODULE, ALIAS);
    assert_eq!(isd.sw(&mut t, &taken.to_apdu()), conditions);
}

#[test]
fn the_obsolete_form_of_get_status_is_answered() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut isd = t.isd();
    let lv = |aid: Aid| [&[aid.as_bytes().len() as u8][..], aid.as_bytes()].concat();
    let expected = [lv(ISD), vec![0x0F, privileges_of_isd(&mut isd, &mut t)]].concat();
    assert_eq!(isd.ok(&mut t, &status(0x80, 0x00, &[])), expected);
    let expected = [lv(SSD), vec![0x0F, 0x80], lv(JPKI), vec![0x07, 0x00]].concat();
    assert_eq!(isd.ok(&mut t, &status(0x40, 0x00, &[])), expected);
    let domains = [lv(DOMAIN_PACKAGE), vec![0x01, 0x00]].concat();
    let jpki = [lv(JPKI_PACKAGE), vec![0x01, 0x00]].concat();
    let expected = [domains.clone(), jpki.clone()].concat();
    assert_eq!(isd.ok(&mut t, &status(0x20, 0x00, &[])), expected);
    let expected = [
        domains,
        vec![0x01],
        lv(DOMAIN_MODULE),
        jpki,
        vec![0x01],
        lv(JPKI),
    ];
    assert_eq!(isd.ok(&mut t, &status(0x10, 0x00, &[])), expected.concat());
    let missing = isd.sw(&mut t, &status(0x10, 0x00, &[0xF1]));
    assert_eq!(missing, StatusWord(0x6A88));
}

fn privileges_of_isd(isd: &mut Session, t: &mut Terminal) -> u8 {
    let entry = isd.registry(t, Scope::IssuerSecurityDomain).remove(0);
    entry.privileges.unwrap().to_bytes()[0]
}

#[test]
fn pages_of_one_form_are_not_continued_in_the_other() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    for n in 0..20u8 {
        let aid = Aid::new(&[
            0xF0, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, n, 1, 2, 3, 4, 5, 6, 7, 8,
        ]);
        let install = install_ssd(aid.unwrap(), ssd_privileges(), None);
        isd.ok(&mut t, &install.to_apdu());
    }
    let first = isd.send(&mut t, &status(0x40, 0x00, &[]));
    assert_eq!(first.sw, StatusWord::MORE_DATA);
    assert_eq!(first.data.len() % 19, 0);
    let next = isd.send(&mut t, &status(0x40, 0x01, &[]));
    assert_eq!(next.sw, StatusWord::OK);
    assert_eq!(first.data.len() + next.data.len(), 20 * 19);
    isd.send(&mut t, &status(0x40, 0x00, &[]));
    let other = isd.sw(&mut t, &status(0x40, 0x03, &[]));
    assert_eq!(other, StatusWord(0x6985));
}

#[test]
fn a_session_at_level_00_manages_content_in_plain() {
    let mut t = Terminal::new();
    t.open(ISD, &isd_keys(), 0x30, SecurityLevel::Authenticated);
    let install = install_ssd(SSD, ssd_privileges(), None).to_apdu();
    assert_eq!(t.send(&install).sw, StatusWord::OK);
    let put = ssd_keys().put_key(0x00, 0x31, &isd_keys().dek).to_apdu();
    assert_eq!(t.send(&put).sw, StatusWord::OK);
    t.card.reset();
    assert_eq!(t.send(&delete(SSD, false)).sw, StatusWord(0x6982));
}
