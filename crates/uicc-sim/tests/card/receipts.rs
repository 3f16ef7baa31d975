//! Receipts for commands that other encoders wrote.

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::confirmation::ManagementResponse;
use globalplatform::delegated_management::{ReceiptSubject, Signer as _, token_input};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;
use scp03::content_management_mac::{ReceiptKey, TokenKey};

use crate::delegation::{aes_field, put_key};
use crate::terminal::*;

#[test]
fn a_registry_update_is_confirmed_with_its_fields_as_they_were_sent() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let privileges = ssd_privileges() | Privileges::DELEGATED_MANAGEMENT;
    isd.ok(&mut t, &install_ssd(SSD, privileges, None).to_apdu());
    let load = install_for_load(PACKAGE, Some(SSD), None);
    isd.ok(&mut t, &load.to_apdu());
    let sw = isd.load(&mut t, &load_file_structure(&foreign()));
    assert_eq!(sw, StatusWord::OK);
    isd.ok(&mut t, &install_applet(PACKAGE, MODULE, INSTANCE).to_apdu());
    isd.ok(&mut t, &put_key(0x70, aes_field(0x70, 16)));
    isd.ok(&mut t, &put_key(0x71, aes_field(0x71, 16)));
    // One byte of privileges; nobody is extradited, so there is neither an old nor a new domain.
    let fields = hex::decode("0000 06F00102030402 0100 05EF03CF0141".replace(' ', "")).unwrap();
    let mut command = CommandApdu::new(0x80, 0xE6, 0x40, 0x00).with_data(fields);
    let key = TokenKey::from_bytes(&[0x70; 16]).unwrap();
    let token = key.sign(&token_input(&command).unwrap().input).unwrap();
    command.data.push(token.len() as u8);
    command.data.extend(token);
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    let answer = ssd.ok(&mut t, &command.with_le(256));
    let confirmation = ManagementResponse::decode(&answer).unwrap().confirmation;
    let subject = ReceiptSubject::RegistryUpdate {
        old_domain: None,
        aid: Some(INSTANCE),
        new_domain: None,
        privileges: vec![0x00],
        parameters: vec![0xEF, 0x03, 0xCF, 0x01, 0x41],
    };
    let key = ReceiptKey::from_bytes(&[0x71; 16]).unwrap();
    assert!(subject.is_confirmed_by(&confirmation.unwrap(), &key));
}
