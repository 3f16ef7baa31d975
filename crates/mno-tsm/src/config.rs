//! The configuration file of the operator's server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tsm_server::telemetry::LogConfig;
use tsm_server::tls::ServerTls;

/// Everything the server needs to know; see `mno-tsm.example.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address to listen on; port 0 takes any free port.
    pub listen: SocketAddr,
    /// The carrier's own tenant name.
    pub tenant: String,
    /// Tenants (MVNOs) whose subscribers hold some of the cards.
    #[serde(default)]
    pub hosted_tenants: Vec<String>,
    /// File that shows what the carrier sees of relayed scripts; none when absent.
    #[serde(default)]
    pub relay_log: Option<PathBuf>,
    /// Certificates.
    pub tls: ServerTls,
    /// Records.
    pub store: StoreConfig,
    /// Keys.
    pub vault: VaultConfig,
    /// Logs.
    #[serde(default)]
    pub log: LogConfig,
    /// How much at a time, and how long.
    #[serde(default)]
    pub limits: Limits,
}

/// The `[store]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// Folder of the database; made when it is not there.
    pub path: PathBuf,
}

/// The `[vault]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultConfig {
    /// Folder of the vault; it must exist.
    pub path: PathBuf,
    /// Name of the issuer domains' master key in it.
    #[serde(default = "issuer_master")]
    pub issuer_master: String,
    /// Certificate of the key in it that signs receipts and audit heads, PEM; for those who
    /// verify them. The server makes the key when there is none.
    #[serde(default)]
    pub receipt_certificate: Option<PathBuf>,
}

fn issuer_master() -> String {
    "isd".to_owned()
}

/// The `[limits]` section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Longest time for one call, in seconds; callers may ask for less.
    pub call_deadline_s: u64,
    /// Time for open work when the server is asked to stop, in seconds.
    pub drain_s: u64,
    /// Most phones attached at a time.
    pub attachments: usize,
    /// Most cards that calls work on at a time.
    pub cards_at_work: usize,
    /// Most cards that the background worker works on at a time.
    pub background_cards: usize,
    /// How often the background worker looks for open work, in seconds.
    pub sweep_interval_s: u64,
    /// How often the heads of the audit log are signed, in seconds.
    pub audit_sign_interval_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_deadline_s: 60,
            drain_s: 10,
            attachments: 10_000,
            cards_at_work: 512,
            background_cards: 16,
            sweep_interval_s: 30,
            audit_sign_interval_s: 10,
        }
    }
}

impl Limits {
    /// Longest time for one call.
    #[must_use]
    pub fn call_deadline(&self) -> Duration {
        Duration::from_secs(self.call_deadline_s.clamp(1, 3_600))
    }

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

    /// How often the background worker looks for open work.
    #[must_use]
    pub fn sweep_interval(&self) -> Duration {
        Duration::from_secs(self.sweep_interval_s.max(1))
    }
}

impl tsm_server::config::Config for Config {
    fn resolve_paths(&mut self, base: &Path) {
        self.tls.resolve_paths(base);
        self.log.resolve_paths(base);
        let own = [&mut self.store.path, &mut self.vault.path];
        let certificate = &mut self.vault.receipt_certificate;
        for path in own
            .into_iter()
            .chain(&mut self.relay_log)
            .chain(certificate)
        {
            tsm_server::config::resolve(base, path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("mno-tsm.example.toml")
    }

    #[test]
    fn takes_the_example() {
        let config: Config = tsm_server::config::load(&example()).unwrap();
        assert_eq!(config.tenant, "carrier");
        assert_eq!(config.vault.issuer_master, "isd");
        assert_eq!(config.limits, Limits::default());
        assert!(config.store.path.is_absolute());
        assert!(config.relay_log.unwrap().ends_with("relay.log"));
    }

    #[test]
    fn needs_only_the_essential() {
        let text = r#"
            listen = "127.0.0.1:0"
            tenant = "carrier"
            tls = { certificate = "c.pem", key = "c.key", client_ca = "ca.pem" }
            store = { path = "store" }
            vault = { path = "vault" }
        "#;
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.relay_log, None);
    }

    #[test]
    fn refuses_an_unknown_key_by_name() {
        let text = std::fs::read_to_string(example()).unwrap();
        let text = text.replace("call_deadline_s", "call_deadline");
        let error = toml::from_str::<Config>(&text).unwrap_err().to_string();
        assert!(error.contains("call_deadline"), "{error}");
    }
}
