//! The index of cards by tenant, for stores that were written before there was one.

use tsm_core::fleet::ByTenant;
use tsm_core::ports::{Batch, Key, Store, StoreError};
use tsm_core::record::{Record, Table};

/// Cards read at a time.
const PAGE: usize = 500;

/// Writes the rows that are missing, unless the first card has its row: that one is written last.
/// Returns how many cards were looked at.
///
/// # Errors
/// What the store says.
pub(crate) async fn complete(store: &dyn Store) -> Result<usize, StoreError> {
    let mut first: Option<String> = None;
    let mut after: Option<String> = None;
    let mut cards = 0;
    loop {
        let page = store.scan(Table::Uicc, "", after.as_deref(), PAGE).await?;
        let mut batch = Batch::new();
        for (key, row) in &page {
            let Record::Uicc(uicc) = &row.value else {
                continue;
            };
            let id = ByTenant::id(Table::Uicc, &uicc.tenant, &key.id);
            if first.is_none() {
                if store.load::<ByTenant>(&id).await?.is_some() {
                    return Ok(0);
                }
                first = Some(id);
                continue;
            }
            batch.put.push((Key::of::<ByTenant>(id), ByTenant.into()));
        }
        store.commit(batch).await?;
        cards += page.len();
        after = page.last().map(|(key, _)| key.id.clone());
        if after.is_none() {
            break;
        }
    }
    if let Some(id) = first {
        let mut batch = Batch::new();
        batch.put.push((Key::of::<ByTenant>(id), ByTenant.into()));
        store.commit(batch).await?;
    }
    Ok(cards)
}

#[cfg(test)]
mod tests {
    use globalplatform::aid::Aid;
    use tsm_core::card::uicc::{IssuerKeys, Uicc};
    use tsm_core::identity::{Iccid, Tenant};
    use tsm_store::MemoryStore;

    use super::*;

    async fn rows(store: &MemoryStore) -> usize {
        let found = store.scan(Table::ByTenant, "uicc/", None, usize::MAX).await;
        found.unwrap().len()
    }

    #[tokio::test]
    async fn rows_are_written_once() {
        let store = MemoryStore::new();
        assert_eq!(complete(&store).await, Ok(0));
        for card in 0..1_234 {
            let iccid = Iccid::new(&format!("89811{card:014}")).unwrap();
            let tenant = Tenant::new(if card % 2 == 0 { "carrier" } else { "mvno" }).unwrap();
            let uicc = Uicc {
                iccid: iccid.clone(),
                issuer: tenant.clone(),
                tenant,
                isd_aid: Aid::new(&[1; 8]).unwrap(),
                isd_key_version: 1,
                scp_i: 0x70,
                keys: IssuerKeys::Diversified([0; 10]),
                memory_bytes: 1,
                profile: None,
                eid: None,
                content: None,
            };
            let batch = Batch::new().insert(iccid.as_str(), uicc);
            store.commit(batch).await.unwrap();
        }
        assert_eq!(complete(&store).await, Ok(1_234));
        assert_eq!(rows(&store).await, 1_234);
        assert_eq!(complete(&store).await, Ok(0));
        // It broke off before the last row: all is done again.
        let first = format!("uicc/carrier/89811{:014}", 0);
        let mut batch = Batch::new();
        batch.delete.push(Key::of::<ByTenant>(first));
        store.commit(batch).await.unwrap();
        assert_eq!(complete(&store).await, Ok(1_234));
        assert_eq!(rows(&store).await, 1_234);
    }
}
