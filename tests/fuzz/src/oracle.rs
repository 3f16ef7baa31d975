//! What every decoder must keep.

use std::fmt::Debug;

use globalplatform::apdu::CommandApdu;
use globalplatform::error::DecodeError;

/// Whatever is decoded is encoded to bytes that decode to the same; errors point inside the input;
/// and nothing grows beyond `32 + 4 × input`.
pub fn data_object<T: Debug + PartialEq>(
    data: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    match decode(data) {
        Ok(value) => {
            let encoded = encode(&value);
            assert!(encoded.len() <= 32 + 4 * data.len(), "{value:?}");
            let again = decode(&encoded);
            assert_eq!(again.as_ref(), Ok(&value));
        }
        Err(error) => points_inside(error, data.len()),
    }
}

/// The same for a command, which is the encoded APDU.
pub fn command<T: Debug + PartialEq>(
    data: &[u8],
    decode: impl Fn(&CommandApdu) -> Result<T, DecodeError>,
    encode: impl Fn(&T) -> CommandApdu,
) {
    let Ok(apdu) = CommandApdu::decode(data) else {
        return;
    };
    match decode(&apdu) {
        Ok(value) => {
            let encoded = encode(&value);
            assert!(encoded.data.len() <= 32 + 4 * data.len(), "{value:?}");
            let again = decode(&encoded);
            assert_eq!(again.as_ref(), Ok(&value));
        }
        Err(error) => points_inside(error, data.len().max(apdu.data_offset())),
    }
}

/// The offset of an error lies in the input or right behind it.
pub fn points_inside(error: DecodeError, length: usize) {
    assert!(error.offset() <= length, "{error} in {length} bytes");
}
