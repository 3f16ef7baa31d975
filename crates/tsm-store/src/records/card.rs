//! Cards: what the operator owns, what was read, counters and leases.

use tsm_core::card::content::{CardContent, ContentEntry, EntryKind, KeySets};
use tsm_core::card::counter::KeysetCounter;
use tsm_core::card::lease::Lease;
use tsm_core::card::uicc::{IssuerKeys, Uicc};

use super::field::{Field, Malformed, codes, form};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct UiccForm {
    #[prost(string, required, tag = "1")]
    iccid: String,
    #[prost(string, required, tag = "2")]
    tenant: String,
    #[prost(bytes = "vec", required, tag = "3")]
    isd_aid: Vec<u8>,
    #[prost(uint32, required, tag = "4")]
    isd_key_version: u32,
    #[prost(uint32, required, tag = "5")]
    scp_i: u32,
    /// One of this and the sealed keys.
    #[prost(bytes = "vec", optional, tag = "6")]
    kdd: Option<Vec<u8>>,
    #[prost(uint32, required, tag = "7")]
    memory_bytes: u32,
    #[prost(message, optional, tag = "8")]
    content: Option<CardContentForm>,
    #[prost(string, required, tag = "9")]
    issuer: String,
    #[prost(bytes = "vec", optional, tag = "10")]
    sealed_keys: Option<Vec<u8>>,
    #[prost(string, optional, tag = "11")]
    profile: Option<String>,
    #[prost(string, optional, tag = "12")]
    eid: Option<String>,
}

impl Field<UiccForm> for Uicc {
    fn wire(&self) -> Result<UiccForm, Malformed> {
        let (kdd, sealed_keys) = match &self.keys {
            IssuerKeys::Diversified(kdd) => (Some(kdd.wire()?), None),
            IssuerKeys::Sealed(sealed) => (None, Some(sealed.wire()?)),
        };
        Ok(UiccForm {
            iccid: self.iccid.wire()?,
            tenant: self.tenant.wire()?,
            isd_aid: self.isd_aid.wire()?,
            isd_key_version: self.isd_key_version.wire()?,
            scp_i: self.scp_i.wire()?,
            kdd,
            memory_bytes: self.memory_bytes.wire()?,
            content: self.content.wire()?,
            issuer: self.issuer.wire()?,
            sealed_keys,
            profile: self.profile.wire()?,
            eid: self.eid.wire()?,
        })
    }

    fn parse(form: UiccForm) -> Result<Self, Malformed> {
        let keys = match (form.kdd, form.sealed_keys) {
            (Some(kdd), None) => IssuerKeys::Diversified(Field::parse(kdd)?),
            (None, Some(sealed)) => IssuerKeys::Sealed(sealed),
            _ => return Err(Malformed("issuer keys")),
        };
        Ok(Self {
            iccid: Field::parse(form.iccid)?,
            tenant: Field::parse(form.tenant)?,
            issuer: Field::parse(form.issuer)?,
            isd_aid: Field::parse(form.isd_aid)?,
            isd_key_version: Field::parse(form.isd_key_version)?,
            scp_i: Field::parse(form.scp_i)?,
            keys,
            memory_bytes: Field::parse(form.memory_bytes)?,
            profile: Field::parse(form.profile)?,
            eid: Field::parse(form.eid)?,
            content: Field::parse(form.content)?,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CardContentForm {
    #[prost(int64, required, tag = "1")]
    read_at: i64,
    #[prost(uint32, required, tag = "2")]
    card_life_cycle: u32,
    #[prost(uint32, required, tag = "3")]
    free_memory: u32,
    #[prost(message, repeated, tag = "4")]
    entries: Vec<ContentEntryForm>,
    #[prost(message, repeated, tag = "5")]
    keys: Vec<KeySetsForm>,
}

form!(CardContent as CardContentForm { read_at, card_life_cycle, free_memory, entries, keys });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct KeySetsForm {
    #[prost(bytes = "vec", required, tag = "1")]
    domain: Vec<u8>,
    #[prost(bytes = "vec", required, tag = "2")]
    versions: Vec<u8>,
    #[prost(bool, required, tag = "3")]
    is_proven: bool,
}

form!(KeySets as KeySetsForm { domain, versions, is_proven });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ContentEntryForm {
    #[prost(uint32, required, tag = "1")]
    kind: u32,
    #[prost(bytes = "vec", required, tag = "2")]
    aid: Vec<u8>,
    #[prost(uint32, required, tag = "3")]
    life_cycle: u32,
    #[prost(bytes = "vec", optional, tag = "4")]
    privileges: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    load_file: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "6")]
    security_domain: Option<Vec<u8>>,
}

form!(ContentEntry as ContentEntryForm {
    kind,
    aid,
    life_cycle,
    privileges,
    load_file,
    security_domain,
});

codes!(EntryKind { SecurityDomain = 1, LoadFile = 2, Applet = 3 });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct KeysetCounterForm {
    #[prost(uint32, required, tag = "1")]
    confirmed: u32,
    #[prost(uint32, required, tag = "2")]
    sent: u32,
    #[prost(bytes = "vec", optional, tag = "3")]
    digest: Option<Vec<u8>>,
}

form!(KeysetCounter as KeysetCounterForm { confirmed, sent, digest });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LeaseForm {
    #[prost(string, required, tag = "1")]
    holder: String,
    #[prost(uint64, required, tag = "2")]
    epoch: u64,
    #[prost(int64, required, tag = "3")]
    expires_at: i64,
}

form!(Lease as LeaseForm { holder, epoch, expires_at });
