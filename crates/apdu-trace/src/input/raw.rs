//! Bytes of a line to text: UTF-8, or UTF-16 as Windows writes it when output goes into a file.

/// How the bytes of a trace are meant.
#[derive(Debug, Default)]
pub(super) struct Encoding {
    /// Two bytes a character; what matters is ASCII, so that one of them is zero.
    is_wide: bool,
}

impl Encoding {
    /// The text of a line. The first one tells the encoding.
    pub(super) fn text(&mut self, mut line: &[u8], is_first: bool) -> String {
        if is_first {
            if let [0xFF, 0xFE, rest @ ..] | [0xFE, 0xFF, rest @ ..] = line {
                self.is_wide = true;
                line = rest;
            } else if let [0xEF, 0xBB, 0xBF, rest @ ..] = line {
                line = rest;
            }
        }
        let text = if self.is_wide {
            let narrow: Vec<u8> = line.iter().copied().filter(|byte| *byte != 0).collect();
            String::from_utf8_lossy(&narrow).into_owned()
        } else {
            String::from_utf8_lossy(line).into_owned()
        };
        match text.contains('\u{1b}') {
            true => without_colours(&text),
            false => text,
        }
    }
}

/// Without the sequences that colour a terminal: `ESC [ 3 1 m`.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or("").to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_digit() && c != ';');
        match end.and_then(|end| Some((piece.get(end..=end)?, piece.get(end + 1..)?))) {
            Some(("m" | "K", rest)) => plain.push_str(rest),
            _ => {
                plain.push_str("\u{1b}[");
                plain.push_str(piece);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_encodings_are_no_text() {
        let mut encoding = Encoding::default();
        assert_eq!(encoding.text(b"\xEF\xBB\xBF00A4", true), "00A4");
        assert_eq!(encoding.text(b"0\x000", false), "0\u{0}0");
        let mut encoding = Encoding::default();
        assert_eq!(encoding.text(b"\xFF\xFE0\x000\x00\r\0", true), "00\r");
        assert_eq!(encoding.text(b"\x00A\x004\0", false), "A4");
        let mut encoding = Encoding::default();
        assert_eq!(encoding.text(b"\xFE\xFF\x000\x000", true), "00");
        let mut encoding = Encoding::default();
        assert_eq!(encoding.text(b"0", true), "0");
        assert_eq!(encoding.text(b"\xFF\xFE0", false), "\u{FFFD}\u{FFFD}0");
    }

    #[test]
    fn colours_are_no_text() {
        let plain = |text: &[u8]| Encoding::default().text(text, false);
        assert_eq!(plain(b"\x1b[1;31m> 80CA\x1b[0m"), "> 80CA");
        assert_eq!(plain(b"\x1b[K<\x1b[m 9000"), "< 9000");
        assert_eq!(plain(b"a\x1b[2Jb\x1b[3"), "a\u{1b}[2Jb\u{1b}[3");
        assert_eq!(plain("\u{1b}[é".as_bytes()), "\u{1b}[é");
    }
}
