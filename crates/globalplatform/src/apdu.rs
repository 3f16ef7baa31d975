//! Command and response APDUs, short and extended (ISO/IEC 7816-3, 12.1; class byte: G 11.1.4).

mod class;
mod command;
mod response;

pub use command::CommandApdu;
pub use response::ResponseApdu;

/// The largest response that a short APDU can ask for (Le 00).
pub const MAX_SHORT_LE: u32 = 256;
/// The largest response that an extended APDU can ask for (Le 0000).
pub const MAX_EXTENDED_LE: u32 = 65_536;
/// The longest data field of a short APDU.
pub const MAX_SHORT_DATA: usize = 255;
/// The longest data field of an extended APDU.
pub const MAX_EXTENDED_DATA: usize = 65_535;
