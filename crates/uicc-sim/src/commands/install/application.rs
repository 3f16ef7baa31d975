//! INSTALL [for install]: a new applet instance or security domain.

use globalplatform::aid::Aid;
use globalplatform::commands::confirmation::ManagementResponse;
use globalplatform::commands::install::{
    InstallForInstall, InstallParameters, SecurityDomainParameters,
};
use globalplatform::delegated_management::{ReceiptSubject, SignedCommand};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use scp03::ScpParameters;

use crate::chip::{Application, Content, DOMAIN_MODULE, Image, MemoryLimits, StoredLoadFile};
use crate::commands::Domain;
use crate::commands::authority::Function;
use crate::contactless::Contactless;
use crate::memory::{DOMAIN_BYTES, INSTANCE_BYTES, size};
use crate::security_domain::{Consents, SecurityDomain};

/// SCP03 in tag 81.
const SCP03: u8 = 0x03;

/// What this card can do for an application; it refuses to promise more.
pub(crate) const SUPPORTED_PRIVILEGES: Privileges = Privileges::SECURITY_DOMAIN
    .union(Privileges::DAP_VERIFICATION)
    .union(Privileges::MANDATED_DAP)
    .union(Privileges::DELEGATED_MANAGEMENT)
    .union(Privileges::TOKEN_VERIFICATION)
    .union(Privileges::RECEIPT_GENERATION)
    .union(Privileges::CIPHERED_LOAD_FILE)
    .union(Privileges::CARD_LOCK)
    .union(Privileges::CARD_TERMINATE)
    .union(Privileges::CARD_RESET)
    .union(Privileges::TRUSTED_PATH)
    .union(Privileges::AUTHORIZED_MANAGEMENT)
    .union(Privileges::GLOBAL_DELETE)
    .union(Privileges::GLOBAL_LOCK)
    .union(Privileges::GLOBAL_REGISTRY)
    .union(Privileges::FINAL_APPLICATION);

/// What says something about its holder, or about what is below it, and nothing about the rest of the card.
const OF_ITS_OWN: Privileges = Privileges::SECURITY_DOMAIN
    .union(Privileges::DAP_VERIFICATION)
    .union(Privileges::DELEGATED_MANAGEMENT)
    .union(Privileges::TRUSTED_PATH)
    .union(Privileges::CIPHERED_LOAD_FILE);

/// Privileges that only one entry holds; the ISD has them while nobody else does.
pub(crate) const UNIQUE: [Privileges; 2] = [Privileges::CARD_RESET, Privileges::FINAL_APPLICATION];

impl Domain<'_> {
    pub(super) fn install_application(
        &mut self,
        install: &InstallForInstall,
        signed: &SignedCommand,
    ) -> Result<ManagementResponse, StatusWord> {
        let reference = install.parameters.control_reference.as_ref();
        let authority = self.demand_management(Function::Install, signed, reference)?;
        if install.make_selectable {
            self.demand_function(Function::MakeSelectable)?;
        }
        self.create_application(install)?;
        let subject = ReceiptSubject::Install {
            load_file: install.load_file,
            instance: install.instance,
        };
        Ok(self.confirm(&authority, &subject))
    }

    /// Everything but the question who may do it.
    pub(super) fn create_application(
        &mut self,
        install: &InstallForInstall,
    ) -> Result<(), StatusWord> {
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let file = self
            .storage
            .load_file(&install.load_file)
            .ok_or(not_found)?;
        if !file.modules.contains(&install.module) {
            return Err(not_found);
        }
        let domain = self.domain_for_instances_of(file)?;
        self.demand_personalized(&domain)?;
        if self.storage.is_taken(&install.instance) {
            return Err(StatusWord::CONDITIONS);
        }
        self.demand_privileges(install.privileges, None)?;
        let implicit = &install.parameters.implicit_selection;
        self.demand_implicit_selection(&install.instance, install.privileges, implicit)?;
        let application = self.new_application(install, domain)?;
        self.storage.write().applications.push(application);
        Ok(())
    }

    /// An application inherits the security domain of its load file; the package of security domains serves all.
    fn domain_for_instances_of(&self, file: &StoredLoadFile) -> Result<Aid, StatusWord> {
        if file.in_rom {
            return Ok(self.aid);
        }
        self.demand_reach(&file.aid)?;
        Ok(file.security_domain)
    }

    /// These privileges make sense together, this card offers them, nobody else holds a unique one, and whoever is not
    /// the ISD gives of those that reach beyond their holder only what it has (our decision). `holder` is the entry whose
    /// privileges change.
    ///
    /// # Errors
    /// 6A80, 6985 or 6982.
    pub(super) fn demand_privileges(
        &self,
        privileges: Privileges,
        holder: Option<&Aid>,
    ) -> Result<(), StatusWord> {
        if privileges.check().is_err() || !SUPPORTED_PRIVILEGES.contains(privileges) {
            return Err(StatusWord::WRONG_DATA);
        }
        let others = || {
            let supplementary = self.storage.applications.iter().skip(1);
            supplementary.filter(|a| Some(&a.aid) != holder)
        };
        let is_taken = |p: Privileges| others().any(|a| a.privileges.contains(p));
        if UNIQUE
            .into_iter()
            .any(|p| privileges.contains(p) && is_taken(p))
        {
            return Err(StatusWord::CONDITIONS);
        }
        let held_by = |aid: &Aid| {
            let application = self.storage.application(aid);
            application.map_or(Privileges::NONE, |application| application.privileges)
        };
        let present = holder.map_or(Privileges::NONE, held_by);
        // Nobody gives anything to itself.
        let to_itself = holder == Some(&self.aid);
        let freely = if to_itself {
            Privileges::NONE
        } else {
            OF_ITS_OWN
        };
        let may_have = present | freely | held_by(&self.aid);
        if !self.is_isd() && !may_have.contains(privileges) {
            return Err(StatusWord::SECURITY_STATUS);
        }
        Ok(())
    }

    fn new_application(
        &self,
        install: &InstallForInstall,
        security_domain: Aid,
    ) -> Result<Application, StatusWord> {
        let parameters = &install.parameters;
        let is_domain = install.module == DOMAIN_MODULE;
        if is_domain != install.privileges.contains(Privileges::SECURITY_DOMAIN) {
            return Err(StatusWord::WRONG_DATA);
        }
        let mut limits = limits(parameters)?;
        let (content, overhead, used) = if is_domain {
            let domain = self.new_domain(&parameters.applet)?;
            self.demand_volatile_memory(&security_domain, 0, &mut limits)?;
            (Content::Domain(domain), DOMAIN_BYTES, 0)
        } else {
            let program = self
                .instances
                .programs
                .of(&install.load_file, &install.module);
            self.demand_volatile_memory(&security_domain, program.volatile_bytes(), &mut limits)?;
            let image = program.install(&parameters.applet)?;
            let used = size(image.len());
            (Content::Applet(Image(image)), INSTANCE_BYTES, used)
        };
        if limits.non_volatile_quota.is_some_and(|quota| used > quota) {
            return Err(StatusWord::NO_MEMORY);
        }
        let footprint = used.max(limits.non_volatile_reserved);
        self.demand_memory(&security_domain, footprint.saturating_add(overhead))?;
        let mut application = Application {
            aid: install.instance,
            life_cycle: Application::INSTALLED,
            privileges: install.privileges,
            load_file: Some(install.load_file),
            module: Some(install.module),
            security_domain,
            implicit_selection: Vec::new(),
            limits,
            contactless: Contactless::default(),
            content,
        };
        application.register(&parameters.implicit_selection);
        if install.make_selectable {
            application.make_selectable();
        }
        Ok(application)
    }

    /// Room for `needed` bytes or what is reserved, if that is more; the reservation grows to it.
    fn demand_volatile_memory(
        &self,
        domain: &Aid,
        needed: u32,
        limits: &mut MemoryLimits,
    ) -> Result<(), StatusWord> {
        let reserved = needed.max(limits.volatile_reserved);
        let quota = limits.volatile_quota.unwrap_or(u32::MAX);
        if needed > quota || reserved > self.storage.volatile_available(domain) {
            return Err(StatusWord::NO_MEMORY);
        }
        limits.volatile_reserved = reserved;
        Ok(())
    }

    /// A security domain without keys, as the parameters in C9 describe it.
    fn new_domain(&self, parameters: &[u8]) -> Result<SecurityDomain, StatusWord> {
        let wrong = StatusWord::WRONG_DATA;
        // Zeros between data objects mean nothing (ISO/IEC 7816-4); hosts for any applet send three of them.
        let parameters = match parameters.iter().all(|byte| *byte == 0) {
            true => &[],
            false => parameters,
        };
        let parameters = SecurityDomainParameters::decode(parameters).map_err(|_| wrong)?;
        let scp_i = match parameters.protocols.as_slice() {
            [] => self.storage.domain(&self.aid).ok_or(wrong)?.scp_i,
            [(SCP03, i)] if ScpParameters::new(*i).is_ok() => *i,
            _ => return Err(wrong),
        };
        let agrees = |value: Option<Vec<u8>>| value.is_none_or(|v| v.iter().any(|b| *b != 0));
        let mut domain = SecurityDomain::new(scp_i);
        domain.is_casd = parameters.casd_capability.is_some();
        if domain.is_casd && !self.storage.behaviour.casd {
            return Err(wrong);
        }
        if domain.is_casd && !self.is_isd() {
            // The card believes what a controlling authority certifies: only the issuer says who that is.
            return Err(StatusWord::SECURITY_STATUS);
        }
        domain.becomes_personalized = parameters.becomes_personalized;
        domain.consents = Consents {
            extradition_here: agrees(parameters.accept_extradition_to),
            extradition_away: agrees(parameters.accept_extradition_from),
            deletion: agrees(parameters.accept_deletion),
        };
        Ok(domain)
    }
}

fn limits(parameters: &InstallParameters) -> Result<MemoryLimits, StatusWord> {
    let limits = MemoryLimits {
        volatile_quota: parameters.volatile_quota,
        non_volatile_quota: parameters.non_volatile_quota,
        volatile_reserved: parameters.volatile_reserved.unwrap_or(0),
        non_volatile_reserved: parameters.non_volatile_reserved.unwrap_or(0),
    };
    let fits = |reserved: u32, quota: Option<u32>| quota.is_none_or(|quota| reserved <= quota);
    if fits(limits.volatile_reserved, limits.volatile_quota)
        && fits(limits.non_volatile_reserved, limits.non_volatile_quota)
    {
        Ok(limits)
    } else {
        Err(StatusWord::WRONG_DATA)
    }
}

impl Application {
    /// INSTALLED becomes SELECTABLE, or PERSONALIZED for a domain that was installed to become so by itself.
    pub(super) fn make_selectable(&mut self) {
        let at_once = self
            .domain()
            .is_some_and(|domain| domain.becomes_personalized);
        self.life_cycle = if at_once {
            Self::PERSONALIZED
        } else {
            Self::SELECTABLE
        };
    }
}
