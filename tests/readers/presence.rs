//! Cards in readers: seen, reset, pulled out.

use std::sync::{Arc, Mutex};

use tsm_tests::readers::{Readers, said};
use uicc_sim::{CardConfig, Uicc};

fn card(profile: &str) -> Arc<Mutex<Uicc>> {
    let config = CardConfig::from_profile(profile).unwrap();
    Arc::new(Mutex::new(Uicc::new(config).unwrap()))
}

/// `SELECT` of an AID, as `opensc-tool` wants it.
fn select(aid: &str) -> String {
    format!("00A40400{:02X}{aid}", aid.len() / 2)
}

const ISD: &str = "A000000151000000";
const JPKI: &str = "D392F000260100000001";
/// A data object of the JPKI applet that a security domain does not have.
const STATUS: &str = "80CA00E100";

#[test]
fn two_cards_in_two_readers_are_seen_with_their_own_answers_to_reset() -> anyhow::Result<()> {
    let readers = Readers::start(2)?;
    assert_eq!(readers.list()?, [false, false]);
    let first = readers.insert(0, card("default"))?;
    assert_eq!(readers.list()?, [true, false]);
    let second = readers.insert(1, card("jpki"))?;
    assert_eq!(readers.list()?, [true, true]);

    let atr = |reader| readers.run("opensc-tool", &["--reader", reader, "--atr"]);
    assert!(atr("0")?.contains("3b:87:81:31:fe:45:54:53:4d:55:49:43:43:da"));
    assert!(atr("1")?.contains("3b:e0:00:ff:81:31:fe:45:14"));
    let scan = readers.run("pcsc_scan", &["-n", "-t", "1"])?;
    let states = scan.matches("Card inserted").count();
    assert_eq!(states, 2, "{scan}");
    assert!(
        scan.contains("3B 87 81 31 FE 45 54 53 4D 55 49 43 43 DA"),
        "{scan}"
    );
    assert!(scan.contains("3B E0 00 FF 81 31 FE 45 14"), "{scan}");

    first.pull();
    readers.wait_for(0, false)?;
    assert_eq!(readers.list()?, [false, true]);
    let gone = readers.output("opensc-tool", &["--reader", "0", "--atr"])?;
    assert!(!gone.status.success(), "{}", said(&gone));
    second.pull();
    readers.wait_for(1, false)?;

    // Another card in the same reader.
    let _third = readers.insert(0, card("jpki"))?;
    assert!(atr("0")?.contains("3b:e0:00:ff:81:31:fe:45:14"));
    Ok(())
}

#[test]
fn what_is_selected_outlives_the_program_but_no_reset() -> anyhow::Result<()> {
    let readers = Readers::start(1)?;
    let _card = readers.insert(0, card("jpki"))?;
    // The driver `default` sends no command of its own.
    let tool = |arguments: &[&str]| {
        let all = [&["--card-driver", "default"], arguments].concat();
        readers.run("opensc-tool", &all)
    };
    let is_jpki = || -> anyhow::Result<bool> {
        let answer = tool(&["--send-apdu", STATUS])?;
        Ok(answer.contains("SW1=0x90, SW2=0x00"))
    };
    assert!(!is_jpki()?);
    tool(&["--send-apdu", &select(JPKI)])?;
    assert!(is_jpki()?, "another program finds what the first selected");
    for kind in ["warm", "cold"] {
        tool(&["--send-apdu", &select(JPKI)])?;
        assert!(is_jpki()?);
        tool(&[&format!("--reset={kind}")])?;
        assert!(!is_jpki()?, "{kind}");
    }
    tool(&["--send-apdu", &select(JPKI)])?;
    tool(&["--send-apdu", &select(ISD)])?;
    assert!(!is_jpki()?);
    Ok(())
}

#[test]
fn a_reader_that_goes_is_found_again_by_its_card() -> anyhow::Result<()> {
    let first = Readers::start(1)?;
    let port = first.ports()[0];
    let _card = first.insert(0, card("default"))?;
    drop(first);
    let second = Readers::start_at(&[port])?;
    second.wait_for(0, true)?;
    second.run("opensc-tool", &["--atr"])?;
    Ok(())
}
