//! Functions that a registry update takes away from security domains (tag D9; G 9.4.2).
//!
//! What is taken from a domain is taken from everything below it, or a domain below would do it in its place. The issuer
//! security domain's own restrictions concern nobody else: the whole card has its own, which are for good.

use globalplatform::aid::Aid;

use crate::chip::Chip;
use crate::security_domain::SecurityDomain;

impl SecurityDomain {
    /// Whether these restrictions would give a function back.
    pub(crate) const fn is_lifted_by(&self, functions: u8) -> bool {
        self.restrictions & !functions != 0
    }
}

impl Chip {
    /// The functions that a domain must not use, bits as in tag D9.
    pub(crate) fn restrictions_of(&self, domain: Aid) -> u8 {
        let own = self.domain(&domain).map_or(0, |own| own.restrictions);
        own | self.restrictions_below(domain)
    }

    /// The functions that nothing in a domain has: taken from the card, from the domain or from one above it.
    fn restrictions_below(&self, domain: Aid) -> u8 {
        let line = self.ancestry(domain);
        let line = line.iter().filter(|aid| !self.is_isd(aid));
        let taken = line
            .filter_map(|aid| self.domain(aid))
            .map(|d| d.restrictions);
        taken.fold(self.restrictions, |all, own| all | own)
    }

    /// Whether a domain stands as high as whoever restricted another one, which everybody does while nobody has.
    pub(crate) fn outranks_restrictor(&self, domain: &Aid, of: &Aid) -> bool {
        self.is_isd(domain)
            || self.domain(of).is_none_or(|restricted| {
                let by = restricted.restricted_by;
                restricted.restrictions == 0 || by.is_some_and(|by| self.is_within(by, domain))
            })
    }

    /// Whether a domain that goes to another one gets out from under what is taken from those above it.
    pub(crate) fn escapes_restrictions(&self, entry: &Aid, to: Aid) -> bool {
        self.domain(entry).is_some_and(|domain| {
            let above = if to == *entry {
                self.restrictions
            } else {
                self.restrictions_below(to)
            };
            self.restrictions_of(*entry) & !(above | domain.restrictions) != 0
        })
    }
}
