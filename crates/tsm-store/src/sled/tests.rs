use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::join_all;
use tsm_core::card::catalogue::LoadFilePiece;
use tsm_core::jpki::application::PersonGuard;

use super::*;

fn guard(application: &str) -> PersonGuard {
    PersonGuard {
        application: application.to_owned(),
    }
}

fn insert(store: &SledStore, id: &str) -> Result<(), StoreError> {
    block_on(store.commit(Batch::new().insert(id, guard(id))))
}

fn holds(store: &dyn Store, id: &str) -> bool {
    block_on(store.load::<PersonGuard>(id)).unwrap().is_some()
}

/// A disk that syncs when it is told to.
#[derive(Clone, Default)]
struct SlowDisk {
    syncing: Arc<AtomicBool>,
    released: Arc<AtomicBool>,
    syncs: Arc<AtomicUsize>,
}

impl SlowDisk {
    fn store(&self, path: &Path) -> Arc<SledStore> {
        let disk = self.clone();
        Arc::new(store_with_sync(path, move || {
            disk.syncs.fetch_add(1, Ordering::SeqCst);
            disk.syncing.store(true, Ordering::SeqCst);
            wait_for(|| disk.released.load(Ordering::SeqCst));
            Ok(())
        }))
    }

    fn wait_until_syncing(&self) {
        wait_for(|| self.syncing.load(Ordering::SeqCst));
    }

    fn release(&self) {
        self.released.store(true, Ordering::SeqCst);
    }
}

fn wait_for(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

/// Starts `count` commits at once; they insert `p0`, `p1`, …
fn start_inserts(store: &Arc<SledStore>, count: usize) -> Vec<JoinHandle<bool>> {
    let before = store.room.available_permits();
    let threads = (0..count)
        .map(|n| {
            let store = Arc::clone(store);
            std::thread::spawn(move || insert(&store, &format!("p{n}")).is_ok())
        })
        .collect();
    wait_for(|| store.room.available_permits() == before - count);
    threads
}

/// A store whose syncs are made by the test.
fn store_with_sync(
    path: &Path,
    sync: impl FnMut() -> io::Result<()> + Send + 'static,
) -> SledStore {
    let directory = Directory::prepare(path).unwrap();
    let database = directory.open_database(sled::Config::default()).unwrap();
    SledStore::start(directory, &database, sync).unwrap()
}

#[test]
fn what_was_committed_is_there_after_reopening_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/store");
    for round in 0..20 {
        let store = SledStore::open(&path).unwrap();
        for before in 0..round {
            assert!(holds(&store, &format!("p{before}")));
        }
        insert(&store, &format!("p{round}")).unwrap();
        if round % 2 == 0 {
            store.close().unwrap();
            store.close().unwrap();
        }
    }
}

#[test]
fn a_closed_store_answers_with_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    insert(&store, "p").unwrap();
    store.close().unwrap();
    let closed = StoreError::Failed("the store is closed".into());
    assert_eq!(insert(&store, "q"), Err(closed.clone()));
    let key = Key::of::<PersonGuard>("p");
    assert_eq!(block_on(store.read(&key)), Err(closed.clone()));
    assert_eq!(
        block_on(store.scan(Table::PersonGuard, "", None, 1)),
        Err(closed)
    );
    assert!(SledStore::open(dir.path()).is_ok());
}

#[test]
fn commits_that_wait_when_it_closes_are_finished() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SlowDisk::default();
    let store = disk.store(dir.path());
    let writers = start_inserts(&store, 8);
    disk.wait_until_syncing();
    let closer = {
        let store = Arc::clone(&store);
        std::thread::spawn(move || store.close())
    };
    disk.release();
    closer.join().unwrap().unwrap();
    let acknowledged: Vec<_> = writers.into_iter().map(|w| w.join().unwrap()).collect();
    assert!(acknowledged.contains(&true));
    drop(store);
    let store = SledStore::open(dir.path()).unwrap();
    for (n, acknowledged) in acknowledged.into_iter().enumerate() {
        assert_eq!(holds(&store, &format!("p{n}")), acknowledged);
    }
}

#[test]
fn a_directory_has_one_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    assert!(matches!(
        SledStore::open(dir.path()),
        Err(OpenError::InUse { .. })
    ));
    insert(&store, "p").unwrap();
}

#[test]
fn commits_that_wait_share_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SlowDisk::default();
    let store = disk.store(dir.path());
    let first = start_inserts(&store, 1);
    disk.wait_until_syncing();
    let writers: Vec<_> = (100..200)
        .map(|n| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || insert(&store, &format!("p{n}")).is_ok())
        })
        .collect();
    wait_for(|| store.room.available_permits() == QUEUE - 101);
    disk.release();
    assert!(
        first
            .into_iter()
            .chain(writers)
            .all(|writer| writer.join().unwrap())
    );
    // One for the first; all others waited, but for a straggler or two.
    assert!((2..=5).contains(&disk.syncs.load(Ordering::SeqCst)));
}

#[test]
fn a_reader_waits_until_what_it_saw_is_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SlowDisk::default();
    let store = disk.store(dir.path());
    let writers = start_inserts(&store, 1);
    disk.wait_until_syncing();
    let key = Key::of::<PersonGuard>("p0");
    assert!(store.read(&key).now_or_never().is_none());
    assert!(
        store
            .scan(Table::PersonGuard, "", None, 1)
            .now_or_never()
            .is_none()
    );
    disk.release();
    assert!(writers.into_iter().all(|writer| writer.join().unwrap()));
    assert!(block_on(store.read(&key)).unwrap().is_some());
    assert!(
        store.read(&key).now_or_never().is_some(),
        "nothing is in flight"
    );
}

#[test]
fn a_commit_whose_caller_has_gone_is_still_whole() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SlowDisk::default();
    let store = disk.store(dir.path());
    let batch = Batch::new().insert("p", guard("p")).insert("q", guard("q"));
    assert!(store.commit(batch).now_or_never().is_none());
    disk.release();
    store.close().unwrap();
    drop(store);
    let store = SledStore::open(dir.path()).unwrap();
    assert!(holds(&store, "p") && holds(&store, "q"));
    assert_eq!(store.room.available_permits(), QUEUE);
}

#[test]
fn a_failed_sync_stops_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let mut healthy = 2;
    let store = store_with_sync(dir.path(), move || {
        healthy -= 1;
        if healthy < 0 {
            Err(io::Error::other("the disk is gone"))
        } else {
            Ok(())
        }
    });
    insert(&store, "p").unwrap();
    insert(&store, "q").unwrap();
    let failed = StoreError::Failed("the disk is gone".into());
    assert_eq!(insert(&store, "r"), Err(failed.clone()));
    assert_eq!(insert(&store, "s"), Err(failed.clone()));
    assert_eq!(
        block_on(store.read(&Key::of::<PersonGuard>("p"))),
        Err(failed.clone())
    );
    assert_eq!(
        block_on(store.scan(Table::PersonGuard, "", None, 9)),
        Err(failed.clone())
    );
    assert_eq!(store.close(), Err(failed));
    let store = SledStore::open(dir.path()).unwrap();
    assert!(holds(&store, "p") && holds(&store, "q") && !holds(&store, "s"));
    insert(&store, "s").unwrap();
}

#[test]
fn a_panic_of_the_writer_stops_the_store_and_hangs_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_sync(dir.path(), || panic!("as sled might"));
    assert!(matches!(insert(&store, "p"), Err(StoreError::Failed(_))));
    let failed = StoreError::Failed("the writer panicked".into());
    assert_eq!(store.close(), Err(failed.clone()));
    assert_eq!(
        block_on(store.read(&Key::of::<PersonGuard>("p"))),
        Err(failed.clone())
    );
    assert_eq!(insert(&store, "q"), Err(failed));
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_sync(dir.path(), || panic!("as sled might"));
    assert!(insert(&store, "p").is_err());
    assert!(block_on(store.read(&Key::of::<PersonGuard>("p"))).is_err());
}

#[test]
fn one_conflict_in_a_group_leaves_the_others_alone() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SlowDisk::default();
    let store = disk.store(dir.path());
    let commits = join_all((0..20).map(|n| {
        // Every second one wants the same record.
        let id = if n % 2 == 0 {
            "same".to_owned()
        } else {
            n.to_string()
        };
        store.commit(Batch::new().insert(id.clone(), guard(&id)))
    }));
    disk.release();
    let outcomes = block_on(commits);
    let refused = |outcome: &&Result<(), _>| matches!(outcome, Err(StoreError::Conflict(_)));
    assert_eq!(outcomes.iter().filter(refused).count(), 9);
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        11
    );
}

#[test]
fn opens_beside_a_torn_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    insert(&store, "p").unwrap();
    drop(store);
    let torn = dir.path().join("snap.7FFFFFFFFFFFFFFF.generating");
    fs::write(&torn, b"half a snapshot").unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    assert!(!torn.exists());
    assert!(holds(&store, "p"));
}

#[test]
fn a_changed_row_is_reported_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    insert(&store, "p").unwrap();
    let key = Key::of::<PersonGuard>("p");
    for value in [&b"short"[..], &[0, 0, 0, 0, 0, 0, 0, 1, 0xFF], &[0; 12]] {
        store
            .with_rows(|rows| Ok(rows.insert(row::key(&key), value).unwrap()))
            .unwrap();
        let corrupt = StoreError::Corrupt(key.clone());
        assert_eq!(block_on(store.read(&key)), Err(corrupt.clone()));
        assert_eq!(
            block_on(store.scan(Table::PersonGuard, "", None, 9)),
            Err(corrupt)
        );
    }
}

#[test]
fn large_values_do_not_leave_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    for n in 0..300 {
        let bytes = vec![n as u8; LoadFilePiece::SIZE + 1_000];
        let batch = Batch::new().insert(format!("{n:05}"), LoadFilePiece { bytes });
        block_on(store.commit(batch)).unwrap();
    }
    store.close().unwrap();
    assert_eq!(fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
    let store = SledStore::open(dir.path()).unwrap();
    let found = block_on(store.scan(Table::LoadFilePiece, "", None, 999)).unwrap();
    assert_eq!(found.len(), 300);
}

/// Names the directory in which this test binary, run again, plays the victim.
const VICTIM: &str = "TSM_STORE_VICTIM";

#[test]
fn a_kill_loses_no_acknowledged_commit() {
    if let Some(path) = std::env::var_os(VICTIM) {
        commit_until_killed(Path::new(&path));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..6 {
        let before = acknowledged.len();
        let mut victim = start_victim(&path);
        for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
            // The last line may be cut.
            let line = line.unwrap();
            let id = line
                .strip_prefix("acknowledged ")
                .and_then(|id| id.strip_suffix('.'));
            acknowledged.extend(id.map(str::to_owned));
            if acknowledged.len() - before == 100 + round * 61 {
                victim.kill().unwrap();
            }
        }
        victim.wait().unwrap();
        assert!(acknowledged.len() >= before + 100);
        let store = SledStore::open(&path).unwrap();
        for id in &acknowledged {
            assert!(holds(&store, id), "{id} was acknowledged and is lost");
        }
        let rows = block_on(store.scan(Table::PersonGuard, "", None, usize::MAX)).unwrap();
        for (key, _) in rows {
            let one = key.id.trim_end_matches("-twin");
            let twin = format!("{one}-twin");
            assert!(
                holds(&store, one) && holds(&store, &twin),
                "half of the batch {one} is lost"
            );
        }
    }
}

fn start_victim(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sled::tests::a_kill_loses_no_acknowledged_commit",
            "--nocapture",
        ])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn commit_until_killed(path: &Path) -> ! {
    let store = SledStore::open(path).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for n in 0.. {
                    let id = format!("{}-{thread}-{n}", std::process::id());
                    let twin = format!("{id}-twin");
                    let batch = Batch::new()
                        .insert(id.clone(), guard(&id))
                        .insert(twin, guard(&id));
                    block_on(store.commit(batch)).unwrap();
                    println!("acknowledged {id}.");
                }
            });
        }
    });
    unreachable!("the victim was not killed");
}
