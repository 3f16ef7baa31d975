//! Crashes of the server, lost answers, cards that go away: at every point of the way.

use super::*;

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

#[test]
fn a_new_domain_never_gets_keys_for_which_a_script_is_about() {
    let world = world();
    let application = world.accepted();
    // The rotation is sent and not confirmed, nor is what tries to wipe the card.
    *world.card.is_kept.lock().unwrap() = true;
    world.provision(&application.id, PIN).unwrap_err();
    let (id, _) = world.all::<Credential>().into_iter().next().unwrap();
    let deleted = world.change("1", &id, Change::Delete).unwrap();
    assert_eq!(deleted.state.as_str(), "REVOKED");
    assert_eq!(world.operator.observed(), Some(ServiceState::Absent));
    *world.card.is_kept.lock().unwrap() = false;
    let kept: Vec<_> = world.card.sent.lock().unwrap().drain(..).collect();
    assert!(kept.len() >= 2);

    let next = world.accept("again", &signed("somebody", "n2")).unwrap();
    world.provision(&next.id, "0815").unwrap();
    assert_eq!(world.card.key_versions(), [0x32]);
    let before = world.card.live();
    for script in &kept {
        world.card.play(script);
    }
    assert_eq!(world.card.live(), before);
}
