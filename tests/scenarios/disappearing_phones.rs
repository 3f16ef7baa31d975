//! A phone or card that vanishes in the middle of a script and comes back: the citizen calls again and ends ACTIVE.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt as _, TryStreamExt as _};
use tsm_tests::agreement::{ensure_active, ensure_active_after};
use tsm_tests::audit;
use tsm_tests::contacts::{What, When};
use tsm_tests::world::{Options, World};

/// Provisionings at a time.
const PARALLEL: usize = 6;

/// Card commands of one undisturbed provisioning.
async fn commands_of_a_provisioning(world: &World, index: usize) -> anyhow::Result<u64> {
    let mut holder = world.holder(index).await?;
    let credential = holder.become_active().await?;
    ensure_active(&holder, &credential).await?;
    let commands = holder.commands();
    Ok(commands)
}

/// Every command of a whole provisioning once, with card or phone gone right there.
async fn vanish_at_every_command(what: What, when: When) -> anyhow::Result<()> {
    let options = Options {
        people: 200,
        ..Options::default()
    };
    let world = World::start_with(options).await?;
    let commands = commands_of_a_provisioning(&world, 0).await?;
    assert!((30..150).contains(&commands), "{commands} commands");
    let done = Arc::new(AtomicUsize::new(0));
    let world = &world;
    futures::stream::iter(1..=commands)
        .map(|n| {
            let done = done.clone();
            async move {
                let index = usize::try_from(n)?;
                ensure_active_after(world, index, |contacts| contacts.plan(n, what, when))
                    .await
                    .map_err(|error| error.context(format!("{what:?} {when:?} command {n}")))?;
                done.fetch_add(1, Ordering::Relaxed);
                anyhow::Ok(())
            }
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<Vec<()>>()
        .await?;
    assert_eq!(done.load(Ordering::Relaxed), usize::try_from(commands)?);
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_vanishes_before_any_command_ends_active() -> anyhow::Result<()> {
    vanish_at_every_command(What::Card, When::Before).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_vanishes_with_any_answer_ends_active() -> anyhow::Result<()> {
    vanish_at_every_command(What::Card, When::After).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_vanishes_before_any_command_ends_active() -> anyhow::Result<()> {
    vanish_at_every_command(What::Phone, When::Before).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_vanishes_with_any_answer_ends_active() -> anyhow::Result<()> {
    vanish_at_every_command(What::Phone, When::After).await
}
