//! `tsm cap inspect` on files as they come, good and bad.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{fails, succeeds, tsm, write};

fn made(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("jpki.cap");
    succeeds(tsm().args(["dev", "cap"]).arg(&file));
    file
}

#[test]
fn our_own_file_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let file = made(folder.path());
    let text = succeeds(tsm().args(["cap", "inspect"]).arg(&file));
    for line in [
        "format: CAP 2.1, compact",
        "A0000000620101 version 1.2 (javacard.framework)",
        "findings: 0 error(s), 0 warning(s), 0 note(s)",
        "SHA-256 ",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    let json = succeeds(tsm().args(["cap", "inspect", "--json"]).arg(&file));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["errors"], 0);
    assert_eq!(json["imports"][1]["name"], "java.lang");
    let components = json["components"].as_array().unwrap();
    let loaded: u64 = components
        .iter()
        .filter(|component| component["loaded"] == true)
        .map(|component| component["bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(json["memory"]["load_file_data_block_bytes"], loaded);
    let hash = json["load_file_data_block_hash"]["sha384"]
        .as_str()
        .unwrap();
    assert_eq!(hash.len(), 96);
}

#[test]
fn reads_components_from_standard_input() {
    let mut child = tsm()
        .args(["cap", "inspect", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A Header alone: readable, but no package.
    let header = hex::decode("01000FDECAFFED010204000105A000000151").unwrap();
    child.stdin.take().unwrap().write_all(&header).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["package"]["aid"], "A000000151");
    assert_eq!(json["findings"][0]["component"], "Directory");
    assert_eq!(json["findings"][0]["message"], "component is missing");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("standard input has 8 errors"), "{stderr}");
}

#[test]
fn says_what_is_wrong_with_a_file_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.cap");
    write(&text, b"this is no archive");
    let missing = folder.path().join("missing.cap");
    for (file, reason) in [
        (&text, "text.cap is no CAP file: no readable ZIP archive"),
        (&missing, "missing.cap: No such file"),
    ] {
        let error = fails(tsm().args(["cap", "inspect"]).arg(file));
        assert!(error.contains(reason), "{reason} is not in {error}");
    }
}

#[test]
fn help_tells_what_is_accepted() {
    let help = succeeds(tsm().args(["cap", "inspect", "--help"]));
    for word in [
        "CAP file",
        "IJC",
        "standard input",
        "--json",
        "warnings do not count",
    ] {
        assert!(help.contains(word), "{word} is not in {help}");
    }
    assert!(succeeds(tsm().args(["cap", "--help"])).contains("inspect"));
}
