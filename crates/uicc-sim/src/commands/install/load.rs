//! INSTALL [for load]: announces a load file.

use globalplatform::commands::install::InstallForLoad;
use globalplatform::status_word::StatusWord;

use crate::commands::Domain;
use crate::commands::authority::Function;
use crate::commands::load::Loading;
use crate::memory::LOAD_FILE_BYTES;

impl Domain<'_> {
    pub(super) fn install_for_load(&mut self, install: InstallForLoad) -> Result<(), StatusWord> {
        self.demand_management(Function::Load, install.token.as_deref())?;
        let domain = install.security_domain.unwrap_or(self.aid);
        let domain = self.storage.resolve(domain);
        self.demand_welcome(&domain)?;
        self.demand_reach(&domain)?;
        if self.storage.is_taken(&install.load_file) {
            return Err(StatusWord::CONDITIONS);
        }
        let parameters = &install.parameters;
        if parameters.block_format.is_some() || parameters.block_parameters.is_some() {
            // Only the plain data block of G 11.6.2.3 is understood.
            return Err(StatusWord::WRONG_DATA);
        }
        let known = [parameters.code_size, parameters.non_volatile_size];
        let announced = known.into_iter().flatten().max().unwrap_or(0);
        self.demand_memory(&domain, announced.saturating_add(LOAD_FILE_BYTES))?;
        if !matches!(install.hash.as_ref().map_or(32, Vec::len), 32 | 48 | 64) {
            return Err(StatusWord::WRONG_DATA);
        }
        self.work.loading = Some(Loading::new(install.load_file, domain, install.hash));
        Ok(())
    }
}
