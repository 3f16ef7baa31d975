//! Admitting a CAP file: its load file goes into the store in pieces, then the
//! package is recorded.

use bytes::Bytes;
use globalplatform::cap::read_cap;
use globalplatform::load_file::LoadFile;
use tonic::Status;
use tsm_core::audit;
use tsm_core::card::catalogue::{LoadFilePiece, Package};
use tsm_core::error::Reason;
use tsm_core::identity::Caller;
use tsm_core::ports::{Batch, StoreError};
use tsm_server::status::{self, invalid_field};

use crate::rpc;
use crate::rpc::request_id::RequestId;
use crate::state::State;

/// Largest CAP file, in bytes.
const MAX_CAP: usize = 2 << 20;
/// Pieces that are committed together.
const PIECES: usize = 32;

/// Admits a CAP file, or finds the same load file admitted.
pub(super) async fn register(
    state: &State,
    caller: &Caller,
    id: &RequestId,
    cap_file: Bytes,
) -> Result<Package, Status> {
    if cap_file.len() > MAX_CAP {
        return Err(invalid_field("cap_file", "has more than 2 MiB"));
    }
    // Unpacking takes long enough to be kept away from the other calls.
    let load_file = tokio::task::spawn_blocking(move || read_cap(&cap_file))
        .await
        .map_err(|error| status::internal(&error))?
        .map_err(|error| invalid_field("cap_file", &tsm_server::tls::chain(&error)))?;
    let package = described(&load_file)?;
    store_pieces(state, &package, &load_file.data_block).await?;
    rpc::decide(|| admit(state, caller, id, &package)).await
}

fn described(load_file: &LoadFile) -> Result<Package, Status> {
    let length = load_file.data_block.len();
    Ok(Package {
        aid: load_file.package_aid,
        version: load_file.version,
        applets: load_file.applets.clone(),
        imports: load_file
            .imports
            .iter()
            .map(|import| (import.aid, import.version))
            .collect(),
        sha256: load_file.hash_sha256(),
        length: u32::try_from(length).map_err(|_| invalid_field("cap_file", "is too long"))?,
    })
}

/// Pieces are named by the hash of the whole: writing them again is harmless,
/// and nothing refers to them before the package is recorded.
async fn store_pieces(state: &State, package: &Package, data: &[u8]) -> Result<(), Status> {
    let pieces: Vec<(String, LoadFilePiece)> = data
        .chunks(LoadFilePiece::SIZE)
        .enumerate()
        .map(|(index, bytes)| {
            let piece = LoadFilePiece {
                bytes: bytes.to_vec(),
            };
            (LoadFilePiece::id(&package.sha256, index), piece)
        })
        .collect();
    for group in pieces.chunks(PIECES) {
        rpc::decide(|| store_group(state, group)).await?;
    }
    Ok(())
}

async fn store_group(
    state: &State,
    group: &[(String, LoadFilePiece)],
) -> Result<Result<(), Status>, StoreError> {
    let mut batch = Batch::new();
    for (id, piece) in group {
        if state.store.load::<LoadFilePiece>(id).await?.is_none() {
            batch = batch.insert(id.clone(), piece.clone());
        }
    }
    if !batch.put.is_empty() {
        state.store.commit(batch).await?;
    }
    Ok(Ok(()))
}

async fn admit(
    state: &State,
    caller: &Caller,
    id: &RequestId,
    package: &Package,
) -> Result<Result<Package, Status>, StoreError> {
    let store = state.store.as_ref();
    let key = package.aid.to_string();
    let batch = match id.record(state, Batch::new(), &key).await? {
        Ok(batch) => batch,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Some(found) = store.load::<Package>(&key).await? {
        if found.value != *package {
            let other = "another package with this AID is admitted";
            return Ok(Err(status::refusal(Reason::AlreadyExists, other)));
        }
        store.commit(batch).await?;
        return Ok(Ok(found.value));
    }
    let (major, minor) = package.version;
    let step = state.step(caller, format!("package/{key}")).says(
        format!("admit package version {major}.{minor}"),
        hex::encode(package.sha256),
    );
    let batch = batch.insert(key, package.clone());
    store
        .commit(audit::append(store, batch, step).await?)
        .await?;
    Ok(Ok(package.clone()))
}
