//! The command line `tsm`.

use std::process::ExitCode;

use clap::Parser as _;
use tsm::cli::Cli;
use tsm::output::Paint;

fn main() -> ExitCode {
    match tsm::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let paint = Paint::stderr();
            eprintln!("{} {}", paint.bad("error:"), tsm::failure::explain(&error));
            tsm::failure::exit_code(&error)
        }
    }
}
