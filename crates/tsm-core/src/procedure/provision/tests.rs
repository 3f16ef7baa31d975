//! Provisioning as a whole: the good way, every crash and every lost answer on it, and refusals.

use super::testing::{Side, Tear, World, caller, pin, provider, signed};
use super::*;
use crate::audit::AuditEntry;
use crate::card::counter::KeysetCounter;
use crate::card::deployment::ServiceState;
use crate::error::{Class, Failure, Reason};
use crate::identity::Iccid;
use crate::jpki::application::{RequestOutcome, SpentNonce};
use crate::jpki::credential::{KeyAlgorithm, OpenDuty, SealedPrivateKey, SerialIndex};
use crate::jpki::domain::ProviderDomain;
use crate::jpki::domain_session::DomainError;
use crate::jpki::proofing::SignedApplication;
use crate::ports::MissingRequirement;
use crate::procedure::credential_change::Change;
use futures::executor::block_on;

const PIN: &str = "4711";

fn world() -> World {
    World::new(KeyAlgorithm::P256)
}

/// Server, card and operator agree on one live credential, and nothing is left over.
fn check_active(world: &World, application: &Application, expected_pin: &str) -> Credential {
    let application: Application = world.load(&application.id).unwrap();
    assert_eq!(application.state, ApplicationState::Active);
    let credentials = world.all::<Credential>();
    assert_eq!(credentials.len(), 1, "one credential for one application");
    let (id, credential) = credentials.into_iter().next().unwrap();
    assert_eq!(application.credential, Some(id.clone()));
    assert_eq!(credential.state, CredentialState::Active);
    assert!(credential.private_key_destroyed);

    let live = (
        id.clone(),
        credential.certificate.clone(),
        expected_pin.to_owned(),
    );
    assert_eq!(world.card.live(), Some(live));
    assert_eq!(world.card.pending(), None);
    assert_eq!(
        world.card.key_versions(),
        [0x31],
        "only the provider's own keys"
    );
    assert_eq!(world.operator.observed(), Some(ServiceState::Active));

    assert!(world.all::<SealedPrivateKey>().is_empty());
    // Of a crash between filling a slot and naming it a slot stays behind that seals nothing.
    let crashes = usize::from(world.faults.came());
    assert!(world.vault.filled() <= crashes, "a slot holds a key");
    assert!(world.all::<OpenDuty>().is_empty());
    let (_, domain) = world.all::<ProviderDomain>().into_iter().next().unwrap();
    assert_eq!((domain.initial, domain.generation), (None, 1));

    let index = world.all::<SerialIndex>();
    assert_eq!(
        index,
        [(
            hex::encode(&credential.serial),
            SerialIndex { credential: id }
        )]
    );
    let signed = world.authority.signed.lock().unwrap().clone();
    assert!(
        signed.iter().all(|request| *request == signed[0]),
        "one certificate"
    );
    world.check_audit();
    credential
}

#[test]
fn the_good_way_takes_five_exchanges_for_every_algorithm() {
    for algorithm in [
        KeyAlgorithm::Rsa2048,
        KeyAlgorithm::P256,
        KeyAlgorithm::P384,
    ] {
        let world = World::new(algorithm);
        let application = world.accepted();
        let done = world.provision(&application.id, PIN).unwrap();
        let credential = check_active(&world, &application, PIN);
        assert_eq!(done.credential, credential);
        assert_eq!(credential.algorithm, algorithm);

        let stages: Vec<_> = done
            .application
            .stages
            .iter()
            .map(|s| (s.name.as_str(), s.exchanges))
            .collect();
        let expected = [
            ("eligibility", 1),
            ("deploy", 1),
            ("issue", 0),
            ("personalise", 1),
            ("commit", 1),
            ("activate", 1),
        ];
        assert_eq!(stages, expected);
        assert_eq!(
            world.card.exchanges(),
            2,
            "the provider's own part of the five"
        );
        assert!(done.application.stages.iter().all(|stage| stage.micros > 0));
        assert!(!world.operator.is_leased());
        let story = world.story(&format!("application/{}", application.id));
        let expected = [
            "accept",
            "eligibility",
            "deploy",
            "key-set-aside",
            "issue",
            "write-begun",
            "personalise",
            "commit",
            "activate",
        ];
        assert_eq!(story, expected);
    }
}

#[test]
fn tells_every_stage_once() {
    let world = world();
    let application = world.accepted();
    let told = std::sync::Mutex::new(Vec::new());
    let progress = |application: &Application, stage: &Stage| {
        told.lock()
            .unwrap()
            .push((application.state, stage.name.clone()));
    };
    let pin = pin(PIN);
    let provider = provider!(&world);
    block_on(provision(
        &provider,
        &caller(),
        &application.id,
        &pin,
        &progress,
    ))
    .unwrap();
    let told = told.into_inner().unwrap();
    let states: Vec<_> = told.iter().map(|(state, _)| *state).collect();
    use ApplicationState::{Active, AppletInstalled, KeyIssued, SeEligible, Writing, Written};
    assert_eq!(
        states,
        [
            SeEligible,
            AppletInstalled,
            KeyIssued,
            Writing,
            Written,
            Active
        ]
    );
}

#[test]
fn a_second_call_changes_nothing_and_keeps_the_pin() {
    let world = world();
    let application = world.accepted();
    let first = world.provision(&application.id, PIN).unwrap();
    let entries = world.all::<AuditEntry>().len();
    let second = world.provision(&application.id, "0000").unwrap();
    assert_eq!(first, second);
    assert_eq!(world.card.exchanges(), 2);
    assert_eq!(world.all::<AuditEntry>().len(), entries);
    check_active(&world, &application, PIN);
}

/// Fails every operation in turn, on both sides of its effect, and goes on with another PIN.
#[test]
fn goes_on_after_a_crash_at_any_point() {
    let mut points = 0;
    for side in [Side::Before, Side::After] {
        for operation in 0.. {
            let world = world();
            let application = world.accepted();
            world.faults.plan(operation, side);
            let first = world.provision(&application.id, PIN);
            if world.faults.is_waiting() {
                assert!(first.is_ok());
                break;
            }
            points += 1;
            world.operator.let_lease_expire();
            if first.is_ok() {
                // Only giving the lease back may fail unnoticed.
                check_active(&world, &application, PIN);
                continue;
            }
            let again = world.provision(&application.id, "0815");
            assert!(again.is_ok(), "operation {operation} {side:?}: {again:?}");
            let expected = if was_active_after(operation, side) {
                PIN
            } else {
                "0815"
            };
            check_active(&world, &application, expected);
            check_old_scripts(&world);
        }
    }
    assert!(points >= 40, "only {points} points were tried");
}

/// The first run had reached its end all the same: the answer that was lost was that of the last commit.
fn was_active_after(operation: usize, side: Side) -> bool {
    let world = world();
    let application = world.accepted();
    world.faults.plan(operation, side);
    let _ = world.provision(&application.id, PIN);
    let application: Application = world.load(&application.id).unwrap();
    application.state == ApplicationState::Active
}

/// A phone that kept every script plays them all again: nothing on the card changes.
fn check_old_scripts(world: &World) {
    let before = (
        world.card.live(),
        world.card.pending(),
        world.card.key_versions(),
    );
    for script in world.card.sent.lock().unwrap().iter() {
        world.card.play(script);
    }
    assert_eq!(
        before,
        (
            world.card.live(),
            world.card.pending(),
            world.card.key_versions()
        )
    );
}

/// Two crashes, one after the other, with every distance between them.
#[test]
fn goes_on_after_a_crash_during_the_recovery_from_a_crash() {
    for first in 0..40 {
        for second in 0..8 {
            let world = world();
            let application = world.accepted();
            let side = if (first + second) % 2 == 0 {
                Side::Before
            } else {
                Side::After
            };
            world.faults.plan(first, side);
            let _ = world.provision(&application.id, PIN);
            world.operator.let_lease_expire();
            world.faults.plan(second, Side::After);
            let _ = world.provision(&application.id, PIN);
            world.operator.let_lease_expire();
            world.faults.clear();
            let done = world.provision(&application.id, PIN);
            assert!(done.is_ok(), "{first} {second}: {done:?}");
            check_active(&world, &application, PIN);
        }
    }
}

#[test]
fn goes_on_after_the_card_went_away_at_any_command() {
    let mut tears = 0;
    for exchange in 0..2 {
        for after in 0..64 {
            let world = world();
            let application = world.accepted();
            world.card.tear(Tear { exchange, after });
            if let Err(error) = world.provision(&application.id, PIN) {
                tears += 1;
                assert_eq!(error.class(), Class::Retry, "{error:?}");
                assert!(!world.operator.is_leased(), "the lease is given back");
                world.provision(&application.id, "0815").unwrap();
                check_active(&world, &application, "0815");
            } else {
                check_active(&world, &application, PIN);
            }
        }
    }
    assert!(tears >= 20, "only {tears} tears");
}

#[test]
fn believes_no_answer_that_was_changed_on_the_way() {
    let mut garbled = 0;
    for exchange in 0..2 {
        for answer in 0..32 {
            let world = world();
            let application = world.accepted();
            world.card.garble(exchange, answer);
            let Err(error) = world.provision(&application.id, PIN) else {
                continue;
            };
            garbled += 1;
            let state = world.load::<Application>(&application.id).unwrap().state;
            assert_eq!(state, ApplicationState::Writing, "{error:?}");
            assert!(
                world.all::<SealedPrivateKey>().len() == 1,
                "the key is kept"
            );
            world.provision(&application.id, PIN).unwrap();
            check_active(&world, &application, PIN);
        }
    }
    assert!(garbled >= 15, "only {garbled} answers");
}

#[test]
fn a_hand_over_for_another_card_is_not_taken() {
    let world = world();
    *world.operator.seals_for.lock().unwrap() = Some("8981100000000000025".to_owned());
    let application = world.accepted();
    let error = world.provision(&application.id, PIN).unwrap_err();
    assert_eq!(error.class(), Class::Internal);
    assert!(world.all::<ProviderDomain>().is_empty());
    let state = world.load::<Application>(&application.id).unwrap().state;
    assert_eq!(state, ApplicationState::SeEligible);
}

#[test]
fn does_not_write_twice_what_the_card_holds_already() {
    let world = world();
    let application = world.accepted();
    // The answer to the commit script is lost.
    world.faults.plan(operation_of_exchange(1), Side::After);
    let lost = world.provision(&application.id, PIN).unwrap_err();
    assert_eq!(lost.reason(), Reason::ChannelLost);
    let state = world.load::<Application>(&application.id).unwrap().state;
    assert_eq!(state, ApplicationState::Writing);
    let before = bytes_sent(&world);
    world.provision(&application.id, PIN).unwrap();
    check_active(&world, &application, PIN);
    assert!(
        bytes_sent(&world) - before < 600,
        "no key and no certificate was sent again"
    );
}

#[test]
fn proves_again_what_waits_in_the_pending_slot_without_sending_the_key_again() {
    let world = world();
    let application = world.accepted();
    world.faults.plan(operation_of_exchange(0), Side::After);
    assert!(world.provision(&application.id, PIN).is_err());
    let before = bytes_sent(&world);
    world.provision(&application.id, PIN).unwrap();
    check_active(&world, &application, PIN);
    assert!(
        bytes_sent(&world) - before < 1_500,
        "the certificate alone has more than 700 bytes"
    );
}

#[test]
fn writes_anew_when_the_pending_key_does_not_prove_itself() {
    let world = world();
    let application = world.accepted();
    world.faults.plan(operation_of_exchange(0), Side::After);
    assert!(world.provision(&application.id, PIN).is_err());
    world.card.spoil_pending();
    world.provision(&application.id, PIN).unwrap();
    check_active(&world, &application, PIN);
}

/// Number of the operation that is the given exchange of the good way.
fn operation_of_exchange(exchange: usize) -> usize {
    for operation in 0.. {
        let world = world();
        let application = world.accepted();
        world.faults.plan(operation, Side::Before);
        let failed = world.provision(&application.id, PIN);
        let in_doubt = matches!(
            &failed,
            Err(ProvisionError::Domain(DomainError::Session(error))) if error.in_doubt()
        );
        if in_doubt && world.card.exchanges() == exchange + 1 {
            return operation;
        }
    }
    unreachable!()
}

fn bytes_sent(world: &World) -> usize {
    let sent = world.card.sent.lock().unwrap();
    sent.iter()
        .flat_map(|script| &script.commands)
        .map(|command| command.apdu.len())
        .sum()
}

#[test]
fn stores_neither_the_pin_nor_the_plain_key() {
    for algorithm in [KeyAlgorithm::Rsa2048, KeyAlgorithm::P384] {
        for operation in 0..30 {
            let world = World::new(algorithm);
            let application = world.accepted();
            world.faults.plan(operation, Side::After);
            let _ = world.provision(&application.id, "7391");
            world.check_unstored(b"7391");
            for private_key in world.pairs.private_keys() {
                world.check_unstored(&private_key);
            }
        }
    }
}

#[test]
fn a_card_that_is_not_eligible_ends_the_application_and_frees_person_and_card() {
    let world = world();
    let missing = |reason: &str| MissingRequirement {
        reason: reason.to_owned(),
        detail: "4096 bytes".to_owned(),
    };
    *world.operator.missing.lock().unwrap() =
        vec![missing("INSUFFICIENT_SE_MEMORY"), missing("AID_CONFLICT")];
    let application = world.accepted();
    for _ in 0..2 {
        let error = world.provision(&application.id, PIN).unwrap_err();
        assert_eq!(error.reason(), Reason::InsufficientSeMemory);
        assert_eq!(error.class(), Class::Refused);
    }
    let refused: Application = world.load(&application.id).unwrap();
    assert_eq!(refused.state, ApplicationState::Refused);
    assert_eq!(refused.refusal.as_deref(), Some("INSUFFICIENT_SE_MEMORY"));
    assert!(world.all::<PersonGuard>().is_empty() && world.all::<CardGuard>().is_empty());
    assert!(world.all::<Credential>().is_empty());
    assert_eq!(world.card.exchanges(), 0);
    world.accept("again", &signed("somebody", "n2")).unwrap();
}

#[test]
fn a_card_that_runs_out_of_memory_ends_the_application() {
    let world = world();
    *world.operator.problem.lock().unwrap() = Some("INSUFFICIENT_SE_MEMORY".to_owned());
    let application = world.accepted();
    let error = world.provision(&application.id, PIN).unwrap_err();
    assert_eq!(error.reason(), Reason::InsufficientSeMemory);
    assert!(world.all::<PersonGuard>().is_empty());
}

#[test]
fn an_unreachable_card_leaves_the_application_open() {
    let world = world();
    let application = world.accepted();
    *world.card.away.lock().unwrap() = true;
    let error = world.provision(&application.id, PIN).unwrap_err();
    assert_eq!(
        (error.reason(), error.class()),
        (Reason::CardUnreachable, Class::Retry)
    );
    *world.card.away.lock().unwrap() = false;
    world.provision(&application.id, PIN).unwrap();
    check_active(&world, &application, PIN);
}

#[test]
fn an_unknown_application_is_not_found() {
    let error = world().provision("nothing", PIN).unwrap_err();
    assert_eq!(
        (error.reason(), error.class()),
        (Reason::ApplicationUnknown, Class::NotFound)
    );
}

#[test]
fn the_same_request_gets_the_same_answer() {
    let world = world();
    let signed = signed("somebody", "n1");
    let first = world.accept("r1", &signed).unwrap();
    assert_eq!(world.accept("r1", &signed).unwrap(), first);
    let other = super::testing::signed("somebody", "n2");
    assert_eq!(
        world.accept("r1", &other),
        Err(ApplicationError::RequestIdReused)
    );
    assert_eq!(world.accept("r2", &signed), Err(ApplicationError::Replayed));
    assert_eq!(
        world.accept("r3", &other),
        Err(ApplicationError::DoubleIssuance)
    );
    let somebody_else = super::testing::signed("somebody-else", "n1");
    assert_eq!(
        world.accept("r4", &somebody_else),
        Err(ApplicationError::CardInUse)
    );
    assert_eq!(world.all::<Application>().len(), 1);
    assert_eq!(world.all::<SpentNonce>().len(), 1);
    assert_eq!(world.all::<RequestOutcome>().len(), 1);
    world.check_audit();
}

#[test]
fn a_person_with_a_live_credential_gets_no_second_one() {
    let world = world();
    let application = world.accepted();
    let credential = world.provision(&application.id, PIN).unwrap().credential;
    let other_card = SignedApplication {
        iccid: Iccid::new("8981100000000000025").unwrap(),
        ..signed("somebody", "n2")
    };
    let refused = world.accept("r2", &other_card).unwrap_err();
    assert_eq!(
        (refused.reason(), refused.class()),
        (Reason::DoubleIssuance, Class::Conflict)
    );
    world.change("s", &credential.id, Change::Suspend).unwrap();
    assert_eq!(
        world.accept("r2", &other_card),
        Err(ApplicationError::DoubleIssuance)
    );
    world.change("r", &credential.id, Change::Revoke).unwrap();
    world.accept("r2", &other_card).unwrap();
}

#[test]
fn of_two_applications_at_the_same_moment_one_is_accepted() {
    let world = world();
    for round in 0..20 {
        let person = format!("person-{round}");
        let start = std::sync::Barrier::new(2);
        let submit = &|number: usize| {
            let signed = SignedApplication {
                iccid: Iccid::new(&format!("89811{round:07}{number:07}")).unwrap(),
                ..signed(&person, &format!("nonce-{number}"))
            };
            start.wait();
            world.accept(&format!("race-{round}-{number}"), &signed)
        };
        let outcomes = std::thread::scope(|scope| {
            [1, 2]
                .map(|number| scope.spawn(move || submit(number)))
                .map(|one| one.join().unwrap())
        });
        let refused: Vec<_> = outcomes
            .iter()
            .filter_map(|outcome| outcome.as_ref().err())
            .collect();
        assert_eq!(
            refused,
            [&ApplicationError::DoubleIssuance],
            "round {round}"
        );
    }
}

#[test]
fn an_acceptance_whose_commit_failed_is_whole_or_not_there() {
    for (side, accepted) in [(Side::Before, 0), (Side::After, 1)] {
        let world = world();
        let signed = signed("somebody", "n1");
        world.faults.plan(0, side);
        assert!(world.accept("r1", &signed).is_err());
        assert_eq!(world.all::<Application>().len(), accepted);
        world.accept("r1", &signed).unwrap();
        assert_eq!(world.all::<Application>().len(), 1);
    }
}

#[test]
fn the_good_way_leaves_no_counter_in_doubt() {
    let world = world();
    let application = world.accepted();
    world.provision(&application.id, PIN).unwrap();
    let counters = world.all::<KeysetCounter>();
    let known: Vec<_> = counters
        .iter()
        .map(|(_, counter)| (counter.sent, counter.confirmed))
        .collect();
    assert_eq!(
        known,
        [(1, 1), (2, 2)],
        "one session with the first keys, two with our own"
    );
}

#[test]
fn two_runs_at_once_do_nothing_twice() {
    let world = world();
    let application = world.accepted();
    let start = std::sync::Barrier::new(2);
    let run = || {
        start.wait();
        world.provision(&application.id, PIN)
    };
    let outcomes = std::thread::scope(|scope| {
        [scope.spawn(run), scope.spawn(run)].map(|run| run.join().unwrap())
    });
    if outcomes.iter().all(Result::is_err) {
        world.operator.let_lease_expire();
        world.provision(&application.id, PIN).unwrap();
    }
    check_active(&world, &application, PIN);
}
