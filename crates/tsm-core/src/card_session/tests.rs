//! Sessions against a small card: counters, losses, forgeries.

mod gaps;
mod shared_counters;

use std::sync::atomic::Ordering;

use futures::executor::block_on;
use globalplatform::commands::get_data::GetData;
use globalplatform::commands::initialize_update;
use globalplatform::commands::set_status::SetStatus;

use super::fake::{FakeCard, FakeLink, Fault, KeySet, SCP_I, issuer_keys};
use super::*;
use crate::card::counter::KeysetCounter;
use crate::card::model::ISD;
use crate::ports::{Batch, Script};
use crate::testing::{TestClock, TestEntropy, TestStore};

const DOMAIN: Aid = Aid::from_slice_const(&[0xD3, 0x92, 0xF0, 0x00, 0x26, 0x53]);

struct World {
    store: TestStore,
    link: FakeLink,
    entropy: TestEntropy,
    clock: TestClock,
}

impl World {
    fn new() -> Self {
        Self {
            store: TestStore::default(),
            link: FakeLink::new(FakeCard::new(100_000)),
            entropy: TestEntropy::default(),
            clock: TestClock::at(1_000),
        }
    }

    fn session(&self) -> CardSession<'_> {
        CardSession {
            store: &self.store,
            link: &self.link,
            entropy: &self.entropy,
            clock: &self.clock,
            iccid: iccid(),
            lease_epoch: 1,
            deadline: Timestamp(60_000),
            exchanges: 0,
        }
    }

    /// Plays legs in a new session; returns how many exchanges that took as well.
    fn play(&self, legs: &[Leg]) -> (Result<Vec<LegOutcome>, SessionError>, u32) {
        let mut session = self.session();
        let played = block_on(session.play(legs));
        (played, session.exchanges)
    }

    fn counter(&self) -> KeysetCounter {
        let id = KeysetCounter::id(&iccid(), &ISD, 0x30);
        let store: &dyn Store = &self.store;
        block_on(store.load::<KeysetCounter>(&id))
            .unwrap()
            .unwrap()
            .value
    }

    fn set_counter(&self, sent: u32) {
        let id = KeysetCounter::id(&iccid(), &ISD, 0x30);
        let counter = KeysetCounter {
            confirmed: sent,
            sent,
            digest: None,
        };
        block_on(self.store.commit(Batch::new().insert(id, counter))).unwrap();
    }

    fn card_counter(&self) -> u32 {
        *self.link.card.lock().unwrap().issuer_counter()
    }

    fn change_version(&self, version: u8) {
        let mut card = self.link.card.lock().unwrap();
        card.key_sets.get_mut(&ISD).unwrap().version = version;
    }

    fn scripts(&self) -> Vec<Script> {
        self.link.scripts.lock().unwrap().clone()
    }
}

fn iccid() -> Iccid {
    Iccid::new("8981100000000000017").unwrap()
}

fn read() -> LegCommand {
    LegCommand::new(GetData::new(GetData::CARD_RESOURCES).to_apdu())
}

fn leg(commands: Vec<LegCommand>) -> Leg {
    Leg {
        select: ISD,
        keys: issuer_keys(),
        key_version: 0x30,
        scp_i: SCP_I,
        counter_owner: ISD,
        commands,
    }
}

/// A command that the card refuses.
fn refused() -> LegCommand {
    LegCommand::new(SetStatus::application(DOMAIN, 0x80).to_apdu())
}

fn initialize_updates(script: &Script) -> usize {
    let is_one = |apdu: &[u8]| apdu.get(1) == Some(&initialize_update::INS);
    script
        .commands
        .iter()
        .filter(|command| is_one(&command.apdu))
        .count()
}

#[test]
fn plays_several_legs_with_one_key_set_in_one_exchange() {
    let world = World::new();
    let (played, exchanges) = world.play(&[leg(vec![read()]), leg(vec![read(), read()])]);
    let outcomes = played.unwrap();
    assert_eq!(exchanges, 1);
    assert_eq!(outcomes.len(), 2);
    assert_eq!(outcomes[1].responses.len(), 2);
    assert_eq!(outcomes[1].responses[0].sw, StatusWord::OK);
    let counter = world.counter();
    assert_eq!((counter.confirmed, counter.sent), (2, 2));
    assert!(counter.digest.is_some());
    assert_eq!(world.card_counter(), 2);
}

#[test]
fn opens_a_fresh_domain_with_the_issuer_s_keys_and_counter() {
    let world = World::new();
    world
        .link
        .card
        .lock()
        .unwrap()
        .model
        .install_domain(DOMAIN)
        .unwrap();
    let domain = Leg {
        select: DOMAIN,
        ..leg(vec![read()])
    };
    let (played, exchanges) = world.play(&[leg(vec![]), domain, leg(vec![read()])]);
    assert_eq!(played.unwrap().len(), 3);
    assert_eq!((exchanges, world.counter().confirmed), (1, 3));
}

#[test]
fn follows_a_card_whose_counter_is_ahead() {
    let world = World::new();
    *world.link.card.lock().unwrap().issuer_counter() = 5_000;
    let (played, exchanges) = world.play(&[leg(vec![read()])]);
    assert!(played.is_ok());
    assert_eq!(exchanges, 2);
    let counter = world.counter();
    assert_eq!((counter.confirmed, counter.sent), (5_002, 5_002));
    assert_eq!(world.play(&[leg(vec![read()])]).1, 1);
}

#[test]
fn spends_the_counters_of_a_lost_script_before_it_goes_on() {
    let world = World::new();
    world.link.fault(Fault::LoseScript);
    let (lost, _) = world.play(&[leg(vec![read()]), leg(vec![read()])]);
    let error = lost.unwrap_err();
    assert_eq!(error, SessionError::Link(LinkError::InDoubt));
    assert!(error.in_doubt() && world.counter().in_doubt());

    let (played, exchanges) = world.play(&[leg(vec![read()])]);
    assert!(played.is_ok());
    assert_eq!(exchanges, 2);
    let scripts = world.scripts();
    // The first attempt used value 3 and found the card at 1: 2 and 3 are spent, 4 is used.
    assert_eq!(initialize_updates(&scripts[2]), 3);
    assert_eq!(world.card_counter(), 4);
    assert!(!world.counter().in_doubt());

    // The lost script turns up: the card does not take it any more.
    let executed = world.link.card.lock().unwrap().executed.len();
    world.link.play(&scripts[0], true);
    assert_eq!(world.link.card.lock().unwrap().executed.len(), executed);
}

#[test]
fn goes_on_after_a_lost_answer_without_another_exchange() {
    let world = World::new();
    world.link.fault(Fault::LoseAnswer);
    let (lost, _) = world.play(&[leg(vec![read()])]);
    assert!(lost.unwrap_err().in_doubt());
    let (played, exchanges) = world.play(&[leg(vec![read()])]);
    assert!(played.is_ok());
    assert_eq!((exchanges, world.counter().confirmed), (1, 2));
}

#[test]
fn a_script_that_was_not_sent_leaves_its_counter_free() {
    let world = World::new();
    world.set_counter(0);
    for _ in 0..3 {
        world.link.fault(Fault::NotAttached);
        let (played, exchanges) = world.play(&[leg(vec![read()])]);
        let error = played.unwrap_err();
        assert_eq!(error.reason(), Reason::CardUnreachable);
        assert!(!error.in_doubt());
        assert_eq!(exchanges, 0);
        assert!(!world.counter().in_doubt());
    }
    assert_eq!(world.play(&[leg(vec![read()])]).1, 1);
}

#[test]
fn the_word_of_another_organisation_frees_no_counter() {
    let mut world = World::new();
    world.link.is_foreign = true;
    world.link.fault(Fault::NotAttached);
    let (played, exchanges) = world.play(&[leg(vec![read()])]);
    assert_eq!(played.unwrap_err().reason(), Reason::CardUnreachable);
    assert_eq!((exchanges, world.counter().sent), (0, 1));
    assert!(world.counter().in_doubt());

    assert!(world.play(&[leg(vec![read()])]).0.is_ok());
    assert!(!world.counter().in_doubt());
    // What it said that it did not send turns up: the card does not take it any more.
    let kept = world.link.kept.lock().unwrap().pop().unwrap();
    let executed = world.link.card.lock().unwrap().executed.len();
    world.link.play(&kept, true);
    assert_eq!(world.link.card.lock().unwrap().executed.len(), executed);
}

#[test]
fn believes_nothing_that_was_changed_on_the_way() {
    // SELECT and INITIALIZE UPDATE come first, EXTERNAL AUTHENTICATE third.
    for index in 1..5 {
        let world = World::new();
        world.link.fault(Fault::Flip(index));
        let (played, _) = world.play(&[leg(vec![read(), read()])]);
        assert!(played.is_err(), "answer {index} was changed");
        assert_eq!(world.counter().confirmed, 0);
        assert!(world.counter().in_doubt());
    }
}

#[test]
fn names_a_changed_response_mac_forged() {
    let world = World::new();
    world.link.fault(Fault::Flip(3));
    let (played, _) = world.play(&[leg(vec![read()])]);
    let error = played.unwrap_err();
    assert_eq!(error, SessionError::Forged);
    assert_eq!(error.reason(), Reason::RMacInvalid);
}

#[test]
fn stops_at_a_refusal_and_says_where() {
    let world = World::new();
    let legs = [leg(vec![read(), refused(), read()]), leg(vec![read()])];
    let (played, exchanges) = world.play(&legs);
    let outcomes = played.unwrap();
    assert_eq!((outcomes.len(), exchanges), (1, 1));
    let refusal = outcomes[0].refusal(&legs[0]);
    assert_eq!(refusal, Some((1, StatusWord::REFERENCED_DATA_NOT_FOUND)));
    // The second leg was sent and did not run: it is in doubt until its value is spent.
    assert_eq!((world.counter().confirmed, world.counter().sent), (1, 2));
    assert!(world.play(&[leg(vec![read()])]).0.is_ok());
    assert!(!world.counter().in_doubt());
}

#[test]
fn goes_on_after_a_refusal_that_is_accepted() {
    let world = World::new();
    let accepting = refused().accepting(&[StatusWord::REFERENCED_DATA_NOT_FOUND]);
    let legs = [leg(vec![accepting, read()])];
    let (played, _) = world.play(&legs);
    let outcomes = played.unwrap();
    assert_eq!(outcomes[0].refusal(&legs[0]), None);
    assert!(outcomes[0].responses[1].sw.is_success());
}

#[test]
fn does_not_believe_a_device_that_goes_on_after_a_refusal() {
    let world = World::new();
    world.link.fault(Fault::GoOn);
    let (played, _) = world.play(&[leg(vec![refused(), read()]), leg(vec![read()])]);
    assert_eq!(played.unwrap_err(), SessionError::Forged);
}

#[test]
fn a_card_that_goes_away_leaves_doubt() {
    // Leg 0 has SELECT, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE and two commands.
    for (after, leg_in_doubt) in [
        (0, 0),
        (1, 0),
        (2, 0),
        (3, 0),
        (4, 0),
        (5, 1),
        (6, 1),
        (9, 1),
    ] {
        let world = World::new();
        world.link.fault(Fault::Tear(after));
        let (played, _) = world.play(&[leg(vec![read(), read()]), leg(vec![read(), read()])]);
        let error = played.unwrap_err();
        assert_eq!(
            error,
            SessionError::Torn { leg: leg_in_doubt },
            "after {after} answers"
        );
        assert!(error.in_doubt() && world.counter().in_doubt());
        assert!(world.play(&[leg(vec![read()])]).0.is_ok());
        assert!(!world.counter().in_doubt());
    }
}

#[test]
fn keeps_what_was_proved_before_the_card_went_away() {
    let world = World::new();
    world.link.fault(Fault::Tear(6));
    let legs = [leg(vec![read()]), leg(vec![read(), read()])];
    let mut outcomes = Vec::new();
    let played = block_on(world.session().play_into(&legs, &mut outcomes));
    assert_eq!(played, Err(SessionError::Torn { leg: 1 }));
    assert_eq!(outcomes.len(), 1);
    assert_eq!(world.counter().confirmed, 1);
}

#[test]
fn says_that_the_card_does_not_have_the_keys() {
    let world = World::new();
    let other = Leg {
        key_version: 0x31,
        ..leg(vec![read()])
    };
    let (played, _) = world.play(&[leg(vec![read()]), other]);
    assert_eq!(played.unwrap_err(), SessionError::NoSuchKeys { leg: 1 });
}

#[test]
fn keys_that_only_look_right_prove_nothing() {
    let world = World::new();
    let keys = StaticKeys::from_bytes(&[1; 16], &[2; 16], &[3; 16]).unwrap();
    let (played, _) = world.play(&[Leg {
        keys,
        ..leg(vec![read()])
    }]);
    assert_eq!(played.unwrap_err(), SessionError::Forged);
    assert!(world.link.card.lock().unwrap().executed.is_empty());
}

#[test]
fn says_that_a_domain_is_not_there() {
    let world = World::new();
    let (played, _) = world.play(&[Leg {
        select: DOMAIN,
        ..leg(vec![read()])
    }]);
    let expected = SessionError::Selection {
        leg: 0,
        sw: StatusWord::NOT_FOUND,
    };
    assert_eq!(played.unwrap_err(), expected);
}

#[test]
fn a_key_set_of_its_own_has_a_counter_of_its_own() {
    let world = World::new();
    let keys = StaticKeys::from_bytes(&[1; 16], &[2; 16], &[3; 16]).unwrap();
    {
        let mut card = world.link.card.lock().unwrap();
        card.model.install_domain(DOMAIN).unwrap();
        card.key_sets.insert(
            DOMAIN,
            KeySet {
                version: 0x31,
                keys: keys.clone(),
                counter: 0,
            },
        );
    }
    let own = Leg {
        select: DOMAIN,
        keys,
        key_version: 0x31,
        scp_i: SCP_I,
        counter_owner: DOMAIN,
        commands: vec![read()],
    };
    let (played, exchanges) = world.play(&[leg(vec![read()]), own.clone(), own]);
    assert_eq!((played.unwrap().len(), exchanges), (3, 1));
    assert_eq!(world.counter().sent, 1);
}

#[test]
fn refuses_to_start_after_the_deadline() {
    let world = World::new();
    world.clock.advance(100_000);
    let (played, _) = world.play(&[leg(vec![read()])]);
    assert_eq!(played.unwrap_err(), SessionError::Link(LinkError::Expired));
    assert_eq!(world.store.commits.load(Ordering::SeqCst), 0);
}

#[test]
fn refuses_a_card_that_can_not_be_predicted() {
    let world = World::new();
    let random = Leg {
        scp_i: 0x60,
        ..leg(vec![read()])
    };
    let (played, _) = world.play(&[random]);
    assert_eq!(played.unwrap_err().reason(), Reason::SeProfileNotQualified);
    assert_eq!(world.link.exchanges(), 0);
}

#[test]
fn stops_before_the_counter_wraps() {
    let world = World::new();
    world.set_counter(0x00FF_FFFF);
    let (played, _) = world.play(&[leg(vec![read()])]);
    assert_eq!(
        played.unwrap_err(),
        SessionError::CounterExhausted { leg: 0 }
    );
}

#[test]
fn a_whole_session_shows_no_secret_in_debug() {
    let text = format!("{:?}", leg(vec![read()]));
    assert!(
        !text.contains("64, 64, 64") && !text.contains("404040"),
        "{text}"
    );
}
