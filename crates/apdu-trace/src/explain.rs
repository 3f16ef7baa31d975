//! Explains plain commands and their responses.

mod content;
mod identity;
mod install;
mod iso;
mod keys;
mod opening;
mod personalization;
mod registry;
mod tags;
mod tlv;
mod uicc;

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use scp03::DekKey;

use crate::tree::{Node, count};
use crate::words::instruction;

/// What an explanation may use and show.
#[derive(Clone, Copy, Default)]
pub(crate) struct Context<'a> {
    /// Keys and PINs are shown.
    pub show_secrets: bool,
    /// Static DEK of the session.
    pub dek: Option<&'a DekKey>,
    /// Data of all blocks of a STORE DATA or LOAD sequence, at its last block.
    pub joined: Option<&'a [u8]>,
}

impl Context<'_> {
    /// Bytes that must not be shown to everyone.
    fn secret(&self, name: impl Into<String>, bytes: &[u8]) -> Node {
        if self.show_secrets {
            Node::bytes(name, bytes)
        } else {
            Node::new(name, format!("{}, hidden", count(bytes.len())))
        }
    }
}

/// A command in words.
#[derive(Debug, Default)]
pub(crate) struct Explained {
    /// Its name, and what it is about.
    pub title: String,
    /// Its fields.
    pub fields: Vec<Node>,
}

impl Explained {
    fn new(title: impl Into<String>, fields: Vec<Node>) -> Self {
        Self {
            title: title.into(),
            fields,
        }
    }
}

/// The name of a command of which only the header is known.
pub(crate) fn name(command: &CommandApdu) -> String {
    let is_status = command.ins == 0xF2 && command.p1 < 0x10;
    if command.ins == 0xE6 && command.cla & 0x80 != 0 {
        return install::title(command.p1);
    }
    let name = if is_status {
        Some("STATUS")
    } else {
        instruction::name(command.cla, command.ins)
    };
    name.map_or_else(
        || format!("unknown instruction {:02X}", command.ins),
        str::to_owned,
    )
}

/// Explains a plain command.
pub(crate) fn command(command: &CommandApdu, context: &Context<'_>) -> Explained {
    let is_card_management = command.cla & 0x80 != 0;
    match (is_card_management, command.ins) {
        (true, 0x50) => opening::initialize_update(command),
        (true, 0x82) => opening::external_authenticate(command),
        (true, 0x78 | 0x7A) => opening::r_mac_session(command),
        (true, 0xD8) => keys::put_key(command, context),
        (true, 0xE2) => personalization::store_data(command, context),
        (true, 0xE4) => content::delete(command),
        (true, 0xE6) => install::install(command),
        (true, 0xE8) => content::load(command, context),
        (true, 0xF0) => content::set_status(command),
        (true, 0xF2) if command.p1 >= 0x10 => registry::get_status(command),
        (true, 0x10 | 0x12 | 0x14 | 0xC2) => uicc::command(command),
        (_, 0xCA | 0xCB) => identity::get_data(command),
        (_, 0xA4) => identity::select(command),
        _ => iso::command(command, context),
    }
}

/// Explains the data of a plain response to a plain command.
pub(crate) fn response(
    command: &CommandApdu,
    response: &ResponseApdu,
    context: &Context<'_>,
) -> Vec<Node> {
    if response.data.is_empty() {
        return Vec::new();
    }
    let data = response.data.as_slice();
    let is_card_management = command.cla & 0x80 != 0;
    match (is_card_management, command.ins) {
        (true, 0x50) => opening::initialize_update_response(data),
        (true, 0xD8) => keys::put_key_response(data),
        (true, 0xE4 | 0xE6 | 0xE8) => content::management_response(data),
        (true, 0xE2) => personalization::response(data),
        (true, 0xF2) if command.p1 >= 0x10 => registry::get_status_response(command, data),
        (true, 0x12) => uicc::proactive_command(data),
        (_, 0xCA | 0xCB) => identity::get_data_response(command, data),
        (_, 0xA4 | 0xF2) => identity::select_response(data),
        _ => iso::response(command, data, context),
    }
}

/// What could not be decoded, in hex.
fn undecoded(name: &str, data: &[u8]) -> Node {
    if data.is_empty() {
        Node::new(name, "empty")
    } else {
        Node::bytes(name, data)
    }
}
