//! PUT KEY, DELETE of keys, STORE DATA, GET DATA.

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::delete::DeleteKey;
use globalplatform::commands::get_data::GetData;
use globalplatform::commands::put_key::PutKeyField;
use globalplatform::key::KeyType;
use globalplatform::status_word::StatusWord;

use super::rules::{CONDITIONS, Kind, NOT_FOUND, Row, Rule, SECURITY, WRONG_DATA};
use crate::delegation::{aes_field, put_key};
use crate::terminal::*;

const fn always(why: &'static str, sw: StatusWord) -> Rule {
    (why, |_| true, sw)
}

fn put(replaces: u8) -> CommandApdu {
    ssd_keys()
        .put_key(replaces, 0x31, &isd_keys().dek)
        .to_apdu()
}

fn wrong_check_value() -> CommandApdu {
    let mut put = ssd_keys().put_key(0x00, 0x31, &isd_keys().dek);
    put.keys[1].kcv[0] ^= 0x01;
    put.to_apdu()
}

fn des() -> CommandApdu {
    put_key(
        0x70,
        PutKeyField::new(KeyType::DES.0, vec![0; 16], vec![0; 3]),
    )
}

fn delete_key(id: Option<u8>, version: u8) -> CommandApdu {
    let version = Some(version);
    DeleteKey { id, version }.to_apdu()
}

fn store(p1: u8, p2: u8, data: &[u8]) -> CommandApdu {
    CommandApdu::new(0x80, 0xE2, p1, p2).with_data(data)
}

pub fn rows() -> Vec<Row> {
    let content = |name, command, rules: &[Rule]| Row::new(name, Kind::Content, command, &[rules]);
    let open = |name, command, rules: &[Rule]| Row::new(name, Kind::Open, command, &[rules]);
    vec![
        content("PUT KEY, a new set", || put(0x00), &[]),
        content(
            "PUT KEY, a token key",
            || put_key(0x70, aes_field(0x70, 16)),
            &[],
        ),
        content(
            "PUT KEY in place of nothing",
            || put(0x3A),
            &[always("11.8", NOT_FOUND)],
        ),
        content(
            "PUT KEY with a wrong check value",
            wrong_check_value,
            &[always("4: 6982, nothing stored", SECURITY)],
        ),
        content("PUT KEY of a DES key", des, &[always("11.8", WRONG_DATA)]),
        content(
            "PUT KEY, version 00",
            || put_key(0x00, aes_field(1, 16)),
            &[always("4: 01 to 7F", WRONG_DATA)],
        ),
        content(
            "DELETE a key version that is not there",
            || delete_key(None, 0x3A),
            &[always("11.2", NOT_FOUND)],
        ),
        content(
            "DELETE the last key set",
            || delete_key(None, 0x30),
            &[
                (
                    "an SSD without keys of its own",
                    |cell| !cell.is_isd(),
                    NOT_FOUND,
                ),
                always("the card would be lost", CONDITIONS),
            ],
        ),
        content(
            "DELETE one key of the last set",
            || delete_key(Some(2), 0x30),
            &[
                (
                    "an SSD without keys of its own",
                    |cell| !cell.is_isd(),
                    NOT_FOUND,
                ),
                always("the card would be lost", CONDITIONS),
            ],
        ),
        content(
            "STORE DATA 42",
            || store(0x90, 0x00, &[0x42, 0x01, 0xAA]),
            &[],
        ),
        content(
            "STORE DATA C1",
            || store(0x90, 0x00, &[0xC1, 0x01, 0xAA]),
            &[always("5: refused", NOT_FOUND)],
        ),
        content(
            "STORE DATA D3",
            || store(0x90, 0x00, &[0xD3, 0x01, 0xAA]),
            &[always("5: refused", NOT_FOUND)],
        ),
        content(
            "STORE DATA 67",
            || store(0x90, 0x00, &[0x67, 0x01, 0xAA]),
            &[("5: on the ISD", |cell| !cell.is_isd(), NOT_FOUND)],
        ),
        content(
            "STORE DATA cut off",
            || store(0x90, 0x00, &[0x42, 0x02, 0xAA]),
            &[always("11.11", WRONG_DATA)],
        ),
        content(
            "STORE DATA beginning with block 1",
            || store(0x90, 0x01, &[0x42, 0x01, 0xAA]),
            &[always("5: counts from 00", CONDITIONS)],
        ),
        content(
            "STORE DATA of no structure",
            || store(0x80, 0x00, &[0x42, 0x02, 0xAA]),
            &[always("11.11.2.3: BER-TLV then", WRONG_DATA)],
        ),
        open("GET DATA 66", || GetData::new(0x0066).to_apdu(), &[]),
        open("GET DATA D3", || GetData::new(0x00D3).to_apdu(), &[]),
        open(
            "GET DATA 42",
            || GetData::new(0x0042).to_apdu(),
            &[always("not there", NOT_FOUND)],
        ),
        open(
            "GET DATA C2",
            || GetData::new(0x00C2).to_apdu(),
            &[(
                "11.3.2.1: Receipt Generation",
                |cell| !cell.is_isd(),
                NOT_FOUND,
            )],
        ),
        open(
            "GET DATA DF30",
            || GetData::new(0xDF30).to_apdu(),
            &[always("11.3", NOT_FOUND)],
        ),
    ]
}
