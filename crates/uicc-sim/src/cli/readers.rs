//! `uicc-sim pcsc` and `uicc-sim tcp`.

use std::future::Future;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use clap::Args;

use super::{CardArguments, CliError, print};
use crate::phone::SharedCard;
use crate::reader::{Stop, tcp, vpcd};

/// Arguments of `pcsc`.
#[derive(Debug, Clone, Args)]
pub struct PcscArguments {
    /// The card.
    #[command(flatten)]
    pub card: CardArguments,
    /// Port of the reader: 35963 is the first of vsmartcard-vpcd, 35964 the second
    #[arg(long, value_name = "PORT", default_value_t = vpcd::PORT, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Machine with the reader
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    pub host: String,
}

/// Arguments of `tcp`.
#[derive(Debug, Clone, Args)]
pub struct TcpArguments {
    /// The card.
    #[command(flatten)]
    pub card: CardArguments,
    /// Port to listen on; 0 takes a free one, which is printed
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,
    /// Address to listen on. Whoever reaches it has the card: there is no password
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub bind: IpAddr,
}

/// Keeps a card in a virtual PC/SC reader until `shutdown` is done.
pub(super) async fn pcsc(
    arguments: &PcscArguments,
    shutdown: impl Future<Output = ()>,
) -> Result<(), CliError> {
    let (card, _lock) = arguments.card.open()?;
    let card: SharedCard = Arc::new(Mutex::new(card));
    let address = format!("{}:{}", arguments.host, arguments.port);
    until(shutdown, move |stop| {
        vpcd::stay_in_reader(&address, &card, &stop);
        Ok(())
    })
    .await
}

/// Serves a card on a port until `shutdown` is done. The one line on standard output says which.
pub(super) async fn tcp(
    arguments: &TcpArguments,
    out: &mut dyn Write,
    shutdown: impl Future<Output = ()>,
) -> Result<(), CliError> {
    let (card, _lock) = arguments.card.open()?;
    let address = SocketAddr::from((arguments.bind, arguments.port));
    let failed = |source| CliError::Listen {
        address: address.to_string(),
        source,
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    print(out, &format!("listening on {bound}"))?;
    let served = until(shutdown, move |stop| tcp::serve(&listener, card, &stop)).await;
    served.map_err(failed)
}

/// Runs a reader on a thread of its own and tells it to stop when `shutdown` is done.
async fn until<E: Send + 'static>(
    shutdown: impl Future<Output = ()>,
    reader: impl FnOnce(Stop) -> Result<(), E> + Send + 'static,
) -> Result<(), E> {
    let stop = Stop::new();
    let stopped = stop.clone();
    let mut running = tokio::task::spawn_blocking(move || reader(stopped));
    let outcome = tokio::select! {
        () = shutdown => {
            stop.stop();
            running.await
        }
        outcome = &mut running => outcome,
    };
    // A reader that panicked has said so.
    outcome.unwrap_or(Ok(()))
}
