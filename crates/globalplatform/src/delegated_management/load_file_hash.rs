//! The load file data block hash (G C.2): which hashes there are, which suffice, and when one must be
//! there (G 11.5.2.3.1).

use alloc::vec::Vec;

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{SignatureScheme, Signer};
use crate::{
    aid::Aid,
    commands::install::InstallForLoad,
    load_file::{DapBlock, LoadFileStructure},
};

/// A hash, numbered as in the card capability information (G H.4, tag 83).
///
/// ```
/// use globalplatform::delegated_management::HashAlgorithm;
///
/// let weakest = HashAlgorithm::for_aes_key(24).unwrap();
/// assert_eq!(weakest, HashAlgorithm::Sha384);
/// assert!(weakest.is_met_by(HashAlgorithm::Sha512));
/// assert!(!weakest.is_met_by(HashAlgorithm::Sha256));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum HashAlgorithm {
    /// SHA-1, 20 bytes.
    Sha1 = 0x01,
    /// SHA-256, 32 bytes.
    Sha256 = 0x02,
    /// SHA-384, 48 bytes.
    Sha384 = 0x03,
    /// SHA-512, 64 bytes.
    Sha512 = 0x04,
}

impl HashAlgorithm {
    /// All of them, the weakest first.
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The number in the card capability information.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The hash with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.number() == number)
    }

    /// How many bytes a digest has.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The hash whose digests have this many bytes, by which a card recognises it.
    #[must_use]
    pub fn from_length(length: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.length() == length)
    }

    /// The weakest hash that goes with a DAP, token or cipher under an AES key of this many bytes
    /// (G Table C-3, Amendment D 8).
    #[must_use]
    pub const fn for_aes_key(bytes: usize) -> Option<Self> {
        match bytes {
            16 => Some(Self::Sha256),
            24 => Some(Self::Sha384),
            32 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Whether `other` is at least as strong (G Table C-3).
    #[must_use]
    pub fn is_met_by(self, other: Self) -> bool {
        other >= self
    }

    /// The digest of `data`: for the load file data block the content of C4, before encryption.
    #[must_use]
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha384 => Sha384::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }
}

/// The hash in INSTALL [for load] does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadFileHashError {
    /// A token, a DAP block or a ciphered data block needs a hash, and there is none.
    #[error("a load file with a token, a DAP block or a cipher needs a hash")]
    Missing,
    /// No hash has this length.
    #[error("no hash has {length} bytes")]
    Length {
        /// How many bytes it has.
        length: usize,
    },
    /// It is weaker than what it is used with.
    #[error("the hash is too weak")]
    TooWeak,
    /// It is not that of the data block.
    #[error("the hash is not that of the load file data block")]
    Mismatch,
}

impl InstallForLoad {
    /// Checks the hash against the load file that came: it must be there with a token, a DAP block or
    /// a cipher, be at least as strong as `weakest` then, and be right. `data_block` is the data block
    /// in clear.
    ///
    /// # Errors
    /// [`LoadFileHashError`].
    pub fn check_hash(
        &self,
        structure: &LoadFileStructure,
        data_block: &[u8],
        weakest: HashAlgorithm,
    ) -> Result<(), LoadFileHashError> {
        let needed = self.token.is_some() || !structure.dap_blocks.is_empty() || structure.ciphered;
        let Some(hash) = &self.hash else {
            return if needed {
                Err(LoadFileHashError::Missing)
            } else {
                Ok(())
            };
        };
        let length = hash.len();
        let algorithm =
            HashAlgorithm::from_length(length).ok_or(LoadFileHashError::Length { length })?;
        if needed && !weakest.is_met_by(algorithm) {
            return Err(LoadFileHashError::TooWeak);
        }
        if algorithm.digest(data_block) == *hash {
            Ok(())
        } else {
            Err(LoadFileHashError::Mismatch)
        }
    }
}

impl DapBlock {
    /// Signs a load file data block hash for the security domain that verifies it (G C.3). The hash is
    /// the input of the signature, which may hash it once more.
    ///
    /// # Errors
    /// What the signer says.
    pub fn sign<S: Signer>(
        security_domain: Aid,
        hash: &[u8],
        signer: &S,
    ) -> Result<Self, S::Error> {
        signer.sign(hash).map(|signature| Self {
            security_domain,
            signature,
        })
    }

    /// Whether the signature has the length that `scheme` demands.
    #[must_use]
    pub const fn fits(&self, scheme: SignatureScheme) -> bool {
        self.signature.len() == scheme.signature_length()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::install::LoadParameters;

    #[test]
    fn knows_the_hashes() {
        // The digests of "abc" in FIPS 180.
        for (number, hash, length, abc) in [
            (1, HashAlgorithm::Sha1, 20, "a9993e364706816a"),
            (2, HashAlgorithm::Sha256, 32, "ba7816bf8f01cfea"),
            (3, HashAlgorithm::Sha384, 48, "cb00753f45a35e8b"),
            (4, HashAlgorithm::Sha512, 64, "ddaf35a193617aba"),
        ] {
            assert_eq!(hash.number(), number);
            assert_eq!(HashAlgorithm::from_number(number), Some(hash));
            assert_eq!(hash.length(), length);
            assert_eq!(HashAlgorithm::from_length(length), Some(hash));
            assert_eq!(hash.digest(b"abc").len(), length);
            assert_eq!(hex::encode(&hash.digest(b"abc")[..8]), abc);
        }
        assert_eq!(HashAlgorithm::from_number(0), None);
        assert_eq!(HashAlgorithm::from_number(5), None);
        assert_eq!(HashAlgorithm::from_length(28), None);
    }

    #[test]
    fn the_hash_is_as_strong_as_the_key() {
        use HashAlgorithm::{Sha1, Sha256, Sha384, Sha512};
        assert_eq!(HashAlgorithm::for_aes_key(16), Some(Sha256));
        assert_eq!(HashAlgorithm::for_aes_key(24), Some(Sha384));
        assert_eq!(HashAlgorithm::for_aes_key(32), Some(Sha512));
        assert_eq!(HashAlgorithm::for_aes_key(20), None);
        for (weakest, enough) in [
            (Sha1, &[Sha1, Sha256, Sha384, Sha512][..]),
            (Sha256, &[Sha256, Sha384, Sha512]),
            (Sha384, &[Sha384, Sha512]),
            (Sha512, &[Sha512]),
        ] {
            let met: Vec<_> = HashAlgorithm::ALL
                .into_iter()
                .filter(|other| weakest.is_met_by(*other))
                .collect();
            assert_eq!(met, enough);
        }
    }

    fn install(hash: Option<Vec<u8>>, token: Option<Vec<u8>>) -> InstallForLoad {
        InstallForLoad {
            load_file: "A000000151".parse().unwrap(),
            security_domain: None,
            hash,
            parameters: LoadParameters::default(),
            token,
        }
    }

    #[test]
    fn token_dap_and_cipher_need_a_hash() {
        let plain = LoadFileStructure::new(*b"abc");
        let signed = LoadFileStructure {
            dap_blocks: [DapBlock {
                security_domain: "A000000151".parse().unwrap(),
                signature: [0; 16].into(),
            }]
            .into(),
            ..plain.clone()
        };
        let ciphered = LoadFileStructure {
            ciphered: true,
            ..plain.clone()
        };
        let token = Some([1].into());
        let weakest = HashAlgorithm::Sha256;
        for (structure, token, expected) in [
            (&plain, None, Ok(())),
            (&plain, token, Err(LoadFileHashError::Missing)),
            (&signed, None, Err(LoadFileHashError::Missing)),
            (&ciphered, None, Err(LoadFileHashError::Missing)),
        ] {
            let without = install(None, token.clone());
            assert_eq!(without.check_hash(structure, b"abc", weakest), expected);
            let weak = install(Some(HashAlgorithm::Sha1.digest(b"abc")), token.clone());
            let too_weak = expected.map_err(|_| LoadFileHashError::TooWeak);
            assert_eq!(weak.check_hash(structure, b"abc", weakest), too_weak);
            let right = install(Some(HashAlgorithm::Sha256.digest(b"abc")), token);
            assert_eq!(right.check_hash(structure, b"abc", weakest), Ok(()));
            assert_eq!(
                right.check_hash(structure, b"abd", weakest),
                Err(LoadFileHashError::Mismatch)
            );
        }
        let odd = install(Some([0; 28].into()), None);
        assert_eq!(
            odd.check_hash(&plain, b"abc", weakest),
            Err(LoadFileHashError::Length { length: 28 })
        );
        assert!(signed.dap_blocks[0].fits(SignatureScheme::AesCmac));
        assert!(!signed.dap_blocks[0].fits(SignatureScheme::DesMac));
    }
}
