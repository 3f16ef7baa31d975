//! Cards without enough memory are refused and left as they were.

use tsm_proto::sp::ApplicationState;
use tsm_tests::agreement::{credentials_of, ensure_active};
use tsm_tests::audit;
use tsm_tests::calls::refused;
use tsm_tests::world::World;
use uicc_sim::inventory::DomainInventory;
use uicc_sim::{CardConfig, Inventory};

/// What is on a card, without the sequence counters, which reading the card moves, and without how often it was written.
fn content(mut inventory: Inventory) -> Inventory {
    fn forget_counters(domains: &mut [DomainInventory]) {
        for domain in domains {
            for set in &mut domain.key_sets {
                set.counter = 0;
            }
            forget_counters(&mut domain.domains);
        }
    }
    forget_counters(&mut inventory.domains);
    inventory.writes = 0;
    inventory
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_without_enough_memory_is_refused_and_the_person_takes_another() -> anyhow::Result<()>
{
    let world = World::start().await?;
    for (index, memory_bytes) in [(0, 20_000), (1, 40_000), (2, 49_151)] {
        let small = CardConfig {
            memory_bytes,
            ..world.card(index)?
        };
        let holder = world.holder_of(index, small, "").await?;
        let before = content(holder.inventory());
        let application = holder.apply().await?;
        holder.wait_attached(true).await?;
        let answer = holder.provision_once(&application.id, |_| ()).await;
        assert_eq!(refused(answer)?, "INSUFFICIENT_SE_MEMORY", "{memory_bytes}");

        let application = holder.application(&application.id).await?;
        assert_eq!(application.state(), ApplicationState::Refused);
        assert_eq!(application.refusal, "INSUFFICIENT_SE_MEMORY");
        assert_eq!(content(holder.inventory()), before, "the card was changed");
        assert!(credentials_of(&holder).await?.is_empty());
        // Asking again changes nothing.
        let answer = holder.provision_once(&application.id, |_| ()).await;
        assert_eq!(refused(answer)?, "INSUFFICIENT_SE_MEMORY");

        // Another card, for the same person.
        let other = index + 10;
        let mut roomy = world.holder(other).await?;
        let signed = holder.sign_for(roomy.iccid())?;
        let application = roomy.submit(signed).await?;
        roomy.wait_attached(true).await?;
        let credential = roomy.provision(&application.id).await?;
        ensure_active(&roomy, &credential).await?;
    }
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_card_is_free_for_another_person_with_room() -> anyhow::Result<()> {
    let world = World::start().await?;
    let small = CardConfig {
        memory_bytes: 20_000,
        ..world.card(0)?
    };
    let holder = world.holder_of(0, small, "").await?;
    let application = holder.apply().await?;
    holder.wait_attached(true).await?;
    assert!(
        holder
            .provision_once(&application.id, |_| ())
            .await
            .is_err()
    );
    // The card's place is free: the next application for it is accepted, and refused for the same reason.
    let application = holder.apply().await?;
    let answer = holder.provision_once(&application.id, |_| ()).await;
    assert_eq!(refused(answer)?, "INSUFFICIENT_SE_MEMORY");
    Ok(())
}
