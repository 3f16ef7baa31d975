//! Commands and responses in pieces.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::chaining::Joiner;
use globalplatform::status_word::StatusWord;
use scp03::chaining::{Received, ResponseChain};
use scp03::{SecurityLevel, WrapError};

use crate::setup::Setup;

fn install(length: usize) -> CommandApdu {
    CommandApdu::new(0x80, 0xE6, 0x02, 0x00)
        .with_data(vec![0x5A; length])
        .with_le(256)
}

#[test]
fn a_chain_of_commands_has_one_mac_and_is_unwrapped_as_a_whole() {
    for level in SecurityLevel::ALL {
        for length in [0, 200, 255, 256, 900] {
            let (mut channel, mut card) = Setup::new(16, 0x70, level).open();
            let pieces = channel.wrap_chained(&install(length)).unwrap();
            let mut chain = Joiner::new(1024);
            let mut whole = None;
            for piece in &pieces {
                assert!(piece.encoded_length().unwrap() <= 261);
                assert!(whole.is_none());
                let bytes = piece.encode().unwrap();
                whole = chain.take(CommandApdu::decode(&bytes).unwrap()).unwrap();
            }
            let plain = card.unwrap(&whole.unwrap()).unwrap();
            assert_eq!(plain.header(), install(0).header());
            assert_eq!((plain.data, plain.le), (install(length).data, Some(256)));
            let response = card.wrap(ResponseApdu::with_data([0x00]));
            assert_eq!(channel.unwrap(&response), Ok(ResponseApdu::with_data([0])));
        }
    }
}

#[test]
fn what_cannot_be_chained_changes_nothing() {
    let (mut channel, mut card) = Setup::new(16, 0x70, SecurityLevel::Full).open();
    let refused = |command: CommandApdu, channel: &mut scp03::Channel| {
        channel.wrap_chained(&command).unwrap_err()
    };
    for (ins, p1) in [
        (0xE2, 0x00),
        (0xE8, 0x00),
        (0xE6, 0x82),
        (0xD8, 0xFF),
        (0xD8, 0x7F),
    ] {
        let command = CommandApdu::new(0x80, ins, p1, 0x00).with_data([0; 256]);
        let error = refused(command, &mut channel);
        assert_eq!(error, WrapError::NotChainable { ins });
    }
    let (le, limit) = (257, 256);
    let error = refused(install(1).with_le(le), &mut channel);
    assert_eq!(error, WrapError::LeTooLarge { le, limit });
    let error = refused(install(65_536), &mut channel);
    let limit = 65_535;
    assert!(matches!(error, WrapError::TooLong { limit: l, .. } if l == limit));
    // An extended form is of no use to what fits a short one.
    let mut extended = install(1);
    extended.extended = true;
    let pieces = channel.wrap_chained(&extended).unwrap();
    assert_eq!(pieces.len(), 1);
    assert!(!pieces[0].extended);
    assert_eq!(card.unwrap(&pieces[0]), Ok(install(1)));
    channel.unwrap(&card.wrap(ResponseApdu::ok())).unwrap();
    // A STORE DATA that fits is no chain.
    let store = CommandApdu::new(0x80, 0xE2, 0x80, 0x00).with_data([1; 200]);
    let pieces = channel.wrap_chained(&store).unwrap();
    assert_eq!(pieces.len(), 1);
    assert_eq!(card.unwrap(&pieces[0]), Ok(store));
}

#[test]
fn a_chain_of_responses_is_unwrapped_as_a_whole() {
    let mut setup = Setup::new(16, 0x70, SecurityLevel::Full);
    setup.channel = 7;
    let (mut channel, mut card) = setup.open();
    let command = CommandApdu::new(0x80, 0xF2, 0x40, 0x02).with_le(256);
    card.unwrap(&channel.wrap(&command).unwrap()).unwrap();
    let response = ResponseApdu {
        data: vec![9; 600],
        sw: StatusWord::MORE_DATA,
    };
    let protected = card.wrap(response.clone());
    let mut chain = ResponseChain::new(channel.logical_channel().unwrap());
    let mut rest = &protected.data[..];
    let whole = loop {
        let (piece, others) = rest.split_at(rest.len().min(256));
        rest = others;
        let sw = match rest.len() {
            0 => protected.sw,
            more => StatusWord(0x6100 | u16::try_from(more.min(256) & 0xFF).unwrap()),
        };
        let data = piece.to_vec();
        match chain.receive(&ResponseApdu { data, sw }).unwrap() {
            Received::More(get_response) => {
                assert_eq!(get_response.header(), [0x43, 0xC0, 0x00, 0x00]);
            }
            Received::Whole(whole) => break whole,
        }
    };
    assert_eq!(whole, protected);
    assert_eq!(channel.unwrap(&whole), Ok(response));
}
