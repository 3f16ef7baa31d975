//! A card of the fleet.

use core::fmt;

use globalplatform::aid::Aid;
use scp03::keys::StaticKeys;
use zeroize::Zeroizing;

use crate::audit::{Party, Step};
use crate::card::content::CardContent;
use crate::fleet::Eid;
use crate::identity::{Iccid, ProfileName, Tenant};
use crate::ports::{KeyVault, SealContext, VaultError};
use crate::record::Table;
use crate::time::Timestamp;

/// Where the static keys of a card's issuer domain come from. `Debug` shows no bytes.
#[derive(Clone, PartialEq, Eq)]
pub enum IssuerKeys {
    /// KDF3 of the issuer's master key over ten bytes of key diversification data.
    Diversified([u8; 10]),
    /// The maker made them: ENC, MAC and DEK, one after the other, sealed to the record of the card.
    Sealed(Vec<u8>),
}

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Diversified(_) => "Diversified(…)",
            Self::Sealed(_) => "Sealed(…)",
        })
    }
}

impl IssuerKeys {
    /// Where keys that the maker made are sealed to.
    #[must_use]
    pub fn place(iccid: &Iccid) -> SealContext {
        SealContext {
            table: Table::Uicc.name(),
            row: iccid.to_string(),
            column: "issuer keys",
        }
    }

    /// Seals what the maker made: ENC, MAC and DEK of one length, one after the other.
    ///
    /// # Errors
    /// [`VaultError`] when the vault fails.
    pub fn seal(vault: &dyn KeyVault, iccid: &Iccid, keys: &[u8]) -> Result<Self, VaultError> {
        vault.seal(&Self::place(iccid), keys).map(Self::Sealed)
    }
}

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
    /// Its issuer keys.
    pub keys: IssuerKeys,
    /// Non-volatile memory for applications, in bytes, as the maker states it.
    pub memory_bytes: u32,
    /// Its card profile; none when it was registered without one.
    pub profile: Option<ProfileName>,
    /// The eUICC that it is in; none for a card that is no eUICC.
    pub eid: Option<Eid>,
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

    /// The static keys of the issuer domain; `master` names the issuer's master key.
    ///
    /// # Errors
    /// [`VaultError`] when the vault has no such master key, or the sealed keys do not open.
    pub fn issuer_keys(
        &self,
        vault: &dyn KeyVault,
        master: &str,
    ) -> Result<StaticKeys, VaultError> {
        let sealed = match &self.keys {
            IssuerKeys::Diversified(data) => return vault.issuer_keys(master, data),
            IssuerKeys::Sealed(sealed) => sealed,
        };
        let keys: Zeroizing<Vec<u8>> = vault.unseal(&IssuerKeys::place(&self.iccid), sealed)?;
        let length = keys.len() / 3;
        let (enc, rest) = keys.split_at(length);
        let (mac, dek) = rest.split_at(length);
        StaticKeys::from_bytes(enc, mac, dek).map_err(|_| VaultError::Unseal)
    }
}
