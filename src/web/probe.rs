//! What machines ask: is the process alive, can it take calls, what are its figures.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::VERSION;
use super::access::Act;
use super::fault::Fault;
use super::guard::{Origin, let_in};
use super::state::Web;
use crate::switch::TrunkView;

/// The process turns.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Why the node is ready, or is not.
#[derive(Debug, Serialize)]
struct Ready {
    ready: bool,
    version: &'static str,
    /// The journal can be written: the one thing without which nothing may be acknowledged.
    journal: bool,
    /// The database answers; lists need it, calls do not.
    database: bool,
    calls_open: u32,
    streams: usize,
    /// Trunks by name; a trunk that is down leaves the node ready.
    trunks: Vec<Trunk>,
    stopping: bool,
}

/// How one trunk is.
#[derive(Debug, Serialize)]
struct Trunk {
    name: String,
    /// Null until something was heard of it.
    up: Option<bool>,
    why: String,
    calls: usize,
    channels_max: u32,
}

impl From<&TrunkView> for Trunk {
    fn from(view: &TrunkView) -> Trunk {
        Trunk {
            name: view.name.to_string(),
            up: view.up,
            why: view.why.clone(),
            calls: view.calls,
            channels_max: view.channels_max,
        }
    }
}

/// Whether calls can be taken. Providers that are down, or a database that is, are told in the
/// body and do not make a node unready.
pub async fn readyz(State(web): State<Web>) -> Response {
    let health = web.0.journal.health();
    let journal = health.failing.is_none() && health.damaged.is_none();
    let stopping = web.0.stop.is_cancelled();
    let ready = Ready {
        ready: journal && !stopping,
        version: VERSION,
        journal,
        database: web.0.store.ping().await.is_ok(),
        calls_open: web.0.exchange.snapshot().calls_open,
        streams: web.0.hub.readers(),
        trunks: web.0.exchange.lines().trunks.iter().map(Trunk::from).collect(),
        stopping,
    };
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ready)).into_response()
}

/// Figures for Prometheus: to this machine, or with a token of an admin or integrator.
pub async fn metrics(State(web): State<Web>, request: Request) -> Result<Response, Fault> {
    let (parts, _) = request.into_parts();
    let origin = Origin::of(&parts, &web.site());
    if !origin.address.is_loopback() {
        let_in(&parts, &web, Act::SeeMetrics).await?;
    }
    let Some(handle) = &web.0.metrics else { return Err(Fault::Missing("recorder of figures")) };
    present(&web);
    let mut response = handle.render().into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// Sets the gauges that are read off the present state.
fn present(web: &Web) {
    let seen = web.0.exchange.snapshot();
    let now = web.now().wall;
    for queue in &seen.queues {
        let name = queue.name.to_string();
        let longest = queue.longest_since.map_or(0.0, |since| now.since(since).as_secs());
        metrics::gauge!("navbat_queue_waiting", "queue" => name.clone())
            .set(f64::from(queue.waiting));
        metrics::gauge!("navbat_queue_ready", "queue" => name.clone()).set(f64::from(queue.ready));
        metrics::gauge!("navbat_queue_longest_wait_seconds", "queue" => name).set(longest);
    }
    let lines = web.0.exchange.lines();
    for trunk in &lines.trunks {
        let name = trunk.name.to_string();
        let calls = u32::try_from(trunk.calls).unwrap_or(u32::MAX);
        metrics::gauge!("navbat_trunk_up", "trunk" => name.clone())
            .set(f64::from(u8::from(trunk.up == Some(true))));
        metrics::gauge!("navbat_trunk_calls", "trunk" => name).set(f64::from(calls));
    }
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    metrics::gauge!("navbat_sip_legs_open").set(count(lines.legs));
    metrics::gauge!("navbat_sip_sessions").set(count(lines.sessions));
    metrics::gauge!("navbat_sip_transactions").set(count(lines.transactions));
    metrics::gauge!("navbat_calls_open").set(f64::from(seen.calls_open));
    metrics::gauge!("navbat_episodes_open").set(f64::from(seen.episodes_open));
    let streams = u32::try_from(web.0.hub.readers()).unwrap_or(u32::MAX);
    metrics::gauge!("navbat_live_streams").set(f64::from(streams));
    let health = web.0.journal.health();
    let waiting = u32::try_from(health.records_waiting).unwrap_or(u32::MAX);
    metrics::gauge!("navbat_journal_records_waiting").set(f64::from(waiting));
    metrics::gauge!("navbat_journal_failing").set(f64::from(u8::from(health.failing.is_some())));
}
