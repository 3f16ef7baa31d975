//! Whether a state can be a card's: the commands rely on what a profile may describe, and on a registry that is a forest
//! below existing domains.

use globalplatform::aid::Aid;
use globalplatform::life_cycle::{ApplicationLifeCycle, CardLifeCycle, SecurityDomainLifeCycle};

use crate::chip::{Application, Chip, DOMAIN_PACKAGE};
use crate::config::{ConfigError, fields};
use crate::implicit_selection::is_valid;
use crate::security_domain::SecurityDomain;

/// What INITIALIZE UPDATE can return (Amendment D 6.2.2.1).
const MAX_COUNTER: u32 = 0x00FF_FFFF;

/// Checks everything that a profile describes with the checks that profiles have, and what commands have made.
pub(super) fn check(chip: &Chip) -> Result<(), ConfigError> {
    let isd = chip.isd();
    let isd = isd.ok_or_else(|| fields::field("applications", "no issuer security domain"))?;
    let Some(domain) = isd.domain().filter(|_| isd.is_root()) else {
        let problem = "the first is not an issuer security domain";
        return Err(fields::field("applications", problem));
    };
    let description = fields::Description {
        iccid: &chip.iccid,
        atr: &chip.atr,
        scp_i: domain.scp_i,
        usim: &chip.usim,
        behaviour: &chip.behaviour,
        isd_key_versions: domain.key_sets.iter().map(|set| set.version).collect(),
    };
    description.check()?;
    card_life_cycle(chip.life_cycle)?;
    registry(chip)?;
    for application in &chip.applications {
        entry(chip, application)
            .map_err(|problem| fields::field(application.aid.to_string(), problem))?;
    }
    fields::memory(chip)
}

fn card_life_cycle(byte: u8) -> Result<(), ConfigError> {
    let state = CardLifeCycle::try_from(byte);
    state.map_or_else(
        |e| Err(fields::field("life_cycle", e.to_string())),
        |_| Ok(()),
    )
}

/// No name twice, and everything below a domain that lies in the registry itself.
fn registry(chip: &Chip) -> Result<(), ConfigError> {
    let applications = chip.applications.iter().map(|a| a.aid);
    let mut seen: Vec<Aid> = Vec::new();
    for aid in applications.chain(chip.load_files.iter().map(|f| f.aid)) {
        let wrong = |problem: &str| Err(fields::field(aid.to_string(), problem));
        if seen.contains(&aid) {
            return wrong("appears twice");
        }
        seen.push(aid);
        let line = chip.ancestry(aid);
        let root = line.last().and_then(|root| chip.application(root));
        if !root.is_some_and(|root| root.is_root() && root.domain().is_some()) {
            return wrong("does not lie below a security domain");
        }
        let mut above = line.iter().skip(1);
        if above.any(|above| chip.domain(above).is_none()) {
            return wrong("lies below something that is no security domain");
        }
    }
    match chip.load_file(&DOMAIN_PACKAGE) {
        Some(package) if package.in_rom => Ok(()),
        _ => Err(fields::field(
            "load_files",
            "no package of security domains",
        )),
    }
}

fn entry(chip: &Chip, application: &Application) -> Result<(), String> {
    fields::privileges(application.privileges, application.domain().is_some())?;
    let mut channels = application.implicit_selection.iter();
    if !channels.all(|parameter| is_valid(*parameter)) {
        return Err("is implicitly selected on a channel that no card has".into());
    }
    let byte = application.life_cycle;
    let is_isd = chip.is_isd(&application.aid);
    let state = match application.domain() {
        Some(_) if is_isd => CardLifeCycle::try_from(byte).map(|_| ()),
        Some(_) => SecurityDomainLifeCycle::try_from(byte).map(|_| ()),
        None => ApplicationLifeCycle::try_from(byte).map(|_| ()),
    };
    state.map_err(|error| error.to_string())?;
    let file = application.load_file.and_then(|file| chip.load_file(&file));
    let is_in_file = application
        .module
        .is_some_and(|m| file.is_some_and(|f| f.modules.contains(&m)));
    if !is_isd && !is_in_file {
        return Err("its module is in no load file".into());
    }
    application.domain().map_or(Ok(()), keys)
}

/// Each key once, under a version that there is; sessions know the protocol.
fn keys(domain: &SecurityDomain) -> Result<(), String> {
    fields::scp_i(domain.scp_i).map_err(|error| error.to_string())?;
    let mut seen: Vec<(u8, u8)> = Vec::new();
    for place in domain.keys().iter().map(|key| key.place()) {
        if seen.contains(&place) {
            return Err(format!("key {:02X}/{:02X} appears twice", place.0, place.1));
        }
        seen.push(place);
    }
    let mut sets = domain.key_sets.iter();
    if sets.any(|set| set.counter > MAX_COUNTER) {
        return Err("the counter of a key set has more than three bytes".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    /// What is refused of a card with a domain of its own in this state.
    fn complaint(change: impl FnOnce(&mut Value)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.state");
        let profile = crate::CardConfig::parse("preinstalled = [\"jpki\"]").unwrap();
        let mut card = crate::Uicc::new(profile).unwrap();
        card.persist_to(&path).unwrap();
        let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut state["chip"]);
        fs::write(&path, state.to_string()).unwrap();
        match crate::Uicc::open(&path) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_state_that_no_profile_could_have_made_is_refused() {
        assert_eq!(complaint(|_| ()), "");
        const DOMAIN: &str = "/applications/0/content/domain";
        let at = |name: &str| format!("{DOMAIN}/{name}");
        for (pointer, value, problem) in [
            ("/iccid".into(), json!("8981"), "iccid: needs 19 or 20"),
            ("/atr".into(), json!(""), "atr: has 2 to 33 bytes"),
            ("/atr".into(), json!("3B"), "atr: has 2 to 33 bytes"),
            ("/life_cycle".into(), json!(16), "life_cycle: "),
            (
                "/behaviour/logical_channels".into(),
                json!(0),
                "behaviour.logical_channels: is 1 to 20",
            ),
            ("/usim/imsi".into(), json!("00"), "usim: imsi needs"),
            (
                "/usim/mnc_digits".into(),
                json!(0),
                "usim: mnc_digits is 2 or 3",
            ),
            ("/memory_bytes".into(), json!(100), "memory_bytes: "),
            (
                "/applications".into(),
                json!([]),
                "no issuer security domain",
            ),
            (
                "/load_files".into(),
                json!([]),
                "load_files: no package of security domains",
            ),
            (
                "/load_files/1/modules".into(),
                json!(""),
                "its module is in no load file",
            ),
            (at("scp_i"), json!(255), "scp03.i: FF is no parameter"),
            (at("key_sets"), json!([]), "isd.keyset: a card needs one"),
            (
                at("key_sets/0/version"),
                json!(128),
                "isd.keyset: version 80",
            ),
            (
                at("key_sets/0/counter"),
                json!(0x0100_0000),
                "more than three bytes",
            ),
            (
                "/applications/0/life_cycle".into(),
                json!(16),
                "A000000151000000: ",
            ),
            (
                "/applications/0/privileges".into(),
                json!("000000"),
                "A000000151000000: ",
            ),
            (
                "/applications/0/privileges".into(),
                json!("FFFFFF"),
                "A000000151000000: ",
            ),
            (
                "/applications/1/privileges".into(),
                json!("808000"),
                "D392F000260100000001: ",
            ),
            (
                "/applications/1/life_cycle".into(),
                json!(8),
                "D392F000260100000001: ",
            ),
            (
                "/applications/1/load_file".into(),
                json!("F00102030400"),
                "its module is in no load file",
            ),
            (
                "/applications/1/implicit_selection".into(),
                json!("FF"),
                "channel that no card has",
            ),
            (
                "/applications/1/security_domain".into(),
                json!("F00102030400"),
                "does not lie below",
            ),
            (
                "/applications/1/limits/non_volatile_reserved".into(),
                json!(300_000),
                "memory_bytes: ",
            ),
        ] {
            let pointer: String = pointer;
            let error = complaint(|chip| *chip.pointer_mut(&pointer).unwrap() = value);
            assert!(error.contains(problem), "{pointer}: {error}");
        }
        let error = complaint(|chip| {
            let sets = chip.pointer_mut(&at("key_sets")).unwrap();
            let first = sets[0].clone();
            sets.as_array_mut().unwrap().push(first);
        });
        assert!(
            error.contains("isd.keyset: version 30 appears twice"),
            "{error}"
        );
        let most = complaint(|chip| {
            chip.pointer_mut(&at("key_sets/0/counter"))
                .map_or((), |c| *c = json!(0x00FF_FFFF))
        });
        assert_eq!(most, "");
    }
}
