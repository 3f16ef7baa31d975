//! Cards that differ in one thing, and what is said of them.

use proptest::prelude::*;

use super::*;
use crate::card::content::KeySets;
use crate::card::model::{ISD, Model};
use crate::card::plan::plan;
use crate::identity::Tenant;

fn aid(service: u8, part: u8) -> Aid {
    Aid::from_slice_const(&[0xD3, 0x92, service, 0, 0, part])
}

fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

fn service(number: u8, state: ServiceState) -> DesiredService {
    DesiredService {
        service: ServiceName::new(&format!("service-{number}")).unwrap(),
        provider: tenant("j-lis"),
        state,
        package: aid(number, 1),
        module: aid(number, 2),
        instance: aid(number, 3),
        security_domain: aid(number, 4),
        quota: 20_000,
        load_file_bytes: 5_000,
    }
}

fn expectation(state: ServiceState) -> Expectation {
    Expectation {
        desired: Desired::of(vec![service(1, state)]),
        others: vec![service(2, ServiceState::Absent)],
        issuer: ISD,
        issuer_keys: Some(vec![0x30]),
        first_keys: vec![(aid(1, 4), 0x30)],
    }
}

fn keys(domain: Aid, versions: &[u8]) -> KeySets {
    KeySets {
        domain,
        versions: versions.to_vec(),
        is_proven: true,
    }
}

/// A card that holds the services as desired.
fn card(desired: &Desired) -> Model {
    let mut model = Model::new(100_000);
    for change in plan(desired, &model.content()).unwrap() {
        let service = desired.service(change.service.as_ref().unwrap()).unwrap();
        model.apply(&change, service).unwrap();
    }
    model
}

fn policy() -> Policy {
    Policy::usual(tenant("carrier"))
}

fn said(expected: &Expectation, content: &CardContent) -> Vec<String> {
    let found = classify(expected, content, &policy());
    let said = found.iter().map(|d| {
        let reaction = format!("{:?}", d.reaction).to_lowercase();
        format!("{reaction} {} {}: {}", d.kind.as_str(), d.entry, d.detail)
    });
    said.collect()
}

#[test]
fn a_card_that_holds_what_it_shall_has_no_divergence() {
    for state in [
        ServiceState::Absent,
        ServiceState::Installed,
        ServiceState::Active,
        ServiceState::Suspended,
    ] {
        let expected = expectation(state);
        let mut content = card(&expected.desired).content();
        content.keys = vec![keys(ISD, &[0x30]), keys(aid(1, 4), &[0x31])];
        assert_eq!(said(&expected, &content), Vec::<String>::new(), "{state:?}");
    }
}

#[test]
fn names_what_is_missing_and_what_is_in_another_state() {
    let expected = expectation(ServiceState::Active);
    let mut model = card(&expected.desired);
    model.lock(&aid(1, 3), true).unwrap();
    let locked = "repair wrong-state applet D39201000003: it is LOCKED and shall be SELECTABLE";
    assert_eq!(said(&expected, &model.content()), [locked]);
    model.delete(&aid(1, 3)).unwrap();
    model.delete(&aid(1, 1)).unwrap();
    assert_eq!(
        said(&expected, &model.content()),
        [
            "repair missing load file D39201000001: service-1 lacks it",
            "repair missing applet D39201000003: service-1 lacks it",
        ]
    );
}

#[test]
fn tells_what_is_left_of_a_service_from_what_is_nobody_s() {
    let desired = Desired::of(vec![
        service(1, ServiceState::Installed),
        service(2, ServiceState::Installed),
        service(3, ServiceState::Installed),
    ]);
    let content = card(&desired).content();
    let expected = expectation(ServiceState::Absent);
    let found = said(&expected, &content);
    let of = |kind: &str| found.iter().filter(|line| line.contains(kind)).count();
    assert_eq!(
        (of("orphan"), of("foreign"), found.len()),
        (6, 3, 9),
        "{found:#?}"
    );
    assert!(found.contains(
        &"repair orphan applet D39202000003: service-2 was never put on this card".to_owned()
    ));
    assert!(found.contains(
        &"report foreign applet D39203000003: INSTALLED in domain D39203000004, known to nobody"
            .to_owned()
    ));
}

#[test]
fn what_a_policy_ignores_is_not_foreign_but_what_only_begins_like_it_in_part_is() {
    let mut model = card(&Desired::default());
    model.install_domain(aid(7, 4)).unwrap();
    let expected = expectation(ServiceState::Absent);
    let mut policy = policy();
    policy.ignored.push(aid(7, 4));
    assert_eq!(classify(&expected, &model.content(), &policy), []);
    policy.ignored = vec![aid(7, 5)];
    assert_eq!(classify(&expected, &model.content(), &policy).len(), 2);
}

#[test]
fn keys_that_are_not_as_they_should_be_are_reported_whatever_the_policy() {
    let expected = expectation(ServiceState::Active);
    let mut content = card(&expected.desired).content();
    content.keys = vec![keys(ISD, &[0x30, 0x31]), keys(aid(1, 4), &[0x30])];
    assert_eq!(
        said(&expected, &content),
        [
            "report stale-key-version card A000000151000000: the issuer domain has key sets 30, 31, expected 30",
            "report stale-key-version security domain D39201000004: its first keys, 30, were never replaced",
        ]
    );
}

#[test]
fn a_locked_card_is_reported() {
    let expected = expectation(ServiceState::Absent);
    let mut content = card(&expected.desired).content();
    content.card_life_cycle = 0x7F;
    let locked = "report wrong-state card A000000151000000: the card is CARD_LOCKED";
    assert_eq!(said(&expected, &content), [locked]);
}

#[test]
fn what_waits_for_people_is_reported_and_never_repaired() {
    let mut expected = expectation(ServiceState::Active);
    expected.desired.kept = std::mem::take(&mut expected.desired.services);
    let content = Model::new(100_000).content();
    let found = classify(&expected, &content, &policy());
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|d| d.reaction == Reaction::Report));
    let ignoring = Policy {
        missing: Reaction::Ignore,
        ..policy()
    };
    assert_eq!(classify(&expected, &content, &ignoring), []);
}

proptest! {
    #[test]
    fn what_is_repaired_is_what_the_planner_changes(
        states in proptest::collection::vec(prop_oneof![
            Just(ServiceState::Absent), Just(ServiceState::Active), Just(ServiceState::Suspended),
        ], 3),
        before in proptest::collection::vec(prop_oneof![
            Just(ServiceState::Absent), Just(ServiceState::Active), Just(ServiceState::Suspended),
        ], 3),
    ) {
        let services = |states: &[ServiceState]| {
            Desired::of((1..).zip(states).map(|(n, state)| service(n, *state)).collect())
        };
        let expected = Expectation {
            desired: services(&states),
            others: Vec::new(),
            ..expectation(ServiceState::Absent)
        };
        let content = card(&services(&before)).content();
        let found = classify(&expected, &content, &policy());
        let changes = plan(&expected.desired, &content).unwrap();
        prop_assert_eq!(found.is_empty(), changes.is_empty());
        for divergence in &found {
            prop_assert_eq!(divergence.reaction, Reaction::Repair);
            prop_assert!(changes.iter().any(|change| change.service == divergence.service));
        }
    }
}
