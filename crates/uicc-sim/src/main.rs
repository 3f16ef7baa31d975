//! `uicc-sim`: makes, shows and attaches simulated cards.

use std::io::IsTerminal as _;
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
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // Nobody may be listening to standard error any more; the card goes on, and ends when it is asked to.
        .log_internal_errors(false);
    // What the phone does is worth a line each, unless RUST_LOG says otherwise.
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing_subscriber::filter::LevelFilter::INFO.into())
        .from_env_lossy();
    log.with_env_filter(filter).init();
    match run(arguments.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("uicc-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Until SIGTERM or ctrl-c, where a command has no end of its own; at the second the process ends at once.
async fn run(command: Command) -> anyhow::Result<()> {
    let asked = tsm_server::shutdown::on_signal()?;
    Ok(cli::run(command, asked.cancelled()).await?)
}
