//! INSTALL [for load, install and make selectable] (G 9.3.8, 11.5.2.2): one command before the blocks of the load file, one
//! after them. Nothing is on the card until the last one.

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::confirmation::ManagementResponse;
use globalplatform::commands::install::{
    CombinedInstall, CombinedInstallEnd, InstallForInstall, InstallForLoad,
};
use globalplatform::delegated_management::{ReceiptSubject, combined_token_input};
use globalplatform::status_word::StatusWord;

use crate::commands::Domain;
use crate::commands::authority::Function;
use crate::commands::delegation::Authority;
use crate::commands::load::{Ending, Loading};
use crate::operating_system::refusal;

impl Domain<'_> {
    pub(super) fn install_combined(
        &mut self,
        install: CombinedInstall,
        command: &CommandApdu,
    ) -> Result<ManagementResponse, StatusWord> {
        let loading = self.work.loading.take();
        for function in [Function::Load, Function::Install, Function::MakeSelectable] {
            self.demand_manager(function)?;
        }
        match install {
            CombinedInstall::Begin(load) => self.begin_combined(load, command),
            CombinedInstall::End(end) => {
                self.end_combined(&end, loading.ok_or(StatusWord::CONDITIONS)?, command)
            }
        }
    }

    /// The token comes with the last command and covers both.
    fn begin_combined(
        &mut self,
        load: InstallForLoad,
        command: &CommandApdu,
    ) -> Result<ManagementResponse, StatusWord> {
        if load.token.as_ref().is_some_and(|token| !token.is_empty()) {
            return Err(StatusWord::WRONG_DATA);
        }
        // The instance belongs where the load file does, so that has to be within reach already.
        let domain = self
            .storage
            .resolve(load.security_domain.unwrap_or(self.aid));
        self.demand_reach(&domain)?;
        self.announce(load, Ending::Install(command.clone()))?;
        super::DONE
    }

    fn end_combined(
        &mut self,
        end: &CombinedInstallEnd,
        loading: Loading,
        command: &CommandApdu,
    ) -> Result<ManagementResponse, StatusWord> {
        let wrong = StatusWord::WRONG_DATA;
        let conditions = StatusWord::CONDITIONS;
        let (file, begin) = loading.into_whole().ok_or(conditions)?;
        let signed = combined_token_input(&begin.command, command).map_err(refusal)?;
        let reference = end.parameters.control_reference.as_ref();
        let authority = self.demand_token(&signed, reference)?;
        if let Authority::Token(token) = &authority {
            let weakest = token.weakest_hash;
            let hash = begin.hash.ok_or(wrong)?;
            if !weakest.is_met_by(hash) {
                return Err(wrong);
            }
        }
        if end.load_file.is_some_and(|aid| aid != file.aid) {
            return Err(wrong);
        }
        let module = match (end.module, file.modules.as_slice()) {
            (Some(module), _) => module,
            (None, [only]) => *only,
            (None, _) => return Err(wrong),
        };
        let install = InstallForInstall {
            load_file: file.aid,
            module,
            instance: end.instance,
            privileges: end.privileges,
            parameters: end.parameters.clone(),
            token: None,
            make_selectable: true,
        };
        let subject = ReceiptSubject::Combined {
            load_file: file.aid,
            instance: end.instance,
            security_domain: file.security_domain,
        };
        self.demand_load_file(&file)?;
        self.storage.write().load_files.push(file);
        self.create_application(&install)?;
        Ok(self.confirm(&authority, &subject))
    }
}
