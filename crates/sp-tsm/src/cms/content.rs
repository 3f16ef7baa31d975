//! The signed content: one JSON object with five members, nothing else.

use serde::Deserialize;
use tsm_core::identity::{Iccid, ServiceName};
use tsm_core::time::Timestamp;

use super::refusal::Refusal;

/// Most characters of a nonce.
const MAX_NONCE: usize = 128;

/// What the citizen signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationForm {
    /// The card that shall hold the credential.
    pub iccid: Iccid,
    /// The service, for example `jpki`.
    pub service: ServiceName,
    /// SHA-256 of the consent text that was shown.
    pub consent_sha256: [u8; 32],
    /// Makes the application unique: 1 to 128 visible ASCII characters.
    pub nonce: String,
    /// When it was made.
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    iccid: String,
    service: String,
    consent_sha256: String,
    nonce: String,
    created_at: String,
}

impl ApplicationForm {
    /// Reads the signed bytes.
    ///
    /// # Errors
    /// [`Refusal::Content`] naming the member that does not fit.
    pub fn parse(content: &[u8]) -> Result<Self, Refusal> {
        let form: Form = serde_json::from_slice(content).map_err(|error| not_json(&error))?;
        let mut consent_sha256 = [0; 32];
        hex::decode_to_slice(&form.consent_sha256, &mut consent_sha256)
            .map_err(|_| wrong("consent_sha256 must be 64 hex digits"))?;
        if form.nonce.is_empty()
            || form.nonce.len() > MAX_NONCE
            || !form.nonce.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(wrong("nonce must be 1 to 128 visible ASCII characters"));
        }
        let created_at: jiff::Timestamp = form
            .created_at
            .parse()
            .map_err(|_| wrong("created_at must be a date and time of RFC 3339"))?;
        Ok(Self {
            iccid: Iccid::new(&form.iccid).map_err(|_| wrong("iccid must be 19 or 20 digits"))?,
            service: ServiceName::new(&form.service)
                .map_err(|_| wrong("service has no valid name"))?,
            consent_sha256,
            nonce: form.nonce,
            created_at: Timestamp(created_at.as_millisecond()),
        })
    }
}

fn wrong(what: &str) -> Refusal {
    Refusal::Content(what.to_owned())
}

/// Says where, without repeating what was there.
fn not_json(error: &serde_json::Error) -> Refusal {
    let kind = match error.classify() {
        serde_json::error::Category::Data => {
            "it must be {\"iccid\", \"service\", \"consent_sha256\", \"nonce\", \"created_at\"}, all strings"
        }
        _ => "it is no JSON",
    };
    Refusal::Content(format!(
        "{kind} (line {}, column {})",
        error.line(),
        error.column()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tsm_core::error::{Failure, Reason};

    fn json(member: &str, value: &str) -> String {
        let mut form = serde_json::json!({
            "iccid": "8981100000000000017",
            "service": "jpki",
            "consent_sha256": "00".repeat(32),
            "nonce": "0011223344556677",
            "created_at": "2026-11-20T10:00:00+09:00",
        });
        if !member.is_empty() {
            form[member] = value.into();
        }
        form.to_string()
    }

    #[test]
    fn reads_a_form() {
        let form = ApplicationForm::parse(json("", "").as_bytes()).expect("form");
        assert_eq!(form.iccid.as_str(), "8981100000000000017");
        assert_eq!(form.created_at, Timestamp(1_795_136_400_000));
    }

    #[test]
    fn refuses_each_member_that_does_not_fit() {
        for (member, value) in [
            ("iccid", "123"),
            ("service", "JPKI!"),
            ("consent_sha256", "00"),
            ("nonce", ""),
            ("nonce", "a b"),
            ("created_at", "yesterday"),
            ("created_at", "2026-11-20T10:00:00"),
            ("extra", "1"),
        ] {
            let refusal = ApplicationForm::parse(json(member, value).as_bytes()).expect_err(member);
            assert_eq!(refusal.reason(), Reason::ApplicationMalformed);
        }
    }

    #[test]
    fn refuses_a_member_given_twice() {
        let twice = json("", "").replacen('{', "{\"nonce\":\"x\",", 1);
        assert!(ApplicationForm::parse(twice.as_bytes()).is_err());
    }

    #[test]
    fn does_not_repeat_values_in_its_refusal() {
        let refusal = ApplicationForm::parse(br#"{"iccid": 424242}"#).expect_err("number");
        assert!(!refusal.to_string().contains("424242"), "{refusal}");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ApplicationForm::parse(&bytes);
        }
    }
}
