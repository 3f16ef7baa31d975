//! The card end as a state machine: whatever arrives in whatever order, the card accepts exactly
//! what the host sent, once and in order, and is dead after the first thing that it refuses.

use globalplatform::apdu::{CommandApdu, ResponseApdu};

use crate::ends::{CardEnd, HostEnd, Setup, choose_command, choose_response};
use crate::input::Input;

/// How many operations one input may hold.
const MOST_OPERATIONS: usize = 24;

/// The model: what the host has sent, how much of it the card has accepted, and whether the card
/// still listens.
struct World {
    setup: Setup,
    host: HostEnd,
    card: CardEnd,
    sent: Vec<Vec<u8>>,
    accepted: usize,
    alive: bool,
}

impl World {
    fn new(setup: Setup) -> Option<Self> {
        let (host, card) = setup.open()?;
        Some(Self {
            setup,
            host,
            card,
            sent: Vec::new(),
            accepted: 0,
            alive: true,
        })
    }

    /// Whether the card must accept these bytes now.
    fn must_accept(&self, command: &CommandApdu) -> bool {
        if !self.alive {
            return false;
        }
        if !self.setup.level.c_mac() {
            return is_plain_class(command.cla);
        }
        let expected = self.sent.get(self.accepted);
        let expected = expected.and_then(|bytes| CommandApdu::decode(bytes).ok());
        // Le is the only part that nothing protects.
        expected.is_some_and(|expected| {
            let le = expected.le;
            CommandApdu {
                le,
                ..command.clone()
            } == expected
        })
    }

    fn arrives(&mut self, bytes: &[u8], input: &mut Input<'_>) {
        let Ok(command) = CommandApdu::decode(bytes) else {
            // No command at all: where a MAC is due, it is missing.
            assert_eq!(self.card.hears(bytes), None);
            self.alive &= !self.setup.level.c_mac();
            assert_eq!(self.card.session.is_authenticated(), self.alive);
            return;
        };
        let must_accept = self.must_accept(&command);
        let heard = self.card.hears(bytes);
        assert_eq!(heard.is_some(), must_accept, "{command:?}");
        let Some(plain) = heard else {
            self.alive = false;
            assert!(!self.card.session.is_authenticated());
            assert!(self.card.session.is_aborted());
            return;
        };
        assert_eq!(
            (plain.ins, plain.p1, plain.p2),
            (command.ins, command.p1, command.p2)
        );
        assert!(!plain.is_secured());
        assert_eq!(plain.le, command.le);
        self.accepted += 1;
        let response = choose_response(input);
        let answer = self.card.answers(&plain, &response);
        // The host can judge the answer to what it sent last.
        let is_open = self.host.channel.level().is_some();
        if is_open && self.setup.level.c_mac() && self.accepted == self.sent.len() {
            let heard = self.host.hears(&answer);
            assert!(heard.is_some(), "{plain:?}");
            let is_own = plain.is_proprietary() && matches!(plain.ins, 0x78 | 0x7A);
            assert!(is_own || heard.as_ref() == Some(&response));
            // A bare refusal of BEGIN or END proves nothing: where it could hide the card at another
            // level, the host ends the session.
            let is_refused = heard.is_some_and(|answer| !answer.sw.is_ok_or_warning());
            match self.host.channel.level() {
                Some(level) => assert_eq!(level, self.card.session.level()),
                None => assert!(is_own && is_refused && self.card.session.level().r_mac()),
            }
        }
    }

    /// Calls that whoever plays the card must not make, or not now: none may panic, none may bring
    /// a dead session back.
    fn is_misused(&mut self, input: &mut Input<'_>) {
        let command = choose_command(input);
        let session = &mut self.card.session;
        match input.u8() % 3 {
            0 => {
                let answer = session.external_authenticate(&command);
                assert_ne!(answer, ResponseApdu::ok());
                self.alive = false;
            }
            1 if !self.alive => assert_ne!(session.begin_r_mac(&command), ResponseApdu::ok()),
            _ if !self.alive => assert_ne!(session.end_r_mac(&command), ResponseApdu::ok()),
            _ => {}
        }
        assert_eq!(self.card.session.is_authenticated(), self.alive);
    }
}

/// A class byte without secure messaging or chaining.
fn is_plain_class(cla: u8) -> bool {
    matches!(cla & 0x7C, 0x00) || cla & 0x70 == 0x40
}

fn mutated(bytes: &[u8], input: &mut Input<'_>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=input.u8() % 3 {
        if bytes.is_empty() {
            break;
        }
        let at = input.place(bytes.len());
        match input.u8() & 3 {
            0 => bytes[at] = input.u8(),
            1 => _ = bytes.remove(at),
            2 => bytes.insert(at, input.u8()),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// Runs the operations that the input holds.
pub fn card_machine(data: &[u8]) {
    let mut input = Input::new(data);
    let Some(mut world) = World::new(Setup::choose(&mut input)) else {
        return;
    };
    for _ in 0..MOST_OPERATIONS {
        if input.is_empty() {
            break;
        }
        match input.u8() % 10 {
            // The host sends and the card hears.
            0..=2 => {
                let command = choose_command(&mut input);
                if let Some(bytes) = world.host.sends(&command) {
                    world.sent.push(bytes.clone());
                    world.arrives(&bytes, &mut input);
                }
            }
            // The host sends and nothing arrives yet.
            3 => {
                let command = choose_command(&mut input);
                world.sent.extend(world.host.sends(&command));
            }
            // Something sent arrives, now or again.
            4 if !world.sent.is_empty() => {
                let bytes = world.sent[input.place(world.sent.len())].clone();
                world.arrives(&bytes, &mut input);
            }
            // Something sent arrives changed.
            5 | 6 if !world.sent.is_empty() => {
                let bytes = world.sent[input.place(world.sent.len())].clone();
                let bytes = mutated(&bytes, &mut input);
                world.arrives(&bytes, &mut input);
            }
            // Other bytes arrive.
            7 => {
                let bytes = input.bytes();
                world.arrives(bytes, &mut input);
            }
            8 => world.is_misused(&mut input),
            // A new session; what was sent in the old one may arrive in the new one.
            _ => {
                let mut setup = world.setup.clone();
                setup.random = setup.random.wrapping_add(1);
                setup.counter += 1;
                let Some(next) = World::new(setup) else {
                    return;
                };
                let old = std::mem::replace(&mut world, next).sent;
                if let Some(bytes) = old.last()
                    && input.u8() & 1 != 0
                {
                    world.arrives(bytes, &mut input);
                }
            }
        }
    }
}
