//! `tsm show credential`, `suspend`, `resume`, `revoke`, `delete`, `check`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use der::{DecodePem as _, Encode as _, EncodePem as _};
use serde::Serialize;
use tsm_proto::sp::check_certificate_response::Status as CertificateStatus;
use tsm_proto::sp::{
    ChangeCredentialRequest, CheckCertificateRequest, Credential, GetCredentialRequest,
};

use crate::client::Servers;
use crate::commands::application::{new_request_id, short};
use crate::output::Output;

/// A credential, as it is printed.
#[derive(Debug, Serialize)]
pub struct CredentialView {
    /// Its id.
    pub credential: String,
    /// The card.
    pub iccid: String,
    /// Where it stands.
    pub state: &'static str,
    /// The card was read back and agrees with the server.
    pub card_agrees: bool,
    /// The server's copy of the private key is destroyed.
    pub private_key_destroyed: bool,
    /// Last moment of validity, RFC 3339.
    pub not_after: String,
    /// The certificate.
    #[serde(skip)]
    pub certificate: Vec<u8>,
}

impl From<Credential> for CredentialView {
    fn from(credential: Credential) -> Self {
        let not_after = credential
            .not_after
            .and_then(|at| jiff::Timestamp::new(at.seconds, at.nanos).ok())
            .map_or_else(String::new, |at| at.to_string());
        Self {
            state: short(credential.state().as_str_name(), "CREDENTIAL_STATE_"),
            credential: credential.id,
            iccid: credential.iccid,
            card_agrees: credential.card_agrees,
            private_key_destroyed: credential.private_key_destroyed,
            not_after,
            certificate: credential.certificate_der.to_vec(),
        }
    }
}

impl CredentialView {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "credential {}\n  card        {}\n  state       {}\n  valid until {}\n",
            self.credential, self.iccid, self.state, self.not_after
        );
        let agrees = if self.card_agrees {
            "read back and agrees"
        } else {
            "does not agree yet; it follows when it is next reachable"
        };
        let _ = writeln!(text, "  on the card {agrees}");
        let key = if self.private_key_destroyed {
            "destroyed"
        } else {
            "kept until the card has proved it"
        };
        let _ = writeln!(text, "  server key  {key}");
        text
    }
}

/// What to do with a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Not to be accepted for now.
    Suspend,
    /// To be accepted again.
    Resume,
    /// Not to be accepted ever again.
    Revoke,
    /// Revoke and remove from the card.
    Delete,
}

/// `tsm suspend`, `resume`, `revoke`, `delete`.
///
/// # Errors
/// When the server refuses, for example because of the present state.
pub async fn change(
    servers: &Servers,
    change: Change,
    id: &str,
    output: Output,
) -> anyhow::Result<()> {
    let mut client = servers.credentials()?;
    let request = ChangeCredentialRequest {
        request_id: new_request_id(),
        id: id.to_owned(),
    };
    let credential = match change {
        Change::Suspend => client.suspend_credential(request).await?,
        Change::Resume => client.resume_credential(request).await?,
        Change::Revoke => client.revoke_credential(request).await?,
        Change::Delete => client.delete_credential(request).await?,
    };
    output.print(
        &CredentialView::from(credential.into_inner()),
        CredentialView::text,
    )
}

/// `tsm show credential`.
///
/// # Errors
/// When the server does not know it, or the certificate can't be written.
pub async fn show(
    servers: &Servers,
    id: &str,
    certificate: Option<&Path>,
    output: Output,
) -> anyhow::Result<()> {
    let credential = servers
        .credentials()?
        .get_credential(GetCredentialRequest { id: id.to_owned() })
        .await?
        .into_inner();
    let view = CredentialView::from(credential);
    if let Some(path) = certificate {
        std::fs::write(path, certificate_pem(&view.certificate)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    output.print(&view, CredentialView::text)
}

/// A certificate as PEM.
///
/// # Errors
/// When `der` is not a certificate.
pub fn certificate_pem(der: &[u8]) -> anyhow::Result<String> {
    use der::Decode as _;
    let certificate =
        x509_cert::Certificate::from_der(der).context("there is no certificate yet")?;
    Ok(certificate.to_pem(der::pem::LineEnding::LF)?)
}

/// `tsm check`: non-zero exit unless the certificate is good.
///
/// # Errors
/// When the certificate is not good, or can't be read.
pub async fn check(servers: &Servers, path: &Path, output: Output) -> anyhow::Result<()> {
    let pem = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let certificate = x509_cert::Certificate::from_pem(&pem)
        .with_context(|| format!("{} is not a PEM certificate", path.display()))?;
    let answer = servers
        .verification()?
        .check_certificate(CheckCertificateRequest {
            certificate_der: certificate.to_der()?.into(),
        })
        .await?
        .into_inner();
    let status = answer.status();
    let name = short(status.as_str_name(), "STATUS_");
    output.print(&serde_json::json!({ "status": name }), |_| name.to_owned())?;
    anyhow::ensure!(
        status == CertificateStatus::Good,
        "the certificate is not good: {name}"
    );
    Ok(())
}
