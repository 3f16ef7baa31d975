//! One row of an output file: text as the card maker wrote it, and the card that it means.
//!
//! What is refused is told by column, rule and length, never by what stood there: when columns are
//! shifted, anything may be a key.

use core::fmt;
use std::collections::BTreeMap;

use globalplatform::aid::Aid;

use super::numbers::{Eid, Msisdn};
use super::profile::CardProfile;
use crate::error::Reason;
use crate::identity::{Iccid, ProfileName, Tenant};

/// A row as it stands in the file; empty text is nothing. `Debug` shows none of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RowText {
    /// `iccid`: 19 or 20 digits.
    pub iccid: String,
    /// `eid`: 32 digits, or nothing for a card that is no eUICC.
    pub eid: String,
    /// `profile`: name of the card profile.
    pub profile: String,
    /// `key_version`: of the issuer keys.
    pub key_version: String,
    /// `kdd`: key diversification data, 10 bytes in hex.
    pub kdd: String,
    /// `enc_key`: the issuer domain's ENC key, wrapped, in hex.
    pub enc_key: String,
    /// `mac_key`
    pub mac_key: String,
    /// `dek_key`
    pub dek_key: String,
    /// `memory_bytes`: when it is not what the profile says.
    pub memory_bytes: String,
    /// `sequence_counter`: last value that the maker spent; 0 when empty.
    pub sequence_counter: String,
    /// `tenant`: whose subscriber gets the card; the issuer's when empty.
    pub tenant: String,
    /// `msisdn`: number of a subscription that is active from the start.
    pub msisdn: String,
}

impl fmt::Debug for RowText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowText(…)")
    }
}

/// Issuer keys as they are delivered. `Debug` shows no bytes.
#[derive(Clone, PartialEq, Eq)]
pub enum DeliveredKeys {
    /// Made of the issuer's master key.
    Diversified([u8; 10]),
    /// ENC, MAC and DEK, each wrapped (RFC 3394) under the maker's transport key.
    Wrapped([Vec<u8>; 3]),
}

impl fmt::Debug for DeliveredKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Diversified(_) => "Diversified(…)",
            Self::Wrapped(_) => "Wrapped(…)",
        })
    }
}

/// A card as a row describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveredCard {
    /// Its identifier.
    pub iccid: Iccid,
    /// Of the eUICC.
    pub eid: Option<Eid>,
    /// Whose subscriber gets it.
    pub tenant: Tenant,
    /// Its profile.
    pub profile: ProfileName,
    /// Issuer security domain.
    pub isd_aid: Aid,
    /// Key version number of the issuer keys.
    pub key_version: u8,
    /// The `i` parameter of SCP03.
    pub scp_i: u8,
    /// The issuer keys.
    pub keys: DeliveredKeys,
    /// Memory for applications, in bytes.
    pub memory_bytes: u32,
    /// Last sequence counter that was spent.
    pub sequence_counter: u32,
    /// Number of its subscription.
    pub msisdn: Option<Msisdn>,
}

/// Why a row is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProblem {
    /// The column; empty when it is the row as a whole.
    pub column: &'static str,
    /// Stable reason.
    pub reason: Reason,
    /// In words.
    pub detail: String,
}

impl RowProblem {
    /// A problem with a column.
    #[must_use]
    pub fn new(column: &'static str, reason: Reason, detail: impl fmt::Display) -> Self {
        Self {
            column,
            reason,
            detail: detail.to_string(),
        }
    }

    fn malformed(column: &'static str, detail: impl fmt::Display) -> Self {
        Self::new(column, Reason::InvalidArgument, detail)
    }
}

/// What the rows of a delivery are checked against.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    /// Whose cards these are.
    pub issuer: &'a Tenant,
    /// Its profiles, by name.
    pub profiles: &'a BTreeMap<ProfileName, CardProfile>,
    /// Whether cards may be given to a tenant.
    pub may_have: &'a (dyn Fn(&Tenant) -> bool + Sync),
    /// Wrapped keys can be opened.
    pub has_transport_key: bool,
}

impl fmt::Debug for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Delivery").field(&self.issuer).finish()
    }
}

impl Delivery<'_> {
    /// The card that a row describes.
    ///
    /// # Errors
    /// [`RowProblem`]: the first thing that is wrong with it, from left to right.
    pub fn check(&self, row: &RowText) -> Result<DeliveredCard, RowProblem> {
        let iccid = Iccid::new(&row.iccid).map_err(|e| RowProblem::malformed("iccid", e))?;
        let eid = optional(&row.eid, |text| {
            Eid::new(text).map_err(|e| RowProblem::malformed("eid", e))
        })?;
        let profile = self.profile(&row.profile)?;
        let key_version: u8 = number("key_version", &row.key_version)?;
        if !(0x01..=0x7F).contains(&key_version) {
            return Err(RowProblem::malformed("key_version", "must be 1 to 127"));
        }
        let keys = self.keys(row, profile)?;
        let memory_bytes = match row.memory_bytes.as_str() {
            "" => profile.memory_bytes,
            text => number("memory_bytes", text)?,
        };
        let sequence_counter = match row.sequence_counter.as_str() {
            "" => 0,
            text => number("sequence_counter", text)?,
        };
        if sequence_counter > 0x00FF_FFFF {
            return Err(RowProblem::malformed(
                "sequence_counter",
                "must be at most 16777215: it has three bytes",
            ));
        }
        let tenant = self.tenant(&row.tenant)?;
        let msisdn = optional(&row.msisdn, |text| {
            Msisdn::parse(text).map_err(|e| RowProblem::malformed("msisdn", e))
        })?;
        Ok(DeliveredCard {
            iccid,
            eid,
            tenant,
            profile: profile.name.clone(),
            isd_aid: profile.isd_aid,
            key_version,
            scp_i: profile.scp_i,
            keys,
            memory_bytes,
            sequence_counter,
            msisdn,
        })
    }

    fn profile(&self, text: &str) -> Result<&CardProfile, RowProblem> {
        if text.is_empty() {
            return Err(RowProblem::malformed("profile", "is missing"));
        }
        let found = ProfileName::new(text).map(|name| self.profiles.get(&name));
        found.ok().flatten().ok_or_else(|| {
            let detail = "is not the name of a card profile of the issuer";
            RowProblem::new("profile", Reason::CardProfileUnknown, detail)
        })
    }

    fn tenant(&self, text: &str) -> Result<Tenant, RowProblem> {
        if text.is_empty() {
            return Ok(self.issuer.clone());
        }
        let tenant = Tenant::new(text).map_err(|e| RowProblem::malformed("tenant", e))?;
        if (self.may_have)(&tenant) {
            return Ok(tenant);
        }
        let detail = "is neither the issuer of the card nor one that it hosts";
        Err(RowProblem::new("tenant", Reason::TenantForbidden, detail))
    }

    fn keys(&self, row: &RowText, profile: &CardProfile) -> Result<DeliveredKeys, RowProblem> {
        let wrapped = [
            ("enc_key", &row.enc_key),
            ("mac_key", &row.mac_key),
            ("dek_key", &row.dek_key),
        ];
        let is_wrapped = wrapped.iter().any(|(_, text)| !text.is_empty());
        match (row.kdd.as_str(), is_wrapped) {
            ("", false) => Err(RowProblem::malformed(
                "kdd",
                "is missing, and so are the wrapped keys enc_key, mac_key and dek_key",
            )),
            ("", true) => {
                let length = usize::from(profile.key_bytes).saturating_add(8);
                let mut keys = [Vec::new(), Vec::new(), Vec::new()];
                for (key, (column, text)) in keys.iter_mut().zip(wrapped) {
                    *key = bytes(column, text, length)?;
                }
                if !self.has_transport_key {
                    let detail = "is wrapped, and the import names no transport key";
                    return Err(RowProblem::new("enc_key", Reason::KeysUnusable, detail));
                }
                Ok(DeliveredKeys::Wrapped(keys))
            }
            (text, false) => {
                let data = bytes("kdd", text, 10)?;
                let data = data
                    .try_into()
                    .map_err(|_| RowProblem::malformed("kdd", "has 10 bytes"))?;
                Ok(DeliveredKeys::Diversified(data))
            }
            (_, true) => Err(RowProblem::malformed(
                "kdd",
                "and wrapped keys exclude each other",
            )),
        }
    }
}

fn optional<T>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, RowProblem>,
) -> Result<Option<T>, RowProblem> {
    match text {
        "" => Ok(None),
        text => parse(text).map(Some),
    }
}

/// Hex of exactly `length` bytes.
fn bytes(column: &'static str, text: &str, length: usize) -> Result<Vec<u8>, RowProblem> {
    if text.is_empty() {
        return Err(RowProblem::malformed(column, "is missing"));
    }
    let wrong = || {
        let given = text.chars().count();
        let digits = length.saturating_mul(2);
        let detail =
            format!("must be {digits} hex digits ({length} bytes); has {given} characters");
        RowProblem::malformed(column, detail)
    };
    let bytes = hex::decode(text).map_err(|_| wrong())?;
    (bytes.len() == length).then_some(bytes).ok_or_else(wrong)
}

/// A decimal number, or a hexadecimal one after `0x`.
fn number<T: TryFrom<u64>>(column: &'static str, text: &str) -> Result<T, RowProblem> {
    if text.is_empty() {
        return Err(RowProblem::malformed(column, "is missing"));
    }
    let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric());
    let value = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    let value = value.ok().filter(|_| is_plain);
    value
        .and_then(|value| T::try_from(value).ok())
        .ok_or_else(|| {
            let detail = "must be a decimal number, or a hexadecimal one after 0x, in its range";
            RowProblem::malformed(column, detail)
        })
}

#[cfg(test)]
mod tests;
