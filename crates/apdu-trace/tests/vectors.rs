//! Every recorded and generated SCP03 session of the vectors of `scp03`, written as traces and
//! opened again: every check must be right, every command and response must be the plain one.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a step that fails is a test that fails"
)]

use apdu_trace::{Decoder, Exchange, Item, Keyring, Node, Options, Verdict};
use serde_json::Value;

fn vectors() -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../scp03/tests/vectors/scp03.json"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn keys(vector: &Value) -> Keyring {
    let mut keys = Keyring::new();
    let key = |name: &str| vector["static_keys"][name].as_str().unwrap();
    keys.add_set("vector", key("enc"), key("mac"), key("dek"))
        .unwrap();
    keys
}

fn decode(options: Options, lines: &[String]) -> Vec<Item> {
    let mut decoder = Decoder::new(options);
    let mut items: Vec<_> = lines
        .iter()
        .flat_map(|line| decoder.push_line(line.as_bytes()))
        .collect();
    items.extend(decoder.finish());
    items
}

fn exchanges(items: Vec<Item>) -> Vec<Exchange> {
    items
        .into_iter()
        .map(|item| match item {
            Item::Exchange(exchange) => exchange,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn lines_of(vector: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let mut push = |command: &Value, response: &Value| {
        lines.push(format!("> {}", command.as_str().unwrap()));
        lines.extend(response.as_str().map(|response| format!("< {response}")));
    };
    for step in ["initialize_update", "external_authenticate"] {
        push(&vector[step]["command"], &vector[step]["response"]);
    }
    for exchange in vector["exchanges"].as_array().unwrap() {
        push(&exchange["wrapped_command"], &exchange["wrapped_response"]);
    }
    lines
}

fn marked(nodes: &[Node], name: &str) -> Option<Verdict> {
    nodes.iter().find(|node| node.name == name)?.verdict
}

/// The same exchanges without any protection.
fn plain(vector: &Value) -> Vec<Exchange> {
    let mut lines = Vec::new();
    for exchange in vector["exchanges"].as_array().unwrap() {
        lines.push(format!("> {}", exchange["command"].as_str().unwrap()));
        let response = exchange["response"].as_str();
        lines.extend(response.map(|response| format!("< {response}")));
    }
    exchanges(decode(Options::default(), &lines))
}

/// What is said about the fields, without the checks of the protection.
fn fields(nodes: &[Node]) -> Vec<Node> {
    let is_check = |node: &&Node| !matches!(node.name.as_str(), "C-MAC" | "R-MAC" | "check values");
    nodes.iter().filter(is_check).cloned().collect()
}

#[test]
fn every_session_is_opened_and_every_check_is_right() {
    let mut sessions = 0;
    let mut commands = 0;
    for vector in vectors().iter().filter(|v| v["kind"] == "session") {
        let id = vector["id"].as_str().unwrap();
        let options = Options {
            keys: keys(vector),
            aid: vector["card"]["aid"]
                .as_str()
                .map(|aid| hex::decode(aid).unwrap()),
            ..Options::default()
        };
        let decoded = exchanges(decode(options, &lines_of(vector)));
        let plain = plain(vector);
        assert_eq!(decoded.len(), plain.len() + 2, "{id}");
        let opening = &decoded[0].response.as_ref().unwrap().data;
        assert_eq!(
            marked(opening, "card cryptogram"),
            Some(Verdict::Right),
            "{id}"
        );
        if vector["card"]["challenge"] == "pseudo-random" {
            assert_eq!(
                marked(opening, "card challenge"),
                Some(Verdict::Right),
                "{id}"
            );
        }
        for check in ["host cryptogram", "C-MAC"] {
            assert_eq!(
                marked(&decoded[1].command, check),
                Some(Verdict::Right),
                "{id}"
            );
        }
        let is_open = vector["security_level"] != "00";
        for (found, expected) in decoded[2..].iter().zip(&plain) {
            let n = format!("{id}, line {}", found.line);
            if is_open {
                assert_eq!(marked(&found.command, "C-MAC"), Some(Verdict::Right), "{n}");
            }
            assert_eq!(found.title, expected.title, "{n}");
            assert_eq!(fields(&found.command), fields(&expected.command), "{n}");
            let (found, expected) = (&found.response, &expected.response);
            assert_eq!(found.is_some(), expected.is_some(), "{n}");
            if let (Some(found), Some(expected)) = (found, expected) {
                assert_eq!(found.status, expected.status, "{n}");
                assert_eq!(fields(&found.data), fields(&expected.data), "{n}");
                assert_ne!(marked(&found.data, "R-MAC"), Some(Verdict::Wrong), "{n}");
                let is_due = found.length > 0 && found.data.iter().any(|node| node.name == "R-MAC");
                assert!(is_due || found.length == expected.length, "{n}");
            }
            commands += 1;
        }
        sessions += 1;
    }
    assert!(sessions >= 53, "{sessions}");
    assert!(commands >= 440, "{commands}");
}

#[test]
fn a_flipped_bit_is_found_and_told() {
    for vector in vectors().iter().filter(|v| v["kind"] == "session") {
        let id = vector["id"].as_str().unwrap();
        if vector["security_level"] == "00" || vector["exchanges"].as_array().unwrap().is_empty() {
            continue;
        }
        let mut lines = lines_of(vector);
        // The last digit before Le of a protected command belongs to its MAC; P2 always counts.
        let flipped = if lines[4].as_bytes()[9] == b'0' {
            "1"
        } else {
            "0"
        };
        lines[4].replace_range(9..10, flipped);
        let options = Options {
            keys: keys(vector),
            ..Options::default()
        };
        let decoded = exchanges(decode(options, &lines));
        assert_eq!(
            marked(&decoded[2].command, "C-MAC"),
            Some(Verdict::Wrong),
            "{id}"
        );
        for later in &decoded[3..] {
            assert_eq!(
                marked(&later.command, "protected"),
                Some(Verdict::Note),
                "{id}"
            );
        }
    }
}

#[test]
fn wrong_keys_are_told_and_open_nothing() {
    for vector in vectors().iter().filter(|v| v["kind"] == "session") {
        let mut keys = Keyring::new();
        keys.add_key("wrong", "00112233445566778899AABBCCDDEEFF")
            .unwrap();
        let options = Options {
            keys,
            ..Options::default()
        };
        let decoded = exchanges(decode(options, &lines_of(vector)));
        let opening = &decoded[0].response.as_ref().unwrap().data;
        assert_eq!(marked(opening, "card cryptogram"), Some(Verdict::Wrong));
        let is_right = |node: &Node| node.verdict == Some(Verdict::Right);
        assert!(!decoded.iter().any(|e| e.command.iter().any(is_right)));
    }
}

#[test]
fn responses_that_a_host_must_refuse_are_wrong() {
    let mut refused = 0;
    for vector in vectors()
        .iter()
        .filter(|v| v["kind"] == "negative" && v["bad_response"].is_string())
    {
        let id = vector["id"].as_str().unwrap();
        let mut lines = Vec::new();
        for step in ["initialize_update", "external_authenticate"] {
            lines.push(format!("> {}", vector[step]["command"].as_str().unwrap()));
            lines.push(format!("< {}", vector[step]["response"].as_str().unwrap()));
        }
        lines.push(format!("> {}", vector["wrapped_command"].as_str().unwrap()));
        let with = |response: &str| {
            let mut lines = lines.clone();
            lines.push(format!("< {}", vector[response].as_str().unwrap()));
            let options = Options {
                keys: keys(vector),
                ..Options::default()
            };
            decode(options, &lines).last().unwrap().is_wrong()
        };
        assert!(with("bad_response"), "{id}");
        assert!(!with("good_response"), "{id}");
        refused += 1;
    }
    assert!(refused >= 19, "{refused}");
}

#[test]
fn every_put_key_is_taken_apart_and_hides_its_keys() {
    let mut checked = 0;
    for vector in vectors().iter().filter(|v| v["kind"] == "put_key") {
        let id = vector["id"].as_str().unwrap();
        let command = vector["command"].as_str().unwrap();
        let decoded = exchanges(decode(Options::default(), &[format!("> {command}")]));
        assert!(!decoded[0].is_wrong(), "{id}");
        let keys = decoded[0]
            .command
            .iter()
            .filter(|node| node.name.starts_with("key "));
        let keys: Vec<_> = keys.collect();
        assert_eq!(
            keys.len(),
            vector["new_keys"].as_array().unwrap().len(),
            "{id}"
        );
        for (index, key) in keys.iter().enumerate() {
            let shown = format!("{key:?}");
            assert!(shown.contains("under the DEK, hidden"), "{id}");
            if let Some(kcv) = vector["kcvs"][index].as_str() {
                assert!(shown.contains(kcv), "{id}");
            }
        }
        checked += 1;
    }
    assert!(checked >= 13, "{checked}");
}
