//! Traces as programs print them, explained; the whole output is pinned.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use apdu_trace::{Decoder, Item, Keyring, Options, Plain, render};

fn items(trace: &[u8], options: Options) -> Vec<Item> {
    let mut decoder = Decoder::new(options);
    let mut items: Vec<_> = trace
        .split(|byte| *byte == b'\n')
        .flat_map(|line| decoder.push_line(line))
        .collect();
    items.extend(decoder.finish());
    items
}

fn explain_with(name: &str, options: Options) -> String {
    let path = format!("{}/tests/traces/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let items = items(&std::fs::read(path).unwrap(), options);
    items.iter().map(|item| render(item, &Plain)).collect()
}

fn explain(name: &str) -> String {
    explain_with(name, Options::default())
}

#[test]
fn explains_what_other_programs_print() {
    for name in [
        "scp02-other-software",
        "globalplatformpro",
        "apdu4j-dump",
        "pysim",
        "pcscd",
        "opensc",
        "gpshell",
    ] {
        insta::assert_snapshot!(name, explain(name));
    }
}

fn keys_of_pysim() -> Keyring {
    let mut keys = Keyring::new();
    keys.add_set(
        "test",
        "000102030405060708090A0B0C0D0E0F",
        "101112131415161718191A1B1C1D1E1F",
        "202122232425262728292A2B2C2D2E2F",
    )
    .unwrap();
    keys
}

#[test]
fn opens_a_recorded_session() {
    let options = Options {
        keys: keys_of_pysim(),
        aid: hex::decode("A0000005591010FFFFFFFF8900000100").ok(),
        ..Options::default()
    };
    insta::assert_snapshot!("pysim-scp03-33", explain_with("pysim-scp03-33", options));
    insta::assert_snapshot!("pysim-scp03-33-closed", explain("pysim-scp03-33"));
}

/// Programs repeat the class of the command in GET RESPONSE, also where nothing waits.
#[test]
fn a_get_response_in_the_class_of_secure_messaging_ends_no_session() {
    let path = format!(
        "{}/tests/traces/pysim-scp03-33.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    let trace = std::fs::read_to_string(path).unwrap();
    let first = trace.find("-> 84e291").unwrap();
    let (opening, rest) = trace.split_at(first);
    let explained = |trace: &str| -> String {
        let options = Options {
            keys: keys_of_pysim(),
            aid: hex::decode("A0000005591010FFFFFFFF8900000100").ok(),
            ..Options::default()
        };
        let items = items(trace.as_bytes(), options);
        items.iter().map(|item| render(item, &Plain)).collect()
    };
    let whole = explained(&trace);
    for (superfluous, ends) in [("84c0000010", false), ("84c000000101", true)] {
        let trace = format!("{opening}-> {superfluous}\n<- 6985: \n{rest}");
        let text = explained(&trace);
        assert_eq!(text.contains("the session was lost"), ends, "{superfluous}");
        let right = |text: &str| text.matches("R-MAC").count();
        assert_eq!(right(&text) == right(&whole), !ends, "{superfluous}");
    }
}

#[test]
fn pins_are_hidden_unless_asked_for() {
    assert!(!explain("opensc").contains("3132333435"));
    let options = Options {
        show_secrets: true,
        ..Options::default()
    };
    assert!(explain_with("opensc", options).contains("313233343536FFFF"));
}

#[test]
fn what_cannot_be_decoded_is_named_with_its_line() {
    let trace = b"> 00A40400\n< 9000\n> 80CA006\n< 9000\n> 80E2\n\n> 80CA00660\x80\n> 80F0\xFF";
    let problems: Vec<_> = items(trace, Options::default())
        .into_iter()
        .filter(Item::is_wrong)
        .map(|item| render(&item, &Plain))
        .collect();
    assert_eq!(
        problems,
        [
            "    3 ✗ odd number of hex digits (7)\n",
            "    4 ✗ a response without a command: 9000 (done)\n",
            "    5 ✗ no command APDU: input ends at offset 2, at least 2 more byte(s) needed\n",
            "    7 ✗ '\u{FFFD}' is no hex digit\n",
            "    8 ✗ '\u{FFFD}' is no hex digit\n",
        ]
    );
}

#[test]
fn an_empty_trace_says_nothing() {
    assert_eq!(items(b"", Options::default()), []);
    assert_eq!(items(b"\n\r\n \n", Options::default()), []);
}
