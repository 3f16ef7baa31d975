//! A card that fails on demand, for tests.
//!
//! Faults are planned for the n-th command from now (1 is the next); each happens once. After a disappearance the card
//! stays gone until it is reset, which costs it its volatile state as pulling it out would.

pub mod script;
pub mod scripted;

use std::collections::BTreeMap;

use globalplatform::apdu::CommandRef;
use globalplatform::status_word::StatusWord;

use crate::contacts::{CardContacts, NoAnswer};

/// What goes wrong with one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The card goes before it gets the command: nothing happens on it.
    DisappearBefore,
    /// The card executes the command and goes: the answer is lost.
    DisappearAfter,
    /// The card answers this and executes nothing.
    Status(StatusWord),
    /// The command is lost, the card stays.
    DropCommand,
    /// The card executes the command, the answer is lost, the card stays.
    DropResponse,
    /// The last byte of the response data, which ends in the R-MAC, changes on its way.
    WrongMac,
    /// The last byte of the command's data, which ends in the C-MAC, changes on its way.
    WrongCommandMac,
    /// One bit of the command changes on its way.
    FlipCommandBit(usize),
    /// One bit of the response changes on its way.
    FlipResponseBit(usize),
    /// The card is reset before it gets the command.
    ResetBefore,
    /// The card gets the command twice; the second answer counts.
    Repeat,
}

/// Where a card loses power, counted in writes of its non-volatile memory from now: 1 is the next. It answers nothing until
/// it is reset, and comes back with what was written ([`crate::Uicc::tear`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tear {
    /// The write does not happen any more.
    BeforeWrite(u64),
    /// The write has happened; nobody hears the answer.
    AfterWrite(u64),
}

/// A card with planned faults.
#[derive(Debug)]
pub struct Faulty<C> {
    card: C,
    planned: BTreeMap<u64, Fault>,
    commands: u64,
    gone: bool,
}

impl<C: CardContacts> Faulty<C> {
    /// A card without faults so far.
    pub const fn new(card: C) -> Self {
        Self {
            card,
            planned: BTreeMap::new(),
            commands: 0,
            gone: false,
        }
    }

    /// Plans a fault for the n-th command from now; 1 is the next one, 0 is taken as 1.
    pub fn plan(&mut self, n: u64, fault: Fault) {
        self.planned
            .insert(self.commands.saturating_add(n.max(1)), fault);
    }

    /// Whether the card is gone.
    pub const fn is_gone(&self) -> bool {
        self.gone
    }

    /// The card itself.
    pub const fn card(&mut self) -> &mut C {
        &mut self.card
    }

    /// The card itself, to look at.
    pub const fn card_ref(&self) -> &C {
        &self.card
    }

    /// The card itself, without its faults.
    pub fn into_card(self) -> C {
        self.card
    }

    fn disappear(&mut self) -> NoAnswer {
        self.gone = true;
        self.card.reset();
        NoAnswer::CardGone
    }
}

/// The bytes with one bit changed; bit 0 is the highest of the first byte, and numbers wrap around.
fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if !bytes.is_empty() {
        let bit = bit % (8 * bytes.len());
        if let Some(byte) = bytes.get_mut(bit / 8) {
            *byte ^= 0x80 >> (bit % 8);
        }
    }
    bytes
}

impl<C: CardContacts> CardContacts for Faulty<C> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
        if self.gone {
            return Err(NoAnswer::CardGone);
        }
        self.commands = self.commands.saturating_add(1);
        match self.planned.remove(&self.commands) {
            None => self.card.transmit(command),
            Some(Fault::DisappearBefore) => Err(self.disappear()),
            Some(Fault::DisappearAfter) => {
                self.card.transmit(command)?;
                Err(self.disappear())
            }
            Some(Fault::Status(sw)) => Ok(sw.0.to_be_bytes().into()),
            Some(Fault::DropCommand) => Err(NoAnswer::Lost),
            Some(Fault::DropResponse) => {
                self.card.transmit(command)?;
                Err(NoAnswer::Lost)
            }
            Some(Fault::WrongMac) => {
                let response = self.card.transmit(command)?;
                let bits = 8 * response.len().saturating_sub(2);
                Ok(match bits.checked_sub(1) {
                    Some(last) => flipped(&response, last),
                    None => response,
                })
            }
            Some(Fault::WrongCommandMac) => {
                let end = CommandRef::decode(command).map_or(command.len(), |apdu| {
                    let frame = apdu.frame();
                    frame.data_offset() + frame.data_length
                });
                let last = (8 * end).saturating_sub(1);
                self.card.transmit(&flipped(command, last))
            }
            Some(Fault::FlipCommandBit(bit)) => self.card.transmit(&flipped(command, bit)),
            Some(Fault::FlipResponseBit(bit)) => {
                let response = self.card.transmit(command)?;
                Ok(flipped(&response, bit))
            }
            Some(Fault::ResetBefore) => {
                self.card.reset();
                self.card.transmit(command)
            }
            Some(Fault::Repeat) => {
                self.card.transmit(command)?;
                self.card.transmit(command)
            }
        }
    }

    fn reset(&mut self) {
        self.gone = false;
        self.card.reset();
    }

    fn iccid(&self) -> String {
        self.card.iccid()
    }

    fn atr(&self) -> Vec<u8> {
        self.card.atr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers how many commands it has had since the last reset.
    struct Counter(u8);

    impl CardContacts for Counter {
        fn transmit(&mut self, _command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
            self.0 += 1;
            Ok(vec![self.0, 0x90, 0x00])
        }
        fn reset(&mut self) {
            self.0 = 0;
        }
        fn iccid(&self) -> String {
            String::new()
        }
        fn atr(&self) -> Vec<u8> {
            Vec::new()
        }
    }

    #[test]
    fn stays_gone_until_reset() {
        let mut card = Faulty::new(Counter(0));
        card.plan(2, Fault::DisappearAfter);
        assert_eq!(card.transmit(&[]), Ok(vec![1, 0x90, 0x00]));
        assert_eq!(card.transmit(&[]), Err(NoAnswer::CardGone));
        assert_eq!(card.transmit(&[]), Err(NoAnswer::CardGone));
        assert!(card.is_gone());
        card.reset();
        assert_eq!(card.transmit(&[]), Ok(vec![1, 0x90, 0x00]));
    }

    #[test]
    fn loses_and_damages_single_answers() {
        let mut card = Faulty::new(Counter(0));
        card.plan(1, Fault::DropResponse);
        card.plan(2, Fault::FlipResponseBit(7));
        card.plan(3, Fault::Repeat);
        assert_eq!(card.transmit(&[]), Err(NoAnswer::Lost));
        assert_eq!(card.transmit(&[]), Ok(vec![3, 0x90, 0x00]));
        assert_eq!(card.transmit(&[]), Ok(vec![4, 0x90, 0x00]));
    }

    #[test]
    fn flips_exactly_one_bit() {
        assert_eq!(flipped(&[0x00, 0x00], 8), [0x00, 0x80]);
        assert_eq!(flipped(&[0x00, 0x00], 16), [0x80, 0x00]);
        assert!(flipped(&[], 3).is_empty());
    }
}
