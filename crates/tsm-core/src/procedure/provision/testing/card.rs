//! A card with one security domain of the provider and the JPKI applet in it, behind a real SCP03 card end.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::initialize_update::InitializeUpdate;
use globalplatform::commands::install::InstallForPersonalization;
use globalplatform::commands::put_key::PutKey;
use globalplatform::commands::store_data::{DgiReader, StoreData};
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Tag, Writer};
use scp03::card::{CardChallenge, CardSession};
use scp03::keys::StaticKeys;
use scp03::parameters::ScpParameters;
use sha2::{Digest, Sha256};

use super::keys::sign;
use super::{Side, World};
use crate::identity::Iccid;
use crate::ports::{CardLink, LinkError, Script};
use crate::time::Timestamp;

pub(crate) const DOMAIN: Aid = Aid::from_slice_const(b"\xD3\x92\xF0\x00\x26SSD\0\0\x01");
pub(crate) const INSTANCE: Aid = Aid::from_slice_const(b"\xD3\x92\xF0\x00\x26\x01\0\0\0\x01");
pub(crate) const SCP_I: u8 = 0x70;

/// The card goes away after so many commands of an exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tear {
    /// Exchange, counted from now on.
    pub(crate) exchange: usize,
    /// Commands that it still executes.
    pub(crate) after: usize,
}

#[derive(Default)]
pub(crate) struct Card {
    chip: Mutex<Chip>,
    exchanges: Mutex<usize>,
    tear: Mutex<Option<Tear>>,
    garble: Mutex<Option<(usize, usize)>>,
    pub(crate) away: Mutex<bool>,
    /// The operator keeps scripts, and says that it did not send them.
    pub(crate) is_kept: Mutex<bool>,
    /// All scripts that were ever sent.
    pub(crate) sent: Mutex<Vec<Script>>,
}

#[derive(Default)]
struct Chip {
    domain: Option<Domain>,
    session: Option<(CardSession, StaticKeys)>,
    selected: bool,
    /// INSTALL [for personalization] has opened a chain.
    target: bool,
    chain: Vec<u8>,
}

struct Domain {
    /// Key sets by version, with their sequence counters.
    keys: BTreeMap<u8, (StaticKeys, u32)>,
    applet: Applet,
}

#[derive(Clone, Default)]
struct Applet {
    locked: bool,
    selectable: bool,
    live: Option<Slot>,
    pending: Option<Slot>,
    tries_left: u8,
    issuer: Vec<u8>,
}

#[derive(Clone, Default)]
struct Slot {
    id: [u8; 16],
    algorithm: u8,
    key: Vec<u8>,
    certificate: Vec<u8>,
    pin: Vec<u8>,
    proved: bool,
}

impl Slot {
    fn is_complete(&self) -> bool {
        !(self.key.is_empty() || self.certificate.is_empty() || self.pin.is_empty())
    }
}

impl Card {
    pub(crate) fn create_domain(&self, version: u8, keys: StaticKeys) {
        let keys = BTreeMap::from([(version, (keys, 0))]);
        self.chip.lock().unwrap().domain = Some(Domain {
            keys,
            applet: Applet::default(),
        });
    }

    pub(crate) fn delete_domain(&self) {
        self.chip.lock().unwrap().domain = None;
    }

    pub(crate) fn set(&self, selectable: bool, locked: bool) {
        if let Some(domain) = &mut self.chip.lock().unwrap().domain {
            domain.applet.selectable = selectable;
            domain.applet.locked = locked;
        }
    }

    pub(crate) fn tear(&self, tear: Tear) {
        *self.exchanges.lock().unwrap() = 0;
        *self.tear.lock().unwrap() = Some(tear);
    }

    /// Changes one bit of one answer on its way.
    pub(crate) fn garble(&self, exchange: usize, answer: usize) {
        *self.exchanges.lock().unwrap() = 0;
        *self.garble.lock().unwrap() = Some((exchange, answer));
    }

    pub(crate) fn exchanges(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// Key set versions on the card.
    pub(crate) fn key_versions(&self) -> Vec<u8> {
        let chip = self.chip.lock().unwrap();
        chip.domain
            .iter()
            .flat_map(|domain| domain.keys.keys().copied())
            .collect()
    }

    /// Id, certificate and PIN of the live credential.
    pub(crate) fn live(&self) -> Option<(String, Vec<u8>, String)> {
        let chip = self.chip.lock().unwrap();
        let live = chip.domain.as_ref()?.applet.live.as_ref()?;
        let pin = String::from_utf8(live.pin.clone()).unwrap();
        Some((hex::encode(live.id), live.certificate.clone(), pin))
    }

    /// Certificate of the issuer that the applet gives to everybody.
    pub(crate) fn issuer(&self) -> Option<Vec<u8>> {
        let chip = self.chip.lock().unwrap();
        Some(chip.domain.as_ref()?.applet.issuer.clone())
    }

    /// Id in the pending slot.
    pub(crate) fn pending(&self) -> Option<String> {
        let chip = self.chip.lock().unwrap();
        chip.domain
            .as_ref()?
            .applet
            .pending
            .as_ref()
            .map(|slot| hex::encode(slot.id))
    }

    /// Damages the key in the pending slot.
    pub(crate) fn spoil_pending(&self) {
        let mut chip = self.chip.lock().unwrap();
        let pending = chip
            .domain
            .as_mut()
            .and_then(|domain| domain.applet.pending.as_mut());
        pending.unwrap().key[0] ^= 1;
    }

    /// Plays a script; a card that goes away stops in the middle.
    pub(crate) fn play(&self, script: &Script) -> Vec<Vec<u8>> {
        let number = {
            let mut exchanges = self.exchanges.lock().unwrap();
            *exchanges += 1;
            *exchanges - 1
        };
        let tear = self
            .tear
            .lock()
            .unwrap()
            .take_if(|tear| tear.exchange == number);
        let mut chip = self.chip.lock().unwrap();
        chip.power_off();
        let mut answers = Vec::new();
        for (index, command) in script.commands.iter().enumerate() {
            if tear.is_some_and(|tear| tear.after == index) {
                break;
            }
            let answer = chip.transmit(&command.apdu);
            answers.push(answer.encode());
            if !command.accepted.contains(&answer.sw) {
                break;
            }
        }
        let garble = self
            .garble
            .lock()
            .unwrap()
            .filter(|(exchange, _)| *exchange == number);
        if let Some(answer) = garble.and_then(|(_, answer)| answers.get_mut(answer)) {
            answer[0] ^= 0x01;
        }
        answers
    }
}

impl Chip {
    fn power_off(&mut self) {
        let Self {
            session,
            selected,
            target,
            chain,
            ..
        } = self;
        (*session, *selected, *target) = (None, false, false);
        chain.clear();
    }

    fn transmit(&mut self, bytes: &[u8]) -> ResponseApdu {
        let command = CommandApdu::decode(bytes).unwrap();
        self.execute(&command).unwrap_or_else(ResponseApdu::status)
    }

    fn execute(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        match command.ins {
            0xA4 => {
                self.power_off();
                if self.domain.is_none() || command.data != DOMAIN.as_bytes() {
                    return Err(StatusWord::NOT_FOUND);
                }
                self.selected = true;
                Ok(ResponseApdu::ok())
            }
            _ if !self.selected => Err(StatusWord::INS_NOT_SUPPORTED),
            0x50 => self.initialize_update(command),
            0x82 => {
                let (session, _) = self.session.as_mut().ok_or(StatusWord::CONDITIONS)?;
                Ok(session.external_authenticate(command))
            }
            _ => {
                let (session, keys) = self.session.as_mut().ok_or(StatusWord::SECURITY_STATUS)?;
                let plain = session.unwrap(command)?;
                let keys = keys.clone();
                let answer = self
                    .authorised(&plain, &keys)
                    .unwrap_or_else(ResponseApdu::status);
                let (session, _) = self.session.as_mut().ok_or(StatusWord::SECURITY_STATUS)?;
                Ok(session.wrap(answer))
            }
        }
    }

    fn initialize_update(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let command = InitializeUpdate::from_apdu(command).unwrap();
        let domain = self.domain.as_mut().ok_or(StatusWord::NOT_FOUND)?;
        let set = domain.keys.get_mut(&command.key_version);
        let (keys, counter) = set.ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        *counter += 1;
        let aid = DOMAIN.as_bytes();
        let (session, answer) = CardSession::initialize_update(
            keys,
            ScpParameters::new(SCP_I).unwrap(),
            command.key_version,
            [0; 10],
            CardChallenge::PseudoRandom {
                counter: *counter,
                aid,
            },
            &command.host_challenge,
        )?;
        self.session = Some((session, keys.clone()));
        Ok(answer)
    }

    /// Commands inside a session; everything has to be at level 33.
    fn authorised(
        &mut self,
        command: &CommandApdu,
        keys: &StaticKeys,
    ) -> Result<ResponseApdu, StatusWord> {
        let (session, _) = self.session.as_ref().ok_or(StatusWord::SECURITY_STATUS)?;
        assert_eq!(session.level().byte(), 0x33);
        match command.ins {
            0xD8 => self.put_key(command, keys),
            0xE6 => {
                let install = InstallForPersonalization::from_apdu(command).unwrap();
                assert_eq!(install.instance, INSTANCE);
                self.chain.clear();
                self.target = !self.applet()?.locked;
                if self.target {
                    Ok(ResponseApdu::ok())
                } else {
                    Err(StatusWord::CONDITIONS)
                }
            }
            0xE2 => self.store_data(&StoreData::from_apdu(command).unwrap(), command),
            _ => Err(StatusWord::INS_NOT_SUPPORTED),
        }
    }

    fn put_key(
        &mut self,
        command: &CommandApdu,
        keys: &StaticKeys,
    ) -> Result<ResponseApdu, StatusWord> {
        let command = PutKey::from_apdu(command).unwrap();
        let new = StaticKeys::unwrap_put_key(&command, &keys.dek).unwrap();
        let domain = self.domain.as_mut().ok_or(StatusWord::NOT_FOUND)?;
        domain
            .keys
            .remove(&command.replaces)
            .ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let answer = new.put_key_response(command.new_version);
        domain.keys.insert(command.new_version, (new, 0));
        Ok(ResponseApdu::with_data(answer.encode()))
    }

    fn applet(&mut self) -> Result<&mut Applet, StatusWord> {
        self.domain
            .as_mut()
            .map(|domain| &mut domain.applet)
            .ok_or(StatusWord::NOT_FOUND)
    }

    fn store_data(
        &mut self,
        block: &StoreData,
        command: &CommandApdu,
    ) -> Result<ResponseApdu, StatusWord> {
        if !self.target {
            return Err(StatusWord::CONDITIONS);
        }
        self.chain.extend_from_slice(&block.data);
        if !block.last {
            return Ok(ResponseApdu::ok());
        }
        self.target = false;
        let chain = std::mem::take(&mut self.chain);
        let applet = self.applet()?;
        let mut next = applet.clone();
        let mut answer = Vec::new();
        for group in DgiReader::new(&chain) {
            let group = group.unwrap();
            answer = next.apply(group.tag, group.data)?;
        }
        *applet = next;
        assert!(!command.extended, "not every card takes extended length");
        assert_eq!(block.case4, !answer.is_empty());
        Ok(ResponseApdu::with_data(answer))
    }
}

impl Applet {
    fn apply(&mut self, tag: u16, data: &[u8]) -> Result<Vec<u8>, StatusWord> {
        let pending = self.pending.as_mut();
        match tag {
            0x9F01 => {
                let id = data[..16].try_into().unwrap();
                self.pending = Some(Slot {
                    id,
                    algorithm: data[16],
                    ..Slot::default()
                });
            }
            0x8121 | 0x8122 | 0x8137 => {
                pending
                    .ok_or(StatusWord::CONDITIONS)?
                    .key
                    .extend_from_slice(data);
            }
            0x9F02 => pending.ok_or(StatusWord::CONDITIONS)?.certificate = data.to_vec(),
            0x9F03 => pending.ok_or(StatusWord::CONDITIONS)?.pin = data.to_vec(),
            0x9F04 => {
                let slot = pending.filter(|slot| slot.is_complete());
                let slot = slot.ok_or(StatusWord::CONDITIONS)?;
                slot.proved = true;
                let message = [b"JPKI-POP-1", &slot.id[..], data].concat();
                let length = [0, 256, 64, 96][usize::from(slot.algorithm)];
                return Ok(sign(length, &slot.key, &message));
            }
            0x9F05 => match self.pending.take_if(|slot| slot.id == data && slot.proved) {
                Some(slot) => {
                    self.live = Some(slot);
                    self.tries_left = 3;
                }
                None if self.live.as_ref().is_some_and(|live| live.id == data) => {}
                None => return Err(StatusWord::CONDITIONS),
            },
            0x9F06 => {
                self.live.take_if(|live| live.id == data);
            }
            0x9F07 => return Ok(self.status()),
            0x9F08 => self.live.as_mut().ok_or(StatusWord::CONDITIONS)?.pin = data.to_vec(),
            0x9F09 => self.issuer = data.to_vec(),
            _ => return Err(StatusWord::WRONG_DATA),
        }
        Ok(Vec::new())
    }

    fn status(&self) -> Vec<u8> {
        let mut object = Writer::new();
        object.nested(Tag(0xE1), |status| {
            status.tlv(Tag(0xC0), &[self.live.is_some().into()]);
            if let Some(live) = &self.live {
                status.tlv(Tag(0xC1), &live.id);
                status.tlv(Tag(0xC2), &Sha256::digest(&live.certificate));
            }
            status.tlv(Tag(0xC3), &[self.tries_left]);
            let state = match &self.pending {
                None => 0,
                Some(slot) if slot.proved => 3,
                Some(slot) if slot.is_complete() => 2,
                Some(_) => 1,
            };
            status.tlv(Tag(0xC4), &[state]);
            if let Some(slot) = &self.pending {
                status.tlv(Tag(0xC5), &slot.id);
            }
            status.tlv(Tag(0xC6), &[1, 0]);
        });
        object.into_vec()
    }
}

/// The way to the card as the server reaches it.
pub(crate) struct Link<'a>(pub(crate) &'a World);

#[async_trait]
impl CardLink for Link<'_> {
    async fn exchange(
        &self,
        iccid: &Iccid,
        lease_epoch: u64,
        script: Script,
        _: Timestamp,
    ) -> Result<Vec<Vec<u8>>, LinkError> {
        let world = self.0;
        assert_eq!(*iccid, super::iccid());
        let fault = world.faults.next();
        if *world.card.away.lock().unwrap() {
            return Err(LinkError::NotAttached);
        }
        if !world.operator.has_lease(lease_epoch) {
            return Err(LinkError::StaleLease);
        }
        world.card.sent.lock().unwrap().push(script.clone());
        if *world.card.is_kept.lock().unwrap() {
            return Err(LinkError::NotAttached);
        }
        if fault == Some(Side::Before) {
            // Held back by the phone, which may play it at any later time.
            return Err(LinkError::InDoubt);
        }
        let answers = world.card.play(&script);
        if fault == Some(Side::After) {
            Err(LinkError::InDoubt)
        } else {
            Ok(answers)
        }
    }

    /// The operator's relay.
    fn is_own(&self) -> bool {
        false
    }
}
