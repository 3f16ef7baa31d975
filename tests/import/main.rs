//! A delivery of many cards, against a server that is a process of its own: rows per second, bytes on disk per
//! card, resident memory of the server at 10, 50 and 100 %, going on after `kill -9`, and look-ups by ICCID and
//! MSISDN in the small fleet and in the large one.
//!
//! `IMPORT_CARDS` says how many cards (20,000 unless told).

mod lookups;
mod output_file;
mod server;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use tsm::client::Servers;
use tsm::commands::import::{Sending, send};
use tsm::output_file::{Format, summary};
use tsm_proto::mno::{CardProfile, PutCardProfileRequest};

use crate::lookups::Lookups;
use crate::server::Server;

/// Cards of the small fleet, with which the large one is compared.
const FEW: u64 = 10_000;

fn main() -> ExitCode {
    // This program is also the server.
    if let Ok(config) = std::env::var(server::CONFIG) {
        tsm_server::tls::install_provider();
        let served = mno_tsm::cli::run(mno_tsm::cli::Args {
            config: config.into(),
        });
        return if served.is_ok() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
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
    let cards = match std::env::var("IMPORT_CARDS") {
        Ok(text) => text.parse().context("IMPORT_CARDS is no number of cards")?,
        Err(_) => 20_000,
    };
    ensure!(cards >= 100, "IMPORT_CARDS: at least 100");
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(import(cards))
}

async fn import(cards: u64) -> anyhow::Result<()> {
    tsm_server::tls::install_provider();
    let begun = Instant::now();
    let folder = tempfile::tempdir()?;
    let mut server = Server::set_up(&folder.path().join("dev"))?;
    server.start().await?;
    let servers = Servers::load(&server.client_config())?;
    put_profile(&servers).await?;

    let few = folder.path().join("few.csv");
    let small = output_file::write(&few, 0..FEW.min(cards / 2))?;
    deliver(&servers, &few, "few", |_| Ok(())).await?;
    let before = Lookups::measure(&servers, &small).await?;

    let many = folder.path().join("many.csv");
    let large = output_file::write(&many, FEW..FEW + cards)?;
    interrupted(&mut server, &servers, &many, cards).await?;
    take_all(&server, &servers, &many, cards).await?;
    let after = Lookups::measure(&servers, &large).await?;
    println!("look-up by ICCID:  {}", before.iccid.compared(&after.iccid));
    println!(
        "look-up by MSISDN: {}",
        before.msisdn.compared(&after.msisdn)
    );
    println!("all of it took {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Kills the server while a tenth of the rows is on its way. Whatever was acknowledged must be there afterwards.
async fn interrupted(
    server: &mut Server,
    servers: &Servers,
    file: &std::path::Path,
    cards: u64,
) -> anyhow::Result<()> {
    let mut acknowledged = 0;
    let broken = deliver(servers, file, "many", |rows| {
        acknowledged = rows;
        if rows >= cards / 10 {
            print_size(server, rows, cards)?;
            server.kill()?;
        }
        Ok(())
    })
    .await;
    ensure!(
        broken.is_err(),
        "the import did not notice that the server was killed"
    );
    server.start().await?;
    let request = tsm_proto::mno::GetImportRequest {
        name: "many".to_owned(),
    };
    let kept = servers.imports()?.get_import(request).await?.into_inner();
    let rows = kept.next_row - 1;
    ensure!(
        rows >= acknowledged && rows < cards && !kept.done,
        "{acknowledged} rows were acknowledged, {rows} are there"
    );
    println!(
        "kill -9 of the server: {acknowledged} rows were acknowledged, the import goes on behind row {rows}"
    );
    Ok(())
}

/// Takes the rows that are left, and prints what that cost.
async fn take_all(
    server: &Server,
    servers: &Servers,
    file: &std::path::Path,
    cards: u64,
) -> anyhow::Result<()> {
    let (begun, mut first) = (Instant::now(), None);
    let mut left = vec![cards / 2, cards];
    let import = deliver(servers, file, "many", |rows| {
        first.get_or_insert(rows);
        while left.first().is_some_and(|mark| rows >= *mark) {
            left.remove(0);
            print_size(server, rows, cards)?;
        }
        Ok(())
    })
    .await?;
    let seconds = begun.elapsed().as_secs_f64();
    let taken = cards - first.unwrap_or(0);
    println!(
        "import: {taken} rows in {seconds:.1} s, {:.0} rows per second",
        taken as f64 / seconds
    );
    ensure!(
        import.accepted == cards && import.refused == 0 && import.present == 0,
        "{import:?}"
    );
    // Once more changes nothing.
    let again = deliver(servers, file, "many", |_| Ok(())).await?;
    ensure!(again == import, "{again:?}");
    Ok(())
}

/// What the server takes of memory and disk.
fn print_size(server: &Server, rows: u64, cards: u64) -> anyhow::Result<()> {
    let before = FEW.min(cards / 2);
    println!(
        "{rows:>9} rows: server has {:>4} MiB resident, {:>5.0} bytes on disk per card",
        server.resident_bytes()? >> 20,
        server.disk_bytes()? as f64 / (rows + before) as f64
    );
    Ok(())
}

/// Sends a file; `progress` hears how many rows are stored.
async fn deliver(
    servers: &Servers,
    file: &std::path::Path,
    name: &str,
    mut progress: impl FnMut(u64) -> anyhow::Result<()>,
) -> anyhow::Result<tsm_proto::mno::Import> {
    let sending = Sending {
        file,
        format: Format::Csv,
        ignored: &[],
        name: name.to_owned(),
        transport_key: String::new(),
        summary: summary(file)?,
    };
    let mut failed = None;
    let sent = send(servers, &sending, |import| {
        if let Err(error) = progress(import.next_row - 1) {
            failed.get_or_insert(error);
        }
    })
    .await;
    match failed {
        Some(error) => Err(error),
        None => sent,
    }
}

async fn put_profile(servers: &Servers) -> anyhow::Result<()> {
    let profile = CardProfile {
        name: output_file::PROFILE.to_owned(),
        isd_aid: vec![0xA0, 0, 0, 1, 0x51, 0, 0, 0].into(),
        gp_version: "2.3.1".to_owned(),
        scp_i: 0x70,
        key_bytes: 16,
        memory_bytes: 131_072,
        ..CardProfile::default()
    };
    let request = PutCardProfileRequest {
        profile: Some(profile),
    };
    servers.profiles()?.put_card_profile(request).await?;
    Ok(())
}
