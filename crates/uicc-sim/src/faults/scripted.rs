//! A card under a fault script.

use zeroize::Zeroizing;

use super::Faulty;
use super::script::{FaultScript, Rule, What, When};
use crate::Uicc;
use crate::contacts::{CardContacts, NoAnswer};
use crate::random::Generator;
use crate::reader::line::LineCard;

/// A card that fails as a script says.
#[derive(Debug)]
pub struct Scripted {
    card: Faulty<Uicc>,
    rules: Vec<Rule>,
    chance: Generator,
    commands: u64,
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
                ..
            } => Some((write.checked_sub(done).filter(|left| *left > 0)?, *moment)),
            _ => None,
        });
        if let Some((left, moment)) = planned.min_by_key(|(left, _)| *left) {
            card.tear(moment.of_write(left));
        }
    }

    /// The fault of this command.
    fn due(&mut self, command: &[u8]) -> Option<Rule> {
        self.commands = self.commands.saturating_add(1);
        let (number, chance) = (self.commands, &mut self.chance);
        let mut due = None;
        for rule in &mut self.rules {
            if rule.when.is_now(number, command, chance) {
                due = due.or(Some(*rule));
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
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
        if self.card.is_gone() || self.card.card().has_lost_power() {
            return Err(NoAnswer::CardGone);
        }
        if let Some(Rule { what, kind, .. }) = self.due(command) {
            let sent = Zeroizing::new(hex::encode_upper(command));
            let note = Zeroizing::new(format!("fault {kind}: {}", *sent));
            self.card.card().note(&note);
            match what {
                What::Fault(fault) => self.card.plan(1, fault),
                What::Tear(moment) => self.card.card().tear(moment.of_write(1)),
            }
        }
        self.card.transmit(command)
    }

    fn reset(&mut self) {
        if self.card.card().has_lost_power() {
            // The write at which power went may not have happened, and is not to fail again.
            let reached = self.card.card().writes();
            self.rules
                .retain(|rule| !matches!(rule.when, When::Write(write) if write <= reached));
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
        assert_eq!(card.transmit(&INITIALIZE_UPDATE), Err(NoAnswer::Lost));
        assert_eq!(card.card.card().writes(), writes);
        assert!(card.transmit(&INITIALIZE_UPDATE).is_ok());
        for _ in 0..2 {
            assert_eq!(
                card.transmit(&[0x80, 0xCA, 0x00, 0x66]),
                Err(NoAnswer::CardGone)
            );
            assert_eq!(card.transmit(&SELECT), Err(NoAnswer::CardGone));
            card.reset();
            assert!(card.transmit(&SELECT).is_ok());
        }
    }

    #[test]
    fn power_goes_at_a_write() {
        for (fault, counter) in [("tear-before-write", 1), ("tear-after-write", 2)] {
            let mut card = scripted(&format!("[[fault]]\nwrite = 2\nfault = \"{fault}\""));
            assert!(card.transmit(&INITIALIZE_UPDATE).is_ok());
            assert_eq!(card.transmit(&INITIALIZE_UPDATE), Err(NoAnswer::CardGone));
            assert_eq!(card.transmit(&SELECT), Err(NoAnswer::CardGone));
            card.reset();
            let answer = card.transmit(&INITIALIZE_UPDATE).unwrap();
            assert_eq!(answer[29..32], [0, 0, counter + 1], "{fault}");
            assert!(card.transmit(&INITIALIZE_UPDATE).is_ok());
        }
    }

    #[test]
    fn a_write_that_was_not_reached_still_loses_power() {
        // Power goes at the first write by the command, and at the third because it is the third.
        let mut card = scripted(
            "[[fault]]\nwrite = 3\nfault = \"tear-after-write\"\n\
             [[fault]]\nins = \"50\"\nfault = \"tear-before-write\"",
        );
        assert_eq!(card.transmit(&INITIALIZE_UPDATE), Err(NoAnswer::CardGone));
        card.reset();
        for _ in 0..2 {
            assert!(card.transmit(&INITIALIZE_UPDATE).is_ok());
        }
        assert_eq!(card.transmit(&INITIALIZE_UPDATE), Err(NoAnswer::CardGone));
        card.reset();
        assert_eq!(card.card.card().writes(), 3);
        for _ in 0..3 {
            assert!(card.transmit(&INITIALIZE_UPDATE).is_ok());
        }
    }

    #[test]
    fn a_card_without_power_gets_no_commands() {
        let mut card = scripted(
            "[[fault]]\ncommand = 1\nfault = \"tear-before-write\"\n\
             [[fault]]\nins = \"A4\"\nfault = \"tear-before-write\"\n\
             [[fault]]\ncommand = 3\nfault = \"status\"\nsw = \"6F00\"",
        );
        assert_eq!(card.transmit(&INITIALIZE_UPDATE), Err(NoAnswer::CardGone));
        for _ in 0..3 {
            assert_eq!(card.transmit(&SELECT), Err(NoAnswer::CardGone));
        }
        card.reset();
        assert!(card.transmit(&SELECT).is_ok());
        assert_eq!(card.transmit(&SELECT), Ok(vec![0x6F, 0x00]));
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
}
