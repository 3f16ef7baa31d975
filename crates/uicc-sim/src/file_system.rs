//! The UICC side of the card: the files that a phone's modem reads, and the commands of the card application toolkit.
//!
//! ETSI TS 102 221 says how files are selected and read, 3GPP TS 31.102 which files a USIM has. Master file and USIM are
//! no GlobalPlatform applications and not in the registry: they are selected by file identifier or path, or the USIM by
//! its AID, and whatever was selected before on the channel is left. All files are read-only; their contents come from
//! the card's number and its [`Usim`].
//!
//! What a network needs beyond that is not here: AUTHENTICATE answers 6985, since the card holds no subscriber key.

mod access_rules;
mod contents;
mod control_parameters;
mod pin;
mod read;
mod select;
mod status;
pub(crate) mod toolkit;
mod tree;
mod usim;

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;

pub use self::toolkit::{NotProactive, ShortMessage};
pub use self::usim::{Usim, UsimError};

use self::toolkit::Toolkit;
use self::tree::{Node, Tree};
use crate::chip::Chip;

/// AID of the USIM (3GPP TS 31.110): registered provider 3GPP, application USIM, country 81, no provider code.
pub const USIM_AID: Aid = Aid::from_slice_const(&[
    0xA0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02, 0xFF, 0x81, 0xFF, 0xFF, 0x89, 0x00, 0x00, 0x01, 0x00,
]);

/// In P2 of SELECT by name: the next application, of which there is none behind the USIM.
const NEXT: u8 = 0x02;
/// "Command incompatible with file structure".
const WRONG_STRUCTURE: StatusWord = StatusWord(0x6981);
/// "Record not found".
const RECORD_NOT_FOUND: StatusWord = StatusWord(0x6A83);

/// The files as one logical channel sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    /// Path of the current directory, from the master file on.
    directory: Vec<u16>,
    /// Path of the current elementary file.
    file: Option<Vec<u16>>,
    /// Number of the current record; 0 for none.
    record: u8,
    /// The USIM was selected by its AID since the channel opened: 7FFF means something.
    usim_active: bool,
}

impl View {
    /// As after reset: the master file.
    pub(crate) fn new() -> Self {
        Self {
            directory: vec![tree::MASTER_FILE],
            file: None,
            record: 0,
            usim_active: false,
        }
    }

    fn current<'a>(&self, tree: &'a Tree) -> Option<&'a Node> {
        tree.node(&self.directory)
    }

    /// The current elementary file.
    fn file<'a>(&self, tree: &'a Tree) -> Result<&'a Node, StatusWord> {
        let path = self.file.as_ref().ok_or(StatusWord::NO_CURRENT_EF)?;
        tree.node(path).ok_or(StatusWord::NO_CURRENT_EF)
    }

    /// Whether a SELECT by name means the USIM.
    pub(crate) fn is_usim(name: &[u8]) -> bool {
        name.len() >= Aid::MIN_LENGTH && USIM_AID.starts_with(name)
    }

    /// SELECT by the AID of the USIM; the answer for P2.
    pub(crate) fn select_usim(
        &mut self,
        chip: &Chip,
        command: &CommandApdu,
    ) -> Result<ResponseApdu, StatusWord> {
        let path = vec![tree::MASTER_FILE, tree::USIM];
        if command.p2 & NEXT != 0 && self.directory.starts_with(&path) {
            return Err(StatusWord::NOT_FOUND);
        }
        let tree = Tree::of(chip);
        let node = tree.node(&path).ok_or(StatusWord::NOT_FOUND)?;
        self.usim_active = true;
        self.go_to(node);
        Ok(select::answer(node, command.p2))
    }

    /// Whether the command selects a file, which works wherever the channel is, unless an applet is selected.
    pub(crate) const fn is_file_selection(command: &CommandApdu) -> bool {
        let is_select = !command.is_proprietary() && command.ins == 0xA4 && command.p1 != 0x04;
        is_select && !command.is_secured()
    }

    /// Whether the command selects the master file by its identifier, which works from everywhere.
    pub(crate) fn is_master_file_selection(command: &CommandApdu) -> bool {
        let is_master_file = command.p1 == 0x00 && command.data == tree::MASTER_FILE.to_be_bytes();
        Self::is_file_selection(command) && is_master_file
    }

    /// Executes a command while master file or USIM are selected.
    ///
    /// # Errors
    /// The status word, without data; the view is what it was.
    pub(crate) fn execute(
        &mut self,
        chip: &Chip,
        toolkit: &mut Toolkit,
        command: &CommandApdu,
    ) -> Result<ResponseApdu, StatusWord> {
        if command.is_secured() {
            return Err(StatusWord::SM_NOT_SUPPORTED);
        }
        let tree = Tree::of(chip);
        let mut response = match (command.is_proprietary(), command.ins) {
            (false, 0xA4) => self.select(&tree, command)?,
            (false, 0xB0) => self.read_binary(&tree, command)?,
            (false, 0xB2) => self.read_record(&tree, command)?,
            (false, 0x20 | 0x24 | 0x26 | 0x28 | 0x2C) => return Err(pin::answer(command)),
            // Files are read-only: UPDATE, APPEND, INCREASE, ACTIVATE, DEACTIVATE, CREATE, DELETE.
            (false, 0xD6 | 0xDC | 0xE2 | 0x04 | 0x44 | 0xE0 | 0xE4) | (true, 0x32) => {
                return Err(StatusWord::SECURITY_STATUS);
            }
            // AUTHENTICATE: there is no subscriber key.
            (false, 0x88 | 0x89) => return Err(StatusWord::CONDITIONS),
            (true, 0xF2) => self.status(&tree, command)?,
            (true, _) => return toolkit.answer(command),
            _ => return Err(StatusWord::INS_NOT_SUPPORTED),
        };
        if response.sw == StatusWord::OK {
            response.sw = toolkit.success();
        }
        Ok(response)
    }

    /// Makes a node the current one.
    fn go_to(&mut self, node: &Node) {
        self.record = 0;
        if node.is_directory() {
            self.directory.clone_from(&node.path);
            self.file = None;
        } else {
            let (_, parent) = node.path.split_last().unwrap_or((&0, &[]));
            self.directory = parent.to_vec();
            self.file = Some(node.path.clone());
        }
    }
}
