//! Messages made by the `openssl` command line, good and bad.

use super::*;
use tsm_core::error::Failure;

use crate::test_openssl::{LEAF, Openssl, P256, P384, RSA, application, now, subject};
use proptest::prelude::*;

const DAY: Duration = Duration::from_hours(24);

fn verifier(openssl: &Openssl) -> Verifier {
    let anchors = TrustAnchors::from_pem(&openssl.read("ca.pem")).expect("anchors");
    Verifier::new(anchors, Freshness::default())
}

fn reason(openssl: &Openssl, message: &[u8]) -> &'static str {
    reason_at(openssl, message, now())
}

fn reason_at(openssl: &Openssl, message: &[u8], at: Timestamp) -> &'static str {
    match verifier(openssl).verify(message, at) {
        Ok(_) => "ACCEPTED",
        Err(refusal) => refusal.reason().as_str(),
    }
}

#[test]
fn accepts_what_openssl_signs() {
    let openssl = Openssl::with_authority();
    for (name, key) in [("p256", P256), ("p384", P384), ("rsa", RSA)] {
        openssl.key(name, key);
        openssl.certificate(name, "ca", &subject("P-123"), LEAF);
    }
    let content = application("0011223344556677", now());
    let forms = [
        "-outform DER",
        "-outform PEM",
        "-outform DER -binary -noattr",
        "-outform PEM -keyid -md sha384",
        "-outform DER -md sha512",
        "-outform DER -stream",
        "-outform PEM -stream -binary -nosmimecap",
        "-outform DER -certfile ca.pem",
    ];
    for name in ["p256", "p384", "rsa"] {
        for form in forms {
            let message = openssl.sign(name, &content, form);
            let found = verifier(&openssl).verify(&message, now());
            let found = found.unwrap_or_else(|refusal| panic!("{name} {form}: {refusal}"));
            assert_eq!(found.person.danger_text(), "P-123");
            assert_eq!(found.form.nonce, "0011223344556677");
        }
    }
    for (salt, digest) in [
        ("max", "sha256"),
        ("digest", "sha256"),
        ("max", "sha512"),
        ("digest", "sha384"),
    ] {
        let form = format!(
            "-outform DER -md {digest} -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:{salt}"
        );
        let message = openssl.sign("rsa", &content, &form);
        assert_eq!(reason(&openssl, &message), "ACCEPTED", "{form}");
    }
}

#[test]
fn der_and_pem_of_one_message_have_one_hash() {
    let openssl = Openssl::with_authority();
    openssl.citizen("citizen", "P-1");
    let der = openssl.sign("citizen", &application("n-1", now()), "-outform DER");
    openssl.run(
        "cms -cmsout -inform DER -in message -outform PEM -out message.pem",
        &[],
    );
    let pem = openssl.read("message.pem");
    let hash = |message: &[u8]| {
        verifier(&openssl)
            .verify(message, now())
            .expect("valid")
            .cms_sha256
    };
    assert_eq!(hash(&der), hash(&pem));
}

#[test]
fn follows_intermediates_that_came_along() {
    let openssl = Openssl::with_authority();
    openssl.key("sub", P256);
    openssl.certificate(
        "sub",
        "ca",
        "/CN=Sub CA",
        "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n",
    );
    openssl.key("citizen", P256);
    openssl.certificate("citizen", "sub", &subject("P-1"), LEAF);
    let content = application("n-1", now());
    let with = openssl.sign("citizen", &content, "-outform DER -certfile sub.pem");
    assert_eq!(reason(&openssl, &with), "ACCEPTED");
    let without = openssl.sign("citizen", &content, "-outform DER");
    assert_eq!(reason(&openssl, &without), "CHAIN_UNTRUSTED");
    let later = now().after(DAY * 400);
    let late = openssl.sign(
        "citizen",
        &application("n-2", later),
        "-outform DER -certfile sub.pem",
    );
    assert_eq!(reason_at(&openssl, &late, later), "SIGNING_CERT_EXPIRED");
}

#[test]
fn refuses_a_certificate_issued_by_another_citizen() {
    let openssl = Openssl::with_authority();
    openssl.citizen("citizen", "P-1");
    openssl.key("forged", P256);
    openssl.certificate("forged", "citizen", &subject("P-2"), LEAF);
    let message = openssl.sign(
        "forged",
        &application("n-1", now()),
        "-outform DER -certfile citizen.pem",
    );
    assert_eq!(reason(&openssl, &message), "CHAIN_UNTRUSTED");
}

#[test]
fn takes_certificates_as_openssl_makes_them_by_default() {
    let openssl = Openssl::with_authority();
    openssl.key("v1", P256);
    openssl.run("req -new -key v1.key -out v1.csr -subj", &[&subject("P-1")]);
    openssl.run(
        "x509 -req -in v1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 10 -out v1.pem",
        &[],
    );
    openssl.key("ca-marked", P256);
    openssl.run(
        "req -x509 -key ca-marked.key -CA ca.pem -CAkey ca.key -days 10 -out ca-marked.pem -subj",
        &[&subject("P-2")],
    );
    for name in ["v1", "ca-marked"] {
        let message = openssl.sign(name, &application("n-1", now()), "-outform DER");
        assert_eq!(reason(&openssl, &message), "ACCEPTED", "{name}");
        let later = now().after(DAY * 11);
        let late = openssl.sign(name, &application("n-1", later), "-outform DER");
        assert_eq!(
            reason_at(&openssl, &late, later),
            "SIGNING_CERT_EXPIRED",
            "{name}"
        );
    }
}

#[test]
fn says_expired_only_under_a_trusted_issuer() {
    let openssl = Openssl::with_authority();
    openssl.citizen("citizen", "P-1");
    openssl.authority("other", "/C=JP/O=Test/CN=Signing CA");
    openssl.key("stranger", P256);
    openssl.certificate("stranger", "other", &subject("P-1"), LEAF);
    let later = now().after(DAY * 366);
    let earlier = Timestamp(now().0 - 86_400_000);
    for (signer, at, expected) in [
        ("citizen", now(), "ACCEPTED"),
        ("citizen", later, "SIGNING_CERT_EXPIRED"),
        ("citizen", earlier, "SIGNING_CERT_EXPIRED"),
        ("stranger", now(), "CHAIN_UNTRUSTED"),
        ("stranger", later, "CHAIN_UNTRUSTED"),
    ] {
        let message = openssl.sign(signer, &application("n-1", at), "-outform DER");
        assert_eq!(reason_at(&openssl, &message, at), expected, "{signer}");
    }
}

#[test]
fn says_expired_for_dates_in_the_wrong_order() {
    let openssl = Openssl::with_authority();
    openssl.key("citizen", P256);
    openssl.run(
        "req -new -key citizen.key -out citizen.csr -subj",
        &[&subject("P-1")],
    );
    openssl.write("citizen.ext", LEAF.as_bytes());
    openssl.run(
        "x509 -req -in citizen.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days -1 -extfile citizen.ext \
         -out citizen.pem",
        &[],
    );
    let message = openssl.sign("citizen", &application("n-1", now()), "-outform DER");
    assert_eq!(reason(&openssl, &message), "SIGNING_CERT_EXPIRED");
}

#[test]
fn refuses_self_signed_citizens() {
    let openssl = Openssl::with_authority();
    openssl.authority("citizen", &subject("P-1"));
    let message = openssl.sign("citizen", &application("n-1", now()), "-outform DER");
    assert_eq!(reason(&openssl, &message), "CHAIN_UNTRUSTED");
}

#[test]
fn refuses_keys_that_may_not_sign_or_are_weak() {
    let openssl = Openssl::with_authority();
    openssl.key("usage", P256);
    openssl.certificate(
        "usage",
        "ca",
        &subject("P-1"),
        "keyUsage=critical,keyEncipherment\n",
    );
    openssl.key("weak", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024");
    openssl.certificate("weak", "ca", &subject("P-1"), LEAF);
    openssl.citizen("citizen", "P-1");
    let content = application("n-1", now());
    for (signer, options, expected) in [
        ("usage", "", "CHAIN_UNTRUSTED"),
        ("weak", "", "SIGNATURE_INVALID"),
        ("citizen", "-md sha1", "SIGNATURE_INVALID"),
    ] {
        let message = openssl.sign(signer, &content, &format!("-outform DER {options}"));
        assert_eq!(reason(&openssl, &message), expected, "{signer} {options}");
    }
}

#[test]
fn refuses_other_forms_of_messages() {
    let openssl = Openssl::with_authority();
    openssl.citizen("citizen", "P-1");
    openssl.citizen("second", "P-2");
    let content = application("n-1", now());
    for options in [
        "",
        "-outform DER -nocerts",
        "-outform DER -signer second.pem -inkey second.key",
        "-outform DER -econtent_type 1.2.3.4",
    ] {
        let message = openssl.sign("citizen", &content, options);
        assert_eq!(reason(&openssl, &message), "CMS_MALFORMED", "{options}");
    }
    openssl.run(
        "cms -sign -in content -signer citizen.pem -inkey citizen.key -outform DER -out message",
        &[],
    );
    let detached = verifier(&openssl)
        .verify(&openssl.read("message"), now())
        .expect_err("detached");
    assert!(detached.to_string().contains("-nodetach"), "{detached}");
    openssl.run(
        "cms -data_create -in content -outform DER -out message",
        &[],
    );
    assert_eq!(reason(&openssl, &openssl.read("message")), "CMS_MALFORMED");
    let text = openssl.sign("citizen", &content, "-outform DER -text");
    assert_eq!(reason(&openssl, &text), "APPLICATION_MALFORMED");
}

#[test]
fn refuses_a_signer_without_a_person() {
    let openssl = Openssl::with_authority();
    for (name, subject) in [
        ("none", "/C=JP/CN=Citizen"),
        ("two", "/CN=C/serialNumber=1/serialNumber=2"),
    ] {
        openssl.key(name, P256);
        openssl.certificate(name, "ca", subject, LEAF);
        let message = openssl.sign(name, &application("n-1", now()), "-outform DER");
        assert_eq!(reason(&openssl, &message), "PERSON_MISSING", "{name}");
    }
}

#[test]
fn refuses_stale_and_future_applications() {
    let openssl = Openssl::with_authority();
    openssl.citizen("citizen", "P-1");
    let at = |offset: i64| Timestamp(now().0 + offset * 3_600_000);
    for (created_at, expected) in [
        (at(-24 * 30 + 1), "ACCEPTED"),
        (at(-24 * 30 - 1), "APPLICATION_STALE"),
        (at(23), "ACCEPTED"),
        (at(25), "APPLICATION_STALE"),
    ] {
        let message = openssl.sign("citizen", &application("n-1", created_at), "-outform DER");
        assert_eq!(reason(&openssl, &message), expected);
    }
}

/// Every byte of the message, flipped in each single bit and inverted.
fn assert_no_flip_changes_anything(openssl: &Openssl, message: &[u8]) {
    let verifier = verifier(openssl);
    let honest = verifier.verify(message, now()).expect("honest");
    for index in 0..message.len() {
        for mask in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF] {
            let mut changed = message.to_vec();
            changed[index] ^= mask;
            if let Ok(accepted) = verifier.verify(&changed, now()) {
                panic!(
                    "byte {index} xor {mask:02X} of {:02X} was accepted{}",
                    message[index],
                    if accepted.form == honest.form {
                        ""
                    } else {
                        " with other content"
                    }
                );
            }
        }
    }
}

#[test]
fn refuses_every_flipped_byte() {
    let openssl = Openssl::with_authority();
    openssl.citizen("citizen", "P-1");
    openssl.key("rsa", RSA);
    openssl.certificate("rsa", "ca", &subject("P-1"), LEAF);
    let content = application("n-1", now());
    for (signer, options) in [("citizen", ""), ("citizen", "-noattr -keyid"), ("rsa", "")] {
        let message = openssl.sign(signer, &content, &format!("-outform DER {options}"));
        assert_no_flip_changes_anything(&openssl, &message);
    }
}

#[test]
fn changed_content_is_an_invalid_signature() {
    let openssl = Openssl::with_authority();
    openssl.citizen("citizen", "P-1");
    for options in ["", "-noattr"] {
        let mut message = openssl.sign(
            "citizen",
            &application("n-1", now()),
            &format!("-outform DER {options}"),
        );
        let place = message
            .windows(5)
            .position(|w| w == b"89811")
            .expect("iccid");
        message[place + 4] = b'2';
        assert_eq!(reason(&openssl, &message), "SIGNATURE_INVALID", "{options}");
    }
}

#[test]
fn never_panics_on_changed_or_random_messages() {
    let openssl = Openssl::with_authority();
    openssl.citizen("citizen", "P-1");
    let message = openssl.sign("citizen", &application("n-1", now()), "-outform DER");
    let verifier = verifier(&openssl);
    let honest = verifier.verify(&message, now()).expect("honest").form;
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8);
    proptest!(|(changes in changes, cut in any::<prop::sample::Index>(), random in proptest::collection::vec(any::<u8>(), 0..300))| {
        let mut changed = message.clone();
        for (index, byte) in changes {
            *index.get_mut(&mut changed) = byte;
        }
        if let Ok(accepted) = verifier.verify(&changed, now()) {
            prop_assert_eq!(&accepted.form, &honest);
        }
        prop_assert!(verifier.verify(&message[..cut.index(message.len())], now()).is_err());
        prop_assert!(verifier.verify(&random, now()).is_err());
    });
}
