//! Servers that die, between stages and in the middle of them: the run completes after they are back.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use tsm_proto::sp::ApplicationState;
use tsm_tests::agreement::{credentials_of, ensure_active};
use tsm_tests::audit;
use tsm_tests::contacts::{What, When};
use tsm_tests::world::{Options, World};

/// Which servers die.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Mno,
    Sp,
    Both,
}

const ALL: [Who; 3] = [Who::Mno, Who::Sp, Who::Both];

async fn kill_and_start(world: &mut World, who: Who) -> anyhow::Result<()> {
    if who != Who::Mno {
        world.kill_sp().await;
    }
    if who != Who::Sp {
        world.kill_mno().await;
    }
    // In any order: the provider's server may be the first one up.
    if who != Who::Mno {
        world.start_sp().await?;
    }
    if who != Who::Sp {
        world.start_mno().await?;
    }
    Ok(())
}

/// Stops each run at a stored state by switching the phone off, kills, and lets the citizen call again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_killed_between_any_two_stages_finish_the_run() -> anyhow::Result<()> {
    let options = Options {
        people: 200,
        cap_bytes: 100,
        ..Options::default()
    };
    let mut world = World::start_with(options).await?;
    let mut first = world.holder(0).await?;
    first.become_active().await?;
    let commands = first.commands();
    let mut index = 0;
    for who in ALL {
        let mut seen = BTreeSet::new();
        for n in (1..=commands).step_by(2) {
            index += 1;
            let mut holder = world.holder(index).await?;
            let application = holder.apply().await?;
            holder.wait_attached(true).await?;
            holder.contacts().plan(n, What::Phone, When::After);
            let stopped = holder.provision_once(&application.id, |_| ()).await;
            assert!(stopped.is_err());
            let stored = holder.application(&application.id).await?;
            // Each state once is enough.
            if !seen.insert(stored.state) {
                continue;
            }
            kill_and_start(&mut world, who).await?;
            assert_eq!(holder.application(&application.id).await?, stored);
            let credential = holder
                .provision(&application.id)
                .await
                .map_err(|error| error.context(format!("{who:?} died in {:?}", stored.state())))?;
            ensure_active(&holder, &credential).await?;
            assert_eq!(credentials_of(&holder).await?.len(), 1);
        }
        for state in [
            ApplicationState::Approved,
            ApplicationState::SeEligible,
            ApplicationState::Writing,
            ApplicationState::Written,
        ] {
            assert!(
                seen.contains(&state.into()),
                "{who:?} never died in {state:?}"
            );
        }
    }
    audit::ensure_chains_fit(&world.clients.servers).await
}

/// Kills at the moment that a stage is told of, while the next one begins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_s_server_killed_as_any_stage_begins_finishes_the_run() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let stages = [
        "eligibility",
        "deploy",
        "issue",
        "personalise",
        "commit",
        "activate",
    ];
    for (index, stage) in stages.into_iter().enumerate() {
        let mut holder = world.holder(index).await?;
        let application = holder.apply().await?;
        holder.wait_attached(true).await?;
        let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
        let call = holder.provision_once(&application.id, |name| {
            if name == stage {
                let _ = told.send(());
            }
        });
        let kill = async {
            hears.recv().await;
            kill_and_start(&mut world, Who::Mno).await
        };
        let (_, killed) = futures::join!(call, kill);
        killed?;
        let credential = holder
            .provision(&application.id)
            .await
            .map_err(|error| error.context(format!("killed after {stage}")))?;
        ensure_active(&holder, &credential).await?;
    }
    audit::ensure_chains_fit(&world.clients.servers).await
}

/// Kills at many moments of runs in full swing; no lease of a dead server keeps a card busy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_killed_at_any_moment_finish_all_runs() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut runs = Vec::new();
    for round in 0_u32..18 {
        let holder = world.holder(usize::try_from(round)?).await?;
        let application = holder.apply().await?;
        holder.wait_attached(true).await?;
        let who = ALL[usize::try_from(round)? % ALL.len()];
        let moment = Duration::from_millis(u64::from(round) * 17 % 250);
        {
            let call = holder.provision_once(&application.id, |_| ());
            let kill = async {
                tokio::time::sleep(moment).await;
                kill_and_start(&mut world, who).await
            };
            let (_, killed) = futures::join!(call, kill);
            killed?;
        }
        runs.push((holder, application.id));
    }
    let ends = join_all(runs.iter_mut().map(|(holder, application)| async move {
        let credential = holder.provision(application).await?;
        ensure_active(holder, &credential).await?;
        assert_eq!(credentials_of(holder).await?.len(), 1);
        anyhow::Ok(())
    }))
    .await;
    for end in ends {
        end?;
    }
    audit::ensure_chains_fit(&world.clients.servers).await
}
