//! Personalisation of the JPKI applet through its security domain.

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::install::InstallForPersonalization;
use globalplatform::commands::store_data::{
    Dgi, Encryption, StoreData, Structure, store_data_blocks,
};
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Tag, find};
use scp03::SecurityLevel;
use sha2::{Digest, Sha256};

use crate::credentials::*;
use crate::terminal::*;

const CONDITIONS: StatusWord = StatusWord(0x6985);
const WRONG_DATA: StatusWord = StatusWord(0x6A80);

fn group(tag: u16, data: &[u8]) -> Vec<u8> {
    payload(&[Dgi::new(tag, data)])
}

/// The objects of the status object.
fn status(t: &mut Terminal, ssd: &mut Session) -> Vec<u8> {
    let response = ssd.personalise(t, &group(0x9F07, &[]));
    assert_eq!(response.sw, StatusWord::OK);
    find(&response.data, Tag(0xE1)).unwrap().unwrap().to_vec()
}

fn field(status: &[u8], tag: u32) -> Option<Vec<u8>> {
    find(status, Tag(tag)).unwrap().map(<[u8]>::to_vec)
}

/// Fills, proves and commits a credential.
pub fn make_live(t: &mut Terminal, ssd: &mut Session, kind: Kind, id: [u8; 16], pin: &str) {
    assert_eq!(
        ssd.personalise(t, &credential(kind, id, pin)).sw,
        StatusWord::OK
    );
    let challenge = [0xC4; 32];
    let proof = ssd.personalise(t, &group(0x9F04, &challenge));
    assert_eq!(proof.sw, StatusWord::OK);
    let message = [b"JPKI-POP-1".as_slice(), &id, &challenge].concat();
    assert!(verify(kind, &message, &proof.data, false));
    assert_eq!(ssd.personalise(t, &group(0x9F05, &id)).sw, StatusWord::OK);
}

#[test]
fn a_whole_provisioning_of_every_kind_of_key() {
    for kind in [Kind::Rsa, Kind::P256, Kind::P384] {
        let mut t = Terminal::new();
        deploy(&mut t);
        let mut ssd = t.ssd();
        let id = [kind.algorithm(); 16];
        assert_eq!(field(&status(&mut t, &mut ssd), 0xC0), Some(vec![0]));
        make_live(&mut t, &mut ssd, kind, id, "1234");
        let status = status(&mut t, &mut ssd);
        assert_eq!(field(&status, 0xC0), Some(vec![1]));
        assert_eq!(field(&status, 0xC1), Some(id.to_vec()));
        let hash = Sha256::digest(kind.certificate()).to_vec();
        assert_eq!(field(&status, 0xC2), Some(hash));
        assert_eq!(field(&status, 0xC3), Some(vec![3]));
        assert_eq!(field(&status, 0xC4), Some(vec![0]));
        assert_eq!(field(&status, 0xC5), None);
        assert_eq!(field(&status, 0xC6), Some(vec![1, 1]));
        t.select(JPKI);
        assert_eq!(t.hex("80 CA 00 E1 00").data[2..], status);
        assert_eq!(t.hex("00 CA 00 E1 00").data, status);
    }
}

#[test]
fn the_pending_slot_passes_through_its_states() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut ssd = t.ssd();
    let id = [5; 16];
    let mut start = id.to_vec();
    start.push(1);
    let state = |t: &mut Terminal, ssd: &mut Session| field(&status(t, ssd), 0xC4).unwrap()[0];
    let steps: [(Vec<u8>, u8); 5] = [
        (group(0x9F01, &start), 1),
        (group(0x8122, RSA_Q), 1),
        (group(0x9F03, b"0000"), 1),
        (group(0x9F02, RSA_CERTIFICATE), 1),
        (group(0x8121, RSA_P), 2),
    ];
    for (step, expected) in steps {
        assert_eq!(
            ssd.personalise(&mut t, &group(0x9F04, &[0; 32])).sw,
            CONDITIONS
        );
        assert_eq!(ssd.store(&mut t, &step).sw, StatusWord::OK);
        assert_eq!(state(&mut t, &mut ssd), expected);
    }
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F05, &id)).sw,
        CONDITIONS,
        "not proved"
    );
    assert_eq!(
        ssd.store(&mut t, &group(0x9F04, &[0; 32])).sw,
        StatusWord::OK
    );
    assert_eq!(state(&mut t, &mut ssd), 3);
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F05, &[6; 16])).sw,
        CONDITIONS,
        "another id"
    );
    assert_eq!(
        ssd.store(&mut t, &group(0x9F03, b"1111")).sw,
        StatusWord::OK
    );
    assert_eq!(state(&mut t, &mut ssd), 2, "it changed after the proof");
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F01, &start)).sw,
        StatusWord::OK
    );
    assert_eq!(state(&mut t, &mut ssd), 1, "started anew");
}

#[test]
fn a_new_credential_costs_the_old_one_only_at_the_commit() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut ssd = t.ssd();
    make_live(&mut t, &mut ssd, Kind::Rsa, [1; 16], "1234");
    assert_eq!(
        ssd.personalise(&mut t, &credential(Kind::P256, [1; 16], "9876"))
            .sw,
        StatusWord::OK
    );
    let same_id = ssd.personalise(&mut t, &group(0x9F05, &[1; 16]));
    assert_eq!(
        same_id.sw, CONDITIONS,
        "a slot of that name waits, not proved"
    );
    assert_eq!(
        ssd.personalise(&mut t, &credential(Kind::P256, [2; 16], "9876"))
            .sw,
        StatusWord::OK
    );
    let before = status(&mut t, &mut ssd);
    assert_eq!(field(&before, 0xC1), Some(vec![1; 16]));
    assert_eq!(field(&before, 0xC5), Some(vec![2; 16]));
    make_live(&mut t, &mut ssd, Kind::P256, [2; 16], "9876");
    assert_eq!(field(&status(&mut t, &mut ssd), 0xC1), Some(vec![2; 16]));
    // Repeating is harmless, and so is wiping what is not there.
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F05, &[2; 16])).sw,
        StatusWord::OK
    );
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F06, &[1; 16])).sw,
        StatusWord::OK
    );
    assert_eq!(field(&status(&mut t, &mut ssd), 0xC0), Some(vec![1]));
    for _ in 0..2 {
        assert_eq!(
            ssd.personalise(&mut t, &group(0x9F06, &[2; 16])).sw,
            StatusWord::OK
        );
        assert_eq!(field(&status(&mut t, &mut ssd), 0xC0), Some(vec![0]));
    }
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F05, &[2; 16])).sw,
        CONDITIONS
    );
}

#[test]
fn a_chain_without_its_last_block_leaves_nothing() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let before = t.card.inventory();
    let whole = credential(Kind::Rsa, [1; 16], "1234");
    let blocks = globalplatform::commands::store_data::store_data_blocks(
        &whole,
        200,
        Encryption::None,
        Structure::Dgi,
        false,
    )
    .unwrap();
    for torn_after in 1..blocks.len() {
        let mut ssd = t.ssd();
        ssd.ok(
            &mut t,
            &InstallForPersonalization { instance: JPKI }.to_apdu(),
        );
        for block in &blocks[..torn_after] {
            ssd.ok(&mut t, &block.to_apdu());
        }
        if torn_after % 2 == 0 {
            t.card.reset();
        }
        let jpki = t.card.inventory().applet(&JPKI).cloned();
        assert_eq!(jpki, before.applet(&JPKI).cloned());
    }
    // Whole again, and nothing of the torn ones is in it.
    let mut ssd = t.ssd();
    make_live(&mut t, &mut ssd, Kind::Rsa, [1; 16], "1234");
}

#[test]
fn blocks_come_in_order() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut ssd = t.ssd();
    ssd.ok(
        &mut t,
        &InstallForPersonalization { instance: JPKI }.to_apdu(),
    );
    let block = |number, last| {
        StoreData {
            last,
            encryption: Encryption::None,
            structure: Structure::Dgi,
            case4: true,
            block_number: number,
            data: group(0x9F07, &[]),
        }
        .to_apdu()
    };
    assert_eq!(ssd.sw(&mut t, &block(1, true)), CONDITIONS);
    ssd.ok(&mut t, &block(0, true));
    // The last block ended the personalisation: the next one is for the domain, which knows no such group.
    assert_eq!(ssd.sw(&mut t, &block(0, true)), StatusWord(0x6A88));
}

#[test]
fn personalisation_goes_through_its_own_domain_at_full_level_only() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let personalise = InstallForPersonalization { instance: JPKI }.to_apdu();
    let mut isd = t.isd();
    assert_eq!(isd.sw(&mut t, &personalise), StatusWord(0x6982));
    let mut ssd = t.open(SSD, &ssd_keys(), 0x30, SecurityLevel::CMacCDec);
    let response = ssd.personalise(&mut t, &credential(Kind::P256, [1; 16], "1234"));
    assert_eq!(response.sw, StatusWord(0x6982));
    let mut isd = t.isd();
    isd.ok(&mut t, &set_status(JPKI, 0x80));
    let mut ssd = t.ssd();
    assert_eq!(ssd.sw(&mut t, &personalise), CONDITIONS, "locked");
    let unknown = InstallForPersonalization {
        instance: "F001020304".parse().unwrap(),
    };
    assert_eq!(ssd.sw(&mut t, &unknown.to_apdu()), StatusWord(0x6A88));
}

#[test]
fn an_installed_applet_can_be_personalised_before_it_is_selectable() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &install_ssd(SSD, ssd_privileges(), None).to_apdu());
    isd.ok(
        &mut t,
        &install_for_load(JPKI_PACKAGE, Some(SSD), None).to_apdu(),
    );
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&jpki_data_block())),
        StatusWord::OK
    );
    let mut install = install_applet(JPKI_PACKAGE, JPKI, JPKI);
    install.make_selectable = false;
    isd.ok(&mut t, &install.to_apdu());
    assert_eq!(t.select(JPKI), StatusWord(0x6A82));
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    make_live(&mut t, &mut ssd, Kind::P256, [1; 16], "1234");
}

#[test]
fn malformed_groups_are_refused_and_change_nothing() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut ssd = t.ssd();
    make_live(&mut t, &mut ssd, Kind::P256, [1; 16], "1234");
    let before = t.card.inventory().applet(&JPKI).cloned();
    let start = |algorithm: u8| group(0x9F01, &[&[9; 16][..], &[algorithm]].concat());
    let even = {
        let mut p = RSA_P.to_vec();
        p[127] &= 0xFE;
        p
    };
    let small = {
        let mut p = RSA_P.to_vec();
        p[0] = 0;
        p
    };
    let proof = group(0x9F04, &[0; 32]);
    for (payload, sw) in [
        (vec![], WRONG_DATA),
        (vec![0x9F], WRONG_DATA),
        (group(0x9F01, &[9; 16]), WRONG_DATA),
        (start(4), WRONG_DATA),
        (group(0x1234, &[]), WRONG_DATA),
        (group(0x8121, RSA_P), CONDITIONS),
        ([start(2), group(0x8121, RSA_P)].concat(), WRONG_DATA),
        ([start(1), group(0x8137, P256_SCALAR)].concat(), WRONG_DATA),
        ([start(2), group(0x8137, P384_SCALAR)].concat(), WRONG_DATA),
        ([start(2), group(0x8137, &[0; 32])].concat(), WRONG_DATA),
        ([start(2), group(0x8137, &[0xFF; 32])].concat(), WRONG_DATA),
        ([start(1), group(0x8121, &[1; 127])].concat(), WRONG_DATA),
        (
            [start(1), group(0x8121, RSA_P), group(0x8122, RSA_P)].concat(),
            WRONG_DATA,
        ),
        (
            [start(1), group(0x8121, &even), group(0x8122, RSA_Q)].concat(),
            WRONG_DATA,
        ),
        (
            [start(1), group(0x8121, &small), group(0x8122, RSA_Q)].concat(),
            WRONG_DATA,
        ),
        (
            [start(1), group(0x8121, &[0; 128]), group(0x8122, RSA_Q)].concat(),
            WRONG_DATA,
        ),
        ([start(2), group(0x9F03, b"123")].concat(), WRONG_DATA),
        ([start(2), group(0x9F03, b"12a4")].concat(), WRONG_DATA),
        (
            [start(2), group(0x9F02, &[0x30; 4097])].concat(),
            StatusWord(0x6A84),
        ),
        (
            [
                start(2),
                group(0x8137, P256_SCALAR),
                group(0x9F02, P384_CERTIFICATE),
            ]
            .concat(),
            WRONG_DATA,
        ),
        (
            [
                start(2),
                group(0x8137, P256_SCALAR),
                group(0x9F02, RSA_CERTIFICATE),
            ]
            .concat(),
            WRONG_DATA,
        ),
        (
            [
                start(2),
                group(0x9F02, b"no certificate"),
                group(0x8137, P256_SCALAR),
            ]
            .concat(),
            WRONG_DATA,
        ),
        (
            [credential(Kind::P256, [9; 16], "0000"), proof.clone()].concat(),
            WRONG_DATA,
        ),
        (group(0x9F04, &[0; 31]), WRONG_DATA),
        (group(0x9F05, &[1; 15]), WRONG_DATA),
        (group(0x9F05, &[9; 16]), CONDITIONS),
        (group(0x9F07, &[0]), WRONG_DATA),
        (group(0x9F08, b"12345"), WRONG_DATA),
    ] {
        let response = ssd.personalise(&mut t, &payload);
        assert_eq!(
            response.sw,
            sw,
            "{}",
            hex::encode(&payload[..payload.len().min(30)])
        );
        assert_eq!(t.card.inventory().applet(&JPKI).cloned(), before);
    }
    let too_long = vec![0x9F; 10_241];
    assert_eq!(ssd.personalise(&mut t, &too_long).sw, StatusWord(0x6A84));
    let case3 = CommandApdu::new(0x80, 0xE2, 0x88, 0x00).with_data(group(0x9F07, &[]));
    ssd.ok(
        &mut t,
        &InstallForPersonalization { instance: JPKI }.to_apdu(),
    );
    assert_eq!(
        ssd.sw(&mut t, &case3),
        StatusWord(0x6A86),
        "an answer, but none expected"
    );
}

#[test]
fn the_provider_resets_the_pin() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut ssd = t.ssd();
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F08, b"0000")).sw,
        CONDITIONS
    );
    make_live(&mut t, &mut ssd, Kind::P256, [1; 16], "1234");
    t.select(JPKI);
    t.hex("00 A4 02 0C 02 0018");
    for _ in 0..3 {
        t.hex("00 20 00 80 04 39393939");
    }
    assert_eq!(t.hex("00 20 00 80 04 31323334").sw, StatusWord(0x6983));
    let mut ssd = t.ssd();
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F08, b"5678")).sw,
        StatusWord::OK
    );
    t.select(JPKI);
    t.hex("00 A4 02 0C 02 0018");
    assert_eq!(t.hex("00 20 00 80").sw, StatusWord(0x63C3));
    assert_eq!(t.hex("00 20 00 80 04 31323334").sw, StatusWord(0x63C2));
    assert_eq!(t.hex("00 20 00 80 04 35363738").sw, StatusWord::OK);
}

#[test]
fn an_observer_sees_the_parts_of_private_keys() {
    let mut t = Terminal::new();
    let seen = t.observe();
    deploy(&mut t);
    let mut ssd = t.ssd();
    ssd.personalise(&mut t, &credential(Kind::Rsa, [1; 16], "1234"));
    ssd.personalise(&mut t, &credential(Kind::P384, [1; 16], "1234"));
    let seen = seen.lock().unwrap();
    for (kind, secret) in [
        ("rsa-prime", RSA_P),
        ("rsa-prime", RSA_Q),
        ("ec-scalar", P384_SCALAR),
        ("key-set-dek", &[0x66; 32]),
    ] {
        assert!(seen.contains(&(kind, secret.to_vec())), "{kind}");
    }
    let exponents = seen
        .iter()
        .filter(|(kind, _)| *kind == "rsa-private-exponent");
    assert!(exponents.count() >= 2);
}

#[test]
fn an_applet_that_is_selected_elsewhere_meanwhile_is_not_personalised_any_further() {
    for begun in [false, true] {
        let mut t = Terminal::new();
        deploy(&mut t);
        t.hex("00 70 00 00 01");
        let mut ssd = t.ssd();
        ssd.ok(
            &mut t,
            &InstallForPersonalization { instance: JPKI }.to_apdu(),
        );
        let blocks = store_data_blocks(&[0; 4], 2, Encryption::None, Structure::Dgi, true);
        let blocks = blocks.unwrap();
        if begun {
            ssd.ok(&mut t, &blocks[0].to_apdu());
        }
        assert_eq!(
            t.hex("01 A4 04 0C 0A D392F000260100000001").sw,
            StatusWord::OK
        );
        let next = &blocks[usize::from(begun)];
        assert_eq!(ssd.sw(&mut t, &next.to_apdu()), StatusWord(0x6985));
        // A domain may be selected wherever it likes.
        let mut isd = t.isd();
        isd.ok(
            &mut t,
            &install_ssd(OTHER_SSD, ssd_privileges(), None).to_apdu(),
        );
        isd.ok(
            &mut t,
            &InstallForPersonalization {
                instance: OTHER_SSD,
            }
            .to_apdu(),
        );
        assert_eq!(t.hex("01 A4 04 0C 06 F00102030403").sw, StatusWord::OK);
        isd.ok(&mut t, &hex_command("80 E2 80 00 05 5F50 02 4142"));
    }
}
