//! A settled call on its way into the statistics and the CRM of Bitrix24.
//!
//! Only `finish` writes there, and nothing promises what a second one does. So it is sent once,
//! and when nobody knows whether it arrived the statistics are asked by our own call id
//! (`EXTERNAL_CALL_ID`, which they can filter by) before it is sent again. All other steps may be
//! repeated: `register` gives the id that is there, `attachRecord` replaces.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::bitrix24::Bitrix24;
use super::bitrix24_bucket::Lane;
use super::bitrix24_calls::{Course, Registered};
use super::bitrix24_cards::Facts;
use super::bitrix24_wire::{self as wire, Trouble, id_of, text_of};
use crate::connect::deliver::{Found, Note, Verdict};
use crate::model::{CallRow, Direction, Disposition, Name, Number, OfferEnd, Outcome, Period};

/// What a settled call becomes there.
struct Entry<'a> {
    number: &'a Number,
    direction: Direction,
    line: Option<&'a Number>,
    /// Who rang first, for whom the ringing call was registered.
    registers: Option<u64>,
    /// Who answered or placed it, or was to answer it.
    person: Option<u64>,
    seconds: u64,
    status: &'static str,
    reason: &'static str,
}

impl Bitrix24 {
    /// Brings a settled call, or amends what an earlier note of it brought.
    pub(super) async fn log(&self, note: &Note, call: &CallRow) -> Verdict {
        if let Some(external) = &note.external {
            return self.amend(external, call).await;
        }
        // Without the list nobody is known by extension; a failure leaves what is configured.
        let _unread = self.learn_users(Lane::Notes).await;
        let entry = match self.entry(call) {
            Ok(entry) => entry,
            Err(why) => return Verdict::Skipped { why: why.to_owned() },
        };
        if let Err(trouble) = self.tell_line(entry.line).await {
            return trouble.repeatable();
        }
        let course = self.calls.of(call.id);
        let mut gate = course.gate.lock().await;
        if !gate.finished && note.tries > 1 {
            // An earlier attempt may have had its effect, before a restart perhaps.
            match self.finished(call, gate.call_id.as_deref()).await {
                Ok(Some(call_id)) => gate.settle(call_id),
                Ok(None) => {}
                Err(trouble) => return trouble.repeatable(),
            }
        }
        if !gate.finished
            && let Err(verdict) = self.finish(&mut gate, call, &entry).await
        {
            return verdict;
        }
        match self.round_off(&course, &mut gate, call).await {
            Ok(external) => Verdict::Done { external: Some(external) },
            Err(trouble) => trouble.repeatable(),
        }
    }

    /// Whether a call whose `finish` was lost is there; its recording is seen to as well.
    pub(super) async fn find_logged(&self, call: &CallRow) -> Found {
        let course = self.calls.of(call.id);
        let mut gate = course.gate.lock().await;
        match self.finished(call, gate.call_id.as_deref()).await {
            Ok(Some(call_id)) => gate.settle(call_id),
            Ok(None) => return Found::No,
            Err(trouble) => return Found::NotNow { why: trouble.why() },
        }
        match self.round_off(&course, &mut gate, call).await {
            Ok(external) => Found::Yes { external: Some(external) },
            Err(trouble) => Found::NotNow { why: trouble.why() },
        }
    }

    /// Of a finished call only the recording can be changed.
    async fn amend(&self, external: &Value, call: &CallRow) -> Verdict {
        let Some(call_id) = text_of(external.get("call_id")) else {
            return Verdict::Dead { why: String::from("what was kept of the call has no id") };
        };
        let mut gate = Registered::default();
        gate.settle(call_id);
        let record = call.recording_url.as_deref().map(mark);
        if record.is_none() || record == text_of(external.get("record")) {
            return Verdict::Skipped {
                why: String::from("a finished call cannot be changed in Bitrix24"),
            };
        }
        match self.attach(&gate, call).await {
            Ok(external) => Verdict::Done { external: Some(external) },
            Err(trouble) => trouble.repeatable(),
        }
    }

    fn entry<'a>(&self, call: &'a CallRow) -> Result<Entry<'a>, &'static str> {
        let direction = call.direction.unwrap_or(Direction::In);
        if direction == Direction::Internal {
            return Err("a call between colleagues");
        }
        let Some(client) = &call.client else { return Err("the client is not known") };
        let Some(number) = client.e164() else { return Err("the client's number cannot be read") };
        let rung = call.offers.iter().filter_map(|offer| self.users.of(&offer.operator));
        let answered = call.answered_by.as_ref();
        let person = match direction {
            Direction::Out => call.placed_by.as_ref().or(answered),
            Direction::In | Direction::Internal => answered,
        };
        let named = |name: &Name| self.users.of(name);
        let last_rung = || call.rung.iter().rev().find_map(named);
        let (status, reason) = status(call);
        Ok(Entry {
            number,
            direction,
            line: call.line.as_ref().and_then(|line| line.e164()),
            registers: rung.clone().next().or_else(|| call.rung.iter().find_map(named)),
            person: match person {
                Some(person) => named(person),
                None => last_rung(),
            },
            seconds: call.talk.unwrap_or(Period::ZERO).as_millis() / 1000,
            status,
            reason,
        })
    }

    /// Registers and finishes. A call that the portal forgot, or never knew, is registered with
    /// the time it really began, so a call that is logged late takes the same way.
    async fn finish(
        &self,
        gate: &mut Registered,
        call: &CallRow,
        entry: &Entry<'_>,
    ) -> Result<(), Verdict> {
        let owner = self.session.grant().await.map_err(Trouble::repeatable)?.user_id;
        let mut person = entry.person.unwrap_or(owner);
        let mut registers = entry.registers.unwrap_or(person);
        // A forgotten call and a person who was switched off cost one repetition each.
        for _ in 0..3 {
            let facts = Facts {
                call: call.id,
                user: registers,
                number: entry.number,
                direction: entry.direction,
                line: entry.line,
                began: call.started_at,
            };
            let call_id = match self.registered(gate, Lane::Notes, &facts).await {
                Ok(call_id) => call_id,
                Err(Trouble::NoUser) if registers != owner => {
                    registers = owner;
                    continue;
                }
                Err(trouble) => return Err(trouble.repeatable()),
            };
            let fields = json!({
                "CALL_ID": call_id,
                "USER_ID": person,
                "DURATION": entry.seconds,
                "STATUS_CODE": entry.status,
                "FAILED_REASON": entry.reason,
                "ADD_TO_CHAT": 0,
            });
            match self.ask(Lane::Notes, wire::FINISH, fields).await {
                Ok(_) => {
                    gate.settle(call_id);
                    return Ok(());
                }
                Err(Trouble::NoCall) => gate.call_id = None,
                Err(Trouble::NoUser) if person != owner => {
                    self.users.doubt(person);
                    person = owner;
                }
                Err(trouble) => return Err(trouble.once()),
            }
        }
        Err(Trouble::NoCall.once())
    }

    /// The portal's id of a call that is in its statistics. One that was clicked there has no id of
    /// ours and is found by its own.
    async fn finished(
        &self,
        call: &CallRow,
        call_id: Option<&str>,
    ) -> Result<Option<String>, Trouble> {
        let ours = call.id.to_string();
        let found = self.statistic("EXTERNAL_CALL_ID", &ours).await?;
        match call_id {
            Some(call_id) if found.is_none() => self.statistic("CALL_ID", call_id).await,
            Some(_) | None => Ok(found),
        }
    }

    async fn statistic(&self, field: &str, value: &str) -> Result<Option<String>, Trouble> {
        let fields = json!({ "FILTER": { field: value } });
        let told = self.ask(Lane::Notes, wire::STATISTIC, fields).await?;
        let Some(rows) = told.result.as_array() else {
            return Err(Trouble::Lost { why: String::from("the statistics are no list") });
        };
        // A filter that is not understood is passed over there, so each row is looked at.
        let is_it = |row: &&Value| text_of(row.get(field)).as_deref() == Some(value);
        Ok(rows.iter().find(is_it).and_then(|row| text_of(row.get("CALL_ID"))))
    }

    /// Adds the recording, if there is one, and says what to keep of the call.
    async fn attach(&self, gate: &Registered, call: &CallRow) -> Result<Value, Trouble> {
        let call_id = gate.call_id.clone().unwrap_or_default();
        let link = call.recording_url.as_deref().filter(|link| is_web(link));
        let Some(link) = link else { return Ok(json!({ "call_id": call_id })) };
        let path = link.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        let ending = if path.ends_with(".wav") { "wav" } else { "mp3" };
        let fields = json!({
            "CALL_ID": call_id,
            "FILENAME": format!("{}.{ending}", call.id),
            "RECORD_URL": link,
        });
        let told = self.ask(Lane::Notes, wire::ATTACH, fields).await?;
        let file = id_of(told.result.get("FILE_ID"));
        Ok(json!({ "call_id": call_id, "record": mark(link), "file": file }))
    }

    /// What follows a finished call: no screen keeps its card, and the recording is added.
    async fn round_off(
        &self,
        course: &Course,
        gate: &mut Registered,
        call: &CallRow,
    ) -> Result<Value, Trouble> {
        course.wish_nothing();
        let (_, hide) = course.difference(&gate.cards);
        match self.hide(gate, Lane::Notes, &hide).await {
            Ok(()) | Err(Trouble::Refused { .. }) => self.attach(gate, call).await,
            Err(trouble) => Err(trouble),
        }
    }

    /// Makes a line known, once in the life of this process; that it is known already is fine.
    async fn tell_line(&self, line: Option<&Number>) -> Result<(), Trouble> {
        let Some(line) = line.filter(|line| !self.lines.lock().contains(*line)) else {
            return Ok(());
        };
        let fields = json!({
            "NUMBER": line.reveal(),
            "NAME": line.grouped(),
            "CRM_AUTO_CREATE": if self.creates { "Y" } else { "N" },
        });
        match self.ask(Lane::Notes, wire::LINE_ADD, fields).await {
            Ok(_) | Err(Trouble::Refused { .. }) => {
                self.lines.lock().insert(line.clone());
                Ok(())
            }
            Err(trouble) => Err(trouble),
        }
    }
}

impl Registered {
    /// The call is in the statistics under this id.
    fn settle(&mut self, call_id: String) {
        self.call_id = Some(call_id);
        self.finished = true;
    }
}

/// The portal's code of how a call ended, and a word for people.
fn status(call: &CallRow) -> (&'static str, &'static str) {
    let outcome = call.outcome.map_or("", Outcome::word);
    match call.disposition {
        Disposition::Answered => ("200", ""),
        Disposition::UnknownEnd if call.answered_by.is_some() => ("200", ""),
        Disposition::Missed => match call.outcome {
            Some(Outcome::Abandoned | Outcome::AbandonedShort) => ("603-S", outcome),
            Some(_) => ("304", outcome),
            None => unqueued(call),
        },
        Disposition::Busy => ("486", "busy"),
        Disposition::Cancelled => ("603-S", "cancelled"),
        Disposition::Failed => ("OTHER", "failed"),
        Disposition::NoAnswer | Disposition::UnknownEnd => ("304", call.disposition.word()),
        Disposition::Open | Disposition::Internal => ("OTHER", call.disposition.word()),
    }
}

/// A missed call outside queues ends as its last attempt did.
fn unqueued(call: &CallRow) -> (&'static str, &'static str) {
    match call.offers.last().and_then(|offer| offer.end) {
        Some(OfferEnd::Busy) => ("486", "busy"),
        Some(OfferEnd::Rejected) => ("603", "rejected"),
        Some(OfferEnd::CallerGone) => ("603-S", "caller_gone"),
        Some(
            OfferEnd::Won
            | OfferEnd::Lost
            | OfferEnd::NoAnswer
            | OfferEnd::Unreachable
            | OfferEnd::Failed
            | OfferEnd::Withdrawn(_)
            | OfferEnd::Expired
            | OfferEnd::DroppedBeforeBridge,
        )
        | None => ("304", "missed"),
    }
}

fn is_web(link: &str) -> bool {
    link.starts_with("https://") || link.starts_with("http://")
}

/// A short mark of a link, to see whether it changed without keeping it.
fn mark(link: &str) -> String {
    let digest = Sha256::digest(link.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
