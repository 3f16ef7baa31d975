//! The card application toolkit (ETSI TS 102 223, 3GPP TS 31.111): the phone says what it can do, hands over short
//! messages for the card, and fetches what the card wants from it.
//!
//! The card wants nothing by itself. [`crate::Uicc::short_messages`] gives what arrived,
//! [`crate::Uicc::issue_proactive_command`] puts a command into the queue, and
//! [`crate::Uicc::terminal_responses`] gives what the phone made of it. A loss of power forgets it all.

use std::collections::VecDeque;

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Reader, Tag};

use super::read::wanted;

/// A short message that the phone handed to the card (ENVELOPE (SMS-PP DOWNLOAD)).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShortMessage {
    /// The service centre's address as the phone gave it: type of number, BCD digits. Empty without one.
    pub service_centre: Vec<u8>,
    /// The SMS-DELIVER TPDU (3GPP TS 23.040 9.2.2.1).
    pub tpdu: Vec<u8>,
}

impl core::fmt::Debug for ShortMessage {
    /// Without the message, which may hold keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ShortMessage({} bytes)", self.tpdu.len())
    }
}

/// The bytes are not a proactive command of at most 255 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a proactive command: tag D0 around command details (81), at most 255 bytes")]
pub struct NotProactive;

/// Messages that wait to be taken; an older one goes when there are more.
const WAITING: usize = 16;
/// Envelopes that a phone sends and this card acknowledges without doing anything.
const OTHER_ENVELOPES: core::ops::RangeInclusive<u32> = 0xD2..=0xDF;
const SMS_PP_DOWNLOAD: u32 = 0xD1;
const PROACTIVE: Tag = Tag(0xD0);
const LONGEST_PROACTIVE: usize = 255;

/// What goes on between card and phone.
#[derive(Default)]
pub(crate) struct Toolkit {
    profile: Option<Vec<u8>>,
    messages: VecDeque<ShortMessage>,
    proactive: VecDeque<Vec<u8>>,
    /// Command details of what the phone fetched and has not answered.
    fetched: Option<Vec<u8>>,
    responses: VecDeque<Vec<u8>>,
}

impl Toolkit {
    /// Whether the command is TERMINAL PROFILE, FETCH, TERMINAL RESPONSE, TERMINAL CAPABILITY or ENVELOPE.
    const fn is_for_it(command: &CommandApdu) -> bool {
        let is_plain = command.is_proprietary() && !command.is_secured();
        is_plain && matches!(command.ins, 0x10 | 0x12 | 0x14 | 0xAA | 0xC2)
    }

    /// Whether the command makes sense at this moment. The toolkit is for the card as a whole, so such a command works
    /// while a security domain is selected too; the others are unknown there.
    pub(crate) fn expects(&self, command: &CommandApdu) -> bool {
        let is_expected = match command.ins {
            0x12 => !self.proactive.is_empty(),
            0x14 => self.fetched.is_some(),
            _ => !command.data.is_empty(),
        };
        Self::is_for_it(command) && is_expected
    }

    /// Executes one of these commands.
    ///
    /// # Errors
    /// 6D00 for any other, and the status word of a command that is wrong.
    pub(crate) fn answer(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        if !Self::is_for_it(command) {
            return Err(StatusWord::INS_NOT_SUPPORTED);
        }
        let mut response = self.execute(command)?;
        response.sw = self.success();
        Ok(response)
    }

    fn execute(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        if (command.p1, command.p2) != (0x00, 0x00) {
            return Err(StatusWord::WRONG_P1P2);
        }
        match command.ins {
            0x10 if command.data.is_empty() => Err(StatusWord::WRONG_LENGTH),
            0x10 => {
                self.profile = Some(command.data.clone());
                Ok(ResponseApdu::ok())
            }
            0x12 => self.fetch(command),
            0x14 => self.terminal_response(&command.data),
            0xAA => Ok(ResponseApdu::ok()),
            _ => self.envelope(&command.data),
        }
    }

    /// The status word of success: `91xx` while the phone should fetch something.
    pub(crate) fn success(&self) -> StatusWord {
        match self.proactive.front() {
            Some(command) if self.profile.is_some() => {
                let length = u16::try_from(command.len()).unwrap_or(0) & 0xFF;
                StatusWord(0x9100 | length)
            }
            _ => StatusWord::OK,
        }
    }

    fn fetch(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let next = self.proactive.front().ok_or(StatusWord::CONDITIONS)?;
        if wanted(command).is_some_and(|wanted| wanted != next.len()) {
            let length = u16::try_from(next.len()).unwrap_or(0) & 0xFF;
            return Err(StatusWord(0x6C00 | length));
        }
        let next = self.proactive.pop_front().unwrap_or_default();
        self.fetched = details(&next);
        Ok(ResponseApdu::with_data(next))
    }

    /// The phone answers the command that it fetched last.
    fn terminal_response(&mut self, data: &[u8]) -> Result<ResponseApdu, StatusWord> {
        let fetched = self.fetched.as_ref().ok_or(StatusWord::CONDITIONS)?;
        let wrong = StatusWord::WRONG_DATA;
        let is_answer = object(data, 0x01).map_err(|_| wrong)? == Some(fetched.as_slice());
        if !is_answer || object(data, 0x03).map_err(|_| wrong)?.is_none() {
            return Err(wrong);
        }
        self.fetched = None;
        keep(&mut self.responses, data.to_vec());
        Ok(ResponseApdu::ok())
    }

    fn envelope(&mut self, data: &[u8]) -> Result<ResponseApdu, StatusWord> {
        let wrong = StatusWord::WRONG_DATA;
        let mut reader = Reader::new(data);
        let envelope = reader.tlv().map_err(|_| wrong)?;
        reader.finish().map_err(|_| wrong)?;
        match envelope.tag.0 {
            SMS_PP_DOWNLOAD => {
                let tpdu = object(envelope.value, 0x0B).map_err(|_| wrong)?;
                let centre = object(envelope.value, 0x06).map_err(|_| wrong)?;
                let message = ShortMessage {
                    service_centre: centre.unwrap_or_default().to_vec(),
                    tpdu: tpdu.ok_or(wrong)?.to_vec(),
                };
                keep(&mut self.messages, message);
            }
            other if OTHER_ENVELOPES.contains(&other) => {}
            _ => return Err(wrong),
        }
        Ok(ResponseApdu::ok())
    }

    /// Takes the messages that arrived.
    pub(crate) fn take_messages(&mut self) -> Vec<ShortMessage> {
        self.messages.drain(..).collect()
    }

    /// Takes the phone's answers.
    pub(crate) fn take_responses(&mut self) -> Vec<Vec<u8>> {
        self.responses.drain(..).collect()
    }

    /// What the phone said it can do.
    pub(crate) fn profile(&self) -> Option<&[u8]> {
        self.profile.as_deref()
    }

    /// Puts a command into the queue.
    pub(crate) fn issue(&mut self, command: &[u8]) -> Result<(), NotProactive> {
        let mut reader = Reader::new(command);
        let is_one = reader.tlv().is_ok_and(|tlv| tlv.tag == PROACTIVE);
        if !is_one || !reader.is_empty() || command.len() > LONGEST_PROACTIVE {
            return Err(NotProactive);
        }
        details(command).ok_or(NotProactive)?;
        self.proactive.push_back(command.to_vec());
        Ok(())
    }
}

/// Appends to a queue that keeps the newest.
fn keep<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() == WAITING {
        queue.pop_front();
    }
    queue.push_back(item);
}

/// Command details (number, type, qualifier) of a proactive command.
fn details(command: &[u8]) -> Option<Vec<u8>> {
    let command = Reader::new(command).tlv().ok()?;
    let details = object(command.value, 0x01).ok()??;
    (details.len() == 3).then(|| details.to_vec())
}

/// The first object with this tag, whether or not it says that it has to be understood (b8).
fn object(data: &[u8], tag: u8) -> Result<Option<&[u8]>, globalplatform::error::DecodeError> {
    for tlv in Reader::new(data).tlvs() {
        let tlv = tlv?;
        if tlv.tag.0 & !0x80 == u32::from(tag) {
            return Ok(Some(tlv.value));
        }
    }
    Ok(None)
}
