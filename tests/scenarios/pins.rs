//! PINs: three wrong ones block, for good, and the servers don't mind.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use tsm::dev::layout::JPKI_INSTANCE;
use tsm_proto::sp::CredentialState;
use tsm_proto::sp::check_certificate_response::Status as CertificateStatus;
use tsm_tests::agreement::{ensure_active, jpki};
use tsm_tests::audit;
use tsm_tests::holder::Change;
use tsm_tests::world::World;
use uicc_sim::Uicc;

/// Selects the applet and its PIN, and verifies these digits; returns the status word.
fn verify(card: &mut Uicc, pin: &str) -> anyhow::Result<u16> {
    let mut last = 0;
    for command in [
        CommandApdu::new(0x00, 0xA4, 0x04, 0x0C).with_data(JPKI_INSTANCE.as_bytes()),
        CommandApdu::new(0x00, 0xA4, 0x02, 0x0C).with_data([0x00, 0x18]),
        CommandApdu::new(0x00, 0x20, 0x00, 0x80).with_data(pin.as_bytes()),
    ] {
        last = ResponseApdu::decode(&card.transmit(&command.encode()?))?
            .sw
            .0;
    }
    Ok(last)
}

/// Four digits that are not `pin`.
fn another(pin: &str) -> &'static str {
    if pin == "4711" { "4712" } else { "4711" }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_wrong_pins_block_the_key_until_the_credential_is_replaced() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let credential = holder.become_active().await?;
    let (right, wrong) = (holder.person.pin.clone(), another(&holder.person.pin));

    // A right one in between gives all tries back.
    for (pin, answer) in [(wrong, 0x63C2), (&*right, 0x9000), (wrong, 0x63C2)] {
        assert_eq!(verify(holder.contacts().card(), pin)?, answer);
    }
    holder.contacts().card().power_off();
    assert_eq!(verify(holder.contacts().card(), wrong)?, 0x63C1);
    assert_eq!(verify(holder.contacts().card(), wrong)?, 0x63C0);
    assert_eq!(verify(holder.contacts().card(), &right)?, 0x6983);
    assert!(holder.log_in().is_err());

    // Blocked also after a power cycle, and in the file that the card lives in.
    holder.contacts().card().power_off();
    assert_eq!(verify(holder.contacts().card(), &right)?, 0x6983);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("card.state");
    holder.contacts().card().persist_to(&file)?;
    assert_eq!(verify(&mut Uicc::open(&file)?, &right)?, 0x6983);
    assert_eq!(jpki(&holder)?.pin_tries_left, 0);

    // The provider's view has not changed, and it can still manage the card.
    assert_eq!(holder.credential(&credential.id).await?, credential);
    let status = holder.check(&credential.certificate_der).await?;
    assert_eq!(status, CertificateStatus::Good);
    let suspended = holder.change(Change::Suspend, &credential.id).await?;
    assert!(suspended.card_agrees);
    let resumed = holder.change(Change::Resume, &credential.id).await?;
    assert_eq!(resumed.state(), CredentialState::Active);
    assert_eq!(
        jpki(&holder)?.pin_tries_left,
        0,
        "resuming is no unblocking"
    );

    let revoked = holder.change(Change::Revoke, &credential.id).await?;
    assert!(revoked.card_agrees);
    let replaced = holder.become_active().await?;
    assert_ne!(replaced.id, credential.id);
    ensure_active(&holder, &replaced).await?;
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anything_but_four_digits_is_refused_before_work_begins() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let application = holder.apply().await?;
    let right = holder.person.pin.clone();
    for pin in ["", "123", "12345", "12a4", "１２３４", "12 4"] {
        holder.person.pin = pin.to_owned();
        let answer = holder.provision_once(&application.id, |_| ()).await;
        assert_eq!(tsm_tests::calls::refused(answer)?, "PIN_MALFORMED", "{pin}");
    }
    assert_eq!(holder.commands(), 0);
    holder.person.pin = right;
    holder.wait_attached(true).await?;
    let credential = holder.provision(&application.id).await?;
    ensure_active(&holder, &credential).await
}
