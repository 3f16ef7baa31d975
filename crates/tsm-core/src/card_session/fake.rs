//! A small card, and a link that loses, tears and forges, for tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use async_trait::async_trait;
use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::card_data::{ExtendedCardResources, KeyInformation, KeyInformationTemplate};
use globalplatform::commands::delete::{self, Delete};
use globalplatform::commands::get_status::{self, GetStatus, Scope};
use globalplatform::commands::initialize_update::InitializeUpdate;
use globalplatform::commands::install::{self, Install};
use globalplatform::commands::load::{self, Load};
use globalplatform::commands::put_key::{self, PutKey};
use globalplatform::commands::select::Select;
use globalplatform::commands::set_status::{self, SetStatus};
use globalplatform::commands::{external_authenticate, get_data, initialize_update, select};
use globalplatform::registry::RegistryEntry;
use globalplatform::status_word::StatusWord;
use scp03::card::{CardChallenge, CardSession, next_sequence_counter};
use scp03::keys::{DekKey, StaticKeys};
use scp03::parameters::ScpParameters;

use crate::card::content::EntryKind;
use crate::card::model::{ISD, Model};
use crate::identity::Iccid;
use crate::ports::{CardLink, LinkError, Script};
use crate::time::Timestamp;

pub(crate) const SCP_I: u8 = 0x70;
const PAGE_BYTES: usize = 239;

pub(crate) fn issuer_keys() -> StaticKeys {
    StaticKeys::from_bytes(&[0x40; 16], &[0x41; 16], &[0x42; 16]).unwrap()
}

/// A key set with its sequence counter.
#[derive(Clone, Debug)]
pub(crate) struct KeySet {
    pub(crate) version: u8,
    pub(crate) keys: StaticKeys,
    pub(crate) counter: u32,
}

/// One logical channel, one domain at a time.
pub(crate) struct FakeCard {
    pub(crate) model: Model,
    pub(crate) key_sets: BTreeMap<Aid, KeySet>,
    selected: Aid,
    session: Option<(CardSession, DekKey)>,
    pages: VecDeque<Vec<u8>>,
    loading: Option<(Aid, Aid, Vec<u8>)>,
    /// Plain instructions that were executed, for tests that count.
    pub(crate) executed: Vec<u8>,
    /// Answered once to the command with this instruction.
    pub(crate) refuse: Option<(u8, StatusWord)>,
}

type Answer = Result<Vec<u8>, StatusWord>;

impl FakeCard {
    pub(crate) fn new(free: u32) -> Self {
        let issuer = KeySet {
            version: 0x30,
            keys: issuer_keys(),
            counter: 0,
        };
        Self {
            model: Model::new(free),
            key_sets: BTreeMap::from([(ISD, issuer)]),
            selected: ISD,
            session: None,
            pages: VecDeque::new(),
            loading: None,
            executed: Vec::new(),
            refuse: None,
        }
    }

    /// Power lost: what is volatile is gone.
    pub(crate) fn reset(&mut self) {
        self.selected = ISD;
        self.session = None;
        self.pages.clear();
        self.loading = None;
    }

    pub(crate) fn issuer_counter(&mut self) -> &mut u32 {
        &mut self.key_sets.get_mut(&ISD).unwrap().counter
    }

    pub(crate) fn transmit(&mut self, apdu: &[u8]) -> Vec<u8> {
        let command = CommandApdu::decode(apdu).unwrap();
        let response = match command.ins {
            select::INS => self.select(&command),
            initialize_update::INS => self.initialize_update(&command),
            external_authenticate::INS => match &mut self.session {
                Some((session, _)) => Ok(session.external_authenticate(&command)),
                None => Err(StatusWord::CONDITIONS),
            },
            // Anybody may ask a domain for its key versions.
            get_data::INS if self.session.is_none() => {
                self.key_information().map(ResponseApdu::with_data)
            }
            _ => self.secured(&command),
        };
        response.unwrap_or_else(ResponseApdu::status).encode()
    }

    fn select(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let name = Select::from_apdu(command).unwrap().aid.unwrap();
        let aid = Aid::new(&name).unwrap();
        let known = aid == ISD
            || self.model.find(&aid).is_some_and(|entry| {
                entry.kind == EntryKind::SecurityDomain && entry.life_cycle != 0x03
            });
        if !known {
            return Err(StatusWord::NOT_FOUND);
        }
        self.selected = aid;
        self.session = None;
        Ok(ResponseApdu::ok())
    }

    /// A domain without keys uses those of the issuer, and their counter.
    fn initialize_update(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        self.session = None;
        let command = InitializeUpdate::from_apdu(command).unwrap();
        let owner = if self.key_sets.contains_key(&self.selected) {
            self.selected
        } else {
            ISD
        };
        let set = self.key_sets.get_mut(&owner).unwrap();
        if set.version != command.key_version {
            return Err(StatusWord::REFERENCED_DATA_NOT_FOUND);
        }
        set.counter = next_sequence_counter(set.counter)?;
        let challenge = CardChallenge::PseudoRandom {
            counter: set.counter,
            aid: self.selected.as_bytes(),
        };
        let (session, response) = CardSession::initialize_update(
            &set.keys,
            ScpParameters::new(SCP_I).unwrap(),
            set.version,
            [0; 10],
            challenge,
            &command.host_challenge,
        )?;
        self.session = Some((session, set.keys.dek.clone()));
        Ok(response)
    }

    fn secured(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let (mut session, dek) = self.session.take().ok_or(StatusWord::SECURITY_STATUS)?;
        let plain = session.unwrap(command)?;
        assert!(session.is_authenticated(), "only level 33 is spoken here");
        let answer = match self.refuse.take_if(|(ins, _)| *ins == plain.ins) {
            Some((_, sw)) => ResponseApdu::status(sw),
            None => self.execute(&plain, &dek),
        };
        let response = session.wrap(answer);
        self.session = Some((session, dek));
        Ok(response)
    }

    fn execute(&mut self, command: &CommandApdu, dek: &DekKey) -> ResponseApdu {
        self.executed.push(command.ins);
        let done = |done: Result<(), StatusWord>| done.map(|()| vec![0x00]);
        let answer: Answer = match command.ins {
            get_status::INS => return self.get_status(&GetStatus::from_apdu(command).unwrap()),
            get_data::INS if command.p1 == 0x00 => self.key_information(),
            get_data::INS => Ok(self.resources()),
            install::INS => done(self.install(Install::from_apdu(command).unwrap())),
            load::INS => done(self.load(&Load::from_apdu(command).unwrap())),
            delete::INS => done(self.delete(&Delete::from_apdu(command).unwrap().aid)),
            put_key::INS => self.put_key(&PutKey::from_apdu(command).unwrap(), dek),
            set_status::INS => self.set_status(&SetStatus::from_apdu(command).unwrap()),
            _ => Err(StatusWord::INS_NOT_SUPPORTED),
        };
        match answer {
            Ok(data) => ResponseApdu::with_data(data),
            Err(sw) => ResponseApdu::status(sw),
        }
    }

    fn get_status(&mut self, command: &GetStatus) -> ResponseApdu {
        if !command.next {
            self.pages = self.list(command.scope);
        }
        match (self.pages.pop_front(), self.pages.is_empty()) {
            (Some(data), true) => ResponseApdu::with_data(data),
            (Some(data), false) => ResponseApdu {
                data,
                sw: StatusWord::MORE_DATA,
            },
            (None, _) if command.next => ResponseApdu::status(StatusWord::CONDITIONS),
            (None, _) => ResponseApdu::status(StatusWord::REFERENCED_DATA_NOT_FOUND),
        }
    }

    fn list(&self, scope: Scope) -> VecDeque<Vec<u8>> {
        if scope == Scope::IssuerSecurityDomain {
            let issuer = RegistryEntry::new(ISD, self.model.life_cycle);
            return VecDeque::from([issuer.encode()]);
        }
        let files = scope == Scope::LoadFiles;
        let mut pages: VecDeque<Vec<u8>> = VecDeque::new();
        for (entry, _) in &self.model.entries {
            if (entry.kind == EntryKind::LoadFile) != files {
                continue;
            }
            let encoded = RegistryEntry {
                privileges: entry.privileges,
                load_file: entry.load_file,
                security_domain: entry.security_domain,
                ..RegistryEntry::new(entry.aid, entry.life_cycle)
            }
            .encode();
            match pages
                .back_mut()
                .filter(|page| page.len() + encoded.len() <= PAGE_BYTES)
            {
                Some(page) => page.extend(encoded),
                None => pages.push_back(encoded),
            }
        }
        pages
    }

    fn key_information(&self) -> Answer {
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let set = self.key_sets.get(&self.selected).ok_or(not_found)?;
        let keys = (1..=3).map(|id| KeyInformation::new(id, set.version, 0x88, 16));
        let template = KeyInformationTemplate {
            keys: keys.collect(),
        };
        Ok(template.encode())
    }

    fn resources(&self) -> Vec<u8> {
        let entries = self.model.entries.iter();
        let applications = entries
            .filter(|(entry, _)| entry.kind != EntryKind::LoadFile)
            .count();
        ExtendedCardResources {
            applications: u32::try_from(applications).unwrap(),
            free_non_volatile: self.model.free,
            free_volatile: 1_000,
        }
        .encode()
    }

    fn install(&mut self, install: Install) -> Result<(), StatusWord> {
        match install {
            Install::Load(load) => {
                let domain = load.security_domain.unwrap();
                self.loading = Some((load.load_file, domain, Vec::new()));
                Ok(())
            }
            Install::Install(install) if install.make_selectable => {
                self.model.install_domain(install.instance)
            }
            Install::Install(install) => self
                .model
                .install_applet(install.instance, install.load_file),
            Install::MakeSelectable(install) => self.model.make_selectable(&install.instance),
            _ => Err(StatusWord::WRONG_P1P2),
        }
    }

    fn load(&mut self, load: &Load) -> Result<(), StatusWord> {
        let (file, domain, mut received) = self.loading.take().ok_or(StatusWord::CONDITIONS)?;
        received.extend_from_slice(&load.block);
        if !load.last {
            self.loading = Some((file, domain, received));
            return Ok(());
        }
        // C4 82 hi lo
        let bytes = u32::try_from(received.len() - 4).unwrap();
        self.model.load(file, domain, bytes)
    }

    fn delete(&mut self, aid: &Aid) -> Result<(), StatusWord> {
        self.model.delete(aid)?;
        self.key_sets.remove(aid);
        Ok(())
    }

    fn put_key(&mut self, command: &PutKey, dek: &DekKey) -> Answer {
        let keys = StaticKeys::unwrap_put_key(command, dek).map_err(|e| e.status_word())?;
        self.model.put_first_keys(&self.selected)?;
        let response = keys.put_key_response(command.new_version).encode();
        let set = KeySet {
            version: command.new_version,
            keys,
            counter: 0,
        };
        self.key_sets.insert(self.selected, set);
        Ok(response)
    }

    fn set_status(&mut self, command: &SetStatus) -> Answer {
        let aid = command.aid.unwrap();
        if aid == self.selected {
            self.model.personalize(&aid)?;
        } else {
            self.model.lock(&aid, command.status & 0x80 != 0)?;
        }
        Ok(Vec::new())
    }
}

/// What happens to one script on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody holds the card.
    NotAttached,
    /// The script gets lost; the card never hears it.
    LoseScript,
    /// The card plays it; the answer gets lost.
    LoseAnswer,
    /// The card goes away after so many answers.
    Tear(usize),
    /// One bit of this answer, before the status word if there is anything, is changed.
    Flip(usize),
    /// This answer is replaced by a bare status word.
    Pretend(usize, StatusWord),
    /// The device does not stop at a refusal.
    GoOn,
}

/// A link to one card.
pub(crate) struct FakeLink {
    pub(crate) card: Mutex<FakeCard>,
    pub(crate) faults: Mutex<VecDeque<Option<Fault>>>,
    /// Every script that was sent, lost ones included.
    pub(crate) scripts: Mutex<Vec<Script>>,
    /// It is another organisation's, who keeps what it says it did not send.
    pub(crate) is_foreign: bool,
    /// What it kept.
    pub(crate) kept: Mutex<Vec<Script>>,
}

impl FakeLink {
    pub(crate) fn new(card: FakeCard) -> Self {
        Self {
            card: Mutex::new(card),
            faults: Mutex::new(VecDeque::new()),
            scripts: Mutex::new(Vec::new()),
            is_foreign: false,
            kept: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.faults.lock().unwrap().push_back(Some(fault));
    }

    /// A fault that hits the script after `scripts` good ones.
    pub(crate) fn fault_after(&self, scripts: usize, fault: Fault) {
        let mut faults = self.faults.lock().unwrap();
        faults.extend(core::iter::repeat_n(None, scripts));
        faults.push_back(Some(fault));
    }

    /// Plays a script as a device does.
    pub(crate) fn play(&self, script: &Script, goes_on: bool) -> Vec<Vec<u8>> {
        let mut card = self.card.lock().unwrap();
        let mut answers = Vec::new();
        for command in &script.commands {
            let answer = card.transmit(&command.apdu);
            let sw = ResponseApdu::decode(&answer).unwrap().sw;
            answers.push(answer);
            if !command.accepted.contains(&sw) && !goes_on {
                break;
            }
        }
        answers
    }

    pub(crate) fn exchanges(&self) -> usize {
        self.scripts.lock().unwrap().len()
    }
}

#[async_trait]
impl CardLink for FakeLink {
    async fn exchange(
        &self,
        _: &Iccid,
        _: u64,
        script: Script,
        _: Timestamp,
    ) -> Result<Vec<Vec<u8>>, LinkError> {
        let fault = self.faults.lock().unwrap().pop_front().flatten();
        if fault == Some(Fault::NotAttached) {
            self.kept.lock().unwrap().push(script);
            return Err(LinkError::NotAttached);
        }
        self.scripts.lock().unwrap().push(script.clone());
        match fault {
            Some(Fault::LoseScript) => Err(LinkError::InDoubt),
            Some(Fault::LoseAnswer) => {
                self.play(&script, false);
                Err(LinkError::InDoubt)
            }
            Some(Fault::Tear(after)) => {
                let mut torn = script;
                torn.commands.truncate(after);
                let answers = self.play(&torn, false);
                self.card.lock().unwrap().reset();
                Ok(answers)
            }
            Some(Fault::Flip(index)) => {
                let mut answers = self.play(&script, false);
                let last = answers[index].len().saturating_sub(3);
                answers[index][last] ^= 0x01;
                Ok(answers)
            }
            Some(Fault::Pretend(index, sw)) => {
                let mut answers = self.play(&script, false);
                if let Some(answer) = answers.get_mut(index) {
                    *answer = ResponseApdu::status(sw).encode();
                }
                Ok(answers)
            }
            Some(Fault::GoOn) => Ok(self.play(&script, true)),
            Some(Fault::NotAttached) | None => Ok(self.play(&script, false)),
        }
    }

    fn is_own(&self) -> bool {
        !self.is_foreign
    }
}
