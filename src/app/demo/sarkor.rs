//! The stand-in of a Sarkor PBX that can call a URL: JSON read by the generic mapping.
//!
//! Its contract is the account's own table in the demo's configuration (providers/common.md
//! section 6).

use serde_json::json;

use super::day::{Kind, Refused, Story};
use super::wire::{Load, Pace, Wire, extension};

/// Its line.
pub const LINE: &str = "998781500005";

/// Everything it tells about a call.
pub fn wires(story: &Story, pace: &Pace) -> Vec<Wire> {
    let mut wires = vec![event(story, pace, story.at, "incoming", None)];
    for ring in &story.rings {
        let extension = Some(extension(ring.operator));
        wires.push(event(story, pace, ring.from, "ringing", extension));
        if !story.talks.iter().any(|talk| talk.operator == ring.operator) {
            wires.push(event(story, pace, ring.to, "stopped", extension));
        }
    }
    for talk in &story.talks {
        let extension = Some(extension(talk.operator));
        wires.push(event(story, pace, talk.from, "answered", extension));
        if talk.to < story.ends {
            wires.push(event(story, pace, talk.to, "stopped", extension));
        }
    }
    wires.push(event(story, pace, story.ends, "finished", None));
    wires
}

fn event(story: &Story, pace: &Pace, at: u64, word: &str, operator: Option<&str>) -> Wire {
    let (src, dst) = match story.kind {
        Kind::Inbound => (story.number, LINE),
        Kind::Outbound { operator, .. } => (extension(operator), story.number),
    };
    let mut data = json!({
        "name": word,
        "call_id": story.key,
        "src": src,
        "dst": dst,
        "external_number": LINE,
        "time": pace.unix(at),
    });
    if let Some(data) = data.as_object_mut() {
        if let Some(operator) = operator {
            data.insert(String::from("extension"), operator.into());
        }
        if word == "finished" {
            data.insert(String::from("status"), status(story).into());
        }
    }
    Wire { at, load: Load::Json(json!({ "data": data }).to_string()) }
}

const fn status(story: &Story) -> &'static str {
    match story.kind {
        _ if !story.talks.is_empty() => "Answered",
        Kind::Outbound { refused: Refused::Busy, .. } => "Busy",
        Kind::Inbound | Kind::Outbound { refused: Refused::NoAnswer, .. } => "NoAnswer",
    }
}
