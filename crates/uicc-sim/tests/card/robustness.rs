//! Nothing that comes over the contacts makes the card panic, or change without a right to.

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::chaining::more_follow;
use globalplatform::commands::install::InstallForPersonalization;
use proptest::collection::vec;
use proptest::prelude::*;
use uicc_sim::Uicc;

use crate::credentials::{Kind, credential};
use crate::personalisation::make_live;
use crate::terminal::*;

/// Bytes that look like commands more often than random ones do.
fn command() -> impl Strategy<Value = Vec<u8>> {
    let cla = prop_oneof![
        Just(0x00u8),
        Just(0x80),
        Just(0x84),
        Just(0x04),
        Just(0x01),
        Just(0x81),
        Just(0x90),
        any::<u8>()
    ];
    let ins = prop_oneof![
        proptest::sample::select(vec![
            0x20u8, 0x24, 0x2A, 0x50, 0x70, 0x78, 0x7A, 0x82, 0xA4, 0xB0, 0xC0, 0xCA, 0xCB, 0xD8,
            0xE2, 0xE4, 0xE6, 0xE8, 0xF0, 0xF2,
        ]),
        any::<u8>(),
    ];
    (
        cla,
        ins,
        any::<u8>(),
        any::<u8>(),
        vec(any::<u8>(), 0..60),
        any::<Option<u8>>(),
    )
        .prop_map(|(cla, ins, p1, p2, data, le)| {
            let mut bytes = vec![cla, ins, p1, p2];
            if !data.is_empty() {
                bytes.push(data.len() as u8);
                bytes.extend(data);
            }
            bytes.extend(le);
            bytes
        })
}

/// A plain command for a security domain, well formed on the outside.
fn management_command() -> impl Strategy<Value = CommandApdu> {
    let ins =
        proptest::sample::select(vec![0x78u8, 0x7A, 0xCA, 0xD8, 0xE2, 0xE4, 0xE6, 0xE8, 0xF2]);
    let p1 = prop_oneof![
        proptest::sample::select(vec![
            0x00u8, 0x02, 0x04, 0x08, 0x0C, 0x10, 0x20, 0x40, 0x80, 0x88, 0x89
        ]),
        any::<u8>()
    ];
    let p2 = prop_oneof![
        proptest::sample::select(vec![0x00u8, 0x01, 0x02, 0x80, 0x81]),
        any::<u8>()
    ];
    let field = prop_oneof![
        Just(SSD.as_bytes().to_vec()),
        Just(JPKI.as_bytes().to_vec()),
        Just(JPKI_PACKAGE.as_bytes().to_vec()),
        Just(ISD.as_bytes().to_vec()),
        Just(DOMAIN_MODULE.as_bytes().to_vec()),
        Just(vec![0x80]),
        Just(vec![0x80, 0x80, 0x00]),
        Just(vec![0xC9, 0x00]),
        Just(Vec::new()),
        vec(any::<u8>(), 0..20),
    ];
    let tagged = prop_oneof![
        Just(vec![]),
        Just(vec![0x4F]),
        Just(vec![0xC4]),
        Just(vec![0x9F, 0x01])
    ];
    let data = (tagged, vec(field, 0..7)).prop_map(|(tag, fields)| {
        let mut data: Vec<u8> = tag;
        for field in fields {
            data.push(field.len() as u8);
            data.extend(field);
        }
        data
    });
    (ins, p1, p2, data).prop_map(|(ins, p1, p2, data)| {
        CommandApdu::new(0x80, ins, p1, p2)
            .with_data(data)
            .with_le(256)
    })
}

fn provisioned() -> Terminal {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut ssd = t.ssd();
    make_live(&mut t, &mut ssd, Kind::P256, [1; 16], "1234");
    t.card.reset();
    t
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_get_a_status_word_and_change_no_content(
        commands in vec(prop_oneof![command(), vec(any::<u8>(), 0..300)], 1..60)) {
        let mut t = provisioned();
        let before = t.card.inventory();
        for command in &commands {
            let response = t.card.transmit(command);
            prop_assert!(response.len() >= 2);
            prop_assert!(!matches!(response.len(), 0..2));
        }
        let after = t.card.inventory();
        prop_assert_eq!(after.memory, before.memory);
        prop_assert_eq!(&after.domains[0].load_files, &before.domains[0].load_files);
        t.card.reset();
        t.isd();
    }

    #[test]
    fn random_commands_to_the_applet_do_not_sign_without_a_pin(
        commands in vec(command(), 1..60)) {
        let mut t = provisioned();
        t.select(JPKI);
        t.hex("00 A4 02 0C 02 0017");
        for command in &commands {
            if command.get(1) == Some(&0x20) {
                continue;
            }
            t.card.transmit(command);
        }
        t.select(JPKI);
        t.hex("00 A4 02 0C 02 0017");
        let sign = format!("80 2A 00 80 20 {} 00", "AB".repeat(32));
        prop_assert_eq!(t.hex(&sign).sw.0, 0x6982);
    }

    #[test]
    fn random_commands_inside_a_session_leave_a_card_that_can_be_opened(
        commands in vec(management_command(), 1..30), at_isd: bool) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("card.state");
        let mut t = provisioned();
        t.card.persist_to(&path).unwrap();
        let mut session = if at_isd { t.isd() } else { t.ssd() };
        for command in commands.iter().filter(|command| !more_follow(command)) {
            let response = session.send(&mut t, command);
            prop_assert!(response.sw.0 >= 0x6200);
            let inventory = t.card.inventory();
            let total = inventory.memory.total.unwrap();
            prop_assert!(inventory.memory.used <= total);
            let reopened = Uicc::open(&path).unwrap();
            prop_assert_eq!(reopened.inventory(), inventory);
        }
    }

    #[test]
    fn random_personalisation_never_costs_the_live_credential(
        payloads in vec(payload(), 1..12)) {
        let mut t = provisioned();
        let mut ssd = t.ssd();
        for payload in &payloads {
            ssd.ok(&mut t, &InstallForPersonalization { instance: JPKI }.to_apdu());
            ssd.store(&mut t, payload);
        }
        let jpki = t.card.inventory().applet(&JPKI).unwrap().jpki.clone().unwrap();
        prop_assert_eq!(jpki.authentication.credential_id, Some("01".repeat(16)));
    }
}

/// Data groups with some truth in them; none commits or wipes what is live.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let whole = credential(Kind::P384, [2; 16], "0000");
    prop_oneof![
        vec(any::<u8>(), 0..500),
        (any::<proptest::sample::Index>(), any::<u8>()).prop_map(move |(index, byte)| {
            let mut changed = whole.clone();
            let index = index.index(changed.len());
            changed[index] = byte;
            changed
        }),
        (
            proptest::sample::select(vec![
                0x9F01u16, 0x8121, 0x8122, 0x8137, 0x9F02, 0x9F03, 0x9F04, 0x9F05, 0x9F07, 0x9F08
            ]),
            vec(any::<u8>(), 0..200)
        )
            .prop_map(|(tag, data)| {
                globalplatform::commands::store_data::Dgi::new(tag, data)
                    .encode()
                    .unwrap()
            }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_damaged_state_file_is_refused_or_makes_a_card_that_answers(
        places in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        commands in vec(command(), 1..20)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("card.state");
        provisioned().card.persist_to(&path).unwrap();
        let mut text = std::fs::read(&path).unwrap();
        for (place, byte) in places {
            let place = place.index(text.len());
            // Mostly a digit for a digit: anything else is no JSON any more.
            text[place] = b"0123456789ABCDEF"[usize::from(byte % 16)];
        }
        std::fs::write(&path, text).unwrap();
        if let Ok(mut card) = Uicc::open(&path) {
            let _ = card.inventory();
            card.transmit(&hex::decode("00A4040C0AD392F000260100000001").unwrap());
            for command in &commands {
                prop_assert!(card.transmit(command).len() >= 2);
            }
        }
    }
}
