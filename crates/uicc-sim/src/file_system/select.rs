//! SELECT by file identifier or path (TS 102 221 8.4 and 11.1.1).

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;

use super::tree::{MASTER_FILE, Node, Tree, USIM};
use super::{View, control_parameters};

/// In P2: no data in the answer.
const NO_DATA: u8 = 0x0C;
/// In P2: the FCP template (04), or what ISO 7816-4 calls FCI (00), which is the same here.
const TEMPLATE: [u8; 2] = [0x04, 0x00];

impl View {
    /// Selects by identifier (P1 00, 01, 02), to the parent (03), or by path from the master file (08) or from here (09).
    pub(super) fn select(
        &mut self,
        tree: &Tree,
        command: &CommandApdu,
    ) -> Result<ResponseApdu, StatusWord> {
        if command.p2 != NO_DATA && !TEMPLATE.contains(&command.p2) {
            return Err(StatusWord::WRONG_P1P2);
        }
        let ids = identifiers(&command.data)?;
        let node = match (command.p1, ids.as_slice()) {
            (0x00, []) => tree.node(&[MASTER_FILE]),
            (0x00, [id]) => self.by_identifier(tree, *id),
            (0x01, [id]) => self.child(tree, *id).filter(|node| node.is_directory()),
            (0x02, [id]) => self.child(tree, *id).filter(|node| !node.is_directory()),
            (0x03, []) => self.current(tree).and_then(|d| tree.node(d.parent())),
            (0x08, path @ [_, ..]) => self.by_path(tree, &[MASTER_FILE], path),
            (0x09, path @ [_, ..]) => self.by_path(tree, &self.directory, path),
            (0x00..=0x03 | 0x08 | 0x09, _) => return Err(StatusWord::WRONG_LENGTH),
            _ => return Err(StatusWord::WRONG_P1P2),
        };
        let node = node.ok_or(StatusWord::NOT_FOUND)?;
        self.go_to(node);
        Ok(answer(node, command.p2))
    }

    fn child<'a>(&self, tree: &'a Tree, id: u16) -> Option<&'a Node> {
        tree.node(&[&self.directory[..], &[id]].concat())
            .filter(|node| self.is_reachable(node))
    }

    /// A child of the current directory, the directory itself, its parent, a directory beside it, the master file, or
    /// the active application (8.4.1).
    fn by_identifier<'a>(&self, tree: &'a Tree, id: u16) -> Option<&'a Node> {
        if let Some(child) = self.child(tree, id) {
            return Some(child);
        }
        let parent = self.directory.split_last().map_or(&[][..], |(_, p)| p);
        let beside = [parent, &[id]].concat();
        let usim = [MASTER_FILE, USIM];
        [&self.directory, parent, &beside, &[MASTER_FILE], &usim[..]]
            .into_iter()
            .filter_map(|path| tree.node(path))
            .find(|node| node.id() == id && node.is_directory() && self.is_reachable(node))
    }

    /// A path that may begin with the directory it starts from.
    fn by_path<'a>(&self, tree: &'a Tree, from: &[u16], path: &[u16]) -> Option<&'a Node> {
        let path = match (from.last(), path.split_first()) {
            (Some(start), Some((first, rest))) if start == first && !rest.is_empty() => rest,
            _ => path,
        };
        tree.node(&[from, path].concat())
            .filter(|node| self.is_reachable(node))
    }

    /// 7FFF means nothing before the USIM was selected by its AID.
    fn is_reachable(&self, node: &Node) -> bool {
        self.usim_active || !node.path.contains(&USIM)
    }
}

/// The two-byte identifiers in the data.
fn identifiers(data: &[u8]) -> Result<Vec<u16>, StatusWord> {
    let (pairs, rest) = data.as_chunks::<2>();
    if rest.is_empty() {
        Ok(pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect())
    } else {
        Err(StatusWord::WRONG_LENGTH)
    }
}

/// What SELECT answers for this P2.
pub(super) fn answer(node: &Node, p2: u8) -> ResponseApdu {
    if p2 & NO_DATA == NO_DATA {
        ResponseApdu::ok()
    } else {
        ResponseApdu::with_data(control_parameters::template(node))
    }
}
