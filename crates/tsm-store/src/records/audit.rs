//! The audit log.

use tsm_core::audit::heads::{Head, HeadsStatement, HeadsTip, SignedHeads, UnsignedHead};
use tsm_core::audit::{AuditEntry, AuditHead, Party, Step};
use tsm_core::receipt::Receipt;

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
    /// Absent in entries of earlier versions, as all below.
    #[prost(string, optional, tag = "9")]
    person: Option<String>,
    #[prost(string, optional, tag = "10")]
    responsible: Option<String>,
    #[prost(string, optional, tag = "11")]
    card: Option<String>,
    #[prost(string, repeated, tag = "12")]
    tenants: Vec<String>,
}

impl Field<AuditEntryForm> for AuditEntry {
    fn wire(&self) -> Result<AuditEntryForm, Malformed> {
        let step = &self.step;
        Ok(AuditEntryForm {
            subject: step.subject.wire()?,
            sequence: self.sequence,
            at: step.at.wire()?,
            actor: step.actor.wire()?,
            party: step.party.wire()?,
            action: step.action.wire()?,
            outcome: step.outcome.wire()?,
            previous: self.previous.wire()?,
            person: Some(step.person.clone()).filter(|person| !person.is_empty()),
            responsible: step.responsible.wire()?,
            card: step.card.wire()?,
            tenants: step.tenants.wire()?,
        })
    }

    fn parse(form: AuditEntryForm) -> Result<Self, Malformed> {
        Ok(Self {
            sequence: form.sequence,
            previous: Field::parse(form.previous)?,
            step: Step {
                subject: form.subject,
                at: Field::parse(form.at)?,
                actor: form.actor,
                person: form.person.unwrap_or_default(),
                party: Field::parse(form.party)?,
                responsible: Field::parse(form.responsible)?,
                card: Field::parse(form.card)?,
                tenants: Field::parse(form.tenants)?,
                action: form.action,
                outcome: form.outcome,
            },
        })
    }
}

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

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct UnsignedHeadForm {
    #[prost(bytes = "vec", required, tag = "1")]
    hash: Vec<u8>,
}

form!(UnsignedHead as UnsignedHeadForm { hash });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HeadsTipForm {
    #[prost(uint64, required, tag = "1")]
    number: u64,
    #[prost(bytes = "vec", required, tag = "2")]
    digest: Vec<u8>,
}

form!(HeadsTip as HeadsTipForm { number, digest });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HeadForm {
    #[prost(string, required, tag = "1")]
    subject: String,
    #[prost(uint64, required, tag = "2")]
    sequence: u64,
    #[prost(bytes = "vec", required, tag = "3")]
    hash: Vec<u8>,
}

form!(Head as HeadForm {
    subject,
    sequence,
    hash
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HeadsStatementForm {
    #[prost(string, required, tag = "1")]
    server: String,
    #[prost(uint64, required, tag = "2")]
    number: u64,
    #[prost(int64, required, tag = "3")]
    at: i64,
    #[prost(bytes = "vec", required, tag = "4")]
    previous: Vec<u8>,
    #[prost(uint64, required, tag = "5")]
    count: u64,
    #[prost(bytes = "vec", required, tag = "6")]
    root: Vec<u8>,
}

form!(HeadsStatement as HeadsStatementForm {
    server,
    number,
    at,
    previous,
    count,
    root,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SignedHeadsForm {
    #[prost(message, required, tag = "1")]
    statement: HeadsStatementForm,
    #[prost(message, repeated, tag = "2")]
    heads: Vec<HeadForm>,
    #[prost(bytes = "vec", required, tag = "3")]
    signature: Vec<u8>,
}

form!(SignedHeads as SignedHeadsForm {
    statement,
    heads,
    signature,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReceiptForm {
    #[prost(string, required, tag = "1")]
    text: String,
    #[prost(bytes = "vec", required, tag = "2")]
    signature: Vec<u8>,
}

form!(Receipt as ReceiptForm { text, signature });
