//! The PIN of the user-authentication key, on its way from the citizen to the card.
//!
//! Four decimal digits (jpki-mission.md, section 5). The citizen chooses them; which ones is not
//! judged here. They are never stored and never printed.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Four ASCII digits, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Pin([u8; 4]);

/// What was given is not a PIN. It does not say what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PIN has four decimal digits")]
pub struct MalformedPin;

impl Pin {
    /// Takes exactly four decimal digits.
    ///
    /// # Errors
    /// [`MalformedPin`] for anything else.
    pub fn new(text: &str) -> Result<Self, MalformedPin> {
        let digits: [u8; 4] = text.as_bytes().try_into().map_err(|_| MalformedPin)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(MalformedPin);
        }
        Ok(Self(digits))
    }

    /// The digits in ASCII. Only for the card, inside its secure channel.
    #[must_use]
    pub fn danger_digits(&self) -> &[u8; 4] {
        &self.0
    }
}

impl PartialEq for Pin {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Pin {}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(****)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_weak_pins_too() {
        for text in ["0000", "1234", "9999"] {
            assert_eq!(Pin::new(text).unwrap().danger_digits(), text.as_bytes());
        }
    }

    #[test]
    fn refuses_anything_but_four_ascii_digits() {
        for text in [
            "",
            "123",
            "12345",
            "12a4",
            " 123",
            "１２３４",
            "-123",
            "12\n4",
        ] {
            assert_eq!(Pin::new(text), Err(MalformedPin), "{text:?}");
        }
    }

    #[test]
    fn debug_and_error_show_no_digit() {
        let shown = format!("{:?} {}", Pin::new("7391"), MalformedPin);
        assert!(!shown.contains(|c: char| c.is_ascii_digit()), "{shown}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,8}") {
            let is_pin = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
            prop_assert_eq!(Pin::new(&text).is_ok(), is_pin);
        }
    }
}
