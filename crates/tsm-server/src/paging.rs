//! Pages of a table: by record id, from a token on.

use tonic::Status;
use tsm_core::ports::Store;
use tsm_core::record::{Record, Table};

use crate::{convert, status};

/// Records read at a time for a page.
const CHUNK: usize = 200;
/// Most records read for one page; a page may be short, with more to come.
const MOST_READ: usize = 5_000;

/// One page of the records that `keep` takes, and the token of the next page
/// (empty after the last). `size` and `token` are those of the request.
///
/// # Errors
/// `INVALID_ARGUMENT` for a wrong token; the store's status when it fails.
pub async fn page<T>(
    store: &dyn Store,
    table: Table,
    (size, token): (u32, &str),
    keep: impl Fn(Record) -> Option<T>,
) -> Result<(Vec<T>, String), Status> {
    let size = convert::page_size(size);
    let mut after = convert::page_token(token)?.map(str::to_owned);
    let (mut kept, mut read) = (Vec::new(), 0);
    loop {
        let found = store.scan(table, "", after.as_deref(), CHUNK).await;
        let found = found.map_err(|error| status::of(&error))?;
        let is_last = found.len() < CHUNK;
        for (key, found) in found {
            if kept.len() == size {
                return Ok((kept, after.unwrap_or_default()));
            }
            read += 1;
            after = Some(key.id);
            kept.extend(keep(found.value));
        }
        if is_last {
            return Ok((kept, String::new()));
        }
        if read >= MOST_READ {
            return Ok((kept, after.unwrap_or_default()));
        }
    }
}
