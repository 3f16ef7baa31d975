//! The fleet: profiles, deliveries, subscriptions, events, indexes.

use tsm_core::fleet::{
    ByTenant, CardEvent, CardEventCount, CardEventKind, CardOfEid, CardOfNumber, CardProfile,
    GpVersion, HolderAssurance, ImportBatch, RefusedRow, RowCounts, Subscription,
    SubscriptionState,
};

use super::field::{Field, Malformed, codes, form};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct VersionTripleForm {
    #[prost(uint32, required, tag = "1")]
    major: u32,
    #[prost(uint32, required, tag = "2")]
    minor: u32,
    #[prost(uint32, required, tag = "3")]
    patch: u32,
}

form!(GpVersion as VersionTripleForm { major, minor, patch });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CardProfileForm {
    #[prost(string, required, tag = "1")]
    name: String,
    #[prost(string, required, tag = "2")]
    issuer: String,
    #[prost(bytes = "vec", required, tag = "3")]
    isd_aid: Vec<u8>,
    #[prost(message, required, tag = "4")]
    gp_version: VersionTripleForm,
    #[prost(uint32, required, tag = "5")]
    scp_i: u32,
    #[prost(uint32, required, tag = "6")]
    key_bytes: u32,
    #[prost(uint32, required, tag = "7")]
    memory_bytes: u32,
    #[prost(bool, required, tag = "8")]
    has_casd: bool,
    #[prost(string, repeated, tag = "9")]
    certifications: Vec<String>,
}

form!(CardProfile as CardProfileForm {
    name,
    issuer,
    isd_aid,
    gp_version,
    scp_i,
    key_bytes,
    memory_bytes,
    has_casd,
    certifications,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RowCountsForm {
    #[prost(uint64, required, tag = "1")]
    accepted: u64,
    #[prost(uint64, required, tag = "2")]
    present: u64,
    #[prost(uint64, required, tag = "3")]
    refused: u64,
}

form!(RowCounts as RowCountsForm { accepted, present, refused });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ImportBatchForm {
    #[prost(string, required, tag = "1")]
    issuer: String,
    #[prost(string, required, tag = "2")]
    name: String,
    #[prost(bytes = "vec", required, tag = "3")]
    file_sha256: Vec<u8>,
    #[prost(string, optional, tag = "4")]
    transport_key: Option<String>,
    #[prost(uint64, required, tag = "5")]
    next_row: u64,
    #[prost(message, required, tag = "6")]
    counts: RowCountsForm,
    #[prost(bool, required, tag = "7")]
    is_done: bool,
    #[prost(int64, required, tag = "8")]
    started_at: i64,
    #[prost(int64, required, tag = "9")]
    updated_at: i64,
}

form!(ImportBatch as ImportBatchForm {
    issuer,
    name,
    file_sha256,
    transport_key,
    next_row,
    counts,
    is_done,
    started_at,
    updated_at,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RefusedRowForm {
    #[prost(uint64, required, tag = "1")]
    row: u64,
    #[prost(string, required, tag = "2")]
    column: String,
    #[prost(string, required, tag = "3")]
    reason: String,
    #[prost(string, required, tag = "4")]
    detail: String,
    #[prost(string, optional, tag = "5")]
    iccid: Option<String>,
}

form!(RefusedRow as RefusedRowForm { row, column, reason, detail, iccid });

codes!(HolderAssurance { Unverified = 1, Remote = 2, FaceToFace = 3 });
codes!(SubscriptionState { Active = 1, Suspended = 2, Ended = 3 });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SubscriptionForm {
    #[prost(string, required, tag = "1")]
    iccid: String,
    #[prost(string, required, tag = "2")]
    msisdn: String,
    #[prost(uint32, required, tag = "3")]
    assurance: u32,
    #[prost(string, optional, tag = "4")]
    device: Option<String>,
    #[prost(uint32, required, tag = "5")]
    state: u32,
    #[prost(int64, required, tag = "6")]
    since: i64,
}

form!(Subscription as SubscriptionForm { iccid, msisdn, assurance, device, state, since });

codes!(CardEventKind {
    SubscriptionStart = 1,
    SubscriptionState = 2,
    NumberChange = 3,
    SeRenewal = 4,
    DeviceChange = 5,
    HolderAssurance = 6,
    TenantChange = 7,
    Lost = 8,
    Stolen = 9,
    Recovered = 10,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CardEventForm {
    #[prost(string, required, tag = "1")]
    iccid: String,
    #[prost(uint64, required, tag = "2")]
    sequence: u64,
    #[prost(uint32, required, tag = "3")]
    kind: u32,
    #[prost(int64, required, tag = "4")]
    at: i64,
    #[prost(string, required, tag = "5")]
    actor: String,
    #[prost(string, required, tag = "6")]
    old: String,
    #[prost(string, required, tag = "7")]
    new: String,
}

form!(CardEvent as CardEventForm { iccid, sequence, kind, at, actor, old, new });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CardEventCountForm {
    #[prost(uint64, required, tag = "1")]
    events: u64,
}

form!(CardEventCount as CardEventCountForm { events });

/// Everything is in the id.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ByTenantForm {}

impl Field<ByTenantForm> for ByTenant {
    fn wire(&self) -> Result<ByTenantForm, Malformed> {
        Ok(ByTenantForm {})
    }

    fn parse(_: ByTenantForm) -> Result<Self, Malformed> {
        Ok(Self)
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CardOfNumberForm {
    #[prost(string, required, tag = "1")]
    iccid: String,
}

form!(CardOfNumber as CardOfNumberForm { iccid });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CardOfEidForm {
    #[prost(string, required, tag = "1")]
    iccid: String,
}

form!(CardOfEid as CardOfEidForm { iccid });
