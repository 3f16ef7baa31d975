//! Data objects that may come once.

use alloc::vec::Vec;

use super::{Tag, Tlv};
use crate::error::DecodeError;

/// The tags that have come, where the last of several would silently win otherwise.
#[derive(Debug, Default)]
pub(crate) struct Once {
    seen: Vec<Tag>,
}

impl Once {
    /// Notes a data object.
    ///
    /// # Errors
    /// [`DecodeError::InvalidValue`] at its tag when it has come before.
    pub(crate) fn note(&mut self, tlv: &Tlv<'_>) -> Result<(), DecodeError> {
        if self.seen.contains(&tlv.tag) {
            return Err(DecodeError::InvalidValue {
                offset: tlv.offset,
                field: "repeated data object",
            });
        }
        self.seen.push(tlv.tag);
        Ok(())
    }
}
