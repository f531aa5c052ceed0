//! Ways to spoil a request: of its bytes, of its fields, of its envelope.

use navbat::model::Seed;

use super::capture::Sent;

/// Values that readers have to live with in any field.
const ODD: [&str; 24] = [
    "",
    "0",
    "-1",
    "1",
    "18446744073709551616",
    "1e308",
    "NaN",
    "1795150800.5",
    "253402300800",
    "9999999999999",
    "null",
    "%00",
    "%ff%fe",
    "%25%32%35",
    "+",
    "#",
    "047218#",
    "_id",
    "998901234567_id1_id2",
    "\u{202e}998",
    "g_",
    "Anonymous",
    "2026-02-30 25:61:61",
    "%F0%9F%93%9E",
];

/// Changes one thing. `other` is a request to take parts from.
pub fn twist(sent: &mut Sent, other: &Sent, seed: &mut Seed) {
    match seed.below(8) {
        0 => bytes(&mut sent.body, seed),
        1 => {
            let mut query = std::mem::take(&mut sent.query).into_bytes();
            bytes(&mut query, seed);
            sent.query = String::from_utf8_lossy(&query).into_owned();
        }
        2 => sent.body = field(&sent.body, seed),
        3 => sent.query = String::from_utf8_lossy(&field(sent.query.as_bytes(), seed)).into_owned(),
        4 => sent.query.push_str(&format!("&{}", other.query)),
        5 => sent.body.extend_from_slice(&other.body),
        6 => {
            let types = ["", "application/json", "application/x-www-form-urlencoded", "text/html"];
            sent.content_type = types[at(types.len(), seed)].to_owned();
        }
        _ => nest(sent, seed),
    }
}

fn at(count: usize, seed: &mut Seed) -> usize {
    usize::try_from(seed.below(count as u64)).unwrap()
}

/// Flips, drops, doubles or inserts bytes.
fn bytes(text: &mut Vec<u8>, seed: &mut Seed) {
    if text.is_empty() {
        text.push(seed.below(256) as u8);
        return;
    }
    let from = at(text.len(), seed);
    let to = from + at(text.len() - from, seed);
    match seed.below(5) {
        0 => text[from] = seed.below(256) as u8,
        1 => text.truncate(from),
        2 => drop(text.drain(from..to)),
        3 => text.extend_from_within(from..to),
        _ => text.insert(from, b"\"\\{}[]&=%+\xff\x00"[at(12, seed)]),
    }
}

/// Puts an odd value into one field of a form or a JSON text.
fn field(text: &[u8], seed: &mut Seed) -> Vec<u8> {
    let odd = ODD[at(ODD.len(), seed)];
    let text = String::from_utf8_lossy(text).into_owned();
    if let Ok(mut root) = serde_json::from_str::<serde_json::Value>(&text) {
        spoil(&mut root, odd, seed);
        return root.to_string().into_bytes();
    }
    let mut pairs: Vec<String> = text.split('&').map(str::to_owned).collect();
    let chosen = at(pairs.len(), seed);
    let name = pairs[chosen].split('=').next().unwrap_or_default().to_owned();
    pairs[chosen] = match seed.below(4) {
        0 => String::new(),
        1 => format!("{name}[{odd}]={odd}"),
        2 => format!("{name}={}", "9".repeat(at(20_000, seed))),
        _ => format!("{name}={odd}"),
    };
    pairs.join("&").into_bytes()
}

fn spoil(value: &mut serde_json::Value, odd: &str, seed: &mut Seed) {
    use serde_json::{Value, json};
    if let Value::Object(members) = value
        && !members.is_empty()
        && seed.chance(90)
    {
        let chosen = at(members.len(), seed);
        if let Some(member) = members.values_mut().nth(chosen) {
            spoil(member, odd, seed);
        }
        return;
    }
    *value = match seed.below(6) {
        0 => Value::Null,
        1 => json!([odd]),
        2 => json!({ "number": odd, "name": 7 }),
        3 => json!(seed.next_u64()),
        4 => json!(-1.5e300),
        _ => json!(odd),
    };
}

/// Deep or wide nesting, up to the size that the server takes.
fn nest(sent: &mut Sent, seed: &mut Seed) {
    let count = at(70, seed);
    sent.body = match seed.below(4) {
        0 => format!("{{\"data\":{}{}}}", "[".repeat(count), "]".repeat(count)).into_bytes(),
        1 => format!("a{}=1", "[b]".repeat(count)).into_bytes(),
        2 => "{".repeat(count * 3000).into_bytes(),
        _ => "a=1&".repeat(count * 900).into_bytes(),
    };
}
