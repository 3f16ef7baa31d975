//! Arguments of the program, also those of `tsm sp-tsm`.

use std::path::PathBuf;

use anyhow::Context as _;

/// The service provider's Trusted Service Manager.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "sp-tsm", version)]
pub struct Args {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE", env = "SP_TSM_CONFIG")]
    pub config: PathBuf,
}

/// Arguments → configuration → logs → server, until SIGTERM or ctrl-c. Sets up
/// its own runtime; call it outside of any.
///
/// # Errors
/// Whatever keeps the server from starting or from ending in order.
pub fn run(args: Args) -> anyhow::Result<()> {
    tsm_server::harden::harden().context("can not protect the memory of this process")?;
    let config: crate::config::Config = tsm_server::config::load(&args.config)?;
    tsm_server::telemetry::init(&config.log)?;
    config.log.announce("sp-tsm", config.listen);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("can not start the runtime")?;
    let served = runtime.block_on(async {
        let shutdown = tsm_server::shutdown::on_signal().context("can not listen to signals")?;
        crate::service::run(config, shutdown).await
    });
    if let Err(error) = &served {
        tracing::error!(error = %format_args!("{error:#}"), "the server ends with an error");
    }
    served
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn takes_the_configuration_file() {
        let args = Args::try_parse_from(["sp-tsm", "--config", "sp.toml"]).unwrap();
        assert_eq!(args.config, PathBuf::from("sp.toml"));
        Args::command().debug_assert();
    }

    #[test]
    fn names_the_file_when_it_is_missing() {
        let args = Args {
            config: PathBuf::from("/nowhere/sp.toml"),
        };
        let error = format!("{:#}", run(args).unwrap_err());
        assert!(error.contains("/nowhere/sp.toml"), "{error}");
    }
}
