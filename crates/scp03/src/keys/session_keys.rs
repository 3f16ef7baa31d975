//! Session keys (Amendment D 4.1.5 and 6.2.1).

use super::{EncKey, KeyBytes, KeyError, MacKey, StaticKeys, key_type};
use crate::block::{self, Context, Derivation, Input};
use crate::kdf::Constant;

key_type!(
    /// S-ENC: encrypts the data of commands and responses.
    SEnc
);
key_type!(
    /// S-MAC: MACs of commands, and both cryptograms.
    SMac
);
key_type!(
    /// S-RMAC: MACs of responses.
    SRmac
);

/// The keys of one session. There is no session DEK: key data is encrypted under the static one (D
/// 6.2.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionKeys {
    /// Encrypts data.
    pub enc: SEnc,
    /// MACs of commands, and both cryptograms.
    pub mac: SMac,
    /// MACs of responses.
    pub rmac: SRmac,
}

impl SessionKeys {
    /// Takes the bytes of S-ENC, S-MAC and S-RMAC, for a checker that knows them.
    ///
    /// # Errors
    /// A length is not of AES, or the lengths differ.
    pub fn from_bytes(enc: &[u8], mac: &[u8], rmac: &[u8]) -> Result<Self, KeyError> {
        if enc.len() != mac.len() || mac.len() != rmac.len() {
            return Err(KeyError::MixedLengths);
        }
        Ok(Self {
            enc: SEnc::from_bytes(enc)?,
            mac: SMac::from_bytes(mac)?,
            rmac: SRmac::from_bytes(rmac)?,
        })
    }

    /// Derives the keys of the session that two challenges open.
    pub fn derive(keys: &StaticKeys, host_challenge: &[u8], card_challenge: &[u8]) -> Self {
        let context = Context::new([host_challenge, card_challenge]);
        let enc = SEnc::derive(&keys.enc, None, Input::Context(&context));
        Self::with_macs(enc, &keys.mac, &context)
    }

    /// Adds the two MAC keys to S-ENC.
    pub(crate) fn with_macs(enc: SEnc, key: &MacKey, context: &Context) -> Self {
        let (mut mac, mut rmac) = (SMac(key.0.blank()), SRmac(key.0.blank()));
        block::derive(
            &key.0,
            &mut [
                Constant::SMac.derivation(context, mac.0.as_mut_slice()),
                Constant::SRmac.derivation(context, rmac.0.as_mut_slice()),
            ],
        );
        Self { enc, mac, rmac }
    }
}

impl SEnc {
    /// Derives the key from both challenges; `before` is made first, under the same static key.
    pub(crate) fn derive(key: &EncKey, before: Option<Derivation<'_>>, input: Input<'_>) -> Self {
        let mut enc = Self(key.0.blank());
        let s_enc = Constant::SEnc.derivation_from(input, enc.0.as_mut_slice());
        match before {
            Some(before) => block::derive(&key.0, &mut [before, s_enc]),
            None => block::derive(&key.0, &mut [s_enc]),
        }
        enc
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_length() {
        let of = |enc: usize, mac: usize, rmac: usize| {
            SessionKeys::from_bytes(&[1; 32][..enc], &[2; 32][..mac], &[3; 32][..rmac])
        };
        for length in [16, 24, 32] {
            assert!(of(length, length, length).is_ok());
        }
        for (enc, mac, rmac) in [(24, 16, 16), (16, 24, 16), (16, 16, 24)] {
            assert_eq!(of(enc, mac, rmac), Err(KeyError::MixedLengths));
        }
        assert_eq!(of(8, 8, 8), Err(KeyError::InvalidLength { length: 8 }));
    }
}
