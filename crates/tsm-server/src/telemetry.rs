//! Logs: to standard error or to a file, as text or as JSON lines.
//!
//! What must not be readable in a log is kept out in three ways: nothing logs
//! card data or secrets; [`redaction`] shortens card numbers and breaks up
//! four-digit numbers, so that no log ever contains what looks like a PIN; and
//! the crates that see the wire never log below `info`.

mod format;
pub mod redaction;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::telemetry::format::{GuardedEvents, GuardedFields};

/// Crates that handle bytes of requests: their debug output could hold them.
const WIRE_CRATES: [&str; 7] = [
    "h2",
    "hyper",
    "hyper_util",
    "tonic",
    "tower",
    "rustls",
    "sled",
];

/// The `[log]` section of a configuration file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// File to append to; standard error when absent.
    pub path: Option<PathBuf>,
    /// Form of the lines.
    pub format: LogFormat,
    /// Directives of `tracing_subscriber::EnvFilter`; `info` when absent. The
    /// environment variable `RUST_LOG` goes before it.
    pub filter: Option<String>,
}

impl LogConfig {
    /// Tells whoever starts a server at a terminal where to look; the log itself
    /// may be a file.
    pub fn announce(&self, server: &str, address: std::net::SocketAddr) {
        use std::io::IsTerminal as _;
        if !std::io::stderr().is_terminal() {
            return;
        }
        let log = match &self.path {
            Some(path) => path.display().to_string(),
            None => "standard error".to_owned(),
        };
        eprintln!("{server} starts on {address}; log: {log}; ctrl-c ends it");
    }

    /// Makes the path start from `base` unless it is absolute.
    pub fn resolve_paths(&mut self, base: &Path) {
        if let Some(path) = &mut self.path {
            crate::config::resolve(base, path);
        }
    }
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The log file can't be opened.
    #[error("can not open the log file {path}", path = path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `log.filter` or `RUST_LOG` is not a list of directives.
    #[error("the log filter {filter:?} is not understood: {detail}")]
    Filter {
        /// What was given.
        filter: String,
        /// Why.
        detail: String,
    },
    /// Logging was set up before in this process.
    #[error("logging is already set up in this process")]
    AlreadySet,
}

/// Starts logging for the whole process. Call it once, from `main`.
///
/// # Errors
/// [`TelemetryError`] when the file or the filter is not usable.
pub fn init(config: &LogConfig) -> Result<(), TelemetryError> {
    let filter = filter(
        std::env::var("RUST_LOG")
            .ok()
            .or_else(|| config.filter.clone()),
    )?;
    let writer = match &config.path {
        Some(path) => BoxMakeWriter::new(Arc::new(open(path)?)),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let layer = tracing_subscriber::fmt::layer()
        .event_format(GuardedEvents {
            format: config.format,
        })
        .fmt_fields(GuardedFields)
        .with_ansi(false)
        .with_writer(writer)
        // It would be told on standard error, and panic where that is gone too.
        .log_internal_errors(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .try_init()
        .map_err(|_| TelemetryError::AlreadySet)
}

fn open(path: &Path) -> Result<File, TelemetryError> {
    let open = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
    };
    open().map_err(|source| TelemetryError::Open {
        path: path.to_owned(),
        source,
    })
}

fn filter(text: Option<String>) -> Result<EnvFilter, TelemetryError> {
    let text = text
        .filter(|text| !text.trim().is_empty())
        .unwrap_or_else(|| "info".to_owned());
    let understood = |detail: &dyn std::fmt::Display| TelemetryError::Filter {
        filter: text.clone(),
        detail: detail.to_string(),
    };
    let mut filter = EnvFilter::try_new(&text).map_err(|error| understood(&error))?;
    for name in WIRE_CRATES {
        let directive = format!("{name}=info")
            .parse()
            .map_err(|error| understood(&error))?;
        filter = filter.add_directive(directive);
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_filter_that_is_not_understood() {
        let error = filter(Some("mno_tsm=loud".to_owned()))
            .unwrap_err()
            .to_string();
        assert!(error.contains("mno_tsm=loud"), "{error}");
    }

    #[test]
    fn keeps_crates_that_see_the_wire_quiet() {
        let filter = filter(Some("trace".to_owned())).unwrap().to_string();
        for name in WIRE_CRATES {
            assert!(filter.contains(&format!("{name}=info")), "{filter}");
        }
    }

    #[test]
    fn makes_log_files_that_only_the_owner_reads() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/log");
        open(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
