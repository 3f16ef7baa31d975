//! What comes after a provisioning: a login, a lock, an end, and the audit of it all.

use crate::support::{fails, openssl, succeeds, wait_until, write};
use serde_json::Value;

use super::Hand;

impl Hand {
    pub(super) fn wait_for_phone(&self, card: usize) {
        wait_until("the phone dialling in again", || {
            let shown = self
                .tsm()
                .args(["show", "card", &self.cards[card], "--json"])
                .output()
                .unwrap();
            serde_json::from_slice::<Value>(&shown.stdout)
                .is_ok_and(|card| card["attached"] == true)
        });
    }

    /// Signs on a copy of the card, as the card itself is in the phone.
    pub(super) fn check_login(&self, credential: &str, pin: &str) {
        let folder = self.folder.path();
        std::fs::copy(self.card_state(0), folder.join("copy.state")).unwrap();
        write(&folder.join("challenge"), b"let me in");
        write(&folder.join("pin"), pin.as_bytes());
        let sign = |pin: &str| {
            let mut command = self.tsm();
            command.current_dir(folder);
            command.args([
                "card",
                "sign",
                "--state",
                "copy.state",
                "--challenge",
                "challenge",
            ]);
            command.args(["--out", "signature", "--pin-file", pin]);
            command
        };
        write(&folder.join("wrong"), b"0000");
        let error = fails(&mut sign("wrong"));
        assert!(error.contains("2 tries left"), "{error}");
        succeeds(&mut sign("pin"));
        succeeds(self.tsm().current_dir(folder).args([
            "show",
            "credential",
            credential,
            "--certificate",
            "certificate.pem",
        ]));
        let ca = self.dir().join("sp-tsm/user-authentication-ca.pem");
        openssl(
            folder,
            &["verify", "-CAfile", ca.to_str().unwrap(), "certificate.pem"],
        );
        let key = openssl(
            folder,
            &["x509", "-in", "certificate.pem", "-pubkey", "-noout"],
        );
        write(&folder.join("public.pem"), key.as_bytes());
        openssl(
            folder,
            &[
                "dgst",
                "-sha256",
                "-verify",
                "public.pem",
                "-signature",
                "signature",
                "challenge",
            ],
        );
        succeeds(
            self.tsm()
                .current_dir(folder)
                .args(["check", "certificate.pem"]),
        );
    }

    /// Suspend, resume, revoke and delete, on the server and on the card.
    pub(super) fn check_life(&self, credential: &str) {
        let check = || {
            let certificate = self.folder.path().join("certificate.pem");
            self.tsm()
                .arg("check")
                .arg(certificate)
                .output()
                .unwrap()
                .stdout
        };
        let suspended = self.change("suspend", credential);
        assert_eq!(
            (&suspended["state"], &suspended["card_agrees"]),
            (&"SUSPENDED".into(), &true.into())
        );
        assert!(self.tree(0).contains("LOCKED"), "{}", self.tree(0));
        assert_eq!(check(), b"SUSPENDED\n");
        assert_eq!(self.change("resume", credential)["state"], "ACTIVE");
        assert!(!self.tree(0).contains("LOCKED"), "{}", self.tree(0));
        assert_eq!(check(), b"GOOD\n");
        let revoked = self.change("revoke", credential);
        assert_eq!(
            (&revoked["state"], &revoked["card_agrees"]),
            (&"REVOKED".into(), &true.into())
        );
        assert!(self.tree(0).contains("no credential"), "{}", self.tree(0));
        assert_eq!(check(), b"REVOKED\n");
        let error = fails(self.tsm().args(["resume", credential]));
        assert!(error.contains("WRONG_STATE"), "{error}");
        let deleted = self.change("delete", credential);
        assert_eq!(deleted["card_agrees"], true);
        assert!(!self.tree(0).contains("D392F000"), "{}", self.tree(0));

        // The person may have another one now, on the same card.
        let application = self.apply(&self.signed(0, "taro", "third.der", &[]));
        let next = self.provision(application["application"].as_str().unwrap(), "9175");
        assert_eq!(next["state"], "ACTIVE");
        assert_ne!(next["credential"], credential);
    }

    pub(super) fn check_audit(&self) {
        let report = succeeds(self.tsm().args(["audit", "verify"]));
        assert!(report.contains("every hash fits"), "{report}");
    }
}
