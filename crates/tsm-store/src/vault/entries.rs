//! Keys and secrets of the vault, one sealed file each.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq as _;
use tsm_core::ports::{Entropy, SealContext, VaultError};
use zeroize::Zeroizing;

use super::failed;
use crate::durable;
use crate::sealing::{self, SivKey};

/// Name of an entry: what kind of secret, and which one.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    kind: &'static str,
    name: String,
}

impl Entry {
    pub(super) fn master(name: &str) -> Self {
        Self {
            kind: "master",
            name: name.to_owned(),
        }
    }

    pub(super) fn secret(name: &str) -> Self {
        Self {
            kind: "secret",
            name: name.to_owned(),
        }
    }

    /// A card maker's key belongs to one issuer; names of tenants have no dot.
    pub(super) fn transport(issuer: &str, name: &str) -> Self {
        Self {
            kind: "transport",
            name: format!("{issuer}.{name}"),
        }
    }

    pub(super) fn domain_master() -> Self {
        Self {
            kind: "key",
            name: "domain-master".to_owned(),
        }
    }

    pub(super) fn hpke() -> Self {
        Self {
            kind: "key",
            name: "hpke".to_owned(),
        }
    }

    pub(super) fn signing() -> Self {
        Self {
            kind: "key",
            name: "signing".to_owned(),
        }
    }

    pub(super) fn pseudonym() -> Self {
        Self {
            kind: "key",
            name: "pseudonym".to_owned(),
        }
    }

    /// File name, for names of 1 to 64 characters of `a-z`, `0-9`, `-` and `_`, or two of them
    /// with a dot in between for a transport key.
    fn file_name(&self) -> Option<String> {
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        let is_name = |name: &str| (1..=64).contains(&name.len()) && name.bytes().all(allowed);
        let fits = match self.name.split_once('.') {
            Some((issuer, name)) if self.kind == "transport" => is_name(issuer) && is_name(name),
            _ => is_name(&self.name),
        };
        fits.then(|| format!("{}-{}.sealed", self.kind, self.name))
    }

    fn context(&self) -> SealContext {
        SealContext {
            table: "vault",
            row: self.name.clone(),
            column: self.kind,
        }
    }
}

/// The sealed files of a vault.
#[derive(Debug)]
pub(super) struct Entries {
    directory: PathBuf,
    key: SivKey,
}

impl Entries {
    pub(super) fn new(directory: &Path, key: SivKey) -> Self {
        Self {
            directory: directory.to_owned(),
            key,
        }
    }

    pub(super) fn contains(&self, entry: &Entry) -> Result<bool, VaultError> {
        let path = self.path(entry)?;
        path.try_exists().map_err(|error| failed(&path, error))
    }

    /// Opens an entry; [`VaultError::NoKey`] when there is none.
    pub(super) fn read(&self, entry: &Entry) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let Some(name) = entry.file_name() else {
            return Err(VaultError::NoKey(entry.name.clone()));
        };
        let path = self.directory.join(name);
        let sealed = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => VaultError::NoKey(entry.name.clone()),
            _ => failed(&path, error),
        })?;
        sealing::unseal(&self.key, &entry.context(), &sealed)
    }

    /// Writes an entry; one that exists must hold the same bytes.
    pub(super) fn insert(
        &self,
        entropy: &dyn Entropy,
        entry: &Entry,
        secret: &[u8],
    ) -> Result<(), VaultError> {
        let path = self.path(entry)?;
        let sealed = sealing::seal(&self.key, entropy, &entry.context(), secret)?;
        match durable::create(&path, &sealed) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if bool::from(self.read(entry)?.as_slice().ct_eq(secret)) {
                    return Ok(());
                }
                Err(failed(&path, "another key has this name"))
            }
            written => written.map_err(|error| failed(&path, error)),
        }
    }

    /// Writes an entry in place of the one that exists.
    pub(super) fn replace(
        &self,
        entropy: &dyn Entropy,
        entry: &Entry,
        secret: &[u8],
    ) -> Result<(), VaultError> {
        let path = self.path(entry)?;
        let sealed = sealing::seal(&self.key, entropy, &entry.context(), secret)?;
        durable::replace(&path, &sealed).map_err(|error| failed(&path, error))
    }

    fn path(&self, entry: &Entry) -> Result<PathBuf, VaultError> {
        let name = entry.file_name().ok_or_else(|| {
            let rule = "a name has 1 to 64 characters of a-z, 0-9, '-' and '_'";
            VaultError::Storage(rule.to_owned())
        })?;
        Ok(self.directory.join(name))
    }
}
