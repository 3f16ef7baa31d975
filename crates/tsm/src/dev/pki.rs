//! A development PKI: one TLS root for all three programs, the authority whose
//! signing certificates applications are checked against (it stands for JPKI's
//! signing CA), and the key of the user-authentication CA.

use std::path::Path;

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SubjectPublicKeyInfo,
};

/// Years that development certificates are valid.
const VALID_YEARS: i32 = 3;

/// A certificate and its private key, both PEM.
#[derive(Clone)]
pub struct Leaf {
    /// The certificate.
    pub certificate: String,
    /// PKCS#8 private key.
    pub key: String,
}

impl Leaf {
    /// Writes `<name>.pem` and `<name>.key` (mode 0600) into `folder`.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn write(&self, folder: &Path, name: &str) -> anyhow::Result<()> {
        write_public(
            &folder.join(format!("{name}.pem")),
            self.certificate.as_bytes(),
        )?;
        write_secret(&folder.join(format!("{name}.key")), self.key.as_bytes())
    }
}

/// A certification authority for development.
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new self-signed authority with an ECDSA P-256 key.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn create(common_name: &str) -> anyhow::Result<Self> {
        Self::with_key(common_name, KeyPair::generate()?)
    }

    /// A new self-signed authority with an RSA-2048 key.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn create_rsa(common_name: &str) -> anyhow::Result<Self> {
        Self::with_key(common_name, KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256)?)
    }

    fn with_key(common_name: &str, key: KeyPair) -> anyhow::Result<Self> {
        let mut params = params(common_name)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self {
            certificate,
            issuer: Issuer::new(params, key),
        })
    }

    /// An authority that was made before: certificate and key as PEM.
    ///
    /// # Errors
    /// When one of them can't be read.
    pub fn open(certificate: &str, key: &str) -> anyhow::Result<Self> {
        let key = KeyPair::from_pem(key).context("the authority's key is not usable")?;
        let issuer = Issuer::from_ca_cert_pem(certificate, key)
            .context("the authority's certificate is not usable")?;
        Ok(Self {
            certificate: certificate.to_owned(),
            issuer,
        })
    }

    /// Certificate and key of the authority itself.
    #[must_use]
    pub fn leaf(&self) -> Leaf {
        Leaf {
            certificate: self.certificate.clone(),
            key: self.issuer.key().serialize_pem(),
        }
    }

    /// The private key as PKCS#8 DER.
    #[must_use]
    pub fn key_der(&self) -> Vec<u8> {
        self.issuer.key().serialize_der()
    }

    /// A certificate for a TLS server on this machine; with `identity`
    /// (`tsm://<tenant>/<role>`) also for its own calls to other servers.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn issue_server(&self, common_name: &str, identity: Option<&str>) -> anyhow::Result<Leaf> {
        let mut params = params(common_name)?;
        params.subject_alt_names = vec![
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()),
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if let Some(identity) = identity {
            params
                .subject_alt_names
                .push(SanType::URI(identity.try_into()?));
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ClientAuth);
        }
        self.issue(params, KeyPair::generate()?)
    }

    /// A client certificate that names its holder `tsm://<tenant>/<role>`.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn issue_client(&self, common_name: &str, identity: &str) -> anyhow::Result<Leaf> {
        let mut params = params(common_name)?;
        params.subject_alt_names = vec![SanType::URI(identity.try_into()?)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params, KeyPair::generate()?)
    }

    /// A certificate for the key that signs a server's receipts and audit heads: uncompressed
    /// P-256 point. PEM.
    ///
    /// # Errors
    /// When the point is none.
    pub fn issue_receipts(&self, common_name: &str, point: &[u8]) -> anyhow::Result<String> {
        let mut params = params(common_name)?;
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::ContentCommitment,
        ];
        let spki = tsm_server::signing::spki(point);
        let key = SubjectPublicKeyInfo::from_der(&spki).context("not a P-256 point")?;
        Ok(params.signed_by(&key, &self.issuer)?.pem())
    }

    /// A signing certificate of a person: `serial_number` is the attribute by
    /// which applications name the person.
    ///
    /// # Errors
    /// When the names don't fit a certificate.
    pub fn issue_citizen(
        &self,
        common_name: &str,
        serial_number: &str,
        key: KeyPair,
    ) -> anyhow::Result<Leaf> {
        let mut params = params(common_name)?;
        params.distinguished_name.push(
            DnType::CustomDnType(vec![2, 5, 4, 5]),
            DnValue::PrintableString(serial_number.try_into()?),
        );
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::ContentCommitment,
        ];
        self.issue(params, key)
    }

    fn issue(&self, mut params: CertificateParams, key: KeyPair) -> anyhow::Result<Leaf> {
        if params.key_usages.is_empty() {
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        }
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn params(common_name: &str) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "JP");
    name.push(DnType::OrganizationName, "TSM development");
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    // From yesterday, so that a clock that is a little behind does no harm.
    let from = jiff::Zoned::now()
        .with_time_zone(jiff::tz::TimeZone::UTC)
        .yesterday()?;
    let (year, month, day) = (from.year(), from.month(), from.day());
    params.not_before = rcgen::date_time_ymd(i32::from(year), month as u8, day as u8);
    // The first of a month exists in every year.
    params.not_after = rcgen::date_time_ymd(i32::from(year) + VALID_YEARS, month as u8, 1);
    Ok(params)
}

/// Writes a file that anybody may read.
///
/// # Errors
/// When it can't be written.
pub fn write_public(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a file that only its owner may read.
///
/// # Errors
/// When it can't be written.
pub fn write_secret(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let open = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(bytes)
    };
    open().with_context(|| format!("cannot write {}", path.display()))
}
