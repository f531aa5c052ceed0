//! The stand-in of OnlinePBX: POST of forms, one event an operator that rings.
//!
//! Its contract: providers/onlinepbx.md. A missed call is told twice, by `call_missed` and by
//! `call_end` without a conversation.

use super::day::{Kind, Refused, Story};
use super::wire::{Load, Pace, Wire, encode, extension};

/// The account's domain.
pub const DOMAIN: &str = "pbx90417.onpbx.ru";
/// Its line, without the country code, as it writes it.
pub const LINE: &str = "781500002";

/// Everything it tells about a call.
pub fn wires(story: &Story, pace: &Pace) -> Vec<Wire> {
    match story.kind {
        Kind::Inbound => inbound(story, pace),
        Kind::Outbound { operator, refused } => outbound(story, pace, operator, refused),
    }
}

/// The two ends of one event.
struct Ends<'a> {
    direction: &'a str,
    caller: &'a str,
    callee: &'a str,
}

fn event(
    story: &Story,
    pace: &Pace,
    at: u64,
    word: &str,
    ends: &Ends<'_>,
    more: &[(&str, String)],
) -> Wire {
    let mut fields = vec![
        ("event", word.to_owned()),
        ("domain", DOMAIN.to_owned()),
        ("direction", ends.direction.to_owned()),
        ("uuid", story.key.clone()),
        ("caller", ends.caller.to_owned()),
        ("callee", ends.callee.to_owned()),
        ("gateway", LINE.to_owned()),
        ("date", pace.unix(at).to_string()),
    ];
    fields.extend(more.iter().cloned());
    Wire { at, load: Load::Form(encode(&fields)) }
}

fn inbound(story: &Story, pace: &Pace) -> Vec<Wire> {
    let client = format!("+{}", story.number);
    let caller = if story.number.contains('-') { story.number } else { client.as_str() };
    let to = |callee| Ends { direction: "inbound", caller, callee };
    let mut wires = vec![event(story, pace, story.at, "call_start", &to(LINE), &[])];
    let first = story.talks.first().map(|talk| talk.from);
    for ring in story.rings.iter().filter(|ring| first.is_none_or(|first| ring.from < first)) {
        let callee = to(extension(ring.operator));
        wires.push(event(story, pace, ring.from, "call_user_start", &callee, &[]));
    }
    let mut before = None;
    for talk in &story.talks {
        let callee = extension(talk.operator);
        let (word, caller) = match before {
            Some(before) => ("call_transfer_answered", before),
            None => ("call_answered", caller),
        };
        let ends = Ends { direction: "inbound", caller, callee };
        wires.push(event(story, pace, talk.from, word, &ends, &[]));
        before = Some(callee);
    }
    let whole = pace.seconds(story.at, story.ends);
    if story.talks.is_empty() {
        let missed = totals(whole, None, "NO_ANSWER");
        wires.push(event(story, pace, story.ends, "call_missed", &to(LINE), &missed));
    }
    let last = story.talks.last().map_or(LINE, |talk| extension(talk.operator));
    let talked = pace.talk_seconds(&story.talks);
    let cause = if talked > 0 { "NORMAL_CLEARING" } else { "NO_ANSWER" };
    let end = totals(whole.max(talked), Some(talked), cause);
    wires.push(event(story, pace, story.ends, "call_end", &to(last), &end));
    wires
}

fn outbound(story: &Story, pace: &Pace, operator: usize, refused: Refused) -> Vec<Wire> {
    // The last nine digits, as it writes Uzbek numbers it dials.
    let callee = match story.number.strip_prefix("998") {
        Some(nine) => nine,
        None => story.number,
    };
    let ends = Ends { direction: "outbound", caller: extension(operator), callee };
    let mut wires = vec![event(story, pace, story.at, "call_start", &ends, &[])];
    for talk in &story.talks {
        wires.push(event(story, pace, talk.from, "call_answered", &ends, &[]));
    }
    let cause = match refused {
        _ if !story.talks.is_empty() => "NORMAL_CLEARING",
        Refused::NoAnswer => "NO_ANSWER",
        Refused::Busy => "USER_BUSY",
    };
    let talked = pace.talk_seconds(&story.talks);
    let whole = pace.seconds(story.at, story.ends).max(talked);
    let end = totals(whole, Some(talked), cause);
    wires.push(event(story, pace, story.ends, "call_end", &ends, &end));
    wires
}

fn totals(whole: i64, talked: Option<i64>, cause: &str) -> Vec<(&'static str, String)> {
    let mut fields = vec![("call_duration", whole.to_string()), ("hangup_cause", cause.to_owned())];
    fields.extend(talked.map(|talked| ("dialog_duration", talked.to_string())));
    fields
}
