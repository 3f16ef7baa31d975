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
        self.as_bytes().ct_eq(bytes).into()
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
}
