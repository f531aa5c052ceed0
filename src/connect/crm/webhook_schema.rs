//! What outgoing webhooks say: every kind of event, every field, and the JSON Schema of them.
//!
//! A kind always has all of its fields; what is not known or not opened is null. A field is never
//! renamed and never changes its meaning; new ones may be added, so receivers pass over what they
//! do not know.

use serde_json::{Map, Value, json};

/// Grows when a field changes its meaning, which none has done.
pub const VERSION: u32 = 1;

/// One kind of event.
pub struct Kind {
    /// `call.settled` and the like.
    pub event: &'static str,
    /// When it is sent.
    pub when: &'static str,
    /// Its own fields, beside those that every event has.
    pub fields: &'static [Field],
}

/// One field.
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// Null until the configuration opens it.
    pub private: bool,
    /// For people.
    pub about: &'static str,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Any text.
    Text,
    /// A text that is always there.
    Word,
    /// A moment in RFC 3339.
    Moment,
    /// A whole number that is always there.
    Count,
    /// A length in seconds.
    Seconds,
    /// Yes or no.
    Flag,
    /// Names.
    Names,
}

const fn open(name: &'static str, holds: Holds, about: &'static str) -> Field {
    Field { name, holds, private: false, about }
}

const fn private(name: &'static str, holds: Holds, about: &'static str) -> Field {
    Field { name, holds, private: true, about }
}

/// Fields of every kind.
pub const ENVELOPE: [Field; 6] = [
    open("version", Holds::Count, "the version of this schema"),
    open(
        "id",
        Holds::Word,
        "once-only: the same in every repetition, also in the header navbat-id",
    ),
    open("event", Holds::Word, "the kind of event"),
    open("at", Holds::Moment, "when it happened"),
    open("client_masked", Holds::Text, "the client's number with its middle hidden"),
    open("link", Holds::Text, "the page to read on"),
];

const CALL: [Field; 24] = [
    open("call", Holds::Word, "the call's id"),
    open("revision", Holds::Count, "grows when late facts change the call"),
    private("call_key", Holds::Text, "account and the provider's own call id"),
    private("provider", Holds::Text, "the kind of the account"),
    private("account", Holds::Text, "the account's name"),
    private("authority", Holds::Text, "how much of the call is navbat's: owned, advised, observed"),
    private("direction", Holds::Text, "in or out"),
    private("client_e164", Holds::Text, "the client's whole number"),
    private("line_e164", Holds::Text, "the number of the firm"),
    private("queue", Holds::Text, "the last queue"),
    private("rung", Holds::Names, "operators whose telephones rang, in order"),
    private("answered_by", Holds::Text, "the operator who answered first"),
    private("handled_by", Holds::Names, "operators who talked, in order"),
    private("placed_by", Holds::Text, "the operator who placed an outbound call"),
    private("missed", Holds::Flag, "inbound, over, and nobody talked"),
    private("talk_seconds", Holds::Seconds, "length of the conversation"),
    private("ring_seconds", Holds::Seconds, "first ring to answer or end"),
    private("wait_seconds", Holds::Seconds, "start to answer or end"),
    private("disposition", Holds::Text, "what became of it"),
    private("outcome", Holds::Text, "how its last wait in a queue ended"),
    private("result", Holds::Text, "what the operator said of it"),
    private("recording_url", Holds::Text, "the recording"),
    private("started_at", Holds::Moment, "when it began"),
    private("ended_at", Holds::Moment, "when it ended"),
];

const EPISODE: [Field; 15] = [
    open("episode", Holds::Count, "the episode's number"),
    open("revision", Holds::Count, "grows with each change"),
    private("client_e164", Holds::Text, "the client's whole number"),
    private("queue", Holds::Text, "the queue of the last missed call"),
    private("group", Holds::Text, "the group of queues that shares the episode"),
    private("calls", Holds::Count, "missed calls in it"),
    private("last_call", Holds::Text, "the id of the last of them"),
    private("reason", Holds::Text, "why the last one was missed"),
    private("closed", Holds::Text, "how it was closed; null while it is open"),
    private("owner", Holds::Text, "who is to call back"),
    private("attempts", Holds::Count, "attempts at calling back"),
    private("first_at", Holds::Moment, "when the first call was missed"),
    private("last_at", Holds::Moment, "when the last call was missed"),
    private("due_at", Holds::Moment, "by when to call back"),
    private("closed_at", Holds::Moment, "when it was closed"),
];

const ALERT: [Field; 4] = [
    open("alert", Holds::Word, "the event of the rule that asked for it"),
    open("title", Holds::Word, "its first line"),
    open("text", Holds::Word, "the rest, numbers masked"),
    open("call", Holds::Text, "the call it is about"),
];

/// Of a trial.
pub const TEST: &str = "test";
/// Of a rule of `[[alert]]`.
pub const ALERTED: &str = "alert";

/// Every kind.
pub const KINDS: [Kind; 7] = [
    Kind { event: "call.answered", when: "an operator answered", fields: &CALL },
    Kind { event: "call.settled", when: "a call is over and nothing can change it", fields: &CALL },
    Kind { event: "call.missed", when: "a call settled that nobody took", fields: &CALL },
    Kind { event: "episode.opened", when: "a client was missed", fields: &EPISODE },
    Kind { event: "episode.closed", when: "a missed client needs nothing more", fields: &EPISODE },
    Kind { event: ALERTED, when: "a rule of the configuration asked for it", fields: &ALERT },
    Kind { event: TEST, when: "somebody tries the connection", fields: &[] },
];

/// The kind of an event.
pub fn kind(event: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.event == event)
}

/// The JSON Schema of everything that is sent.
pub fn schema() -> Value {
    let kinds: Vec<Value> = KINDS.iter().map(of_kind).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "/api/webhook-schema.json",
        "title": "navbat outgoing webhooks",
        "description": "One event in each request. The header navbat-signature is v1= and the \
            hexadecimal HMAC-SHA256 of the header navbat-timestamp, a full stop and the body, \
            under the secret of the target. Refuse what is older than five minutes, and pass \
            over an id that was seen before. Private fields are null until the configuration \
            opens them by `fields`.",
        "oneOf": kinds,
    })
}

fn of_kind(kind: &Kind) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in ENVELOPE.iter().chain(kind.fields) {
        let value = if field.name == "event" {
            json!({ "const": kind.event })
        } else {
            let mut value = of_field(field);
            if let Some(value) = value.as_object_mut() {
                let switch = if field.private { "private: " } else { "" };
                value.insert(
                    String::from("description"),
                    Value::from(format!("{switch}{}", field.about)),
                );
            }
            value
        };
        properties.insert(field.name.to_owned(), value);
        required.push(field.name);
    }
    json!({
        "title": kind.event,
        "description": kind.when,
        "type": "object",
        "properties": properties,
        "required": required,
    })
}

fn of_field(field: &Field) -> Value {
    let (word, format) = match field.holds {
        Holds::Text | Holds::Word => ("string", None),
        Holds::Moment => ("string", Some("date-time")),
        Holds::Count => ("integer", None),
        Holds::Seconds => ("number", None),
        Holds::Flag => ("boolean", None),
        Holds::Names => ("array", None),
    };
    let always = matches!(field.holds, Holds::Word | Holds::Count) || field.name == "at";
    let mut value = if always && !field.private {
        json!({ "type": word })
    } else {
        json!({ "type": [word, "null"] })
    };
    if let Some(value) = value.as_object_mut() {
        if let Some(format) = format {
            value.insert(String::from("format"), Value::from(format));
        }
        if field.holds == Holds::Names {
            value.insert(String::from("items"), json!({ "type": "string" }));
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_kind_names_no_field_twice_and_hides_what_tells_of_a_person() {
        for kind in &KINDS {
            let all = ENVELOPE.iter().chain(kind.fields);
            let names: Vec<&str> = all.map(|field| field.name).collect();
            let once: BTreeSet<&str> = names.iter().copied().collect();
            assert_eq!(names.len(), once.len(), "{}", kind.event);
            let open = kind.fields.iter().filter(|field| !field.private);
            let open: Vec<&str> = open.map(|field| field.name).collect();
            let allowed = ["call", "revision", "episode", "alert", "title", "text"];
            assert!(open.iter().all(|name| allowed.contains(name)), "{}: {open:?}", kind.event);
        }
    }
}
