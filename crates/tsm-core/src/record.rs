//! Everything that a store holds, as one enum.

use crate::audit::heads::{HeadsTip, SignedHeads, UnsignedHead};
use crate::audit::{AuditEntry, AuditHead};
use crate::card::case::Case;
use crate::card::catalogue::{LoadFilePiece, Package, ServiceDefinition};
use crate::card::counter::KeysetCounter;
use crate::card::deployment::Deployment;
use crate::card::history::CardHistory;
use crate::card::lease::Lease;
use crate::card::policy::Policy;
use crate::card::standing::Declaration;
use crate::card::sweep::Sweep;
use crate::card::uicc::Uicc;
use crate::fleet::{
    ByTenant, CardEvent, CardEventCount, CardOfEid, CardOfNumber, CardProfile, ImportBatch,
    RefusedRow, Subscription,
};
use crate::jpki::application::{Application, CardGuard, PersonGuard, RequestOutcome, SpentNonce};
use crate::jpki::credential::{Credential, OpenDuty, SealedPrivateKey, SerialIndex};
use crate::jpki::domain::ProviderDomain;
use crate::ledger::{LedgerLine, Tariff};
use crate::receipt::Receipt;
use crate::tenancy::{Contract, TenantRecord};

/// A domain type that has a table.
pub trait Stored: Into<Record> + TryFrom<Record> {
    /// Its table.
    const TABLE: Table;
}

macro_rules! records {
    ($($type:ident => $name:literal),+ $(,)?) => {
        /// Tables of the store; each holds one type of record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Table {
            $(#[doc = concat!("Records of type [`", stringify!($type), "`].")] $type),+
        }

        impl Table {
            /// All tables.
            pub const ALL: &'static [Self] = &[$(Self::$type),+];

            /// Name in the database.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$type => $name),+ }
            }
        }

        /// A value of the store.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Record {
            $(#[doc = concat!("A [`", stringify!($type), "`].")] $type($type)),+
        }

        $(
            impl From<$type> for Record {
                fn from(value: $type) -> Self {
                    Self::$type(value)
                }
            }

            impl TryFrom<Record> for $type {
                type Error = Record;

                fn try_from(record: Record) -> Result<Self, Record> {
                    match record {
                        Record::$type(value) => Ok(value),
                        other => Err(other),
                    }
                }
            }

            impl Stored for $type {
                const TABLE: Table = Table::$type;
            }
        )+
    };
}

records! {
    TenantRecord => "tenant",
    Contract => "contract",
    Uicc => "uicc",
    CardProfile => "card_profile",
    ImportBatch => "import",
    RefusedRow => "refused_row",
    Subscription => "subscription",
    CardEvent => "card_event",
    CardEventCount => "card_event_count",
    ByTenant => "by_tenant",
    CardOfNumber => "card_of_number",
    CardOfEid => "card_of_eid",
    KeysetCounter => "keyset_counter",
    Lease => "lease",
    Package => "package",
    LoadFilePiece => "load_file_piece",
    ServiceDefinition => "service",
    Deployment => "deployment",
    RequestOutcome => "request",
    Application => "application",
    PersonGuard => "person_guard",
    CardGuard => "card_guard",
    SpentNonce => "spent_nonce",
    Credential => "credential",
    SealedPrivateKey => "sealed_private_key",
    OpenDuty => "open_duty",
    SerialIndex => "serial_index",
    ProviderDomain => "provider_domain",
    Policy => "policy",
    Case => "case",
    CardHistory => "card_history",
    Declaration => "declaration",
    Sweep => "sweep",
    AuditEntry => "audit_entry",
    AuditHead => "audit_head",
    UnsignedHead => "unsigned_head",
    SignedHeads => "signed_heads",
    HeadsTip => "heads_tip",
    Receipt => "receipt",
    Tariff => "tariff",
    LedgerLine => "ledger_line",
}
