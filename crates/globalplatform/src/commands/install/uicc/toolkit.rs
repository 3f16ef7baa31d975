//! Toolkit application specific parameters (tag 80 in EA), and the older parameters of SIM
//! applications (tag CA in EF).

use alloc::vec::Vec;

use crate::{
    error::{DecodeError, EncodeError},
    tlv::{Reader, Writer},
};

/// What an application may use of the toolkit: `priority | timers | text length | menu count
/// (position, identifier)… | channels | LV security level | LV TARs | services`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolkitParameters {
    /// Priority: 01 is the highest, FF the lowest.
    pub priority: u8,
    /// How many timers it may use.
    pub timers: u8,
    /// The longest text of a menu entry in bytes.
    pub text_length: u8,
    /// Its menu entries, at most 255.
    pub menu_entries: Vec<MenuEntry>,
    /// How many bearer independent channels it may open.
    pub channels: u8,
    /// Minimum security level: SPI1 of SCP80, and more when a future coding says so; may be empty.
    pub minimum_security_level: Vec<u8>,
    /// Toolkit application references under which SCP80 messages reach it.
    pub tars: Vec<[u8; 3]>,
    /// How many services it may use.
    pub services: u8,
}

/// A menu entry of a toolkit application.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MenuEntry {
    /// Position in the menu; 00 for the last.
    pub position: u8,
    /// Identifier; 00 lets the card choose.
    pub identifier: u8,
}

impl ToolkitParameters {
    /// The value of tag 80.
    pub(super) fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut writer = Writer::new();
        self.write(&mut writer)?;
        writer.u8(self.services);
        Ok(writer.into_vec())
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let mut parameters = Self::read_up_to_menu(&mut reader)?;
        parameters.channels = reader.u8()?;
        parameters.read_security(&mut reader)?;
        parameters.services = reader.u8()?;
        reader.finish()?;
        Ok(parameters)
    }

    /// Everything but the services.
    fn write(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        let entries = self.menu_entries.len();
        let count = u8::try_from(entries).map_err(|_| EncodeError::TooLong {
            field: "menu entries",
            length: entries,
            limit: usize::from(u8::MAX),
        })?;
        writer.bytes(&[self.priority, self.timers, self.text_length, count]);
        for entry in &self.menu_entries {
            writer.bytes(&[entry.position, entry.identifier]);
        }
        writer.u8(self.channels);
        writer.lv(&self.minimum_security_level);
        writer.lv(self.tars.as_flattened());
        Ok(())
    }

    fn read_up_to_menu(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let [priority, timers, text_length, count] = reader.array()?;
        let mut menu_entries = Vec::with_capacity(count.into());
        for _ in 0..count {
            let [position, identifier] = reader.array()?;
            menu_entries.push(MenuEntry {
                position,
                identifier,
            });
        }
        Ok(Self {
            priority,
            timers,
            text_length,
            menu_entries,
            ..Self::default()
        })
    }

    fn read_security(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.minimum_security_level = reader.lv()?.to_vec();
        let offset = reader.offset();
        let (tars, rest) = reader.lv()?.as_chunks();
        if !rest.is_empty() {
            return Err(DecodeError::InvalidLength { offset });
        }
        self.tars = tars.to_vec();
        Ok(())
    }
}

/// The value of CA: `LV access domain | toolkit parameters without services`.
///
/// The fields after the menu are younger than the others, so that decoding takes their absence for
/// zero.
///
/// ```
/// use globalplatform::commands::install::SimToolkitParameters;
///
/// let value = hex::decode("010001011000010003D50101")?;
/// let parameters = SimToolkitParameters::decode(&value)?;
/// assert_eq!(parameters.access_domain, [0x00]);
/// assert_eq!(parameters.toolkit.text_length, 16);
/// assert_eq!(parameters.encode()?, value);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SimToolkitParameters {
    /// What the application may do in the file system of the SIM: 00 everything, FF nothing.
    pub access_domain: Vec<u8>,
    /// Its toolkit parameters; services are not among them.
    pub toolkit: ToolkitParameters,
}

impl SimToolkitParameters {
    /// The value of CA.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] for more than 255 menu entries.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut writer = Writer::new();
        writer.lv(&self.access_domain);
        self.toolkit.write(&mut writer)?;
        Ok(writer.into_vec())
    }

    /// Decodes the value of CA.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in that value.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let access_domain = reader.lv()?.to_vec();
        let mut toolkit = ToolkitParameters::read_up_to_menu(&mut reader)?;
        if !reader.is_empty() {
            toolkit.channels = reader.u8()?;
        }
        if !reader.is_empty() {
            toolkit.read_security(&mut reader)?;
        }
        reader.finish()?;
        Ok(Self {
            access_domain,
            toolkit,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn decodes_every_field() {
        // Two menu entries, two TARs; the layout of the ETSI test suite for TS 102 241.
        let data = bytes("01 08 0F 02 0102 0304 03 02160F 06B00010B00011 05");
        let parameters = ToolkitParameters::read(Reader::new(&data)).unwrap();
        let entry = |position, identifier| MenuEntry {
            position,
            identifier,
        };
        assert_eq!(
            parameters,
            ToolkitParameters {
                priority: 1,
                timers: 8,
                text_length: 15,
                menu_entries: [entry(1, 2), entry(3, 4)].into(),
                channels: 3,
                minimum_security_level: [0x16, 0x0F].into(),
                tars: [[0xB0, 0x00, 0x10], [0xB0, 0x00, 0x11]].into(),
                services: 5,
            }
        );
        assert_eq!(parameters.encode(), Ok(data));
    }

    #[test]
    fn refuses_malformed_parameters_with_offsets() {
        for (hex, offset) in [
            ("010000", 3),
            ("01000001 01", 5),
            ("01000000", 4),
            ("01000000 00", 5),
            ("01000000 00 00", 6),
            ("01000000 00 00 02B000", 6),
            ("01000000 00 00 00", 7),
            ("01000000 00 00 00 00 00", 8),
        ] {
            let error = ToolkitParameters::read(Reader::new(&bytes(hex))).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    #[test]
    fn sim_parameters_may_end_after_the_menu() {
        let short = SimToolkitParameters::decode(&bytes("01FF 02030400")).unwrap();
        assert_eq!(short.access_domain, [0xFF]);
        assert_eq!(short.toolkit.text_length, 4);
        let channels = SimToolkitParameters::decode(&bytes("01FF 02030400 07")).unwrap();
        assert_eq!(channels.toolkit.channels, 7);
        assert_eq!(channels.encode(), Ok(bytes("01FF 02030400 07 00 00")));
        for (hex, offset) in [
            ("", 0),
            ("0100 020304", 5),
            ("0100 02030400 07 00", 8),
            ("0100 02030400 07 00 01AA", 8),
            ("0100 02030400 07 00 00 00", 9),
        ] {
            let error = SimToolkitParameters::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    #[test]
    fn refuses_to_encode_256_menu_entries() {
        let mut parameters = ToolkitParameters {
            menu_entries: [MenuEntry::default(); 255].into(),
            ..ToolkitParameters::default()
        };
        assert_eq!(parameters.encode().unwrap().len(), 4 + 2 * 255 + 4);
        parameters.menu_entries.push(MenuEntry::default());
        let error = EncodeError::TooLong {
            field: "menu entries",
            length: 256,
            limit: 255,
        };
        assert_eq!(parameters.encode(), Err(error));
        let sim = SimToolkitParameters {
            access_domain: Vec::new(),
            toolkit: parameters,
        };
        assert_eq!(sim.encode(), Err(error));
    }

    pub(crate) fn any_toolkit() -> impl Strategy<Value = ToolkitParameters> {
        let entries = vec(any::<(u8, u8)>(), 0..4);
        let security = (any_bytes(0..4), vec(any::<[u8; 3]>(), 0..3));
        (any::<[u8; 5]>(), entries, security).prop_map(|(numbers, entries, security)| {
            let [priority, timers, text_length, channels, services] = numbers;
            ToolkitParameters {
                priority,
                timers,
                text_length,
                menu_entries: entries
                    .into_iter()
                    .map(|(position, identifier)| MenuEntry {
                        position,
                        identifier,
                    })
                    .collect(),
                channels,
                minimum_security_level: security.0,
                tars: security.1,
                services,
            }
        })
    }

    proptest! {
        #[test]
        fn sim_parameters_round_trip(access_domain in any_bytes(0..4), toolkit in any_toolkit()) {
            let toolkit = ToolkitParameters { services: 0, ..toolkit };
            let parameters = SimToolkitParameters { access_domain, toolkit };
            let encoded = parameters.encode().unwrap();
            prop_assert_eq!(SimToolkitParameters::decode(&encoded), Ok(parameters));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40)) {
            if let Err(error) = SimToolkitParameters::decode(&data) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
