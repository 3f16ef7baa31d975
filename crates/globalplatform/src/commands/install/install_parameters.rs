//! Parameters of INSTALL [for install] (G Table 11-49; toolkit: ETSI TS 102 226, 8.2.1.3.2).

use alloc::vec::Vec;
use core::fmt;

use super::{
    fields,
    parameters::{self, Parameters, Shared},
};
use crate::{
    commands::control_reference::ControlReference,
    error::DecodeError,
    tlv::{DataObject, Reader, Tag, Tlv, Writer},
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
    /// SIM file access and toolkit parameters (CA); see
    /// [`SimToolkitParameters`](super::SimToolkitParameters).
    pub sim_toolkit: Option<Vec<u8>>,
    /// Other system specific parameters (in EF).
    pub system: Vec<DataObject>,
    /// UICC toolkit, access and administrative access parameters (EA); see
    /// [`UiccParameters`](super::UiccParameters).
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
        parameters::write_system(&mut writer, &self.system, |system| {
            fields::write_size(system, VOLATILE_QUOTA, self.volatile_quota);
            fields::write_size(system, NON_VOLATILE_QUOTA, self.non_volatile_quota);
            fields::write_size(system, VOLATILE_RESERVED, self.volatile_reserved);
            fields::write_size(system, NON_VOLATILE_RESERVED, self.non_volatile_reserved);
            let service = self.service.as_ref();
            parameters::write_registration(system, service, &self.implicit_selection);
            system.optional(SIM_TOOLKIT, self.sim_toolkit.as_ref());
        });
        writer.optional(TOOLKIT, self.uicc_toolkit.as_ref());
        parameters::write_rest(&mut writer, self.control_reference.as_ref(), &self.other);
        writer.into_vec()
    }

    /// Decodes parameters, with offsets from their first byte; C9 must be there, anywhere.
    ///
    /// # Errors
    /// [`DecodeError`] when they are malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::read_complete(Reader::new(bytes))
    }

    /// As [`decode`](Self::decode), for a field inside something larger.
    pub(super) fn read_complete(reader: Reader<'_>) -> Result<Self, DecodeError> {
        let offset = reader.offset() + reader.remaining().len();
        let has_applet = reader.clone().tlvs().any(|tlv| match tlv {
            Ok(tlv) => tlv.tag == APPLET,
            // What is malformed is reported as such below.
            Err(_) => true,
        });
        let parameters = Self::read(reader)?;
        if has_applet {
            Ok(parameters)
        } else {
            Err(DecodeError::MissingField {
                offset,
                field: "application specific parameters",
            })
        }
    }
}

impl Parameters for InstallParameters {
    fn shared(&mut self) -> Shared<'_> {
        (
            &mut self.system,
            &mut self.control_reference,
            &mut self.other,
        )
    }

    fn take_system(&mut self, tlv: &Tlv<'_>) -> Result<bool, DecodeError> {
        match tlv.tag {
            VOLATILE_QUOTA => self.volatile_quota = Some(fields::read_size(tlv)?),
            NON_VOLATILE_QUOTA => self.non_volatile_quota = Some(fields::read_size(tlv)?),
            VOLATILE_RESERVED => self.volatile_reserved = Some(fields::read_size(tlv)?),
            NON_VOLATILE_RESERVED => self.non_volatile_reserved = Some(fields::read_size(tlv)?),
            SIM_TOOLKIT => self.sim_toolkit = Some(tlv.value.to_vec()),
            _ => {
                let implicit_selection = &mut self.implicit_selection;
                return parameters::take_registration(tlv, &mut self.service, implicit_selection);
            }
        }
        Ok(true)
    }

    fn take(&mut self, tlv: &Tlv<'_>) -> Result<bool, DecodeError> {
        match tlv.tag {
            APPLET => self.applet = tlv.value.to_vec(),
            TOOLKIT => self.uicc_toolkit = Some(tlv.value.to_vec()),
            _ => return Ok(false),
        }
        Ok(true)
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
        install::parameters::tests::any_object,
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
    fn encodes_all_tags_of_the_table() {
        let parameters = InstallParameters {
            applet: [0xAA].into(),
            volatile_quota: Some(1),
            non_volatile_quota: Some(2),
            volatile_reserved: Some(3),
            non_volatile_reserved: Some(4),
            service: Some([0x80, 0x00].into()),
            implicit_selection: [0x80, 0x41].into(),
            sim_toolkit: Some([5].into()),
            system: [DataObject::new(Tag(0xDF1F), [7])].into(),
            uicc_toolkit: Some([6].into()),
            control_reference: Some(ControlReference {
                image_number: Some([8].into()),
                ..ControlReference::default()
            }),
            other: [DataObject::new(Tag(0xDE), [9])].into(),
        };
        let hex = "C901AA EF21 C7020001 C8020002 D7020003 D8020004 CB028000 CF0180 CF0141 \
            CA0105 DF1F0107 EA0106 B603450108 DE0109";
        assert_eq!(parameters.encode(), bytes(hex));
        assert_eq!(InstallParameters::decode(&bytes(hex)), Ok(parameters));
    }

    #[test]
    fn debug_shows_what_does_not_go_to_the_applet() {
        let parameters = InstallParameters {
            volatile_quota: Some(1),
            ..InstallParameters::for_applet([0xDE, 0xAD])
        };
        assert_eq!(
            alloc::format!("{parameters:?}"),
            "InstallParameters { applet: [2 bytes], volatile_quota: Some(1), \
             non_volatile_quota: None, volatile_reserved: None, non_volatile_reserved: None, \
             service: None, implicit_selection: [], sim_toolkit: None, system: [], \
             uicc_toolkit: None, control_reference: None, other: [] }"
        );
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
            ("C900C900", 2),
            ("C900EA00EA00", 4),
            ("C900EF00EF00", 4),
            ("C900EF08C8020001C8020002", 8),
            ("C900B600B600", 4),
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
