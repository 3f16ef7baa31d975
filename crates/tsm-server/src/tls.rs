//! Mutual TLS (rustls with aws-lc-rs): both ends show a certificate.
//!
//! Every file is read and checked when the configuration is loaded, so that a
//! wrong file is named at the start and not in the first failed handshake.

mod pem;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, ServerTlsConfig};

use crate::config::resolve;

/// How long TCP and TLS may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A quiet connection is asked for a sign of life this often …
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// … and given up when none comes for so long.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why TLS can't be used as configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file can't be read.
    #[error("can not read the TLS file {path}", path = path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("the TLS file {path} {problem}", path = path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Certificate and key belong to different key pairs.
    #[error("the key {key} does not belong to the certificate {certificate}",
            key = key.display(), certificate = certificate.display())]
    Mismatch {
        /// Certificate file.
        certificate: PathBuf,
        /// Key file.
        key: PathBuf,
    },
    /// The address is not `https://host:port`.
    #[error("{address:?} is not an address like https://host:port")]
    Address {
        /// What was given.
        address: String,
    },
    /// The TLS library refused the configuration.
    #[error("the TLS configuration is refused: {0}")]
    Refused(String),
}

/// The server's end: the `[tls]` section of a server's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// PEM file with the server's certificate and those above it.
    pub certificate: PathBuf,
    /// PEM file with its private key (PKCS#8, PKCS#1 or SEC 1).
    pub key: PathBuf,
    /// PEM file with the authorities that client certificates must come from.
    pub client_ca: PathBuf,
}

impl ServerTls {
    /// Makes every relative path start from `base`.
    pub fn resolve_paths(&mut self, base: &Path) {
        for path in [&mut self.certificate, &mut self.key, &mut self.client_ca] {
            resolve(base, path);
        }
    }

    /// Reads the files. A client without a certificate is turned away.
    ///
    /// # Errors
    /// [`TlsError`], which names the file.
    pub fn load(&self) -> Result<ServerTlsConfig, TlsError> {
        install_provider();
        let identity = identity(&self.certificate, &self.key)?;
        let client_ca = authorities(&self.client_ca)?;
        Ok(ServerTlsConfig::new()
            .identity(identity)
            .client_ca_root(client_ca)
            .timeout(CONNECT_TIMEOUT))
    }
}

/// The client's end: how a program shows itself and whom it believes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientTls {
    /// PEM file with the client's certificate and those above it.
    pub certificate: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
    /// PEM file with the authorities that server certificates must come from.
    pub server_ca: PathBuf,
    /// Name that the server's certificate must carry; the host of the address when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

impl ClientTls {
    /// Makes every relative path start from `base`.
    pub fn resolve_paths(&mut self, base: &Path) {
        for path in [&mut self.certificate, &mut self.key, &mut self.server_ca] {
            resolve(base, path);
        }
    }

    /// An endpoint at `address` (`https://host:port`), with keep-alive, not yet
    /// connected: take `connect()` or `connect_lazy()`.
    ///
    /// # Errors
    /// [`TlsError`], which names the file or the address.
    pub fn endpoint(&self, address: &str) -> Result<Endpoint, TlsError> {
        install_provider();
        let mut tls = ClientTlsConfig::new()
            .identity(identity(&self.certificate, &self.key)?)
            .ca_certificate(authorities(&self.server_ca)?);
        if let Some(name) = &self.server_name {
            tls = tls.domain_name(name);
        }
        let wrong_address = || TlsError::Address {
            address: address.to_owned(),
        };
        let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|_| wrong_address())?;
        if endpoint.uri().scheme_str() != Some("https") || endpoint.uri().host().is_none() {
            return Err(wrong_address());
        }
        let endpoint = endpoint
            .tls_config(tls)
            .map_err(|error| TlsError::Refused(chain(&error)))?;
        Ok(endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true))
    }
}

/// Makes aws-lc-rs the process's only provider of TLS cryptography. Repeating
/// it is harmless.
pub fn install_provider() {
    // The only error is that a provider is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// A server that asks its connections for signs of life as the client does.
pub(crate) fn keep_alive(server: tonic::transport::Server) -> tonic::transport::Server {
    server
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
        .tcp_nodelay(true)
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity, TlsError> {
    let certificate_pem = read(certificate)?;
    let key_pem = zeroize::Zeroizing::new(read(key)?);
    let chain = pem::certificates(certificate, &certificate_pem)?;
    let private = pem::private_key(key, &key_pem)?;
    let content = |problem: String| TlsError::Content {
        path: key.to_owned(),
        problem,
    };
    let signer = rustls::crypto::aws_lc_rs::sign::any_supported_type(&private)
        .map_err(|error| content(format!("holds a key that can not be used: {error}")))?;
    let matches = rustls::sign::CertifiedKey::new(chain, signer).keys_match();
    if let Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) = matches {
        return Err(TlsError::Mismatch {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        });
    }
    Ok(Identity::from_pem(certificate_pem, &*key_pem))
}

fn authorities(path: &Path) -> Result<Certificate, TlsError> {
    let bytes = read(path)?;
    pem::certificates(path, &bytes)?;
    Ok(Certificate::from_pem(bytes))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

/// An error and its causes; the transport's own text alone says nothing.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Files {
        folder: tempfile::TempDir,
    }

    impl Files {
        fn new() -> Self {
            let files = Self {
                folder: tempfile::tempdir().unwrap(),
            };
            files.pair("one");
            files.pair("two");
            files
        }

        fn pair(&self, name: &str) {
            let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            std::fs::write(self.path(&format!("{name}.pem")), made.cert.pem()).unwrap();
            std::fs::write(
                self.path(&format!("{name}.key")),
                made.signing_key.serialize_pem(),
            )
            .unwrap();
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn server(&self, certificate: &str, key: &str) -> ServerTls {
            ServerTls {
                certificate: self.path(certificate),
                key: self.path(key),
                client_ca: self.path("one.pem"),
            }
        }

        fn client(&self) -> ClientTls {
            ClientTls {
                certificate: self.path("one.pem"),
                key: self.path("one.key"),
                server_ca: self.path("one.pem"),
                server_name: None,
            }
        }
    }

    #[test]
    fn takes_a_certificate_with_its_key() {
        let files = Files::new();
        assert!(files.server("one.pem", "one.key").load().is_ok());
    }

    #[test]
    fn refuses_the_key_of_another_certificate() {
        let files = Files::new();
        let error = files.server("one.pem", "two.key").load().unwrap_err();
        assert!(matches!(error, TlsError::Mismatch { .. }), "{error}");
    }

    #[test]
    fn names_a_file_that_is_missing_or_wrong() {
        let files = Files::new();
        let missing = files
            .server("none.pem", "one.key")
            .load()
            .unwrap_err()
            .to_string();
        assert!(missing.contains("none.pem"), "{missing}");
        let swapped = files
            .server("one.key", "one.pem")
            .load()
            .unwrap_err()
            .to_string();
        assert!(
            swapped.contains("one.key") && swapped.contains("no certificate"),
            "{swapped}"
        );
        let keyless = files
            .server("one.pem", "one.pem")
            .load()
            .unwrap_err()
            .to_string();
        assert!(keyless.contains("no private key"), "{keyless}");
    }

    #[tokio::test]
    async fn takes_only_https_addresses() {
        let client = Files::new();
        let client = client.client();
        assert!(client.endpoint("https://localhost:50061").is_ok());
        for address in [
            "http://localhost:50061",
            "localhost:50061",
            "not an address",
            "",
        ] {
            let error = client.endpoint(address).unwrap_err();
            assert!(
                matches!(error, TlsError::Address { .. }),
                "{address}: {error}"
            );
        }
    }
}
