//! `uicc-sim`: makes, shows and attaches simulated cards.

use std::process::ExitCode;

use clap::Parser;
use uicc_sim::cli::{self, Command};

/// A simulated UICC
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr);
    // What the phone does is worth a line each, unless RUST_LOG says otherwise.
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing_subscriber::filter::LevelFilter::INFO.into())
        .from_env_lossy();
    log.with_env_filter(filter).init();
    let interrupted = async {
        // Without a handler for the signal the process ends by it, which is as good.
        let _ = tokio::signal::ctrl_c().await;
    };
    match cli::run(arguments.command, interrupted).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("uicc-sim: {:#}", anyhow::Error::from(error));
            ExitCode::FAILURE
        }
    }
}
