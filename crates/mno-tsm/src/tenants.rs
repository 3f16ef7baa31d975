//! The tenants of a running server: stored, and kept at hand for every call.

use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context as _, ensure};
use tokio::sync::Mutex;
use tonic::Status;
use tsm_core::identity::Tenant;
use tsm_core::ports::{Batch, Clock, Store};
use tsm_core::record::{Record, Table};
use tsm_core::tenancy::{Tenancy, TenantKind, TenantRecord};

use crate::config::Config;

/// Tenants read at a time when the server starts.
const PAGE: usize = 500;

/// The tree of tenants as it is now.
#[derive(Debug)]
pub(crate) struct Tenants {
    tree: RwLock<Arc<Tenancy>>,
    /// Changes are stored and taken over one after the other, so that both have the same order.
    turn: Mutex<()>,
}

impl Tenants {
    /// Reads the stored tenants; the carrier of the configuration and the MVNOs that it names are
    /// stored first when they are not.
    ///
    /// # Errors
    /// When the configuration contradicts what is stored, or the store fails.
    pub(crate) async fn open(
        config: &Config,
        store: &dyn Store,
        clock: &dyn Clock,
    ) -> anyhow::Result<Self> {
        let carrier = Tenant::new(&config.tenant).context("in the configuration, tenant")?;
        let stored = read_all(store).await?;
        if let Some(other) = stored.iter().find(|t| t.kind == TenantKind::Carrier) {
            ensure!(
                other.name == carrier,
                "the store is that of the carrier {}, the configuration is for {carrier}",
                other.name
            );
        }
        let mut fresh = vec![TenantRecord {
            name: carrier.clone(),
            kind: TenantKind::Carrier,
            parent: None,
            display_name: carrier.to_string(),
            is_suspended: false,
            registered_at: clock.now(),
        }];
        for name in &config.hosted_tenants {
            let name = Tenant::new(name)
                .with_context(|| format!("in the configuration, hosted_tenants: {name:?}"))?;
            fresh.push(TenantRecord {
                display_name: name.to_string(),
                name,
                kind: TenantKind::HostedMvno,
                parent: Some(carrier.clone()),
                is_suspended: false,
                registered_at: clock.now(),
            });
        }
        let mut batch = Batch::new();
        fresh.retain(|tenant| stored.iter().all(|known| known.name != tenant.name));
        for tenant in &fresh {
            batch = batch.insert(tenant.name.as_str(), tenant.clone());
        }
        if !fresh.is_empty() {
            store.commit(batch).await?;
        }
        let tree = grow(fresh.into_iter().chain(stored))?;
        Ok(Self {
            tree: RwLock::new(Arc::new(tree)),
            turn: Mutex::new(()),
        })
    }

    /// The tree at this moment.
    pub(crate) fn now(&self) -> Arc<Tenancy> {
        let tree = self.tree.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&tree)
    }

    /// Stores a change with `storing` and takes it over.
    ///
    /// # Errors
    /// What `storing` says; nothing changed then.
    pub(crate) async fn change(
        &self,
        storing: impl Future<Output = Result<TenantRecord, Status>>,
    ) -> Result<TenantRecord, Status> {
        let _turn = self.turn.lock().await;
        let stored = storing.await?;
        self.take_over(stored.clone());
        Ok(stored)
    }

    fn take_over(&self, tenant: TenantRecord) {
        let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        let name = tenant.name.clone();
        if let Err(error) = Arc::make_mut(&mut tree).insert(tenant) {
            tracing::error!(tenant = %name, %error, "a stored tenant does not fit the tree");
        }
    }
}

async fn read_all(store: &dyn Store) -> anyhow::Result<Vec<TenantRecord>> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let table = Table::TenantRecord;
        let page = store.scan(table, "", after.as_deref(), PAGE).await?;
        after = page.last().map(|(key, _)| key.id.clone());
        found.extend(page.into_iter().filter_map(|(_, row)| match row.value {
            Record::TenantRecord(tenant) => Some(tenant),
            _ => None,
        }));
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// The tree of these tenants, whatever their order.
fn grow(tenants: impl Iterator<Item = TenantRecord>) -> anyhow::Result<Tenancy> {
    let (mut roots, mut waiting): (Vec<_>, Vec<_>) =
        tenants.partition(|tenant| tenant.kind == TenantKind::Carrier);
    let mut tree = Tenancy::new(roots.pop().context("no carrier")?)?;
    while !waiting.is_empty() {
        let (ready, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|tenant| {
            tenant
                .parent
                .as_ref()
                .is_some_and(|p| tree.find(p).is_some())
        });
        if let (true, Some(lost)) = (ready.is_empty(), later.first()) {
            anyhow::bail!("the stored tenant {} stands below nobody", lost.name);
        }
        for tenant in ready {
            tree.insert(tenant)?;
        }
        waiting = later;
    }
    Ok(tree)
}
