//! The three programs run by hand from `tsm dev init`, with applications that
//! were signed outside our code, by `openssl cms`.

mod life;
mod responsibility;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Running, fails, free_ports, openssl, succeeds, tsm, wait_until, write};
use serde_json::Value;

/// A set-up with both servers running and the first card attached.
struct Hand {
    folder: tempfile::TempDir,
    mno_port: u16,
    cards: Vec<String>,
    running: Vec<Running>,
}

impl Hand {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("dev");
        let (mno_port, sp_port) = free_ports();
        let made = succeeds(
            tsm()
                .args([
                    "dev",
                    "init",
                    "--json",
                    "--algorithm",
                    "p256",
                    "--cards",
                    "3",
                ])
                .args([
                    "--mno-port",
                    &mno_port.to_string(),
                    "--sp-port",
                    &sp_port.to_string(),
                ])
                .arg(&dir),
        );
        let made: Value = serde_json::from_str(&made).unwrap();
        let cards: Vec<String> = serde_json::from_value(made["cards"].clone()).unwrap();
        let mut hand = Self {
            folder,
            mno_port,
            cards,
            running: Vec::new(),
        };
        hand.start_servers();
        succeeds(hand.tsm().args(["dev", "register"]).arg(hand.dir()));
        hand.attach(0);
        hand
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("dev")
    }

    fn tsm(&self) -> Command {
        let mut command = tsm();
        command.env("TSM_CONFIG", self.dir().join("tsm.toml"));
        command
    }

    fn start_servers(&mut self) {
        for server in ["mno-tsm", "sp-tsm"] {
            let config = self.dir().join(format!("{server}.toml"));
            self.running.push(Running::start(
                tsm().arg(server).arg("--config").arg(config),
            ));
        }
        wait_until("starting the servers", || {
            self.tsm()
                .args(["list", "applications"])
                .output()
                .unwrap()
                .status
                .success()
                && self
                    .tsm()
                    .args(["list", "services"])
                    .output()
                    .unwrap()
                    .status
                    .success()
        });
    }

    /// Ends both servers as a power cut would, and starts them again.
    fn restart_servers(&mut self) {
        let phones = self.running.split_off(2);
        for server in self.running.drain(..) {
            server.kill();
        }
        self.start_servers();
        self.running.extend(phones);
    }

    fn attach(&mut self, card: usize) {
        let (dir, iccid) = (self.dir(), self.cards[card].clone());
        let pki = dir.join("pki");
        self.running.push(Running::start(
            tsm()
                .args(["uicc-sim", "attach", "--gateway"])
                .arg(format!("https://localhost:{}", self.mno_port))
                .arg("--state")
                .arg(self.card_state(card))
                .arg("--ca")
                .arg(pki.join("tls-root.pem"))
                .arg("--cert")
                .arg(pki.join("device.pem"))
                .arg("--key")
                .arg(pki.join("device.key")),
        ));
        wait_until("attaching the phone", || {
            let shown = self
                .tsm()
                .args(["show", "card", &iccid, "--json"])
                .output()
                .unwrap();
            serde_json::from_slice::<Value>(&shown.stdout)
                .is_ok_and(|card| card["attached"] == true)
        });
    }

    fn card_state(&self, card: usize) -> PathBuf {
        self.dir()
            .join("cards")
            .join(&self.cards[card])
            .join("card.state")
    }

    fn applicants(&self) -> PathBuf {
        self.dir().join("applicants")
    }

    /// An application for a card, signed by `openssl cms`.
    fn signed(&self, card: usize, signer: &str, name: &str, options: &[&str]) -> PathBuf {
        let content =
            succeeds(
                self.tsm()
                    .args(["dev", "application", "--iccid", &self.cards[card]]),
            );
        self.sign(&content, signer, name, options)
    }

    fn sign(&self, content: &str, signer: &str, name: &str, options: &[&str]) -> PathBuf {
        let folder = self.applicants();
        write(&folder.join("application.json"), content.as_bytes());
        let (certificate, key) = (format!("{signer}.pem"), format!("{signer}.key"));
        let mut arguments = vec![
            "cms",
            "-sign",
            "-nodetach",
            "-binary",
            "-in",
            "application.json",
            "-signer",
            &certificate,
            "-inkey",
            &key,
            "-outform",
            "DER",
            "-out",
            name,
        ];
        arguments.extend(options);
        openssl(&folder, &arguments);
        folder.join(name)
    }

    fn apply(&self, cms: &Path) -> Value {
        let out = succeeds(self.tsm().args(["apply", "--json", "--cms"]).arg(cms));
        serde_json::from_str(&out).unwrap()
    }

    fn refused(&self, cms: &Path) -> String {
        let before = self.applications();
        let error = fails(self.tsm().args(["apply", "--cms"]).arg(cms));
        assert_eq!(
            self.applications(),
            before,
            "a refused application changed something"
        );
        error
    }

    fn applications(&self) -> String {
        succeeds(self.tsm().args(["list", "applications", "--json"]))
    }

    fn provision(&self, application: &str, pin: &str) -> Value {
        let file = self.folder.path().join("pin");
        write(&file, pin.as_bytes());
        let out = succeeds(
            self.tsm()
                .args(["provision", "--json", application, "--pin-file"])
                .arg(&file),
        );
        serde_json::from_str(&out).unwrap()
    }

    fn change(&self, verb: &str, credential: &str) -> Value {
        let out = succeeds(self.tsm().args([verb, "--json", credential]));
        serde_json::from_str(&out).unwrap()
    }

    fn tree(&self, card: usize) -> String {
        succeeds(self.tsm().args(["card", "tree"]).arg(self.card_state(card)))
    }

    /// The citizen's certificate of openssl's own making, under the folder's authority.
    fn openssl_citizen(&self, name: &str, subject: &str, days: &[&str], authority: &str) {
        let folder = self.applicants();
        let (key, csr, pem) = (
            format!("{name}.key"),
            format!("{name}.csr"),
            format!("{name}.pem"),
        );
        openssl(
            &folder,
            &[
                "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &csr,
                "-subj", subject,
            ],
        );
        let (ca, ca_key) = (format!("{authority}.pem"), format!("{authority}.key"));
        let mut sign = vec![
            "x509",
            "-req",
            "-in",
            &csr,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-CAcreateserial",
            "-extfile",
            "citizen.ext",
            "-out",
            &pem,
        ];
        sign.extend(days);
        openssl(&folder, &sign);
    }
}

#[test]
fn an_application_signed_by_openssl_becomes_a_login() {
    let mut hand = Hand::start();
    hand.openssl_citizen(
        "taro",
        "/C=JP/CN=Taro/serialNumber=777000111222",
        &["-days", "30"],
        "signing-ca",
    );
    let application = hand.apply(&hand.signed(0, "taro", "taro.der", &[]));
    assert_eq!(application["state"], "APPROVED");

    let again = hand.refused(&hand.applicants().join("taro.der"));
    assert!(again.contains("REPLAYED_APPLICATION"), "{again}");
    hand.restart_servers();
    let id = application["application"].as_str().unwrap();
    hand.wait_for_phone(0);
    let credential = hand.provision(id, "5821");
    assert_eq!(credential["state"], "ACTIVE");
    assert_eq!(credential["card_agrees"], true);
    assert_eq!(credential["private_key_destroyed"], true);
    hand.check_login(credential["credential"].as_str().unwrap(), "5821");

    let second = hand.refused(&hand.signed(1, "taro", "second.der", &[]));
    assert!(second.contains("DOUBLE_ISSUANCE"), "{second}");
    hand.check_life(credential["credential"].as_str().unwrap());
    hand.check_audit();
    hand.check_responsibility(credential["credential"].as_str().unwrap());
}

#[test]
fn applications_that_must_be_refused_are_refused_with_a_reason() {
    let hand = Hand::start();
    let folder = hand.applicants();

    let mut bytes = std::fs::read(hand.signed(0, "citizen-1", "changed.der", &[])).unwrap();
    let at = bytes.windows(5).position(|w| w == b"nonce").unwrap() + 10;
    bytes[at] ^= 1;
    write(&folder.join("changed.der"), &bytes);
    let error = hand.refused(&folder.join("changed.der"));
    assert!(
        error.contains("SIGNATURE_INVALID") || error.contains("CMS_MALFORMED"),
        "{error}"
    );

    openssl(
        &folder,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "unknown-ca.key",
            "-out",
            "unknown-ca.pem",
            "-subj",
            "/CN=TSM development signing CA",
        ],
    );
    hand.openssl_citizen(
        "stranger",
        "/CN=Stranger/serialNumber=777000111333",
        &["-days", "30"],
        "unknown-ca",
    );
    let error = hand.refused(&hand.signed(0, "stranger", "stranger.der", &[]));
    assert!(error.contains("CHAIN_UNTRUSTED"), "{error}");

    hand.openssl_citizen(
        "late",
        "/CN=Late/serialNumber=777000111444",
        &["-days", "-1"],
        "signing-ca",
    );
    let error = hand.refused(&hand.signed(0, "late", "late.der", &[]));
    assert!(error.contains("SIGNING_CERT_EXPIRED"), "{error}");

    hand.openssl_citizen("nobody", "/CN=Nobody", &["-days", "30"], "signing-ca");
    let error = hand.refused(&hand.signed(0, "nobody", "nobody.der", &[]));
    assert!(error.contains("PERSON_MISSING"), "{error}");

    let error = hand.refused(&hand.sign("{\"iccid\": 1}", "citizen-1", "json.der", &[]));
    assert!(error.contains("APPLICATION_MALFORMED"), "{error}");

    write(&folder.join("noise"), &[0x30, 0x82, 0xFF, 0xFF, 1, 2, 3]);
    let error = hand.refused(&folder.join("noise"));
    assert!(error.contains("CMS_MALFORMED"), "{error}");
    write(&folder.join("empty"), b"");
    hand.refused(&folder.join("empty"));
    hand.refused(&folder.join("citizen-1.pem"));
}

#[test]
fn forms_of_cms_that_openssl_makes_are_accepted() {
    let hand = Hand::start();
    let folder = hand.applicants();
    let pem = hand.signed(0, "citizen-1", "one.pem", &["-outform", "PEM"]);
    assert_eq!(hand.apply(&pem)["state"], "APPROVED");
    // Withdrawn before it has a credential, it leaves person and card free.
    let withdrawn = hand.apply(&hand.signed(2, "citizen-3", "three.der", &[]));
    let id = withdrawn["application"].as_str().unwrap().to_owned();
    assert_eq!(
        hand.change("cancel", &id)["refusal"],
        "APPLICATION_CANCELLED"
    );
    assert_eq!(hand.change("cancel", &id)["state"], "REFUSED");
    // The same CMS as DER is the same application.
    openssl(
        &folder,
        &[
            "cms", "-cmsout", "-in", "one.pem", "-inform", "PEM", "-outform", "DER", "-out",
            "one.der",
        ],
    );
    let error = hand.refused(&folder.join("one.der"));
    assert!(error.contains("REPLAYED_APPLICATION"), "{error}");
    assert_eq!(
        hand.apply(&hand.signed(1, "citizen-2", "two.der", &["-noattr"]))["state"],
        "APPROVED"
    );
    hand.openssl_citizen(
        "rsa",
        "/CN=R/serialNumber=777000111555",
        &["-days", "30"],
        "signing-ca",
    );
    let pss = hand.signed(
        2,
        "rsa",
        "pss.der",
        &["-keyopt", "rsa_padding_mode:pss", "-md", "sha384"],
    );
    assert_eq!(hand.apply(&pss)["state"], "APPROVED");
}
