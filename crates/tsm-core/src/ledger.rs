//! The usage ledger: who used how much of whose SIMs (docs/settlement.md).
//!
//! Lines belong to an [`Account`]: a service provider, who pays, and an issuer of cards, who is
//! paid. A line is one of three kinds of [`Use`]: an area of a card from when to when, an
//! installation, or messages of a day. Nothing is counted daily: an area is one line from the
//! moment when it was read back on the card until it was read back gone, and a
//! [`settlement`] cuts it where the month ends.
//!
//! All sums are whole numbers: byte-milliseconds, pieces, bytes. [`Tariff`]s price them in whole
//! units of whatever the two parties agreed on.

pub mod area;
pub mod messages;
pub mod month;
pub mod settlement;
pub mod tariff;

use sha2::{Digest, Sha256};

use crate::identity::{Iccid, ServiceName, Tenant};
use crate::time::Timestamp;

pub use tariff::{Prices, Tariff};

/// Who pays whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// The service provider, who pays.
    pub payer: Tenant,
    /// The issuer of the cards, who is paid.
    pub payee: Tenant,
}

impl Account {
    /// What the ids of its records begin with: 16 bytes of SHA-256 over payer, slash and payee in
    /// hex, and a slash. Two names of 64 characters leave no room for the rest.
    #[must_use]
    pub fn prefix(&self) -> String {
        let digest = Sha256::digest(format!("{}/{}", self.payer, self.payee));
        let mut prefix: String = hex::encode(digest).chars().take(32).collect();
        prefix.push('/');
        prefix
    }
}

/// What was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Use {
    /// An area of the card's memory.
    Area {
        /// Its size.
        bytes: u64,
        /// When it was read back on the card.
        from: Timestamp,
        /// When it was read back gone; none while it is there.
        until: Option<Timestamp>,
    },
    /// The service was put on the card.
    Installation {
        /// When it was read back there.
        at: Timestamp,
    },
    /// Exchanges with the phone, of one day and under one tariff.
    Messages {
        /// Beginning of the day, or of the tariff when that is later.
        from: Timestamp,
        /// Scripts that were sent.
        exchanges: u64,
        /// Bytes of commands and responses.
        bytes: u64,
    },
}

impl Use {
    /// When it began.
    #[must_use]
    pub const fn from(&self) -> Timestamp {
        match self {
            Self::Area { from, .. } | Self::Messages { from, .. } => *from,
            Self::Installation { at } => *at,
        }
    }

    const fn code(&self) -> char {
        match self {
            Self::Area { .. } => 'a',
            Self::Installation { .. } => 'i',
            Self::Messages { .. } => 'm',
        }
    }
}

/// A line of the ledger. Record id: [`LedgerLine::id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLine {
    /// Who pays whom.
    pub account: Account,
    /// The card.
    pub iccid: Iccid,
    /// The service.
    pub service: ServiceName,
    /// What was used.
    pub usage: Use,
}

impl LedgerLine {
    /// What the ids of all lines of a kind begin with, for one service on one card.
    fn prefix(account: &Account, iccid: &Iccid, service: &ServiceName, code: char) -> String {
        format!("{}{iccid}/{service}/{code}", account.prefix())
    }

    /// Record id: account, card, service, kind and beginning.
    #[must_use]
    pub fn id(&self) -> String {
        let Self {
            account,
            iccid,
            service,
            usage,
        } = self;
        let from = usage.from().0.max(0);
        let prefix = Self::prefix(account, iccid, service, usage.code());
        format!("{prefix}{from:015}")
    }
}
