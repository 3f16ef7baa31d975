//! Challenges and cryptograms of the mutual authentication (Amendment D 6.2.2).

use subtle::ConstantTimeEq as _;

use crate::block::{self, Context};
use crate::kdf::Constant;
use crate::keys::{EncKey, SMac};
use crate::parameters::Mode;

/// A challenge or a cryptogram: 8 bytes in S8 mode, 16 in S16 mode. Neither is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Challenge {
    /// Eight bytes.
    S8([u8; 8]),
    /// Sixteen bytes.
    S16([u8; 16]),
}

impl Challenge {
    /// Takes 8 or 16 bytes, or nothing.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if let Ok(bytes) = bytes.try_into() {
            Some(Self::S8(bytes))
        } else {
            bytes.try_into().ok().map(Self::S16)
        }
    }

    /// The first bytes of `random`, as many as the mode needs.
    pub(crate) fn from_random(random: [u8; 16], mode: Mode) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = random;
        match mode {
            Mode::S8 => Self::S8([a, b, c, d, e, f, g, h]),
            Mode::S16 => Self::S16(random),
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::S8(bytes) => bytes,
            Self::S16(bytes) => bytes,
        }
    }

    /// The mode this length belongs to.
    pub fn mode(&self) -> Mode {
        match self {
            Self::S8(_) => Mode::S8,
            Self::S16(_) => Mode::S16,
        }
    }

    /// Compares in constant time.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        match (self, Self::from_bytes(bytes)) {
            (Self::S8(a), Some(Self::S8(b))) => {
                u64::from_ne_bytes(*a).ct_eq(&u64::from_ne_bytes(b)).into()
            }
            (Self::S16(a), Some(Self::S16(b))) => u128::from_ne_bytes(*a)
                .ct_eq(&u128::from_ne_bytes(b))
                .into(),
            _ => false,
        }
    }

    /// Zeros, to be filled.
    pub(crate) fn blank(mode: Mode) -> Self {
        match mode {
            Mode::S8 => Self::S8([0; 8]),
            Mode::S16 => Self::S16([0; 16]),
        }
    }

    pub(crate) fn as_mut_bytes(&mut self) -> &mut [u8] {
        match self {
            Self::S8(bytes) => bytes,
            Self::S16(bytes) => bytes,
        }
    }
}

/// Whether `mac`, of 8 or 16 bytes, is the beginning of the one that was computed. In constant time,
/// and as one number: byte by byte costs several times as much.
pub(crate) fn begins_with(computed: &[u8; 16], mac: &[u8]) -> bool {
    let [a, b, c, d, e, f, g, h, ..] = *computed;
    let cut = match mac.len() {
        8 => Challenge::S8([a, b, c, d, e, f, g, h]),
        _ => Challenge::S16(*computed),
    };
    cut.is(mac)
}

/// The challenge that a card with pseudo-random challenges answers when INITIALIZE UPDATE has
/// raised the sequence counter of its key set to `counter` (D 6.2.2.1). `aid` names the application
/// that uses the secure channel: the security domain itself when that is selected.
pub fn pseudo_random_card_challenge(
    enc: &EncKey,
    counter: [u8; 3],
    aid: &[u8],
    mode: Mode,
) -> Challenge {
    let context = Context::new([&counter, aid]);
    let mut challenge = Challenge::blank(mode);
    let derivation = Constant::CardChallenge.derivation(&context, challenge.as_mut_bytes());
    block::derive(&enc.0, &mut [derivation]);
    challenge
}

/// The cryptogram by which the card proves itself (D 6.2.2.2). Its length follows `mode`.
pub fn card_cryptogram(
    mac: &SMac,
    mode: Mode,
    host_challenge: &[u8],
    card_challenge: &[u8],
) -> Challenge {
    cryptogram(
        mac,
        Constant::CardCryptogram,
        mode,
        host_challenge,
        card_challenge,
    )
}

/// The cryptogram by which the host proves itself (D 6.2.2.3).
pub fn host_cryptogram(
    mac: &SMac,
    mode: Mode,
    host_challenge: &[u8],
    card_challenge: &[u8],
) -> Challenge {
    cryptogram(
        mac,
        Constant::HostCryptogram,
        mode,
        host_challenge,
        card_challenge,
    )
}

fn cryptogram(
    mac: &SMac,
    constant: Constant,
    mode: Mode,
    host_challenge: &[u8],
    card_challenge: &[u8],
) -> Challenge {
    let context = Context::new([host_challenge, card_challenge]);
    let mut cryptogram = Challenge::blank(mode);
    let derivation = constant.derivation(&context, cryptogram.as_mut_bytes());
    block::derive(&mac.0, &mut [derivation]);
    cryptogram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_a_challenge_of_a_real_card() {
        // Trace in GlobalPlatformPro issue 98: default keys, first session, selected ISD.
        let enc = EncKey::from_bytes(b"@ABCDEFGHIJKLMNO").unwrap();
        let aid = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
        let challenge = pseudo_random_card_challenge(&enc, [0, 0, 1], &aid, Mode::S8);
        assert!(challenge.is(&[0x86, 0xC8, 0xBD, 0x65, 0xFA, 0x10, 0x44, 0xEE]));
    }

    #[test]
    fn takes_only_8_or_16_bytes() {
        for length in 0..20 {
            let challenge = Challenge::from_bytes(&[0; 20][..length]);
            assert_eq!(challenge.map(|c| c.mode()), Mode::from_length(length));
        }
    }

    #[test]
    fn only_the_same_bytes_of_the_same_mode_are_the_same() {
        let bytes: [u8; 16] = core::array::from_fn(|i| i as u8);
        let (short, long) = (bytes.first_chunk().copied().unwrap(), bytes);
        assert!(Challenge::S8(short).is(&short) && begins_with(&bytes, &short));
        assert!(Challenge::S16(long).is(&long) && begins_with(&bytes, &long));
        for length in (0..20).filter(|length| ![8, 16].contains(length)) {
            let other = alloc::vec![0; length];
            assert!(!Challenge::S8([0; 8]).is(&other) && !Challenge::S16([0; 16]).is(&other));
            assert!(!begins_with(&[0; 16], &other));
        }
        assert!(!Challenge::S8(short).is(&long) && !Challenge::S16(long).is(&short));
        for i in 0..16 {
            for bit in 0..8 {
                let mut wrong = bytes;
                wrong[i] ^= 1 << bit;
                assert!(!Challenge::S16(long).is(&wrong) && !begins_with(&bytes, &wrong));
                let is_same = i >= 8;
                assert_eq!(Challenge::S8(short).is(&wrong[..8]), is_same);
                assert_eq!(begins_with(&bytes, &wrong[..8]), is_same);
            }
        }
    }
}
