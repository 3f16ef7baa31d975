//! A fleet of simulated cards in one process, provisioned by both servers.
//!
//! Prints what a card takes of memory and how long one takes to start, provisions all of them, prints how many
//! credentials per second that gave, and then repeats what some of the cards have heard to new cards with the same seeds:
//! same answers, same bytes.
//!
//! `FLEET_CARDS` says how many cards (500 unless told).

mod memory;
mod repetition;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use tsm_tests::agreement::ensure_agreed;
use tsm_tests::audit;
use tsm_tests::world::{Options, World};
use uicc_sim::Uicc;

use crate::repetition::Repetition;

/// Phones that are on at a time.
const PARALLEL: usize = 32;
/// Every so many-th card is repeated.
const SAMPLE: usize = 25;

fn main() -> ExitCode {
    match run() {
        Ok(()) => {
            println!("1 passed, 0 failed");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:?}");
            println!("0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let cards = match std::env::var("FLEET_CARDS") {
        Ok(text) => text.parse().context("FLEET_CARDS is no number of cards")?,
        Err(_) => 500,
    };
    ensure!(cards > 0, "FLEET_CARDS: a fleet has at least one card");
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(provision_all(cards))
}

async fn provision_all(cards: u32) -> anyhow::Result<()> {
    let options = Options {
        people: cards,
        ..Options::default()
    };
    let world = World::start_with(options).await?;
    let fleet = start_all(&world, usize::try_from(cards)?)?;

    let begun = Instant::now();
    let repetitions: Vec<Repetition> = futures::stream::iter(fleet.into_iter().enumerate())
        .map(|(index, card)| provision(&world, index, card))
        .buffer_unordered(PARALLEL)
        .try_filter_map(|repetition| async { Ok(repetition) })
        .try_collect()
        .await?;
    let took = begun.elapsed();
    println!(
        "provisioning: {cards} credentials ACTIVE in {:.1} s, {:.1} per second, {PARALLEL} phones at a time",
        took.as_secs_f64(),
        f64::from(cards) / took.as_secs_f64()
    );
    audit::ensure_chains_fit(&world.clients.servers).await?;

    let (count, mut commands) = (repetitions.len(), 0);
    for repetition in repetitions {
        commands += repetition.check()?;
    }
    println!("repetition: {count} cards, {commands} commands: same answers, same bytes");
    Ok(())
}

/// All cards, switched on, before anything else grows.
fn start_all(world: &World, count: usize) -> anyhow::Result<Vec<Uicc>> {
    let configs = (0..count)
        .map(|index| world.card(index))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let (before, begun) = (memory::resident_bytes()?, Instant::now());
    let mut cards = Vec::with_capacity(count);
    for config in configs {
        cards.push(Uicc::new(config)?);
    }
    let (took, after) = (begun.elapsed(), memory::resident_bytes()?);
    let each = |total: f64| total / count as f64;
    println!(
        "start: {count} cards, {:.1} us and {:.1} KiB each",
        each(took.as_secs_f64() * 1e6),
        each(after.saturating_sub(before) as f64 / 1024.0)
    );
    Ok(cards)
}

/// Provisions one card, which takes part only while its phone is on.
async fn provision(world: &World, index: usize, card: Uicc) -> anyhow::Result<Option<Repetition>> {
    let config = world.card(index)?;
    let is_sample = index.is_multiple_of(SAMPLE);
    let mut holder = world.holder_with(index, card, config.clone(), "").await?;
    if is_sample {
        holder.contacts().record();
    }
    holder.attach()?;
    let credential = holder
        .become_active()
        .await
        .with_context(|| format!("card {index}"))?;
    holder.contacts().switch_off();
    let repetition = is_sample.then(|| Repetition::of(config, &mut holder.contacts()));
    ensure_agreed(&holder, &credential).await?;
    repetition.transpose()
}
