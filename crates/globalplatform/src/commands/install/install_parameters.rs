//! Parameters of INSTALL [for install] (G Table 11-49; toolkit: ETSI TS 102 226, 8.2.1.3.2).

use alloc::vec::Vec;
use core::fmt;

use super::fields::{self, IMPLICIT_SELECTION, SERVICE, SYSTEM};
use crate::{
    commands::control_reference::{self, ControlReference},
    error::DecodeError,
    tlv::{DataObject, Reader, Tag, Writer},
};

const APPLET: Tag = Tag(0xC9);
const TOOLKIT: Tag = Tag(0xEA);
const VOLATILE_QUOTA: Tag = Tag(0xC7);
const NON_VOLATILE_QUOTA: Tag = Tag(0xC8);
const VOLATILE_RESERVED: Tag = Tag(0xD7);
const NON_VOLATILE_RESERVED: Tag = Tag(0xD8);
const SIM_TOOLKIT: Tag = Tag(0xCA);

/// What a new application is given. Memory sizes are in bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct InstallParameters {
    /// Value of C9, which goes to the applet; for a security domain see
    /// [`SecurityDomainParameters`](super::SecurityDomainParameters).
    pub applet: Vec<u8>,
    /// Volatile memory that it may use at most (C7).
    pub volatile_quota: Option<u32>,
    /// Non-volatile memory that it may use at most (C8).
    pub non_volatile_quota: Option<u32>,
    /// Volatile memory set aside for it (D7).
    pub volatile_reserved: Option<u32>,
    /// Non-volatile memory set aside for it (D8).
    pub non_volatile_reserved: Option<u32>,
    /// Global service parameters (CB).
    pub service: Option<Vec<u8>>,
    /// Implicit selection parameters (CF): 80 contactless, 40 contact, low five bits channel.
    pub implicit_selection: Vec<u8>,
    /// SIM file access and toolkit parameters (CA).
    pub sim_toolkit: Option<Vec<u8>>,
    /// Other system specific parameters (in EF).
    pub system: Vec<DataObject>,
    /// UICC toolkit, access and administrative access parameters (EA), undecoded.
    pub uicc_toolkit: Option<Vec<u8>>,
    /// Whose token it is (B6).
    pub control_reference: Option<ControlReference>,
    /// Other parameters, beside C9, EF and EA.
    pub other: Vec<DataObject>,
}

impl InstallParameters {
    /// Parameters that only the applet sees.
    pub fn for_applet(applet: impl Into<Vec<u8>>) -> Self {
        Self {
            applet: applet.into(),
            ..Self::default()
        }
    }

    /// The encoded parameters, without their length; C9 comes first.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.tlv(APPLET, &self.applet);
        writer.nested_if_any(SYSTEM, |system| self.write_system(system));
        writer.optional(TOOLKIT, self.uicc_toolkit.as_ref());
        if let Some(reference) = &self.control_reference {
            reference.write(&mut writer);
        }
        writer.objects(&self.other);
        writer.into_vec()
    }

    fn write_system(&self, system: &mut Writer) {
        fields::write_size(system, VOLATILE_QUOTA, self.volatile_quota);
        fields::write_size(system, NON_VOLATILE_QUOTA, self.non_volatile_quota);
        fields::write_size(system, VOLATILE_RESERVED, self.volatile_reserved);
        fields::write_size(system, NON_VOLATILE_RESERVED, self.non_volatile_reserved);
        system.optional(SERVICE, self.service.as_ref());
        for parameter in &self.implicit_selection {
            system.tlv(IMPLICIT_SELECTION, &[*parameter]);
        }
        system.optional(SIM_TOOLKIT, self.sim_toolkit.as_ref());
        system.objects(&self.system);
    }

    /// Decodes parameters, with offsets from their first byte; C9 must be there, anywhere.
    ///
    /// # Errors
    /// [`DecodeError`] when they are malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::read(Reader::new(bytes))
    }

    pub(super) fn read(reader: Reader<'_>) -> Result<Self, DecodeError> {
        let end = reader.offset() + reader.remaining().len();
        let mut parameters = Self::default();
        let mut applet = None;
        for tlv in reader.tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                APPLET => applet = Some(tlv.value.to_vec()),
                SYSTEM => parameters.read_system(tlv.reader())?,
                TOOLKIT => parameters.uicc_toolkit = Some(tlv.value.to_vec()),
                control_reference::TAG => {
                    parameters.control_reference = Some(ControlReference::read(&tlv)?);
                }
                _ => parameters.other.push(fields::keep(&tlv)),
            }
        }
        parameters.applet = applet.ok_or(DecodeError::MissingField {
            offset: end,
            field: "application specific parameters",
        })?;
        Ok(parameters)
    }

    fn read_system(&mut self, reader: Reader<'_>) -> Result<(), DecodeError> {
        for tlv in reader.tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                VOLATILE_QUOTA => self.volatile_quota = Some(fields::read_size(&tlv)?),
                NON_VOLATILE_QUOTA => self.non_volatile_quota = Some(fields::read_size(&tlv)?),
                VOLATILE_RESERVED => self.volatile_reserved = Some(fields::read_size(&tlv)?),
                NON_VOLATILE_RESERVED => {
                    self.non_volatile_reserved = Some(fields::read_size(&tlv)?);
                }
                SERVICE => self.service = Some(tlv.value.to_vec()),
                IMPLICIT_SELECTION => {
                    let [parameter] = tlv.array()?;
                    self.implicit_selection.push(parameter);
                }
                SIM_TOOLKIT => self.sim_toolkit = Some(tlv.value.to_vec()),
                _ => self.system.push(fields::keep(&tlv)),
            }
        }
        Ok(())
    }
}

impl fmt::Debug for InstallParameters {
    /// Everything but what goes to the applet, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstallParameters")
            .field("applet", &format_args!("[{} bytes]", self.applet.len()))
            .field("volatile_quota", &self.volatile_quota)
            .field("non_volatile_quota", &self.non_volatile_quota)
            .field("volatile_reserved", &self.volatile_reserved)
            .field("non_volatile_reserved", &self.non_volatile_reserved)
            .field("service", &self.service)
            .field("implicit_selection", &self.implicit_selection)
            .field("sim_toolkit", &self.sim_toolkit)
            .field("system", &self.system)
            .field("uicc_toolkit", &self.uicc_toolkit)
            .field("control_reference", &self.control_reference)
            .field("other", &self.other)
            .finish()
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

    pub(crate) fn any_parameters() -> impl Strategy<Value = InstallParameters> {
        (
            any_bytes(0..150),
            any::<[Option<u32>; 4]>(),
            (
                of(any_bytes(0..9)),
                any_bytes(0..3),
                of(any_bytes(0..9)),
                vec(any_object(), 0..2),
            ),
            (
                of(any_bytes(0..9)),
                of(any_reference()),
                vec(any_object(), 0..2),
            ),
        )
            .prop_map(|(applet, sizes, system, rest)| {
                let [
                    volatile_quota,
                    non_volatile_quota,
                    volatile_reserved,
                    non_volatile_reserved,
                ] = sizes;
                InstallParameters {
                    applet,
                    volatile_quota,
                    non_volatile_quota,
                    volatile_reserved,
                    non_volatile_reserved,
                    service: system.0,
                    implicit_selection: system.1,
                    sim_toolkit: system.2,
                    system: system.3,
                    uicc_toolkit: rest.0,
                    control_reference: rest.1,
                    other: rest.2,
                }
            })
    }

    #[test]
    fn decodes_toolkit_parameters_of_a_real_card() {
        let hex = "EA11 800D 01001400020201 1E03D5010300 8100";
        let all = bytes(&alloc::format!("C900{hex}"));
        let parameters = InstallParameters::decode(&all).unwrap();
        assert_eq!(parameters.uicc_toolkit.as_ref().unwrap().len(), 17);
        assert_eq!(parameters.encode(), all);
    }

    #[test]
    fn writes_c9_even_when_empty() {
        assert_eq!(InstallParameters::default().encode(), bytes("C900"));
    }

    #[test]
    fn refuses_malformed_parameters_with_offsets() {
        for (hex, offset) in [
            ("", 0),
            ("EF00", 2),
            ("C901", 2),
            ("C900EF04CF024040", 6),
            ("C900EF03C80100", 6),
            ("C900EF02C802", 6),
        ] {
            let error = InstallParameters::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(parameters in any_parameters()) {
            prop_assert_eq!(InstallParameters::decode(&parameters.encode()), Ok(parameters));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40)) {
            let _ = InstallParameters::decode(&data);
        }
    }
}
