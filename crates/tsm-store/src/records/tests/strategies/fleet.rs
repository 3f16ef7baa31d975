//! Arbitrary records of the fleet.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tsm_core::fleet::{
    CardEvent, CardEventKind, CardProfile, Eid, GpVersion, HolderAssurance, Imei, ImportBatch,
    Msisdn, RefusedRow, RowCounts, ServiceRequirements, Subscription, SubscriptionState,
};
use tsm_core::identity::{BatchName, ProfileName};

use super::{aid, code, iccid, tenant, time};

pub(super) fn profile_name() -> impl Strategy<Value = ProfileName> {
    "[a-z0-9_-]{1,64}".prop_map(|text| ProfileName::new(&text).unwrap())
}

pub(super) fn eid() -> impl Strategy<Value = Eid> {
    "[0-9]{32}".prop_map(|text| Eid::new(&text).unwrap())
}

fn gp_version() -> impl Strategy<Value = GpVersion> {
    any::<(u8, u8, u8)>().prop_map(|(major, minor, patch)| GpVersion {
        major,
        minor,
        patch,
    })
}

pub(super) fn requirements() -> impl Strategy<Value = ServiceRequirements> {
    let certifications = vec(any::<String>(), 0..3);
    let numbers = any::<(u32, u8, bool)>();
    (option::of(gp_version()), numbers, certifications).prop_map(
        |(gp_version, (memory_bytes, key_bytes, casd), certifications)| ServiceRequirements {
            gp_version,
            memory_bytes,
            key_bytes,
            casd,
            certifications,
        },
    )
}

pub(super) fn profile() -> impl Strategy<Value = CardProfile> {
    let numbers = any::<(u8, u8, u32, bool)>();
    let names = (profile_name(), tenant());
    let certifications = vec(any::<String>(), 0..3);
    (names, aid(), gp_version(), numbers, certifications).prop_map(
        |((name, issuer), isd_aid, gp_version, numbers, certifications)| {
            let (scp_i, key_bytes, memory_bytes, has_casd) = numbers;
            CardProfile {
                name,
                issuer,
                isd_aid,
                gp_version,
                scp_i,
                key_bytes,
                memory_bytes,
                has_casd,
                certifications,
            }
        },
    )
}

pub(super) fn import() -> impl Strategy<Value = ImportBatch> {
    let name = "[a-z0-9_-]{1,64}".prop_map(|text| BatchName::new(&text).unwrap());
    let state = any::<([u8; 32], Option<String>, [u64; 4], bool)>();
    (tenant(), name, state, time(), time()).prop_map(
        |(issuer, name, state, started_at, updated_at)| {
            let (file_sha256, transport_key, [next_row, accepted, present, refused], is_done) =
                state;
            ImportBatch {
                issuer,
                name,
                file_sha256,
                transport_key,
                next_row,
                counts: RowCounts {
                    accepted,
                    present,
                    refused,
                },
                is_done,
                started_at,
                updated_at,
            }
        },
    )
}

pub(super) fn refused_row() -> impl Strategy<Value = RefusedRow> {
    (any::<(u64, [String; 3])>(), option::of(iccid())).prop_map(
        |((row, [column, reason, detail]), iccid)| RefusedRow {
            row,
            column,
            reason,
            detail,
            iccid,
        },
    )
}

pub(super) fn msisdn() -> impl Strategy<Value = Msisdn> {
    "[0-9]{7,15}".prop_map(|text| Msisdn::new(&text).unwrap())
}

pub(super) fn subscription() -> impl Strategy<Value = Subscription> {
    let device = "[0-9]{14,16}".prop_map(|text| Imei::new(&text).unwrap());
    (
        (iccid(), msisdn()),
        code::<HolderAssurance>(),
        option::of(device),
        code::<SubscriptionState>(),
        time(),
    )
        .prop_map(
            |((iccid, msisdn), assurance, device, state, since)| Subscription {
                iccid,
                msisdn,
                assurance,
                device,
                state,
                since,
            },
        )
}

pub(super) fn event() -> impl Strategy<Value = CardEvent> {
    let texts = any::<(u64, [String; 3])>();
    (iccid(), code::<CardEventKind>(), time(), texts).prop_map(
        |(iccid, kind, at, (sequence, [actor, old, new]))| CardEvent {
            iccid,
            sequence,
            kind,
            at,
            actor,
            old,
            new,
        },
    )
}
