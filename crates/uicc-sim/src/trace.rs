//! `apdu.log`: what crossed the card's contacts, one line for each direction.
//!
//! `> 80CA006600` is a command, `< 664C…9000` its response, `# reset` a power cycle. It is the card's own contacts, in
//! clear where the card and its host speak in clear, and meant for tests and demonstrations.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// Writes the log; a sink that fails is dropped with a warning, the card goes on.
pub struct Trace {
    sink: Option<Box<dyn Write + Send>>,
}

impl Trace {
    /// A log that goes to `sink`, flushed after every line.
    pub fn new(sink: Box<dyn Write + Send>) -> Self {
        Self { sink: Some(sink) }
    }

    /// A log appended to the file at `path`.
    ///
    /// # Errors
    /// What the file system says.
    pub fn append_to(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self::new(Box::new(file)))
    }

    pub(crate) fn command(&mut self, bytes: &[u8]) {
        self.line("> ", &hex::encode_upper(bytes));
    }

    pub(crate) fn response(&mut self, bytes: &[u8]) {
        self.line("< ", &hex::encode_upper(bytes));
    }

    pub(crate) fn reset(&mut self) {
        self.line("# ", "reset");
    }

    fn line(&mut self, mark: &str, text: &str) {
        let Some(sink) = &mut self.sink else { return };
        let line = format!("{mark}{text}\n");
        if let Err(error) = sink.write_all(line.as_bytes()).and_then(|()| sink.flush()) {
            tracing::warn!(%error, "apdu log not written any more");
            self.sink = None;
        }
    }
}

impl core::fmt::Debug for Trace {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Trace")
            .field("open", &self.sink.is_some())
            .finish()
    }
}
