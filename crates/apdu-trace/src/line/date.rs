//! Date, time and sender that loggers put before a line.

/// The line without `2018-06-21 01:29:25,`, `03:00:01.123 ` or `May 14 18:41:50 host pcscd[123]: `.
pub(super) fn strip(line: &str) -> &str {
    if let Some(rest) = after_syslog(line) {
        return rest;
    }
    let dated = line
        .split_once([' ', 'T'])
        .filter(|(date, _)| is_date(date));
    if let Some((_, rest)) = dated {
        let end = rest.find(|c: char| !is_time(c)).unwrap_or(rest.len());
        let rest = rest.get(end..).unwrap_or("");
        return rest.trim_start_matches([',', ' ', '\t', 'Z']);
    }
    after_time(line).unwrap_or(line)
}

const fn is_time(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, ':' | '.')
}

fn is_date(word: &str) -> bool {
    word.len() == 10
        && word.bytes().enumerate().all(|(at, byte)| match (at, byte) {
            (4 | 7, byte) => matches!(byte, b'-' | b'/'),
            (_, byte) => byte.is_ascii_digit(),
        })
}

/// A time of day alone. Bytes with colons look like it, but have no fraction and no sign behind.
fn after_time(line: &str) -> Option<&str> {
    let (time, rest) = line.split_once([' ', '\t'])?;
    let (clock, fraction) = match time.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (time, None),
    };
    let is_clock = clock.len() == 8
        && clock.bytes().enumerate().all(|(at, byte)| match at {
            2 | 5 => byte == b':',
            _ => byte.is_ascii_digit(),
        });
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_hex = |c: char| c.is_ascii_hexdigit() || c.is_whitespace() || c == ':';
    let is_certain = match fraction {
        Some(fraction) => is_number(fraction),
        None => !rest.chars().all(is_hex),
    };
    (is_clock && is_certain).then(|| rest.trim_start())
}

/// The prefix of syslog and journal: a month, and later a process number in brackets.
fn after_syslog(line: &str) -> Option<&str> {
    const MONTHS: [&str; 12] = [
        "Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ", "Jul ", "Aug ", "Sep ", "Oct ", "Nov ",
        "Dec ",
    ];
    MONTHS.iter().find(|month| line.starts_with(**month))?;
    let (before, rest) = line.split_once("]: ")?;
    let (_, process) = before.rsplit_once('[')?;
    let is_number = !process.is_empty() && process.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_cut_off() {
        for line in [
            "2018-06-21 01:29:25,> 80CA",
            "2018/06/21 01:29:25.123 > 80CA",
            "2026-11-23T03:00:01.123Z > 80CA",
            "03:00:01.123 > 80CA",
            "03:00:01,5 > 80CA",
            "03:00:01\t> 80CA",
            "May 14 18:41:50 host pcscd[336623]: > 80CA",
        ] {
            assert_eq!(strip(line), "> 80CA", "{line}");
        }
        assert_eq!(strip("03:00:01.1 80CA"), "80CA");
    }

    #[test]
    fn bytes_and_sentences_are_left_alone() {
        for line in [
            "00:20:00 80 04",
            "00:A4:04.1 00",
            "00:20:001.1 00",
            "00-20:00.1 00",
            "00:20:00. 00",
            "00:20:00.x 00",
            "2018-06+21 01:29:25,00",
            "May 14 something: 90 00",
            "May 14 host app[x]: 90 00",
            "May 14 host app[]: 90 00",
            "Mai 14 host app[1]: 90 00",
            "> 80CA",
        ] {
            assert_eq!(strip(line), line, "{line}");
        }
    }
}
