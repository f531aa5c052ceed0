//! The stand-in of Sipuni: GET with everything in the query, and questions before it rings.
//!
//! Its contract: events 1, 3, 4 and 2 of providers/sipuni.md. The first event of an outbound call
//! comes twice, as it really does.

use super::day::{Kind, Refused, Story};
use super::wire::{Load, Pace, Wire, encode, extension};

/// The cabinet of the demo's account.
pub const CABINET: &str = "047218";
/// Its line.
pub const LINE: &str = "998781500001";

/// The question that a block of the call scheme asks: should this operator get the call? It
/// names no call, only who calls.
pub fn question(story: &Story, operator: usize) -> String {
    encode(&[
        ("fromnum", story.number.to_owned()),
        ("tonum", LINE.to_owned()),
        ("label", extension(operator).to_owned()),
    ])
}

/// Everything it tells about a call.
pub fn wires(story: &Story, pace: &Pace) -> Vec<Wire> {
    match story.kind {
        Kind::Inbound => inbound(story, pace),
        Kind::Outbound { operator, refused } => outbound(story, pace, operator, refused),
    }
}

fn event(story: &Story, pace: &Pace, at: u64, code: &str, more: &[(&str, String)]) -> Wire {
    let mut fields = vec![
        ("event", code.to_owned()),
        ("call_id", story.key.clone()),
        ("timestamp", pace.unix(at).to_string()),
        ("user_id", CABINET.to_owned()),
        ("treeName", String::from("Входящая")),
        ("treeNumber", String::from("000-1734442")),
    ];
    fields.extend(more.iter().cloned());
    Wire { at, load: Load::Query(encode(&fields)) }
}

/// The fields of a leg to an operator.
fn leg(story: &Story, operator: usize) -> Vec<(&'static str, String)> {
    let extension = extension(operator);
    vec![
        ("src_num", story.number.to_owned()),
        ("src_type", String::from("1")),
        ("dst_num", format!("{CABINET}{extension}")),
        ("dst_type", String::from("2")),
        ("short_dst_num", extension.to_owned()),
        ("is_inner_call", String::from("1")),
        ("channel", format!("SIP/{CABINET}100{extension}-{}", story.key)),
    ]
}

fn outside(story: &Story) -> Vec<(&'static str, String)> {
    vec![
        ("src_num", story.number.to_owned()),
        ("src_type", String::from("1")),
        ("dst_num", format!("{LINE}_id300100")),
        ("dst_type", String::from("1")),
        ("short_src_num", story.number.to_owned()),
    ]
}

fn inbound(story: &Story, pace: &Pace) -> Vec<Wire> {
    let mut wires = vec![event(story, pace, story.at, "1", &outside(story))];
    for ring in &story.rings {
        wires.push(event(story, pace, ring.from, "1", &leg(story, ring.operator)));
        let talked = story.talks.iter().any(|talk| talk.operator == ring.operator);
        if !talked && ring.to < story.ends {
            let mut fields = leg(story, ring.operator);
            fields.push(("status", String::from("NOANSWER")));
            wires.push(event(story, pace, ring.to, "4", &fields));
        }
    }
    for talk in &story.talks {
        wires.push(event(story, pace, talk.from, "3", &leg(story, talk.operator)));
        if talk.to < story.ends {
            let mut fields = leg(story, talk.operator);
            fields.push(("status", String::from("ANSWER")));
            wires.push(event(story, pace, talk.to, "4", &fields));
        }
    }
    wires.push(event(story, pace, story.ends, "2", &ending(story, pace)));
    wires
}

fn ending(story: &Story, pace: &Pace) -> Vec<(&'static str, String)> {
    let mut fields = match story.talks.last() {
        Some(talk) => leg(story, talk.operator),
        None => outside(story),
    };
    let status = if story.talks.is_empty() { "NOANSWER" } else { "ANSWER" };
    let answered_at = story.talks.first().map_or(0, |talk| pace.unix(talk.from));
    let moved = story.talks.len() > 1;
    let from = story.talks.first().filter(|_| moved).map_or("", |talk| extension(talk.operator));
    let last: Vec<&str> = match story.talks.last().filter(|_| moved) {
        Some(talk) => vec![extension(talk.operator)],
        None => story.rings.iter().map(|ring| extension(ring.operator)).collect(),
    };
    fields.extend([
        ("status", status.to_owned()),
        ("call_start_timestamp", pace.unix(story.at).to_string()),
        ("call_answer_timestamp", answered_at.to_string()),
        ("transfer_from", from.to_owned()),
        ("last_called", last.join("&")),
        ("call_record_link", format!("https://sipuni.com/api/crm/record?id={}", story.key)),
    ]);
    fields
}

fn outbound(story: &Story, pace: &Pace, operator: usize, refused: Refused) -> Vec<Wire> {
    let extension = extension(operator);
    let leg = [
        ("src_num", format!("{CABINET}{extension}")),
        ("src_type", String::from("2")),
        ("dst_num", story.number.to_owned()),
        ("dst_type", String::from("1")),
        ("short_src_num", extension.to_owned()),
        ("channel", format!("SIP/{CABINET}100{extension}-{}", story.key)),
    ];
    let mut wires = vec![event(story, pace, story.at, "1", &leg)];
    for talk in &story.talks {
        wires.push(event(story, pace, talk.from, "3", &leg));
    }
    let status = match refused {
        _ if !story.talks.is_empty() => "ANSWER",
        Refused::NoAnswer => "NOANSWER",
        Refused::Busy => "BUSY",
    };
    let answered_at = story.talks.first().map_or(0, |talk| pace.unix(talk.from));
    let mut fields = leg.to_vec();
    fields.extend([
        ("status", status.to_owned()),
        ("call_start_timestamp", pace.unix(story.at).to_string()),
        ("call_answer_timestamp", answered_at.to_string()),
    ]);
    wires.push(event(story, pace, story.ends, "2", &fields));
    wires
}
