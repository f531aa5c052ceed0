//! The live board: the present state, the day's figures, and where the live stream goes on.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::access::{Act, Role};
use crate::web::door::fault;
use crate::web::fault::Fault;
use crate::web::guard::SeeBoard;
use crate::web::state::Web;
use crate::web::view::{OperatorView, PopView, QueueView, maybe_stamp, stamp};

use super::floor::{operators_for, queues_for};
use super::providers::{ProviderView, providers_on_board};
use super::stats::{self, Waits};

/// The board.
#[derive(Debug, Serialize, ToSchema)]
pub struct Board {
    /// The live stream goes on after this event; apply only later ones.
    seq: u64,
    now: String,
    /// The first moment of the day whose figures these are.
    day_start: String,
    operators: Vec<OperatorView>,
    queues: Vec<QueueView>,
    /// Cards that live: the reader's own, or all that they may see.
    pops: Vec<PopView>,
    /// Null while the database does not answer.
    today: Option<Waits>,
    /// Null while the database does not answer.
    open_episodes: Option<u64>,
    oldest_episode_at: Option<String>,
    providers: Vec<ProviderView>,
    /// The database does not answer; what comes from memory is whole.
    stale: bool,
}

/// The live board. It answers from memory while the database is down and says so.
#[utoipa::path(get, path = "/board", tag = "floor", responses((status = 200, body = Board)))]
pub async fn board(
    State(web): State<Web>,
    SeeBoard(reader): SeeBoard,
) -> Result<Json<Board>, Fault> {
    // Events after `seq` may be in the state already, none up to it may be missing: a page takes
    // away the cards that the state does not hold.
    let (seen, seq) = web.0.exchange.snapshot_after(web.0.hub.last()).await;
    let (site, now) = (web.site(), web.now().wall);
    let pops = seen.pops.iter().filter(|pop| reader.sees_pop(pop));
    let pops = pops.map(|pop| {
        let sight = site.eyes.sight(&reader, pop.queue.as_ref());
        PopView::of(pop, sight, &site.eyes)
    });
    let pops = pops.collect();
    let day_start = stats::day_start(&site, now);
    let queues = (!reader.queues.is_empty()).then(|| reader.queues.clone());
    let ask = stats::ask(&site, day_start, now, queues.clone());
    let today = web.0.store.stats_total(&ask).await.map_err(fault).ok();
    let episodes = web.0.store.count_episodes(queues.as_deref(), now).await.map_err(fault).ok();
    let counted = reader.may(Act::SeeMissed) || reader.role == Role::Wallboard;
    let episodes = episodes.filter(|_| counted);
    Ok(Json(Board {
        seq,
        now: stamp(now),
        day_start: stamp(day_start),
        operators: operators_for(&web, &reader),
        queues: queues_for(&web, &reader),
        pops,
        stale: today.is_none(),
        today: today.map(|tally| Waits::of(String::from("today"), &tally)),
        open_episodes: episodes.as_ref().map(|episodes| episodes.open()),
        oldest_episode_at: maybe_stamp(episodes.and_then(|episodes| episodes.oldest_at)),
        providers: providers_on_board(&web, &reader).await,
    }))
}
