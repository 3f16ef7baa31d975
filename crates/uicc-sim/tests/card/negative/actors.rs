//! Who sends the commands, and the card it finds.
//!
//! Below the actor: load file [`OWN_PACKAGE`], instance [`OWN_INSTANCE`] of it. Elsewhere, below the issuer's domain: the
//! domain [`OTHER_SSD`], load file [`PACKAGE`] with [`INSTANCE`], and the locked domain [`LOCKED_SSD`] with
//! [`LOCKED_INSTANCE`], which is INSTALLED.

use globalplatform::aid::Aid;
use globalplatform::commands::install::{
    InstallForExtradition, InstallForRegistryUpdate, RegistryParameters,
};
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;

use crate::terminal::*;

pub const OWN_PACKAGE: Aid = Aid::from_slice_const(&[0xF0, 0x0A, 0x0A, 0x0A, 0x0A, 0x00]);
pub const OWN_MODULE: Aid = Aid::from_slice_const(&[0xF0, 0x0A, 0x0A, 0x0A, 0x0A, 0x01]);
pub const OWN_INSTANCE: Aid = Aid::from_slice_const(&[0xF0, 0x0A, 0x0A, 0x0A, 0x0A, 0x02]);

pub const LOCKED_SSD: Aid = Aid::from_slice_const(&[0xF0, 0x0D, 0x0D, 0x0D, 0x0D, 0x00]);
pub const LOCKED_INSTANCE: Aid = Aid::from_slice_const(&[0xF0, 0x0D, 0x0D, 0x0D, 0x0D, 0x01]);

/// A security domain.
#[derive(Debug, Clone, Copy)]
pub struct Actor {
    pub aid: Aid,
    pub is_isd: bool,
    pub privileges: Privileges,
    /// Else SELECTABLE.
    pub personalized: bool,
    /// It was locked after its session began.
    pub locked: bool,
    /// The issuer took every function from it (D9).
    pub restricted: bool,
}

const DOMAIN: Privileges = Privileges::SECURITY_DOMAIN;
const PATH: Privileges = DOMAIN.union(Privileges::TRUSTED_PATH);

impl Actor {
    /// The issuer's.
    pub const ISD: Self = Self {
        aid: ISD,
        is_isd: true,
        privileges: Privileges([0x9C, 0xFE, 0x80]),
        personalized: true,
        locked: false,
        restricted: false,
    };
    /// One without any right.
    pub const PLAIN: Self = Self::with(DOMAIN);
    /// One with Authorized Management.
    pub const MANAGER: Self = Self::with(PATH.union(Privileges::AUTHORIZED_MANAGEMENT));

    const fn with(privileges: Privileges) -> Self {
        Self {
            aid: SSD,
            is_isd: false,
            privileges,
            personalized: true,
            locked: false,
            restricted: false,
        }
    }

    /// Every kind, PERSONALIZED and SELECTABLE; some of them locked.
    pub fn all() -> Vec<Self> {
        let manager = Self::MANAGER.privileges;
        let rights = [
            Privileges::DELEGATED_MANAGEMENT,
            Privileges::GLOBAL_DELETE,
            Privileges::GLOBAL_LOCK,
            Privileges::GLOBAL_REGISTRY,
            Privileges::CARD_LOCK,
            Privileges::CARD_TERMINATE,
        ];
        let mut domains = vec![Self::PLAIN, Self::with(PATH), Self::MANAGER];
        domains.extend(rights.map(|right| Self::with(PATH.union(right))));
        domains.push(Self::with(manager.union(Privileges::GLOBAL_LOCK)));
        domains.push(Self::with(manager.union(Privileges::GLOBAL_DELETE)));
        let raw = domains.iter().map(|actor| Self {
            personalized: false,
            ..*actor
        });
        let raw: Vec<Self> = raw.collect();
        let all_rights = manager | Privileges::GLOBAL_LOCK | Privileges::CARD_TERMINATE;
        let locked = [Self::PLAIN, Self::MANAGER, Self::with(all_rights)].map(|actor| Self {
            locked: true,
            ..actor
        });
        let restricted = [Self::PLAIN, Self::with(all_rights)].map(|actor| Self {
            restricted: true,
            ..actor
        });
        [
            vec![Self::ISD],
            domains,
            raw,
            locked.into(),
            restricted.into(),
        ]
        .concat()
    }
}

/// A card with the actor and everything that the commands name.
pub fn world(actor: Actor, card: CardLifeCycle) -> Terminal {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let mut install = install_ssd(SSD, actor_privileges(actor), None);
    if !actor.personalized {
        install.parameters.applet = vec![0x81, 0x02, 0x03, 0x70];
    }
    isd.ok(&mut t, &install.to_apdu());
    isd.ok(
        &mut t,
        &install_ssd(OTHER_SSD, ssd_privileges(), None).to_apdu(),
    );
    for (package, module, instance) in [
        (PACKAGE, MODULE, INSTANCE),
        (OWN_PACKAGE, OWN_MODULE, OWN_INSTANCE),
    ] {
        isd.ok(&mut t, &install_for_load(package, None, None).to_apdu());
        let file = load_file_structure(&data_block(package, &[module], &[], 20));
        assert_eq!(isd.load(&mut t, &file), StatusWord::OK);
        isd.ok(&mut t, &install_applet(package, module, instance).to_apdu());
    }
    if actor.personalized && !actor.is_isd {
        give(&mut t, &mut isd, OWN_INSTANCE, SSD);
        give(&mut t, &mut isd, OWN_PACKAGE, SSD);
    }
    let domain = install_ssd(LOCKED_SSD, ssd_privileges(), None);
    isd.ok(&mut t, &domain.to_apdu());
    let mut install = install_applet(PACKAGE, MODULE, LOCKED_INSTANCE);
    install.make_selectable = false;
    isd.ok(&mut t, &install.to_apdu());
    give(&mut t, &mut isd, LOCKED_INSTANCE, LOCKED_SSD);
    isd.ok(&mut t, &set_status(LOCKED_SSD, 0x80));
    if actor.restricted {
        let mut update = InstallForRegistryUpdate {
            aid: Some(SSD),
            ..InstallForRegistryUpdate::default()
        };
        update.parameters.restrictions = Some(0x7F);
        isd.ok(&mut t, &update.to_apdu());
    }
    t.in_state(card, |state| {
        if !actor.personalized {
            // Nothing is extradited to a domain that is not PERSONALIZED; it may have been before.
            state.associate(OWN_INSTANCE, SSD);
            state.associate(OWN_PACKAGE, SSD);
        }
    })
}

const fn actor_privileges(actor: Actor) -> Privileges {
    if actor.is_isd { PATH } else { actor.privileges }
}

fn give(t: &mut Terminal, isd: &mut Session, aid: Aid, domain: Aid) {
    let extradite = InstallForExtradition {
        security_domain: domain,
        aid,
        parameters: RegistryParameters::default(),
        token: None,
    };
    isd.ok(t, &extradite.to_apdu());
}
