//! A card that loses power at a write of its memory, every one of a whole provisioning by our servers in turn: it has the old
//! state or the new one, and the citizen calls again and ends ACTIVE.

use futures::{StreamExt as _, TryStreamExt as _};
use tsm_tests::agreement::{ensure_active, ensure_active_after};
use tsm_tests::audit;
use tsm_tests::contacts::Contacts;
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
            let plan = |contacts: &mut Contacts| contacts.card().tear(tear);
            let torn = ensure_active_after(world, index, plan).await;
            torn.map_err(|error| error.context(format!("{tear:?}")))
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<Vec<()>>()
        .await?;
    audit::ensure_chains_fit(&world.clients.servers).await
}
