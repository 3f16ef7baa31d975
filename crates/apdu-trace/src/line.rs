//! One line of a trace: a command, a response, or something else.
//!
//! Recognised are plain hex, arrows in any of their forms (`>`, `->`, `>>`, `=>`, `-->` and
//! back), words (`C-APDU`, `APDU:`/`SW:` of pcscd, `SEND`/`RECV`), and what GlobalPlatformPro
//! (`A>> T=1 (4+0008) …`), pySim (`<- 9000: …`), GPShell (`Wrapped command --> …`) and OpenSC
//! (`Outgoing APDU (7 bytes):` and a dump) print. Everything else is a comment.

mod date;
mod hex;
mod marker;

use globalplatform::apdu::CommandApdu;
pub(crate) use hex::{bare_digits, bytes};
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
    /// A dump of response data follows; this is its status word.
    DumpAfter([u8; 2]),
    /// What may go on in the next line.
    Part(Part),
    Reset,
    Blank,
    Comment,
    Malformed(String),
}

/// The beginning of a command or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub is_command: bool,
    /// Hex digits, as numbers.
    pub digits: Vec<u8>,
    /// How many bytes there should be, when the line says it.
    pub length: Option<usize>,
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
        if let Some(line) = dump(line)
            .or_else(|| received(line))
            .or_else(|| named(line))
        {
            return line;
        }
        let line = date::strip(line);
        if let Some((command, response)) = columns(line) {
            return Self::Both(command, response);
        }
        match Marker::find(line) {
            Some(marker) => Self::marked(&marker),
            None if is_reset(line) => Self::Reset,
            None => match hex::read(line, false) {
                hex::Hex::Bytes(bytes) => Self::Bytes(bytes),
                // The rest of a line that was cut.
                hex::Hex::Odd(digits) if digits.len() == 1 => Self::Comment,
                hex::Hex::Odd(digits) => Self::Malformed(odd(&digits)),
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
        if marker.meaning == Meaning::Response
            && let Some(response) = status_last(marker.payload)
        {
            return Self::Response(response);
        }
        let part = |digits| {
            Self::Part(Part {
                is_command: marker.meaning == Meaning::Command,
                digits,
                length: marker.length,
            })
        };
        let bytes = match hex::read(marker.payload, true) {
            hex::Hex::Bytes(bytes) if marker.length.is_some_and(|n| bytes.len() < n) => {
                let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
                return part(digits.collect());
            }
            hex::Hex::Bytes(bytes) => bytes,
            hex::Hex::Odd(digits) if marker.meaning != Meaning::Unprotected => return part(digits),
            hex::Hex::Odd(digits) => return Self::Malformed(odd(&digits)),
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

/// Why digits without partner cannot be read.
pub(crate) fn odd(digits: &[u8]) -> String {
    format!("odd number of hex digits ({})", digits.len())
}

/// opensc-tool: `Received (SW1=0x90, SW2=0x00):` and a dump, if there are data.
fn received(line: &str) -> Option<Line> {
    let rest = line.strip_prefix("Received (SW1=0x")?;
    let (sw1, rest) = rest.split_once(", SW2=0x")?;
    let (sw2, rest) = rest.split_once(')')?;
    let byte = |text| u8::from_str_radix(text, 16).ok();
    let status = [byte(sw1)?, byte(sw2)?];
    Some(match rest {
        ":" => Line::DumpAfter(status),
        _ => Line::Response(status.to_vec()),
    })
}

/// The bytes of a line of opensc-tool's dump: 16 columns of three characters, then text.
pub(crate) fn dump_columns(line: &str) -> Option<Vec<u8>> {
    dump_line(line.get(..48).unwrap_or(line), 16)
}

/// apdutool and its like: `CLA: 80, INS: ca, P1: 00, P2: 66, Lc: 00, Le: 02, 11, 22, SW1: 90, SW2: 00`.
fn named(line: &str) -> Option<Line> {
    let start = line.find("CLA:")?;
    let (mut header, mut data) = (Vec::new(), Vec::new());
    let (mut answer, mut status) = (Vec::new(), Vec::new());
    let mut is_answer = false;
    for field in line.get(start..)?.split(',') {
        let (name, value) = field.split_once(':').unwrap_or(("", field));
        let value = ::hex::decode(value.trim()).ok()?;
        match name.trim() {
            "CLA" | "INS" | "P1" | "P2" => header.extend(value),
            "Lc" => {}
            "Le" => is_answer = true,
            "SW" | "SW1" | "SW2" => status.extend(value),
            "" | "Data" if is_answer => answer.extend(value),
            "" | "Data" => data.extend(value),
            _ => return None,
        }
    }
    let mut command: Vec<u8> = header;
    if !data.is_empty() {
        command.push(u8::try_from(data.len()).ok()?);
        command.extend(data);
    }
    match (command.len(), status.len()) {
        (4.., 0) => Some(Line::Command(command)),
        (4.., 2) => {
            answer.extend(status);
            Some(Line::Both(command, answer))
        }
        _ => None,
    }
}

/// A command and a response in two columns, neither of them with blanks inside.
fn columns(line: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut words = line
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|'))
        .filter(|word| !word.is_empty());
    let (command, response) = (words.next()?, words.next()?);
    if words.next().is_some() || command.len() < 10 {
        return None;
    }
    let (command, response) = (::hex::decode(command).ok()?, ::hex::decode(response).ok()?);
    let is_pair = CommandApdu::decode(&command).is_ok() && ends_with_status(&response);
    is_pair.then_some((command, response))
}

/// Whether bytes end as responses do. An error status word comes alone.
pub(crate) const fn ends_with_status(bytes: &[u8]) -> bool {
    match bytes {
        [0x61..=0x6F | 0x90..=0x9F, _] => true,
        [.., sw1, sw2] => matches!((*sw1, *sw2), (0x90, 0x00) | (0x61..=0x63 | 0x91 | 0x9F, _)),
        _ => false,
    }
}

/// yubikit: the data, and `SW=9000`.
fn status_last(text: &str) -> Option<Vec<u8>> {
    let (data, status) = text.split_once("SW=")?;
    let status: [u8; 2] = ::hex::decode(status.trim()).ok()?.try_into().ok()?;
    let mut response = match hex::read(data, false) {
        hex::Hex::Bytes(data) => data,
        _ if data.trim().is_empty() => Vec::new(),
        _ => return None,
    };
    response.extend(status);
    Some(response)
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

#[cfg(test)]
mod tests;
