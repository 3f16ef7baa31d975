//! Key agreement with the controlling authority: the curve by `p256` and `p384`, the rest by the
//! crate.

use globalplatform::commands::store_data::Dgi;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use scp03::AesKey;
use scp03::key_agreement::{
    AgreedKeys, CardIdentity, ControlReferenceTemplate, DerivationInputs, KeyAgreementResponse,
};

use crate::entry::{Because as _, Entry, Outcome, same};

/// Multiplies on the curve of the entry: public key of `private`, and shared secret with `peer`.
macro_rules! agree {
    ($curve:ident, $private:expr, $peer:expr) => {{
        let private = $curve::SecretKey::from_slice($private).because("private key")?;
        let peer = $curve::PublicKey::from_sec1_bytes($peer).because("public key")?;
        let secret = $curve::ecdh::diffie_hellman(private.to_nonzero_scalar(), peer.as_affine());
        let public = private.public_key().to_sec1_point(false);
        (
            public.as_bytes().to_vec(),
            secret.raw_secret_bytes().to_vec(),
        )
    }};
}

/// Our uncompressed public key and the shared secret.
fn agree(curve: &str, private: &[u8], peer: &[u8]) -> Outcome<(Vec<u8>, Vec<u8>)> {
    Ok(match curve {
        "P-256" => agree!(p256, private, peer),
        "P-384" => agree!(p384, private, peer),
        _ => return Err(format!("unknown curve {curve}")),
    })
}

pub fn scenario3(entry: Entry<'_>) -> Outcome {
    let curve = entry.text("curve")?;
    let (ephemeral, casd) = (entry.hex("ephemeral_public")?, entry.hex("casd_public")?);
    let secret = entry.hex("shared_secret")?;
    // The crate begins behind the curve: curves that no dev-dependency has are taken as recorded.
    for (private, own, other) in [
        ("ephemeral_private", &ephemeral, &casd),
        ("casd_private", &casd, &ephemeral),
    ] {
        if entry.has(private) && matches!(curve, "P-256" | "P-384") {
            let (public, shared) = agree(curve, &entry.hex(private)?, other)?;
            same("public key", public, own)?;
            same("shared_secret", shared, &secret)?;
        }
    }

    let encoded = entry.hex("control_reference_template")?;
    let template = ControlReferenceTemplate::decode(&encoded).because("template")?;
    same("template", template.encode(), &encoded)?;
    let groupings = [Dgi::new(0x00A6, encoded), Dgi::new(0x7F49, ephemeral)];
    let groupings: Vec<_> = groupings
        .iter()
        .map(Dgi::encode)
        .collect::<Result<_, _>>()
        .because("dgis")?;
    same("dgis", groupings.concat(), entry.hex_list("dgis")?.concat())?;
    derivation(entry, &template, &secret)
}

fn derivation(entry: Entry<'_>, template: &ControlReferenceTemplate, secret: &[u8]) -> Outcome {
    let optional = |field| {
        if entry.has(field) {
            entry.hex(field).map(Some)
        } else {
            Ok(None)
        }
    };
    let (random, iin, cin) = (
        optional("derivation_random")?,
        optional("iin")?,
        optional("cin")?,
    );
    if let Some(host_id) = optional("host_id")? {
        same(
            "host_id",
            template.host_id.as_deref().unwrap_or_default(),
            host_id,
        )?;
    }
    let card = match (&iin, &cin) {
        (Some(issuer), Some(image)) => Some(CardIdentity { issuer, image }),
        _ => None,
    };
    let inputs = DerivationInputs {
        derivation_random: random.as_deref(),
        card,
    };
    entry.expect(
        "shared_info",
        template.shared_info(&inputs).because("shared info")?,
    )?;

    let agreed = template.derive(secret, &inputs).because("derivation")?;
    let keys: Vec<_> = agreed.keys.iter().map(AesKey::danger_bytes).collect();
    entry.expect("receipt_key", agreed.receipt_key.danger_bytes())?;
    same("keys", keys.concat(), entry.hex_list("keys")?.concat())?;
    entry.expect(
        "key_data",
        [agreed.receipt_key.danger_bytes(), &keys.concat()].concat(),
    )?;
    receipt(entry, template, &agreed, random.as_deref())
}

fn receipt(
    entry: Entry<'_>,
    template: &ControlReferenceTemplate,
    agreed: &AgreedKeys,
    random: Option<&[u8]>,
) -> Outcome {
    let receipt_key =
        AesKey::from_bytes(agreed.receipt_key.danger_bytes()).because("receipt key")?;
    entry.expect("receipt", receipt_key.cmac(&entry.hex("receipt_input")?))?;
    let response = agreed.respond(template, random);
    entry.expect("receipt", response.receipt)?;
    entry.expect("response", response.encode())?;
    let recorded = KeyAgreementResponse::decode(&entry.hex("response")?).because("response")?;
    agreed.verify(template, &recorded).because("receipt")
}
