//! Words for key versions, roles, usage and curves, beside those that `globalplatform` has (G 11.1.9;
//! Amendments D and E).

use globalplatform::key::{CurveReference, version_use};

use super::bits;

/// A key version in words.
pub(crate) fn describe_version(version: u8) -> String {
    let word = match version {
        0x00 => Some("the card's default"),
        _ => version_use(version),
    };
    match word {
        Some(word) => format!("{version:02X} ({word})"),
        None => format!("{version:02X}"),
    }
}

/// The role of a key identifier in a set of a secure channel.
pub(crate) const fn role(id: u8) -> Option<&'static str> {
    match id {
        1 => Some("ENC"),
        2 => Some("MAC"),
        3 => Some("DEK"),
        _ => None,
    }
}

/// The curve of a curve reference of one byte.
pub(crate) fn curve(reference: u8) -> Option<&'static str> {
    CurveReference::decode(&[reference]).ok()?.name()
}

/// Key usage qualifier (G 11.1.9).
pub(crate) fn usage(byte: u8) -> String {
    let names = [
        (0x80, "verification, encryption"),
        (0x40, "computation, decryption"),
        (0x20, "responses"),
        (0x10, "commands"),
        (0x08, "confidentiality"),
        (0x04, "checksum"),
        (0x02, "signature"),
        (0x01, "authorization"),
    ];
    format!("{byte:02X} ({})", bits(byte, &names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_by_their_ranges() {
        for (byte, words) in [
            (0x00, "00 (the card's default)"),
            (0x01, "01 (SCP80)"),
            (0x0F, "0F (SCP80)"),
            (0x10, "10"),
            (0x2F, "2F (SCP02)"),
            (0x30, "30 (SCP03)"),
            (0x3F, "3F (SCP03)"),
            (0x40, "40 (SCP81)"),
            (0x50, "50"),
            (0xFF, "FF (initial keys)"),
        ] {
            assert_eq!(describe_version(byte), words);
        }
    }

    #[test]
    fn usage_is_spelled_out() {
        assert_eq!(usage(0x38), "38 (responses, commands, confidentiality)");
        assert_eq!(usage(0x00), "00 (none)");
    }
}
