//! Comparing cards with what they shall hold: policies, cases, what was seen, sweeps.

use tsm_core::card::case::{Case, CaseState};
use tsm_core::card::difference::{Difference, DifferenceKind, EntryName, Noted};
use tsm_core::card::divergence::DivergenceKind;
use tsm_core::card::history::CardHistory;
use tsm_core::card::policy::{Policy, Reaction};
use tsm_core::card::standing::{Declaration, Standing};
use tsm_core::card::sweep::{Sweep, SweepCounts, SweepState};

use super::field::{codes, form};

codes!(Reaction { Repair = 1, Report = 2, Ignore = 3 });
codes!(DivergenceKind {
    Orphan = 1,
    Missing = 2,
    WrongState = 3,
    StaleKeyVersion = 4,
    Foreign = 5,
});
codes!(DifferenceKind {
    Appeared = 1,
    Vanished = 2,
    LifeCycle = 3,
    Privileges = 4,
    Domain = 5,
    Keys = 6,
});
codes!(CaseState { Open = 1, Assigned = 2, Resolved = 3 });
codes!(Standing { InUse = 1, Lost = 2, Stolen = 3, Retired = 4 });
codes!(SweepState { Running = 1, Stopped = 2, Finished = 3 });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PolicyForm {
    #[prost(string, required, tag = "1")]
    tenant: String,
    #[prost(uint32, required, tag = "2")]
    orphan: u32,
    #[prost(uint32, required, tag = "3")]
    missing: u32,
    #[prost(uint32, required, tag = "4")]
    wrong_state: u32,
    #[prost(uint32, required, tag = "5")]
    foreign: u32,
    #[prost(bytes = "vec", repeated, tag = "6")]
    ignored: Vec<Vec<u8>>,
}

form!(Policy as PolicyForm { tenant, orphan, missing, wrong_state, foreign, ignored });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct EntryNameForm {
    #[prost(uint32, optional, tag = "1")]
    kind: Option<u32>,
    #[prost(bytes = "vec", required, tag = "2")]
    aid: Vec<u8>,
}

form!(EntryName as EntryNameForm { kind, aid });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CaseForm {
    #[prost(string, required, tag = "1")]
    iccid: String,
    #[prost(string, required, tag = "2")]
    tenant: String,
    #[prost(uint32, required, tag = "3")]
    kind: u32,
    #[prost(message, required, tag = "4")]
    entry: EntryNameForm,
    #[prost(string, optional, tag = "5")]
    service: Option<String>,
    #[prost(string, required, tag = "6")]
    detail: String,
    #[prost(uint32, required, tag = "7")]
    state: u32,
    #[prost(string, required, tag = "8")]
    assignee: String,
    #[prost(string, required, tag = "9")]
    resolution: String,
    #[prost(uint32, required, tag = "10")]
    openings: u32,
    #[prost(int64, required, tag = "11")]
    opened_at: i64,
    #[prost(int64, required, tag = "12")]
    updated_at: i64,
    #[prost(bool, required, tag = "13")]
    needs_people: bool,
}

form!(Case as CaseForm {
    iccid,
    tenant,
    kind,
    entry,
    service,
    detail,
    state,
    assignee,
    resolution,
    openings,
    opened_at,
    updated_at,
    needs_people,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DifferenceForm {
    #[prost(uint32, required, tag = "1")]
    kind: u32,
    #[prost(message, required, tag = "2")]
    entry: EntryNameForm,
    #[prost(string, required, tag = "3")]
    before: String,
    #[prost(string, required, tag = "4")]
    after: String,
}

form!(Difference as DifferenceForm { kind, entry, before, after });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct NotedForm {
    #[prost(int64, required, tag = "1")]
    at: i64,
    #[prost(message, required, tag = "2")]
    difference: DifferenceForm,
}

form!(Noted as NotedForm { at, difference });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CardHistoryForm {
    #[prost(int64, required, tag = "1")]
    compared_at: i64,
    #[prost(bytes = "vec", optional, tag = "2")]
    issuer_keys: Option<Vec<u8>>,
    #[prost(message, repeated, tag = "3")]
    differences: Vec<NotedForm>,
}

form!(CardHistory as CardHistoryForm { compared_at, issuer_keys, differences });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DeclarationForm {
    #[prost(uint32, required, tag = "1")]
    standing: u32,
    #[prost(int64, required, tag = "2")]
    since: i64,
    #[prost(string, required, tag = "3")]
    by: String,
}

form!(Declaration as DeclarationForm { standing, since, by });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SweepForm {
    #[prost(string, required, tag = "1")]
    issuer: String,
    #[prost(uint32, required, tag = "2")]
    number: u32,
    #[prost(uint32, required, tag = "3")]
    state: u32,
    #[prost(int64, required, tag = "4")]
    started_at: i64,
    #[prost(int64, required, tag = "5")]
    updated_at: i64,
    #[prost(string, required, tag = "6")]
    started_by: String,
    #[prost(uint32, required, tag = "7")]
    cards_per_second: u32,
    #[prost(string, required, tag = "8")]
    cursor: String,
    #[prost(message, required, tag = "9")]
    counts: SweepCountsForm,
}

form!(Sweep as SweepForm {
    issuer,
    number,
    state,
    started_at,
    updated_at,
    started_by,
    cards_per_second,
    cursor,
    counts,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SweepCountsForm {
    #[prost(uint64, required, tag = "1")]
    cards: u64,
    #[prost(uint64, required, tag = "2")]
    compared: u64,
    #[prost(uint64, required, tag = "3")]
    absent: u64,
    #[prost(uint64, required, tag = "4")]
    caught_up: u64,
    #[prost(uint64, required, tag = "5")]
    failed: u64,
    #[prost(uint64, required, tag = "6")]
    divergences: u64,
    #[prost(uint64, required, tag = "7")]
    repaired: u64,
    #[prost(uint64, required, tag = "8")]
    cases: u64,
}

form!(SweepCounts as SweepCountsForm {
    cards,
    compared,
    absent,
    caught_up,
    failed,
    divergences,
    repaired,
    cases,
});
