//! Session keys (Amendment D 4.1.5 and 6.2.1).

use super::{KeyBytes, KeyError, StaticKeys, key_type};
use crate::block::{self, Context, Derivation};
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
        Self::derive_in(keys, &context, None)
    }

    /// The same, with one more derivation under the static encryption key.
    pub(crate) fn derive_in(
        keys: &StaticKeys,
        context: &Context,
        under_enc: Option<Derivation<'_>>,
    ) -> Self {
        let (mut enc, mut mac, mut rmac) =
            (keys.enc.0.blank(), keys.mac.0.blank(), keys.mac.0.blank());
        let s_enc = Constant::SEnc.derivation(context, enc.as_mut_slice());
        match under_enc {
            Some(other) => block::derive(&keys.enc.0, &mut [s_enc, other]),
            None => block::derive(&keys.enc.0, &mut [s_enc]),
        }
        block::derive(
            &keys.mac.0,
            &mut [
                Constant::SMac.derivation(context, mac.as_mut_slice()),
                Constant::SRmac.derivation(context, rmac.as_mut_slice()),
            ],
        );
        Self {
            enc: SEnc(enc),
            mac: SMac(mac),
            rmac: SRmac(rmac),
        }
    }
}
