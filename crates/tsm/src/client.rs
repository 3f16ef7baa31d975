//! Connections to the two servers, each under the identity that a command needs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tonic::transport::Channel;
use tsm_proto::mno::audit_service_client::AuditServiceClient;
use tsm_proto::mno::card_profile_service_client::CardProfileServiceClient;
use tsm_proto::mno::catalogue_service_client::CatalogueServiceClient;
use tsm_proto::mno::import_service_client::ImportServiceClient;
use tsm_proto::mno::ledger_service_client::LedgerServiceClient;
use tsm_proto::mno::service_management_client::ServiceManagementClient;
use tsm_proto::mno::subscription_service_client::SubscriptionServiceClient;
use tsm_proto::mno::tenant_service_client::TenantServiceClient;
use tsm_proto::mno::uicc_service_client::UiccServiceClient;
use tsm_proto::sp::application_service_client::ApplicationServiceClient;
use tsm_proto::sp::credential_service_client::CredentialServiceClient;
use tsm_proto::sp::operations_service_client::OperationsServiceClient;
use tsm_proto::sp::verification_service_client::VerificationServiceClient;
use tsm_server::tls::ClientTls;

/// Where the servers are and who you are (`tsm.toml`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// Address of the operator's server, `https://host:port`.
    pub mno_address: String,
    /// Address of the service provider's server, `https://host:port`.
    pub sp_address: String,
    /// Operator of the carrier: cards, packages, services.
    pub carrier_operator: ClientTls,
    /// Admin of the carrier: tenants and contracts.
    pub carrier_admin: ClientTls,
    /// Operator of the service provider: every application and credential.
    pub provider_operator: ClientTls,
    /// The citizen's app: applies, provisions, manages credentials.
    pub citizen: ClientTls,
    /// A relying party.
    pub verifier: ClientTls,
    /// A phone: attaches a card to the gateway.
    pub device: ClientTls,
}

impl tsm_server::config::Config for ClientConfig {
    fn resolve_paths(&mut self, base: &Path) {
        for identity in [
            &mut self.carrier_operator,
            &mut self.carrier_admin,
            &mut self.provider_operator,
            &mut self.citizen,
            &mut self.verifier,
            &mut self.device,
        ] {
            identity.resolve_paths(base);
        }
    }
}

/// Largest answer taken from a server, in bytes.
const MESSAGE_LIMIT: usize = 8 << 20;

/// The servers, not yet connected: the first call connects.
#[derive(Clone, Debug)]
pub struct Servers {
    config: ClientConfig,
}

impl Servers {
    /// Reads `tsm.toml`.
    ///
    /// # Errors
    /// When the file is missing or wrong.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let config = tsm_server::config::load(path).with_context(|| {
            let path = PathBuf::from(path);
            format!(
                "no usable client configuration at {}; `tsm dev init DIR` writes DIR/tsm.toml, \
                 name it with --config or TSM_CONFIG",
                path.display()
            )
        })?;
        Ok(Self { config })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    fn mno(&self, identity: &ClientTls) -> anyhow::Result<Channel> {
        Ok(identity.endpoint(&self.config.mno_address)?.connect_lazy())
    }

    fn sp(&self, identity: &ClientTls) -> anyhow::Result<Channel> {
        Ok(identity.endpoint(&self.config.sp_address)?.connect_lazy())
    }
}

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $client:ident, $server:ident as $identity:ident;)+) => {
        impl Servers {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// When a certificate file or the address is not usable.
                pub fn $name(&self) -> anyhow::Result<$client<Channel>> {
                    let channel = self.$server(&self.config.$identity)?;
                    Ok($client::new(channel).max_decoding_message_size(MESSAGE_LIMIT))
                }
            )+
        }
    };
}

clients! {
    /// Tenants and contracts, as the carrier's admin.
    tenants: TenantServiceClient, mno as carrier_admin;
    /// The fleet, as the carrier's operator.
    uiccs: UiccServiceClient, mno as carrier_operator;
    /// Card profiles, as the carrier's operator.
    profiles: CardProfileServiceClient, mno as carrier_operator;
    /// Deliveries of cards, as the carrier's operator.
    imports: ImportServiceClient, mno as carrier_operator;
    /// Subscriptions and card events, as the carrier's operator.
    subscriptions: SubscriptionServiceClient, mno as carrier_operator;
    /// Packages and services, as the carrier's operator.
    catalogue: CatalogueServiceClient, mno as carrier_operator;
    /// Services on cards, as the carrier's operator.
    deployments: ServiceManagementClient, mno as carrier_operator;
    /// The carrier's audit log and receipts.
    carrier_audit: AuditServiceClient, mno as carrier_operator;
    /// The usage ledger of the carrier's server, as the carrier's operator.
    ledger: LedgerServiceClient, mno as carrier_operator;
    /// The provider's audit log and receipts.
    provider_audit: AuditServiceClient, sp as provider_operator;
    /// Applications, as the citizen's app.
    applications: ApplicationServiceClient, sp as citizen;
    /// Credentials, as the citizen's app.
    credentials: CredentialServiceClient, sp as citizen;
    /// Every application, as the provider's operator.
    all_applications: ApplicationServiceClient, sp as provider_operator;
    /// Every credential, as the provider's operator.
    all_credentials: CredentialServiceClient, sp as provider_operator;
    /// Certificate status, as a relying party.
    verification: VerificationServiceClient, sp as verifier;
    /// Readiness and audit log, as the provider's operator.
    operations: OperationsServiceClient, sp as provider_operator;
}
