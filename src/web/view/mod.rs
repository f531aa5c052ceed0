//! What leaves the API: types of our own for every answer, made with a reader's sight.
//!
//! The model's rows are never serialised to a client. A field that can hold a number exists here
//! only as a `Phone` or as text that went through `scrub`, so a new endpoint cannot forget it.

mod call;
mod client;
mod episode;
mod live;
mod note;
mod scrub;

use bytes::Bytes;

use crate::model::{Authority, Direction, Live, Name, Period, Wall};

use super::sight::{Eyes, Sight};

pub use call::{About, CallDetailView, CallView, RawSource, RawView};
pub use client::ClientView;
pub use episode::EpisodeView;
pub use live::{OperatorView, PopView, QueueView};
pub use note::{DeliveryView, NoteDetailView, NoteView, TargetView, first_told};
pub use scrub::{hide_secrets, scrub};

/// Writes one SSE message of the live stream.
pub fn live_frame(id: u64, live: &Live, sight: Sight, eyes: &Eyes) -> Bytes {
    let (event, json) = match live {
        Live::Pop(pop) => ("pop", json(&PopView::of(pop, sight, eyes))),
        Live::Call(call) => ("call", json(&CallView::of(call, sight, eyes))),
        Live::Operator(operator) => ("operator", json(&OperatorView::of(operator))),
        Live::Queue(queue) => ("queue", json(&QueueView::of(queue))),
        Live::Episode(episode) => ("episode", json(&EpisodeView::of(episode, sight, eyes, None))),
        Live::Client(news) => ("client", json(&ClientView::of(&news.view, sight))),
    };
    frame(id, event, &json)
}

/// Writes one SSE message.
pub fn frame(id: u64, event: &str, json: &str) -> Bytes {
    Bytes::from(format!("id: {id}\nevent: {event}\ndata: {json}\n\n"))
}

/// JSON text of a value that always has one.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| String::from("null"))
}

/// RFC 3339 of a moment.
pub fn stamp(at: Wall) -> String {
    at.rfc3339()
}

/// RFC 3339 of a moment that may not have come.
pub fn maybe_stamp(at: Option<Wall>) -> Option<String> {
    at.map(Wall::rfc3339)
}

/// Seconds of a length that may be unknown.
fn seconds(length: Option<Period>) -> Option<f64> {
    length.map(Period::as_secs)
}

fn text(name: &Name) -> String {
    name.as_str().to_owned()
}

fn maybe_text(name: Option<&Name>) -> Option<String> {
    name.map(text)
}

/// The word of a direction in JSON and filters.
pub const fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Internal => "internal",
    }
}

/// The word of an authority in JSON.
pub const fn authority_word(authority: Authority) -> &'static str {
    match authority {
        Authority::Owned => "owned",
        Authority::Advised => "advised",
        Authority::Observed => "observed",
    }
}

/// An operator's name for everybody's eyes: an unknown alias may be a mobile number.
pub fn scrub_alias(name: &str) -> String {
    if name.starts_with("ext:") { scrub(name, &[]) } else { name.to_owned() }
}
