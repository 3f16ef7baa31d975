use std::collections::BTreeMap;

use futures::executor::block_on;
use proptest::prelude::*;

use super::testing::{account, iccid, jpki};
use super::*;
use crate::identity::Tenant;
use crate::ports::Batch;
use crate::testing::TestStore;

const FIRST: i64 = 1_700_000_000_000;
/// About fourteen months.
const SPAN: i64 = 36_000_000_000;

fn months() -> impl Iterator<Item = Month> {
    let last = Month::of(Timestamp(FIRST + 2 * SPAN));
    std::iter::successors(Some(Month::of(Timestamp(FIRST))), |month| {
        Some(month.next())
    })
    .take_while(move |month| *month <= last)
}

fn tariff(from: i64, prices: Option<Prices>) -> Tariff {
    Tariff {
        account: account(),
        from: Timestamp(from),
        prices,
    }
}

fn prices(per_megabyte_day: u64, per_installation: u64, per_message: u64) -> Option<Prices> {
    Some(Prices {
        per_megabyte_day,
        per_installation,
        per_message,
    })
}

fn usage() -> impl Strategy<Value = Use> {
    let moment = || (0..SPAN).prop_map(|after| Timestamp(FIRST + after));
    let area =
        (0_u64..200_000, moment(), prop::option::of(0..SPAN)).prop_map(|(bytes, from, length)| {
            Use::Area {
                bytes,
                from,
                until: length.map(|length| Timestamp(from.0 + length)),
            }
        });
    let installation = moment().prop_map(|at| Use::Installation { at });
    let messages =
        (moment(), 0_u64..100, 0_u64..10_000).prop_map(|(from, exchanges, bytes)| Use::Messages {
            from,
            exchanges,
            bytes,
        });
    prop_oneof![area, installation, messages]
}

fn tariffs() -> impl Strategy<Value = Vec<Tariff>> {
    let prices = prop::option::of(any::<[u16; 3]>())
        .prop_map(|given| given.and_then(|[a, b, c]| prices(a.into(), b.into(), c.into())));
    prop::collection::btree_map(0..SPAN, prices, 0..4).prop_map(|found| {
        found
            .into_iter()
            .map(|(at, p)| tariff(FIRST + at, p))
            .collect()
    })
}

fn sum(uses: &[Use], tariffs: &[Tariff], month: Month, as_of: i64) -> Sum {
    let mut sum = Sum::default();
    for usage in uses {
        sum.add(usage, tariffs, month, Timestamp(as_of));
    }
    sum
}

#[test]
fn a_megabyte_for_a_day_costs_the_price_of_one() {
    let month = Month::parse("2026-11").unwrap();
    let start = month.start().0;
    let day = |bytes, days: i64| Use::Area {
        bytes,
        from: Timestamp(start),
        until: Some(Timestamp(start + days * DAY_MS)),
    };
    let tariffs = [tariff(0, prices(100, 0, 0))];
    let cost = |usage| sum(&[usage], &tariffs, month, i64::MAX).amounts().area;
    assert_eq!(cost(day(1_000_000, 1)), 100);
    assert_eq!(cost(day(1_000_000, 30)), 3_000);
    assert_eq!(cost(day(1_000_000, 31)), 3_000);
    // Half a unit is one, less is none.
    assert_eq!(cost(day(5_000, 1)), 1);
    assert_eq!(cost(day(4_999, 1)), 0);
}

#[test]
fn what_is_open_counts_until_now_and_never_past_the_month() {
    let month = Month::parse("2026-11").unwrap();
    let start = month.start().0;
    let open = Use::Area {
        bytes: 2,
        from: Timestamp(start - 100),
        until: None,
    };
    let used = |as_of| sum(&[open], &[], month, as_of).usage.byte_milliseconds;
    assert_eq!(used(start - 50), 0);
    assert_eq!(used(start), 0);
    assert_eq!(used(start + 7), 14);
    assert_eq!(used(month.end().0), u128::from(30 * 2 * DAY_MS as u64));
    assert_eq!(used(i64::MAX), used(month.end().0));
}

#[test]
fn an_area_is_cut_where_the_price_changes() {
    let month = Month::parse("2026-11").unwrap();
    let start = month.start().0;
    let area = Use::Area {
        bytes: 1_000_000,
        from: Timestamp(start),
        until: Some(Timestamp(start + 10 * DAY_MS)),
    };
    let tariffs = [
        tariff(start - 5, prices(10, 0, 0)),
        tariff(start + 4 * DAY_MS, prices(100, 0, 0)),
        tariff(start + 9 * DAY_MS, None),
        tariff(start + 10 * DAY_MS, prices(7, 0, 0)),
    ];
    let sum = sum(&[area], &tariffs, month, i64::MAX);
    assert_eq!(sum.amounts().area, 4 * 10 + 5 * 100);
    assert_eq!(sum.usage.megabyte_days(), "10.000000");
}

#[test]
fn pieces_are_priced_as_they_were_when_they_happened() {
    let month = Month::parse("2026-11").unwrap();
    let start = month.start().0;
    let tariffs = [
        tariff(start, prices(0, 5, 2)),
        tariff(start + 10, prices(0, 50, 20)),
    ];
    let at = |ms| Timestamp(start + ms);
    let uses = [
        Use::Installation { at: at(-1) },
        Use::Installation { at: at(9) },
        Use::Installation { at: at(10) },
        Use::Messages {
            from: at(0),
            exchanges: 3,
            bytes: 7,
        },
        Use::Messages {
            from: at(10),
            exchanges: 1,
            bytes: 1,
        },
        Use::Messages {
            from: month.end(),
            exchanges: 9,
            bytes: 9,
        },
    ];
    let sum = sum(&uses, &tariffs, month, i64::MAX);
    let amounts = sum.amounts();
    assert_eq!((amounts.installations, amounts.messages), (55, 26));
    assert_eq!(amounts.total(), 81);
    assert_eq!(sum.usage.installations, 2);
    assert_eq!((sum.usage.exchanges, sum.usage.message_bytes), (4, 8));
}

#[test]
fn only_a_month_with_a_price_has_amounts() {
    let month = Month::parse("2026-11").unwrap();
    let (start, end) = (month.start().0, month.end().0);
    let priced = |tariffs: &[Tariff]| is_priced(tariffs, month);
    let some = prices(0, 0, 0);
    assert!(!priced(&[]));
    assert!(!priced(&[tariff(end, some)]));
    assert!(priced(&[tariff(end - 1, some)]));
    assert!(priced(&[tariff(start - 9, some)]));
    assert!(!priced(&[tariff(start - 9, some), tariff(start, None)]));
    assert!(priced(&[tariff(start - 9, some), tariff(start + 1, None)]));
}

proptest! {
    #[test]
    fn the_months_add_up_to_the_whole(
        uses in prop::collection::vec(usage(), 0..20),
        tariffs in tariffs(),
        as_of in 0..SPAN,
    ) {
        let as_of = FIRST + as_of;
        let mut total = Usage::default();
        for month in months() {
            total = total.plus(sum(&uses, &tariffs, month, as_of).usage);
        }
        let mut expected = Usage::default();
        for usage in &uses {
            match *usage {
                Use::Area { bytes, from, until } => {
                    let until = until.map_or(as_of, |until| until.0);
                    let ms = u128::try_from((until - from.0).max(0)).unwrap();
                    expected.byte_milliseconds += ms * u128::from(bytes);
                }
                Use::Installation { .. } => expected.installations += 1,
                Use::Messages { exchanges, bytes, .. } => {
                    expected.exchanges += exchanges;
                    expected.message_bytes += bytes;
                }
            }
        }
        prop_assert_eq!(total, expected);
    }

    #[test]
    fn prices_cut_nothing_off(uses in prop::collection::vec(usage(), 0..20), tariffs in tariffs()) {
        for month in months() {
            let priced = sum(&uses, &tariffs, month, FIRST + SPAN);
            prop_assert_eq!(priced.usage, sum(&uses, &[], month, FIRST + SPAN).usage);
        }
    }

    /// Of two parties, what one owes is what the other is owed; and all that is owed is all
    /// that was used.
    #[test]
    fn the_parties_agree(
        uses in prop::collection::vec((0_usize..3, 0_usize..2, usage()), 0..30),
        tariffs in tariffs(),
    ) {
        let store = TestStore::default();
        let name = |kind: &str, index: usize| Tenant::new(&format!("{kind}-{index}")).unwrap();
        let account_of = |payer, payee| Account {
            payer: name("provider", payer),
            payee: name("issuer", payee),
        };
        let mut batch = Batch::new();
        let mut written = BTreeMap::new();
        for (payer, payee, usage) in uses {
            let account = account_of(payer, payee);
            let line = LedgerLine { account, iccid: iccid(), service: jpki(), usage };
            written.insert(line.id(), line);
        }
        for (id, line) in &written {
            batch = batch.insert(id.clone(), line.clone());
        }
        for (payer, payee) in (0..3).flat_map(|payer| (0..2).map(move |payee| (payer, payee))) {
            for tariff in &tariffs {
                let account = account_of(payer, payee);
                let tariff = Tariff { account: account.clone(), ..tariff.clone() };
                batch = batch.insert(Tariff::id(&account, tariff.from), tariff);
            }
        }
        block_on(store.commit(batch)).unwrap();
        let (mut owed, mut due) = (BTreeMap::new(), BTreeMap::new());
        let mut total = Usage::default();
        for month in months() {
            for (payer, payee) in (0..3).flat_map(|payer| (0..2).map(move |payee| (payer, payee))) {
                let account = account_of(payer, payee);
                let settled = block_on(settle(&store, &account, month, Timestamp(FIRST + SPAN)));
                for line in settled.unwrap() {
                    let amount = line.amounts.map_or(0, |amounts| amounts.total());
                    *owed.entry(line.account.payer).or_insert(0) += amount;
                    *due.entry(line.account.payee).or_insert(0) += amount;
                    total = total.plus(line.usage);
                }
            }
        }
        prop_assert_eq!(owed.values().sum::<u128>(), due.values().sum::<u128>());
        let uses: Vec<Use> = written.into_values().map(|line| line.usage).collect();
        let mut expected = Usage::default();
        for month in months() {
            expected = expected.plus(sum(&uses, &[], month, FIRST + SPAN).usage);
        }
        prop_assert_eq!(total, expected);
    }
}
