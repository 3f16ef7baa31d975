//! Never two live credentials for a person, nor two applications for a card, however they race.

use std::time::Duration;

use futures::future::join_all;
use tsm_proto::sp::{ApplicationState, CredentialState};
use tsm_tests::agreement::ensure_active;
use tsm_tests::audit;
use tsm_tests::calls::{new_request_id, reason, refused};
use tsm_tests::holder::Change;
use tsm_tests::world::{Options, World};

/// Races to run.
const ROUNDS: usize = 25;
/// Applications in each.
const RACERS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_applications_at_the_same_moment_exactly_one_is_accepted() -> anyhow::Result<()> {
    let options = Options {
        people: u32::try_from(2 * ROUNDS)?,
        ..Options::default()
    };
    let world = World::start_with(options).await?;
    for round in 0..ROUNDS {
        let holder = world.holder(round).await?;
        let spare = world.card(ROUNDS + round)?;
        let mut requests = Vec::new();
        for racer in 0..RACERS {
            // Half of them for another card: the person is what counts.
            let iccid = if racer % 2 == 0 {
                holder.iccid()
            } else {
                &spare.iccid
            };
            requests.push(holder.sign_for(iccid)?);
        }
        let answers = join_all(requests.into_iter().map(|request| holder.submit(request))).await;
        let refusals: Vec<_> = answers
            .iter()
            .filter_map(|answer| answer.as_ref().err().map(reason))
            .collect();
        assert_eq!(refusals, ["DOUBLE_ISSUANCE"; RACERS - 1], "round {round}");
    }
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_people_for_one_card_exactly_one_is_accepted() -> anyhow::Result<()> {
    let world = World::start().await?;
    for round in 0..8 {
        let (one, other) = (
            world.holder(3 * round).await?,
            world.holder(3 * round + 1).await?,
        );
        let card = world.card(3 * round + 2)?.iccid;
        let answers = join_all([
            one.submit(one.sign_for(&card)?),
            other.submit(other.sign_for(&card)?),
        ])
        .await;
        let refusals: Vec<_> = answers
            .iter()
            .filter_map(|answer| answer.as_ref().err().map(reason))
            .collect();
        assert_eq!(refusals, ["CARD_IN_USE"], "round {round}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_one_is_refused_while_the_first_is_open_or_live_and_accepted_after_its_end()
-> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let signed = holder.sign()?;
    let application = holder.submit(signed.clone()).await?;
    // The very same CMS under another request id is a replay, for ever.
    let replay = || {
        let mut replay = signed.clone();
        replay.request_id = new_request_id();
        replay
    };
    assert_eq!(
        refused(holder.submit(replay()).await)?,
        "REPLAYED_APPLICATION"
    );
    assert_eq!(
        refused(holder.submit(holder.sign()?).await)?,
        "DOUBLE_ISSUANCE"
    );

    holder.wait_attached(true).await?;
    let credential = holder.provision(&application.id).await?;
    assert_eq!(
        refused(holder.submit(holder.sign()?).await)?,
        "DOUBLE_ISSUANCE"
    );
    let suspended = holder.change(Change::Suspend, &credential.id).await?;
    assert_eq!(suspended.state(), CredentialState::Suspended);
    assert_eq!(
        refused(holder.submit(holder.sign()?).await)?,
        "DOUBLE_ISSUANCE"
    );
    holder.change(Change::Resume, &credential.id).await?;

    let revoked = holder.change(Change::Revoke, &credential.id).await?;
    assert_eq!(revoked.state(), CredentialState::Revoked);
    assert!(revoked.card_agrees);
    assert_eq!(
        refused(holder.submit(replay()).await)?,
        "REPLAYED_APPLICATION"
    );
    let second = holder.become_active().await?;
    assert_ne!(second.id, credential.id);
    ensure_active(&holder, &second).await?;
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_at_the_same_moment_provision_once() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let application = holder.apply().await?;
    holder.wait_attached(true).await?;
    let answers = join_all((0..4).map(|_| holder.provision_once(&application.id, |_| ()))).await;
    for status in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(reason(status), "CONFLICT");
    }
    let credential = holder
        .provision_within(&application.id, Duration::from_secs(30))
        .await?;
    ensure_active(&holder, &credential).await?;
    let application = holder.application(&application.id).await?;
    assert_eq!(application.state(), ApplicationState::Active);
    let exchanges: u32 = application.stages.iter().map(|stage| stage.exchanges).sum();
    assert!(exchanges <= 6, "{exchanges} exchanges");
    Ok(())
}
