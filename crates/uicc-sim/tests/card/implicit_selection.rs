//! Who is registered for which channel: implicit selection parameters (CF) and Card Reset, in every order.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::get_status::{GetStatus, GetStatusResponse, Scope};
use globalplatform::commands::install::{
    InstallForInstall, InstallForMakeSelectable, InstallForRegistryUpdate,
};
use globalplatform::privileges::Privileges;
use globalplatform::registry::RegistryEntry;
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::Tag;

use crate::terminal::*;

const CONDITIONS: StatusWord = StatusWord(0x6985);
const WRONG_DATA: StatusWord = StatusWord(0x6A80);
const SECOND: Aid = Aid::from_slice_const(&[0xF0, 0x01, 0x02, 0x03, 0x04, 0x0A]);

fn applet(aid: Aid, privileges: Privileges, channels: &[u8]) -> InstallForInstall {
    let mut install = install_applet(PACKAGE, MODULE, aid);
    install.privileges = privileges;
    install.parameters.implicit_selection = channels.to_vec();
    install
}

fn update(aid: Aid, privileges: Option<Privileges>, channels: &[u8]) -> CommandApdu {
    let mut update = InstallForRegistryUpdate {
        aid: Some(aid),
        privileges,
        ..InstallForRegistryUpdate::default()
    };
    update.parameters.implicit_selection = channels.to_vec();
    update.to_apdu()
}

fn make_selectable(aid: Aid, privileges: Privileges, channels: &[u8]) -> CommandApdu {
    let mut install = InstallForMakeSelectable {
        privileges,
        ..InstallForMakeSelectable::new(aid)
    };
    install.parameters.implicit_selection = channels.to_vec();
    install.to_apdu()
}

/// A card with the foreign package.
fn loaded() -> Terminal {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let load = install_for_load(PACKAGE, None, None);
    isd.ok(&mut t, &load.to_apdu());
    let sw = isd.load(&mut t, &load_file_structure(&foreign()));
    assert_eq!(sw, StatusWord::OK);
    t
}

fn entries(t: &mut Terminal, scope: Scope) -> Vec<RegistryEntry> {
    let mut command = GetStatus::all(scope);
    command.tag_list = [0x4F, 0x9F70, 0xC5, 0xCF].map(Tag).to_vec();
    let data = t.isd().ok(t, &command.to_apdu());
    GetStatusResponse::decode(&data).unwrap().entries
}

#[test]
fn parameters_are_added_and_stay() {
    let mut t = loaded();
    let mut isd = t.isd();
    let mut install = applet(INSTANCE, Privileges::NONE, &[0x41, 0x41]);
    install.make_selectable = false;
    isd.ok(&mut t, &install.to_apdu());
    isd.ok(&mut t, &update(INSTANCE, None, &[0x42]));
    isd.ok(&mut t, &update(INSTANCE, None, &[0x42, 0x41]));
    isd.ok(&mut t, &update(INSTANCE, None, &[]));
    isd.ok(
        &mut t,
        &make_selectable(INSTANCE, Privileges::NONE, &[0x83]),
    );
    let own = entries(&mut t, Scope::Applications).remove(0);
    assert_eq!(own.implicit_selection, [0x41, 0x42, 0x83]);
}

#[test]
fn card_reset_and_a_parameter_for_the_basic_channel_exclude_each_other() {
    let none = Privileges::NONE;
    let reset = Privileges::CARD_RESET;
    let every_way = |t: &Terminal, privileges, channels: &[u8], sw| {
        let install = applet(SECOND, privileges, channels);
        let plain = applet(SECOND, none, &[]).to_apdu();
        let waits = InstallForInstall {
            make_selectable: false,
            ..applet(SECOND, none, &[])
        };
        for (before, command) in [
            (None, install.to_apdu()),
            (Some(plain), update(SECOND, Some(privileges), channels)),
            (
                Some(waits.to_apdu()),
                make_selectable(SECOND, privileges, channels),
            ),
        ] {
            let mut t = t.copy();
            let mut isd = t.isd();
            if let Some(before) = before {
                isd.ok(&mut t, &before);
            }
            assert_eq!(isd.sw(&mut t, &command), sw, "{command:?}");
        }
    };
    // First the parameter, then the privilege.
    for (first, privileges, second, sw) in [
        (&[0x40][..], reset, &[][..], CONDITIONS),
        (&[0x80], reset, &[], CONDITIONS),
        (&[0x41, 0xC0], reset, &[], CONDITIONS),
        (&[0x41], reset, &[], StatusWord::OK),
        (&[0x00], reset, &[], StatusWord::OK),
        (&[0x40], reset, &[0x41], StatusWord::OK),
        (&[0x40], none, &[0x80], StatusWord::OK),
        (&[0x40], none, &[0xC0], CONDITIONS),
        (&[0x41], none, &[0x40, 0xC1], CONDITIONS),
    ] {
        let mut t = loaded();
        let install = applet(INSTANCE, none, first);
        t.isd().ok(&mut t, &install.to_apdu());
        every_way(&t, privileges, second, sw);
    }
    // First the privilege.
    for (first, second, sw) in [
        (&[][..], &[0x40][..], CONDITIONS),
        (&[], &[0x80], CONDITIONS),
        (&[], &[0x41, 0x00, 0x1F], StatusWord::OK),
        (&[0x41], &[0x40], StatusWord::OK),
        (&[0x41], &[0x41], CONDITIONS),
    ] {
        let mut t = loaded();
        let install = applet(INSTANCE, reset, first);
        t.isd().ok(&mut t, &install.to_apdu());
        every_way(&t, none, second, sw);
    }
}

#[test]
fn a_channel_that_cannot_be_is_refused() {
    let mut t = loaded();
    let mut isd = t.isd();
    let plain = applet(INSTANCE, Privileges::NONE, &[]);
    isd.ok(&mut t, &plain.to_apdu());
    for (parameter, sw) in [
        (0x53, StatusWord::OK),
        (0x54, WRONG_DATA),
        (0x94, WRONG_DATA),
        (0x5F, WRONG_DATA),
        (0x1F, StatusWord::OK),
    ] {
        let command = update(INSTANCE, None, &[0x41, parameter]);
        assert_eq!(isd.sw(&mut t, &command), sw, "{parameter:02X}");
    }
}

#[test]
fn the_issuers_domain_shows_what_nobody_else_holds() {
    let mut t = loaded();
    let of_isd = |t: &mut Terminal| {
        let entry = entries(t, Scope::IssuerSecurityDomain).remove(0);
        let shown: Vec<String> = t
            .card
            .inventory()
            .domains
            .remove(0)
            .privileges
            .iter()
            .map(ToString::to_string)
            .collect();
        let privileges = entry.privileges.unwrap();
        assert_eq!(shown, privileges.names().collect::<Vec<_>>());
        privileges.to_bytes()
    };
    let both = Privileges::CARD_RESET | Privileges::FINAL_APPLICATION;
    for (privileges, bytes) in [
        (both, [0x98, 0xFC, 0x80]),
        (Privileges::CARD_RESET, [0x98, 0xFE, 0x80]),
        (Privileges::FINAL_APPLICATION, [0x9C, 0xFC, 0x80]),
    ] {
        assert_eq!(of_isd(&mut t), [0x9C, 0xFE, 0x80]);
        let install = applet(INSTANCE, privileges, &[]);
        t.isd().ok(&mut t, &install.to_apdu());
        assert_eq!(of_isd(&mut t), bytes, "{privileges}");
        let other = entries(&mut t, Scope::Applications).remove(0);
        assert_eq!(other.privileges, Some(privileges));
        t.isd().ok(&mut t, &delete(INSTANCE, false));
    }
    assert_eq!(of_isd(&mut t), [0x9C, 0xFE, 0x80]);
}
