//! Follows the secure channel of every logical channel (SCP03, Amendment D), with the card end of
//! the crate `scp03`: what the card would check is checked, what it would decrypt is decrypted.
//!
//! Without keys, the level that EXTERNAL AUTHENTICATE sets still tells which bytes are a MAC and
//! which are encrypted. SCP02 is followed in this way only.

mod keyring;
mod opening;
mod session;

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::{initialize_update, manage_channel, select};
use globalplatform::tlv::{self, Tag};
use scp03::DekKey;

pub use keyring::{Keyring, KeyringError};

use crate::pairing::Pair;
use crate::tree::Node;
use session::{INS_GET_RESPONSE, Session};

const INS_EXTERNAL_AUTHENTICATE: u8 = 0x82;
/// Logical channels 0 to 19.
const CHANNELS: usize = 20;

/// An exchange without its protection.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// The plain command; nothing when it stays closed.
    pub command: Option<CommandApdu>,
    /// The plain response; nothing when it stays closed or is not in the trace.
    pub response: Option<ResponseApdu>,
    /// What the protection of the command says.
    pub about_command: Vec<Node>,
    /// What the protection of the response says.
    pub about_response: Vec<Node>,
}

#[derive(Debug, Default)]
struct LogicalChannel {
    /// AID of the selected application.
    selected: Option<Vec<u8>>,
    session: Option<Session>,
}

/// All secure channels of a card.
#[derive(Debug, Default)]
pub(crate) struct SecureChannels {
    keyring: Keyring,
    aid: Option<Vec<u8>>,
    channels: [LogicalChannel; CHANNELS],
}

impl SecureChannels {
    /// `aid` is that of the application that opens secure channels, when it is known better than
    /// from the trace.
    pub(crate) fn new(keyring: Keyring, aid: Option<Vec<u8>>) -> Self {
        Self {
            keyring,
            aid,
            ..Self::default()
        }
    }

    pub(crate) fn keyring(&mut self) -> &mut Keyring {
        &mut self.keyring
    }

    /// The card lost its power.
    pub(crate) fn reset(&mut self) {
        self.channels = Default::default();
    }

    /// The static DEK of the session that is open on the channel of this command.
    pub(crate) fn dek(&self, command: &CommandApdu) -> Option<&DekKey> {
        let channel = self.channels.get(usize::from(command.logical_channel()))?;
        channel.session.as_ref()?.dek()
    }

    /// Takes the protection off an exchange, and remembers what it changes.
    pub(crate) fn follow(&mut self, pair: &Pair) -> Opened {
        let index = usize::from(pair.command.logical_channel());
        let (keyring, aid) = (&self.keyring, self.aid.as_deref());
        let Some(channel) = self.channels.get_mut(index) else {
            return Opened::plain(pair);
        };
        let is_card_management = pair.command.cla & 0x80 != 0;
        // Hosts repeat the class of the command in GET RESPONSE; without data it has no C-MAC all the same.
        let is_bare = pair.command.ins == INS_GET_RESPONSE && pair.command.data.is_empty();
        let is_secured = pair.command.is_secured() && !is_bare;
        let opened = match (pair.command.ins, &mut channel.session) {
            (initialize_update::INS, _) if is_card_management && !pair.command.is_secured() => {
                channel.session = None;
                let (session, about) =
                    opening::initialize(pair, keyring, aid, channel.selected.as_deref());
                channel.session = session;
                Opened {
                    about_response: about,
                    ..Opened::plain(pair)
                }
            }
            (INS_EXTERNAL_AUTHENTICATE, Some(session))
                if is_card_management && !session.is_authenticated() =>
            {
                let about_command = opening::authenticate(session, pair);
                if !session.is_authenticated() {
                    channel.session = None;
                }
                Opened {
                    about_command,
                    ..Opened::plain(pair)
                }
            }
            (_, Some(session)) if is_secured => session.open(pair),
            (_, None) if is_secured => Opened {
                command: None,
                response: pair.response.clone(),
                about_command: vec![Node::note(
                    "protected",
                    "the trace does not show how this session was opened",
                )],
                about_response: Vec::new(),
            },
            (_, session) => {
                let unprotected = session
                    .as_ref()
                    .and_then(|session| session.unprotected(&pair.command));
                Opened {
                    about_command: unprotected.into_iter().collect(),
                    ..Opened::plain(pair)
                }
            }
        };
        self.settle(index, &opened, is_secured);
        opened
    }

    /// SELECT and the end of a logical channel end its session. A protected SELECT does so by the
    /// specification too, but there are cards that go on; what follows shows it.
    fn settle(&mut self, index: usize, opened: &Opened, is_secured: bool) {
        let Some(command) = &opened.command else {
            return;
        };
        let response = opened.response.as_ref();
        if response.is_some_and(|response| !response.sw.is_ok_or_warning()) {
            return;
        }
        match (command.ins, command.p1) {
            (select::INS, 0x04) => {
                if let Some(channel) = self.channels.get_mut(index) {
                    if !is_secured {
                        channel.session = None;
                    }
                    channel.selected = response
                        .and_then(|response| selected_aid(&response.data))
                        .or_else(|| Some(command.data.clone()).filter(|aid| !aid.is_empty()));
                }
            }
            (manage_channel::INS, 0x80) => {
                if let Some(channel) = self.channels.get_mut(usize::from(command.p2)) {
                    *channel = LogicalChannel::default();
                }
            }
            _ => {}
        }
    }
}

impl Opened {
    fn plain(pair: &Pair) -> Self {
        Self {
            command: Some(pair.command.clone()),
            response: pair.response.clone(),
            ..Self::default()
        }
    }
}

/// Tag 84 of the FCI.
fn selected_aid(fci: &[u8]) -> Option<Vec<u8>> {
    let template = tlv::find(fci, Tag(0x6F)).ok()??;
    Some(tlv::find(template, Tag(0x84)).ok()??.to_vec())
}
