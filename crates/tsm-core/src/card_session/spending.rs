//! Spending counter values in scripts of their own.
//!
//! When more scripts were lost than can be spent right before a session, the
//! values in between are spent piece by piece. Each piece ends with a cryptogram
//! that only the card can make, and what it proves is stored at once: however
//! often the card goes away, the gap gets smaller, and no attempt makes it wider.

use globalplatform::apdu::ResponseApdu;
use globalplatform::commands::select::Select;
use globalplatform::status_word::StatusWord;
use scp03::parameters::ScpParameters;
use scp03::script::{ScriptBuilder, ScriptError, ScriptVerifier};
use scp03::security_level::SecurityLevel;

use super::assembly::host_challenge;
use super::counters::{Counters, LAST_VALUE};
use super::reading::not_opened;
use super::{CardSession, Leg, MOST_SPENT, SessionError};
use crate::ports::{Entropy, LinkError, Script, ScriptCommand};

impl CardSession<'_> {
    /// Brings the card's counter so near to what was sent that a session can
    /// spend the rest. `moved` is where the card said that it is; returns where
    /// it is then, or `None` when nothing had to be spent and it is not known.
    pub(super) async fn close_gap(
        &mut self,
        counters: &mut Counters,
        legs: &[Leg],
        first: usize,
        mut moved: Option<u32>,
    ) -> Result<Option<u32>, SessionError> {
        let Some(leg) = legs.get(first) else {
            return Ok(moved);
        };
        loop {
            let (from, gap) = counters.gap(leg, moved);
            if gap <= MOST_SPENT {
                return Ok(moved);
            }
            self.alarm(leg, from.saturating_add(gap), from);
            if self.clock.now() > self.deadline {
                return Err(LinkError::Expired.into());
            }
            let (script, spending) = Spending::build(first, leg, from, MOST_SPENT, self.entropy)?;
            let sent = self
                .link
                .exchange(&self.iccid, self.lease_epoch, script, self.deadline)
                .await;
            if sent.as_ref().err().is_none_or(LinkError::may_have_run) {
                self.exchanges = self.exchanges.saturating_add(1);
            }
            let spent = spending.read(first, leg, &sent?)?;
            self.store
                .commit(counters.spent(leg, spent.counter))
                .await?;
            if moved.is_some_and(|before| spent.counter <= before) {
                return Err(SessionError::CounterUnsteady { leg: first });
            }
            if !spent.is_complete {
                return Err(SessionError::Torn { leg: first });
            }
            moved = Some(spent.counter);
        }
    }
}

/// What is needed to judge the answers to a script that only spends.
struct Spending {
    /// One for each INITIALIZE UPDATE, with the counter value that it should use.
    openings: Vec<(u32, ScriptVerifier)>,
}

/// What such a script came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spent {
    /// Where the card's counter is.
    counter: u32,
    /// All values were spent.
    is_complete: bool,
}

impl Spending {
    /// SELECT and `count` bare INITIALIZE UPDATEs, for a card whose counter should be at `from`.
    fn build(
        index: usize,
        leg: &Leg,
        from: u32,
        count: u32,
        entropy: &dyn Entropy,
    ) -> Result<(Script, Self), SessionError> {
        let unbuildable = |detail: String| SessionError::Unbuildable { leg: index, detail };
        let parameters =
            ScpParameters::new(leg.scp_i).map_err(|error| unbuildable(error.to_string()))?;
        let mut script = Script::default();
        let mut push = |apdu: Vec<u8>, accepted: &[StatusWord]| {
            let accepted = accepted.to_vec();
            script.commands.push(ScriptCommand { apdu, accepted });
        };
        let select = Select::by_aid(leg.select).to_apdu().encode();
        let select = select.map_err(|error| unbuildable(error.to_string()))?;
        push(select, &[StatusWord::OK, StatusWord::CARD_LOCKED]);
        let mut openings = Vec::new();
        for place in 1..=count {
            let counter = from.saturating_add(place).min(LAST_VALUE);
            let builder = ScriptBuilder::start(
                &leg.keys,
                leg.key_version,
                parameters,
                leg.select.as_bytes(),
                counter,
                SecurityLevel::Full,
                &host_challenge(parameters.mode(), entropy)?,
            )
            .map_err(|error| unbuildable(error.to_string()))?;
            let (commands, verifier) = builder.finish();
            // INITIALIZE UPDATE alone: no session is opened.
            for command in commands.iter().take(1) {
                push(command.as_bytes().to_vec(), &[StatusWord::OK]);
            }
            openings.push((counter, verifier));
        }
        Ok((script, Self { openings }))
    }

    /// Judges the answers by the last one that shows a counter.
    fn read(mut self, leg: usize, plan: &Leg, answers: &[Vec<u8>]) -> Result<Spent, SessionError> {
        let decoded: Result<Vec<_>, _> = answers
            .iter()
            .map(|answer| ResponseApdu::decode(answer))
            .collect();
        let decoded = decoded.map_err(|_| SessionError::Forged)?;
        let Some((selected, opened)) = decoded.split_first() else {
            return Err(SessionError::Torn { leg });
        };
        if !matches!(selected.sw, StatusWord::OK | StatusWord::CARD_LOCKED) {
            let sw = selected.sw;
            return Err(SessionError::Selection { leg, sw });
        }
        if opened.len() > self.openings.len() {
            return Err(SessionError::Forged);
        }
        let good = opened.iter().take_while(|answer| answer.sw.is_success());
        let good = good.count();
        let Some(last) = good.checked_sub(1) else {
            let refused = opened.first().map(|answer| not_opened(leg, 0, answer.sw));
            return Err(refused.unwrap_or(SessionError::Torn { leg }));
        };
        let is_complete = good == self.openings.len();
        let (Some(answer), Some((expected, verifier))) =
            (opened.get(last), self.openings.get_mut(last))
        else {
            return Err(SessionError::Forged);
        };
        let counter = match verifier.verify(core::slice::from_ref(answer)) {
            // Genuine, and without EXTERNAL AUTHENTICATE, as it was sent.
            Err(ScriptError::Truncated { .. }) => *expected,
            Err(ScriptError::CounterMoved { counter }) => counter,
            _ => {
                tracing::warn!(domain = %plan.counter_owner, "a spent counter value is not genuine");
                return Err(SessionError::Forged);
            }
        };
        Ok(Spent {
            counter,
            is_complete,
        })
    }
}
