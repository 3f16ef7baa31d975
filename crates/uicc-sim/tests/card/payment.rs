//! The example of an applet from outside: a payment-like one, through its whole life.

use globalplatform::aid::Aid;
use globalplatform::commands::get_status::Scope;
use globalplatform::commands::install::InstallForPersonalization;
use globalplatform::commands::store_data::Dgi;
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Tag, find};
use scp03::SecurityLevel;

use crate::credentials::payload;
use crate::payment_applet::{
    DIRECTORY, DirectoryProgram, PACKAGE, PAYMENT, PaymentProgram, cryptogram,
};
use crate::terminal::*;

const PPSE: Aid = Aid::from_slice_const(b"2PAY.SYS.DDF01");
const KEY: [u8; 16] = [0x5A; 16];
const OPTIONS: &str = "80 A8 00 00 06 8304 01020304 00";

/// A card with both programs, and an instance of each in the ISD.
fn installed() -> (Terminal, Session) {
    let mut t = Terminal::new();
    t.card.add_program(PaymentProgram);
    t.card.add_program(DirectoryProgram);
    let mut isd = t.isd();
    isd.ok(&mut t, &install_for_load(PACKAGE, None, None).to_apdu());
    let code = data_block(PACKAGE, &[PAYMENT, DIRECTORY], &[], 20);
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&code)),
        StatusWord::OK
    );
    let mut install = install_applet(PACKAGE, PAYMENT, PAYMENT);
    install.parameters.applet = b"TEST PAY".to_vec();
    isd.ok(&mut t, &install.to_apdu());
    let mut directory = install_applet(PACKAGE, DIRECTORY, PPSE);
    directory.parameters.applet = hex::decode("61084F06F05041590001").unwrap();
    isd.ok(&mut t, &directory.to_apdu());
    (t, isd)
}

/// INSTALL [for personalization] and data groups.
fn personalise(t: &mut Terminal, session: &mut Session, groups: &[(u16, &[u8])]) -> StatusWord {
    let instance = PAYMENT;
    session.ok(t, &InstallForPersonalization { instance }.to_apdu());
    let groups: Vec<Dgi> = groups
        .iter()
        .map(|(tag, data)| Dgi::new(*tag, *data))
        .collect();
    session.store(t, &payload(&groups)).sw
}

const RECORD: (u16, &[u8]) = (0x0101, &[0x70, 0x02, 0x57, 0x00]);
const PROFILE: (u16, &[u8]) = (
    0x9104,
    &[0x82, 0x02, 0x20, 0x00, 0x94, 0x04, 0x08, 0x01, 0x01, 0x00],
);

#[test]
fn a_terminal_finds_the_applet_and_pays() {
    let (mut t, mut isd) = installed();
    let sw = personalise(&mut t, &mut isd, &[RECORD, (0x8000, &KEY), PROFILE]);
    assert_eq!(sw, StatusWord::OK);
    let applets = isd.registry(&mut t, Scope::Applications);
    let payment = applets.iter().find(|a| a.aid == PAYMENT).unwrap();
    assert_eq!(payment.life_cycle, 0x0F, "a state of the applet's own");

    let directory = t.hex("00 A4 04 00 0E 325041592E5359532E4444463031 00");
    assert_eq!(
        hex::encode_upper(directory.data),
        "6F1F840E325041592E5359532E4444463031A50DBF0C0A61084F06F05041590001"
    );
    let selected = t.hex("00 A4 04 00 06 F05041590001 00");
    assert_eq!(
        hex::encode_upper(selected.data),
        "6F1A8406F05041590001A510500854455354205041599F38039F3704"
    );
    for counter in 1..=3 {
        let answer = t.hex(OPTIONS);
        assert_eq!(answer.sw, StatusWord::OK);
        let template = find(&answer.data, Tag(0x77)).unwrap().unwrap();
        let object = |tag| find(template, Tag(tag)).unwrap().unwrap();
        assert_eq!(object(0x82), [0x20, 0x00]);
        assert_eq!(object(0x9F36), [0, counter]);
        let expected = cryptogram(&KEY, [1, 2, 3, 4], counter.into()).unwrap();
        assert_eq!(object(0x9F26), expected);
    }
    assert_eq!(t.hex("00 B2 01 0C 00").data, RECORD.1);
    assert_eq!(t.hex("00 B2 02 0C 00").sw, StatusWord(0x6A83));
    assert_eq!(t.hex("00 B2 01 14 00").sw, StatusWord(0x6A82));
    assert_eq!(t.hex("80 A8 00 00 05 8304010203 00").sw, StatusWord(0x6A80));
    assert_eq!(t.hex("00 A4 00 00 02 2FE2").sw, StatusWord(0x6D00));
    assert_eq!(t.hex("00 A4 00 0C 02 3F00").sw, StatusWord::OK);
    assert_eq!(t.hex("00 A4 00 0C 02 2FE2").sw, StatusWord::OK);
}

#[test]
fn the_counter_survives_and_is_written_before_it_is_used() {
    let (mut t, mut isd) = installed();
    personalise(&mut t, &mut isd, &[(0x8000, &KEY), PROFILE]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card.state");
    t.card.persist_to(&path).unwrap();
    t.select(PAYMENT);
    t.hex(OPTIONS);
    // The file cannot be replaced: no counter, no cryptogram.
    let blocker = folder.path().join("card.state.new");
    std::fs::create_dir(&blocker).unwrap();
    let refused = t.hex(OPTIONS);
    assert_eq!((refused.sw, refused.data.len()), (StatusWord(0x6581), 0));
    std::fs::remove_dir(&blocker).unwrap();
    let mut card = uicc_sim::Uicc::open(&path).unwrap();
    card.add_program(PaymentProgram);
    let mut t = Terminal::of(card);
    t.select(PAYMENT);
    let answer = t.hex(OPTIONS).data;
    let template = find(&answer, Tag(0x77)).unwrap().unwrap();
    assert_eq!(find(template, Tag(0x9F36)).unwrap(), Some(&[0, 2][..]));
}

#[test]
fn personalisation_is_whole_and_protected() {
    let (mut t, _) = installed();
    t.select(PAYMENT);
    assert_eq!(t.hex(OPTIONS).sw, StatusWord(0x6985), "no key yet");
    let mut isd = t.isd();
    for (wrong, sw) in [
        (&[(0x8000, &KEY[..]), (0x9999, &[])][..], 0x6A80),
        (&[(0x8000, &KEY[1..])], 0x6A80),
        (&[(0x0102, RECORD.1)], 0x6A80),
        (&[(0x0101, &[0x71])], 0x6A80),
        (&[(0x0101, &[0x70; 1100])], 0x6A84),
    ] {
        assert_eq!(personalise(&mut t, &mut isd, wrong), StatusWord(sw));
    }
    t.select(PAYMENT);
    assert_eq!(t.hex(OPTIONS).sw, StatusWord(0x6985), "still none");
    let mut open = t.open(ISD, &isd_keys(), 0x30, SecurityLevel::CMac);
    let sw = personalise(&mut t, &mut open, &[(0x8000, &KEY)]);
    assert_eq!(sw, StatusWord(0x6982), "a key in the clear");
}

#[test]
fn an_observer_sees_the_key() {
    let (mut t, mut isd) = installed();
    let seen = t.observe();
    personalise(&mut t, &mut isd, &[(0x8000, &KEY), PROFILE]);
    let shown = ("payment-key", KEY.to_vec());
    assert!(seen.lock().unwrap().contains(&shown));
}

#[test]
fn installation_parameters_are_looked_at() {
    let (mut t, mut isd) = installed();
    for (module, parameters) in [
        (PAYMENT, &b"A LABEL THAT IS TOO LONG"[..]),
        (PAYMENT, &[0xFF]),
        (DIRECTORY, &[0x62, 0x00]),
        (DIRECTORY, &[0x61]),
    ] {
        let mut install = install_applet(PACKAGE, module, INSTANCE);
        install.parameters.applet = parameters.to_vec();
        assert_eq!(isd.sw(&mut t, &install.to_apdu()), StatusWord(0x6A80));
    }
    isd.ok(&mut t, &delete(PACKAGE, true));
    assert!(isd.registry(&mut t, Scope::Applications).is_empty());
}
