//! Keeps card numbers and what looks like a PIN out of log lines.
//!
//! - A word of exactly four digits gets an underscore: `1234` reads `1_234`.
//!   A PIN has four digits; so no number in a log can be, or be taken for, one.
//! - A run of 19 or 20 digits is an ICCID: only its last four digits stay, with
//!   an underscore too. So do those that the domain has shortened itself.

use std::borrow::Cow;

/// What ends a word for this purpose. Not `:`, `.`, `-` and `/`: ports, dates
/// and paths stay as they are.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || "\"'`,;=()[]{}<>|…".contains(c)
}

/// `text` with card numbers shortened and four-digit words broken up.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 4);
    let mut rest = text;
    let mut at_word_start = true;
    while let Some(first) = rest.chars().next() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits == 0 {
            out.push(first);
            at_word_start = ends_word(first);
            rest = rest.get(first.len_utf8()..).unwrap_or("");
            continue;
        }
        let (run, after) = rest.split_at(digits);
        let is_word = at_word_start && after.chars().next().is_none_or(ends_word);
        push_run(&mut out, run, is_word);
        at_word_start = false;
        rest = after;
    }
    if out == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(out)
    }
}

fn push_run(out: &mut String, run: &str, is_word: bool) {
    let four = match run.len() {
        4 if is_word => run,
        19 | 20 => {
            out.push('…');
            run.get(run.len() - 4..).unwrap_or("")
        }
        _ => return out.push_str(run),
    };
    let (thousands, rest) = four.split_at_checked(1).unwrap_or((four, ""));
    out.push_str(thousands);
    out.push('_');
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_up_a_bare_four_digit_number() {
        assert_eq!(redact("1234"), "1_234");
        assert_eq!(redact("took 4711 ms"), "took 4_711 ms");
        assert_eq!(redact("ms=4711,"), "ms=4_711,");
    }

    #[test]
    fn leaves_other_numbers_alone() {
        for text in [
            "123",
            "12345",
            "127.0.0.1:7443",
            "2026-11-23",
            "12 ms",
            "a1234",
            "1234567890",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn shortens_card_numbers() {
        assert_eq!(redact("card/8981100000000000001"), "card/…0_001");
        assert_eq!(
            redact("89811000000000000017 is attached"),
            "…0_017 is attached"
        );
    }

    #[test]
    fn breaks_up_what_is_left_of_a_card_number() {
        let iccid = tsm_core::identity::Iccid::new("8981100000000000017").unwrap();
        assert_eq!(redact(&format!("{iccid:?}")), "Iccid(…0_017)");
    }

    #[test]
    fn keeps_text_that_is_not_ascii() {
        assert_eq!(redact("カード 1234 枚"), "カード 1_234 枚");
    }
}
