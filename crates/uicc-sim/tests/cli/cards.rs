//! From a profile to a card to its tree.

use std::collections::BTreeSet;
use std::path::Path;

use crate::process::{run, said};

const PROFILE: &str = r#"
iccid = "8981100000000000018"
memory_bytes = 65536
kdd = "00010203040506070809"

[[isd.keyset]]
enc = "404142434445464748494A4B4C4D4E4F"
mac = "404142434445464748494A4B4C4D4E4F"
dek = "404142434445464748494A4B4C4D4E4F"
"#;

#[test]
fn makes_a_card_once_and_shows_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("card.toml"), PROFILE).unwrap();
    let new = ["new", "--profile", "card.toml", "--state", "card.state"];
    let made = run(dir.path(), &new);
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let again = run(dir.path(), &new);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("exists already"));

    let shown = run(dir.path(), &["show", "--state", "card.state"]);
    let tree = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(
        tree,
        "UICC 8981100000000000018  SECURED  [#...................] 584 of 65536 B, 0 writes\n\
         └─ security domain A000000151000000  SECURED  72 B used, no quota\n   \
         ├─ key set 30  AES-128  check values 504A77 504A77 504A77  counter 0\n   \
         └─ load file A0000001515350 1.0  in ROM\n"
    );
    let shown = run(dir.path(), &["show", "--state", "card.state", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(json["domains"][0]["key_sets"][0]["version"], "30");
    assert_eq!(json["memory"]["total"], 65536);
}

#[test]
fn says_what_is_wrong_with_a_description() {
    let dir = tempfile::tempdir().unwrap();
    for (change, complaint) in [
        (("8981100000000000018", "89811"), "iccid"),
        (("kdd = \"00", "kdd = \""), "kdd: has 9 bytes"),
        (
            ("enc = \"40", "enc = \"4"),
            "isd.keyset.enc: is not hexadecimal",
        ),
        (("enc = \"40", "enc = \""), "isd.keyset: "),
        (("kdd", "colour"), "unknown field `colour`"),
        (("[[isd.keyset]]", "[keys]"), "unknown field `keys`"),
    ] {
        let text = PROFILE.replace(change.0, change.1);
        std::fs::write(dir.path().join("card.toml"), text).unwrap();
        let output = run(
            dir.path(),
            &["new", "--profile", "card.toml", "--state", "card.state"],
        );
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(error.contains(complaint), "{complaint}: {error}");
        assert!(
            !error.contains("4041424344"),
            "keys are not for error messages: {error}"
        );
    }
}

#[test]
fn names_the_file_without_which_it_cannot_attach() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(
        dir.path(),
        &[
            "attach",
            "--state",
            "card.state",
            "--gateway",
            "https://localhost:1",
            "--ca",
            "ca.pem",
            "--cert",
            "phone.pem",
            "--key",
            "phone.key",
        ],
    );
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("phone.pem"), "{error}");
    assert!(!dir.path().join("card.state").exists());
}

#[test]
fn explains_itself() {
    let output = run(Path::new("."), &["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    for word in [
        "pcsc", "tcp", "attach", "show", "profiles", "new", "snapshot", "restore", "fork",
    ] {
        assert!(help.contains(word), "{help}");
    }
}

/// The page for other people.
const DOCUMENTATION: &str = include_str!("../../../../docs/simulated-card.md");

#[test]
fn the_documentation_shows_what_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, shown) in [
        (&["profiles"][..], "$ uicc-sim profiles\n"),
        (
            &["show", "--profile", "jpki"],
            "$ uicc-sim show --profile jpki\n",
        ),
    ] {
        let (_, rest) = DOCUMENTATION.split_once(shown).unwrap();
        let (documented, _) = rest.split_once("```").unwrap();
        assert_eq!(documented, said(dir.path(), arguments));
    }
}

#[test]
fn every_field_that_is_shown_is_documented() {
    fn names(value: &serde_json::Value, found: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    found.insert(name.clone());
                    names(value, found);
                }
            }
            serde_json::Value::Array(values) => values.iter().for_each(|v| names(v, found)),
            _ => {}
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let json = said(dir.path(), &["show", "--profile", "jpki", "--json"]);
    let mut found = BTreeSet::new();
    names(&serde_json::from_str(&json).unwrap(), &mut found);
    assert!(found.len() > 35, "{found:?}");
    for name in found {
        assert!(DOCUMENTATION.contains(&format!("`{name}`")), "{name}");
    }
}
