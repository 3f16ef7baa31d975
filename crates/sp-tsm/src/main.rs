//! The service provider's server as a program.

use clap::Parser;

fn main() -> std::process::ExitCode {
    match sp_tsm::cli::run(sp_tsm::cli::Args::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sp-tsm: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
