//! INSTALL, LOAD, DELETE.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::install::{
    InstallForExtradition, InstallForMakeSelectable, InstallForPersonalization,
    InstallForRegistryUpdate, RegistryParameters,
};
use globalplatform::commands::load::Load;
use globalplatform::privileges::Privileges;

use super::actors::{LOCKED_INSTANCE, LOCKED_SSD, OWN_INSTANCE, OWN_MODULE, OWN_PACKAGE};
use super::rules::{
    CONDITIONS, Cell, ISSUERS_OWN, Kind, MANAGES, NOT_FOUND, Row, Rule, SECURITY, TAKEN,
    WITHOUT_TOKEN, WRONG_DATA, WRONG_P1P2,
};
use crate::terminal::*;

const NEW: Aid = Aid::from_slice_const(&[0xF0, 0x0B, 0x0B, 0x0B, 0x0B]);
const UNKNOWN: Aid = Aid::from_slice_const(&[0xF0, 0x0C, 0x0C, 0x0C, 0x0C]);

/// javacard.framework.
const FRAMEWORK: Aid = Aid::from_slice_const(&[0xA0, 0x00, 0x00, 0x00, 0x62, 0x01, 0x01]);

/// What is to happen concerns a locked domain.
const LOCKED: Rule = always(
    "5.3.2.4: LOCKED, no association, no extradition, no services",
    CONDITIONS,
);

/// A rule that refuses whoever comes so far.
const fn always(why: &'static str, sw: globalplatform::status_word::StatusWord) -> Rule {
    (why, |_| true, sw)
}

pub fn rows() -> Vec<Row> {
    let content = |name, command, rules: &[&[Rule]]| Row::new(name, Kind::Content, command, rules);
    let mut rows = vec![
        content(
            "INSTALL [for load]",
            || install_for_load(NEW, None, None).to_apdu(),
            &[MANAGES, WITHOUT_TOKEN],
        ),
        content(
            "INSTALL [for load], AID taken",
            || install_for_load(PACKAGE, None, None).to_apdu(),
            &[
                MANAGES,
                WITHOUT_TOKEN,
                &[always("9.3.5: the AID is new", CONDITIONS)],
            ],
        ),
        content(
            "INSTALL [for load] with a token",
            with_token,
            &[
                MANAGES,
                &[
                    (
                        "C.4: not genuine",
                        |cell| cell.holds(Privileges::DELEGATED_MANAGEMENT),
                        SECURITY,
                    ),
                    always("6: no token is due", WRONG_DATA),
                ],
            ],
        ),
        content(
            "INSTALL [for load] for another domain",
            || install_for_load(NEW, Some(OTHER_SSD), None).to_apdu(),
            &[MANAGES, WITHOUT_TOKEN],
        ),
        content(
            "INSTALL [for load] for a locked domain",
            || install_for_load(NEW, Some(LOCKED_SSD), None).to_apdu(),
            &[MANAGES, WITHOUT_TOKEN, &[LOCKED]],
        ),
        content(
            "INSTALL [for load], AID of the platform's",
            || install_for_load(FRAMEWORK, None, None).to_apdu(),
            &[
                MANAGES,
                WITHOUT_TOKEN,
                &[always("9.3.5: the AID is new", CONDITIONS)],
            ],
        ),
        content(
            "INSTALL [for load] for nobody",
            || install_for_load(NEW, Some(UNKNOWN), None).to_apdu(),
            &[
                MANAGES,
                WITHOUT_TOKEN,
                &[always("11.5: no such domain", NOT_FOUND)],
            ],
        ),
        content(
            "INSTALL [for load] with a hash of no length",
            || install_for_load(NEW, None, Some(vec![0; 21])).to_apdu(),
            &[MANAGES, WITHOUT_TOKEN, &[always("C.2", WRONG_DATA)]],
        ),
        content(
            "LOAD",
            load,
            &[&[always("11.6: nothing announced", CONDITIONS)]],
        ),
        content(
            "INSTALL [for nothing]",
            || CommandApdu::new(0x80, 0xE6, 0x01, 0x00).with_data([0; 6]),
            &[&[always("Table 11-41", WRONG_P1P2)]],
        ),
    ];
    rows.extend(installations());
    rows.extend(registry());
    rows.extend(deletions());
    rows
}

fn with_token() -> CommandApdu {
    let mut install = install_for_load(NEW, None, Some(vec![0; 32]));
    install.token = Some(vec![0x5A; 16]);
    install.to_apdu()
}

fn load() -> CommandApdu {
    Load {
        last: false,
        block_number: 0,
        block: vec![0xC4, 0x20],
    }
    .to_apdu()
}

fn with_privileges(privileges: Privileges) -> CommandApdu {
    let mut install = install_applet(OWN_PACKAGE, OWN_MODULE, NEW);
    install.privileges = privileges;
    install.to_apdu()
}

fn installations() -> Vec<Row> {
    let content = |name, command, rules: &[&[Rule]]| {
        Row::new(
            name,
            Kind::Content,
            command,
            &[&[MANAGES, WITHOUT_TOKEN].concat(), &rules.concat()],
        )
    };
    vec![
        content(
            "INSTALL [for install] from its own",
            || install_applet(OWN_PACKAGE, OWN_MODULE, NEW).to_apdu(),
            &[],
        ),
        content(
            "INSTALL [for install] from the issuer's",
            || install_applet(PACKAGE, MODULE, NEW).to_apdu(),
            &[ISSUERS_OWN],
        ),
        content(
            "INSTALL [for install] from nothing",
            || install_applet(UNKNOWN, MODULE, NEW).to_apdu(),
            &[&[always("9.3.6: no such load file", NOT_FOUND)]],
        ),
        content(
            "INSTALL [for install] of no module",
            || install_applet(OWN_PACKAGE, MODULE, NEW).to_apdu(),
            &[&[always("9.3.6: no such module", NOT_FOUND)]],
        ),
        content(
            "INSTALL [for install], AID taken",
            || install_applet(OWN_PACKAGE, OWN_MODULE, INSTANCE).to_apdu(),
            &[&[always("9.3.6: the AID is free", CONDITIONS)]],
        ),
        content(
            "INSTALL [for install] with Trusted Path for no domain",
            || with_privileges(Privileges::TRUSTED_PATH),
            &[&[always("Table 6-1", WRONG_DATA)]],
        ),
        content(
            "INSTALL [for install] with Global Lock",
            || with_privileges(Privileges::GLOBAL_LOCK),
            &[&[(
                "our decision: nobody gives what it has not and what reaches beyond the holder",
                |cell| !cell.holds(Privileges::GLOBAL_LOCK),
                SECURITY,
            )]],
        ),
        content(
            "INSTALL [for install] of a domain",
            || install_ssd(NEW, Privileges::SECURITY_DOMAIN, None).to_apdu(),
            &[],
        ),
        content(
            "INSTALL [for install] of a domain with Delegated Management and DAP Verification",
            || {
                let privileges = Privileges::SECURITY_DOMAIN
                    | Privileges::DELEGATED_MANAGEMENT
                    | Privileges::DAP_VERIFICATION;
                install_ssd(NEW, privileges, None).to_apdu()
            },
            &[],
        ),
        content(
            "INSTALL [for install] of a domain with Mandated DAP Verification",
            || {
                let privileges = Privileges::SECURITY_DOMAIN
                    | Privileges::DAP_VERIFICATION
                    | Privileges::MANDATED_DAP;
                install_ssd(NEW, privileges, None).to_apdu()
            },
            &[&[(
                "our decision: nobody gives what it has not and what reaches beyond the holder",
                |cell| !cell.is_isd(),
                SECURITY,
            )]],
        ),
        content(
            "INSTALL [for install] of a controlling authority's domain",
            || {
                let mut install = install_ssd(NEW, Privileges::SECURITY_DOMAIN, None);
                install.parameters.applet.extend([0x86, 0x02, 0x01, 0x00]);
                install.to_apdu()
            },
            &[&[(
                "our decision: the issuer says who that is",
                |cell| !cell.is_isd(),
                SECURITY,
            )]],
        ),
        content(
            "INSTALL [for make selectable] of its own",
            || InstallForMakeSelectable::new(OWN_INSTANCE).to_apdu(),
            &[&[always("5: it is SELECTABLE already", CONDITIONS)]],
        ),
        content(
            "INSTALL [for make selectable] of nothing",
            || InstallForMakeSelectable::new(UNKNOWN).to_apdu(),
            &[&[always("11.5", NOT_FOUND)]],
        ),
    ]
}

fn extradite(aid: Aid, to: Aid) -> CommandApdu {
    InstallForExtradition {
        security_domain: to,
        aid,
        parameters: RegistryParameters::default(),
        token: None,
    }
    .to_apdu()
}

fn update(aid: Option<Aid>, parameters: RegistryParameters) -> CommandApdu {
    InstallForRegistryUpdate {
        aid,
        parameters,
        ..InstallForRegistryUpdate::default()
    }
    .to_apdu()
}

fn implicit() -> RegistryParameters {
    RegistryParameters {
        implicit_selection: vec![0x41],
        ..RegistryParameters::default()
    }
}

fn restricting() -> RegistryParameters {
    RegistryParameters {
        restrictions: Some(0x01),
        ..RegistryParameters::default()
    }
}

fn registry() -> Vec<Row> {
    let content = |name, command, rules: &[&[Rule]]| {
        Row::new(
            name,
            Kind::Content,
            command,
            &[&[MANAGES, WITHOUT_TOKEN].concat(), &rules.concat()],
        )
    };
    let plain = |name, command, rules: &[&[Rule]]| Row::new(name, Kind::Content, command, rules);
    vec![
        content(
            "INSTALL [for extradition] of its own",
            || extradite(OWN_INSTANCE, OTHER_SSD),
            &[],
        ),
        content(
            "INSTALL [for extradition] of the issuer's",
            || extradite(INSTANCE, OTHER_SSD),
            &[ISSUERS_OWN],
        ),
        content(
            "INSTALL [for extradition] to a locked domain",
            || extradite(OWN_INSTANCE, LOCKED_SSD),
            &[&[LOCKED]],
        ),
        content(
            "INSTALL [for extradition] of a locked domain's",
            || extradite(LOCKED_INSTANCE, OTHER_SSD),
            &[ISSUERS_OWN, &[LOCKED]],
        ),
        content(
            "INSTALL [for make selectable] of a locked domain's",
            || InstallForMakeSelectable::new(LOCKED_INSTANCE).to_apdu(),
            &[ISSUERS_OWN, &[LOCKED]],
        ),
        content(
            "INSTALL [for registry update] of a locked domain's",
            || update(Some(LOCKED_INSTANCE), implicit()),
            &[ISSUERS_OWN, &[LOCKED]],
        ),
        content(
            "INSTALL [for extradition] to no domain",
            || extradite(OWN_INSTANCE, INSTANCE),
            &[&[always("9.4.1: an SD", NOT_FOUND)]],
        ),
        content(
            "INSTALL [for extradition] of nothing",
            || extradite(UNKNOWN, OTHER_SSD),
            &[&[always("9.4.1", NOT_FOUND)]],
        ),
        content(
            "INSTALL [for registry update] of its own",
            || update(Some(OWN_INSTANCE), implicit()),
            &[],
        ),
        content(
            "INSTALL [for registry update] of the issuer's",
            || update(Some(INSTANCE), implicit()),
            &[ISSUERS_OWN],
        ),
        content(
            "INSTALL [for registry update] of nothing",
            || update(Some(UNKNOWN), implicit()),
            &[&[always("9.4.2", NOT_FOUND)]],
        ),
        content(
            "INSTALL [for registry update] restricting an applet",
            || update(Some(OWN_INSTANCE), restricting()),
            &[&[always("9.4.2: no domain", WRONG_DATA)]],
        ),
        content(
            "INSTALL [for registry update] restricting the card",
            || update(None, restricting()),
            &[&[(
                "9.4.2.1: Global Lock",
                |cell| !cell.holds(Privileges::GLOBAL_LOCK),
                SECURITY,
            )]],
        ),
        plain(
            "INSTALL [for personalization] of its own",
            || {
                InstallForPersonalization {
                    instance: OWN_INSTANCE,
                }
                .to_apdu()
            },
            &[&[
                TAKEN,
                (
                    "6.7: associated, with Trusted Path",
                    personalises_nobody,
                    SECURITY,
                ),
                (
                    "10.1: PERSONALIZED",
                    |cell| !cell.actor.personalized,
                    CONDITIONS,
                ),
            ]],
        ),
        plain(
            "INSTALL [for personalization] of nothing",
            || InstallForPersonalization { instance: UNKNOWN }.to_apdu(),
            &[&[TAKEN, always("11.5", NOT_FOUND)]],
        ),
    ]
}

/// The issuer's domain has [`OWN_INSTANCE`] when it is the actor itself.
fn personalises_nobody(cell: &Cell) -> bool {
    !cell.holds(Privileges::TRUSTED_PATH)
}

fn deletions() -> Vec<Row> {
    let content = |name, command, rules: &[&[Rule]]| Row::new(name, Kind::Content, command, rules);
    let deletes: &[Rule] = &[
        TAKEN,
        (
            "9.5: PERSONALIZED",
            |cell| !cell.is_isd() && !cell.actor.personalized,
            CONDITIONS,
        ),
        (
            "9.5.1: Authorized or Delegated Management",
            cannot_delete,
            SECURITY,
        ),
        (
            "C.4.7: a token",
            |cell| cell.holds(Privileges::DELEGATED_MANAGEMENT),
            SECURITY,
        ),
    ];
    let reaches: &[Rule] = &[(
        "5: not below this domain",
        |cell| !cell.is_isd() && !cell.holds(Privileges::GLOBAL_DELETE),
        SECURITY,
    )];
    vec![
        content(
            "DELETE its own instance",
            || delete(OWN_INSTANCE, false),
            &[deletes],
        ),
        content(
            "DELETE its own load file",
            || delete(OWN_PACKAGE, false),
            &[deletes, &[always("9.5: it has an instance", CONDITIONS)]],
        ),
        content(
            "DELETE its own load file and instances",
            || delete(OWN_PACKAGE, true),
            &[deletes],
        ),
        content(
            "DELETE the issuer's instance",
            || delete(INSTANCE, false),
            &[deletes, reaches],
        ),
        content(
            "DELETE a locked domain's instance",
            || delete(LOCKED_INSTANCE, false),
            &[deletes, reaches],
        ),
        content(
            "DELETE the issuer's domain",
            || delete(ISD, false),
            &[deletes, reaches, &[always("9.5", CONDITIONS)]],
        ),
        content(
            "DELETE nothing",
            || delete(UNKNOWN, false),
            &[&[TAKEN, always("Table 11-26", NOT_FOUND)]],
        ),
        content(
            "DELETE without an AID",
            || CommandApdu::new(0x80, 0xE4, 0x00, 0x00).with_data([0x4F, 0x00]),
            &[&[always("Table 11-23", WRONG_DATA)]],
        ),
    ]
}

fn cannot_delete(cell: &Cell) -> bool {
    let rights = Privileges::AUTHORIZED_MANAGEMENT | Privileges::DELEGATED_MANAGEMENT;
    !cell.actor.privileges.intersects(rights)
}
