//! Card recognition data, tag 66 (G H.2): what card this is, told by object identifiers below
//! 1.2.840.114283.

use alloc::{string::String, vec::Vec};
use core::fmt::Write as _;

use crate::{
    error::DecodeError,
    tlv::{DataObject, Reader, Tag, Tlv, Writer},
};

const CARD_DATA: Tag = Tag(0x66);
const RECOGNITION_DATA: Tag = Tag(0x73);
const OBJECT_IDENTIFIER: Tag = Tag(0x06);
const MANAGEMENT_TYPE: Tag = Tag(0x60);
const IDENTIFICATION_SCHEME: Tag = Tag(0x63);
const PROTOCOL: Tag = Tag(0x64);
/// 1.2.840.114283: GlobalPlatform.
const GLOBAL_PLATFORM: [u8; 6] = [0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B];
/// Arcs below GlobalPlatform.
const ARC_RECOGNITION: u32 = 1;
const ARC_VERSION: u32 = 2;
const ARC_SCHEME: u32 = 3;
const ARC_PROTOCOL: u32 = 4;
/// SCP80, and its number as UICCs write it instead of 81 00: one byte that is no arc.
const SCP80: u32 = 0x80;
const UNESCAPED_SCP80: u8 = 0x80;

/// What a card says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardRecognitionData {
    /// Version of the card specification: 2, 3, 1.
    pub version: Vec<u32>,
    /// Secure channel protocols of the issuer security domain.
    pub protocols: Vec<SecureChannelProtocol>,
    /// Whether the card is uniquely identified by its IIN and CIN.
    pub has_identification_scheme: bool,
    /// Other data objects (65 to 68).
    pub other: Vec<DataObject>,
}

/// A secure channel protocol and its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecureChannelProtocol {
    /// Number: 3 for SCP03.
    pub number: u32,
    /// Options "i".
    pub i: u32,
}

impl CardRecognitionData {
    /// The version with dots: "2.3.1".
    #[must_use]
    pub fn version_text(&self) -> String {
        let mut text = String::new();
        for (i, arc) in self.version.iter().enumerate() {
            let dot = if i == 0 { "" } else { "." };
            // Writing into a string cannot fail.
            let _ = write!(text, "{dot}{arc}");
        }
        text
    }

    /// The whole data object, with one 64 per protocol.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(CARD_DATA, |card_data| {
            card_data.nested(RECOGNITION_DATA, |data| {
                write_oid(data, &[ARC_RECOGNITION]);
                if !self.version.is_empty() {
                    let arcs: Vec<u32> = [ARC_VERSION]
                        .into_iter()
                        .chain(self.version.iter().copied())
                        .collect();
                    data.nested(MANAGEMENT_TYPE, |inner| write_oid(inner, &arcs));
                }
                if self.has_identification_scheme {
                    data.nested(IDENTIFICATION_SCHEME, |inner| {
                        write_oid(inner, &[ARC_SCHEME])
                    });
                }
                for protocol in &self.protocols {
                    let arcs = [ARC_PROTOCOL, protocol.number, protocol.i];
                    data.nested(PROTOCOL, |inner| write_oid(inner, &arcs));
                }
                data.objects(&self.other);
            });
        });
        writer.into_vec()
    }

    /// Decodes the whole data object; the outer 66, which some cards leave out, may be absent.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        if let Some(card_data) = reader.optional(CARD_DATA)? {
            reader.finish()?;
            reader = card_data.reader();
        }
        let template = reader.expect(RECOGNITION_DATA)?;
        let mut recognition = Self::default();
        for tlv in template.reader().tlvs() {
            recognition.take(&tlv?)?;
        }
        Ok(recognition)
    }

    fn take(&mut self, tlv: &Tlv<'_>) -> Result<(), DecodeError> {
        match tlv.tag {
            OBJECT_IDENTIFIER => expect_arcs(tlv, ARC_RECOGNITION).map(|_| ()),
            MANAGEMENT_TYPE => {
                let oid = tlv.reader().expect(OBJECT_IDENTIFIER)?;
                self.version = expect_arcs(&oid, ARC_VERSION)?;
                Ok(())
            }
            IDENTIFICATION_SCHEME if is_scheme(tlv) => {
                self.has_identification_scheme = true;
                Ok(())
            }
            PROTOCOL => self.take_protocols(tlv.reader()),
            tag => {
                self.other.push(DataObject::new(tag, tlv.value));
                Ok(())
            }
        }
    }

    /// Cards put several identifiers into one 64, or write several 64.
    fn take_protocols(&mut self, mut reader: Reader<'_>) -> Result<(), DecodeError> {
        while !reader.is_empty() {
            let oid = reader.expect(OBJECT_IDENTIFIER)?;
            self.protocols.push(SecureChannelProtocol::read(&oid)?);
        }
        Ok(())
    }
}

impl SecureChannelProtocol {
    /// Reads `… 04 number i`. An arc cannot begin with 80, so that 80 here can only be SCP80 with its
    /// number left unescaped: `… 04 80 00` on real cards, which has to be 04 8100 00.
    fn read(oid: &Tlv<'_>) -> Result<Self, DecodeError> {
        let mut reader = oid.reader();
        expect_global_platform(&mut reader)?;
        if read_arc(&mut reader)? != ARC_PROTOCOL {
            return Err(invalid_oid(oid.value_offset));
        }
        let number = if reader.peek() == Some(UNESCAPED_SCP80) {
            reader.u8()?;
            SCP80
        } else {
            read_arc(&mut reader)?
        };
        let i = read_arc(&mut reader)?;
        if reader.is_empty() {
            Ok(Self { number, i })
        } else {
            Err(invalid_oid(oid.value_offset))
        }
    }
}

/// Writes an object identifier below GlobalPlatform.
fn write_oid(writer: &mut Writer, arcs: &[u32]) {
    let mut oid = GLOBAL_PLATFORM.to_vec();
    for arc in arcs {
        let digits = (0..5).rev().map(|digit| (arc >> (7 * digit)) as u8 & 0x7F);
        let significant = digits.skip_while(|digit| *digit == 0);
        let before_last: Vec<u8> = significant.collect();
        let (last, high) = before_last.split_last().unwrap_or((&0, &[]));
        oid.extend(high.iter().map(|digit| digit | 0x80));
        oid.push(*last);
    }
    writer.tlv(OBJECT_IDENTIFIER, &oid);
}

/// Whether a card identification scheme is the one of GlobalPlatform; others are kept as they are.
fn is_scheme(tlv: &Tlv<'_>) -> bool {
    let mut reader = tlv.reader();
    let oid = reader.expect(OBJECT_IDENTIFIER);
    reader.is_empty() && oid.is_ok_and(|oid| expect_arcs(&oid, ARC_SCHEME) == Ok(Vec::new()))
}

/// The arcs after GlobalPlatform and `first`.
fn expect_arcs(oid: &Tlv<'_>, first: u32) -> Result<Vec<u32>, DecodeError> {
    let mut reader = oid.reader();
    expect_global_platform(&mut reader)?;
    let mut arcs = Vec::new();
    while !reader.is_empty() {
        arcs.push(read_arc(&mut reader)?);
    }
    if arcs.first() == Some(&first) {
        arcs.remove(0);
        Ok(arcs)
    } else {
        Err(invalid_oid(oid.value_offset))
    }
}

fn expect_global_platform(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let offset = reader.offset();
    if reader.array()? == GLOBAL_PLATFORM {
        Ok(())
    } else {
        Err(invalid_oid(offset))
    }
}

fn read_arc(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let offset = reader.offset();
    let mut arc = 0u32;
    loop {
        let byte = reader.u8()?;
        arc = arc.checked_mul(128).ok_or(invalid_oid(offset))? | u32::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            return Ok(arc);
        }
    }
}

const fn invalid_oid(offset: usize) -> DecodeError {
    DecodeError::InvalidValue {
        offset,
        field: "object identifier",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use alloc::vec;
    use proptest::{collection::vec, prelude::*};

    /// A card of version 2.2 with SCP03 i = 70.
    const EXAMPLE: &str = "66 30 73 2E 06 07 2A864886FC6B 01 60 0B 06 09 2A864886FC6B 02 0202 \
        63 09 06 07 2A864886FC6B 03 64 0B 06 09 2A864886FC6B 04 0370";

    #[test]
    fn decodes_and_encodes_an_example() {
        let data = bytes(EXAMPLE);
        for offset in [0, 2] {
            let recognition = CardRecognitionData::decode(&data[offset..]).unwrap();
            assert_eq!(recognition.version_text(), "2.2");
            assert_eq!(
                recognition.protocols,
                [SecureChannelProtocol { number: 3, i: 0x70 }]
            );
            assert!(recognition.has_identification_scheme);
            assert_eq!(recognition.encode(), data);
        }
    }

    #[test]
    fn reads_several_protocols_in_one_object_and_options_of_two_bytes() {
        let data = bytes("73 19 64 17 06 09 2A864886FC6B 04 0255 06 0A 2A864886FC6B 04 02 8215");
        let recognition = CardRecognitionData::decode(&data).unwrap();
        let options: Vec<u32> = recognition.protocols.iter().map(|p| p.i).collect();
        assert_eq!(options, [0x55, 0x115]);
        assert_eq!(recognition.version_text(), "");
    }

    #[test]
    fn reads_scp80_with_its_number_as_an_arc_and_as_real_cards_write_it() {
        let scp80 = |i| [SecureChannelProtocol { number: 0x80, i }];
        for (hex, protocols) in [
            ("73 0E 64 0C 06 0A 2A864886FC6B 04 810000", scp80(0)),
            ("73 0D 64 0B 06 09 2A864886FC6B 04 8000", scp80(0)),
            ("73 0D 64 0B 06 09 2A864886FC6B 04 8015", scp80(0x15)),
        ] {
            let recognition = CardRecognitionData::decode(&bytes(hex)).unwrap();
            assert_eq!(recognition.protocols, protocols, "{hex}");
            let again = CardRecognitionData::decode(&recognition.encode());
            assert_eq!(again, Ok(recognition));
        }
    }

    #[test]
    fn keeps_identification_schemes_of_others() {
        for hex in [
            "73 0B 63 09 06 07 2A864886FC6B 04",
            "73 0C 63 0A 06 08 2A864886FC6B 03 01",
            "73 0D 63 0B 06 07 2A864886FC6B 03 0500",
            "73 02 63 00",
        ] {
            let recognition = CardRecognitionData::decode(&bytes(hex)).unwrap();
            assert!(!recognition.has_identification_scheme, "{hex}");
            assert_eq!(recognition.other.len(), 1, "{hex}");
            assert_eq!(recognition.other[0].tag, Tag(0x63), "{hex}");
        }
    }

    #[test]
    fn refuses_malformed_data_with_offsets() {
        for (hex, offset) in [
            ("", 0),
            ("66", 1),
            ("6600", 2),
            ("660000", 2),
            ("7309 0607 2A864886FC6C 01", 4),
            ("7309 0607 2A864886FC6B 02", 4),
            ("7303 060100", 5),
            ("730B 6409 0607 2A864886FC6B 04", 13),
            ("730A 6408 0606 2A864886FC6B", 12),
            ("730D 640B 0609 2A864886FC6C 04 0370", 6),
            ("730D 640B 0609 2A864886FC6B 03 0370", 6),
            ("730C 640A 0608 2A864886FC6B 04 03", 14),
            ("730C 640A 0608 2A864886FC6B 04 80", 14),
            ("730E 640C 060A 2A864886FC6B 04 037000", 6),
            ("730E 640C 060A 2A864886FC6B 04 800000", 6),
            ("730C 640A 0608 2A864886FC6B 04 83", 14),
            ("7311 640F 060D 2A864886FC6B 04 FFFFFFFFFFFF", 13),
            ("7302 6000", 4),
        ] {
            let error = CardRecognitionData::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(version in vec(any::<u32>(), 0..4), has_identification_scheme: bool,
            protocols in vec(any::<(u32, u32)>(), 0..3), other in any_bytes(0..9)) {
            let recognition = CardRecognitionData {
                version,
                protocols: protocols
                    .into_iter()
                    .map(|(number, i)| SecureChannelProtocol { number, i })
                    .collect(),
                has_identification_scheme,
                other: vec![DataObject::new(Tag(0x65), other)],
            };
            prop_assert_eq!(CardRecognitionData::decode(&recognition.encode()), Ok(recognition));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40), wrap: bool) {
            let mut writer = Writer::new();
            if wrap { writer.tlv(RECOGNITION_DATA, &data) } else { writer.bytes(&data) }
            let data = writer.into_vec();
            if let Err(error) = CardRecognitionData::decode(&data) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
