//! Counters far ahead of the card: whole scripts were lost.

use super::*;

/// A counter far above the card's: scripts for all values in between were sent and lost.
fn world_with_gap(sent: u32) -> World {
    let world = World::new();
    let id = KeysetCounter::id(&iccid(), &ISD, 0x30);
    let counter = KeysetCounter {
        confirmed: 0,
        sent,
        digest: None,
    };
    block_on(world.store.commit(Batch::new().insert(id, counter))).unwrap();
    world
}

#[test]
fn spends_a_wide_gap_piece_by_piece_before_it_goes_on() {
    // What the records say of the card's counter may be right, too low or too high.
    for (gap, card) in [(5_000, 0), (5_000, 3_000), (5_000, 6_000), (600, 550)] {
        let world = world_with_gap(gap);
        *world.link.card.lock().unwrap().issuer_counter() = card;
        let (played, exchanges) = world.play(&[leg(vec![read()])]);
        assert!(played.is_ok(), "{played:?}");
        let counter = world.counter();
        assert_eq!(counter.confirmed, world.card_counter());
        assert!(!counter.in_doubt() && counter.sent >= gap);
        assert!(exchanges <= gap / MOST_SPENT + 2, "{exchanges}");
    }
    let world = World::new();
    world.set_counter(5_000);
    assert!(world.play(&[leg(vec![read()])]).0.is_ok());
    assert_eq!(world.card_counter(), world.counter().sent);
}

#[test]
fn a_wide_gap_gets_smaller_with_every_attempt_and_never_wider() {
    let world = world_with_gap(5_000);
    let mut reached = 0;
    for fault in [
        Fault::LoseScript,
        Fault::LoseAnswer,
        Fault::Tear(300),
        Fault::Tear(1),
        Fault::Flip(512),
        Fault::Pretend(512, StatusWord::CONDITIONS),
        Fault::NotAttached,
    ] {
        world.link.fault(fault);
        assert!(world.play(&[leg(vec![read()])]).0.is_err(), "{fault:?}");
        let counter = world.counter();
        assert_eq!(counter.sent, 5_000, "{fault:?}");
        assert!(counter.in_doubt() && counter.confirmed <= world.card_counter());
        assert!(counter.confirmed >= reached);
        reached = counter.confirmed;
    }
    assert!(
        reached >= 299,
        "what was proved before the card went away counts"
    );
    assert!(world.play(&[leg(vec![read()])]).0.is_ok());
    assert!(!world.counter().in_doubt());
}

#[test]
fn a_wide_gap_of_keys_that_are_not_there_is_named() {
    let world = world_with_gap(5_000);
    world.change_version(0x31);
    let (played, _) = world.play(&[leg(vec![read()])]);
    assert_eq!(played.unwrap_err(), SessionError::NoSuchKeys { leg: 0 });
    let other = Leg {
        select: DOMAIN,
        ..leg(vec![read()])
    };
    let expected = SessionError::Selection {
        leg: 0,
        sw: StatusWord::NOT_FOUND,
    };
    assert_eq!(world.play(&[other]).0.unwrap_err(), expected);
    assert_eq!(world.counter().sent, 5_000);
}
