//! Lines for exchanges with the phone.

use super::month::day_of;
use super::{Account, LedgerLine, Use, tariff};
use crate::identity::{Iccid, ServiceName};
use crate::ports::{Batch, Store, StoreError};
use crate::time::Timestamp;

/// How often a count that lost a race is made again.
const ATTEMPTS: usize = 16;

/// What went to a card and came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Scripts that were sent.
    pub exchanges: u64,
    /// Bytes of commands and responses.
    pub bytes: u64,
}

/// Adds traffic to the line of the day, and commits.
///
/// # Errors
/// [`StoreError`]; nothing was added then.
pub async fn count(
    store: &dyn Store,
    (account, iccid, service): (&Account, &Iccid, &ServiceName),
    traffic: Traffic,
    now: Timestamp,
) -> Result<(), StoreError> {
    if traffic == Traffic::default() {
        return Ok(());
    }
    let mut attempts = 0;
    loop {
        attempts += 1;
        let tariffs = tariff::all(store, account).await?;
        let day = day_of(now);
        let from = tariff::at(&tariffs, now).map_or(day, |tariff| day.max(tariff.from));
        let mut line = LedgerLine {
            account: account.clone(),
            iccid: iccid.clone(),
            service: service.clone(),
            usage: Use::Messages {
                from,
                exchanges: traffic.exchanges,
                bytes: traffic.bytes,
            },
        };
        let id = line.id();
        let known = store.load::<LedgerLine>(&id).await?;
        let version = known.as_ref().map_or(0, |known| known.version);
        if let Some(known) = known
            && let Use::Messages {
                exchanges, bytes, ..
            } = known.value.usage
        {
            line.usage = Use::Messages {
                from,
                exchanges: exchanges.saturating_add(traffic.exchanges),
                bytes: bytes.saturating_add(traffic.bytes),
            };
        }
        match store.commit(Batch::new().update(id, version, line)).await {
            Err(StoreError::Conflict(_)) if attempts < ATTEMPTS => {}
            counted => return counted,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::ledger::Prices;
    use crate::ledger::settlement::testing::{account, iccid, jpki, lines};
    use crate::testing::TestStore;
    use crate::time::calendar::DAY_MS;

    fn add(store: &TestStore, exchanges: u64, now: i64) {
        let traffic = Traffic {
            exchanges,
            bytes: exchanges * 100,
        };
        let (account, iccid, jpki) = (account(), iccid(), jpki());
        let names = (&account, &iccid, &jpki);
        block_on(count(store, names, traffic, Timestamp(now))).unwrap();
    }

    fn messages(from: i64, exchanges: u64) -> Use {
        Use::Messages {
            from: Timestamp(from),
            exchanges,
            bytes: exchanges * 100,
        }
    }

    #[test]
    fn a_line_holds_a_day_under_one_tariff() {
        let store = TestStore::default();
        let day = day_of(Timestamp(50 * DAY_MS)).0;
        add(&store, 0, day);
        assert_eq!(lines(&store), []);
        add(&store, 1, day);
        add(&store, 2, day + DAY_MS - 1);
        add(&store, 4, day + DAY_MS);
        let prices = Some(Prices::default());
        let noon = Timestamp(day + DAY_MS / 2);
        let account = account();
        let changed = tariff::change(&store, Batch::new(), &account, prices, noon);
        block_on(store.commit(block_on(changed).unwrap())).unwrap();
        add(&store, 8, noon.0);
        add(&store, 16, day + DAY_MS + 1);
        assert_eq!(
            lines(&store),
            [
                messages(day, 3),
                messages(noon.0, 8),
                messages(day + DAY_MS, 20)
            ]
        );
    }
}
