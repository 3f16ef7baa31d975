//! Numbers of cards, subscriptions and devices. `Debug` shows only the last digits.

use core::fmt;

/// A number that was refused; the text never shows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} has {rule}; {length} characters were given")]
pub struct NumberError {
    what: &'static str,
    rule: &'static str,
    length: usize,
}

macro_rules! number {
    ($(#[$doc:meta])* $type:ident, $what:literal, $digits:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// Takes the digits.
            ///
            /// # Errors
            /// [`NumberError`] for anything else.
            pub fn new(text: &str) -> Result<Self, NumberError> {
                let length = text.chars().count();
                if !$digits.contains(&length) || !text.bytes().all(|b| b.is_ascii_digit()) {
                    let (what, rule) = ($what, $rule);
                    return Err(NumberError { what, rule, length });
                }
                Ok(Self(text.to_owned()))
            }

            /// All digits.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let tail = self.0.get(self.0.len().saturating_sub(4)..).unwrap_or("");
                write!(f, "{}(…{tail})", stringify!($type))
            }
        }
    };
}

number!(
    /// Identifier of an eUICC: 32 decimal digits (SGP.02, 2.2.2). Check digits are not verified.
    Eid,
    "an EID",
    (32..=32),
    "32 decimal digits"
);
number!(
    /// Identity of a device: 15 decimal digits (TS 23.003, 6.2.1), 14 without the check digit, or
    /// 16 with the software version.
    Imei,
    "an IMEI",
    (14..=16),
    "14 to 16 decimal digits"
);
number!(
    /// Number of a subscription in international form, without the plus sign (ITU-T E.164).
    Msisdn,
    "an MSISDN",
    (7..=15),
    "7 to 15 decimal digits, with country code"
);

impl Msisdn {
    /// Takes the digits, or a plus sign and the digits.
    ///
    /// # Errors
    /// [`NumberError`] for anything else, also for a number that begins with 0: that is no country code.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if digits.starts_with('0') {
            return Err(NumberError {
                what: "an MSISDN",
                rule: "a country code, no leading zero",
                length: digits.chars().count(),
            });
        }
        Self::new(digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_lengths() {
        for (length, eid, imei, msisdn) in [
            (6, false, false, false),
            (7, false, false, true),
            (13, false, false, true),
            (14, false, true, true),
            (15, false, true, true),
            (16, false, true, false),
            (17, false, false, false),
            (31, false, false, false),
            (32, true, false, false),
            (33, false, false, false),
        ] {
            let text = "1".repeat(length);
            assert_eq!(Eid::new(&text).is_ok(), eid, "{length}");
            assert_eq!(Imei::new(&text).is_ok(), imei, "{length}");
            assert_eq!(Msisdn::parse(&text).is_ok(), msisdn, "{length}");
        }
    }

    #[test]
    fn numbers_are_international() {
        assert_eq!(
            Msisdn::parse("+819012345678").unwrap().as_str(),
            "819012345678"
        );
        for wrong in ["09012345678", "+0901234567", "81-90-1234", "", "+"] {
            assert!(Msisdn::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_printed_shows_four_digits() {
        let number = Msisdn::parse("819012345678").unwrap();
        assert_eq!(format!("{number:?}"), "Msisdn(…5678)");
        let error = Eid::new("123456789").unwrap_err().to_string();
        assert_eq!(
            error,
            "an EID has 32 decimal digits; 9 characters were given"
        );
    }
}
