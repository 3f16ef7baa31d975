//! Components of a CAP file (JCVM 3.1, 6.1 and 6.2): tag, size, information.

use alloc::vec::Vec;

use super::count;
use crate::{
    error::{DecodeError, EncodeError},
    tlv::{Reader, Writer},
};

/// The first tag of custom components.
const FIRST_CUSTOM_TAG: u8 = 0x80;
/// Where the flags lie in the information of the Header component.
const HEADER_FLAGS: usize = 6;
/// Flag of the Header component: extended format.
pub(super) const EXTENDED: u8 = 0x08;

/// The components that the Java Card specification defines (JCVM 3.1, Table 6-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ComponentKind {
    /// Format, package and flags.
    Header = 1,
    /// Sizes of the components.
    Directory = 2,
    /// Applets and their install methods.
    Applet = 3,
    /// Imported packages.
    Import = 4,
    /// Constant pool.
    ConstantPool = 5,
    /// Classes and interfaces.
    Class = 6,
    /// Byte code.
    Method = 7,
    /// Static fields.
    StaticField = 8,
    /// Where the byte code refers to the constant pool.
    ReferenceLocation = 9,
    /// What other packages may use.
    Export = 10,
    /// For verification off the card.
    Descriptor = 11,
    /// For debuggers.
    Debug = 12,
    /// Static resources (since format 2.3).
    StaticResources = 13,
}

impl ComponentKind {
    /// All kinds, in the order of their tags, which is that of the Directory.
    pub const ALL: [Self; 13] = [
        Self::Header,
        Self::Directory,
        Self::Applet,
        Self::Import,
        Self::ConstantPool,
        Self::Class,
        Self::Method,
        Self::StaticField,
        Self::ReferenceLocation,
        Self::Export,
        Self::Descriptor,
        Self::Debug,
        Self::StaticResources,
    ];

    /// What is loaded, in the order of loading (JCVM 3.1, Table 6-2; Descriptor is optional there
    /// and left out by common loaders).
    pub const LOAD_ORDER: [Self; 11] = [
        Self::Header,
        Self::Directory,
        Self::Import,
        Self::Applet,
        Self::Class,
        Self::Method,
        Self::StaticField,
        Self::Export,
        Self::ConstantPool,
        Self::ReferenceLocation,
        Self::StaticResources,
    ];

    /// The tag.
    #[must_use]
    pub const fn tag(self) -> u8 {
        self as u8
    }

    /// The kind with this tag; custom components have none.
    #[must_use]
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.tag() == tag)
    }

    /// Name of the file inside a CAP file, without its extension (`.cap` or `.capx`).
    #[must_use]
    pub const fn file_stem(self) -> &'static str {
        match self {
            Self::Header => "Header",
            Self::Directory => "Directory",
            Self::Applet => "Applet",
            Self::Import => "Import",
            Self::ConstantPool => "ConstantPool",
            Self::Class => "Class",
            Self::Method => "Method",
            Self::StaticField => "StaticField",
            Self::ReferenceLocation => "RefLocation",
            Self::Export => "Export",
            Self::Descriptor => "Descriptor",
            Self::Debug => "Debug",
            Self::StaticResources => "StaticResources",
        }
    }

    /// Whether the size of the component has four bytes and not two.
    #[must_use]
    pub const fn has_long_size(self, extended: bool) -> bool {
        match self {
            Self::StaticResources => true,
            Self::Method | Self::ReferenceLocation | Self::Descriptor | Self::Debug => extended,
            _ => false,
        }
    }
}

/// A component: its tag, and its information without tag and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component<'a> {
    tag: u8,
    info: &'a [u8],
    offset: usize,
    info_offset: usize,
}

impl<'a> Component<'a> {
    /// A component of this kind.
    #[must_use]
    pub const fn new(kind: ComponentKind, info: &'a [u8]) -> Self {
        Self {
            tag: kind.tag(),
            info,
            offset: 0,
            info_offset: 0,
        }
    }

    /// The kind; custom components have none.
    #[must_use]
    pub fn kind(&self) -> Option<ComponentKind> {
        ComponentKind::from_tag(self.tag)
    }

    /// The tag.
    #[must_use]
    pub const fn tag(&self) -> u8 {
        self.tag
    }

    /// The information.
    #[must_use]
    pub const fn info(&self) -> &'a [u8] {
        self.info
    }

    /// Where the component begins in what was read.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Reads the information with the offsets of what the component was read from.
    #[must_use]
    pub const fn reader(&self) -> Reader<'a> {
        Reader::with_base(self.info, self.info_offset)
    }

    /// Tag, size and information.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when the size does not fit its two or four bytes (see
    /// [`ComponentKind::has_long_size`]).
    pub fn encode(&self, extended: bool) -> Result<Vec<u8>, EncodeError> {
        let mut writer = Writer::new();
        writer.u8(self.tag);
        if has_long_size(self.tag, extended) {
            writer.bytes(&count::<u32>("component", self.info.len())?.to_be_bytes());
        } else {
            writer.u16(count("component", self.info.len())?);
        }
        writer.bytes(self.info);
        Ok(writer.into_vec())
    }

    /// Reads one component.
    ///
    /// # Errors
    /// [`DecodeError`] for a tag that means nothing, or when the input ends.
    pub fn read(reader: &mut Reader<'a>, extended: bool) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let tag = reader.u8()?;
        if ComponentKind::from_tag(tag).is_none() && tag < FIRST_CUSTOM_TAG {
            return Err(DecodeError::InvalidValue {
                offset,
                field: "component tag",
            });
        }
        let size_offset = reader.offset();
        let size = if has_long_size(tag, extended) {
            let size = u32::from_be_bytes(reader.array()?);
            usize::try_from(size).map_err(|_| DecodeError::InvalidLength {
                offset: size_offset,
            })?
        } else {
            reader.u16()?.into()
        };
        let info_offset = reader.offset();
        let info = reader.take(size)?;
        Ok(Self {
            tag,
            info,
            offset,
            info_offset,
        })
    }

    /// Reads components to the end of the input. Header comes first and says whether the format is
    /// extended.
    ///
    /// # Errors
    /// [`DecodeError`] when Header is not first or a component is malformed.
    pub fn read_all(mut reader: Reader<'a>) -> Result<Vec<Self>, DecodeError> {
        let header = Self::read(&mut reader, false)?;
        header.expect(ComponentKind::Header)?;
        let extended = header.announces_extended();
        let mut components = Vec::from([header]);
        while !reader.is_empty() {
            components.push(Self::read(&mut reader, extended)?);
        }
        Ok(components)
    }

    /// Whether this is a Header component with the flag of the extended format.
    #[must_use]
    pub fn announces_extended(&self) -> bool {
        self.info
            .get(HEADER_FLAGS)
            .is_some_and(|flags| self.tag == ComponentKind::Header.tag() && flags & EXTENDED != 0)
    }

    /// Checks the tag that comes next; the size behind it is read as the tag demands.
    #[cfg(feature = "cap")]
    pub(crate) fn expect_tag(reader: &Reader<'_>, kind: ComponentKind) -> Result<(), DecodeError> {
        Component {
            tag: reader.clone().u8()?,
            info: &[],
            offset: reader.offset(),
            info_offset: 0,
        }
        .expect(kind)
    }

    /// Checks the kind.
    pub(crate) fn expect(&self, kind: ComponentKind) -> Result<(), DecodeError> {
        if self.tag == kind.tag() {
            Ok(())
        } else {
            Err(DecodeError::UnexpectedTag {
                offset: self.offset,
                expected: kind.tag().into(),
                found: self.tag.into(),
            })
        }
    }
}

fn has_long_size(tag: u8, extended: bool) -> bool {
    ComponentKind::from_tag(tag).map_or(extended, |kind| kind.has_long_size(extended))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn tags_count_from_one() {
        for (tag, kind) in (1..).zip(ComponentKind::ALL) {
            assert_eq!(kind.tag(), tag);
            assert_eq!(ComponentKind::from_tag(tag), Some(kind));
        }
        assert_eq!(ComponentKind::from_tag(0), None);
        assert_eq!(ComponentKind::from_tag(14), None);
    }

    #[test]
    fn refuses_tags_without_meaning() {
        for tag in [0, 14, 0x7F] {
            let error =
                Component::read(&mut Reader::with_base(&[tag, 0, 0], 9), false).unwrap_err();
            assert_eq!(
                error,
                DecodeError::InvalidValue {
                    offset: 9,
                    field: "component tag"
                }
            );
        }
        let custom = Component::read(&mut Reader::new(&[0x80, 0, 1, 7]), false).unwrap();
        assert_eq!((custom.kind(), custom.info()), (None, &[7][..]));
    }

    #[test]
    fn refuses_a_size_beyond_the_end() {
        let mut reader = Reader::new(&[13, 0xFF, 0xFF, 0xFF, 0xFF, 1]);
        assert_eq!(
            Component::read(&mut reader, false),
            Err(DecodeError::Truncated {
                offset: 6,
                needed: 0xFFFF_FFFE
            })
        );
    }

    #[test]
    fn refuses_to_encode_what_its_size_cannot_tell() {
        let info = vec![0; 0x1_0000];
        let method = Component::new(ComponentKind::Method, &info);
        assert!(method.encode(true).is_ok());
        assert_eq!(
            method.encode(false),
            Err(EncodeError::TooLong {
                field: "component",
                length: 0x1_0000,
                limit: 0xFFFF
            })
        );
    }

    proptest! {
        #[test]
        fn round_trips(kind in proptest::sample::select(&ComponentKind::ALL[..]), extended: bool,
            info in proptest::collection::vec(any::<u8>(), 0..400)) {
            let bytes = Component::new(kind, &info).encode(extended).unwrap();
            let mut reader = Reader::new(&bytes);
            let read = Component::read(&mut reader, extended).unwrap();
            prop_assert!(reader.is_empty());
            prop_assert_eq!(read.kind(), Some(kind));
            prop_assert_eq!(read.info(), &info[..]);
        }
    }
}
