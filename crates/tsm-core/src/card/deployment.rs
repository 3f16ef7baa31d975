//! A service on a card: what is desired, what was observed.

use crate::identity::{Iccid, ServiceName, Tenant};
use crate::time::Timestamp;

/// State of a service on a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceState {
    /// Nothing of it is on the card.
    Absent,
    /// Security domain, load file and instance are there; not selectable yet.
    Installed,
    /// The applet can be selected.
    Active,
    /// The applet is locked.
    Suspended,
}

/// How the first keys of the provider's domain came to be (docs/design.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySetup {
    /// Made by the carrier, sealed to the provider, replaced at once.
    CarrierTrusted,
}

/// The first keys of a domain, sealed to the provider; only the provider can open them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHandover {
    /// Key version number on the card.
    pub key_version: u8,
    /// HPKE encapsulated key.
    pub encapsulated_key: Vec<u8>,
    /// HPKE ciphertext of ENC, MAC and DEK, 16 bytes each.
    pub ciphertext: Vec<u8>,
}

impl KeyHandover {
    /// The HPKE `info` to which a hand-over for this card is bound.
    #[must_use]
    pub fn info(iccid: &Iccid) -> Vec<u8> {
        [b"tsm ssd keys v1", iccid.as_str().as_bytes()].concat()
    }
}

/// A service on a card. Record id: ICCID, slash, service name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The card.
    pub iccid: Iccid,
    /// The service.
    pub service: ServiceName,
    /// Tenant that asked.
    pub provider: Tenant,
    /// What shall be on the card.
    pub desired: ServiceState,
    /// What the last verified reading showed; `None` before it.
    pub observed: Option<ServiceState>,
    /// The desired state was changed and the card was not read since: `observed`
    /// may be wrong, as a script whose answer was lost may have changed it.
    pub is_stale: bool,
    /// Stable reason why the work can't go on by itself.
    pub problem: Option<String>,
    /// Hand-over of the domain's first keys, from before they are sent to the card.
    pub handover: Option<KeyHandover>,
    /// How the first keys were made.
    pub key_setup: KeySetup,
    /// Last change of this record.
    pub updated_at: Timestamp,
}

impl Deployment {
    /// Record id.
    #[must_use]
    pub fn id(iccid: &Iccid, service: &ServiceName) -> String {
        format!("{iccid}/{service}")
    }

    /// The card was read back and shows what is desired.
    #[must_use]
    pub fn converged(&self) -> bool {
        match (self.desired, self.observed) {
            _ if self.is_stale => false,
            (ServiceState::Installed, Some(ServiceState::Active)) => true,
            (desired, Some(observed)) => desired == observed,
            (_, None) => false,
        }
    }

    /// The card may be changed for this deployment. One with a problem waits for
    /// a new request; but what shall go may always go.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.problem.is_none() || self.desired == ServiceState::Absent
    }

    /// Work on the card is left to do, and can go on by itself.
    #[must_use]
    pub fn has_open_work(&self) -> bool {
        self.is_open() && !self.converged()
    }
}
