//! Secure channel sessions as scripts: built before, verified after, counters
//! recorded (architecture.md, section 4; SCP03: GlobalPlatform Amendment D).
//!
//! One script holds, for each [`Leg`]: SELECT, INITIALIZE UPDATE, EXTERNAL
//! AUTHENTICATE and the leg's commands, wrapped at level 33. The rules that make
//! building ahead safe:
//!
//! - The counter of every key set is stored as `sent`, with the script's digest,
//!   before the script leaves; as `confirmed` after its answers verified. The next
//!   script always uses `sent + 1`, so no two scripts exist for one value.
//! - When the card stands elsewhere it says so in a way that only the card can
//!   (its cryptogram). Ahead of us, we follow. Behind us, a script was lost on the
//!   way: the values in between are spent with bare INITIALIZE UPDATEs first, so
//!   that the lost script can never be played later; in scripts of their own when
//!   there are many.
//! - Nothing is believed before card cryptogram and response MACs verify. A
//!   refusal is a bare status word by design of the protocol and proves nothing.

mod assembly;
mod counters;
#[cfg(test)]
pub(crate) mod fake;
mod reading;
mod spending;
#[cfg(test)]
mod tests;

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use scp03::keys::StaticKeys;

use crate::error::{Failure, Reason};
use crate::identity::Iccid;
use crate::ports::{CardLink, Clock, Entropy, EntropyError, LinkError, Store, StoreError};
use crate::time::Timestamp;

use assembly::Assembly;
use counters::Counters;
use reading::{Reading, Stop};

/// A counter that is further off than this means that somebody plays with the card.
const ALARMING_JUMP: u32 = 1_000;
/// The most values that one script spends to get past lost scripts.
const MOST_SPENT: u32 = 512;

/// One command of a leg, not wrapped yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegCommand {
    /// The plain command, class 80 or 00, channel 0.
    pub apdu: CommandApdu,
    /// Status words besides 9000 after which the leg goes on.
    pub accepted: Vec<StatusWord>,
}

impl LegCommand {
    /// A command that must be answered by 9000.
    #[must_use]
    pub fn new(apdu: CommandApdu) -> Self {
        Self {
            apdu,
            accepted: Vec::new(),
        }
    }

    /// The same command, with more status words after which the leg goes on.
    #[must_use]
    pub fn accepting(mut self, accepted: &[StatusWord]) -> Self {
        self.accepted.extend_from_slice(accepted);
        self
    }

    /// Whether the leg goes on after this status word.
    #[must_use]
    pub fn accepts(&self, sw: StatusWord) -> bool {
        sw == StatusWord::OK || self.accepted.contains(&sw)
    }
}

/// One session with one security domain. Its level is always 33.
#[derive(Clone, Debug)]
pub struct Leg {
    /// Security domain to select.
    pub select: Aid,
    /// Static keys of the session.
    pub keys: StaticKeys,
    /// Their key version number; not 0.
    pub key_version: u8,
    /// The `i` parameter of SCP03.
    pub scp_i: u8,
    /// Security domain whose key set it is: `select`, or the issuer's domain
    /// while `select` has no keys of its own.
    pub counter_owner: Aid,
    /// What to do.
    pub commands: Vec<LegCommand>,
}

/// What the card answered to a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegOutcome {
    /// Verified, unwrapped answers to the leg's commands, in order. When there
    /// are fewer than commands the last one is a refusal. Answers other than
    /// 9000, 62xx and 63xx carry no MAC: they prove nothing.
    pub responses: Vec<ResponseApdu>,
}

impl LegOutcome {
    /// Which command of `leg` the card refused, if any.
    #[must_use]
    pub fn refusal(&self, leg: &Leg) -> Option<(usize, StatusWord)> {
        let last = self.responses.len().checked_sub(1)?;
        let (command, response) = (leg.commands.get(last)?, self.responses.get(last)?);
        (!command.accepts(response.sw)).then_some((last, response.sw))
    }
}

/// Why a script was not played to an end that can be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The script was not delivered, or its answer was lost.
    #[error("the script was not answered")]
    Link(#[from] LinkError),
    /// The counters could not be read or stored.
    #[error("the counters could not be stored")]
    Store(#[from] StoreError),
    /// There was no randomness for the host challenge.
    #[error("there was no host challenge")]
    Entropy(#[from] EntropyError),
    /// The session of a leg cannot be built ahead: the card's parameters do not
    /// offer it, or a command is too long.
    #[error("leg {leg} can not be built: {detail}")]
    Unbuildable {
        /// Which leg.
        leg: usize,
        /// For people.
        detail: String,
    },
    /// The card does not have the key set of a leg (6A88).
    #[error("the card does not have the keys of leg {leg}")]
    NoSuchKeys {
        /// Which leg.
        leg: usize,
    },
    /// The security domain of a leg could not be selected.
    #[error("the domain of leg {leg} was not selected: {sw}")]
    Selection {
        /// Which leg.
        leg: usize,
        /// What the card said.
        sw: StatusWord,
    },
    /// The card did not open the session of a leg, for another reason.
    #[error("the session of leg {leg} was refused: {sw}")]
    Opening {
        /// Which leg.
        leg: usize,
        /// What the card said.
        sw: StatusWord,
    },
    /// What was received was not made by the card.
    #[error("the answer is not genuine")]
    Forged,
    /// The card went away in mid-script: the effect is in doubt.
    #[error("the card went away in leg {leg}")]
    Torn {
        /// Which leg was not finished.
        leg: usize,
    },
    /// A key set has used up its 24-bit sequence counter.
    #[error("the sequence counter of leg {leg} is used up")]
    CounterExhausted {
        /// Which leg.
        leg: usize,
    },
    /// A sequence counter went on moving while it was to be met.
    #[error("the sequence counter of leg {leg} can not be met")]
    CounterUnsteady {
        /// Which leg.
        leg: usize,
    },
}

impl SessionError {
    /// Whether the card may have executed something whose outcome is not known.
    #[must_use]
    pub fn in_doubt(&self) -> bool {
        match self {
            Self::Link(error) => error.may_have_run(),
            Self::Forged | Self::Torn { .. } | Self::CounterUnsteady { .. } => true,
            _ => false,
        }
    }
}

impl Failure for SessionError {
    fn reason(&self) -> Reason {
        match self {
            Self::Link(error) => error.reason(),
            Self::Store(error) => error.reason(),
            Self::Entropy(_) => Reason::Internal,
            Self::Unbuildable { .. } => Reason::SeProfileNotQualified,
            Self::NoSuchKeys { .. } => Reason::CardKeysUnknown,
            Self::Selection { .. } | Self::Opening { .. } => Reason::CardRefused,
            Self::Forged => Reason::RMacInvalid,
            Self::Torn { .. } => Reason::ChannelLost,
            Self::CounterExhausted { .. } => Reason::CounterExhausted,
            Self::CounterUnsteady { .. } => Reason::SequenceGap,
        }
    }
}

/// Sessions with one card, under one lease.
pub struct CardSession<'a> {
    /// Where counters are kept.
    pub store: &'a dyn Store,
    /// The way to the card.
    pub link: &'a dyn CardLink,
    /// Source of host challenges.
    pub entropy: &'a dyn Entropy,
    /// Tells when the deadline has passed.
    pub clock: &'a dyn Clock,
    /// The card.
    pub iccid: Iccid,
    /// Epoch of the lease; the gateway refuses older ones.
    pub lease_epoch: u64,
    /// No script is sent after this moment.
    pub deadline: Timestamp,
    /// Scripts that were sent so far, answered or not.
    pub exchanges: u32,
}

impl CardSession<'_> {
    /// Plays all legs in one script and verifies the answers; sends a second one
    /// when the card's counter is not where we think.
    ///
    /// The outcomes are those of the legs that ran: when there are fewer than
    /// legs, the last one ends with a refusal ([`LegOutcome::refusal`]).
    ///
    /// # Errors
    /// [`SessionError`]. Legs before the one that failed may have had their
    /// effect; [`SessionError::in_doubt`] says whether the failed one may.
    pub async fn play(&mut self, legs: &[Leg]) -> Result<Vec<LegOutcome>, SessionError> {
        let mut outcomes = Vec::with_capacity(legs.len());
        self.play_into(legs, &mut outcomes).await.map(|()| outcomes)
    }

    /// As [`play`](Self::play), but leaves the verified outcomes in `outcomes`
    /// also when a later leg fails.
    ///
    /// # Errors
    /// As [`play`](Self::play).
    pub async fn play_into(
        &mut self,
        legs: &[Leg],
        outcomes: &mut Vec<LegOutcome>,
    ) -> Result<(), SessionError> {
        outcomes.clear();
        if legs.is_empty() {
            return Ok(());
        }
        let mut moved = None;
        // Each leg may find its counter elsewhere once; one more for a race.
        for _ in 0..=legs.len().saturating_add(1) {
            let first = outcomes.len();
            let reading = self.exchange(legs, first, moved).await?;
            outcomes.extend(reading.outcomes);
            match reading.stop {
                Stop::Finished => return Ok(()),
                Stop::Failed(error) => return Err(error),
                Stop::CounterMoved { counter } => moved = Some(counter),
            }
        }
        Err(SessionError::CounterUnsteady {
            leg: outcomes.len(),
        })
    }

    /// One script with the legs from `first` on. `moved` is where the card said
    /// that the counter of the first one is.
    async fn exchange(
        &mut self,
        legs: &[Leg],
        first: usize,
        moved: Option<u32>,
    ) -> Result<Reading, SessionError> {
        if self.clock.now() > self.deadline {
            return Err(LinkError::Expired.into());
        }
        let mut counters = Counters::load(self.store, &self.iccid, legs, first).await?;
        let moved = self.close_gap(&mut counters, legs, first, moved).await?;
        let spend = match (moved, legs.get(first)) {
            (Some(counter), Some(leg)) => self.meet(&mut counters, leg, counter),
            _ => 0,
        };
        let (script, assembly) = Assembly::build(legs, first, spend, &mut counters, self.entropy)?;
        self.store.commit(counters.reserve(&script)).await?;
        let sent = self
            .link
            .exchange(&self.iccid, self.lease_epoch, script, self.deadline)
            .await;
        let answers = match sent {
            Ok(answers) => answers,
            Err(error) => return Err(self.not_answered(counters, error).await),
        };
        self.exchanges = self.exchanges.saturating_add(1);
        let reading = assembly.read(legs, first, &answers, &mut counters);
        counters.confirm(self.store).await?;
        Ok(reading)
    }

    /// Takes over the counter that the card showed; returns how many values are to be spent.
    fn meet(&self, counters: &mut Counters, leg: &Leg, counter: u32) -> u32 {
        let (expected, spend) = counters.meet(leg, counter);
        self.alarm(leg, expected, counter);
        spend
    }

    /// Warns of a counter that is far from where it should be.
    fn alarm(&self, leg: &Leg, expected: u32, counter: u32) {
        if expected.abs_diff(counter) > ALARMING_JUMP {
            tracing::warn!(
                iccid = ?self.iccid, domain = %leg.counter_owner, key_version = leg.key_version,
                expected, counter, "sequence counter jumped: someone spends it, replace the keys"
            );
        }
    }

    /// A script that surely was not sent leaves no trace: its counters are free
    /// again. What somebody else had in his hands may still be played, whatever he says.
    async fn not_answered(&mut self, counters: Counters, error: LinkError) -> SessionError {
        if error.may_have_run() {
            self.exchanges = self.exchanges.saturating_add(1);
        } else if self.link.is_own()
            && let Err(failed) = self.store.commit(counters.withdraw()).await
        {
            tracing::warn!(iccid = ?self.iccid, error = %failed, "unsent counters stay reserved");
        }
        error.into()
    }
}
