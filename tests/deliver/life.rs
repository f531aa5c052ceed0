//! A program that delivers, in a runtime of its own, so that it can lose its power.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use navbat::connect::deliver::{Clock, NewTarget, Outlet, Outlets, Wants};
use navbat::model::{Live, Mono, Name, Now, Wall};
use navbat::store::{NoteState, Store};
use parking_lot::Mutex;
use tokio::runtime::Runtime;

/// Longer than anything takes on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The real clock.
pub fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let (mono, wall) = (u64::try_from(since).unwrap(), i64::try_from(since).unwrap());
        Now { mono: Mono(mono), wall: Wall(wall) }
    })
}

/// What one target wants of a CRM's notes.
pub fn wants(name: &str) -> (Name, Wants) {
    (name.into(), Wants { calls: true, call_backs: true, events: Vec::new() })
}

/// One life of the program.
pub struct Life {
    runtime: Runtime,
    pub outlets: Outlets,
    pub store: Store,
    /// What the screens were told.
    pub shown: Arc<Mutex<Vec<Live>>>,
}

impl Life {
    /// Begins with these targets; nothing is known of an earlier life but what is on the disk.
    pub fn begin(folder: &Path, adapters: Vec<(Arc<dyn Outlet>, bool)>) -> Life {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let folder: PathBuf = folder.to_owned();
        let shown: Arc<Mutex<Vec<Live>>> = Arc::default();
        let screens = shown.clone();
        let (outlets, store) = runtime.block_on(async move {
            let store = Store::open("sqlite:navbat.db", None, &folder).await.unwrap();
            let publish = Arc::new(move |live| screens.lock().push(live));
            let outlets = Outlets::new(store.clone(), clock(), publish, BTreeSet::new());
            let wants = adapters.iter().map(|(outlet, _)| wants(outlet.name().as_str())).collect();
            let targets = adapters
                .into_iter()
                .map(|(outlet, dry_run)| NewTarget { outlet, kind: "stand-in", dry_run })
                .collect();
            outlets.swap(targets, wants).await;
            (outlets, store)
        });
        Life { runtime, outlets, store, shown }
    }

    /// Does something in this life.
    pub fn does<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Takes its power away: nothing is finished, nothing is written down.
    pub fn kill(self) {
        self.runtime.shutdown_background();
    }

    /// Ends as a stop does.
    pub fn stop(self) {
        self.does(async {
            self.outlets.stop().await;
            self.store.close().await;
        });
    }

    /// Waits until nothing waits.
    pub fn until_empty(&self) {
        self.until("the outbox is empty", async |store| {
            let counts = store.count_notes().await.unwrap();
            !counts.iter().any(|count| count.state.is_waiting())
        });
    }

    /// Waits until something holds of the outbox.
    pub fn until(&self, what: &str, holds: impl AsyncFn(&Store) -> bool) {
        let waited = self.does(async {
            tokio::time::timeout(PATIENCE, async {
                let mut look = tokio::time::interval(Duration::from_millis(20));
                while !holds(&self.store).await {
                    look.tick().await;
                }
            })
            .await
        });
        assert!(waited.is_ok(), "{what}: {:?}", self.does(self.store.count_notes()));
    }

    /// How many notes are in a state.
    pub fn count(&self, state: NoteState) -> u64 {
        let counts = self.does(self.store.count_notes()).unwrap();
        counts.iter().filter(|count| count.state == state).map(|count| count.count).sum()
    }
}
