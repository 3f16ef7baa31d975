//! Crates depend on each other only along the arrows of ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

/// The arrows as drawn: from a crate to those it may use directly.
const ARROWS: &[(&str, &[&str])] = &[
    ("globalplatform", &[]),
    ("scp03", &["globalplatform"]),
    ("apdu-trace", &["scp03", "globalplatform"]),
    ("tsm-proto", &[]),
    ("tsm-core", &["scp03", "globalplatform"]),
    ("tsm-store", &["tsm-core"]),
    ("tsm-server", &["tsm-core", "tsm-proto"]),
    (
        "mno-tsm",
        &["tsm-server", "tsm-store", "tsm-core", "tsm-proto"],
    ),
    (
        "sp-tsm",
        &["tsm-server", "tsm-store", "tsm-core", "tsm-proto"],
    ),
    (
        "uicc-sim",
        &[
            "apdu-trace",
            "scp03",
            "globalplatform",
            "tsm-proto",
            "tsm-server",
        ],
    ),
    ("tsm", &["mno-tsm", "sp-tsm", "uicc-sim", "apdu-trace"]),
];

/// Packages of tests, which may use anything and are used by nothing.
const TESTS: &[&str] = &["tsm-tests", "tsm-fuzz"];

/// Crates that the domain must not know.
const NOT_IN_THE_CORE: &[&str] = &[
    "tokio",
    "tonic",
    "prost",
    "sled",
    "tokio-postgres",
    "axum",
    "rustls",
    "clap",
];

/// What may be reached from a crate: an arrow may skip a level on its way.
fn reachable() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut reach: BTreeMap<&str, BTreeSet<&str>> = ARROWS
        .iter()
        .map(|(from, to)| (*from, to.iter().copied().collect()))
        .collect();
    loop {
        let before = reach.clone();
        for targets in reach.values_mut() {
            let further: Vec<_> = targets
                .iter()
                .filter_map(|target| before.get(target))
                .flatten()
                .copied()
                .collect();
            targets.extend(further);
        }
        if reach == before {
            return reach;
        }
    }
}

fn metadata() -> Result<cargo_metadata::Metadata, cargo_metadata::Error> {
    cargo_metadata::MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .no_deps()
        .exec()
}

#[test]
fn dependencies_follow_the_arrows() {
    let reach = reachable();
    let metadata = metadata().unwrap();
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    for package in metadata
        .packages
        .iter()
        .filter(|p| !TESTS.contains(&p.name.as_str()))
    {
        let allowed = reach
            .get(package.name.as_str())
            .unwrap_or_else(|| panic!("{} is not drawn in ARCHITECTURE.md", package.name));
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            assert!(
                !ours.contains(name) || allowed.contains(name),
                "{} must not depend on {name}",
                package.name
            );
        }
    }
}

#[test]
fn the_core_knows_no_runtime_network_or_database() {
    for package in metadata()
        .unwrap()
        .packages
        .iter()
        .filter(|p| p.name.as_str() == "tsm-core")
    {
        for dependency in &package.dependencies {
            assert!(
                !NOT_IN_THE_CORE.contains(&dependency.name.as_str()),
                "tsm-core must not depend on {}",
                dependency.name
            );
        }
    }
}

#[test]
fn cards_never_import_citizens() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/tsm-core/src/card");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                !text.contains("crate::jpki"),
                "{} imports jpki",
                path.display()
            );
        }
    }
}

#[test]
fn only_tsm_has_a_default_binary() {
    for package in &metadata().unwrap().packages {
        assert_eq!(
            package.default_run.is_some(),
            package.name.as_str() == "tsm",
            "{} and default-run",
            package.name
        );
    }
}

#[test]
fn byte_crates_are_no_std() {
    for name in ["globalplatform", "scp03"] {
        let path = format!("{}/../crates/{name}/src/lib.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        assert!(
            text.contains("#![no_std]") || text.contains("no_std)]"),
            "{name} needs std"
        );
    }
}
