//! AES-SIV: deterministic authenticated encryption (RFC 5297).

use core::fmt;

use aes::Aes256;
use cipher::{KeyIvInit as _, StreamCipher as _};
use cmac::{Cmac, Mac as _};
use ctr::Ctr128BE;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

type Block = [u8; 16];

/// A pair of AES-256 keys: one for S2V, one for CTR.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SivKey {
    mac: [u8; 32],
    encryption: [u8; 32],
}

impl SivKey {
    /// Takes the bytes of both keys, that for S2V first.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 64]) -> Self {
        let mut key = Self {
            mac: [0; 32],
            encryption: [0; 32],
        };
        let (mac, encryption) = bytes.split_at(32);
        key.mac.copy_from_slice(mac);
        key.encryption.copy_from_slice(encryption);
        key
    }

    /// `SIV ‖ ciphertext`; each string of `associated` is bound for itself.
    /// At most 126 of them (RFC 5297, section 2.6).
    #[must_use]
    pub fn seal(&self, associated: &[&[u8]], plaintext: &[u8]) -> Vec<u8> {
        seal::<Aes256>(&self.mac, &self.encryption, associated, plaintext)
    }

    /// The plaintext of what [`seal`](Self::seal) made with the same strings.
    #[must_use]
    pub fn open(&self, associated: &[&[u8]], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        open::<Aes256>(&self.mac, &self.encryption, associated, sealed)
    }
}

impl fmt::Debug for SivKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SivKey(AES-256)")
    }
}

/// What the construction needs of AES with one length of keys.
trait Aes {
    /// Bytes of a key.
    type Key;

    /// AES-CMAC over the parts, joined.
    fn cmac(key: &Self::Key, parts: &[&[u8]]) -> Block;

    /// Counter mode.
    fn apply_keystream(key: &Self::Key, counter: Block, data: &mut [u8]);
}

macro_rules! aes {
    ($cipher:ident, $length:literal) => {
        impl Aes for aes::$cipher {
            type Key = [u8; $length];

            fn cmac(key: &Self::Key, parts: &[&[u8]]) -> Block {
                let mut mac = <Cmac<Self> as cmac::KeyInit>::new(key.into());
                for part in parts {
                    mac.update(part);
                }
                mac.finalize().into_bytes().into()
            }

            fn apply_keystream(key: &Self::Key, counter: Block, data: &mut [u8]) {
                Ctr128BE::<Self>::new(key.into(), &counter.into()).apply_keystream(data);
            }
        }
    };
}
aes!(Aes256, 32);

/// RFC 5297, section 2.6.
fn seal<A: Aes>(mac: &A::Key, encryption: &A::Key, associated: &[&[u8]], plain: &[u8]) -> Vec<u8> {
    let siv = s2v::<A>(mac, associated, plain);
    let mut ciphertext = plain.to_vec();
    A::apply_keystream(encryption, counter(siv), &mut ciphertext);
    [&siv[..], &ciphertext].concat()
}

/// RFC 5297, section 2.7.
fn open<A: Aes>(
    mac: &A::Key,
    encryption: &A::Key,
    associated: &[&[u8]],
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (siv, ciphertext) = sealed.split_first_chunk::<16>()?;
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    A::apply_keystream(encryption, counter(*siv), &mut plaintext);
    let genuine = s2v::<A>(mac, associated, &plaintext).ct_eq(siv);
    bool::from(genuine).then_some(plaintext)
}

/// The SIV with bits 31 and 63 (from the right) cleared.
fn counter(mut siv: Block) -> Block {
    siv[8] &= 0x7F;
    siv[12] &= 0x7F;
    siv
}

/// RFC 5297, section 2.4, for at least one string: `last`.
fn s2v<A: Aes>(key: &A::Key, associated: &[&[u8]], last: &[u8]) -> Block {
    let mut state = A::cmac(key, &[&[0; 16]]);
    for string in associated {
        state = xor(double(state), A::cmac(key, &[string]));
    }
    if let Some((start, end)) = last.split_last_chunk::<16>() {
        return A::cmac(key, &[start, &xor(*end, state)]);
    }
    let mut padded = [0; 16];
    for (place, byte) in padded.iter_mut().zip(last.iter().chain(&[0x80])) {
        *place = *byte;
    }
    A::cmac(key, &[&xor(double(state), padded)])
}

fn xor(one: Block, other: Block) -> Block {
    (u128::from_be_bytes(one) ^ u128::from_be_bytes(other)).to_be_bytes()
}

/// Multiplication by x in GF(2^128), section 2.3; no branch on the value.
fn double(block: Block) -> Block {
    let value = u128::from_be_bytes(block);
    ((value << 1) ^ ((value >> 127) * 0x87)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use aes::Aes128;
    use proptest::prelude::*;

    use super::*;

    // The vectors have AES-128 keys.
    aes!(Aes128, 16);

    fn bytes(hex: &str) -> Vec<u8> {
        hex::decode(hex.replace(' ', "")).unwrap()
    }

    fn check(key: &str, associated: &[&str], plaintext: &str, sealed: &str) {
        let key = bytes(key);
        let mac = key[..16].try_into().unwrap();
        let encryption = key[16..].try_into().unwrap();
        let associated: Vec<_> = associated.iter().map(|string| bytes(string)).collect();
        let associated: Vec<_> = associated.iter().map(Vec::as_slice).collect();
        let (plaintext, sealed) = (bytes(plaintext), bytes(sealed));
        assert_eq!(
            seal::<Aes128>(&mac, &encryption, &associated, &plaintext),
            sealed
        );
        let opened = open::<Aes128>(&mac, &encryption, &associated, &sealed).unwrap();
        assert_eq!(*opened, plaintext);
    }

    #[test]
    fn reproduces_rfc_5297_a_1() {
        check(
            "fffefdfc fbfaf9f8 f7f6f5f4 f3f2f1f0 f0f1f2f3 f4f5f6f7 f8f9fafb fcfdfeff",
            &["10111213 14151617 18191a1b 1c1d1e1f 20212223 24252627"],
            "11223344 55667788 99aabbcc ddee",
            "85632d07 c6e8f37f 950acd32 0a2ecc93 40c02b96 90c4dc04 daef7f6a fe5c",
        );
    }

    #[test]
    fn reproduces_rfc_5297_a_2() {
        check(
            "7f7e7d7c 7b7a7978 77767574 73727170 40414243 44454647 48494a4b 4c4d4e4f",
            &[
                "00112233 44556677 8899aabb ccddeeff deaddada deaddada ffeeddcc bbaa9988 \
                 77665544 33221100",
                "10203040 50607080 90a0",
                "09f91102 9d74e35b d84156c5 635688c0",
            ],
            "74686973 20697320 736f6d65 20706c61 696e7465 78742074 6f20656e 63727970 \
             74207573 696e6720 5349562d 414553",
            "7bdb6e3b 432667eb 06f4d14b ff2fbd0f cb900f2f ddbe4043 26601965 c889bf17 \
             dba77ceb 094fa663 b7a3f748 ba8af829 ea64ad54 4a272e9c 485b62a3 fd5c0d",
        );
    }

    #[test]
    fn debug_output_shows_no_key_byte() {
        let key = SivKey::from_bytes(&[0xA7; 64]);
        insta::assert_snapshot!(format!("{key:?}"), @"SivKey(AES-256)");
    }

    #[test]
    fn refuses_less_than_a_siv() {
        let key = SivKey::from_bytes(&[1; 64]);
        assert!(key.open(&[], &[0; 15]).is_none());
        let empty = key.seal(&[], b"");
        assert_eq!(key.open(&[], &empty).unwrap().as_slice(), b"");
    }

    proptest! {
        #[test]
        fn opens_only_with_the_same_strings(
            key: [u8; 32],
            strings: Vec<Vec<u8>>,
            others: Vec<Vec<u8>>,
            plaintext: Vec<u8>,
        ) {
            let mut both = [0; 64];
            both[..32].copy_from_slice(&key);
            let key = SivKey::from_bytes(&both);
            let strings: Vec<_> = strings.iter().map(Vec::as_slice).collect();
            let others: Vec<_> = others.iter().map(Vec::as_slice).collect();
            let sealed = key.seal(&strings, &plaintext);
            prop_assert_eq!(&*key.open(&strings, &sealed).unwrap(), &plaintext);
            prop_assert_eq!(key.open(&others, &sealed).is_some(), strings == others);
        }
    }
}
