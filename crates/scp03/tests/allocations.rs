//! How often the heap is asked for memory: never while an APDU is wrapped or unwrapped in a buffer,
//! and as often for a long script as for a short one.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use allocation_counter::measure;
use globalplatform::apdu::{CommandApdu, CommandRef, ResponseRef};
use globalplatform::status_word::StatusWord;
use scp03::card::next_sequence_counter;
use scp03::{
    CardChallenge, CardSession, Channel, Host, ScpParameters, ScriptBuilder, SecurityLevel,
    StaticKeys,
};

const AID: [u8; 7] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00];

fn keys(length: usize) -> StaticKeys {
    let [enc, mac, dek] = [1, 2, 3].map(|byte| vec![byte; length]);
    StaticKeys::from_bytes(&enc, &mac, &dek).unwrap()
}

fn open(key_length: usize, i: u8, level: SecurityLevel) -> (Channel, CardSession) {
    let (keys, parameters) = (keys(key_length), ScpParameters::new(i).unwrap());
    let challenge = vec![7; parameters.mode().length()];
    let host = Host::start(&keys, 0x30, parameters.mode(), &challenge).unwrap();
    let counter = next_sequence_counter(0).unwrap();
    let from = CardChallenge::PseudoRandom { counter, aid: &AID };
    let (mut card, answer) =
        CardSession::initialize_update(&keys, parameters, 0x30, [0; 10], from, &challenge).unwrap();
    let host = host.receive(&answer, level, Some(&AID)).unwrap();
    let answer = card.external_authenticate(&host.command());
    (host.receive(&answer).unwrap(), card)
}

/// One command there and its response back, counting what each of the four steps allocates.
fn exchange(
    (channel, card): &mut (Channel, CardSession),
    command: CommandRef<'_>,
    response: ResponseRef<'_>,
) -> [u64; 4] {
    let mut buffer = [0; 1024];
    let mut length = 0;
    let wrap = measure(|| {
        length = channel
            .wrap_into(command, &mut buffer)
            .unwrap()
            .as_bytes()
            .len();
    });
    let unwrap = measure(|| {
        let plain = card.unwrap_in_place(&mut buffer[..length]).unwrap();
        assert_eq!(plain.data, command.data);
    });
    let wrap_response = measure(|| {
        length = card.wrap_into(response, &mut buffer).unwrap().len();
    });
    let unwrap_response = measure(|| {
        let plain = channel.unwrap_in_place(&mut buffer[..length]).unwrap();
        assert_eq!(plain, response);
    });
    [wrap, unwrap, wrap_response, unwrap_response].map(|info| info.count_total)
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(vec![1u8; 10])).count_total, 1);
}

#[test]
fn opening_allocates_the_session_and_nothing_else() {
    for (key_length, i) in [(16, 0x70), (24, 0x70), (32, 0x71)] {
        let (keys, parameters) = (keys(key_length), ScpParameters::new(i).unwrap());
        let mode = parameters.mode();
        let challenge = vec![7; mode.length()];
        let from = CardChallenge::PseudoRandom {
            counter: 1,
            aid: &AID,
        };
        let (mut out, mut answer) = ([0; 37], [0; CardSession::MAX_ANSWER]);
        let host_start = measure(|| {
            let start = Host::start(&keys, 0x30, mode, &challenge).unwrap();
            start.command_into(&mut out).unwrap();
        });
        let host = Host::start(&keys, 0x30, mode, &challenge).unwrap();
        assert_eq!(
            host.command_into(&mut out[..]).unwrap(),
            host.command().encode().unwrap()
        );
        let mut card = None;
        let card_start = measure(|| {
            card = CardSession::initialize_update_into(
                &keys,
                parameters,
                0x30,
                [0; 10],
                from,
                &challenge,
                &mut answer,
            )
            .ok();
        });
        let (mut card, response) = card.unwrap();
        let (_, same) =
            CardSession::initialize_update(&keys, parameters, 0x30, [0; 10], from, &challenge)
                .unwrap();
        assert_eq!(response, same.encode());
        let mut host = Some(host);
        let rest = measure(|| {
            let host = host.take().unwrap();
            let response = ResponseRef::decode(response).unwrap();
            let host = host
                .receive(response, SecurityLevel::Full, Some(&AID))
                .unwrap();
            let command = host.command_into(&mut out).unwrap();
            let response = card.external_authenticate(command);
            drop(host.receive(&response).unwrap());
        });
        let allocations = [host_start, card_start, rest].map(|info| info.count_total);
        assert_eq!(allocations, [0, 1, 1]);
    }
}

#[test]
fn no_step_allocates_at_any_level() {
    let data = [0x5A; 600];
    for key_length in [16, 24, 32] {
        for (i, level) in SecurityLevel::ALL
            .iter()
            .flat_map(|l| [(0x70, l), (0x71, l)])
        {
            let mut ends = open(key_length, i, *level);
            for length in [0, 1, 16, 223, 600] {
                let command = CommandRef {
                    data: &data[..length],
                    le: Some(256),
                    extended: length > 223,
                    ..CommandRef::new(0x80, 0xE2, 0x00, 0x00)
                };
                for sw in [
                    StatusWord::OK,
                    StatusWord::MORE_DATA,
                    StatusWord::WRONG_DATA,
                ] {
                    let data = if sw.is_ok_or_warning() {
                        command.data
                    } else {
                        &[]
                    };
                    let counts = exchange(&mut ends, command, ResponseRef { data, sw });
                    assert_eq!(counts, [0; 4], "{level:?} {length} {sw}");
                }
            }
        }
    }
}

#[test]
fn refusing_a_forgery_allocates_nothing_either() {
    let (mut channel, mut card) = open(16, 0x70, SecurityLevel::Full);
    let mut buffer = [0; 64];
    let command = CommandRef::new(0x80, 0xF2, 0x40, 0x02);
    let length = channel
        .wrap_into(command, &mut buffer)
        .unwrap()
        .as_bytes()
        .len();
    buffer[6] ^= 1;
    let refused = measure(|| {
        card.unwrap_in_place(&mut buffer[..length]).unwrap_err();
    });
    let mut forged = [0x90, 0x00];
    let closed = measure(|| {
        channel.unwrap_in_place(&mut forged).unwrap_err();
    });
    // The keys of the channel go; nothing comes.
    assert_eq!((refused.count_total, closed.count_total), (0, 0));
}

fn script(keys: &StaticKeys, commands: &[CommandApdu], all_at_once: bool) -> u64 {
    let parameters = ScpParameters::new(0x70).unwrap();
    let mut length = 0;
    let counts = measure(|| {
        let level = SecurityLevel::Full;
        let mut script =
            ScriptBuilder::start(keys, 0x30, parameters, &AID, 1, level, &[7; 8]).unwrap();
        if all_at_once {
            script.push_all(commands).unwrap();
        } else {
            let data = commands.iter().map(|command| command.data.len()).sum();
            script = script.with_capacity(commands.len(), data);
            commands
                .iter()
                .for_each(|command| script.push(command).unwrap());
        }
        length = script.finish().0.len();
    });
    assert_eq!(length, commands.len() + 2);
    counts.count_total
}

#[test]
fn a_script_of_150_commands_allocates_no_more_than_one_of_20() {
    let keys = keys(16);
    let store = |length| CommandApdu::new(0x80, 0xE2, 0x00, 0x00).with_data(vec![3; length]);
    let long: Vec<_> = (0..150).map(|n| store(90 + n)).collect();
    let short: Vec<_> = (0..20).map(store).collect();
    for all_at_once in [false, true] {
        let counts = [&long, &short].map(|commands| script(&keys, commands, all_at_once));
        assert_eq!(counts[0], counts[1]);
        assert!(counts[0] < 20, "{counts:?}");
    }
}
