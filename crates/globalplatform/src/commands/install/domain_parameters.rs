//! What C9 holds when a security domain is installed (GlobalPlatform UICC Configuration 1.0.1,
//! 4.3.2).

use alloc::vec::Vec;

use crate::{
    error::DecodeError,
    tlv::{DataObject, Once, Reader, Tag, Writer},
};

const PROTOCOL: Tag = Tag(0x81);
const ACCEPT_EXTRADITION_TO: Tag = Tag(0x82);
const ACCEPT_DELETION: Tag = Tag(0x83);
const BECOMES_PERSONALIZED: Tag = Tag(0x84);
const CASD_CAPABILITY: Tag = Tag(0x86);
const ACCEPT_EXTRADITION_FROM: Tag = Tag(0x87);

/// Parameters of a new supplementary security domain.
///
/// ```
/// use globalplatform::commands::install::SecurityDomainParameters;
///
/// let parameters = SecurityDomainParameters::with_protocol(0x03, 0x70);
/// assert_eq!(parameters.encode(), [0x81, 0x02, 0x03, 0x70]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecurityDomainParameters {
    /// Secure channel protocols: number and options "i".
    pub protocols: Vec<(u8, u8)>,
    /// Which load files and applications may be extradited to the domain (82).
    pub accept_extradition_to: Option<Vec<u8>>,
    /// Which domains may delete this one's content (83).
    pub accept_deletion: Option<Vec<u8>>,
    /// The domain goes to PERSONALIZED by itself when its keys are there (84, empty).
    pub becomes_personalized: bool,
    /// Capabilities of a controlling authority security domain (86).
    pub casd_capability: Option<[u8; 2]>,
    /// Which of its content may be extradited to others (87).
    pub accept_extradition_from: Option<Vec<u8>>,
    /// Other parameters.
    pub other: Vec<DataObject>,
}

impl SecurityDomainParameters {
    /// A domain with one secure channel protocol.
    #[must_use]
    pub fn with_protocol(number: u8, i: u8) -> Self {
        Self {
            protocols: Vec::from([(number, i)]),
            ..Self::default()
        }
    }

    /// The value of C9.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        for (number, i) in &self.protocols {
            writer.tlv(PROTOCOL, &[*number, *i]);
        }
        writer.optional(ACCEPT_EXTRADITION_TO, self.accept_extradition_to.as_ref());
        writer.optional(ACCEPT_DELETION, self.accept_deletion.as_ref());
        if self.becomes_personalized {
            writer.tlv(BECOMES_PERSONALIZED, &[]);
        }
        writer.optional(CASD_CAPABILITY, self.casd_capability);
        writer.optional(
            ACCEPT_EXTRADITION_FROM,
            self.accept_extradition_from.as_ref(),
        );
        writer.objects(&self.other);
        writer.into_vec()
    }

    /// Decodes the value of C9. What has a field of its own comes once, but for protocols.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in that value.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut parameters = Self::default();
        let mut once = Once::default();
        for tlv in Reader::new(bytes).tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                PROTOCOL => {
                    let [number, i] = tlv.array()?;
                    parameters.protocols.push((number, i));
                    continue;
                }
                ACCEPT_EXTRADITION_TO => {
                    parameters.accept_extradition_to = Some(tlv.value.to_vec());
                }
                ACCEPT_DELETION => parameters.accept_deletion = Some(tlv.value.to_vec()),
                BECOMES_PERSONALIZED => {
                    let [] = tlv.array()?;
                    parameters.becomes_personalized = true;
                }
                CASD_CAPABILITY => parameters.casd_capability = Some(tlv.array()?),
                ACCEPT_EXTRADITION_FROM => {
                    parameters.accept_extradition_from = Some(tlv.value.to_vec());
                }
                tag => {
                    parameters.other.push(DataObject::new(tag, tlv.value));
                    continue;
                }
            }
            once.note(&tlv)?;
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{
        install::parameters::tests::any_object,
        testing::{any_bytes, bytes},
    };
    use proptest::{collection::vec, option::of, prelude::*};

    #[test]
    fn encodes_all_tags() {
        // The same parameters as in the tests of kaoh/globalplatform.
        let hex = "81020215 820180 830180 8400 86020102 87028000";
        let parameters = SecurityDomainParameters {
            accept_extradition_to: Some([0x80].into()),
            accept_deletion: Some([0x80].into()),
            becomes_personalized: true,
            casd_capability: Some([1, 2]),
            accept_extradition_from: Some([0x80, 0x00].into()),
            ..SecurityDomainParameters::with_protocol(0x02, 0x15)
        };
        assert_eq!(parameters.encode(), bytes(hex));
        assert_eq!(
            SecurityDomainParameters::decode(&bytes(hex)),
            Ok(parameters)
        );
        let unknown = SecurityDomainParameters::decode(&bytes("700101")).unwrap();
        assert_eq!(unknown.other, [DataObject::new(Tag(0x70), [1])]);
        let several = SecurityDomainParameters::decode(&bytes("81020215 81020370 7000 7000"));
        let several = several.unwrap();
        assert_eq!(several.protocols, [(0x02, 0x15), (0x03, 0x70)]);
        assert_eq!(several.other.len(), 2);
    }

    #[test]
    fn refuses_malformed_parameters_with_offsets() {
        for (hex, offset) in [
            ("8101", 2),
            ("810103", 2),
            ("840100", 2),
            ("8102037086", 5),
            ("81020370 820100 820101", 7),
            ("830100 830100", 3),
            ("8400 8400", 2),
            ("86020102 86020102", 4),
            ("870100 8400 870101", 5),
        ] {
            let error = SecurityDomainParameters::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(
            protocols in vec(any::<(u8, u8)>(), 0..3), becomes_personalized: bool,
            accepted in [of(any_bytes(0..4)), of(any_bytes(0..4)), of(any_bytes(0..4))],
            casd_capability: Option<[u8; 2]>, other in vec(any_object(), 0..2),
        ) {
            let [accept_extradition_to, accept_deletion, accept_extradition_from] = accepted;
            let parameters = SecurityDomainParameters {
                protocols, accept_extradition_to, accept_deletion, becomes_personalized,
                casd_capability, accept_extradition_from, other,
            };
            prop_assert_eq!(
                SecurityDomainParameters::decode(&parameters.encode()), Ok(parameters));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40)) {
            let _ = SecurityDomainParameters::decode(&data);
        }
    }
}
