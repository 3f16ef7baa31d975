//! STORE DATA (G 11.11): data for the security domain or, after INSTALL [for personalization], for
//! one of its applications.

mod assembly;
mod dgi;
mod key_description;

use alloc::vec::Vec;
use core::fmt;

pub use assembly::{BlockError, BlockJoiner};
pub use dgi::{Dgi, DgiReader, DgiRef};
pub use key_description::{BER_TLV_OBJECTS, KEY_DESCRIPTIONS, KeyDescription, component_dgi};

use super::{
    header::{self, INVALID_P1, Origin},
    load::numbered_blocks,
};
use crate::{
    apdu::{CommandApdu, MAX_SHORT_LE},
    error::{DecodeError, EncodeError},
};

/// Instruction byte.
pub const INS: u8 = 0xE2;

/// P1 b8: the last block.
const LAST: u8 = 0x80;
/// P1 b1: response data are expected.
const CASE_4: u8 = 0x01;
/// P1 b3 and b2 have no meaning.
const RESERVED: u8 = 0x06;

/// Whether the data are encrypted with the DEK (P1 b7 and b6, G Table 11-89).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Encryption {
    /// No information, or not encrypted.
    None = 0x00,
    /// The application decides.
    ApplicationDependent = 0x20,
    /// Encrypted.
    Encrypted = 0x60,
}

/// How the data are structured (P1 b5 and b4, G Table 11-89).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Structure {
    /// No information.
    None = 0x00,
    /// Data groupings ([`Dgi`]).
    Dgi = 0x08,
    /// BER-TLV.
    BerTlv = 0x10,
}

/// One block of data.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreData {
    /// Whether this is the last block.
    pub last: bool,
    /// Whether the data are encrypted.
    pub encryption: Encryption,
    /// How the data are structured.
    pub structure: Structure,
    /// Whether response data are expected (ISO case 4).
    pub case4: bool,
    /// Counts from 0 by one.
    pub block_number: u8,
    /// The data; a long value may be cut anywhere.
    pub data: Vec<u8>,
}

impl StoreData {
    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let p1 = if self.last { LAST } else { 0 }
            | self.encryption as u8
            | self.structure as u8
            | if self.case4 { CASE_4 } else { 0 };
        let apdu = CommandApdu::new(0x80, INS, p1, self.block_number).with_data(self.data.clone());
        if self.case4 {
            apdu.with_le(MAX_SHORT_LE)
        } else {
            apdu
        }
    }

    /// Decodes the command. Only P1 says whether a response is expected; Le does not count, for
    /// many hosts always send it.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::GlobalPlatform, INS)?;
        if apdu.p1 & RESERVED != 0 {
            return Err(INVALID_P1);
        }
        let encryption = match apdu.p1 & 0x60 {
            0x00 => Encryption::None,
            0x20 => Encryption::ApplicationDependent,
            0x60 => Encryption::Encrypted,
            _ => return Err(INVALID_P1),
        };
        let structure = match apdu.p1 & 0x18 {
            0x00 => Structure::None,
            0x08 => Structure::Dgi,
            0x10 => Structure::BerTlv,
            _ => return Err(INVALID_P1),
        };
        Ok(Self {
            last: apdu.p1 & LAST != 0,
            encryption,
            structure,
            case4: apdu.p1 & CASE_4 != 0,
            block_number: apdu.p2,
            data: apdu.data.clone(),
        })
    }
}

impl fmt::Debug for StoreData {
    /// Everything but the data, which may be keys or a PIN.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreData")
            .field("last", &self.last)
            .field("encryption", &self.encryption)
            .field("structure", &self.structure)
            .field("case4", &self.case4)
            .field("block_number", &self.block_number)
            .field("data", &format_args!("[{} bytes]", self.data.len()))
            .finish()
    }
}

/// Cuts data into STORE DATA commands of at most `block_size` bytes; nothing becomes one empty
/// block.
///
/// # Errors
/// [`EncodeError::TooManyBlocks`] when 256 blocks do not suffice, [`EncodeError::EmptyBlocks`] when
/// `block_size` is zero.
pub fn store_data_blocks(
    payload: &[u8],
    block_size: usize,
    encryption: Encryption,
    structure: Structure,
    case4: bool,
) -> Result<Vec<StoreData>, EncodeError> {
    let block = |(block_number, last, data): (u8, bool, &[u8])| StoreData {
        last,
        encryption,
        structure,
        case4,
        block_number,
        data: data.to_vec(),
    };
    if payload.is_empty() {
        return Ok(Vec::from([block((0, true, payload))]));
    }
    Ok(numbered_blocks(payload, block_size)?.map(block).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{
        any_apdu, any_bytes, apdu, assert_encodes, assert_no_panic, assert_round_trips,
    };
    use alloc::{format, vec};
    use proptest::prelude::*;

    fn block() -> StoreData {
        StoreData {
            last: true,
            encryption: Encryption::None,
            structure: Structure::Dgi,
            case4: false,
            block_number: 3,
            data: vec![0x9F, 0x03, 4, b'1', b'2', b'3', b'4'],
        }
    }

    #[test]
    fn encodes_examples() {
        assert_encodes(&block().to_apdu(), "80E28803 07 9F030431323334");
        let response = StoreData {
            case4: true,
            encryption: Encryption::Encrypted,
            structure: Structure::BerTlv,
            data: vec![0x80, 0],
            ..block()
        };
        assert_encodes(&response.to_apdu(), "80E2F103 02 8000 00");
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("00E28800", 0),
            ("80E38800", 1),
            ("80E28C00", 2),
            ("80E2C800", 2),
            ("80E29800", 2),
        ] {
            let error = StoreData::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    #[test]
    fn debug_shows_no_data() {
        let text = format!("{:?}", block());
        assert!(
            text.ends_with("block_number: 3, data: [7 bytes] }"),
            "{text}"
        );
    }

    #[test]
    fn sends_one_empty_block_for_no_data() {
        let blocks = store_data_blocks(&[], 9, Encryption::None, Structure::None, false).unwrap();
        assert_eq!(blocks.len(), 1);
        assert!(blocks[0].last && blocks[0].data.is_empty());
    }

    fn any_encryption() -> impl Strategy<Value = Encryption> {
        prop_oneof![
            Just(Encryption::None),
            Just(Encryption::ApplicationDependent),
            Just(Encryption::Encrypted)
        ]
    }

    fn any_structure() -> impl Strategy<Value = Structure> {
        prop_oneof![
            Just(Structure::None),
            Just(Structure::Dgi),
            Just(Structure::BerTlv)
        ]
    }

    proptest! {
        #[test]
        fn round_trips(last: bool, encryption in any_encryption(), structure in any_structure(),
            case4: bool, block_number: u8, data in any_bytes(0..300)) {
            let command = StoreData { last, encryption, structure, case4, block_number, data };
            assert_round_trips(&command, StoreData::to_apdu, StoreData::from_apdu);
        }

        #[test]
        fn blocks_join_to_the_whole(data in any_bytes(0..1000), size in 4usize..300, case4: bool) {
            let blocks =
                store_data_blocks(&data, size, Encryption::None, Structure::Dgi, case4).unwrap();
            let joined: Vec<u8> = blocks.iter().flat_map(|block| block.data.clone()).collect();
            prop_assert_eq!(joined, data);
            for (i, block) in blocks.iter().enumerate() {
                prop_assert_eq!(usize::from(block.block_number), i);
                prop_assert_eq!(block.last, i + 1 == blocks.len());
            }
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS)) {
            assert_no_panic(&apdu, StoreData::from_apdu);
        }
    }
}
