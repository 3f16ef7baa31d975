//! A citizen of the development PKI, who signs applications as the Individual
//! Number Card would.

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    EncapsulatedContentInfo, SignedAttributes, SignedData, SignerIdentifier, SignerInfo,
};
use der::asn1::{Any, ObjectIdentifier, OctetString, SetOfVec};
use der::{Decode as _, DecodePem as _, Encode as _};
use sha2::{Digest as _, Sha256};
use spki::AlgorithmIdentifierOwned;
use x509_cert::Certificate;
use x509_cert::attr::Attribute;

use crate::dev::pki::{Authority, Leaf};

const ID_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ID_SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const ID_CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const ID_MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const ID_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const ECDSA_WITH_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// Text that the citizen agrees to; its hash is part of every application.
pub const CONSENT_TEXT: &str = "I ask J-LIS to store a user-authentication certificate and its \
private key in the SIM of my phone, and I will keep its PIN to myself.";

/// What an application says.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ApplicationContent {
    /// Card that shall carry the credential.
    pub iccid: String,
    /// Service, `jpki`.
    pub service: String,
    /// SHA-256 of the consent text, hex.
    pub consent_sha256: String,
    /// Different in every application of a person.
    pub nonce: String,
    /// When it was signed, RFC 3339.
    pub created_at: String,
}

impl ApplicationContent {
    /// An application for `iccid`, made now.
    #[must_use]
    pub fn now(iccid: &str, nonce: String) -> Self {
        Self {
            iccid: iccid.to_owned(),
            service: "jpki".to_owned(),
            consent_sha256: hex::encode(Sha256::digest(CONSENT_TEXT)),
            nonce,
            created_at: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
        }
    }
}

/// A person with a signing certificate.
pub struct Citizen {
    certificate: Certificate,
    key: EcdsaKeyPair,
    leaf: Leaf,
}

impl Citizen {
    /// A citizen whose signing key is the P-256 scalar `scalar`.
    ///
    /// # Errors
    /// When the scalar is not valid or the certificate can't be made.
    pub fn create(
        authority: &Authority,
        common_name: &str,
        serial_number: &str,
        scalar: &[u8; 32],
    ) -> anyhow::Result<Self> {
        use p256::pkcs8::EncodePrivateKey as _;
        let secret = p256::SecretKey::from_slice(scalar).context("not a P-256 scalar")?;
        let pkcs8 = secret.to_pkcs8_der()?;
        let key = rcgen::KeyPair::try_from(pkcs8.as_bytes())?;
        let leaf = authority.issue_citizen(common_name, serial_number, key)?;
        Ok(Self {
            certificate: Certificate::from_pem(leaf.certificate.as_bytes())?,
            key: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_bytes())
                .map_err(|_| anyhow::anyhow!("the signing key is not usable"))?,
            leaf,
        })
    }

    /// Signing certificate and key as PEM.
    #[must_use]
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// Signs an application: CMS SignedData, DER, content attached, as
    /// `openssl cms -sign -nodetach -binary -outform DER` makes it (RFC 5652).
    ///
    /// # Errors
    /// When encoding or signing fails.
    pub fn sign(&self, content: &ApplicationContent) -> anyhow::Result<Vec<u8>> {
        let content = serde_json::to_vec(content)?;
        let sha256 = AlgorithmIdentifierOwned {
            oid: ID_SHA_256,
            parameters: None,
        };
        let signed_attrs = SignedAttributes::try_from(vec![
            attribute(ID_CONTENT_TYPE, &Any::encode_from(&ID_DATA)?)?,
            attribute(
                ID_MESSAGE_DIGEST,
                &Any::encode_from(&OctetString::new(Sha256::digest(&content).to_vec())?)?,
            )?,
        ])?;
        let signature = self
            .key
            .sign(&SystemRandom::new(), &signed_attrs.to_der()?)
            .map_err(|_| anyhow::anyhow!("signing failed"))?;
        let tbs = self.certificate.tbs_certificate();
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer: tbs.issuer().clone(),
                serial_number: tbs.serial_number().clone(),
            }),
            digest_alg: sha256.clone(),
            signed_attrs: Some(signed_attrs),
            signature_algorithm: AlgorithmIdentifierOwned {
                oid: ECDSA_WITH_SHA_256,
                parameters: None,
            },
            signature: OctetString::new(signature.as_ref())?,
            unsigned_attrs: None,
        };
        let signed_data = SignedData {
            version: CmsVersion::V1,
            digest_algorithms: SetOfVec::try_from(vec![sha256])?,
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: ID_DATA,
                econtent: Some(Any::encode_from(&OctetString::new(content)?)?),
            },
            certificates: Some(
                vec![CertificateChoices::Certificate(self.certificate.clone())].try_into()?,
            ),
            crls: None,
            signer_infos: vec![signer].try_into()?,
        };
        Ok(ContentInfo {
            content_type: ID_SIGNED_DATA,
            content: Any::from_der(&signed_data.to_der()?)?,
        }
        .to_der()?)
    }
}

fn attribute(oid: ObjectIdentifier, value: &Any) -> anyhow::Result<Attribute> {
    Ok(Attribute {
        oid,
        values: SetOfVec::try_from(vec![value.clone()])?,
    })
}
