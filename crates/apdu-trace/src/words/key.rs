//! Words for key versions, types, usage, access and curves (G 11.1.8 to 11.1.10; Amendments D and
//! E; UICC Configuration for the reserved versions).

use super::bits;

/// A key version in words.
pub(crate) fn describe_version(version: u8) -> String {
    let word = match version {
        0x00 => "the card's default",
        0x01..=0x0F => "SCP80 by convention",
        0x11 => "DAP of TS 102 226",
        0x20..=0x2F => "SCP02 by convention",
        0x30..=0x3F => "SCP03 by convention",
        0x40..=0x4F => "SCP81 by convention",
        0x70 => "token keys",
        0x71 => "receipt keys",
        0x73 => "DAP keys",
        0x74 => "CASD keys",
        0x75 => "ciphered load file keys",
        0xFF => "initial keys",
        _ => return format!("{version:02X}"),
    };
    format!("{version:02X} ({word})")
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

/// The type of a key or of a part of it.
pub(crate) const fn key_type(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0x80 => "DES",
        0x81..=0x84 => "DES-CBC (old)",
        0x85 => "TLS pre-shared key",
        0x88 => "AES",
        0x90 => "HMAC-SHA1",
        0x91 => "HMAC-SHA1-160",
        0xA0 => "RSA public exponent",
        0xA1 => "RSA modulus (public)",
        0xA2 => "RSA modulus (private)",
        0xA3 => "RSA private exponent",
        0xA4 => "RSA CRT P",
        0xA5 => "RSA CRT Q",
        0xA6 => "RSA CRT PQ",
        0xA7 => "RSA CRT DP1",
        0xA8 => "RSA CRT DQ1",
        0xB0 => "EC public key",
        0xB1 => "EC private key",
        0xB2 => "EC field parameter P",
        0xB3 => "EC coefficient A",
        0xB4 => "EC coefficient B",
        0xB5 => "EC generator G",
        0xB6 => "EC order N",
        0xB7 => "EC cofactor k",
        0xF0 => "EC curve reference",
        0xFF => "extended format",
        _ => return None,
    })
}

/// The curve of a curve reference.
pub(crate) const fn curve(reference: u8) -> Option<&'static str> {
    Some(match reference {
        0x00 => "P-256",
        0x01 => "P-384",
        0x02 => "P-521",
        0x03 => "brainpoolP256r1",
        0x04 => "brainpoolP256t1",
        0x05 => "brainpoolP384r1",
        0x06 => "brainpoolP384t1",
        0x07 => "brainpoolP512r1",
        0x08 => "brainpoolP512t1",
        _ => return None,
    })
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

/// Key access (G 11.1.10).
pub(crate) const fn access(byte: u8) -> Option<&'static str> {
    match byte {
        0x00 => Some("security domain and its applications"),
        0x01 => Some("security domain only"),
        0x02 => Some("applications only"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_by_their_ranges() {
        for (byte, words) in [
            (0x00, "00 (the card's default)"),
            (0x01, "01 (SCP80 by convention)"),
            (0x0F, "0F (SCP80 by convention)"),
            (0x10, "10"),
            (0x2F, "2F (SCP02 by convention)"),
            (0x30, "30 (SCP03 by convention)"),
            (0x3F, "3F (SCP03 by convention)"),
            (0x40, "40 (SCP81 by convention)"),
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
