//! Genuine commands with damage: whatever the card says to them, a refusal changes nothing, and what it keeps is a card.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::chaining::more_follow;
use globalplatform::commands::delete::DeleteKey;
use globalplatform::commands::install::{
    CombinedInstall, CombinedInstallEnd, InstallForExtradition, InstallForMakeSelectable,
    InstallForPersonalization, InstallForRegistryUpdate, InstallParameters, RegistryParameters,
};
use globalplatform::commands::load::load_blocks;
use globalplatform::commands::put_key::PutKeyField;
use globalplatform::key::CurveReference;
use globalplatform::privileges::Privileges;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use scp03::SecurityLevel;
use uicc_sim::{Durability, Uicc};

use crate::delegation::{aes_field, put_key};
use crate::terminal::*;

const NEW: Aid = Aid::from_slice_const(&[0xF0, 0x0B, 0x0B, 0x0B, 0x0B]);

fn extradite(aid: Aid, to: Aid) -> CommandApdu {
    InstallForExtradition {
        security_domain: to,
        aid,
        parameters: RegistryParameters::default(),
        token: None,
    }
    .to_apdu()
}

/// Everything that content management knows, in an order that makes sense.
fn genuine() -> Vec<CommandApdu> {
    let update = InstallForRegistryUpdate {
        security_domain: Some(OTHER_SSD),
        aid: Some(INSTANCE),
        privileges: Some(Privileges::CARD_RESET),
        parameters: RegistryParameters {
            implicit_selection: vec![0x41],
            ..RegistryParameters::default()
        },
        token: None,
    };
    let end = CombinedInstallEnd {
        load_file: Some(PACKAGE),
        module: Some(MODULE),
        instance: INSTANCE,
        privileges: Privileges::NONE,
        parameters: InstallParameters::for_applet([1, 2, 3]),
        token: None,
    };
    let store = |p1, data: &[u8]| CommandApdu::new(0x80, 0xE2, p1, 0x00).with_data(data);
    let keys = ssd_keys().store_data(0x31, &isd_keys().dek).unwrap();
    let structure = load_file_structure(&data_block(PACKAGE, &[MODULE], &[], 20));
    let load = load_blocks(&structure, 250).unwrap().remove(0).to_apdu();
    let public = PutKeyField::ec_public([4; 65], CurveReference::P256);
    vec![
        install_ssd(OTHER_SSD, ssd_privileges(), Some(5000)).to_apdu(),
        CombinedInstall::Begin(install_for_load(PACKAGE, None, None)).to_apdu(),
        load.clone(),
        end.to_apdu(),
        install_for_load(PACKAGE, Some(OTHER_SSD), None).to_apdu(),
        load,
        install_applet(PACKAGE, MODULE, NEW).to_apdu(),
        InstallForMakeSelectable::new(NEW).to_apdu(),
        extradite(INSTANCE, OTHER_SSD),
        extradite(PACKAGE, OTHER_SSD),
        update.to_apdu(),
        InstallForPersonalization { instance: SSD }.to_apdu(),
        store(0x88, &keys),
        store(0x90, &[0x42, 0x01, 0xAA, 0x45, 0x01, 0xBB]),
        store(0x90, &[0x4F, 0x05, 0xA0, 0x00, 0x00, 0x01, 0x51]),
        ssd_keys().put_key(0x00, 0x32, &isd_keys().dek).to_apdu(),
        put_key(0x70, aes_field(0x70, 16)),
        put_key(0x73, public),
        DeleteKey {
            id: Some(1),
            version: Some(0x70),
        }
        .to_apdu(),
        set_status(INSTANCE, 0x80),
        CommandApdu::new(0x80, 0xF0, 0x60, 0x80).with_data(OTHER_SSD.as_bytes()),
        delete(PACKAGE, true),
        delete(OTHER_SSD, false),
    ]
}

/// One command out of the list, and what happens to its bytes: nothing, mostly.
fn command() -> impl Strategy<Value = (Index, Option<(Index, u8)>)> {
    let damage = prop_oneof![
        2 => Just(None),
        1 => (any::<Index>(), any::<u8>()).prop_map(Some),
    ];
    (any::<Index>(), damage)
}

fn damaged(genuine: &[CommandApdu], choice: &(Index, Option<(Index, u8)>)) -> CommandApdu {
    let mut command = choice.0.get(genuine).clone();
    if let Some((place, byte)) = &choice.1 {
        // P1, P2, then the data.
        match place.index(command.data.len() + 2) {
            0 => command.p1 = *byte,
            1 => command.p2 = *byte,
            n => command.data[n - 2] = *byte,
        }
    }
    command
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_refusal_changes_nothing_and_the_card_stays_one(
        choices in vec(command(), 1..40),
        at_ssd in any::<bool>(),
    ) {
        let mut t = Terminal::new();
        let mut isd = t.isd();
        let manager = ssd_privileges() | Privileges::AUTHORIZED_MANAGEMENT;
        isd.ok(&mut t, &install_ssd(SSD, manager, None).to_apdu());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("card.state");
        t.card.persist_with(&path, Durability::Kill).unwrap();
        let aid = if at_ssd { SSD } else { ISD };
        let mut session = t.open(aid, &isd_keys(), 0x30, SecurityLevel::CMac);
        let genuine = genuine();
        for choice in &choices {
            let command = damaged(&genuine, choice);
            if more_follow(&command) {
                continue;
            }
            let before = t.card.state_digest();
            let sw = session.sw(&mut t, &command);
            if !matches!(sw.0, 0x9000 | 0x6200..=0x63FF) {
                prop_assert_eq!(t.card.state_digest(), before, "{:?}: {}", command, sw);
            }
        }
        let inventory = t.card.inventory();
        prop_assert!(inventory.memory.used <= inventory.memory.total.unwrap());
        let reopened = Uicc::open_with(&path, Durability::Kill).unwrap();
        prop_assert_eq!(reopened.state_digest(), t.card.state_digest());
    }
}
