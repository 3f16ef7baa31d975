//! The Contactless Registry Service, as wallets use it.

use globalplatform::aid::Aid;
use globalplatform::commands::get_status::Scope;
use globalplatform::contactless::{CRS, ContactlessEntry, RegistryVersion};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use uicc_sim::CardConfig;
use uicc_sim::config::Preinstalled;

use crate::terminal::*;

const OTHER_INSTANCE: Aid = Aid::from_slice_const(&[0xF0, 0x01, 0x02, 0x03, 0x04, 0x09]);

/// A card with the service and two instances of the unknown package.
fn wallet() -> Terminal {
    let service = Preinstalled {
        package: globalplatform::contactless::CRS_LOAD_FILE,
        module: CRS,
        instance: CRS,
        privileges: Privileges::NONE,
    };
    let mut t = Terminal::with(CardConfig {
        preinstalled: vec![service],
        ..config()
    });
    let mut isd = t.isd();
    isd.ok(&mut t, &install_for_load(PACKAGE, None, None).to_apdu());
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&foreign())),
        StatusWord::OK
    );
    for instance in [INSTANCE, OTHER_INSTANCE] {
        isd.ok(&mut t, &install_applet(PACKAGE, MODULE, instance).to_apdu());
    }
    t
}

fn counter(t: &mut Terminal) -> u16 {
    let version = RegistryVersion::decode(&t.hex("80 CA 00 A5 00").data).unwrap();
    assert_eq!(version.version, (1, 0));
    version.update_counter
}

fn entries(t: &mut Terminal) -> Vec<ContactlessEntry> {
    let response = t.hex("80 F2 40 00 02 4F 00 00");
    assert_eq!(response.sw, StatusWord::OK);
    ContactlessEntry::decode_list(&response.data).unwrap()
}

/// AIDs in order, and which are switched on.
fn order(t: &mut Terminal) -> Vec<(Aid, u8)> {
    let entries = entries(t);
    assert!(
        (0..)
            .zip(&entries)
            .all(|(n, entry)| entry.priority == Some(n))
    );
    entries
        .iter()
        .map(|e| (e.aid.unwrap(), e.activation.unwrap()))
        .collect()
}

fn select(t: &mut Terminal) {
    let fci = t.hex("00 A4 04 00 09 A00000015143525300 00");
    assert_eq!(
        &fci.data[..13],
        hex::decode("6F168409A00000015143525300").unwrap()
    );
    assert!(RegistryVersion::decode(&fci.data[13..]).is_ok());
}

#[test]
fn applications_are_switched_on_all_or_none() {
    let mut t = wallet();
    select(&mut t);
    assert_eq!(order(&mut t), [(INSTANCE, 0), (OTHER_INSTANCE, 0)]);
    let one = "4F 06 F00102030402";
    assert_eq!(
        t.hex(&format!("80 F0 01 01 08 {one} 00")).sw,
        StatusWord::OK
    );
    assert_eq!(order(&mut t), [(INSTANCE, 1), (OTHER_INSTANCE, 0)]);
    assert_eq!(counter(&mut t), 1);
    assert_eq!(
        t.hex(&format!("80 F0 01 01 08 {one} 00")).sw,
        StatusWord::OK
    );
    assert_eq!(counter(&mut t), 1, "it was on already");
    let both = t.hex("80 F0 01 01 10 4F 06 F00102030409 4F 06 F001020304FF 00");
    assert_eq!(
        (both.sw, both.data),
        (
            StatusWord(0x6320),
            hex::decode("610AA1084F06F001020304FF").unwrap()
        )
    );
    assert_eq!(order(&mut t), [(INSTANCE, 1), (OTHER_INSTANCE, 0)]);
    let off = t.hex("80 F0 01 00 10 4F 06 F00102030402 4F 06 F001020304FF 00");
    assert_eq!(off.sw, StatusWord(0x6320));
    assert_eq!(order(&mut t), [(INSTANCE, 0), (OTHER_INSTANCE, 0)]);
    let mut isd = t.isd();
    isd.ok(&mut t, &set_status(INSTANCE, 0x80));
    select(&mut t);
    let locked = t.hex(&format!("80 F0 01 01 08 {one} 00"));
    assert_eq!(locked.sw, StatusWord(0x6320), "locked");
}

#[test]
fn the_order_can_be_changed_for_good_or_until_a_reset() {
    let mut t = wallet();
    select(&mut t);
    let order =
        |t: &mut Terminal| -> Vec<Aid> { order(t).into_iter().map(|(aid, _)| aid).collect() };
    assert_eq!(
        t.hex("80 F0 02 01 08 4F 06 F00102030409 00").sw,
        StatusWord::OK
    );
    assert_eq!(order(&mut t), [OTHER_INSTANCE, INSTANCE]);
    assert_eq!(
        t.hex("80 F0 02 02 08 4F 06 F00102030402 00").sw,
        StatusWord::OK
    );
    assert_eq!(order(&mut t), [INSTANCE, OTHER_INSTANCE]);
    assert_eq!(t.hex("80 F0 02 82 00").sw, StatusWord::OK);
    assert_eq!(order(&mut t), [OTHER_INSTANCE, INSTANCE]);
    t.hex("80 F0 02 02 08 4F 06 F00102030402 00");
    t.card.reset();
    select(&mut t);
    assert_eq!(order(&mut t), [OTHER_INSTANCE, INSTANCE]);
    assert_eq!(
        t.hex("80 F0 02 81 08 4F 06 F00102030409 00").sw,
        StatusWord::OK
    );
    assert_eq!(order(&mut t), [INSTANCE, OTHER_INSTANCE]);
    assert_eq!(
        t.hex("80 F0 02 01 08 4F 06 F001020304FF 00").sw,
        StatusWord(0x6320)
    );
}

#[test]
fn a_tag_list_a_prefix_and_pages_work() {
    let mut t = wallet();
    let mut isd = t.isd();
    for n in 0x20..0x30 {
        let instance = Aid::new(&[
            0xF0, 0x01, 0x02, 0x03, 0x04, n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
        ]);
        let install = install_applet(PACKAGE, MODULE, instance.unwrap());
        isd.ok(&mut t, &install.to_apdu());
    }
    select(&mut t);
    let states = t.hex("80 F2 40 00 07 4F 00 5C 03 4F 9F70 00");
    assert_eq!(states.sw, StatusWord::MORE_DATA);
    assert_eq!(
        hex::encode_upper(&states.data[..15]),
        "610D4F06F001020304029F70020700"
    );
    let rest = t.hex("80 F2 40 01 07 4F 00 5C 03 4F 9F70 00");
    let mut all = ContactlessEntry::decode_list(&states.data).unwrap();
    let mut rest_of = rest;
    while rest_of.sw == StatusWord::MORE_DATA {
        all.extend(ContactlessEntry::decode_list(&rest_of.data).unwrap());
        rest_of = t.hex("80 F2 40 01 07 4F 00 5C 03 4F 9F70 00");
    }
    all.extend(ContactlessEntry::decode_list(&rest_of.data).unwrap());
    assert_eq!(all.len(), 18);
    let one = t.hex("80 F2 40 00 08 4F 06 F00102030409 00");
    assert_eq!(ContactlessEntry::decode_list(&one.data).unwrap().len(), 1);
    assert_eq!(t.hex("80 F2 40 00 03 4F 01 F9 00").sw, StatusWord(0x6A88));
    assert_eq!(t.hex("80 F2 40 01 03 4F 01 F9 00").sw, StatusWord(0x6985));
    assert_eq!(t.hex("80 F2 40 02 02 4F 00 00").sw, StatusWord(0x6A86));
    assert_eq!(t.hex("80 F0 04 00 03 80 01 40 00").sw, StatusWord::OK);
    assert_eq!(t.hex("80 F0 04 00 03 80 01 41 00").sw, StatusWord(0x6A80));
    assert_eq!(t.hex("80 F0 08 00 03 89 01 41 00").sw, StatusWord::OK);
    assert_eq!(t.hex("80 F0 08 00 03 89 01 43 00").sw, StatusWord(0x6A80));
    assert_eq!(t.hex("80 E4 00 00 00").sw, StatusWord(0x6D00));
}

#[test]
fn the_registry_of_the_card_shows_the_state() {
    let mut t = wallet();
    select(&mut t);
    t.hex("80 F0 01 01 08 4F 06 F00102030402 00");
    let mut isd = t.isd();
    let entries = isd.registry(&mut t, Scope::Applications);
    let activation = |aid: Aid| entries.iter().find(|e| e.aid == aid).unwrap().activation;
    assert_eq!(
        (activation(INSTANCE), activation(OTHER_INSTANCE)),
        (Some(1), Some(0))
    );
    let mut without = Terminal::new();
    deploy(&mut without);
    let mut isd = without.isd();
    let entries = isd.registry(&mut without, Scope::Applications);
    assert!(entries.iter().all(|entry| entry.activation.is_none()));
}
