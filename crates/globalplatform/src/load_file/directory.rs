//! The Directory component (JCVM 3.1, 6.5), which says how large all components are.

use alloc::vec::Vec;

use super::{
    component::ComponentKind,
    count,
    header::{read_aid, write_aid},
};
use crate::{
    aid::Aid,
    error::{DecodeError, EncodeError},
    tlv::{Reader, Writer},
};

/// What the Directory component says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// Size of the information of each component, in the order of [`ComponentKind::ALL`]; 0 for
    /// those that are absent.
    pub sizes: [u32; 13],
    /// Sizes of the static field image.
    pub static_field: StaticFieldSize,
    /// How many packages are imported.
    pub import_count: u8,
    /// How many applets there are.
    pub applet_count: u8,
    /// How many blocks the Method component has; only in the extended format.
    pub method_block_count: u8,
    /// Components that somebody else defined.
    pub custom: Vec<CustomComponent>,
}

/// Sizes of the static field image, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StaticFieldSize {
    /// The image.
    pub image_size: u16,
    /// How many arrays are initialised.
    pub array_init_count: u16,
    /// The initial values of all these arrays.
    pub array_init_size: u16,
}

/// A component that the Java Card specification does not define.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomComponent {
    /// 80 to FF.
    pub tag: u8,
    /// Size of its information in bytes.
    pub size: u32,
    /// AID that names it.
    pub aid: Aid,
}

/// How wide the size of a component is in the Directory; `None` when the format does not have it.
fn width(kind: ComponentKind, format: (u8, u8), extended: bool) -> Option<usize> {
    match kind {
        ComponentKind::Debug if format < (2, 2) => None,
        ComponentKind::StaticResources if format < (2, 3) => None,
        _ if kind.has_long_size(extended) => Some(4),
        _ => Some(2),
    }
}

/// Where the size of a component lies in the information of the Directory.
pub(super) fn size_position(kind: ComponentKind, format: (u8, u8), extended: bool) -> usize {
    ComponentKind::ALL
        .into_iter()
        .take_while(|before| *before != kind)
        .filter_map(|before| width(before, format, extended))
        .sum()
}

/// How long the sizes of all components are together.
pub(super) fn sizes_length(format: (u8, u8), extended: bool) -> usize {
    ComponentKind::ALL
        .into_iter()
        .filter_map(|kind| width(kind, format, extended))
        .sum()
}

impl Directory {
    /// Size of the information of a component in bytes; 0 when it is absent.
    #[must_use]
    pub fn size(&self, kind: ComponentKind) -> u32 {
        self.entry(kind).copied().unwrap_or_default()
    }

    /// Sets the size of the information of a component in bytes.
    pub fn set_size(&mut self, kind: ComponentKind, size: u32) {
        if let Some(entry) = self.sizes.get_mut(usize::from(kind.tag()) - 1) {
            *entry = size;
        }
    }

    fn entry(&self, kind: ComponentKind) -> Option<&u32> {
        self.sizes.get(usize::from(kind.tag()) - 1)
    }

    /// The information of the component; the format decides which sizes it has, and how wide.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when a size does not fit, or with more than 255 custom components.
    pub fn encode(&self, format: (u8, u8), extended: bool) -> Result<Vec<u8>, EncodeError> {
        let mut writer = Writer::new();
        for kind in ComponentKind::ALL {
            match width(kind, format, extended) {
                Some(4) => writer.bytes(&self.size(kind).to_be_bytes()),
                Some(_) => writer.u16(count(kind.file_stem(), self.size(kind) as usize)?),
                None => {}
            }
        }
        writer.u16(self.static_field.image_size);
        writer.u16(self.static_field.array_init_count);
        writer.u16(self.static_field.array_init_size);
        writer.u8(self.import_count);
        writer.u8(self.applet_count);
        if extended {
            writer.u8(self.method_block_count);
        }
        writer.u8(count("list of custom components", self.custom.len())?);
        for custom in &self.custom {
            writer.u8(custom.tag);
            if extended {
                writer.bytes(&custom.size.to_be_bytes());
            } else {
                writer.u16(count("custom component", custom.size as usize)?);
            }
            write_aid(&mut writer, &custom.aid);
        }
        Ok(writer.into_vec())
    }

    /// Reads the information of the component in the form of this format.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed.
    pub fn read(
        mut reader: Reader<'_>,
        format: (u8, u8),
        extended: bool,
    ) -> Result<Self, DecodeError> {
        let mut directory = Self::default();
        for kind in ComponentKind::ALL {
            match width(kind, format, extended) {
                Some(4) => directory.set_size(kind, u32::from_be_bytes(reader.array()?)),
                Some(_) => directory.set_size(kind, reader.u16()?.into()),
                None => {}
            }
        }
        directory.static_field = StaticFieldSize {
            image_size: reader.u16()?,
            array_init_count: reader.u16()?,
            array_init_size: reader.u16()?,
        };
        directory.import_count = reader.u8()?;
        directory.applet_count = reader.u8()?;
        if extended {
            directory.method_block_count = reader.u8()?;
        }
        let custom_count = reader.u8()?;
        for _ in 0..custom_count {
            directory.custom.push(CustomComponent {
                tag: reader.u8()?,
                size: if extended {
                    u32::from_be_bytes(reader.array()?)
                } else {
                    reader.u16()?.into()
                },
                aid: read_aid(&mut reader)?,
            });
        }
        reader.finish()?;
        Ok(directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_aid, any_bytes};
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn has_the_lengths_that_converters_write() {
        let directory = Directory::default();
        for (minor, extended, length) in [
            (1, false, 0x1F),
            (2, false, 0x21),
            (3, false, 0x25),
            (3, true, 0x2E),
        ] {
            assert_eq!(
                directory.encode((2, minor), extended).unwrap().len(),
                length
            );
        }
    }

    #[test]
    fn knows_where_each_size_lies() {
        for (kind, minor, extended, position) in [
            (ComponentKind::Header, 1, false, 0),
            (ComponentKind::Export, 1, false, 18),
            (ComponentKind::StaticResources, 3, false, 24),
            (ComponentKind::StaticField, 3, true, 16),
            (ComponentKind::StaticResources, 3, true, 32),
        ] {
            assert_eq!(
                size_position(kind, (2, minor), extended),
                position,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn refuses_malformed_directories_with_offsets() {
        let read = |length: usize| Directory::read(Reader::new(&[0; 64][..length]), (2, 1), false);
        assert_eq!(
            read(30),
            Err(DecodeError::Truncated {
                offset: 30,
                needed: 1
            })
        );
        assert_eq!(read(33), Err(DecodeError::TrailingBytes { offset: 31 }));
        let mut custom = [0; 31 + 4 + 4];
        custom[30] = 1;
        custom[31] = 0x80;
        custom[34] = 4;
        assert_eq!(
            Directory::read(Reader::new(&custom), (2, 1), false),
            Err(DecodeError::InvalidLength { offset: 34 })
        );
    }

    proptest! {
        #[test]
        fn round_trips(sizes: [u16; 13], counts: [u8; 3], fields: [u16; 3], extended: bool,
            custom in vec((0x80u8..=0xFF, any::<u16>(), any_aid()), 0..3)) {
            let [import_count, applet_count, method_block_count] = counts;
            let [image_size, array_init_count, array_init_size] = fields;
            let directory = Directory {
                sizes: sizes.map(u32::from),
                static_field: StaticFieldSize { image_size, array_init_count, array_init_size },
                import_count,
                applet_count,
                method_block_count: if extended { method_block_count } else { 0 },
                custom: custom
                    .into_iter()
                    .map(|(tag, size, aid)| CustomComponent { tag, size: size.into(), aid })
                    .collect(),
            };
            let bytes = directory.encode((2, 3), extended).unwrap();
            prop_assert_eq!(Directory::read(Reader::new(&bytes), (2, 3), extended), Ok(directory));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..80), minor in 0u8..5, extended: bool) {
            if let Err(error) = Directory::read(Reader::new(&data), (2, minor), extended) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
