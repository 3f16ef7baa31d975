//! Who calls: tenant and role from the client certificate of the connection.
//!
//! The certificate names exactly one of ours in its subject alternative names,
//! as the URI `tsm://<tenant>/<role>`. Anything else is turned away. For the roles
//! of people the subject's common name says who it is.

use der::oid::ObjectIdentifier;
use der::{Decode, Tag, Tagged};
use tonic::{Request, Status};
use tsm_core::identity::{Caller, Role, Tenant};
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::status::{self, UNAUTHENTICATED};

/// Scheme of the URI in the certificate.
const SCHEME: &str = "tsm://";
/// Attribute commonName (X.520).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// Most bytes of a person's name.
const MOST_PERSON: usize = 128;

/// Why a certificate names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The connection shows no certificate.
    #[error("the connection shows no client certificate")]
    NoCertificate,
    /// The certificate can't be read.
    #[error("the client certificate can not be read")]
    Malformed,
    /// There is no `tsm://<tenant>/<role>` name, or more than one.
    #[error("the client certificate must carry exactly one name tsm://<tenant>/<role>")]
    NotOneName,
    /// Tenant or role is not one that exists.
    #[error("the name {name:?} of the client certificate is not tsm://<tenant>/<role>")]
    Name {
        /// The name as it stands there.
        name: String,
    },
    /// The role is one of people, but the certificate names nobody.
    #[error(
        "a client certificate for this role must name one person: \
         a subject with one common name of 1 to 128 bytes of text"
    )]
    NoPerson,
}

/// The URI that a certificate of `caller` must carry.
#[must_use]
pub fn name_of(caller: &Caller) -> String {
    format!("{SCHEME}{}/{}", caller.tenant, caller.role.as_str())
}

/// Who made the request.
///
/// # Errors
/// `UNAUTHENTICATED` with the reason of the same name.
pub fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    let certificates = request.peer_certs();
    let leaf = certificates.as_ref().and_then(|chain| chain.first());
    let found = match leaf {
        Some(leaf) => caller_of_certificate(leaf),
        None => Err(PeerError::NoCertificate),
    };
    found.map_err(|error| status::unauthenticated(UNAUTHENTICATED, &error.to_string()))
}

/// Whom a certificate names.
///
/// # Errors
/// [`PeerError`] unless it carries exactly one well-formed name.
pub fn caller_of_certificate(der: &[u8]) -> Result<Caller, PeerError> {
    let certificate = Certificate::from_der(der).map_err(|_| PeerError::Malformed)?;
    let names = certificate
        .tbs_certificate()
        .get_extension::<SubjectAltName>()
        .map_err(|_| PeerError::Malformed)?;
    let Some((_critical, names)) = names else {
        return Err(PeerError::NotOneName);
    };
    let mut ours = names.0.iter().filter_map(|name| match name {
        GeneralName::UniformResourceIdentifier(uri) => uri.as_str().strip_prefix(SCHEME),
        _ => None,
    });
    let mut caller = match (ours.next(), ours.next()) {
        (Some(name), None) => parse(name)?,
        _ => return Err(PeerError::NotOneName),
    };
    if caller.role.is_for_people() {
        caller.person = person(&certificate)?;
    }
    Ok(caller)
}

/// The one common name of the subject.
fn person(certificate: &Certificate) -> Result<String, PeerError> {
    let subject = certificate.tbs_certificate().subject();
    let mut names = subject.iter().filter(|pair| pair.oid == COMMON_NAME);
    let (Some(name), None) = (names.next(), names.next()) else {
        return Err(PeerError::NoPerson);
    };
    let text = String::from_utf8(name.value.value().to_vec()).map_err(|_| PeerError::NoPerson)?;
    let is_utf8 = matches!(
        name.value.tag(),
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String
    );
    let is_name = !text.trim().is_empty() && !text.chars().any(char::is_control);
    if is_utf8 && is_name && text.len() <= MOST_PERSON {
        Ok(text)
    } else {
        Err(PeerError::NoPerson)
    }
}

fn parse(name: &str) -> Result<Caller, PeerError> {
    let wrong = || PeerError::Name {
        name: format!("{SCHEME}{name}"),
    };
    let (tenant, role) = name.split_once('/').ok_or_else(wrong)?;
    Ok(Caller::machine(
        Tenant::new(tenant).map_err(|_| wrong())?,
        Role::parse(role).ok_or_else(wrong)?,
    ))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SanType};

    use super::*;

    fn certificate(names: &[&str]) -> Vec<u8> {
        certificate_of(DnValue::Utf8String("山田 太郎".to_owned()), names)
    }

    fn certificate_of(person: DnValue, names: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, person);
        for name in names {
            params
                .subject_alt_names
                .push(SanType::URI((*name).try_into().unwrap()));
        }
        params
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap()
            .der()
            .to_vec()
    }

    #[test]
    fn reads_tenant_and_role() {
        let der = certificate(&["https://example.org/", "tsm://carrier/operator"]);
        let caller = caller_of_certificate(&der).unwrap();
        assert_eq!(caller.tenant.as_str(), "carrier");
        assert_eq!(caller.role, Role::Operator);
        assert_eq!(caller.person, "山田 太郎");
        assert_eq!(name_of(&caller), "tsm://carrier/operator");
    }

    #[test]
    fn refuses_a_certificate_without_our_name() {
        assert_eq!(
            caller_of_certificate(&certificate(&[])),
            Err(PeerError::NotOneName)
        );
        let der = certificate(&["https://carrier/operator"]);
        assert_eq!(caller_of_certificate(&der), Err(PeerError::NotOneName));
    }

    #[test]
    fn machines_are_nobody() {
        let caller = caller_of_certificate(&certificate(&["tsm://carrier/device"])).unwrap();
        assert_eq!(caller.person, "");
    }

    #[test]
    fn a_person_must_be_named() {
        let name = |text: &str| DnValue::Utf8String(text.to_owned());
        let long = "x".repeat(MOST_PERSON);
        for (person, is_good) in [
            (name("a"), true),
            (name(&long), true),
            (name(&format!("{long}x")), false),
            (name(" "), false),
            (name("a\nb"), false),
            (DnValue::PrintableString("a".try_into().unwrap()), true),
            (DnValue::BmpString("a".try_into().unwrap()), false),
        ] {
            let der = certificate_of(person.clone(), &["tsm://carrier/auditor"]);
            let found = caller_of_certificate(&der);
            if is_good {
                assert!(!found.unwrap().person.is_empty(), "{person:?}");
            } else {
                assert_eq!(found, Err(PeerError::NoPerson), "{person:?}");
            }
            let der = certificate_of(person, &["tsm://carrier/device"]);
            assert!(caller_of_certificate(&der).is_ok());
        }
    }

    #[test]
    fn refuses_two_names() {
        let der = certificate(&["tsm://carrier/device", "tsm://carrier/operator"]);
        assert_eq!(caller_of_certificate(&der), Err(PeerError::NotOneName));
    }

    #[test]
    fn refuses_unknown_roles_and_odd_names() {
        for name in [
            "tsm://carrier/root",
            "tsm://carrier",
            "tsm:///operator",
            "tsm://C/operator",
        ] {
            let error = caller_of_certificate(&certificate(&[name])).unwrap_err();
            assert!(matches!(error, PeerError::Name { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn refuses_bytes_that_are_no_certificate() {
        assert_eq!(
            caller_of_certificate(b"certificate"),
            Err(PeerError::Malformed)
        );
    }

    #[test]
    fn refuses_a_connection_without_tls() {
        let status = caller(&Request::new(())).unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unauthenticated);
        assert_eq!(status::reason_of(&status).as_deref(), Some(UNAUTHENTICATED));
    }
}
