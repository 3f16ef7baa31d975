//! What `Debug` shows of everything that holds a key: no byte of it.

use globalplatform::apdu::CommandApdu;
use insta::assert_snapshot;
use scp03::key_agreement::{ControlReferenceTemplate, DerivationInputs, KeyLayout};
use scp03::put_key::receive_keys;
use scp03::store_data_keys::read_keys;
use scp03::{Host, ScriptBuilder, SecurityLevel, StaticKeys};

use crate::setup::{AID, KVN, Setup};

fn setup() -> Setup {
    Setup::new(16, 0x70, SecurityLevel::Full)
}

#[test]
fn live_sessions_show_mode_level_and_channel() {
    let setup = setup();
    let host = Host::start(&setup.keys, KVN, setup.mode(), setup.host_challenge()).unwrap();
    assert_snapshot!(format!("{host:?}"), @"AwaitingChallenge(key version 30, S8, logical channel 0)");
    let (mut card, response) = setup.card();
    assert_snapshot!(format!("{card:?}"), @"CardSession(AwaitingAuthentication, S8, Authenticated, logical channel 0)");
    let host = host.receive(&response, setup.level, Some(&AID)).unwrap();
    assert_snapshot!(format!("{host:?}"), @"AwaitingAuthentication(S8, Full, logical channel 0)");
    let response = card.external_authenticate(&host.command());
    assert_snapshot!(format!("{card:?}"), @"CardSession(Open, S8, Full, logical channel 0)");
    let mut channel = host.receive(&response).unwrap();
    assert_snapshot!(format!("{channel:?}"), @"Channel(S8, Full, logical channel 0)");
    let (enc, mac, rmac) = card.danger_session_keys();
    assert_snapshot!(format!("{:?}", (enc, mac, rmac)), @"(SEnc(AES-128), SMac(AES-128), SRmac(AES-128))");
    assert_snapshot!(format!("{:?}", channel.danger_session_keys()), @"Some(SessionKeys { enc: SEnc(AES-128), mac: SMac(AES-128), rmac: SRmac(AES-128) })");
    channel
        .wrap(&CommandApdu::new(0x80, 0xF2, 0x40, 0x02))
        .unwrap();
    channel.unwrap(&response).unwrap_err();
    assert_snapshot!(format!("{channel:?}"), @"Channel(closed)");
}

#[test]
fn scripts_show_how_long_they_are() {
    let setup = setup();
    let (keys, challenge) = (&setup.keys, setup.host_challenge());
    let script =
        ScriptBuilder::start(keys, KVN, setup.parameters, &AID, 1, setup.level, challenge).unwrap();
    assert_snapshot!(format!("{script:?}"), @"ScriptBuilder(2 commands, S8, Full, logical channel 0)");
    let (_, mut verifier) = script.finish();
    assert_snapshot!(format!("{verifier:?}"), @"ScriptVerifier(2 commands, S8, Full, logical channel 0)");
    verifier
        .verify(&[globalplatform::apdu::ResponseApdu::ok()])
        .unwrap_err();
    assert_snapshot!(format!("{verifier:?}"), @"ScriptVerifier(spent)");
}

#[test]
fn keys_on_their_way_show_their_kind() {
    let keys = StaticKeys::from_bytes(&[0xA7; 16], &[0xA7; 16], &[0xA7; 16]).unwrap();
    let command = keys.put_key(0x00, 0x31, &keys.dek);
    let received = receive_keys(&command, &keys.dek).unwrap();
    assert_snapshot!(format!("{:?}", received[0]), @"ReceivedKey { id: 1, key: AesKey(AES-128), cmac_length: None }");
    let payload = keys.store_data(0x31, &keys.dek).unwrap();
    let described = read_keys(&payload, &keys.dek).unwrap();
    assert_snapshot!(format!("{:?}", described[0].key), @"AesKey(AES-128)");
    let template = ControlReferenceTemplate {
        parameters: 0,
        layout: KeyLayout::three_equal(16),
        key_id: None,
        version: 0x30,
        initial_counter: None,
        image_number: None,
        host_id: None,
    };
    let agreed = template
        .derive(&[0xA7; 32], &DerivationInputs::default())
        .unwrap();
    assert_snapshot!(format!("{agreed:?}"), @"AgreedKeys { receipt_key: AgreementReceiptKey(AES-128), keys: [AesKey(AES-128), AesKey(AES-128), AesKey(AES-128)] }");
}
