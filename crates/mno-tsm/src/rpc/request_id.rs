//! Request ids: the same request again gives the same answer.

use sha2::{Digest, Sha256};
use tonic::Status;
use tsm_core::error::Reason;
use tsm_core::jpki::application::RequestOutcome;
use tsm_core::ports::{Batch, StoreError};
use tsm_server::convert::request_id;
use tsm_server::status;

use crate::state::{Admitted, State};

/// A request id of a tenant, and the digest of the body that came with it.
pub(crate) struct RequestId {
    key: String,
    body_sha256: [u8; 32],
}

impl RequestId {
    /// Of the field `request_id` and the body of a request.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    pub(crate) fn new(admitted: &Admitted, id: &str, body: &[u8]) -> Result<Self, Status> {
        Ok(Self {
            key: format!("{}/{}", admitted.caller.tenant, request_id(id)?),
            body_sha256: Sha256::digest(body).into(),
        })
    }

    /// What the same request made before. A status when the id was used for another request.
    pub(crate) async fn outcome(
        &self,
        state: &State,
    ) -> Result<Result<Option<String>, Status>, StoreError> {
        let Some(found) = state.store.load::<RequestOutcome>(&self.key).await? else {
            return Ok(Ok(None));
        };
        let reused = "the request id was used for something else";
        Ok(if found.value.body_sha256 == self.body_sha256 {
            Ok(Some(found.value.subject))
        } else {
            Err(status::refusal(Reason::RequestIdReused, reused))
        })
    }

    /// Adds the record of this request to the batch that does what it asks for; `subject` is what
    /// it makes.
    pub(crate) fn insert(&self, batch: Batch, subject: &str) -> Batch {
        let outcome = RequestOutcome {
            body_sha256: self.body_sha256,
            subject: subject.to_owned(),
        };
        batch.insert(self.key.clone(), outcome)
    }

    /// Adds the record of this request to the batch that does what it asks for,
    /// unless it was recorded before.
    pub(crate) async fn record(
        &self,
        state: &State,
        batch: Batch,
        subject: &str,
    ) -> Result<Result<Batch, Status>, StoreError> {
        Ok(match self.outcome(state).await? {
            Ok(None) => Ok(self.insert(batch, subject)),
            Ok(Some(_)) => Ok(batch),
            Err(refused) => Err(refused),
        })
    }
}
