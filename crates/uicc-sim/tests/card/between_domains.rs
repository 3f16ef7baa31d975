//! What security domains may do to one another: consents, restrictions, and what a locked domain does no longer.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::control_reference::ControlReference;
use globalplatform::commands::install::{
    InstallForExtradition, InstallForInstall, InstallForRegistryUpdate, RegistryParameters,
};
use globalplatform::commands::load::load_blocks;
use globalplatform::delegated_management::{SignableCommand, sign};
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::load_file::{DapBlock, LoadFileStructure};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;
use scp03::content_management_mac::{DapKey, TokenKey};
use sha2::{Digest, Sha256};

use crate::delegation::{aes_field, put_key};
use crate::terminal::*;

const SECURITY: StatusWord = StatusWord(0x6982);
const CONDITIONS: StatusWord = StatusWord(0x6985);
const NO_MEMORY: StatusWord = StatusWord(0x6A84);
const NOT_FOUND: StatusWord = StatusWord(0x6A88);

const LOCK: u8 = 0x80;
const UNLOCK: u8 = 0x00;

fn manager() -> Privileges {
    ssd_privileges() | Privileges::AUTHORIZED_MANAGEMENT
}

fn delegate() -> Privileges {
    ssd_privileges() | Privileges::DELEGATED_MANAGEMENT
}

/// A domain with more parameters in C9.
fn domain(aid: Aid, privileges: Privileges, parameters: &[u8]) -> InstallForInstall {
    let mut install = install_ssd(aid, privileges, None);
    install.parameters.applet.extend(parameters);
    install
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

fn restrict(aid: Aid, bits: u8) -> CommandApdu {
    let mut update = InstallForRegistryUpdate {
        aid: Some(aid),
        ..InstallForRegistryUpdate::default()
    };
    update.parameters.restrictions = Some(bits);
    update.to_apdu()
}

fn signed<C: SignableCommand>(mut command: C) -> CommandApdu {
    sign(&mut command, &TokenKey::from_bytes(&[0x70; 16]).unwrap()).unwrap();
    command.command()
}

fn of_token(identifier: &[u8]) -> Option<ControlReference> {
    Some(ControlReference {
        token_identifier: Some(identifier.to_vec()),
        ..ControlReference::default()
    })
}

fn foreign_hash() -> Option<Vec<u8>> {
    Some(Sha256::digest(foreign()).to_vec())
}

/// A session of a domain that has the issuer's keys.
fn session(t: &mut Terminal, aid: Aid) -> Session {
    t.open(aid, &isd_keys(), 0x30, SecurityLevel::Full)
}

/// The foreign package with an instance in SSD.
fn with_content_in_ssd(t: &mut Terminal) {
    let mut isd = t.isd();
    let load = install_for_load(PACKAGE, Some(SSD), None);
    isd.ok(t, &load.to_apdu());
    let sw = isd.load(t, &load_file_structure(&foreign()));
    assert_eq!(sw, StatusWord::OK);
    isd.ok(t, &install_applet(PACKAGE, MODULE, INSTANCE).to_apdu());
}

#[test]
fn a_domain_that_lets_nothing_go_keeps_itself_and_what_is_below_it() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let keeps = domain(SSD, manager(), &[0x87, 0x01, 0x00]);
    isd.ok(&mut t, &keeps.to_apdu());
    let other = install_ssd(OTHER_SSD, ssd_privileges(), None);
    isd.ok(&mut t, &other.to_apdu());
    with_content_in_ssd(&mut t);
    let mut isd = t.isd();
    let before = (t.card.state_digest(), t.card.writes());
    for (aid, to) in [
        (INSTANCE, ISD),
        (INSTANCE, OTHER_SSD),
        (PACKAGE, ISD),
        (SSD, OTHER_SSD),
        (SSD, SSD),
    ] {
        let sw = isd.sw(&mut t, &extradite(aid, to));
        assert_eq!(sw, CONDITIONS, "{aid} to {to}");
        let update = InstallForRegistryUpdate {
            security_domain: Some(to),
            aid: Some(aid),
            ..InstallForRegistryUpdate::default()
        };
        if aid != PACKAGE {
            let sw = isd.sw(&mut t, &update.to_apdu());
            assert_eq!(sw, CONDITIONS, "{aid} to {to}");
        }
    }
    assert_eq!((t.card.state_digest(), t.card.writes()), before);
    let mut ssd = session(&mut t, SSD);
    ssd.ok(&mut t, &extradite(INSTANCE, OTHER_SSD));
    ssd.ok(&mut t, &extradite(SSD, SSD));
}

#[test]
fn a_consent_that_comes_twice_is_refused() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    for twice in [
        &[0x87, 0x01, 0x00, 0x87, 0x01, 0x01][..],
        &[0x82, 0x01, 0x00, 0x82, 0x01, 0x00],
        &[0x84, 0x00],
    ] {
        let install = domain(SSD, manager(), twice);
        let sw = isd.sw(&mut t, &install.to_apdu());
        assert_eq!(sw, StatusWord(0x6A80), "{twice:02X?}");
    }
}

#[test]
fn content_of_a_domain_that_does_not_agree_is_deleted_by_itself_or_with_global_delete() {
    for (parameters, sw) in [
        (&[0x83, 0x01, 0x00][..], CONDITIONS),
        (&[0x83, 0x01, 0x80], StatusWord::OK),
        (&[], StatusWord::OK),
    ] {
        let mut t = Terminal::new();
        let mut isd = t.isd();
        isd.ok(&mut t, &domain(SSD, manager(), parameters).to_apdu());
        let above = install_ssd(OTHER_SSD, manager(), None);
        isd.ok(&mut t, &above.to_apdu());
        with_content_in_ssd(&mut t);
        t.isd().ok(&mut t, &extradite(SSD, OTHER_SSD));
        let terminal = t;
        for command in [
            delete(INSTANCE, false),
            delete(PACKAGE, true),
            delete(SSD, false),
        ] {
            let mut t = terminal.copy();
            let mut above = session(&mut t, OTHER_SSD);
            let is_domain = command == delete(SSD, false);
            let expected = if is_domain { CONDITIONS } else { sw };
            assert_eq!(above.sw(&mut t, &command), expected, "{command:?}");
        }
        for owner in [SSD, ISD] {
            let mut t = terminal.copy();
            session(&mut t, owner).ok(&mut t, &delete(PACKAGE, true));
        }
    }
}

#[test]
fn an_instance_that_went_elsewhere_is_deleted_with_its_load_file_if_its_new_domain_agrees() {
    for (consent, sw) in [(0x00, CONDITIONS), (0x80, StatusWord::OK)] {
        let mut t = Terminal::new();
        let mut isd = t.isd();
        isd.ok(&mut t, &install_ssd(SSD, manager(), None).to_apdu());
        let below = domain(OTHER_SSD, ssd_privileges(), &[0x83, 0x01, consent]);
        isd.ok(&mut t, &below.to_apdu());
        isd.ok(&mut t, &extradite(OTHER_SSD, SSD));
        with_content_in_ssd(&mut t);
        let mut ssd = session(&mut t, SSD);
        ssd.ok(&mut t, &extradite(INSTANCE, OTHER_SSD));
        assert_eq!(ssd.sw(&mut t, &delete(PACKAGE, true)), sw);
    }
}

#[test]
fn what_is_in_no_registry_cannot_be_deleted() {
    let mut t = Terminal::new();
    let usim = Aid::new(&[
        0xA0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02, 0xFF, 0x81, 0xFF, 0xFF, 0x89, 0x00, 0x00, 0x01,
        0x00,
    ]);
    let mut isd = t.isd();
    for aid in [usim.unwrap(), "A0000000620101".parse().unwrap()] {
        assert_eq!(isd.sw(&mut t, &delete(aid, false)), NOT_FOUND, "{aid}");
    }
}

#[test]
fn a_domain_does_not_give_itself_back_what_was_taken_from_it() {
    const NO_LOAD: u8 = 0x02;
    const NO_DELETE: u8 = 0x01;
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &install_ssd(SSD, manager(), None).to_apdu());
    isd.ok(&mut t, &restrict(SSD, NO_LOAD));
    let load = install_for_load(PACKAGE, None, None).to_apdu();
    let mut ssd = session(&mut t, SSD);
    assert_eq!(ssd.sw(&mut t, &load), CONDITIONS);
    for bits in [0x00, NO_DELETE] {
        assert_eq!(ssd.sw(&mut t, &restrict(SSD, bits)), CONDITIONS, "{bits}");
    }
    ssd.ok(&mut t, &restrict(SSD, NO_LOAD | NO_DELETE));
    assert_eq!(ssd.sw(&mut t, &restrict(SSD, NO_LOAD)), CONDITIONS);
    assert_eq!(ssd.sw(&mut t, &load), CONDITIONS);
    t.isd().ok(&mut t, &restrict(SSD, NO_DELETE));
    let mut ssd = session(&mut t, SSD);
    ssd.ok(&mut t, &load);
    let mut isd = t.isd();
    isd.ok(&mut t, &restrict(ISD, NO_LOAD));
    assert_eq!(isd.sw(&mut t, &load), CONDITIONS);
    isd.ok(&mut t, &restrict(ISD, 0x00));
    isd.ok(&mut t, &load);
}

#[test]
fn a_domain_gives_others_what_concerns_them_alone_and_itself_nothing() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let few = Privileges::SECURITY_DOMAIN | Privileges::AUTHORIZED_MANAGEMENT;
    isd.ok(&mut t, &install_ssd(SSD, few, None).to_apdu());
    let below = Privileges::SECURITY_DOMAIN | Privileges::GLOBAL_LOCK;
    isd.ok(&mut t, &install_ssd(OTHER_SSD, below, None).to_apdu());
    isd.ok(&mut t, &extradite(OTHER_SSD, SSD));
    let update = |aid, privileges| {
        let update = InstallForRegistryUpdate {
            aid: Some(aid),
            privileges: Some(privileges),
            ..InstallForRegistryUpdate::default()
        };
        update.to_apdu()
    };
    let mut ssd = session(&mut t, SSD);
    for more in [
        Privileges::TRUSTED_PATH,
        Privileges::DAP_VERIFICATION,
        Privileges::GLOBAL_LOCK,
    ] {
        assert_eq!(ssd.sw(&mut t, &update(SSD, few | more)), SECURITY, "{more}");
    }
    for more in [Privileges::GLOBAL_DELETE, Privileges::TOKEN_VERIFICATION] {
        let command = update(OTHER_SSD, below | more);
        assert_eq!(ssd.sw(&mut t, &command), SECURITY, "{more}");
    }
    // What it has got from elsewhere it keeps.
    ssd.ok(&mut t, &update(OTHER_SSD, below | delegate()));
    ssd.ok(&mut t, &update(OTHER_SSD, delegate()));
    assert_eq!(ssd.sw(&mut t, &update(OTHER_SSD, below)), SECURITY);
    ssd.ok(&mut t, &update(SSD, few));
}

#[test]
fn a_domain_loads_into_any_domain_that_takes_it() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &install_ssd(SSD, manager(), None).to_apdu());
    let takes = install_ssd(OTHER_SSD, ssd_privileges(), None);
    isd.ok(&mut t, &takes.to_apdu());
    let refuses: Aid = "F00102030405".parse().unwrap();
    let install = domain(refuses, ssd_privileges(), &[0x82, 0x01, 0x00]);
    isd.ok(&mut t, &install.to_apdu());
    let mut ssd = session(&mut t, SSD);
    let load = |to| install_for_load(PACKAGE, Some(to), None).to_apdu();
    assert_eq!(ssd.sw(&mut t, &load(refuses)), CONDITIONS);
    ssd.ok(&mut t, &load(OTHER_SSD));
    let sw = ssd.load(&mut t, &load_file_structure(&foreign()));
    assert_eq!(sw, StatusWord::OK);
    let install = install_applet(PACKAGE, MODULE, INSTANCE).to_apdu();
    assert_eq!(ssd.sw(&mut t, &install), SECURITY, "not its own any more");
    assert_eq!(ssd.sw(&mut t, &delete(PACKAGE, false)), SECURITY);
}

#[test]
fn a_locked_domain_verifies_no_token_and_makes_no_receipt() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let duties = manager() | Privileges::TOKEN_VERIFICATION | Privileges::RECEIPT_GENERATION;
    isd.ok(&mut t, &install_ssd(OTHER_SSD, duties, None).to_apdu());
    isd.ok(&mut t, &install_ssd(SSD, delegate(), None).to_apdu());
    isd.ok(&mut t, &extradite(SSD, OTHER_SSD));
    let mut verifier = session(&mut t, OTHER_SSD);
    verifier.ok(&mut t, &put_key(0x70, aes_field(0x70, 16)));
    verifier.ok(&mut t, &put_key(0x71, aes_field(0x71, 16)));
    let load = signed(install_for_load(PACKAGE, None, foreign_hash()));
    for (state, sw) in [(LOCK, SECURITY), (UNLOCK, StatusWord::OK)] {
        t.isd().ok(&mut t, &set_status(OTHER_SSD, state));
        let mut ssd = session(&mut t, SSD);
        assert_eq!(ssd.sw(&mut t, &load), sw);
    }
    let mut ssd = session(&mut t, SSD);
    ssd.ok(&mut t, &load);
    // Locked while the load goes on: what the token permits is done, but nobody confirms it.
    assert_eq!(t.hex("00 70 00 00 01").data, [0x01]);
    let lock = set_status(OTHER_SSD, LOCK);
    t.on_channel(1, ISD).ok(&mut t, &lock);
    let blocks = load_blocks(&load_file_structure(&foreign()), 200).unwrap();
    let answers = blocks.iter().map(|block| ssd.ok(&mut t, &block.to_apdu()));
    assert!(answers.last().is_some_and(|last| last == [0x00]));
}

#[test]
fn a_locked_domain_verifies_no_load_file() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let verifies = ssd_privileges() | Privileges::DAP_VERIFICATION | Privileges::MANDATED_DAP;
    isd.ok(&mut t, &install_ssd(SSD, verifies, None).to_apdu());
    session(&mut t, SSD).ok(&mut t, &put_key(0x73, aes_field(0x73, 16)));
    let key = DapKey::from_bytes(&[0x73; 16]).unwrap();
    let hash = foreign_hash().unwrap();
    let signed = LoadFileStructure {
        dap_blocks: vec![DapBlock::sign(SSD, &hash, &key).unwrap()],
        ..LoadFileStructure::new(foreign())
    };
    let unsigned = LoadFileStructure::new(foreign());
    for (state, structure, sw) in [
        (None, &unsigned, SECURITY),
        (Some(LOCK), &signed, SECURITY),
        (None, &unsigned, StatusWord::OK),
        (Some(UNLOCK), &signed, StatusWord::OK),
    ] {
        let mut isd = t.isd();
        if let Some(state) = state {
            isd.ok(&mut t, &set_status(SSD, state));
        }
        let announce = install_for_load(PACKAGE, None, foreign_hash());
        isd.ok(&mut t, &announce.to_apdu());
        assert_eq!(isd.load(&mut t, &structure.encode()), sw, "{state:?}");
        if sw.is_success() {
            isd.ok(&mut t, &delete(PACKAGE, false));
        }
    }
}

#[test]
fn a_locked_domain_lends_its_keys_to_nobody() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    for aid in [OTHER_SSD, SSD] {
        isd.ok(&mut t, &install_ssd(aid, ssd_privileges(), None).to_apdu());
    }
    let keys = ssd_keys().put_key(0x00, 0x30, &isd_keys().dek);
    session(&mut t, OTHER_SSD).ok(&mut t, &keys.to_apdu());
    t.isd().ok(&mut t, &extradite(SSD, OTHER_SSD));
    t.ssd();
    t.isd().ok(&mut t, &set_status(OTHER_SSD, LOCK));
    assert_eq!(t.select(SSD), StatusWord::OK);
    let initialize = "80 50 30 00 08 0102030405060708 00";
    assert_eq!(t.hex(initialize).sw, NOT_FOUND);
    t.isd().ok(&mut t, &set_status(OTHER_SSD, UNLOCK));
    t.ssd();
}

#[test]
fn a_domain_uses_its_own_keys_before_it_is_personalized() {
    let mut t = Terminal::new();
    let mut install = install_ssd(SSD, ssd_privileges(), None);
    install.parameters.applet = vec![0x81, 0x02, 0x03, 0x70];
    t.isd().ok(&mut t, &install.to_apdu());
    let keys = ssd_keys().put_key(0x00, 0x30, &isd_keys().dek);
    session(&mut t, SSD).ok(&mut t, &keys.to_apdu());
    t.ssd().ok(&mut t, &set_status(SSD, 0x0F));
}

/// A card with a domain that delegates, whose tokens the issuer's domain verifies.
fn delegated() -> Terminal {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &put_key(0x70, aes_field(0x70, 16)));
    isd.ok(&mut t, &install_ssd(SSD, delegate(), None).to_apdu());
    t
}

#[test]
fn a_token_is_good_once_for_loads_that_were_announced_at_the_same_moment() {
    let mut t = delegated();
    let mut load = install_for_load(PACKAGE, None, foreign_hash());
    load.parameters.control_reference = of_token(&[1, 2, 3]);
    let load = signed(load);
    let mut first = session(&mut t, SSD);
    first.ok(&mut t, &load);
    assert_eq!(t.hex("00 70 00 00 01").data, [0x01]);
    let select = [
        &[0x01, 0xA4, 0x04, 0x00, SSD.as_bytes().len() as u8][..],
        SSD.as_bytes(),
    ];
    assert!(t.card.transmit(&select.concat()).ends_with(&[0x90, 0x00]));
    let mut second = t.on_channel(1, SSD);
    second.ok(&mut t, &load);
    let structure = load_file_structure(&foreign());
    assert_eq!(first.load(&mut t, &structure), StatusWord::OK);
    t.isd().ok(&mut t, &delete(PACKAGE, false));
    let before = t.card.writes();
    assert_eq!(second.load(&mut t, &structure), CONDITIONS);
    assert_eq!(t.card.writes(), before);
}

#[test]
fn what_a_token_permits_must_fit_together_with_its_identifier() {
    let identifier = [0x5A; 100];
    let mut t = delegated();
    let needed = {
        let mut t = t.copy();
        let before = t.card.inventory().memory.used;
        let mut ssd = session(&mut t, SSD);
        let mut load = install_for_load(PACKAGE, None, foreign_hash());
        load.parameters.control_reference = of_token(&identifier);
        ssd.ok(&mut t, &signed(load));
        let sw = ssd.load(&mut t, &load_file_structure(&foreign()));
        assert_eq!(sw, StatusWord::OK);
        t.card.inventory().memory.used - before
    };
    let used = t.card.inventory().memory.used;
    for (missing, sw) in [(1, NO_MEMORY), (0, StatusWord::OK)] {
        t = t.in_state(CardLifeCycle::Secured, |state| {
            state.set_memory(used + needed - missing);
        });
        let mut ssd = session(&mut t, SSD);
        let mut load = install_for_load(PACKAGE, None, foreign_hash());
        load.parameters.control_reference = of_token(&identifier);
        ssd.ok(&mut t, &signed(load));
        let before = t.card.writes();
        assert_eq!(ssd.load(&mut t, &load_file_structure(&foreign())), sw);
        assert_eq!(t.card.writes() - before, u64::from(sw.is_success()));
    }
}

#[test]
fn the_issuer_does_not_rule_a_domain_that_became_a_root() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &domain(SSD, manager(), &[]).to_apdu());
    with_content_in_ssd(&mut t);
    session(&mut t, SSD).ok(&mut t, &extradite(SSD, SSD));
    let mut isd = t.isd();
    let mut implicit = InstallForRegistryUpdate {
        aid: Some(INSTANCE),
        ..InstallForRegistryUpdate::default()
    };
    implicit.parameters.implicit_selection = vec![0x41];
    let before = (t.card.state_digest(), t.card.writes());
    for command in [
        restrict(SSD, 0x7F),
        restrict(SSD, 0x00),
        implicit.to_apdu(),
        extradite(SSD, ISD),
        extradite(INSTANCE, ISD),
        extradite(PACKAGE, ISD),
        install_applet(PACKAGE, MODULE, OTHER_SSD).to_apdu(),
    ] {
        assert_eq!(isd.sw(&mut t, &command), SECURITY, "{command:?}");
    }
    assert_eq!((t.card.state_digest(), t.card.writes()), before);
    // Global Lock and Global Delete reach it all the same.
    isd.ok(&mut t, &set_status(INSTANCE, LOCK));
    isd.ok(&mut t, &delete(PACKAGE, true));
}
