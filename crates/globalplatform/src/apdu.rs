//! Command and response APDUs, short and extended (ISO/IEC 7816-3, 12.1; class byte: G 11.1.4).
//!
//! | Case | Short | Extended |
//! |---|---|---|
//! | 1 | `CLA INS P1 P2` | the same bytes |
//! | 2 | `CLA INS P1 P2 Le` | `CLA INS P1 P2 00 Le(2)` |
//! | 3 | `CLA INS P1 P2 Lc data` | `CLA INS P1 P2 00 Lc(2) data` |
//! | 4 | `CLA INS P1 P2 Lc data Le` | `CLA INS P1 P2 00 Lc(2) data Le(2)` |
//!
//! A response is `data SW1 SW2`. [`CommandRef`] and [`ResponseRef`] look at bytes that lie elsewhere
//! and copy nothing; [`CommandApdu`] and [`ResponseApdu`] own their data field and are built on
//! them. [`CommandFrame`] is a command without its data field, for those who produce that field in
//! the buffer from which it is sent.

mod class;
mod command;
mod command_ref;
mod frame;
mod response;
mod response_ref;

pub use command::CommandApdu;
pub use command_ref::CommandRef;
pub use frame::CommandFrame;
pub use response::ResponseApdu;
pub use response_ref::ResponseRef;

/// The largest response that a short APDU can ask for (Le 00).
pub const MAX_SHORT_LE: u32 = 256;
/// The largest response that an extended APDU can ask for (Le 0000).
pub const MAX_EXTENDED_LE: u32 = 65_536;
/// The longest data field of a short APDU.
pub const MAX_SHORT_DATA: usize = 255;
/// The longest data field of an extended APDU.
pub const MAX_EXTENDED_DATA: usize = 65_535;
