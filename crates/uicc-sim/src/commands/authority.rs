//! Who may do what: the rules that every content management command shares (G 9.1.3, 9.3, 9.4).

use globalplatform::aid::Aid;
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;

use super::Domain;
use crate::implicit_selection::is_valid;
use crate::security_domain::Consents;

/// A function that a registry update can take away (tag D9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Function {
    Delete = 0x01,
    Load = 0x02,
    Install = 0x04,
    MakeSelectable = 0x08,
    Extradition = 0x10,
    Personalization = 0x20,
    RegistryUpdate = 0x40,
}

impl Domain<'_> {
    /// Whether this is the issuer security domain.
    pub(crate) fn is_isd(&self) -> bool {
        self.storage.is_isd(&self.aid)
    }

    /// Whether this domain holds a privilege.
    pub(crate) fn holds(&self, privilege: Privileges) -> bool {
        let own = self.storage.application(&self.aid);
        own.is_some_and(|own| own.privileges.contains(privilege))
    }

    /// The function was not taken away from this domain, nor from one above it, nor from the card.
    ///
    /// # Errors
    /// 6985 when it was.
    pub(crate) fn demand_function(&self, function: Function) -> Result<(), StatusWord> {
        if self.storage.restrictions_of(self.aid) & function as u8 == 0 {
            Ok(())
        } else {
            Err(StatusWord::CONDITIONS)
        }
    }

    /// The entry lies below this domain, or is it; a foreign root is out of the issuer's reach too (G 9.4.1).
    ///
    /// # Errors
    /// 6982 when the entry is somebody else's.
    pub(crate) fn demand_reach(&self, entry: &Aid) -> Result<(), StatusWord> {
        if self.storage.is_within(*entry, &self.aid) {
            Ok(())
        } else {
            Err(StatusWord::SECURITY_STATUS)
        }
    }

    /// A domain is the ISD, or PERSONALIZED and not locked.
    ///
    /// # Errors
    /// 6985 when it is not, 6A88 when there is no such domain.
    pub(crate) fn demand_personalized(&self, domain: &Aid) -> Result<(), StatusWord> {
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        self.storage.domain(domain).ok_or(not_found)?;
        if self.storage.serves(domain) {
            Ok(())
        } else {
            Err(StatusWord::CONDITIONS)
        }
    }

    /// Something happens to the content of a domain: it serves, and agrees unless it asks for it itself.
    ///
    /// # Errors
    /// 6985 when it does not, 6A88 when there is no such domain.
    pub(crate) fn demand_agreement(
        &self,
        domain: &Aid,
        agrees: impl Fn(&Consents) -> bool,
    ) -> Result<(), StatusWord> {
        self.demand_personalized(domain)?;
        self.demand_consent(domain, agrees)
    }

    /// Whoever this is about agrees, unless it asks for it itself; what is no domain is not asked.
    ///
    /// # Errors
    /// 6985 when it does not.
    pub(crate) fn demand_consent(
        &self,
        of: &Aid,
        agrees: impl Fn(&Consents) -> bool,
    ) -> Result<(), StatusWord> {
        let domain = self.storage.domain(of);
        if *of == self.aid || domain.is_none_or(|domain| agrees(&domain.consents)) {
            Ok(())
        } else {
            Err(StatusWord::CONDITIONS)
        }
    }

    /// Makes all of a change or nothing of it, and nothing when it does not fit with everything that it brings along.
    ///
    /// # Errors
    /// Those of the change; 6A84 when a quota or the card is full after it.
    pub(crate) fn all_or_nothing<T>(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<T, StatusWord>,
    ) -> Result<T, StatusWord> {
        let before = self.storage.mark();
        let outcome = change(self).and_then(|done| {
            let fits = self.storage.is_within_limits(before.chip());
            fits.then_some(done).ok_or(StatusWord::NO_MEMORY)
        });
        if outcome.is_err() {
            self.storage.rewind(before);
        }
        outcome
    }

    /// With these privileges and these parameters more the entry shares no channel with anybody but the issuer security
    /// domain.
    ///
    /// # Errors
    /// 6A80 for a channel that cannot be, 6985 when somebody else is registered for one of them (G 6.4.1).
    pub(crate) fn demand_implicit_selection(
        &self,
        entry: &Aid,
        privileges: Privileges,
        added: &[u8],
    ) -> Result<(), StatusWord> {
        if !added.iter().copied().all(is_valid) {
            Err(StatusWord::WRONG_DATA)
        } else if self.storage.may_be_implicit(entry, privileges, added) {
            Ok(())
        } else {
            Err(StatusWord::CONDITIONS)
        }
    }

    /// The domain has room for so many more bytes.
    ///
    /// # Errors
    /// 6A84 when a quota or the card is full.
    pub(crate) fn demand_memory(&self, domain: &Aid, bytes: u32) -> Result<(), StatusWord> {
        if bytes <= self.storage.memory_available(domain) {
            Ok(())
        } else {
            Err(StatusWord::NO_MEMORY)
        }
    }
}
