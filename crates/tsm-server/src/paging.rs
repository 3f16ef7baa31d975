//! Pages of a table: by record id, from a token on.
//!
//! A page token is the id of the last record that was looked at, sealed to the reader's tenant and
//! the table: the record may be another tenant's, and its id is none of the reader's business.

use std::collections::BTreeSet;

use tonic::Status;
use tsm_core::fleet::ByTenant;
use tsm_core::identity::Tenant;
use tsm_core::ports::{KeyVault, SealContext, Store};
use tsm_core::record::{Record, Table};

use crate::convert;
use crate::status::{self, invalid_field};

/// Records read at a time for a page.
const CHUNK: usize = 200;
/// Most records read for one page; a page may be short, with more to come.
const MOST_READ: usize = 5_000;
/// Longest token: a sealed id of 200 bytes, in hex.
const MAX_TOKEN: usize = 512;

/// The tables of a server, for one reader.
#[derive(Clone, Copy)]
pub struct Pages<'a> {
    /// The records.
    pub store: &'a dyn Store,
    /// What seals page tokens.
    pub vault: &'a dyn KeyVault,
    /// Tenant that reads.
    pub reader: &'a Tenant,
}

impl Pages<'_> {
    /// One page of the records that `keep` takes, and the token of the next page
    /// (empty after the last). `size` and `token` are those of the request.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a wrong token; the store's status when it fails.
    pub async fn page<T>(
        &self,
        table: Table,
        (size, token): (u32, &str),
        keep: impl Fn(Record) -> Option<T>,
    ) -> Result<(Vec<T>, String), Status> {
        self.page_of(table, "", (size, token), keep).await
    }

    /// As [`page`](Self::page), of the records whose ids begin with `prefix`.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub async fn page_of<T>(
        &self,
        table: Table,
        prefix: &str,
        (size, token): (u32, &str),
        keep: impl Fn(Record) -> Option<T>,
    ) -> Result<(Vec<T>, String), Status> {
        let size = convert::page_size(size);
        let mut after = self.open(table, token)?;
        let (mut kept, mut read) = (Vec::new(), 0);
        loop {
            let found = self
                .store
                .scan(table, prefix, after.as_deref(), CHUNK)
                .await;
            let found = found.map_err(|error| status::of(&error))?;
            let is_last = found.len() < CHUNK;
            for (key, found) in found {
                if kept.len() == size {
                    return Ok((kept, self.seal(table, after)?));
                }
                read += 1;
                after = Some(key.id);
                kept.extend(keep(found.value));
            }
            if is_last {
                return Ok((kept, String::new()));
            }
            if read >= MOST_READ {
                return Ok((kept, self.seal(table, after)?));
            }
        }
    }

    /// One page of the ids of those records of a table that belong to `tenants`, tenant by tenant.
    /// Nothing of other tenants is read, however many records they have.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub async fn ids_of_tenants(
        &self,
        table: Table,
        tenants: &BTreeSet<Tenant>,
        (size, token): (u32, &str),
    ) -> Result<(Vec<(Tenant, String)>, String), Status> {
        let size = convert::page_size(size);
        let wrong = || invalid_field("page_token", "is not one of ours");
        let after = match self.open(Table::ByTenant, token)? {
            Some(token) => {
                let (tenant, id) = token.split_once('/').ok_or_else(wrong)?;
                Some((Tenant::new(tenant).map_err(|_| wrong())?, id.to_owned()))
            }
            None => None,
        };
        let mut found: Vec<(Tenant, String)> = Vec::new();
        for tenant in tenants {
            let prefix = ByTenant::prefix(table, tenant);
            let from = match &after {
                Some((last, _)) if tenant < last => continue,
                Some((last, id)) if tenant == last => Some(format!("{prefix}{id}")),
                _ => None,
            };
            // One more than fits says whether there is another page.
            let room = size.saturating_sub(found.len()).saturating_add(1);
            let scanned = self
                .store
                .scan(Table::ByTenant, &prefix, from.as_deref(), room);
            for (key, _) in scanned.await.map_err(|error| status::of(&error))? {
                if found.len() == size {
                    let last = found.last().map(|(tenant, id)| format!("{tenant}/{id}"));
                    return Ok((found, self.seal(Table::ByTenant, last)?));
                }
                let id = key.id.strip_prefix(&prefix).unwrap_or_default();
                found.push((tenant.clone(), id.to_owned()));
            }
        }
        Ok((found, String::new()))
    }

    fn context(&self, table: Table) -> SealContext {
        SealContext {
            table: table.name(),
            row: self.reader.to_string(),
            column: "page token",
        }
    }

    fn seal(&self, table: Table, after: Option<String>) -> Result<String, Status> {
        let after = after.unwrap_or_default();
        let sealed = self.vault.seal(&self.context(table), after.as_bytes());
        sealed.map(hex::encode).map_err(|error| status::of(&error))
    }

    fn open(&self, table: Table, token: &str) -> Result<Option<String>, Status> {
        let wrong = || invalid_field("page_token", "is not one of ours");
        if token.is_empty() {
            return Ok(None);
        }
        if token.len() > MAX_TOKEN {
            return Err(wrong());
        }
        let sealed = hex::decode(token).map_err(|_| wrong())?;
        let opened = self.vault.unseal(&self.context(table), &sealed);
        let opened = opened.map_err(|_| wrong())?;
        let id = std::str::from_utf8(&opened).map_err(|_| wrong())?;
        Ok(Some(id.to_owned()))
    }
}
