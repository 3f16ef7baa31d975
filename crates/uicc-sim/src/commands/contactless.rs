//! The commands of the Contactless Registry Service (Amendment C 3.11.3, 3.11.4, 3.11.6). They need no session.

use std::collections::VecDeque;

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, MAX_SHORT_LE, ResponseApdu};
use globalplatform::commands::{get_data, get_status, set_status};
use globalplatform::contactless::{
    ContactlessEntry, ContactlessScope, GetContactlessStatus, PriorityOrder, RegistryVersion,
    SetContactlessStatus, SetContactlessStatusResponse,
};
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::Tag;

use crate::chip::Chip;
use crate::operating_system::refusal;
use crate::storage::Storage;

/// Version of the service (C Table 3-30).
const VERSION: (u8, u8) = (1, 0);
/// The contactless interface (C Table 5-2).
const CONTACTLESS_INTERFACE: u8 = 0x40;
/// Protocols of type A, B and F (C Table 3-26), each with its bit.
const PROTOCOLS: [(u8, u8); 3] = [(0x41, 0x01), (0x42, 0x02), (0x44, 0x04)];

/// What the service remembers until the card is reset.
#[derive(Debug, Default)]
pub(crate) struct ContactlessService {
    /// The application that comes first for the time being.
    first: Option<Aid>,
    /// GET STATUS with more entries to give: the question, and what is left.
    listing: Option<(GetContactlessStatus, VecDeque<Vec<u8>>)>,
}

/// Version and counter, as SELECT and GET DATA give them.
pub(crate) fn version(chip: &Chip) -> RegistryVersion {
    RegistryVersion {
        version: VERSION,
        update_counter: chip.contactless.update_counter,
    }
}

impl ContactlessService {
    /// Executes a command for the selected service.
    pub(crate) fn process(
        &mut self,
        storage: &mut Storage,
        command: &CommandApdu,
    ) -> Result<ResponseApdu, StatusWord> {
        if command.is_secured() {
            return Err(StatusWord::SM_NOT_SUPPORTED);
        }
        match command.ins {
            get_status::INS => self.status(storage, command),
            set_status::INS => self.set_status(storage, command),
            get_data::INS if (command.p1, command.p2) == (0x00, 0xA5) => {
                Ok(ResponseApdu::with_data(version(storage).encode()))
            }
            get_data::INS => Err(StatusWord::REFERENCED_DATA_NOT_FOUND),
            _ => Err(StatusWord::INS_NOT_SUPPORTED),
        }
    }

    fn status(&mut self, chip: &Chip, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let wanted = GetContactlessStatus::from_apdu(command).map_err(refusal)?;
        let question = GetContactlessStatus {
            next: false,
            ..wanted.clone()
        };
        let earlier = self.listing.take().filter(|(asked, _)| *asked == question);
        let mut entries = match earlier {
            _ if wanted.scope == ContactlessScope::Platform => VecDeque::new(),
            Some((_, rest)) if wanted.next => rest,
            _ if wanted.next => return Err(StatusWord::CONDITIONS),
            _ => self.found(chip, &wanted),
        };
        if entries.is_empty() {
            return Err(StatusWord::REFERENCED_DATA_NOT_FOUND);
        }
        let limit = usize::try_from(MAX_SHORT_LE).unwrap_or(256);
        let mut data = entries.pop_front().unwrap_or_default();
        while let Some(entry) = entries.pop_front_if(|e| data.len() + e.len() <= limit) {
            data.extend_from_slice(&entry);
        }
        if entries.is_empty() {
            return Ok(ResponseApdu::with_data(data));
        }
        self.listing = Some((question, entries));
        let sw = StatusWord::MORE_DATA;
        Ok(ResponseApdu { data, sw })
    }

    fn found(&self, chip: &Chip, wanted: &GetContactlessStatus) -> VecDeque<Vec<u8>> {
        let entries = chip.contactless_entries(self.first).into_iter();
        let matching = entries.filter(|entry| {
            let aid = entry.aid;
            aid.is_some_and(|aid| aid.starts_with(&wanted.criteria))
        });
        matching
            .map(|entry| only(entry, &wanted.tag_list).encode())
            .collect()
    }

    fn set_status(
        &mut self,
        storage: &mut Storage,
        command: &CommandApdu,
    ) -> Result<ResponseApdu, StatusWord> {
        match SetContactlessStatus::from_apdu(command).map_err(refusal)? {
            SetContactlessStatus::Availability { activate, aids } => {
                Ok(availability(storage, activate, &aids))
            }
            SetContactlessStatus::Priority { order, aids } => self.order(storage, order, &aids),
            SetContactlessStatus::Interface { on, identifier } => {
                if identifier != CONTACTLESS_INTERFACE {
                    return Err(StatusWord::WRONG_DATA);
                }
                storage.write().contactless.interface_off = !on;
                Ok(ResponseApdu::ok())
            }
            SetContactlessStatus::Protocol { enable, identifier } => {
                let known = PROTOCOLS.into_iter().find(|(id, _)| *id == identifier);
                let (_, bit) = known.ok_or(StatusWord::WRONG_DATA)?;
                let off = &mut storage.write().contactless.protocols_off;
                *off = if enable { *off & !bit } else { *off | bit };
                Ok(ResponseApdu::ok())
            }
            SetContactlessStatus::RemainingResponse => Err(StatusWord::CONDITIONS),
        }
    }

    fn order(
        &mut self,
        storage: &mut Storage,
        order: PriorityOrder,
        aids: &[Aid],
    ) -> Result<ResponseApdu, StatusWord> {
        let known = storage.contactless_order(None);
        let unknown: Vec<Aid> = aids
            .iter()
            .filter(|a| !known.contains(a))
            .copied()
            .collect();
        if !unknown.is_empty() {
            return Ok(failed(unknown));
        }
        match order {
            // The last of them comes to stand at the very end of the movement.
            PriorityOrder::Highest => aids.iter().for_each(|aid| storage.write().place(aid, true)),
            PriorityOrder::Lowest => aids
                .iter()
                .for_each(|aid| storage.write().place(aid, false)),
            PriorityOrder::AssignVolatile => match aids {
                [only] => self.first = Some(*only),
                _ => return Err(StatusWord::WRONG_DATA),
            },
            PriorityOrder::ResetVolatile => self.first = None,
        }
        Ok(ResponseApdu::ok())
    }
}

/// All of them are switched on, or none; each of them is switched off that can be.
fn availability(storage: &mut Storage, activate: bool, aids: &[Aid]) -> ResponseApdu {
    let is_able = |aid: &Aid| {
        if activate {
            storage.may_be_activated(aid)
        } else {
            storage.contactless_order(None).contains(aid)
        }
    };
    let (able, unable): (Vec<Aid>, Vec<Aid>) = aids.iter().partition(|aid| is_able(aid));
    if unable.is_empty() || !activate {
        for aid in able {
            storage.write().activate(&aid, activate);
        }
    }
    if unable.is_empty() {
        ResponseApdu::ok()
    } else {
        failed(unable)
    }
}

fn failed(aids: Vec<Aid>) -> ResponseApdu {
    let response = SetContactlessStatusResponse {
        failed: aids,
        ..SetContactlessStatusResponse::default()
    };
    ResponseApdu {
        data: response.encode(),
        sw: StatusWord::SOME_FAILED,
    }
}

/// The entry with what a tag list asks for; all of it without one. The AID is always there.
fn only(entry: ContactlessEntry, tags: &[Tag]) -> ContactlessEntry {
    let wants = |tag: u32| tags.is_empty() || tags.contains(&Tag(tag));
    ContactlessEntry {
        life_cycle: entry.life_cycle.filter(|_| wants(0x9F70)),
        activation: entry.activation.filter(|_| wants(0x9F70)),
        update_counter: entry.update_counter.filter(|_| wants(0x80)),
        priority: entry.priority.filter(|_| wants(0x81)),
        ..entry
    }
}
