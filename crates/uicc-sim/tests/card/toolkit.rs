//! The card application toolkit: short messages for the card, and what the card wants from the phone.

use globalplatform::commands::get_status::Scope;

use crate::files::{USIM, answer, in_usim, sw};
use crate::terminal::*;

#[test]
fn a_phone_delivers_short_messages_to_the_card() {
    let mut t = in_usim();
    assert!(t.card.terminal_profile().is_none());
    assert_eq!(sw(&mut t, "80 10 00 00 03 FF7F01"), 0x9000);
    assert_eq!(t.card.terminal_profile(), Some(&[0xFF, 0x7F, 0x01][..]));
    assert_eq!(sw(&mut t, "80 AA 00 00 02 A900"), 0x9000);
    let envelope = "80 C2 00 00 14 D112 82028381 0604 91180921 8B06 440A9118F6AA";
    assert_eq!(
        sw(
            &mut t,
            &envelope
                .replace("14 D112", "12 D110")
                .replace("8B06 440A9118F6AA", "8B04 440A9118")
        ),
        0x9000
    );
    // Without the service centre, and with tags that need not be understood.
    assert_eq!(sw(&mut t, "80 C2 00 00 09 D107 02028381 0B01 44"), 0x9000);
    let messages = t.card.short_messages();
    let all: Vec<_> = messages
        .iter()
        .map(|m| (hex::encode(&m.service_centre), hex::encode(&m.tpdu)))
        .collect();
    assert_eq!(
        all,
        [
            ("91180921".into(), "440a9118".into()),
            (String::new(), "44".into())
        ]
    );
    assert_eq!(format!("{:?}", messages[0]), "ShortMessage(4 bytes)");
    assert!(t.card.short_messages().is_empty(), "taken");
    for (command, expected) in [
        ("80 C2 00 00 06 D104 82028381", 0x6A80),
        ("80 C2 00 00 03 D1048B", 0x6A80),
        ("80 C2 00 00 05 D1038B0144", 0x9000),
        ("80 C2 00 00 06 D1038B014400", 0x6A80),
        ("80 C2 00 00 02 D600", 0x9000),
        ("80 C2 00 00 02 E000", 0x6A80),
        ("80 C2 00 00", 0x6A80),
        ("80 C2 01 00 02 D600", 0x6A86),
        ("80 10 00 00", 0x6700),
    ] {
        assert_eq!(sw(&mut t, command), expected, "{command}");
    }
    for _ in 0..20 {
        assert_eq!(sw(&mut t, "80 C2 00 00 05 D1038B0144"), 0x9000);
    }
    assert_eq!(t.card.short_messages().len(), 16);
}

#[test]
fn toolkit_commands_are_for_the_card_but_not_for_applets() {
    let mut t = Terminal::new();
    assert_eq!(
        sw(&mut t, "80 10 00 00 01 FF"),
        0x9000,
        "a domain is selected"
    );
    assert_eq!(sw(&mut t, "80 C2 00 00 05 D1038B0144"), 0x9000);
    assert_eq!(t.card.short_messages().len(), 1);
    for nothing in [
        "80 10 00 00",
        "80 12 00 00 00",
        "80 14 00 00 02 8100",
        "80 C2 00 00",
    ] {
        assert_eq!(sw(&mut t, nothing), 0x6D00, "{nothing}");
    }
    let command = hex::decode("D009810301020082028182").unwrap();
    t.card.issue_proactive_command(&command).unwrap();
    assert_eq!(sw(&mut t, "80 AA 00 00 02 A900"), 0x910B);
    assert_eq!(sw(&mut t, "80 12 00 00 0B"), 0x9000);
    assert_eq!(
        sw(&mut t, "80 14 00 00 0C 810301020082028281830100"),
        0x9000
    );
    let mut isd = t.authenticate(ISD, &isd_keys(), 0x30, scp03::SecurityLevel::Authenticated);
    assert_eq!(sw(&mut t, "80 10 00 00 01 FF"), 0x9000);
    assert!(!isd.registry(&mut t, Scope::IssuerSecurityDomain).is_empty());
    let mut isd = t.isd();
    assert_eq!(sw(&mut t, "80 10 00 00 01 FF"), 0x6982, "not past a MAC");
    let read = isd.wrap(&hex_command("80 CA 00 66 00"));
    assert_eq!(t.send(&read).sw.0, 0x6982, "aborted");
    let mut isd = t.isd();
    let secured = isd.wrap(&hex_command("80 10 00 00 01 FF"));
    assert_eq!(
        t.send(&secured).sw.0 & 0xFF00,
        0x6D00,
        "not through a session"
    );
    deploy(&mut t);
    t.select(JPKI);
    assert_eq!(sw(&mut t, "80 10 00 00 01 FF"), 0x6D00);
}

#[test]
fn the_card_wants_something_from_the_phone() {
    let mut t = in_usim();
    let command = hex::decode("D009810301020082028182").unwrap();
    t.card.issue_proactive_command(&command).unwrap();
    t.card.issue_proactive_command(&command).unwrap();
    assert_eq!(sw(&mut t, "80 F2 00 0C"), 0x9000, "no profile yet");
    assert_eq!(sw(&mut t, "80 10 00 00 01 FF"), 0x910B);
    assert_eq!(sw(&mut t, "80 F2 00 0C"), 0x910B);
    assert_eq!(
        sw(&mut t, "00 A4 00 0C 02 6FFF"),
        0x6A82,
        "only with success"
    );
    assert_eq!(sw(&mut t, "80 12 00 00 0A"), 0x6C0B);
    assert_eq!(
        sw(&mut t, "80 14 00 00 0C 810301020082028281830100"),
        0x6985
    );
    assert_eq!(
        answer(&mut t, "80 12 00 00 0B"),
        (0x910B, "D009810301020082028182".into())
    );
    for (wrong, expected) in [
        ("80 14 00 00 0C 810301030082028281830100", 0x6A80),
        ("80 14 00 00 09 810301020082028281", 0x6A80),
        ("80 14 00 00 02 8103", 0x6A80),
    ] {
        assert_eq!(sw(&mut t, wrong), expected);
    }
    assert_eq!(
        sw(&mut t, "80 14 00 00 0C 810301020082028281830100"),
        0x910B
    );
    assert_eq!(sw(&mut t, "80 12 00 00 00"), 0x9000);
    assert_eq!(
        sw(&mut t, "80 14 00 00 0C 010301020002028281030100"),
        0x9000
    );
    assert_eq!(sw(&mut t, "80 12 00 00 00"), 0x6985);
    let responses = t.card.terminal_responses();
    assert_eq!(responses.len(), 2);
    assert_eq!(hex::encode(&responses[0]), "810301020082028281830100");
    assert!(t.card.terminal_responses().is_empty());
    // A domain has nothing to do with it, and a reset forgets it.
    t.card.issue_proactive_command(&command).unwrap();
    assert_eq!(sw(&mut t, "00 A4 04 0C 00"), 0x9000);
    assert_eq!(sw(&mut t, "80 CA 00 66 00"), 0x9000);
    t.card.reset();
    assert_eq!(sw(&mut t, USIM), 0x9000);
    assert_eq!(sw(&mut t, "80 10 00 00 01 FF"), 0x9000);
    for wrong in [
        "",
        "D1098103010200",
        "D000",
        "D00381030102",
        "D009810301020082028182FF",
        "D0048102 0102",
    ] {
        let bytes = hex::decode(wrong.replace(' ', "")).unwrap();
        assert!(t.card.issue_proactive_command(&bytes).is_err(), "{wrong}");
    }
}
