//! OnlinePBX: named events, by POST of a form. Observed calls only.
//!
//! Numbers come with and without the country code, and the PBX keeps no order of events. Every
//! field, with examples: `tests/fixtures/provider/onlinepbx/README.md`.

use super::account::Account;
use super::read::{ReadError, Reading, recording};
use super::when;
use super::wire::Wire;
use crate::model::{Alias, Direction, Disposition, Fact, FactKind, Legs, Source, Totals, Wall};

pub(super) fn read(account: &Account, wire: &Wire, received: Wall) -> Result<Reading, ReadError> {
    if let (Some(ours), Some(told)) = (&account.domain, wire.get("domain"))
        && !ours.eq_ignore_ascii_case(&told)
    {
        return Err(ReadError::Foreign);
    }
    let event = wire.text("event");
    let told_at = wire.get("date").map(|date| when::any(&date, &account.timezone));
    // A date that is none: the event cannot be placed among the others.
    let (Some(key), false) = (wire.key(&["uuid"]), told_at == Some(None)) else {
        return Ok(Reading::unknown(&event));
    };
    let told_at = told_at.flatten();
    let is_told = told_at.is_some();
    let hook = Hook { account, wire, key, at: told_at.unwrap_or(received), is_told };
    if hook.is_neighbours() {
        return Ok(Reading::unknown(&event));
    }
    let facts = match event.as_str() {
        "call_start" => hook.started(),
        "call_user_start" => vec![hook.rang()],
        "call_answered" => vec![hook.answered()],
        "call_transfer_answered" => hook.transferred(),
        "call_end" => hook.ended(hook.end_totals()),
        "call_missed" => hook.ended(hook.missed_totals()),
        _ => return Ok(Reading::unknown(&event)),
    };
    let (caller, callee) = (wire.text("caller"), wire.text("callee"));
    let fingerprint = format!("{event}|{}|{caller}|{callee}", hook.key);
    let reading = Reading::facts(&event, fingerprint, facts);
    Ok(if is_told { reading.timed() } else { reading })
}

/// One event.
struct Hook<'a> {
    account: &'a Account,
    wire: &'a Wire,
    key: String,
    at: Wall,
    /// Whether that is the event's own time.
    is_told: bool,
}

impl Hook<'_> {
    /// Two companies can share one receiver: the other's gateways are none of our calls.
    fn is_neighbours(&self) -> bool {
        let gateway = self.wire.get("gateway");
        gateway.is_some_and(|gateway| {
            !self.account.lines.is_empty() && !self.account.is_line(&gateway)
        })
    }

    fn started(&self) -> Vec<Fact> {
        let legs = self.legs();
        let mut facts = vec![self.fact(FactKind::CallStarted(legs.clone()))];
        if legs.direction == Some(Direction::Out) {
            facts.push(self.fact(FactKind::ClientDialled { legs }));
        }
        facts
    }

    fn rang(&self) -> Fact {
        let legs = self.legs();
        self.fact(match self.callee() {
            Some(alias) => FactKind::OperatorRinging { alias, legs },
            None => FactKind::Told(legs),
        })
    }

    fn answered(&self) -> Fact {
        let legs = self.legs();
        self.fact(match (legs.direction, self.callee()) {
            (Some(Direction::Out), _) => FactKind::ClientAnswered { legs },
            (_, Some(alias)) => FactKind::OperatorAnswered { alias: Some(alias), legs },
            (_, None) if self.wire.get("callee").is_none() => {
                FactKind::OperatorAnswered { alias: None, legs }
            }
            (_, None) => FactKind::Told(legs), // our own number: a menu or a greeting
        })
    }

    /// The caller may be the operator who transferred; who answered is the callee.
    fn transferred(&self) -> Vec<Fact> {
        let (legs, to) = (self.legs(), self.callee());
        let from = self.wire.get("caller").filter(|code| self.is_extension(code));
        let from = from.map(|code| self.account.alias(&code));
        let mut facts = vec![self.fact(FactKind::Transferred { from, to: to.clone() })];
        facts.push(self.fact(match to {
            Some(_) => FactKind::OperatorAnswered { alias: to, legs },
            None => FactKind::Told(legs),
        }));
        facts
    }

    fn ended(&self, totals: Totals) -> Vec<Fact> {
        let legs = self.legs();
        let mut facts =
            vec![Fact { source: Source::Final, ..self.fact(FactKind::CallEnded { legs, totals }) }];
        let url = self.wire.get("download_url").map(|url| match url.strip_prefix("http://") {
            Some(rest) => format!("https://{rest}"),
            None => url,
        });
        facts.extend(url.map(|url| self.fact(recording(url))));
        facts
    }

    fn end_totals(&self) -> Totals {
        let talk = self.wire.get("dialog_duration").and_then(|text| when::seconds(&text));
        let answered = talk.map(|talk| talk.0 > 0);
        let by = self.callee().filter(|_| self.is_callee_operator());
        let is_told = answered == Some(true) && self.direction() != Direction::Out;
        Totals { answered, talk, answered_by: by.filter(|_| is_told), ..self.missed_totals() }
    }

    fn missed_totals(&self) -> Totals {
        let cause = self.wire.get("hangup_cause");
        Totals {
            answered: Some(false),
            whole: self.wire.get("call_duration").and_then(|text| when::seconds(&text)),
            end_untold: !self.is_told,
            disposition: cause.map(|cause| match cause.to_ascii_uppercase().as_str() {
                "USER_BUSY" | "CALL_REJECTED" => Disposition::Busy,
                "NO_ANSWER" | "NO_USER_RESPONSE" | "NORMAL_CLEARING" => Disposition::NoAnswer,
                "ORIGINATOR_CANCEL" => Disposition::Cancelled,
                _ => Disposition::Failed,
            }),
            ..Totals::default()
        }
    }

    fn fact(&self, kind: FactKind) -> Fact {
        Fact { key: self.key.clone(), at: self.at, source: Source::Live, vague: false, kind }
    }

    fn direction(&self) -> Direction {
        let (caller, callee) = (self.wire.text("caller"), self.wire.text("callee"));
        match self.wire.text("direction").to_ascii_lowercase().as_str() {
            "inbound" => Direction::In,
            "outbound" => Direction::Out,
            "local" => Direction::Internal,
            _ if !self.is_extension(&caller) => Direction::In,
            _ if self.is_extension(&callee) => Direction::Internal,
            _ => Direction::Out,
        }
    }

    /// The client is never an extension: in an event after a transfer the caller may be one.
    fn legs(&self) -> Legs {
        let direction = self.direction();
        let (caller, callee) = (self.wire.text("caller"), self.wire.text("callee"));
        let gateway = self.wire.get("gateway");
        let client = match direction {
            Direction::In => Some(&caller).filter(|code| !self.is_extension(code)),
            Direction::Out => Some(&callee).filter(|code| !self.is_extension(code)),
            Direction::Internal => None,
        };
        let dialled = || {
            (direction == Direction::In && self.account.is_line(&callee)).then(|| callee.clone())
        };
        let placed = Some(&caller).filter(|code| direction != Direction::In && !code.is_empty());
        Legs {
            direction: Some(direction),
            client: client.map(|number| self.account.party(number)),
            line: gateway.or_else(dialled).map(|number| self.account.party(&number)),
            placed_by: placed.map(|code| self.account.alias(code)),
            queue: None,
        }
    }

    /// The operator on the called side: an extension, or the mobile of one. Our own number is
    /// nobody.
    fn callee(&self) -> Option<Alias> {
        let callee = self.wire.get("callee")?;
        let gateway = self.wire.get("gateway").map(|gateway| self.account.party(&gateway));
        let is_ours = self.account.is_line(&callee)
            || (gateway.is_some() && gateway == Some(self.account.party(&callee)));
        (!is_ours).then(|| self.account.alias(&callee))
    }

    /// Whether the called side of the end event can be taken for the one who talked.
    fn is_callee_operator(&self) -> bool {
        let callee = self.wire.text("callee");
        self.is_extension(&callee) || self.account.knows(&self.account.alias(&callee).0)
    }

    fn is_extension(&self, code: &str) -> bool {
        let is_short = (2..=5).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
        is_short || (code.len() < 7 && self.account.knows(code))
    }
}
