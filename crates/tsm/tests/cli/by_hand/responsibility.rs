//! What can be shown to others afterwards: exported logs, receipts, settlement, explanations.

use crate::support::{fails, openssl, succeeds, write};
use serde_json::Value;

use super::Hand;

impl Hand {
    pub(super) fn check_responsibility(&self, credential: &str) {
        self.check_exports();
        self.check_receipt();
        self.check_settlement();
        self.check_explanations(credential);
    }

    fn check_exports(&self) {
        let folder = self.folder.path();
        for (of, server) in [("carrier", "mno-tsm"), ("provider", "sp-tsm")] {
            let (file, forged) = (format!("{of}.jsonl"), format!("{of}-forged.jsonl"));
            let tsm = |arguments: &[&str]| {
                let mut command = self.tsm();
                command.current_dir(folder).args(arguments);
                command
            };
            succeeds(&mut tsm(&["audit", "export", &file, "--of", of]));
            let twice = fails(&mut tsm(&["audit", "export", &file, "--of", of]));
            assert!(twice.contains("cannot write"), "{twice}");
            let certificate = self.dir().join(format!("pki/{server}-receipts.pem"));
            let certificate = certificate.to_str().unwrap();
            let verify = |file: &str| {
                // Without any server: there is none at this address.
                let mut command = tsm(&["audit", "verify", file, "--certificate", certificate]);
                command.env("TSM_CONFIG", "/nowhere/tsm.toml");
                command
            };
            let report = succeeds(&mut verify(&file));
            assert!(report.contains("every hash fits"), "{report}");
            let key = openssl(folder, &["x509", "-in", certificate, "-pubkey", "-noout"]);
            write(&folder.join("audit-key.pem"), key.as_bytes());
            succeeds(&mut tsm(&[
                "audit",
                "verify",
                &file,
                "--key",
                "audit-key.pem",
            ]));
            let untrusted = fails(&mut tsm(&["audit", "verify", &file]));
            assert!(untrusted.contains("--certificate"), "{untrusted}");

            let text = std::fs::read_to_string(folder.join(&file)).unwrap();
            let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
            let removed: Value = serde_json::from_str(lines.remove(2)).unwrap();
            write(&folder.join(&forged), lines.concat().as_bytes());
            let error = fails(&mut verify(&forged));
            let missing = format!(
                "line 3: entry {} of {} is missing",
                removed["sequence"],
                removed["subject"].as_str().unwrap()
            );
            assert!(error.contains(&missing), "{missing}: {error}");
        }
    }

    fn check_receipt(&self) {
        let folder = self.folder.path();
        let subject = format!("card/{}", self.cards[0]);
        let listed = succeeds(self.tsm().args(["receipt", "list", &subject, "--json"]));
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let id = listed["entries"][0]["id"].as_str().unwrap();
        let exported = folder.join("receipt");
        let out = exported.to_str().unwrap();
        succeeds(self.tsm().args(["receipt", "export", id, "--out", out]));
        let shown = succeeds(self.tsm().args(["receipt", "show", id]));
        let text = std::fs::read_to_string(exported.join("receipt.txt")).unwrap();
        assert_eq!(shown.trim_end(), text.trim_end());
        let verified = openssl(
            &exported,
            &[
                "dgst",
                "-sha256",
                "-verify",
                "key.pem",
                "-signature",
                "receipt.sig",
                "receipt.txt",
            ],
        );
        assert!(verified.contains("Verified OK"), "{verified}");
        let unknown = fails(self.tsm().args(["receipt", "show", "card/1/000000000001"]));
        assert!(unknown.contains("RECEIPT_UNKNOWN"), "{unknown}");
    }

    fn check_settlement(&self) {
        let wrong = fails(self.tsm().args(["settlement", "--month", "2026-13"]));
        assert!(wrong.contains("month"), "{wrong}");
        // Of the month in which the test runs: that of the last message.
        let entries = succeeds(self.tsm().args(["audit", "list", "card/", "--json"]));
        let entries: Value = serde_json::from_str(&entries).unwrap();
        let at = entries["entries"][0]["at"].as_str().unwrap();
        let at: jiff::Timestamp = at.parse().unwrap();
        let month = at
            .to_zoned(jiff::tz::offset(9).to_time_zone())
            .strftime("%Y-%m");
        let month = month.to_string();
        let settled = succeeds(self.tsm().args(["settlement", "--month", &month, "--json"]));
        let settled: Value = serde_json::from_str(&settled).unwrap();
        let line = &settled["lines"][0];
        assert_eq!(
            (&line["payer"], &line["payee"]),
            (&"j-lis".into(), &"carrier".into())
        );
        assert_eq!(line["installations"], 2, "{line}");
        assert_eq!(line["amount"], Value::Null);
        let csv = succeeds(
            self.tsm()
                .args(["settlement", "--month", &month, "--csv", "--check"]),
        );
        assert_eq!(csv.lines().count(), 2, "{csv}");
    }

    fn check_explanations(&self, credential: &str) {
        let card = &self.cards[0];
        let told = succeeds(self.tsm().args(["explain", card]));
        assert!(told.contains("jpki: install the applet"), "{told}");
        assert!(!told.contains(card.as_str()), "{told}");
        let full = succeeds(self.tsm().args(["explain", card, "--unmasked"]));
        assert!(full.contains(card.as_str()), "{full}");
        let deployment = format!("{card}/jpki");
        let told = succeeds(self.tsm().args(["explain", &deployment, "--lang", "ja"]));
        assert!(told.contains("アプレットをインストール"), "{told}");
        let told = succeeds(self.tsm().args(["explain", credential]));
        assert!(told.contains("revoked for good"), "{told}");
        assert!(told.contains("J-LIS (j-lis) answers for it"), "{told}");
        let unknown = fails(self.tsm().args(["explain", "nothing"]));
        assert!(unknown.contains("nothing"), "{unknown}");
    }
}
