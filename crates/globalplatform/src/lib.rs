//! What GlobalPlatform card bytes mean: APDUs, TLV, commands, life cycles, load files.
//!
//! The crate follows the GlobalPlatform Card Specification 2.3.1 (`G` in the comments, followed by
//! the clause or table), Amendment D 1.1.1 for SCP03 (`D`), and ISO/IEC 7816-4 for APDUs and
//! BER-TLV. It knows bytes only: no I/O, no clock, no keys, no randomness. Both ends use it: a host
//! encodes commands and decodes responses, a card does the reverse, so every type has both
//! directions.
//!
//! Every decoder takes untrusted bytes, never panics, and reports what is wrong together with the
//! offset of the offending byte ([`error::DecodeError`]).
//!
//! ```
//! use globalplatform::{aid::Aid, apdu::CommandApdu, commands::select::Select};
//!
//! let isd: Aid = "A000000151000000".parse()?;
//! let apdu = Select::by_aid(isd).to_apdu().encode()?;
//! assert_eq!(hex::encode_upper(&apdu), "00A4040008A00000015100000000");
//!
//! let err = CommandApdu::decode(&apdu[..9]).unwrap_err();
//! assert_eq!(err.offset(), 9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The feature `cap` (on by default) adds the `cap` module and needs `std`; everything else is
//! `no_std` with `alloc`.

#![no_std]

extern crate alloc;
#[cfg(any(feature = "cap", test))]
extern crate std;

pub mod aid;
pub mod apdu;
#[cfg(feature = "cap")]
pub mod cap;
pub mod capability;
pub mod card_data;
pub mod commands;
pub mod contactless;
pub mod delegated_management;
pub mod error;
pub mod key;
pub mod life_cycle;
pub mod load_file;
pub mod privileges;
pub mod registry;
pub mod status_word;
pub mod tlv;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
