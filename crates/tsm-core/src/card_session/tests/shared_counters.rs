//! Counters that move while a script is on its way, and what they promise.

use super::*;

/// A device that proves, while a script is on its way, that it holds the card:
/// that raises the counter in the records.
struct Proving<'a> {
    world: &'a World,
    raised: u32,
}

#[async_trait::async_trait]
impl CardLink for Proving<'_> {
    async fn exchange(
        &self,
        iccid: &Iccid,
        epoch: u64,
        script: Script,
        deadline: Timestamp,
    ) -> Result<Vec<Vec<u8>>, LinkError> {
        let id = KeysetCounter::id(iccid, &ISD, 0x30);
        let store: &dyn Store = &self.world.store;
        let mut found = store.load::<KeysetCounter>(&id).await.unwrap().unwrap();
        found.value.sent = found.value.sent.max(self.raised);
        let batch = Batch::new().update(id, found.version, found.value);
        store.commit(batch).await.unwrap();
        self.world
            .link
            .exchange(iccid, epoch, script, deadline)
            .await
    }
}

#[test]
fn a_counter_that_was_raised_meanwhile_does_not_fail_what_verified() {
    for raised in [0, 1, 5] {
        let world = World::new();
        let link = Proving {
            world: &world,
            raised,
        };
        let mut session = CardSession {
            link: &link,
            ..world.session()
        };
        let outcomes = block_on(session.play(&[leg(vec![read()])])).unwrap();
        assert_eq!(outcomes.len(), 1);
        let counter = world.counter();
        assert_eq!((counter.confirmed, counter.sent), (1, raised.max(1)));
    }
}

#[test]
fn never_makes_two_scripts_for_one_counter_value() {
    let world = World::new();
    for fault in [
        Fault::LoseScript,
        Fault::LoseAnswer,
        Fault::Tear(3),
        Fault::Flip(3),
    ] {
        world.link.fault(fault);
        assert!(world.play(&[leg(vec![read()])]).0.is_err());
        assert!(world.play(&[leg(vec![read()])]).0.is_ok());
    }
    // EXTERNAL AUTHENTICATE depends on host challenge and counter: each must be unique,
    // and the counters on the card never repeat.
    let sent = world.counter().sent;
    let scripts = world.scripts();
    let mut cryptograms: Vec<_> = scripts
        .iter()
        .flat_map(|script| &script.commands)
        .filter(|command| command.apdu.get(1) == Some(&0x82))
        .map(|command| command.apdu.clone())
        .collect();
    let all = cryptograms.len();
    cryptograms.sort();
    cryptograms.dedup();
    assert_eq!(cryptograms.len(), all);
    assert!(sent as usize >= all);
}
