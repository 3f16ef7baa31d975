//! One worker per card at a time.

use crate::time::Timestamp;

/// Who works on a card, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Name of the worker; a holder may renew its own lease.
    pub holder: String,
    /// Goes up with every new holder; older epochs are refused by the gateway.
    pub epoch: u64,
    /// Free for others from then on.
    pub expires_at: Timestamp,
}
