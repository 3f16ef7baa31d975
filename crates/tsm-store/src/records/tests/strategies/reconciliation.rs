//! Arbitrary records of reconciliation.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tsm_core::card::case::Case;
use tsm_core::card::difference::{Difference, EntryName, Noted};
use tsm_core::card::history::CardHistory;
use tsm_core::card::policy::{Policy, Reaction};
use tsm_core::card::standing::Declaration;
use tsm_core::card::sweep::{Sweep, SweepCounts};

use super::{aid, bytes, code, iccid, service, tenant, time};

pub(super) fn policy() -> impl Strategy<Value = Policy> {
    let reactions = [(); 4].map(|()| code::<Reaction>());
    (tenant(), reactions, vec(aid(), 0..5)).prop_map(
        |(tenant, [orphan, missing, wrong_state, foreign], ignored)| Policy {
            tenant,
            orphan,
            missing,
            wrong_state,
            foreign,
            ignored,
        },
    )
}

fn entry_name() -> impl Strategy<Value = EntryName> {
    (option::of(code()), aid()).prop_map(|(kind, aid)| EntryName { kind, aid })
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let subject = (code(), entry_name(), option::of(service()));
    let words = any::<[String; 3]>();
    let rest = (code(), any::<(u32, bool)>(), [time(), time()]);
    (iccid(), tenant(), subject, words, rest).prop_map(
        |(
            iccid,
            tenant,
            (kind, entry, service),
            [detail, assignee, resolution],
            (state, (openings, needs_people), [opened_at, updated_at]),
        )| Case {
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
        },
    )
}

pub(super) fn card_history() -> impl Strategy<Value = CardHistory> {
    let difference = (code(), entry_name(), any::<[String; 2]>());
    let noted = (time(), difference).prop_map(|(at, (kind, entry, [before, after]))| Noted {
        at,
        difference: Difference {
            kind,
            entry,
            before,
            after,
        },
    });
    (time(), option::of(bytes()), vec(noted, 0..4)).prop_map(
        |(compared_at, issuer_keys, differences)| CardHistory {
            compared_at,
            issuer_keys,
            differences,
        },
    )
}

pub(super) fn declaration() -> impl Strategy<Value = Declaration> {
    (code(), time(), any::<String>()).prop_map(|(standing, since, by)| Declaration {
        standing,
        since,
        by,
    })
}

pub(super) fn sweep() -> impl Strategy<Value = Sweep> {
    let words = any::<[String; 2]>();
    let counts = any::<[u64; 8]>().prop_map(
        |[
            cards,
            compared,
            absent,
            caught_up,
            failed,
            divergences,
            repaired,
            cases,
        ]| SweepCounts {
            cards,
            compared,
            absent,
            caught_up,
            failed,
            divergences,
            repaired,
            cases,
        },
    );
    let rest = (any::<[u32; 2]>(), code(), [time(), time()]);
    (tenant(), words, rest, counts).prop_map(
        |(
            issuer,
            [started_by, cursor],
            ([number, cards_per_second], state, [started_at, updated_at]),
            counts,
        )| Sweep {
            issuer,
            number,
            state,
            started_at,
            updated_at,
            started_by,
            cards_per_second,
            cursor,
            counts,
        },
    )
}
