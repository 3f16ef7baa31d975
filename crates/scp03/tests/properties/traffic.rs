//! What goes over an open session: commands and responses of every size and kind, and what each of
//! them must look like on the way.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use proptest::prelude::*;
use scp03::{Mode, SecurityLevel};

use crate::ends::{CardEnd, HostEnd, Setup, begin, end};

/// One command and what the card answers to it.
#[derive(Debug, Clone)]
pub enum Step {
    Exchange(CommandApdu, ResponseApdu),
    Begin(u8),
    End,
}

/// Data of this length that differ from place to place.
fn data(length: usize, seed: u8) -> Vec<u8> {
    (0..length)
        .map(|i| seed.wrapping_add((i as u8).wrapping_mul(7)))
        .collect()
}

/// Lengths up to `most`, with the ends and the edges of cipher blocks often.
fn any_length(most: usize) -> impl Strategy<Value = usize> {
    prop_oneof![
        3 => 0..=most,
        1 => prop::sample::select(vec![0usize, 1, 15, 16, 17, 31, 32, 33, 47, 48])
            .prop_map(move |length| length.min(most)),
        1 => Just(most),
    ]
}

/// The most clear bytes of an extended command.
pub fn max_extended(level: SecurityLevel, mode: Mode) -> usize {
    match (level.c_mac(), level.c_decryption()) {
        (false, _) => 65_535,
        (true, false) => 65_535 - mode.length(),
        (true, true) => (65_535 - mode.length()) / 16 * 16 - 1,
    }
}

/// A plain command of any case, short or extended, that is neither BEGIN nor END R-MAC SESSION.
pub fn any_command(setup: &Setup) -> impl Strategy<Value = CommandApdu> + use<> {
    let (level, mode) = (setup.level, setup.mode());
    let most = level.max_command_data(mode);
    let longest_short = if setup.grows && level.c_mac() {
        most + 40
    } else {
        most
    };
    let short = (any_length(longest_short), Just(false));
    let extended = (any_length(1200), Just(true));
    let huge = (Just(max_extended(level, mode)), Just(true));
    let form = prop_oneof![60 => short, 20 => extended, 1 => huge];
    let header = (any::<bool>(), any::<[u8; 3]>());
    let le = prop::option::of(prop_oneof![Just(256u32), 1u32..=256, 1u32..=65_536]);
    (header, form, any::<u8>(), le).prop_map(
        |((own, [ins, p1, p2]), (length, extended), seed, le)| {
            let is_r_mac_session = own && matches!(ins, 0x78 | 0x7A);
            CommandApdu {
                cla: if own { 0x80 } else { 0x00 },
                ins: if is_r_mac_session { 0xE2 } else { ins },
                p1,
                p2,
                data: data(length, seed),
                le: le.map(|le| if extended { le } else { le.min(256) }),
                extended,
            }
        },
    )
}

/// A response of any class of status word; data only where the card may send some.
pub fn any_response(setup: &Setup) -> impl Strategy<Value = ResponseApdu> + use<> {
    let most = setup.level.max_response_data(setup.mode());
    let sw = prop_oneof![
        6 => Just(0x9000u16),
        2 => 0x6200u16..=0x63FF,
        2 => prop_oneof![0x6400u16..=0x6FFF, 0x6100u16..=0x61FF, 0x9001u16..=0x9FFF],
    ];
    let length = prop_oneof![4 => any_length(most), 1 => any_length(1200)];
    (sw, length, any::<u8>()).prop_map(|(sw, length, seed)| {
        let sw = StatusWord(sw);
        let length = if sw.is_ok_or_warning() { length } else { 0 };
        ResponseApdu {
            data: data(length, seed),
            sw,
        }
    })
}

pub fn any_step(setup: &Setup) -> impl Strategy<Value = Step> + use<> {
    let exchange = (any_command(setup), any_response(setup));
    prop_oneof![
        8 => exchange.prop_map(|(command, response)| Step::Exchange(command, response)),
        1 => prop::sample::select(vec![0x10, 0x30]).prop_map(Step::Begin),
        1 => Just(Step::End),
    ]
}

/// A session and what goes over it.
pub fn any_traffic(
    levels: &[SecurityLevel],
    steps: core::ops::Range<usize>,
) -> impl Strategy<Value = (Setup, Vec<Step>)> + use<> {
    crate::ends::any_setup_at(levels).prop_flat_map(move |setup| {
        let steps = prop::collection::vec(any_step(&setup), steps.clone());
        (Just(setup), steps)
    })
}

/// The levels as the specification lets them change.
#[derive(Debug, Clone, Copy)]
pub struct Levels {
    opened_at: SecurityLevel,
    pub now: SecurityLevel,
}

impl Levels {
    pub fn of(setup: &Setup) -> Self {
        Self {
            opened_at: setup.level,
            now: setup.level,
        }
    }

    /// What BEGIN R-MAC SESSION leads to; nothing when it is refused (D 7.1.3).
    fn begun(self, p1: u8, setup: &Setup) -> Option<SecurityLevel> {
        let raised = SecurityLevel::try_from(self.now.byte() | p1).ok()?;
        (self.now.c_mac() && raised != self.now && raised.is_offered_by(setup.parameters))
            .then_some(raised)
    }

    /// What the card answers to a step, and the level afterwards.
    pub fn follow(&mut self, step: &Step, setup: &Setup) -> ResponseApdu {
        let next = match step {
            Step::Exchange(_, response) => return response.clone(),
            Step::Begin(p1) => self.begun(*p1, setup),
            Step::End => (self.now != self.opened_at).then_some(self.opened_at),
        };
        match next {
            Some(level) => {
                self.now = level;
                ResponseApdu::ok()
            }
            None => StatusWord::CONDITIONS.into(),
        }
    }
}

impl Step {
    pub fn command(&self) -> CommandApdu {
        match self {
            Self::Exchange(command, _) => command.clone(),
            Self::Begin(p1) => begin(*p1),
            Self::End => end(),
        }
    }

    /// What the card's application answers; the session itself answers BEGIN and END.
    pub fn response(&self) -> ResponseApdu {
        match self {
            Self::Exchange(_, response) => response.clone(),
            Self::Begin(_) | Self::End => ResponseApdu::ok(),
        }
    }

    /// Goes there and back, and checks at both ends and on the way that all is as it must be.
    pub fn play(&self, setup: &Setup, levels: &mut Levels, host: &mut HostEnd, card: &mut CardEnd) {
        let command = self.command();
        let on_wire = host.sends(&command);
        assert_eq!(on_wire.len(), wire_length(&command, setup));
        let plain = card.hears(&on_wire).unwrap();
        assert_eq!(plain, as_the_card_sees(&command, setup));

        let level = levels.now;
        let expected = levels.follow(self, setup);
        let on_wire = card.answers(&plain, &self.response());
        assert_eq!(
            on_wire.len(),
            response_length(&expected, level, setup.mode())
        );
        assert_eq!(host.hears(&on_wire), Ok(expected));
        assert_eq!(
            (host.0.level(), card.0.level()),
            (Some(levels.now), levels.now)
        );
    }
}

/// Plays all steps.
pub fn play_all(setup: &Setup, steps: &[Step], host: &mut HostEnd, card: &mut CardEnd) -> Levels {
    let mut levels = Levels::of(setup);
    for step in steps {
        step.play(setup, &mut levels, host, card);
    }
    levels
}

/// The plain command after the way: on the channel of the session, extended if it had to grow.
pub fn as_the_card_sees(command: &CommandApdu, setup: &Setup) -> CommandApdu {
    let mut seen = command.clone().on_channel(setup.channel).unwrap();
    seen.extended |= setup.level.c_mac() && protected_length(command, setup) > 255;
    // Without data and Le nothing tells the extended form from the short one.
    seen.extended &= setup.level.c_mac() || !seen.data.is_empty() || seen.le.is_some();
    seen
}

/// Length of the data field with everything that protects it.
fn protected_length(command: &CommandApdu, setup: &Setup) -> usize {
    let clear = command.data.len();
    if !setup.level.c_mac() {
        return clear;
    }
    let padded = if setup.level.c_decryption() && clear > 0 {
        clear / 16 * 16 + 16
    } else {
        clear
    };
    padded + setup.mode().length()
}

/// Length of the encoded command.
fn wire_length(command: &CommandApdu, setup: &Setup) -> usize {
    let data = protected_length(command, setup);
    let extended = command.extended || data > 255;
    let (lc, le) = match (extended, data) {
        (false, 0) => (0, 1),
        (false, _) => (1, 1),
        (true, 0) => (0, 3),
        (true, _) => (3, 2),
    };
    4 + lc + data + if command.le.is_some() { le } else { 0 }
}

/// Length of the encoded response.
fn response_length(response: &ResponseApdu, level: SecurityLevel, mode: Mode) -> usize {
    let clear = response.data.len();
    if !level.r_mac() || !response.sw.is_ok_or_warning() {
        return clear + 2;
    }
    let padded = if level.r_encryption() && clear > 0 {
        clear / 16 * 16 + 16
    } else {
        clear
    };
    padded + mode.length() + 2
}
