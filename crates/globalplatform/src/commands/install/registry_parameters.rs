//! Parameters of INSTALL [for make selectable], [for extradition] and [for registry update]
//! (G Tables 11-50 to 11-52).

use alloc::vec::Vec;

use super::parameters::{self, Parameters, Shared};
use crate::{
    commands::control_reference::ControlReference,
    error::DecodeError,
    tlv::{DataObject, Reader, Tag, Tlv, Writer},
};

const RESTRICTIONS: Tag = Tag(0xD9);

/// What changes in the registry besides the fields of the command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryParameters {
    /// Implicit selection parameters (CF).
    pub implicit_selection: Vec<u8>,
    /// Global service parameters (CB).
    pub service: Option<Vec<u8>>,
    /// Content management that is forbidden from now on (D9): 01 delete, 02 load, 04 install,
    /// 08 make selectable, 10 extradition, 20 personalization, 40 registry update.
    pub restrictions: Option<u8>,
    /// Other system specific parameters (in EF).
    pub system: Vec<DataObject>,
    /// Whose token it is (B6).
    pub control_reference: Option<ControlReference>,
    /// Other parameters, beside EF.
    pub other: Vec<DataObject>,
}

impl RegistryParameters {
    /// The encoded parameters, without their length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        parameters::write_system(&mut writer, &self.system, |system| {
            let service = self.service.as_ref();
            parameters::write_registration(system, service, &self.implicit_selection);
            system.optional(RESTRICTIONS, self.restrictions.map(|bits| [bits]));
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

impl Parameters for RegistryParameters {
    fn shared(&mut self) -> Shared<'_> {
        (
            &mut self.system,
            &mut self.control_reference,
            &mut self.other,
        )
    }

    fn take_system(&mut self, tlv: &Tlv<'_>) -> Result<bool, DecodeError> {
        if tlv.tag == RESTRICTIONS {
            self.restrictions = Some(tlv.array().map(|[bits]| bits)?);
            return Ok(true);
        }
        parameters::take_registration(tlv, &mut self.service, &mut self.implicit_selection)
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

    pub(crate) fn any_parameters() -> impl Strategy<Value = RegistryParameters> {
        (
            (
                any_bytes(0..3),
                of(any_bytes(0..9)),
                any::<Option<u8>>(),
                vec(any_object(), 0..2),
            ),
            (of(any_reference()), vec(any_object(), 0..2)),
        )
            .prop_map(|(system, (control_reference, other))| RegistryParameters {
                implicit_selection: system.0,
                service: system.1,
                restrictions: system.2,
                system: system.3,
                control_reference,
                other,
            })
    }

    #[test]
    fn encodes_all_tags_of_the_table() {
        let parameters = RegistryParameters {
            implicit_selection: [0x80, 0x41].into(),
            service: Some([0x80, 0x00].into()),
            restrictions: Some(0x41),
            system: [DataObject::new(Tag(0xDF1F), [7])].into(),
            control_reference: Some(ControlReference {
                provider: Some([8].into()),
                ..ControlReference::default()
            }),
            other: [DataObject::new(Tag(0xDE), [9])].into(),
        };
        let hex = "EF11 CB028000 CF0180 CF0141 D90141 DF1F0107 B603420108 DE0109";
        assert_eq!(parameters.encode(), bytes(hex));
        assert_eq!(RegistryParameters::decode(&bytes(hex)), Ok(parameters));
    }

    #[test]
    fn refuses_malformed_parameters_with_offsets() {
        for (hex, offset) in [("EF", 1), ("EF02D900", 4), ("EF04CF020000", 4)] {
            let error = RegistryParameters::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(parameters in any_parameters()) {
            prop_assert_eq!(RegistryParameters::decode(&parameters.encode()), Ok(parameters));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40)) {
            let _ = RegistryParameters::decode(&data);
        }
    }
}
