//! One round: a script that reads the card, changes it and reads it again.

use globalplatform::aid::Aid;
use globalplatform::status_word::StatusWord;
use scp03::keys::StaticKeys;

use crate::card::plan::Change;
use crate::card::reading::{Inquiry, Reading, ReadingError};
use crate::card::steps::{FIRST_KEY_VERSION, Place};
use crate::card_session::{Leg, LegCommand, LegOutcome, SessionError};
use crate::time::Timestamp;

/// The issuer's domain of the card, and how to open sessions with it.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) aid: Aid,
    pub(super) keys: StaticKeys,
    pub(super) key_version: u8,
    pub(super) scp_i: u8,
}

/// What a command of the script is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Before,
    Change(usize),
    After,
}

/// A planned change with its commands.
#[derive(Debug)]
pub(super) struct PreparedChange {
    pub(super) change: Change,
    /// Domain of the service.
    pub(super) domain: Aid,
    pub(super) commands: Vec<LegCommand>,
    /// First keys that the change gives to the domain.
    pub(super) first_keys: Option<StaticKeys>,
}

/// A script under construction, or played.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) legs: Vec<Leg>,
    /// For every leg, what each of its commands is there for.
    parts: Vec<Vec<Part>>,
    before: Option<Inquiry>,
    after: Option<Inquiry>,
}

/// What the verified answers to a round say.
#[derive(Debug)]
pub(super) struct Played {
    /// The reading before the changes.
    pub(super) before: Option<Reading>,
    /// The reading after them.
    pub(super) after: Option<Reading>,
    /// What the card refused.
    pub(super) refusal: Option<Refusal>,
}

/// What the card refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// To be read.
    Reading(StatusWord),
    /// One of the changes, by index.
    Change(usize, StatusWord),
}

impl Round {
    /// Puts a script together: reading, changes, reading, each if wanted.
    pub(super) fn new(
        issuer: &Issuer,
        before: Option<Inquiry>,
        changes: &[PreparedChange],
        after: Option<Inquiry>,
    ) -> Self {
        let mut round = Self {
            legs: Vec::new(),
            parts: Vec::new(),
            before,
            after,
        };
        if let Some(inquiry) = before {
            round.push(issuer, issuer.aid, Part::Before, inquiry.commands());
        }
        for (index, prepared) in changes.iter().enumerate() {
            let select = match prepared.change.action.place() {
                Place::Issuer => issuer.aid,
                Place::Domain => prepared.domain,
            };
            round.push(
                issuer,
                select,
                Part::Change(index),
                prepared.commands.clone(),
            );
        }
        if let Some(inquiry) = after {
            round.push(issuer, issuer.aid, Part::After, inquiry.commands());
        }
        round
    }

    /// Adds commands to the last leg, or to a new one when that is with another domain.
    fn push(&mut self, issuer: &Issuer, select: Aid, part: Part, commands: Vec<LegCommand>) {
        if self.legs.last().is_none_or(|leg| leg.select != select) {
            self.legs.push(Leg {
                select,
                keys: issuer.keys.clone(),
                key_version: issuer.key_version,
                scp_i: issuer.scp_i,
                counter_owner: issuer.aid,
                commands: Vec::new(),
            });
            self.parts.push(Vec::new());
        }
        if let (Some(leg), Some(parts)) = (self.legs.last_mut(), self.parts.last_mut()) {
            parts.extend(core::iter::repeat_n(part, commands.len()));
            leg.commands.extend(commands);
        }
    }

    /// Judges what was played; `error` says why not everything was.
    ///
    /// # Errors
    /// `error` itself when it does not come from one of the changes;
    /// [`ReadingError`] when a complete reading cannot be understood.
    pub(super) fn judge(
        &self,
        changes: &[PreparedChange],
        outcomes: &[LegOutcome],
        error: Option<&SessionError>,
        now: Timestamp,
    ) -> Result<Played, ReadingError> {
        let refusal = self.refusal(changes, outcomes, error);
        Ok(Played {
            before: self.reading(self.before, Part::Before, outcomes, now)?,
            after: self.reading(self.after, Part::After, outcomes, now)?,
            refusal,
        })
    }

    fn reading(
        &self,
        inquiry: Option<Inquiry>,
        part: Part,
        outcomes: &[LegOutcome],
        now: Timestamp,
    ) -> Result<Option<Reading>, ReadingError> {
        let Some(inquiry) = inquiry else {
            return Ok(None);
        };
        let answers: Vec<_> = self
            .parts
            .iter()
            .zip(outcomes)
            .flat_map(|(parts, outcome)| parts.iter().zip(&outcome.responses))
            .filter(|(found, _)| **found == part)
            .map(|(_, response)| response.clone())
            .collect();
        let is_refused = answers.last().is_none_or(|last| !last.sw.is_success());
        if answers.len() < inquiry.length() || is_refused {
            return Ok(None);
        }
        inquiry.read(&answers, now).map(Some)
    }

    fn refusal(
        &self,
        changes: &[PreparedChange],
        outcomes: &[LegOutcome],
        error: Option<&SessionError>,
    ) -> Option<Refusal> {
        if let Some(error) = error {
            return self.refused_session(error);
        }
        let mut legs = self.legs.iter().zip(&self.parts).zip(outcomes);
        legs.find_map(|((leg, parts), outcome)| {
            let (index, sw) = outcome.refusal(leg)?;
            match parts.get(index)? {
                Part::Before | Part::After => Some(Refusal::Reading(sw)),
                Part::Change(change) => Some(Refusal::Change(*change, sw)),
            }
        })
        .or_else(|| self.other_keys(changes, outcomes))
    }

    /// A session that the card did not open, with a domain that a change works on.
    fn refused_session(&self, error: &SessionError) -> Option<Refusal> {
        let (leg, sw) = match error {
            SessionError::NoSuchKeys { leg } => (*leg, StatusWord::REFERENCED_DATA_NOT_FOUND),
            SessionError::Selection { leg, sw } | SessionError::Opening { leg, sw } => (*leg, *sw),
            _ => return None,
        };
        match self.parts.get(leg)?.first()? {
            Part::Change(change) => Some(Refusal::Change(*change, sw)),
            Part::Before | Part::After => None,
        }
    }

    /// The card took first keys, but names check values of other ones.
    fn other_keys(&self, changes: &[PreparedChange], outcomes: &[LegOutcome]) -> Option<Refusal> {
        let mut answers = self
            .parts
            .iter()
            .zip(outcomes)
            .flat_map(|(parts, outcome)| parts.iter().zip(&outcome.responses));
        changes.iter().enumerate().find_map(|(index, prepared)| {
            let keys = prepared.first_keys.as_ref()?;
            let (_, put_key) = answers.find(|(part, _)| **part == Part::Change(index))?;
            let expected = keys.put_key_response(FIRST_KEY_VERSION).encode();
            (put_key.data != expected).then_some(Refusal::Change(index, StatusWord::WRONG_DATA))
        })
    }
}
