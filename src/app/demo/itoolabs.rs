//! The stand-in of a PBX of the ITooLabs platform: POST of forms, without times.
//!
//! Its contract: providers/uztelecom.md section B. It asks for the responsible operator
//! (`cmd=contact`) and rings whom it is told; the record of the call may overtake its last event.

use super::day::{Kind, Refused, Ring, Story};
use super::wire::{Load, Pace, Wire, encode, extension, login};

/// The token in every body.
pub const CRM_TOKEN: &str = "demo-itoolabs-crm-token-0123456789";
/// Its line.
pub const LINE: &str = "998781500004";

/// The question for the responsible operator.
pub fn question(story: &Story) -> String {
    encode(&[
        ("cmd", String::from("contact")),
        ("phone", story.number.to_owned()),
        ("callid", story.key.clone()),
        ("diversion", LINE.to_owned()),
        ("crm_token", CRM_TOKEN.to_owned()),
    ])
}

/// Everything it tells about a call.
pub fn wires(story: &Story, pace: &Pace) -> Vec<Wire> {
    let mut wires = Vec::new();
    match story.kind {
        Kind::Inbound => {
            for ring in &story.rings {
                wires.extend(rings(story, ring));
            }
        }
        Kind::Outbound { operator, .. } => {
            wires.push(event(story, story.at, "OUTGOING", operator));
            if story.talks.is_empty() {
                wires.push(event(story, story.ends, "CANCELLED", operator));
            }
        }
    }
    let mut talks = story.talks.iter().peekable();
    while let Some(talk) = talks.next() {
        wires.push(event(story, talk.from, "ACCEPTED", talk.operator));
        let last = if talks.peek().is_some() { "TRANSFERRED" } else { "COMPLETED" };
        wires.push(event(story, talk.to, last, talk.operator));
    }
    wires.push(history(story, pace));
    wires
}

fn rings(story: &Story, ring: &Ring) -> Vec<Wire> {
    let mut wires = vec![event(story, ring.from, "INCOMING", ring.operator)];
    if !story.talks.iter().any(|talk| talk.operator == ring.operator) {
        wires.push(event(story, ring.to, "CANCELLED", ring.operator));
    }
    wires
}

fn common(story: &Story, user: &str, extension: &str) -> Vec<(&'static str, String)> {
    let direction = match story.kind {
        Kind::Inbound => "in",
        Kind::Outbound { .. } => "out",
    };
    vec![
        ("phone", story.number.to_owned()),
        ("user", user.to_owned()),
        ("ext", extension.to_owned()),
        ("direction", direction.to_owned()),
        ("diversion", LINE.to_owned()),
        ("groupRealName", String::from("Sotuv")),
        ("callid", story.key.clone()),
        ("crm_token", CRM_TOKEN.to_owned()),
    ]
}

fn event(story: &Story, at: u64, word: &str, operator: usize) -> Wire {
    let mut fields = vec![("cmd", String::from("event")), ("type", word.to_owned())];
    fields.extend(common(story, login(operator), extension(operator)));
    Wire { at, load: Load::Form(encode(&fields)) }
}

fn history(story: &Story, pace: &Pace) -> Wire {
    let answered = !story.talks.is_empty();
    let (word, status) = match story.kind {
        Kind::Inbound if answered => ("in", "Success"),
        Kind::Inbound => ("missed", "Missed"),
        Kind::Outbound { .. } if answered => ("out", "Success"),
        Kind::Outbound { refused: Refused::Busy, .. } => ("out", "Busy"),
        Kind::Outbound { refused: Refused::NoAnswer, .. } => ("out", "NotAvailable"),
    };
    let (user, extension) = match (story.kind, story.talks.first()) {
        (Kind::Outbound { operator, .. }, _) => (login(operator), extension(operator)),
        (Kind::Inbound, Some(talk)) => (login(talk.operator), extension(talk.operator)),
        (Kind::Inbound, None) => ("g_sotuv", ""),
    };
    let stamp = pace.wall(story.at).rfc3339();
    let start: String = stamp.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let mut fields = vec![
        ("cmd", String::from("history")),
        ("type", word.to_owned()),
        ("status", status.to_owned()),
        ("start", format!("{}Z", start.get(..15).unwrap_or_default())),
        ("duration", pace.talk_seconds(&story.talks).to_string()),
    ];
    fields.extend(common(story, user, extension));
    Wire { at: story.ends + 1, load: Load::Form(encode(&fields)) }
}
