//! What LOAD commands transport, joined (G 11.6.2.3, Table 11-58): DAP blocks and the data block,
//! plain or ciphered.

use alloc::vec::Vec;

use crate::{
    aid::Aid,
    error::DecodeError,
    tlv::{Reader, Tag, Tlv, Writer},
};

const DAP: Tag = Tag(0xE2);
const SECURITY_DOMAIN: Tag = Tag(0x4F);
const SIGNATURE: Tag = Tag(0xC3);
const INITIAL_VECTOR: Tag = Tag(0xD3);
const CIPHERED_DATA_BLOCK: Tag = Tag(0xD4);
/// The load file data block.
pub(super) const DATA_BLOCK: Tag = Tag(0xC4);

/// A load file as LOAD transports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadFileStructure {
    /// Signatures over the hash of the data block, for the domains that verify them.
    pub dap_blocks: Vec<DapBlock>,
    /// The data block: components, or their cipher text.
    pub data_block: Vec<u8>,
    /// Whether the data block is ciphered.
    pub ciphered: bool,
    /// Initial vector of a ciphered data block.
    pub initial_vector: Option<Vec<u8>>,
}

/// A signature over the hash of a load file data block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DapBlock {
    /// The security domain that verifies it.
    pub security_domain: Aid,
    /// The signature.
    pub signature: Vec<u8>,
}

impl LoadFileStructure {
    /// A plain data block without signatures.
    pub fn new(data_block: impl Into<Vec<u8>>) -> Self {
        Self {
            data_block: data_block.into(),
            ..Self::default()
        }
    }

    /// The bytes that are cut into blocks ([`load_blocks`](crate::commands::load::load_blocks)).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        for block in &self.dap_blocks {
            writer.nested(DAP, |dap| {
                dap.tlv(SECURITY_DOMAIN, block.security_domain.as_bytes());
                dap.tlv(SIGNATURE, &block.signature);
            });
        }
        writer.optional(INITIAL_VECTOR, self.initial_vector.as_ref());
        let tag = if self.ciphered {
            CIPHERED_DATA_BLOCK
        } else {
            DATA_BLOCK
        };
        writer.tlv(tag, &self.data_block);
        writer.into_vec()
    }

    /// Decodes the joined blocks.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the joined blocks; other data objects than those of the
    /// table are refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut structure = Self::default();
        while let Some(dap) = reader.optional(DAP)? {
            structure.dap_blocks.push(DapBlock::read(&dap)?);
        }
        structure.initial_vector = reader
            .optional(INITIAL_VECTOR)?
            .map(|tlv| tlv.value.to_vec());
        structure.ciphered =
            structure.initial_vector.is_some() || reader.clone().tag()? == CIPHERED_DATA_BLOCK;
        let tag = if structure.ciphered {
            CIPHERED_DATA_BLOCK
        } else {
            DATA_BLOCK
        };
        structure.data_block = reader.expect(tag)?.value.to_vec();
        reader.finish()?;
        Ok(structure)
    }
}

impl DapBlock {
    fn read(dap: &Tlv<'_>) -> Result<Self, DecodeError> {
        let mut reader = dap.reader();
        let aid = reader.expect(SECURITY_DOMAIN)?;
        let signature = reader.expect(SIGNATURE)?.value.to_vec();
        reader.finish()?;
        Ok(Self {
            security_domain: Aid::decode(aid.value, aid.value_offset)?,
            signature,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_aid, any_bytes, bytes};
    use proptest::{collection::vec, option::of, prelude::*};

    #[test]
    fn refuses_malformed_structures_with_offsets() {
        for (hex, offset) in [
            ("", 0),
            ("C401", 2),
            ("C4 01 00 00", 3),
            ("C5 00", 0),
            ("E2 07 4F05A000000151 C400", 9),
            ("E2 09 4F05A000000151 C300 C400 00", 13),
            ("E2 08 4F04A0000001 C300 C400", 4),
            ("D3 00 C400", 2),
            ("C4 82 0100 00", 5),
        ] {
            let error = LoadFileStructure::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(dap in vec((any_aid(), any_bytes(0..300)), 0..3),
            data_block in any_bytes(0..300), ciphered: bool, initial_vector in of(any_bytes(0..17))) {
            let structure = LoadFileStructure {
                dap_blocks: dap
                    .into_iter()
                    .map(|(security_domain, signature)| DapBlock { security_domain, signature })
                    .collect(),
                data_block,
                ciphered,
                initial_vector: initial_vector.filter(|_| ciphered),
            };
            prop_assert_eq!(LoadFileStructure::decode(&structure.encode()), Ok(structure));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40)) {
            if let Err(error) = LoadFileStructure::decode(&data) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
