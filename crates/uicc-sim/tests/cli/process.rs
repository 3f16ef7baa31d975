//! `uicc-sim` as a process, to its end or in the background, and a line to its TCP port.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

pub fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_uicc-sim"));
    command.args(arguments).current_dir(dir);
    command
}

/// Runs it to its end.
pub fn run(dir: &Path, arguments: &[&str]) -> Output {
    command(dir, arguments).output().unwrap()
}

/// What it says when it succeeds.
pub fn said(dir: &Path, arguments: &[&str]) -> String {
    let output = run(dir, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it says when it fails.
pub fn complaint(dir: &Path, arguments: &[&str]) -> String {
    let output = run(dir, arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// `show --json`.
pub fn shown(dir: &Path, state: &str) -> serde_json::Value {
    serde_json::from_str(&said(dir, &["show", "--state", state, "--json"])).unwrap()
}

/// It in the background; killed when dropped.
pub struct Running {
    pub child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    pub fn start(dir: &Path, arguments: &[&str]) -> Self {
        let mut child = command(dir, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// `uicc-sim tcp` on a free port, and a line to it.
    pub fn tcp(dir: &Path, arguments: &[&str]) -> (Self, Line) {
        let mut running = Self::start(dir, &[&["tcp"], arguments].concat());
        let mut said = String::new();
        running.out.read_line(&mut said).unwrap();
        let address = said.trim().strip_prefix("listening on ").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        (running, Line(BufReader::new(stream)))
    }

    /// SIGTERM, as a pipeline ends it.
    pub fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection to `uicc-sim tcp`.
pub struct Line(BufReader<TcpStream>);

impl Line {
    /// The answer to a request; none when the other end is gone.
    pub fn try_ask(&mut self, request: &str) -> Option<String> {
        let line = format!("{request}\n");
        self.0.get_mut().write_all(line.as_bytes()).ok()?;
        let mut answer = String::new();
        self.0.read_line(&mut answer).ok()?;
        answer.strip_suffix('\n').map(str::to_owned)
    }

    pub fn ask(&mut self, request: &str) -> String {
        self.try_ask(request).unwrap()
    }
}
