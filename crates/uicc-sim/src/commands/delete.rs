//! DELETE (G 11.2): applications, load files, key sets.

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::confirmation::ManagementResponse;
use globalplatform::commands::delete::{Delete, DeleteKey, Deletion};
use globalplatform::delegated_management::{ReceiptSubject, SignedCommand, token_input};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;

use super::Domain;
use super::authority::Function;
use crate::operating_system::refusal;
use crate::security_domain::KeySet;

/// P2 of a DELETE for keys that may take the last set; hosts for other products send it, and it means nothing here.
const LAST_SET_TOO: u8 = 0x01;

impl Domain<'_> {
    /// Deletes content or keys.
    pub(crate) fn delete(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let is_key = matches!(command.data.first(), Some(0xD0 | 0xD2));
        let command = CommandApdu {
            p2: if is_key {
                command.p2 & !LAST_SET_TOO
            } else {
                command.p2
            },
            ..command.clone()
        };
        match Deletion::from_apdu(&command).map_err(refusal)? {
            Deletion::Key(key) => {
                self.delete_keys(key)?;
                Ok(ResponseApdu::with_data([0x00]))
            }
            Deletion::Content(content) => {
                let signed = token_input(&command).map_err(refusal)?;
                let response = self.delete_content(&content, &signed)?;
                Ok(ResponseApdu::with_data(response.encode()))
            }
        }
    }

    /// One key, or all with an identifier or a version (G 11.2.2.3.2).
    fn delete_keys(&mut self, which: DeleteKey) -> Result<(), StatusWord> {
        let goes = |(version, id): (u8, u8)| {
            which.version.is_none_or(|v| v == version) && which.id.is_none_or(|i| i == id)
        };
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let domain = self.storage.domain(&self.aid).ok_or(not_found)?;
        if !domain.keys().iter().any(|key| goes(key.place())) {
            return Err(not_found);
        }
        let stays = |set: &KeySet| !KeySet::IDS.iter().any(|id| goes((set.version, *id)));
        let has_sets = !domain.key_sets.is_empty();
        if self.storage.serves(&self.aid) && has_sets && !domain.key_sets.iter().any(stays) {
            // Nobody could reach a card without any key set again, and who is above a PERSONALIZED domain would open it.
            return Err(StatusWord::CONDITIONS);
        }
        if let Some(domain) = self.storage.write().domain_mut(&self.aid) {
            domain.remove_keys(goes);
        }
        Ok(())
    }

    fn delete_content(
        &mut self,
        delete: &Delete,
        signed: &SignedCommand,
    ) -> Result<ManagementResponse, StatusWord> {
        let aid = self.storage.resolve(delete.aid);
        self.demand_function(Function::Delete)?;
        if self.storage.associated_domain(&aid).is_none() {
            return Err(StatusWord::REFERENCED_DATA_NOT_FOUND);
        }
        self.demand_manager(Function::Delete)?;
        self.demand_removal(&aid)?;
        let authority = self.demand_token(signed, delete.control_reference.as_ref())?;
        if self.storage.load_file(&aid).is_some() {
            self.delete_load_file(aid, delete.related)?;
        } else {
            self.demand_deletable(&aid)?;
            self.remove_application(&aid);
        }
        Ok(self.confirm(&authority, &ReceiptSubject::Delete { aid }))
    }

    fn delete_load_file(&mut self, aid: Aid, related: bool) -> Result<(), StatusWord> {
        let file = self.storage.load_file(&aid);
        if file.is_none_or(|file| file.in_rom) {
            return Err(StatusWord::CONDITIONS);
        }
        if self
            .storage
            .load_files
            .iter()
            .any(|f| f.imports.contains(&aid))
        {
            return Err(StatusWord::CONDITIONS);
        }
        let instances: Vec<Aid> = self
            .storage
            .applications
            .iter()
            .filter(|a| a.load_file == Some(aid))
            .map(|a| a.aid)
            .collect();
        if !instances.is_empty() && !related {
            return Err(StatusWord::CONDITIONS);
        }
        for instance in &instances {
            // An instance may have been extradited out of reach of who owns its load file.
            self.demand_removal(instance)?;
            self.demand_deletable(instance)?;
        }
        for instance in &instances {
            self.remove_application(instance);
        }
        self.storage.write().load_files.retain(|f| f.aid != aid);
        Ok(())
    }

    /// The entry is below this domain, and the domain that it belongs to lets it be deleted. Global Delete stands for both
    /// (G 9.5.1).
    fn demand_removal(&self, entry: &Aid) -> Result<(), StatusWord> {
        if self.holds(Privileges::GLOBAL_DELETE) {
            return Ok(());
        }
        self.demand_reach(entry)?;
        let domain = self.storage.associated_domain(entry);
        let domain = domain.ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        self.demand_agreement(&domain, |consents| consents.deletion)
    }

    /// Nothing depends on the application: it is not in use on any channel, and a domain has no content left.
    fn demand_deletable(&self, aid: &Aid) -> Result<(), StatusWord> {
        let has_content = self
            .storage
            .applications
            .iter()
            .any(|a| a.security_domain == *aid && a.aid != *aid)
            || self
                .storage
                .load_files
                .iter()
                .any(|f| f.security_domain == *aid);
        let in_use = *aid == self.aid
            || self.elsewhere.selected.contains(aid)
            || self.elsewhere.personalised.contains(aid);
        if self.storage.is_isd(aid) || has_content || in_use {
            Err(StatusWord::CONDITIONS)
        } else {
            Ok(())
        }
    }

    fn remove_application(&mut self, aid: &Aid) {
        self.work.personalising.take_if(|p| p.target == *aid);
        self.instances.remove(aid);
        self.storage.write().applications.retain(|a| a.aid != *aid);
    }
}
