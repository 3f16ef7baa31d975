//! The Contactless Registry Service (GlobalPlatform Amendment C 1.3, 3.11): an application that lists
//! the contactless applications of a card and switches them on and off.
//!
//! Its commands look like those of a security domain and mean something else, so they have types of
//! their own. They go to the application [`CRS`] and need no secure channel. `C` in the comments is
//! Amendment C.

mod registry;
mod set_status;
mod status;
mod version;

pub use registry::{ContactlessEntry, ContactlessState};
pub use set_status::{PriorityOrder, SetContactlessStatus, SetContactlessStatusResponse};
pub use status::{ContactlessScope, GetContactlessStatus};
pub use version::RegistryVersion;

use crate::aid::Aid;

/// AID of the Contactless Registry Service, and of its module (C 3.11.1).
pub const CRS: Aid = Aid::from_slice_const(&[0xA0, 0, 0, 1, 0x51, 0x43, 0x52, 0x53, 0]);
/// AID of its load file.
pub const CRS_LOAD_FILE: Aid = Aid::from_slice_const(&[0xA0, 0, 0, 1, 0x51, 0x43, 0x52, 0x53]);
