//! The command line `tsm`: the demo, development set-up, and commands for
//! operators. It runs itself again as each server.

pub mod cli;
pub mod client;
pub mod commands;
pub mod demo;
pub mod dev;
pub mod failure;
pub mod login;
pub mod output;
pub mod output_file;

use cli::{
    ApduCommand, AuditCommand, CapCommand, CardCommand, Cli, Command, DevCommand, ShowCommand,
};
use client::Servers;
use commands::credential::Change;
use output::Output;

/// Runs one command.
///
/// # Errors
/// Whatever kept the command from doing its job.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    tsm_server::tls::install_provider();
    let output = Output::new(cli.json);
    match cli.command {
        // The servers set up their own runtime, logs and limits.
        Command::MnoTsm(args) => mno_tsm::cli::run(args),
        Command::SpTsm(args) => sp_tsm::cli::run(args),
        Command::Apdu(ApduCommand::Decode(args)) => commands::apdu::decode(&args, output),
        Command::Dev(command) => run_dev(command, &cli.config, output),
        Command::Cap(CapCommand::Inspect { file }) => commands::cap::inspect(&file, output),
        Command::Vault(command) => commands::vault::vault(&command, output),
        command => runtime()?.block_on(run_async(command, &cli.config, output)),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

fn run_dev(command: DevCommand, config: &std::path::Path, output: Output) -> anyhow::Result<()> {
    match command {
        DevCommand::Init(args) => dev::setup::init_command(&args, output),
        DevCommand::Cap { file, size } => dev::setup::write_cap_file(&file, size),
        DevCommand::Citizen {
            dir,
            name,
            serial_number,
        } => dev::setup::add_citizen(&dir, &name, &serial_number, output),
        DevCommand::Application { iccid } => dev::setup::print_application(&iccid),
        DevCommand::Register { dir } => runtime()?.block_on(async {
            // The folder's own client configuration, unless another was named.
            let own = dir.join("tsm.toml");
            let config = if own.exists() { own.as_path() } else { config };
            let servers = Servers::load(config)?;
            demo::wait_until_ready(&servers, &mut []).await?;
            commands::register::register(&servers, &dir)
                .await?
                .print(output)
        }),
    }
}

async fn run_async(
    command: Command,
    config: &std::path::Path,
    output: Output,
) -> anyhow::Result<()> {
    use commands::{application, audit, card, credential, listing};
    let servers = || Servers::load(config);
    match command {
        Command::Demo(args) => demo::run(&args, output).await,
        Command::Apply(args) => application::apply(&servers()?, &args, output).await,
        Command::Provision(args) => application::provision(&servers()?, &args, output).await,
        Command::Cancel { application } => {
            application::cancel(&servers()?, &application, output).await
        }
        Command::Show(ShowCommand::Application { id }) => {
            application::show(&servers()?, &id, output).await
        }
        Command::Show(ShowCommand::Credential { id, certificate }) => {
            credential::show(&servers()?, &id, certificate.as_deref(), output).await
        }
        Command::Show(ShowCommand::Card { iccid }) => card::show(&servers()?, &iccid, output).await,
        Command::List(args) => listing::list(&servers()?, args.what, output).await,
        Command::Suspend(args) => {
            credential::change(&servers()?, Change::Suspend, &args.credential, output).await
        }
        Command::Resume(args) => {
            credential::change(&servers()?, Change::Resume, &args.credential, output).await
        }
        Command::Revoke(args) => {
            credential::change(&servers()?, Change::Revoke, &args.credential, output).await
        }
        Command::Delete(args) => {
            credential::change(&servers()?, Change::Delete, &args.credential, output).await
        }
        Command::Check(args) => credential::check(&servers()?, &args.certificate, output).await,
        Command::Card(CardCommand::Register { file }) => {
            card::register(&servers()?, &file, output).await
        }
        Command::Card(CardCommand::Find(args)) => card::find(&servers()?, args, output).await,
        Command::Card(CardCommand::Events { iccid }) => {
            commands::subscription::events(&servers()?, &iccid, output).await
        }
        Command::Import(args) => commands::import::import(&servers()?, &args, output).await,
        Command::Profile(command) => commands::profile::profile(&servers()?, command, output).await,
        Command::Subscription(command) => {
            commands::subscription::subscription(&servers()?, command, output).await
        }
        Command::Card(CardCommand::Audit { iccid }) => {
            card::audit(&servers()?, &iccid, output).await
        }
        Command::Card(CardCommand::Tree { state }) => {
            let show = uicc_sim::cli::ShowArguments {
                state: Some(state),
                profile: String::new(),
                json: output.is_json(),
            };
            Ok(
                uicc_sim::cli::run(uicc_sim::cli::Command::Show(show), std::future::pending())
                    .await?,
            )
        }
        Command::Card(CardCommand::Sign {
            state,
            pin_file,
            challenge,
            out,
        }) => card::sign(&state, &pin_file, &challenge, &out),
        Command::Tenant(command) => commands::tenant::tenant(&servers()?, command, output).await,
        Command::Contract(command) => {
            commands::tenant::contract(&servers()?, command, output).await
        }
        Command::Audit(AuditCommand::Verify(args)) if args.file.is_some() => {
            audit::verify_file(&args, output)
        }
        Command::Audit(AuditCommand::Verify(_)) => audit::verify(&servers()?, output).await,
        Command::Audit(AuditCommand::Export(args)) => {
            audit::export(&servers()?, &args, output).await
        }
        Command::Audit(AuditCommand::List(args)) => audit::list(&servers()?, &args, output).await,
        Command::Receipt(command) => commands::receipt::receipt(&servers()?, command, output).await,
        Command::Settlement(args) => {
            commands::settlement::settlement(&servers()?, &args, output).await
        }
        Command::Explain(args) => commands::explain::explain(&servers()?, &args, output).await,
        Command::UiccSim(command) => {
            tsm_server::telemetry::init(&tsm_server::telemetry::LogConfig::default())?;
            let asked = tsm_server::shutdown::on_signal()?;
            Ok(uicc_sim::cli::run(command, asked.cancelled()).await?)
        }
        Command::Apdu(_)
        | Command::Cap(_)
        | Command::Dev(_)
        | Command::MnoTsm(_)
        | Command::SpTsm(_)
        | Command::Vault(_) => Ok(()),
    }
}
