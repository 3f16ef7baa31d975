//! Profile of the user-authentication certificate (利用者証明用電子証明書).
//!
//! | Field | Content |
//! |---|---|
//! | version | 3 |
//! | subject | C=JP, O=JPKI, OU=JPKI for user authentication, CN=pseudonym |
//! | authorityKeyIdentifier | the issuer's subjectKeyIdentifier |
//! | subjectKeyIdentifier | leftmost 160 bits of SHA-256 of the key (RFC 7093, method 1) |
//! | keyUsage | critical, digitalSignature alone |
//! | extKeyUsage | clientAuth |
//! | certificatePolicies | the configured policy |
//!
//! No basicConstraints: an absent one means that it is no authority's.

use std::str::FromStr;
use std::time::Duration;

use const_oid::ObjectIdentifier;
use der::DateTime;
use der::asn1::{GeneralizedTime, OctetString};
use sha2::{Digest, Sha256};
use spki::SubjectPublicKeyInfoRef;
use tsm_core::ports::AuthorityError;
use tsm_core::time::Timestamp;
use x509_cert::Certificate;
use x509_cert::builder::Result;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::certpolicy::PolicyInformation;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, ExtendedKeyUsage, KeyUsage,
    KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::time::Time;

/// Key purpose `id-kp-clientAuth`.
pub const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
/// Upper bound `ub-common-name` of X.520.
const MAX_COMMON_NAME: usize = 64;

/// The profile for one certificate.
pub struct UserAuthentication {
    issuer: Name,
    issuer_key_id: Option<OctetString>,
    subject: Name,
    policy: ObjectIdentifier,
}

impl UserAuthentication {
    /// The profile under `issuer` for the pseudonym `common_name`.
    pub fn new(
        issuer: &Certificate,
        common_name: &str,
        policy: ObjectIdentifier,
    ) -> core::result::Result<Self, AuthorityError> {
        let issuer = issuer.tbs_certificate();
        let key_id = issuer
            .get_extension::<SubjectKeyIdentifier>()
            .ok()
            .flatten();
        Ok(Self {
            issuer: issuer.subject().clone(),
            issuer_key_id: key_id.map(|(_, id)| id.0),
            subject: subject(common_name)?,
            policy,
        })
    }
}

/// Subject for a pseudonym of letters, digits and hyphens.
pub fn subject(common_name: &str) -> core::result::Result<Name, AuthorityError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if common_name.is_empty()
        || common_name.len() > MAX_COMMON_NAME
        || !common_name.bytes().all(allowed)
    {
        let problem = "the common name must be 1 to 64 letters, digits and hyphens";
        return Err(AuthorityError::Profile(problem.into()));
    }
    // RFC 4514 writes the most specific part first.
    Name::from_str(&format!(
        "CN={common_name},OU=JPKI for user authentication,O=JPKI,C=JP"
    ))
    .map_err(|error| AuthorityError::Profile(error.to_string()))
}

/// A moment as certificates say it, to the second.
pub fn time(moment: Timestamp) -> der::Result<Time> {
    let seconds = u64::try_from(moment.0.div_euclid(1_000)).unwrap_or(0);
    let moment = DateTime::from_unix_duration(Duration::from_secs(seconds))?;
    // The builder turns it into UTCTime up to 2049 (RFC 5280, section 4.1.2.5).
    Ok(Time::GeneralTime(GeneralizedTime::from_date_time(moment)))
}

/// Key identifier of a public key.
pub fn key_id(key: &SubjectPublicKeyInfoRef<'_>) -> der::Result<SubjectKeyIdentifier> {
    let hash = Sha256::digest(key.subject_public_key.raw_bytes());
    Ok(SubjectKeyIdentifier(OctetString::new(
        hash.as_slice().split_at(20).0,
    )?))
}

/// Whether a certificate may sign certificates.
pub fn is_authority(certificate: &Certificate) -> bool {
    let tbs = certificate.tbs_certificate();
    let marked = matches!(tbs.get_extension::<BasicConstraints>(), Ok(Some((_, c))) if c.ca);
    let usage = match tbs.get_extension::<KeyUsage>() {
        Ok(usage) => usage.is_none_or(|(_, usage)| usage.key_cert_sign()),
        Err(_) => false,
    };
    marked && usage
}

impl BuilderProfile for UserAuthentication {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        key: SubjectPublicKeyInfoRef<'_>,
        _issuer_key: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> Result<Vec<Extension>> {
        let authority_key_id = AuthorityKeyIdentifier {
            key_identifier: self.issuer_key_id.clone(),
            ..Default::default()
        };
        let policy = PolicyInformation {
            policy_identifier: self.policy,
            policy_qualifiers: None,
        };
        let subject = tbs.subject();
        let mut extensions = Vec::new();
        if authority_key_id.key_identifier.is_some() {
            extensions.push((false, &authority_key_id).to_extension(subject, &[])?);
        }
        extensions.push((false, &key_id(&key)?).to_extension(subject, &[])?);
        extensions.push(
            (true, &KeyUsage(KeyUsages::DigitalSignature.into())).to_extension(subject, &[])?,
        );
        extensions.push((false, &ExtendedKeyUsage(vec![CLIENT_AUTH])).to_extension(subject, &[])?);
        extensions.push((false, &CertificatePolicies(vec![policy])).to_extension(subject, &[])?);
        Ok(extensions)
    }
}
