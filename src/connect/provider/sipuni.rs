//! Sipuni: numbered events of call legs, by GET with a query string. Observed and advised calls.
//!
//! It sends one event for the outside leg and one for each operator's leg, all with the same call
//! id, and repeats some of them a second later. Every field, with examples:
//! `tests/fixtures/provider/sipuni/README.md`.

use super::account::Account;
use super::read::{Question, ReadError, Reading, recording};
use super::when;
use super::wire::{Wire, again};
use crate::model::{
    Alias, Direction, Disposition, Ends, Fact, FactKind, Legs, Party, Source, Totals, Wall,
};
use crate::switch::AskKind;

/// Digits of a cabinet id; used where neither the account nor the event tells it.
const CABINET_DIGITS: usize = 6;
/// Digits of the SIP line that follow the cabinet id in a channel's name.
const LINE_DIGITS: usize = 6;

pub(super) fn read(account: &Account, wire: &Wire, received: Wall) -> Result<Reading, ReadError> {
    let cabinet = wire.get("user_id");
    if let (Some(ours), Some(told)) = (&account.cabinet_id, &cabinet)
        && ours != told
    {
        return Err(ReadError::Foreign);
    }
    if wire.has("fromnum") {
        return Ok(Reading::question("question", question(account, wire)));
    }
    let event = wire.text("event");
    let key = wire.key(&["call_id", "callbackId"]);
    let at = time(wire, "timestamp", received);
    let (Some(key), Some(at)) = (key, at) else { return Ok(Reading::unknown(&event)) };
    let hook = Hook { account, wire, cabinet: cabinet_of(account, wire), key, at };
    let facts = match event.as_str() {
        "1" => hook.started(),
        "2" => hook.ended(),
        "3" => hook.answered(),
        "4" => hook.left(),
        _ => return Ok(Reading::unknown(&event)),
    };
    let reading = Reading::facts(&event, hook.fingerprint(&event), facts);
    Ok(if wire.get("timestamp").is_some() { reading.timed() } else { reading })
}

/// The event's own time; `None` when it is there and is none.
fn time(wire: &Wire, field: &str, received: Wall) -> Option<Wall> {
    wire.get(field).map_or(Some(received), |text| when::unix(&text))
}

fn question(account: &Account, wire: &Wire) -> Question {
    let label = wire.text("label");
    Question {
        key: wire.key(&["call_id"]),
        client: account.party(&wire.text("fromnum")),
        line: wire.get("tonum").map(|number| account.party(&number)),
        queue: wire.get("label"),
        kind: AskKind::Whether { label },
    }
}

/// The cabinet id, which stands before every extension: as configured, or as told.
fn cabinet_of(account: &Account, wire: &Wire) -> Option<String> {
    let from_channel = || {
        let channel = channel(wire);
        let line = channel.split('/').nth(1)?.split('-').next()?.to_owned();
        let cabinet = line.len().checked_sub(LINE_DIGITS).and_then(|at| line.get(..at))?;
        (cabinet.len() == CABINET_DIGITS && is_digits(&line)).then(|| cabinet.to_owned())
    };
    // Without any of these only the usual length of a cabinet id is left.
    let from_number = |number: &str, kind: &str| {
        let number = wire.get(number).filter(|_| wire.text(kind) == "2")?;
        let is_login = is_digits(&number)
            && (CABINET_DIGITS + 2..=CABINET_DIGITS + LINE_DIGITS).contains(&number.len());
        is_login.then(|| number.get(..CABINET_DIGITS).map(str::to_owned)).flatten()
    };
    let configured = account.cabinet_id.clone().or_else(|| wire.get("user_id"));
    configured
        .or_else(from_channel)
        .or_else(|| from_number("src_num", "src_type"))
        .or_else(|| from_number("dst_num", "dst_type"))
}

fn channel(wire: &Wire) -> String {
    again(&wire.text("channel"))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// One end of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Outside(String),
    Inside(Alias),
    /// The event does not say and the number does not tell.
    Unclear(String),
}

/// One event.
struct Hook<'a> {
    account: &'a Account,
    wire: &'a Wire,
    cabinet: Option<String>,
    key: String,
    at: Wall,
}

impl Hook<'_> {
    /// A leg began: an operator's, or the outside one.
    fn started(&self) -> Vec<Fact> {
        let (legs, _, to) = self.legs();
        let mut facts = vec![self.fact(FactKind::CallStarted(legs.clone()))];
        match to {
            End::Inside(alias) => facts.push(self.fact(FactKind::OperatorRinging { alias, legs })),
            End::Outside(_) | End::Unclear(_) if legs.direction == Some(Direction::Out) => {
                facts.push(self.fact(FactKind::ClientDialled { legs }));
            }
            End::Outside(_) | End::Unclear(_) => {}
        }
        facts
    }

    /// A leg was answered. The outside leg of an inbound call is answered by a machine.
    fn answered(&self) -> Vec<Fact> {
        let (legs, _, to) = self.legs();
        let kind = match to {
            End::Inside(alias) => FactKind::OperatorAnswered { alias: Some(alias), legs },
            End::Outside(_) | End::Unclear(_) if legs.direction == Some(Direction::Out) => {
                FactKind::ClientAnswered { legs }
            }
            End::Outside(_) | End::Unclear(_) => FactKind::Told(legs),
        };
        vec![self.fact(kind)]
    }

    /// A leg ended; the call may go on.
    fn left(&self) -> Vec<Fact> {
        let (legs, from, to) = self.legs();
        let mut facts = vec![self.fact(FactKind::Told(legs))];
        if let End::Inside(alias) = if matches!(to, End::Inside(_)) { to } else { from } {
            let talked = self.wire.get("status").map(|status| status == "ANSWER");
            let ends = Ends::ByEvent;
            facts.push(self.fact(FactKind::OperatorLeft { alias, talked, ends }));
        }
        facts.extend(self.recording());
        facts
    }

    /// The whole call ended.
    fn ended(&self) -> Vec<Fact> {
        let (legs, _, to) = self.legs();
        let totals = self.totals(legs.direction, &to);
        let mut facts =
            vec![Fact { source: Source::Final, ..self.fact(FactKind::CallEnded { legs, totals }) }];
        facts.extend(self.recording());
        facts
    }

    fn totals(&self, direction: Option<Direction>, to: &End) -> Totals {
        let status = self.wire.get("status").map(|status| status.to_ascii_uppercase());
        let answered = status.as_deref().map(|status| status == "ANSWER");
        let started_at = self.wire.get("call_start_timestamp").and_then(|at| when::unix_set(&at));
        let mut totals = Totals { answered, started_at, ..Totals::default() };
        if answered == Some(true) {
            let at = self.wire.get("call_answer_timestamp").and_then(|at| when::unix_set(&at));
            // The field is not reliable: seen before the start.
            totals.answered_at = at.filter(|at| started_at.is_none_or(|start| *at >= start));
            if direction != Some(Direction::Out) {
                (totals.answered_by, totals.handled_by) = self.talkers();
                if self.is_machine(to) {
                    totals.answered = None;
                }
            }
        } else {
            totals.disposition = status.map(|status| match status.as_str() {
                "NOANSWER" => Disposition::NoAnswer,
                "BUSY" => Disposition::Busy,
                "CANCEL" => Disposition::Cancelled,
                _ => Disposition::Failed,
            });
        }
        totals
    }

    /// Whether only a machine can have answered: no operator was called, and it was our line that
    /// the last leg went to.
    fn is_machine(&self, to: &End) -> bool {
        let nobody = |field| self.wire.get(field).is_none();
        nobody("last_called") && nobody("transfer_from") && !matches!(to, End::Inside(_))
    }

    /// Who talked, as far as the last event knows: the one who transferred, then the last called;
    /// several last called ones say nothing.
    fn talkers(&self) -> (Option<Alias>, Vec<Alias>) {
        let codes = |field| {
            let text = again(&self.wire.text(field));
            let parts: Vec<String> = text.split(['&', ',']).map(str::to_owned).collect();
            parts.into_iter().filter_map(|part| self.alias(&part)).collect::<Vec<Alias>>()
        };
        let last = match <[Alias; 1]>::try_from(codes("last_called")) {
            Ok([single]) => Some(single),
            Err(_) => None,
        };
        match codes("transfer_from").into_iter().next() {
            Some(first) => (Some(first), last.into_iter().collect()),
            None => (last, Vec::new()),
        }
    }

    /// The link may be encoded once more than the query it stands in.
    fn recording(&self) -> Option<Fact> {
        let link = self.wire.get("call_record_link")?;
        let url = if link.contains("://") { link } else { again(&link) };
        Some(self.fact(recording(url)))
    }

    fn fact(&self, kind: FactKind) -> Fact {
        Fact { key: self.key.clone(), at: self.at, source: Source::Live, vague: false, kind }
    }

    /// Who and what line, and the two ends.
    fn legs(&self) -> (Legs, End, End) {
        let from = self.end("src_num", "short_src_num", "src_type", false);
        let to = self.end(
            "dst_num",
            "short_dst_num",
            "dst_type",
            self.wire.text("is_inner_call") == "1",
        );
        let direction = self.direction(&from, &to);
        let queue = self.scheme();
        let mut legs = Legs { direction, queue, ..Legs::default() };
        match (direction, &from, &to) {
            (Some(Direction::In), End::Outside(client) | End::Unclear(client), to) => {
                legs.client = Some(self.account.party(client));
                legs.line = self.line(to);
            }
            (Some(Direction::Out), from, End::Outside(client) | End::Unclear(client)) => {
                legs.client = Some(self.account.party(client));
                legs.placed_by = inside(from);
            }
            (_, from @ End::Inside(_), _) => legs.placed_by = inside(from),
            (_, End::Outside(client) | End::Unclear(client), to) if !client.is_empty() => {
                legs.client = Some(self.account.party(client));
                legs.line = self.line(to);
            }
            (_, End::Outside(_) | End::Unclear(_), _) => {}
        }
        (legs, from, to)
    }

    /// The scheme by the name or the number that leads to a queue of ours, else by its name.
    fn scheme(&self) -> Option<String> {
        let (name, number) = (self.wire.get("treeName"), self.wire.get("treeNumber"));
        let is_mapped = |word: &String| self.account.queues.contains(word);
        let mapped = number.clone().filter(is_mapped);
        match name {
            Some(name) if is_mapped(&name) => Some(name),
            name => mapped.or(name).or(number),
        }
    }

    fn line(&self, to: &End) -> Option<Party> {
        match to {
            End::Outside(line) | End::Unclear(line) if !line.is_empty() => {
                Some(self.account.party(line))
            }
            End::Outside(_) | End::Unclear(_) | End::Inside(_) => None,
        }
    }

    /// The types decide; where they are missing, which side is an extension; then the scheme.
    fn direction(&self, from: &End, to: &End) -> Option<Direction> {
        let to_line = || match to {
            End::Outside(number) | End::Unclear(number) => self.account.is_line(number),
            End::Inside(_) => false,
        };
        let scheme = self.wire.get("treeName");
        match (from, to) {
            (End::Outside(_), _) | (End::Unclear(_), End::Inside(_)) => Some(Direction::In),
            (End::Inside(_), End::Inside(_)) => Some(Direction::Internal),
            (End::Inside(_), End::Outside(_) | End::Unclear(_)) => Some(Direction::Out),
            (End::Unclear(_), _) if to_line() => Some(Direction::In),
            (End::Unclear(_), _) => scheme
                .is_some_and(|name| self.account.queues.contains(&name))
                .then_some(Direction::In),
        }
    }

    /// One end: the type decides, then the operator table and the cabinet id before the number.
    fn end(&self, long: &str, short: &str, kind: &str, is_inner: bool) -> End {
        let number = self.wire.get(long).or_else(|| self.wire.get(short)).unwrap_or_default();
        let kind = self.wire.text(kind);
        let named = self.wire.get(short).or_else(|| self.wire.get(long));
        let alias = named.and_then(|code| self.alias(&code));
        let is_known = alias.as_ref().is_some_and(|alias| self.account.knows(&alias.0));
        let is_short =
            |alias: &Alias| (2..=LINE_DIGITS).contains(&alias.0.len()) && is_digits(&alias.0);
        let looks_own = !self.account.is_told_apart() && alias.as_ref().is_some_and(is_short);
        let is_own = is_known || looks_own || self.prefixed(&number).is_some();
        match alias {
            Some(alias) if kind == "2" || is_inner => End::Inside(alias),
            Some(alias) if is_known && kind.is_empty() => End::Inside(alias),
            Some(alias) if is_known && long == "dst_num" && !self.account.is_line(&number) => {
                End::Inside(alias)
            }
            _ if kind == "1" => End::Outside(number),
            Some(alias) if is_own => End::Inside(alias),
            Some(_) | None => End::Unclear(number),
        }
    }

    /// An operator's code without the cabinet id, as the operator table writes it.
    fn alias(&self, code: &str) -> Option<Alias> {
        let code = again(code.trim());
        let code = match code.split_once("_id") {
            Some((head, tail)) if is_digits(tail) => head.to_owned(),
            Some(_) | None => code,
        };
        let code = self.prefixed(&code).unwrap_or(code);
        (!code.is_empty()).then(|| self.account.alias(&code))
    }

    /// What follows the cabinet id in a number that begins with it.
    fn prefixed(&self, number: &str) -> Option<String> {
        let is_code = |rest: &&str| (1..=LINE_DIGITS).contains(&rest.len()) && is_digits(rest);
        if let Some((cabinet, rest)) = number.split_once('#') {
            return (is_digits(cabinet) && is_code(&rest)).then(|| rest.to_owned());
        }
        let rest = number.strip_prefix(self.cabinet.as_deref()?)?;
        is_code(&rest).then(|| rest.to_owned())
    }

    /// Leaves out `timestamp`, for events come again a second later, and the recording's link.
    fn fingerprint(&self, event: &str) -> String {
        let fields = ["src_num", "dst_num", "status"].map(|field| self.wire.text(field));
        format!("{event}|{}|{}|{}", self.key, fields.join("|"), channel(self.wire))
    }
}

fn inside(end: &End) -> Option<Alias> {
    match end {
        End::Inside(alias) => Some(alias.clone()),
        End::Outside(_) | End::Unclear(_) => None,
    }
}
