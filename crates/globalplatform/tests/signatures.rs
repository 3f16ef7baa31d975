//! Tokens, DAP blocks and receipts signed and verified with real keys, by the crates `rsa`, `p256` and
//! `p384` behind [`Signer`] and [`Verifier`]. The RSA signatures were made by OpenSSL 3.0.19.

#![expect(
    clippy::unwrap_used,
    reason = "the keys and signatures are constants of this file"
)]

use std::convert::Infallible;

use globalplatform::{
    aid::Aid,
    commands::{confirmation::Confirmation, delete::Delete},
    delegated_management::{
        HashAlgorithm, KeyKind, ReceiptSubject, SignableCommand, SignatureScheme, Signer, Verifier,
        sign, token_input,
    },
    load_file::DapBlock,
};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use rsa::{BoxedUint, PublicKey, pkcs1v15, pss};
use sha1::Sha1;
use sha2::Sha256;

const MODULUS_1024: &str = "BE5B88E39E0C5EAB09B0B4E6D066E45AA90ED9FD42304E6D5636E01FC4B6726AF86\
    3716DF34D4E05B59A218C31227EE5D2F67AE70ABC21BFDFDE3578DD29EC085AAE537266E4CC7154C31AB0808DB803\
    3AEA05A781B1D6D4179465B5996DAD786F2BA207292A6DF7BFB0FB6036D754E9434AE8F11991BFE0D1566161A5331\
    58B";
const SIGNATURE_1024: &str = "0c1e84529192e0dd79f46f6e69ba12e1d5db4a7ffa7a238ff163b285b8002ddb329\
    245441242395a1a23fcc846caa48d633a800009dda3ffdd3e95e02878a24e300fbff7f4abf6a6d8baa352d96a6034\
    9fc32e37429515a306a751a343026e795ab2d2f0261b840d8bebd280a00333157c265aff0902cf8663ca74374ac48\
    ff8";
const MODULUS_2048: &str = "A96DE53967A4B9D4BBF4196F5D246EC3E3C156CAB3CB6021053878579E67E41A877\
    FB4E9B6012A0E87D28C677A2E2B85577090967817D5386D6E028400B9606F5DD62BC05D46368C6B726A04C2235AC8\
    6C046438F5FE1069EF15341FEC78975528869F901C7F364CCB764373F53AD8756CEF4871F143A8EFFA3BE6BFCB219\
    F5A52BAABA8125E38B94C89E2B3DA098649F7CCE9BA31FAB8B1DE171FC1C2464EE34551CE97145CE3F9E594E9B7A5\
    280B75F141BE1792D58FB71E54321B762B02C8120E07F59F9C5F1EE1A39568F8C4861FABB3FDF63F49BDD38AE13F3\
    979E9C003E25AD4A79A1FE8C406B337FF6D70BC9D8CBA61C2645819DE1A62754FFF53E4B3";
const SIGNATURE_2048: &str = "3210b3abe5bed9105f4c1179cedc0fdeeac271fdbd6e87e721e5fb685b6e63c763a\
    64161c3ef65a5cde1e8312b915a6167ff92096f5712e0f2705d11bafafb7023bf2e054e41e6d73eee9d3bfec7814c\
    f370db276adee1ea52964c41de37deeff9cd85e904f4e67cbcc1c3f2512e6ef7400921106b674caa2dc71927d280f\
    68af250f86243e08aff5cdb37f0c26687d2f87920ac1052cfde79bfcee0dc0724ca67e7af262b5d0ea7ba32610214\
    cd0abf4f3c601eba94dae6d63d96485efa6beae6512c270eb8edc4b7cae8d95728238b2da8321dd05c4adc114dd17\
    6f82970b29f8f0f8ee11b47969f3573366616ddb3f5966b6b6cf37f3b61795b0955fa5b09";

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

fn aid(text: &str) -> Aid {
    text.parse().unwrap()
}

struct Rsa {
    key: PublicKey,
    scheme: SignatureScheme,
}

impl Rsa {
    fn new(modulus: &str) -> Self {
        let modulus = bytes(modulus);
        let bits = 8 * modulus.len();
        let n = BoxedUint::from_be_slice(&modulus, bits.try_into().unwrap()).unwrap();
        Self {
            key: PublicKey::new(n, BoxedUint::from(65_537u64)).unwrap(),
            scheme: SignatureScheme::for_key(KeyKind::Rsa { bits }).unwrap(),
        }
    }
}

impl Verifier for Rsa {
    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    fn is_genuine(&self, input: &[u8], signature: &[u8]) -> bool {
        let key = self.key.clone();
        match self.scheme.hash() {
            Some(HashAlgorithm::Sha1) => pkcs1v15::VerifyingKey::<Sha1>::new(key)
                .verify(input, &signature.try_into().unwrap())
                .is_ok(),
            _ => pss::VerifyingKey::<Sha256>::new(key)
                .verify(input, &signature.try_into().unwrap())
                .is_ok(),
        }
    }
}

/// ECDSA in plain format on one of the curves; the crates hash as the curve demands.
macro_rules! ec_key {
    ($name:ident, $curve:ident, $bits:literal) => {
        struct $name($curve::ecdsa::SigningKey);

        impl $name {
            fn new() -> Self {
                Self($curve::ecdsa::SigningKey::from_slice(&[0x42; $bits / 8]).unwrap())
            }
        }

        impl Signer for $name {
            type Error = Infallible;

            fn scheme(&self) -> SignatureScheme {
                SignatureScheme::for_key(KeyKind::Ec { bits: $bits }).unwrap()
            }

            fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Infallible> {
                let signature: $curve::ecdsa::Signature = self.0.sign(input);
                Ok(signature.to_bytes().to_vec())
            }
        }

        impl Verifier for $name {
            fn scheme(&self) -> SignatureScheme {
                Signer::scheme(self)
            }

            fn is_genuine(&self, input: &[u8], signature: &[u8]) -> bool {
                $curve::ecdsa::Signature::from_slice(signature)
                    .is_ok_and(|signature| self.0.verifying_key().verify(input, &signature).is_ok())
            }
        }
    };
}

ec_key!(P256, p256, 256);
ec_key!(P384, p384, 384);

/// A DELETE whose token OpenSSL signed.
fn delete(token: &str) -> Delete {
    Delete {
        token: Some(bytes(token)),
        ..Delete::new(aid("A000000151"), true)
    }
}

#[test]
fn rsa_tokens_made_by_openssl_are_genuine() {
    for (modulus, signature, hash) in [
        (MODULUS_1024, SIGNATURE_1024, HashAlgorithm::Sha1),
        (MODULUS_2048, SIGNATURE_2048, HashAlgorithm::Sha256),
    ] {
        let key = Rsa::new(modulus);
        assert_eq!(key.scheme().hash(), Some(hash));
        let command = delete(signature);
        let signed = token_input(&command.to_apdu()).unwrap();
        let token = signed.token.unwrap();
        assert!(key.verify(&signed.input, &token));
        // One more object deleted, one bit of the token, a shorter token.
        let other = Delete {
            related: false,
            ..command
        };
        assert!(!key.verify(&other.token_input(), &token));
        let mut damaged = token.clone();
        damaged[20] ^= 1;
        assert!(!key.verify(&signed.input, &damaged));
        assert!(!key.verify(&signed.input, &token[1..]));
    }
}

fn signs_and_verifies(key: &(impl Signer<Error = Infallible> + Verifier)) {
    let mut command = Delete::new(aid("A000000151"), true);
    sign(&mut command, key).unwrap();
    let signed = token_input(&command.to_apdu()).unwrap();
    let length = Verifier::scheme(key).signature_length();
    assert_eq!(command.token().map(<[u8]>::len), Some(length));
    assert!(key.verify(&signed.input, signed.token.as_deref().unwrap()));
    assert!(!key.verify(b"something else", signed.token.as_deref().unwrap()));

    let hash = HashAlgorithm::Sha512.digest(b"load file data block");
    let dap = DapBlock::sign(aid("A000000151"), &hash, key).unwrap();
    assert!(dap.fits(Verifier::scheme(key)));
    assert!(key.verify(&hash, &dap.signature));

    let subject = ReceiptSubject::of_delete(&command);
    let mut confirmation = Confirmation {
        counter: 7,
        unique_data: vec![1, 2, 3],
        ..Confirmation::default()
    };
    confirmation.receipt = key.sign(&subject.receipt_input(&confirmation)).unwrap();
    assert!(subject.is_confirmed_by(&confirmation, key));
    confirmation.counter = 8;
    assert!(!subject.is_confirmed_by(&confirmation, key));
}

#[test]
fn ecdsa_signs_and_verifies() {
    signs_and_verifies(&P256::new());
    signs_and_verifies(&P384::new());
}
