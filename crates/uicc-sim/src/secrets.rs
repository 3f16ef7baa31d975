//! The checker's hook: sees every secret that the card ever holds.
//!
//! It exists for one purpose: a test writes down all secrets and afterwards searches logs and stores for them. A card
//! that nobody observes gives nothing out.

use globalplatform::key::KeyType;
use scp03::StaticKeys;

use crate::security_domain::SecurityDomain;

/// A number of a card or a subscriber for messages: its last four digits.
pub(crate) struct Shortened<'a>(pub(crate) &'a str);

impl core::fmt::Debug for Shortened<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let hidden = self.0.chars().count().saturating_sub(4);
        let shown: String = self.0.chars().skip(hidden).collect();
        write!(f, "…{shown}")
    }
}

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

    /// Shows every key of a security domain that is secret.
    pub(crate) fn show_domain(&mut self, domain: &SecurityDomain) {
        for set in &domain.key_sets {
            self.show_key_set(&set.keys);
        }
        let parts = domain.other_keys.iter().flat_map(|key| &key.parts);
        for part in parts.filter(|part| KeyType(part.key_type).is_encrypted()) {
            self.show("key", &part.bytes);
        }
    }

    /// Shows the three keys of a key set.
    fn show_key_set(&mut self, keys: &StaticKeys) {
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

#[cfg(test)]
mod tests {
    use super::Shortened;

    #[test]
    fn numbers_are_shortened_to_four_digits() {
        assert_eq!(format!("{:?}", Shortened("8981100000000000010")), "…0010");
        assert_eq!(format!("{:?}", Shortened("+81")), "…+81");
    }
}
