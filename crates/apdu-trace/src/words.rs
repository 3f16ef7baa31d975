//! People's words for numbers: AIDs, status words, key types, instructions.

pub(crate) mod aid;
pub(crate) mod instruction;
pub(crate) mod key;
pub(crate) mod status;

/// A number with its word, or with "unknown".
pub(crate) fn with_word(byte: u8, word: Option<&str>) -> String {
    format!("{byte:02X} ({})", word.unwrap_or("unknown"))
}

/// The words of the bits that are set, with commas; `none` when no bit is.
pub(crate) fn bits(byte: u8, names: &[(u8, &str)]) -> String {
    let known = names.iter().filter(|(bit, _)| byte & bit == *bit);
    let words: Vec<String> = known.map(|(_, name)| (*name).to_owned()).collect();
    let covered = names.iter().fold(0, |all, (bit, _)| all | bit);
    let mut words = words;
    if byte & !covered != 0 {
        words.push(format!("unknown bits {:02X}", byte & !covered));
    }
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_bits_are_told() {
        let names = [(0x80, "last"), (0x18, "both")];
        assert_eq!(bits(0x80, &names), "last");
        assert_eq!(bits(0x98, &names), "last, both");
        assert_eq!(bits(0x89, &names), "last, unknown bits 01");
        assert_eq!(bits(0x00, &names), "none");
        assert_eq!(with_word(0x88, Some("AES")), "88 (AES)");
        assert_eq!(with_word(0x01, None), "01 (unknown)");
    }
}
