//! GET RESPONSE, in whatever class the host sends it: that of the command before it (GlobalPlatformPro over OpenJDK, pySim)
//! or the first interindustry class (G 11.1.5.2).

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::get_data::GetData;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;
use uicc_sim::Trace;

use crate::terminal::*;

const NOTHING_WAITS: [u8; 2] = [0x69, 0x85];

/// GET DATA 00E0 with so few bytes wanted that some wait.
fn cut(command: CommandApdu) -> CommandApdu {
    command.with_le(8)
}

#[test]
fn the_rest_is_fetched_in_every_class_of_the_channel() {
    let mut t = Terminal::new();
    let whole = t.data(0x00E0).data;
    let first = cut(GetData::new(0x00E0).to_apdu()).encode().unwrap();
    for class in [0x00, 0x80, 0x04, 0x84, 0x0C, 0x40, 0xC0, 0xE0] {
        let mut got = t.card.transmit(&first);
        assert_eq!(got.split_off(8), [0x61, (whole.len() - 8) as u8]);
        let rest = t.card.transmit(&[class, 0xC0, 0x00, 0x00, 0x00]);
        if class & 0x40 != 0 {
            assert_eq!(rest, [0x68, 0x81], "another channel: {class:02X}");
            continue;
        }
        assert_eq!([got, rest].concat(), [&whole[..], &[0x90, 0x00]].concat());
    }
}

#[test]
fn the_rest_of_a_secured_answer_is_fetched_in_the_class_of_the_command() {
    for level in [SecurityLevel::CMac, SecurityLevel::Full] {
        for class in [0x00, 0x80, 0x84] {
            let mut t = Terminal::new();
            let mut isd = t.open(ISD, &isd_keys(), 0x30, level);
            let whole = isd.ok(&mut t, &GetData::new(0x00E0).to_apdu());
            let command = cut(isd.wrap(&GetData::new(0x00E0).to_apdu()));
            let mut got = t.card.transmit(&command.encode().unwrap());
            assert_eq!(got.split_off(8)[0], 0x61);
            let rest = t.card.transmit(&[class, 0xC0, 0x00, 0x00, 0x00]);
            let answer = ResponseApdu::decode(&[got, rest].concat()).unwrap();
            let answer = isd.unwrap(&answer);
            assert_eq!((answer.data, answer.sw), (whole, StatusWord::OK));
        }
    }
}

#[test]
fn a_superfluous_one_costs_no_session() {
    for level in [
        SecurityLevel::Authenticated,
        SecurityLevel::CMac,
        SecurityLevel::Full,
    ] {
        let mut t = Terminal::new();
        let mut isd = t.open(ISD, &isd_keys(), 0x30, level);
        for class in [0x00, 0x80, 0x84] {
            let answer = t.card.transmit(&[class, 0xC0, 0x00, 0x00, 0x00]);
            assert_eq!(answer, NOTHING_WAITS, "{class:02X}");
            isd.ok(&mut t, &GetData::new(0x00E0).to_apdu());
        }
    }
}

#[test]
fn with_data_or_in_a_chain_it_is_a_command_like_any_other() {
    for command in [
        "80 C0 00 00 01 00",
        "84 C0 00 00 01 00",
        "90 C0 00 00 00",
        "10 C0 00 00 00",
    ] {
        let mut t = Terminal::new();
        let mut isd = t.open(ISD, &isd_keys(), 0x30, SecurityLevel::CMac);
        assert_eq!(t.hex(command).sw, StatusWord(0x6982), "{command}");
        let next = isd.wrap(&GetData::new(0x00E0).to_apdu());
        assert_eq!(t.send(&next).sw, StatusWord(0x6982), "{command}: aborted");
    }
    let mut t = Terminal::new();
    assert_eq!(t.hex("80 C0 00 00 00").sw, StatusWord(0x6D00), "no session");
}

/// What a trace writes.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_trace_follows_the_session_behind_a_superfluous_one() {
    let mut t = Terminal::new();
    let sink = Sink::default();
    let trace = Trace::new(Box::new(sink.clone()));
    t.card.trace_to(trace.explaining(t.card.danger_keyring()));
    let mut isd = t.open(ISD, &isd_keys(), 0x30, SecurityLevel::Full);
    assert_eq!(t.hex("84 C0 00 00 10").sw, StatusWord(0x6985));
    isd.ok(&mut t, &GetData::new(0x00E0).to_apdu());
    t.card.reset();
    let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    let (_, behind) = text.split_once("> 84C0000010").unwrap();
    assert!(behind.contains("GET RESPONSE"), "{behind}");
    assert!(
        !behind.contains("wrong") && !behind.contains("lost"),
        "{behind}"
    );
}
