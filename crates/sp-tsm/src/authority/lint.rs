//! The last look at a certificate before it leaves: read back, compared with
//! the request, and its signature verified.

use const_oid::{AssociatedOid, ObjectIdentifier};
use der::{Decode, Encode};
use spki::SubjectPublicKeyInfoRef;
use tsm_core::ports::{AuthorityError, CertificateRequest};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, CertificatePolicies, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectKeyIdentifier,
};
use x509_cert::serial_number::SerialNumber;

use super::profile;
use crate::signature;

/// Everything that a certificate may say about itself.
const ALLOWED: [ObjectIdentifier; 5] = [
    AuthorityKeyIdentifier::OID,
    SubjectKeyIdentifier::OID,
    KeyUsage::OID,
    ExtendedKeyUsage::OID,
    CertificatePolicies::OID,
];

/// Checks a certificate that was made for `request` under `issuer`.
///
/// # Errors
/// [`AuthorityError::Profile`] naming what is wrong.
pub fn check(
    der: &[u8],
    request: &CertificateRequest,
    issuer: &Certificate,
    policy: ObjectIdentifier,
) -> Result<(), AuthorityError> {
    let wrong = |what: &str| AuthorityError::Profile(format!("the certificate's {what} is wrong"));
    let certificate = Certificate::from_der(der).map_err(|_| wrong("encoding"))?;
    let checks = [
        ("names", names(&certificate, request, issuer)),
        ("validity", validity(&certificate, request)),
        ("key", key(&certificate, request)),
        ("usage", usage(&certificate)),
        ("policy", policies(&certificate, policy)),
        ("key identifier", identifiers(&certificate, issuer)),
        (
            "signature",
            signature::is_certified_by(der, &certificate, issuer),
        ),
    ];
    match checks.iter().find(|(_, right)| !right) {
        Some((what, _)) => Err(wrong(what)),
        None => Ok(()),
    }
}

fn names(certificate: &Certificate, request: &CertificateRequest, issuer: &Certificate) -> bool {
    let tbs = certificate.tbs_certificate();
    tbs.version() == Version::V3
        && SerialNumber::new(&request.serial).is_ok_and(|serial| {
            serial == *tbs.serial_number() && serial.as_bytes().iter().any(|b| *b != 0)
        })
        && tbs.issuer() == issuer.tbs_certificate().subject()
        && profile::subject(&request.common_name).is_ok_and(|subject| subject == *tbs.subject())
}

fn validity(certificate: &Certificate, request: &CertificateRequest) -> bool {
    let found = certificate.tbs_certificate().validity();
    [
        (found.not_before, request.not_before),
        (found.not_after, request.not_after),
    ]
    .into_iter()
    .all(|(found, wanted)| {
        i64::try_from(found.to_unix_duration().as_secs()) == Ok(wanted.0.div_euclid(1_000))
    })
}

fn key(certificate: &Certificate, request: &CertificateRequest) -> bool {
    let found = certificate
        .tbs_certificate()
        .subject_public_key_info()
        .to_der();
    found.is_ok_and(|found| found == request.public_key)
        && signature::PublicKey::parse(&request.public_key).is_ok()
}

fn usage(certificate: &Certificate) -> bool {
    let tbs = certificate.tbs_certificate();
    let extensions = tbs.extensions().map_or(&[][..], Vec::as_slice);
    let usage = tbs.get_extension::<KeyUsage>();
    let purposes = tbs.get_extension::<ExtendedKeyUsage>();
    extensions
        .iter()
        .all(|extension| ALLOWED.contains(&extension.extn_id))
        && usage == Ok(Some((true, KeyUsage(KeyUsages::DigitalSignature.into()))))
        && purposes == Ok(Some((false, ExtendedKeyUsage(vec![profile::CLIENT_AUTH]))))
}

fn policies(certificate: &Certificate, policy: ObjectIdentifier) -> bool {
    match certificate
        .tbs_certificate()
        .get_extension::<CertificatePolicies>()
    {
        Ok(Some((false, CertificatePolicies(found)))) => {
            matches!(found.as_slice(), [only] if only.policy_identifier == policy)
        }
        _ => false,
    }
}

fn identifiers(certificate: &Certificate, issuer: &Certificate) -> bool {
    let tbs = certificate.tbs_certificate();
    let own = tbs.get_extension::<SubjectKeyIdentifier>().ok().flatten();
    let expected = tbs
        .subject_public_key_info()
        .to_der()
        .ok()
        .and_then(|der| profile::key_id(&SubjectPublicKeyInfoRef::from_der(&der).ok()?).ok());
    let above = tbs.get_extension::<AuthorityKeyIdentifier>().ok().flatten();
    let issuer_id = issuer
        .tbs_certificate()
        .get_extension::<SubjectKeyIdentifier>()
        .ok()
        .flatten();
    expected.is_some()
        && own.map(|(_, id)| id) == expected
        && above.and_then(|(_, id)| id.key_identifier) == issuer_id.map(|(_, id)| id.0)
}
