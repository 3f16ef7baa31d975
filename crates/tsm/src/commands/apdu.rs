//! `tsm apdu decode`: a trace in words.

use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::Path;

use anyhow::Context as _;
use apdu_trace::{Decoder, Item, Keyring, Node, Options, Reply, Style, Verdict};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::DecodeArgs;
use crate::failure::ExitWith;
use crate::output::{Output, Paint};

/// Longest line that is kept, in bytes; the decoder refuses longer ones by name.
const LONGEST_LINE: usize = 1 << 20;
/// Longest accepted file of keys, in bytes.
const KEYS_LIMIT: u64 = 1 << 20;
/// Exit status when something in the trace could not be decoded, or a check failed.
const NOT_SOUND: u8 = 1;
/// Exit status when there is nothing to decode: arguments, files or keys.
const UNUSABLE: u8 = 2;

/// `tsm apdu decode`.
///
/// # Errors
/// [`ExitWith`] 2 when file or keys can't be used; 1 when a line could not be decoded or a check
/// failed.
pub fn decode(args: &DecodeArgs, output: Output) -> anyhow::Result<()> {
    let unusable = |error: anyhow::Error| error.context(ExitWith(UNUSABLE));
    let options = options(args).map_err(unusable)?;
    let input: Box<dyn Read> = if args.file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let file = std::fs::File::open(&args.file)
            .with_context(|| format!("cannot read {}", args.file.display()))
            .map_err(unusable)?;
        Box::new(file)
    };
    let printer = Printer {
        json: output.is_json(),
        paint: Paint::stdout(),
    };
    let decoded = run(BufReader::new(input), Decoder::new(options), &printer);
    if decoded.as_ref().is_err_and(is_closed_pipe) {
        return Ok(());
    }
    let Tally { exchanges, wrong } = decoded?;
    let text = match (exchanges, wrong) {
        (0, 0) => "no command was found in the trace".to_owned(),
        (_, 0) => return Ok(()),
        (_, 1) => "1 place could not be decoded or did not pass a check (✗)".to_owned(),
        (_, n) => format!("{n} places could not be decoded or did not pass a check (✗)"),
    };
    Err(anyhow::anyhow!(text).context(ExitWith(NOT_SOUND)))
}

/// Whether the reader has seen enough: `| head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let closed = Some(std::io::ErrorKind::BrokenPipe);
    error.chain().any(|cause| {
        let direct = cause.downcast_ref().map(std::io::Error::kind);
        let json = cause
            .downcast_ref()
            .and_then(serde_json::Error::io_error_kind);
        direct == closed || json == closed
    })
}

fn options(args: &DecodeArgs) -> anyhow::Result<Options> {
    let mut keys = Keyring::new();
    let [enc, mac, dek] = [&args.enc, &args.mac, &args.dek].map(|key| key.as_deref());
    if let (Some(enc), Some(mac), Some(dek)) = (enc, mac, dek) {
        keys.add_set("--enc, --mac and --dek", enc, mac, dek)?;
    }
    if let Some(key) = &args.key {
        keys.add_key("--key", key)?;
    }
    if let Some(master) = &args.master {
        keys.add_master("--master", master)?;
    }
    if let Some(path) = &args.keys_file {
        keys.add_file(&read_keys(path)?)?;
    }
    let aid = args.aid.as_deref().map(aid).transpose();
    Ok(Options {
        keys,
        aid: aid.context("--aid is not hex")?,
        show_secrets: args.show_secrets,
    })
}

/// An AID as people write it.
fn aid(text: &str) -> Result<Vec<u8>, hex::FromHexError> {
    let text = text.trim().trim_start_matches("0x");
    let is_digit = |c: &char| !c.is_whitespace() && *c != ':';
    hex::decode(text.chars().filter(is_digit).collect::<String>())
}

fn read_keys(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path)
        .and_then(|file| file.take(KEYS_LIMIT).read_to_string(&mut text))
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text)
}

/// What was found.
#[derive(Default)]
struct Tally {
    exchanges: usize,
    wrong: usize,
}

impl Tally {
    fn count(&mut self, item: &Item) {
        self.exchanges += usize::from(matches!(item, Item::Exchange(_)));
        self.wrong += usize::from(item.is_wrong());
    }
}

/// Decodes line by line.
fn run(
    mut input: BufReader<Box<dyn Read>>,
    mut decoder: Decoder,
    printer: &Printer,
) -> anyhow::Result<Tally> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut tally = Tally::default();
    let mut line = Vec::new();
    while read_line(&mut input, &mut line)
        .context("cannot read the trace")
        .context(ExitWith(UNUSABLE))?
    {
        for item in decoder.push_line(&line) {
            tally.count(&item);
            printer.print(&mut out, &item)?;
        }
        // Whoever pipes a live log in sees each exchange when it is there.
        if input.buffer().is_empty() {
            out.flush()?;
        }
    }
    for item in decoder.finish() {
        tally.count(&item);
        printer.print(&mut out, &item)?;
    }
    out.flush()?;
    Ok(tally)
}

/// The next line without its end; of a line that is too long, its beginning and so much that it
/// is recognised as too long. False at the end of the input.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(buffer.len());
        let room = LONGEST_LINE.saturating_sub(line.len());
        line.extend(buffer.iter().take(taken.min(room)));
        let used = taken + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

struct Printer {
    json: bool,
    paint: Paint,
}

impl Printer {
    fn print(&self, out: &mut impl std::io::Write, item: &Item) -> anyhow::Result<()> {
        if !self.json {
            write!(out, "{}", apdu_trace::render(item, &Colours(self.paint)))?;
        } else {
            serde_json::to_writer(&mut *out, &Line::from(item))?;
            writeln!(out)?;
        }
        Ok(())
    }
}

struct Colours(Paint);

impl Style for Colours {
    fn title(&self, text: &str) -> String {
        self.0.strong(text)
    }

    fn good(&self, text: &str) -> String {
        self.0.good(text)
    }

    fn bad(&self, text: &str) -> String {
        self.0.bad(text)
    }

    fn faint(&self, text: &str) -> String {
        self.0.faint(text)
    }
}

/// One line of `--json`.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    Exchange {
        line: usize,
        channel: u8,
        /// CLA, INS, P1, P2 in hex.
        header: String,
        /// Length of the data as sent.
        lc: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        le: Option<u32>,
        title: &'a str,
        wrong: bool,
        command: Vec<Field<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        response: Option<Answer<'a>>,
    },
    Reset {
        line: usize,
    },
    Comment {
        line: usize,
        text: &'a str,
    },
    Problem {
        line: usize,
        text: &'a str,
    },
}

#[derive(Serialize)]
struct Answer<'a> {
    line: usize,
    sw: String,
    meaning: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    /// Length of the data as sent.
    length: usize,
    data: Vec<Field<'a>>,
}

#[derive(Serialize)]
struct Field<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    value: &'a str,
    /// `right`, `wrong` or `note`; absent for plain information.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Self>,
}

impl<'a> From<&'a Item> for Line<'a> {
    fn from(item: &'a Item) -> Self {
        match item {
            Item::Exchange(exchange) => Self::Exchange {
                line: exchange.line,
                channel: exchange.channel,
                header: hex::encode_upper(exchange.header),
                lc: exchange.length,
                le: exchange.le,
                title: &exchange.title,
                wrong: exchange.is_wrong(),
                command: fields(&exchange.command),
                response: exchange.response.as_ref().map(Answer::from),
            },
            Item::Reset { line } => Self::Reset { line: *line },
            Item::Comment { line, text } => Self::Comment { line: *line, text },
            Item::Problem { line, text } => Self::Problem { line: *line, text },
            _ => Self::Problem {
                line: 0,
                text: "unknown",
            },
        }
    }
}

impl<'a> From<&'a Reply> for Answer<'a> {
    fn from(reply: &'a Reply) -> Self {
        Self {
            line: reply.line,
            sw: format!("{:04X}", reply.status),
            meaning: &reply.meaning,
            hint: reply.hint,
            length: reply.length,
            data: fields(&reply.data),
        }
    }
}

fn fields(nodes: &[Node]) -> Vec<Field<'_>> {
    let field = |node| Field::from(node);
    nodes.iter().map(field).collect()
}

impl<'a> From<&'a Node> for Field<'a> {
    fn from(node: &'a Node) -> Self {
        Self {
            name: &node.name,
            value: &node.value,
            verdict: node.verdict.and_then(|verdict| match verdict {
                Verdict::Right => Some("right"),
                Verdict::Wrong => Some("wrong"),
                Verdict::Note => Some("note"),
                _ => None,
            }),
            fields: fields(&node.children),
        }
    }
}
