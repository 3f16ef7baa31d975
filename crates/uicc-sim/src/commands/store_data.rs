//! STORE DATA (G 11.11): data objects for the security domain, or blocks for the applet that is being personalised.

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::store_data::{DgiReader, Encryption, StoreData, Structure};
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Reader, Tlv};

use super::Domain;
use crate::channel::Blocks;
use crate::instances::CardPlatform;
use crate::memory::data_object_footprint;
use crate::operating_system::refusal;
use crate::security_domain::DataObject;

/// The data grouping that carries BER-TLV objects.
const BER_TLV_GROUPING: u16 = 0x0070;
/// Longest sequence of blocks for a security domain, in bytes.
const DATA_LIMIT: usize = 4096;

impl Domain<'_> {
    /// Takes one block.
    pub(crate) fn store_data(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let block = StoreData::from_apdu(command).map_err(refusal)?;
        let target = self.work.personalising.as_ref().map(|p| p.target);
        match target {
            Some(target) if self.storage.domain(&target).is_none() => {
                self.personalise(&target, &block)
            }
            Some(target) => {
                if block.last {
                    self.work.personalising = None;
                }
                self.store_own(&target, &block)
            }
            None => self.store_own(&self.aid.clone(), &block),
        }
    }

    /// Hands a block to the applet. The personalisation ends with the last block; an error starts the numbers anew.
    fn personalise(&mut self, target: &Aid, block: &StoreData) -> Result<ResponseApdu, StatusWord> {
        let level = self.level.ok_or(StatusWord::SECURITY_STATUS)?;
        let application = self.storage.application(target);
        if application.is_none_or(|application| application.is_locked()) {
            return Err(StatusWord::CONDITIONS);
        }
        let instance = self.instances.take(self.storage, target);
        let mut instance = instance.ok_or(StatusWord::NO_DIAGNOSIS)?;
        let in_order = match &mut self.work.personalising {
            Some(personalising) => personalising.blocks.accept(block.block_number),
            None => false,
        };
        let outcome = if in_order {
            let mut platform = CardPlatform {
                aid: *target,
                storage: self.storage,
                secrets: self.secrets,
            };
            instance.personalise(block, level, &mut platform)
        } else {
            instance.abandon_personalisation();
            Err(StatusWord::CONDITIONS)
        };
        self.instances.put_back(*target, instance);
        if outcome.is_err() {
            if let Some(personalising) = &mut self.work.personalising {
                personalising.blocks = Blocks::default();
            }
        } else if block.last {
            self.work.personalising = None;
        }
        outcome
    }

    /// Collects blocks for a security domain and stores the objects in them with the last one, all or none.
    fn store_own(&mut self, domain: &Aid, block: &StoreData) -> Result<ResponseApdu, StatusWord> {
        let mut blocks = std::mem::take(&mut self.work.own_data);
        if !blocks.accept(block.block_number) {
            return Err(StatusWord::CONDITIONS);
        }
        if block.encryption == Encryption::Encrypted {
            return Err(StatusWord::WRONG_P1P2);
        }
        if blocks.data.len() + block.data.len() > DATA_LIMIT {
            return Err(StatusWord::NO_MEMORY);
        }
        blocks.data.extend_from_slice(&block.data);
        if !block.last {
            self.work.own_data = blocks;
            return Ok(ResponseApdu::ok());
        }
        let objects = match block.structure {
            Structure::BerTlv => data_objects(&blocks.data)?,
            Structure::Dgi => grouped_objects(&blocks.data)?,
            _ => return Err(StatusWord::WRONG_P1P2),
        };
        self.keep(domain, objects)?;
        Ok(ResponseApdu::ok())
    }

    fn keep(&mut self, aid: &Aid, objects: Vec<DataObject>) -> Result<(), StatusWord> {
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let domain = self.storage.domain(aid).ok_or(not_found)?;
        if !objects.iter().all(|object| is_writable(object.tag)) {
            return Err(not_found);
        }
        let new: u32 = objects.iter().map(footprint).fold(0, u32::saturating_add);
        let replaced = domain
            .data
            .iter()
            .filter(|old| objects.iter().any(|object| object.tag == old.tag));
        let freed = replaced.map(footprint).fold(0, u32::saturating_add);
        self.demand_memory(aid, new.saturating_sub(freed))?;
        if objects.is_empty() {
            return Ok(());
        }
        if let Some(domain) = self.storage.write().domain_mut(aid) {
            for object in objects {
                domain.data.retain(|old| old.tag != object.tag);
                domain.data.push(object);
            }
        }
        Ok(())
    }
}

fn footprint(object: &DataObject) -> u32 {
    data_object_footprint(object.value.len())
}

/// Issuer and card numbers, recognition data, capabilities, the URL of the security domain's manager (G 11.11.3.1).
const fn is_writable(tag: u16) -> bool {
    matches!(tag, 0x0042 | 0x0045 | 0x0066 | 0x0067 | 0x5F50)
}

/// The BER-TLV objects in the data. Zeros between objects mean nothing (ISO/IEC 7816-4, 5.2.2).
fn data_objects(data: &[u8]) -> Result<Vec<DataObject>, StatusWord> {
    let mut reader = Reader::new(data);
    let mut objects = Vec::new();
    while let Some(first) = reader.peek() {
        if first == 0x00 {
            let _ = reader.u8();
            continue;
        }
        let tlv = reader.tlv().map_err(|_| StatusWord::WRONG_DATA)?;
        objects.push(data_object(&tlv)?);
    }
    Ok(objects)
}

fn data_object(tlv: &Tlv<'_>) -> Result<DataObject, StatusWord> {
    Ok(DataObject {
        tag: u16::try_from(tlv.tag.0).map_err(|_| StatusWord::REFERENCED_DATA_NOT_FOUND)?,
        value: tlv.value.to_vec(),
    })
}

/// The objects in data groupings 0070.
fn grouped_objects(data: &[u8]) -> Result<Vec<DataObject>, StatusWord> {
    let mut objects = Vec::new();
    for grouping in DgiReader::new(data) {
        let grouping = grouping.map_err(|_| StatusWord::WRONG_DATA)?;
        if grouping.tag != BER_TLV_GROUPING {
            return Err(StatusWord::REFERENCED_DATA_NOT_FOUND);
        }
        objects.extend(data_objects(grouping.data)?);
    }
    Ok(objects)
}
