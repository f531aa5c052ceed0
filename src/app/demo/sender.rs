//! The stand-ins at work: they post what happens to the running server, and remember what they did.
//!
//! Each call is a task. Events go out at their moments, each after the one before it was
//! acknowledged, as a provider's own queue does. Some are sent twice, some overtake each other,
//! and one provider is silent for a while and then sends what it kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::day::{Day, Stand, Story};
use super::people::OPERATORS;
use super::wire::{Load, Pace, Wire, wires};
use super::{itoolabs, sipuni};
use crate::model::Seed;

/// Events sent twice, in a hundred.
const TWICE: u64 = 6;
/// Events that are overtaken by later ones, in a hundred.
const LATE: u64 = 4;
/// How late an overtaken event is, on the machine's clock. Under the accounts' time to settle.
const LATE_FOR: Duration = Duration::from_millis(700);
/// The provider that is silent for a while, and when, in the demo's own time.
const OUTAGE: (Stand, u64, u64) = (Stand::OnlinePbx, 240_000, 330_000);
/// How often a request that was not acknowledged is sent again. A provider gives up some time.
const TRIES_MAX: u32 = 20;

/// What the stand-ins know they did.
#[derive(Debug, Default)]
pub struct Done {
    /// Every call as it went.
    pub stories: Vec<Story>,
    /// Requests acknowledged, copies among them, by stand-in.
    pub sent: BTreeMap<Stand, u64>,
    /// Second copies acknowledged, by stand-in.
    pub copies: BTreeMap<Stand, u64>,
    /// Questions whom to ring, and how many of them named somebody.
    pub asked: u64,
    /// How many of the questions named somebody whom the provider could ring.
    pub advised: u64,
    /// Requests that were given up.
    pub given_up: u64,
}

/// The stand-ins of all providers.
#[derive(Clone)]
pub struct Sender {
    http: reqwest::Client,
    hooks: Arc<BTreeMap<Stand, String>>,
    pace: Pace,
    began: Instant,
    done: Arc<Mutex<Done>>,
}

impl Sender {
    /// `hooks` are the addresses of the accounts; `pace.began` is this moment.
    pub fn new(hooks: BTreeMap<Stand, String>, pace: Pace) -> anyhow::Result<Sender> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .context("the stand-ins cannot send")?;
        Ok(Sender {
            http,
            hooks: Arc::new(hooks),
            pace,
            began: Instant::now(),
            done: Arc::default(),
        })
    }

    /// Lives through a day: `calls` of them, or until it is dropped.
    pub async fn live(&self, mut day: Day, calls: Option<u32>, seed: u64) -> anyhow::Result<()> {
        let running = TaskTracker::new();
        let mut made = 0;
        while calls.is_none_or(|calls| made < calls) {
            let story = day.next_story();
            self.until(story.at).await;
            made += 1;
            let (sender, mischief) = (self.clone(), Seed::new(seed ^ (u64::from(made) << 20)));
            running.spawn(async move { sender.call(story, mischief).await });
        }
        running.close();
        running.wait().await;
        Ok(())
    }

    /// How many times faster than life it sends.
    pub fn speed(&self) -> f64 {
        self.pace.speed
    }

    /// Takes what was done so far.
    pub fn done(&self) -> Done {
        std::mem::take(&mut self.done.lock())
    }

    async fn until(&self, at: u64) {
        tokio::time::sleep_until(self.began + Duration::from_millis(self.pace.real(at))).await;
    }

    async fn call(&self, mut story: Story, mut mischief: Seed) {
        let overtaken = TaskTracker::new();
        let mut told = 0;
        if story.asks {
            told = self.begin(&mut story).await;
        }
        for wire in wires(&story, &self.pace).into_iter().skip(told) {
            self.until(leaves_at(&story, &wire)).await;
            let twice = mischief.chance(TWICE);
            let late = mischief.chance(LATE) && story.stand != Stand::Itoolabs;
            let sender = self.clone();
            let stand = story.stand;
            let send = async move {
                if late {
                    tokio::time::sleep(LATE_FOR).await;
                }
                sender.tell(stand, wire, twice).await;
            };
            if late {
                overtaken.spawn(send);
            } else {
                send.await;
            }
        }
        overtaken.close();
        overtaken.wait().await;
        self.done.lock().stories.push(story);
    }

    /// Tells what comes before the first ring, then asks whom to ring. Gives how many were told.
    async fn begin(&self, story: &mut Story) -> usize {
        let rings_at = story.rings.first().map_or(story.ends, |ring| ring.from);
        let before: Vec<Wire> = wires(story, &self.pace);
        let before: Vec<Wire> = before.into_iter().filter(|wire| wire.at < rings_at).collect();
        let count = before.len();
        for wire in before {
            self.until(wire.at).await;
            self.tell(story.stand, wire, false).await;
        }
        self.until(story.at + 500).await;
        self.ask(story).await;
        count
    }

    async fn tell(&self, stand: Stand, wire: Wire, twice: bool) {
        for copy in 0..=u64::from(twice) {
            match self.post(stand, &wire.load).await {
                Ok(_) => {
                    let mut done = self.done.lock();
                    *done.sent.entry(stand).or_default() += 1;
                    *done.copies.entry(stand).or_default() += copy;
                }
                Err(error) => {
                    tracing::warn!(?stand, %error, "a stand-in gave a request up");
                    self.done.lock().given_up += 1;
                }
            }
        }
    }

    /// Asks whom to ring and takes the answer to heart when the provider can ring that one.
    async fn ask(&self, story: &mut Story) {
        let named = match story.stand {
            Stand::Sipuni => self.ask_each(story).await,
            Stand::Itoolabs => self.ask_once(story).await,
            Stand::OnlinePbx | Stand::Utel | Stand::Sarkor => None,
        };
        let Some(operator) = named.filter(|operator| story.free.contains(operator)) else { return };
        self.done.lock().advised += 1;
        story.advised(operator);
    }

    /// A chain of blocks in the call scheme, one for each operator.
    async fn ask_each(&self, story: &Story) -> Option<usize> {
        for operator in &story.free {
            let load = Load::Query(sipuni::question(story, *operator));
            let answer = self.question(Stand::Sipuni, &load).await?;
            if answer.get("choice").and_then(Value::as_u64) == Some(1) {
                return Some(*operator);
            }
        }
        None
    }

    async fn ask_once(&self, story: &Story) -> Option<usize> {
        let load = Load::Form(itoolabs::question(story));
        let answer = self.question(Stand::Itoolabs, &load).await?;
        let named = answer.get("responsible").and_then(Value::as_str)?;
        OPERATORS.iter().position(|one| one.login == named || one.extension == named)
    }

    async fn question(&self, stand: Stand, load: &Load) -> Option<Value> {
        self.done.lock().asked += 1;
        let text = self.post(stand, load).await.ok()?;
        *self.done.lock().sent.entry(stand).or_default() += 1;
        serde_json::from_str(&text).ok()
    }

    /// Sends one request until it is acknowledged. Fails when the server refuses it for good.
    async fn post(&self, stand: Stand, load: &Load) -> anyhow::Result<String> {
        let Some(hook) = self.hooks.get(&stand) else { bail!("no address of {stand:?}") };
        let mut wait = Duration::from_millis(100);
        for _ in 0..TRIES_MAX {
            let request = match load {
                Load::Query(query) => self.http.get(format!("{hook}?{query}")),
                Load::Form(body) => self
                    .http
                    .post(hook)
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(body.clone()),
                Load::Json(body) => self
                    .http
                    .post(hook)
                    .header("content-type", "application/json")
                    .body(body.clone()),
            };
            match request.send().await {
                Ok(answer) if answer.status().is_success() => return Ok(answer.text().await?),
                Ok(answer) if matches!(answer.status().as_u16(), 429 | 503) => {}
                Ok(answer) => bail!("answered {}", answer.status()),
                Err(_) => {} // not reached, or no answer: sent again like any provider would
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(2));
        }
        bail!("not acknowledged in {TRIES_MAX} tries")
    }
}

/// When an event leaves: at its moment, or when the outage of its provider is over.
fn leaves_at(story: &Story, wire: &Wire) -> u64 {
    let (stand, from, to) = OUTAGE;
    if story.stand == stand && (from..to).contains(&wire.at) { to } else { wire.at }
}
