//! SET STATUS (G 11.10): life cycle states of the card, of applications and of security domains.

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::set_status::{SetStatus, StatusScope};
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;

use super::Domain;
use crate::chip::Application;
use crate::operating_system::refusal;

impl Domain<'_> {
    /// Changes a life cycle state.
    pub(crate) fn set_status(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let is_card = command.p1 == StatusScope::Card as u8;
        if !is_card && self.storage.life_cycle == CardLifeCycle::CardLocked.byte() {
            return Err(StatusWord::CONDITIONS);
        }
        let set = SetStatus::from_apdu(command).map_err(refusal)?;
        if set.scope == StatusScope::Card {
            self.set_card_status(set.status)?;
            return Ok(ResponseApdu::ok());
        }
        let aid = set.aid.ok_or(StatusWord::WRONG_DATA)?;
        let aid = self.storage.resolve(aid);
        if self.storage.application(&aid).is_none() {
            return Err(StatusWord::REFERENCED_DATA_NOT_FOUND);
        }
        match set.scope {
            StatusScope::SecurityDomainAndBelow => self.set_hierarchy_status(&aid, set.status)?,
            _ if aid == self.aid => self.set_own_status(set.status)?,
            _ => self.set_lock(&aid, set.status & Application::LOCKED != 0)?,
        }
        Ok(ResponseApdu::ok())
    }

    fn set_card_status(&mut self, status: u8) -> Result<(), StatusWord> {
        let state = |byte| CardLifeCycle::try_from(byte).map_err(|_| StatusWord::WRONG_DATA);
        let (now, next) = (state(self.storage.life_cycle)?, state(status)?);
        let allowed = match next {
            CardLifeCycle::Terminated => self.holds(Privileges::CARD_TERMINATE),
            CardLifeCycle::CardLocked => self.holds(Privileges::CARD_LOCK),
            _ if now == CardLifeCycle::CardLocked => self.holds(Privileges::CARD_LOCK),
            _ => self.is_isd(),
        };
        if !allowed {
            return Err(StatusWord::SECURITY_STATUS);
        }
        if !now.can_become(next) {
            return Err(StatusWord::CONDITIONS);
        }
        self.storage.write().life_cycle = status;
        Ok(())
    }

    /// A security domain speaks about itself: SELECTABLE to PERSONALIZED, or locking itself; never back.
    fn set_own_status(&mut self, status: u8) -> Result<(), StatusWord> {
        if self.is_isd() {
            // The life cycle of the ISD is that of the card.
            return Err(StatusWord::CONDITIONS);
        }
        let own = self.storage.application(&self.aid);
        let own = own.ok_or(StatusWord::CONDITIONS)?;
        let may_be_locked = self.may_be_locked(own);
        let next = match (own.life_cycle, status) {
            (Application::SELECTABLE, Application::PERSONALIZED) => Application::PERSONALIZED,
            (now, status) if may_be_locked && status & !now & Application::LOCKED != 0 => {
                now | Application::LOCKED
            }
            _ => return Err(StatusWord::CONDITIONS),
        };
        self.change(&self.aid.clone(), next)
    }

    /// Locks or unlocks another application: only its security domain, one above, the ISD, or Global Lock may.
    fn set_lock(&mut self, aid: &Aid, lock: bool) -> Result<(), StatusWord> {
        self.demand_lock_right(aid)?;
        let application = self.storage.application(aid);
        let application = application.ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        if application.is_locked() == lock || !self.may_be_locked(application) {
            return Err(StatusWord::CONDITIONS);
        }
        let next = application.life_cycle ^ Application::LOCKED;
        self.change(aid, next)
    }

    /// Locks or unlocks a security domain and everything below it; what has the wanted state keeps it, and that is no
    /// error (G 11.10.2.1).
    fn set_hierarchy_status(&mut self, domain: &Aid, status: u8) -> Result<(), StatusWord> {
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        self.storage.domain(domain).ok_or(not_found)?;
        if *domain == self.aid {
            return Err(StatusWord::CONDITIONS);
        }
        self.demand_lock_right(domain)?;
        let lock = status & Application::LOCKED != 0;
        let affected: Vec<(Aid, u8)> = self
            .storage
            .applications
            .iter()
            .filter(|a| self.storage.is_within(a.aid, domain))
            .filter(|a| a.is_locked() != lock && self.may_be_locked(a))
            .map(|a| (a.aid, a.life_cycle ^ Application::LOCKED))
            .collect();
        for (aid, next) in affected {
            self.change(&aid, next)?;
        }
        Ok(())
    }

    fn demand_lock_right(&self, aid: &Aid) -> Result<(), StatusWord> {
        if self.holds(Privileges::GLOBAL_LOCK) {
            Ok(())
        } else {
            self.demand_reach(aid)
        }
    }

    /// Neither the ISD nor the Final Application can be locked.
    fn may_be_locked(&self, application: &Application) -> bool {
        !self.storage.is_isd(&application.aid)
            && !application
                .privileges
                .contains(Privileges::FINAL_APPLICATION)
    }

    fn change(&mut self, aid: &Aid, life_cycle: u8) -> Result<(), StatusWord> {
        let application = self.storage.write().application_mut(aid);
        let application = application.ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        application.life_cycle = life_cycle;
        Ok(())
    }
}
