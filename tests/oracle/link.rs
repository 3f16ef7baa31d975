//! The line between a test and the outside implementation that drives it.
//!
//! The test starts a Python program and serves it: one request a line on the program's standard
//! output, one reply a line on its standard input, words separated by blanks, bytes in hex, `-` for
//! no bytes. A reply is `ok …` or `error …`. Three requests belong to the line itself:
//!
//! * `say TEXT`: print a line of the report;
//! * `count NAME N`: add to a total, which the test prints and judges;
//! * `difference TEXT`: the two implementations disagree.
//!
//! Everything else is for the server that the test hands in.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

/// Names the Python interpreter that has the outside implementations.
const PYTHON: &str = "ORACLE_PYTHON";
/// More disagreements than this are counted but not printed.
const SHOWN: u64 = 20;

/// What answers the requests: words in, words out, or a reason.
pub trait Server {
    /// Answers one request.
    ///
    /// # Errors
    /// Why the request cannot be carried out; the other side hears it.
    fn answer(&mut self, words: &[&str]) -> Result<String, String>;
}

/// A total that must be reached for the run to count.
pub struct Quota {
    /// Its name in `count`.
    pub name: &'static str,
    /// The least that will do.
    pub least: u64,
}

/// Runs a program of `tests/oracle` against the server. Without an interpreter in the environment
/// nothing is run, and the line that is printed says so.
pub fn run(
    program: &str,
    arguments: &[String],
    server: &mut dyn Server,
    quotas: &[Quota],
) -> ExitCode {
    let Some(python) = env::var_os(PYTHON) else {
        println!("SKIPPED oracle {program}: {PYTHON} is not set");
        println!("    to run it: {PYTHON}=$(tests/oracle/setup.sh) cargo test --test oracle");
        println!("0 passed, 0 failed, 1 skipped");
        return ExitCode::SUCCESS;
    };
    let outcome = drive(python, program, arguments, server)
        .and_then(|totals| judge(program, &totals, quotas));
    match outcome {
        Ok(()) => {
            println!("1 passed, 0 failed");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            println!("FAILED oracle {program}: {reason}");
            println!("0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}

fn judge(program: &str, totals: &Totals, quotas: &[Quota]) -> Result<(), String> {
    for (name, count) in &totals.counts {
        println!("    {count:>8} {name}");
    }
    for Quota { name, least } in quotas {
        let count = totals.counts.get(*name).copied().unwrap_or(0);
        if count < *least {
            return Err(format!("only {count} of at least {least} {name}"));
        }
    }
    println!("oracle {program}: {} differences", totals.differences);
    if totals.differences == 0 {
        Ok(())
    } else {
        Err("the implementations disagree".to_owned())
    }
}

#[derive(Default)]
struct Totals {
    counts: BTreeMap<String, u64>,
    differences: u64,
}

fn drive(
    python: OsString,
    program: &str,
    arguments: &[String],
    server: &mut dyn Server,
) -> Result<Totals, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle");
    let mut child = Command::new(python)
        .arg("-B")
        .arg(folder.join(program))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("the interpreter does not start: {error}"))?;
    let mut totals = Totals::default();
    let served = serve(&mut child, server, &mut totals);
    // The line is closed now, so the program ends.
    let status = child.wait().map_err(|error| error.to_string())?;
    served?;
    if !status.success() {
        return Err(format!("the program ended with {status}"));
    }
    Ok(totals)
}

fn serve(child: &mut Child, server: &mut dyn Server, totals: &mut Totals) -> Result<(), String> {
    let mut replies = child.stdin.take().ok_or("no way to reply")?;
    let requests = child.stdout.take().ok_or("no way to listen")?;
    for line in BufReader::new(requests).lines() {
        let line = line.map_err(|error| error.to_string())?;
        let reply = match line.split_once(' ') {
            Some(("say", text)) => {
                println!("{text}");
                Ok(String::new())
            }
            Some(("difference", text)) => {
                totals.differences += 1;
                if totals.differences <= SHOWN {
                    println!("    DIFFERENCE {text}");
                }
                Ok(String::new())
            }
            Some(("count", rest)) => count(rest, totals),
            _ => server.answer(&line.split(' ').collect::<Vec<_>>()),
        };
        let reply = match reply {
            Ok(words) => format!("ok {words}\n"),
            Err(reason) => format!("error {reason}\n"),
        };
        replies
            .write_all(reply.as_bytes())
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn count(rest: &str, totals: &mut Totals) -> Result<String, String> {
    let (number, name) = rest.split_once(' ').ok_or("no name")?;
    let number: u64 = number.parse().map_err(|_| "no number")?;
    *totals.counts.entry(name.to_owned()).or_default() += number;
    Ok(String::new())
}

/// The bytes of a word.
///
/// # Errors
/// It is no hex.
pub fn bytes(word: &str) -> Result<Vec<u8>, String> {
    if word == "-" {
        return Ok(Vec::new());
    }
    hex::decode(word).map_err(|error| format!("{word}: {error}"))
}

/// A word for bytes.
pub fn word(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        "-".to_owned()
    } else {
        hex::encode(bytes)
    }
}

/// A number in decimal.
///
/// # Errors
/// It is none, or too large.
pub fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("{word}: no number"))
}
