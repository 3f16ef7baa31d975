//! The tree of tenants.

use std::collections::{BTreeMap, BTreeSet};

use super::tenant::{TenantKind, TenantRecord};
use crate::error::{Failure, Reason};
use crate::identity::Tenant;

/// Why a tenant cannot stand in the tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TenancyError {
    /// The tenant above it is not known.
    #[error("the tenant above, {0}, is not registered")]
    ParentUnknown(Tenant),
    /// Its kind has no place there.
    #[error("a tenant of kind {} cannot stand below one of kind {}", kind.as_str(), parent.as_str())]
    WrongPlace {
        /// Its kind.
        kind: TenantKind,
        /// The kind of the tenant above.
        parent: TenantKind,
    },
    /// Only the carrier stands below nobody, and there is one carrier.
    #[error("a tenant of kind {} needs a tenant above it, and a second carrier has no place", .0.as_str())]
    NotTheRoot(TenantKind),
    /// The name is another tenant's.
    #[error("the tenant {0} is registered with other data")]
    Exists(Tenant),
}

impl Failure for TenancyError {
    fn reason(&self) -> Reason {
        match self {
            Self::ParentUnknown(_) => Reason::TenantUnknown,
            Self::WrongPlace { .. } | Self::NotTheRoot(_) => Reason::InvalidArgument,
            Self::Exists(_) => Reason::AlreadyExists,
        }
    }
}

/// All tenants of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenancy {
    root: Tenant,
    tenants: BTreeMap<Tenant, TenantRecord>,
}

impl Tenancy {
    /// A tree of nothing but the carrier.
    ///
    /// # Errors
    /// [`TenancyError::NotTheRoot`] for a tenant that is none, or stands below another.
    pub fn new(carrier: TenantRecord) -> Result<Self, TenancyError> {
        if carrier.kind != TenantKind::Carrier || carrier.parent.is_some() {
            return Err(TenancyError::NotTheRoot(carrier.kind));
        }
        Ok(Self {
            root: carrier.name.clone(),
            tenants: BTreeMap::from([(carrier.name.clone(), carrier)]),
        })
    }

    /// Adds a tenant, or takes over whether it is suspended now.
    ///
    /// # Errors
    /// [`TenancyError`]; the tree is as before then.
    pub fn insert(&mut self, tenant: TenantRecord) -> Result<(), TenancyError> {
        if let Some(known) = self.tenants.get_mut(&tenant.name) {
            if !known.describes_the_same(&tenant) {
                return Err(TenancyError::Exists(tenant.name));
            }
            known.is_suspended = tenant.is_suspended;
            return Ok(());
        }
        let Some(parent) = &tenant.parent else {
            return Err(TenancyError::NotTheRoot(tenant.kind));
        };
        let Some(above) = self.tenants.get(parent) else {
            return Err(TenancyError::ParentUnknown(parent.clone()));
        };
        if !tenant.kind.may_be_below(above.kind) {
            return Err(TenancyError::WrongPlace {
                kind: tenant.kind,
                parent: above.kind,
            });
        }
        self.tenants.insert(tenant.name.clone(), tenant);
        Ok(())
    }

    /// The carrier.
    #[must_use]
    pub const fn carrier(&self) -> &Tenant {
        &self.root
    }

    /// A tenant.
    #[must_use]
    pub fn find(&self, name: &Tenant) -> Option<&TenantRecord> {
        self.tenants.get(name)
    }

    /// All tenants, by name.
    pub fn iter(&self) -> impl Iterator<Item = &TenantRecord> {
        self.tenants.values()
    }

    /// The tenant, the one above it, and so on to the carrier; empty for one that is not known.
    pub fn upwards(&self, name: &Tenant) -> impl Iterator<Item = &TenantRecord> {
        std::iter::successors(self.find(name), |tenant| {
            tenant.parent.as_ref().and_then(|parent| self.find(parent))
        })
    }

    /// Whether the tenant is known, and neither it nor one above it is suspended.
    #[must_use]
    pub fn is_active(&self, name: &Tenant) -> bool {
        let mut line = self.upwards(name).peekable();
        line.peek().is_some() && line.all(|tenant| !tenant.is_suspended)
    }

    /// Whose SIMs the subscribers of a tenant use: its own, or those of the nearest issuer above
    /// it. None for tenants without subscribers.
    #[must_use]
    pub fn issuer_of(&self, name: &Tenant) -> Option<&Tenant> {
        let tenant = self.find(name)?;
        if !tenant.kind.has_subscribers() {
            return None;
        }
        let mut line = self.upwards(name);
        line.find(|tenant| tenant.kind.issues_cards())
            .map(|tenant| &tenant.name)
    }

    /// Whose subscribers use the SIMs of a tenant: itself and the hosted MVNOs below it, if it
    /// issues cards; else only itself.
    #[must_use]
    pub fn on_cards_of(&self, name: &Tenant) -> BTreeSet<Tenant> {
        let mut found = BTreeSet::from([name.clone()]);
        if self.find(name).is_some_and(|t| t.kind.issues_cards()) {
            let others = self.tenants.keys();
            found.extend(
                others
                    .filter(|other| self.issuer_of(other) == Some(name))
                    .cloned(),
            );
        }
        found
    }

    /// The tenant and all below it.
    #[must_use]
    pub fn below(&self, name: &Tenant) -> BTreeSet<Tenant> {
        let is_above = |other: &&Tenant| self.upwards(other).any(|tenant| tenant.name == *name);
        self.tenants.keys().filter(is_above).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn name(text: &str) -> Tenant {
        Tenant::new(text).unwrap()
    }

    fn tenant(kind: TenantKind, text: &str, parent: Option<&str>) -> TenantRecord {
        TenantRecord {
            name: name(text),
            kind,
            parent: parent.map(name),
            display_name: text.to_uppercase(),
            is_suspended: false,
            registered_at: Timestamp(1),
        }
    }

    fn tree() -> Tenancy {
        use TenantKind::{Carrier, FullMvno, HostedMvno, ServiceProvider};
        let mut tree = Tenancy::new(tenant(Carrier, "carrier", None)).unwrap();
        for tenant in [
            tenant(FullMvno, "full", Some("carrier")),
            tenant(HostedMvno, "hosted", Some("carrier")),
            tenant(HostedMvno, "guest", Some("full")),
            tenant(ServiceProvider, "j-lis", Some("carrier")),
        ] {
            tree.insert(tenant).unwrap();
        }
        tree
    }

    fn names(texts: &[&str]) -> BTreeSet<Tenant> {
        texts.iter().map(|text| name(text)).collect()
    }

    #[test]
    fn cards_are_issued_by_the_nearest_issuer() {
        let tree = tree();
        for (tenant, issuer) in [
            ("carrier", Some("carrier")),
            ("full", Some("full")),
            ("hosted", Some("carrier")),
            ("guest", Some("full")),
            ("j-lis", None),
            ("nobody", None),
        ] {
            let issuer = issuer.map(name);
            assert_eq!(tree.issuer_of(&name(tenant)), issuer.as_ref(), "{tenant}");
        }
    }

    #[test]
    fn an_issuer_has_its_own_subscribers_and_those_of_its_guests() {
        let tree = tree();
        let on = |text| tree.on_cards_of(&name(text));
        assert_eq!(on("carrier"), names(&["carrier", "hosted"]));
        assert_eq!(on("full"), names(&["full", "guest"]));
        assert_eq!(on("hosted"), names(&["hosted"]));
        assert_eq!(on("j-lis"), names(&["j-lis"]));
        assert_eq!(on("nobody"), names(&["nobody"]));
        assert_eq!(tree.below(&name("full")), names(&["full", "guest"]));
        assert_eq!(tree.below(&name("carrier")).len(), 5);
    }

    #[test]
    fn whoever_stands_below_a_suspended_tenant_is_suspended_too() {
        let mut tree = tree();
        let suspended = TenantRecord {
            is_suspended: true,
            ..tenant(TenantKind::FullMvno, "full", Some("carrier"))
        };
        tree.insert(suspended.clone()).unwrap();
        let active = |tree: &Tenancy, text| tree.is_active(&name(text));
        assert!(!active(&tree, "full") && !active(&tree, "guest"));
        assert!(active(&tree, "carrier") && active(&tree, "hosted"));
        assert!(!active(&tree, "nobody"));
        tree.insert(TenantRecord {
            is_suspended: false,
            ..suspended
        })
        .unwrap();
        assert!(active(&tree, "guest"));
    }

    #[test]
    fn every_kind_has_its_place() {
        use TenantKind::{Carrier, FullMvno, HostedMvno, ServiceProvider};
        let places = [
            (FullMvno, "carrier"),
            (ServiceProvider, "carrier"),
            (HostedMvno, "carrier"),
            (HostedMvno, "full"),
        ];
        for kind in TenantKind::ALL {
            for parent in ["carrier", "full", "hosted", "j-lis"] {
                let added = tree().insert(tenant(kind, "new", Some(parent)));
                let parent_kind = tree().find(&name(parent)).unwrap().kind;
                let expected = match places.contains(&(kind, parent)) {
                    true => Ok(()),
                    false => Err(TenancyError::WrongPlace {
                        kind,
                        parent: parent_kind,
                    }),
                };
                assert_eq!(added, expected, "{kind:?} below {parent}");
            }
            let alone = tree().insert(tenant(kind, "new", None));
            assert_eq!(alone, Err(TenancyError::NotTheRoot(kind)));
        }
        assert_eq!(
            tree().insert(tenant(HostedMvno, "new", Some("nobody"))),
            Err(TenancyError::ParentUnknown(name("nobody")))
        );
        for wrong in [
            tenant(HostedMvno, "carrier", None),
            tenant(Carrier, "carrier", Some("carrier")),
        ] {
            assert!(Tenancy::new(wrong).is_err());
        }
    }

    #[test]
    fn a_name_stays_with_its_tenant() {
        use TenantKind::{FullMvno, HostedMvno};
        let mut tree = tree();
        let before = tree.clone();
        tree.insert(tenant(HostedMvno, "hosted", Some("carrier")))
            .unwrap();
        for other in [
            tenant(HostedMvno, "hosted", Some("full")),
            tenant(FullMvno, "hosted", Some("carrier")),
            tenant(HostedMvno, "carrier", Some("full")),
        ] {
            let taken = TenancyError::Exists(other.name.clone());
            assert_eq!(tree.insert(other), Err(taken));
        }
        assert_eq!(tree, before);
    }
}
