//! Which application is selected without being named: after a reset, and on a new logical channel (G 6.4.1, 6.4.2).

use globalplatform::aid::Aid;
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::privileges::Privileges;

use crate::chip::{Application, Chip};

/// Card interfaces in an implicit selection parameter (G Table 11-50).
const INTERFACES: u8 = 0xC0;
/// The interface with contacts, over which this card is reached.
const CONTACTS: u8 = 0x40;
/// The logical channel in it.
const CHANNEL: u8 = 0x1F;

impl Application {
    /// Whether it is registered for a logical channel over contacts.
    fn is_implicit_on(&self, channel: u8) -> bool {
        let mut parameters = self.implicit_selection.iter();
        parameters.any(|p| p & CONTACTS != 0 && p & CHANNEL == channel)
    }

    /// Whether it is registered for the basic channel of every interface by its privilege.
    fn is_implicit_by_privilege(&self) -> bool {
        self.implicit_selection.is_empty() && self.privileges.contains(Privileges::CARD_RESET)
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
        let others = || self.applications.iter().skip(1);
        let by_privilege = || others().find(|a| channel == 0 && a.is_implicit_by_privilege());
        others()
            .find(|a| a.is_implicit_on(channel))
            .or_else(by_privilege)
    }

    /// Whether these channels of these interfaces are the issuer security domain's, or the entry's itself already: nobody
    /// else is registered for them (G 6.4.1).
    pub(crate) fn may_be_implicit(&self, parameters: &[u8], entry: &Aid) -> bool {
        let overlap = |a: u8, b: u8| a & b & INTERFACES != 0 && (a ^ b) & CHANNEL == 0;
        let has = |application: &Application, p: u8| {
            let mut own = application.implicit_selection.iter();
            own.any(|own| overlap(*own, p))
                || (p & CHANNEL == 0 && application.is_implicit_by_privilege())
        };
        let mut others = self.applications.iter().skip(1);
        !others.any(|a| a.aid != *entry && parameters.iter().any(|p| has(a, *p)))
    }
}
