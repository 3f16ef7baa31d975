//! A reader with a card in it, and a host that knows the keys.

use std::sync::{Arc, Mutex};

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::get_data::GetData;
use globalplatform::commands::get_status::{GetStatus, GetStatusResponse, Scope};
use globalplatform::commands::install::InstallForPersonalization;
use globalplatform::commands::load::load_blocks;
use globalplatform::commands::select::Select;
use globalplatform::commands::store_data::{Encryption, Structure, store_data_blocks};
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::registry::RegistryEntry;
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::Tag;
use scp03::{Channel, Host, Mode, SecurityLevel, StaticKeys};
use uicc_sim::{CardConfig, Durability, Uicc};

pub use crate::load_files::*;
pub use crate::ready_made::*;

pub const ISD: Aid = uicc_sim::config::DEFAULT_ISD;
pub const SSD: Aid = Aid::from_slice_const(&[
    0xD3, 0x92, 0xF0, 0x00, 0x26, 0x53, 0x53, 0x44, 0x00, 0x00, 0x01,
]);
pub const JPKI_PACKAGE: Aid = uicc_sim::applet::jpki::PACKAGE;
pub const JPKI: Aid = uicc_sim::applet::jpki::MODULE;
pub const DOMAIN_PACKAGE: Aid = Aid::from_slice_const(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50]);
pub const DOMAIN_MODULE: Aid =
    Aid::from_slice_const(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41]);

/// A package that nobody knows, with one module, an instance of it, and another domain.
pub const PACKAGE: Aid = Aid::from_slice_const(&[0xF0, 0x01, 0x02, 0x03, 0x04, 0x00]);
pub const MODULE: Aid = Aid::from_slice_const(&[0xF0, 0x01, 0x02, 0x03, 0x04, 0x01]);
pub const INSTANCE: Aid = Aid::from_slice_const(&[0xF0, 0x01, 0x02, 0x03, 0x04, 0x02]);
pub const OTHER_SSD: Aid = Aid::from_slice_const(&[0xF0, 0x01, 0x02, 0x03, 0x04, 0x03]);

/// The ISD's keys: one byte value each, so that they differ.
pub fn isd_keys() -> StaticKeys {
    StaticKeys::from_bytes(&[0x11; 16], &[0x22; 16], &[0x33; 16]).unwrap()
}

/// Keys that an SSD gets.
pub fn ssd_keys() -> StaticKeys {
    StaticKeys::from_bytes(&[0x44; 32], &[0x55; 32], &[0x66; 32]).unwrap()
}

pub fn config() -> CardConfig {
    CardConfig {
        kdd: [0x0A; 10],
        memory_bytes: 65_536,
        seed: [7; 32],
        ..CardConfig::new("8981100000000000018", isd_keys())
    }
}

/// A card in a reader. With a file the card is opened anew from it before every command of [`Terminal::forgetful`].
pub struct Terminal {
    pub card: Uicc,
    challenges: u64,
}

/// An open secure channel; the card is passed to each call.
pub struct Session {
    channel: Channel,
}

/// A state file, to be edited.
pub struct StateFile(serde_json::Value);

impl StateFile {
    /// Gives the card so much memory.
    pub fn set_memory(&mut self, bytes: u32) {
        self.0["chip"]["memory_bytes"] = bytes.into();
    }

    /// Gives an application a quota of non-volatile memory.
    pub fn set_quota(&mut self, aid: Aid, bytes: u32) {
        for entry in self.0["chip"]["applications"].as_array_mut().unwrap() {
            if entry["aid"] == aid.to_string() {
                entry["limits"]["non_volatile_quota"] = bytes.into();
            }
        }
    }

    /// Sets a number that the issuer security domain keeps.
    pub fn set_in_isd(&mut self, field: &str, number: u32) {
        self.0["chip"]["applications"][0]["content"]["domain"][field] = number.into();
    }

    /// Puts an application or load file below a security domain.
    pub fn associate(&mut self, aid: Aid, domain: Aid) {
        for list in ["applications", "load_files"] {
            for entry in self.0["chip"][list].as_array_mut().unwrap() {
                if entry["aid"] == aid.to_string() {
                    entry["security_domain"] = domain.to_string().into();
                }
            }
        }
    }
}

/// Kind and bytes of the secrets that an observer was shown.
pub type SeenSecrets = Arc<Mutex<Vec<(&'static str, Vec<u8>)>>>;

impl Terminal {
    /// Collects every secret of the card from now on.
    pub fn observe(&mut self) -> SeenSecrets {
        let seen = SeenSecrets::default();
        let log = Arc::clone(&seen);
        self.card.observe_secrets(Box::new(move |kind, secret| {
            log.lock().unwrap().push((kind, secret.to_vec()));
        }));
        seen
    }

    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with(config: CardConfig) -> Self {
        Self::of(Uicc::new(config).unwrap())
    }

    /// A second card with everything that this one holds.
    pub fn copy(&self) -> Self {
        Self {
            card: self.card.fork(None, None).unwrap(),
            challenges: self.challenges,
        }
    }

    /// The card with its state file edited, in this state of its life.
    pub fn in_state(mut self, state: CardLifeCycle, edit: impl Fn(&mut StateFile)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("card.state");
        self.card.persist_with(&path, Durability::Kill).unwrap();
        let mut file = StateFile(serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap());
        file.0["chip"]["life_cycle"] = state.byte().into();
        edit(&mut file);
        std::fs::write(&path, serde_json::to_vec(&file.0).unwrap()).unwrap();
        Self {
            card: Uicc::open(&path).unwrap().fork(None, None).unwrap(),
            challenges: self.challenges,
        }
    }

    pub const fn of(card: Uicc) -> Self {
        Self {
            card,
            challenges: 0,
        }
    }

    /// One command as it is, with `61xx` followed.
    pub fn send(&mut self, command: &CommandApdu) -> ResponseApdu {
        self.send_bytes(&command.encode().unwrap(), command.cla)
    }

    fn send_bytes(&mut self, bytes: &[u8], cla: u8) -> ResponseApdu {
        let mut response = ResponseApdu::decode(&self.card.transmit(bytes)).unwrap();
        while response.sw.sw1() == 0x61 {
            let plain = if cla & 0x40 == 0 {
                cla & 0x03
            } else {
                cla & 0x4F
            };
            let next = self
                .card
                .transmit(&[plain, 0xC0, 0x00, 0x00, response.sw.sw2()]);
            let next = ResponseApdu::decode(&next).unwrap();
            response.data.extend(next.data);
            response.sw = next.sw;
        }
        response
    }

    /// A command given as hexadecimal digits.
    pub fn hex(&mut self, command: &str) -> ResponseApdu {
        let bytes = hex::decode(command.replace(' ', "")).unwrap();
        self.send_bytes(&bytes, bytes[0])
    }

    pub fn select(&mut self, aid: Aid) -> StatusWord {
        self.send(&Select::by_aid(aid).to_apdu()).sw
    }

    /// GET DATA of the selected domain: the whole object.
    pub fn data(&mut self, tag: u16) -> ResponseApdu {
        self.send(&GetData::new(tag).to_apdu())
    }

    pub fn host_challenge(&mut self) -> [u8; 8] {
        self.challenges += 1;
        self.challenges.to_be_bytes()
    }

    /// Selects a domain and opens a session with these keys.
    pub fn open(
        &mut self,
        aid: Aid,
        keys: &StaticKeys,
        version: u8,
        level: SecurityLevel,
    ) -> Session {
        assert_eq!(self.select(aid), StatusWord::OK);
        self.authenticate(aid, keys, version, level)
    }

    /// Opens a session with the selected domain.
    pub fn authenticate(
        &mut self,
        aid: Aid,
        keys: &StaticKeys,
        version: u8,
        level: SecurityLevel,
    ) -> Session {
        let challenge = self.host_challenge();
        let host = Host::start(keys, version, Mode::S8, &challenge).unwrap();
        let response = self.send(&host.command());
        let host = host
            .receive(&response, level, Some(aid.as_bytes()))
            .unwrap();
        let response = self.send(&host.command());
        Session {
            channel: host.receive(&response).unwrap(),
        }
    }

    /// At level 33, with the ISD's keys, what is selected on another logical channel.
    pub fn on_channel(&mut self, channel: u8, selected: Aid) -> Session {
        let challenge = self.host_challenge();
        let host = Host::start(&isd_keys(), 0x30, Mode::S8, &challenge).unwrap();
        let host = host.on_channel(channel).unwrap();
        let response = self.send(&host.command());
        let level = SecurityLevel::Full;
        let host = host
            .receive(&response, level, Some(selected.as_bytes()))
            .unwrap();
        let response = self.send(&host.command());
        Session {
            channel: host.receive(&response).unwrap(),
        }
    }

    /// The ISD at level 33.
    pub fn isd(&mut self) -> Session {
        self.open(ISD, &isd_keys(), 0x30, SecurityLevel::Full)
    }

    /// The SSD with its own keys at level 33.
    pub fn ssd(&mut self) -> Session {
        self.open(SSD, &ssd_keys(), 0x30, SecurityLevel::Full)
    }
}

impl Session {
    /// A channel that was opened by hand.
    pub const fn of(channel: Channel) -> Self {
        Self { channel }
    }

    /// Wraps, sends, unwraps. Longer data than a short APDU takes go out in a chain of commands.
    pub fn send(&mut self, terminal: &mut Terminal, command: &CommandApdu) -> ResponseApdu {
        let wrapped = self.channel.wrap(command).unwrap();
        let response = terminal.send(&wrapped);
        self.channel.unwrap(&response).unwrap()
    }

    /// The status word of [`Session::send`].
    pub fn sw(&mut self, terminal: &mut Terminal, command: &CommandApdu) -> StatusWord {
        self.send(terminal, command).sw
    }

    /// Sends a command that has to succeed; gives its data.
    pub fn ok(&mut self, terminal: &mut Terminal, command: &CommandApdu) -> Vec<u8> {
        let response = self.send(terminal, command);
        assert_eq!(response.sw, StatusWord::OK, "{command:?}");
        response.data
    }

    /// The command as it goes over the contacts.
    pub fn wrap(&mut self, command: &CommandApdu) -> CommandApdu {
        self.channel.wrap(command).unwrap().into_command()
    }

    /// The plain response of one that came over the contacts.
    pub fn unwrap(&mut self, response: &ResponseApdu) -> ResponseApdu {
        self.channel.unwrap(response).unwrap()
    }

    /// INSTALL [for personalization] and a chain of STORE DATA; the answer to the last block that was sent.
    pub fn personalise(&mut self, terminal: &mut Terminal, payload: &[u8]) -> ResponseApdu {
        self.ok(
            terminal,
            &InstallForPersonalization { instance: JPKI }.to_apdu(),
        );
        self.store(terminal, payload)
    }

    /// A chain of STORE DATA; stops at the first refusal.
    pub fn store(&mut self, terminal: &mut Terminal, payload: &[u8]) -> ResponseApdu {
        let blocks =
            store_data_blocks(payload, 200, Encryption::None, Structure::Dgi, true).unwrap();
        let mut response = ResponseApdu::ok();
        for block in blocks {
            response = self.send(terminal, &block.to_apdu());
            if !response.sw.is_success() {
                break;
            }
        }
        response
    }

    /// Part of the registry, page by page; nothing when nothing is found.
    pub fn registry(&mut self, terminal: &mut Terminal, scope: Scope) -> Vec<RegistryEntry> {
        let mut command = GetStatus::all(scope);
        command.tag_list = [0x4F, 0x9F70, 0xC5, 0xC4, 0xCC, 0xCE, 0x84]
            .map(Tag)
            .to_vec();
        let mut entries = Vec::new();
        loop {
            let response = self.send(terminal, &command.to_apdu());
            if response.sw == StatusWord::REFERENCED_DATA_NOT_FOUND {
                return entries;
            }
            entries.extend(GetStatusResponse::decode(&response.data).unwrap().entries);
            match response.sw {
                StatusWord::MORE_DATA => command.next = true,
                sw => {
                    assert_eq!(sw, StatusWord::OK);
                    return entries;
                }
            }
        }
    }

    /// LOADs a load file structure; the status word of the last block that was sent.
    pub fn load(&mut self, terminal: &mut Terminal, structure: &[u8]) -> StatusWord {
        let mut sw = StatusWord::OK;
        for block in load_blocks(structure, 200).unwrap() {
            sw = self.sw(terminal, &block.to_apdu());
            if !sw.is_success() {
                break;
            }
        }
        sw
    }
}

/// SSD with its own keys, JPKI loaded, installed and selectable in it; personalisation can begin.
pub fn deploy(terminal: &mut Terminal) {
    let mut isd = terminal.isd();
    isd.ok(
        terminal,
        &install_ssd(SSD, ssd_privileges(), Some(32_768)).to_apdu(),
    );
    isd.ok(
        terminal,
        &install_for_load(JPKI_PACKAGE, Some(SSD), None).to_apdu(),
    );
    assert_eq!(
        isd.load(terminal, &load_file_structure(&jpki_data_block())),
        StatusWord::OK
    );
    isd.ok(
        terminal,
        &install_applet(JPKI_PACKAGE, JPKI, JPKI).to_apdu(),
    );
    let mut ssd = terminal.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    let put = ssd_keys().put_key(0x00, 0x30, &isd_keys().dek);
    ssd.ok(terminal, &put.to_apdu());
}
