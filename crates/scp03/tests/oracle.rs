//! Implementations that nobody here wrote drive both ends of the channel.
//!
//! Yubico's `yubikit` and Py-GP, both from the Python Package Index, open sessions with our card
//! end; then our host end repeats every session from the same inputs and must send the same bytes.
//! `tests/oracle/README.md` in the repository tells the method, the line protocol and the
//! differences that are known.
//!
//! `ORACLE_PYTHON` names the interpreter (`tests/oracle/setup.sh` prepares it), `ORACLE_SESSIONS`
//! how many sessions to run (2,000 unless told), `ORACLE_SEED` where they come from.

#[path = "oracle/card.rs"]
mod card;
#[path = "oracle/host.rs"]
mod host;
#[path = "oracle/keys.rs"]
mod keys;
#[path = "../../../tests/oracle/link.rs"]
mod link;
#[path = "oracle/script.rs"]
mod script;

use std::env;
use std::process::ExitCode;

use scp03::StaticKeys;

use crate::card::Card;
use crate::host::HostEnd;
use crate::link::{Quota, Server, bytes, number, run};

#[derive(Default)]
struct Peer {
    card: Option<Card>,
    host: HostEnd,
}

impl Server for Peer {
    fn answer(&mut self, words: &[&str]) -> Result<String, String> {
        match *words {
            ["card", enc, mac, dek, i, version, kdd, challenge, aid] => {
                let keys = static_keys(enc, mac, dek)?;
                let i = number(i)?;
                let version = number(version)?;
                self.card = Some(Card::new(
                    keys,
                    i,
                    version,
                    &bytes(kdd)?,
                    &bytes(challenge)?,
                    bytes(aid)?,
                )?);
                Ok(String::new())
            }
            ["transmit", apdu, data, sw] => {
                let card = self.card.as_mut().ok_or("no card")?;
                card.transmit(&bytes(apdu)?, bytes(data)?, &bytes(sw)?)
            }
            ["host", request, ref rest @ ..] => self.host.answer(request, rest),
            ["script", ref rest @ ..] => script::build(rest),
            ["put-key", ref rest @ ..] => keys::put_key(rest),
            ["diversify", master, kdd] => keys::diversify(master, kdd),
            ["key-value", key] => keys::check_value(key),
            _ => Err("unknown request".to_owned()),
        }
    }
}

fn static_keys(enc: &str, mac: &str, dek: &str) -> Result<StaticKeys, String> {
    StaticKeys::from_bytes(&bytes(enc)?, &bytes(mac)?, &bytes(dek)?).map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
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
    let quotas = [
        Quota {
            name: "yubikit sessions",
            least: sessions,
        },
        Quota {
            name: "Py-GP sessions",
            least: sessions / 2,
        },
        Quota {
            name: "Py-GP scripts",
            least: sessions / 4,
        },
        Quota {
            name: "KBKDFCMAC key sets",
            least: sessions,
        },
    ];
    let arguments = [sessions.to_string(), seed.to_string()];
    run("sessions.py", &arguments, &mut Peer::default(), &quotas)
}
