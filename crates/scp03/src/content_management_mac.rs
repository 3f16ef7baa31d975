//! Tokens and receipts of delegated management, as AES-CMAC (Amendment D 8, G C.2 to C.5).
//!
//! A token says that the owner of the card allows one content management command; a receipt says
//! that the card has carried it out. Both are the whole 16 bytes of the CMAC over data that G C.4
//! and C.5 lay out.

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
