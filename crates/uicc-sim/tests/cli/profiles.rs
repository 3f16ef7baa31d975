//! `uicc-sim profiles`, and cards of them.

use crate::process::{complaint, run, said, shown};

#[test]
fn a_profile_that_was_printed_makes_the_same_card() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let list = said(dir, &["profiles"]);
    assert!(list.starts_with("default "), "{list}");
    for line in list.lines() {
        let (name, summary) = line.split_once(' ').unwrap();
        assert!(summary.trim().len() > 20, "{line}");
        let toml = said(dir, &["profiles", name]);
        assert!(toml.contains(summary.trim()), "{toml}");
        std::fs::write(dir.join("own.toml"), &toml).unwrap();
        let [by_name, by_file] =
            [name, "own.toml"].map(|profile| said(dir, &["show", "--profile", profile, "--json"]));
        assert_eq!(by_name, by_file);
    }
    assert!(complaint(dir, &["profiles", "tetris"]).contains("no profile has the name tetris"));
}

#[test]
fn the_profile_of_the_documentation_is_the_default_card() {
    let text = include_str!("../../../../docs/simulated-card.md");
    let (_, text) = text.split_once("```toml\n").unwrap();
    let (toml, _) = text.split_once("```").unwrap();
    // Its seed and the applet are examples.
    let lines = toml.lines();
    let lines = lines.filter(|line| !line.starts_with("seed") && !line.starts_with("preinst"));
    let dir = tempfile::tempdir().unwrap();
    let own = lines.collect::<Vec<_>>().join("\n");
    std::fs::write(dir.path().join("own.toml"), own).unwrap();
    let [by_file, by_name] = ["own.toml", "default"]
        .map(|profile| said(dir.path(), &["show", "--profile", profile, "--json"]));
    assert_eq!(by_file, by_name);
}

#[test]
fn without_a_state_file_a_new_card_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let tree = said(dir.path(), &["show"]);
    assert!(
        tree.starts_with("UICC 8981100000000000010  SECURED  "),
        "{tree}"
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    // A file that is not there is no new card.
    let error = complaint(dir.path(), &["show", "--state", "none.state"]);
    assert!(error.contains("none.state"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_number_on_the_command_line_makes_another_card() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let iccid = "8981100000000009995";
    said(dir, &["new", "--state", "a.state", "--iccid", iccid]);
    let card = shown(dir, "a.state");
    assert_eq!(card["iccid"], iccid);
    assert_eq!(card["key_diversification_data"], "8981100000000009995F");
    let error = complaint(dir, &["new", "--state", "b.state", "--iccid", "12"]);
    assert!(
        error.contains("iccid: needs 19 or 20 decimal digits"),
        "{error}"
    );
    let error = complaint(dir, &["new", "--state", "b.state", "--profile", "tetris"]);
    assert!(error.contains("no profile has the name tetris"), "{error}");
    assert!(!dir.join("b.state").exists());
    let odd = run(dir, &["show", "--state", "a.state", "--profile", "default"]);
    assert!(!odd.status.success());
}
