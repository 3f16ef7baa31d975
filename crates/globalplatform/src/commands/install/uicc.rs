//! Parameters of applications on a UICC: template EA and the older field CA (ETSI TS 102 226,
//! 8.2.1.3.2).

mod access;
mod toolkit;

use alloc::vec::Vec;

pub use access::AccessRule;
pub use toolkit::{MenuEntry, SimToolkitParameters, ToolkitParameters};

use crate::{
    error::{DecodeError, EncodeError},
    tlv::{DataObject, Once, Reader, Tag, Writer},
};

const TOOLKIT: Tag = Tag(0x80);
const ACCESS: Tag = Tag(0x81);
const ADMINISTRATIVE_ACCESS: Tag = Tag(0x82);

/// The value of EA: `[80 toolkit] [81 access] [82 administrative access]`.
///
/// ```
/// use globalplatform::commands::install::UiccParameters;
///
/// let value = hex::decode("800D010014000202011E03D50103008100")?;
/// let parameters = UiccParameters::decode(&value)?;
/// let toolkit = parameters.toolkit.as_ref().unwrap();
/// assert_eq!((toolkit.priority, toolkit.channels), (1, 2));
/// assert_eq!(toolkit.tars, [[0xD5, 0x01, 0x03]]);
/// assert_eq!(parameters.encode()?, value);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UiccParameters {
    /// Toolkit application specific parameters (80).
    pub toolkit: Option<ToolkitParameters>,
    /// Access to the UICC's file systems (81); may be empty.
    pub access: Option<Vec<AccessRule>>,
    /// Administrative access to the UICC's file systems (82).
    pub administrative_access: Option<Vec<AccessRule>>,
    /// Other data objects.
    pub other: Vec<DataObject>,
}

impl UiccParameters {
    /// The value of EA.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] for more than 255 menu entries.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let toolkit = self.toolkit.as_ref().map(ToolkitParameters::encode);
        let mut writer = Writer::new();
        writer.optional(TOOLKIT, toolkit.transpose()?);
        let rules = |rules: &Option<Vec<AccessRule>>| rules.as_deref().map(access::encode);
        writer.optional(ACCESS, rules(&self.access));
        writer.optional(ADMINISTRATIVE_ACCESS, rules(&self.administrative_access));
        writer.objects(&self.other);
        Ok(writer.into_vec())
    }

    /// Decodes the value of EA.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in that value.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut parameters = Self::default();
        let mut once = Once::default();
        for tlv in Reader::new(bytes).tlvs() {
            let tlv = tlv?;
            if matches!(tlv.tag, TOOLKIT | ACCESS | ADMINISTRATIVE_ACCESS) {
                once.note(&tlv)?;
            }
            match tlv.tag {
                TOOLKIT => parameters.toolkit = Some(ToolkitParameters::read(tlv.reader())?),
                ACCESS => parameters.access = Some(access::read(tlv.reader())?),
                ADMINISTRATIVE_ACCESS => {
                    parameters.administrative_access = Some(access::read(tlv.reader())?);
                }
                tag => parameters.other.push(DataObject::new(tag, tlv.value)),
            }
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{
        install::{
            parameters::tests::any_object,
            uicc::{access::tests::any_rules, toolkit::tests::any_toolkit},
        },
        testing::{any_bytes, bytes},
    };
    use proptest::{collection::vec, option::of, prelude::*};

    #[test]
    fn encodes_and_decodes_toolkit_and_access() {
        // The example of the tests of kaoh/globalplatform, and administrative access.
        let hex = "800D 01001400020201 1E03D5010300 \
            8118 000100 00 10A0000000871002FFFFFFFF8900000100 0100 00 \
            8203 000100 9001AA";
        let data = bytes(&hex.replace("8203 000100", "8204 00010000"));
        let parameters = UiccParameters::decode(&data).unwrap();
        let access = parameters.access.as_ref().unwrap();
        assert_eq!(access.len(), 2);
        assert_eq!(access[0].aid, None);
        assert_eq!(access[0].domain, [0x00]);
        assert_eq!(
            access[1].aid,
            Some("A0000000871002FFFFFFFF8900000100".parse().unwrap())
        );
        assert_eq!(parameters.administrative_access.as_ref().unwrap().len(), 1);
        assert_eq!(parameters.other, [DataObject::new(Tag(0x90), [0xAA])]);
        assert_eq!(parameters.encode(), Ok(data));
        // One byte less in the last object: the length of its third field is missing.
        assert_eq!(
            UiccParameters::decode(&bytes(hex)),
            Err(DecodeError::Truncated {
                offset: 46,
                needed: 1
            })
        );
    }

    #[test]
    fn refuses_malformed_parameters_with_offsets() {
        for (hex, offset) in [
            ("80", 1),
            ("8001", 2),
            ("800101", 3),
            ("8103020000", 3),
            ("81008100", 2),
            ("82008200", 2),
            ("800D010014000202011E03D50103008000", 15),
        ] {
            let error = UiccParameters::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(toolkit in of(any_toolkit()), access in of(any_rules()),
            administrative_access in of(any_rules()), other in vec(any_object(), 0..2)) {
            let parameters = UiccParameters { toolkit, access, administrative_access, other };
            let encoded = parameters.encode().unwrap();
            prop_assert_eq!(UiccParameters::decode(&encoded), Ok(parameters));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..60)) {
            if let Err(error) = UiccParameters::decode(&data) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
