//! What a demo leaves in its folder for outside programs to check.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::commands::credential::certificate_pem;
use crate::login::Login;

/// The folder given by `--out`.
#[derive(Clone, Debug)]
pub struct OutputFolder {
    folder: PathBuf,
}

impl OutputFolder {
    /// The folder, which exists.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// `ca.pem`: the certificate against which certificates verify.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write_authority(&self, certificate: &[u8]) -> anyhow::Result<()> {
        write(
            &self.folder.join("ca.pem"),
            certificate_pem(certificate)?.as_bytes(),
        )
    }

    /// `certificate.pem` (as read from the card), `challenge.bin`, `signature.bin`.
    ///
    /// # Errors
    /// When one can't be written.
    pub fn write_login(&self, iccid: &str, challenge: &[u8], login: &Login) -> anyhow::Result<()> {
        let folder = self.folder.join(iccid);
        write(
            &folder.join("certificate.pem"),
            certificate_pem(&login.certificate)?.as_bytes(),
        )?;
        write(&folder.join("challenge.bin"), challenge)?;
        write(&folder.join("signature.bin"), &login.signature)
    }
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
