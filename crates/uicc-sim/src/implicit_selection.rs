//! Which application is selected without being named: after a reset, and on a new logical channel (G 6.4.1, 6.4.2).

use globalplatform::aid::Aid;
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::privileges::Privileges;

use crate::chip::{Application, Chip};
use crate::commands::install::UNIQUE;

/// Card interfaces in an implicit selection parameter (G Table 11-50).
const INTERFACES: u8 = 0xC0;
/// The interface with contacts, over which this card is reached.
const CONTACTS: u8 = 0x40;
/// The logical channel in it.
const CHANNEL: u8 = 0x1F;
/// The highest channel that there is.
const LAST_CHANNEL: u8 = 19;
/// What Card Reset alone stands for: the basic channel of every interface.
const CARD_RESET: &[u8] = &[INTERFACES];

/// Whether a parameter names no channel that cannot be; without an interface its channel means nothing (G 11.1.7).
pub(crate) const fn is_valid(parameter: u8) -> bool {
    parameter & INTERFACES == 0 || parameter & CHANNEL <= LAST_CHANNEL
}

/// The channels that an entry with these parameters and privileges is registered for.
fn claims(parameters: &[u8], privileges: Privileges) -> &[u8] {
    if parameters.is_empty() && privileges.contains(Privileges::CARD_RESET) {
        CARD_RESET
    } else {
        parameters
    }
}

impl Application {
    /// Whether it is registered for a logical channel over contacts.
    fn is_implicit_on(&self, channel: u8) -> bool {
        let mut claims = self.claims().iter();
        claims.any(|p| p & CONTACTS != 0 && p & CHANNEL == channel)
    }

    fn claims(&self) -> &[u8] {
        claims(&self.implicit_selection, self.privileges)
    }

    /// Registers it for more channels; none is ever taken back (G Table 11-49).
    pub(crate) fn register(&mut self, parameters: &[u8]) {
        for parameter in parameters {
            if !self.implicit_selection.contains(parameter) {
                self.implicit_selection.push(*parameter);
            }
        }
    }
}

impl Chip {
    /// Whether the Final Application alone can be selected: the card is CARD_LOCKED or TERMINATED.
    pub(crate) fn is_closed(&self) -> bool {
        let closed = [CardLifeCycle::CardLocked, CardLifeCycle::Terminated];
        closed.map(CardLifeCycle::byte).contains(&self.life_cycle)
    }

    /// The Final Application: who holds the privilege, but the issuer security domain while that one cannot be selected.
    pub(crate) fn final_application(&self) -> Option<&Application> {
        let is_final = |a: &&Application| a.privileges.contains(Privileges::FINAL_APPLICATION);
        let holder = self.applications.iter().skip(1).find(is_final);
        holder.filter(|a| a.is_selectable()).or_else(|| self.isd())
    }

    /// The application that is selected on this channel when it opens: the basic channel with a reset, another one from
    /// the basic channel.
    pub(crate) fn implicitly_selected(&self, channel: u8) -> Option<&Application> {
        if self.is_closed() {
            return self.final_application();
        }
        let registered = self.registered(channel).or_else(|| self.registered(0));
        match registered {
            Some(application) if application.is_selectable() => Some(application),
            Some(application) if application.is_locked() => self.final_application(),
            _ => self.isd(),
        }
    }

    /// Who is registered for a channel besides the issuer security domain.
    fn registered(&self, channel: u8) -> Option<&Application> {
        let mut others = self.applications.iter().skip(1);
        others.find(|a| a.is_implicit_on(channel))
    }

    /// Whether an entry may get these privileges and, besides those it has, these parameters: what it is registered for
    /// then is the issuer security domain's, or its own already, and nobody else's (G 6.4.1).
    pub(crate) fn may_be_implicit(
        &self,
        entry: &Aid,
        privileges: Privileges,
        added: &[u8],
    ) -> bool {
        let overlap = |a: u8, b: u8| a & b & INTERFACES != 0 && (a ^ b) & CHANNEL == 0;
        let own = self.application(entry);
        let mut parameters = own.map_or_else(Vec::new, |own| own.implicit_selection.clone());
        parameters.extend(added);
        let wanted = claims(&parameters, privileges);
        let is_taken = |p: &u8| {
            let mut others = self.applications.iter().skip(1).filter(|a| a.aid != *entry);
            others.any(|a| a.claims().iter().any(|q| overlap(*p, *q)))
        };
        let has = |p: &u8| own.is_some_and(|own| own.claims().contains(p));
        !wanted.iter().any(|p| !has(p) && is_taken(p))
    }

    /// The privileges that an entry shows: the issuer security domain is without those that only one entry has while
    /// another one holds them (G 6.6.2).
    pub(crate) fn privileges_of(&self, application: &Application) -> Privileges {
        if !self.is_isd(&application.aid) {
            return application.privileges;
        }
        let others = || self.applications.iter().skip(1);
        let given = UNIQUE
            .into_iter()
            .filter(|p| others().any(|a| a.privileges.contains(*p)));
        given.fold(application.privileges, Privileges::without)
    }
}
