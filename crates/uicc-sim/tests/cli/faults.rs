//! `--faults FILE`: cards that fail as a script says.

use crate::process::{Running, complaint, shown};

const INITIALIZE_UPDATE: &str = "8050000008010203040506070800";

#[test]
fn a_card_fails_as_its_script_says() {
    let dir = tempfile::tempdir().unwrap();
    let script = "[[fault]]\nins = \"A4\"\nfault = \"status\"\nsw = \"6F00\"\n\
                  [[fault]]\nwrite = 2\nfault = \"tear-before-write\"\n";
    std::fs::write(dir.path().join("faults.toml"), script).unwrap();
    let arguments = [
        &["--faults", "faults.toml", "--state", "card.state"],
        &["--trace", "apdu.log"][..],
    ]
    .concat();
    let (running, mut line) = Running::tcp(dir.path(), &arguments);
    assert_eq!(line.ask("00A4040000"), "6F00");
    assert!(line.ask("00A4040000").ends_with("9000"));
    assert!(line.ask(INITIALIZE_UPDATE).ends_with("0000019000"));
    // Power is gone until the next reset, and the write has not happened.
    let gone = "error: the card does not answer";
    assert_eq!(line.ask(INITIALIZE_UPDATE), gone);
    assert_eq!(line.ask("00A4040000"), gone);
    assert_eq!(shown(dir.path(), "card.state")["writes"], 1);
    line.ask("reset");
    assert!(line.ask(INITIALIZE_UPDATE).ends_with("0000029000"));
    assert!(running.terminate().success());
    // The host's side of what the card did not get, or did not finish.
    let log = std::fs::read_to_string(dir.path().join("apdu.log")).unwrap();
    assert!(
        log.starts_with("# fault status: 00A4040000\n> 00A4040000\n< 6F"),
        "{log}"
    );
    let torn = format!("> {INITIALIZE_UPDATE}\n# power lost\n");
    assert_eq!(log.matches(&torn).count(), 1, "{log}");
}

#[test]
fn says_what_is_wrong_with_a_script() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["tcp", "--faults", "faults.toml"];
    let missing = complaint(dir.path(), &arguments);
    assert!(missing.contains("faults.toml"), "{missing}");
    for (script, problem) in [
        (
            "[[fault]]\ncommand = 1\nfault = \"repeat\"\nat = 3\n",
            "unknown field `at`",
        ),
        (
            "[[fault]]\ncommand = 1\nfault = \"repeat\"\n[[fault]]\nfault = \"repeat\"\n",
            "fault 2 of the script needs one of command, ins, one_in, write",
        ),
    ] {
        std::fs::write(dir.path().join("faults.toml"), script).unwrap();
        let error = complaint(dir.path(), &arguments);
        assert!(error.contains(problem), "{error}");
    }
}
