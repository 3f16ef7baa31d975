//! The contactless registry: which applications a reader over the air may find, and in which order (Amendment C 3.11).
//!
//! It belongs to the card as soon as a Contactless Registry Service is installed (profiles preinstall it as `crs`). Every
//! applet is in it; conflicts between applications, groups and protocol parameters are not modelled.

use globalplatform::aid::Aid;
use globalplatform::contactless::{CRS, CRS_LOAD_FILE, ContactlessEntry, ContactlessState};
use serde::{Deserialize, Serialize};

use crate::chip::{Application, Chip};
use crate::state::encoding::aids;

/// What the card keeps about all applications together.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ContactlessRegistry {
    /// Changes with every update of any entry, cyclically.
    pub(crate) update_counter: u16,
    /// Applications that were given a place, the first one first; all others come behind them.
    #[serde(with = "aids")]
    order: Vec<Aid>,
    /// The interface is switched off for everybody.
    #[serde(default)]
    pub(crate) interface_off: bool,
    /// Protocols that are disabled: bits 01 type A, 02 type B, 04 type F.
    #[serde(default)]
    pub(crate) protocols_off: u8,
}

/// What the card keeps about one application.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contactless {
    pub(crate) activated: bool,
    pub(crate) update_counter: u16,
}

impl Application {
    /// Whether this is a Contactless Registry Service.
    pub(crate) fn is_crs(&self) -> bool {
        self.load_file == Some(CRS_LOAD_FILE) && self.module == Some(CRS)
    }

    /// Whether a reader over the air could find it at all.
    const fn is_contactless(&self) -> bool {
        self.domain().is_none()
    }

    /// The second byte of its life cycle state (C Table 8-1).
    pub(crate) const fn activation(&self) -> u8 {
        if self.contactless.activated {
            ContactlessState::Activated as u8
        } else {
            ContactlessState::Deactivated as u8
        }
    }
}

impl Chip {
    /// Whether the card offers contactless services.
    pub(crate) fn has_crs(&self) -> bool {
        self.applications.iter().any(Application::is_crs)
    }

    /// The applications in the registry in the order in which a reader finds them; `first` goes before all.
    pub(crate) fn contactless_order(&self, first: Option<Aid>) -> Vec<Aid> {
        let known = |aid: &Aid| {
            let application = self.application(aid);
            application.is_some_and(|a| a.is_contactless() && !a.is_crs())
        };
        let all = self.applications.iter().map(|a| a.aid);
        let mut order: Vec<Aid> = Vec::new();
        for aid in first
            .into_iter()
            .chain(self.contactless.order.clone())
            .chain(all)
        {
            if known(&aid) && !order.contains(&aid) {
                order.push(aid);
            }
        }
        order
    }

    /// The entries of the registry.
    pub(crate) fn contactless_entries(&self, first: Option<Aid>) -> Vec<ContactlessEntry> {
        let order = self.contactless_order(first);
        let places = order.iter().zip(0u8..=u8::MAX);
        places
            .filter_map(|(aid, priority)| {
                let application = self.application(aid)?;
                Some(ContactlessEntry {
                    aid: Some(*aid),
                    life_cycle: Some(application.life_cycle),
                    activation: Some(application.activation()),
                    update_counter: Some(application.contactless.update_counter),
                    priority: Some(priority),
                    ..ContactlessEntry::default()
                })
            })
            .collect()
    }

    /// Whether the application is in the registry and may be switched on: SELECTABLE or later, and not locked.
    pub(crate) fn may_be_activated(&self, aid: &Aid) -> bool {
        self.application(aid)
            .is_some_and(|a| a.is_contactless() && !a.is_crs() && a.is_selectable())
    }

    /// Switches an application on or off; nothing when it is so already.
    pub(crate) fn activate(&mut self, aid: &Aid, on: bool) {
        let is_other = |a: &&mut Application| a.contactless.activated != on;
        if let Some(application) = self.application_mut(aid).filter(is_other) {
            application.contactless.activated = on;
            self.touch(aid);
        }
    }

    /// Puts an application before or behind all others.
    pub(crate) fn place(&mut self, aid: &Aid, first: bool) {
        let mut order = self.contactless_order(None);
        order.retain(|other| other != aid);
        let place = if first { 0 } else { order.len() };
        order.insert(place, *aid);
        self.contactless.order = order;
        self.touch(aid);
    }

    fn touch(&mut self, aid: &Aid) {
        self.contactless.update_counter = self.contactless.update_counter.wrapping_add(1);
        if let Some(application) = self.application_mut(aid) {
            let counter = &mut application.contactless.update_counter;
            *counter = counter.wrapping_add(1);
        }
    }
}
