//! The fleet: card profiles and deliveries of card makers, who holds each card, and what happens
//! to it.
//!
//! | Record | Id |
//! |---|---|
//! | [`CardProfile`] | issuer, slash, name |
//! | [`ImportBatch`] | issuer, slash, name of the batch |
//! | [`RefusedRow`] | id of the batch, slash, number of the row |
//! | [`Subscription`] | ICCID |
//! | [`CardEvent`], [`CardEventCount`] | ICCID, slash, sequence; ICCID |
//! | [`ByTenant`], [`CardOfNumber`], [`CardOfEid`] | indexes, written with what they point to |

mod event;
mod import;
mod index;
mod numbers;
mod profile;
mod requirements;
mod row;
mod subscription;

pub use event::{CardEvent, CardEventCount, CardEventKind, append as append_event};
pub use import::{ImportBatch, RefusedRow, RowCounts};
pub use index::{ByTenant, CardOfEid, CardOfNumber};
pub use numbers::{Eid, Imei, Msisdn, NumberError};
pub use profile::{CardProfile, GpVersion, ProfileError};
pub use requirements::{ServiceRequirements, UnmetRequirement};
pub use row::{DeliveredCard, DeliveredKeys, Delivery, RowProblem, RowText};
pub use subscription::{
    HolderAssurance, Subscription, SubscriptionChange, SubscriptionError, SubscriptionState,
};
