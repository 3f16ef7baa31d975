//! What every store keeps: one suite, run against each of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::executor::block_on;
use futures::future::join_all;
use globalplatform::aid::Aid;
use globalplatform::privileges::Privileges;
use tsm_core::card::catalogue::LoadFilePiece;
use tsm_core::card::content::{CardContent, ContentEntry, EntryKind};
use tsm_core::card::lease::Lease;
use tsm_core::card::uicc::{IssuerKeys, Uicc};
use tsm_core::identity::{Iccid, Tenant};
use tsm_core::jpki::application::{PersonGuard, RequestOutcome, SpentNonce};
use tsm_core::ports::{Batch, Key, Store, StoreError};
use tsm_core::record::{Record, Table};
use tsm_core::time::Timestamp;

/// Runs the suite; `store` gives an empty store each time.
pub(crate) fn check<S: Store + 'static>(mut store: impl FnMut() -> S) {
    block_on(async {
        versions_count_writes(&store()).await;
        a_wrong_version_conflicts_and_names_the_record(&store()).await;
        a_batch_is_all_or_nothing(&store()).await;
        expectations_alone_are_checked(&store()).await;
        writes_without_expectation_count_too(&store()).await;
        removal_wins_in_one_batch(&store()).await;
        scans_go_by_prefix_and_page(&store()).await;
        tables_are_apart(&store()).await;
        sizes_are_limited(&store()).await;
        long_records_grow_and_shrink(&store()).await;
        a_card_with_a_full_registry_fits(&store()).await;
        a_record_goes_to_its_own_table(&store()).await;
    });
    racing_inserts_have_one_winner(Arc::new(store()));
    racing_updates_are_never_lost(Arc::new(store()));
    readers_never_see_half_a_batch(Arc::new(store()));
}

fn guard(application: &str) -> PersonGuard {
    PersonGuard {
        application: application.to_owned(),
    }
}

fn lease(epoch: u64) -> Lease {
    Lease {
        holder: "worker".into(),
        epoch,
        expires_at: Timestamp(0),
    }
}

async fn load(store: &dyn Store, id: &str) -> Option<(u64, String)> {
    let found = store.load::<PersonGuard>(id).await.unwrap();
    found.map(|found| (found.version, found.value.application))
}

async fn versions_count_writes(store: &dyn Store) {
    assert_eq!(load(store, "p").await, None);
    store
        .commit(Batch::new().insert("p", guard("a")))
        .await
        .unwrap();
    assert_eq!(load(store, "p").await, Some((1, "a".into())));
    store
        .commit(Batch::new().update("p", 1, guard("b")))
        .await
        .unwrap();
    assert_eq!(load(store, "p").await, Some((2, "b".into())));
    store
        .commit(Batch::new().remove::<PersonGuard>("p", 2))
        .await
        .unwrap();
    assert_eq!(load(store, "p").await, None);
    store
        .commit(Batch::new().insert("p", guard("c")))
        .await
        .unwrap();
    assert_eq!(load(store, "p").await, Some((1, "c".into())));
}

async fn a_wrong_version_conflicts_and_names_the_record(store: &dyn Store) {
    let conflict = Err(StoreError::Conflict(Key::of::<PersonGuard>("p")));
    assert_eq!(
        store.commit(Batch::new().update("p", 1, guard("a"))).await,
        conflict
    );
    assert_eq!(
        store
            .commit(Batch::new().remove::<PersonGuard>("p", 1))
            .await,
        conflict
    );
    store
        .commit(Batch::new().insert("p", guard("a")))
        .await
        .unwrap();
    assert_eq!(
        store.commit(Batch::new().insert("p", guard("b"))).await,
        conflict
    );
    assert_eq!(
        store.commit(Batch::new().update("p", 2, guard("b"))).await,
        conflict
    );
    assert_eq!(load(store, "p").await, Some((1, "a".into())));
}

async fn a_batch_is_all_or_nothing(store: &dyn Store) {
    store
        .commit(Batch::new().insert("old", guard("a")))
        .await
        .unwrap();
    let batch = Batch::new()
        .insert("new", guard("b"))
        .remove::<PersonGuard>("old", 1)
        .expecting::<PersonGuard>("absent", 1);
    assert!(store.commit(batch).await.is_err());
    assert_eq!(load(store, "new").await, None);
    assert_eq!(load(store, "old").await, Some((1, "a".into())));
    let batch = Batch::new()
        .insert("new", guard("b"))
        .insert("new", lease(1))
        .remove::<PersonGuard>("old", 1)
        .expecting::<PersonGuard>("absent", 0);
    store.commit(batch).await.unwrap();
    assert_eq!(load(store, "new").await, Some((1, "b".into())));
    assert_eq!(load(store, "old").await, None);
    assert_eq!(
        store.load::<Lease>("new").await.unwrap().unwrap().value,
        lease(1)
    );
}

async fn expectations_alone_are_checked(store: &dyn Store) {
    store.commit(Batch::new()).await.unwrap();
    store
        .commit(Batch::new().expecting::<PersonGuard>("p", 0))
        .await
        .unwrap();
    store
        .commit(Batch::new().insert("p", guard("a")))
        .await
        .unwrap();
    store
        .commit(Batch::new().expecting::<PersonGuard>("p", 1))
        .await
        .unwrap();
    let conflict = Err(StoreError::Conflict(Key::of::<PersonGuard>("p")));
    assert_eq!(
        store
            .commit(Batch::new().expecting::<PersonGuard>("p", 0))
            .await,
        conflict
    );
}

async fn writes_without_expectation_count_too(store: &dyn Store) {
    let write = |application: &str| Batch {
        put: vec![(Key::of::<PersonGuard>("p"), guard(application).into())],
        ..Batch::new()
    };
    store.commit(write("a")).await.unwrap();
    store.commit(write("b")).await.unwrap();
    assert_eq!(load(store, "p").await, Some((2, "b".into())));
    let remove = || Batch {
        delete: vec![Key::of::<PersonGuard>("p")],
        ..Batch::new()
    };
    store.commit(remove()).await.unwrap();
    store.commit(remove()).await.unwrap();
    assert_eq!(load(store, "p").await, None);
}

async fn removal_wins_in_one_batch(store: &dyn Store) {
    let batch = Batch::new()
        .insert("p", guard("a"))
        .remove::<PersonGuard>("p", 0);
    store.commit(batch).await.unwrap();
    assert_eq!(load(store, "p").await, None);
    let batch = Batch::new().insert("p", guard("a")).insert("p", guard("b"));
    store.commit(batch).await.unwrap();
    assert_eq!(load(store, "p").await, Some((1, "b".into())));
}

async fn scans_go_by_prefix_and_page(store: &dyn Store) {
    for n in 0..25 {
        let batch = Batch::new()
            .insert(format!("a/{n:02}"), guard("a"))
            .insert(format!("b/{n:02}"), guard("b"));
        store.commit(batch).await.unwrap();
    }
    let scan = async |prefix: &str, after: Option<&str>, limit| -> Vec<String> {
        let rows = store
            .scan(Table::PersonGuard, prefix, after, limit)
            .await
            .unwrap();
        rows.into_iter().map(|(key, _)| key.id).collect()
    };
    assert_eq!(scan("", None, usize::MAX).await.len(), 50);
    assert_eq!(scan("b/", None, 100).await.len(), 25);
    assert_eq!(scan("b/1", None, 100).await.len(), 10);
    assert_eq!(scan("c", None, 100).await.len(), 0);
    assert_eq!(scan("a/", None, 0).await.len(), 0);
    // Beyond and before the prefix.
    assert_eq!(scan("a/", Some("b/00"), 100).await.len(), 0);
    assert_eq!(scan("b/", Some("a/07"), 100).await.len(), 25);

    let mut seen: Vec<String> = Vec::new();
    loop {
        let page = scan("a/", seen.last().map(String::as_str), 7).await;
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    let all: Vec<_> = (0..25).map(|n| format!("a/{n:02}")).collect();
    assert_eq!(seen, all);
    let (key, found) = store
        .scan(Table::PersonGuard, "b/03", None, 1)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(key, Key::of::<PersonGuard>("b/03"));
    assert_eq!((found.version, found.value), (1, Record::from(guard("b"))));
}

async fn tables_are_apart(store: &dyn Store) {
    let batch = Batch::new()
        .insert("p", guard("a"))
        .insert(
            "p",
            SpentNonce {
                application: "n".into(),
            },
        )
        .insert(
            "p",
            RequestOutcome {
                body_sha256: [1; 32],
                subject: "s".into(),
            },
        );
    store.commit(batch).await.unwrap();
    store
        .commit(Batch::new().remove::<SpentNonce>("p", 1))
        .await
        .unwrap();
    assert!(store.load::<SpentNonce>("p").await.unwrap().is_none());
    assert!(store.load::<PersonGuard>("p").await.unwrap().is_some());
    assert_eq!(
        store
            .scan(Table::RequestOutcome, "", None, 9)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        store
            .scan(Table::SpentNonce, "", None, 9)
            .await
            .unwrap()
            .len(),
        0
    );
}

async fn sizes_are_limited(store: &dyn Store) {
    let piece = |length: usize| LoadFilePiece {
        bytes: vec![0x5A; length],
    };
    // Tag 1, length 3.
    let longest = (256 << 10) - 4;
    store
        .commit(Batch::new().insert("fits", piece(longest)))
        .await
        .unwrap();
    let found = store.load::<LoadFilePiece>("fits").await.unwrap().unwrap();
    assert_eq!(found.value, piece(longest));
    let key = Key::of::<LoadFilePiece>("long");
    let bytes = (256 << 10) + 1;
    let refused = Err(StoreError::TooLarge { key, bytes });
    assert_eq!(
        store
            .commit(Batch::new().insert("long", piece(longest + 1)))
            .await,
        refused
    );

    let id = "i".repeat(200);
    store
        .commit(Batch::new().insert(id.clone(), guard("a")))
        .await
        .unwrap();
    assert!(load(store, &id).await.is_some());
    let id = "i".repeat(201);
    let refused = |outcome| matches!(outcome, Err(StoreError::TooLarge { bytes: 201, .. }));
    assert!(refused(
        store
            .commit(Batch::new().insert(id.clone(), guard("a")))
            .await
    ));
    assert!(refused(
        store
            .commit(Batch::new().expecting::<PersonGuard>(id.clone(), 0))
            .await
    ));
    assert!(refused(
        store
            .commit(Batch::new().remove::<PersonGuard>(id.clone(), 0))
            .await
    ));
    assert_eq!(load(store, &id).await, None);
}

/// Records in one value, in two, in many, and back.
async fn long_records_grow_and_shrink(store: &dyn Store) {
    let piece = |length: usize| LoadFilePiece {
        bytes: (0..length).map(|at| (at % 251) as u8).collect(),
    };
    let lengths = [
        10, 4_085, 4_086, 4_087, 90_000, 8_300, 20_000, 4_085, 50_000,
    ];
    for (version, length) in lengths.into_iter().enumerate() {
        let batch = Batch::new()
            .update("long", version as u64, piece(length))
            .insert(format!("short{version}"), piece(1));
        store.commit(batch).await.unwrap();
        let found = store.load::<LoadFilePiece>("long").await.unwrap().unwrap();
        assert_eq!(
            (found.version, found.value),
            (version as u64 + 1, piece(length))
        );
        let scanned = store
            .scan(Table::LoadFilePiece, "", None, 100)
            .await
            .unwrap();
        assert_eq!(scanned.len(), version + 2);
        assert_eq!(scanned[0].1.value, Record::from(piece(length)));
    }
    let version = lengths.len() as u64;
    store
        .commit(Batch::new().remove::<LoadFilePiece>("long", version))
        .await
        .unwrap();
    assert!(store.load::<LoadFilePiece>("long").await.unwrap().is_none());
    // Nothing is left of it: the next one starts anew.
    store
        .commit(Batch::new().insert("long", piece(5_000)))
        .await
        .unwrap();
    let found = store.load::<LoadFilePiece>("long").await.unwrap().unwrap();
    assert_eq!((found.version, found.value), (1, piece(5_000)));
}

async fn a_card_with_a_full_registry_fits(store: &dyn Store) {
    let entry = |number: u16| ContentEntry {
        kind: EntryKind::Applet,
        aid: Aid::new(&[&[0xA0; 14][..], &number.to_be_bytes()].concat()).unwrap(),
        life_cycle: 7,
        privileges: Some(Privileges([1, 2, 3])),
        load_file: Some(Aid::new(&[2; 16]).unwrap()),
        security_domain: Some(Aid::new(&[3; 16]).unwrap()),
    };
    let content = CardContent {
        read_at: Timestamp(1),
        card_life_cycle: 0x0F,
        free_memory: 1,
        entries: (0..500).map(entry).collect(),
        keys: Vec::new(),
    };
    let iccid = Iccid::new("8981100000000000001").unwrap();
    let tenant = Tenant::new("carrier").unwrap();
    let card = Uicc {
        iccid: iccid.clone(),
        tenant: tenant.clone(),
        issuer: tenant,
        isd_aid: Aid::new(&[1; 8]).unwrap(),
        isd_key_version: 1,
        scp_i: 0x70,
        keys: IssuerKeys::Diversified([0; 10]),
        memory_bytes: 1,
        profile: None,
        eid: None,
        content: Some(content),
    };
    let batch = Batch::new().insert(iccid.as_str(), card.clone());
    store.commit(batch).await.unwrap();
    let found = store.load::<Uicc>(iccid.as_str()).await.unwrap().unwrap();
    assert_eq!(found.value, card);
}

async fn a_record_goes_to_its_own_table(store: &dyn Store) {
    let key = Key::of::<Lease>("p");
    let batch = Batch {
        put: vec![(key.clone(), guard("a").into())],
        ..Batch::new()
    };
    assert_eq!(store.commit(batch).await, Err(StoreError::Corrupt(key)));
    assert!(store.load::<Lease>("p").await.unwrap().is_none());
}

/// Runs `work` on several threads at once; each has many callers.
fn race<S: Store + 'static>(
    store: &Arc<S>,
    work: impl AsyncFn(&dyn Store, usize) + Send + Sync + 'static,
) {
    let work = Arc::new(work);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (store, work) = (Arc::clone(store), Arc::clone(&work));
            std::thread::spawn(move || {
                block_on(join_all(
                    (0..8).map(|n| work(store.as_ref(), thread * 8 + n)),
                ));
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn racing_inserts_have_one_winner<S: Store + 'static>(store: Arc<S>) {
    let winners = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&winners);
    race(&store, async move |store, n| {
        let batch = Batch::new().insert("person", guard(&n.to_string())).insert(
            format!("nonce-{n}"),
            SpentNonce {
                application: n.to_string(),
            },
        );
        match store.commit(batch).await {
            Ok(()) => {
                count.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => {
                assert_eq!(
                    error,
                    StoreError::Conflict(Key::of::<PersonGuard>("person"))
                );
                // What won can be read at once, and nothing of what lost.
                assert!(load(store, "person").await.is_some());
                let lost = store.load::<SpentNonce>(&format!("nonce-{n}")).await;
                assert!(lost.unwrap().is_none());
            }
        }
    });
    assert_eq!(winners.load(Ordering::SeqCst), 1);
    let nonces = block_on(store.scan(Table::SpentNonce, "", None, 99)).unwrap();
    assert_eq!(nonces.len(), 1);
}

fn racing_updates_are_never_lost<S: Store + 'static>(store: Arc<S>) {
    block_on(store.commit(Batch::new().insert("l", lease(0)))).unwrap();
    race(&store, async |store, _| {
        for _ in 0..4 {
            loop {
                let found = store.load::<Lease>("l").await.unwrap().unwrap();
                let next = lease(found.value.epoch + 1);
                match store
                    .commit(Batch::new().update("l", found.version, next))
                    .await
                {
                    Ok(()) => break,
                    Err(error) => assert!(matches!(error, StoreError::Conflict(_))),
                }
            }
        }
    });
    let store: &dyn Store = store.as_ref();
    let found = block_on(store.load::<Lease>("l")).unwrap().unwrap();
    assert_eq!((found.value.epoch, found.version), (4 * 32, 4 * 32 + 1));
}

fn readers_never_see_half_a_batch<S: Store + 'static>(store: Arc<S>) {
    let pair = |version, epoch| {
        Batch::new()
            .update("a", version, lease(epoch))
            .update("b", version, lease(epoch))
    };
    block_on(store.commit(pair(0, 0))).unwrap();
    race(&store, async move |store, n| {
        if n == 0 {
            for epoch in 1..=50 {
                store.commit(pair(epoch, epoch)).await.unwrap();
            }
            return;
        }
        for _ in 0..20 {
            // The second read is later, so never older.
            let first = store.load::<Lease>("a").await.unwrap().unwrap().value.epoch;
            let second = store.load::<Lease>("b").await.unwrap().unwrap().value.epoch;
            assert!(first <= second);
        }
    });
}

#[test]
fn the_memory_store_keeps_the_contract() {
    check(crate::MemoryStore::new);
}

#[test]
fn the_sled_store_keeps_the_contract() {
    let directories = tempfile::tempdir().unwrap();
    let mut number = 0;
    check(|| {
        number += 1;
        crate::SledStore::open(directories.path().join(number.to_string())).unwrap()
    });
}
