//! A whole script in one buffer.

use core::fmt;

use alloc::vec::Vec;
use globalplatform::apdu::CommandRef;

use crate::protected::Protected;

/// The commands of a script, encoded one after the other in one buffer, in the order in which they
/// must be sent.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Script {
    pub(super) bytes: Vec<u8>,
    /// Where each command ends in the buffer.
    pub(super) ends: Vec<usize>,
}

impl Script {
    /// All commands, one directly after the other.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many commands there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no command.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The command with this number, counted from 0, as the session demands it. INITIALIZE UPDATE,
    /// the first one of a script that opens a session, is never protected.
    pub fn apdu(&self, index: usize) -> Option<Protected<'_>> {
        let end = *self.ends.get(index)?;
        let begin = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.between(begin, end)
    }

    /// The commands in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            script: self,
            ends: self.ends.iter(),
            begin: 0,
        }
    }

    /// Room for one more command at the end of the buffer.
    pub(super) fn room(&mut self, length: usize) -> &mut [u8] {
        let begin = self.bytes.len();
        self.bytes.resize(begin.saturating_add(length), 0x00);
        self.ends.push(self.bytes.len());
        self.bytes.get_mut(begin..).unwrap_or(&mut [])
    }

    fn between(&self, begin: usize, end: usize) -> Option<Protected<'_>> {
        let bytes = self.bytes.get(begin..end)?;
        let command = CommandRef::decode(bytes).ok()?;
        Some(Protected::new(bytes, bytes.len(), &command.frame()))
    }
}

impl<'s> IntoIterator for &'s Script {
    type Item = Protected<'s>;
    type IntoIter = Iter<'s>;

    fn into_iter(self) -> Iter<'s> {
        self.iter()
    }
}

impl fmt::Debug for Script {
    /// How many commands and bytes, never data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, length) = (self.len(), self.bytes.len());
        write!(f, "Script({count} commands, {length} bytes)")
    }
}

/// The commands of a [`Script`].
#[derive(Debug, Clone)]
pub struct Iter<'s> {
    script: &'s Script,
    ends: core::slice::Iter<'s, usize>,
    begin: usize,
}

impl<'s> Iterator for Iter<'s> {
    type Item = Protected<'s>;

    fn next(&mut self) -> Option<Protected<'s>> {
        let end = *self.ends.next()?;
        let begin = core::mem::replace(&mut self.begin, end);
        self.script.between(begin, end)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ends.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}
