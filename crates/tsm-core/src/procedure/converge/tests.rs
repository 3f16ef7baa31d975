//! The carrier's procedures against a small card.

mod faults;
mod refusals;
mod requests;
mod responsibility;
mod world;

use futures::executor::block_on;

use super::*;
use crate::audit::AuditHead;
use crate::card::deployment::ServiceState;

use world::{World, iccid, jpki, service_keys};

#[test]
fn a_whole_life_takes_one_exchange_for_each_step() {
    let world = World::new();
    let eligibility = world.check_eligibility().unwrap();
    assert_eq!((eligibility.missing.len(), eligibility.exchanges), (0, 1));
    assert_eq!(world.check_eligibility().unwrap().exchanges, 0);

    for (desired, observed) in [
        (ServiceState::Installed, ServiceState::Installed),
        (ServiceState::Active, ServiceState::Active),
        (ServiceState::Suspended, ServiceState::Suspended),
        (ServiceState::Active, ServiceState::Active),
        (ServiceState::Absent, ServiceState::Absent),
    ] {
        world.desire(desired);
        let report = world.converge().unwrap();
        let deployment = report.deployment(&jpki()).unwrap();
        assert_eq!(report.exchanges, 1, "to {desired:?}");
        assert_eq!(deployment.observed, Some(observed));
        assert!(deployment.converged() && deployment.problem.is_none());
        assert_eq!(*deployment, world.deployment());
    }
    assert_eq!(world.deployment().handover, None);
    let content = world.uicc().content.unwrap();
    assert_eq!(
        content.entries.len(),
        1,
        "only the package of domains is left"
    );
}

#[test]
fn a_card_that_was_never_read_is_read_first() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    let report = world.converge().unwrap();
    assert_eq!(report.exchanges, 2);
    assert_eq!(
        report.deployment(&jpki()).unwrap().observed,
        Some(ServiceState::Installed)
    );
}

#[test]
fn the_hand_over_holds_the_keys_that_the_card_has() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    let report = world.converge().unwrap();
    let deployment = report.deployment(&jpki()).unwrap();
    let handover = deployment.handover.clone().unwrap();
    assert_eq!(handover.key_version, 0x30);
    assert_eq!(service_keys(&handover), world.card_keys().unwrap());
    assert!(
        handover
            .encapsulated_key
            .ends_with(b"tsm ssd keys v18981100000000000017")
    );
}

#[test]
fn doing_it_twice_only_reads_the_card_again() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    world.converge().unwrap();
    let before = world.executed();
    let report = world.converge().unwrap();
    assert_eq!(report.exchanges, 1);
    let executed = world.executed();
    let reads = executed.get(before.len()..).unwrap();
    assert!(
        reads.iter().all(|ins| matches!(ins, 0xF2 | 0xCA)),
        "{reads:02X?}"
    );
}

#[test]
fn a_wrong_guess_is_put_right() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    world.converge().unwrap();
    world.desire(ServiceState::Active);
    // Somebody else with the issuer's keys removed the applet meanwhile.
    world.change_card(|card| {
        let instance = world::INSTANCE;
        card.model.delete(&instance).unwrap();
    });
    let report = world.converge().unwrap();
    assert_eq!(
        report.deployment(&jpki()).unwrap().observed,
        Some(ServiceState::Active)
    );
    assert!(report.deployment(&jpki()).unwrap().problem.is_none());
    assert!(report.exchanges <= 4, "{}", report.exchanges);
}

#[test]
fn a_domain_that_was_there_keeps_its_hand_over() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    world.converge().unwrap();
    let handover = world.deployment().handover;
    // The snapshot was lost, and says that the card is empty.
    world.edit_uicc(|uicc| {
        let content = uicc.content.as_mut().unwrap();
        content.entries.truncate(1);
    });
    let report = world.converge().unwrap();
    let deployment = report.deployment(&jpki()).unwrap();
    assert!(deployment.converged());
    assert_eq!(deployment.handover, handover);
    assert_eq!(service_keys(&handover.unwrap()), world.card_keys().unwrap());
}

#[test]
fn a_long_registry_is_read_page_by_page() {
    let world = World::new();
    world.change_card(|card| {
        for number in 0..40 {
            let aid = globalplatform::aid::Aid::new(&[0xEE, 1, 2, 3, 4, 5, 6, 7, number]).unwrap();
            card.model.install_domain(aid).unwrap();
        }
    });
    let report = world.audit().unwrap();
    assert_eq!(report.content.entries.len(), 41);
    assert!(report.exchanges <= 4, "{}", report.exchanges);
    // Now the length is known.
    assert_eq!(world.audit().unwrap().exchanges, 1);
    world.desire(ServiceState::Installed);
    assert_eq!(world.converge().unwrap().exchanges, 1);
}

#[test]
fn everything_that_was_done_is_in_an_unbroken_chain() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    world.converge().unwrap();
    world.desire(ServiceState::Active);
    world.converge().unwrap();
    let entries = world.audit_entries();
    let mut previous = [0; 32];
    for (number, entry) in (1..).zip(&entries) {
        assert_eq!((entry.sequence, entry.previous), (number, previous));
        previous = entry.hash();
    }
    let head = world.load::<AuditHead>(&format!("card/{}", iccid()));
    assert_eq!(head.hash, previous);
    let actions: Vec<_> = entries
        .iter()
        .map(|entry| entry.step.action.as_str())
        .collect();
    assert_eq!(
        actions,
        [
            "desire jpki installed",
            "read",
            "jpki create domain; jpki set domain keys; jpki load package; jpki install applet",
            "jpki create domain; jpki set domain keys; jpki load package; jpki install applet",
            "desire jpki active",
            "jpki make selectable",
        ]
    );
}

#[test]
fn work_can_be_done_by_any_task() {
    fn is_send<T: Send>(_: &T) {}
    let world = World::new();
    let context = world.context();
    let iccid = iccid();
    let work = converge(&context, &iccid, 1, Timestamp(60_000));
    is_send(&work);
    drop(work);
}
