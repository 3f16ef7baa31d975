//! How many APDUs a second the simulated card answers: in process, over its TCP port, and through PC/SC.
//!
//!     ORACLE_PYTHON=$(tests/oracle/setup.sh) cargo bench -p tsm-tests --bench round_trips
//!
//! PC/SC is measured with pyscard in front of pcscd, as a program for real cards would use it; without `ORACLE_PYTHON` or
//! without root that part is left out, and says so. INITIALIZE UPDATE writes the non-volatile memory once.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tsm_tests::readers::Readers;
use uicc_sim::reader::{Stop, tcp};
use uicc_sim::state::Durability;
use uicc_sim::{CardConfig, Uicc};

/// Name and bytes of what is sent.
const COMMANDS: [(&str, &str); 3] = [
    ("GET DATA 0066", "80CA006600"),
    ("SELECT", "00A4040000"),
    ("INITIALIZE UPDATE", "8050000008010203040506070800"),
];
/// How long each figure is measured.
const TIME: Duration = Duration::from_secs(2);
/// The same through PC/SC, with pyscard: prints round trips per second.
const PYSCARD: &str = "
import sys, time
from smartcard.System import readers
card = readers()[0].createConnection()
card.connect()
command = list(bytes.fromhex(sys.argv[1]))
end, count = time.monotonic() + float(sys.argv[2]), 0
begun = time.monotonic()
while time.monotonic() < end:
    _, sw1, sw2 = card.transmit(command)
    assert (sw1, sw2) == (0x90, 0x00), (sw1, sw2)
    count += 1
print(count / (time.monotonic() - begun))
";

fn card() -> anyhow::Result<Uicc> {
    Ok(Uicc::new(CardConfig::from_profile("default")?)?)
}

/// Calls per second.
fn rate(mut call: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < TIME {
        call()?;
        count += 1;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

fn in_process(card: &mut Uicc, command: &str) -> anyhow::Result<f64> {
    let command = hex::decode(command)?;
    rate(|| {
        let answer = card.transmit(&command);
        ensure!(answer.ends_with(&[0x90, 0x00]), "{}", hex::encode(answer));
        Ok(())
    })
}

fn with_file(durability: Durability, command: &str) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let mut card = card()?;
    card.persist_with(folder.path().join("card.state"), durability)?;
    in_process(&mut card, command)
}

fn over_tcp(command: &str) -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (stop, card) = (Stop::new(), card()?);
    let stopped = stop.clone();
    let server = std::thread::spawn(move || tcp::serve(&listener, card, &stopped));
    let mut stream = BufReader::new(TcpStream::connect(address)?);
    stream.get_ref().set_nodelay(true)?;
    let (request, mut answer) = (format!("{command}\n"), String::new());
    let rate = rate(|| {
        stream.get_mut().write_all(request.as_bytes())?;
        answer.clear();
        stream.read_line(&mut answer)?;
        ensure!(answer.ends_with("9000\n"), "{answer}");
        Ok(())
    })?;
    stop.stop();
    server
        .join()
        .map_err(|_| anyhow::anyhow!("the port panicked"))??;
    Ok(rate)
}

fn through_pcsc(readers: &Readers, python: &str, command: &str) -> anyhow::Result<f64> {
    let seconds = TIME.as_secs().to_string();
    let text = readers.run(python, &["-c", PYSCARD, command, &seconds])?;
    text.trim().parse().context("pyscard prints no number")
}

fn main() -> anyhow::Result<()> {
    let pcsc = match std::env::var("ORACLE_PYTHON") {
        Ok(python) => {
            let readers = Readers::start(1)?;
            let inserted = readers.insert(0, Arc::new(Mutex::new(card()?)))?;
            Some((readers, python, inserted))
        }
        Err(_) => {
            println!(
                "PC/SC is left out: ORACLE_PYTHON names no Python with pyscard (tests/oracle/setup.sh)"
            );
            None
        }
    };
    println!(
        "{:<20} {:>12} {:>12} {:>12} {:>12} {:>12}",
        "APDUs per second", "in process", "file, kill", "file, power", "TCP", "PC/SC"
    );
    for (name, command) in COMMANDS {
        let rates = [
            in_process(&mut card()?, command)?,
            with_file(Durability::Kill, command)?,
            with_file(Durability::PowerCut, command)?,
            over_tcp(command)?,
        ];
        print!("{name:<20}");
        for rate in rates {
            print!(" {rate:>12.0}");
        }
        match &pcsc {
            Some((readers, python, _)) => {
                println!(" {:>12.0}", through_pcsc(readers, python, command)?)
            }
            None => println!(" {:>12}", "-"),
        }
    }
    Ok(())
}
