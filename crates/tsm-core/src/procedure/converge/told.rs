//! What the audit log is told of work on a card: to each provider its own part, and no more.

use std::collections::BTreeSet;

use super::request::state_name;
use super::worker::{GIVE_UP, READ, Worker};
use crate::audit::Step;
use crate::identity::Tenant;
use crate::time::Timestamp;

/// Between what was done, and between what came of it.
const BETWEEN: &str = "; ";

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome<'a> {
    /// The card was read back: where every service stands.
    ReadBack,
    /// The same for everybody whose work it was.
    Text(&'a str),
}

/// An entry to write.
pub(super) struct Told {
    pub(super) step: Step,
    /// The card was changed, and read back then.
    pub(super) leaves_a_receipt: bool,
}

impl Worker<'_> {
    /// The entries for what was just done: one for each provider with services on the card, and
    /// one for the issuer alone when there is more.
    pub(super) fn told(&self, outcome: Outcome<'_>, now: Timestamp) -> Vec<Told> {
        let providers: BTreeSet<&Tenant> = self
            .items
            .iter()
            .map(|item| &item.deployment.provider)
            .collect();
        let owners = providers.iter().copied().map(Some).chain([None]);
        let told: Vec<Told> = owners
            .filter_map(|owner| self.told_to(owner, outcome, now))
            .collect();
        if !told.is_empty() {
            return told;
        }
        let text = match outcome {
            Outcome::ReadBack => READ,
            Outcome::Text(text) => text,
        };
        let step = self.uicc.step(now, self.context.carrier);
        vec![Told {
            step: step.says(self.action.as_str(), text),
            leaves_a_receipt: false,
        }]
    }

    /// The part of one provider, or of none; nothing when it has no part in it.
    fn told_to(
        &self,
        owner: Option<&Tenant>,
        outcome: Outcome<'_>,
        now: Timestamp,
    ) -> Option<Told> {
        let is_common = self.action == READ || self.action == GIVE_UP;
        let done = if is_common {
            None
        } else {
            self.part(self.action.split(BETWEEN), owner)
        };
        let sent = match (outcome, &self.sent) {
            (Outcome::ReadBack, Some(sent)) => self.part(sent.split(BETWEEN), owner),
            _ => None,
        };
        let outcome = match outcome {
            Outcome::ReadBack => self.summary(owner),
            Outcome::Text(text) if done.is_some() => Some(text.to_owned()),
            Outcome::Text(text) if is_common && (owner.is_some() || self.items.is_empty()) => {
                Some(text.to_owned())
            }
            Outcome::Text(_) => None,
        };
        let is_about = owner.is_some() || done.is_some() || sent.is_some() || outcome.is_some();
        let action = match (&sent, done) {
            (_, Some(done)) => done,
            // What was sent was refused, or its answer lost, and the card was read then.
            (Some(sent), None) if self.action == READ => format!("{READ} after {sent}"),
            (_, None) if is_common => self.action.clone(),
            (_, None) => READ.to_owned(),
        };
        if !is_about || (outcome.is_none() && sent.is_none()) {
            return None;
        }
        let step = self.uicc.step(now, self.context.carrier);
        let step = owner.into_iter().fold(step, Step::of);
        Some(Told {
            step: step.says(action, outcome.as_deref().unwrap_or(READ)),
            leaves_a_receipt: sent.is_some(),
        })
    }

    /// Those parts that begin with the name of a service of `owner`, or of no service at all.
    fn part<'p>(
        &self,
        parts: impl Iterator<Item = &'p str>,
        owner: Option<&Tenant>,
    ) -> Option<String> {
        let own: Vec<&str> = parts
            .filter(|part| self.provider_of(part) == owner)
            .collect();
        (!own.is_empty()).then(|| own.join(BETWEEN))
    }

    fn provider_of(&self, part: &str) -> Option<&Tenant> {
        let named = part.split([' ', ':']).next()?;
        let mut items = self.items.iter();
        items
            .find(|item| item.deployment.service.as_str() == named)
            .map(|item| &item.deployment.provider)
    }

    /// Where the services of a provider stand, and what was noted of them.
    fn summary(&self, owner: Option<&Tenant>) -> Option<String> {
        let own = self
            .items
            .iter()
            .filter(|item| Some(&item.deployment.provider) == owner);
        let states = own.map(|item| {
            let deployment = &item.deployment;
            let observed = deployment.observed.map_or("incomplete", state_name);
            match &deployment.problem {
                Some(problem) => format!("{} {observed} ({problem})", deployment.service),
                None => format!("{} {observed}", deployment.service),
            }
        });
        let notes = self.part(self.notes.iter().map(String::as_str), owner);
        let parts: Vec<_> = states.chain(notes).collect();
        (!parts.is_empty()).then(|| parts.join(BETWEEN))
    }
}
