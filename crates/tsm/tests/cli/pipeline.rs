//! The pipeline in `docs/pipelines/fleet.yml` does what it says: its scripts run here as a runner would run them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{free_ports, write};

const PIPELINE: &str = include_str!("../../../../docs/pipelines/fleet.yml");

/// Builds what Cargo has built for the test.
const BUILD: &str = "Programs";

/// Name and script of every step with a script.
fn steps() -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    let mut name = String::new();
    let mut in_script = false;
    for line in PIPELINE.lines() {
        if let Some(text) = line.strip_prefix("      - name: ") {
            text.clone_into(&mut name);
            in_script = false;
        } else if line == "        run: |" {
            steps.push((name.clone(), String::new()));
            in_script = true;
        } else if in_script && let Some(step) = steps.last_mut() {
            step.1
                .push_str(line.strip_prefix("          ").unwrap_or(line));
            step.1.push('\n');
        }
    }
    steps
}

/// The programs, as the release build has them: all are parts of `tsm`.
fn put_programs_into(folder: &Path) {
    let tsm = env!("CARGO_BIN_EXE_tsm");
    for (name, command) in [
        ("tsm", ""),
        ("mno-tsm", "mno-tsm"),
        ("sp-tsm", "sp-tsm"),
        ("uicc-sim", "uicc-sim"),
    ] {
        let path = folder.join(name);
        let script = format!("#!/bin/sh\nexec {tsm} {command} \"$@\"\n");
        write(&path, script.as_bytes());
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
}

/// Ends what a step that failed left running.
struct Background<'a>(&'a Path);

impl Drop for Background<'_> {
    fn drop(&mut self) {
        let script = "kill $(cat dev/cards/*/phone.pid mno-tsm.pid sp-tsm.pid) 2> kill.log";
        let _ = Command::new("sh")
            .args(["-c", script])
            .current_dir(self.0)
            .status();
    }
}

#[test]
fn the_pipeline_of_the_documentation_passes() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path();
    let programs = work.join("programs");
    std::fs::create_dir(&programs).unwrap();
    put_programs_into(&programs);
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let (mno_port, sp_port) = free_ports();
    let _background = Background(work);
    let steps = steps();
    assert_eq!(steps.len(), 7, "{steps:?}");
    for (name, script) in steps.iter().filter(|(name, _)| name != BUILD) {
        // Files, not pipes: the fleet would hold those open.
        let [out, error] = ["out", "error"].map(|kind| work.join(format!("step.{kind}")));
        let status = Command::new("bash")
            .args(["-eo", "pipefail", "-c", script])
            .current_dir(work)
            .env("PATH", &path)
            .env("MNO_PORT", mno_port.to_string())
            .env("SP_PORT", sp_port.to_string())
            .env_remove("TSM_CONFIG")
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&out).unwrap())
            .stderr(std::fs::File::create(&error).unwrap())
            .status()
            .unwrap();
        let said = [out, error].map(|path| std::fs::read_to_string(path).unwrap());
        assert!(status.success(), "{name}: {status}\n{}{}", said[0], said[1]);
    }
    let cards = std::fs::read_dir(work.join("dev/cards")).unwrap();
    let mut seen = 0;
    for card in cards {
        let card = card.unwrap().path();
        let json = std::fs::read(card.join("card.json")).unwrap();
        let json: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["iccid"], card.file_name().unwrap().to_str().unwrap());
        let trace = std::fs::read_to_string(card.join("apdu.log")).unwrap();
        assert!(trace.contains("# → INSTALL [for load]"), "{trace}");
        seen += 1;
    }
    assert_eq!(seen, 3);
}
