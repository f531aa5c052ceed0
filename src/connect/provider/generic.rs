//! Any platform that can call a URL, by the mapping of its account. Observed calls only.
//!
//! Also profile `generic` of kind `uztelecom`, and kind `sarkor`. Keys and defaults of the mapping:
//! `map.rs`; examples: `tests/fixtures/provider/generic/README.md`.

use jiff::tz::TimeZone;

use super::account::Account;
use super::map::{Event, Map, Status, TimeFormat};
use super::read::{Reading, recording};
use super::when;
use super::wire::Wire;
use crate::model::{
    Alias, Direction, Disposition, Ends, Fact, FactKind, Legs, Period, Source, Totals, Wall,
};

pub(super) fn read(account: &Account, wire: &Wire, received: Wall) -> Reading {
    let usual = Map::default();
    let map = account.map.as_ref().unwrap_or(&usual);
    let word = wire.first(&map.event).unwrap_or_default();
    let event = map.event_values.get(&word).copied().or_else(|| Event::of(&word));
    let hook = Hook { account, wire, map };
    let (Some(event), Some(key)) = (event, wire.key(&map.call_id)) else {
        return Reading::unknown(&word);
    };
    let told = wire.first(&map.time);
    let is_told = told.is_some();
    let at = match told {
        None => received,
        Some(text) => match hook.time(&text) {
            Some(at) => at,
            None => return Reading::unknown(&word), // it cannot be placed among the others
        },
    };
    let fact = |(source, kind)| Fact { key: key.clone(), at, source, vague: false, kind };
    let facts = hook.kinds(event).into_iter().map(fact).collect();
    let reading = Reading::facts(&word, hook.fingerprint(&word, &key), facts);
    if is_told { reading.timed() } else { reading }
}

/// One event.
struct Hook<'a> {
    account: &'a Account,
    wire: &'a Wire,
    map: &'a Map,
}

impl Hook<'_> {
    fn time(&self, text: &str) -> Option<Wall> {
        let own = self.map.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok());
        let zone = own.as_ref().unwrap_or(&self.account.timezone);
        timed(&self.map.time_format, text, zone)
    }

    fn kinds(&self, event: Event) -> Vec<(Source, FactKind)> {
        let legs = self.legs();
        let is_out = legs.direction == Some(Direction::Out);
        let live = |kind| (Source::Live, kind);
        let mut kinds = match (event, self.operator()) {
            (Event::CallStarted, _) => {
                let dialled = is_out.then(|| FactKind::ClientDialled { legs: legs.clone() });
                [Some(FactKind::CallStarted(legs.clone())), dialled]
                    .into_iter()
                    .flatten()
                    .map(live)
                    .collect()
            }
            (Event::ClientDialled, _) => vec![live(FactKind::ClientDialled { legs })],
            (Event::OperatorRinging, Some(alias)) => {
                vec![live(FactKind::OperatorRinging { alias, legs })]
            }
            (Event::OperatorAnswered, alias) if alias.is_some() || !self.is_for_code() => {
                vec![live(FactKind::Accepted { alias, legs })]
            }
            (Event::ClientAnswered, _) => vec![live(FactKind::ClientAnswered { legs })],
            (Event::OperatorRingStopped | Event::OperatorLeft, Some(alias)) => {
                let left = FactKind::OperatorLeft { alias, talked: None, ends: Ends::ByEvent };
                vec![live(FactKind::Told(legs)), live(left)]
            }
            (Event::Transferred, to) => {
                vec![live(FactKind::Told(legs)), live(FactKind::Transferred { from: None, to })]
            }
            (Event::CallEnded, _) => {
                vec![(Source::Final, FactKind::CallEnded { totals: self.totals(is_out), legs })]
            }
            (Event::CallSummary, _) => {
                vec![(Source::History, FactKind::Summary { totals: self.totals(is_out), legs })]
            }
            (
                Event::OperatorRinging
                | Event::OperatorAnswered
                | Event::OperatorRingStopped
                | Event::OperatorLeft
                | Event::RecordingReady,
                _,
            ) => vec![live(FactKind::Told(legs))],
        };
        let url = self.wire.first(&self.map.recording);
        kinds.extend(url.map(|url| live(recording(url))));
        kinds
    }

    fn totals(&self, is_out: bool) -> Totals {
        let status = self.wire.first(&self.map.status);
        let status = status.and_then(|word| {
            self.map.status_values.get(&word).copied().or_else(|| Status::of(&word))
        });
        let seconds = |places: &[String]| self.wire.first(places).and_then(|s| when::seconds(&s));
        let answered = status.map(|status| status == Status::Answered);
        Totals {
            answered,
            answered_by: self.operator().filter(|_| answered == Some(true) && !is_out),
            talk: seconds(&self.map.talk).filter(|_| answered != Some(false)),
            whole: seconds(&self.map.duration).filter(|whole| *whole != Period::ZERO),
            disposition: status.and_then(|status| match status {
                Status::Answered => None,
                Status::NotAnswered => Some(Disposition::NoAnswer),
                Status::Busy => Some(Disposition::Busy),
                Status::Cancelled => Some(Disposition::Cancelled),
                Status::Failed => Some(Disposition::Failed),
            }),
            ..Totals::default()
        }
    }

    /// The operator's own field; else the called side, where it is a code of ours.
    fn operator(&self) -> Option<Alias> {
        let own = self.wire.first(&self.map.operator);
        let called = || {
            let code = self.wire.first(&self.map.callee).filter(|code| self.is_code(code))?;
            let alias = self.account.alias(&code);
            (!self.account.is_told_apart() || self.account.knows(&alias.0)).then_some(code)
        };
        let code = own.or_else(called)?;
        Some(self.account.alias(&code))
    }

    /// Whether the called side is a code that is no operator's: a queue, a group or a menu. Its
    /// answer is nobody's.
    fn is_for_code(&self) -> bool {
        self.wire.first(&self.map.callee).is_some_and(|code| self.is_code(&code))
    }

    fn legs(&self) -> Legs {
        let (caller, callee) =
            (self.wire.first(&self.map.caller), self.wire.first(&self.map.callee));
        let direction = self.direction(caller.as_deref(), callee.as_deref());
        let outside = |text: &&String| !self.is_code(text);
        let (client, dialled) = match direction {
            Some(Direction::Out) => (callee.as_ref(), None),
            Some(Direction::Internal) => (None, None),
            Some(Direction::In) | None => (caller.as_ref(), callee.as_ref()),
        };
        let from_us = matches!(direction, Some(Direction::Out | Direction::Internal));
        let placed_by = caller.as_ref().filter(|code| from_us && self.is_code(code));
        let line = self.wire.first(&self.map.line);
        let line = line.or_else(|| dialled.filter(outside).cloned());
        Legs {
            direction,
            client: client.filter(outside).map(|text| self.account.party(text)),
            line: line.map(|text| self.account.party(&text)),
            placed_by: placed_by
                .map(|code| self.account.alias(code))
                .or_else(|| if from_us { self.operator() } else { None }),
            queue: self.wire.first(&self.map.queue),
        }
    }

    fn direction(&self, caller: Option<&str>, callee: Option<&str>) -> Option<Direction> {
        let word = self.wire.first(&self.map.direction).unwrap_or_default();
        match word.to_ascii_lowercase().as_str() {
            "in" | "inbound" | "incoming" => return Some(Direction::In),
            "out" | "outbound" | "outgoing" => return Some(Direction::Out),
            "internal" | "local" => return Some(Direction::Internal),
            _ => {}
        }
        match (caller, callee) {
            (None, None) => None,
            (Some(caller), Some(callee)) if self.is_code(caller) && self.is_code(callee) => {
                Some(Direction::Internal)
            }
            (Some(caller), _) if self.is_code(caller) => Some(Direction::Out),
            (Some(_), _) => Some(Direction::In),
            (None, Some(_)) => None,
        }
    }

    /// Whether a text is a code of ours: in the operator table, or as short as one.
    fn is_code(&self, text: &str) -> bool {
        let (shortest, longest) = self.account.numbers.extension_digits;
        let is_short = (shortest..=longest).contains(&text.len());
        self.account.knows(text) || (is_short && text.bytes().all(|b| b.is_ascii_digit()))
    }

    /// Leaves out the time, which differs between copies.
    fn fingerprint(&self, word: &str, key: &str) -> String {
        let map = self.map;
        let fields =
            [&map.caller, &map.callee, &map.operator, &map.status, &map.talk, &map.recording]
                .map(|places| self.wire.first(places).unwrap_or_default());
        format!("{word}|{key}|{}", fields.join("|"))
    }
}

/// A time as the mapping says it is written.
fn timed(format: &TimeFormat, text: &str, zone: &TimeZone) -> Option<Wall> {
    match format {
        TimeFormat::Any => when::any(text, zone),
        TimeFormat::EpochSeconds => text.parse().ok().and_then(when::wall),
        TimeFormat::EpochMillis => {
            text.parse().ok().and_then(|millis: f64| when::wall(millis / 1000.0))
        }
        TimeFormat::Iso8601 => when::iso(text, zone),
        TimeFormat::Form(form) => when::formed(text, form, zone),
        TimeFormat::OneOf(each) => each.iter().find_map(|format| timed(format, text, zone)),
    }
}
