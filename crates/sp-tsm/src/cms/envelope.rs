//! From what was submitted to DER: PEM armour (RFC 7468) and BER lengths are
//! taken off, S/MIME text is refused with advice.

use super::ber;
use super::refusal::Refusal;

/// Most bytes that an application may have, in either form.
pub const MAX_BYTES: usize = 64 * 1024;

const LABELS: [&str; 3] = ["CMS", "PKCS7", "PKCS #7 SIGNED DATA"];

/// DER of a `ContentInfo` that was submitted as DER, BER or PEM.
///
/// # Errors
/// [`Refusal`] with `CMS_MALFORMED`.
pub fn open(submitted: &[u8]) -> Result<Vec<u8>, Refusal> {
    if submitted.len() > MAX_BYTES {
        return Err(Refusal::TooLarge {
            bytes: submitted.len(),
        });
    }
    if is_smime(submitted) {
        return Err(Refusal::Smime);
    }
    if submitted.trim_ascii_start().starts_with(b"-----BEGIN ") {
        return ber::to_der(&from_pem(submitted.trim_ascii_start())?);
    }
    ber::to_der(submitted)
}

/// Mail headers as `openssl cms -sign` writes them by default.
fn is_smime(submitted: &[u8]) -> bool {
    let start = submitted
        .get(..submitted.len().min(256))
        .unwrap_or_default()
        .to_ascii_lowercase();
    ["mime-version:", "content-type:", "to:", "from:", "subject:"]
        .iter()
        .any(|header| start.trim_ascii_start().starts_with(header.as_bytes()))
}

fn from_pem(text: &[u8]) -> Result<Vec<u8>, Refusal> {
    // Lines end with LF or CRLF; nothing but white space may follow the armour.
    let text: Vec<u8> = text
        .trim_ascii_end()
        .iter()
        .copied()
        .filter(|b| *b != b'\r')
        .collect();
    let (label, der) = der::pem::decode_vec(&text).map_err(|_| Refusal::Malformed("broken PEM"))?;
    if !LABELS.contains(&label) {
        return Err(Refusal::Malformed("the PEM label is not CMS or PKCS7"));
    }
    Ok(der)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsm_core::error::{Failure, Reason};

    #[test]
    fn names_the_option_that_avoids_smime() {
        let refusal = open(b"MIME-Version: 1.0\nContent-Type: x\n").expect_err("S/MIME");
        assert_eq!(refusal.reason(), Reason::CmsMalformed);
        assert!(refusal.to_string().contains("-outform DER"), "{refusal}");
    }

    #[test]
    fn takes_pem_with_either_line_end_and_label() {
        for label in ["CMS", "PKCS7"] {
            for end in ["\n", "\r\n"] {
                let text =
                    format!("-----BEGIN {label}-----{end}MAMCAQU={end}-----END {label}-----{end}");
                assert_eq!(open(text.as_bytes()).expect("PEM"), [0x30, 3, 2, 1, 5]);
            }
        }
    }

    #[test]
    fn refuses_other_pem_labels_and_oversized_input() {
        let text = b"-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n";
        assert!(matches!(open(text), Err(Refusal::Malformed(_))));
        assert!(matches!(
            open(&vec![0x30; MAX_BYTES + 1]),
            Err(Refusal::TooLarge { .. })
        ));
    }

    #[test]
    fn refuses_text_behind_the_armour() {
        let text = b"-----BEGIN CMS-----\nMAMCAQU=\n-----END CMS-----\nmore\n";
        assert!(matches!(open(text), Err(Refusal::Malformed(_))));
    }
}
