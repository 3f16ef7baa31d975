//! Starting and stopping the operator's server.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::transport::server::Router;
use tsm_core::ports::{Clock, Entropy, KeyVault, Store};
use tsm_proto::card::card_gateway_server::CardGatewayServer;
use tsm_proto::mno::audit_service_server::AuditServiceServer;
use tsm_proto::mno::card_channel_server::CardChannelServer;
use tsm_proto::mno::card_profile_service_server::CardProfileServiceServer;
use tsm_proto::mno::catalogue_service_server::CatalogueServiceServer;
use tsm_proto::mno::import_service_server::ImportServiceServer;
use tsm_proto::mno::ledger_service_server::LedgerServiceServer;
use tsm_proto::mno::service_management_server::ServiceManagementServer;
use tsm_proto::mno::subscription_service_server::SubscriptionServiceServer;
use tsm_proto::mno::tenant_service_server::TenantServiceServer;
use tsm_proto::mno::uicc_service_server::UiccServiceServer;
use tsm_server::audit_service::{AuditHost as _, AuditRpc};
use tsm_server::denials::Denials;
use tsm_server::listener::Listener;
use tsm_server::serve::{self, Life, ServeError};
use tsm_server::signing::SigningKey;
use tsm_server::{health, reflection};
use tsm_store::{EmbeddedVault, OsEntropy, SledStore, SystemClock};

use crate::card_link::GatewayLink;
use crate::card_work;
use crate::config::Config;
use crate::gateway::attachments::Attachments;
use crate::index;
use crate::relay::log::RelayLog;
use crate::rpc::card_channel::CardChannelRpc;
use crate::rpc::card_profile::CardProfileRpc;
use crate::rpc::catalogue::CatalogueRpc;
use crate::rpc::gateway::GatewayRpc;
use crate::rpc::import::ImportRpc;
use crate::rpc::ledger::LedgerRpc;
use crate::rpc::service_management::ServiceManagementRpc;
use crate::rpc::subscription::SubscriptionRpc;
use crate::rpc::tenant::TenantRpc;
use crate::rpc::uicc::UiccRpc;
use crate::state::State;
use crate::tenants::Tenants;
use crate::worker;

pub use tsm_server::serve::Running;

/// Cards that attached and wait to be looked at; more are found by looking around.
const ARRIVALS: usize = 1_024;
/// Largest request, in bytes: a CAP file of 2 MiB and what goes with it.
const MAX_REQUEST: usize = 3 << 20;
/// Largest message of a device, in bytes: the responses of one script.
const MAX_DEVICE_MESSAGE: usize = 2 << 20;

/// Serves until `shutdown` is cancelled and open work has ended.
///
/// # Errors
/// Whatever keeps the server from starting or from ending in order.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    start_until(config, shutdown).await?.ended().await?;
    Ok(())
}

/// Starts a server in the background; it serves when this returns. Ending it
/// with `shutdown` or `kill`, or dropping it, lets go of its store.
///
/// # Errors
/// Whatever keeps the server from starting.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    start_until(config, CancellationToken::new()).await
}

async fn start_until(config: Config, shutdown: CancellationToken) -> anyhow::Result<Running> {
    let mut server = serve::builder(&config.tls)?;
    let path = &config.store.path;
    let store = SledStore::open(path)
        .with_context(|| format!("can not open the store {}", path.display()))?;
    let store = Arc::new(store);
    let life = Life::until(shutdown);
    let (arrivals, arrived) = mpsc::channel(ARRIVALS);
    let tenants = Tenants::open(&config, store.as_ref(), &SystemClock).await?;
    let state = build(&config, tenants, store.clone(), life.clone(), arrivals)?;
    let indexed = index::complete(state.store.as_ref()).await?;
    let released = card_work::release_leases_of_the_dead(state.store.as_ref()).await?;
    let listener = Listener::bind(config.listen).await?;
    let address = listener.local_addr();

    life.spawn(worker::run(state.clone(), arrived));
    let log = state.audit_log();
    life.spawn(log.sign_from_time_to_time(life.clone(), config.limits.audit_sign_interval()));
    let drain = config.limits.drain();
    let router = router(&mut server, &state).await?;
    tracing::info!(%address, tenant = config.tenant, released, indexed, "mno-tsm serves");
    let serving = life.clone();
    let task = tokio::spawn(async move {
        let served = serving.serve(listener, router, drain).await;
        drop(state);
        // Waits for the disk, so not on a thread of the runtime.
        let closed = tokio::task::spawn_blocking(move || store.close()).await;
        match closed {
            Ok(Ok(())) => tracing::info!("mno-tsm ended"),
            Ok(Err(error)) => tracing::error!(error = %error, "the store did not close in order"),
            Err(_) => return Err(ServeError::Lost),
        }
        served
    });
    Ok(Running::new(address, life, task))
}

fn build(
    config: &Config,
    tenants: Tenants,
    store: Arc<SledStore>,
    life: Life,
    arrivals: mpsc::Sender<tsm_core::identity::Iccid>,
) -> anyhow::Result<Arc<State>> {
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store: Arc<dyn Store> = store;
    let path = &config.vault.path;
    let vault = EmbeddedVault::open(path, entropy.clone())
        .with_context(|| format!("can not open the vault {}", path.display()))?;
    // A missing master key would only show with the first card.
    vault
        .issuer_keys(&config.vault.issuer_master, &[0; 10])
        .with_context(|| format!("in the vault {}", path.display()))?;
    vault
        .ensure_signing_key()
        .with_context(|| format!("in the vault {}", path.display()))?;
    let certificate = config.vault.receipt_certificate.as_deref();
    let signing_key = SigningKey::load(&vault, certificate)?;
    let attachments = Attachments::new(config.limits.attachments, arrivals);
    let relay_log =
        RelayLog::open(config.relay_log.as_deref()).context("can not open relay_log")?;
    Ok(Arc::new(State {
        carrier: tenants.now().carrier().clone(),
        tenants,
        limits: config.limits,
        issuer_master: config.vault.issuer_master.clone(),
        link: GatewayLink::new(attachments.clone(), store.clone(), clock.clone()),
        store,
        vault: Arc::new(vault),
        clock,
        entropy,
        attachments,
        relay_log,
        denials: Denials::default(),
        signing_key,
        life,
        cards_at_work: Semaphore::new(config.limits.cards_at_work.max(1)),
        lease_released: Notify::new(),
    }))
}

async fn router(
    server: &mut tonic::transport::Server,
    state: &Arc<State>,
) -> anyhow::Result<Router> {
    let uiccs = UiccServiceServer::new(UiccRpc(state.clone()));
    let catalogue = CatalogueServiceServer::new(CatalogueRpc(state.clone()))
        .max_decoding_message_size(MAX_REQUEST);
    let services = ServiceManagementServer::new(ServiceManagementRpc(state.clone()));
    let channel = CardChannelServer::new(CardChannelRpc(state.clone()))
        .max_decoding_message_size(MAX_REQUEST);
    let gateway = CardGatewayServer::new(GatewayRpc(state.clone()))
        .max_decoding_message_size(MAX_DEVICE_MESSAGE);
    let tenants = TenantServiceServer::new(TenantRpc(state.clone()));
    let profiles = CardProfileServiceServer::new(CardProfileRpc(state.clone()));
    let imports = ImportServiceServer::new(ImportRpc(state.clone()));
    let subscriptions = SubscriptionServiceServer::new(SubscriptionRpc(state.clone()));
    let audit = AuditServiceServer::new(AuditRpc(state.clone()));
    let ledger = LedgerServiceServer::new(LedgerRpc(state.clone()));
    let (reporter, health) = health::service(&SERVICES).await;
    let stopping = state.life.clone();
    state.life.spawn(async move {
        stopping.stopping().await;
        health::stop(&reporter, &SERVICES).await;
    });
    Ok(server
        .add_service(tenants)
        .add_service(uiccs)
        .add_service(profiles)
        .add_service(imports)
        .add_service(subscriptions)
        .add_service(catalogue)
        .add_service(services)
        .add_service(channel)
        .add_service(gateway)
        .add_service(audit)
        .add_service(ledger)
        .add_service(health)
        .add_service(reflection::service()?))
}

/// Names under which the health of each service is reported.
const SERVICES: [&str; 11] = [
    <TenantServiceServer<TenantRpc> as NamedService>::NAME,
    <UiccServiceServer<UiccRpc> as NamedService>::NAME,
    <CardProfileServiceServer<CardProfileRpc> as NamedService>::NAME,
    <ImportServiceServer<ImportRpc> as NamedService>::NAME,
    <SubscriptionServiceServer<SubscriptionRpc> as NamedService>::NAME,
    <CatalogueServiceServer<CatalogueRpc> as NamedService>::NAME,
    <ServiceManagementServer<ServiceManagementRpc> as NamedService>::NAME,
    <CardChannelServer<CardChannelRpc> as NamedService>::NAME,
    <CardGatewayServer<GatewayRpc> as NamedService>::NAME,
    <AuditServiceServer<AuditRpc<State>> as NamedService>::NAME,
    <LedgerServiceServer<LedgerRpc> as NamedService>::NAME,
];
