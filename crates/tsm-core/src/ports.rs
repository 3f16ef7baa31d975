//! The ways out of the domain. Everything below them is an adapter.
//!
//! Six are those of the architecture; [`Carrier`] (the operator as the provider
//! sees it) and [`KeyPairs`] were split off so that both stay small
//! (docs/design.md).

pub mod authority;
pub mod card_link;
pub mod carrier;
pub mod clock;
pub mod key_pairs;
pub mod key_vault;
pub mod store;

pub use authority::{AuthorityError, CertificateAuthority, CertificateRequest};
pub use card_link::{CardLink, LinkError, Script, ScriptCommand};
pub use carrier::{Carrier, CarrierError, Eligibility, MissingRequirement, ServiceChange};
pub use clock::{Clock, Entropy, EntropyError};
pub use key_pairs::{KeyPair, KeyPairError, KeyPairs, PrivateKeyParts};
pub use key_vault::{KeyVault, SealContext, SlotId, VaultError};
pub use store::{Batch, Key, Store, StoreError, Versioned};
