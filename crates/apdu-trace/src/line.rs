//! One line of a trace: a command, a response, or something else.
//!
//! Recognised are plain hex, arrows in any of their forms (`>`, `->`, `>>`, `=>`, `-->` and
//! back), words (`C-APDU`, `APDU:`/`SW:` of pcscd, `SEND`/`RECV`), and what GlobalPlatformPro
//! (`A>> T=1 (4+0008) …`), pySim (`<- 9000: …`), GPShell (`Wrapped command --> …`) and OpenSC
//! (`Outgoing APDU (7 bytes):` and a dump) print. Everything else is a comment.

mod hex;
mod marker;

use marker::{Marker, Meaning};

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Command(Vec<u8>),
    /// A command as it was before protection; the next line repeats it as it was sent.
    Unprotected(Vec<u8>),
    Response(Vec<u8>),
    /// Bytes without direction.
    Bytes(Vec<u8>),
    /// Command and response on one line.
    Both(Vec<u8>, Vec<u8>),
    /// A dump of so many bytes follows.
    Dump {
        is_command: bool,
        length: usize,
    },
    Reset,
    Blank,
    Comment,
    Malformed(String),
}

impl Line {
    /// Reads a line without its end.
    pub(crate) fn parse(line: &str) -> Self {
        let line = line.trim();
        if line.is_empty() {
            return Self::Blank;
        }
        if let Some(comment) = ["#", "//", "--"].iter().find_map(|c| line.strip_prefix(c))
            && !comment.starts_with('>')
        {
            return if is_reset(comment) {
                Self::Reset
            } else {
                Self::Comment
            };
        }
        if let Some(dump) = dump(line) {
            return dump;
        }
        let line = without_date(line);
        match Marker::find(line) {
            Some(marker) => Self::marked(&marker),
            None if is_reset(line) => Self::Reset,
            None => match hex::read(line, false) {
                hex::Hex::Bytes(bytes) => Self::Bytes(bytes),
                hex::Hex::Wrong(why) => Self::Malformed(why),
                hex::Hex::Other => status_first(line).map_or(Self::Comment, Self::Response),
            },
        }
    }

    fn marked(marker: &Marker<'_>) -> Self {
        // pySim repeats the response of `apdu` in words.
        if marker.meaning == Meaning::Ignored || marker.payload.contains(", RESP:") {
            return Self::Comment;
        }
        if marker.meaning == Meaning::Response
            && let Some(response) = status_first(marker.payload)
        {
            return Self::Response(response);
        }
        let bytes = match hex::read(marker.payload, true) {
            hex::Hex::Bytes(bytes) => bytes,
            hex::Hex::Wrong(why) => return Self::Malformed(why),
            hex::Hex::Other => return Self::Comment,
        };
        match (marker.meaning, hex::read(marker.before, false)) {
            (Meaning::Command | Meaning::Response, hex::Hex::Bytes(command))
                if marker.is_arrow && command.len() >= 4 && !marker.before.contains('[') =>
            {
                Self::Both(command, bytes)
            }
            (Meaning::Command, _) => Self::Command(bytes),
            (Meaning::Unprotected, _) => Self::Unprotected(bytes),
            (Meaning::Response | Meaning::Ignored, _) => Self::Response(bytes),
        }
    }
}

/// `reset`, `-- RESET`, `Card reset`: nothing else on the line.
fn is_reset(text: &str) -> bool {
    let mut words = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let is_one = |word: &str| {
        ["reset", "card", "cold", "warm"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
    };
    words.clone().any(|word| word.eq_ignore_ascii_case("reset")) && words.all(is_one)
}

/// OpenSC: `Outgoing APDU (7 bytes):`, `Incoming APDU data [    2 bytes] ====`.
fn dump(line: &str) -> Option<Line> {
    let (is_command, rest) = [(true, "Outgoing APDU"), (false, "Incoming APDU")]
        .iter()
        .find_map(|(is_command, word)| Some((*is_command, line.split_once(word)?.1)))?;
    let (before, _) = rest.split_once("byte")?;
    let length = before
        .trim_start_matches(" data")
        .trim_matches([' ', '(', '['])
        .parse()
        .ok()?;
    Some(Line::Dump { is_command, length })
}

/// The bytes of a line of a dump, at most `most`: pairs of digits up to the text column.
pub(crate) fn dump_line(line: &str, most: usize) -> Option<Vec<u8>> {
    let pair = |word: &str| {
        (word.len() == 2)
            .then(|| u8::from_str_radix(word, 16).ok())
            .flatten()
    };
    let bytes: Vec<u8> = line
        .split_ascii_whitespace()
        .map_while(pair)
        .take(most.min(16))
        .collect();
    (!bytes.is_empty()).then_some(bytes)
}

/// pySim: the status word, a colon, and the data.
fn status_first(text: &str) -> Option<Vec<u8>> {
    let (status, data) = text.trim().split_once(':')?;
    let status: [u8; 2] = ::hex::decode(status).ok()?.try_into().ok()?;
    let mut response = match hex::read(data, false) {
        hex::Hex::Bytes(data) => data,
        hex::Hex::Other if data.trim().is_empty() => Vec::new(),
        _ => return None,
    };
    response.extend(status);
    Some(response)
}

/// `2018-06-21 01:29:25,00 A4 …`: without date and time.
fn without_date(line: &str) -> &str {
    let is_date = |word: &str| {
        word.len() == 10
            && word.bytes().enumerate().all(|(at, byte)| match (at, byte) {
                (4 | 7, byte) => matches!(byte, b'-' | b'/'),
                (_, byte) => byte.is_ascii_digit(),
            })
    };
    let Some((date, rest)) = line
        .split_once([' ', 'T'])
        .filter(|(date, _)| is_date(date))
    else {
        return line;
    };
    let _ = date;
    let time = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.');
    let end = rest.find(|c: char| !time(c)).unwrap_or(rest.len());
    rest.get(end..)
        .unwrap_or("")
        .trim_start_matches([',', ' ', '\t', 'Z'])
}

#[cfg(test)]
mod tests;
