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
//! | `drop-command` | the card does not get the command; nobody answers |
//! | `drop-response` | the card executes the command; nobody hears the answer |
//! | `disappear-before`, `disappear-after` | the card is pulled out before it gets the command, or with its answer |
//! | `reset-before` | the card is reset before it gets the command |
//! | `repeat` | the card gets the command twice; the second answer counts |
//! | `wrong-mac` | the last byte of the response data, which ends in the R-MAC, changes |
//! | `wrong-command-mac` | the last byte of the command's data, which ends in the C-MAC, changes |
//! | `flip-command-bit`, `flip-response-bit` | bit `bit` changes; 0 is the highest of the first byte |
//! | `tear-before-write`, `tear-after-write` | power goes at the command's next write of the memory |
//!
//! Of several faults for one command the first in the file happens.

use globalplatform::status_word::StatusWord;
use serde::Deserialize;

use super::{Fault, Faulty, Tear};
use crate::Uicc;
use crate::contacts::{CardContacts, CardGone};
use crate::random::Generator;
use crate::reader::line::LineCard;

/// When a card fails, and how.
#[derive(Debug, Clone, Default)]
pub struct FaultScript {
    seed: u64,
    rules: Vec<Rule>,
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

#[derive(Debug, Clone)]
struct Rule {
    when: When,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
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
enum What {
    Fault(Fault),
    Tear(Moment),
}

/// Before or after the write at which power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    After,
}

impl Moment {
    /// The n-th write from now.
    const fn of_write(self, n: u64) -> Tear {
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

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Kind {
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

impl Entry {
    fn rule(&self) -> Result<Rule, &'static str> {
        let (when, what) = (self.when()?, self.what()?);
        match (when, what) {
            (When::Write(_), What::Fault(_)) => Err("is counted in writes, so it is a tear"),
            _ => Ok(Rule { when, what }),
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

/// A card that fails as a script says.
#[derive(Debug)]
pub struct Scripted {
    card: Faulty<Uicc>,
    rules: Vec<Rule>,
    chance: Generator,
    commands: u64,
    /// The write at which power is to go, of those that the script counts.
    planned_write: Option<u64>,
}

impl Scripted {
    /// Puts a card under a script; an empty one never does anything.
    #[must_use]
    pub fn new(card: Uicc, script: FaultScript) -> Self {
        let mut seed = [0; 32];
        for (byte, given) in seed.iter_mut().zip(script.seed.to_be_bytes()) {
            *byte = given;
        }
        let mut scripted = Self {
            card: Faulty::new(card),
            rules: script.rules,
            chance: Generator::new(seed),
            commands: 0,
            planned_write: None,
        };
        scripted.plan_write();
        scripted
    }

    /// Plans the next tear that is counted in writes.
    fn plan_write(&mut self) {
        let card = self.card.card();
        let done = card.writes();
        let planned = self.rules.iter().filter_map(|rule| match rule {
            Rule {
                when: When::Write(write),
                what: What::Tear(moment),
            } => Some((write.checked_sub(done).filter(|left| *left > 0)?, *moment)),
            _ => None,
        });
        if let Some((left, moment)) = planned.min_by_key(|(left, _)| *left) {
            card.tear(moment.of_write(left));
            self.planned_write = Some(done.saturating_add(left));
        }
    }

    /// What happens to this command.
    fn due(&mut self, command: &[u8]) -> Option<What> {
        self.commands = self.commands.saturating_add(1);
        let (number, chance) = (self.commands, &mut self.chance);
        let mut due = None;
        for rule in &mut self.rules {
            if rule.when.is_now(number, command, chance) {
                due = due.or(Some(rule.what));
            }
        }
        due
    }
}

impl When {
    /// Whether it is time; counts.
    fn is_now(&mut self, number: u64, command: &[u8], chance: &mut Generator) -> bool {
        match self {
            Self::Command(command) => *command == number,
            Self::Instruction { ins, nth, seen } => {
                let matches = command.get(1) == Some(ins);
                *seen += u64::from(matches);
                matches && (*nth == 0 || *seen == *nth)
            }
            Self::OneIn(one_in) => u32::from_be_bytes(chance.next()).is_multiple_of(*one_in),
            Self::Write(_) => false,
        }
    }
}

impl CardContacts for Scripted {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardGone> {
        match self.due(command) {
            Some(What::Fault(fault)) => self.card.plan(1, fault),
            Some(What::Tear(moment)) => self.card.card().tear(moment.of_write(1)),
            None => {}
        }
        self.card.transmit(command)
    }

    fn reset(&mut self) {
        if self.card.card().has_lost_power() {
            // The write may not have happened, and is not to fail again.
            let planned = self.planned_write.take();
            let is_other =
                |rule: &Rule| planned.is_none_or(|write| rule.when != When::Write(write));
            self.rules.retain(is_other);
        }
        self.card.reset();
        self.plan_write();
    }

    fn iccid(&self) -> String {
        self.card.iccid()
    }

    fn atr(&self) -> Vec<u8> {
        self.card.atr()
    }
}

impl LineCard for Scripted {
    fn json(&self) -> String {
        self.card.card_ref().json()
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
    use crate::CardConfig;

    const SELECT: [u8; 5] = [0x00, 0xA4, 0x04, 0x00, 0x00];
    /// INITIALIZE UPDATE writes once: the sequence counter.
    const INITIALIZE_UPDATE: [u8; 13] = [0x80, 0x50, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];

    fn scripted(script: &str) -> Scripted {
        let card = Uicc::new(CardConfig::parse("").unwrap()).unwrap();
        Scripted::new(card, FaultScript::parse(script).unwrap())
    }

    #[test]
    fn without_faults_it_is_the_card() {
        let mut card = scripted("");
        assert!(card.transmit(&SELECT).unwrap().ends_with(&[0x90, 0x00]));
        assert_eq!(card.iccid(), "8981100000000000010");
        assert!(card.json().contains("\"iccid\":\"8981100000000000010\""));
    }

    #[test]
    fn commands_and_instructions_are_counted() {
        let mut card = scripted(
            "[[fault]]\ncommand = 2\nfault = \"status\"\nsw = \"6F00\"\n\
             [[fault]]\nins = \"50\"\nnth = 2\nfault = \"drop-command\"\n\
             [[fault]]\nins = \"CA\"\nnth = 0\nfault = \"disappear-before\"",
        );
        assert!(card.transmit(&SELECT).is_ok());
        assert_eq!(card.transmit(&SELECT), Ok(vec![0x6F, 0x00]));
        assert!(card.transmit(&INITIALIZE_UPDATE).is_ok());
        let writes = card.card.card().writes();
        assert_eq!(card.transmit(&INITIALIZE_UPDATE), Err(CardGone));
        assert_eq!(card.card.card().writes(), writes);
        assert!(card.transmit(&INITIALIZE_UPDATE).is_ok());
        for _ in 0..2 {
            assert_eq!(card.transmit(&[0x80, 0xCA, 0x00, 0x66]), Err(CardGone));
            assert_eq!(card.transmit(&SELECT), Err(CardGone));
            card.reset();
            assert!(card.transmit(&SELECT).is_ok());
        }
    }

    #[test]
    fn power_goes_at_a_write() {
        for (fault, counter) in [("tear-before-write", 1), ("tear-after-write", 2)] {
            let mut card = scripted(&format!("[[fault]]\nwrite = 2\nfault = \"{fault}\""));
            assert!(card.transmit(&INITIALIZE_UPDATE).is_ok());
            assert_eq!(card.transmit(&INITIALIZE_UPDATE), Err(CardGone));
            assert_eq!(card.transmit(&SELECT), Err(CardGone));
            card.reset();
            let answer = card.transmit(&INITIALIZE_UPDATE).unwrap();
            assert_eq!(answer[29..32], [0, 0, counter + 1], "{fault}");
            assert!(card.transmit(&INITIALIZE_UPDATE).is_ok());
        }
    }

    #[test]
    fn chance_is_repeated_by_its_seed() {
        let run = |seed: u64| -> Vec<bool> {
            let script = format!("seed = {seed}\n[[fault]]\none_in = 4\nfault = \"drop-response\"");
            let mut card = scripted(&script);
            (0..200).map(|_| card.transmit(&SELECT).is_ok()).collect()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let lost = run(1).iter().filter(|ok| !**ok).count();
        assert!((25..75).contains(&lost), "{lost}");
    }

    #[test]
    fn macs_are_spoilt() {
        let mut card = scripted(
            "[[fault]]\ncommand = 1\nfault = \"wrong-mac\"\n\
             [[fault]]\ncommand = 2\nfault = \"wrong-command-mac\"",
        );
        let mut whole = scripted("");
        let (spoilt, mut right) = (
            card.transmit(&SELECT).unwrap(),
            whole.transmit(&SELECT).unwrap(),
        );
        let last = right.len() - 3;
        right[last] ^= 0x01;
        assert_eq!(spoilt, right);
        // The host challenge ends in 09 instead of 08.
        let mut other = INITIALIZE_UPDATE;
        other[12] ^= 0x01;
        assert_eq!(card.transmit(&INITIALIZE_UPDATE), whole.transmit(&other));
    }

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
