//! Feeds the rules of alerts: the journal's records in order, what is wrong every few seconds,
//! and the time. What they give goes into the outbox in the transaction of their own place.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::clock::Clock;
use super::config::{Outlet, Site};
use super::orders::Desk;
use super::source::Source;
use super::watch::Watch;
use crate::connect::notify::{Audience, Input, NewAlert, RuleBook, Rules};
use crate::model::{Language, NoteBody, Now, Record, Seq, Stamped};
use crate::store::{Journal, NewNote, Store, StoreError};

/// How often it is looked what is wrong. Longer tells later; shorter asks the database oftener.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// The rules are asked at least so often, whatever they wait for.
const PASS_EVERY: Duration = Duration::from_secs(60);
/// How long to wait after the database did not answer.
const AWAY_FOR: Duration = Duration::from_secs(2);

/// The task that tells people.
pub struct Alerts {
    journal: Journal,
    store: Store,
    source: Arc<Source>,
    clock: Clock,
    watch: Watch,
    /// The last record before this server took anything.
    first: Seq,
}

/// What the rules have come to.
struct Course {
    rules: Rules,
    site: Arc<Site>,
    /// The last record that was taken in.
    seen: Seq,
    /// What is written down.
    kept: (Seq, String),
}

impl Alerts {
    /// The task of a server.
    pub fn new(desk: &Desk, clock: Clock, watch: Watch) -> Alerts {
        let Desk { store, journal, source } = desk.clone();
        let first = *journal.committed().borrow();
        Alerts { journal, store, source, clock, watch, first }
    }

    /// Tells people until asked to stop. What is not told then is told after the next start.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.work() => {}
        }
    }

    async fn work(&self) {
        let mut course = self.begin().await;
        let mut committed = self.journal.committed();
        let mut look =
            tokio::time::interval_at(tokio::time::Instant::now() + LOOK_EVERY, LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let upto = *committed.borrow_and_update();
            while course.seen < upto {
                self.read(&mut course, upto).await;
            }
            let wait = course.rules.poll_timeout(self.clock.now());
            let wait = wait.map_or(PASS_EVERY, |wait| wait.as_duration().min(PASS_EVERY));
            tokio::select! {
                changed = committed.changed() => if changed.is_err() { return },
                _ = look.tick() => {
                    self.reload(&mut course);
                    let faults = self.watch.look(&course.site, self.clock.now().wall).await;
                    self.put(&mut course, &[Input::Health(&faults)]).await;
                }
                () = tokio::time::sleep(wait) => self.put(&mut course, &[Input::Time]).await,
            }
        }
    }

    /// Goes on where the last life ended.
    async fn begin(&self) -> Course {
        let (seen, state) = loop {
            match self.remembered().await {
                Ok(kept) => break kept,
                Err(error) => {
                    warn!(%error, "what alerts remember cannot be read");
                    tokio::time::sleep(AWAY_FOR).await;
                }
            }
        };
        let site = self.source.site();
        let rules = Rules::new(rule_book(&site, &self.source.public_url()), Some(&state));
        Course { rules, site, seen, kept: (seen, state) }
    }

    /// Where the last life ended. The first one begins at the end of the journal, because nobody
    /// wants to hear of years, and writes that down before anything happens.
    async fn remembered(&self) -> Result<(Seq, String), StoreError> {
        if let Some(kept) = self.store.alerts_kept().await? {
            return Ok(kept);
        }
        self.keep(self.first, "", &[], self.clock.now()).await?;
        Ok((self.first, String::new()))
    }

    /// Takes the next batch of records in.
    async fn read(&self, course: &mut Course, upto: Seq) {
        let records = match self.journal.read_after(course.seen).await {
            Ok(records) => records,
            Err(error) => {
                warn!(%error, "the journal cannot be read for alerts");
                tokio::time::sleep(AWAY_FOR).await;
                return;
            }
        };
        let inputs: Vec<Input<'_>> = records.iter().filter_map(input).collect();
        // A gap at the end of the journal leaves nothing to read although `upto` is further.
        course.seen = records.last().map_or(upto, |last: &Stamped| last.seq);
        self.put(course, &inputs).await;
    }

    /// Takes inputs in and writes down what came of them. Where the database is away it waits:
    /// what is in hand is not forgotten, and what is not written is worked out again.
    async fn put(&self, course: &mut Course, inputs: &[Input<'_>]) {
        let now = self.clock.now();
        let mut alerts = Vec::new();
        for input in inputs {
            alerts.extend(course.rules.on(*input, now));
        }
        let state = course.rules.state();
        let moved = (course.seen.0).saturating_sub(course.kept.0.0) >= 500;
        if alerts.is_empty() && state == course.kept.1 && !moved {
            return;
        }
        let notes: Vec<NewNote> = alerts.into_iter().map(|alert| note(alert, now)).collect();
        while let Err(error) = self.keep(course.seen, &state, &notes, now).await {
            warn!(%error, "alerts cannot be kept");
            tokio::time::sleep(AWAY_FOR).await;
        }
        course.kept = (course.seen, state);
    }

    async fn keep(
        &self,
        seen: Seq,
        state: &str,
        notes: &[NewNote],
        now: Now,
    ) -> Result<(), StoreError> {
        self.store.keep_alerts(seen, state, notes, now.wall).await
    }

    fn reload(&self, course: &mut Course) {
        let site = self.source.site();
        if !Arc::ptr_eq(&site, &course.site) {
            course.rules.reload(rule_book(&site, &self.source.public_url()));
            course.site = site;
        }
    }
}

/// What the rules look at in the journal.
fn input(record: &Stamped) -> Option<Input<'_>> {
    if let Record::CallSettled { call, .. } = &record.record {
        return Some(Input::Settled(*call));
    }
    if let Record::CallSaved(row) = &record.record {
        return Some(Input::Call(row));
    }
    if let Record::EpisodeSaved(row) = &record.record {
        return Some(Input::Episode(row));
    }
    None
}

/// What the rules of a site are told.
fn rule_book(site: &Site, base: &str) -> RuleBook {
    let usual = site.language.word();
    let audience = |own: &Outlet| Audience {
        language: Language::of(own.word("language").unwrap_or(usual)).unwrap_or(Language::Uzbek),
        is_trusted: own.word("numbers") == Some("full"),
        is_short: matches!(own.kind, "eskiz" | "playmobile" | "http"),
    };
    RuleBook {
        rules: site.alerts.clone(),
        targets: site.targets.iter().map(|own| (own.name.clone(), audience(own))).collect(),
        zone: site.settings.timezone.clone(),
        base: base.to_owned(),
    }
}

/// A message as a note of its own lane: one that cannot leave holds no other up.
fn note(alert: NewAlert, now: Now) -> NewNote {
    let millis = u64::try_from(now.wall.0).unwrap_or(0);
    NewNote {
        id: uuid::Builder::from_unix_timestamp_millis(millis, &rand::random())
            .into_uuid()
            .to_string(),
        lane: alert.once_key.clone(),
        place: now.wall.0,
        call: alert.message.call,
        once_key: alert.once_key,
        target: alert.target,
        revision: 1,
        body: NoteBody::Message(Box::new(alert.message)),
        due_at: now.wall,
        created_at: now.wall,
    }
}
