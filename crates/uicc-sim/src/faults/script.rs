//! A file that says when a card fails, and how: `uicc-sim … --faults FILE`.
//!
//! ```toml
//! seed = 7                  # for what happens by chance; the same seed, the same faults (0 unless given)
//!
//! [[fault]]                 # the twelfth command since the program started
//! command = 12
//! fault = "drop-response"
//!
//! [[fault]]                 # the second LOAD
//! ins = "E8"
//! nth = 2                   # 1 unless given; 0 means every one
//! fault = "status"
//! sw = "6581"
//!
//! [[fault]]                 # one command of fifty, by chance
//! one_in = 50
//! fault = "tear-before-write"
//!
//! [[fault]]                 # the 17th write of the non-volatile memory since the card was made
//! write = 17
//! fault = "tear-after-write"
//! ```
//!
//! | fault | what happens |
//! |---|---|
//! | `status` | the card answers the status word `sw` and executes nothing |
//! | `drop-command` | the card does not get the command; nobody answers (a PC/SC reader says 6F00) |
//! | `drop-response` | the card executes the command; nobody hears the answer (a PC/SC reader says 6F00 instead) |
//! | `disappear-before`, `disappear-after` | the card is pulled out before it gets the command, or with its answer |
//! | `reset-before` | the card is reset before it gets the command |
//! | `repeat` | the card gets the command twice; the second answer counts |
//! | `wrong-mac` | the last byte of the response data, which ends in the R-MAC, changes |
//! | `wrong-command-mac` | the last byte of the command's data, which ends in the C-MAC, changes |
//! | `flip-command-bit`, `flip-response-bit` | bit `bit` changes; 0 is the highest of the first byte, numbers wrap around |
//! | `tear-before-write`, `tear-after-write` | power goes at the next write of the memory, by this command or a later one |
//!
//! Of several faults for one command the first in the file happens. What is sent to a card that is gone, or without
//! power, does not count as a command.

use globalplatform::status_word::StatusWord;
use serde::{Deserialize, Serialize};

use super::{Fault, Tear};

/// When a card fails, and how.
#[derive(Debug, Clone, Default)]
pub struct FaultScript {
    pub(super) seed: u64,
    pub(super) rules: Vec<Rule>,
}

/// Why a file is no fault script.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaultScriptError {
    /// It is no TOML, or has keys that no script has.
    #[error("fault script")]
    Toml(#[from] toml::de::Error),
    /// A fault cannot be meant like this.
    #[error("fault {number} of the script {problem}")]
    Fault {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) when: When,
    pub(super) what: What,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// The command with this number.
    Command(u64),
    /// The n-th command with this instruction; 0 stands for every one. The second number counts.
    Instruction { ins: u8, nth: u64, seen: u64 },
    /// By chance, one command of so many.
    OneIn(u32),
    /// The write with this number; tears only.
    Write(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Fault(Fault),
    Tear(Moment),
}

/// Before or after the write at which power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    After,
}

impl Moment {
    /// The n-th write from now.
    pub(super) const fn of_write(self, n: u64) -> Tear {
        match self {
            Self::Before => Tear::BeforeWrite(n),
            Self::After => Tear::AfterWrite(n),
        }
    }
}

impl FaultScript {
    /// Reads a script.
    ///
    /// ```
    /// use uicc_sim::faults::script::FaultScript;
    ///
    /// FaultScript::parse("[[fault]]\ncommand = 3\nfault = \"drop-response\"")?;
    /// let error = FaultScript::parse("[[fault]]\nfault = \"repeat\"").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "fault 1 of the script needs one of command, ins, one_in, write"
    /// );
    /// # Ok::<(), uicc_sim::faults::script::FaultScriptError>(())
    /// ```
    ///
    /// # Errors
    /// [`FaultScriptError`] for anything that is unknown, missing or contradictory.
    pub fn parse(text: &str) -> Result<Self, FaultScriptError> {
        let file: File = toml::from_str(text)?;
        let rules = (1..).zip(&file.fault).map(|(number, entry)| {
            entry
                .rule()
                .map_err(|problem| FaultScriptError::Fault { number, problem })
        });
        Ok(Self {
            seed: file.seed,
            rules: rules.collect::<Result<_, _>>()?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    fault: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    command: Option<u64>,
    ins: Option<String>,
    nth: Option<u64>,
    one_in: Option<u32>,
    write: Option<u64>,
    fault: Kind,
    sw: Option<String>,
    bit: Option<usize>,
}

/// What a script calls it.
#[derive(Debug, Deserialize, Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Status,
    DropCommand,
    DropResponse,
    DisappearBefore,
    DisappearAfter,
    ResetBefore,
    Repeat,
    WrongMac,
    WrongCommandMac,
    FlipCommandBit,
    FlipResponseBit,
    TearBeforeWrite,
    TearAfterWrite,
}

impl core::fmt::Display for Kind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.serialize(f)
    }
}

impl Entry {
    fn rule(&self) -> Result<Rule, &'static str> {
        let (when, what, kind) = (self.when()?, self.what()?, self.fault);
        match (when, what) {
            (When::Write(_), What::Fault(_)) => Err("is counted in writes, so it is a tear"),
            _ => Ok(Rule { when, what, kind }),
        }
    }

    fn when(&self) -> Result<When, &'static str> {
        if self.nth.is_some() && self.ins.is_none() {
            return Err("has nth without ins");
        }
        match (self.command, &self.ins, self.one_in, self.write) {
            (Some(0), None, None, None) | (None, None, None, Some(0)) => Err("counts from 1"),
            (Some(command), None, None, None) => Ok(When::Command(command)),
            (None, Some(ins), None, None) => Ok(When::Instruction {
                ins: hexadecimal::<1>(ins)
                    .map(|[ins]| ins)
                    .ok_or("has an ins that is not two hexadecimal digits")?,
                nth: self.nth.unwrap_or(1),
                seen: 0,
            }),
            (None, None, Some(0), None) => Err("has one_in = 0; 1 means every command"),
            (None, None, Some(one_in), None) => Ok(When::OneIn(one_in)),
            (None, None, None, Some(write)) => Ok(When::Write(write)),
            _ => Err("needs one of command, ins, one_in, write"),
        }
    }

    fn what(&self) -> Result<What, &'static str> {
        if self.sw.is_some() != (self.fault == Kind::Status) {
            return Err("has sw without status, or the other way round");
        }
        let flips = matches!(self.fault, Kind::FlipCommandBit | Kind::FlipResponseBit);
        if self.bit.is_some() != flips {
            return Err("has bit without a flip, or the other way round");
        }
        let bit = self.bit.unwrap_or(0);
        Ok(What::Fault(match self.fault {
            Kind::Status => {
                let sw = self.sw.as_deref().and_then(hexadecimal::<2>);
                let sw = sw.ok_or("has an sw that is not four hexadecimal digits")?;
                Fault::Status(StatusWord(u16::from_be_bytes(sw)))
            }
            Kind::DropCommand => Fault::DropCommand,
            Kind::DropResponse => Fault::DropResponse,
            Kind::DisappearBefore => Fault::DisappearBefore,
            Kind::DisappearAfter => Fault::DisappearAfter,
            Kind::ResetBefore => Fault::ResetBefore,
            Kind::Repeat => Fault::Repeat,
            Kind::WrongMac => Fault::WrongMac,
            Kind::WrongCommandMac => Fault::WrongCommandMac,
            Kind::FlipCommandBit => Fault::FlipCommandBit(bit),
            Kind::FlipResponseBit => Fault::FlipResponseBit(bit),
            Kind::TearBeforeWrite => return Ok(What::Tear(Moment::Before)),
            Kind::TearAfterWrite => return Ok(What::Tear(Moment::After)),
        }))
    }
}

/// `N` bytes of two digits each.
fn hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_cannot_be_meant() {
        for (entry, problem) in [
            (
                "command = 1\nins = \"E8\"\nfault = \"repeat\"",
                "needs one of",
            ),
            ("command = 0\nfault = \"repeat\"", "counts from 1"),
            ("write = 0\nfault = \"tear-after-write\"", "counts from 1"),
            ("write = 1\nfault = \"repeat\"", "is counted in writes"),
            (
                "command = 1\nnth = 2\nfault = \"repeat\"",
                "has nth without ins",
            ),
            ("ins = \"E\"\nfault = \"repeat\"", "has an ins"),
            ("one_in = 0\nfault = \"repeat\"", "has one_in = 0"),
            ("command = 1\nfault = \"status\"", "has sw without"),
            (
                "command = 1\nfault = \"repeat\"\nsw = \"6581\"",
                "has sw without",
            ),
            ("command = 1\nfault = \"status\"\nsw = \"65\"", "has an sw"),
            (
                "command = 1\nfault = \"repeat\"\nbit = 1",
                "has bit without",
            ),
            (
                "command = 1\nfault = \"flip-response-bit\"",
                "has bit without",
            ),
        ] {
            let error = FaultScript::parse(&format!("[[fault]]\n{entry}")).unwrap_err();
            let text = error.to_string();
            assert!(
                text.starts_with(&format!("fault 1 of the script {problem}")),
                "{text}"
            );
        }
        for text in ["[[fault]]\ncommand = 1\nfault = \"explode\"", "faults = 3"] {
            let error = FaultScript::parse(text).unwrap_err();
            assert!(matches!(error, FaultScriptError::Toml(_)), "{text}");
        }
    }
}
