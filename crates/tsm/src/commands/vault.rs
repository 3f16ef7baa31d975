//! `tsm vault …`: keys for a server on this machine.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use tsm_core::identity::Tenant;
use tsm_store::{EmbeddedVault, OsEntropy};
use zeroize::Zeroizing;

use crate::cli::VaultCommand;
use crate::output::Output;

/// `tsm vault …`.
///
/// # Errors
/// When configuration, vault or key can't be read, or the key does not fit.
pub fn vault(command: &VaultCommand, output: Output) -> anyhow::Result<()> {
    let VaultCommand::TransportKey {
        name,
        server,
        key_file,
        issuer,
    } = command;
    let config: mno_tsm::config::Config = tsm_server::config::load(server)?;
    let issuer = issuer.as_ref().unwrap_or(&config.tenant);
    Tenant::new(issuer)?;
    let key = read_key(key_file)?;
    EmbeddedVault::add_transport_key(&config.vault.path, &OsEntropy, issuer, name, &key)
        .with_context(|| format!("cannot keep the key in {}", config.vault.path.display()))?;
    let kept = serde_json::json!({ "transport_key": name, "issuer": issuer });
    output.print(&kept, |_| {
        format!("the transport key {name} of {issuer} is kept; delete the file that it came from")
    })
}

/// A key in hex.
fn read_key(path: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(String::new());
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        let read = std::fs::read_to_string(path);
        *text = read.with_context(|| format!("cannot read {}", path.display()))?;
    }
    let key = hex::decode(text.trim());
    // The error would repeat a digit of it.
    ensure!(key.is_ok(), "the key is not hexadecimal");
    Ok(Zeroizing::new(key.unwrap_or_default()))
}
