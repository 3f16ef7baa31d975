//! What was answered is in the state file, however the program ends.

use crate::process::{Running, shown};

/// INITIALIZE UPDATE: adds one to the sequence counter of the key set, which the answer ends with.
const UPDATE: &str = "80500000080102030405060708";

fn counter(answer: &str) -> u64 {
    let counter = answer.strip_suffix("9000").unwrap();
    u64::from_str_radix(&counter[counter.len() - 6..], 16).unwrap()
}

/// Kills the program at many moments of its work; each time the card is what its last answer said, or one further.
fn killed(durability: &str, times: usize) {
    let dir = tempfile::tempdir().unwrap();
    let mut answered = 0;
    for round in 0..times {
        let arguments = ["--state", "card.state", "--durability", durability];
        let (running, mut line) = Running::tcp(dir.path(), &arguments);
        assert!(line.ask("00A4040000").ends_with("9000"));
        for _ in 0..round {
            let next = counter(&line.ask(UPDATE));
            assert_eq!(next, answered + 1);
            answered = next;
        }
        // The last command is under way when the kill comes.
        let asking = std::thread::spawn(move || line.try_ask(UPDATE));
        for _ in 0..round * 2_000 {
            std::hint::spin_loop();
        }
        running.kill();
        let heard = asking.join().unwrap().as_deref().map(counter);
        let kept = shown(dir.path(), "card.state")["domains"][0]["key_sets"][0]["counter"].as_u64();
        let kept = kept.unwrap();
        assert!((answered..=answered + 1).contains(&kept), "{kept}");
        assert!(heard.is_none_or(|heard| heard == kept), "{heard:?} {kept}");
        answered = kept;
    }
    assert!(answered >= (times * (times - 1) / 2) as u64);
}

#[test]
fn a_kill_at_any_moment_loses_no_answer() {
    killed("power-cut", 12);
    killed("kill", 12);
}

#[test]
fn only_the_owner_may_read_a_state_file_and_a_trace() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--state", "card.state", "--trace", "apdu.log"];
    let (running, mut line) = Running::tcp(dir.path(), &arguments);
    line.ask(UPDATE);
    assert!(running.terminate().success());
    for name in ["card.state", "apdu.log"] {
        let path = dir.path().join(name);
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// A card of the first version of the file, which knew no aliases, files, contactless registry or keys of other kinds.
#[test]
fn a_card_of_an_older_program_goes_on_living() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("card.state");
    std::fs::write(&path, include_str!("version-1.state")).unwrap();
    let (running, mut line) = Running::tcp(dir.path(), &["--state", "card.state"]);
    assert!(line.ask("00A4040000").ends_with("9000"));
    assert_eq!(counter(&line.ask(UPDATE)), 1);
    assert!(line.ask("00A404000AD392F000260100000001").ends_with("9000"));
    assert!(running.terminate().success());
    let card = shown(dir.path(), "card.state");
    assert_eq!(card["aliases"], serde_json::json!([]));
    assert_eq!(card["domains"][0]["key_sets"][0]["counter"], 1);
    let written = std::fs::read_to_string(path).unwrap();
    assert!(written.starts_with("{\n  \"version\": 2,"), "{written}");
}
