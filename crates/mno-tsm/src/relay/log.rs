//! `relay.log`: what the carrier sees of relayed scripts, for those who want to
//! check that it sees nothing.
//!
//! One line per APDU: `<RFC 3339> <ICCID> > <HEX>` to the card, `<` from it. It
//! holds cipher text only; it is not a log of this server's work.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tsm_core::identity::Iccid;
use tsm_core::ports::Script;
use tsm_core::time::Timestamp;

/// The file, when there shall be one.
#[derive(Debug, Default)]
pub struct RelayLog {
    file: Option<Mutex<File>>,
}

impl RelayLog {
    /// Opens the file to append to; without a path nothing is written.
    ///
    /// # Errors
    /// The operating system's error.
    pub fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path: &Path| {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(path)
        };
        Ok(Self {
            file: path.map(open).transpose()?.map(Mutex::new),
        })
    }

    /// Writes a script and its responses. Commands without a response were
    /// relayed too, but not answered.
    pub fn write(&self, at: Timestamp, iccid: &Iccid, script: &Script, responses: &[Vec<u8>]) {
        let Some(file) = &self.file else { return };
        let text = lines(at, iccid, script, responses);
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(text.as_bytes()) {
            tracing::warn!(error = %error, "the relay log could not be written");
        }
    }
}

fn lines(at: Timestamp, iccid: &Iccid, script: &Script, responses: &[Vec<u8>]) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let mut text = String::new();
    let mut responses = responses.iter();
    for command in &script.commands {
        let _ = writeln!(text, "{at} {iccid} > {}", hex::encode_upper(&command.apdu));
        if let Some(response) = responses.next() {
            let _ = writeln!(text, "{at} {iccid} < {}", hex::encode_upper(response));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use tsm_core::ports::ScriptCommand;

    use super::*;

    #[test]
    fn writes_one_line_per_apdu() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/relay.log");
        let log = RelayLog::open(Some(&path)).unwrap();
        let command = |apdu: &[u8]| ScriptCommand {
            apdu: apdu.to_vec(),
            accepted: Vec::new(),
        };
        let script = Script {
            commands: vec![command(&[0x80, 0x50]), command(&[0x84, 0x82])],
        };
        let iccid = Iccid::new("8981100000000000001").unwrap();
        log.write(
            Timestamp(1_795_000_000_123),
            &iccid,
            &script,
            &[vec![0x90, 0x00]],
        );
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "2026-11-18T11:06:40.123Z 8981100000000000001 > 8050\n\
             2026-11-18T11:06:40.123Z 8981100000000000001 < 9000\n\
             2026-11-18T11:06:40.123Z 8981100000000000001 > 8482\n"
        );
    }

    #[test]
    fn writes_nothing_without_a_path() {
        let log = RelayLog::open(None).unwrap();
        let iccid = Iccid::new("8981100000000000001").unwrap();
        log.write(Timestamp(0), &iccid, &Script::default(), &[]);
    }
}
