//! Yubico's `yubikit` administers the simulated card: it opens sessions with the security domains,
//! puts and deletes key sets, stores data and reads it back, over short and extended APDUs.
//!
//! See `tests/oracle/README.md` in the repository. `ORACLE_PYTHON` names the interpreter,
//! `ORACLE_SESSIONS` ten times the number of cards (2,000 unless told), `ORACLE_SEED` where keys and
//! data come from.

#[path = "../../../tests/oracle/link.rs"]
mod link;

use std::env;
use std::process::ExitCode;

use scp03::StaticKeys;
use uicc_sim::config::IsdKeySet;
use uicc_sim::{CardConfig, Uicc};

use crate::link::{Quota, Server, bytes, number, run, word};

/// The reader, empty or with a card in it.
struct Reader(Option<Uicc>);

impl Server for Reader {
    fn answer(&mut self, words: &[&str]) -> Result<String, String> {
        match *words {
            ["card", enc, mac, dek, version, i, seed] => {
                let keys = StaticKeys::from_bytes(&bytes(enc)?, &bytes(mac)?, &bytes(dek)?)
                    .map_err(|error| error.to_string())?;
                let seed = bytes(seed)?;
                let set = IsdKeySet {
                    version: number(version)?,
                    keys: keys.clone(),
                };
                let card = Uicc::new(CardConfig {
                    isd_key_sets: vec![set],
                    scp_i: number(i)?,
                    kdd: [0x0A; 10],
                    memory_bytes: 65_536,
                    seed: seed.try_into().map_err(|_| "the seed has 32 bytes")?,
                    ..CardConfig::new("8981100000000000018", keys)
                });
                self.0 = Some(card.map_err(|error| error.to_string())?);
                Ok(String::new())
            }
            ["transmit", command] => {
                let card = self.0.as_mut().ok_or("no card")?;
                Ok(word(&card.transmit(&bytes(command)?)))
            }
            ["reset"] => {
                self.0.as_mut().ok_or("no card")?.reset();
                Ok(String::new())
            }
            _ => Err("unknown request".to_owned()),
        }
    }
}

fn main() -> ExitCode {
    let setting = |name: &str, default: u64| match env::var(name) {
        Ok(value) => number(&value),
        Err(_) => Ok(default),
    };
    let (sessions, seed) = match (setting("ORACLE_SESSIONS", 2000), setting("ORACLE_SEED", 3)) {
        (Ok(sessions), Ok(seed)) => (sessions, seed),
        (Err(reason), _) | (_, Err(reason)) => {
            println!("FAILED oracle: {reason}");
            return ExitCode::FAILURE;
        }
    };
    let cards = sessions.div_ceil(10);
    let quotas = [
        Quota {
            name: "cards administered",
            least: cards,
        },
        Quota {
            name: "sessions with the simulator",
            least: 10 * cards,
        },
    ];
    let arguments = [cards.to_string(), seed.to_string()];
    run("simulator.py", &arguments, &mut Reader(None), &quotas)
}
