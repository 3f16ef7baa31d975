//! The sequence counter of one key set on one card, as the server knows it.

use globalplatform::aid::Aid;

use crate::identity::Iccid;

/// What is known of a sequence counter.
///
/// Written before a script is sent and after its answers verify, so that no
/// two different scripts ever exist for one counter value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysetCounter {
    /// Highest value that the card is known, by a verified cryptogram, to have used.
    pub confirmed: u32,
    /// Highest value for which a script was sent; at least `confirmed`.
    pub sent: u32,
    /// SHA-256 of the newest script that was sent.
    pub digest: Option<[u8; 32]>,
}

impl KeysetCounter {
    /// Record id: the key set `version` of the domain `owner` on a card.
    #[must_use]
    pub fn id(iccid: &Iccid, owner: &Aid, version: u8) -> String {
        format!("{iccid}/{owner}/{version:02X}")
    }

    /// A script is out whose outcome is not known.
    #[must_use]
    pub fn in_doubt(&self) -> bool {
        self.sent > self.confirmed
    }
}
