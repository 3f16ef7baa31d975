//! Prices, and since when they hold.

use super::Account;
use crate::ports::{Batch, Store, StoreError, Versioned};
use crate::record::{Record, Table};
use crate::time::Timestamp;

/// Tariffs of an account that are read at a time.
const PAGE: usize = 200;

/// What things cost, in whole units of what the parties agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// One megabyte (1,000,000 bytes) of SIM area for one day.
    pub per_megabyte_day: u64,
    /// One installation.
    pub per_installation: u64,
    /// One exchange with a phone.
    pub per_message: u64,
}

/// Prices of an account from a moment on, until the next tariff. Record id: [`Tariff::id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// Who pays whom.
    pub account: Account,
    /// From when on.
    pub from: Timestamp,
    /// What things cost; none means that nothing is priced.
    pub prices: Option<Prices>,
}

impl Tariff {
    /// Record id: account and beginning.
    #[must_use]
    pub fn id(account: &Account, from: Timestamp) -> String {
        format!("{}{:015}", account.prefix(), from.0.max(0))
    }
}

/// All tariffs of an account, the oldest first.
///
/// # Errors
/// [`StoreError`] when they cannot be read.
pub async fn all(store: &dyn Store, account: &Account) -> Result<Vec<Tariff>, StoreError> {
    let found = versions(store, account).await?;
    Ok(found.into_iter().map(|tariff| tariff.value).collect())
}

async fn versions(
    store: &dyn Store,
    account: &Account,
) -> Result<Vec<Versioned<Tariff>>, StoreError> {
    let prefix = account.prefix();
    let mut tariffs = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .scan(Table::Tariff, &prefix, after.as_deref(), PAGE)
            .await?;
        after = page.last().map(|(key, _)| key.id.clone());
        let is_last = page.len() < PAGE;
        for (key, found) in page {
            let Record::Tariff(value) = found.value else {
                return Err(StoreError::Corrupt(key));
            };
            tariffs.push(Versioned {
                version: found.version,
                value,
            });
        }
        if is_last {
            return Ok(tariffs);
        }
    }
}

/// The tariff in force at a moment.
#[must_use]
pub fn at(tariffs: &[Tariff], moment: Timestamp) -> Option<&Tariff> {
    tariffs.iter().rev().find(|tariff| tariff.from <= moment)
}

/// Makes `prices` hold from `now` on, unless they do already. To be committed with `batch`.
///
/// # Errors
/// [`StoreError`] when the tariffs cannot be read.
pub async fn change(
    store: &dyn Store,
    batch: Batch,
    account: &Account,
    prices: Option<Prices>,
    now: Timestamp,
) -> Result<Batch, StoreError> {
    let known = versions(store, account).await?;
    let last = known.last();
    if last.and_then(|last| last.value.prices) == prices {
        return Ok(batch);
    }
    // Time may stand still, and never goes back here.
    let from = last.map_or(now, |last| now.max(last.value.from));
    let version = last
        .filter(|last| last.value.from == from)
        .map_or(0, |last| last.version);
    let tariff = Tariff {
        account: account.clone(),
        from,
        prices,
    };
    Ok(batch.update(Tariff::id(account, from), version, tariff))
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::identity::Tenant;
    use crate::testing::TestStore;

    fn account() -> Account {
        Account {
            payer: Tenant::new("j-lis").unwrap(),
            payee: Tenant::new("carrier").unwrap(),
        }
    }

    fn prices(per_message: u64) -> Option<Prices> {
        Some(Prices {
            per_message,
            ..Prices::default()
        })
    }

    fn set(store: &TestStore, prices: Option<Prices>, now: i64) {
        let account = account();
        let changed = change(store, Batch::new(), &account, prices, Timestamp(now));
        block_on(store.commit(block_on(changed).unwrap())).unwrap();
    }

    fn history(store: &TestStore) -> Vec<(i64, Option<Prices>)> {
        let tariffs = block_on(all(store, &account())).unwrap();
        tariffs.iter().map(|t| (t.from.0, t.prices)).collect()
    }

    #[test]
    fn a_change_begins_a_tariff_and_the_same_again_does_not() {
        let store = TestStore::default();
        set(&store, None, 5);
        assert_eq!(history(&store), []);
        set(&store, prices(1), 10);
        set(&store, prices(1), 15);
        set(&store, prices(2), 20);
        assert_eq!(history(&store), [(10, prices(1)), (20, prices(2))]);
        set(&store, prices(3), 20);
        assert_eq!(history(&store), [(10, prices(1)), (20, prices(3))]);
        set(&store, None, 19);
        assert_eq!(history(&store), [(10, prices(1)), (20, None)]);
    }

    #[test]
    fn a_tariff_holds_until_the_next() {
        let tariffs = [10, 20].map(|from| Tariff {
            account: account(),
            from: Timestamp(from),
            prices: None,
        });
        let found = |moment| at(&tariffs, Timestamp(moment)).map(|tariff| tariff.from.0);
        assert_eq!(
            [9, 10, 19, 20].map(found),
            [None, Some(10), Some(10), Some(20)]
        );
    }

    #[test]
    fn accounts_do_not_share_records() {
        let other = Account {
            payer: Tenant::new("carrier").unwrap(),
            payee: Tenant::new("j-lis").unwrap(),
        };
        assert_ne!(account().prefix(), other.prefix());
        assert_eq!(account().prefix().len(), 33);
    }
}
