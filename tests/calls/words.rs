//! What the switch does and what became of calls, in the words of transcripts.

use std::collections::BTreeMap;

use navbat::model::{
    By, CallId, CallRow, Closing, Disposition, EpisodeRow, EpisodeState, Intent, LegId, Live,
    OfferId, OperatorView, Period, Pop, PopState, Wall, WithdrawnBecause, Work,
};
use navbat::switch::{Effect, LegReason, Refused, TransferProgress};

/// Names of things that transcripts call by name, and what was said of them last.
#[derive(Default)]
pub struct Names {
    /// Legs: callers and operators.
    pub legs: BTreeMap<LegId, String>,
    /// Calls by a caller's name or a provider's key.
    pub calls: BTreeMap<CallId, String>,
    /// Cards as they were shown last.
    pops: BTreeMap<OfferId, PopState>,
    /// Operators' intents as they were shown last.
    intents: BTreeMap<String, Intent>,
    works: BTreeMap<String, Work>,
    episodes: BTreeMap<u64, String>,
    verdicts: BTreeMap<CallId, String>,
}

impl Names {
    /// An effect in words; `None` for what a transcript does not show.
    pub fn effect(&mut self, effect: &Effect, now: Wall) -> Option<String> {
        let text = match effect {
            Effect::Dial { operator: _, leg, .. } => format!("dial {}", self.leg(*leg)),
            Effect::DialOut { number, .. } => format!("dial out {}", number.reveal()),
            Effect::Cancel { leg, because } => {
                format!("cancel {}{}", self.leg(*leg), reason(*because))
            }
            Effect::Refuse { leg, because } => {
                format!("refuse {} \"{}\"", self.leg(*leg), refused(*because))
            }
            Effect::Transferred { leg, progress } => {
                let told = match progress {
                    TransferProgress::Ringing => String::from("rings"),
                    TransferProgress::Done => String::from("done"),
                    TransferProgress::Failed(because) => format!("failed, {}", refused(*because)),
                };
                format!("tell {} of the transfer: {told}", self.leg(*leg))
            }
            Effect::HangUp { leg, because } => {
                format!("hang up {}{}", self.leg(*leg), reason(*because))
            }
            Effect::RingCaller { leg } => format!("ringing to {}", self.leg(*leg)),
            Effect::AnswerCaller { leg } => format!("answer {}", self.leg(*leg)),
            Effect::Bridge { caller, operator } => {
                format!("bridge {} {}", self.leg(*caller), self.leg(*operator))
            }
            Effect::TakeMessage { leg } => format!("take a message of {}", self.leg(*leg)),
            Effect::AskOwner { client, queue, .. } => {
                format!("ask whose {} is in {queue}", client.reveal())
            }
            Effect::RouteAnswer { operators, .. } if operators.is_empty() => {
                String::from("answer the provider: its own default")
            }
            Effect::RouteAnswer { operators, .. } => {
                let names: Vec<&str> = operators.iter().map(|name| name.as_str()).collect();
                format!("answer the provider: {}", names.join(" "))
            }
            Effect::Reply { result: Ok(()), .. } => return None,
            Effect::Reply { result: Err(refusal), .. } => format!("refuse \"{refusal}\""),
            Effect::Live(live) => return self.live(live, now),
        };
        Some(text)
    }

    fn leg(&self, leg: LegId) -> String {
        self.legs.get(&leg).cloned().unwrap_or_else(|| format!("leg {leg}"))
    }

    fn live(&mut self, live: &Live, now: Wall) -> Option<String> {
        match live {
            Live::Pop(pop) => self.pop(pop),
            Live::Operator(operator) => self.operator(operator, now),
            Live::Episode(episode) => self.episode(episode),
            Live::Call(_) | Live::Queue(_) | Live::Client(_) => None,
        }
    }

    fn pop(&mut self, pop: &Pop) -> Option<String> {
        let who = &pop.operator;
        let before = self.pops.insert(pop.offer, pop.state.clone());
        if before.as_ref() == Some(&pop.state) {
            return None;
        }
        let text = match &pop.state {
            PopState::Ringing => return Some(format!("pop {who}")),
            PopState::Talking { .. } => return Some(format!("pop {who} \"talking\"")),
            PopState::Fyi { operator, talk: None, .. } => {
                return Some(format!("tell {who} \"the client talks with {operator}\""));
            }
            PopState::Fyi { operator, talk: Some(talk), .. } => {
                format!("{operator} talked {}", secs(*talk))
            }
            PopState::TakenBy { operator } => format!("taken by {operator}"),
            PopState::Missed { rang } => format!("missed, rang {}", secs(*rang)),
            PopState::CallerGone => String::from("caller gone"),
            PopState::Withdrawn { because } => format!("withdrawn, {}", withdrawn(*because)),
            PopState::Ended { how } => how.clone(),
            PopState::Over { talk } => format!("over, talk {}", secs(*talk)),
        };
        Some(format!("close pop {who} \"{text}\""))
    }

    fn operator(&mut self, view: &OperatorView, now: Wall) -> Option<String> {
        let name = view.name.as_str().to_owned();
        let work = self.works.insert(name.clone(), view.work);
        let intent = self.intents.insert(name.clone(), view.intent.clone());
        if intent.is_some_and(|intent| intent != view.intent) {
            let by = match &view.intent_by {
                By::Person => String::new(),
                By::Supervisor { login } => format!(" by {login}"),
                By::Schedule => String::from(" by the schedule"),
                By::AutoPause { misses, .. } => format!(" after {misses} misses"),
                By::Config => String::from(" by the configuration"),
            };
            return Some(format!("{name} is {}{by}", intent_word(&view.intent)));
        }
        let was_wrapping = matches!(work, Some(Work::WrapUp { .. }));
        match view.work {
            Work::WrapUp { .. } if !was_wrapping => {
                let left = view.wrap_up_until.map_or(Period::ZERO, |until| until.since(now));
                Some(format!("wrap-up {name} {}", secs(left)))
            }
            Work::Idle if was_wrapping => Some(format!("{name} is free")),
            Work::Idle | Work::Dialing | Work::Ringing | Work::Talking | Work::WrapUp { .. } => {
                None
            }
        }
    }

    fn episode(&mut self, row: &EpisodeRow) -> Option<String> {
        let state = match &row.state {
            EpisodeState::Open => String::from("open"),
            EpisodeState::Assigned => String::from("assigned"),
            EpisodeState::Attempting { operator, .. } => format!("{operator} calls back"),
            EpisodeState::NoContact => format!("not reached ({})", row.no_contact()),
            EpisodeState::Closed(Closing::CalledBack { in_time, .. }) => {
                format!("called back{}", if *in_time { " in time" } else { " late" })
            }
            EpisodeState::Closed(Closing::ClientRedialled { .. }) => String::from("redialled"),
            EpisodeState::Closed(Closing::Answered { .. }) => String::from("answered after all"),
            EpisodeState::Closed(Closing::Dismissed { by, .. }) => format!("dismissed by {by}"),
            EpisodeState::Closed(Closing::Expired { .. }) => String::from("expired"),
            EpisodeState::Closed(Closing::Merged { .. }) => String::from("merged"),
        };
        let owner = row.owner.as_ref().map(|owner| format!(" for {owner}")).unwrap_or_default();
        let client = row.client.as_ref().map_or("hidden", |number| number.reveal());
        let step = row.steps.last().map(|step| format!(", {}", step.kind.word()));
        let step = step.unwrap_or_default();
        let text = format!("episode {client} {state}{owner}, {} missed{step}", row.calls.len());
        let before = self.episodes.insert(row.id.0, text.clone());
        (before.as_ref() != Some(&text)).then_some(text)
    }

    /// What became of a call, once it is settled; `None` when nothing differs from before.
    pub fn verdict(&mut self, row: &CallRow) -> Option<String> {
        if !row.settled {
            return None;
        }
        let label = self.calls.get(&row.id).cloned().unwrap_or_default();
        let label = if label.is_empty() { label } else { format!("{label}: ") };
        let by = row.answered_by.as_ref().map(|name| format!(" by {name}")).unwrap_or_default();
        let mut parts = vec![format!("{}{by}", row.disposition.word())];
        match (row.outcome, row.disposition) {
            (None, _) => {}
            (Some(outcome), Disposition::Answered) if outcome.word() == "answered" => {}
            (Some(outcome), _) => parts.push(String::from(outcome.word())),
        }
        parts.extend(row.wait.map(|wait| format!("wait {}", secs(wait))));
        parts.extend(row.talk.map(|talk| format!("talk {}", secs(talk))));
        if row.talks.len() > 1 || row.talks.iter().any(|talk| talk.held > Period::ZERO) {
            let talks = row.talks.iter().map(|talk| {
                let length = talk.to.map_or(Period::ZERO, |to| to.since(talk.from));
                let held = if talk.held > Period::ZERO {
                    format!(" with {} on hold", secs(talk.held))
                } else {
                    String::new()
                };
                format!("{} {}{held}", talk.operator, secs(length))
            });
            parts.push(talks.collect::<Vec<_>>().join(" then "));
        }
        parts.extend(
            row.placed_by
                .as_ref()
                .filter(|_| !row.call_key.starts_with("main"))
                .map(|by| format!("placed by {by}")),
        );
        let missed = row.offers.iter().filter(|offer| offer.counts_as_miss);
        let mut missed: Vec<&str> = missed.map(|offer| offer.operator.as_str()).collect();
        missed.dedup();
        let missed = if missed.is_empty() { String::from("nobody") } else { missed.join(" ") };
        let text = format!("{label}{}; missed by {missed}", parts.join(", "));
        let before = self.verdicts.insert(row.id, text.clone());
        (before.as_ref() != Some(&text)).then_some(text)
    }
}

fn intent_word(intent: &Intent) -> String {
    match intent {
        Intent::Offline => String::from("offline"),
        Intent::Ready => String::from("ready"),
        Intent::Break { reason, .. } => format!("on break ({reason})"),
        Intent::Dnd => String::from("dnd"),
        Intent::Disabled => String::from("disabled"),
    }
}

fn reason(because: LegReason) -> &'static str {
    match because {
        LegReason::AnsweredElsewhere => " \"answered elsewhere\"",
        LegReason::CallerGone => " \"caller gone\"",
        LegReason::NoAnswer => " \"no answer\"",
        LegReason::Withdrawn => " \"withdrawn\"",
        LegReason::Over => "",
        LegReason::Transferred => " \"transferred\"",
    }
}

const fn refused(because: Refused) -> &'static str {
    match because {
        Refused::Closed => "closed",
        Refused::Full => "full",
        Refused::Blocked => "blocked",
        Refused::NoOperators => "no operators",
        Refused::UnknownNumber => "unknown number",
        Refused::TimedOut => "timed out",
        Refused::Busy => "busy",
        Refused::Declined => "declined",
        Refused::Unreachable => "unreachable",
        Refused::Failed => "failed",
        Refused::Over => "over",
    }
}

const fn withdrawn(because: WithdrawnBecause) -> &'static str {
    match because {
        WithdrawnBecause::NotReady => "not ready",
        WithdrawnBecause::MovedOn => "moved on",
        WithdrawnBecause::Removed => "removed",
        WithdrawnBecause::Supervisor => "by a supervisor",
    }
}

/// Seconds with as many decimals as they need: `3.2s`, `10s`.
fn secs(length: Period) -> String {
    format!("{}s", length.as_secs())
}
