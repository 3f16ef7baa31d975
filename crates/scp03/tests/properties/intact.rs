//! What nobody touches arrives as it was sent.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use proptest::prelude::*;
use scp03::{Mode, SecurityLevel, WrapError};

use crate::ends::Setup;
use crate::traffic::{any_traffic, as_the_card_sees, max_extended, play_all};

proptest! {
    #[test]
    fn everything_arrives_as_it_was_sent((setup, steps) in any_traffic(&SecurityLevel::ALL, 1..8)) {
        let (mut host, mut card) = setup.open();
        play_all(&setup, &steps, &mut host, &mut card);
    }

    #[test]
    fn commands_may_run_ahead_of_their_responses(
        (setup, steps) in any_traffic(&SecurityLevel::ALL, 2..6),
    ) {
        let (mut host, mut card) = setup.open();
        let sent: Vec<_> = steps.iter().map(|step| host.sends(&step.command())).collect();
        for (step, sent) in steps.iter().zip(&sent) {
            let plain = card.hears(sent).unwrap();
            prop_assert_eq!(plain, as_the_card_sees(&step.command(), &setup));
        }
    }
}

#[test]
fn the_largest_extended_commands_fit_and_one_byte_more_does_not() {
    for mode in [Mode::S8, Mode::S16] {
        for level in SecurityLevel::ALL {
            let setup = Setup::at(level, mode);
            let (mut host, mut card) = setup.open();
            let most = max_extended(level, mode);
            let store = |length| {
                CommandApdu::new(0x80, 0xE2, 0x00, 0x00)
                    .with_data(vec![7; length])
                    .with_extended_length()
            };
            if level.c_mac() {
                let refused = host.wrap(&store(most + 1));
                let limit = 65_535;
                assert!(
                    matches!(refused, Err(WrapError::TooLong { limit: l, .. }) if l == limit),
                    "{refused:?}"
                );
            }
            assert_eq!(card.hears(&host.sends(&store(most))), Ok(store(most)));
        }
    }
}

#[test]
fn encrypted_data_show_no_clear_byte_run() {
    let clear = [0x5A; 64];
    for mode in [Mode::S8, Mode::S16] {
        let (mut host, mut card) = Setup::at(SecurityLevel::Full, mode).open();
        let command = CommandApdu::new(0x80, 0xE2, 0x00, 0x00).with_data(clear);
        let shows = |bytes: &[u8]| bytes.windows(4).any(|window| window == &clear[..4]);
        let first = host.sends(&command);
        let second = host.sends(&command);
        assert!(!shows(&first) && !shows(&second));
        assert_ne!(first[5..69], second[5..69]);
        let plain = card.hears(&first).unwrap();
        let answer = ResponseApdu::with_data(clear);
        let answered = card.answers(&plain, &answer);
        assert!(!shows(&answered));
        assert_ne!(answered[..64], first[5..69]);
    }
}
