//! Our host against our card: whatever the keys, the mode, the level, the channel and the sizes,
//! what one end wraps the other unwraps, and what was touched on the way is refused for good.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use proptest::collection::vec;
use proptest::prelude::*;
use scp03::keys::SessionKeys;
use scp03::{
    AesKey, CardSession, Channel, ChannelError, DekKey, Host, HostError, Mode, SecurityLevel,
    WrapError,
};

use crate::setup::{AID, KVN, Setup, any_setup, any_setup_at};

/// A plain command of any case, short or extended; BEGIN and END R-MAC SESSION have their own test.
fn any_command() -> impl Strategy<Value = CommandApdu> {
    let le = prop::option::of(1u32..=256);
    let data = prop_oneof![4 => vec(any::<u8>(), 0..=223), 1 => vec(any::<u8>(), 0..2000)];
    let header = (any::<bool>(), any::<[u8; 3]>());
    (header, data, le, any::<bool>())
        .prop_map(|((own, [ins, p1, p2]), data, le, extended)| CommandApdu {
            cla: if own { 0x80 } else { 0x00 },
            ins,
            p1,
            p2,
            extended: extended || data.len() > 223,
            data,
            le,
        })
        .prop_filter("R-MAC sessions", |command| {
            !matches!(command.ins, 0x78 | 0x7A)
        })
}

/// A response with any status word, mostly one that may carry data.
fn any_response() -> impl Strategy<Value = ResponseApdu> {
    let sw = prop_oneof![
        5 => Just(0x9000u16),
        1 => 0x6200u16..=0x63FF,
        1 => 0x6400u16..=0x6FFF,
    ];
    (sw, vec(any::<u8>(), 0..600)).prop_map(|(sw, mut data)| {
        let sw = StatusWord(sw);
        if !sw.is_ok_or_warning() {
            data.clear();
        }
        ResponseApdu { data, sw }
    })
}

/// One command there and its response back.
fn exchange(
    channel: &mut Channel,
    card: &mut CardSession,
    command: &CommandApdu,
    response: &ResponseApdu,
) -> (CommandApdu, ResponseApdu) {
    let wrapped = over_the_wire(&channel.wrap(command).unwrap());
    let plain = card.unwrap(&wrapped).unwrap();
    let response = card.wrap(response.clone());
    let response = ResponseApdu::decode(&response.encode()).unwrap();
    (plain, channel.unwrap(&response).unwrap())
}

fn over_the_wire(command: &CommandApdu) -> CommandApdu {
    CommandApdu::decode(&command.encode().unwrap()).unwrap()
}

proptest! {
    #[test]
    fn what_one_end_wraps_the_other_unwraps(
        setup in any_setup(),
        exchanges in vec((any_command(), any_response()), 1..6),
    ) {
        let (mut channel, mut card) = setup.open();
        for (command, response) in &exchanges {
            let (plain, opened) = exchange(&mut channel, &mut card, command, response);
            let expected = command.clone().on_channel(setup.channel).unwrap();
            prop_assert_eq!(plain.header(), expected.header());
            prop_assert_eq!((&plain.data, plain.le), (&expected.data, expected.le));
            prop_assert_eq!(&opened, response);
        }
    }

    #[test]
    fn one_flipped_bit_of_a_command_kills_the_session(
        setup in any_setup_at(&SecurityLevel::ALL[1..]),
        before in vec((any_command(), any_response()), 0..3),
        command in any_command(),
        position in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let (mut channel, mut card) = setup.open();
        for (command, response) in &before {
            exchange(&mut channel, &mut card, command, response);
        }
        let wrapped = channel.wrap(&command).unwrap();
        let mut damaged = wrapped.clone().into_command();
        let length = 5 + wrapped.data.len();
        match position.index(length) {
            0 => damaged.cla ^= 1 << bit,
            1 => damaged.ins ^= 1 << bit,
            2 => damaged.p1 ^= 1 << bit,
            3 => damaged.p2 ^= 1 << bit,
            4 => damaged.extended ^= true,
            other => damaged.data[other - 5] ^= 1 << bit,
        }
        prop_assert_eq!(card.unwrap(&damaged), Err(StatusWord::SECURITY_STATUS));
        prop_assert!(card.is_aborted() && !card.is_authenticated());
        prop_assert_eq!(card.unwrap(&wrapped), Err(StatusWord::SECURITY_STATUS));
        prop_assert_eq!(card.unwrap(&command), Err(StatusWord::SECURITY_STATUS));
    }

    #[test]
    fn one_flipped_bit_of_a_response_kills_the_channel(
        setup in any_setup_at(&SecurityLevel::ALL[3..]),
        before in vec((any_command(), any_response()), 0..3),
        command in any_command(),
        response in any_response().prop_filter("bare error", |response| response.sw.is_ok_or_warning()),
        position in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let (mut channel, mut card) = setup.open();
        for (command, response) in &before {
            exchange(&mut channel, &mut card, command, response);
        }
        card.unwrap(&channel.wrap(&command).unwrap()).unwrap();
        let mut bytes = card.wrap(response).encode();
        let position = position.index(bytes.len());
        bytes[position] ^= 1 << bit;
        let damaged = ResponseApdu::decode(&bytes).unwrap();
        prop_assert_eq!(channel.unwrap(&damaged), Err(ChannelError::NotGenuine));
        prop_assert_eq!(channel.unwrap(&damaged), Err(ChannelError::Closed));
        prop_assert_eq!(channel.wrap(&command), Err(WrapError::Closed));
        prop_assert!(channel.danger_session_keys().is_none());
    }

    #[test]
    fn one_flipped_bit_while_opening_opens_nothing(
        setup in any_setup(),
        position in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let start = || Host::start(&setup.keys, KVN, setup.mode(), setup.host_challenge()).unwrap();
        let (mut card, response) = setup.card();

        // Key diversification data comes first and is not covered; key version, protocol and `i`
        // change the layout.
        let mut damaged = response.clone();
        let position_in_answer = 10 + position.index(response.data.len() - 10);
        damaged.data[position_in_answer] ^= 1 << bit;
        let host = start().receive(&damaged, SecurityLevel::CMac, Some(&AID));
        let only_the_offer_changed = position_in_answer == 12 && host.is_ok();
        prop_assert!(only_the_offer_changed || host.is_err());

        let host = start().on_channel(setup.channel).unwrap();
        let command = host.receive(&response, setup.level, Some(&AID)).unwrap().command();
        let mut damaged = command.clone().into_command();
        match position.index(5 + command.data.len()) {
            // Which channel the command came on is not covered; the card knows it from the class
            // alone.
            0 => damaged.cla ^= 0x80,
            1 => damaged.ins ^= 1 << bit,
            2 => damaged.p1 ^= 1 << bit,
            3 => damaged.p2 ^= 1 << bit,
            4 => damaged.extended ^= true,
            other => damaged.data[other - 5] ^= 1 << bit,
        }
        prop_assert_eq!(card.external_authenticate(&damaged), StatusWord::SECURITY_STATUS.into());
        prop_assert!(!card.is_authenticated());
        prop_assert_eq!(card.external_authenticate(&command), StatusWord::CONDITIONS.into());
        prop_assert!(!card.is_authenticated());
    }

    #[test]
    fn nothing_that_a_peer_sends_panics(
        setup in any_setup(),
        command in vec(any::<u8>(), 0..300),
        response in vec(any::<u8>(), 2..300),
    ) {
        let (mut channel, mut card) = setup.open();
        let response = ResponseApdu::decode(&response).unwrap();
        if let Ok(command) = CommandApdu::decode(&command) {
            let _ = channel.wrap(&command);
            let _ = card.begin_r_mac(&command);
            let _ = card.end_r_mac(&command);
            let _ = card.unwrap(&command);
            let _ = card.wrap(response.clone());
            let (mut card, _) = setup.card();
            let _ = card.unwrap(&command);
            let _ = card.external_authenticate(&command);
            let _ = card.external_authenticate(&command);
        }
        let _ = channel.wrap(&CommandApdu::new(0x80, 0xF2, 0x40, 0x02));
        let _ = channel.unwrap(&response);
        let start = Host::start(&setup.keys, 0, setup.mode(), setup.host_challenge()).unwrap();
        let _ = start.receive(&response, setup.level, Some(&AID));
    }

    #[test]
    fn an_r_mac_session_raises_responses_and_falls_back(
        setup in any_setup(),
        encryption in any::<bool>(),
        exchanges in vec((any_command(), any_response()), 1..4),
    ) {
        let (mut channel, mut card) = setup.open();
        let p1 = if encryption { 0x30 } else { 0x10 };
        let begin = CommandApdu::new(0x80, 0x7A, p1, 0x01).with_data([2, 0xAA, 0xBB]);
        let end = CommandApdu::new(0x80, 0x78, 0x00, 0x03).with_le(256);

        let raised = SecurityLevel::try_from(setup.level.byte() | p1).ok().filter(|raised| {
            *raised != setup.level && setup.level.c_mac() && raised.is_offered_by(setup.parameters)
        });
        let plain = card.unwrap(&channel.wrap(&begin).unwrap()).unwrap();
        let own = card.begin_r_mac(&plain);
        prop_assert_eq!(own.sw, raised.map_or(StatusWord::CONDITIONS, |_| StatusWord::OK));
        let own = card.wrap(own);
        channel.unwrap(&own).unwrap();
        let level = raised.unwrap_or(setup.level);
        prop_assert_eq!((channel.level(), card.level()), (Some(level), level));

        for (command, response) in &exchanges {
            let (_, opened) = exchange(&mut channel, &mut card, command, response);
            prop_assert_eq!(&opened, response);
        }
        let plain = card.unwrap(&channel.wrap(&end).unwrap()).unwrap();
        let own = card.end_r_mac(&plain);
        prop_assert_eq!(own.sw, raised.map_or(StatusWord::CONDITIONS, |_| StatusWord::OK));
        let on_wire = card.wrap(own);
        prop_assert_eq!(on_wire.data.is_empty(), raised.is_none() && !(setup.level.r_mac() && on_wire.sw == StatusWord::OK));
        channel.unwrap(&on_wire).unwrap();
        prop_assert_eq!((channel.level(), card.level()), (Some(setup.level), setup.level));
        for (command, response) in &exchanges {
            exchange(&mut channel, &mut card, command, response);
        }
    }
}

fn get_status() -> CommandApdu {
    CommandApdu::new(0x80, 0xF2, 0x40, 0x02)
        .with_data([0x4F, 0x00])
        .with_le(256)
}

#[test]
fn the_opening_commands_have_their_length_in_a_larger_buffer() {
    for (i, lengths) in [(0x70, [14, 21]), (0x71, [22, 37])] {
        let setup = Setup::new(16, i, SecurityLevel::Full);
        let mut out = [0xEE; 64];
        let host = Host::start(&setup.keys, KVN, setup.mode(), setup.host_challenge()).unwrap();
        assert_eq!(host.command_into(&mut out).unwrap().len(), lengths[0]);
        let (_, response) = setup.card();
        let host = host.receive(&response, setup.level, Some(&AID)).unwrap();
        let command = host.command_into(&mut out).unwrap();
        assert_eq!(command.as_bytes().len(), lengths[1]);
        assert_eq!(command.as_bytes(), host.command().encode().unwrap());
    }
}

#[test]
fn every_level_works_with_every_mode_and_key_length() {
    for key_length in [16, 24, 32] {
        for i in [0x70, 0x71] {
            for level in SecurityLevel::ALL {
                let setup = Setup::new(key_length, i, level);
                let (mut channel, mut card) = setup.open();
                assert_eq!(
                    (channel.level(), channel.mode()),
                    (Some(level), Some(setup.mode()))
                );
                let answer = ResponseApdu::with_data(*b"registry");
                let (plain, opened) = exchange(&mut channel, &mut card, &get_status(), &answer);
                assert_eq!((plain, opened), (get_status(), answer));
            }
        }
    }
}

#[test]
fn replayed_reordered_and_dropped_commands_are_refused() {
    let setup = Setup::new(16, 0x70, SecurityLevel::CMac);
    let wrapped = || {
        let (mut channel, card) = setup.open();
        let first = channel.wrap(&get_status()).unwrap();
        (first, channel.wrap(&get_status()).unwrap(), card)
    };
    let (first, _, mut card) = wrapped();
    card.unwrap(&first).unwrap();
    assert_eq!(card.unwrap(&first), Err(StatusWord::SECURITY_STATUS));
    let (_, second, mut card) = wrapped();
    assert_eq!(card.unwrap(&second), Err(StatusWord::SECURITY_STATUS));
}

#[test]
fn an_error_of_the_command_itself_leaves_the_session_going() {
    let (mut channel, mut card) = Setup::new(16, 0x70, SecurityLevel::Full).open();
    let error = ResponseApdu::status(StatusWord::REFERENCED_DATA_NOT_FOUND);
    for _ in 0..3 {
        let (_, opened) = exchange(&mut channel, &mut card, &get_status(), &error);
        assert_eq!(opened, error);
    }
}

#[test]
fn the_largest_clear_data_fill_a_short_apdu() {
    for i in [0x70, 0x71] {
        for level in SecurityLevel::ALL {
            let (mut channel, mut card) = Setup::new(16, i, level).open();
            let most = channel.max_command_data();
            let store =
                |length| CommandApdu::new(0x80, 0xE2, 0x00, 0x00).with_data(vec![7; length]);
            assert!(!channel.wrap(&store(most)).unwrap().extended);
            let too_long = channel.wrap(&store(most + 1));
            assert!(
                matches!(too_long, Err(WrapError::TooLong { limit: 255, .. })),
                "{too_long:?}"
            );
            // The refused command has changed nothing.
            let (mut channel, _) = Setup::new(16, i, level).open();
            let _ = channel.wrap(&store(most + 1));
            card.unwrap(&channel.wrap(&get_status()).unwrap()).unwrap();

            let mode = channel.mode().unwrap();
            let most = level.max_response_data(mode);
            assert!(card.wrap(ResponseApdu::with_data(vec![7; most])).data.len() <= 256);
            assert!(
                card.wrap(ResponseApdu::with_data(vec![7; most + 1]))
                    .data
                    .len()
                    > 256
            );
        }
    }
}

#[test]
fn a_command_must_be_on_the_channel_of_the_session() {
    let mut setup = Setup::new(16, 0x70, SecurityLevel::CMac);
    setup.channel = 5;
    let (mut channel, mut card) = setup.open();
    let on = |channel| get_status().on_channel(channel).unwrap();
    assert_eq!(
        channel.wrap(&on(4)),
        Err(WrapError::OtherChannel {
            command: 4,
            session: 5
        })
    );
    let wrapped = channel.wrap(&get_status()).unwrap();
    assert_eq!(wrapped.cla, 0xE1);
    assert_eq!(card.unwrap(&wrapped).unwrap(), on(5));
    let wrapped = channel
        .wrap(&on(5))
        .unwrap()
        .into_command()
        .on_channel(6)
        .unwrap();
    assert_eq!(card.unwrap(&wrapped), Err(StatusWord::SECURITY_STATUS));
}

#[test]
fn refuses_commands_that_cannot_be_protected() {
    let (mut channel, _) = Setup::new(16, 0x70, SecurityLevel::Full).open();
    let with_class = |cla| CommandApdu::new(cla, 0xF2, 0, 0);
    assert_eq!(
        channel.wrap(&with_class(0x84)),
        Err(WrapError::AlreadySecured)
    );
    for cla in [0x90, 0x0C, 0xFF] {
        assert_eq!(
            channel.wrap(&with_class(cla)),
            Err(WrapError::UnsupportedClass { cla })
        );
    }
    assert_eq!(
        channel.unwrap(&ResponseApdu::ok()),
        Err(ChannelError::NothingOutstanding)
    );
}

#[test]
fn encrypted_empty_data_are_taken_as_some_hosts_send_them() {
    let (mut channel, mut card) = Setup::new(16, 0x70, SecurityLevel::CMacCDec).open();
    // One block of nothing but padding, encrypted by hand for command 2 …
    let keys = channel.danger_session_keys().unwrap().clone();
    let enc = DekKey::from_bytes(keys.enc.danger_bytes()).unwrap();
    let mut icv = 2u128.to_be_bytes();
    enc.encrypt(&mut icv).unwrap();
    let mut block = [0; 16];
    block[0] = 0x80;
    block
        .iter_mut()
        .zip(icv)
        .for_each(|(byte, icv)| *byte ^= icv);
    enc.encrypt(&mut block).unwrap();
    // … and MACed by a channel that does not encrypt, which goes on where command 1 left the chain.
    let first = channel.wrap(&get_status()).unwrap();
    card.unwrap(&first).unwrap();
    let chaining = chaining_after(&keys, &first, &setup_authentication());
    let mut other =
        Channel::danger_resume(keys, Mode::S8, SecurityLevel::CMac, chaining, 1).unwrap();
    let empty = CommandApdu::new(0x80, 0xCA, 0x00, 0x66).with_le(256);
    let wrapped = other.wrap(&empty.clone().with_data(block)).unwrap();
    assert_eq!(card.unwrap(&wrapped), Ok(empty));
}

/// EXTERNAL AUTHENTICATE of the session above.
fn setup_authentication() -> CommandApdu {
    let setup = Setup::new(16, 0x70, SecurityLevel::CMacCDec);
    let start = Host::start(&setup.keys, KVN, setup.mode(), setup.host_challenge()).unwrap();
    let (_, response) = setup.card();
    start
        .receive(&response, setup.level, Some(&AID))
        .unwrap()
        .command()
        .into_command()
}

/// The chaining value after EXTERNAL AUTHENTICATE and one command, both short and in S8 mode.
fn chaining_after(
    keys: &SessionKeys,
    command: &CommandApdu,
    authenticate: &CommandApdu,
) -> [u8; 16] {
    let key = AesKey::from_bytes(keys.mac.danger_bytes()).unwrap();
    let mut chaining = [0; 16];
    for command in [authenticate, command] {
        let bytes = command.clone().encode().unwrap();
        let covered = &bytes[..5 + command.data.len() - 8];
        chaining = key.cmac(&[&chaining[..], covered].concat());
    }
    chaining
}

#[test]
fn the_host_refuses_what_does_not_fit_its_question() {
    let setup = Setup::new(16, 0x10, SecurityLevel::CMac);
    let start = |kvn| Host::start(&setup.keys, kvn, setup.mode(), setup.host_challenge()).unwrap();
    let (_, response) = setup.card();
    let full = start(KVN).receive(&response, SecurityLevel::Full, None);
    assert_eq!(
        full.unwrap_err(),
        HostError::LevelNotOffered {
            level: SecurityLevel::Full
        }
    );
    let other = start(0x31).receive(&response, SecurityLevel::CMac, None);
    assert_eq!(
        other.unwrap_err(),
        HostError::OtherKeyVersion {
            asked: 0x31,
            answered: KVN
        }
    );
    assert!(
        start(0x00)
            .receive(&response, SecurityLevel::CMac, None)
            .is_ok()
    );
    let aid = start(KVN).receive(&response, SecurityLevel::CMac, Some(&AID[..7]));
    assert_eq!(aid.unwrap_err(), HostError::NotGenuine);
    let sw = StatusWord::REFERENCED_DATA_NOT_FOUND;
    let refused = start(KVN).receive(&sw.into(), SecurityLevel::CMac, None);
    assert_eq!(refused.unwrap_err(), HostError::Refused { sw });
    let (_, s16) = Setup::new(16, 0x11, SecurityLevel::CMac).card();
    let other_mode = start(KVN).receive(&s16, SecurityLevel::CMac, None);
    assert_eq!(other_mode.unwrap_err(), HostError::OtherMode);
    let short = Host::start(&setup.keys, KVN, setup.mode(), &[0; 7]);
    assert_eq!(
        short.unwrap_err(),
        HostError::InvalidHostChallenge { length: 7 }
    );
    let channel = start(KVN).on_channel(20);
    assert_eq!(
        channel.unwrap_err(),
        HostError::NoSuchChannel { channel: 20 }
    );
}

#[test]
fn a_refused_external_authenticate_opens_no_channel() {
    let setup = Setup::new(16, 0x70, SecurityLevel::Full);
    let start = Host::start(&setup.keys, KVN, setup.mode(), setup.host_challenge()).unwrap();
    let (_, response) = setup.card();
    let host = start.receive(&response, setup.level, Some(&AID)).unwrap();
    assert_eq!(host.sequence_counter(), Some(42));
    let sw = StatusWord::AUTH_FAILED;
    assert_eq!(
        host.receive(&sw.into()).unwrap_err(),
        HostError::Refused { sw }
    );
}
