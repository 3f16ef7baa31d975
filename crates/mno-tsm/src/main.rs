//! The operator's server as a program.

use clap::Parser;

fn main() -> std::process::ExitCode {
    match mno_tsm::cli::run(mno_tsm::cli::Args::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mno-tsm: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
