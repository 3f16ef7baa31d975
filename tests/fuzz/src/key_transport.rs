//! Keys on their way to a card. Everything is encrypted under a key encryption key of 16 times 09,
//! which the corpora know.

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::put_key::PutKey;
use scp03::key_agreement::{ControlReferenceTemplate, KeyAgreementResponse};
use scp03::keys::KeyError;
use scp03::put_key::receive_keys;
use scp03::store_data_keys::{read_keys, write_keys};
use scp03::{DekKey, StaticKeys};

fn dek() -> Result<DekKey, KeyError> {
    DekKey::from_bytes(&[0x09; 16])
}

/// [`receive_keys`] and [`StaticKeys::unwrap_put_key`]: the input is the encoded PUT KEY.
pub fn put_key_set(data: &[u8]) {
    let Ok(dek) = dek() else { return };
    let command = CommandApdu::decode(data).and_then(|apdu| PutKey::from_apdu(&apdu));
    let Ok(command) = command else { return };
    let received = receive_keys(&command, &dek);
    if let Ok(received) = &received {
        assert_eq!(received.len(), command.keys.len());
        assert!(
            received
                .iter()
                .zip(u16::from(command.first_id)..)
                .all(|(key, id)| u16::from(key.id) == id)
        );
    }
    if let Ok(set) = StaticKeys::unwrap_put_key(&command, &dek) {
        assert!(received.is_ok_and(|received| received.len() == 3));
        let again = set.put_key(0, command.new_version, &dek);
        assert_eq!(StaticKeys::unwrap_put_key(&again, &dek), Ok(set));
    }
}

/// [`read_keys`] and [`StaticKeys::unwrap_store_data`].
pub fn store_data_keys(data: &[u8]) {
    let Ok(dek) = dek() else { return };
    let keys = read_keys(data, &dek);
    if let Ok(keys) = &keys {
        let written = write_keys(keys, &dek).unwrap_or_default();
        assert_eq!(read_keys(&written, &dek).as_ref(), Ok(keys));
    }
    if let Ok((version, set)) = StaticKeys::unwrap_store_data(data, &dek) {
        assert!(keys.is_ok_and(|keys| keys.len() == 3));
        let again = set.store_data(version, &dek).unwrap_or_default();
        assert_eq!(
            StaticKeys::unwrap_store_data(&again, &dek),
            Ok((version, set))
        );
    }
}

/// [`ControlReferenceTemplate`] of a key agreement.
pub fn key_agreement_template(data: &[u8]) {
    if let Ok(template) = ControlReferenceTemplate::decode(data) {
        let encoded = template.encode();
        assert!(encoded.len() <= 32 + 4 * data.len());
        assert_eq!(ControlReferenceTemplate::decode(&encoded), Ok(template));
    }
}

/// [`KeyAgreementResponse`].
pub fn key_agreement_response(data: &[u8]) {
    if let Ok(response) = KeyAgreementResponse::decode(data) {
        assert_eq!(
            KeyAgreementResponse::decode(&response.encode()),
            Ok(response)
        );
    }
}
