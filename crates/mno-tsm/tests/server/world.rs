//! A server with its files, certificates and clients.

use std::path::PathBuf;
use std::sync::Arc;

use mno_tsm::config::{Config, Limits, StoreConfig, VaultConfig};
use mno_tsm::service::{Running, start};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tonic::Status;
use tonic::transport::Channel;
use tsm_core::identity::{Caller, Role, Tenant};
use tsm_proto::mno;
use tsm_proto::mno::audit_service_client::AuditServiceClient;
use tsm_proto::mno::tenant_service_client::TenantServiceClient;
use tsm_proto::mno::uicc_service_client::UiccServiceClient;
use tsm_server::tls::{ClientTls, ServerTls};
use tsm_store::{EmbeddedVault, OsEntropy};

pub const ICCID: &str = "8981100000000000001";
pub const KDD: [u8; 10] = [7; 10];
pub const MASTER: [u8; 16] = [0x4D; 16];
pub const ISD: [u8; 8] = [0xA0, 0, 0, 1, 0x51, 0, 0, 0];

pub struct World {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
    running: Option<Running>,
}

impl World {
    /// Files, and a server that runs on them.
    pub async fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        let mut world = Self {
            folder,
            issuer: Issuer::new(params, key),
            running: None,
        };
        let names = [SanType::DnsName("localhost".try_into().unwrap())];
        world.certificate("server", names.to_vec());
        let vault = EmbeddedVault::create(&world.path("vault"), Arc::new(OsEntropy)).unwrap();
        vault.import_master_key("isd", &MASTER).unwrap();
        drop(vault);
        world.restart().await;
        world.contract().await;
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn certificate(&self, file: &str, names: Vec<SanType>) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{file}.pem")), made.pem()).unwrap();
        std::fs::write(self.path(&format!("{file}.key")), key.serialize_pem()).unwrap();
    }

    pub fn config(&self) -> Config {
        Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            tenant: "carrier".to_owned(),
            hosted_tenants: vec!["mvno".to_owned()],
            relay_log: Some(self.path("relay.log")),
            tls: ServerTls {
                certificate: self.path("server.pem"),
                key: self.path("server.key"),
                client_ca: self.path("ca.pem"),
            },
            store: StoreConfig {
                path: self.path("store"),
            },
            vault: VaultConfig {
                path: self.path("vault"),
                issuer_master: "isd".to_owned(),
                receipt_certificate: None,
            },
            log: Default::default(),
            limits: Limits {
                call_deadline_s: 5,
                drain_s: 2,
                ..Limits::default()
            },
        }
    }

    /// Starts the server; the one that runs is dropped first.
    pub async fn restart(&mut self) {
        drop(self.running.take());
        self.running = Some(start(self.config()).await.unwrap());
    }

    pub fn take_server(&mut self) -> Running {
        self.running.take().unwrap()
    }

    /// A connection under a certificate for this tenant and role.
    pub async fn channel(&self, tenant: &str, role: Role) -> Channel {
        let caller = Caller::machine(Tenant::new(tenant).unwrap(), role);
        let name = tsm_server::peer::name_of(&caller);
        let file = format!("{tenant}-{}", role.as_str());
        self.certificate(&file, vec![SanType::URI(name.as_str().try_into().unwrap())]);
        let tls = ClientTls {
            certificate: self.path(&format!("{file}.pem")),
            key: self.path(&format!("{file}.key")),
            server_ca: self.path("ca.pem"),
            server_name: None,
        };
        let port = self.running.as_ref().unwrap().local_addr().port();
        let endpoint = tls.endpoint(&format!("https://localhost:{port}")).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// The provider `jlis`, and a contract with it.
    async fn contract(&self) {
        let mut tenants = self.tenants("carrier", Role::Admin).await;
        let provider = mno::RegisterTenantRequest {
            name: "jlis".to_owned(),
            kind: mno::TenantKind::ServiceProvider.into(),
            ..Default::default()
        };
        tenants.register_tenant(provider).await.unwrap();
        let contract = mno::Contract {
            provider: "jlis".to_owned(),
            modes: vec![mno::ManagementMode::Simple.into()],
            ..Default::default()
        };
        let contract = Some(contract);
        let request = mno::PutContractRequest { contract };
        tenants.put_contract(request).await.unwrap();
    }

    pub async fn tenants(&self, tenant: &str, role: Role) -> TenantServiceClient<Channel> {
        TenantServiceClient::new(self.channel(tenant, role).await)
    }

    pub async fn uiccs(&self, tenant: &str, role: Role) -> UiccServiceClient<Channel> {
        UiccServiceClient::new(self.channel(tenant, role).await)
    }

    pub async fn register_card(&self) {
        let mut uiccs = self.uiccs("carrier", Role::Operator).await;
        uiccs.register_uicc(card()).await.unwrap();
    }

    /// Outcomes of the audit entries whose subject starts with `prefix`.
    pub async fn audited(&self, prefix: &str) -> Vec<String> {
        let channel = self.channel("carrier", Role::Auditor).await;
        let request = mno::ListAuditEntriesRequest::default();
        let listed = AuditServiceClient::new(channel)
            .list_audit_entries(request)
            .await
            .unwrap();
        let entries = listed.into_inner().entries.into_iter();
        entries
            .filter(|entry| entry.subject.starts_with(prefix))
            .map(|e| e.outcome)
            .collect()
    }
}

pub fn card() -> mno::RegisterUiccRequest {
    mno::RegisterUiccRequest {
        iccid: ICCID.to_owned(),
        isd_aid: ISD.to_vec().into(),
        key_version: 0x30,
        scp_i: 0x70,
        key_diversification_data: KDD.to_vec().into(),
        sequence_counter: 0,
        memory_bytes: 65_536,
        tenant: String::new(),
    }
}

/// The stable reason of a refused call.
pub fn reason<T: std::fmt::Debug>(result: Result<T, Status>) -> String {
    let status = result.unwrap_err();
    tsm_server::status::reason_of(&status).unwrap_or_else(|| panic!("no reason: {status:?}"))
}
