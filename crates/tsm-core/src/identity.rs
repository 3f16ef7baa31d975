//! Names of cards, tenants, people and requests.

use core::fmt;

/// A name that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// An ICCID has 19 or 20 decimal digits.
    #[error("an ICCID has 19 or 20 decimal digits; {length} characters were given")]
    Iccid {
        /// Length of what was given, in characters.
        length: usize,
    },
    /// A name is 1 to 64 characters of `a-z`, `0-9`, `-` and `_`.
    #[error("{what} must be 1 to 64 characters of a-z, 0-9, '-' and '_'")]
    Name {
        /// Which name.
        what: &'static str,
    },
}

/// Integrated circuit card identifier: 19 or 20 decimal digits (ITU-T E.118).
///
/// `Debug` and logs show only the last four digits; `Display` shows all.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iccid(String);

impl Iccid {
    /// Takes 19 or 20 decimal digits.
    ///
    /// # Errors
    /// [`IdentityError::Iccid`] for anything else.
    pub fn new(text: &str) -> Result<Self, IdentityError> {
        let length = text.chars().count();
        if !(19..=20).contains(&length) || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(IdentityError::Iccid { length });
        }
        Ok(Self(text.to_owned()))
    }

    /// All digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Iccid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Iccid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tail = self.0.get(self.0.len().saturating_sub(4)..).unwrap_or("");
        write!(f, "Iccid(…{tail})")
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// Takes 1 to 64 characters of `a-z`, `0-9`, `-` and `_`.
            ///
            /// # Errors
            /// [`IdentityError::Name`] for anything else.
            pub fn new(text: &str) -> Result<Self, IdentityError> {
                let allowed =
                    |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
                if text.is_empty() || text.len() > 64 || !text.bytes().all(allowed) {
                    return Err(IdentityError::Name { what: $what });
                }
                Ok(Self(text.to_owned()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// An organisation: carrier, MVNO or service provider.
    Tenant,
    "a tenant"
);
name!(
    /// A service that a provider puts on cards, for example `jpki`.
    ServiceName,
    "a service name"
);

name!(
    /// A card profile: a product of a card maker.
    ProfileName,
    "a profile name"
);
name!(
    /// A delivery of cards.
    BatchName,
    "a batch name"
);

/// What a client certificate allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Registers tenants and contracts.
    Admin,
    /// Runs a server: registers cards, packages and services, sees everything of the tenant.
    Operator,
    /// Reviews and approves what others register.
    Approver,
    /// Helps subscribers: sees cards and what was done to them, changes nothing.
    Support,
    /// Another organisation's server that manages its services on cards.
    ServiceProvider,
    /// A phone or reader that attaches a card.
    Device,
    /// The citizen's app or the counter: applies and manages credentials.
    Citizen,
    /// A relying party.
    Verifier,
    /// Reads the audit log.
    Auditor,
}

impl Role {
    /// As written in certificates and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Support => "support",
            Self::ServiceProvider => "service-provider",
            Self::Device => "device",
            Self::Citizen => "citizen",
            Self::Verifier => "verifier",
            Self::Auditor => "auditor",
        }
    }

    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Admin,
        Self::Operator,
        Self::Approver,
        Self::Support,
        Self::ServiceProvider,
        Self::Device,
        Self::Citizen,
        Self::Verifier,
        Self::Auditor,
    ];

    /// Whether people have it, whom their certificates name; else it is a machine's.
    #[must_use]
    pub const fn is_for_people(self) -> bool {
        match self {
            Self::Admin | Self::Operator | Self::Approver | Self::Support | Self::Auditor => true,
            Self::ServiceProvider | Self::Device | Self::Citizen | Self::Verifier => false,
        }
    }

    /// The role written as `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// Who asks: read from the client certificate of a mutual TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Organisation.
    pub tenant: Tenant,
    /// What it may do.
    pub role: Role,
    /// For the roles of people: who it is, as the subject of the certificate says
    /// (common name). Empty for the roles of machines.
    pub person: String,
}

impl Caller {
    /// A caller that is nobody in person: a machine.
    #[must_use]
    pub const fn machine(tenant: Tenant, role: Role) -> Self {
        Self {
            tenant,
            role,
            person: String::new(),
        }
    }

    /// A person of a tenant.
    #[must_use]
    pub fn person(tenant: Tenant, role: Role, person: &str) -> Self {
        Self {
            tenant,
            role,
            person: person.to_owned(),
        }
    }

    /// As the audit log names it: tenant, slash, role.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("{}/{}", self.tenant, self.role.as_str())
    }
}
