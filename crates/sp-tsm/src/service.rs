//! Starting and stopping the service provider's server.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use const_oid::ObjectIdentifier;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::transport::server::Router;
use tsm_core::identity::{ServiceName, Tenant};
use tsm_core::jpki::provider::Policy;
use tsm_core::ports::{Clock, Entropy, KeyVault as _, Store};
use tsm_proto::mno::audit_service_server::AuditServiceServer;
use tsm_proto::sp::application_service_server::ApplicationServiceServer;
use tsm_proto::sp::credential_service_server::CredentialServiceServer;
use tsm_proto::sp::operations_service_server::OperationsServiceServer;
use tsm_proto::sp::verification_service_server::VerificationServiceServer;
use tsm_server::audit_service::{AuditHost as _, AuditRpc};
use tsm_server::denials::Denials;
use tsm_server::listener::Listener;
use tsm_server::serve::{self, Life, ServeError};
use tsm_server::signing::SigningKey;
use tsm_server::{health, reflection};
use tsm_store::{EmbeddedVault, OsEntropy, SledStore, SystemClock};

use crate::authority::EmbeddedAuthority;
use crate::card_link::RelayLink;
use crate::carrier::GrpcCarrier;
use crate::cms::{Freshness, TrustAnchors, Verifier};
use crate::config::Config;
use crate::duties;
use crate::key_pool::KeyPool;
use crate::rpc::applications::ApplicationRpc;
use crate::rpc::credentials::CredentialRpc;
use crate::rpc::operations::OperationsRpc;
use crate::rpc::verification::VerificationRpc;
use crate::state::State;

pub use tsm_server::serve::Running;

/// Largest request, in bytes: a signed application and what goes with it.
const MAX_REQUEST: usize = 128 * 1_024;
/// Name of the authority's private key in the vault.
const AUTHORITY_KEY: &str = "ca-key";

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
    let state = build(&config, store.clone(), life.clone())?;
    let listener = Listener::bind(config.listen).await?;
    let address = listener.local_addr();

    life.spawn(duties::run(state.clone(), config.limits.duty_interval()));
    let log = state.audit_log();
    life.spawn(log.sign_from_time_to_time(life.clone(), config.limits.audit_sign_interval()));
    let drain = config.limits.drain();
    let router = router(&mut server, &state).await?;
    tracing::info!(%address, tenant = config.tenant, "sp-tsm serves");
    let serving = life.clone();
    let task = tokio::spawn(async move {
        let served = serving.serve(listener, router, drain).await;
        drop(state);
        // Waits for the disk, so not on a thread of the runtime.
        let closed = tokio::task::spawn_blocking(move || store.close()).await;
        match closed {
            Ok(Ok(())) => tracing::info!("sp-tsm ended"),
            Ok(Err(error)) => tracing::error!(error = %error, "the store did not close in order"),
            Err(_) => return Err(ServeError::Lost),
        }
        served
    });
    Ok(Running::new(address, life, task))
}

fn build(config: &Config, store: Arc<SledStore>, life: Life) -> anyhow::Result<Arc<State>> {
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store: Arc<dyn Store> = store;
    let path = &config.vault.path;
    let in_vault = || format!("in the vault {}", path.display());
    let vault = EmbeddedVault::open(path, entropy.clone())
        .with_context(|| format!("can not open the vault {}", path.display()))?;
    // A missing key would only show with the first citizen.
    vault.hpke_public_key().with_context(in_vault)?;
    vault.domain_keys("", 0).with_context(in_vault)?;
    vault.pseudonym("").with_context(in_vault)?;
    vault.ensure_signing_key().with_context(in_vault)?;
    let signing_key = SigningKey::load(&vault, config.vault.receipt_certificate.as_deref())?;
    let authority = authority(config, &vault)?;

    let tenant = Tenant::new(&config.tenant).context("in the configuration, tenant")?;
    let service = ServiceName::new(&config.service).context("in the configuration, service")?;
    let carrier = config
        .carrier
        .tls()
        .endpoint(&config.carrier.address)?
        .connect_lazy();
    let link = RelayLink::new(carrier.clone(), service.clone(), clock.clone());
    // Version 7: greater with every start.
    let worker = format!("{}:{}", config.server, uuid::Uuid::now_v7());
    let pool = usize::try_from(config.key_pool.rsa2048).context("key_pool.rsa2048")?;
    Ok(Arc::new(State {
        verifier: Verifier::new(trust_anchors(config)?, freshness(config)),
        policy: policy(config),
        link: Arc::new(link),
        carrier: Arc::new(GrpcCarrier::new(carrier, tenant.clone(), worker)),
        authority: Arc::new(authority),
        key_pool: Arc::new(KeyPool::start(pool).context("can not start the key pool")?),
        provisionings: Arc::new(Semaphore::new(config.limits.provisionings.max(1))),
        denials: Denials::default(),
        signing_key,
        at_work: Arc::new(Mutex::new(BTreeSet::new())),
        vault: Arc::new(vault),
        tenant,
        service,
        store,
        clock,
        entropy,
        life,
    }))
}

fn authority(config: &Config, vault: &EmbeddedVault) -> anyhow::Result<EmbeddedAuthority> {
    let certificate = read(&config.authority.certificate)?;
    let key = vault
        .secret(AUTHORITY_KEY)
        .with_context(|| format!("in the vault {}", config.vault.path.display()))?;
    let policy = ObjectIdentifier::new(&config.authority.policy)
        .with_context(|| format!("in the configuration, policy {:?}", config.authority.policy))?;
    EmbeddedAuthority::new(&certificate, &key, policy)
        .with_context(|| format!("with {}", config.authority.certificate.display()))
}

fn trust_anchors(config: &Config) -> anyhow::Result<TrustAnchors> {
    let mut pem = Vec::new();
    for path in &config.applications.trust_anchors {
        pem.extend(read(path)?);
        pem.push(b'\n');
    }
    TrustAnchors::from_pem(&pem).context("in the configuration, trust_anchors")
}

fn freshness(config: &Config) -> Freshness {
    Freshness {
        max_age: Duration::from_secs(config.applications.max_age_s),
        max_ahead: Duration::from_secs(config.applications.max_ahead_s),
    }
}

fn policy(config: &Config) -> Policy {
    Policy {
        algorithm: config.default_algorithm.into(),
        validity: Duration::from_secs(u64::from(config.authority.validity_days) * 86_400),
        session_timeout: Duration::from_secs(config.limits.session_timeout_s.clamp(1, 3_600)),
        ..Policy::default()
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("can not read {}", path.display()))
}

async fn router(
    server: &mut tonic::transport::Server,
    state: &Arc<State>,
) -> anyhow::Result<Router> {
    let applications = ApplicationServiceServer::new(ApplicationRpc(state.clone()))
        .max_decoding_message_size(MAX_REQUEST);
    let credentials = CredentialServiceServer::new(CredentialRpc(state.clone()));
    let verification = VerificationServiceServer::new(VerificationRpc(state.clone()));
    let operations = OperationsServiceServer::new(OperationsRpc(state.clone()));
    let audit = AuditServiceServer::new(AuditRpc(state.clone()));
    let (reporter, health) = health::service(&SERVICES).await;
    let stopping = state.life.clone();
    state.life.spawn(async move {
        stopping.stopping().await;
        health::stop(&reporter, &SERVICES).await;
    });
    Ok(server
        .add_service(applications)
        .add_service(credentials)
        .add_service(verification)
        .add_service(operations)
        .add_service(audit)
        .add_service(health)
        .add_service(reflection::service()?))
}

/// Names under which the health of each service is reported.
const SERVICES: [&str; 5] = [
    <ApplicationServiceServer<ApplicationRpc> as NamedService>::NAME,
    <CredentialServiceServer<CredentialRpc> as NamedService>::NAME,
    <VerificationServiceServer<VerificationRpc> as NamedService>::NAME,
    <OperationsServiceServer<OperationsRpc> as NamedService>::NAME,
    <AuditServiceServer<AuditRpc<State>> as NamedService>::NAME,
];
