//! Applets whose code the card does not have, and applets whose code somebody gave it.

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::get_status::Scope;
use globalplatform::commands::install::InstallForPersonalization;
use globalplatform::commands::store_data::{Encryption, StoreData, Structure};
use globalplatform::status_word::StatusWord;
use uicc_sim::applet::{Applet, Contents, Platform, Program};

use crate::terminal::*;

const SECOND: Aid = Aid::from_slice_const(&[0xF0, 0x01, 0x02, 0x03, 0x04, 0x11]);
const THIRD: Aid = Aid::from_slice_const(&[0xF0, 0x01, 0x02, 0x03, 0x04, 0x12]);
const CONDITIONS: StatusWord = StatusWord(0x6985);

/// Loads a package with these modules into the ISD.
fn load(t: &mut Terminal, isd: &mut Session, modules: &[Aid]) -> StatusWord {
    isd.ok(t, &install_for_load(PACKAGE, None, None).to_apdu());
    let block = data_block(PACKAGE, modules, &[], 300);
    isd.load(t, &load_file_structure(&block))
}

fn block(number: u8, last: bool, data: &[u8]) -> CommandApdu {
    StoreData {
        last,
        encryption: Encryption::None,
        structure: Structure::Dgi,
        case4: false,
        block_number: number,
        data: data.to_vec(),
    }
    .to_apdu()
}

fn bytes(t: &Terminal, aid: Aid) -> u32 {
    t.card.inventory().applet(&aid).unwrap().bytes
}

#[test]
fn every_module_of_a_package_gives_instances() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    assert_eq!(load(&mut t, &mut isd, &[MODULE, SECOND]), StatusWord::OK);
    for (module, instance) in [(MODULE, INSTANCE), (SECOND, SECOND), (SECOND, THIRD)] {
        let mut install = install_applet(PACKAGE, module, instance);
        install.make_selectable = false;
        isd.ok(&mut t, &install.to_apdu());
    }
    let applets = isd.registry(&mut t, Scope::Applications);
    let states: Vec<_> = applets.iter().map(|a| (a.aid, a.life_cycle)).collect();
    assert_eq!(states, [(INSTANCE, 3), (SECOND, 3), (THIRD, 3)]);
    assert_eq!(t.select(THIRD), StatusWord(0x6A82), "not yet selectable");
    let mut isd = t.isd();
    let other = install_applet(PACKAGE, THIRD, OTHER_SSD);
    assert_eq!(
        isd.sw(&mut t, &other.to_apdu()),
        StatusWord(0x6A88),
        "an instance is no module"
    );
    assert_eq!(
        isd.sw(&mut t, &delete(PACKAGE, false)),
        CONDITIONS,
        "instances are left"
    );
    isd.ok(&mut t, &delete(PACKAGE, true));
    assert!(isd.registry(&mut t, Scope::Applications).is_empty());
}

#[test]
fn a_library_has_no_module_and_an_importer_holds_it() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    assert_eq!(load(&mut t, &mut isd, &[]), StatusWord::OK);
    let files = isd.registry(&mut t, Scope::LoadFilesAndModules);
    let library = files.iter().find(|file| file.aid == PACKAGE).unwrap();
    assert!(library.modules.is_empty());
    let importer = data_block(SECOND, &[THIRD], &[(PACKAGE.as_bytes(), (1, 0))], 10);
    isd.ok(&mut t, &install_for_load(SECOND, None, None).to_apdu());
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&importer)),
        StatusWord::OK
    );
    assert_eq!(isd.sw(&mut t, &delete(PACKAGE, true)), CONDITIONS);
    isd.ok(&mut t, &delete(SECOND, true));
    isd.ok(&mut t, &delete(PACKAGE, true));
}

#[test]
fn what_is_loaded_takes_nothing_from_the_platform() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    // Packages with such names are in the ROM of one card or another, in any version.
    let name: Aid = "A0000000030000AA".parse().unwrap();
    for (package, imports) in [(name, vec![]), (SECOND, vec![(name.as_bytes(), (7, 3))])] {
        isd.ok(&mut t, &install_for_load(package, None, None).to_apdu());
        let block = load_file_structure(&data_block(package, &[], &imports, 10));
        assert_eq!(isd.load(&mut t, &block), StatusWord::OK);
    }
}

#[test]
fn an_inert_instance_is_selected_and_knows_no_command() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    load(&mut t, &mut isd, &[MODULE]);
    isd.ok(&mut t, &install_applet(PACKAGE, MODULE, INSTANCE).to_apdu());
    let fci = t.hex("00 A4 04 00 06 F00102030402 00");
    assert_eq!(fci.sw, StatusWord::OK);
    assert_eq!(hex::encode(fci.data), "6f088406f00102030402");
    for command in [
        "00 B0 00 00 00",
        "80 10 00 00",
        "80 50 30 00 08 0102030405060708 00",
        "00 CA 00 66 00",
    ] {
        assert_eq!(t.hex(command).sw, StatusWord(0x6D00), "{command}");
    }
    let mut isd = t.isd();
    isd.ok(&mut t, &set_status(INSTANCE, 0x80));
    assert_eq!(t.select(INSTANCE), StatusWord(0x6A82), "locked");
    let mut isd = t.isd();
    isd.ok(&mut t, &set_status(INSTANCE, 0x00));
    assert_eq!(t.select(INSTANCE), StatusWord::OK);
}

#[test]
fn an_inert_instance_takes_any_personalisation_whole_or_not_at_all() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    load(&mut t, &mut isd, &[MODULE]);
    isd.ok(&mut t, &install_applet(PACKAGE, MODULE, INSTANCE).to_apdu());
    let before = bytes(&t, INSTANCE);
    let personalise = InstallForPersonalization { instance: INSTANCE }.to_apdu();
    isd.ok(&mut t, &personalise);
    isd.ok(&mut t, &block(0, false, &[0x11; 100]));
    assert_eq!(isd.sw(&mut t, &block(2, true, &[0x22; 50])), CONDITIONS);
    assert_eq!(bytes(&t, INSTANCE), before, "a block was missing");
    isd.ok(&mut t, &block(0, false, &[0x11; 100]));
    assert_eq!(bytes(&t, INSTANCE), before, "not the last block");
    isd.ok(&mut t, &block(1, true, &[0x22; 50]));
    assert_eq!(bytes(&t, INSTANCE), before + 150);
    // What comes later is added to it.
    isd.ok(&mut t, &personalise);
    isd.ok(&mut t, &block(0, true, &[0x33; 7]));
    assert_eq!(bytes(&t, INSTANCE), before + 157);
}

#[test]
fn a_chain_for_an_inert_instance_does_not_grow_for_ever() {
    let profile = "memory_bytes = 262144";
    let mut config = config();
    config.memory_bytes = uicc_sim::CardConfig::parse(profile).unwrap().memory_bytes;
    let mut t = Terminal::with(config);
    let mut isd = t.isd();
    load(&mut t, &mut isd, &[MODULE]);
    isd.ok(&mut t, &install_applet(PACKAGE, MODULE, INSTANCE).to_apdu());
    let before = bytes(&t, INSTANCE);
    let personalise = InstallForPersonalization { instance: INSTANCE }.to_apdu();
    for (last, sw, kept) in [(15, 0x9000, 65_535), (16, 0x6A84, 65_535)] {
        isd.ok(&mut t, &personalise);
        for number in 0..4 {
            let block = block(number, false, &[0x11; 16_380]);
            isd.ok(&mut t, &block.with_extended_length());
        }
        assert_eq!(isd.sw(&mut t, &block(4, true, &vec![0x22; last])).0, sw);
        assert_eq!(bytes(&t, INSTANCE), before + kept);
    }
}

#[test]
fn personalisation_of_an_inert_instance_stays_within_its_quota() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    load(&mut t, &mut isd, &[MODULE]);
    let mut install = install_applet(PACKAGE, MODULE, INSTANCE);
    install.parameters.non_volatile_quota = Some(200);
    isd.ok(&mut t, &install.to_apdu());
    let personalise = InstallForPersonalization { instance: INSTANCE }.to_apdu();
    isd.ok(&mut t, &personalise);
    isd.ok(&mut t, &block(0, true, &[0x11; 200]));
    let before = bytes(&t, INSTANCE);
    isd.ok(&mut t, &personalise);
    assert_eq!(
        isd.sw(&mut t, &block(0, true, &[0x11; 1])),
        StatusWord(0x6A84)
    );
    assert_eq!(bytes(&t, INSTANCE), before);
}

#[test]
fn a_preinstalled_program_from_outside_runs_at_once_and_on_every_copy() {
    let text = "[[preinstalled]]\npackage = \"F00102030400\"\nmodule = \"F00102030401\"";
    let config = uicc_sim::CardConfig::parse(text).unwrap();
    let card = uicc_sim::Uicc::with_programs(config, [std::sync::Arc::new(Curious) as _]).unwrap();
    let copy = card.fork(Some("8981100000000000028"), None).unwrap();
    for card in [card, copy] {
        let mut t = Terminal::of(card);
        assert_eq!(t.select(MODULE), StatusWord::OK);
        assert_eq!(t.hex("80 02 00 00 00").sw, StatusWord::OK);
    }
}

/// A program that shows what the card offers: `80 01 st` sets its life cycle, `80 02` answers AID and life cycle,
/// `80 03` random bytes.
struct Curious;

impl Program for Curious {
    fn package(&self) -> Aid {
        PACKAGE
    }
    fn module(&self) -> Aid {
        MODULE
    }
    fn install(&self, parameters: &[u8]) -> Result<Contents, StatusWord> {
        match parameters {
            [] => Ok(Contents::new(vec![7])),
            _ => Err(StatusWord::WRONG_DATA),
        }
    }
    fn start(&self, contents: &[u8]) -> Result<Box<dyn Applet>, StatusWord> {
        match contents {
            [7] => Ok(Box::new(Curious)),
            _ => Err(StatusWord::NO_DIAGNOSIS),
        }
    }
}

impl Applet for Curious {
    fn process(
        &mut self,
        command: &CommandApdu,
        platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord> {
        match command.ins {
            0x01 => platform.set_life_cycle(command.p1)?,
            0x02 => {
                let mut data = platform.aid().as_bytes().to_vec();
                data.push(platform.life_cycle());
                return Ok(ResponseApdu::with_data(data));
            }
            0x03 => {
                let mut data = [0; 8];
                platform.random(&mut data);
                return Ok(ResponseApdu::with_data(data));
            }
            _ => return Err(StatusWord::INS_NOT_SUPPORTED),
        }
        Ok(ResponseApdu::ok())
    }
}

/// A card that has the program, and an instance of it that is selected.
fn curious() -> Terminal {
    let mut t = Terminal::new();
    t.card.add_program(Curious);
    let mut isd = t.isd();
    load(&mut t, &mut isd, &[MODULE]);
    isd.ok(&mut t, &install_applet(PACKAGE, MODULE, INSTANCE).to_apdu());
    assert_eq!(t.select(INSTANCE), StatusWord::OK);
    t
}

#[test]
fn a_program_from_outside_runs_once_its_package_is_loaded() {
    let mut t = curious();
    assert_eq!(hex::encode(t.hex("80 02 00 00 00").data), "f0010203040207");
    assert_eq!(t.hex("80 04 00 00 00").sw, StatusWord(0x6D00));
    let mut isd = t.isd();
    let mut install = install_applet(PACKAGE, MODULE, SECOND);
    install.parameters.applet = vec![0x01];
    assert_eq!(
        isd.sw(&mut t, &install.to_apdu()),
        StatusWord(0x6A80),
        "the program refuses its parameters"
    );
    assert!(t.card.inventory().applet(&SECOND).is_none());
    isd.ok(&mut t, &install_applet(PACKAGE, MODULE, SECOND).to_apdu());
    // STORE DATA is nothing that this program implements.
    let personalise = InstallForPersonalization { instance: SECOND }.to_apdu();
    isd.ok(&mut t, &personalise);
    assert_eq!(isd.sw(&mut t, &block(0, true, &[1])), CONDITIONS);
}

#[test]
fn an_applet_moves_through_states_of_its_own() {
    let mut t = curious();
    for wrong in [0x00, 0x03, 0x06, 0x08, 0x0E, 0x80, 0x87, 0xFF] {
        let command = format!("80 01 {wrong:02X} 00");
        assert_eq!(t.hex(&command).sw, StatusWord(0x6A80), "{wrong:02X}");
    }
    for state in [0x0F, 0x7F, 0x17] {
        assert_eq!(t.hex(&format!("80 01 {state:02X} 00")).sw, StatusWord::OK);
        let mut isd = t.isd();
        let applet = isd.registry(&mut t, Scope::Applications).pop().unwrap();
        assert_eq!(applet.life_cycle, state);
        t.select(INSTANCE);
    }
    t.card.reset();
    t.select(INSTANCE);
    let answer = t.hex("80 02 00 00 00").data;
    assert_eq!(answer.last(), Some(&0x17), "it is stored");
}

#[test]
fn random_bytes_of_an_applet_are_fresh_and_equal_on_equal_cards() {
    let (mut one, mut other) = (curious(), curious());
    let first = one.hex("80 03 00 00 00").data;
    assert_eq!(other.hex("80 03 00 00 00").data, first);
    assert_ne!(one.hex("80 03 00 00 00").data, first);
}

#[test]
fn a_program_meets_the_contents_that_were_there_before_it() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    load(&mut t, &mut isd, &[MODULE]);
    isd.ok(&mut t, &install_applet(PACKAGE, MODULE, INSTANCE).to_apdu());
    let mut own = install_applet(PACKAGE, MODULE, SECOND);
    own.parameters.applet = vec![7];
    isd.ok(&mut t, &own.to_apdu());
    assert_eq!(t.select(INSTANCE), StatusWord::OK, "inert");
    t.card.add_program(Curious);
    assert_eq!(
        t.select(INSTANCE),
        StatusWord(0x6400),
        "contents of an inert instance"
    );
    assert_eq!(t.select(SECOND), StatusWord::OK);
    assert_eq!(t.hex("80 02 00 00 00").sw, StatusWord::OK);
}
