//! Hex as people and programs write it: blanks, colons, commas or nothing between the bytes, `0x`
//! in front, quotes and brackets around.

/// What a piece of text is, read as hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hex {
    /// These bytes, at least one.
    Bytes(Vec<u8>),
    /// Digits, but one is missing at the end or somewhere.
    Odd(Vec<u8>),
    /// Meant as hex, but wrong.
    Wrong(String),
    /// Something else.
    Other,
}

/// Reads text that may be hex. After a sign of direction, less is needed to take it for wrong hex.
pub(super) fn read(text: &str, is_marked: bool) -> Hex {
    let text = text
        .trim()
        .trim_matches(|c| matches!(c, '"' | '\'' | '[' | ']' | '{' | '}'));
    let mut digits = Vec::with_capacity(text.len());
    let mut strangers = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ':' | ',' | '-')) {
        let word = word
            .strip_prefix("0x")
            .or_else(|| word.strip_prefix("0X"))
            .unwrap_or(word);
        for c in word.chars() {
            match c.to_digit(16) {
                Some(digit) => digits.push(digit as u8),
                None => strangers.push(c),
            }
        }
    }
    if is_status_as_numbers(text)
        && let Some(last) = digits.pop()
    {
        digits.extend([0, last]);
    }
    match strangers.first() {
        None if digits.is_empty() => Hex::Other,
        None => join(&digits),
        Some(stranger) if is_meant_as_hex(text, digits.len(), strangers.len(), is_marked) => {
            Hex::Wrong(format!("{:?} is no hex digit", stranger))
        }
        Some(_) => Hex::Other,
    }
}

fn join(digits: &[u8]) -> Hex {
    if !digits.len().is_multiple_of(2) {
        return Hex::Odd(digits.to_vec());
    }
    Hex::Bytes(bytes(digits))
}

/// Digits to bytes; a last one alone counts as a byte.
pub(crate) fn bytes(digits: &[u8]) -> Vec<u8> {
    let byte = |pair: &[u8]| pair.iter().fold(0, |byte, digit| byte << 4 | digit);
    digits.chunks(2).map(byte).collect()
}

/// The digits of a line that is nothing but hex.
pub(crate) fn bare_digits(line: &str) -> Option<Vec<u8>> {
    let digit = |c: char| c.to_digit(16).map(|digit| digit as u8);
    let digits = line.chars().filter(|c| !c.is_whitespace());
    let digits: Vec<u8> = digits.map(digit).collect::<Option<_>>()?;
    (!digits.is_empty()).then_some(digits)
}

/// pyscard writes status words as numbers: `90 0`, `6C C`. Bytes that a line end has cut look alike:
/// behind data only `90 0` counts.
fn is_status_as_numbers(text: &str) -> bool {
    let mut words = text.rsplit(' ').filter(|word| *word != "]");
    let (last, before) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let is_digit = last.len() == 1 && last.chars().all(|c| c.is_ascii_hexdigit());
    match before {
        "90" if last == "0" => true,
        "90" | "91" | "9F" | "61" | "62" | "63" | "6C" => {
            is_digit && words.all(|word| word.is_empty())
        }
        _ => false,
    }
}

/// Few strangers among many digits, beginning as an APDU does.
fn is_meant_as_hex(text: &str, digits: usize, strangers: usize, is_marked: bool) -> bool {
    let begins_with_digits = text.chars().take(2).all(|c| c.is_ascii_hexdigit());
    let decimal = text.chars().filter(char::is_ascii_digit).count();
    let is_enough = if is_marked {
        strangers <= 4 && digits >= 4
    } else {
        strangers <= 2 && digits >= 6 && decimal >= 4
    };
    is_enough && begins_with_digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_way_of_writing_bytes() {
        for text in [
            "00A4040C",
            "00a4040c",
            "00 A4 04 0C",
            "00:a4:04:0c",
            "0x00, 0xA4, 0x04, 0x0C",
            " [00 A4 04 0C] ",
            "\"00A4040C\"",
            "00A4 04-0C",
        ] {
            assert_eq!(
                read(text, false),
                Hex::Bytes(vec![0x00, 0xA4, 0x04, 0x0C]),
                "{text}"
            );
        }
    }

    #[test]
    fn pads_status_words_that_are_written_as_numbers() {
        assert_eq!(read("90 0", true), Hex::Bytes(vec![0x90, 0x00]));
        assert_eq!(read("AA 90 0", true), Hex::Bytes(vec![0xAA, 0x90, 0x00]));
        assert_eq!(read("6C C", true), Hex::Bytes(vec![0x6C, 0x0C]));
        assert_eq!(read("AA 6C C", true), Hex::Odd(vec![0xA, 0xA, 6, 0xC, 0xC]));
        assert_eq!(read("AA 6A 8", true), Hex::Odd(vec![0xA, 0xA, 6, 0xA, 8]));
        assert_eq!(read("AA90 0", true), Hex::Odd(vec![0xA, 0xA, 9, 0, 0]));
        assert_eq!(read("90 0 0", true), Hex::Bytes(vec![0x90, 0x00]));
        assert_eq!(read("90 G", true), Hex::Other);
    }

    #[test]
    fn bare_digits_are_nothing_else() {
        assert_eq!(bare_digits(" 9 3f "), Some(vec![9, 3, 0xF]));
        assert_eq!(bare_digits("  "), None);
        assert_eq!(bare_digits("90:00"), None);
        assert_eq!(bytes(&[9, 0, 7]), [0x90, 0x07]);
    }

    #[test]
    fn tells_wrong_hex_from_other_text() {
        assert_eq!(read("00A40", false), Hex::Odd(vec![0, 0, 0xA, 4, 0]));
        assert_eq!(
            read("80F28002O24F00", false),
            Hex::Wrong("'O' is no hex digit".to_owned())
        );
        for text in [
            "",
            "  ",
            "hello",
            "card ATR 3B00",
            "Reader: ACS 00 00",
            "zz00112233",
        ] {
            assert_eq!(read(text, false), Hex::Other, "{text}");
        }
        assert_eq!(
            read("80F2..00", true),
            Hex::Wrong("'.' is no hex digit".to_owned())
        );
        assert_eq!(read("80F.....", true), Hex::Other);
        assert_eq!(read("cd /tmp", true), Hex::Other);
    }
}
