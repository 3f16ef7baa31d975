//! What a profile makes a card do otherwise.

use std::time::Duration;

use aes::Aes128;
use cipher::{BlockCipherEncrypt, KeyInit};
use cmac::{Cmac, Mac};
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::get_status::{GetStatus, Scope};
use globalplatform::status_word::StatusWord;
use scp03::{Host, Mode, SecurityLevel};
use uicc_sim::behaviour::{Behaviour, Latency, StatusForms};
use uicc_sim::{CardConfig, Uicc};

use crate::terminal::*;

const WRONG_P1P2: StatusWord = StatusWord(0x6A86);
const WRONG_DATA: StatusWord = StatusWord(0x6A80);
const WRONG_LENGTH: StatusWord = StatusWord(0x6700);
const MEMORY_FAILURE: StatusWord = StatusWord(0x6581);

fn with(behaviour: Behaviour) -> Terminal {
    Terminal::with(CardConfig {
        behaviour,
        ..config()
    })
}

/// The answer to EXTERNAL AUTHENTICATE at a level.
fn opens(t: &mut Terminal, level: SecurityLevel) -> StatusWord {
    assert_eq!(t.select(ISD), StatusWord::OK);
    let challenge = t.host_challenge();
    let host = Host::start(&isd_keys(), 0x30, Mode::S8, &challenge).unwrap();
    let response = t.send(&host.command());
    let host = host.receive(&response, level, None).unwrap();
    t.send(&host.command()).sw
}

#[test]
fn only_the_levels_of_the_product_can_be_opened() {
    let mut t = with(Behaviour {
        security_levels: vec![SecurityLevel::CMac, SecurityLevel::CMacCDec],
        ..Behaviour::default()
    });
    for level in SecurityLevel::ALL {
        let allowed = matches!(level, SecurityLevel::CMac | SecurityLevel::CMacCDec);
        let expected = if allowed { StatusWord::OK } else { WRONG_P1P2 };
        assert_eq!(opens(&mut t, level), expected, "{level:?}");
    }
}

#[test]
fn external_authenticate_in_a_session_aborts_it_whatever_level_it_asks_for() {
    for level in ["01", "33", "44"] {
        let mut t = with(Behaviour {
            security_levels: vec![SecurityLevel::CMac],
            ..Behaviour::default()
        });
        let mut isd = t.open(ISD, &isd_keys(), 0x30, SecurityLevel::CMac);
        let again = format!("84 82 {level} 00 10 00000000000000000000000000000000");
        assert_eq!(t.hex(&again).sw, StatusWord(0x6982), "{level}");
        let status = GetStatus::all(Scope::IssuerSecurityDomain).to_apdu();
        let status = isd.wrap(&status);
        assert_eq!(t.send(&status).sw, StatusWord(0x6982), "{level}: aborted");
    }
}

/// GET DATA 0066 as some hosts send it: a block of nothing but padding, encrypted (Amendment D 6.2.6 has no data field).
fn encrypted_nothing(t: &mut Terminal) -> StatusWord {
    let seen = t.observe();
    assert_eq!(t.select(ISD), StatusWord::OK);
    let challenge = t.host_challenge();
    let host = Host::start(&isd_keys(), 0x30, Mode::S8, &challenge).unwrap();
    let response = t.send(&host.command());
    let host = host.receive(&response, SecurityLevel::Full, None).unwrap();
    let authenticate = host.command();
    assert_eq!(t.send(&authenticate).sw, StatusWord::OK);
    let key = |kind: &str| -> [u8; 16] {
        let seen = seen.lock().unwrap();
        let found = seen.iter().rfind(|(of, _)| *of == kind).unwrap();
        found.1.as_slice().try_into().unwrap()
    };
    let mac = |parts: &[&[u8]]| {
        let mut mac = <Cmac<Aes128> as cmac::KeyInit>::new(&key("session-mac").into());
        parts.iter().for_each(|part| mac.update(part));
        <[u8; 16]>::from(mac.finalize().into_bytes())
    };
    let chaining = mac(&[
        &[0; 16],
        &[0x84, 0x82, 0x33, 0x00, 0x10],
        &authenticate.data[..8],
    ]);
    let enc = Aes128::new(&key("session-enc").into());
    let mut block = aes::Block::default();
    block[15] = 1;
    enc.encrypt_block(&mut block);
    block[0] ^= 0x80;
    enc.encrypt_block(&mut block);
    let header = [0x84, 0xCA, 0x00, 0x66];
    let mac = mac(&[&chaining, &header, &[0x18], block.as_slice()]);
    let [cla, ins, p1, p2] = header;
    let data = [block.as_slice(), &mac[..8]].concat();
    t.send(
        &CommandApdu::new(cla, ins, p1, p2)
            .with_data(data)
            .with_le(256),
    )
    .sw
}

#[test]
fn nothing_may_be_encrypted_or_must_not() {
    assert_eq!(encrypted_nothing(&mut Terminal::new()), StatusWord::OK);
    let mut strict = with(Behaviour {
        encrypted_empty_data: false,
        ..Behaviour::default()
    });
    assert_eq!(encrypted_nothing(&mut strict), WRONG_LENGTH);
    // What carries data, or nothing but a MAC, is not meant.
    let mut isd = strict.isd();
    isd.ok(
        &mut strict,
        &CommandApdu::new(0x80, 0xCA, 0x00, 0x66).with_le(256),
    );
    isd.ok(
        &mut strict,
        &install_ssd(SSD, ssd_privileges(), None).to_apdu(),
    );
}

#[test]
fn get_status_has_the_forms_of_the_product() {
    let status = |p2: u8, data: &[u8]| {
        CommandApdu::new(0x80, 0xF2, 0x80, p2)
            .with_data(data)
            .with_le(256)
    };
    let all = [0x4F, 0x00];
    for (get_status, obsolete, tlv) in [
        (StatusForms::Both, StatusWord::OK, StatusWord::OK),
        (StatusForms::Tlv, WRONG_P1P2, StatusWord::OK),
        (StatusForms::Obsolete, StatusWord::OK, WRONG_P1P2),
    ] {
        let mut t = with(Behaviour {
            get_status,
            ..Behaviour::default()
        });
        let mut isd = t.isd();
        assert_eq!(isd.sw(&mut t, &status(0x00, &all)), obsolete);
        assert_eq!(isd.sw(&mut t, &status(0x02, &all)), tlv);
    }
    let with_tags = status(0x02, &[0x4F, 0x00, 0x5C, 0x01, 0x4F]);
    let mut t = Terminal::new();
    assert_eq!(t.isd().sw(&mut t, &with_tags), StatusWord::OK);
    let mut t = with(Behaviour {
        tag_list: false,
        ..Behaviour::default()
    });
    assert_eq!(t.isd().sw(&mut t, &with_tags), WRONG_DATA);
}

#[test]
fn pages_of_get_status_are_as_short_as_the_product_has_them() {
    let mut t = with(Behaviour {
        status_page_bytes: Some(40),
        ..Behaviour::default()
    });
    let mut isd = t.isd();
    for aid in [SSD, OTHER_SSD] {
        isd.ok(&mut t, &install_ssd(aid, ssd_privileges(), None).to_apdu());
    }
    let mut status = CommandApdu::new(0x80, 0xF2, 0x40, 0x02)
        .with_data([0x4F, 0x00])
        .with_le(256);
    let first = isd.send(&mut t, &status);
    assert_eq!(first.sw, StatusWord::MORE_DATA);
    assert!(first.data.len() <= 40);
    status.p2 = 0x03;
    let second = isd.send(&mut t, &status);
    assert_eq!(second.sw, StatusWord::OK);
    assert!(!second.data.is_empty() && second.data.len() <= 40);
}

#[test]
fn extended_length_channels_and_casd_can_be_missing() {
    let mut t = with(Behaviour {
        extended_length: false,
        logical_channels: 3,
        casd: false,
        ..Behaviour::default()
    });
    let extended = t.hex("80 CA 00 66 00 0000");
    assert_eq!(extended.sw, WRONG_LENGTH);
    assert_eq!(t.hex("80 CA 00 66 00").sw, StatusWord::OK);
    assert_eq!(t.hex("00 70 00 00 01").data, [1]);
    assert_eq!(t.hex("00 70 00 00 01").data, [2]);
    let no_channel = StatusWord::CHANNEL_NOT_SUPPORTED;
    assert_eq!(t.hex("00 70 00 00 01").sw, no_channel);
    assert_eq!(t.hex("00 70 00 03").sw, no_channel);
    assert_eq!(t.hex("03 A4 04 00 00").sw, no_channel);
    let mut isd = t.isd();
    let mut casd = install_ssd(SSD, ssd_privileges(), None);
    casd.parameters.applet.extend([0x86, 0x02, 0x00, 0x01]);
    assert_eq!(isd.sw(&mut t, &casd.to_apdu()), WRONG_DATA);
}

#[test]
fn a_memory_that_is_worn_out_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("card.state");
    let mut t = with(Behaviour {
        endurance_writes: Some(2),
        ..Behaviour::default()
    });
    t.card.persist_to(&file).unwrap();
    // The counter of the key set, and the domain.
    let mut isd = t.isd();
    isd.ok(&mut t, &install_ssd(SSD, ssd_privileges(), None).to_apdu());
    let digest = t.card.state_digest();
    let another = install_ssd(OTHER_SSD, ssd_privileges(), None).to_apdu();
    assert_eq!(isd.sw(&mut t, &another), MEMORY_FAILURE);
    assert_eq!(t.card.state_digest(), digest);
    // What writes nothing goes on.
    let read = CommandApdu::new(0x80, 0xCA, 0x00, 0x66).with_le(256);
    isd.ok(&mut t, &read);
    let mut again = Uicc::open(&file).unwrap();
    assert_eq!((again.state_digest(), again.writes()), (digest, 2));
    assert_eq!(again.inventory().endurance_writes, Some(2));
    let initialize = [0x80, 0x50, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0];
    assert_eq!(again.transmit(&initialize), [0x65, 0x81]);
    assert_eq!(again.state_digest(), digest);
    let authenticate = [&[0x84, 0x82, 0x33, 0x00, 0x10][..], &[0; 16]].concat();
    assert_eq!(again.transmit(&authenticate), [0x69, 0x85], "no session");
}

#[test]
fn a_name_that_could_not_be_written_is_nobodys() {
    let mut t = with(Behaviour {
        endurance_writes: Some(1),
        ..Behaviour::default()
    });
    let mut isd = t.isd();
    let name = [0x4F, 0x05, 0xF0, 0x01, 0x02, 0x03, 0x04];
    let rename = CommandApdu::new(0x80, 0xE2, 0x90, 0x00).with_data(name);
    assert_eq!(isd.sw(&mut t, &rename), MEMORY_FAILURE);
    // The session goes on, with the domain by its old name.
    let status = CommandApdu::new(0x80, 0xF2, 0x80, 0x02).with_data([0x4F, 0x00]);
    assert!(isd.ok(&mut t, &status).starts_with(&[0xE3]));
    assert_eq!(t.select(ISD), StatusWord::OK);
}

#[test]
fn a_command_takes_the_time_of_its_bytes_and_writes() {
    let mut t = with(Behaviour {
        latency: Latency {
            command_us: 1_000_000,
            byte_us: 1_000,
            write_us: 1,
        },
        ..Behaviour::default()
    });
    let select = [0x00, 0xA4, 0x04, 0x00, 0x00];
    let answer = t.card.transmit(&select);
    let bytes = u64::try_from(select.len() + answer.len()).unwrap();
    let expected = Duration::from_micros(1_000_000 + 1_000 * bytes);
    assert_eq!(t.card.last_duration(), expected);
    let initialize = [0x80, 0x50, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0];
    let answer = t.card.transmit(&initialize);
    let bytes = u64::try_from(initialize.len() + answer.len()).unwrap();
    let expected = Duration::from_micros(1_000_001 + 1_000 * bytes);
    assert_eq!(t.card.last_duration(), expected);
}
