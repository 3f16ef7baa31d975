//! What the tests of the ledger share.

use futures::executor::block_on;

use crate::identity::{Iccid, ServiceName, Tenant};
use crate::ledger::{Account, Use};
use crate::ports::Store;
use crate::record::{Record, Table};
use crate::testing::TestStore;

pub(crate) fn account() -> Account {
    Account {
        payer: Tenant::new("j-lis").unwrap(),
        payee: Tenant::new("carrier").unwrap(),
    }
}

pub(crate) fn iccid() -> Iccid {
    Iccid::new("8981100000000000017").unwrap()
}

pub(crate) fn jpki() -> ServiceName {
    ServiceName::new("jpki").unwrap()
}

/// What all lines say; areas first, then installations, then messages.
pub(crate) fn lines(store: &TestStore) -> Vec<Use> {
    let found = block_on(store.scan(Table::LedgerLine, "", None, 10_000)).unwrap();
    let lines = found.into_iter().map(|(key, found)| match found.value {
        Record::LedgerLine(line) => {
            assert_eq!(key.id, line.id());
            line.usage
        }
        other => panic!("{other:?}"),
    });
    lines.collect()
}
