//! Functions that a registry update takes from a domain (D9): for whom they are gone, and who gives them back.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::install::{
    InstallForExtradition, InstallForRegistryUpdate, RegistryParameters,
};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;

use crate::terminal::*;

const CONDITIONS: StatusWord = StatusWord(0x6985);
const NO_DELETE: u8 = 0x01;
const NO_LOAD: u8 = 0x02;

/// A domain below [`SSD`].
const CHILD: Aid = OTHER_SSD;

fn manager(aid: Aid) -> CommandApdu {
    let privileges = ssd_privileges() | Privileges::AUTHORIZED_MANAGEMENT;
    install_ssd(aid, privileges, None).to_apdu()
}

fn restrict(aid: Aid, bits: u8) -> CommandApdu {
    let mut update = InstallForRegistryUpdate {
        aid: Some(aid),
        ..InstallForRegistryUpdate::default()
    };
    update.parameters.restrictions = Some(bits);
    update.to_apdu()
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

/// A session with the issuer's keys.
fn session(t: &mut Terminal, aid: Aid) -> Session {
    t.open(aid, &isd_keys(), 0x30, SecurityLevel::Full)
}

/// A card with a domain that manages content, and one below it that does so too.
fn family() -> Terminal {
    let mut t = Terminal::new();
    t.isd().ok(&mut t, &manager(SSD));
    session(&mut t, SSD).ok(&mut t, &manager(CHILD));
    t
}

#[test]
fn what_is_taken_from_a_domain_is_taken_from_those_below_it() {
    let mut t = family();
    let load = |to| install_for_load(PACKAGE, Some(to), None).to_apdu();
    session(&mut t, CHILD).ok(&mut t, &load(SSD));
    t.isd().ok(&mut t, &restrict(SSD, NO_LOAD));
    let before = t.card.state_digest();
    let mut child = session(&mut t, CHILD);
    for to in [SSD, CHILD] {
        assert_eq!(child.sw(&mut t, &load(to)), CONDITIONS, "{to}");
    }
    // Nor does it get out from under it, by itself or with its parent's help.
    for actor in [CHILD, SSD] {
        let mut actor = session(&mut t, actor);
        for to in [CHILD, ISD] {
            let update = InstallForRegistryUpdate {
                security_domain: Some(to),
                aid: Some(CHILD),
                ..InstallForRegistryUpdate::default()
            };
            for command in [extradite(CHILD, to), update.to_apdu()] {
                assert_eq!(actor.sw(&mut t, &command), CONDITIONS, "{command:?}");
            }
        }
    }
    assert_eq!(before, t.card.state_digest());
    let mut isd = t.isd();
    isd.ok(&mut t, &load(SSD));
    isd.ok(&mut t, &restrict(SSD, NO_DELETE));
    let mut child = session(&mut t, CHILD);
    child.ok(&mut t, &load(SSD));
    // What it does not lose above it keeps when it goes; the issuer takes it anywhere.
    child.ok(&mut t, &restrict(CHILD, NO_DELETE));
    child.ok(&mut t, &extradite(CHILD, CHILD));
}

#[test]
fn the_issuer_takes_a_domain_out_from_under_a_restriction() {
    let mut t = family();
    let mut isd = t.isd();
    isd.ok(&mut t, &restrict(SSD, NO_LOAD));
    isd.ok(&mut t, &extradite(CHILD, ISD));
    let load = install_for_load(PACKAGE, None, None).to_apdu();
    session(&mut t, CHILD).ok(&mut t, &load);
}

#[test]
fn what_the_issuer_takes_from_itself_others_keep() {
    let mut t = family();
    t.isd().ok(&mut t, &restrict(ISD, NO_LOAD));
    let load = install_for_load(PACKAGE, None, None).to_apdu();
    assert_eq!(t.isd().sw(&mut t, &load), CONDITIONS);
    session(&mut t, CHILD).ok(&mut t, &load);
    // So what goes there gets out from under it all the same.
    t.isd().ok(&mut t, &restrict(SSD, NO_LOAD));
    let mut child = session(&mut t, CHILD);
    assert_eq!(child.sw(&mut t, &extradite(CHILD, ISD)), CONDITIONS);
}

#[test]
fn nobody_below_who_took_a_function_gives_it_back() {
    let mut t = family();
    t.isd().ok(&mut t, &restrict(CHILD, NO_DELETE));
    let mut ssd = session(&mut t, SSD);
    for bits in [0x00, NO_LOAD] {
        assert_eq!(ssd.sw(&mut t, &restrict(CHILD, bits)), CONDITIONS);
    }
    // It may take more, and who took something stays the highest who did.
    ssd.ok(&mut t, &restrict(CHILD, NO_DELETE | NO_LOAD));
    assert_eq!(ssd.sw(&mut t, &restrict(CHILD, NO_DELETE)), CONDITIONS);
    t.isd().ok(&mut t, &restrict(CHILD, 0x00));
    let mut ssd = session(&mut t, SSD);
    ssd.ok(&mut t, &restrict(CHILD, NO_LOAD));
    let mut child = session(&mut t, CHILD);
    assert_eq!(child.sw(&mut t, &restrict(CHILD, 0x00)), CONDITIONS);
    session(&mut t, SSD).ok(&mut t, &restrict(CHILD, 0x00));
    let mut child = session(&mut t, CHILD);
    child.ok(&mut t, &restrict(CHILD, NO_LOAD));
    assert_eq!(child.sw(&mut t, &restrict(CHILD, 0x00)), CONDITIONS);
    session(&mut t, SSD).ok(&mut t, &restrict(CHILD, 0x00));
    let load = install_for_load(PACKAGE, None, None).to_apdu();
    session(&mut t, CHILD).ok(&mut t, &load);
}
