//! `tsm demo`: the main job in one command.
//!
//! A development PKI, both servers as child processes, cards in phones that
//! dial the gateway, citizens who sign applications, and a relying party that
//! accepts their logins. Standard output carries the result only; what happens
//! goes to standard error.

mod citizen_journey;
mod files;
mod phones;
mod population;
mod report;
mod secrets;
mod servers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::Semaphore;

pub use population::{Person, key_diversification_data};
pub use servers::{free_port, wait_until_ready};

use crate::cli::DemoArgs;
use crate::client::Servers;
use crate::dev::layout::{InitOptions, Layout, NewCard};
use crate::output::{Output, Paint};
use citizen_journey::{Journey, World};
use files::OutputFolder;
use phones::Phones;
use report::{CardReport, Report};
use secrets::SecretList;
use servers::Server;

/// Keys in the pool are made before the clock starts; more than these would
/// take minutes and prove nothing new.
const LARGEST_POOL: u32 = 1_000;

/// Runs the demo; an error means that not every credential is ACTIVE.
///
/// # Errors
/// When the folder is not usable, a server fails, or a citizen ends without a credential.
pub async fn run(args: &DemoArgs, output: Output) -> anyhow::Result<()> {
    let temporary;
    let folder = match &args.out {
        Some(folder) => folder.clone(),
        None => {
            temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
            temporary.path().join("demo")
        }
    };
    let report = run_in(&folder, args).await?;
    if let ([card], false) = (report.cards.as_slice(), output.is_json()) {
        draw(&folder.join(&card.iccid).join("card.state")).await?;
    }
    output.print(&report, |report| {
        let mut text = report.text();
        match &args.out {
            Some(folder) => text.push_str(&where_to_look(folder)),
            None => text.push_str("  Keep everything with --out DIR.\n"),
        }
        text
    })?;
    ensure!(
        report.active == report.cards.len(),
        "{} of {} citizens have no credential",
        report.cards.len() - report.active,
        report.cards.len()
    );
    Ok(())
}

/// The card as it is at the end: domains, keys, load file, applet, memory.
async fn draw(state: &Path) -> anyhow::Result<()> {
    println!("\n{}", Paint::stdout().strong("The card now"));
    let show = uicc_sim::cli::ShowArguments {
        state: Some(state.to_owned()),
        profile: String::new(),
        json: false,
    };
    let show = uicc_sim::cli::Command::Show(show);
    Ok(uicc_sim::cli::run(show, std::future::pending()).await?)
}

fn where_to_look(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "\n  {folder}/<iccid>/  certificate, challenge, signature, apdu.log and the card itself\n  \
         {folder}/ca.pem    certificate of the certification authority\n  \
         {folder}/relay.log what the carrier saw of the personalisation\n  \
         tsm card tree {folder}/<iccid>/card.state draws a card\n"
    )
}

async fn run_in(folder: &Path, args: &DemoArgs) -> anyhow::Result<Report> {
    let paint = Paint::stderr();
    let say = |text: &str| eprintln!("{} {text}", paint.good("•"));
    let seed = match args.seed {
        Some(seed) => seed,
        None => u64::from(getrandom::u32().context("no random seed")?),
    };
    let people: Vec<Person> = (0..args.cards)
        .map(|index| Person::new(seed, index))
        .collect();

    say(&format!(
        "development PKI, configuration and {} card(s), seed {seed}",
        people.len()
    ));
    let pool = key_pool(args);
    let (mno_port, sp_port) = (free_port()?, free_port()?);
    let layout = Layout::init(
        folder,
        &InitOptions {
            mno_port,
            sp_port,
            algorithm: args.algorithm,
            key_pool: pool,
            cards: people.iter().map(NewCard::from).collect(),
            cards_folder: PathBuf::new(),
        },
    )?;
    let secrets = args.danger_secrets.as_ref().map(|_| SecretList::default());
    if let Some(secrets) = &secrets {
        secrets.add_layout(&layout)?;
    }

    say("starting mno-tsm and sp-tsm");
    let mut mno = Server::start("mno-tsm", &layout.mno_config(), layout.mno_log())?;
    let mut sp = Server::start("sp-tsm", &layout.sp_config(), layout.sp_log())?;
    let servers = Servers::load(&layout.client_config())?;
    servers::wait_until_ready(&servers, &mut [&mut mno, &mut sp]).await?;

    say("registering package, service and cards; phones dial in");
    crate::commands::register::register(&servers, folder).await?;
    let phones = Phones::start(&layout, &servers, &people, secrets.as_ref())?;
    wait_for_key_pool(&servers, pool, args).await?;

    let report = serve_citizens(
        &layout,
        servers,
        people,
        phones,
        secrets.as_ref(),
        seed,
        pool,
        args,
    )
    .await;
    mno.stop()
        .await
        .and(sp.stop().await)
        .context("the servers did not end well")?;
    if let (Some(secrets), Some(path)) = (&secrets, &args.danger_secrets) {
        secrets.write(path)?;
    }
    report
}

fn key_pool(args: &DemoArgs) -> u32 {
    match args.algorithm {
        crate::cli::Algorithm::Rsa2048 => args.cards.min(LARGEST_POOL),
        _ => 0,
    }
}

async fn wait_for_key_pool(servers: &Servers, pool: u32, args: &DemoArgs) -> anyhow::Result<()> {
    if pool == 0 {
        return Ok(());
    }
    let bar = progress(pool, "key pairs (before the clock starts)");
    servers::wait_for_keys(servers, |ready, _| bar.set_position(u64::from(ready))).await?;
    bar.finish_and_clear();
    eprintln!(
        "{} {pool} key pair(s) ready, {}; the clock starts now",
        Paint::stderr().good("•"),
        args.algorithm.as_str()
    );
    Ok(())
}

/// Shown on a terminal only.
fn progress(length: u32, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("  {bar:40} {pos}/{len} {msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(u64::from(length))
        .with_style(style)
        .with_message(what.to_owned())
}

#[expect(
    clippy::too_many_arguments,
    reason = "everything that a run consists of, used once"
)]
async fn serve_citizens(
    layout: &Layout,
    servers: Servers,
    people: Vec<Person>,
    phones: Phones,
    secrets: Option<&SecretList>,
    seed: u64,
    pool: u32,
    args: &DemoArgs,
) -> anyhow::Result<Report> {
    let world = Arc::new(World {
        servers,
        applet: layout.applet(),
        authority: layout.credential_authority()?,
        files: OutputFolder::new(layout.folder()),
        show_steps: people.len() == 1,
    });
    let mut journeys = Vec::new();
    for person in people {
        let citizen = layout.citizen(&person)?;
        if let Some(secrets) = secrets {
            secrets.add_pem(&citizen.leaf().key)?;
        }
        let card = phones.card(&person.iccid)?;
        journeys.push(Journey {
            person,
            citizen,
            card,
        });
    }
    world.files.write_authority(&world.authority)?;

    let mut report = Report {
        active: 0,
        cards: Vec::new(),
        stages: Vec::new(),
        seed,
        algorithm: args.algorithm.as_str(),
        key_setup: "CARRIER_TRUSTED",
        key_pool: pool,
        parallel: args.parallel,
        seconds: 0.0,
        credentials_per_second: 0.0,
        most_exchanges: 0,
    };
    let bar = progress(args.cards, "credentials");
    let places = Arc::new(Semaphore::new(args.parallel as usize));
    let started = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for (index, journey) in journeys.into_iter().enumerate() {
        let (world, places) = (Arc::clone(&world), Arc::clone(&places));
        running.spawn(async move {
            let _place = places.acquire_owned().await;
            (index, journey.run(&world).await)
        });
    }
    let mut outcomes = Vec::new();
    while let Some(done) = running.join_next().await {
        let (index, outcome) = done.context("a citizen's task failed")?;
        outcomes.push((index, outcome));
        bar.inc(1);
    }
    let elapsed = started.elapsed();
    bar.finish_and_clear();
    phones.stop().await;

    outcomes.sort_by_key(|(index, _)| *index);
    for (_, outcome) in outcomes {
        report.active += usize::from(outcome.failure.is_none());
        report.cards.push(CardReport {
            iccid: outcome.iccid,
            pin: outcome.pin,
            state: outcome.state,
            exchanges: outcome.stages.iter().map(|stage| stage.exchanges).sum(),
            failure: outcome.failure,
        });
        for stage in outcome.stages {
            report.add_stage(stage);
        }
    }
    report.finish(elapsed);
    Ok(report)
}
