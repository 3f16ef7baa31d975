//! Lost, torn and forged scripts: whatever happens, the next call brings the card there.

use super::world::{self, World, service_keys};
use super::*;
use crate::card_session::fake::Fault;

/// As a worker does: again, until it works.
fn persist(world: &World) -> ConvergeReport {
    for _ in 0..5 {
        match world.converge() {
            Ok(report) => return report,
            Err(error) => assert!(error.class() == crate::error::Class::Retry || is_forged(&error)),
        }
    }
    panic!("does not converge");
}

fn is_forged(error: &ConvergeError) -> bool {
    error.reason() == Reason::RMacInvalid
}

fn check(world: &World, desired: ServiceState) {
    let report = persist(world);
    let deployment = report.deployment(&jpki()).unwrap();
    assert_eq!(deployment.observed, Some(desired));
    assert!(deployment.converged());
    match (&deployment.handover, world.card_keys()) {
        (Some(handover), Some(keys)) => assert_eq!(service_keys(handover), keys),
        (None, None) => {}
        (handover, keys) => panic!("{handover:?} for {keys:?}"),
    }
    let mut shown = world.uicc().content.unwrap();
    let card = world.link.card.lock().unwrap().model.content();
    shown.read_at = card.read_at;
    assert!(shown.shows_the_same(&card), "{shown:?}\n{card:?}");
    assert_eq!(shown.free_memory, card.free_memory);
}

/// Runs the script of one step with a fault, then goes on until it is done.
fn disturb(before: &[ServiceState], desired: ServiceState, fault: Fault) {
    let world = World::new();
    world.audit().unwrap();
    for state in before {
        world.desire(*state);
        world.converge().unwrap();
    }
    world.desire(desired);
    world.link.fault(fault);
    let sent = world.link.exchanges();
    let error = world.converge().unwrap_err();
    check(&world, desired);
    // The disturbed script turns up once more: the card does not take it.
    let script = world.link.scripts.lock().unwrap()[sent].clone();
    let executed = world.executed().len();
    let keys = world.card_keys();
    world.link.play(&script, true);
    assert_eq!(world.executed().len(), executed, "after {error}");
    assert_eq!(world.card_keys(), keys);
}

const STEPS: [(&[ServiceState], ServiceState); 4] = [
    (&[], ServiceState::Installed),
    (&[ServiceState::Installed], ServiceState::Active),
    (
        &[ServiceState::Installed, ServiceState::Active],
        ServiceState::Suspended,
    ),
    (
        &[ServiceState::Installed, ServiceState::Active],
        ServiceState::Absent,
    ),
];

#[test]
fn a_lost_script_and_a_lost_answer_are_made_good() {
    for (before, desired) in STEPS {
        disturb(before, desired, Fault::LoseScript);
        disturb(before, desired, Fault::LoseAnswer);
    }
}

#[test]
fn a_card_that_goes_away_at_any_answer_is_made_good() {
    for (before, desired) in STEPS {
        let commands = length_of(before, desired);
        for after in 0..commands {
            disturb(before, desired, Fault::Tear(after));
        }
    }
}

#[test]
fn a_changed_answer_is_never_believed() {
    for (before, desired) in STEPS {
        // SELECT is not protected; everything that follows is.
        for index in 1..length_of(before, desired) {
            if is_bare(before, desired, index) {
                continue;
            }
            disturb(before, desired, Fault::Flip(index));
        }
    }
}

/// A world in which the script of a step was played without fault.
fn played(before: &[ServiceState], desired: ServiceState) -> World {
    let world = World::new();
    world.audit().unwrap();
    for state in before.iter().chain([&desired]) {
        world.desire(*state);
        world.converge().unwrap();
    }
    world
}

fn length_of(before: &[ServiceState], desired: ServiceState) -> usize {
    let world = played(before, desired);
    let scripts = world.link.scripts.lock().unwrap();
    scripts.last().unwrap().commands.len()
}

/// Whether a command of the script is not protected (SELECT), or one that asks
/// for more than there is, so that its answer is a bare status word.
fn is_bare(before: &[ServiceState], desired: ServiceState, index: usize) -> bool {
    let world = played(before, desired);
    let scripts = world.link.scripts.lock().unwrap();
    let command = &scripts.last().unwrap().commands[index];
    command.apdu.get(1) == Some(&0xA4) || command.accepted.contains(&StatusWord::CONDITIONS)
}

#[test]
fn a_forged_answer_is_audited() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    world.link.fault(Fault::Flip(4));
    assert!(is_forged(&world.converge().unwrap_err()));
    assert_eq!(world.uicc().content, None);
    let last = world.audit_entries().pop().unwrap();
    assert_eq!(last.step.outcome, "R_MAC_INVALID");
}

#[test]
fn a_pretended_empty_list_is_not_believed() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    world.converge().unwrap();
    let before = world.uicc().content;
    // SELECT, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, the issuer's entry, then applications.
    world
        .link
        .fault(Fault::Pretend(4, StatusWord::REFERENCED_DATA_NOT_FOUND));
    let error = world.audit().unwrap_err();
    assert_eq!(error.reason(), Reason::Diverged);
    assert_eq!(world.uicc().content, before);
}

#[test]
fn a_pretended_lack_of_load_files_deletes_no_applet() {
    let sw = StatusWord::REFERENCED_DATA_NOT_FOUND;
    let before = [ServiceState::Installed, ServiceState::Active];
    // Every answer in turn, of a reading and of a script that does something.
    for desired in [ServiceState::Active, ServiceState::Suspended] {
        for index in 3..length_of(&before, desired) {
            let world = played(&before, ServiceState::Active);
            world.desire(desired);
            world.link.fault(Fault::Pretend(index, sw));
            // Refused, or read again without the lie.
            let _ = world.converge();
            assert!(!world.executed().contains(&0xE4), "answer {index}");
            world.desire(desired);
            check(&world, desired);
        }
    }
}

#[test]
fn a_wrong_snapshot_removes_nothing_before_the_card_was_read() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    world.converge().unwrap();
    // The snapshot says that the domain never got its keys.
    world.edit_uicc(|uicc| {
        for entry in &mut uicc.content.as_mut().unwrap().entries {
            if entry.aid == world::DOMAIN {
                entry.life_cycle = 0x07;
            }
        }
    });
    let keys = world.card_keys();
    check(&world, ServiceState::Installed);
    assert_eq!(world.card_keys(), keys);
    assert!(!world.executed().contains(&0xE4));
}

#[test]
fn a_card_that_can_not_be_reached_stays_to_be_worked_on() {
    let world = World::new();
    world.audit().unwrap();
    world.desire(ServiceState::Installed);
    for _ in 0..10 {
        world.link.fault(Fault::NotAttached);
        let error = world.converge().unwrap_err();
        assert_eq!(error.reason(), Reason::CardUnreachable);
        assert!(world.deployment().has_open_work());
    }
    // Nothing was sent, but first keys were about to be: the card is read before others are made.
    assert_eq!(persist(&world).exchanges, 2);
}

#[test]
fn a_roll_back_that_is_interrupted_is_finished_later() {
    let world = World::new();
    world.audit().unwrap();
    world.desire(ServiceState::Installed);
    world.change_card(|card| card.refuse = Some((0xE8, StatusWord::NO_MEMORY)));
    // The refusal comes through, the reading after it as well, the roll-back does not.
    world.link.fault_after(2, Fault::LoseScript);
    let error = world.converge().unwrap_err();
    assert_eq!(error.reason(), Reason::ChannelLost);
    let deployment = world.deployment();
    assert_eq!(
        deployment.problem.as_deref(),
        Some("INSUFFICIENT_SE_MEMORY")
    );
    assert!(deployment.has_open_work());
    check(&world, ServiceState::Absent);
}

#[test]
fn a_state_that_is_desired_again_does_not_count_before_the_card_was_read() {
    let world = World::new();
    for desired in [
        ServiceState::Installed,
        ServiceState::Active,
        ServiceState::Suspended,
    ] {
        world.desire(desired);
        world.converge().unwrap();
    }
    world.desire(ServiceState::Active);
    world.link.fault(Fault::LoseAnswer);
    world.converge().unwrap_err();
    // The card is unlocked, the last reading says suspended.
    let again = world.desire(ServiceState::Suspended);
    assert!(!again.converged() && again.has_open_work());
    check(&world, ServiceState::Suspended);
}
