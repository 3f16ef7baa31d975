//! Clients of both servers, and what a citizen's app makes of their refusals.

use std::path::Path;

use anyhow::Context as _;
use tonic::Status;
use tonic::transport::Channel;
use tsm::client::Servers;
use tsm_core::error::Class;
use tsm_proto::mno::audit_service_client::AuditServiceClient;
use tsm_proto::mno::catalogue_service_client::CatalogueServiceClient;
use tsm_proto::mno::service_management_client::ServiceManagementClient;
use tsm_proto::mno::uicc_service_client::UiccServiceClient;
use tsm_proto::sp::application_service_client::ApplicationServiceClient;
use tsm_proto::sp::credential_service_client::CredentialServiceClient;
use tsm_proto::sp::operations_service_client::OperationsServiceClient;
use tsm_proto::sp::verification_service_client::VerificationServiceClient;
use tsm_server::status::{class_of, reason_of};

/// One client per service, each under its usual identity. Connections are made when needed, and made again after a
/// server was away.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Where the servers are and who everybody is.
    pub servers: Servers,
    /// The fleet, as the carrier's operator.
    pub uiccs: UiccServiceClient<Channel>,
    /// Packages and services, as the carrier's operator.
    pub catalogue: CatalogueServiceClient<Channel>,
    /// Services on cards, as the carrier's operator.
    pub deployments: ServiceManagementClient<Channel>,
    /// The carrier's audit log.
    pub carrier_audit: AuditServiceClient<Channel>,
    /// Applications, as the citizen's app.
    pub applications: ApplicationServiceClient<Channel>,
    /// Credentials, as the citizen's app.
    pub credentials: CredentialServiceClient<Channel>,
    /// Credentials, as the provider's operator, who may list them.
    pub all_credentials: CredentialServiceClient<Channel>,
    /// Certificate status, as a relying party.
    pub verification: VerificationServiceClient<Channel>,
    /// Readiness and audit log, as the provider's operator.
    pub operations: OperationsServiceClient<Channel>,
}

impl Clients {
    /// Reads `tsm.toml`.
    ///
    /// # Errors
    /// When it is missing or wrong.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let servers = Servers::load(path)?;
        let config = servers.config();
        let operator = config.provider_operator.endpoint(&config.sp_address)?;
        Ok(Self {
            all_credentials: CredentialServiceClient::new(operator.connect_lazy()),
            uiccs: servers.uiccs()?,
            catalogue: servers.catalogue()?,
            deployments: servers.deployments()?,
            carrier_audit: servers.carrier_audit()?,
            applications: servers.applications()?,
            credentials: servers.credentials()?,
            verification: servers.verification()?,
            operations: servers.operations()?,
            servers,
        })
    }
}

/// A request id that nobody used before.
#[must_use]
pub fn new_request_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// The stable reason of a refusal; empty when the transport made it.
#[must_use]
pub fn reason(status: &Status) -> String {
    reason_of(status).unwrap_or_default()
}

/// The stable reason with which a call was refused.
///
/// # Errors
/// When it was not refused.
pub fn refused<T>(answer: Result<T, Status>) -> anyhow::Result<String> {
    let status = answer.err().context("the call was not refused")?;
    Ok(reason(&status))
}

/// Whether a citizen's app would try again: it may pass by itself, or another call is at it.
#[must_use]
pub fn may_pass(status: &Status) -> bool {
    match class_of(status) {
        Class::Retry => true,
        Class::Conflict => reason(status) == "CONFLICT",
        // Connections that break in the middle of a call show as this, without a reason of ours.
        _ => {
            reason(status).is_empty()
                && matches!(
                    status.code(),
                    tonic::Code::Unknown | tonic::Code::Internal | tonic::Code::Cancelled
                )
        }
    }
}
