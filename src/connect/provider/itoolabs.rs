//! Cloud PBXs on the ITooLabs platform: forms with a field `cmd`. Observed and advised calls.
//!
//! Events have no time, so the time of receipt counts. A group call sends one event for each
//! employee; there is no event for the end of a call. Every field, with examples:
//! `tests/fixtures/provider/itoolabs/README.md`.

use jiff::tz::TimeZone;

use super::account::Account;
use super::read::{Question, ReadError, Reading, is_secret, recording};
use super::when;
use super::wire::Wire;
use crate::model::{
    Alias, Direction, Disposition, Ends, Fact, FactKind, Legs, Source, Totals, Wall,
};
use crate::switch::AskKind;

pub(super) fn read(account: &Account, wire: &Wire, received: Wall) -> Result<Reading, ReadError> {
    if let Some(secret) = &account.crm_token {
        let given = wire.get("crm_token");
        let given = given.as_deref().or_else(|| wire.header("x-api-key"));
        let is_right = given.is_some_and(|given| is_secret(given, secret))
            || wire.header("x-api-key").is_some_and(|given| is_secret(given, secret));
        if !is_right {
            return Err(ReadError::BadBodyToken);
        }
    }
    let command = wire.text("cmd").to_ascii_lowercase();
    let kind = wire.get("type").or_else(|| wire.get("status")).unwrap_or_default();
    let word = if command == "event" { &kind } else { &command };
    let key = wire.key(&["callid"]);
    if command == "contact" {
        return Ok(Reading::question(word, question(account, wire, key)));
    }
    let Some(key) = key else { return Ok(Reading::unknown(word)) };
    let hook = Hook { account, wire, key, at: received };
    let facts = match command.as_str() {
        "event" => hook.event(&kind.to_ascii_uppercase()),
        "history" => Some(hook.history()),
        _ => None,
    };
    Ok(match facts {
        Some(facts) => Reading::facts(word, hook.fingerprint(&command), facts),
        None => Reading::unknown(word),
    })
}

fn question(account: &Account, wire: &Wire, key: Option<String>) -> Question {
    Question {
        key,
        client: account.party(&wire.get("phone").or_else(|| wire.get("from")).unwrap_or_default()),
        line: wire.get("diversion").map(|line| account.party(&line)),
        queue: wire.get("groupRealName"),
        kind: AskKind::Order,
    }
}

/// One event or history row.
struct Hook<'a> {
    account: &'a Account,
    wire: &'a Wire,
    key: String,
    at: Wall,
}

impl Hook<'_> {
    fn event(&self, kind: &str) -> Option<Vec<Fact>> {
        let told = match self.wire.text("direction").to_ascii_lowercase().as_str() {
            "in" => Some(Direction::In),
            "out" => Some(Direction::Out),
            _ => None,
        };
        let is_last = self.wire.get("duration").is_some();
        let alias = self.user();
        let mut facts = match (kind, alias) {
            ("INCOMING", alias) => {
                let legs = self.legs(Some(Direction::In));
                let mut facts = vec![self.fact(FactKind::CallStarted(legs.clone()))];
                facts.extend(
                    alias.map(|alias| self.fact(FactKind::OperatorRinging { alias, legs })),
                );
                facts
            }
            ("OUTGOING", _) => {
                let legs = self.legs(Some(Direction::Out));
                vec![
                    self.fact(FactKind::CallStarted(legs.clone())),
                    self.fact(FactKind::ClientDialled { legs }),
                ]
            }
            ("ACCEPTED", alias) if !is_last => {
                // A group name: no person picked up.
                let legs = self.legs(told);
                let kind = match alias {
                    Some(_) => FactKind::Accepted { alias, legs },
                    None => FactKind::Told(legs),
                };
                vec![self.fact(kind)]
            }
            ("ACCEPTED" | "COMPLETED", alias) => self.left(alias, true),
            ("CANCELLED", alias) => self.left(alias, false),
            ("TRANSFERRED", alias) => vec![
                self.fact(FactKind::Told(self.legs(told))),
                self.fact(FactKind::Transferred { from: None, to: alias }),
            ],
            _ => return None,
        };
        if is_last && matches!(kind, "ACCEPTED" | "COMPLETED" | "CANCELLED") {
            facts.push(self.last(told, kind != "CANCELLED"));
        }
        Some(facts)
    }

    fn left(&self, alias: Option<Alias>, talked: bool) -> Vec<Fact> {
        let is_last = self.wire.get("duration").is_some();
        let ends = if is_last { Ends::AtOnce } else { Ends::WhenAllLeft };
        let leave = |alias| self.fact(FactKind::OperatorLeft { alias, talked: Some(talked), ends });
        let mut facts = vec![self.fact(FactKind::Told(self.legs(None)))];
        facts.extend(alias.map(leave));
        facts
    }

    /// An event with a duration closes a conversation: the variant that sends no history. Of a
    /// colleague who gave up it closes nothing; that colleague's leave is told beside it.
    fn last(&self, direction: Option<Direction>, talked: bool) -> Fact {
        let legs = self.legs(direction);
        if !talked {
            return self.fact(FactKind::Told(legs));
        }
        let talk = self.wire.get("duration").and_then(|text| when::seconds(&text));
        let totals = Totals {
            answered: Some(true),
            answered_by: self.user().filter(|_| direction != Some(Direction::Out)),
            talk,
            ..Totals::default()
        };
        Fact { source: Source::Final, ..self.fact(FactKind::CallEnded { legs, totals }) }
    }

    /// The row of the call. Type and status decide, whatever name stands in it.
    fn history(&self) -> Vec<Fact> {
        let kind = self.wire.text("type").to_ascii_lowercase();
        let status = self.wire.text("status").to_ascii_lowercase();
        let direction = match (kind.as_str(), self.wire.text("direction").as_str()) {
            ("out", _) | ("", "out") => Direction::Out,
            _ => Direction::In,
        };
        let answered = kind != "missed" && status == "success";
        let is_in = direction == Direction::In;
        let talk = self.wire.get("duration").and_then(|text| when::seconds(&text));
        let start = self.wire.get("start");
        let totals = Totals {
            answered: Some(answered),
            answered_by: self.named().filter(|_| answered && is_in),
            started_at: start.and_then(|text| {
                when::compact(&text, &TimeZone::UTC).or_else(|| when::any(&text, &TimeZone::UTC))
            }),
            ended_at: Some(self.at),
            talk: talk.filter(|_| answered),
            disposition: (!answered && !is_in).then_some(match status.as_str() {
                "cancel" => Disposition::Cancelled,
                "busy" => Disposition::Busy,
                "missed" => Disposition::NoAnswer,
                _ => Disposition::Failed,
            }),
            ..Totals::default()
        };
        let summary = FactKind::Summary { legs: self.legs(Some(direction)), totals };
        let vague = self.is_group();
        let mut facts = vec![Fact { source: Source::History, vague, ..self.fact(summary) }];
        let url = self.wire.get("link");
        facts.extend(url.map(|url| self.fact(recording(url))));
        facts
    }

    fn legs(&self, direction: Option<Direction>) -> Legs {
        let phone = self.phone();
        let placed_by = self.user().filter(|_| direction == Some(Direction::Out));
        Legs {
            direction,
            client: phone.map(|phone| self.account.party(&phone)),
            line: self.wire.get("diversion").map(|line| self.account.party(&line)),
            placed_by,
            queue: self.wire.get("groupRealName"),
        }
    }

    /// The client: `phone`, in the variant `from`, or `to` where `from` is one of us.
    fn phone(&self) -> Option<String> {
        let swapped = self.wire.get("to").filter(|_| self.is_from_us());
        let told = self.wire.has("phone") || self.wire.has("from");
        let phone = self.wire.get("phone").or(swapped).or_else(|| self.wire.get("from"));
        phone.or_else(|| told.then(String::new))
    }

    /// In the variant an outbound call may have the employee on its calling side.
    fn is_from_us(&self) -> bool {
        let (from, to) = (self.wire.text("from"), self.wire.text("to"));
        let known = |text: &str| self.account.knows(&self.account.alias(text).0);
        known(&from) && !known(&to)
    }

    /// The employee as the operator table has them: by login, extension or direct number.
    fn named(&self) -> Option<Alias> {
        let variant = if self.is_from_us() { "from" } else { "to" };
        let names = ["user", variant, "ext", "telnum"].map(|field| self.wire.get(field));
        let aliases: Vec<Alias> =
            names.into_iter().flatten().map(|name| self.account.alias(&name)).collect();
        let known = aliases.iter().find(|alias| self.account.knows(&alias.0));
        known.or_else(|| aliases.first()).cloned()
    }

    /// Like `named`; nobody where it is a group.
    fn user(&self) -> Option<Alias> {
        self.named().filter(|_| !self.is_group())
    }

    fn is_group(&self) -> bool {
        let user = self.wire.get("user").or_else(|| self.wire.get("to")).unwrap_or_default();
        user.starts_with("g_")
    }

    fn fact(&self, kind: FactKind) -> Fact {
        Fact { key: self.key.clone(), at: self.at, source: Source::Live, vague: false, kind }
    }

    fn fingerprint(&self, command: &str) -> String {
        let user = self.wire.get("user").or_else(|| self.wire.get("to"));
        let user = user.or_else(|| self.wire.get("ext")).unwrap_or_default();
        let fields = ["type", "status", "duration"].map(|field| self.wire.text(field));
        format!("{command}|{}|{user}|{}", self.key, fields.join("|"))
    }
}
