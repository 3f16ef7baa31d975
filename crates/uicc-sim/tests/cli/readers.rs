//! `uicc-sim tcp` and `uicc-sim pcsc`, their traces, and how they end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::process::{Running, complaint, shown};

/// SELECT of the JPKI applet, which then is what GET DATA asks.
const SELECT_JPKI: &str = "00A404000AD392F000260100000001";

#[test]
fn a_card_on_a_port_answers_and_ends_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let (running, mut line) = Running::tcp(dir.path(), &["--profile", "jpki"]);
    assert_eq!(line.ask("atr"), "3BE000FF8131FE4514");
    assert_eq!(line.ask("iccid"), "8981100000000000028");
    assert!(line.ask(SELECT_JPKI).ends_with("9000"));
    assert!(line.ask("80 CA 00 E1 00").ends_with("9000"));
    assert_eq!(line.ask("reset"), "3BE000FF8131FE4514");
    assert_eq!(line.ask("80 CA 00 E1 00"), "6A88");
    let card: serde_json::Value = serde_json::from_str(&line.ask("show")).unwrap();
    assert_eq!(card["domains"][0]["applets"][0]["life_cycle"], "SELECTABLE");
    assert!(running.terminate().success());
    assert_eq!(line.try_ask("atr"), None);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn one_program_at_a_time_has_the_card_of_a_state_file() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--state", "card.state", "--profile", "s16-aes256"];
    let (running, _line) = Running::tcp(dir.path(), &arguments);
    let error = complaint(dir.path(), &["tcp", "--state", "card.state"]);
    assert!(error.contains("is in use"), "{error}");
    // Looking is allowed.
    assert_eq!(shown(dir.path(), "card.state")["domains"][0]["scp_i"], "71");
    assert!(running.terminate().success());
    let (_running, mut line) = Running::tcp(dir.path(), &["--state", "card.state"]);
    assert_eq!(line.ask("iccid"), "8981100000000000036");
}

#[test]
fn it_ends_when_asked_though_nobody_reads_its_messages_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let (mut running, mut line) = Running::tcp(dir.path(), &[]);
    drop(running.child.stderr.take());
    assert_eq!(line.ask("iccid"), "8981100000000000010");
    assert!(running.terminate().success());
}

#[cfg(unix)]
#[test]
fn a_link_to_a_state_file_is_the_same_card() {
    let dir = tempfile::tempdir().unwrap();
    let made = ["new", "--state", "card.state"];
    crate::process::said(dir.path(), &made);
    std::os::unix::fs::symlink("card.state", dir.path().join("link")).unwrap();
    let (running, mut line) = Running::tcp(dir.path(), &["--state", "link"]);
    let error = complaint(dir.path(), &["tcp", "--state", "card.state"]);
    assert!(error.contains("is in use"), "{error}");
    line.ask("00A4040000");
    assert!(line.ask("8050000008010203040506070800").ends_with("9000"));
    assert!(running.terminate().success());
    assert_eq!(shown(dir.path(), "card.state")["writes"], 1);
    let link = std::fs::symlink_metadata(dir.path().join("link")).unwrap();
    assert!(link.is_symlink());
}

#[test]
fn a_trace_is_explained_and_opened_with_the_keys_of_the_card_on_request_only() {
    let dir = tempfile::tempdir().unwrap();
    for (more, knows) in [(&[][..], false), (&["--trace-keys"][..], true)] {
        let arguments = [&["--trace", "apdu.log"], more].concat();
        let (running, mut line) = Running::tcp(dir.path(), &arguments);
        line.ask("00A4040000");
        let answer = line.ask("8050000008010203040506070800");
        assert!(running.terminate().success());
        let path = dir.path().join("apdu.log");
        let log = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert!(log.contains(&format!("> 8050000008010203040506070800\n< {answer}\n")));
        assert!(log.contains("\n# → SELECT"), "{log}");
        assert!(log.contains("\n# → INITIALIZE UPDATE"), "{log}");
        let named = log.contains("key set 30 of A000000151000000");
        assert_eq!(named, knows, "{log}");
        assert!(
            !log.to_uppercase()
                .contains("404142434445464748494A4B4C4D4E4F")
        );
    }
    let error = complaint(dir.path(), &["tcp", "--trace-keys"]);
    assert!(error.contains("--trace"), "{error}");
}

#[test]
fn a_port_that_is_taken_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = complaint(dir.path(), &["tcp", "--port", &port]);
    assert!(
        error.contains(&format!("can not listen on 127.0.0.1:{port}")),
        "{error}"
    );
}

/// A message of the virtual reader, and the answer.
fn exchange(reader: &mut TcpStream, message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    reader.write_all(&length.to_be_bytes()).unwrap();
    reader.write_all(message).unwrap();
    let mut length = [0; 2];
    reader.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    reader.read_exact(&mut answer).unwrap();
    answer
}

#[test]
fn a_card_joins_the_virtual_reader_and_leaves_it_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let arguments = ["pcsc", "--port", &port, "--state", "card.state"];
    let running = Running::start(dir.path(), &arguments);
    let mut reader = listener.accept().unwrap().0;
    let atr = exchange(&mut reader, &[0x04]);
    assert_eq!(hex::encode_upper(atr), "3B878131FE4554534D55494343DA");
    let update = [0x80, 0x50, 0x00, 0x00, 0x08, 1, 2, 3, 4, 5, 6, 7, 8, 0x00];
    assert!(exchange(&mut reader, &update).ends_with(&[0x90, 0x00]));
    assert!(running.terminate().success());
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    let card = shown(dir.path(), "card.state");
    assert_eq!(card["domains"][0]["key_sets"][0]["counter"], 1);
}
