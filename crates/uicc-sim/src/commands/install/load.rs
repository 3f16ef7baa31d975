//! INSTALL [for load]: announces a load file.

use globalplatform::commands::confirmation::ManagementResponse;
use globalplatform::commands::install::InstallForLoad;
use globalplatform::delegated_management::{HashAlgorithm, SignedCommand};
use globalplatform::status_word::StatusWord;

use crate::commands::Domain;
use crate::commands::authority::Function;
use crate::commands::load::{Ending, Loading};
use crate::memory::{LOAD_FILE_BYTES, sum};

impl Domain<'_> {
    pub(super) fn install_for_load(
        &mut self,
        install: InstallForLoad,
        signed: &SignedCommand,
    ) -> Result<ManagementResponse, StatusWord> {
        let reference = install.parameters.control_reference.as_ref();
        let authority = self.demand_management(Function::Load, signed, reference)?;
        self.announce(install, Ending::LastBlock(authority))?;
        super::DONE
    }

    /// Everything but the question who may do it.
    pub(super) fn announce(
        &mut self,
        mut install: InstallForLoad,
        ending: Ending,
    ) -> Result<(), StatusWord> {
        let domain = install.security_domain.unwrap_or(self.aid);
        let domain = self.storage.resolve(domain);
        install.security_domain = Some(domain);
        // Any domain may get it that takes it (G 9.3.2).
        self.demand_agreement(&domain, |consents| consents.extradition_here)?;
        if self.storage.is_taken(&install.load_file) {
            return Err(StatusWord::CONDITIONS);
        }
        let parameters = &install.parameters;
        if parameters.block_format.is_some() || parameters.block_parameters.is_some() {
            // Only the data block of G 11.6.2.3 is understood.
            return Err(StatusWord::WRONG_DATA);
        }
        // This memory makes no difference between code and data: what counts is the sum (G 11.5.2.3.7).
        let known = [parameters.code_size, parameters.non_volatile_size];
        let announced = sum(known.into_iter().flatten());
        self.demand_memory(&domain, announced.saturating_add(LOAD_FILE_BYTES))?;
        let weakest = match &ending {
            Ending::LastBlock(authority) => authority.hash_rule(),
            Ending::Install(_) => None,
        };
        let hash = install.hash.as_ref().map(Vec::len);
        let suits = match (hash.map(HashAlgorithm::from_length), weakest) {
            (Some(None), _) | (None, Some(_)) => false,
            (Some(Some(hash)), Some(weakest)) => weakest.is_met_by(hash),
            (_, None) => true,
        };
        if !suits {
            return Err(StatusWord::WRONG_DATA);
        }
        self.work.loading = Some(Loading::new(install, domain, ending));
        Ok(())
    }
}
