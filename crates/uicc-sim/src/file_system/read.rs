//! READ BINARY and READ RECORD (TS 102 221 11.1.3 and 11.1.5).

use globalplatform::apdu::{CommandApdu, MAX_SHORT_LE, ResponseApdu};
use globalplatform::status_word::StatusWord;

use super::tree::{Body, Node, Tree};
use super::{RECORD_NOT_FOUND, View, WRONG_STRUCTURE};

/// "End of file before Le bytes".
const END_OF_FILE: StatusWord = StatusWord(0x6282);

impl View {
    /// From an offset of 15 bits, or of 8 bits in the file with the short identifier in P1.
    pub(super) fn read_binary(
        &mut self,
        tree: &Tree,
        command: &CommandApdu,
    ) -> Result<ResponseApdu, StatusWord> {
        let (node, offset) = if command.p1 & 0x80 == 0 {
            let offset = u16::from_be_bytes([command.p1, command.p2]);
            (self.file(tree)?, offset)
        } else if command.p1 & 0x60 == 0 {
            (self.short(tree, command.p1 & 0x1F)?, command.p2.into())
        } else {
            return Err(StatusWord::WRONG_P1P2);
        };
        let Body::Transparent(bytes) = &node.body else {
            return Err(WRONG_STRUCTURE);
        };
        let rest = bytes.get(usize::from(offset)..);
        let rest = rest.filter(|rest| !rest.is_empty());
        let rest = rest.ok_or(StatusWord::OFFSET_OUTSIDE)?;
        let wanted = wanted(command).unwrap_or(rest.len().min(256));
        let response = match rest.get(..wanted) {
            Some(piece) => ResponseApdu::with_data(piece),
            None => ResponseApdu {
                data: rest.to_vec(),
                sw: END_OF_FILE,
            },
        };
        self.settle_on(node);
        Ok(response)
    }

    /// The next (P2 02), previous (03), or numbered record (04; 0 is the current one).
    pub(super) fn read_record(
        &mut self,
        tree: &Tree,
        command: &CommandApdu,
    ) -> Result<ResponseApdu, StatusWord> {
        let short_id = command.p2 >> 3;
        let node = match short_id {
            0 => self.file(tree)?,
            id => self.short(tree, id)?,
        };
        let Body::Records(records) = &node.body else {
            return Err(WRONG_STRUCTURE);
        };
        let count = u8::try_from(records.len()).unwrap_or(u8::MAX);
        let is_current = self.file.as_ref() == Some(&node.path);
        let pointer = if is_current { self.record } else { 0 };
        let number = match (command.p2 & 0x07, command.p1) {
            (0x02, 0) => pointer.saturating_add(1),
            (0x03, 0) if pointer == 0 => count,
            (0x03, 0) => pointer - 1,
            (0x04, 0) => pointer,
            (0x04, number) => number,
            _ => return Err(StatusWord::WRONG_P1P2),
        };
        let index = number.checked_sub(1).ok_or(RECORD_NOT_FOUND)?;
        let record = records.get(usize::from(index)).ok_or(RECORD_NOT_FOUND)?;
        if wanted(command).is_some_and(|wanted| wanted != record.len()) {
            let length = u16::try_from(record.len()).unwrap_or(0) & 0xFF;
            return Err(StatusWord(0x6C00 | length));
        }
        self.settle_on(node);
        if command.p2 & 0x07 != 0x04 {
            // Only moving moves the record pointer (11.1.5.1).
            self.record = number;
        }
        Ok(ResponseApdu::with_data(record.clone()))
    }

    fn short<'a>(&self, tree: &'a Tree, id: u8) -> Result<&'a Node, StatusWord> {
        let node = tree.short(&self.directory, id);
        node.ok_or(StatusWord::NOT_FOUND)
    }

    /// A file named by its short identifier becomes the current one.
    fn settle_on(&mut self, node: &Node) {
        if self.file.as_ref() != Some(&node.path) {
            self.go_to(node);
        }
    }
}

/// The number of bytes that the command names; none when it wants whatever there is.
pub(super) fn wanted(command: &CommandApdu) -> Option<usize> {
    let le = command.le.filter(|le| *le < MAX_SHORT_LE)?;
    usize::try_from(le).ok()
}
