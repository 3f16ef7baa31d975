//! Conversions that both servers need: moments, names, pages, scripts.
//!
//! Conversions in refuse what is missing or malformed, with the field's name.

use std::fmt::Display;

use tonic::Status;
use tsm_core::audit::AuditEntry;
use tsm_core::identity::{Iccid, ServiceName, Tenant};
use tsm_core::ports::{Script, ScriptCommand};
use tsm_core::time::Timestamp;
use tsm_proto::{mno, types};

use crate::status::invalid_field;

/// Entries of a page when the caller does not say how many.
const DEFAULT_PAGE: usize = 100;
/// Most entries of a page.
const MAX_PAGE: usize = 1_000;
/// Most bytes of a request id.
const MAX_REQUEST_ID: usize = 64;

/// The value of a field, or a status that names the field.
///
/// # Errors
/// `INVALID_ARGUMENT` with the field's name and the error's text.
pub fn field<T, E: Display>(name: &str, value: Result<T, E>) -> Result<T, Status> {
    value.map_err(|error| invalid_field(name, &error.to_string()))
}

/// The number of a field, when it fits `T`.
///
/// # Errors
/// `INVALID_ARGUMENT` with the field's name.
pub fn number<T: TryFrom<u32>>(name: &str, value: u32) -> Result<T, Status> {
    T::try_from(value).map_err(|_| invalid_field(name, "the number is too large"))
}

/// The field `iccid`.
///
/// # Errors
/// `INVALID_ARGUMENT`.
pub fn iccid(text: &str) -> Result<Iccid, Status> {
    field("iccid", Iccid::new(text))
}

/// The field `service`.
///
/// # Errors
/// `INVALID_ARGUMENT`.
pub fn service_name(text: &str) -> Result<ServiceName, Status> {
    field("service", ServiceName::new(text))
}

/// A field that names a tenant.
///
/// # Errors
/// `INVALID_ARGUMENT`.
pub fn tenant(name: &str, text: &str) -> Result<Tenant, Status> {
    field(name, Tenant::new(text))
}

/// The field `request_id`: 1 to 64 visible ASCII characters, no slash.
///
/// # Errors
/// `INVALID_ARGUMENT`.
pub fn request_id(text: &str) -> Result<&str, Status> {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
    if text.is_empty() || text.len() > MAX_REQUEST_ID || !text.bytes().all(allowed) {
        let problem = "must be 1 to 64 visible ASCII characters without '/'";
        return Err(invalid_field("request_id", problem));
    }
    Ok(text)
}

/// How many entries a page shall have: what was asked, within limits.
#[must_use]
pub fn page_size(asked: u32) -> usize {
    match usize::try_from(asked) {
        Ok(0) | Err(_) => DEFAULT_PAGE,
        Ok(size) => size.min(MAX_PAGE),
    }
}

/// A moment on the wire.
#[must_use]
pub fn timestamp(moment: Timestamp) -> prost_types::Timestamp {
    let nanos = i32::try_from(moment.0.rem_euclid(1_000)).unwrap_or(0) * 1_000_000;
    prost_types::Timestamp {
        seconds: moment.0.div_euclid(1_000),
        nanos,
    }
}

/// A moment from the wire, to the millisecond.
///
/// # Errors
/// `INVALID_ARGUMENT` when it is absent or out of range.
pub fn moment(name: &str, value: Option<prost_types::Timestamp>) -> Result<Timestamp, Status> {
    let value = value.ok_or_else(|| invalid_field(name, "is missing"))?;
    if !(0..1_000_000_000).contains(&value.nanos) {
        return Err(invalid_field(name, "nanos must be 0 to 999999999"));
    }
    value
        .seconds
        .checked_mul(1_000)
        .and_then(|ms| ms.checked_add(i64::from(value.nanos / 1_000_000)))
        .map(Timestamp)
        .ok_or_else(|| invalid_field(name, "is out of range"))
}

/// A script on the wire.
#[must_use]
pub fn script_commands(script: Script) -> Vec<types::ScriptCommand> {
    let convert = |command: ScriptCommand| types::ScriptCommand {
        apdu: command.apdu.into(),
        accepted_status_words: command
            .accepted
            .iter()
            .map(|word| u32::from(u16::from_be_bytes(word.to_bytes())))
            .collect(),
    };
    script.commands.into_iter().map(convert).collect()
}

/// A script from the wire.
///
/// # Errors
/// `INVALID_ARGUMENT` when it is empty, or a status word has more than two bytes.
pub fn script(commands: Vec<types::ScriptCommand>) -> Result<Script, Status> {
    if commands.is_empty() {
        return Err(invalid_field("commands", "must not be empty"));
    }
    let convert = |command: types::ScriptCommand| {
        let mut accepted = Vec::with_capacity(command.accepted_status_words.len());
        for word in command.accepted_status_words {
            let word: u16 = number("commands.accepted_status_words", word)?;
            accepted.push(word.to_be_bytes().into());
        }
        Ok(ScriptCommand {
            apdu: command.apdu.into(),
            accepted,
        })
    };
    Ok(Script {
        commands: commands
            .into_iter()
            .map(convert)
            .collect::<Result<_, Status>>()?,
    })
}

/// An entry of the audit log on the wire.
#[must_use]
pub fn audit_entry(entry: &AuditEntry) -> mno::AuditEntry {
    let step = &entry.step;
    mno::AuditEntry {
        sequence: entry.sequence,
        at: Some(timestamp(step.at)),
        actor: step.actor.clone(),
        person: step.person.clone(),
        party: step.party.as_str().to_owned(),
        responsible: step
            .responsible
            .as_ref()
            .map(Tenant::to_string)
            .unwrap_or_default(),
        card: step.card.as_ref().map(Iccid::to_string).unwrap_or_default(),
        tenants: step.tenants.iter().map(Tenant::to_string).collect(),
        action: step.action.clone(),
        subject: step.subject.clone(),
        outcome: step.outcome.clone(),
        previous_hash: entry.previous.to_vec().into(),
        hash: entry.hash().to_vec().into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn moments_come_back(ms in -62_135_596_800_000_i64..253_402_300_800_000) {
            let there = timestamp(Timestamp(ms));
            prop_assert_eq!(moment("at", Some(there)).unwrap(), Timestamp(ms));
        }

        #[test]
        fn no_moment_panics(seconds: i64, nanos: i32) {
            let _ = moment("at", Some(prost_types::Timestamp { seconds, nanos }));
        }

        #[test]
        fn scripts_come_back(
            commands in prop::collection::vec((any::<Vec<u8>>(), any::<Vec<u16>>()), 1..8),
        ) {
            let sent = Script {
                commands: commands
                    .into_iter()
                    .map(|(apdu, words)| ScriptCommand {
                        apdu,
                        accepted: words.iter().map(|word| word.to_be_bytes().into()).collect(),
                    })
                    .collect(),
            };
            prop_assert_eq!(script(script_commands(sent.clone())).unwrap(), sent);
        }
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        assert!(iccid("123").unwrap_err().message().starts_with("iccid: "));
        assert!(
            service_name("")
                .unwrap_err()
                .message()
                .starts_with("service: ")
        );
        assert!(
            tenant("provider", "A B")
                .unwrap_err()
                .message()
                .starts_with("provider: ")
        );
        assert!(
            moment("at", None)
                .unwrap_err()
                .message()
                .starts_with("at: ")
        );
    }

    #[test]
    fn refuses_odd_request_ids() {
        assert!(request_id("0198c3f0-0000-7000-8000-000000000001").is_ok());
        for text in ["", "a/b", "a b", "é", &"x".repeat(65)] {
            assert!(request_id(text).is_err(), "{text}");
        }
    }

    #[test]
    fn keeps_pages_within_limits() {
        assert_eq!(page_size(0), 100);
        assert_eq!(page_size(7), 7);
        assert_eq!(page_size(u32::MAX), 1_000);
    }

    #[test]
    fn refuses_an_empty_script_and_long_status_words() {
        assert!(script(Vec::new()).is_err());
        let command = types::ScriptCommand {
            apdu: vec![0].into(),
            accepted_status_words: vec![0x1_0000],
        };
        assert!(script(vec![command]).is_err());
    }
}
