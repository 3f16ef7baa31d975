//! Judging the answers to a script, leg by leg.

use globalplatform::apdu::ResponseApdu;
use globalplatform::status_word::StatusWord;
use scp03::script::ScriptError;

use super::assembly::{AssembledLeg, Assembly};
use super::counters::Counters;
use super::{Leg, LegOutcome, SessionError};

/// What the answers to one script prove.
pub(super) struct Reading {
    /// Outcomes of the legs that ran.
    pub(super) outcomes: Vec<LegOutcome>,
    /// Why there are no more.
    pub(super) stop: Stop,
}

/// Where reading ended.
pub(super) enum Stop {
    /// All legs ran, or the last outcome ends with a refusal.
    Finished,
    /// The card's counter is elsewhere; the next leg did not run.
    CounterMoved {
        /// Where it is.
        counter: u32,
    },
    /// The next leg failed.
    Failed(SessionError),
}

impl Assembly {
    /// Judges the answers; tells `counters` which sessions verified.
    pub(super) fn read(
        self,
        legs: &[Leg],
        first: usize,
        answers: &[Vec<u8>],
        counters: &mut Counters,
    ) -> Reading {
        let mut outcomes = Vec::with_capacity(self.legs.len());
        let decoded: Result<Vec<_>, _> = answers
            .iter()
            .map(|answer| ResponseApdu::decode(answer))
            .collect();
        let Ok(decoded) = decoded else {
            return Reading {
                outcomes,
                stop: Stop::Failed(SessionError::Forged),
            };
        };
        let mut rest = decoded.as_slice();
        for (index, (assembled, leg)) in
            (first..).zip(self.legs.into_iter().zip(legs.iter().skip(first)))
        {
            let length = 1 + assembled.spent + assembled.commands;
            let (mine, others) = rest.split_at(length.min(rest.len()));
            rest = others;
            let counter = assembled.counter;
            let outcome = match assembled.read(index, leg, mine, rest.is_empty()) {
                Ok(outcome) => outcome,
                Err(stop) => return Reading { outcomes, stop },
            };
            counters.verified(leg, counter);
            let refused = outcome.refusal(leg).is_some();
            let complete = outcome.responses.len() == leg.commands.len();
            outcomes.push(outcome);
            if refused && !rest.is_empty() {
                // Whoever plays the script did not stop where it had to.
                return Reading {
                    outcomes,
                    stop: Stop::Failed(SessionError::Forged),
                };
            }
            if refused {
                break;
            }
            if !complete {
                return Reading {
                    outcomes,
                    stop: Stop::Failed(SessionError::Torn { leg: index }),
                };
            }
        }
        let stop = if rest.is_empty() {
            Stop::Finished
        } else {
            Stop::Failed(SessionError::Forged)
        };
        Reading { outcomes, stop }
    }
}

impl AssembledLeg {
    /// Judges the answers to one leg; `is_end` says that no others follow.
    fn read(
        mut self,
        leg: usize,
        plan: &Leg,
        answers: &[ResponseApdu],
        is_end: bool,
    ) -> Result<LegOutcome, Stop> {
        // Whoever plays the script stops at a refusal; then nothing follows it.
        let refused = |place: usize, error| {
            let is_last = is_end && place + 1 == answers.len();
            Err(Stop::Failed(if is_last {
                error
            } else {
                SessionError::Forged
            }))
        };
        let failed = |error| Err(Stop::Failed(error));
        let Some((selected, rest)) = answers.split_first() else {
            return failed(SessionError::Torn { leg });
        };
        if !matches!(selected.sw, StatusWord::OK | StatusWord::CARD_LOCKED) {
            let sw = selected.sw;
            return refused(0, SessionError::Selection { leg, sw });
        }
        let (spent, session) = rest.split_at(self.spent.min(rest.len()));
        if let Some(place) = spent.iter().position(|answer| !answer.sw.is_success()) {
            let sw = spent
                .get(place)
                .map_or(StatusWord::NO_DIAGNOSIS, |answer| answer.sw);
            return refused(1 + place, not_opened(leg, 0, sw));
        }
        if session.is_empty() {
            return failed(SessionError::Torn { leg });
        }
        let verified = match self.verifier.verify(session) {
            Ok(verified) => verified,
            Err(ScriptError::CounterMoved { counter }) => {
                return Err(Stop::CounterMoved { counter });
            }
            Err(ScriptError::Refused { index, sw }) => {
                return refused(1 + spent.len() + index, not_opened(leg, index, sw));
            }
            Err(ScriptError::Truncated { .. }) => return failed(SessionError::Torn { leg }),
            Err(_) => return failed(SessionError::Forged),
        };
        let responses = verified.responses;
        let went_on = responses
            .iter()
            .zip(&plan.commands)
            .take(responses.len().saturating_sub(1))
            .all(|(response, command)| command.accepts(response.sw));
        if !went_on {
            return failed(SessionError::Forged);
        }
        Ok(LegOutcome { responses })
    }
}

/// The card refused INITIALIZE UPDATE (0) or EXTERNAL AUTHENTICATE (1).
pub(super) fn not_opened(leg: usize, index: usize, sw: StatusWord) -> SessionError {
    match (index, sw) {
        (0, StatusWord::REFERENCED_DATA_NOT_FOUND) => SessionError::NoSuchKeys { leg },
        (0, StatusWord::CONDITIONS) => SessionError::CounterExhausted { leg },
        _ => SessionError::Opening { leg, sw },
    }
}
