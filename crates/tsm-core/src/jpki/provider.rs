//! What the service provider's procedures work with: the ports, and the provider's rules.

use std::time::Duration;

use crate::audit::{Party, Step};
use crate::identity::{Caller, Tenant};
use crate::jpki::credential::KeyAlgorithm;
use crate::ports::{
    CardLink, Carrier, CertificateAuthority, Clock, Entropy, KeyPairs, KeyVault, Store,
};
use crate::time::Timestamp;

/// How the audit log names this server when nobody asked.
const ITSELF: &str = "sp-tsm";

/// Everything that a procedure reaches. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Provider<'a> {
    /// The provider's records.
    pub store: &'a dyn Store,
    /// The way to the card, through the operator.
    pub link: &'a dyn CardLink,
    /// The operator.
    pub carrier: &'a dyn Carrier,
    /// The provider's keys.
    pub vault: &'a dyn KeyVault,
    /// Signs certificates.
    pub authority: &'a dyn CertificateAuthority,
    /// Makes key pairs and checks signatures.
    pub key_pairs: &'a dyn KeyPairs,
    /// Tells the time.
    pub clock: &'a dyn Clock,
    /// Source of challenges, names and serial numbers.
    pub entropy: &'a dyn Entropy,
    /// The provider's rules.
    pub policy: &'a Policy,
    /// The provider itself.
    pub tenant: &'a Tenant,
}

/// Rules that the provider sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Key algorithm of new credentials.
    pub algorithm: KeyAlgorithm,
    /// How long a certificate is valid.
    pub validity: Duration,
    /// How long one script, and the repairs that it may need, may take.
    pub session_timeout: Duration,
    /// How long a worker has a duty for itself; longer than any call to the operator takes.
    pub duty_claim: Duration,
    /// Wait after the first vain reminder of a card; doubles with each.
    pub first_retry: Duration,
    /// The longest wait between two reminders.
    pub longest_retry: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            algorithm: KeyAlgorithm::Rsa2048,
            validity: Duration::from_secs(5 * 365 * 86_400),
            session_timeout: Duration::from_secs(60),
            duty_claim: Duration::from_secs(180),
            first_retry: Duration::from_secs(5),
            longest_retry: Duration::from_secs(3_600),
        }
    }
}

impl Provider<'_> {
    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A step of this server that `party` answers for. Only where that is the provider itself, a
    /// tenant can be named.
    pub(crate) fn step(&self, subject: String, party: Party) -> Step {
        let step = Step::new(subject, self.now(), ITSELF, party).of(self.tenant);
        self.answered(step)
    }

    /// A step that a caller asked for.
    pub(crate) fn step_by(&self, caller: &Caller, subject: String, party: Party) -> Step {
        let step = Step::by(caller, subject, self.now(), party).of(self.tenant);
        self.answered(step)
    }

    fn answered(&self, step: Step) -> Step {
        if step.party == Party::Jlis {
            step.answered_by(self.tenant)
        } else {
            step
        }
    }
}
