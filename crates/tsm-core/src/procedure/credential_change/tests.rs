//! Changes of a credential: the table, cards that are away, crashes at every point.

use super::*;
use crate::audit::AuditEntry;
use crate::card::deployment::ServiceState;
use crate::error::Class;
use crate::identity::Iccid;
use crate::jpki::application::{ApplicationState, CardGuard, PersonGuard};
use crate::jpki::credential::{CardDuty, CredentialState, KeyAlgorithm, OpenDuty};
use crate::jpki::proofing::SignedApplication;
use crate::procedure::provision::testing::{Side, World, provider, signed};
use crate::procedure::provision::{ApplicationError, ProvisionError};
use futures::executor::block_on;

const PIN: &str = "4711";

fn world() -> World {
    World::new(KeyAlgorithm::P256)
}

fn active() -> (World, Credential) {
    let world = world();
    let application = world.accepted();
    let credential = world.provision(&application.id, PIN).unwrap().credential;
    (world, credential)
}

fn away(world: &World, is_away: bool) {
    *world.card.away.lock().unwrap() = is_away;
}

fn follow(world: &World) -> DutyReport {
    block_on(follow_duties(&provider!(world))).unwrap()
}

fn state(world: &World, credential: &Credential) -> (CredentialState, CardDuty) {
    let credential: Credential = world.load(&credential.id).unwrap();
    (credential.state, credential.duty)
}

/// What the audit log says of how the card was wiped.
fn wiped(world: &World, credential: &str) -> Option<String> {
    let subject = format!("credential/{credential}");
    let entries = world
        .all::<AuditEntry>()
        .into_iter()
        .map(|(_, entry)| entry);
    entries
        .filter(|entry| entry.step.subject == subject && entry.step.action == "card-wiped")
        .map(|entry| entry.step.outcome)
        .next_back()
}

/// The card has followed and is free.
fn check_followed(world: &World, is_over: bool) {
    assert!(world.all::<OpenDuty>().is_empty());
    assert_eq!(world.all::<CardGuard>().is_empty(), is_over);
    assert_eq!(world.all::<PersonGuard>().is_empty(), is_over);
    assert_eq!(world.vault.filled(), 0);
    world.check_audit();
}

#[test]
fn suspends_and_resumes() {
    let (world, credential) = active();
    let suspended = world.change("1", &credential.id, Change::Suspend).unwrap();
    assert_eq!(
        (suspended.state, suspended.duty),
        (CredentialState::Suspended, CardDuty::None)
    );
    assert_eq!(world.operator.observed(), Some(ServiceState::Suspended));
    let resumed = world.change("2", &credential.id, Change::Resume).unwrap();
    assert_eq!(
        (resumed.state, resumed.duty),
        (CredentialState::Active, CardDuty::None)
    );
    assert_eq!(world.operator.observed(), Some(ServiceState::Active));
    assert!(world.card.live().is_some());
    check_followed(&world, false);
    let story = world.story(&format!("credential/{}", credential.id));
    assert_eq!(story, ["suspend", "card-locked", "resume", "card-unlocked"]);
}

#[test]
fn revokes_and_wipes() {
    let (world, credential) = active();
    let revoked = world.change("1", &credential.id, Change::Revoke).unwrap();
    assert_eq!(
        (revoked.state, revoked.duty),
        (CredentialState::Revoked, CardDuty::None)
    );
    assert_eq!(world.card.live(), None);
    check_followed(&world, true);
}

#[test]
fn the_audit_log_says_whether_a_wiped_key_was_ever_on_the_card() {
    let (active, credential) = active();
    active.change("1", &credential.id, Change::Revoke).unwrap();
    let outcome = wiped(&active, &credential.id);
    assert_eq!(outcome.as_deref(), Some("read back, REVOKED"));

    let mut was_never_sent = false;
    for operation in 0..60 {
        let world = world();
        let application = world.accepted();
        world.faults.plan(operation, Side::Before);
        let _ = world.provision(&application.id, PIN);
        if world.faults.is_waiting() {
            break;
        }
        world.operator.let_lease_expire();
        let Some((id, _)) = world.all::<Credential>().into_iter().next() else {
            continue;
        };
        let is_sent = world.card.exchanges() > 0 || !world.card.sent.lock().unwrap().is_empty();
        world.change("1", &id, Change::Revoke).unwrap();
        let Some(outcome) = wiped(&world, &id) else {
            continue;
        };
        was_never_sent |= outcome == "never sent to the card, REVOKED";
        assert!(
            is_sent || outcome == "never sent to the card, REVOKED",
            "{operation}"
        );
        assert!(!is_sent || outcome == "read back, REVOKED", "{operation}");
    }
    assert!(was_never_sent);
}

#[test]
fn a_locked_applet_stays_locked_when_its_credential_is_revoked() {
    let (world, credential) = active();
    world.change("1", &credential.id, Change::Suspend).unwrap();
    let revoked = world.change("2", &credential.id, Change::Revoke).unwrap();
    assert_eq!(
        (revoked.state, revoked.duty),
        (CredentialState::Revoked, CardDuty::None)
    );
    assert!(world.card.live().is_some());
    assert_eq!(world.operator.observed(), Some(ServiceState::Suspended));
    check_followed(&world, true);

    // The next application clears the card: the old key is never unlocked.
    let application = world.accept("again", &signed("somebody", "n2")).unwrap();
    let next = world.provision(&application.id, "0815").unwrap();
    let (live, _, pin) = world.card.live().unwrap();
    assert_eq!((live, pin.as_str()), (next.credential.id, "0815"));
    assert_eq!(
        world.card.key_versions(),
        [0x32],
        "a new generation of keys in the new domain"
    );
}

#[test]
fn deletes_everything() {
    for before in [None, Some(Change::Suspend), Some(Change::Revoke)] {
        let (world, credential) = active();
        if let Some(before) = before {
            world.change("0", &credential.id, before).unwrap();
        }
        let deleted = world.change("1", &credential.id, Change::Delete).unwrap();
        assert_eq!(
            (deleted.state, deleted.duty),
            (CredentialState::Revoked, CardDuty::None)
        );
        assert_eq!(world.operator.observed(), Some(ServiceState::Absent));
        assert!(world.card.key_versions().is_empty());
        check_followed(&world, true);
        // Deleting what is gone is harmless.
        world.change("2", &credential.id, Change::Delete).unwrap();
        check_followed(&world, true);
        let application = world.accept("again", &signed("somebody", "n2")).unwrap();
        world.provision(&application.id, PIN).unwrap();
        assert!(world.card.live().is_some());
    }
}

#[test]
fn deleting_an_old_credential_leaves_the_next_one_alone() {
    let (world, old) = active();
    world.change("1", &old.id, Change::Revoke).unwrap();
    let application = world.accept("again", &signed("somebody", "n2")).unwrap();
    let new = world.provision(&application.id, PIN).unwrap().credential;
    let deleted = world.change("2", &old.id, Change::Delete).unwrap();
    assert_eq!(
        (deleted.state, deleted.duty),
        (CredentialState::Revoked, CardDuty::None)
    );
    assert_eq!(world.card.live().unwrap().0, new.id);
    assert_eq!(
        state(&world, &new),
        (CredentialState::Active, CardDuty::None)
    );
    assert!(world.all::<OpenDuty>().is_empty());
}

#[test]
fn refuses_what_the_state_does_not_allow() {
    let (world, credential) = active();
    let refused = world
        .change("1", &credential.id, Change::Resume)
        .unwrap_err();
    assert_eq!(
        (refused.reason(), refused.class()),
        (Reason::WrongState, Class::Refused)
    );
    world.change("2", &credential.id, Change::Suspend).unwrap();
    assert!(world.change("3", &credential.id, Change::Suspend).is_err());
    world.change("4", &credential.id, Change::Revoke).unwrap();
    let entries = world.all::<AuditEntry>().len();
    for (request, change) in [
        ("5", Change::Suspend),
        ("6", Change::Resume),
        ("7", Change::Revoke),
    ] {
        let refused = world.change(request, &credential.id, change).unwrap_err();
        assert_eq!(refused.reason(), Reason::WrongState);
    }
    assert_eq!(world.all::<AuditEntry>().len(), entries);
    let unknown = world.change("8", "00", Change::Suspend).unwrap_err();
    assert_eq!(unknown, ChangeError::CredentialUnknown);
}

#[test]
fn the_same_request_changes_nothing_again() {
    let (world, credential) = active();
    world.change("1", &credential.id, Change::Suspend).unwrap();
    world.change("2", &credential.id, Change::Resume).unwrap();
    let again = world.change("1", &credential.id, Change::Suspend).unwrap();
    assert_eq!(again.state, CredentialState::Active);
    let other = world.change("1", &credential.id, Change::Revoke);
    assert_eq!(other, Err(ChangeError::RequestIdReused));
}

#[test]
fn a_card_that_is_away_follows_later() {
    for (change, at_once, later) in [
        (Change::Suspend, CredentialState::Suspended, CardDuty::Lock),
        (Change::Revoke, CredentialState::Revoked, CardDuty::Wipe),
        (Change::Delete, CredentialState::Revoked, CardDuty::Remove),
    ] {
        let (world, credential) = active();
        away(&world, true);
        let changed = world.change("1", &credential.id, change).unwrap();
        assert_eq!((changed.state, changed.duty), (at_once, later));
        assert_eq!(
            world.all::<CardGuard>().len(),
            1,
            "the card is taken until it has followed"
        );
        assert_eq!(world.all::<PersonGuard>().is_empty(), at_once.is_final());
        assert_eq!(follow(&world), DutyReport::default(), "not due yet");
        world.clock.go_on(10_000);
        assert_eq!(
            follow(&world),
            DutyReport {
                followed: 0,
                owed: 1
            }
        );
        away(&world, false);
        assert_eq!(follow(&world), DutyReport::default(), "not due yet");
        world.clock.go_on(20_000);
        assert_eq!(
            follow(&world),
            DutyReport {
                followed: 1,
                owed: 0
            }
        );
        assert_eq!(state(&world, &credential), (at_once, CardDuty::None));
        check_followed(&world, at_once.is_final());
    }
}

#[test]
fn a_resumption_waits_for_the_card() {
    let (world, credential) = active();
    world.change("1", &credential.id, Change::Suspend).unwrap();
    away(&world, true);
    let waiting = world.change("2", &credential.id, Change::Resume).unwrap();
    assert_eq!(
        (waiting.state, waiting.duty),
        (CredentialState::Suspended, CardDuty::Unlock)
    );
    // Lost again before it came back.
    let lost = world.change("3", &credential.id, Change::Suspend).unwrap();
    assert_eq!(
        (lost.state, lost.duty),
        (CredentialState::Suspended, CardDuty::Lock)
    );
    world.change("4", &credential.id, Change::Resume).unwrap();
    away(&world, false);
    let provider = provider!(&world);
    block_on(follow_duty(&provider, &credential.id)).unwrap();
    assert_eq!(
        state(&world, &credential),
        (CredentialState::Active, CardDuty::None)
    );
    check_followed(&world, false);
}

#[test]
fn a_lost_phone_does_not_keep_its_owner_from_a_new_one() {
    let (world, credential) = active();
    away(&world, true);
    world.change("1", &credential.id, Change::Revoke).unwrap();
    let same_card = world.accept("2", &signed("somebody-else", "n2"));
    assert_eq!(same_card, Err(ApplicationError::CardInUse));
    let new_card = SignedApplication {
        iccid: Iccid::new("8981100000000000025").unwrap(),
        ..signed("somebody", "n2")
    };
    world.accept("3", &new_card).unwrap();
}

#[test]
fn revoking_before_the_card_was_written_ends_the_application() {
    for operations in 0..60 {
        let world = world();
        let application = world.accepted();
        world.faults.plan(operations, Side::After);
        let _ = world.provision(&application.id, PIN);
        if world.faults.is_waiting() {
            break;
        }
        world.operator.let_lease_expire();
        let Some((id, _)) = world.all::<Credential>().into_iter().next() else {
            continue;
        };
        let was_active =
            world.load::<Application>(&application.id).unwrap().state == ApplicationState::Active;
        let revoked = world.change("1", &id, Change::Revoke).unwrap();
        assert_eq!(
            (revoked.state, revoked.duty),
            (CredentialState::Revoked, CardDuty::None)
        );
        assert!(revoked.private_key_destroyed);
        assert_eq!(
            (
                world.card.live(),
                world.card.pending().filter(|slot| *slot == id)
            ),
            (None, None)
        );
        check_followed(&world, true);
        if !was_active {
            let over = world.provision(&application.id, PIN).unwrap_err();
            assert!(
                matches!(over, ProvisionError::Refused { reason, .. } if reason == "CREDENTIAL_REVOKED")
            );
        }
        // The same person on the same card.
        let next = world.accept("again", &signed("somebody", "n2")).unwrap();
        world.provision(&next.id, PIN).unwrap();
        assert_ne!(world.card.live().unwrap().0, id);
    }
}

#[test]
fn every_change_survives_a_crash_at_any_point() {
    let changes = [
        (vec![Change::Suspend], CredentialState::Suspended),
        (
            vec![Change::Suspend, Change::Resume],
            CredentialState::Active,
        ),
        (vec![Change::Revoke], CredentialState::Revoked),
        (
            vec![Change::Suspend, Change::Revoke],
            CredentialState::Revoked,
        ),
        (vec![Change::Delete], CredentialState::Revoked),
    ];
    for (changes, expected) in changes {
        for side in [Side::Before, Side::After] {
            for operation in 0.. {
                let (world, credential) = active();
                world.faults.plan(operation, side);
                for (request, change) in changes.iter().enumerate() {
                    let request = request.to_string();
                    let _ = world.change(&request, &credential.id, *change);
                    // The caller repeats what was not answered.
                    world.change(&request, &credential.id, *change).unwrap();
                }
                let is_over = world.faults.is_waiting();
                world.faults.clear();
                for _ in 0..3 {
                    world.operator.let_lease_expire();
                    world.clock.go_on(200_000);
                    follow(&world);
                }
                let found = state(&world, &credential);
                assert_eq!(
                    found,
                    (expected, CardDuty::None),
                    "{changes:?} {side:?} {operation}"
                );
                check_followed(&world, expected.is_final());
                let observed = world.operator.observed();
                match changes.last() {
                    Some(Change::Suspend) => assert_eq!(observed, Some(ServiceState::Suspended)),
                    Some(Change::Resume) => assert_eq!(observed, Some(ServiceState::Active)),
                    Some(Change::Delete) => assert_eq!(observed, Some(ServiceState::Absent)),
                    _ => assert!(
                        world.card.live().is_none() || observed == Some(ServiceState::Suspended)
                    ),
                }
                if is_over {
                    break;
                }
            }
        }
    }
}

#[test]
fn one_worker_at_a_time_follows_a_duty() {
    let (world, credential) = active();
    away(&world, true);
    world.change("1", &credential.id, Change::Suspend).unwrap();
    let duty: OpenDuty = world.load(&credential.id).unwrap();
    let claimed_until = crate::time::Timestamp(i64::MAX);
    let batch = Batch::new();
    let store: &dyn crate::ports::Store = &world.store;
    let version = block_on(store.load::<OpenDuty>(&credential.id))
        .unwrap()
        .unwrap()
        .version;
    let claimed = OpenDuty {
        claimed_until,
        ..duty
    };
    block_on(store.commit(batch.update(credential.id.clone(), version, claimed))).unwrap();
    away(&world, false);
    let busy = block_on(follow_duty(&provider!(&world), &credential.id));
    assert_eq!(busy, Err(DutyError::Busy));
    // A change that comes in meanwhile keeps the claim.
    let resumed = world.change("2", &credential.id, Change::Resume).unwrap();
    assert_eq!(
        (resumed.state, resumed.duty),
        (CredentialState::Suspended, CardDuty::Unlock)
    );
    let duty: OpenDuty = world.load(&credential.id).unwrap();
    assert_eq!(duty.claimed_until, claimed_until);
}

#[test]
fn an_expired_credential_makes_way_for_the_next() {
    let (mut world, credential) = active();
    assert!(!block_on(expire_if_due(&provider!(&world), &credential.application)).unwrap());
    world.policy.validity = std::time::Duration::from_secs(1);
    world.clock.go_on(6 * 366 * 86_400_000);
    let new_card = SignedApplication {
        iccid: Iccid::new("8981100000000000025").unwrap(),
        ..signed("somebody", "n2")
    };
    world.accept("2", &new_card).unwrap();
    assert_eq!(
        state(&world, &credential),
        (CredentialState::Expired, CardDuty::Wipe)
    );
    assert_eq!(
        follow(&world),
        DutyReport {
            followed: 1,
            owed: 0
        }
    );
    assert_eq!(world.card.live(), None);
    world.check_audit();
}

#[test]
fn waits_longer_after_every_vain_attempt_up_to_a_limit() {
    let (world, credential) = active();
    away(&world, true);
    world.change("1", &credential.id, Change::Suspend).unwrap();
    let mut waits = Vec::new();
    for _ in 0..40 {
        let duty: OpenDuty = world.load(&credential.id).unwrap();
        waits.push(duty.due_at.since(crate::ports::Clock::now(&world.clock)));
        world.clock.go_on(4_000_000);
        follow(&world);
    }
    let longest = world.policy.longest_retry;
    assert!(waits.iter().all(|wait| *wait <= longest));
    assert!(waits.last().unwrap() > &(longest / 3));
    assert!(waits[0] <= world.policy.first_retry);
}
