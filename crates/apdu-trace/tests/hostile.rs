//! Whatever a trace holds, the decoder goes on.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use apdu_trace::{Decoder, Keyring, Options, Plain, render};
use proptest::prelude::*;

fn run(lines: &[Vec<u8>], show_secrets: bool) -> usize {
    let mut keys = Keyring::new();
    keys.add_key("test", "404142434445464748494A4B4C4D4E4F")
        .unwrap();
    let mut decoder = Decoder::new(Options {
        keys,
        aid: None,
        show_secrets,
    });
    let mut length = 0;
    for line in lines {
        for item in decoder.push_line(line) {
            length += render(&item, &Plain).len();
        }
    }
    for item in decoder.finish() {
        length += render(&item, &Plain).len();
    }
    length
}

/// A command of those that are explained, with any data.
fn command() -> impl Strategy<Value = Vec<u8>> {
    let instruction = prop::sample::select(vec![
        0x50u8, 0x82, 0x78, 0x7A, 0xD8, 0xE2, 0xE4, 0xE6, 0xE8, 0xF0, 0xF2, 0xCA, 0xCB, 0xA4, 0x20,
        0x24, 0x70, 0xB0, 0xB2, 0x2A, 0x84, 0xC0, 0x10, 0x12, 0x14, 0xC2,
    ]);
    let class = prop::sample::select(vec![0x00u8, 0x80, 0x84, 0x90, 0x04, 0x0C, 0xA0, 0xE3, 0xC1]);
    let data = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..60),
        prop::collection::vec(
            prop::sample::select(vec![0x00u8, 0x01, 0x02, 0x4F, 0xC9, 0xEF, 0xFF]),
            1..30
        ),
    ];
    (class, instruction, any::<[u8; 2]>(), data).prop_map(|(cla, ins, [p1, p2], data)| {
        let mut command = vec![cla, ins, p1, p2, data.len() as u8];
        command.extend(data);
        command
    })
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => command().prop_map(|bytes| format!("> {}", hex::encode(bytes)).into_bytes()),
        3 => prop::collection::vec(any::<u8>(), 0..60)
            .prop_map(|data| format!("< {}9000", hex::encode(data)).into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..40)
            .prop_map(|bytes| hex::encode(bytes).into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..80),
        1 => "[ -~]{0,60}".prop_map(String::into_bytes),
        1 => "(Outgoing|Incoming) APDU( data)? [(\\[] ?[0-9]{1,20} bytes".prop_map(String::into_bytes),
        1 => prop::sample::select(vec![
            "# reset".into(),
            "> 805000000800112233445566770".into(),
            "< 0000000000000000000030037000112233445566778899AABBCCDDEEFF0000019000".into(),
            "< 000000000000000000003002FF000011223344556677889900112233449000".into(),
            "> 8482330010000102030405060708090A0B0C0D0E0F".into(),
            "A>> T=1 (4+".into(),
            "A<< (".into(),
            "->".into(),
        ]),
    ]
}

proptest! {
    #[test]
    fn nothing_panics(lines in prop::collection::vec(line(), 0..20), show_secrets: bool) {
        run(&lines, show_secrets);
    }

    #[test]
    fn bytes_without_any_form_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let lines: Vec<_> = bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        run(&lines, true);
    }
}
