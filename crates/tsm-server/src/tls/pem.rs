//! Reading PEM files with errors that say what is in them instead.

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::tls::TlsError;

/// All certificates of a PEM file; at least one.
pub(super) fn certificates(
    path: &Path,
    bytes: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let problem = |problem: String| TlsError::Content {
        path: path.to_owned(),
        problem,
    };
    let found: Vec<_> = CertificateDer::pem_slice_iter(bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| problem(format!("is not a PEM file: {error}")))?;
    if found.is_empty() {
        return Err(problem(
            "holds no certificate (BEGIN CERTIFICATE)".to_owned(),
        ));
    }
    Ok(found)
}

/// The private key of a PEM file.
pub(super) fn private_key(path: &Path, bytes: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|_| TlsError::Content {
        path: path.to_owned(),
        problem: "holds no private key (BEGIN PRIVATE KEY)".to_owned(),
    })
}
