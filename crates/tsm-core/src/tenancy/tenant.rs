//! One tenant.

use crate::identity::Tenant;
use crate::time::Timestamp;

/// What kind of organisation a tenant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TenantKind {
    /// The operator of this server; issues cards. There is one.
    Carrier,
    /// A virtual operator with SIMs and issuer keys of its own.
    FullMvno,
    /// A virtual operator whose subscribers use the SIMs of the issuer above it.
    HostedMvno,
    /// Has services on the cards of others.
    ServiceProvider,
}

impl TenantKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Carrier,
        Self::FullMvno,
        Self::HostedMvno,
        Self::ServiceProvider,
    ];

    /// As commands and the audit log name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Carrier => "carrier",
            Self::FullMvno => "full-mvno",
            Self::HostedMvno => "hosted-mvno",
            Self::ServiceProvider => "service-provider",
        }
    }

    /// Whether cards are issued by it, under keys of its own.
    #[must_use]
    pub const fn issues_cards(self) -> bool {
        matches!(self, Self::Carrier | Self::FullMvno)
    }

    /// Whether its subscribers hold cards.
    #[must_use]
    pub const fn has_subscribers(self) -> bool {
        !matches!(self, Self::ServiceProvider)
    }

    /// Whether a tenant of this kind may stand directly below one of kind `parent`.
    #[must_use]
    pub const fn may_be_below(self, parent: Self) -> bool {
        match self {
            Self::Carrier => false,
            Self::FullMvno | Self::ServiceProvider => matches!(parent, Self::Carrier),
            Self::HostedMvno => parent.issues_cards(),
        }
    }
}

/// A tenant. Record id: its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRecord {
    /// Its name, as certificates and records have it.
    pub name: Tenant,
    /// What it is.
    pub kind: TenantKind,
    /// The tenant above it; none for the carrier.
    pub parent: Option<Tenant>,
    /// Its name for people.
    pub display_name: String,
    /// Nobody of it, or of a tenant below it, may do anything.
    pub is_suspended: bool,
    /// When it was registered.
    pub registered_at: Timestamp,
}

impl TenantRecord {
    /// Whether `other` says the same of the tenant, apart from times and suspension.
    #[must_use]
    pub fn describes_the_same(&self, other: &Self) -> bool {
        (&self.name, self.kind, &self.parent, &self.display_name)
            == (&other.name, other.kind, &other.parent, &other.display_name)
    }
}
