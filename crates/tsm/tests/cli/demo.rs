//! The main job, checked by outside programs: one command, then openssl.

use std::path::Path;

use crate::support::{fails, files_below, openssl, succeeds, tsm};
use serde_json::Value;

struct Demo {
    folder: tempfile::TempDir,
    report: Value,
}

impl Demo {
    fn run(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = succeeds(
            tsm()
                .args(["demo", "--json", "--out"])
                .arg(folder.path().join("out"))
                .arg("--danger-secrets")
                .arg(folder.path().join("secrets"))
                .args(arguments),
        );
        let report = serde_json::from_str(&out).expect("standard output is one JSON object");
        Self { folder, report }
    }

    fn out(&self) -> std::path::PathBuf {
        self.folder.path().join("out")
    }

    fn cards(&self) -> &Vec<Value> {
        self.report["cards"].as_array().unwrap()
    }

    /// Chain and signature of every card, as a relying party with openssl sees them.
    fn check_with_openssl(&self) {
        for card in self.cards() {
            assert_eq!(card["state"], "ACTIVE");
            assert!(card["exchanges"].as_u64().unwrap() <= 6, "{card}");
            let folder = self.out().join(card["iccid"].as_str().unwrap());
            openssl(
                &folder,
                &["verify", "-CAfile", "../ca.pem", "certificate.pem"],
            );
            let key = openssl(
                &folder,
                &["x509", "-in", "certificate.pem", "-pubkey", "-noout"],
            );
            crate::support::write(&folder.join("public.pem"), key.as_bytes());
            let verified = openssl(
                &folder,
                &[
                    "dgst",
                    "-sha256",
                    "-verify",
                    "public.pem",
                    "-signature",
                    "signature.bin",
                    "challenge.bin",
                ],
            );
            assert!(verified.contains("Verified OK"), "{verified}");
            for file in ["apdu.log", "card.state"] {
                assert!(
                    folder.join(file).metadata().unwrap().len() > 0,
                    "{file} is empty"
                );
            }
        }
    }

    /// Files in which no secret may be found.
    fn exposed_files(&self) -> Vec<std::path::PathBuf> {
        let out = self.out();
        let mut files = vec![out.join("relay.log")];
        for server in ["mno-tsm", "sp-tsm"] {
            files.extend(files_below(&out.join(server).join("store")));
            files.push(out.join(server).join("log"));
        }
        files
    }

    fn check_that_nothing_leaked(&self) {
        let secrets = std::fs::read_to_string(self.folder.path().join("secrets")).unwrap();
        let secrets: Vec<Vec<u8>> = secrets
            .lines()
            .map(|line| hex::decode(line).unwrap())
            .collect();
        assert!(secrets.len() > 50, "only {} secrets", secrets.len());
        for path in self.exposed_files() {
            let bytes = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes).to_uppercase();
            for secret in &secrets {
                assert!(
                    !contains(&bytes, secret),
                    "a secret lies in {}",
                    path.display()
                );
                assert!(
                    !text.contains(&hex::encode_upper(secret)),
                    "a secret lies in {} as hex",
                    path.display()
                );
            }
        }
        self.check_that_no_pin_crossed_the_relay();
    }

    fn check_that_no_pin_crossed_the_relay(&self) {
        let relay = std::fs::read_to_string(self.out().join("relay.log")).unwrap();
        let apdus: Vec<Vec<u8>> = relay
            .lines()
            .filter_map(|line| hex::decode(line.split(' ').next_back()?).ok())
            .collect();
        assert!(
            apdus.len() > 10,
            "the relay log shows {} APDUs",
            apdus.len()
        );
        for card in self.cards() {
            let pin = card["pin"].as_str().unwrap();
            assert!(pin.len() == 4 && pin.bytes().all(|b| b.is_ascii_digit()));
            for apdu in &apdus {
                assert!(!contains(apdu, pin.as_bytes()), "a PIN crossed the relay");
            }
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[test]
fn a_citizen_gets_a_working_rsa_credential() {
    let demo = Demo::run(&["--seed", "7"]);
    assert_eq!(demo.report["active"], 1);
    assert_eq!(demo.cards().len(), 1);
    let stages = demo.report["stages"].as_array().unwrap();
    let exchanges: u64 = stages
        .iter()
        .map(|stage| stage["exchanges"].as_u64().unwrap())
        .sum();
    assert_eq!(exchanges, demo.cards()[0]["exchanges"].as_u64().unwrap());
    demo.check_with_openssl();
    demo.check_that_nothing_leaked();
    let names = |name: &str| {
        files_below(&demo.out())
            .iter()
            .filter(|p| p.file_name().unwrap() == name)
            .count()
    };
    assert_eq!(names("ca.pem"), 1);
    assert_eq!(names("certificate.pem"), 1);
    let text = openssl(
        &demo.out().join(demo.cards()[0]["iccid"].as_str().unwrap()),
        &["x509", "-in", "certificate.pem", "-noout", "-text"],
    );
    assert!(text.contains("Public-Key: (2048 bit)"), "{text}");
    check_tree(&demo);
}

fn check_tree(demo: &Demo) {
    let iccid = demo.cards()[0]["iccid"].as_str().unwrap();
    let state = demo.out().join(iccid).join("card.state");
    let tree = succeeds(tsm().args(["card", "tree"]).arg(&state));
    for expected in [
        iccid,
        "D392F00026535344000001",
        "D392F000260100000001",
        "RSA-2048",
    ] {
        assert!(tree.contains(expected), "{expected} is not in\n{tree}");
    }
}

#[test]
fn elliptic_curves_work_for_several_citizens_at_once() {
    for algorithm in ["p256", "p384"] {
        let demo = Demo::run(&["--cards", "5", "--algorithm", algorithm]);
        assert_eq!(demo.report["active"], 5);
        demo.check_with_openssl();
        demo.check_that_nothing_leaked();
    }
}

#[test]
fn equal_seeds_give_equal_cards_and_citizens() {
    let runs: Vec<Demo> = (0..2)
        .map(|_| Demo::run(&["--seed", "41", "--cards", "2", "--algorithm", "p256"]))
        .collect();
    let people = |demo: &Demo| -> Vec<_> {
        demo.cards()
            .iter()
            .map(|card| (card["iccid"].clone(), card["pin"].clone()))
            .collect()
    };
    assert_eq!(people(&runs[0]), people(&runs[1]));
}

#[test]
fn a_folder_with_something_in_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    crate::support::write(&folder.path().join("mine"), b"keep");
    let error = fails(tsm().args(["demo", "--out"]).arg(folder.path()));
    assert!(error.contains("not empty"), "{error}");
    assert_eq!(files_below(folder.path()), [folder.path().join("mine")]);
}

#[test]
fn nothing_is_left_behind_without_a_folder() {
    let temporary = tempfile::tempdir().unwrap();
    succeeds(
        tsm()
            .args(["demo", "--algorithm", "p256"])
            .env("TMPDIR", temporary.path()),
    );
    assert_eq!(
        files_below(temporary.path()),
        Vec::<std::path::PathBuf>::new()
    );
    assert!(Path::new(temporary.path()).exists());
}
