//! `apdu.log`: what crossed the card's contacts, one line for each direction, and if wanted what it means.
//!
//! `> 80CA006600` is a command, `< 664C…9000` its response, `# reset` a power cycle. It is the card's own contacts, in
//! clear where the card and its host speak in clear, and meant for tests and demonstrations. Lines that explain an
//! exchange ([`Trace::explaining`]) follow it, each behind `# `; to programs that read traces they are comments.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use apdu_trace::{Decoder, Item, Keyring, Options, Plain, render};

/// What a response begins with.
const RESPONSE: &str = "< ";

/// Columns of the line number that an explanation begins with.
const LINE_NUMBER: usize = 6;

/// Writes the log; a sink that fails is dropped with a warning, the card goes on.
pub struct Trace {
    sink: Option<Box<dyn Write + Send>>,
    decoder: Option<Box<Decoder>>,
}

impl Trace {
    /// A log that goes to `sink`, flushed after every line.
    pub fn new(sink: Box<dyn Write + Send>) -> Self {
        Self {
            sink: Some(sink),
            decoder: None,
        }
    }

    /// A log appended to the file at `path`.
    ///
    /// # Errors
    /// What the file system says.
    pub fn append_to(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        // It may hold PINs: on Unix only its owner may read it.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self::new(Box::new(options.open(path)?)))
    }

    /// The same log with an explanation behind every exchange. Secure channels are opened with these keys, as far as they
    /// are the right ones; without them it shows what is protected, and how. Keys and PINs are not among the
    /// explanations, but the lines that they explain hold what was sent in clear.
    #[must_use]
    pub fn explaining(mut self, keys: Keyring) -> Self {
        let options = Options {
            keys,
            ..Options::default()
        };
        self.decoder = Some(Box::new(Decoder::new(options)));
        self
    }

    pub(crate) fn command(&mut self, bytes: &[u8]) {
        self.line("> ", &hex::encode_upper(bytes));
    }

    pub(crate) fn response(&mut self, bytes: &[u8]) {
        self.line(RESPONSE, &hex::encode_upper(bytes));
    }

    pub(crate) fn reset(&mut self) {
        self.note("reset");
    }

    /// A remark on what happens to the card.
    pub(crate) fn note(&mut self, text: &str) {
        self.line("# ", text);
    }

    fn line(&mut self, mark: &str, text: &str) {
        if self.sink.is_none() {
            return;
        }
        let line = format!("{mark}{text}\n");
        let mut explanation = String::new();
        if let Some(decoder) = &mut self.decoder {
            for item in decoder.push_line(line.trim_end().as_bytes()) {
                explain(&item, &mut explanation);
            }
        }
        // A response ends the exchange that is explained; anything else tells that the one before has ended.
        self.write(&match mark {
            RESPONSE => line + &explanation,
            _ => explanation + &line,
        });
    }

    fn write(&mut self, lines: &str) {
        let Some(sink) = &mut self.sink else { return };
        if let Err(error) = sink.write_all(lines.as_bytes()).and_then(|()| sink.flush()) {
            tracing::warn!(%error, "apdu log not written any more");
            self.sink = None;
        }
    }
}

/// An exchange in words, as comments; the lines of the trace itself say everything else.
fn explain(item: &Item, lines: &mut String) {
    if !matches!(item, Item::Exchange(_) | Item::Problem { .. }) {
        return;
    }
    for line in render(item, &Plain).lines() {
        lines.push_str("# ");
        lines.push_str(line.get(LINE_NUMBER..).unwrap_or(line));
        lines.push('\n');
    }
}

impl Drop for Trace {
    /// An exchange that could have gone on is explained at last.
    fn drop(&mut self) {
        let Some(mut decoder) = self.decoder.take() else {
            return;
        };
        let mut lines = String::new();
        for item in decoder.finish() {
            explain(&item, &mut lines);
        }
        self.write(&lines);
    }
}

impl core::fmt::Debug for Trace {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Trace")
            .field("open", &self.sink.is_some())
            .field("explains", &self.decoder.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Log {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    const SELECT: [u8; 5] = [0x00, 0xA4, 0x04, 0x00, 0x00];

    #[test]
    fn a_plain_log_has_two_lines_for_an_exchange() {
        let log = Log::default();
        let mut trace = Trace::new(Box::new(log.clone()));
        trace.reset();
        trace.command(&SELECT);
        trace.response(&[0x6A, 0x82]);
        assert_eq!(
            format!("{trace:?}"),
            "Trace { open: true, explains: false }"
        );
        drop(trace);
        assert_eq!(log.text(), "# reset\n> 00A4040000\n< 6A82\n");
    }

    #[test]
    fn explanations_follow_their_exchange_as_comments() {
        let log = Log::default();
        let mut trace = Trace::new(Box::new(log.clone())).explaining(Keyring::new());
        trace.command(&SELECT);
        assert_eq!(log.text(), "> 00A4040000\n");
        trace.response(&[0x6A, 0x82]);
        let said = log.text();
        let mut lines = said.lines().skip(2);
        assert_eq!(
            lines.next(),
            Some("# → SELECT the default application  00 A4 04 00  Le 256")
        );
        assert!(lines.next().unwrap().starts_with("#   AID  "), "{said}");
        assert!(lines.next().unwrap().starts_with("# ← 6A82 "), "{said}");
        assert_eq!(lines.next(), None);
        // Read again, the trace is the same exchange.
        let mut decoder = Decoder::new(Options::default());
        let items = said
            .lines()
            .flat_map(|line| decoder.push_line(line.as_bytes()));
        let exchanges = items.filter(|item| matches!(item, Item::Exchange(_)));
        assert_eq!(exchanges.count(), 1);
    }

    #[test]
    fn what_waited_for_more_is_explained_before_the_next_command() {
        let log = Log::default();
        let mut trace = Trace::new(Box::new(log.clone())).explaining(Keyring::new());
        trace.command(&SELECT);
        trace.response(&[0x6F, 0x61, 0x10]);
        trace.command(&SELECT);
        trace.response(&[0x6A, 0x82]);
        let said = log.text();
        let starts: Vec<&str> = said.lines().collect();
        let commands: Vec<usize> = (0..starts.len())
            .filter(|at| starts[*at].starts_with('>'))
            .collect();
        assert_eq!(commands.len(), 2, "{said}");
        assert!(starts[commands[1] - 1].starts_with('#'), "{said}");
        assert!(starts[commands[1] + 1].starts_with('<'), "{said}");
    }

    #[test]
    fn what_waited_for_more_is_explained_at_the_end() {
        let log = Log::default();
        let mut trace = Trace::new(Box::new(log.clone())).explaining(Keyring::new());
        trace.command(&SELECT);
        trace.response(&[0x6F, 0x61, 0x10]);
        assert!(!log.text().contains('→'));
        drop(trace);
        assert!(log.text().contains("# → SELECT"), "{}", log.text());
    }
}
