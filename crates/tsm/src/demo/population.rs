//! The citizens of a demo and the cards in their phones, all from one seed.
//!
//! Every value is SHA-256 of seed, purpose and number: equal seeds give equal
//! citizens and cards. The servers never see the seed.

use sha2::{Digest as _, Sha256};

/// A citizen with a phone.
#[derive(Clone)]
pub struct Person {
    /// Identifier of the card: 19 digits with a correct check digit.
    pub iccid: String,
    /// The PIN that the citizen will choose.
    pub pin: String,
    /// The `serialNumber` attribute that stands for the person.
    pub serial_number: String,
    /// Signing key (P-256 scalar).
    pub scalar: [u8; 32],
    /// Nonce of the application.
    pub nonce: String,
    /// Seed of the card's generator.
    pub card_seed: [u8; 32],
}

impl core::fmt::Debug for Person {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Person({})", self.serial_number)
    }
}

impl Person {
    /// The citizen number `index` of a run with `seed`.
    #[must_use]
    pub fn new(seed: u64, index: u32) -> Self {
        let derive = |purpose: &str, attempt: u8| -> [u8; 32] {
            let mut hash = Sha256::new();
            hash.update(seed.to_be_bytes());
            hash.update(index.to_be_bytes());
            hash.update([attempt]);
            hash.update(purpose);
            hash.finalize().into()
        };
        let mut scalar = derive("signing key", 0);
        scalar[0] &= 0x7F; // below the order of P-256
        Self {
            iccid: iccid(seed, index),
            pin: (0..=u8::MAX)
                .map(|attempt| four_digits(&derive("PIN", attempt)))
                .find(|pin| !is_weak(pin))
                .unwrap_or_else(|| "5839".to_owned()),
            serial_number: format!("{:012}", u64::from(index) + 100_000_000_000),
            scalar,
            nonce: hex::encode(derive("nonce", 0)),
            card_seed: derive("card", 0),
        }
    }
}

/// Key diversification data of a card: its digits as ten bytes of BCD, padded with F.
#[must_use]
pub fn key_diversification_data(iccid: &str) -> [u8; 10] {
    let mut data = [0xFF; 10];
    for (index, digit) in iccid.bytes().take(20).enumerate() {
        let nibble = digit.wrapping_sub(b'0') & 0x0F;
        if let Some(byte) = data.get_mut(index / 2) {
            *byte = if index % 2 == 0 {
                nibble << 4 | 0x0F
            } else {
                *byte & 0xF0 | nibble
            };
        }
    }
    data
}

/// 89 (telecom), 81 (Japan), 10 (issuer), four digits of the seed, eight of the
/// number, and the check digit of ISO/IEC 7812-1.
fn iccid(seed: u64, index: u32) -> String {
    let body = format!("898110{:04}{index:08}", seed % 10_000);
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(position, digit)| {
            let digit = u32::from(digit - b'0');
            match position % 2 {
                0 if digit > 4 => digit * 2 - 9,
                0 => digit * 2,
                _ => digit,
            }
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn four_digits(bytes: &[u8; 32]) -> String {
    let [a, b, ..] = bytes;
    format!("{:04}", u16::from_be_bytes([*a, *b]) % 10_000)
}

/// PINs that people should not choose: repeated or running digits, years.
fn is_weak(pin: &str) -> bool {
    let digits: Vec<i16> = pin.bytes().map(|b| i16::from(b) - 48).collect();
    let steps: Vec<i16> = digits.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let running = steps.iter().all(|step| *step == steps[0]) && steps[0].abs() <= 1;
    running || pin.starts_with("19") || pin.starts_with("20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_people() {
        let (one, other) = (Person::new(7, 3), Person::new(7, 3));
        assert_eq!(one.iccid, other.iccid);
        assert_eq!(one.pin, other.pin);
        assert_eq!(one.scalar, other.scalar);
        assert_ne!(one.scalar, Person::new(8, 3).scalar);
    }

    #[test]
    fn every_card_has_its_own_valid_identifier() {
        let mut seen = std::collections::BTreeSet::new();
        for index in 0..1_000 {
            let iccid = Person::new(1, index).iccid;
            assert_eq!(iccid.len(), 19);
            assert!(iccid.bytes().all(|b| b.is_ascii_digit()));
            assert!(seen.insert(iccid));
        }
    }

    #[test]
    fn the_check_digit_is_that_of_a_known_number() {
        // 7992739871 with check digit 3 is the standard's example; here with our prefix.
        assert!(iccid(0, 0).starts_with("898110"));
        let digits: Vec<u32> = iccid(0, 1).bytes().map(|b| u32::from(b - b'0')).collect();
        let sum: u32 = digits
            .iter()
            .rev()
            .enumerate()
            .map(|(i, d)| {
                if i % 2 == 1 {
                    d * 2 / 10 + d * 2 % 10
                } else {
                    *d
                }
            })
            .sum();
        assert_eq!(sum % 10, 0);
    }

    #[test]
    fn pins_are_four_digits_and_not_weak() {
        for index in 0..500 {
            let pin = Person::new(2, index).pin;
            assert_eq!(pin.len(), 4);
            assert!(!is_weak(&pin), "{pin}");
        }
        assert!(is_weak("1111") && is_weak("1234") && is_weak("4321") && is_weak("2026"));
    }

    #[test]
    fn diversification_data_is_bcd() {
        assert_eq!(
            key_diversification_data("8981100000000000013"),
            [0x89, 0x81, 0x10, 0, 0, 0, 0, 0, 0x01, 0x3F]
        );
    }
}
