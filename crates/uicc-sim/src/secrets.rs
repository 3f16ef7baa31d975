//! The checker's hook: sees every secret that the card ever holds.
//!
//! It exists for one purpose: a test writes down all secrets and afterwards searches logs and stores for them. A card
//! that nobody observes gives nothing out.

use scp03::StaticKeys;

/// What an observer is called with: the kind of secret and its bytes.
pub type SecretObserver = Box<dyn FnMut(&'static str, &[u8]) + Send>;

/// The hook, empty unless [`crate::Uicc::observe_secrets`] filled it.
#[derive(Default)]
pub(crate) struct Secrets(Option<SecretObserver>);

impl Secrets {
    /// Calls `observer` from now on.
    pub(crate) fn observe(&mut self, observer: SecretObserver) {
        self.0 = Some(observer);
    }

    /// Whether anybody listens; deriving a secret only to show it is worth nothing otherwise.
    pub(crate) const fn is_observed(&self) -> bool {
        self.0.is_some()
    }

    /// Shows one secret.
    pub(crate) fn show(&mut self, kind: &'static str, secret: &[u8]) {
        if let Some(observer) = &mut self.0 {
            observer(kind, secret);
        }
    }

    /// Shows the three keys of a key set.
    pub(crate) fn show_key_set(&mut self, keys: &StaticKeys) {
        self.show("key-set-enc", keys.enc.danger_bytes());
        self.show("key-set-mac", keys.mac.danger_bytes());
        self.show("key-set-dek", keys.dek.danger_bytes());
    }
}

impl core::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Secrets")
            .field("observed", &self.is_observed())
            .finish()
    }
}
