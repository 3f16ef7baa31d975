//! Life cycle states of the card, of security domains and of applets.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::get_status::Scope;
use globalplatform::commands::install::{InstallForMakeSelectable, InstallForRegistryUpdate};
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;

use crate::terminal::*;

const CONDITIONS: StatusWord = StatusWord(0x6985);

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
        ssd.registry(&mut t, Scope::Applications)[1].life_cycle,
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
    // Again is no error, as everything has the wanted state.
    isd.ok(&mut t, &unlock);
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
fn what_is_locked_while_it_is_selected_does_nothing_more() {
    let mut t = Terminal::new();
    deploy(&mut t);
    t.hex("00 70 00 00 01");
    t.hex("00 70 00 00 01");
    t.hex("01 A4 04 0C 0B D392F00026535344000001");
    t.hex("02 A4 04 0C 0A D392F000260100000001");
    assert_eq!(t.hex("81 CA 00 66 00").sw, StatusWord::OK);
    assert_eq!(t.hex("82 CA 00 E1 00").sw, StatusWord::OK);
    let mut isd = t.isd();
    let hierarchy = CommandApdu::new(0x80, 0xF0, 0x60, 0x80).with_data(SSD.as_bytes());
    isd.ok(&mut t, &hierarchy);
    assert_eq!(t.hex("81 CA 00 66 00").sw, CONDITIONS);
    assert_eq!(t.hex("82 CA 00 E1 00").sw, CONDITIONS);
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
        isd.registry(&mut t, Scope::IssuerSecurityDomain)[0].life_cycle,
        0x7F
    );
    isd.ok(&mut t, &card(0x0F));
    assert_eq!(t.select(JPKI), StatusWord::OK);
    let mut isd = t.isd();
    isd.ok(&mut t, &card(0xFF));
    assert_eq!(t.hex("00 A4 04 00 00").sw, StatusWord(0x6A81));
    t.card.reset();
    assert!(t.data(0x0066).sw.is_success());
    assert_eq!(t.hex("80 50 30 00 08 0102030405060708 00").sw, CONDITIONS);
}

/// A card in CARD_LOCKED whose Final Application is the SSD, in this state.
fn locked_with_final(life_cycle: u8) -> Terminal {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let mut install = install_ssd(SSD, ssd_privileges() | Privileges::FINAL_APPLICATION, None);
    install.make_selectable = life_cycle != 0x03;
    isd.ok(&mut t, &install.to_apdu());
    t.in_state(CardLifeCycle::CardLocked, |_| {})
}

#[test]
fn a_locked_card_has_its_final_application_selected() {
    let mut t = locked_with_final(0x0F);
    // The domain without keys of its own tells that it is selected: it has no key information.
    assert_eq!(t.data(0x00E0).sw, StatusWord(0x6A88));
    assert!(t.data(0x0066).sw.is_success());
    assert_eq!(t.select(ISD), StatusWord(0x6A81));
    assert_eq!(t.select(SSD), StatusWord(0x6283));
    let mut ssd = t.authenticate(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    let unlock = CommandApdu::new(0x80, 0xF0, 0x80, 0x0F);
    assert_eq!(ssd.sw(&mut t, &unlock), StatusWord(0x6982), "no Card Lock");
}

#[test]
fn a_final_application_that_is_installed_only_leaves_the_issuers_domain() {
    let mut t = locked_with_final(0x03);
    assert!(
        t.data(0x00E0).sw.is_success(),
        "the issuer's domain has keys"
    );
    assert_eq!(t.select(SSD), StatusWord(0x6A81));
    assert_eq!(t.select(ISD), StatusWord(0x6283));
}

#[test]
fn the_final_application_locks_neither_itself_nor_is_locked() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let last = ssd_privileges() | Privileges::FINAL_APPLICATION;
    isd.ok(&mut t, &install_ssd(SSD, last, None).to_apdu());
    assert_eq!(isd.sw(&mut t, &set_status(SSD, 0x80)), CONDITIONS);
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    assert_eq!(ssd.sw(&mut t, &set_status(SSD, 0x80)), CONDITIONS);
    assert_eq!(t.select(SSD), StatusWord::OK);
}

#[test]
fn a_select_on_a_locked_card_closes_its_supplementary_channel() {
    for (status, card) in [(0x7F, "locked"), (0xFF, "terminated")] {
        let mut t = Terminal::new();
        t.hex("00 70 00 00 01");
        t.hex("00 70 00 00 01");
        let mut isd = t.isd();
        isd.ok(&mut t, &CommandApdu::new(0x80, 0xF0, 0x80, status));
        assert!(t.hex("81 CA 00 66 00").sw.is_success(), "{card}");
        assert_eq!(t.hex("01 A4 04 00 00").sw, StatusWord(0x6A81), "{card}");
        assert_eq!(t.hex("81 CA 00 66 00").sw, StatusWord(0x6881), "{card}");
        assert!(t.hex("82 CA 00 66 00").sw.is_success(), "{card}");
    }
}

fn implicit(aid: globalplatform::aid::Aid, channels: &[u8]) -> CommandApdu {
    let mut update = InstallForRegistryUpdate {
        aid: Some(aid),
        ..InstallForRegistryUpdate::default()
    };
    update.parameters.implicit_selection = channels.to_vec();
    update.to_apdu()
}

/// Length of the first key of the domain that is selected on a channel.
fn key_length(t: &mut Terminal, channel: u8) -> u8 {
    let response = t.hex(&format!("{:02X} CA 00 E0 00", 0x80 + channel));
    // E0 len C0 len id version type length
    response.data.get(7).copied().unwrap_or(0)
}

#[test]
fn implicit_selection_opens_channels_with_what_is_registered() {
    let mut t = Terminal::new();
    deploy(&mut t);
    t.select(ISD);
    let own = key_length(&mut t, 0);
    let mut isd = t.isd();
    // Channel 1 over contacts, channel 2 without contacts only.
    isd.ok(&mut t, &implicit(SSD, &[0x41, 0x82]));
    assert_eq!(t.hex("00 70 00 00 01").data, [1]);
    assert_eq!(t.hex("00 70 00 00 01").data, [2]);
    t.select(SSD);
    let ssds = key_length(&mut t, 0);
    assert_ne!(own, ssds);
    assert_eq!(key_length(&mut t, 1), ssds);
    assert_eq!(key_length(&mut t, 2), own);
    // The basic channel: after a reset, and where nobody else is registered.
    let mut isd = t.isd();
    isd.ok(&mut t, &implicit(SSD, &[0xC0]));
    assert_eq!(isd.sw(&mut t, &implicit(JPKI, &[0x40])), CONDITIONS);
    assert_eq!(isd.sw(&mut t, &implicit(JPKI, &[0x41, 0x80])), CONDITIONS);
    assert_eq!(isd.sw(&mut t, &implicit(JPKI, &[0x41])), CONDITIONS);
    t.card.reset();
    assert_eq!(key_length(&mut t, 0), ssds);
    assert_eq!(t.hex("00 70 00 03").sw, StatusWord::OK);
    assert_eq!(key_length(&mut t, 3), ssds, "as on the basic channel");
    // Locked, it leaves the Final Application.
    let mut isd = t.isd();
    isd.ok(&mut t, &set_status(SSD, 0x80));
    t.card.reset();
    assert_eq!(key_length(&mut t, 0), own);
}

#[test]
fn an_applet_that_is_registered_for_a_channel_runs_on_one() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut isd = t.isd();
    isd.ok(&mut t, &implicit(JPKI, &[0x40]));
    t.card.reset();
    assert_eq!(t.hex("80 CA 00 E1 00").sw, StatusWord::OK, "the applet");
    assert_eq!(
        t.hex("00 70 00 00 01").sw,
        CONDITIONS,
        "it cannot be on two"
    );
    assert_eq!(t.hex("81 CA 00 66 00").sw, StatusWord(0x6881));
    t.select(ISD);
    assert_eq!(t.hex("00 70 00 00 01").data, [1]);
    assert_eq!(t.hex("81 CA 00 E1 00").sw, StatusWord::OK, "the applet");
}

#[test]
fn a_select_of_what_was_locked_meanwhile_begins_the_channel_anew() {
    let ssd = "A4 04 00 0B D392F00026535344000001 00";
    let beginning = "A4 04 02 05 D392F00026 00";
    for (name, sw, next) in [
        (ssd, 0x6A82, ISD),
        // Nothing of that name comes behind it.
        (beginning, 0x6A82, ISD),
        // Another name leaves everything as it is, and dead.
        ("A4 04 00 05 F0F0F0F0F0 00", 0x6A82, SSD),
    ] {
        let mut t = Terminal::new();
        deploy(&mut t);
        t.hex("00 70 00 00 01");
        assert_eq!(t.hex(&format!("01 {ssd}")).sw, StatusWord::OK);
        let mut isd = t.isd();
        isd.ok(&mut t, &set_status(JPKI, 0x80));
        isd.ok(&mut t, &set_status(SSD, 0x80));
        assert_eq!(t.hex(&format!("01 {name}")).sw, StatusWord(sw));
        let answer = t.hex("81 CA 00 E0 00");
        t.select(ISD);
        let expected = if next == ISD {
            t.data(0x00E0)
        } else {
            ResponseApdu::status(CONDITIONS)
        };
        assert_eq!(answer, expected, "{name}");
    }
}

#[test]
fn a_select_of_what_was_locked_meanwhile_takes_what_else_matches() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut ssd = t.ssd();
    ssd.ok(&mut t, &set_status(SSD, 0x80));
    let response = t.hex("00 A4 04 00 05 D392F00026 00");
    assert!(response.data.windows(10).any(|w| w == JPKI.as_bytes()));
}

#[test]
fn a_domain_that_locks_itself_leaves_its_session_with_the_next_select() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut ssd = t.ssd();
    ssd.ok(&mut t, &set_status(SSD, 0x80));
    assert_eq!(t.data(0x00E0).sw, CONDITIONS);
    assert_eq!(t.select(SSD), StatusWord(0x6A82));
    let of_isd = t.data(0x00E0);
    assert_eq!(t.select(ISD), StatusWord::OK);
    assert_eq!(t.data(0x00E0), of_isd);
    // What is selected on a channel of its own is put there again.
    assert_eq!(t.select(OTHER_SSD), StatusWord(0x6A82));
    assert_eq!(t.data(0x00E0), of_isd);
}

#[test]
fn a_session_ends_with_the_card() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &CommandApdu::new(0x80, 0xF0, 0x80, 0xFF));
    assert_eq!(t.hex("80 CA 00 66 00").sw, StatusWord::OK);
    let secured = isd.wrap(&CommandApdu::new(0x80, 0xCA, 0x00, 0x66).with_le(256));
    assert_eq!(t.send(&secured).sw, StatusWord(0x6982));
    assert_eq!(t.hex("80 CA 00 66 00").sw, StatusWord::OK);
}
