//! Reproduces every outside vector of SCP03, host and card end.
//!
//! Runs `tests/vectors/scp03.json`, then every `scp03*.json` in the folder that `SCP03_VECTORS_DIR`
//! names. Each entry is run or the file fails: an unknown kind is a failure, and so is a panic. See
//! `vectors/PROVENANCE.md`.

#[path = "vectors/card_model.rs"]
mod card_model;
#[path = "vectors/entry.rs"]
mod entry;
#[path = "vectors/in_place.rs"]
mod in_place;
#[path = "vectors/key_agreement.rs"]
mod key_agreement;
#[path = "vectors/keys.rs"]
mod keys;
#[path = "vectors/negative.rs"]
mod negative;
#[path = "vectors/primitives.rs"]
mod primitives;
#[path = "vectors/session.rs"]
mod session;

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use serde_json::Value;

use crate::entry::{Entry, Outcome};

/// What runs the entries of one kind.
type Runner = fn(Entry<'_>) -> Outcome;

fn runner(kind: &str) -> Option<Runner> {
    Some(match kind {
        "session" => session::session,
        "mutual_authentication" => session::mutual_authentication,
        "negative" => negative::negative,
        "kdf" => primitives::kdf,
        "card_challenge" => primitives::card_challenge,
        "kcv" => primitives::kcv,
        "primitive" => primitives::primitive,
        "content_management_mac" => primitives::content_management_mac,
        "key_diversification" => keys::key_diversification,
        "put_key" => keys::put_key,
        "store_data_keys" => keys::store_data_keys,
        "scenario3_key_agreement" => key_agreement::scenario3,
        _ => return None,
    })
}

/// What came of the entries of one file.
#[derive(Default)]
struct Tally {
    total: usize,
    ran: BTreeMap<String, usize>,
    failures: Vec<String>,
}

impl Tally {
    fn run(&mut self, value: &Value) {
        self.total += 1;
        let entry = Entry::new(value);
        let id = entry.text("id").unwrap_or("(no id)").to_owned();
        let kind = entry.text("kind").unwrap_or("(no kind)").to_owned();
        let Some(run) = runner(&kind) else {
            self.failures.push(format!("{id}: unknown kind {kind}"));
            return;
        };
        *self.ran.entry(kind).or_default() += 1;
        let outcome = catch_unwind(|| run(entry)).unwrap_or_else(|_| Err("panicked".into()));
        if let Err(reason) = outcome {
            self.failures.push(format!("{id}: {reason}"));
        }
    }

    /// A file that says how much it holds must hold that much.
    fn check_coverage(&mut self, coverage: Option<&Value>) {
        let Some(coverage) = coverage else { return };
        let announced = coverage.get("total").and_then(Value::as_u64);
        if announced.is_some_and(|announced| announced != self.total as u64) {
            self.failures
                .push(format!("coverage: {announced:?} entries announced"));
        }
        let by_kind = coverage.get("by_kind").and_then(Value::as_object);
        for (kind, announced) in by_kind.into_iter().flatten() {
            let ran = self.ran.get(kind).copied().unwrap_or(0);
            if announced.as_u64() != Some(ran as u64) {
                self.failures
                    .push(format!("coverage: {announced} of {kind} announced"));
            }
        }
    }
}

fn run_file(path: &Path) -> Result<Tally, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let file: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let vectors = match &file {
        Value::Array(vectors) => vectors,
        other => other
            .get("vectors")
            .and_then(Value::as_array)
            .ok_or("no list of vectors")?,
    };
    let mut tally = Tally::default();
    vectors.iter().for_each(|value| tally.run(value));
    tally.check_coverage(file.get("coverage"));
    Ok(tally)
}

/// The file of this repository, and those of the folder in the environment.
fn files() -> Result<Vec<PathBuf>, String> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/scp03.json");
    let mut files = vec![own];
    if let Some(folder) = env::var_os("SCP03_VECTORS_DIR") {
        let folder = PathBuf::from(folder);
        let context = |error| format!("{}: {error}", folder.display());
        let mut others = Vec::new();
        for file in fs::read_dir(&folder).map_err(context)? {
            let path = file.map_err(context)?.path();
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            if name.is_some_and(|name| name.starts_with("scp03") && name.ends_with(".json")) {
                others.push(path);
            }
        }
        if others.is_empty() {
            return Err(format!("{}: no scp03*.json", folder.display()));
        }
        others.sort();
        files.extend(others);
    }
    Ok(files)
}

fn main() -> ExitCode {
    let files = match files() {
        Ok(files) => files,
        Err(reason) => {
            println!("vectors: {reason}");
            return ExitCode::FAILURE;
        }
    };
    let (mut passed, mut failed) = (0, 0);
    for path in files {
        let name = path.display();
        match run_file(&path) {
            Err(reason) => {
                println!("vectors {name}: {reason}");
                failed += 1;
            }
            Ok(tally) => {
                let ran = tally.ran.values().sum::<usize>();
                println!("vectors {name} ran {ran} of {}", tally.total);
                for (kind, count) in &tally.ran {
                    println!("    {count:4} {kind}");
                }
                for failure in &tally.failures {
                    println!("    FAILED {failure}");
                }
                failed += tally.failures.len();
                passed += tally.total.saturating_sub(tally.failures.len());
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
