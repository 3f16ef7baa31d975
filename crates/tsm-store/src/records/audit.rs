//! The audit log.

use tsm_core::audit::{AuditEntry, AuditHead, Party};

use super::field::{Field, Malformed, form};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AuditEntryForm {
    #[prost(string, required, tag = "1")]
    subject: String,
    #[prost(uint64, required, tag = "2")]
    sequence: u64,
    #[prost(int64, required, tag = "3")]
    at: i64,
    #[prost(string, required, tag = "4")]
    actor: String,
    #[prost(string, required, tag = "5")]
    party: String,
    #[prost(string, required, tag = "6")]
    action: String,
    #[prost(string, required, tag = "7")]
    outcome: String,
    #[prost(bytes = "vec", required, tag = "8")]
    previous: Vec<u8>,
}

form!(AuditEntry as AuditEntryForm {
    subject,
    sequence,
    at,
    actor,
    party,
    action,
    outcome,
    previous,
});

impl Field<String> for Party {
    fn wire(&self) -> Result<String, Malformed> {
        Ok(self.as_str().to_owned())
    }

    fn parse(text: String) -> Result<Self, Malformed> {
        Self::parse(&text).ok_or(Malformed("party"))
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AuditHeadForm {
    #[prost(uint64, required, tag = "1")]
    sequence: u64,
    #[prost(bytes = "vec", required, tag = "2")]
    hash: Vec<u8>,
}

form!(AuditHead as AuditHeadForm { sequence, hash });
