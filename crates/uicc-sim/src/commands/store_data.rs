//! STORE DATA (G 11.11): data objects for the security domain, or blocks for the applet that is being personalised.

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::store_data::{Encryption, StoreData, Structure};
use globalplatform::status_word::StatusWord;

use super::Domain;
use super::data_objects::footprint;
use super::own_data::{OwnData, data_objects};
use crate::channel::Blocks;
use crate::instances::CardPlatform;
use crate::memory::sum;
use crate::operating_system::refusal;
use crate::security_domain::StoredKey;

/// Longest sequence of blocks for a security domain, in bytes.
const DATA_LIMIT: usize = 4096;

impl Domain<'_> {
    /// Takes one block.
    pub(crate) fn store_data(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let block = StoreData::from_apdu(command).map_err(refusal)?;
        let target = self.work.personalising.as_ref().map(|p| p.target);
        if let Some(target) = &target
            && !self.may_still_personalise(target)
        {
            self.work.personalising = None;
            self.instances.abandon_personalisation(target);
            return Err(StatusWord::CONDITIONS);
        }
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

    /// Whether the target of INSTALL [for personalization] is still there, below this domain, not locked, and no applet
    /// that runs on another channel by now (G 6.7).
    fn may_still_personalise(&self, target: &Aid) -> bool {
        let application = self.storage.application(target);
        application.is_some_and(|a| {
            let runs_elsewhere = a.domain().is_none() && self.elsewhere.selected.contains(target);
            a.security_domain == self.aid && !a.is_locked() && !runs_elsewhere
        })
    }

    /// Hands a block to the applet. The personalisation ends with the last block; an error starts the numbers anew.
    fn personalise(&mut self, target: &Aid, block: &StoreData) -> Result<ResponseApdu, StatusWord> {
        let level = self.level.ok_or(StatusWord::SECURITY_STATUS)?;
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
        if block.encryption == Encryption::Encrypted && block.structure != Structure::Dgi {
            // In data groupings the keys are encrypted, and each of them for itself.
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
        let data = match block.structure {
            // What is not in data groupings is BER-TLV, said or not (G 11.11.2.3); GPShell and Py-GP do not say it.
            Structure::BerTlv | Structure::None => OwnData {
                objects: data_objects(&blocks.data)?,
                ..OwnData::default()
            },
            Structure::Dgi => OwnData::of_groupings(&blocks.data, self.dek)?,
        };
        self.take_own_data(domain, data, block.case4)
    }

    /// Objects and keys are stored together or not at all; a key agreement stands alone.
    fn take_own_data(
        &mut self,
        domain: &Aid,
        data: OwnData,
        case4: bool,
    ) -> Result<ResponseApdu, StatusWord> {
        if let Some(agreement) = data.agreement {
            if !data.objects.is_empty() || !data.keys.is_empty() {
                return Err(StatusWord::WRONG_DATA);
            }
            if !case4 {
                // There is something to answer (G 11.11.2.1).
                return Err(StatusWord::WRONG_P1P2);
            }
            self.demand_control_of_keys(domain)?;
            return self.agree_keys(domain, &agreement);
        }
        self.demand_objects(domain, &data.objects)?;
        if !data.keys.is_empty() {
            self.demand_control_of_keys(domain)?;
            let objects = data.objects.iter().map(footprint);
            let keys = data.keys.iter().map(StoredKey::footprint);
            // Somewhat more than needed where something is replaced.
            self.demand_memory(domain, sum(objects.chain(keys)))?;
            self.store_keys(domain, &[], data.keys)?;
        }
        self.keep_objects(domain, data.objects);
        Ok(ResponseApdu::ok())
    }

    /// Keys of a domain that has its own are out of its parent's control (G 7.1), by whatever way: nobody knows
    /// who is at the other end of a key agreement.
    fn demand_control_of_keys(&self, domain: &Aid) -> Result<(), StatusWord> {
        if *domain != self.aid && self.storage.has_keys_of_its_own(domain) {
            return Err(StatusWord::CONDITIONS);
        }
        Ok(())
    }
}
