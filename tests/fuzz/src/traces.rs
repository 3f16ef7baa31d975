//! Recorded traffic, genuine and damaged, through the decoder of `tsm apdu decode`.

use std::fmt::Write as _;

use apdu_trace::{Decoder, Item, Keyring, Node, Options, Plain, Verdict, render};
use globalplatform::apdu::CommandApdu;

use crate::ends::{AID, Setup, choose_command, choose_response};
use crate::input::Input;

/// Everything that a trace says. What is shown names lines that exist and cannot steer a terminal.
fn explained(trace: &[u8], options: Options) -> Vec<Item> {
    let mut decoder = Decoder::new(options);
    let lines: Vec<_> = trace.split(|byte| *byte == b'\n').collect();
    let mut items: Vec<_> = lines
        .iter()
        .flat_map(|line| decoder.push_line(line))
        .collect();
    items.extend(decoder.finish());
    for item in &items {
        let line = match item {
            Item::Exchange(exchange) => exchange.line,
            Item::Reset { line } | Item::Comment { line, .. } | Item::Problem { line, .. } => *line,
            _ => continue,
        };
        assert!((1..=lines.len()).contains(&line), "{item:?}");
        let shown = render(item, &Plain);
        assert!(shown.ends_with('\n'));
        assert!(
            !shown.contains(|c: char| c.is_control() && c != '\n'),
            "{shown:?}"
        );
    }
    items
}

/// One line, after a command and before a response: what it says does not depend on how often it is
/// asked.
pub fn trace_line(data: &[u8]) {
    let line: Vec<u8> = data.iter().copied().filter(|byte| *byte != b'\n').collect();
    let trace = [b"> 80CA006600\n", line.as_slice(), b"\n< 9000\n"].concat();
    let items = explained(&trace, Options::default());
    assert!(!items.is_empty());
    assert_eq!(items, explained(&trace, Options::default()));
    explained(&line, Options::default());
}

/// A whole trace. Without keys nothing is called right.
pub fn trace(data: &[u8]) {
    let options = Options {
        show_secrets: data.first().is_some_and(|byte| byte & 1 != 0),
        ..Options::default()
    };
    for item in explained(data, options) {
        let Item::Exchange(exchange) = item else {
            continue;
        };
        let response = exchange.response.iter().flat_map(|reply| &reply.data);
        let is_right = |node: &Node| node.verdict == Some(Verdict::Right);
        assert!(!response.clone().any(|n| n.name == "R-MAC" && is_right(n)));
        let mut command = exchange.command.iter();
        assert!(!command.any(|n| n.name == "C-MAC" && is_right(n)));
    }
}

/// The keys of a session, and the AID that opened it.
fn options(setup: &Setup) -> Options {
    let [enc, mac, dek] = ["11", "22", "33"].map(|byte| byte.repeat(setup.key_length));
    let mut keys = Keyring::new();
    keys.add_set("given", &enc, &mac, &dek)
        .unwrap_or_else(|error| panic!("{error}"));
    Options {
        keys,
        aid: Some(AID.to_vec()),
        show_secrets: false,
    }
}

/// One exchange as a program prints it.
fn print(trace: &mut String, form: u8, command: &[u8], response: &[u8]) {
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    let (command, response) = (hex(command), hex(response));
    let (data, status) = response.split_at(response.len() - 4);
    let _ = match form % 6 {
        0 => writeln!(trace, "> {command}\n< {response}"),
        1 => writeln!(trace, "-> {command}\n<- {status}: {data}"),
        2 => writeln!(
            trace,
            "A>> T=1 (4+0000) {command}\nA<< ({:04}+2) (1ms) {data} {status}",
            data.len() / 2
        ),
        3 => writeln!(
            trace,
            "Wrapped command --> {command}\nResponse <-- {response}"
        ),
        4 => writeln!(trace, "y:SEND: {command}\ny:RECV: {data} SW={status}"),
        _ => writeln!(trace, "[1] APDU: {command}\r\n[1] SW: {response}\r"),
    };
}

/// What crosses the contacts in a session, printed.
fn session(setup: &Setup, input: &mut Input<'_>) -> Option<String> {
    let form = input.u8();
    let mut text = String::new();
    let host = setup.host(crate::ends::KVN)?;
    let (mut card, answer) = setup.card()?;
    let command = host.command().encode().ok()?;
    print(&mut text, form, &command, &answer.encode());
    let host = host.receive(&answer, setup.level, Some(&AID)).ok()?;
    let command = host.command().encode().ok()?;
    let answer = card.session.external_authenticate(&host.command());
    print(&mut text, form, &command, &answer.encode());
    let mut channel = host.receive(&answer).ok()?;
    for _ in 0..input.u8() % 6 {
        let plain = choose_command(input);
        let Ok(wrapped) = channel.wrap(&plain) else {
            continue;
        };
        let command = wrapped.encode().ok()?;
        let plain = card.hears(&CommandApdu::decode(&command).ok()?.encode().ok()?)?;
        let answer = card.answers(&plain, &choose_response(input));
        print(&mut text, form, &command, &answer);
        if channel
            .unwrap(&globalplatform::apdu::ResponseApdu::decode(&answer).ok()?)
            .is_err()
        {
            break;
        }
    }
    Some(text)
}

/// A genuine session: its opening is right in every form; then damaged anywhere.
pub fn trace_session(data: &[u8]) {
    let mut input = Input::new(data);
    let setup = Setup::choose(&mut input);
    let Some(text) = session(&setup, &mut input) else {
        return;
    };
    let items = explained(text.as_bytes(), options(&setup));
    let shown: String = items.iter().map(|item| render(item, &Plain)).collect();
    assert!(shown.contains("✓ card cryptogram"), "{text}\n{shown}");
    assert!(shown.contains("✓ host cryptogram"), "{text}\n{shown}");
    assert!(!shown.contains("✗ C-MAC"), "{text}\n{shown}");
    let mut damaged = text.into_bytes();
    while !input.is_empty() && !damaged.is_empty() {
        let at = input.place(damaged.len());
        match input.u8() % 4 {
            0 => damaged[at] ^= input.u8(),
            1 => damaged.truncate(at),
            2 => damaged.insert(at, input.u8()),
            _ => {
                let piece = input.bytes().to_vec();
                damaged.splice(at..at, piece);
            }
        }
    }
    explained(&damaged, options(&setup));
}
