//! The commands of G 11 and of SCP03 (D 7.1): one file each, with encoder, decoder and response.
//!
//! `to_apdu` gives the command as it is before secure messaging: class 80 or 00, logical channel 0,
//! short. It cannot fail; data too long for a short APDU show when the APDU is encoded, so that a
//! caller can choose the extended form or command chaining. `from_apdu` takes a command after
//! secure messaging was removed. It accepts the class byte with its secure messaging bits and
//! channel as sent, but no command chaining: chains are joined first ([`chaining`]).

pub mod begin_r_mac_session;
pub mod chaining;
pub mod confirmation;
pub mod control_reference;
pub mod delete;
pub mod end_r_mac_session;
pub mod external_authenticate;
pub mod get_data;
pub mod get_status;
pub(crate) mod header;
pub mod initialize_update;
pub mod install;
pub mod load;
pub mod manage_channel;
pub mod put_key;
pub mod select;
pub mod set_status;
pub mod store_data;

#[cfg(test)]
pub(crate) mod testing;
