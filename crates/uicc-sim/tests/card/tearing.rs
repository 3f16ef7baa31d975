//! Power lost at every single write of the memory: the card has the state before the command or the one after it, and can be
//! provisioned to the end.

use std::path::Path;

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::delete::DeleteKey;
use globalplatform::commands::get_status::Scope;
use globalplatform::commands::install::{
    CombinedInstall, CombinedInstallEnd, InstallForExtradition, InstallForMakeSelectable,
    InstallForRegistryUpdate, InstallParameters, RegistryParameters,
};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;
use uicc_sim::faults::Tear;
use uicc_sim::{Durability, Uicc};

use crate::credentials::Kind;
use crate::endurance::recorded;
use crate::personalisation::make_live;
use crate::terminal::*;

/// What a host sends to a new card, and what the card's file holds before the first command and after each.
struct Recording {
    commands: Vec<Vec<u8>>,
    states: Vec<Vec<u8>>,
    writes: u64,
}

impl Recording {
    fn of(host: impl FnOnce(&mut Terminal)) -> Self {
        let commands = recorded(host);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("card.state");
        let mut card = new_card(&path);
        let mut states = vec![std::fs::read(&path).unwrap()];
        for command in &commands {
            assert!(!card.transmit(command).is_empty());
            states.push(std::fs::read(&path).unwrap());
        }
        Self {
            commands,
            states,
            writes: card.writes(),
        }
    }

    /// Plays the recording to a card that loses power on the way, and gives it power again. Which command was torn.
    fn play(&self, card: &mut Uicc) -> usize {
        let mut answered = |command: &Vec<u8>| !card.transmit(command).is_empty();
        let torn = self.commands.iter().take_while(|c| answered(c)).count();
        assert!(torn < self.commands.len(), "it was to lose power");
        assert!(card.transmit(&self.commands[0]).is_empty(), "it is dark");
        card.reset();
        torn
    }
}

fn new_card(path: &Path) -> Uicc {
    let mut card = Uicc::new(config()).unwrap();
    card.persist_with(path, Durability::Kill).unwrap();
    card
}

/// Tears every write of the recording, and shows each card to `check` with power again.
fn tear_everywhere(recording: &Recording, check: impl Fn(Uicc)) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("card.state");
    for n in 1..=recording.writes {
        for tear in [Tear::BeforeWrite(n), Tear::AfterWrite(n)] {
            let mut card = new_card(&path);
            card.tear(tear);
            let torn = recording.play(&mut card);
            let (old, new) = (&recording.states[torn], &recording.states[torn + 1]);
            let expected = match tear {
                Tear::BeforeWrite(_) => old,
                Tear::AfterWrite(_) => new,
            };
            let found = std::fs::read(&path).unwrap();
            assert!(found == *expected, "{tear:?}, command {torn}");
            assert_ne!(old, new, "a write that changed nothing");
            let reopened = Uicc::open_with(&path, Durability::Kill).unwrap();
            assert_eq!(reopened.inventory(), card.inventory());
            assert_eq!(reopened.state_digest(), card.state_digest());
            check(card);
        }
    }
}

fn provision(t: &mut Terminal) {
    deploy(t);
    let mut ssd = t.ssd();
    make_live(t, &mut ssd, Kind::P256, [1; 16], "1234");
}

#[test]
fn a_provisioning_is_torn_at_every_write_and_finished() {
    let recording = Recording::of(provision);
    // Three sessions, domain, load file, instance, keys, credential, proof, the change to it.
    assert_eq!(recording.writes, 10);
    tear_everywhere(&recording, |card| {
        let mut t = Terminal::of(card);
        finish(&mut t);
        let inventory = t.card.inventory();
        let jpki = inventory.applet(&JPKI).unwrap().jpki.clone().unwrap();
        assert!(jpki.authentication.live);
    });
}

/// Goes on wherever a host that does not know what happened finds the card.
fn finish(t: &mut Terminal) {
    let mut isd = t.isd();
    let present = isd.registry(t, Scope::Applications);
    let has = |aid| present.iter().any(|entry| entry.aid == aid);
    let files = isd.registry(t, Scope::LoadFiles);
    if !has(SSD) {
        let install = install_ssd(SSD, ssd_privileges(), Some(32_768));
        isd.ok(t, &install.to_apdu());
    }
    if !files.iter().any(|entry| entry.aid == JPKI_PACKAGE) {
        let load = install_for_load(JPKI_PACKAGE, Some(SSD), None);
        isd.ok(t, &load.to_apdu());
        let file = load_file_structure(&jpki_data_block());
        assert_eq!(isd.load(t, &file), StatusWord::OK);
    }
    if !has(JPKI) {
        isd.ok(t, &install_applet(JPKI_PACKAGE, JPKI, JPKI).to_apdu());
    }
    t.select(SSD);
    if !t.data(0x00E0).sw.is_success() {
        let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
        let put = ssd_keys().put_key(0x00, 0x30, &isd_keys().dek);
        ssd.ok(t, &put.to_apdu());
    }
    let mut ssd = t.ssd();
    make_live(t, &mut ssd, Kind::P256, [2; 16], "1234");
}

fn store(data: &[u8]) -> CommandApdu {
    CommandApdu::new(0x80, 0xE2, 0x90, 0x00).with_data(data)
}

/// The commands that the provisioning has not.
fn manage(t: &mut Terminal) {
    let mut isd = t.isd();
    isd.ok(t, &install_ssd(SSD, ssd_privileges(), None).to_apdu());
    let mut install = install_ssd(OTHER_SSD, ssd_privileges(), None);
    install.make_selectable = false;
    isd.ok(t, &install.to_apdu());
    isd.ok(t, &InstallForMakeSelectable::new(OTHER_SSD).to_apdu());
    let begin = CombinedInstall::Begin(install_for_load(PACKAGE, None, None));
    isd.ok(t, &begin.to_apdu());
    assert_eq!(
        isd.load(t, &load_file_structure(&foreign())),
        StatusWord::OK
    );
    let end = CombinedInstallEnd {
        load_file: None,
        module: None,
        instance: INSTANCE,
        privileges: Privileges::NONE,
        parameters: InstallParameters::for_applet([]),
        token: None,
    };
    isd.ok(t, &end.to_apdu());
    let extradite = InstallForExtradition {
        security_domain: SSD,
        aid: INSTANCE,
        parameters: RegistryParameters::default(),
        token: None,
    };
    isd.ok(t, &extradite.to_apdu());
    let update = InstallForRegistryUpdate {
        security_domain: Some(ISD),
        aid: Some(INSTANCE),
        parameters: RegistryParameters {
            implicit_selection: vec![0x41],
            ..RegistryParameters::default()
        },
        ..InstallForRegistryUpdate::default()
    };
    isd.ok(t, &update.to_apdu());
    isd.ok(t, &store(&[0x42, 0x01, 0xAA, 0x45, 0x01, 0xBB]));
    let keys = ssd_keys().store_data(0x31, &isd_keys().dek).unwrap();
    assert_eq!(isd.store(t, &keys).sw, StatusWord::OK);
    isd.ok(
        t,
        &ssd_keys().put_key(0x31, 0x32, &isd_keys().dek).to_apdu(),
    );
    let one = DeleteKey {
        id: Some(2),
        version: Some(0x32),
    };
    isd.ok(t, &one.to_apdu());
    isd.ok(t, &set_status(INSTANCE, 0x80));
    let hierarchy = CommandApdu::new(0x80, 0xF0, 0x60, 0x80).with_data(SSD.as_bytes());
    isd.ok(t, &hierarchy);
    isd.ok(t, &delete(PACKAGE, true));
    isd.ok(t, &store(&[0x4F, 0x05, 0xA0, 0x00, 0x00, 0x01, 0x51]));
    isd.ok(t, &CommandApdu::new(0x80, 0xF0, 0x80, 0x7F));
}

#[test]
fn every_command_of_content_management_is_one_write() {
    let recording = Recording::of(manage);
    // The session, and every command of `manage` but the first of the combined installation and its blocks.
    assert_eq!(recording.writes, 16);
    tear_everywhere(&recording, |card| {
        let isd = card.inventory().domains.remove(0).aid.parse().unwrap();
        let mut t = Terminal::of(card);
        t.select(isd);
        t.authenticate(isd, &isd_keys(), 0x30, SecurityLevel::Full);
    });
}

#[test]
fn a_wrong_pin_costs_a_try_however_early_power_goes() {
    let mut t = Terminal::new();
    provision(&mut t);
    let tries = |card: &Uicc| {
        let jpki = card
            .inventory()
            .applet(&JPKI)
            .unwrap()
            .jpki
            .clone()
            .unwrap();
        jpki.authentication.pin_tries_left
    };
    assert_eq!(tries(&t.card), 3);
    let attempt = |tear, pin: &str| {
        let mut t = t.copy();
        t.select(JPKI);
        t.hex("00 A4 02 0C 02 0018");
        t.card.tear(tear);
        let verify = format!("00200080 04 {}", hex::encode(pin)).replace(' ', "");
        let answer = t.card.transmit(&hex::decode(verify).unwrap());
        t.card.reset();
        (answer.is_empty(), tries(&t.card))
    };
    assert_eq!(
        attempt(Tear::BeforeWrite(1), "9999"),
        (true, 3),
        "nothing compared yet"
    );
    assert_eq!(attempt(Tear::AfterWrite(1), "9999"), (true, 2));
    assert_eq!(
        attempt(Tear::BeforeWrite(2), "9999"),
        (false, 2),
        "there is one write only"
    );
    assert_eq!(
        attempt(Tear::BeforeWrite(2), "1234"),
        (true, 2),
        "a right PIN gives it back"
    );
    assert_eq!(attempt(Tear::AfterWrite(2), "1234"), (true, 3));
}

#[test]
fn a_card_without_a_file_loses_power_too() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let install = isd.wrap(&install_ssd(SSD, ssd_privileges(), None).to_apdu());
    for (tear, domains) in [(Tear::BeforeWrite(1), 0), (Tear::AfterWrite(1), 1)] {
        let mut copy = t.copy();
        let mut isd = copy.isd();
        copy.card.tear(tear);
        let install = isd.wrap(&install_ssd(SSD, ssd_privileges(), None).to_apdu());
        assert!(copy.card.transmit(&install.encode().unwrap()).is_empty());
        copy.card.reset();
        assert_eq!(copy.card.inventory().domains[0].domains.len(), domains);
        copy.isd();
    }
    assert!(!t.card.transmit(&install.encode().unwrap()).is_empty());
}
