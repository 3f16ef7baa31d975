//! Provisioning as a whole: the good way, and refusals.

mod crashes;
mod intake;

use super::testing::{Side, Tear, World, caller, iccid, pin, provider, signed};
use super::*;
use crate::audit::AuditEntry;
use crate::card::counter::KeysetCounter;
use crate::card::deployment::ServiceState;
use crate::error::{Class, Failure, Reason};
use crate::identity::Iccid;
use crate::jpki::application::{RequestOutcome, SpentNonce};
use crate::jpki::credential::{KeyAlgorithm, OpenDuty, SealedPrivateKey, SerialIndex};
use crate::jpki::domain::ProviderDomain;
use crate::jpki::domain_session::{self, DomainError};
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
    assert_eq!(world.card.issuer(), Some(vec![0x30]));
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
fn an_operator_that_lies_about_what_it_sent_is_not_believed() {
    for plays in [false, true] {
        let world = world();
        let application = world.accepted();
        *world.card.is_kept.lock().unwrap() = true;
        let error = world.provision(&application.id, PIN).unwrap_err();
        assert_eq!(error.reason(), Reason::CardUnreachable);
        let card = iccid();
        let was_used = domain_session::was_ever_used(&world.store, &card);
        assert!(block_on(was_used).unwrap(), "something may be on the card");
        *world.card.is_kept.lock().unwrap() = false;
        if plays {
            // The keys are replaced, and the server was told that nothing happened.
            let kept = world.card.sent.lock().unwrap()[0].clone();
            world.card.play(&kept);
            assert_eq!(world.card.key_versions(), [0x31]);
        }
        world.provision(&application.id, "0815").unwrap();
        check_active(&world, &application, "0815");
        let before = world.card.live();
        for script in world.card.sent.lock().unwrap().iter() {
            world.card.play(script);
        }
        assert_eq!(world.card.live(), before);
    }
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
