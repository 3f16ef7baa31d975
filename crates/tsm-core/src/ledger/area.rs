//! Lines for the area that a service has on a card, and for its installations.

use super::{Account, LedgerLine, Use};
use crate::identity::{Iccid, ServiceName};
use crate::ports::{Batch, Store, StoreError, Versioned};
use crate::record::{Record, Table};
use crate::time::Timestamp;

/// Areas read at a time.
const PAGE: usize = 100;

/// What was read back on a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// All of the service; its area has so many bytes.
    Whole(u64),
    /// Some of it: an area that was open stays open, and none begins.
    Partial,
    /// Nothing.
    Absent,
}

/// Adds to `batch` what a verified reading means for the ledger: an area begins, with one
/// installation, when the service is read back for the first time; it ends when the service is
/// read back gone. One of another size ends, and the new one begins, without an installation.
///
/// # Errors
/// [`StoreError`] when the ledger cannot be read.
pub async fn observe(
    store: &dyn Store,
    batch: Batch,
    (account, iccid, service): (&Account, &Iccid, &ServiceName),
    presence: Presence,
    now: Timestamp,
) -> Result<Batch, StoreError> {
    let last = last(store, account, iccid, service).await?;
    let open = last.as_ref().and_then(|last| match last.value.usage {
        Use::Area {
            bytes,
            from,
            until: None,
        } => Some((last, bytes, from)),
        _ => None,
    });
    let line = |usage| LedgerLine {
        account: account.clone(),
        iccid: iccid.clone(),
        service: service.clone(),
        usage,
    };
    match (presence, open) {
        (Presence::Partial, _) | (Presence::Absent, None) => Ok(batch),
        (Presence::Whole(bytes), Some((_, known, _))) if bytes == known => Ok(batch),
        (Presence::Whole(bytes), Some((last, _, from))) => {
            // Time may stand still: nothing was used of the first then.
            let now = now.max(from);
            let area = line(Use::Area {
                bytes,
                from: now,
                until: None,
            });
            if now == from {
                return Ok(batch.update(area.id(), last.version, area));
            }
            let batch = close(batch, last, now);
            Ok(batch.insert(area.id(), area))
        }
        (Presence::Absent, Some((last, _, from))) => Ok(close(batch, last, now.max(from))),
        (Presence::Whole(bytes), None) => {
            // Behind the line before, whose record would have the same id.
            let after = last.map(|last| Timestamp(last.value.usage.from().0.saturating_add(1)));
            let from = after.map_or(now, |after| now.max(after));
            let area = line(Use::Area {
                bytes,
                from,
                until: None,
            });
            let installation = line(Use::Installation { at: from });
            Ok(batch
                .insert(area.id(), area)
                .insert(installation.id(), installation))
        }
    }
}

fn close(batch: Batch, open: &Versioned<LedgerLine>, now: Timestamp) -> Batch {
    let mut line = open.value.clone();
    if let Use::Area { until, .. } = &mut line.usage {
        *until = Some(now);
    }
    batch.update(line.id(), open.version, line)
}

/// The last area of a service on a card.
async fn last(
    store: &dyn Store,
    account: &Account,
    iccid: &Iccid,
    service: &ServiceName,
) -> Result<Option<Versioned<LedgerLine>>, StoreError> {
    let prefix = LedgerLine::prefix(account, iccid, service, 'a');
    let (mut last, mut after) = (None, None);
    loop {
        let page = store
            .scan(Table::LedgerLine, &prefix, after.as_deref(), PAGE)
            .await?;
        let is_last = page.len() < PAGE;
        for (key, found) in page {
            let Record::LedgerLine(value) = found.value else {
                return Err(StoreError::Corrupt(key));
            };
            after = Some(key.id);
            last = Some(Versioned {
                version: found.version,
                value,
            });
        }
        if is_last {
            return Ok(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::settlement::testing::{account, iccid, jpki, lines};
    use crate::testing::TestStore;

    fn observe_at(store: &TestStore, presence: Presence, now: i64) {
        let (account, iccid, jpki) = (account(), iccid(), jpki());
        let names = (&account, &iccid, &jpki);
        let batch = observe(store, Batch::new(), names, presence, Timestamp(now));
        block_on(store.commit(block_on(batch).unwrap())).unwrap();
    }

    fn area(bytes: u64, from: i64, until: Option<i64>) -> Use {
        Use::Area {
            bytes,
            from: Timestamp(from),
            until: until.map(Timestamp),
        }
    }

    fn installed(at: i64) -> Use {
        Use::Installation { at: Timestamp(at) }
    }

    #[test]
    fn an_area_is_one_line_however_often_it_is_read() {
        let store = TestStore::default();
        observe_at(&store, Presence::Absent, 1);
        observe_at(&store, Presence::Partial, 2);
        assert_eq!(lines(&store), []);
        for now in [10, 20, 30] {
            observe_at(&store, Presence::Whole(500), now);
        }
        observe_at(&store, Presence::Partial, 35);
        observe_at(&store, Presence::Whole(500), 36);
        assert_eq!(lines(&store), [area(500, 10, None), installed(10)]);
        observe_at(&store, Presence::Absent, 40);
        observe_at(&store, Presence::Absent, 50);
        assert_eq!(lines(&store), [area(500, 10, Some(40)), installed(10)]);
    }

    #[test]
    fn what_comes_back_is_another_area_and_another_installation() {
        let store = TestStore::default();
        for (presence, now) in [
            (Presence::Whole(500), 10),
            (Presence::Absent, 10),
            (Presence::Whole(500), 10),
        ] {
            observe_at(&store, presence, now);
        }
        let expected = [
            area(500, 10, Some(10)),
            area(500, 11, None),
            installed(10),
            installed(11),
        ];
        assert_eq!(lines(&store), expected);
    }

    #[test]
    fn another_size_is_another_area_without_an_installation() {
        let store = TestStore::default();
        observe_at(&store, Presence::Whole(500), 10);
        observe_at(&store, Presence::Whole(600), 10);
        observe_at(&store, Presence::Whole(700), 20);
        let expected = [area(600, 10, Some(20)), area(700, 20, None), installed(10)];
        assert_eq!(lines(&store), expected);
    }

    proptest! {
        /// However often a card is read: areas add up to what was there between the readings, and
        /// every coming is one installation.
        #[test]
        fn repeated_readings_add_nothing(
            readings in prop::collection::vec((0_u8..5, 1_i64..1_000, 1_usize..4), 0..20),
        ) {
            let store = TestStore::default();
            let (mut now, mut open, mut used, mut installed) = (0, None, 0_u128, 0);
            for (kind, pause, times) in readings {
                let presence = match kind {
                    0 => Presence::Absent,
                    1 => Presence::Partial,
                    kind => Presence::Whole(u64::from(kind) * 100),
                };
                for _ in 0..times {
                    now += pause;
                    used += u128::from(open.unwrap_or(0_u64)) * u128::from(pause.unsigned_abs());
                    observe_at(&store, presence, now);
                    match presence {
                        Presence::Absent => open = None,
                        Presence::Partial => {}
                        Presence::Whole(bytes) => {
                            installed += usize::from(open.is_none());
                            open = Some(bytes);
                        }
                    }
                }
            }
            let lines = lines(&store);
            let counted: u128 = lines.iter().map(|line| match *line {
                Use::Area { bytes, from, until } => {
                    let until = until.map_or(now, |until| until.0);
                    u128::from(bytes) * u128::from((until - from.0).unsigned_abs())
                }
                _ => 0,
            }).sum();
            prop_assert_eq!(counted, used);
            let count = |is: fn(&Use) -> bool| lines.iter().filter(|line| is(line)).count();
            prop_assert_eq!(count(|line| matches!(line, Use::Installation { .. })), installed);
            let is_open = |line: &Use| matches!(line, Use::Area { until: None, .. });
            prop_assert_eq!(count(is_open), usize::from(open.is_some()));
        }
    }
}
