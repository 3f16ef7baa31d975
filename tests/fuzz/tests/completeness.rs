//! No decoder without a target: the list of targets against the binaries that `cargo fuzz` runs, and
//! against the sources of both crates.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tsm_fuzz::TARGETS;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn every_target_is_a_binary_and_every_binary_a_target() {
    let names: BTreeSet<_> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    assert_eq!(names.len(), TARGETS.len());
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(here().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == env!("CARGO_PKG_NAME"))
        .unwrap();
    let binaries: BTreeSet<_> = package
        .targets
        .iter()
        .filter(|target| target.is_bin())
        .map(|target| target.name.clone())
        .collect();
    assert_eq!(binaries, names);
    for name in &names {
        let source = fs::read_to_string(here().join(format!("targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("::{name}(data)")), "{name}");
    }
}

/// Functions of the form of a decoder: public, from bytes, a reader or an APDU, to something that
/// can fail.
fn is_decoder(signature: &str) -> bool {
    let takes_bytes = [
        "&[u8]",
        "&'a [u8]",
        "Reader<",
        "&CommandApdu",
        "CommandRef<",
    ]
    .iter()
    .any(|input| signature.contains(input));
    let can_fail = [
        "DecodeError>",
        "CapError>",
        "KeyAgreementError>",
        "KeysError>",
        "PutKeyError>",
    ]
    .iter()
    .any(|error| signature.contains(error));
    takes_bytes && can_fail && !signature.contains("&self") && !signature.contains("&mut self")
}

/// The type whose `impl` block begins in this line.
fn implemented(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("impl")?;
    let rest = match rest.strip_prefix('<') {
        Some(generic) => generic.split_once('>')?.1,
        None => rest,
    };
    let name = rest
        .trim()
        .split_once(" for ")
        .map_or(rest.trim(), |(_, name)| name);
    name.split(['<', ' ', '{']).next()
}

/// `Type::function` for every decoder in a source.
fn decoders(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    let mut owner = "";
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        owner = match line {
            "}" => "",
            line => implemented(line).unwrap_or(owner),
        };
        let Some(rest) = line.trim_start().strip_prefix("pub ") else {
            continue;
        };
        let Some(rest) = rest.trim_start_matches("const ").strip_prefix("fn ") else {
            continue;
        };
        let mut signature = rest.to_owned();
        while !signature.contains('{') {
            let Some(next) = lines.next() else { break };
            signature.push_str(next);
        }
        if is_decoder(&signature) {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            found.push(
                format!("{owner}::{name}")
                    .trim_start_matches("::")
                    .to_owned(),
            );
        }
    }
    found
}

/// Decoders that no target names, and why.
const REACHED_THROUGH_OTHERS: &[(&str, &str)] = &[
    ("Field::read", "private: the first step of every INSTALL"),
    ("Files::unpack", "private: the first step of read_cap"),
    ("Component::read", "what Component::read_all repeats"),
    (
        "InitializeUpdateResponseRef::decode",
        "what InitializeUpdateResponse::decode copies from",
    ),
    (
        "Aid::new",
        "its error is that of Aid::decode; called beside it",
    ),
];

#[test]
fn every_decoder_of_both_crates_has_a_target() {
    let mut targets = Vec::new();
    rust_files(&here().join("src"), &mut targets);
    let targets: String = targets
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut sources = Vec::new();
    for name in ["globalplatform", "scp03"] {
        rust_files(
            &here().join("../../crates").join(name).join("src"),
            &mut sources,
        );
    }
    let mut count = 0;
    let mut missing = Vec::new();
    for path in &sources {
        for decoder in decoders(&fs::read_to_string(path).unwrap()) {
            count += 1;
            // Targets made by a macro name the type only.
            let owner = decoder.split("::").next().unwrap_or_default();
            let by_macro = targets.contains(&format!(": {owner},"))
                && (decoder.ends_with("::decode") || decoder.ends_with("::from_apdu"));
            let excused = REACHED_THROUGH_OTHERS
                .iter()
                .any(|(name, _)| *name == decoder);
            if !(targets.contains(&decoder) || by_macro || excused) {
                missing.push(format!("{decoder} in {}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "no target for {missing:#?}");
    assert!(
        count >= 45,
        "only {count} decoders were found: is this test still right?"
    );
}
