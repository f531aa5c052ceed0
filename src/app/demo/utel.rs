//! The stand-in of Uztelecom's `utel`: POST of JSON, and a record of the call after its end.
//!
//! Its contract: providers/uztelecom.md section A. Only `call_saved` has a documented body; the
//! live events follow the default pointers.

use serde_json::json;

use super::day::{Kind, Refused, Story};
use super::wire::{Load, Pace, Wire, extension};
use crate::model::Wall;

/// The account's domain.
pub const DOMAIN: &str = "api.cc999.utel.uz";
/// Its line, without the country code, as it writes it.
pub const LINE: &str = "781500003";
/// The code of its group: no operator.
const GROUP: &str = "900";
/// Uzbekistan is five hours ahead of UTC, without summer time.
const OFFSET_MS: i64 = 5 * 3600 * 1000;

/// Everything it tells about a call.
pub fn wires(story: &Story, pace: &Pace) -> Vec<Wire> {
    let mut wires = vec![live(story, pace, story.at, "call_started", None)];
    for ring in &story.rings {
        let extension = Some(extension(ring.operator));
        wires.push(live(story, pace, ring.from, "dial_started", extension));
        let talked = story.talks.iter().any(|talk| talk.operator == ring.operator);
        if !talked {
            wires.push(live(story, pace, ring.to, "dial_ended", extension));
        }
    }
    let mut moved = false;
    for talk in &story.talks {
        if moved {
            wires.push(live(story, pace, talk.from, "call_transferred", None));
        }
        let extension = Some(extension(talk.operator));
        wires.push(live(story, pace, talk.from, "dial_answered", extension));
        moved = true;
    }
    wires.push(live(story, pace, story.ends, "call_ended", None));
    wires.push(saved(story, pace));
    wires
}

fn live(story: &Story, pace: &Pace, at: u64, name: &str, extension: Option<&str>) -> Wire {
    let (src, dst) = ends(story);
    let (number, word) = direction(story);
    let mut data = json!({
        "name": name,
        "domain": DOMAIN,
        "call_id": story.key,
        "src": src,
        "dst": dst,
        "external_number": LINE,
        "type": { "number": number, "name": word },
    });
    if let (Some(data), Some(extension)) = (data.as_object_mut(), extension) {
        data.insert(String::from("extension"), extension.into());
    }
    let body = json!({ "time": local(pace.wall(at)), "data": data });
    Wire { at, load: Load::Json(body.to_string()) }
}

fn saved(story: &Story, pace: &Pace) -> Wire {
    let (src, mut dst) = ends(story);
    if let (Kind::Inbound, Some(talk)) = (story.kind, story.talks.first()) {
        dst = extension(talk.operator);
    }
    let (type_number, type_word) = direction(story);
    let (status, status_word) = match story.kind {
        _ if !story.talks.is_empty() => (1, "Answered"),
        Kind::Outbound { refused: Refused::Busy, .. } => (3, "Busy"),
        Kind::Inbound | Kind::Outbound { refused: Refused::NoAnswer, .. } => (2, "Not answered"),
    };
    let talked = pace.talk_seconds(&story.talks);
    let body = json!({ "time": local(pace.wall(story.ends)), "data": {
        "name": "call_saved",
        "call_history": {
            "id": 9001,
            "call_id": story.key,
            "date_time": local(pace.wall(story.at)),
            "src": src,
            "dst": dst,
            "external_number": LINE,
            "duration": pace.seconds(story.at, story.ends).max(talked),
            "conversation": talked,
            "type": { "number": type_number, "name": type_word },
            "status": { "number": status, "name": status_word },
            "recorded_file_url": null,
        },
    } });
    Wire { at: story.ends + 1, load: Load::Json(body.to_string()) }
}

fn ends(story: &Story) -> (&str, &str) {
    match story.kind {
        Kind::Inbound => (story.number, GROUP),
        Kind::Outbound { operator, .. } => (extension(operator), story.number),
    }
}

const fn direction(story: &Story) -> (u8, &'static str) {
    match story.kind {
        Kind::Inbound => (1, "Incoming"),
        Kind::Outbound { .. } => (2, "Outgoing"),
    }
}

/// `2026-11-20 10:00:00` in Tashkent, without a zone.
fn local(at: Wall) -> String {
    let text = Wall(at.0 + OFFSET_MS).rfc3339();
    text.get(..19).unwrap_or_default().replace('T', " ")
}
