//! `uicc-sim snapshot`, `restore` and `fork`.

use std::path::Path;

use crate::process::{Running, complaint, said, shown};

/// INITIALIZE UPDATE with the challenge 01 to 08.
const UPDATE: &str = "80500000080102030405060708";

/// The card challenge with which a card with random challenges answers next.
fn challenge(dir: &Path, state: &str) -> String {
    let (running, mut line) = Running::tcp(dir, &["--state", state]);
    line.ask("00A4040000");
    let answer = line.ask(UPDATE);
    assert!(answer.ends_with("9000"), "{answer}");
    assert!(running.terminate().success());
    answer[26..42].to_owned()
}

#[test]
fn a_snapshot_is_what_a_card_goes_back_to() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    said(
        dir,
        &["new", "--profile", "random-challenge", "--state", "a.state"],
    );
    said(dir, &["snapshot", "--state", "a.state", "--to", "before"]);
    let first = challenge(dir, "a.state");
    assert_ne!(challenge(dir, "a.state"), first);
    said(dir, &["restore", "--state", "a.state", "--from", "before"]);
    assert_eq!(challenge(dir, "a.state"), first);

    let again = complaint(dir, &["snapshot", "--state", "a.state", "--to", "before"]);
    assert!(again.contains("exists already"), "{again}");
    let (running, _line) = Running::tcp(dir, &["--state", "a.state"]);
    let in_use = complaint(dir, &["restore", "--state", "a.state", "--from", "before"]);
    assert!(in_use.contains("in use"), "{in_use}");
    // A snapshot of a card that is in use is allowed.
    said(dir, &["snapshot", "--state", "a.state", "--to", "running"]);
    assert!(running.terminate().success());
    std::fs::write(dir.join("odd"), "{}").unwrap();
    let odd = complaint(dir, &["restore", "--state", "a.state", "--from", "odd"]);
    assert!(odd.contains("is not a card's state"), "{odd}");
    assert_eq!(shown(dir, "a.state"), shown(dir, "running"));
    said(dir, &["new", "--state", "b.state"]);
    let other = complaint(dir, &["restore", "--state", "b.state", "--from", "before"]);
    assert!(other.contains("of card 8981100000000000051"), "{other}");
    // A card whose file is lost comes back whole.
    std::fs::remove_file(dir.join("a.state")).unwrap();
    said(dir, &["restore", "--state", "a.state", "--from", "before"]);
    assert_eq!(challenge(dir, "a.state"), first);
}

#[test]
fn a_fork_goes_its_own_way_with_its_own_number() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    said(
        dir,
        &["new", "--profile", "random-challenge", "--state", "a.state"],
    );
    let fork = |to: &str, more: &[&str]| {
        said(
            dir,
            &[&["fork", "--state", "a.state", "--to", to], more].concat(),
        );
    };
    let seed = "AB".repeat(32);
    fork("same", &[]);
    fork("other", &["--iccid", "8981100000000009995"]);
    fork("seeded", &["--seed", &seed]);
    fork("both", &["--iccid", "8981100000000009995", "--seed", &seed]);
    assert_eq!(shown(dir, "same"), shown(dir, "a.state"));
    let other = shown(dir, "other");
    assert_eq!(other["iccid"], "8981100000000009995");
    // Keys are derived from them: they stay.
    let kdd = &other["key_diversification_data"];
    assert_eq!(kdd, &shown(dir, "a.state")["key_diversification_data"]);

    let original = challenge(dir, "a.state");
    assert_eq!(challenge(dir, "same"), original);
    let [other, seeded, both] = ["other", "seeded", "both"].map(|state| challenge(dir, state));
    assert_ne!(other, original);
    assert_ne!(seeded, original);
    assert_eq!(seeded, both);
    assert_ne!(other, seeded);

    for (arguments, expected) in [
        (["--iccid", "1"], "iccid: needs 19 or 20"),
        (["--seed", "AB"], "seed: has 1 bytes, expected 32"),
    ] {
        let all = [&["fork", "--state", "a.state", "--to", "x"], &arguments[..]].concat();
        let error = complaint(dir, &all);
        assert!(error.contains(expected), "{error}");
    }
    assert!(!dir.join("x").exists());
    let exists = complaint(dir, &["fork", "--state", "a.state", "--to", "same"]);
    assert!(exists.contains("exists already"), "{exists}");
}
