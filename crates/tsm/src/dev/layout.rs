//! The folder of a development set-up.
//!
//! ```text
//! DIR/
//!   tsm.toml  mno-tsm.toml  sp-tsm.toml   configuration of the three programs
//!   jpki.cap  service.toml                what the carrier's catalogue gets
//!   pki/                                  TLS root, one identity per role
//!   applicants/                           authority of signing certificates, citizens
//!   cards/<iccid>/card.state card.toml    simulated cards and their descriptions
//!   mno-tsm/  sp-tsm/                     store, vault and log of each server
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use globalplatform::aid::Aid;
use scp03::keys::{MasterKey, StaticKeys};
use tsm_store::os::OsEntropy;
use tsm_store::vault::EmbeddedVault;
use uicc_sim::config::IsdKeySet;
use uicc_sim::{CardConfig, Uicc};
use zeroize::Zeroizing;

use crate::cli::Algorithm;
use crate::client::ClientConfig;
use crate::commands::card::CardDescription;
use crate::commands::register::ServiceDescription;
use crate::demo::{Person, key_diversification_data};
use crate::dev::citizen::Citizen;
use crate::dev::configuration::{mno_config, sp_config};
use crate::dev::pki::{Authority, Leaf, write_public};
use crate::dev::setup::write_cap_file;

/// Size of the array that stands for the code of a real JPKI applet.
pub const CAP_STATIC_BYTES: u16 = 6_144;

/// Package of the JPKI applet.
pub const JPKI_PACKAGE: Aid =
    Aid::from_slice_const(&[0xD3, 0x92, 0xF0, 0x00, 0x26, 0x01, 0x00, 0x00, 0x00]);
/// Module and instance of the JPKI applet (the AID that OpenSC selects).
pub const JPKI_INSTANCE: Aid =
    Aid::from_slice_const(&[0xD3, 0x92, 0xF0, 0x00, 0x26, 0x01, 0x00, 0x00, 0x00, 0x01]);
/// Security domain of the provider.
pub const JPKI_DOMAIN: Aid = Aid::from_slice_const(&[
    0xD3, 0x92, 0xF0, 0x00, 0x26, 0x53, 0x53, 0x44, 0x00, 0x00, 0x01,
]);

/// Memory of a development card for applications, in bytes.
const CARD_MEMORY: u32 = 131_072;
/// Quota of the provider's domain, in bytes.
const DOMAIN_QUOTA: u32 = 49_152;
/// Key version number of the issuer keys.
const ISSUER_KEY_VERSION: u8 = 0x30;
/// SCP03 `i`: S8, pseudo-random challenge, R-MAC and R-ENCRYPTION.
const SCP_I: u8 = 0x70;

/// A card to make.
#[derive(Clone)]
pub struct NewCard {
    iccid: String,
    seed: [u8; 32],
}

impl From<&Person> for NewCard {
    fn from(person: &Person) -> Self {
        Self {
            iccid: person.iccid.clone(),
            seed: person.card_seed,
        }
    }
}

/// What to put into a folder.
pub struct InitOptions {
    /// Port of the operator's server.
    pub mno_port: u16,
    /// Port of the service provider's server.
    pub sp_port: u16,
    /// Key algorithm of the credentials.
    pub algorithm: Algorithm,
    /// RSA key pairs that `sp-tsm` keeps ready.
    pub key_pool: u32,
    /// Cards to make.
    pub cards: Vec<NewCard>,
    /// Folder of the cards, relative to the set-up's.
    pub cards_folder: PathBuf,
}

/// A folder that was made in this process.
pub struct Layout {
    folder: PathBuf,
    cards_folder: PathBuf,
    applicants: Authority,
    credential_authority: Leaf,
    secrets: Vec<Zeroizing<Vec<u8>>>,
    private_keys: Vec<Zeroizing<String>>,
}

impl Layout {
    /// Makes a folder.
    ///
    /// # Errors
    /// When it is not new or empty, or can't be written.
    pub fn init(folder: &Path, options: &InitOptions) -> anyhow::Result<Self> {
        make_empty(folder)?;
        let tls = Authority::create("TSM development TLS root")?;
        let applicants = Authority::create("TSM development signing CA")?;
        let credentials = Authority::create_rsa("JPKI user authentication CA (development)")?;
        let mut layout = Self {
            folder: std::path::absolute(folder)?,
            cards_folder: std::path::absolute(folder.join(&options.cards_folder))?,
            credential_authority: credentials.leaf(),
            applicants,
            secrets: Vec::new(),
            private_keys: Vec::new(),
        };
        layout.write_pki(&tls)?;
        let master = layout.make_vaults(&credentials, &tls)?;
        layout.write_configuration(options)?;
        layout.write_catalogue()?;
        layout.make_cards(options, &master)?;
        Ok(layout)
    }

    fn write_pki(&mut self, tls: &Authority) -> anyhow::Result<()> {
        let pki = self.make("pki")?;
        let applicants = self.make("applicants")?;
        let provider = "tsm://j-lis/service-provider";
        let identities = [
            ("mno-tsm", tls.issue_server("mno-tsm", None)?),
            ("sp-tsm", tls.issue_server("sp-tsm", Some(provider))?),
            (
                "carrier-operator",
                tls.issue_client("carrier operator", "tsm://carrier/operator")?,
            ),
            (
                "carrier-admin",
                tls.issue_client("carrier admin", "tsm://carrier/admin")?,
            ),
            (
                "provider-operator",
                tls.issue_client("J-LIS operator", "tsm://j-lis/operator")?,
            ),
            (
                "citizen",
                tls.issue_client("citizen's app", "tsm://j-lis/citizen")?,
            ),
            (
                "verifier",
                tls.issue_client("relying party", "tsm://relying-party/verifier")?,
            ),
            ("device", tls.issue_client("phone", "tsm://carrier/device")?),
            (
                "auditor",
                tls.issue_client("auditor", "tsm://j-lis/auditor")?,
            ),
        ];
        for (name, leaf) in identities {
            self.keep(&leaf);
            leaf.write(&pki, name)?;
        }
        let root = tls.leaf();
        self.keep(&root);
        root.write(&pki, "tls-root")?;
        let signing = self.applicants.leaf();
        self.keep(&signing);
        signing.write(&applicants, "signing-ca")?;
        write_public(
            &applicants.join("citizen.ext"),
            b"keyUsage = critical, digitalSignature, nonRepudiation\nbasicConstraints = critical, CA:FALSE\n",
        )
    }

    /// Both vaults; returns the master key of the issuer keys.
    fn make_vaults(
        &mut self,
        credentials: &Authority,
        tls: &Authority,
    ) -> anyhow::Result<MasterKey> {
        let mut bytes = Zeroizing::new(vec![0; 32]);
        getrandom::fill(&mut bytes).context("no random master key")?;
        let master = MasterKey::from_bytes(&bytes[..16])
            .map_err(|error| anyhow::anyhow!("no master key: {error}"))?;

        let mno = EmbeddedVault::create(&self.make("mno-tsm")?.join("vault"), Arc::new(OsEntropy))?;
        mno.import_master_key("isd", &bytes[..16])?;
        let sp = EmbeddedVault::create(&self.make("sp-tsm")?.join("vault"), Arc::new(OsEntropy))?;
        sp.ensure_domain_master()?;
        sp.ensure_pseudonym_key()?;
        sp.ensure_hpke_key()?;
        let key = Zeroizing::new(credentials.key_der());
        sp.put_secret("ca-key", &key)?;
        let pki = self.folder.join("pki");
        for (name, vault) in [("mno-tsm", &mno), ("sp-tsm", &sp)] {
            let point = vault.ensure_signing_key()?;
            let certificate = tls.issue_receipts(&format!("receipts of {name}"), &point)?;
            let file = pki.join(format!("{name}-receipts.pem"));
            write_public(&file, certificate.as_bytes())?;
        }
        write_public(
            &self.folder.join("sp-tsm/user-authentication-ca.pem"),
            self.credential_authority.certificate.as_bytes(),
        )?;
        for server in ["mno-tsm", "sp-tsm"] {
            let root = std::fs::read(self.folder.join(server).join("vault/root.key"))?;
            self.secrets.push(Zeroizing::new(root));
        }
        self.secrets.push(Zeroizing::new(bytes[..16].to_vec()));
        let authority = self.credential_authority.clone();
        self.keep(&authority);
        Ok(master)
    }

    fn write_configuration(&self, options: &InitOptions) -> anyhow::Result<()> {
        let (mno, sp) = (options.mno_port, options.sp_port);
        let identity = |name: &str| tsm_server::tls::ClientTls {
            certificate: format!("pki/{name}.pem").into(),
            key: format!("pki/{name}.key").into(),
            server_ca: "pki/tls-root.pem".into(),
            server_name: None,
        };
        let client = ClientConfig {
            mno_address: format!("https://localhost:{mno}"),
            sp_address: format!("https://localhost:{sp}"),
            carrier_operator: identity("carrier-operator"),
            carrier_admin: identity("carrier-admin"),
            provider_operator: identity("provider-operator"),
            citizen: identity("citizen"),
            verifier: identity("verifier"),
            device: identity("device"),
        };
        self.write("tsm.toml", &toml::to_string(&client)?)?;
        self.write("mno-tsm.toml", &mno_config(mno))?;
        self.write("sp-tsm.toml", &sp_config(sp, mno, options))
    }

    fn write_catalogue(&self) -> anyhow::Result<()> {
        write_cap_file(&cap_file(&self.folder), CAP_STATIC_BYTES)?;
        let sp = EmbeddedVault::open(&self.folder.join("sp-tsm/vault"), Arc::new(OsEntropy))?;
        let service = ServiceDescription {
            name: "jpki".to_owned(),
            provider: "j-lis".to_owned(),
            package_aid: JPKI_PACKAGE.to_string(),
            module_aid: JPKI_INSTANCE.to_string(),
            instance_aid: JPKI_INSTANCE.to_string(),
            security_domain_aid: JPKI_DOMAIN.to_string(),
            quota_bytes: DOMAIN_QUOTA,
            provider_public_key: hex::encode_upper(sp.ensure_hpke_key()?),
        };
        self.write("service.toml", &toml::to_string(&service)?)
    }

    fn make_cards(&self, options: &InitOptions, master: &MasterKey) -> anyhow::Result<()> {
        for new in &options.cards {
            let kdd = key_diversification_data(&new.iccid);
            let keys = StaticKeys::kdf3(master, &kdd);
            let config = CardConfig {
                isd_key_sets: vec![IsdKeySet {
                    version: ISSUER_KEY_VERSION,
                    keys: keys.clone(),
                }],
                scp_i: SCP_I,
                kdd,
                memory_bytes: CARD_MEMORY,
                seed: new.seed,
                ..CardConfig::new(&new.iccid, keys)
            };
            let folder = self.cards_folder.join(&new.iccid);
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
            Uicc::new(config)?.persist_to(folder.join("card.state"))?;
            let description = CardDescription {
                iccid: new.iccid.clone(),
                isd_aid: uicc_sim::config::DEFAULT_ISD.to_string(),
                key_version: ISSUER_KEY_VERSION,
                scp_i: SCP_I,
                key_diversification_data: hex::encode_upper(kdd),
                sequence_counter: 0,
                memory_bytes: CARD_MEMORY,
            };
            write_public(
                &folder.join("card.toml"),
                toml::to_string(&description)?.as_bytes(),
            )?;
        }
        Ok(())
    }

    /// A citizen whose signing certificate comes from this folder's authority.
    ///
    /// # Errors
    /// When the certificate can't be made.
    pub fn citizen(&self, person: &Person) -> anyhow::Result<Citizen> {
        let name = format!("Citizen {}", person.serial_number);
        Citizen::create(
            &self.applicants,
            &name,
            &person.serial_number,
            &person.scalar,
        )
    }

    fn make(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        write_public(&self.folder.join(name), text.as_bytes())
    }

    fn keep(&mut self, leaf: &Leaf) {
        self.private_keys.push(Zeroizing::new(leaf.key.clone()));
    }

    /// The folder, absolute.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// State file of a card.
    #[must_use]
    pub fn card_state(&self, iccid: &str) -> PathBuf {
        self.cards_folder.join(iccid).join("card.state")
    }

    /// `mno-tsm.toml`.
    #[must_use]
    pub fn mno_config(&self) -> PathBuf {
        self.folder.join("mno-tsm.toml")
    }

    /// `sp-tsm.toml`.
    #[must_use]
    pub fn sp_config(&self) -> PathBuf {
        self.folder.join("sp-tsm.toml")
    }

    /// `tsm.toml`.
    #[must_use]
    pub fn client_config(&self) -> PathBuf {
        self.folder.join("tsm.toml")
    }

    /// Log of the operator's server.
    #[must_use]
    pub fn mno_log(&self) -> PathBuf {
        self.folder.join("mno-tsm/log")
    }

    /// Log of the service provider's server.
    #[must_use]
    pub fn sp_log(&self) -> PathBuf {
        self.folder.join("sp-tsm/log")
    }

    /// The applet that a phone selects.
    #[must_use]
    pub const fn applet(&self) -> Aid {
        JPKI_INSTANCE
    }

    /// Certificate of the user-authentication CA, DER.
    ///
    /// # Errors
    /// When it is not PEM.
    pub fn credential_authority(&self) -> anyhow::Result<Vec<u8>> {
        let (_, der) = der::pem::decode_vec(self.credential_authority.certificate.as_bytes())
            .map_err(|error| anyhow::anyhow!("the CA certificate is not PEM: {error}"))?;
        Ok(der)
    }

    /// Master and root keys, for a checker.
    pub(crate) fn danger_secrets(&self) -> impl Iterator<Item = &[u8]> {
        self.secrets.iter().map(|secret| secret.as_slice())
    }

    /// Private keys as PEM, for a checker.
    pub(crate) fn danger_private_keys(&self) -> impl Iterator<Item = &str> {
        self.private_keys.iter().map(|key| key.as_str())
    }
}

fn make_empty(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut entries = folder
        .read_dir()
        .with_context(|| format!("cannot read {}", folder.display()))?;
    ensure!(
        entries.next().is_none(),
        "{} is not empty; name a new folder, or remove this one",
        folder.display()
    );
    Ok(())
}

/// `DIR/jpki.cap`.
#[must_use]
pub fn cap_file(folder: &Path) -> PathBuf {
    folder.join("jpki.cap")
}

/// `DIR/service.toml`.
#[must_use]
pub fn service_file(folder: &Path) -> PathBuf {
    folder.join("service.toml")
}

/// Every `card.toml`, in `DIR/cards/<iccid>` or `DIR/<iccid>`.
///
/// # Errors
/// When the folder can't be read.
pub fn card_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cards = folder.join("cards");
    let cards = if cards.is_dir() {
        cards
    } else {
        folder.to_owned()
    };
    let mut files: Vec<PathBuf> = cards
        .read_dir()
        .with_context(|| format!("cannot read {}", cards.display()))?
        .filter_map(|entry| Some(entry.ok()?.path().join("card.toml")))
        .filter(|file| file.is_file())
        .collect();
    files.sort();
    Ok(files)
}
