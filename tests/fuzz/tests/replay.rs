//! Every committed input through its target, with the stable toolchain.

use std::fs;
use std::path::{Path, PathBuf};

use tsm_fuzz::TARGETS;

/// What all committed inputs together may take, in bytes.
const MOST_BYTES: u64 = 600_000;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = fs::read_dir(corpus().join(target)).unwrap_or_else(|_| panic!("corpus/{target}"));
    let mut files: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_committed_input_satisfies_its_target() {
    for target in TARGETS {
        let files = inputs(target.name);
        for file in &files {
            // The name of the input is what a failure needs to say.
            eprintln!("{}", file.display());
            (target.run)(&fs::read(file).unwrap());
        }
        println!("corpus {} ran {} inputs", target.name, files.len());
    }
}

#[test]
fn every_input_of_a_family_satisfies_the_others() {
    let all: Vec<_> = TARGETS
        .iter()
        .filter(|target| target.size == tsm_fuzz::Size::Small)
        .flat_map(|target| inputs(target.name))
        .filter(|file| fs::metadata(file).unwrap().len() <= 256)
        .map(|file| (fs::read(&file).unwrap(), file))
        .collect();
    for (bytes, file) in all.iter().step_by(7) {
        for target in TARGETS {
            eprintln!("{} as {}", file.display(), target.name);
            (target.run)(bytes);
        }
    }
}

#[test]
fn the_empty_input_and_single_bytes_satisfy_every_target() {
    for target in TARGETS {
        eprintln!("{}", target.name);
        (target.run)(&[]);
        for byte in 0..=0xFF {
            (target.run)(&[byte]);
        }
    }
}

#[test]
fn the_corpora_are_small_and_there_is_one_for_each_target() {
    let mut folders: Vec<_> = fs::read_dir(corpus())
        .unwrap()
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut names: Vec<_> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    names.sort();
    assert_eq!(folders, names);
    let sizes = names.iter().map(|name| {
        let files = inputs(name);
        assert!(!files.is_empty(), "{name}");
        files
            .iter()
            .map(|file| fs::metadata(file).unwrap().len())
            .sum::<u64>()
    });
    let total: u64 = sizes.sum();
    assert!(total <= MOST_BYTES, "{total} bytes");
}
