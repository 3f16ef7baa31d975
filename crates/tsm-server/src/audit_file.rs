//! An exported audit log: JSON lines (docs/audit.md).
//!
//! One object per line, told apart by `type`: a `header`; every `entry` the reader may see, sorted
//! by subject and number, with a `withheld` line for each it may not see in chains that it may;
//! `heads` that the server has signed; the signed `end`. Hashes, roots and signatures are hex.

use serde::{Deserialize, Serialize};
use tsm_core::audit::heads::{Head, SignedHeads};
use tsm_core::audit::verify::{Line, ShownHead};
use tsm_core::audit::{AuditEntry, Party, Step};
use tsm_core::identity::{Iccid, Tenant};
use tsm_core::time::Timestamp;

#[cfg(test)]
mod tests;

/// What the header calls the format.
pub const FORMAT: &str = "tsm-audit-export-1";

/// A line as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum JsonLine {
    /// What the file is.
    Header {
        /// [`FORMAT`].
        format: String,
        /// The tenant whose server it is.
        server: String,
        /// The tenant for which it was made.
        reader: String,
        /// When.
        at: String,
        /// The key of the signatures, PEM: for looking up which it is, not for believing it.
        public_key: String,
    },
    /// An entry.
    Entry(JsonEntry),
    /// Place and hash of an entry.
    Withheld(JsonHead),
    /// Signed heads.
    Heads {
        /// The signed text.
        signed: String,
        /// ES256, DER.
        signature: String,
        /// What it covers.
        heads: Vec<JsonShownHead>,
    },
    /// The end.
    End {
        /// The signed text.
        signed: String,
        /// ES256, DER.
        signature: String,
    },
}

/// An entry as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonEntry {
    subject: String,
    sequence: u64,
    at: String,
    actor: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    person: String,
    party: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    responsible: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    card: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tenants: Vec<String>,
    action: String,
    outcome: String,
    previous: String,
    hash: String,
}

/// Place and hash of an entry as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonHead {
    subject: String,
    sequence: u64,
    hash: String,
}

/// A head of a signed statement as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum JsonShownHead {
    /// Of a chain that the reader may see.
    Shown(JsonHead),
    /// Of another.
    Withheld(JsonLeaf),
}

/// A leaf as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonLeaf {
    leaf: String,
}

impl From<&AuditEntry> for JsonEntry {
    fn from(entry: &AuditEntry) -> Self {
        let step = &entry.step;
        Self {
            subject: step.subject.clone(),
            sequence: entry.sequence,
            at: step.at.rfc3339(),
            actor: step.actor.clone(),
            person: step.person.clone(),
            party: step.party.as_str().to_owned(),
            responsible: step.responsible.as_ref().map(Tenant::to_string),
            card: step.card.as_ref().map(Iccid::to_string),
            tenants: step.tenants.iter().map(Tenant::to_string).collect(),
            action: step.action.clone(),
            outcome: step.outcome.clone(),
            previous: hex::encode(entry.previous),
            hash: hex::encode(entry.hash()),
        }
    }
}

impl From<&Head> for JsonHead {
    fn from(head: &Head) -> Self {
        Self {
            subject: head.subject.clone(),
            sequence: head.sequence,
            hash: hex::encode(head.hash),
        }
    }
}

impl JsonLine {
    /// Place and hash of an entry.
    #[must_use]
    pub fn withheld(entry: &AuditEntry) -> Self {
        Self::Withheld(JsonHead {
            subject: entry.step.subject.clone(),
            sequence: entry.sequence,
            hash: hex::encode(entry.hash()),
        })
    }

    /// Signed heads, for a reader that may see the chains for which `is_shown`.
    #[must_use]
    pub fn heads(signed: &SignedHeads, is_shown: impl Fn(&str) -> bool) -> Self {
        let heads = signed.heads.iter().map(|head| {
            if is_shown(&head.subject) {
                JsonShownHead::Shown(head.into())
            } else {
                JsonShownHead::Withheld(JsonLeaf {
                    leaf: hex::encode(head.leaf()),
                })
            }
        });
        Self::Heads {
            signed: signed.statement.text(),
            signature: hex::encode(&signed.signature),
            heads: heads.collect(),
        }
    }

    /// As it stands in the file, with its line feed.
    ///
    /// # Errors
    /// None in practice: every field is text or a number.
    pub fn write(&self) -> Result<String, serde_json::Error> {
        let mut line = serde_json::to_string(self)?;
        line.push('\n');
        Ok(line)
    }
}

/// Reads a line of an export. There is one way to write a line, and anything else is refused: the
/// last line is not covered by a digest.
///
/// # Errors
/// What is wrong with it, for people.
pub fn read_line(line: &str) -> Result<Line, String> {
    let text = line;
    let line: JsonLine = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if line.write().ok().as_deref() != Some(text) {
        return Err("it is not written as the server writes it".to_owned());
    }
    Ok(match line {
        JsonLine::Header { format, .. } if format == FORMAT => Line::Header,
        JsonLine::Header { format, .. } => return Err(format!("unknown format {format:?}")),
        JsonLine::Entry(entry) => {
            let hash = digest("hash", &entry.hash)?;
            Line::Entry(Box::new(read_entry(entry)?), hash)
        }
        JsonLine::Withheld(head) => Line::Withheld(read_head(head)?),
        JsonLine::Heads {
            signed,
            signature,
            heads,
        } => Line::Heads {
            text: signed,
            signature: bytes("signature", &signature)?,
            heads: heads
                .into_iter()
                .map(read_shown)
                .collect::<Result<_, _>>()?,
        },
        JsonLine::End { signed, signature } => Line::End {
            text: signed,
            signature: bytes("signature", &signature)?,
        },
    })
}

fn read_entry(entry: JsonEntry) -> Result<AuditEntry, String> {
    let wrong = |name: &str| format!("{name} is malformed");
    let tenant = |text: String| Tenant::new(&text).map_err(|error| error.to_string());
    Ok(AuditEntry {
        sequence: entry.sequence,
        previous: digest("previous", &entry.previous)?,
        step: Step {
            subject: entry.subject,
            at: Timestamp::from_rfc3339(&entry.at).ok_or_else(|| wrong("at"))?,
            actor: entry.actor,
            person: entry.person,
            party: Party::parse(&entry.party).ok_or_else(|| wrong("party"))?,
            responsible: entry.responsible.map(tenant).transpose()?,
            card: entry
                .card
                .map(|card| Iccid::new(&card).map_err(|error| error.to_string()))
                .transpose()?,
            tenants: entry
                .tenants
                .into_iter()
                .map(tenant)
                .collect::<Result<_, _>>()?,
            action: entry.action,
            outcome: entry.outcome,
        },
    })
}

fn read_head(head: JsonHead) -> Result<Head, String> {
    Ok(Head {
        hash: digest("hash", &head.hash)?,
        subject: head.subject,
        sequence: head.sequence,
    })
}

fn read_shown(head: JsonShownHead) -> Result<ShownHead, String> {
    Ok(match head {
        JsonShownHead::Shown(head) => ShownHead::Shown(read_head(head)?),
        JsonShownHead::Withheld(leaf) => ShownHead::Withheld(digest("leaf", &leaf.leaf)?),
    })
}

fn bytes(name: &str, text: &str) -> Result<Vec<u8>, String> {
    let bytes = hex::decode(text).map_err(|_| format!("{name} is not hex"))?;
    if hex::encode(&bytes) == text {
        Ok(bytes)
    } else {
        Err(format!("{name} is not hex in lower case"))
    }
}

fn digest(name: &str, text: &str) -> Result<[u8; 32], String> {
    let bytes = bytes(name, text)?.try_into();
    bytes.map_err(|_| format!("{name} is not 32 bytes"))
}
