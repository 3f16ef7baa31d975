//! Test support: authorities, citizens and signed applications made by the
//! `openssl` command line, outside our code.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tsm_core::time::Timestamp;

/// A folder in which `openssl` works.
pub struct Openssl {
    folder: TempDir,
}

impl Openssl {
    /// An empty folder with an authority: `ca.pem` and `ca.key` (P-256).
    pub fn with_authority() -> Self {
        let openssl = Self {
            folder: tempfile::tempdir().expect("temporary folder"),
        };
        openssl.authority("ca", "/C=JP/O=Test/CN=Signing CA");
        openssl
    }

    /// A self-signed authority `name`.pem.
    pub fn authority(&self, name: &str, subject: &str) {
        self.run(
            &format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key \
             -out {name}.pem -days 3650 -subj"
            ),
            &[subject],
        );
    }

    /// Runs `openssl` with space-separated arguments, then `more`.
    pub fn run(&self, arguments: &str, more: &[&str]) {
        let output = self.try_run(arguments, more);
        assert!(
            output.status.success(),
            "openssl {arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// As [`run`](Self::run), whatever comes of it.
    pub fn try_run(&self, arguments: &str, more: &[&str]) -> std::process::Output {
        Command::new("openssl")
            .args(arguments.split_whitespace())
            .args(more)
            .current_dir(self.folder.path())
            .output()
            .expect("the openssl command line")
    }

    /// A key, named by `openssl genpkey` options.
    pub fn key(&self, name: &str, options: &str) {
        self.run(&format!("genpkey {options} -out {name}.key"), &[]);
    }

    /// A certificate of version 3 for `name`.key, issued by `issuer`.
    pub fn certificate(&self, name: &str, issuer: &str, subject: &str, extensions: &str) {
        self.write(&format!("{name}.ext"), extensions.as_bytes());
        self.run(
            &format!("req -new -key {name}.key -out {name}.csr -subj"),
            &[subject],
        );
        self.run(
            &format!(
                "x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial \
             -days 365 -extfile {name}.ext -out {name}.pem"
            ),
            &[],
        );
    }

    /// A citizen on P-256 under `ca`.
    pub fn citizen(&self, name: &str, person: &str) {
        self.key(name, P256);
        self.certificate(name, "ca", &subject(person), LEAF);
    }

    /// Signs `content` as `signer`; returns the message.
    pub fn sign(&self, signer: &str, content: &[u8], options: &str) -> Vec<u8> {
        self.write("content", content);
        self.run(&format!(
            "cms -sign -nodetach -in content -signer {signer}.pem -inkey {signer}.key -out message {options}"
        ), &[]);
        self.read("message")
    }

    /// A file of the folder.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("file")
    }

    /// Writes a file of the folder.
    pub fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).expect("file");
    }

    /// Path of a file of the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

/// Options of `genpkey` for P-256.
pub const P256: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
/// Options of `genpkey` for P-384.
pub const P384: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-384";
/// Options of `genpkey` for RSA-2048.
pub const RSA: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
/// Extensions of a citizen's signing certificate.
pub const LEAF: &str = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,nonRepudiation\n\
                        subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";

/// Subject of a citizen.
pub fn subject(person: &str) -> String {
    format!("/C=JP/CN=Citizen/serialNumber={person}")
}

/// Now, by the clock that `openssl` uses too.
pub fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// An application made at `created_at`.
pub fn application(nonce: &str, created_at: Timestamp) -> Vec<u8> {
    let created_at = jiff::Timestamp::from_millisecond(created_at.0).expect("time");
    format!(
        "{{\"iccid\":\"8981100000000000017\",\"service\":\"jpki\",\"consent_sha256\":\"{}\",\n\
         \"nonce\":\"{nonce}\",\"created_at\":\"{created_at}\"}}\n",
        "5a".repeat(32)
    )
    .into_bytes()
}
