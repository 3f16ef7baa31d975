//! Rows that are there to be found by: written in the same batch as what they point to.

use crate::identity::{Iccid, Tenant};
use crate::record::Table;

/// Says that a record belongs to a tenant, so that the list of a small tenant reads no other
/// tenant's records. Record id: [`ByTenant::id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByTenant;

impl ByTenant {
    /// Record id: table, slash, tenant, slash, id of the record.
    #[must_use]
    pub fn id(table: Table, tenant: &Tenant, id: &str) -> String {
        format!("{}/{tenant}/{id}", table.name())
    }

    /// What the ids of a tenant's rows begin with.
    #[must_use]
    pub fn prefix(table: Table, tenant: &Tenant) -> String {
        Self::id(table, tenant, "")
    }
}

/// The card that a number is on. Record id: the MSISDN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardOfNumber {
    /// The card.
    pub iccid: Iccid,
}

/// The card in an eUICC. Record id: the EID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardOfEid {
    /// The card.
    pub iccid: Iccid,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_whose_name_begins_another_keeps_its_own_rows() {
        let [one, other] = ["mvno", "mvno-a"].map(|name| Tenant::new(name).unwrap());
        let id = ByTenant::id(Table::Uicc, &other, "8981100000000000001");
        assert_eq!(id, "uicc/mvno-a/8981100000000000001");
        assert!(id.starts_with(&ByTenant::prefix(Table::Uicc, &other)));
        assert!(!id.starts_with(&ByTenant::prefix(Table::Uicc, &one)));
    }
}
