//! Tokens and receipts of delegated management, as AES-CMAC (Amendment D 8, G C.2 to C.5).
//!
//! A token says that the owner of the card allows one content management command; a receipt says
//! that the card has carried it out. Both are the whole 16 bytes of the CMAC over data that G C.4
//! and C.5 lay out.

use alloc::vec::Vec;
use core::convert::Infallible;

use globalplatform::delegated_management::{SignatureScheme, Signer, Verifier};
use subtle::ConstantTimeEq as _;

use crate::keys::{KeyBytes, KeyError, key_type};

key_type!(
    /// Token key, version 70, identifier 01.
    TokenKey
);
key_type!(
    /// Receipt key, version 71, identifier 01.
    ReceiptKey
);

key_type!(
    /// DAP key, version 73, identifier 01: signs the hash of a load file data block.
    DapKey
);

impl DapKey {
    /// The load file data block signature over a hash (G C.3).
    pub fn signature(&self, hash: &[u8]) -> [u8; 16] {
        self.0.cmac(&[hash])
    }

    /// Whether this is the signature over the hash, in constant time.
    pub fn is_signature(&self, signature: &[u8], hash: &[u8]) -> bool {
        self.signature(hash).ct_eq(signature).into()
    }
}

/// All three sign and verify with AES-CMAC.
macro_rules! signs_with_cmac {
    ($($key:ident),*) => {
        $(impl Signer for $key {
            type Error = Infallible;

            fn scheme(&self) -> SignatureScheme {
                SignatureScheme::AesCmac
            }

            fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Infallible> {
                Ok(self.0.cmac(&[input]).to_vec())
            }
        }

        impl Verifier for $key {
            fn scheme(&self) -> SignatureScheme {
                SignatureScheme::AesCmac
            }

            fn is_genuine(&self, input: &[u8], signature: &[u8]) -> bool {
                self.0.cmac(&[input]).ct_eq(signature).into()
            }
        })*
    };
}

signs_with_cmac!(TokenKey, ReceiptKey, DapKey);

impl TokenKey {
    /// The token over `P1 | P2 | Lc without token | data without token` of a command.
    pub fn token(&self, data: &[u8]) -> [u8; 16] {
        self.0.cmac(&[data])
    }

    /// Whether this is the token over the data, in constant time.
    pub fn is_token(&self, token: &[u8], data: &[u8]) -> bool {
        self.token(data).ct_eq(token).into()
    }
}

impl ReceiptKey {
    /// The receipt over `confirmation data | what was done`.
    pub fn receipt(&self, data: &[u8]) -> [u8; 16] {
        self.0.cmac(&[data])
    }

    /// Whether this is the receipt over the data, in constant time.
    pub fn is_receipt(&self, receipt: &[u8], data: &[u8]) -> bool {
        self.receipt(data).ct_eq(receipt).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_a_command_and_its_receipt_as_the_vectors_do() {
        use globalplatform::commands::confirmation::Confirmation;
        use globalplatform::commands::delete::Delete;
        use globalplatform::delegated_management::{
            ReceiptSubject, SignableCommand as _, sign, token_input,
        };

        // `token-delete` of the vectors.
        let key = [
            0xF8, 0x8C, 0x44, 0xE9, 0x5C, 0x23, 0x38, 0x9F, 0xCC, 0x9C, 0x74, 0xFB, 0xFF, 0xD4,
            0xCB, 0x0B,
        ];
        let token_key = TokenKey::from_bytes(&key).unwrap();
        let mut delete = Delete::new("A00000015141434C0101".parse().unwrap(), false);
        sign(&mut delete, &token_key).unwrap();
        let expected = [
            0x35, 0xFA, 0x33, 0xD6, 0x07, 0xD6, 0xB6, 0x24, 0x1F, 0x10, 0x0C, 0x91, 0x70, 0xBC,
            0x50, 0x74,
        ];
        assert_eq!(delete.token(), Some(&expected[..]));
        let signed = token_input(&delete.to_apdu()).unwrap();
        assert!(token_key.verify(&signed.input, &expected));
        assert!(!token_key.verify(&signed.input[1..], &expected));
        assert_eq!(Signer::scheme(&token_key), SignatureScheme::AesCmac);

        let receipt_key = ReceiptKey::from_bytes(&[0x71; 32]).unwrap();
        let subject = ReceiptSubject::of_delete(&delete);
        let mut confirmation = Confirmation::default();
        let input = subject.receipt_input(&confirmation);
        confirmation.receipt = receipt_key.receipt(&input).to_vec();
        assert!(subject.is_confirmed_by(&confirmation, &receipt_key));
        confirmation.counter += 1;
        assert!(!subject.is_confirmed_by(&confirmation, &receipt_key));
    }

    #[test]
    fn a_dap_signature_holds_for_its_hash_only() {
        let key = DapKey::from_bytes(&[0x73; 16]).unwrap();
        let signature = key.signature(b"hash");
        assert!(key.is_signature(&signature, b"hash"));
        assert!(!key.is_signature(&signature, b"hush"));
        assert!(!key.is_signature(&signature[..8], b"hash"));
        assert_eq!(key.sign(b"hash"), Ok(signature.to_vec()));
    }

    #[test]
    fn a_token_holds_for_its_data_only() {
        let key = TokenKey::from_bytes(&[0x70; 16]).unwrap();
        let token = key.token(b"install this");
        assert!(key.is_token(&token, b"install this"));
        assert!(!key.is_token(&token, b"install that"));
        assert!(!key.is_token(&token[..8], b"install this"));
    }

    #[test]
    fn a_receipt_holds_for_its_data_only() {
        let key = ReceiptKey::from_bytes(&[0x71; 32]).unwrap();
        let receipt = key.receipt(b"done");
        assert!(key.is_receipt(&receipt, b"done"));
        assert!(!key.is_receipt(&receipt, b"not done"));
        assert!(!key.is_receipt(&[], b"done"));
    }
}
