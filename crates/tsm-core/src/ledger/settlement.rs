//! What is due between two parties for a month.
//!
//! Sums are exact. An amount for area is rounded once, when everything of a line is added up: half
//! a unit and more count as one.

use std::collections::BTreeMap;

use super::month::Month;
use super::{Account, LedgerLine, Prices, Tariff, Use, tariff};
use crate::identity::ServiceName;
use crate::ports::{Store, StoreError};
use crate::record::{Record, Table};
use crate::time::Timestamp;
use crate::time::calendar::DAY_MS;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

/// Ledger lines read at a time.
const PAGE: usize = 500;
/// Byte-milliseconds of a megabyte-day.
const MEGABYTE_DAY: u128 = 1_000_000 * DAY_MS as u128;

/// How much was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Area: bytes times milliseconds.
    pub byte_milliseconds: u128,
    /// Services put on cards.
    pub installations: u64,
    /// Exchanges with phones.
    pub exchanges: u64,
    /// Bytes of these.
    pub message_bytes: u64,
}

impl Usage {
    /// The sum of two.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            byte_milliseconds: self
                .byte_milliseconds
                .saturating_add(other.byte_milliseconds),
            installations: self.installations.saturating_add(other.installations),
            exchanges: self.exchanges.saturating_add(other.exchanges),
            message_bytes: self.message_bytes.saturating_add(other.message_bytes),
        }
    }

    /// The area in megabyte-days, with six places; the rest is cut off.
    ///
    /// ```
    /// # use tsm_core::ledger::settlement::Usage;
    /// let usage = Usage {
    ///     byte_milliseconds: 49_152 * 86_400_000 * 30,
    ///     ..Usage::default()
    /// };
    /// assert_eq!(usage.megabyte_days(), "1.474560");
    /// ```
    #[must_use]
    pub fn megabyte_days(&self) -> String {
        let millionths = self.byte_milliseconds / (MEGABYTE_DAY / 1_000_000);
        format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
    }
}

/// What it costs, in the units of the tariff.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// For area.
    pub area: u128,
    /// For installations.
    pub installations: u128,
    /// For messages.
    pub messages: u128,
}

impl Amounts {
    /// All of it.
    #[must_use]
    pub const fn total(&self) -> u128 {
        self.area
            .saturating_add(self.installations)
            .saturating_add(self.messages)
    }
}

/// What one service used between two parties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementLine {
    /// Who pays whom.
    pub account: Account,
    /// For which service.
    pub service: ServiceName,
    /// How much was used.
    pub usage: Usage,
    /// What it costs; none when nothing had a price in the month.
    pub amounts: Option<Amounts>,
}

/// Adds up the ledger lines of one account and one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How much was used.
    pub usage: Usage,
    /// Area: byte-milliseconds times price of a megabyte-day.
    area: u128,
    installations: u128,
    messages: u128,
}

impl Sum {
    /// Adds what a line used in `month`, as far as is known at `as_of`.
    pub fn add(&mut self, usage: &Use, tariffs: &[Tariff], month: Month, as_of: Timestamp) {
        let is_inside = |at: Timestamp| month.start() <= at && at < month.end();
        let prices = |at: Timestamp| -> Prices {
            let tariff = tariff::at(tariffs, at);
            tariff.and_then(|tariff| tariff.prices).unwrap_or_default()
        };
        match *usage {
            Use::Area { bytes, from, until } => {
                let from = from.max(month.start());
                let until = until.unwrap_or(as_of).min(month.end());
                self.add_area(bytes, from, until, tariffs, &prices);
            }
            Use::Installation { at } if is_inside(at) => {
                self.usage.installations = self.usage.installations.saturating_add(1);
                let price = u128::from(prices(at).per_installation);
                self.installations = self.installations.saturating_add(price);
            }
            Use::Messages {
                from,
                exchanges,
                bytes,
            } if is_inside(from) => {
                let usage = &mut self.usage;
                usage.exchanges = usage.exchanges.saturating_add(exchanges);
                usage.message_bytes = usage.message_bytes.saturating_add(bytes);
                let price = u128::from(prices(from).per_message);
                let cost = price.saturating_mul(exchanges.into());
                self.messages = self.messages.saturating_add(cost);
            }
            Use::Installation { .. } | Use::Messages { .. } => {}
        }
    }

    /// Adds an area piece by piece, cut where the prices change.
    fn add_area(
        &mut self,
        bytes: u64,
        mut from: Timestamp,
        until: Timestamp,
        tariffs: &[Tariff],
        prices: &dyn Fn(Timestamp) -> Prices,
    ) {
        while from < until {
            let next = tariffs.iter().map(|tariff| tariff.from);
            let next = next.filter(|next| *next > from && *next < until).min();
            let end = next.unwrap_or(until);
            let ms = end.since(from).as_millis();
            let used = ms.saturating_mul(bytes.into());
            let sum = &mut self.usage.byte_milliseconds;
            *sum = sum.saturating_add(used);
            let price = u128::from(prices(from).per_megabyte_day);
            self.area = self.area.saturating_add(used.saturating_mul(price));
            from = end;
        }
    }

    /// What it costs.
    #[must_use]
    pub const fn amounts(&self) -> Amounts {
        Amounts {
            area: self.area.saturating_add(MEGABYTE_DAY / 2) / MEGABYTE_DAY,
            installations: self.installations,
            messages: self.messages,
        }
    }
}

/// Adds up an account for a month, service by service.
///
/// # Errors
/// [`StoreError`] when the ledger cannot be read.
pub async fn settle(
    store: &dyn Store,
    account: &Account,
    month: Month,
    as_of: Timestamp,
) -> Result<Vec<SettlementLine>, StoreError> {
    let tariffs = tariff::all(store, account).await?;
    let mut sums: BTreeMap<ServiceName, Sum> = BTreeMap::new();
    let prefix = account.prefix();
    let mut after: Option<String> = None;
    loop {
        let page = store
            .scan(Table::LedgerLine, &prefix, after.as_deref(), PAGE)
            .await?;
        let is_last = page.len() < PAGE;
        for (key, found) in page {
            let Record::LedgerLine(LedgerLine { service, usage, .. }) = found.value else {
                return Err(StoreError::Corrupt(key));
            };
            let sum = sums.entry(service).or_default();
            sum.add(&usage, &tariffs, month, as_of);
            after = Some(key.id);
        }
        if is_last {
            break;
        }
    }
    let is_priced = is_priced(&tariffs, month);
    let used = sums
        .into_iter()
        .filter(|(_, sum)| sum.usage != Usage::default());
    Ok(used
        .map(|(service, sum)| SettlementLine {
            account: account.clone(),
            service,
            usage: sum.usage,
            amounts: is_priced.then(|| sum.amounts()),
        })
        .collect())
}

/// Whether anything had a price at some moment of the month.
fn is_priced(tariffs: &[Tariff], month: Month) -> bool {
    let at_start = tariff::at(tariffs, month.start());
    let begun = tariffs
        .iter()
        .filter(|tariff| month.start() <= tariff.from && tariff.from < month.end());
    at_start
        .into_iter()
        .chain(begun)
        .any(|tariff| tariff.prices.is_some())
}
