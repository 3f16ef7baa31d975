//! Arguments of what needs no server: CAP files and recorded traffic.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// CAP files.
#[derive(Debug, Subcommand)]
pub enum CapCommand {
    /// Show package, applets, imports, components, memory and hashes, and check every component
    /// against the others.
    ///
    /// Fails when the file is no package, or when a card would refuse it; warnings do not count.
    Inspect {
        /// CAP file, or its components as LOAD transports them (IJC), or hex; `-` is standard input.
        file: PathBuf,
    },
}

/// Recorded traffic.
#[derive(Debug, Subcommand)]
pub enum ApduCommand {
    /// Explain a trace line by line; opens SCP03 when the keys are given.
    Decode(DecodeArgs),
}

const DECODE_HELP: &str = "\
The trace may be plain hex (a command and its response in turn), or what our simulated card
(`apdu.log`), GlobalPlatformPro (-d), pySim, GPShell, OpenSC, pcscd (--apdu), scriptor, pyscard or
yubikit print; other text is kept as comments. What a session needs is found in the trace: only the
static keys are missing.

Keys on the command line are seen by everyone who lists the processes of this computer: rather use
--keys-file or the environment variables. A file of keys has lines `key=HEX`, `master=HEX`, or
`enc=HEX`, `mac=HEX`, `dek=HEX`; a line of hex alone is tried as `key` and as `master`, and three
of them in a row as ENC, MAC and DEK; `#` begins a remark. All keys are tried on every session. Key
sets that the trace itself puts on the card with PUT KEY or STORE DATA are tried as well.

With --json one object a line: {\"kind\":\"exchange\", line, channel, header, lc, le, title, wrong,
command: [field], response: {line, sw, meaning, hint, length, data: [field]}}, where a field is
{name, value, verdict: right|wrong|note, fields: [field]}; or {\"kind\": reset|comment|problem, line,
text}. What is absent is left out.

Exit status: 0 everything was decoded and every check passed; 1 a line could not be decoded or a
check (MAC, cryptogram, check value) failed, or there was no command at all; 2 wrong arguments, files or keys.";

/// Options of `tsm apdu decode`.
#[derive(Args)]
#[command(after_long_help = DECODE_HELP)]
pub struct DecodeArgs {
    /// The trace; `-` reads standard input.
    #[arg(default_value = "-", value_name = "FILE")]
    pub file: PathBuf,
    /// Static Key-ENC in hex.
    #[arg(long, value_name = "HEX", env = "TSM_APDU_ENC", hide_env_values = true, requires_all = ["mac", "dek"])]
    pub enc: Option<String>,
    /// Static Key-MAC in hex.
    #[arg(long, value_name = "HEX", env = "TSM_APDU_MAC", hide_env_values = true, requires_all = ["enc", "dek"])]
    pub mac: Option<String>,
    /// Static Key-DEK in hex.
    #[arg(long, value_name = "HEX", env = "TSM_APDU_DEK", hide_env_values = true, requires_all = ["enc", "mac"])]
    pub dek: Option<String>,
    /// One key in hex that is ENC, MAC and DEK, as in test cards.
    #[arg(long, value_name = "HEX", env = "TSM_APDU_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// Master key in hex, diversified for each card with its own data (KDF3).
    #[arg(
        long,
        value_name = "HEX",
        env = "TSM_APDU_MASTER",
        hide_env_values = true
    )]
    pub master: Option<String>,
    /// File with keys, one a line; see below.
    #[arg(long, value_name = "FILE", env = "TSM_APDU_KEYS_FILE")]
    pub keys_file: Option<PathBuf>,
    /// AID of the application that opens secure channels, when the trace does not show it.
    #[arg(long, value_name = "HEX")]
    pub aid: Option<String>,
    /// Show keys and PINs instead of their lengths.
    #[arg(long)]
    pub show_secrets: bool,
}

impl std::fmt::Debug for DecodeArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecodeArgs")
            .field("file", &self.file)
            .field("keys_file", &self.keys_file)
            .finish_non_exhaustive()
    }
}
