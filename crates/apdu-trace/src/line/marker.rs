//! Signs by which a line says in which direction its bytes went.

/// What the bytes after a sign are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Command,
    Unprotected,
    Response,
    Ignored,
}

/// A sign in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker<'a> {
    pub meaning: Meaning,
    pub is_arrow: bool,
    /// Bytes of a response as GlobalPlatformPro counts them: `(0066+2)`.
    pub length: Option<usize>,
    /// What stands before the sign.
    pub before: &'a str,
    /// What stands after it, without counts, times and remarks.
    pub payload: &'a str,
}

/// Signs that count wherever they stand, the longer first.
const PHRASES: &[(&str, Meaning)] = &[
    ("Unwrapped response <--", Meaning::Ignored),
    ("Wrapped command -->", Meaning::Command),
    ("Command -->", Meaning::Unprotected),
    ("Response <--", Meaning::Response),
    ("A>>", Meaning::Command),
    ("A<<", Meaning::Response),
    ("Command APDU:", Meaning::Command),
    ("Response APDU:", Meaning::Response),
    ("C-APDU:", Meaning::Command),
    ("R-APDU:", Meaning::Response),
    ("APDU command:", Meaning::Command),
    ("APDU response:", Meaning::Response),
    ("CAPDU:", Meaning::Command),
    ("RAPDU:", Meaning::Response),
    ("[SEND]:", Meaning::Command),
    ("[RESP]:", Meaning::Response),
    ("SEND:", Meaning::Command),
    ("RECV:", Meaning::Response),
    ("AT+CGLA=", Meaning::Command),
    ("AT+CSIM=", Meaning::Command),
    ("+CGLA:", Meaning::Response),
    ("+CSIM:", Meaning::Response),
];

/// Words that count only at the beginning of a line, after numbers and brackets: they occur in
/// sentences too.
const WORDS: &[(&str, Meaning)] = &[
    ("APDU:", Meaning::Command),
    ("SW:", Meaning::Response),
    ("SW=", Meaning::Response),
    ("SW ", Meaning::Response),
    ("C-APDU", Meaning::Command),
    ("R-APDU", Meaning::Response),
    ("Sending:", Meaning::Command),
    ("Received:", Meaning::Response),
    ("Command:", Meaning::Command),
    ("Response:", Meaning::Response),
    ("RESP:", Meaning::Response),
    ("CMD:", Meaning::Command),
    ("RSP:", Meaning::Response),
    ("REQ:", Meaning::Command),
    ("RES:", Meaning::Response),
    ("TX:", Meaning::Command),
    ("RX:", Meaning::Response),
];

/// Arrows, the longer first.
const ARROWS: &[(&str, Meaning)] = &[
    ("-->", Meaning::Command),
    ("<--", Meaning::Response),
    ("==>", Meaning::Command),
    ("<==", Meaning::Response),
    (">>>", Meaning::Command),
    ("<<<", Meaning::Response),
    (">>", Meaning::Command),
    ("<<", Meaning::Response),
    ("->", Meaning::Command),
    ("<-", Meaning::Response),
    ("=>", Meaning::Command),
    ("<=", Meaning::Response),
];

impl<'a> Marker<'a> {
    /// The sign of a line, if it has one.
    pub(super) fn find(line: &'a str) -> Option<Self> {
        phrase(line).or_else(|| word(line)).or_else(|| arrow(line))
    }

    fn new(meaning: Meaning, is_arrow: bool, before: &'a str, after: &'a str) -> Self {
        Self {
            meaning,
            is_arrow,
            length: None,
            before: before.trim(),
            payload: payload(after),
        }
    }
}

fn phrase(line: &str) -> Option<Marker<'_>> {
    PHRASES.iter().find_map(|(sign, meaning)| {
        let at = find_ignoring_case(line, sign)?;
        let (before, after) = (line.get(..at)?, line.get(at + sign.len()..)?);
        let stands_alone = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        let length = (*sign == "A<<").then(|| counted(after)).flatten();
        stands_alone.then(|| Marker {
            length,
            ..Marker::new(*meaning, false, before, after)
        })
    })
}

fn word(line: &str) -> Option<Marker<'_>> {
    let start = after_log_prefix(line);
    WORDS.iter().find_map(|(sign, meaning)| {
        let head = start.get(..sign.len())?;
        let after = start.get(sign.len()..)?;
        head.eq_ignore_ascii_case(sign)
            .then(|| Marker::new(*meaning, false, "", after))
    })
}

fn arrow(line: &str) -> Option<Marker<'_>> {
    for (sign, meaning) in ARROWS {
        if let Some((before, after)) = line.split_once(sign)
            && (before.is_empty() || before.ends_with([' ', '\t', ']', ':']))
        {
            let marker = Marker::new(*meaning, true, before, after);
            // pcscd logs the frames of the reader with these arrows as well.
            let is_reader_frame = marker.payload.starts_with("000000 ");
            return (!is_reader_frame).then_some(marker);
        }
    }
    match (line.strip_prefix('>'), line.strip_prefix('<')) {
        (Some(after), _) => Some(Marker::new(Meaning::Command, true, "", after)),
        (_, Some(after)) => Some(Marker::new(Meaning::Response, true, "", after)),
        _ => None,
    }
}

/// Skips `00000005 [140017007589056] ` and the like.
fn after_log_prefix(mut line: &str) -> &str {
    loop {
        line = line.trim_start();
        let end = match line.chars().next() {
            Some('[') => line.find(']').map(|at| at + 1),
            Some(c) if c.is_ascii_digit() => line
                .find(|c: char| !c.is_ascii_digit())
                .filter(|at| line.get(*at..).is_some_and(|rest| rest.starts_with(' '))),
            _ => None,
        };
        match end.and_then(|end| line.get(end..)) {
            Some(rest) => line = rest,
            None => return line,
        }
    }
}

/// `(0066+2)`: 66 bytes of data and the status word.
fn counted(text: &str) -> Option<usize> {
    let (data, status) = text
        .trim_start()
        .strip_prefix('(')?
        .split_once(')')?
        .0
        .split_once('+')?;
    data.parse::<usize>()
        .ok()?
        .checked_add(status.parse().ok()?)
}

/// Without `T=1`, `(4+0008)`, `(42ms)` in front and a remark behind.
fn payload(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches([':', ' ', '\t', ']']);
        let skip = if text.starts_with('(') {
            text.find(')').map(|at| at + 1)
        } else if text.starts_with("T=0 ") || text.starts_with("T=1 ") {
            Some(3)
        } else {
            None
        };
        match skip.and_then(|at| text.get(at..)) {
            Some(rest) => text = rest,
            None => break,
        }
    }
    // A modem: `AT+CGLA=1,10,"80CA006600"`.
    if let Some((before, quoted)) = text.split_once('"')
        && before.chars().all(|c| c.is_ascii_digit() || c == ',')
    {
        return quoted.split('"').next().unwrap_or("");
    }
    let end = ["//", "<-", "#", ";"]
        .iter()
        .filter_map(|sign| text.find(sign))
        .chain(meaning_of_status(text))
        .min()
        .unwrap_or(text.len());
    text.get(..end).unwrap_or(text).trim()
}

/// Where scriptor tells what a status word means: `90 00 : Normal processing.`
fn meaning_of_status(text: &str) -> Option<usize> {
    let at = text.find(" : ")?;
    let is_hex = |c: char| c.is_ascii_hexdigit() || c.is_whitespace() || c == ':';
    (!text.get(at..)?.chars().all(is_hex)).then_some(at)
}

fn find_ignoring_case(line: &str, sign: &str) -> Option<usize> {
    line.as_bytes()
        .windows(sign.len())
        .position(|window| window.eq_ignore_ascii_case(sign.as_bytes()))
}
