//! Parameters of INSTALL [for make selectable], [for extradition] and [for registry update]
//! (G Tables 11-50 to 11-52).

use alloc::vec::Vec;

use super::fields::{self, IMPLICIT_SELECTION, SERVICE, SYSTEM};
use crate::{
    commands::control_reference::{self, ControlReference},
    error::DecodeError,
    tlv::{DataObject, Reader, Tag, Writer},
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
        writer.nested_if_any(SYSTEM, |system| {
            for parameter in &self.implicit_selection {
                system.tlv(IMPLICIT_SELECTION, &[*parameter]);
            }
            system.optional(SERVICE, self.service.as_ref());
            system.optional(RESTRICTIONS, self.restrictions.map(|bits| [bits]));
            system.objects(&self.system);
        });
        if let Some(reference) = &self.control_reference {
            reference.write(&mut writer);
        }
        writer.objects(&self.other);
        writer.into_vec()
    }

    /// Decodes parameters, with offsets from their first byte.
    ///
    /// # Errors
    /// [`DecodeError`] when they are malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::read(Reader::new(bytes))
    }

    pub(super) fn read(reader: Reader<'_>) -> Result<Self, DecodeError> {
        let mut parameters = Self::default();
        for tlv in reader.tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                SYSTEM => parameters.read_system(tlv.reader())?,
                control_reference::TAG => {
                    parameters.control_reference = Some(ControlReference::read(&tlv)?);
                }
                _ => parameters.other.push(fields::keep(&tlv)),
            }
        }
        Ok(parameters)
    }

    fn read_system(&mut self, reader: Reader<'_>) -> Result<(), DecodeError> {
        for tlv in reader.tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                IMPLICIT_SELECTION => {
                    let [parameter] = tlv.array()?;
                    self.implicit_selection.push(parameter);
                }
                SERVICE => self.service = Some(tlv.value.to_vec()),
                RESTRICTIONS => self.restrictions = Some(tlv.array().map(|[bits]| bits)?),
                _ => self.system.push(fields::keep(&tlv)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::commands::{
        control_reference::tests::any_reference,
        install::load_parameters::tests::any_object,
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
