//! From a description to the non-volatile contents of a new card.

use globalplatform::aid::Aid;
use globalplatform::privileges::Privileges;

use super::{CardConfig, ConfigError, Preinstalled, fields};
use crate::applet::programs::Programs;
use crate::chip::{
    Application, Chip, Content, DOMAIN_MODULE, DOMAIN_PACKAGE, Image, MemoryLimits, StoredLoadFile,
};
use crate::contactless::{Contactless, ContactlessRegistry};
use crate::random::Generator;
use crate::security_domain::{KeySet, SecurityDomain};

impl CardConfig {
    /// The new card: the ISD with its keys, the package of security domains, what is preinstalled of these programs.
    ///
    /// # Errors
    /// [`ConfigError::Field`] for a description that is no card.
    pub(crate) fn chip(self, programs: &Programs) -> Result<Chip, ConfigError> {
        self.check()?;
        let mut domain = SecurityDomain::new(self.scp_i);
        let sets = self.isd_key_sets.into_iter();
        domain
            .key_sets
            .extend(sets.map(|set| KeySet::new(set.version, set.keys)));
        let life_cycle = self.life_cycle.byte();
        let isd = Application {
            aid: self.isd_aid,
            life_cycle,
            privileges: isd_privileges(),
            load_file: None,
            module: None,
            security_domain: self.isd_aid,
            implicit_selection: Vec::new(),
            limits: MemoryLimits::default(),
            contactless: Contactless::default(),
            content: Content::Domain(domain),
        };
        let package = in_rom(self.isd_aid, DOMAIN_PACKAGE, DOMAIN_MODULE);
        let mut chip = Chip {
            iccid: self.iccid,
            atr: self.atr,
            kdd: self.kdd,
            cplc: self.cplc.map_or_else(Vec::new, |cplc| cplc.to_vec()),
            memory_bytes: self.memory_bytes,
            life_cycle,
            random: Generator::new(self.seed),
            restrictions: 0,
            aliases: self.isd_aliases,
            contactless: ContactlessRegistry::default(),
            usim: self.usim,
            behaviour: self.behaviour,
            writes: 0,
            applications: vec![isd],
            load_files: vec![package],
        };
        for applet in &self.preinstalled {
            preinstall(&mut chip, self.isd_aid, applet, programs)?;
        }
        fields::memory(&chip)?;
        Ok(chip)
    }
}

fn preinstall(
    chip: &mut Chip,
    isd: Aid,
    applet: &Preinstalled,
    programs: &Programs,
) -> Result<(), ConfigError> {
    let program = programs.of(&applet.package, &applet.module);
    let image = program.install(&[]).map_err(|status| {
        fields::field(
            "preinstalled",
            format!("{} refuses: {status}", applet.module),
        )
    })?;
    chip.applications.push(Application {
        aid: applet.instance,
        life_cycle: Application::SELECTABLE,
        privileges: applet.privileges,
        load_file: Some(applet.package),
        module: Some(applet.module),
        security_domain: isd,
        implicit_selection: Vec::new(),
        limits: MemoryLimits {
            volatile_reserved: program.volatile_bytes(),
            ..MemoryLimits::default()
        },
        contactless: Contactless::default(),
        content: Content::Applet(Image(image)),
    });
    let files = &mut chip.load_files;
    match files.iter_mut().find(|file| file.aid == applet.package) {
        Some(file) if file.modules.contains(&applet.module) => {}
        Some(file) => file.modules.push(applet.module),
        None => files.push(in_rom(isd, applet.package, applet.module)),
    }
    Ok(())
}

fn in_rom(security_domain: Aid, package: Aid, module: Aid) -> StoredLoadFile {
    StoredLoadFile {
        aid: package,
        version: (1, 0),
        modules: vec![module],
        imports: Vec::new(),
        security_domain,
        data_block: Vec::new(),
        in_rom: true,
    }
}

/// What an issuer security domain may do on this card.
fn isd_privileges() -> Privileges {
    Privileges::SECURITY_DOMAIN
        | Privileges::CARD_LOCK
        | Privileges::CARD_TERMINATE
        | Privileges::CARD_RESET
        | Privileges::TRUSTED_PATH
        | Privileges::AUTHORIZED_MANAGEMENT
        | Privileges::TOKEN_VERIFICATION
        | Privileges::GLOBAL_DELETE
        | Privileges::GLOBAL_LOCK
        | Privileges::GLOBAL_REGISTRY
        | Privileges::FINAL_APPLICATION
        | Privileges::RECEIPT_GENERATION
}
