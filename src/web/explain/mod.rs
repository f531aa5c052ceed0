//! Why a call went as it went, in sentences that each cite the record they come from.
//!
//! Nothing is remembered for this but the call and its decision records: a sentence that cannot
//! cite one is not said. Numbers never stand in it, so every reader may have every sentence.

mod told;
mod words;

use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{
    Authority, CallRow, Decision, EntryRow, HopTaken, Language, OfferRow, Period, Pick, Wall, Why,
};

pub use told::{explain_stages, explain_told};
use words::Line;

/// Names in one sentence; the rest are counted.
const NAMES_MAX: usize = 12;

/// One sentence of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sentence {
    /// What happened and why.
    pub text: String,
    /// The records that say so: `call`, `entry:ID`, `offer:ID`, `decision:ENTRY/ROUND`,
    /// `pop:TARGET/OFFER`, `note:ID`.
    pub cites: Vec<String>,
}

/// Explains a call to a reader of a language; times are those of the zone.
pub fn explain(
    call: &CallRow,
    decisions: &[Decision],
    language: Language,
    zone: &TimeZone,
) -> Vec<Sentence> {
    let teller = Teller { language, zone };
    let mut told = vec![teller.authority(call)];
    let mut timed: Vec<(Wall, u8, Vec<Sentence>)> = Vec::new();
    for decision in decisions {
        timed.push((decision.at, 0, teller.round(decision)));
    }
    for offer in &call.offers {
        timed.push((offer.offered_at, 1, vec![teller.offer(offer)]));
    }
    for entry in &call.entries {
        timed.extend(entry.done_at.map(|at| (at, 2, teller.entry(entry, at))));
    }
    timed.sort_by_key(|(at, order, _)| (*at, *order));
    told.extend(timed.into_iter().flat_map(|(_, _, sentences)| sentences));
    if call.offers.is_empty() && call.ended_at.is_some() {
        told.push(teller.say(Line::NobodyRang, &[], vec![call_cite()]));
    }
    told.extend(teller.end(call));
    told
}

fn call_cite() -> String {
    String::from("call")
}

struct Teller<'a> {
    language: Language,
    zone: &'a TimeZone,
}

impl Teller<'_> {
    fn say(&self, line: Line, with: &[(&str, &str)], cites: Vec<String>) -> Sentence {
        let mut text = self.language.line(line);
        for (name, value) in with {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        Sentence { text, cites }
    }

    fn authority(&self, call: &CallRow) -> Sentence {
        let line = match call.authority {
            Authority::Owned => Line::Owned,
            Authority::Advised => Line::Advised,
            Authority::Observed => Line::Observed,
        };
        self.say(line, &[("account", call.account.as_str())], vec![call_cite()])
    }

    fn round(&self, decision: &Decision) -> Vec<Sentence> {
        let cite = format!("decision:{}/{}", decision.entry, decision.round);
        if let Some(taken) = &decision.hop {
            return vec![self.hop(decision, taken, cite)];
        }
        let (at, number) = (self.clock(decision.at), decision.round.to_string());
        let chosen = names(decision.members.iter().filter(|pick| pick.chosen));
        let with = [
            ("at", at.as_str()),
            ("n", number.as_str()),
            ("queue", decision.queue.as_str()),
            ("strategy", decision.strategy.as_str()),
            ("who", chosen.as_str()),
            ("secs", &seconds(decision.waited)),
        ];
        let line = if chosen.is_empty() { Line::RoundEmpty } else { Line::Round };
        let mut told = vec![self.say(line, &with, vec![cite.clone()])];
        if decision.class > 0 {
            let class = decision.class.to_string();
            let with = [("n", number.as_str()), ("class", class.as_str())];
            told.push(self.say(Line::Class, &with, vec![cite.clone()]));
        }
        if let Some(first) = &decision.first {
            let why = self.language.tie(first.by);
            let with =
                [("who", first.operator.as_str()), ("n", number.as_str()), ("why", why.as_str())];
            told.push(self.say(Line::First, &with, vec![cite.clone()]));
        }
        for (reasons, picks) in groups(decision) {
            let why: Vec<String> = reasons.iter().map(|why| self.language.why(*why)).collect();
            let with =
                [("who", names(picks.into_iter())), ("n", number.clone()), ("why", why.join(", "))];
            let with: Vec<(&str, &str)> = with.iter().map(|(k, v)| (*k, v.as_str())).collect();
            told.push(self.say(Line::NotChosen, &with, vec![cite.clone()]));
        }
        told
    }

    fn hop(&self, decision: &Decision, taken: &HopTaken, cite: String) -> Sentence {
        let did = self.language.hop(&taken.hop);
        let did = did.replace("{what}", &taken.hop.of().unwrap_or_default());
        let with = [
            ("at", self.clock(decision.at)),
            ("queue", decision.queue.as_str().to_owned()),
            ("secs", seconds(decision.waited)),
            ("step", (u16::from(taken.step) + 1).to_string()),
            ("did", did),
        ];
        let with: Vec<(&str, &str)> = with.iter().map(|(k, v)| (*k, v.as_str())).collect();
        self.say(Line::Hop, &with, vec![cite])
    }

    fn offer(&self, offer: &OfferRow) -> Sentence {
        let at = self.clock(offer.offered_at);
        let from = offer.ringing_at.unwrap_or(offer.offered_at);
        let until = offer.answered_at.or(offer.over_at);
        let rang = seconds(until.map_or(Period::ZERO, |until| until.since(from)));
        let end = match offer.end {
            Some(end) => self.language.offer_end(end),
            None => self.language.line(Line::StillOffered),
        };
        let with = [
            ("at", at.as_str()),
            ("who", offer.operator.as_str()),
            ("secs", rang.as_str()),
            ("end", end.as_str()),
        ];
        let line = if offer.ringing_at.is_some() { Line::Rang } else { Line::Offered };
        self.say(line, &with, vec![format!("offer:{}", offer.id)])
    }

    fn entry(&self, entry: &EntryRow, at: Wall) -> Vec<Sentence> {
        let Some(outcome) = entry.outcome else { return Vec::new() };
        let (at, waited) = (self.clock(at), seconds(entry.wait.unwrap_or_default()));
        let outcome = self.language.outcome(outcome);
        let with = [
            ("at", at.as_str()),
            ("queue", entry.queue.as_str()),
            ("secs", waited.as_str()),
            ("outcome", outcome.as_str()),
        ];
        vec![self.say(Line::EntryDone, &with, vec![format!("entry:{}", entry.id)])]
    }

    fn end(&self, call: &CallRow) -> Option<Sentence> {
        if let Some(who) = &call.answered_by {
            return Some(self.say(Line::Answered, &[("who", who.as_str())], vec![call_cite()]));
        }
        call.missed.then(|| self.say(Line::Missed, &[], vec![call_cite()]))
    }

    fn clock(&self, at: Wall) -> String {
        clock(at, self.zone)
    }
}

/// The time of day of a moment.
fn clock(at: Wall, zone: &TimeZone) -> String {
    let stamp = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    stamp.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// Members of a round that were not chosen, grouped by what stood against them.
fn groups(decision: &Decision) -> Vec<(Vec<Why>, Vec<&Pick>)> {
    let mut groups: Vec<(Vec<Why>, Vec<&Pick>)> = Vec::new();
    for pick in decision.members.iter().filter(|pick| !pick.chosen) {
        let reasons: Vec<Why> = pick.ruling.reasons().collect();
        if reasons.is_empty() {
            continue; // nothing to cite: the round did not look at them
        }
        match groups.iter_mut().find(|(known, _)| *known == reasons) {
            Some((_, picks)) => picks.push(pick),
            None => groups.push((reasons, vec![pick])),
        }
    }
    groups
}

fn names<'a>(picks: impl Iterator<Item = &'a Pick>) -> String {
    let all: Vec<&str> = picks.map(|pick| pick.operator.as_str()).collect();
    let shown: Vec<&str> = all.iter().take(NAMES_MAX).copied().collect();
    let rest = all.len().saturating_sub(shown.len());
    if rest == 0 { shown.join(", ") } else { format!("{} +{rest}", shown.join(", ")) }
}

/// Seconds with one decimal, as the cards show them.
fn seconds(length: Period) -> String {
    format!("{}.{}", length.as_millis() / 1000, length.as_millis() % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CallId, EntryId, First, Hop, QueueId, Ruling, Tie};

    fn decision() -> Decision {
        let pick = |name: &str, chosen, ruling| Pick {
            operator: name.into(),
            tier: 0,
            key: 0,
            ruling,
            chosen,
        };
        Decision {
            call: CallId(uuid::Uuid::nil()),
            entry: EntryId(7),
            queue: "sales".into(),
            round: 1,
            at: Wall::from_unix(1_795_150_800),
            waited: Period::millis(2_300),
            strategy: String::from("parallel"),
            config: String::from("c1"),
            tier: 0,
            seed: None,
            first: Some(First { operator: "Aziza".into(), by: Tie::Owner }),
            class: 3,
            relaxed: Vec::new(),
            hop: None,
            whole: true,
            members: vec![
                pick("Aziza", true, Ruling::ELIGIBLE),
                pick("Bobur", false, Ruling::ELIGIBLE.with(Why::OnBreak, true)),
                pick("Dilnoza", false, Ruling::ELIGIBLE.with(Why::OnBreak, true)),
            ],
        }
    }

    #[test]
    fn a_round_is_told_in_every_language_with_its_record() {
        let zone = TimeZone::get("Asia/Tashkent").unwrap();
        for language in Language::ALL {
            let told = Teller { language, zone: &zone }.round(&decision());
            assert_eq!(told.len(), 4, "{told:?}");
            assert!(told[0].text.contains("10:00:00") && told[0].text.contains("Aziza"));
            assert!(told[1].text.contains('3'));
            assert!(told[2].text.contains("Aziza"));
            assert!(told[3].text.contains("Bobur, Dilnoza"));
            assert!(told.iter().all(|one| one.cites == ["decision:7/1"]));
            assert!(told.iter().all(|one| !one.text.contains('{')), "{told:?}");
        }
        let english = Teller { language: Language::English, zone: &zone }.round(&decision());
        assert!(english[2].text.ends_with("owns the client in the CRM."), "{}", english[2].text);
        assert!(english[3].text.ends_with("on a break."), "{}", english[3].text);
    }
    #[test]
    fn every_step_of_the_overflow_is_told_in_every_language() {
        let zone = TimeZone::get("Asia/Tashkent").unwrap();
        let hops = [
            (Hop::TierOpened { tier: 1 }, "tier 2 was opened"),
            (Hop::SkillRelaxed { skill: "tax".into() }, "the skill tax was done without"),
            (Hop::QueueAdded { id: QueueId(2), queue: "duty".into() }, "of duty joined in"),
            (Hop::Moved { queue: "duty".into() }, "moved to queue duty"),
            (Hop::DialledOut, "a number outside was rung"),
            (Hop::Callback, "is called back"),
            (Hop::Voicemail, "a message was asked for"),
            (Hop::Announced { say: String::from("busy") }, "was to end with the announcement busy"),
            (Hop::Ended, "the call was ended"),
        ];
        for (hop, part) in hops {
            let of = hop.of();
            let taken = Decision {
                hop: Some(HopTaken { step: 0, hop }),
                members: Vec::new(),
                ..decision()
            };
            for language in Language::ALL {
                let told = Teller { language, zone: &zone }.round(&taken);
                let [sentence] = told.as_slice() else { panic!("{told:?}") };
                assert_eq!(sentence.cites, ["decision:7/1"]);
                assert!(!sentence.text.contains('{'), "{}", sentence.text);
                assert!(sentence.text.contains(&of.clone().unwrap_or_default()));
            }
            let english = Teller { language: Language::English, zone: &zone }.round(&taken);
            assert!(english[0].text.contains(part), "{} has no {part}", english[0].text);
        }
    }
}
