//! OpenSC's JPKI driver and its PKCS#11 module on a card whose credential the servers issued.

use anyhow::ensure;
use tsm_tests::readers::said;
use uicc_sim::{CardConfig, Uicc};

use crate::desk::Desk;
use crate::provisioned::{Provisioned, provisioned, with_both_credentials};

/// Four digits that are not `pin`.
fn another(pin: &str) -> &'static str {
    if pin == "4711" { "4712" } else { "4711" }
}

#[test]
fn a_provisioned_card_is_a_jpki_card_for_opensc() -> anyhow::Result<()> {
    let Provisioned {
        card,
        pin,
        authority,
        certificate,
    } = provisioned()?;
    let desk = Desk::with(card)?;
    desk.write_authority(&authority)?;

    ensure!(desk.run("opensc-tool", &["--name"])?.contains("jpki"));
    let listed = desk.run("pkcs15-tool", &["-D"])?;
    for part in [
        "PKCS#15 Card [JPKI]",
        "PIN [User Authentication PIN]",
        "PIN [Digital Signature PIN]",
        "Private RSA Key [User Authentication Key]",
        "Private RSA Key [Digital Signature Key]",
        "X.509 Certificate [User Authentication Certificate]",
        "X.509 Certificate [User Authentication Certificate CA]",
        "Tries left     : 3",
        "Tries left     : 0",
    ] {
        ensure!(listed.contains(part), "{part} is missing:\n{listed}");
    }

    // The certificate that the server issued, and the authority's beside it.
    desk.read_certificate("1", "auth")?;
    let verified = desk.run("openssl", &["verify", "-CAfile", "ca.pem", "auth.pem"])?;
    ensure!(verified.contains("auth.pem: OK"), "{verified}");
    desk.run(
        "openssl",
        &[
            "x509", "-in", "auth.pem", "-outform", "DER", "-out", "auth.der",
        ],
    )?;
    ensure!(std::fs::read(desk.file("auth.der"))? == certificate);
    desk.read_certificate("3", "issuer")?;
    let fingerprint = |name| desk.run("openssl", &["x509", "-in", name, "-noout", "-fingerprint"]);
    ensure!(fingerprint("issuer.pem")? == fingerprint("ca.pem")?);

    let verify = ["--verify-pin", "--auth-id", "1", "--pin", &pin];
    desk.run("pkcs15-tool", &verify)?;
    desk.sign_with_every_mechanism("0", &pin, "auth")?;

    // Without the driver named beforehand it finds the card all the same; naming it saves the other drivers' probes.
    let mut named = desk.readers.command("pkcs15-tool");
    let named = named.arg("--list-pins").env("OPENSC_DRIVER", "jpki");
    let output = named.output()?;
    ensure!(output.status.success(), "{}", said(&output));
    Ok(())
}

#[test]
fn wrong_pins_block_and_the_right_one_gives_tries_back() -> anyhow::Result<()> {
    let Provisioned { card, pin, .. } = provisioned()?;
    let desk = Desk::with(card)?;
    desk.write("data", b"what is signed")?;
    let wrong = another(&pin);
    let sign = ["--sign", "--id", "01", "-m", "SHA256-RSA-PKCS"];
    let sign = [&sign[..], &["-i", "data", "-o", "signature"]].concat();
    let attempt = |pin: &str, complaint: Option<&str>, left| -> anyhow::Result<()> {
        let output = desk.pkcs11("0", pin, &sign)?;
        let said = said(&output);
        match complaint {
            None => ensure!(output.status.success(), "{said}"),
            Some(word) => ensure!(!output.status.success() && said.contains(word), "{said}"),
        }
        ensure!(desk.tries_left()? == left, "{left} tries expected: {said}");
        Ok(())
    };
    let incorrect = Some("CKR_PIN_INCORRECT");
    attempt(wrong, incorrect, 2)?;
    attempt(&pin, None, 3)?;
    attempt(wrong, incorrect, 2)?;
    attempt(wrong, incorrect, 1)?;
    attempt(wrong, incorrect, 0)?;
    attempt(wrong, Some("CKR_PIN_LOCKED"), 0)?;
    attempt(&pin, Some("CKR_PIN_LOCKED"), 0)?;
    // Everything public can still be read.
    desk.read_certificate("1", "auth")?;
    ensure!(
        desk.run("pkcs15-tool", &["--list-pins"])?
            .contains("Tries left     : 0")
    );
    Ok(())
}

#[test]
fn the_signature_credential_is_for_those_who_know_its_pin() -> anyhow::Result<()> {
    let desk = Desk::with(with_both_credentials()?)?;
    // Its certificate is not given away.
    let refused = desk
        .readers
        .output("pkcs15-tool", &["--read-certificate", "2"])?;
    ensure!(
        !said(&refused).contains("BEGIN CERTIFICATE"),
        "{}",
        said(&refused)
    );
    let listed = desk.run("pkcs15-tool", &["-D"])?;
    ensure!(listed.contains("Tries left     : 5"), "{listed}");
    let read = ["--verify-pin", "--auth-id", "2", "--pin", "ABC123"];
    let read = [
        &read[..],
        &["--read-certificate", "2", "--output", "sign.pem"],
    ]
    .concat();
    desk.run("pkcs15-tool", &read)?;
    ensure!(std::fs::read_to_string(desk.file("sign.pem"))?.contains("BEGIN CERTIFICATE"));
    let key = [
        "x509", "-in", "sign.pem", "-pubkey", "-noout", "-out", "sign.pub",
    ];
    desk.run("openssl", &key)?;
    desk.sign_with_every_mechanism("1", "ABC123", "sign")?;
    // And the other one on the same card.
    desk.read_certificate("1", "auth")?;
    desk.sign_with_every_mechanism("0", "1234", "auth")?;
    let wrong = desk.pkcs11("1", "ABC124", &["--list-objects"])?;
    ensure!(
        said(&wrong).contains("CKR_PIN_INCORRECT"),
        "{}",
        said(&wrong)
    );
    ensure!(
        desk.run("pkcs15-tool", &["--list-pins"])?
            .contains("Tries left     : 4")
    );
    Ok(())
}

#[test]
fn a_card_for_a_phone_is_a_jpki_card_too() -> anyhow::Result<()> {
    let profile = "preinstalled = [\"jpki\"]\n[usim]\nselected_at_reset = true";
    let desk = Desk::with(Uicc::new(CardConfig::parse(profile)?)?)?;
    ensure!(desk.run("opensc-tool", &["--name"])?.contains("jpki"));
    // Not yet personalised: both PINs are there, without tries.
    let listed = desk.run("pkcs15-tool", &["--list-pins"])?;
    ensure!(
        listed.matches("Tries left     : 0").count() == 2,
        "{listed}"
    );
    // What a phone reads first, in the state in which OpenSC left the card.
    let commands = [
        "00A40004023F00",
        "80F2000000",
        "00A40004022FE2",
        "00B000000A",
    ];
    let sends: Vec<&str> = commands
        .iter()
        .flat_map(|apdu| ["--send-apdu", apdu])
        .collect();
    let answers = desk.run("opensc-tool", &sends)?;
    ensure!(
        answers.matches("SW1=0x90, SW2=0x00").count() == 4,
        "{answers}"
    );
    ensure!(
        answers.contains("98 18 01 00 00 00 00 00 10 F0"),
        "{answers}"
    );
    Ok(())
}
