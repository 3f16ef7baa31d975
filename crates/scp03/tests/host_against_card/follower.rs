//! A checker that follows recorded traffic with the card end.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;

use crate::setup::Setup;

#[test]
fn a_follower_reads_what_card_and_host_say() {
    let setup = Setup::new(16, 0x70, SecurityLevel::CMacCDec);
    let (mut host, mut card) = setup.open();
    let (_, mut follower) = setup.open();
    let begin = CommandApdu::new(0x80, 0x7A, 0x30, 0x01);
    let end = CommandApdu::new(0x80, 0x78, 0x00, 0x03).with_le(256);
    let read = CommandApdu::new(0x80, 0xCA, 0x00, 0x66).with_le(256);
    let answers = [
        (&read, ResponseApdu::with_data([1, 2, 3])),
        (&begin, ResponseApdu::ok()),
        (&read, ResponseApdu::with_data([4; 16])),
        (&read, ResponseApdu::status(StatusWord::NOT_FOUND)),
        (&end, ResponseApdu::ok()),
        (&read, ResponseApdu::with_data([5])),
    ];
    for (plain, answer) in answers {
        let sent = host.wrap(plain).unwrap();
        assert_eq!(follower.unwrap(&sent).unwrap(), *plain);
        assert_eq!(card.unwrap(&sent).unwrap(), *plain);
        let answer = match plain.ins {
            0x7A => {
                assert_eq!(follower.begin_r_mac(plain), answer);
                card.begin_r_mac(plain)
            }
            0x78 => {
                assert_eq!(follower.end_r_mac(plain), answer);
                card.end_r_mac(plain)
            }
            _ => answer,
        };
        let back = card.wrap(answer.clone());
        assert_eq!(host.unwrap(&back).unwrap(), answer);
        assert_eq!(follower.danger_follow_response(&back), Some(answer));
        assert_eq!(follower.level(), card.level());
    }
    assert_eq!(follower.level(), SecurityLevel::CMacCDec);
}

#[test]
fn a_follower_refuses_a_changed_response_and_everything_after_it() {
    let setup = Setup::new(32, 0x71, SecurityLevel::Full);
    let (mut host, mut card) = setup.open();
    let (_, mut follower) = setup.open();
    let read = CommandApdu::new(0x80, 0xCA, 0x00, 0x66).with_le(256);
    let sent = host.wrap(&read).unwrap();
    follower.unwrap(&sent).unwrap();
    card.unwrap(&sent).unwrap();
    let mut back = card.wrap(ResponseApdu::with_data([1, 2, 3]));
    let good = back.clone();
    back.data[0] ^= 1;
    assert_eq!(follower.danger_follow_response(&back), None);
    assert!(follower.is_aborted());
    assert_eq!(follower.danger_follow_response(&good), None);
}
