//! Card capability information, tag 67 (G H.4): what an issuer security domain can do.

use alloc::vec::Vec;

use crate::{
    error::DecodeError,
    privileges::Privileges,
    tlv::{DataObject, Reader, Tag, Tlv, Writer},
};

const TEMPLATE: Tag = Tag(0x67);
const PROTOCOL: Tag = Tag(0xA0);
const PROTOCOL_NUMBER: Tag = Tag(0x80);
const PROTOCOL_OPTIONS: Tag = Tag(0x81);
const AES_KEY_SIZES: Tag = Tag(0x82);
const DOMAIN_PRIVILEGES: Tag = Tag(0x81);
const APPLICATION_PRIVILEGES: Tag = Tag(0x82);
const HASHES: Tag = Tag(0x83);
const LOAD_FILE_CIPHERS: Tag = Tag(0x84);
const TOKEN_SUITES: Tag = Tag(0x85);
const RECEIPT_SUITES: Tag = Tag(0x86);
const DAP_SUITES: Tag = Tag(0x87);
const CURVES: Tag = Tag(0x88);

/// What a card supports. Lists and bit masks are kept as the card sends them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Secure channel protocols.
    pub protocols: Vec<ProtocolCapability>,
    /// Privileges that a supplementary security domain can get.
    pub domain_privileges: Option<Privileges>,
    /// Privileges that an application can get.
    pub application_privileges: Option<Privileges>,
    /// Hashes over load files: 01 SHA-1, 02 SHA-256, 03 SHA-384, 04 SHA-512.
    pub hashes: Option<Vec<u8>>,
    /// Ciphers of load file data blocks.
    pub load_file_ciphers: Option<Vec<u8>>,
    /// Cipher suites of tokens.
    pub token_suites: Option<Vec<u8>>,
    /// Cipher suites of receipts.
    pub receipt_suites: Option<Vec<u8>>,
    /// Cipher suites of DAP.
    pub dap_suites: Option<Vec<u8>>,
    /// References to well-known curve parameters.
    pub curves: Option<Vec<u8>>,
    /// Other data objects.
    pub other: Vec<DataObject>,
}

/// What a card supports of a secure channel protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProtocolCapability {
    /// Number of the protocol: 03 for SCP03.
    pub number: u8,
    /// Values of "i" that can be used.
    pub options: Vec<u8>,
    /// AES key sizes: b1 128, b2 192, b3 256 bits.
    pub aes_key_sizes: Option<u8>,
    /// Other data objects (83 and 84 of SCP81, for example).
    pub other: Vec<DataObject>,
}

impl Capabilities {
    /// The whole data object.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(TEMPLATE, |template| {
            for protocol in &self.protocols {
                protocol.write(template);
            }
            let bytes = |privileges: Option<Privileges>| privileges.map(Privileges::to_bytes);
            template.optional(DOMAIN_PRIVILEGES, bytes(self.domain_privileges));
            template.optional(APPLICATION_PRIVILEGES, bytes(self.application_privileges));
            template.optional(HASHES, self.hashes.as_ref());
            template.optional(LOAD_FILE_CIPHERS, self.load_file_ciphers.as_ref());
            template.optional(TOKEN_SUITES, self.token_suites.as_ref());
            template.optional(RECEIPT_SUITES, self.receipt_suites.as_ref());
            template.optional(DAP_SUITES, self.dap_suites.as_ref());
            template.optional(CURVES, self.curves.as_ref());
            template.objects(&self.other);
        });
        writer.into_vec()
    }

    /// Decodes the whole data object.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let template = reader.expect(TEMPLATE)?;
        reader.finish()?;
        let mut capabilities = Self::default();
        for tlv in template.reader().tlvs() {
            capabilities.take(&tlv?)?;
        }
        Ok(capabilities)
    }

    fn take(&mut self, tlv: &Tlv<'_>) -> Result<(), DecodeError> {
        let privileges = || Privileges::decode(tlv.value, tlv.value_offset);
        let bytes = Some(tlv.value.to_vec());
        match tlv.tag {
            PROTOCOL => self.protocols.push(ProtocolCapability::read(tlv)?),
            DOMAIN_PRIVILEGES => self.domain_privileges = Some(privileges()?),
            APPLICATION_PRIVILEGES => self.application_privileges = Some(privileges()?),
            HASHES => self.hashes = bytes,
            LOAD_FILE_CIPHERS => self.load_file_ciphers = bytes,
            TOKEN_SUITES => self.token_suites = bytes,
            RECEIPT_SUITES => self.receipt_suites = bytes,
            DAP_SUITES => self.dap_suites = bytes,
            CURVES => self.curves = bytes,
            tag => self.other.push(DataObject::new(tag, tlv.value)),
        }
        Ok(())
    }
}

impl ProtocolCapability {
    fn write(&self, writer: &mut Writer) {
        writer.nested(PROTOCOL, |protocol| {
            protocol.tlv(PROTOCOL_NUMBER, &[self.number]);
            protocol.tlv(PROTOCOL_OPTIONS, &self.options);
            protocol.optional(AES_KEY_SIZES, self.aes_key_sizes.map(|sizes| [sizes]));
            protocol.objects(&self.other);
        });
    }

    fn read(protocol: &Tlv<'_>) -> Result<Self, DecodeError> {
        let mut capability = Self::default();
        let mut number = None;
        for tlv in protocol.reader().tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                PROTOCOL_NUMBER => number = Some(tlv.array().map(|[number]| number)?),
                PROTOCOL_OPTIONS => capability.options = tlv.value.to_vec(),
                AES_KEY_SIZES => capability.aes_key_sizes = Some(tlv.array().map(|[bits]| bits)?),
                tag => capability.other.push(DataObject::new(tag, tlv.value)),
            }
        }
        capability.number = number.ok_or(DecodeError::MissingField {
            offset: protocol.value_offset + protocol.value.len(),
            field: "secure channel protocol",
        })?;
        Ok(capability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use alloc::vec;
    use proptest::{collection::vec, option::of, prelude::*};

    #[test]
    fn decodes_an_example() {
        let data = bytes("67 1C A00A 800103 81027060 820107 8103FFFE80 8203 1E0600 8304 01020304");
        let capabilities = Capabilities::decode(&data).unwrap();
        let protocol = ProtocolCapability {
            number: 3,
            options: vec![0x70, 0x60],
            aes_key_sizes: Some(7),
            other: vec![],
        };
        assert_eq!(capabilities.protocols, [protocol]);
        assert_eq!(capabilities.hashes, Some(vec![1, 2, 3, 4]));
        assert_eq!(capabilities.encode(), data);
    }

    #[test]
    fn refuses_malformed_data_with_offsets() {
        for (hex, offset) in [
            ("", 0),
            ("6600", 0),
            ("670000", 2),
            ("6704A0028102", 6),
            ("6704A0028100", 6),
            ("6706A00480020303", 6),
            ("670481028000", 4),
        ] {
            let error = Capabilities::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    fn any_protocol() -> impl Strategy<Value = ProtocolCapability> {
        (
            any::<u8>(),
            any_bytes(0..4),
            any::<Option<u8>>(),
            any_bytes(0..9),
        )
            .prop_map(|(number, options, aes_key_sizes, tls)| ProtocolCapability {
                number,
                options,
                aes_key_sizes,
                other: vec![DataObject::new(Tag(0x83), tls)],
            })
    }

    proptest! {
        #[test]
        fn round_trips(protocols in vec(any_protocol(), 0..3), privileges: [Option<[u8; 3]>; 2],
            lists in [of(any_bytes(0..4)), of(any_bytes(0..4)), of(any_bytes(0..4)),
                of(any_bytes(0..4)), of(any_bytes(0..4)), of(any_bytes(0..4))]) {
            let [domain_privileges, application_privileges] =
                privileges.map(|bytes| bytes.map(Privileges));
            let [hashes, load_file_ciphers, token_suites, receipt_suites, dap_suites, curves] =
                lists;
            let capabilities = Capabilities {
                protocols, domain_privileges, application_privileges, hashes, load_file_ciphers,
                token_suites, receipt_suites, dap_suites, curves,
                other: vec![DataObject::new(Tag(0x8F), [1])],
            };
            prop_assert_eq!(Capabilities::decode(&capabilities.encode()), Ok(capabilities));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40), wrap: bool) {
            let mut writer = Writer::new();
            if wrap { writer.tlv(TEMPLATE, &data) } else { writer.bytes(&data) }
            let data = writer.into_vec();
            if let Err(error) = Capabilities::decode(&data) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
