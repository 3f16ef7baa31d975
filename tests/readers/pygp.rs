//! Py-GP loads, installs, locks and deletes over PC/SC, at every level that it can: `tests/oracle/pcsc_pygp.py`.

use std::sync::{Arc, Mutex};

use tsm_tests::readers::Readers;
use uicc_sim::{CardConfig, Uicc};

use crate::yubikit::python;

#[test]
fn manages_content_domains_and_keys_at_every_level() -> anyhow::Result<()> {
    let readers = Readers::start(1)?;
    let card = Arc::new(Mutex::new(Uicc::new(CardConfig::from_profile("default")?)?));
    let _inserted = readers.insert(0, card.clone())?;
    let cap = readers.folder().join("jpki.cap");
    tsm::dev::setup::write_cap_file(&cap, 0)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/oracle/pcsc_pygp.py");
    let said = readers.run(&python()?, &["-B", script, "0", &cap.to_string_lossy()])?;
    assert!(said.contains(" commands at 5 levels"), "{said}");

    let inventory = card.lock().unwrap().inventory();
    let isd = &inventory.domains[0];
    assert!(isd.domains.is_empty() && isd.applets.is_empty());
    assert_eq!(isd.load_files.len(), 1, "the package of security domains");
    // Two sessions with the ISD for a domain, one each for content and data; the new domain begins with its keys.
    assert_eq!(isd.key_sets[0].counter, 5 * 5);
    Ok(())
}
