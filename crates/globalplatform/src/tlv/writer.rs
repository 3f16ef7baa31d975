//! Writing bytes front to back, with shortest lengths.

use alloc::vec::Vec;

use super::{DataObject, Tag};

/// Collects bytes; lengths are written in their shortest form.
///
/// ```
/// use globalplatform::tlv::{Tag, Writer};
///
/// let mut writer = Writer::new();
/// writer.nested(Tag(0xE3), |entry| {
///     entry.tlv(Tag(0x4F), &[0xA0, 0, 0, 1, 0x51]);
///     entry.tlv(Tag(0x9F70), &[0x0F]);
/// });
/// assert_eq!(hex::encode(writer.into_vec()), "e30b4f05a0000001519f70010f");
/// ```
#[derive(Clone, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Nothing written yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// What was written.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
    }

    /// How many bytes were written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// One byte.
    pub fn u8(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Two bytes, big endian.
    pub fn u16(&mut self, number: u16) {
        self.bytes(&number.to_be_bytes());
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A tag.
    pub fn tag(&mut self, tag: Tag) {
        self.significant_bytes(tag.0 as usize);
    }

    /// A BER length.
    pub fn length(&mut self, length: usize) {
        if length < 0x80 {
            self.u8(length as u8);
        } else {
            let count = size_of::<usize>() - length.leading_zeros() as usize / 8;
            self.u8(0x80 | count as u8);
            self.significant_bytes(length);
        }
    }

    /// A BER length and as many bytes.
    pub fn lv(&mut self, value: &[u8]) {
        self.length(value.len());
        self.bytes(value);
    }

    /// A data object.
    pub fn tlv(&mut self, tag: Tag, value: &[u8]) {
        self.tag(tag);
        self.lv(value);
    }

    /// A data object, if there is a value.
    pub fn optional(&mut self, tag: Tag, value: Option<impl AsRef<[u8]>>) {
        if let Some(value) = value {
            self.tlv(tag, value.as_ref());
        }
    }

    /// Data objects kept from elsewhere.
    pub fn objects(&mut self, objects: &[DataObject]) {
        for object in objects {
            self.tlv(object.tag, &object.value);
        }
    }

    /// A constructed data object whose value `write` writes.
    pub fn nested(&mut self, tag: Tag, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::new();
        write(&mut inner);
        self.tlv(tag, &inner.bytes);
    }

    /// A constructed data object, unless `write` writes nothing.
    pub fn nested_if_any(&mut self, tag: Tag, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::new();
        write(&mut inner);
        if !inner.is_empty() {
            self.tlv(tag, &inner.bytes);
        }
    }

    /// The number without leading zero bytes, but at least one byte.
    fn significant_bytes(&mut self, number: usize) {
        let bytes = number.to_be_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let skipped = zeros.min(bytes.len() - 1);
        self.bytes.extend(bytes.iter().skip(skipped));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn writes_the_shortest_length() {
        for (length, expected) in [
            (0, vec![0]),
            (0x7F, vec![0x7F]),
            (0x80, vec![0x81, 0x80]),
            (0xFF, vec![0x81, 0xFF]),
            (0x100, vec![0x82, 1, 0]),
            (0xFFFF, vec![0x82, 0xFF, 0xFF]),
            (0x1_0000, vec![0x83, 1, 0, 0]),
        ] {
            let mut writer = Writer::new();
            writer.length(length);
            assert_eq!(writer.into_vec(), expected);
        }
    }

    #[test]
    fn a_tag_has_at_least_one_byte() {
        let mut writer = Writer::new();
        writer.tlv(Tag(0), &[7]);
        writer.tlv(Tag(0x9F70), &[]);
        assert_eq!(writer.into_vec(), [0, 1, 7, 0x9F, 0x70, 0]);
    }

    #[test]
    fn leaves_out_an_empty_template() {
        let mut writer = Writer::new();
        writer.nested_if_any(Tag(0xEF), |_| ());
        assert!(writer.is_empty());
        writer.nested(Tag(0xEF), |_| ());
        assert_eq!(writer.len(), 2);
    }
}
