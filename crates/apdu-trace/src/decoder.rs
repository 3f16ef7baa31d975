//! A trace to explained exchanges.

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::put_key::PutKey;
use scp03::StaticKeys;

use crate::explain::{self, Context};
use crate::input::{Event, Input};
use crate::pairing::{Pair, Paired, Pairing};
use crate::secure::{Keyring, Opened, SecureChannels};
use crate::tree::{Node, count};
use crate::words::status;

const INS_STORE_DATA: u8 = 0xE2;
const INS_LOAD: u8 = 0xE8;
const INS_PUT_KEY: u8 = 0xD8;
/// Most bytes of a sequence of blocks that are remembered for each logical channel.
const MAX_SEQUENCE: usize = 256 * 1024;

/// Most comments that wait for the command before them.
const MOST_COMMENTS: usize = 64;

/// What a decoder knows and may show.
#[derive(Debug, Default)]
pub struct Options {
    /// Keys to try on secure channels.
    pub keys: Keyring,
    /// AID of the application that opens them, when the trace does not show its selection.
    pub aid: Option<Vec<u8>>,
    /// Shows keys and PINs.
    pub show_secrets: bool,
}

/// Something a trace says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item {
    /// A command, and its response if there is one.
    Exchange(Exchange),
    /// The card was reset; all sessions ended.
    Reset {
        /// Line of the trace, from 1.
        line: usize,
    },
    /// Text that is neither.
    Comment {
        /// Line of the trace, from 1.
        line: usize,
        /// The text, without control characters.
        text: String,
    },
    /// A line that could not be decoded.
    Problem {
        /// Line of the trace, from 1.
        line: usize,
        /// What is wrong with it.
        text: String,
    },
}

/// A command and its response in words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// Line of the command, from 1.
    pub line: usize,
    /// Logical channel, 0 to 19.
    pub channel: u8,
    /// CLA, INS, P1, P2 as they were sent.
    pub header: [u8; 4],
    /// Length of the data field as it was sent, in bytes.
    pub length: usize,
    /// Most bytes expected, if that was said.
    pub le: Option<u32>,
    /// Name of the command, and what it is about.
    pub title: String,
    /// How the exchange was joined, checks of the protection, and the fields of the command.
    pub command: Vec<Node>,
    /// The response, if the trace has one.
    pub response: Option<Reply>,
}

/// A response in words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// Its line, from 1; the last one when it came in parts.
    pub line: usize,
    /// Status word.
    pub status: u16,
    /// What the status word means after this command.
    pub meaning: String,
    /// What usually causes it.
    pub hint: Option<&'static str>,
    /// Length of the data as they were sent, in bytes.
    pub length: usize,
    /// Checks of the protection, and the fields of the data.
    pub data: Vec<Node>,
}

impl Exchange {
    /// Whether a check failed, or a part could not be decoded.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        let replied = self.response.as_ref().map_or(&[][..], |reply| &reply.data);
        self.command.iter().chain(replied).any(Node::is_wrong)
    }
}

impl Item {
    /// Whether a check failed, or something could not be decoded.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        match self {
            Self::Exchange(exchange) => exchange.is_wrong(),
            Self::Problem { .. } => true,
            Self::Reset { .. } | Self::Comment { .. } => false,
        }
    }
}

/// Blocks of STORE DATA or LOAD that belong together.
#[derive(Debug, Default)]
struct Sequence {
    ins: u8,
    next: u8,
    data: Vec<u8>,
}

/// Explains a trace line by line.
#[derive(Debug)]
pub struct Decoder {
    input: Input,
    pairing: Pairing,
    secure: SecureChannels,
    sequences: [Sequence; 20],
    /// Comments behind a command that is not complete yet.
    comments: Vec<Item>,
    show_secrets: bool,
}

impl Decoder {
    /// A decoder at the beginning of a trace.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            input: Input::default(),
            pairing: Pairing::default(),
            secure: SecureChannels::new(options.keys, options.aid),
            sequences: Default::default(),
            comments: Vec::new(),
            show_secrets: options.show_secrets,
        }
    }

    /// Takes the next line, without its end, and gives what is complete with it.
    pub fn push_line(&mut self, line: &[u8]) -> Vec<Item> {
        let events = self.input.push(line);
        self.take(events)
    }

    /// Gives what is still held back at the end of the trace.
    pub fn finish(&mut self) -> Vec<Item> {
        let events = self.input.finish();
        let mut items = self.take(events);
        let rest = self.pairing.flush();
        items.extend(rest.into_iter().map(|paired| self.paired(paired)));
        items.append(&mut self.comments);
        items
    }

    fn take(&mut self, events: Vec<(usize, Event)>) -> Vec<Item> {
        let mut items = Vec::new();
        for (line, event) in events {
            let (paired, item) = match event {
                Event::Command(bytes) => (self.pairing.command(line, &bytes), None),
                Event::Response(bytes) => (self.pairing.response(line, &bytes), None),
                Event::Comment(text) => (Vec::new(), Some(Item::Comment { line, text })),
                Event::Reset => (self.pairing.flush(), Some(Item::Reset { line })),
                Event::Malformed(text) => {
                    (self.pairing.flush(), Some(Item::Problem { line, text }))
                }
            };
            let is_complete = !paired.is_empty() || !self.pairing.is_waiting();
            items.extend(paired.into_iter().map(|paired| self.paired(paired)));
            if is_complete || self.comments.len() >= MOST_COMMENTS {
                items.append(&mut self.comments);
            }
            if matches!(item, Some(Item::Reset { .. })) {
                self.secure.reset();
                self.sequences = Default::default();
            }
            match item {
                Some(comment @ Item::Comment { .. }) if self.pairing.is_waiting() => {
                    self.comments.push(comment);
                }
                item => items.extend(item),
            }
        }
        items
    }

    fn paired(&mut self, paired: Paired) -> Item {
        match paired {
            Paired::Odd(line, text) => Item::Problem { line, text },
            Paired::Pair(pair) => Item::Exchange(self.exchange(&pair)),
        }
    }

    fn exchange(&mut self, pair: &Pair) -> Exchange {
        let opened = self.secure.follow(pair);
        let joined = opened.command.as_ref().and_then(|plain| self.join(plain));
        let context = Context {
            show_secrets: self.show_secrets,
            dek: self.secure.dek(&pair.command),
            joined: joined.as_deref(),
        };
        let remarks = pair.remarks.iter();
        let mut command: Vec<_> = remarks.map(|text| Node::note("joined", text)).collect();
        let (title, fields) = match &opened.command {
            Some(plain) => {
                let explained = explain::command(plain, &context);
                (explained.title, explained.fields)
            }
            None => (explain::name(&pair.command), Vec::new()),
        };
        command.extend(opened.about_command.iter().cloned());
        command.extend(fields);
        let response = reply(pair, &opened, &context);
        self.learn(pair, &opened, joined.as_deref());
        Exchange {
            line: pair.command_line,
            channel: pair.command.logical_channel(),
            header: pair.command.header(),
            length: pair.command.data.len(),
            le: pair.command.le,
            title,
            command,
            response,
        }
    }

    /// The data of all blocks when this is the last one of a sequence.
    fn join(&mut self, plain: &CommandApdu) -> Option<Vec<u8>> {
        let sequence = self
            .sequences
            .get_mut(usize::from(plain.logical_channel()))?;
        let is_card_management = plain.cla & 0x80 != 0;
        if !is_card_management || !matches!(plain.ins, INS_STORE_DATA | INS_LOAD) {
            return None;
        }
        if plain.p2 == 0 || sequence.ins != plain.ins {
            *sequence = Sequence {
                ins: plain.ins,
                ..Sequence::default()
            };
        }
        let fits =
            sequence.next == plain.p2 && sequence.data.len() + plain.data.len() <= MAX_SEQUENCE;
        if !fits {
            *sequence = Sequence::default();
            return None;
        }
        sequence.data.extend(&plain.data);
        sequence.next = plain.p2.wrapping_add(1);
        let is_last = plain.p1 & 0x80 != 0;
        is_last.then(|| core::mem::take(sequence).data)
    }

    /// Remembers key sets that the card has taken with PUT KEY or STORE DATA.
    fn learn(&mut self, pair: &Pair, opened: &Opened, joined: Option<&[u8]>) {
        let is_taken = opened.response.as_ref().is_none_or(|r| r.sw.is_success());
        let Some(plain) = opened
            .command
            .as_ref()
            .filter(|c| is_taken && c.cla & 0x80 != 0)
        else {
            return;
        };
        let Some(dek) = self.secure.dek(&pair.command) else {
            return;
        };
        let (name, keys) = match (plain.ins, joined) {
            (INS_PUT_KEY, _) => {
                let command = PutKey::from_apdu(plain).ok();
                let keys = command.and_then(|c| StaticKeys::unwrap_put_key(&c, dek).ok());
                ("PUT KEY", keys)
            }
            (INS_STORE_DATA, Some(data)) => {
                let keys = StaticKeys::unwrap_store_data(data, dek).ok();
                ("STORE DATA", keys.map(|(_, keys)| keys))
            }
            _ => return,
        };
        if let Some(keys) = keys {
            let origin = format!("{name} in line {}", pair.command_line);
            self.secure.keyring().learn(origin, keys);
        }
    }
}

fn reply(pair: &Pair, opened: &Opened, context: &Context<'_>) -> Option<Reply> {
    let sent = pair.response.as_ref()?;
    let mut data = opened.about_response.clone();
    match (&opened.response, &opened.command) {
        (Some(plain), Some(command)) => data.extend(explain::response(command, plain, context)),
        (Some(plain), None) if !plain.data.is_empty() => {
            data.push(Node::new(
                "data",
                format!("{}, not explained", count(plain.data.len())),
            ));
        }
        _ => {}
    }
    let ins = pair.command.ins;
    Some(Reply {
        line: pair.response_line.unwrap_or(pair.command_line),
        status: sent.sw.0,
        meaning: status::meaning(ins, sent.sw),
        hint: status::hint(ins, sent.sw),
        length: sent.data.len(),
        data,
    })
}
