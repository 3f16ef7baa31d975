//! The file of the root key.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tsm_core::ports::{Entropy, VaultError};
use zeroize::Zeroizing;

use super::{failed, random_key};
use crate::durable;
use crate::sealing::RootKey;

const NAME: &str = "root.key";

/// Writes a fresh root key, which must not exist yet.
pub(super) fn create(directory: &Path, entropy: &dyn Entropy) -> Result<(), VaultError> {
    let path = directory.join(NAME);
    let key = random_key(entropy)?;
    durable::create(&path, &*key).map_err(|error| failed(&path, error))
}

/// Reads it, unless others could have read it too.
pub(super) fn read(directory: &Path) -> Result<RootKey, VaultError> {
    let path = directory.join(NAME);
    let mut file = File::open(&path).map_err(|error| failed(&path, error))?;
    let metadata = file.metadata().map_err(|error| failed(&path, error))?;
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        let text = format!("mode {:o} lets others in, make it 600", mode & 0o777);
        return Err(failed(&path, text));
    }
    if metadata.len() != RootKey::LENGTH as u64 {
        return Err(failed(&path, "not a root key: it has 32 bytes"));
    }
    let mut key = Zeroizing::new([0; RootKey::LENGTH]);
    file.read_exact(&mut *key)
        .map_err(|error| failed(&path, error))?;
    Ok(RootKey::from_bytes(*key))
}
