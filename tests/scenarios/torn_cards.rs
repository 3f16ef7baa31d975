//! A card that loses power at a write of its memory, every one of a whole provisioning by our servers in turn: it has the old
//! state or the new one, and the citizen calls again and ends ACTIVE.

use futures::{StreamExt as _, TryStreamExt as _};
use tsm_tests::agreement::{credentials_of, ensure_active};
use tsm_tests::audit;
use tsm_tests::world::{Options, World};
use uicc_sim::faults::Tear;

/// Provisionings at a time.
const PARALLEL: usize = 6;

/// Writes of one undisturbed provisioning.
async fn writes_of_a_provisioning(world: &World, index: usize) -> anyhow::Result<u64> {
    let mut holder = world.holder(index).await?;
    let application = holder.apply().await?;
    holder.wait_attached(true).await?;
    let before = holder.contacts().card().writes();
    let credential = holder.provision(&application.id).await?;
    let writes = holder.contacts().card().writes() - before;
    ensure_active(&holder, &credential).await?;
    Ok(writes)
}

async fn tear_at(world: &World, index: usize, tear: Tear) -> anyhow::Result<()> {
    let mut holder = world.holder(index).await?;
    let application = holder.apply().await?;
    holder.wait_attached(true).await?;
    holder.contacts().card().tear(tear);
    let first = holder.provision_once(&application.id, |_| ()).await;
    assert!(first.is_err(), "no power was lost at {tear:?}");
    let credential = holder.provision(&application.id).await?;
    ensure_active(&holder, &credential).await?;
    let all = credentials_of(&holder).await?;
    assert_eq!(all.len(), 1, "a credential was made twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_torn_at_any_write_ends_active() -> anyhow::Result<()> {
    let options = Options {
        people: 100,
        ..Options::default()
    };
    let world = World::start_with(options).await?;
    let writes = writes_of_a_provisioning(&world, 0).await?;
    assert!((10..40).contains(&writes), "{writes} writes");
    let world = &world;
    let tears = (1..=writes).flat_map(|n| [Tear::BeforeWrite(n), Tear::AfterWrite(n)]);
    futures::stream::iter(tears.zip(1..))
        .map(|(tear, index)| async move {
            let torn = tear_at(world, index, tear).await;
            torn.map_err(|error| error.context(format!("{tear:?}")))
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<Vec<()>>()
        .await?;
    audit::ensure_chains_fit(&world.clients.servers).await
}
