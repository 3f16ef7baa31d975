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
