//! `--danger-secrets`: every secret of a demo run as hex lines.
//!
//! The values come from the simulated cards and from the development set-up,
//! never from the servers, which give none out. A checker reads the file and
//! searches every wire and disk for each line.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use der::Decode as _;

use crate::dev::layout::Layout;

/// Shorter values would be found anywhere by chance.
const SHORTEST: usize = 8;

/// A growing set of secrets, shared by all cards.
#[derive(Clone, Default)]
pub struct SecretList {
    values: Arc<Mutex<BTreeSet<Vec<u8>>>>,
}

impl core::fmt::Debug for SecretList {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SecretList")
    }
}

impl SecretList {
    /// Adds a value in both byte orders, with and without leading zeros.
    pub fn add(&self, value: &[u8]) {
        let significant: Vec<u8> = value.iter().copied().skip_while(|b| *b == 0).collect();
        let Ok(mut values) = self.values.lock() else {
            return;
        };
        for form in [value.to_vec(), significant] {
            if form.len() >= SHORTEST {
                values.insert(form.iter().rev().copied().collect());
                values.insert(form);
            }
        }
    }

    /// What a card calls with its secrets.
    #[must_use]
    pub fn observer(&self) -> uicc_sim::secrets::SecretObserver {
        let list = self.clone();
        Box::new(move |_kind, value| list.add(value))
    }

    /// Master keys, root keys and private keys of the development set-up.
    ///
    /// # Errors
    /// When a key can't be read.
    pub fn add_layout(&self, layout: &Layout) -> anyhow::Result<()> {
        for secret in layout.danger_secrets() {
            self.add(secret);
        }
        for pem in layout.danger_private_keys() {
            self.add_pem(pem)?;
        }
        Ok(())
    }

    /// The numbers inside a PKCS#8 private key.
    ///
    /// # Errors
    /// When it is not one.
    pub fn add_pem(&self, pem: &str) -> anyhow::Result<()> {
        let (_, der) = der::pem::decode_vec(pem.as_bytes())
            .map_err(|error| anyhow::anyhow!("not a PEM key: {error}"))?;
        let key = pkcs8::PrivateKeyInfoRef::from_der(&der).context("not a PKCS#8 key")?;
        let inner = key.private_key.as_bytes();
        if let Ok(rsa) = pkcs1::RsaPrivateKeyRef::from_der(inner) {
            self.add(rsa.prime1.as_bytes());
            self.add(rsa.prime2.as_bytes());
            self.add(rsa.private_exponent.as_bytes());
        } else {
            let ec = sec1::EcPrivateKey::from_der(inner).context("neither an RSA nor an EC key")?;
            self.add(ec.private_key);
        }
        Ok(())
    }

    /// Writes one hex line per value; only the owner may read the file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let values = self
            .values
            .lock()
            .map_err(|_| anyhow::anyhow!("the list is broken"))?;
        let mut text = String::new();
        for value in values.iter() {
            text.push_str(&hex::encode(value));
            text.push('\n');
        }
        crate::dev::pki::write_secret(path, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_of_a_value_are_written() {
        let list = SecretList::default();
        list.add(&[0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let file = tempfile::NamedTempFile::new().unwrap();
        list.write(file.path()).unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for line in [
            "000102030405060708",
            "0102030405060708",
            "080706050403020100",
        ] {
            assert!(lines.contains(&line), "{line}");
        }
    }

    #[test]
    fn short_values_are_left_out() {
        let list = SecretList::default();
        list.add(&[1, 2, 3, 4]);
        assert!(list.values.lock().unwrap().is_empty());
    }

    #[test]
    fn the_numbers_of_private_keys_are_found() {
        let list = SecretList::default();
        list.add_pem(&rcgen::KeyPair::generate().unwrap().serialize_pem())
            .unwrap();
        assert!(
            list.values
                .lock()
                .unwrap()
                .iter()
                .any(|value| value.len() == 32)
        );
        list.add_pem(
            &rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256)
                .unwrap()
                .serialize_pem(),
        )
        .unwrap();
        let values = list.values.lock().unwrap();
        assert!(values.iter().any(|value| value.len() == 128));
        assert!(values.iter().any(|value| value.len() >= 255));
    }
}
