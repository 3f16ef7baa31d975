//! `tsm apdu decode`, as a person uses it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::support::{succeeds, tsm, write};

fn decode(arguments: &[&str], file: &Path) -> Output {
    let mut command = tsm();
    command.args(["apdu", "decode"]).args(arguments).arg(file);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn trace(content: &[u8]) -> tempfile::TempPath {
    let file = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    write(&file, content);
    file
}

/// A session of pySim's unit tests, recorded at a real card: the first commands.
const SESSION: &str = "-> 8050300008 8e1552d0513c60f300\n\
    <- 9000: 0000000000000000000030037030760cd2c47c1dd395065fe5ead8a9d7000001\n\
    -> 8482030010 fd4721a14d9b07003c451d2f8ae6bb21\n\
    <- 9000: \n\
    -> 84e2910018 ca9c00f6713d79bc8baa642bdff51c3f6a4082d3bd9ad26c00\n\
    <- 9000: bf3e125a1089882119900000000000000000000005\n";
const KEYS: &str = "enc = 000102030405060708090A0B0C0D0E0F\n\
    mac = 101112131415161718191A1B1C1D1E1F\n\
    dek = 202122232425262728292A2B2C2D2E2F\n";

#[test]
fn every_card_of_the_demo_can_be_followed_and_gives_no_secret_away() {
    let folder = tempfile::tempdir().unwrap();
    let (out, secrets) = (folder.path().join("out"), folder.path().join("secrets"));
    let mut demo = tsm();
    demo.args(["demo", "--json", "--algorithm", "p256", "--out"])
        .arg(&out)
        .arg("--danger-secrets")
        .arg(&secrets);
    let report: Value = serde_json::from_str(&succeeds(&mut demo)).unwrap();
    let iccid = report["cards"][0]["iccid"].as_str().unwrap();
    let log = out.join(iccid).join("apdu.log");

    let keys = ["--keys-file", secrets.to_str().unwrap()];
    let output = decode(&keys, &log);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for expected in [
        "INITIALIZE UPDATE  80 50 30 00",
        "✓ card cryptogram           right; keys: ",
        "✓ R-MAC                     right, data decrypted",
        "PUT KEY version 31",
        "right; keys: PUT KEY in line ",
        "INSTALL [for personalization] JPKI application",
        "DGI 9F03 JPKI: PIN          4 bytes, hidden",
        "PERSONALIZED",
    ] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
    assert!(!shown.contains('✗'));
    assert!(!shown.contains('\u{1b}'), "no colours into a file");
    let secrets = std::fs::read_to_string(&secrets).unwrap();
    assert!(secrets.lines().count() > 50);
    for secret in secrets.lines() {
        assert!(!shown.contains(&secret.to_uppercase()), "a secret is shown");
    }
    // Without keys the frame is still explained.
    let output = decode(&[], &log);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("! encrypted data            16 bytes, no keys"));
}

#[test]
fn keys_come_from_options_files_and_the_environment() {
    let log = trace(SESSION.as_bytes());
    let keys = trace(KEYS.as_bytes());
    let by_file = decode(&["--keys-file", keys.to_str().unwrap()], &log);
    assert_eq!(by_file.status.code(), Some(0), "{}", text(&by_file.stderr));
    assert!(
        text(&by_file.stdout)
            .contains("5A unknown                89882119900000000000000000000005")
    );

    let [enc, mac, dek] = [0, 1, 2].map(|n| KEYS.lines().nth(n).unwrap().split_at(6).1.trim());
    let by_option = decode(&["--enc", enc, "--mac", mac, "--dek", dek], &log);
    assert_eq!(by_option.status.code(), Some(0));
    let mut by_environment = tsm();
    by_environment
        .args(["apdu", "decode"])
        .envs([
            ("TSM_APDU_ENC", enc),
            ("TSM_APDU_MAC", mac),
            ("TSM_APDU_DEK", dek),
        ])
        .stdin(Stdio::from(std::fs::File::open(&log).unwrap()));
    let by_environment = succeeds(&mut by_environment);
    assert_eq!(by_environment, text(&by_option.stdout));
}

#[test]
fn json_is_one_object_a_line() {
    let log = trace(format!("# a card\n{SESSION}# reset\n> 80CA0\n").as_bytes());
    let keys = trace(KEYS.as_bytes());
    let output = decode(&["--json", "--keys-file", keys.to_str().unwrap()], &log);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<_> = lines
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "comment", "exchange", "exchange", "exchange", "reset", "problem"
        ]
    );
    assert_eq!(lines[3]["title"], "STORE DATA block 0");
    assert_eq!(lines[3]["header"], "84E29100");
    assert_eq!(lines[3]["lc"], 24);
    assert_eq!(lines[3]["wrong"], false);
    assert_eq!(lines[3]["command"][0]["name"], "C-MAC");
    assert_eq!(lines[3]["command"][0]["verdict"], "right");
    assert_eq!(lines[3]["response"]["sw"], "9000");
    assert_eq!(lines[3]["response"]["line"], 7);
    assert_eq!(lines[5]["line"], 9);
}

#[test]
fn exit_status_tells_wrong_traces_from_wrong_use() {
    let log = trace(SESSION.as_bytes());
    let status = |arguments: &[&str], file: &Path| decode(arguments, file).status.code();
    let key = "404142434445464748494A4B4C4D4E4F";
    assert_eq!(status(&["--key", key], &log), Some(1), "not its key");
    assert_eq!(status(&[], &trace(b"")), Some(1), "empty");
    assert_eq!(
        status(&[], &trace(&[0xFF, 0x00, 0x13, 0x80, b'\n', 0xFE])),
        Some(1),
        "binary"
    );
    assert_eq!(status(&[], &trace(b"> 00A404000")), Some(1), "odd digits");
    assert_eq!(status(&[], &trace(b"> 00A4040008A000")), Some(1), "cut off");
    assert_eq!(status(&["--key", "40"], &log), Some(2));
    assert_eq!(status(&["--master", "xyz"], &log), Some(2));
    assert_eq!(status(&["--enc", key], &log), Some(2));
    assert_eq!(status(&["--aid", "A"], &log), Some(2));
    assert_eq!(status(&["--keys-file", "/nonexistent"], &log), Some(2));
    assert_eq!(status(&[], Path::new("/nonexistent")), Some(2));
    assert_eq!(status(&[], std::env::temp_dir().as_path()), Some(2));
    let none = trace(b"# no key here\n");
    let output = decode(&["--keys-file", none.to_str().unwrap()], &log);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "error: the file of keys holds no AES key\n"
    );
    let output = decode(&["--key", "4041"], &log);
    assert_eq!(
        text(&output.stderr),
        "error: --key cannot be used: an AES key has 16, 24 or 32 bytes, not 2\n"
    );
    let output = decode(&["--key", key], &log);
    let error = text(&output.stderr);
    assert!(
        !error.contains(key) && error.contains("did not pass a check"),
        "{error}"
    );
}

#[test]
fn help_says_where_keys_are_safe_and_shows_none() {
    let help = succeeds(
        tsm()
            .args(["apdu", "decode", "--help"])
            .env("TSM_APDU_KEY", "404142434445464748494A4B4C4D4E4F"),
    );
    assert!(
        help.contains("TSM_APDU_KEY") && !help.contains("40414243"),
        "{help}"
    );
    assert!(
        help.contains("--keys-file") && help.contains("Exit status"),
        "{help}"
    );
}

#[test]
fn a_live_trace_is_explained_as_it_comes() {
    let mut running = tsm()
        .args(["apdu", "decode"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = running.stdin.take().unwrap();
    let mut output = std::io::BufReader::new(running.stdout.take().unwrap());
    writeln!(input, "> 00A4040000\n< 6A82").unwrap();
    input.flush().unwrap();
    // The first line must come although the trace goes on.
    let mut line = String::new();
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert!(line.contains("SELECT the default application"), "{line}");
    drop(input);
    assert_eq!(running.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let log = trace("> 00A4040000\n< 6A82\n".repeat(20_000).as_bytes());
    for form in ["--json", "--show-secrets"] {
        let mut running = tsm()
            .args(["apdu", "decode", form])
            .arg(&log)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(running.stdout.take());
        let output = running.wait_with_output().unwrap();
        assert_eq!(text(&output.stderr), "", "{form}");
        assert_eq!(output.status.code(), Some(0), "{form}");
    }
}
