//! A folder with everything that a server needs, and clients of it.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertificateParams, IsCa, Issuer, KeyPair, SanType};
use sp_tsm::config::Config;
use sp_tsm::service::{self, Running};
use tonic::Status;
use tonic::transport::Channel;
use tsm_proto::sp;
use tsm_proto::sp::application_service_client::ApplicationServiceClient;
use tsm_server::status::reason_of;
use tsm_server::tls::ClientTls;
use tsm_store::{EmbeddedVault, OsEntropy};

use crate::test_openssl::{LEAF, Openssl, P256, application, now, subject};

/// The card of every application.
pub const ICCID: &str = "8981100000000000017";

/// The folder.
pub struct Setup {
    /// Signing authority and citizens; all other files lie there too.
    pub openssl: Openssl,
    tls: Issuer<'static, KeyPair>,
}

impl Setup {
    /// Certificates, vault and configuration of one server.
    pub fn new() -> Self {
        let openssl = Openssl::with_authority();
        openssl.citizen("citizen-1", "P-1");
        let key = KeyPair::generate().expect("key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("root").pem();
        openssl.write("tls-root.pem", root.as_bytes());
        let setup = Self {
            openssl,
            tls: Issuer::new(params, key),
        };
        let local = SanType::DnsName("localhost".try_into().expect("name"));
        setup.identity("server", vec![local, uri("tsm://j-lis/service-provider")]);
        setup.fill_vault();
        setup.openssl.write("sp-tsm.toml", CONFIG.as_bytes());
        setup
    }

    fn identity(&self, name: &str, names: Vec<SanType>) {
        let key = KeyPair::generate().expect("key");
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        let certificate = params.signed_by(&key, &self.tls).expect("certificate");
        self.openssl
            .write(&format!("{name}.pem"), certificate.pem().as_bytes());
        self.openssl
            .write(&format!("{name}.key"), key.serialize_pem().as_bytes());
    }

    fn fill_vault(&self) {
        self.openssl
            .authority("issuer", "/C=JP/O=JPKI/CN=User authentication CA");
        self.openssl.run(
            "pkcs8 -topk8 -nocrypt -in issuer.key -outform DER -out issuer.der",
            &[],
        );
        let vault = EmbeddedVault::create(&self.path("vault"), Arc::new(OsEntropy)).expect("vault");
        vault.ensure_domain_master().expect("domain master");
        vault.ensure_pseudonym_key().expect("pseudonym key");
        vault.ensure_hpke_key().expect("HPKE key");
        vault
            .put_secret("ca-key", &self.openssl.read("issuer.der"))
            .expect("authority's key");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.openssl.path(name)
    }

    /// Starts the server of the folder.
    pub async fn start(&self) -> Running {
        self.try_start().await.expect("server")
    }

    /// Starts the server of the folder, if that is possible.
    pub async fn try_start(&self) -> anyhow::Result<Running> {
        let config: Config = tsm_server::config::load(&self.path("sp-tsm.toml"))?;
        service::start(config).await
    }

    /// A connection of a client whose certificate carries `identity`.
    pub fn channel(&self, server: &Running, identity: &str) -> Channel {
        let name = identity.replace([':', '/'], "_");
        self.identity(&name, vec![uri(identity)]);
        let tls = ClientTls {
            certificate: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key")),
            server_ca: self.path("tls-root.pem"),
            server_name: None,
        };
        let address = format!("https://localhost:{}", server.local_addr().port());
        tls.endpoint(&address).expect("endpoint").connect_lazy()
    }

    /// A client of the application service.
    pub fn applications(
        &self,
        server: &Running,
        identity: &str,
    ) -> ApplicationServiceClient<Channel> {
        ApplicationServiceClient::new(self.channel(server, identity))
    }

    /// An application for [`ICCID`], signed now.
    pub fn sign(&self, signer: &str, nonce: &str, options: &str) -> Vec<u8> {
        self.openssl
            .sign(signer, &application(nonce, now()), options)
    }

    /// A citizen whose certificate under the trusted authority has expired.
    pub fn expired_citizen(&self, name: &str) {
        let openssl = &self.openssl;
        openssl.key(name, P256);
        openssl.write(&format!("{name}.ext"), LEAF.as_bytes());
        openssl.run(
            &format!("req -new -key {name}.key -out {name}.csr -subj"),
            &[&subject("P-5")],
        );
        openssl.run(
            &format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days -1 \
                 -extfile {name}.ext -out {name}.pem"
            ),
            &[],
        );
    }
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().expect("URI"))
}

/// Submits a signed application.
pub async fn submit(
    client: &mut ApplicationServiceClient<Channel>,
    request_id: &str,
    cms: &[u8],
) -> Result<sp::Application, Status> {
    let request = sp::SubmitApplicationRequest {
        request_id: request_id.to_owned(),
        cms: cms.to_vec().into(),
    };
    Ok(client.submit_application(request).await?.into_inner())
}

/// All applications that the server has.
pub async fn all(client: &mut ApplicationServiceClient<Channel>) -> Vec<sp::Application> {
    let request = sp::ListApplicationsRequest::default();
    client
        .list_applications(request)
        .await
        .expect("list")
        .into_inner()
        .applications
}

/// The stable reason of a refusal.
pub fn reason<T: std::fmt::Debug>(result: Result<T, tonic::Status>) -> String {
    let status = result.expect_err("refusal");
    reason_of(&status).unwrap_or_else(|| panic!("no reason in {status:?}"))
}

/// No operator listens on port 1.
const CONFIG: &str = r#"
listen = "127.0.0.1:0"
tenant = "j-lis"

[tls]
certificate = "server.pem"
key = "server.key"
client_ca = "tls-root.pem"

[carrier]
address = "https://localhost:1"
certificate = "server.pem"
key = "server.key"
server_ca = "tls-root.pem"

[applications]
trust_anchors = ["ca.pem"]

[authority]
certificate = "issuer.pem"

[key_pool]
rsa2048 = 1

[store]
path = "store"

[vault]
path = "vault"
"#;
