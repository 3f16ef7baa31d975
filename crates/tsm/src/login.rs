//! A login with the credential in the SIM: what the phone's app does on the
//! card, and what the relying party checks.
//!
//! The card commands are those of OpenSC's JPKI driver: select the applet, the
//! PIN file, VERIFY, select the key file, PSO COMPUTE DIGITAL SIGNATURE.

use anyhow::{Context as _, bail, ensure};
use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use sha2::{Digest as _, Sha256};
use webpki::{EndEntityCert, KeyUsage};

/// Files of the JPKI applet.
mod file {
    pub const CERTIFICATE: u16 = 0x000A;
    pub const PRIVATE_KEY: u16 = 0x0017;
    pub const PIN: u16 = 0x0018;
}

/// `DigestInfo` of SHA-256 without the digest (RFC 8017, section 9.2).
const SHA_256_DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// What the card gave for a login.
#[derive(Clone, Debug)]
pub struct Login {
    /// Certificate in the card, DER.
    pub certificate: Vec<u8>,
    /// PKCS#1 v1.5 or ECDSA (DER) over SHA-256 of the challenge.
    pub signature: Vec<u8>,
}

/// Reads the certificate and signs `challenge`, over the card's contacts.
///
/// # Errors
/// When the card refuses a step, a wrong PIN among them.
pub fn sign_on_card(
    mut transmit: impl FnMut(&[u8]) -> Vec<u8>,
    applet: &Aid,
    pin: &[u8],
    challenge: &[u8],
) -> anyhow::Result<Login> {
    let mut card = |step: &'static str, command: CommandApdu| -> anyhow::Result<Vec<u8>> {
        let response = ResponseApdu::decode(&transmit(&command.encode()?))?;
        match response.sw {
            StatusWord::OK => Ok(response.data),
            sw => match sw.tries_left() {
                Some(1) => bail!("{step}: wrong PIN, 1 try left"),
                Some(tries) => bail!("{step}: wrong PIN, {tries} tries left"),
                None if sw == StatusWord::PIN_BLOCKED => bail!(
                    "{step}: the PIN is blocked; revoke the credential and apply again for a new one"
                ),
                None if sw == StatusWord::NOT_FOUND => bail!(
                    "{step}: not there; `tsm card tree` shows whether the card has a usable credential"
                ),
                None => bail!("{step}: the card answered {sw}"),
            },
        }
    };
    let select_file =
        |id: u16| CommandApdu::new(0x00, 0xA4, 0x02, 0x0C).with_data(id.to_be_bytes());
    card(
        "select the JPKI applet",
        CommandApdu::new(0x00, 0xA4, 0x04, 0x0C).with_data(applet.as_bytes()),
    )?;
    card("select the certificate", select_file(file::CERTIFICATE))?;
    let certificate = read_file(&mut card)?;
    card("select the PIN", select_file(file::PIN))?;
    card(
        "verify the PIN",
        CommandApdu::new(0x00, 0x20, 0x00, 0x80).with_data(pin),
    )?;
    card("select the key", select_file(file::PRIVATE_KEY))?;
    let signature = card(
        "sign",
        CommandApdu::new(0x80, 0x2A, 0x00, 0x80)
            .with_data(to_be_signed(&certificate, challenge)?)
            .with_le(256),
    )?;
    Ok(Login {
        certificate,
        signature,
    })
}

/// READ BINARY until the length that the certificate's DER header states.
fn read_file(
    card: &mut impl FnMut(&'static str, CommandApdu) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<Vec<u8>> {
    let read = |offset: usize, length: usize| -> anyhow::Result<CommandApdu> {
        let [high, low] = u16::try_from(offset)?.to_be_bytes();
        Ok(CommandApdu::new(0x00, 0xB0, high, low).with_le(u32::try_from(length)?))
    };
    let header = card("read the certificate", read(0, 4)?)?;
    let [0x30, 0x82, high, low] = header[..] else {
        bail!("the card holds no certificate");
    };
    let total = 4 + usize::from(u16::from_be_bytes([high, low]));
    let mut bytes = Vec::with_capacity(total);
    while bytes.len() < total {
        let piece = card(
            "read the certificate",
            read(bytes.len(), (total - bytes.len()).min(256))?,
        )?;
        ensure!(!piece.is_empty(), "the certificate ends early");
        bytes.extend(piece);
    }
    Ok(bytes)
}

/// RSA: a `DigestInfo`; elliptic curves: the digest alone.
fn to_be_signed(certificate: &[u8], challenge: &[u8]) -> anyhow::Result<Vec<u8>> {
    let digest = Sha256::digest(challenge);
    Ok(match public_key_kind(certificate)? {
        PublicKeyKind::Rsa => [&SHA_256_DIGEST_INFO[..], &digest].concat(),
        PublicKeyKind::Ec => digest.to_vec(),
    })
}

enum PublicKeyKind {
    Rsa,
    Ec,
}

fn public_key_kind(certificate: &[u8]) -> anyhow::Result<PublicKeyKind> {
    use der::Decode as _;
    let certificate = x509_cert::Certificate::from_der(certificate)
        .context("the card's certificate is not X.509")?;
    let algorithm = certificate
        .tbs_certificate()
        .subject_public_key_info()
        .algorithm
        .oid;
    match algorithm.to_string().as_str() {
        "1.2.840.113549.1.1.1" => Ok(PublicKeyKind::Rsa),
        "1.2.840.10045.2.1" => Ok(PublicKeyKind::Ec),
        other => bail!("unknown key algorithm {other}"),
    }
}

/// What a relying party does before it lets a citizen in: chain, validity,
/// purpose and signature. Revocation is asked of the provider separately.
///
/// # Errors
/// When the login must be refused.
pub fn verify_login(authority: &[u8], challenge: &[u8], login: &Login) -> anyhow::Result<()> {
    let authority = authority.into();
    let anchor = webpki::anchor_from_trusted_cert(&authority)
        .map_err(|e| anyhow::anyhow!("the CA certificate is not usable: {e}"))?;
    let certificate = login.certificate.as_slice().into();
    let certificate = EndEntityCert::try_from(&certificate)
        .map_err(|e| anyhow::anyhow!("the certificate is not usable: {e}"))?;
    certificate
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &[anchor],
            &[],
            rustls::pki_types::UnixTime::now(),
            KeyUsage::client_auth(),
            None,
            None,
        )
        .map_err(|e| anyhow::anyhow!("the certificate is not valid: {e}"))?;
    let algorithm = match public_key_kind(&login.certificate)? {
        PublicKeyKind::Rsa => webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
        PublicKeyKind::Ec if certificate_is_p384(&login.certificate)? => {
            webpki::aws_lc_rs::ECDSA_P384_SHA256
        }
        PublicKeyKind::Ec => webpki::aws_lc_rs::ECDSA_P256_SHA256,
    };
    certificate
        .verify_signature(algorithm, challenge, &login.signature)
        .map_err(|e| anyhow::anyhow!("the signature is wrong: {e}"))
}

fn certificate_is_p384(certificate: &[u8]) -> anyhow::Result<bool> {
    use der::Decode as _;
    let certificate = x509_cert::Certificate::from_der(certificate)?;
    let key = &certificate
        .tbs_certificate()
        .subject_public_key_info()
        .subject_public_key;
    Ok(key.raw_bytes().len() == 97)
}
