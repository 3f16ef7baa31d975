//! One logical channel: what is selected on it and everything that a reset forgets.

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::chaining::Joiner;
use globalplatform::status_word::StatusWord;
use scp03::CardSession;
use scp03::DekKey;

use crate::commands::load::Loading;
use crate::commands::status_list::StatusList;
use crate::file_system::{USIM_AID, View};

/// GET RESPONSE (ISO/IEC 7816-4, 7.6.1).
pub(crate) const GET_RESPONSE: u8 = 0xC0;
/// Longest data field that a chain of commands may add up to, in bytes.
const CHAIN_LIMIT: usize = 65_535;

/// A logical channel.
#[derive(Debug)]
pub(crate) struct Channel {
    /// The selected application.
    pub(crate) selected: Aid,
    /// Master file or USIM are selected, and what of them; `selected` is the USIM's AID then.
    pub(crate) files: Option<View>,
    /// The secure channel of the selected security domain.
    pub(crate) session: Option<Session>,
    /// Work that several commands do together.
    pub(crate) work: Work,
    /// A DELETE, INSTALL or PUT KEY that arrives in several commands (P1 b8).
    pub(crate) joiner: Joiner,
    chain: Option<CommandApdu>,
    unsent: Option<ResponseApdu>,
}

/// A secure channel session and what belongs to it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) scp: CardSession,
    /// Static key under which key data in this session are encrypted (D 6.2.8).
    pub(crate) dek: DekKey,
}

/// What a security domain remembers between two commands.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// INSTALL [for load] was accepted; blocks arrive.
    pub(crate) loading: Option<Loading>,
    /// STORE DATA goes to this applet.
    pub(crate) personalising: Option<Personalising>,
    /// STORE DATA for the domain itself: what came so far.
    pub(crate) own_data: Blocks,
    /// The issuer security domain, selected here, has got this AID.
    pub(crate) renamed: Option<Aid>,
    /// GET STATUS with more entries to give.
    pub(crate) listing: Option<StatusList>,
}

/// The target of INSTALL [for personalization].
#[derive(Debug)]
pub(crate) struct Personalising {
    pub(crate) target: Aid,
    pub(crate) blocks: Blocks,
}

/// A sequence of numbered STORE DATA blocks.
#[derive(Default)]
pub(crate) struct Blocks {
    /// Number that the next block must have; 256 stands for none.
    pub(crate) next: u16,
    /// What the blocks brought, when the security domain itself collects it.
    pub(crate) data: Vec<u8>,
}

impl core::fmt::Debug for Blocks {
    /// Without the data, which may be keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Blocks(next {}, {} bytes)", self.next, self.data.len())
    }
}

impl Blocks {
    /// Whether the block with this number comes next; counts it if so.
    pub(crate) fn accept(&mut self, number: u8) -> bool {
        let expected = u16::from(number) == self.next;
        self.next += u16::from(expected);
        expected
    }
}

impl Channel {
    /// A channel just opened.
    pub(crate) fn new(selected: Aid) -> Self {
        Self {
            selected,
            files: None,
            session: None,
            work: Work::default(),
            joiner: Joiner::new(CHAIN_LIMIT),
            chain: None,
            unsent: None,
        }
    }

    /// A channel on which files are selected.
    pub(crate) fn with_files(view: View) -> Self {
        Self {
            files: Some(view),
            ..Self::new(USIM_AID)
        }
    }

    /// Whether a session at level 01 or above is open: a command without protection aborts it.
    pub(crate) fn demands_protection(&self) -> bool {
        let is_open = |s: &Session| s.scp.is_authenticated() && s.scp.level().c_mac();
        self.session.as_ref().is_some_and(is_open)
    }

    /// Whether this is GET RESPONSE for the runtime: in an interindustry class without secure messaging always; in any
    /// other, since hosts repeat the class of the command before it, while something waits, and in a session, which a
    /// superfluous one must not cost. Without data it carries no MAC, whatever its class says.
    pub(crate) fn takes_get_response(&self, command: &CommandApdu) -> bool {
        let is_plain = !command.is_proprietary() && !command.is_secured();
        let is_expected = self.unsent.is_some() || self.session.is_some();
        command.ins == GET_RESPONSE
            && !command.is_chained()
            && (is_plain || (is_expected && command.data.is_empty()))
    }

    /// Adds one command to a chain (CLA bit 5); gives the whole command with the last one.
    ///
    /// The pieces are joined as they are: secure messaging covers the whole. A command with another header ends an
    /// unfinished chain, which is forgotten, and counts for itself.
    ///
    /// # Errors
    /// 6700 when the chain gets too long; 6982 for a piece without protection in a session that demands it: that is
    /// aborted.
    pub(crate) fn join(&mut self, command: CommandApdu) -> Result<Option<CommandApdu>, StatusWord> {
        let more = command.is_chained();
        if more && !command.is_secured() && self.demands_protection() {
            self.chain = None;
            self.joiner.reset();
            if let Some(session) = &mut self.session {
                session.scp.unwrap(&command)?;
            }
        }
        let piece = CommandApdu {
            cla: command.cla & !0x10,
            ..command
        };
        let so_far = self.chain.take().filter(|c| c.header() == piece.header());
        let was_chained = so_far.is_some();
        let mut whole = match so_far {
            None => piece,
            Some(so_far) if so_far.data.len() + piece.data.len() > CHAIN_LIMIT => {
                return Err(StatusWord::WRONG_LENGTH);
            }
            Some(mut so_far) => {
                so_far.data.extend_from_slice(&piece.data);
                so_far.le = piece.le;
                so_far
            }
        };
        if more {
            self.chain = Some(whole);
            return Ok(None);
        }
        // The host that cut the command protected it with the length field of the whole.
        whole.extended |= was_chained && whole.data.len() > 255;
        Ok(Some(whole))
    }

    /// The first piece of a response of `wanted` bytes at most; the rest waits for GET RESPONSE.
    pub(crate) fn cut(&mut self, response: ResponseApdu, wanted: u32) -> ResponseApdu {
        self.unsent = None;
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        if response.data.len() <= wanted {
            return response;
        }
        let mut data = response.data;
        let rest = data.split_off(wanted);
        let waiting = u16::try_from(rest.len()).unwrap_or(256).min(256);
        self.unsent = Some(ResponseApdu {
            data: rest,
            sw: response.sw,
        });
        ResponseApdu {
            data,
            sw: StatusWord(0x6100 | (waiting & 0xFF)),
        }
    }

    /// GET RESPONSE: the next piece.
    ///
    /// # Errors
    /// 6985 when nothing waits.
    pub(crate) fn next_piece(&mut self, wanted: u32) -> Result<ResponseApdu, StatusWord> {
        let unsent = self.unsent.take().ok_or(StatusWord::CONDITIONS)?;
        Ok(self.cut(unsent, wanted))
    }

    /// Forgets a response that nobody fetched.
    pub(crate) fn drop_unsent(&mut self) {
        self.unsent = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> Channel {
        Channel::new(Aid::from_slice_const(&[0xA0, 0, 0, 1, 0x51]))
    }

    fn piece(cla: u8, data: &[u8]) -> CommandApdu {
        CommandApdu::new(cla, 0xE2, 0x90, 0x00).with_data(data)
    }

    #[test]
    fn debug_of_blocks_shows_no_data() {
        let blocks = Blocks {
            next: 1,
            data: vec![0xAB; 3],
        };
        assert_eq!(format!("{blocks:?}"), "Blocks(next 1, 3 bytes)");
    }

    #[test]
    fn joins_the_pieces_of_a_chain() {
        let mut channel = channel();
        assert_eq!(channel.join(piece(0x94, &[1; 255])), Ok(None));
        assert_eq!(channel.join(piece(0x94, &[2; 255])), Ok(None));
        let whole = channel
            .join(piece(0x84, &[3]).with_le(256))
            .unwrap()
            .unwrap();
        assert_eq!(
            (whole.cla, whole.data.len(), whole.le),
            (0x84, 511, Some(256))
        );
        assert!(whole.extended);
    }

    #[test]
    fn a_short_chain_stays_short() {
        let mut channel = channel();
        assert_eq!(channel.join(piece(0x90, &[1])), Ok(None));
        let whole = channel.join(piece(0x80, &[2])).unwrap().unwrap();
        assert_eq!(
            (whole.data.as_slice(), whole.extended),
            (&[1, 2][..], false)
        );
    }

    #[test]
    fn another_command_ends_a_chain_and_counts_for_itself() {
        let mut channel = channel();
        assert_eq!(channel.join(piece(0x90, &[1])), Ok(None));
        let other = CommandApdu::new(0x80, 0xCA, 0x00, 0x66);
        assert_eq!(channel.join(other.clone()), Ok(Some(other)));
        let single = piece(0x80, &[2]);
        assert_eq!(channel.join(single.clone()), Ok(Some(single)));
    }

    #[test]
    fn a_chain_does_not_grow_for_ever() {
        let mut channel = channel();
        let last = (0..300).find_map(|_| channel.join(piece(0x90, &[0; 255])).err());
        assert_eq!(last, Some(StatusWord::WRONG_LENGTH));
    }

    #[test]
    fn cuts_a_long_response_and_keeps_its_status_word_for_the_end() {
        let mut channel = channel();
        let long = ResponseApdu {
            data: vec![7; 600],
            sw: StatusWord::MORE_DATA,
        };
        let first = channel.cut(long, 256);
        assert_eq!((first.data.len(), first.sw), (256, StatusWord(0x6100)));
        let second = channel.next_piece(256).unwrap();
        assert_eq!((second.data.len(), second.sw), (256, StatusWord(0x6158)));
        let last = channel.next_piece(256).unwrap();
        assert_eq!((last.data.len(), last.sw), (88, StatusWord::MORE_DATA));
        assert_eq!(channel.next_piece(256), Err(StatusWord::CONDITIONS));
    }
}
