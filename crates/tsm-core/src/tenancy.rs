//! Who is who on an operator's server, and who has a contract with whom.
//!
//! ```text
//! carrier ─┬─ full MVNO ── hosted MVNO
//!          ├─ hosted MVNO
//!          └─ service provider
//! ```
//!
//! The carrier and full MVNOs issue cards: they have SIMs and issuer keys of their own. The
//! subscribers of a hosted MVNO use the SIMs of the issuer above it. Service providers have no
//! cards; a [`Contract`] with an issuer lets them manage services on that issuer's cards.

mod contract;
mod tenant;
mod tree;

pub use contract::{Contract, ContractError, ManagementMode};
pub use tenant::{TenantKind, TenantRecord};
pub use tree::{Tenancy, TenancyError};
