//! Certificates checked by the `openssl` command line.

use super::*;
use crate::test_openssl::{Openssl, P256, P384, RSA, now};
use std::time::Duration;

const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1.1");

fn authority(openssl: &Openssl, options: &str) -> Result<EmbeddedAuthority, SetupError> {
    openssl.key("authority", options);
    openssl.run(
        "req -x509 -key authority.key -out ca.pem -days 4000 -addext keyUsage=critical,keyCertSign,cRLSign -subj",
        &["/C=JP/O=JPKI/CN=User authentication CA"],
    );
    openssl.run(
        "pkcs8 -topk8 -nocrypt -in authority.key -outform DER -out authority.der",
        &[],
    );
    EmbeddedAuthority::new(
        &openssl.read("ca.pem"),
        &openssl.read("authority.der"),
        POLICY,
    )
}

fn request(openssl: &Openssl, options: &str) -> CertificateRequest {
    openssl.key("citizen", options);
    openssl.run(
        "pkey -in citizen.key -pubout -outform DER -out citizen.pub",
        &[],
    );
    CertificateRequest {
        public_key: openssl.read("citizen.pub"),
        serial: vec![0x7F, 0xAA, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
        common_name: "0123456789abcdef".repeat(4),
        not_before: now(),
        not_after: now().after(Duration::from_hours(24 * 1_000)),
    }
}

fn issue(
    authority: &EmbeddedAuthority,
    request: &CertificateRequest,
) -> Result<Vec<u8>, AuthorityError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("runtime");
    runtime.block_on(authority.issue(request))
}

#[test]
fn openssl_verifies_what_is_issued() {
    let openssl = Openssl::with_authority();
    for ca in [P256, P384, RSA] {
        let authority = authority(&openssl, ca).expect("authority");
        for citizen in [RSA, P256, P384] {
            let certificate = issue(&authority, &request(&openssl, citizen)).expect("certificate");
            openssl.write("certificate.der", &certificate);
            openssl.run(
                "x509 -inform DER -in certificate.der -out certificate.pem",
                &[],
            );
            openssl.run(
                "verify -x509_strict -purpose sslclient -CAfile ca.pem certificate.pem",
                &[],
            );
        }
    }
}

#[test]
fn says_what_the_profile_wants() {
    let openssl = Openssl::with_authority();
    let authority = authority(&openssl, P256).expect("authority");
    openssl.write(
        "certificate.der",
        &issue(&authority, &request(&openssl, RSA)).expect("certificate"),
    );
    let text = openssl
        .try_run("x509 -inform DER -in certificate.der -noout -text", &[])
        .stdout;
    let text = String::from_utf8(text).expect("text");
    for expected in [
        "Version: 3 (0x2)",
        "Subject: C = JP, O = JPKI, OU = JPKI for user authentication, CN = 0123456789abcdef",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "TLS Web Client Authentication",
        "Policy: 1.3.6.1.4.1.32473.1.1",
        "X509v3 Authority Key Identifier",
        "X509v3 Subject Key Identifier",
    ] {
        assert!(text.contains(expected), "{expected} is missing in {text}");
    }
    assert!(!text.contains("Basic Constraints"));
}

#[test]
fn refuses_requests_outside_the_profile() {
    let openssl = Openssl::with_authority();
    let authority = authority(&openssl, P256).expect("authority");
    let good = request(&openssl, P256);
    let late = now().after(Duration::from_hours(24 * 5_000));
    for bad in [
        CertificateRequest {
            common_name: "a,CN=b".into(),
            ..good.clone()
        },
        CertificateRequest {
            common_name: String::new(),
            ..good.clone()
        },
        CertificateRequest {
            not_after: late,
            ..good.clone()
        },
        CertificateRequest {
            not_after: good.not_before,
            ..good.clone()
        },
        CertificateRequest {
            serial: vec![0xFF; 21],
            ..good.clone()
        },
        CertificateRequest {
            serial: vec![0],
            ..good.clone()
        },
        CertificateRequest {
            public_key: vec![0x30, 0],
            ..good.clone()
        },
    ] {
        assert!(
            matches!(issue(&authority, &bad), Err(AuthorityError::Profile(_))),
            "{bad:?}"
        );
    }
}

#[test]
fn refuses_keys_and_certificates_that_do_not_fit() {
    let openssl = Openssl::with_authority();
    authority(&openssl, P256).expect("authority");
    let (pem, key) = (openssl.read("ca.pem"), openssl.read("authority.der"));
    openssl.key("other", P256);
    openssl.run(
        "pkcs8 -topk8 -nocrypt -in other.key -outform DER -out other.der",
        &[],
    );
    openssl.write("ca.key", &openssl.read("authority.key"));
    openssl.key("leaf", P256);
    openssl.certificate("leaf", "ca", "/CN=Leaf", "basicConstraints=CA:FALSE\n");
    let new = |pem: &[u8], key: &[u8]| EmbeddedAuthority::new(pem, key, POLICY).err();
    assert_eq!(
        new(&pem, &openssl.read("other.der")),
        Some(SetupError::Mismatch)
    );
    assert_eq!(new(&pem, b"no key"), Some(SetupError::Key));
    assert_eq!(new(b"no certificate", &key), Some(SetupError::Certificate));
    assert_eq!(
        new(&openssl.read("leaf.pem"), &key),
        Some(SetupError::NotAnAuthority)
    );
}
