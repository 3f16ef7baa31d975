//! A card of the fleet.

use globalplatform::aid::Aid;

use crate::audit::{Party, Step};
use crate::card::content::CardContent;
use crate::identity::{Iccid, Tenant};
use crate::time::Timestamp;

/// A UICC as its maker delivered it, and what was last read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uicc {
    /// Its identifier.
    pub iccid: Iccid,
    /// Whose subscriber holds it: the issuer itself or an MVNO that it hosts.
    pub tenant: Tenant,
    /// Whose SIM it is: the carrier or a full MVNO.
    pub issuer: Tenant,
    /// Issuer security domain.
    pub isd_aid: Aid,
    /// Key version number of the issuer keys.
    pub isd_key_version: u8,
    /// The `i` parameter of SCP03; pseudo-random challenge (bit 10) is required.
    pub scp_i: u8,
    /// Key diversification data of the issuer keys.
    pub kdd: [u8; 10],
    /// Non-volatile memory for applications, in bytes, as the maker states it.
    pub memory_bytes: u32,
    /// What the last verified reading showed; `None` before the first, and from
    /// the moment when first keys are about to be sent until the next one.
    pub content: Option<CardContent>,
}

impl Uicc {
    /// What its entries in the audit log are about.
    #[must_use]
    pub fn audit_subject(&self) -> String {
        format!("card/{}", self.iccid)
    }

    /// A step that the operator's server takes on the card: the issuer answers for it.
    #[must_use]
    pub fn step(&self, at: Timestamp, carrier: &Tenant) -> Step {
        let party = Party::issuer(&self.issuer, carrier);
        Step::new(self.audit_subject(), at, carrier.as_str(), party)
            .answered_by(&self.issuer)
            .of(&self.tenant)
            .on(&self.iccid)
    }
}
