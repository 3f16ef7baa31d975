//! Yubico's `yubikit` holds SCP03 sessions with the card over PC/SC and administers it: `tests/oracle/pcsc.py`.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, ensure};
use globalplatform::aid::Aid;
use tsm_tests::readers::{Readers, said};
use uicc_sim::{CardConfig, Uicc};

/// The interpreter that has yubikit and pyscard: `ORACLE_PYTHON`, or what `tests/oracle/setup.sh` makes.
pub fn python() -> anyhow::Result<String> {
    if let Ok(python) = std::env::var("ORACLE_PYTHON") {
        return Ok(python);
    }
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle/setup.sh");
    let output = Command::new(setup).output()?;
    ensure!(output.status.success(), "{}", said(&output));
    let path = String::from_utf8(output.stdout)?;
    Ok(path.trim().to_owned())
}

/// yubikit administers a new card of this profile; how many commands that took.
fn administered(profile: &str, transport: &str) -> anyhow::Result<usize> {
    let readers = Readers::start(1)?;
    let card = Arc::new(Mutex::new(Uicc::new(CardConfig::from_profile(profile)?)?));
    let _inserted = readers.insert(0, card.clone())?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/oracle/pcsc.py");
    let said = readers.run(&python()?, &["-B", script, "0", transport])?;

    // What it left behind: the card's own domain and nothing else, and a counter of every session.
    let inventory = card.lock().unwrap().inventory();
    let [isd] = inventory.domains.as_slice() else {
        anyhow::bail!("one root: {inventory:?}");
    };
    assert_eq!(isd.aid, uicc_sim::config::DEFAULT_ISD.to_string());
    assert!(isd.domains.is_empty() && isd.applets.is_empty());
    let versions: Vec<&str> = isd
        .key_sets
        .iter()
        .map(|set| set.version.as_str())
        .collect();
    assert_eq!(versions, ["30"]);
    assert!(isd.key_sets[0].counter > 20, "{}", isd.key_sets[0].counter);
    assert!(
        inventory
            .applet(&Aid::from_slice_const(&[0xF0; 5]))
            .is_none()
    );
    let first = said.split_whitespace().next();
    first
        .and_then(|word| word.parse().ok())
        .context(said.clone())
}

#[test]
fn administers_a_card_with_short_apdus_in_pieces() {
    let commands = administered("default", "nfc").unwrap();
    assert!(commands > 100, "{commands}");
}

#[test]
fn administers_a_card_with_extended_apdus() {
    let commands = administered("extended-apdus", "usb").unwrap();
    assert!(commands > 100, "{commands}");
}
