//! UTEL (utel.uz), profile `utel`: JSON events in two envelopes. Observed calls only.
//!
//! Only the closing `call_saved` has a documented body; where the live events keep their fields
//! can be mapped. Every field, with examples: `tests/fixtures/provider/utel/README.md`.

use serde_json::Value;

use super::account::Account;
use super::map::Map;
use super::read::{ReadError, Reading, recording};
use super::when;
use super::wire::{Wire, text};
use crate::model::{
    Alias, Direction, Disposition, Ends, Fact, FactKind, Legs, Period, Source, Totals, Wall,
};

const NAME: [&str; 4] = ["/data/name", "/name", "/data/event", "/event"];
const CALL_ID: [&str; 5] = [
    "/data/call_id",
    "/data/call/call_id",
    "/data/call_history/call_id",
    "/call_history/call_id",
    "/call_id",
];
const EXTENSION: [&str; 5] =
    ["/data/user/extension", "/data/extension", "/data/dst", "/extension", "/dst"];
const CALLER: [&str; 3] = ["/data/src", "/src", "/data/caller"];
const CALLEE: [&str; 2] = ["/data/dst", "/dst"];
const LINE: [&str; 2] = ["/data/external_number", "/external_number"];
const TYPE: [&str; 2] = ["/data/type", "/type"];
const TIME: [&str; 2] = ["/time", "/data/date_time"];
/// Where the row of `call_saved` stands; in a flat envelope it is the request itself.
const ROWS: [&str; 3] = ["/data/call_history", "/call_history", "/data"];

/// Codes of operators, queues, groups and menus have no more digits than this.
const CODE_DIGITS_MAX: usize = 5;

pub(super) fn read(account: &Account, wire: &Wire, received: Wall) -> Result<Reading, ReadError> {
    let domain = wire.first(&["/domain", "/data/domain"]);
    if let (Some(ours), Some(told)) = (&account.domain, domain)
        && !ours.eq_ignore_ascii_case(&told)
    {
        return Err(ReadError::Foreign);
    }
    let name = wire.first(&NAME).unwrap_or_default();
    let hook = Hook { account, wire, received };
    let own = account.map.as_ref().and_then(|map| wire.key(&map.call_id));
    let Some(key) = own.or_else(|| wire.key(&CALL_ID)) else {
        return Ok(Reading::unknown(&name));
    };
    if name == "call_saved" {
        let (fingerprint, facts) = hook.saved(&key);
        return Ok(Reading::facts(&name, fingerprint, facts));
    }
    let extension = hook.mapped(|map| &map.operator, &EXTENSION).unwrap_or_default();
    Ok(match hook.live(&name, &extension) {
        Some(kinds) => {
            let at = hook.time();
            let fact = |kind| hook.fact(&key, at, Source::Live, kind);
            let facts = kinds.into_iter().map(fact).map(ending).collect();
            let reading = Reading::facts(&name, format!("{name}|{key}|{extension}"), facts);
            if hook.told_at().is_some() { reading.timed() } else { reading }
        }
        None => Reading::unknown(&name),
    })
}

/// The end event is final, the others are live.
fn ending(fact: Fact) -> Fact {
    let is_end = matches!(fact.kind, FactKind::CallEnded { .. });
    Fact { source: if is_end { Source::Final } else { Source::Live }, ..fact }
}

/// One request.
struct Hook<'a> {
    account: &'a Account,
    wire: &'a Wire,
    received: Wall,
}

impl Hook<'_> {
    /// The first place that holds something: the account's own, then the usual ones.
    fn mapped(&self, key: fn(&Map) -> &Vec<String>, usual: &[&str]) -> Option<String> {
        let own = self.account.map.as_ref().and_then(|map| self.wire.first(key(map)));
        own.or_else(|| self.wire.first(usual))
    }

    /// The event's time, or when it reached us.
    fn time(&self) -> Wall {
        self.told_at().unwrap_or(self.received)
    }

    fn told_at(&self) -> Option<Wall> {
        let told = self.mapped(|map| &map.time, &TIME);
        told.and_then(|text| when::any(&text, &self.account.timezone))
    }

    fn fact(&self, key: &str, at: Wall, source: Source, kind: FactKind) -> Fact {
        Fact { key: key.to_owned(), at, source, vague: self.account.is_told_apart(), kind }
    }

    fn live(&self, name: &str, extension: &str) -> Option<Vec<FactKind>> {
        let src = self.mapped(|map| &map.caller, &CALLER).unwrap_or_default();
        let dst = self.mapped(|map| &map.callee, &CALLEE).unwrap_or_default();
        let kind = TYPE.iter().find_map(|place| self.wire.at(place));
        let line = self.mapped(|map| &map.line, &LINE);
        // A client's call may name the telephone it rings, or the queue, and no called side.
        let dst = if dst.is_empty() && !is_code(&src) { extension } else { &dst };
        let legs = self.legs(&src, dst, kind, line);
        let is_out = legs.direction == Some(Direction::Out);
        let alias = self.operator(extension);
        Some(match (name, alias) {
            ("call_started", _) => vec![FactKind::CallStarted(legs)],
            ("dial_started", Some(alias)) => vec![FactKind::OperatorRinging { alias, legs }],
            ("dial_started", None) if is_out => vec![FactKind::ClientDialled { legs }],
            ("dial_started", None) => vec![FactKind::Told(legs)],
            ("dial_answered", None) if self.account.is_line(extension) => {
                vec![FactKind::Told(legs)] // our own number: a menu or a greeting
            }
            ("dial_answered", alias) => vec![FactKind::Accepted { alias, legs }],
            ("dial_ended", Some(alias)) => {
                let left = FactKind::OperatorLeft { alias, talked: None, ends: Ends::ByEvent };
                vec![FactKind::Told(legs), left]
            }
            ("dial_ended", None) => vec![FactKind::Told(legs)],
            ("call_transferred", to) => {
                vec![FactKind::Told(legs), FactKind::Transferred { from: None, to }]
            }
            ("call_ended", _) => vec![FactKind::CallEnded { legs, totals: Totals::default() }],
            _ => return None,
        })
    }

    /// A code, or the mobile number of somebody in the operator table.
    fn operator(&self, extension: &str) -> Option<Alias> {
        let alias = self.account.alias(extension);
        (is_code(extension) || self.account.knows(&alias.0)).then_some(alias)
    }

    /// The stored record of the call: what it says stands above the live events.
    fn saved(&self, key: &str) -> (String, Vec<Fact>) {
        let row = ROWS.iter().find_map(|place| {
            self.wire.at(place).filter(|row| row.is_object() && row.get("call_id").is_some())
        });
        let row = Row { row: row.unwrap_or(self.wire.root()) };
        let (src, dst) = (row.text("src"), row.text("dst"));
        let legs = self.legs(&src, &dst, row.at("type"), row.get("external_number"));
        let number = row.at("status").and_then(number);
        let status = row.at("status").and_then(name).unwrap_or_default().to_ascii_lowercase();
        let answered = match &number {
            Some(number) => number == "1",
            None => status == "answered",
        };
        let seconds = |field| row.get(field).and_then(|text| when::seconds(&text));
        let started = row.get("date_time");
        let is_out = legs.direction == Some(Direction::Out);
        let started_at = started.and_then(|text| when::any(&text, &self.account.timezone));
        // Often 0 for calls that took their time: then it is not known.
        let whole = seconds("duration").filter(|whole| *whole != Period::ZERO);
        let talk = seconds("conversation").filter(|_| answered);
        let before = whole.zip(talk).map(|(whole, talk)| Period(whole.0.saturating_sub(talk.0)));
        let totals = Totals {
            answered: Some(answered),
            answered_by: (answered && !is_out && is_code(&dst)).then(|| self.account.alias(&dst)),
            started_at,
            answered_at: started_at.zip(before).map(|(start, before)| start + before),
            talk,
            whole,
            disposition: (!answered).then_some(match status.as_str() {
                "busy" => Disposition::Busy,
                "cancel" | "cancelled" | "canceled" => Disposition::Cancelled,
                _ => Disposition::NoAnswer,
            }),
            ..Totals::default()
        };
        let at = self.time();
        let fact = |kind| self.fact(key, at, Source::History, kind);
        let url = row.get("recorded_file_url");
        let number = number.unwrap_or(status);
        let talk = row.text("conversation");
        let fingerprint =
            format!("call_saved|{key}|{number}|{talk}|{}", url.clone().unwrap_or_default());
        let mut facts = vec![fact(FactKind::Summary { legs, totals })];
        facts.extend(url.map(|url| fact(recording(url))));
        (fingerprint, facts)
    }

    fn legs(&self, src: &str, dst: &str, kind: Option<&Value>, line: Option<String>) -> Legs {
        let direction = direction(kind, src, dst);
        let is_ours = |number: &str| {
            self.account.is_line(number)
                || line
                    .as_ref()
                    .is_some_and(|line| self.account.party(line) == self.account.party(number))
        };
        let client = match direction {
            Some(Direction::In) => Some(src),
            Some(Direction::Out) => Some(dst),
            Some(Direction::Internal) => None,
            None => Some(src).filter(|src| !src.is_empty() && !is_ours(src)),
        };
        let from_us = matches!(direction, Some(Direction::Out | Direction::Internal));
        let is_queue = |code: &&str| {
            let known = self.account.knows(&self.account.alias(code).0);
            is_code(code) && self.account.is_told_apart() && !known
        };
        let queue = Some(dst).filter(|_| direction == Some(Direction::In)).filter(is_queue);
        Legs {
            direction,
            client: client.filter(|code| !is_code(code)).map(|code| self.account.party(code)),
            line: line.map(|line| self.account.party(&line)),
            placed_by: (from_us && is_code(src)).then(|| self.account.alias(src)),
            queue: queue.map(str::to_owned),
        }
    }
}

/// The stored record.
struct Row<'a> {
    row: &'a Value,
}

impl<'a> Row<'a> {
    fn at(&self, field: &str) -> Option<&'a Value> {
        self.row.get(field).filter(|value| !value.is_null())
    }

    fn get(&self, field: &str) -> Option<String> {
        self.at(field).and_then(text)
    }

    fn text(&self, field: &str) -> String {
        self.get(field).unwrap_or_default()
    }
}

/// `{number, name}`, or either of them alone.
fn number(value: &Value) -> Option<String> {
    let number = value.get("number").and_then(text).or_else(|| text(value))?;
    number.bytes().all(|b| b.is_ascii_digit()).then_some(number)
}

fn name(value: &Value) -> Option<String> {
    value.get("name").and_then(text).or_else(|| text(value))
}

/// By the type, else by which side is short.
fn direction(kind: Option<&Value>, src: &str, dst: &str) -> Option<Direction> {
    let word = kind.and_then(name).unwrap_or_default().to_ascii_lowercase();
    match (kind.and_then(number).as_deref(), word.as_str()) {
        (Some("1"), _) | (None, "incoming") => return Some(Direction::In),
        (Some("2"), _) | (None, "outgoing") => return Some(Direction::Out),
        (_, "internal") => return Some(Direction::Internal),
        _ => {}
    }
    match (is_code(src), is_code(dst)) {
        (true, true) => Some(Direction::Internal),
        (true, false) if !dst.is_empty() => Some(Direction::Out),
        (false, true) if !src.is_empty() => Some(Direction::In),
        (true | false, true | false) => None,
    }
}

fn is_code(text: &str) -> bool {
    (1..=CODE_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_a_code_up_to_five_digits() {
        assert!(is_code("101") && is_code("10101"));
        assert!(!is_code("") && !is_code("101010") && !is_code("10a"));
        assert_eq!(direction(None, "998901234567", "101"), Some(Direction::In));
        assert_eq!(direction(None, "101", "901234567"), Some(Direction::Out));
        assert_eq!(direction(None, "", "101"), None);
    }
}
