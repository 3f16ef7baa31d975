//! Changes while the phone is away: the server at once, the card when it comes back.

use tsm::dev::layout::JPKI_INSTANCE;
use tsm_proto::mno::ServiceState;
use tsm_proto::sp::check_certificate_response::Status as CertificateStatus;
use tsm_proto::sp::{Credential, CredentialState};
use tsm_tests::agreement::{ensure_active, jpki};
use tsm_tests::audit;
use tsm_tests::calls::refused;
use tsm_tests::holder::{Change, Holder};
use tsm_tests::world::World;

/// Changes while the phone is away; checks what holds at once.
async fn change_while_away(
    holder: &mut Holder,
    credential: &Credential,
    change: Change,
    (state, status): (CredentialState, CertificateStatus),
) -> anyhow::Result<()> {
    holder.detach().await?;
    let before = holder.inventory();
    let changed = holder.change(change, &credential.id).await?;
    assert_eq!(changed.state(), state, "{change:?}");
    assert!(!changed.card_agrees, "{change:?}");
    assert_eq!(holder.check(&credential.certificate_der).await?, status);
    assert_eq!(holder.inventory(), before, "the card was away");
    Ok(())
}

/// Switches the phone on and waits for the card to follow.
async fn come_back(holder: &mut Holder, credential: &Credential) -> anyhow::Result<Credential> {
    holder.attach()?;
    holder.wait_until_card_agrees(&credential.id).await
}

fn life_cycle(holder: &Holder) -> Option<String> {
    let inventory = holder.inventory();
    inventory
        .applet(&JPKI_INSTANCE)
        .map(|applet| applet.life_cycle.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspend_and_resume_reach_the_card_when_it_is_back() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let credential = holder.become_active().await?;

    let suspended = (CredentialState::Suspended, CertificateStatus::Suspended);
    change_while_away(&mut holder, &credential, Change::Suspend, suspended).await?;
    let known = come_back(&mut holder, &credential).await?;
    assert_eq!(known.state(), CredentialState::Suspended);
    assert!(life_cycle(&holder).is_some_and(|state| state.contains("LOCKED")));
    assert!(holder.log_in().is_err(), "a locked applet signs nothing");
    assert_eq!(
        holder.deployment().await?.observed(),
        ServiceState::Suspended
    );

    // Not accepted again before the card was read back unlocked.
    change_while_away(&mut holder, &credential, Change::Resume, suspended).await?;
    let known = come_back(&mut holder, &credential).await?;
    assert_eq!(known.state(), CredentialState::Active);
    ensure_active(&holder, &known).await?;
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoke_reaches_the_card_when_it_is_back() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let credential = holder.become_active().await?;
    let revoked = (CredentialState::Revoked, CertificateStatus::Revoked);
    change_while_away(&mut holder, &credential, Change::Revoke, revoked).await?;

    // The person is free at once, the card when it has followed.
    let other = world.holder(1).await?;
    let same_card = holder.sign()?;
    assert_eq!(refused(holder.submit(same_card).await)?, "CARD_IN_USE");
    let application = other.submit(holder.sign_for(other.iccid())?).await?;
    let mut other = other;
    other.wait_attached(true).await?;
    let second = other.provision(&application.id).await?;
    ensure_active(&other, &second).await?;

    let known = come_back(&mut holder, &credential).await?;
    assert_eq!(known.state(), CredentialState::Revoked);
    assert!(!jpki(&holder)?.live, "the key is still there");
    assert!(holder.log_in().is_err());
    let again = refused(holder.change(Change::Resume, &credential.id).await)?;
    assert_eq!(again, "WRONG_STATE");
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoke_of_a_suspended_credential_reaches_the_card() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let credential = holder.become_active().await?;
    holder.change(Change::Suspend, &credential.id).await?;
    holder.wait_until_card_agrees(&credential.id).await?;
    let revoked = (CredentialState::Revoked, CertificateStatus::Revoked);
    change_while_away(&mut holder, &credential, Change::Revoke, revoked).await?;
    come_back(&mut holder, &credential).await?;
    assert!(holder.log_in().is_err());
    let second = holder.become_active().await?;
    ensure_active(&holder, &second).await?;
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delete_frees_the_whole_card_when_it_is_back() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let new = holder.inventory();
    let credential = holder.become_active().await?;
    assert!(holder.inventory().memory.used > new.memory.used);
    let revoked = (CredentialState::Revoked, CertificateStatus::Revoked);
    change_while_away(&mut holder, &credential, Change::Delete, revoked).await?;
    let known = come_back(&mut holder, &credential).await?;
    assert_eq!(known.state(), CredentialState::Revoked);
    let after = holder.inventory();
    assert_eq!(after.memory, new.memory, "not all memory is free");
    assert_eq!(after.volatile, new.volatile);
    assert!(after.applet(&JPKI_INSTANCE).is_none());
    assert_eq!(after.domains[0].domains, new.domains[0].domains);
    assert_eq!(after.domains[0].load_files, new.domains[0].load_files);
    let deployment = holder.deployment().await?;
    assert_eq!(deployment.observed(), ServiceState::Absent);
    assert!(deployment.converged);

    // As good as new.
    let second = holder.become_active().await?;
    ensure_active(&holder, &second).await?;
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_card_owes_survives_the_death_of_both_servers() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let credential = holder.become_active().await?;
    let suspended = (CredentialState::Suspended, CertificateStatus::Suspended);
    change_while_away(&mut holder, &credential, Change::Suspend, suspended).await?;
    world.kill_sp().await;
    world.kill_mno().await;
    world.start_mno().await?;
    world.start_sp().await?;
    let known = come_back(&mut holder, &credential).await?;
    assert_eq!(known.state(), CredentialState::Suspended);
    assert!(life_cycle(&holder).is_some_and(|state| state.contains("LOCKED")));
    audit::ensure_chains_fit(&world.clients.servers).await
}
