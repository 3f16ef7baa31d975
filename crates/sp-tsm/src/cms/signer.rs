//! The signer of a message: its certificate among those that came along, the
//! signed attributes, the signature (RFC 5652, sections 5.4 to 5.6).

use cms::signed_data::SignerIdentifier;
use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode, Encode, Reader, SliceReader, Tag};
use subtle::ConstantTimeEq;
use x509_cert::Certificate;
use x509_cert::ext::pkix::{KeyUsage, SubjectKeyIdentifier};

use super::refusal::Refusal;
use super::signed_data::{DATA, SignedData};
use crate::signature::{Hash, PublicKey, Scheme};

const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");

/// A certificate, decoded and as it came.
pub struct SignerCertificate<'a> {
    /// DER.
    pub der: &'a [u8],
    /// Decoded.
    pub decoded: Certificate,
}

impl core::ops::Deref for SignerCertificate<'_> {
    type Target = Certificate;

    fn deref(&self) -> &Certificate {
        &self.decoded
    }
}

/// The signer and its certificate.
pub struct Signer<'a>(SignerCertificate<'a>);

/// Finds the certificate that the signer names.
///
/// # Errors
/// [`Refusal::Malformed`] when it did not come along or is ambiguous.
pub fn find<'a>(message: &SignedData<'a>) -> Result<Signer<'a>, Refusal> {
    let mut found = None;
    for der in &message.certificates {
        let Ok(decoded) = Certificate::from_der(der) else {
            continue;
        };
        if !names(&message.signer.id, &decoded) {
            continue;
        }
        match &found {
            None => found = Some(SignerCertificate { der, decoded }),
            Some(first) if first.der == *der => {}
            Some(_) => return Err(Refusal::Malformed("two certificates fit the signer")),
        }
    }
    found.map(Signer).ok_or(Refusal::Malformed(
        "the signer's certificate did not come along",
    ))
}

fn names(id: &SignerIdentifier, certificate: &Certificate) -> bool {
    let tbs = certificate.tbs_certificate();
    match id {
        SignerIdentifier::IssuerAndSerialNumber(wanted) => {
            wanted.issuer == *tbs.issuer() && wanted.serial_number == *tbs.serial_number()
        }
        SignerIdentifier::SubjectKeyIdentifier(wanted) => {
            matches!(tbs.get_extension::<SubjectKeyIdentifier>(), Ok(Some((_, own))) if own == *wanted)
        }
    }
}

impl<'a> Signer<'a> {
    /// The signer's certificate.
    pub fn certificate(&self) -> &SignerCertificate<'a> {
        &self.0
    }

    /// Checks the signature over content or signed attributes.
    ///
    /// # Errors
    /// [`Refusal`] with `SIGNATURE_INVALID` or `CMS_MALFORMED`.
    pub fn verify(&self, message: &SignedData<'_>) -> Result<(), Refusal> {
        let signer = &message.signer;
        let hash = Hash::named(&signer.digest)?;
        let scheme = Scheme::of_message(&signer.algorithm, hash)?;
        let info = self
            .0
            .tbs_certificate()
            .subject_public_key_info()
            .to_der()
            .map_err(broken)?;
        let key = PublicKey::parse(&info)?;
        let Some(attributes) = signer.signed_attributes else {
            return Ok(key.verify(scheme, message.content, signer.signature)?);
        };
        check_attributes(attributes, &hash.of(message.content))?;
        // Signed is the encoding as SET OF, not with the implicit tag (section 5.4).
        let signed = AnyRef::new(Tag::Set, attributes)
            .and_then(|set| set.to_der())
            .map_err(broken)?;
        Ok(key.verify(scheme, &signed, signer.signature)?)
    }

    /// Refuses certificates whose key usage excludes signing.
    ///
    /// # Errors
    /// [`Refusal::Unsuitable`].
    pub fn may_sign(&self) -> Result<(), Refusal> {
        match self.0.tbs_certificate().get_extension::<KeyUsage>() {
            Ok(None) => Ok(()),
            Ok(Some((_, usage))) if usage.digital_signature() || usage.non_repudiation() => Ok(()),
            Ok(Some(_)) => Err(Refusal::Unsuitable(
                "its key usage does not allow signatures",
            )),
            Err(_) => Err(Refusal::Unsuitable("its key usage can not be read")),
        }
    }
}

fn broken(_: der::Error) -> Refusal {
    Refusal::Malformed("broken encoding")
}

/// Content type and message digest must be there exactly once and fit (section 5.3).
fn check_attributes(attributes: &[u8], digest: &[u8]) -> Result<(), Refusal> {
    let mut content_type = None;
    let mut message_digest = None;
    let mut reader = SliceReader::new(attributes).map_err(broken)?;
    while !reader.is_finished() {
        let (oid, value) = reader
            .sequence(|attribute| -> der::Result<_> {
                let oid: ObjectIdentifier = attribute.decode()?;
                let values: AnyRef<'_> = attribute.decode()?;
                Ok((oid, values))
            })
            .map_err(broken)?;
        let slot = match oid {
            CONTENT_TYPE => &mut content_type,
            MESSAGE_DIGEST => &mut message_digest,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return Err(Refusal::Malformed("a signed attribute is given twice"));
        }
    }
    const ABSENT: Refusal = Refusal::Malformed("a signed attribute is missing");
    let content_type =
        ObjectIdentifier::from_der(content_type.ok_or(ABSENT)?.value()).map_err(broken)?;
    let signed =
        <&OctetStringRef>::from_der(message_digest.ok_or(ABSENT)?.value()).map_err(broken)?;
    if content_type != DATA {
        return Err(Refusal::Malformed("the signed content type is not data"));
    }
    if bool::from(signed.as_bytes().ct_eq(digest)) {
        Ok(())
    } else {
        Err(Refusal::Signature)
    }
}
