//! Well-known application identifiers. The longest prefix counts.

use crate::tree::{hex, text};

/// Beginnings of AIDs in hex with their names; registered names, and what public card tools list.
const KNOWN: &[(&str, &str)] = &[
    ("A000000151", "GlobalPlatform"),
    ("A0000001510000", "GlobalPlatform issuer security domain"),
    ("A0000001515350", "GlobalPlatform security domain package"),
    ("A000000151535041", "GlobalPlatform security domain"),
    (
        "A000000151435253",
        "GlobalPlatform CRS (contactless registry)",
    ),
    ("A00000015141434C", "GlobalPlatform ARA (access rules)"),
    ("A000000003", "Visa"),
    ("A000000003000000", "Open Platform card manager"),
    ("A000000018434D", "Gemalto card manager"),
    ("A000000062", "Java Card platform"),
    ("A0000000620001", "java.lang"),
    ("A0000000620101", "javacard.framework"),
    ("A0000000620102", "javacard.security"),
    ("A0000000620201", "javacardx.crypto"),
    ("A000000009", "ETSI"),
    ("A000000087", "3GPP"),
    ("A0000000871001", "3GPP UICC"),
    ("A0000000871002", "3GPP USIM"),
    ("A0000000871004", "3GPP ISIM"),
    ("A000000559", "GSMA"),
    ("A0000005591010FFFFFFFF8900000100", "GSMA eUICC ISD-R"),
    ("A0000005591010FFFFFFFF8900000200", "GSMA eUICC ECASD"),
    ("A000000063", "RSA PKCS"),
    ("A000000063504B43532D3135", "PKCS #15"),
    ("A000000308000010", "NIST PIV"),
    ("A000000527", "Yubico"),
    ("A000000527200101", "YubiKey OTP"),
    ("A000000527210101", "YubiKey OATH"),
    ("A000000527471117", "YubiKey management"),
    ("A0000006472F0001", "FIDO U2F"),
    ("A0000002471001", "ICAO travel document"),
    ("D27600012401", "OpenPGP"),
    ("D2760000850101", "NFC Forum tag"),
    ("D392F00026", "JPKI"),
    ("D392F0002601000000", "JPKI package"),
    ("D392F000260100000001", "JPKI application"),
    ("D392F00026535344", "JPKI provider's security domain"),
    (
        "315041592E5359532E4444463031",
        "EMV payment system environment",
    ),
    (
        "325041592E5359532E4444463031",
        "EMV proximity payment system environment",
    ),
];

/// The name of an AID, when it or its beginning is known.
pub(crate) fn name(aid: &[u8]) -> Option<&'static str> {
    let aid = hex(aid);
    KNOWN
        .iter()
        .filter(|(prefix, _)| aid.starts_with(prefix))
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|(_, name)| *name)
}

/// An AID in hex with its name, or with its text.
pub(crate) fn describe(aid: &[u8]) -> String {
    let tail = aid.get(5..).and_then(text).or_else(|| text(aid));
    match (name(aid), tail) {
        _ if aid.is_empty() => "none".to_owned(),
        (Some(name), _) => format!("{} ({name})", hex(aid)),
        (None, Some(text)) => format!("{} (\"{text}\")", hex(aid)),
        (None, None) => hex(aid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_names_an_aid() {
        let name_of = |hex: &str| name(&hex::decode(hex).unwrap());
        assert_eq!(
            name_of("A000000151000000"),
            Some("GlobalPlatform issuer security domain")
        );
        assert_eq!(name_of("A000000151AA"), Some("GlobalPlatform"));
        assert_eq!(name_of("D392F000260100000001"), Some("JPKI application"));
        assert_eq!(name_of("F000000001"), None);
    }

    #[test]
    fn text_stands_in_for_a_name() {
        let aid = b"\xF0\x00\x00\x00\x01Demo";
        assert_eq!(describe(aid), "F00000000144656D6F (\"Demo\")");
        assert_eq!(describe(&[]), "none");
        assert_eq!(describe(&[0xF0, 0, 0, 0, 1]), "F000000001");
    }
}
