//! Delegated management: tokens that allow a command, receipts that confirm it, and the signatures
//! and hashes of load files (G C.2 to C.5).
//!
//! This module says *what* is signed ([`token_input`], [`ReceiptSubject`]) and *how* it must be signed
//! for a given key ([`SignatureScheme`]). The signing itself is the caller's: [`Signer`] and
//! [`Verifier`] are implemented over any RSA, EC or AES code; the crate `scp03` has them for AES.
//!
//! ```
//! use globalplatform::{
//!     commands::delete::Delete,
//!     delegated_management::{SignableCommand, Signer, SignatureScheme, sign},
//! };
//!
//! /// Stands for an AES key in a security module.
//! struct Module;
//!
//! impl Signer for Module {
//!     type Error = core::convert::Infallible;
//!     fn scheme(&self) -> SignatureScheme {
//!         SignatureScheme::AesCmac
//!     }
//!     fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Self::Error> {
//!         assert_eq!(input, [0x00, 0x80, 7, 0x4F, 5, 0xA0, 0, 0, 1, 0x51]);
//!         Ok(vec![0x5A; 16])
//!     }
//! }
//!
//! let mut delete = Delete::new("A000000151".parse()?, true);
//! sign(&mut delete, &Module)?;
//! assert_eq!(delete.token(), Some(&[0x5A; 16][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod load_file_hash;
mod receipt;
mod scheme;
mod token;

pub use load_file_hash::{HashAlgorithm, LoadFileHashError};
pub use receipt::ReceiptSubject;
pub use scheme::{KeyKind, SignatureScheme, Signer, Verifier};
pub use token::{SignableCommand, SignedCommand, combined_token_input, sign, token_input};
