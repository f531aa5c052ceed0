//! `/api/v1/events`: the live stream of one browser, filtered and masked for its reader.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::model::{Live, Name};

use super::access::Reader;
use super::door::Session;
use super::fault::Fault;
use super::guard::Signed;
use super::live::{Event, Next, Subscription};
use super::state::Web;
use super::view;

/// Messages between this task and the socket. Small: what waits for a slow browser waits in its
/// bounded buffer of the hub, where falling behind is noticed.
const UNSENT_MAX: usize = 8;

/// What happens, as it happens: `hello`, then `pop`, `call`, `operator`, `queue`, `episode`,
/// `client`; `resync` after a gap, `server-restart` before a stop.
#[utoipa::path(get, path = "/events", tag = "live", params(
    ("Last-Event-ID" = Option<u64>, Header, description = "Go on after this event"),
), responses((status = 200, content_type = "text/event-stream", body = String)))]
pub async fn events(
    State(web): State<Web>,
    Signed(session): Signed,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let reader = session.reader();
    let queues = queues_of(&web, &reader);
    let subscription =
        web.0.hub.subscribe(&reader, queues, last).map_err(|_| Fault::TooMany(10))?;
    let (sender, mut frames) = mpsc::channel(UNSENT_MAX);
    tokio::spawn(feed(web, session, reader, subscription, sender));
    let body = futures_util::stream::poll_fn(move |context| {
        frames.poll_recv(context).map(|frame| frame.map(Ok::<Bytes, Infallible>))
    });
    let mut response = Response::new(Body::from_stream(body));
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// Queues that the reader is a member of, as the exchange knows them.
pub fn queues_of(web: &Web, reader: &Reader) -> Vec<Name> {
    let Some(me) = &reader.operator else { return Vec::new() };
    let seen = web.0.exchange.snapshot();
    seen.operator(me.as_str()).map(|one| one.queues.clone()).unwrap_or_default()
}

/// Writes one stream until the browser, the session or the server ends it.
async fn feed(
    web: Web,
    session: Arc<Session>,
    reader: Arc<Reader>,
    mut subscription: Subscription,
    frames: mpsc::Sender<Bytes>,
) {
    if greet(&web, &reader, &subscription, &frames).await.is_err() {
        return;
    }
    let ended = session.ended();
    let mut ping = tokio::time::interval(web.0.patience.ping);
    ping.tick().await; // the first is at once, and the greeting was just sent
    loop {
        let frame = tokio::select! {
            biased;
            () = ended.cancelled() => return,
            () = web.0.stop.cancelled() => {
                let bye = view::frame(web.0.hub.last(), "server-restart", "{}");
                let _ = frames.send(bye).await;
                return;
            }
            next = subscription.next() => match next {
                Next::Event(event) => shown(&web, &reader, &event),
                Next::Lost => view::frame(web.0.hub.last(), "resync", "{}"),
                Next::Closed => return,
            },
            _ = ping.tick() => {
                // An open stream is use, and a session that is over must not go on listening.
                if web.0.door.fresh(session.clone()).await.is_none() {
                    return;
                }
                Bytes::from_static(b": ping\n\n")
            }
        };
        if frames.send(frame).await.is_err() {
            return;
        }
    }
}

async fn greet(
    web: &Web,
    reader: &Reader,
    subscription: &Subscription,
    frames: &mpsc::Sender<Bytes>,
) -> Result<(), mpsc::error::SendError<Bytes>> {
    frames.send(Bytes::from_static(b"retry: 1000\n\n")).await?;
    for event in &subscription.missed {
        frames.send(shown(web, reader, event)).await?;
    }
    let at = subscription.at;
    if subscription.gap {
        frames.send(view::frame(at, "resync", "{}")).await?;
    }
    let now = view::stamp(web.now().wall);
    let hello = format!("{{\"seq\":{at},\"now\":\"{now}\",\"version\":\"{}\"}}", super::VERSION);
    frames.send(view::frame(at, "hello", &hello)).await
}

fn shown(web: &Web, reader: &Reader, event: &Event) -> Bytes {
    let queue = match &event.live {
        Live::Pop(pop) => pop.queue.as_ref(),
        Live::Call(call) => call.queue.as_ref(),
        Live::Episode(episode) => Some(&episode.queue),
        Live::Client(news) => news.queue.as_ref(),
        Live::Operator(_) | Live::Queue(_) => None,
    };
    let site = web.site();
    event.frame(site.eyes.sight(reader, queue), &site.eyes)
}
