//! The configuration file of the service provider's server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tsm_core::jpki::credential::KeyAlgorithm;
use tsm_server::telemetry::LogConfig;
use tsm_server::tls::{ClientTls, ServerTls};

/// Everything the server needs to know; see `sp-tsm.example.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address to listen on; port 0 takes any free port.
    pub listen: SocketAddr,
    /// The provider's own tenant name.
    pub tenant: String,
    /// Name of this server among the provider's servers; holds leases on cards.
    #[serde(default = "server")]
    pub server: String,
    /// Service that is put on cards.
    #[serde(default = "service")]
    pub service: String,
    /// Key algorithm of new credentials.
    #[serde(default)]
    pub default_algorithm: Algorithm,
    /// Certificates of this server.
    pub tls: ServerTls,
    /// The operator's server.
    pub carrier: CarrierConfig,
    /// Who may sign applications.
    pub applications: ApplicationsConfig,
    /// The certification authority.
    pub authority: AuthorityConfig,
    /// Key pairs made ahead.
    #[serde(default)]
    pub key_pool: KeyPoolConfig,
    /// Records.
    pub store: FolderConfig,
    /// Keys; the folder must exist.
    pub vault: VaultConfig,
    /// Logs.
    #[serde(default)]
    pub log: LogConfig,
    /// How much at a time, and how long.
    #[serde(default)]
    pub limits: Limits,
}

fn server() -> String {
    "sp-tsm".to_owned()
}

fn service() -> String {
    "jpki".to_owned()
}

/// Key algorithms, as written in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// RSA, 2048 bits.
    #[default]
    Rsa2048,
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
}

impl From<Algorithm> for KeyAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Rsa2048 => Self::Rsa2048,
            Algorithm::P256 => Self::P256,
            Algorithm::P384 => Self::P384,
        }
    }
}

/// The `[carrier]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarrierConfig {
    /// Address, `https://host:port`.
    pub address: String,
    /// PEM file with our certificate as a client; its name must have the role `service-provider`.
    pub certificate: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
    /// PEM file with the authorities that the operator's certificate must come from.
    pub server_ca: PathBuf,
}

impl CarrierConfig {
    /// How we show ourselves to the operator.
    #[must_use]
    pub fn tls(&self) -> ClientTls {
        ClientTls {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            server_ca: self.server_ca.clone(),
            server_name: None,
        }
    }
}

/// The `[applications]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationsConfig {
    /// PEM files with the authorities of signing certificates.
    pub trust_anchors: Vec<PathBuf>,
    /// How old a signed application may be, in seconds.
    #[serde(default = "max_age_s")]
    pub max_age_s: u64,
    /// How far in the future it may be dated, in seconds.
    #[serde(default = "max_ahead_s")]
    pub max_ahead_s: u64,
}

const fn max_age_s() -> u64 {
    30 * 86_400
}

const fn max_ahead_s() -> u64 {
    86_400
}

/// The `[authority]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityConfig {
    /// PEM file with the certificate under which credentials are issued; its key
    /// is the secret `ca-key` of the vault.
    pub certificate: PathBuf,
    /// Object identifier of the certificate policy that credentials name.
    #[serde(default = "policy")]
    pub policy: String,
    /// How long a credential is valid, in days.
    #[serde(default = "validity_days")]
    pub validity_days: u32,
}

/// Under the enterprise number for examples (RFC 5612): no real policy.
fn policy() -> String {
    "1.3.6.1.4.1.32473.1.1".to_owned()
}

const fn validity_days() -> u32 {
    365
}

/// The `[key_pool]` section.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyPoolConfig {
    /// RSA-2048 key pairs kept ready, in memory only.
    pub rsa2048: u32,
}

impl Default for KeyPoolConfig {
    fn default() -> Self {
        Self { rsa2048: 4 }
    }
}

/// The `[vault]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultConfig {
    /// The folder.
    pub path: PathBuf,
    /// Certificate of the key in it that signs receipts and audit heads, PEM; for those who
    /// verify them. The server makes the key when there is none.
    #[serde(default)]
    pub receipt_certificate: Option<PathBuf>,
}

/// A folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderConfig {
    /// Where it is.
    pub path: PathBuf,
}

/// The `[limits]` section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Time for one script and the repairs that it may need, in seconds.
    pub session_timeout_s: u64,
    /// Time for open work when the server is asked to stop, in seconds.
    pub drain_s: u64,
    /// Most provisionings at a time; further ones are told to come back.
    pub provisionings: usize,
    /// How often cards are reminded of what they owe, in seconds.
    pub duty_interval_s: u64,
    /// How often the heads of the audit log are signed, in seconds.
    pub audit_sign_interval_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            session_timeout_s: 60,
            drain_s: 20,
            provisionings: 256,
            duty_interval_s: 10,
            audit_sign_interval_s: 10,
        }
    }
}

impl Limits {
    /// Time for open work when the server is asked to stop.
    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_s)
    }

    /// How often the heads of the audit log are signed.
    #[must_use]
    pub fn audit_sign_interval(&self) -> Duration {
        Duration::from_secs(self.audit_sign_interval_s.max(1))
    }

    /// How often cards are reminded.
    #[must_use]
    pub fn duty_interval(&self) -> Duration {
        Duration::from_secs(self.duty_interval_s.max(1))
    }
}

impl tsm_server::config::Config for Config {
    fn resolve_paths(&mut self, base: &Path) {
        self.tls.resolve_paths(base);
        self.log.resolve_paths(base);
        let own = [
            &mut self.carrier.certificate,
            &mut self.carrier.key,
            &mut self.carrier.server_ca,
            &mut self.authority.certificate,
            &mut self.store.path,
            &mut self.vault.path,
        ];
        let anchors = &mut self.applications.trust_anchors;
        let certificate = &mut self.vault.receipt_certificate;
        for path in own.into_iter().chain(anchors).chain(certificate) {
            tsm_server::config::resolve(base, path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("sp-tsm.example.toml")
    }

    #[test]
    fn takes_the_example() {
        let config: Config = tsm_server::config::load(&example()).unwrap();
        assert_eq!(config.tenant, "j-lis");
        assert_eq!(config.service, "jpki");
        assert_eq!(config.limits, Limits::default());
        assert!(
            config
                .applications
                .trust_anchors
                .iter()
                .all(|path| path.is_absolute())
        );
    }

    #[test]
    fn refuses_an_unknown_key_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sp-tsm.toml");
        let text = std::fs::read_to_string(example()).unwrap();
        std::fs::write(&path, text.replace("validity_days", "validity")).unwrap();
        let error = tsm_server::config::load::<Config>(&path)
            .unwrap_err()
            .to_string();
        assert!(error.contains("validity"), "{error}");
    }
}
