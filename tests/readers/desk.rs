//! A card in a reader with OpenSC in front of it, and the files that the programs share.

use std::path::PathBuf;
use std::process::Output;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, ensure};
use tsm_tests::readers::{Inserted, Readers, said};
use uicc_sim::Uicc;

/// Mechanisms of the driver that hash themselves, and the name that `openssl dgst` has for the hash.
const MECHANISMS: [(&str, &str); 7] = [
    ("MD5-RSA-PKCS", "-md5"),
    ("SHA1-RSA-PKCS", "-sha1"),
    ("SHA224-RSA-PKCS", "-sha224"),
    ("SHA256-RSA-PKCS", "-sha256"),
    ("SHA384-RSA-PKCS", "-sha384"),
    ("SHA512-RSA-PKCS", "-sha512"),
    ("RIPEMD160-RSA-PKCS", "-ripemd160"),
];
/// DigestInfo of SHA-256, before the digest (RFC 8017, 9.2).
const SHA256_DIGEST_INFO: &str = "3031300d060960864801650304020105000420";

/// OpenSC's PKCS#11 module.
fn module() -> anyhow::Result<String> {
    let folders = std::fs::read_dir("/usr/lib")?.flatten().map(|e| e.path());
    let mut all = folders.chain([PathBuf::from("/usr/lib")]);
    let found = all.find_map(|folder| {
        let path = folder.join("opensc-pkcs11.so");
        path.exists().then(|| path.display().to_string())
    });
    found.context("opensc-pkcs11.so is not here: install opensc-pkcs11, as tests/run.sh does")
}

/// A card in a reader, and files beside it.
pub struct Desk {
    /// The readers.
    pub readers: Readers,
    /// Path of OpenSC's PKCS#11 module.
    pub module: String,
    card: Arc<Mutex<Uicc>>,
    _inserted: Inserted,
}

impl Desk {
    pub fn with(card: Uicc) -> anyhow::Result<Self> {
        let readers = Readers::start(1)?;
        let card = Arc::new(Mutex::new(card));
        let inserted = readers.insert(0, card.clone())?;
        Ok(Self {
            module: module()?,
            readers,
            card,
            _inserted: inserted,
        })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.readers.folder().join(name)
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> anyhow::Result<()> {
        Ok(std::fs::write(self.file(name), contents)?)
    }

    /// The authority's certificate, in the file `ca.pem`.
    pub fn write_authority(&self, der: &[u8]) -> anyhow::Result<()> {
        self.write("ca.der", der)?;
        let convert = ["x509", "-inform", "DER", "-in", "ca.der", "-out", "ca.pem"];
        self.run("openssl", &convert).map(drop)
    }

    pub fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        self.readers.run(program, arguments)
    }

    /// The certificate that the driver reads, in a file; and its public key in another.
    pub fn read_certificate(&self, id: &str, name: &str) -> anyhow::Result<()> {
        let (pem, public) = (format!("{name}.pem"), format!("{name}.pub"));
        let read = ["--read-certificate", id, "--output", &pem];
        self.run("pkcs15-tool", &read)?;
        let key = ["x509", "-in", &pem, "-pubkey", "-noout", "-out", &public];
        self.run("openssl", &key)?;
        Ok(())
    }

    pub fn pkcs11(&self, slot: &str, pin: &str, more: &[&str]) -> anyhow::Result<Output> {
        let mut arguments = vec!["--module", &self.module, "--slot-index", slot];
        arguments.extend(["--login", "--pin", pin]);
        arguments.extend(more);
        self.readers.output("pkcs11-tool", &arguments)
    }

    /// Signs a file with the key of this slot; the signature is in the file `output`.
    fn sign(
        &self,
        slot: &str,
        pin: &str,
        mechanism: &str,
        input: &str,
        output: &str,
    ) -> anyhow::Result<()> {
        let id = if slot == "0" { "01" } else { "02" };
        let sign = ["--sign", "--id", id, "-m", mechanism];
        let files = ["-i", input, "-o", output];
        let done = self.pkcs11(slot, pin, &[&sign[..], &files].concat())?;
        ensure!(done.status.success(), "{mechanism}: {}", said(&done));
        Ok(())
    }

    /// Every mechanism gives a signature that OpenSSL verifies, and the raw one the same as SHA-256.
    pub fn sign_with_every_mechanism(
        &self,
        slot: &str,
        pin: &str,
        name: &str,
    ) -> anyhow::Result<()> {
        let public = format!("{name}.pub");
        self.write("data", b"what is signed")?;
        for (mechanism, hash) in MECHANISMS {
            self.sign(slot, pin, mechanism, "data", "signature")?;
            let verify = ["dgst", hash, "-verify", &public, "-signature", "signature"];
            let legacy = ["-provider", "legacy", "-provider", "default", "data"];
            let said = self.run("openssl", &[&verify[..], &legacy].concat())?;
            ensure!(said.contains("Verified OK"), "{mechanism}: {said}");
        }
        self.sign(slot, pin, "SHA256-RSA-PKCS", "data", "signature")?;
        let digest = {
            use sha2::{Digest as _, Sha256};
            hex::encode(Sha256::digest(b"what is signed"))
        };
        let digest_info = hex::decode(format!("{SHA256_DIGEST_INFO}{digest}"))?;
        self.write("digestinfo", digest_info)?;
        self.sign(slot, pin, "RSA-PKCS", "digestinfo", "raw")?;
        let [whole, raw] = ["signature", "raw"].map(|name| std::fs::read(self.file(name)));
        ensure!(whole? == raw?, "RSA-PKCS and SHA256-RSA-PKCS differ");
        Ok(())
    }

    pub fn tries_left(&self) -> anyhow::Result<u8> {
        let card = self.card.lock().map_err(|_| anyhow::anyhow!("panicked"))?;
        let inventory = card.inventory();
        let applet = inventory.applet(&uicc_sim::applet::jpki::MODULE);
        let jpki = applet.and_then(|applet| applet.jpki.clone());
        Ok(jpki.context("no applet")?.authentication.pin_tries_left)
    }
}
