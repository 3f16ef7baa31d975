//! Commands: the input is an encoded APDU.

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::begin_r_mac_session::BeginRMacSession;
use globalplatform::commands::delete::{Delete, DeleteKey, Deletion};
use globalplatform::commands::end_r_mac_session::EndRMacSession;
use globalplatform::commands::external_authenticate::ExternalAuthenticate;
use globalplatform::commands::get_data::GetData;
use globalplatform::commands::get_status::GetStatus;
use globalplatform::commands::initialize_update::InitializeUpdate;
use globalplatform::commands::install::{
    CombinedInstall, CombinedInstallEnd, Install, InstallForExtradition, InstallForInstall,
    InstallForLoad, InstallForMakeSelectable, InstallForPersonalization, InstallForRegistryUpdate,
};
use globalplatform::commands::load::Load;
use globalplatform::commands::manage_channel::ManageChannel;
use globalplatform::commands::put_key::PutKey;
use globalplatform::commands::select::Select;
use globalplatform::commands::set_status::SetStatus;
use globalplatform::commands::store_data::StoreData;
use globalplatform::contactless::{GetContactlessStatus, SetContactlessStatus};
use globalplatform::delegated_management::{ReceiptSubject, combined_token_input, token_input};

use crate::oracle;

macro_rules! commands {
    ($($name:ident: $command:ident,)*) => {$(
        #[doc = concat!("[`", stringify!($command), "`].")]
        pub fn $name(data: &[u8]) {
            oracle::command(data, $command::from_apdu, $command::to_apdu);
        }
    )*};
}

commands! {
    select: Select,
    get_data: GetData,
    get_status: GetStatus,
    set_status: SetStatus,
    install: Install,
    install_for_install: InstallForInstall,
    install_for_load: InstallForLoad,
    install_for_make_selectable: InstallForMakeSelectable,
    install_for_extradition: InstallForExtradition,
    install_for_personalization: InstallForPersonalization,
    load: Load,
    delete: Delete,
    delete_key: DeleteKey,
    put_key: PutKey,
    store_data: StoreData,
    initialize_update: InitializeUpdate,
    external_authenticate: ExternalAuthenticate,
    manage_channel: ManageChannel,
    begin_r_mac: BeginRMacSession,
    end_r_mac: EndRMacSession,
    combined_install: CombinedInstall,
    combined_install_end: CombinedInstallEnd,
    get_contactless_status: GetContactlessStatus,
    set_contactless_status: SetContactlessStatus,
}

/// [`InstallForRegistryUpdate`], and what its receipt confirms
/// ([`ReceiptSubject::of_registry_update_apdu`]): there for exactly what decodes, and the fields as
/// sent are those of the decoded command where our own encoder wrote it.
pub fn install_for_registry_update(data: &[u8]) {
    oracle::command(
        data,
        InstallForRegistryUpdate::from_apdu,
        InstallForRegistryUpdate::to_apdu,
    );
    let Ok(apdu) = CommandApdu::decode(data) else {
        return;
    };
    let subject = ReceiptSubject::of_registry_update_apdu(&apdu, None);
    match (InstallForRegistryUpdate::from_apdu(&apdu), subject) {
        (Ok(command), Ok(subject)) => {
            let written =
                ReceiptSubject::of_registry_update_apdu(&command.to_apdu(), None).unwrap();
            let ReceiptSubject::RegistryUpdate {
                aid, new_domain, ..
            } = &subject
            else {
                panic!("{subject:?}");
            };
            assert_eq!((*aid, *new_domain), (command.aid, command.security_domain));
            assert!(subject.encode().len() <= apdu.data.len() + 1);
            if command.to_apdu().data == apdu.data {
                assert_eq!(written, subject);
            }
        }
        (Err(_), Err(error)) => oracle::points_inside(error, data.len().max(apdu.data_offset())),
        (decoded, subject) => panic!("{decoded:?} but {subject:?}"),
    }
}

/// What a token signs: [`token_input`] is never longer than header, length and data, and says of the
/// combined form ([`combined_token_input`]) the same twice.
pub fn token(data: &[u8]) {
    let Ok(apdu) = CommandApdu::decode(data) else {
        return;
    };
    match token_input(&apdu) {
        Ok(signed) => {
            assert!(signed.input.len() <= 5 + apdu.data.len());
            assert_eq!(signed.input[..2], [apdu.p1, apdu.p2]);
            let both = combined_token_input(&apdu, &apdu).unwrap();
            assert_eq!(both.input, signed.input.repeat(2));
            assert_eq!(both.token, signed.token);
        }
        Err(error) => oracle::points_inside(error, data.len().max(apdu.data_offset())),
    }
}

/// Either form of DELETE: [`Deletion::from_apdu`] accepts what exactly one of its forms accepts.
pub fn deletion(data: &[u8]) {
    let Ok(apdu) = CommandApdu::decode(data) else {
        return;
    };
    let forms = (Delete::from_apdu(&apdu), DeleteKey::from_apdu(&apdu));
    match (Deletion::from_apdu(&apdu), forms) {
        (Ok(Deletion::Content(either)), (Ok(form), Err(_))) => assert_eq!(either, form),
        (Ok(Deletion::Key(either)), (Err(_), Ok(form))) => assert_eq!(either, form),
        (Err(_), (Err(_), Err(_))) => {}
        other => panic!("{other:?}"),
    }
}
