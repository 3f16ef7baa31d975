//! `VerificationService`: whether a certificate of ours is good now. The answer
//! names neither person nor card.

use std::sync::Arc;

use der::Decode as _;
use tonic::{Request, Response, Status};
use tsm_core::jpki::credential::{Credential, CredentialState, SerialIndex};
use tsm_core::time::Timestamp;
use tsm_proto::sp;
use tsm_proto::sp::check_certificate_response::Status as Answer;
use tsm_proto::sp::verification_service_server::VerificationService;
use tsm_server::status::{self, invalid_field};
use x509_cert::Certificate;

use crate::authorisation::Method;
use crate::state::State;

pub(crate) struct VerificationRpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl VerificationService for VerificationRpc {
    async fn check_certificate(
        &self,
        request: Request<sp::CheckCertificateRequest>,
    ) -> Result<Response<sp::CheckCertificateResponse>, Status> {
        self.0.admit(&request, Method::CheckCertificate).await?;
        let der = request.into_inner().certificate_der;
        let certificate = Certificate::from_der(&der)
            .map_err(|_| invalid_field("certificate_der", "is not an X.509 certificate"))?;
        let serial = certificate.tbs_certificate().serial_number().as_bytes();
        let credential = self.credential(serial).await?;
        // Same serial, other certificate: not one of ours.
        let credential = credential.filter(|credential| credential.certificate == der);
        let status = credential.map_or(Answer::Unknown, |credential| {
            answer(&credential, self.0.clock.now())
        });
        Ok(Response::new(sp::CheckCertificateResponse {
            status: status.into(),
        }))
    }
}

impl VerificationRpc {
    async fn credential(&self, serial: &[u8]) -> Result<Option<Credential>, Status> {
        let store = self.0.store.as_ref();
        let index = store.load::<SerialIndex>(&hex::encode(serial)).await;
        let Some(index) = index.map_err(|error| status::of(&error))? else {
            return Ok(None);
        };
        let credential = store.load::<Credential>(&index.value.credential).await;
        Ok(credential
            .map_err(|error| status::of(&error))?
            .map(|found| found.value))
    }
}

/// Good from ACTIVE on only.
fn answer(credential: &Credential, now: Timestamp) -> Answer {
    match credential.state {
        CredentialState::Revoked => Answer::Revoked,
        CredentialState::Expired => Answer::Expired,
        _ if now > credential.not_after => Answer::Expired,
        CredentialState::Suspended => Answer::Suspended,
        CredentialState::Active => Answer::Good,
        _ => Answer::Unknown,
    }
}
