//! Parameters of INSTALL [for load] (G Table 11-48).

use alloc::vec::Vec;

use super::{
    fields,
    parameters::{self, Parameters, Shared},
};
use crate::{
    commands::control_reference::ControlReference,
    error::DecodeError,
    tlv::{DataObject, Reader, Tag, Tlv, Writer},
};

const CODE_SIZE: Tag = Tag(0xC6);
const VOLATILE_SIZE: Tag = Tag(0xC7);
const NON_VOLATILE_SIZE: Tag = Tag(0xC8);
const BLOCK_FORMAT: Tag = Tag(0xCD);
const BLOCK_PARAMETERS: Tag = Tag(0xDD);

/// Memory that a load file needs at least, and whose token loads it. Sizes are in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadParameters {
    /// Non-volatile memory for code (C6).
    pub code_size: Option<u32>,
    /// Volatile memory for data (C7).
    pub volatile_size: Option<u32>,
    /// Non-volatile memory for data (C8).
    pub non_volatile_size: Option<u32>,
    /// Identifies the format of the load file data block (CD).
    pub block_format: Option<Vec<u8>>,
    /// Parameters of that format (DD).
    pub block_parameters: Option<Vec<u8>>,
    /// Other system specific parameters (in EF).
    pub system: Vec<DataObject>,
    /// Whose token it is (B6).
    pub control_reference: Option<ControlReference>,
    /// Other parameters, beside EF.
    pub other: Vec<DataObject>,
}

impl LoadParameters {
    /// The encoded parameters, without their length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        parameters::write_system(&mut writer, &self.system, |system| {
            fields::write_size(system, CODE_SIZE, self.code_size);
            fields::write_size(system, VOLATILE_SIZE, self.volatile_size);
            fields::write_size(system, NON_VOLATILE_SIZE, self.non_volatile_size);
            system.optional(BLOCK_FORMAT, self.block_format.as_ref());
            system.optional(BLOCK_PARAMETERS, self.block_parameters.as_ref());
        });
        parameters::write_rest(&mut writer, self.control_reference.as_ref(), &self.other);
        writer.into_vec()
    }

    /// Decodes parameters, with offsets from their first byte.
    ///
    /// # Errors
    /// [`DecodeError`] when they are malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::read(Reader::new(bytes))
    }
}

impl Parameters for LoadParameters {
    fn shared(&mut self) -> Shared<'_> {
        (
            &mut self.system,
            &mut self.control_reference,
            &mut self.other,
        )
    }

    fn take_system(&mut self, tlv: &Tlv<'_>) -> Result<bool, DecodeError> {
        match tlv.tag {
            CODE_SIZE => self.code_size = Some(fields::read_size(tlv)?),
            VOLATILE_SIZE => self.volatile_size = Some(fields::read_size(tlv)?),
            NON_VOLATILE_SIZE => self.non_volatile_size = Some(fields::read_size(tlv)?),
            BLOCK_FORMAT => self.block_format = Some(tlv.value.to_vec()),
            BLOCK_PARAMETERS => self.block_parameters = Some(tlv.value.to_vec()),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::commands::{
        control_reference::tests::any_reference,
        install::parameters::tests::any_object,
        testing::{any_bytes, bytes},
    };
    use proptest::{collection::vec, option::of, prelude::*};

    pub(crate) fn any_parameters() -> impl Strategy<Value = LoadParameters> {
        (
            (
                any::<Option<u32>>(),
                any::<Option<u32>>(),
                any::<Option<u32>>(),
            ),
            (
                of(any_bytes(0..3)),
                of(any_bytes(0..9)),
                vec(any_object(), 0..2),
            ),
            (of(any_reference()), vec(any_object(), 0..2)),
        )
            .prop_map(|(sizes, (block_format, block_parameters, system), rest)| {
                LoadParameters {
                    code_size: sizes.0,
                    volatile_size: sizes.1,
                    non_volatile_size: sizes.2,
                    block_format,
                    block_parameters,
                    system,
                    control_reference: rest.0,
                    other: rest.1,
                }
            })
    }

    #[test]
    fn encodes_all_tags_of_the_table() {
        let parameters = LoadParameters {
            code_size: Some(1),
            volatile_size: Some(2),
            non_volatile_size: Some(3),
            block_format: Some([4].into()),
            block_parameters: Some([5, 6].into()),
            system: [DataObject::new(Tag(0xDF1F), [7])].into(),
            control_reference: Some(ControlReference {
                token_identifier: Some([8].into()),
                ..ControlReference::default()
            }),
            other: [DataObject::new(Tag(0xDE), [9])].into(),
        };
        let hex = "EF17 C6020001 C7020002 C8020003 CD0104 DD020506 DF1F0107 B603930108 DE0109";
        assert_eq!(parameters.encode(), bytes(hex));
        assert_eq!(LoadParameters::decode(&bytes(hex)), Ok(parameters));
    }

    #[test]
    fn refuses_malformed_parameters_with_offsets() {
        for (hex, offset) in [
            ("EF", 1),
            ("EF03C60100", 4),
            ("EF02C601", 4),
            ("B6024501", 4),
        ] {
            let error = LoadParameters::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(parameters in any_parameters()) {
            prop_assert_eq!(LoadParameters::decode(&parameters.encode()), Ok(parameters));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40)) {
            let _ = LoadParameters::decode(&data);
        }
    }
}
