//! The carriers' names, asked for beside the calls: the exchange is told where a trunk is when
//! that is found and whenever it changes.
//!
//! A name server that is silent takes nothing away: the last good answer stays in use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::DropGuard;
use tracing::{info, warn};

use super::dns::{Names, Target};
use super::shared::Shared;
use super::stream::until_stop;
use crate::model::Name;
use crate::sip::Hop;

/// The first wait after a failure; doubled up to the shortest life of a good answer.
const AGAIN_FIRST: Duration = Duration::from_secs(2);

/// The carriers that are looked for.
#[derive(Default)]
pub(super) struct Watched(Mutex<BTreeMap<Name, (Target, DropGuard)>>);

impl Watched {
    /// Looks for these carriers and for no others. One that is unchanged is not asked for again.
    pub(super) fn set(
        &self,
        shared: &Arc<Shared>,
        names: &Names,
        trunks: impl IntoIterator<Item = (Name, Target)>,
    ) {
        let mut before = std::mem::take(&mut *self.0.lock());
        let mut after = BTreeMap::new();
        for (name, target) in trunks {
            let kept = before.remove(&name).filter(|(own, _)| *own == target);
            let watched = kept.unwrap_or_else(|| {
                let stop = shared.stop.child_token();
                let asking = ask(name.clone(), target.clone(), names.clone(), shared.clone());
                tokio::spawn(until_stop(stop.clone(), asking));
                (target, stop.drop_guard())
            });
            after.insert(name, watched);
        }
        *self.0.lock() = after; // what is left of `before` stops as it is dropped
    }
}

async fn ask(trunk: Name, target: Target, names: Names, shared: Arc<Shared>) {
    let limits = (shared.limits.names_again_min, shared.limits.names_again_max);
    let mut known: Vec<Hop> = Vec::new();
    let mut failed = 0_u32;
    loop {
        let again_in = match names.find(&target).await {
            Ok(found) => {
                failed = 0;
                if !same_places(&found.hops, &known) {
                    info!(%trunk, places = found.hops.len(), "the trunk is found");
                    shared.learn(&target.host, &found.hops);
                    known.clone_from(&found.hops);
                    shared.inlet.trunk_hops(trunk.clone(), found.hops).await;
                }
                found.holds_for.clamp(limits.0, limits.1)
            }
            Err(error) => {
                shared.counts.names_failed.increment(1);
                if failed == 0 {
                    let known = known.len();
                    warn!(%trunk, %error, known, "the trunk's name is not found");
                }
                failed = failed.saturating_add(1);
                let wait = AGAIN_FIRST.saturating_mul(2_u32.saturating_pow(failed.min(16)) / 2);
                wait.min(limits.0)
            }
        };
        tokio::time::sleep(again_in).await;
    }
}

/// Whether two answers name the same places: the lot among equals alone is no news.
fn same_places(one: &[Hop], other: &[Hop]) -> bool {
    one.len() == other.len() && one.iter().all(|hop| other.contains(hop))
}
