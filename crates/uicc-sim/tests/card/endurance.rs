//! The state file: after every command it holds the very card.

use std::path::{Path, PathBuf};

use globalplatform::status_word::StatusWord;
use uicc_sim::{CardConfig, CardContacts, Inventory, NoAnswer, StateError, Uicc};

use crate::credentials::Kind;
use crate::personalisation::make_live;
use crate::terminal::*;

/// The state that a card opened from `path` would write itself.
fn rewritten(path: &Path, to: &Path) -> (Vec<u8>, Inventory) {
    let mut card = Uicc::open(path).unwrap();
    card.persist_to(to).unwrap();
    (std::fs::read(to).unwrap(), card.inventory())
}

#[test]
fn the_file_holds_the_card_after_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("card.state"), dir.path().join("copy.state"));
    let commands = record();
    assert!(commands.len() > 20);
    let mut card = Uicc::new(config()).unwrap();
    card.persist_to(&path).unwrap();
    for command in &commands {
        card.transmit(command);
        let (text, inventory) = rewritten(&path, &copy);
        assert_eq!(inventory, card.inventory());
        assert_eq!(text, std::fs::read(&path).unwrap());
    }
    assert!(
        card.inventory()
            .applet(&JPKI)
            .unwrap()
            .jpki
            .as_ref()
            .unwrap()
            .authentication
            .live
    );
}

#[test]
fn equal_seeds_and_commands_give_equal_answers() {
    let commands = record();
    let answers = |seed| {
        let mut card = Uicc::new(CardConfig {
            seed,
            scp_i: 0x60,
            ..config()
        })
        .unwrap();
        let play = commands.iter().map(|command| card.transmit(command));
        play.collect::<Vec<_>>()
    };
    assert_eq!(answers([1; 32]), answers([1; 32]));
    assert_ne!(answers([1; 32]), answers([2; 32]));
}

/// Every command of a whole provisioning.
fn record() -> Vec<Vec<u8>> {
    recorded(|t| {
        deploy(t);
        let mut ssd = t.ssd();
        make_live(t, &mut ssd, Kind::P256, [1; 16], "1234");
    })
}

/// Every command that a host sends to a new card.
pub fn recorded(host: impl FnOnce(&mut Terminal)) -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("apdu.log");
    let mut t = Terminal::new();
    t.card.trace_to(uicc_sim::Trace::append_to(&log).unwrap());
    host(&mut t);
    t.card.reset();
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.ends_with("# reset\n"));
    let answers = text.lines().filter(|line| line.starts_with("< ")).count();
    let commands: Vec<Vec<u8>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("> "))
        .map(|command| hex::decode(command).unwrap())
        .collect();
    assert_eq!(answers, commands.len());
    commands
}

#[test]
fn a_kill_at_any_command_leaves_a_card_that_can_be_provisioned() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("card.state");
    let commands = record();
    for killed_after in (0..commands.len()).step_by(3) {
        let _ = std::fs::remove_file(&path);
        let mut card = Uicc::new(config()).unwrap();
        card.persist_to(&path).unwrap();
        for command in &commands[..killed_after] {
            card.transmit(command);
        }
        drop(card);
        let mut t = Terminal::of(Uicc::open(&path).unwrap());
        clean_up(&mut t);
        deploy(&mut t);
        let mut ssd = t.ssd();
        make_live(&mut t, &mut ssd, Kind::P256, [2; 16], "1234");
    }
}

fn clean_up(t: &mut Terminal) {
    let mut isd = t.isd();
    for (aid, related) in [(JPKI_PACKAGE, true), (SSD, false)] {
        let sw = isd.sw(t, &delete(aid, related));
        assert!(
            matches!(sw, StatusWord::OK | StatusWord::REFERENCED_DATA_NOT_FOUND),
            "{sw}"
        );
    }
}

#[test]
fn files_that_are_no_card_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("card.state");
    assert!(matches!(Uicc::open(&path), Err(StateError::Io { .. })));
    Uicc::new(config()).unwrap().persist_to(&path).unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let attempt = |text: String| {
        std::fs::write(&path, text).unwrap();
        Uicc::open(&path).map(|card| card.inventory())
    };
    assert!(matches!(
        attempt("{}".into()),
        Err(StateError::Malformed { .. })
    ));
    assert!(matches!(
        attempt(good[..good.len() / 2].into()),
        Err(StateError::Malformed { .. })
    ));
    for found in [0, 3] {
        let other = good.replacen("\"version\": 2,", &format!("\"version\": {found},"), 1);
        assert!(matches!(
            attempt(other),
            Err(StateError::Version { found: f, .. }) if f == found
        ));
    }
    // Cards of the first version knew no aliases.
    let first = good.replacen("\"version\": 2,", "\"version\": 1,", 1);
    let first = first.replacen("\"aliases\": \"A000000003000000\",", "", 1);
    assert!(!first.contains("aliases"));
    assert!(attempt(first).is_ok());
    let orphan = good.replacen(
        "\"security_domain\": \"A000000151000000\"",
        "\"security_domain\": \"F001020304\"",
        2,
    );
    assert!(matches!(
        attempt(orphan),
        Err(StateError::Inconsistent { .. })
    ));
    assert!(attempt(good).is_ok());
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = PathBuf::from(dir.path()).join("card.state");
    Uicc::new(config()).unwrap().persist_to(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_card_that_disappears_forgets_what_is_volatile_only() {
    use uicc_sim::faults::{Fault, Faulty};
    let mut card = Faulty::new(Uicc::new(config()).unwrap());
    let initialize = hex::decode("8050300008010203040506070800").unwrap();
    card.plan(2, Fault::DisappearAfter);
    assert!(card.transmit(&initialize).is_ok());
    assert_eq!(card.transmit(&initialize), Err(NoAnswer::CardGone));
    card.reset();
    let counter = card.card().inventory().domains[0].key_sets[0].counter;
    assert_eq!(
        counter, 2,
        "it was executed although nobody heard the answer"
    );
}
