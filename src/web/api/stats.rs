//! Statistics over waits in queues (METRICS.md), with the formula printed beside the figures.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::model::{Name, Outcome, Period, Wall};
use crate::store::{OperatorTally, StatsAsk, StatsBy, Tally};
use crate::web::access::{Reader, Role};
use crate::web::door::fault;
use crate::web::fault::{ErrorBody, Fault};
use crate::web::guard::SeeStats;
use crate::web::state::{Site, Web};
use crate::web::stream::queues_of;
use crate::web::view::stamp;

use super::Asked;
use super::calls::moment;

/// Longest stretch of one question; an hour's figures over a year are 8,784 rows.
const STRETCH_MAX: Period = Period::days(366);

/// The target of queues that have none of their own, and the short-abandon threshold.
const TARGET: (Period, Period) = (Period::secs(20), Period::secs(5));

/// Which waits, parted how.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatsQuery {
    /// `hour`, `queue`, `operator`, `reason` or `provider`.
    by: Option<String>,
    /// Put in then or later, RFC 3339; the beginning of the day unless given.
    from: Option<String>,
    /// Put in before; this moment unless given.
    to: Option<String>,
    /// One queue.
    queue: Option<String>,
}

/// Figures and what they mean.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stats {
    by: String,
    from: String,
    to: String,
    timezone: String,
    /// Waits are counted in the hour in which the caller was put in.
    attribution: &'static str,
    formula: &'static str,
    /// The target of queues that have none of their own.
    target_seconds: f64,
    /// Who leaves within this is a short abandon.
    short_seconds: f64,
    items: Vec<Row>,
    total: Row,
}

/// One row: waits, or one operator's offers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Row {
    /// Waits.
    Waits(Waits),
    /// Offers.
    Offers(Offers),
}

/// Waits counted together.
#[derive(Debug, Serialize, ToSchema)]
pub struct Waits {
    key: String,
    arrived: u64,
    in_flight: u64,
    offered: u64,
    missed: u64,
    #[serde(flatten)]
    outcomes: BTreeMap<&'static str, u64>,
    answered_in_target: u64,
    /// Mean wait of the answered; null when there were none.
    asa_seconds: Option<f64>,
    /// Mean wait of the abandoned.
    abandon_seconds: Option<f64>,
    wait_max_seconds: f64,
    service_level: Option<f64>,
    abandonment: Option<f64>,
}

/// What became of the offers made to one operator.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Offers {
    key: String,
    rung: u64,
    won: u64,
    lost: u64,
    no_answer: u64,
    rejected: u64,
    busy: u64,
    unreachable: u64,
    caller_gone: u64,
    withdrawn: u64,
    failed: u64,
    /// Offers held against the person.
    misses: u64,
    answered: u64,
    handled: u64,
    talk_seconds: f64,
    answer_rate: Option<f64>,
}

const MISSED: &str = "missed = waits that were the last of an inbound call with which nobody \
                      talked; rows add up to the total";
const ANSWERED: &str = "answered = waits that ended with a conversation; by operator: won ÷ (won \
                        + no_answer + rejected + unreachable)";
const LEVEL: &str = "service level = answered within the target ÷ (answered + abandoned + \
                     timed_out + no_operators); short abandons are in neither part";

/// Missed calls.
#[utoipa::path(get, path = "/stats/missed", tag = "statistics", params(StatsQuery), responses(
    (status = 200, body = Stats), (status = 400, body = ErrorBody)))]
pub async fn missed(
    State(web): State<Web>,
    SeeStats(reader): SeeStats,
    Asked(query): Asked<StatsQuery>,
) -> Result<Json<Stats>, Fault> {
    stats(&web, &reader, query, MISSED).await
}

/// Who answered what.
#[utoipa::path(get, path = "/stats/answered", tag = "statistics", params(StatsQuery), responses(
    (status = 200, body = Stats), (status = 400, body = ErrorBody)))]
pub async fn answered(
    State(web): State<Web>,
    SeeStats(reader): SeeStats,
    Asked(query): Asked<StatsQuery>,
) -> Result<Json<Stats>, Fault> {
    stats(&web, &reader, query, ANSWERED).await
}

/// The service level.
#[utoipa::path(get, path = "/stats/service-level", tag = "statistics", params(StatsQuery),
    responses((status = 200, body = Stats), (status = 400, body = ErrorBody)))]
pub async fn service_level(
    State(web): State<Web>,
    SeeStats(reader): SeeStats,
    Asked(query): Asked<StatsQuery>,
) -> Result<Json<Stats>, Fault> {
    stats(&web, &reader, query, LEVEL).await
}

async fn stats(
    web: &Web,
    reader: &Reader,
    query: StatsQuery,
    formula: &'static str,
) -> Result<Json<Stats>, Fault> {
    let site = web.site();
    let now = web.now().wall;
    let from = moment("from", query.from.as_ref())?.unwrap_or_else(|| day_start(&site, now));
    let to = moment("to", query.to.as_ref())?.unwrap_or(now);
    if to < from || to.since(from) > STRETCH_MAX {
        return Err(Fault::Bad(String::from("from, to: in this order, at most 366 days apart")));
    }
    let by = query.by.unwrap_or_else(|| String::from("queue"));
    let queues = queues_asked(web, reader, query.queue);
    let mut ask = ask(&site, from, to, queues);
    let (items, total) = if by == "operator" {
        offers(web, reader, &ask).await?
    } else {
        ask.by = match by.as_str() {
            "hour" => StatsBy::Hour,
            "queue" => StatsBy::Queue,
            "reason" => StatsBy::Reason,
            "provider" => StatsBy::Provider,
            _ => {
                let known = "by: hour, queue, operator, reason or provider";
                return Err(Fault::Bad(String::from(known)));
            }
        };
        waits(web, &ask).await?
    };
    Ok(Json(Stats {
        by,
        from: stamp(from),
        to: stamp(to),
        timezone: site.timezone.iana_name().unwrap_or("UTC").to_owned(),
        attribution: "enqueue",
        formula,
        target_seconds: TARGET.0.as_secs(),
        short_seconds: TARGET.1.as_secs(),
        items,
        total,
    }))
}

/// The queues whose waits a reader may count: the one asked for when it is theirs.
fn queues_asked(web: &Web, reader: &Reader, asked: Option<String>) -> Option<Vec<Name>> {
    let theirs = match reader.role {
        Role::Operator => Some(queues_of(web, reader)),
        Role::Supervisor | Role::Admin | Role::Integrator | Role::Wallboard => {
            (!reader.queues.is_empty()).then(|| reader.queues.clone())
        }
    };
    match (asked.map(Name::from), theirs) {
        (Some(one), Some(theirs)) => Some(theirs.into_iter().filter(|q| *q == one).collect()),
        (Some(one), None) => Some(vec![one]),
        (None, theirs) => theirs,
    }
}

/// A question over all waits from one moment to before another.
pub fn ask(site: &Site, from: Wall, to: Wall, queues: Option<Vec<Name>>) -> StatsAsk {
    let zone = jiff::Timestamp::from_millisecond(from.0).unwrap_or_default();
    let offset = site.timezone.to_offset(zone).seconds() / 60;
    let targets = site.settings.queues.iter();
    StatsAsk {
        by: StatsBy::Nothing,
        from,
        to,
        queues,
        offset_minutes: offset,
        targets: targets.map(|q| (q.name.clone(), q.service_level.target)).collect(),
        target: TARGET.0,
    }
}

async fn waits(web: &Web, ask: &StatsAsk) -> Result<(Vec<Row>, Row), Fault> {
    let parts = web.0.store.stats(ask).await.map_err(fault)?;
    let mut total = Tally::default();
    let mut items = Vec::with_capacity(parts.len());
    for (key, tally) in &parts {
        total.add(tally);
        let key = match ask.by {
            StatsBy::Hour => stamp(Wall(key.parse().unwrap_or(0))),
            StatsBy::Nothing
            | StatsBy::Queue
            | StatsBy::Reason
            | StatsBy::Provider
            | StatsBy::Account => key.clone(),
        };
        items.push(Row::Waits(Waits::of(key, tally)));
    }
    Ok((items, Row::Waits(Waits::of(String::new(), &total))))
}

async fn offers(web: &Web, reader: &Reader, ask: &StatsAsk) -> Result<(Vec<Row>, Row), Fault> {
    let queues = match reader.role {
        Role::Operator => None, // their own offers, in whatever queue they were made
        Role::Supervisor | Role::Admin | Role::Integrator | Role::Wallboard => {
            ask.queues.as_deref()
        }
    };
    let all = web.0.store.operator_stats(ask.from, ask.to, queues).await.map_err(fault)?;
    let mine = |tally: &&OperatorTally| {
        reader.role != Role::Operator
            || reader.operator.as_ref().is_some_and(|me| me.as_str() == tally.operator)
    };
    let mut total = OperatorTally::default();
    let mut items = Vec::new();
    for tally in all.iter().filter(mine) {
        total.rung += tally.rung;
        total.misses += tally.misses;
        total.answered += tally.answered;
        total.handled += tally.handled;
        total.talk = total.talk + tally.talk;
        for (end, count) in &tally.ends {
            *total.ends.entry(end.clone()).or_default() += count;
        }
        items.push(Row::Offers(Offers::of(tally)));
    }
    Ok((items, Row::Offers(Offers::of(&total))))
}

impl Waits {
    /// Shows waits under a key.
    pub fn of(key: String, tally: &Tally) -> Waits {
        let millis = |mean: Option<f64>| mean.map(|mean| mean.round() / 1000.0);
        Waits {
            key,
            arrived: tally.arrived,
            in_flight: tally.in_flight,
            offered: tally.offered(),
            missed: tally.missed,
            outcomes: Outcome::ALL.iter().map(|one| (one.word(), tally.count(*one))).collect(),
            answered_in_target: tally.answered_in_target,
            asa_seconds: millis(tally.mean_speed_of_answer()),
            abandon_seconds: millis(tally.mean_time_to_abandon()),
            wait_max_seconds: tally.wait_max.as_secs(),
            service_level: tally.service_level(),
            abandonment: tally.abandonment(),
        }
    }
}

impl Offers {
    fn of(tally: &OperatorTally) -> Offers {
        Offers {
            key: crate::web::view::scrub_alias(&tally.operator),
            rung: tally.rung,
            won: tally.count("won"),
            lost: tally.count("lost"),
            no_answer: tally.count("no_answer"),
            rejected: tally.count("rejected"),
            busy: tally.count("busy"),
            unreachable: tally.count("unreachable"),
            caller_gone: tally.count("caller_gone"),
            withdrawn: tally.count("withdrawn"),
            failed: tally.count("failed"),
            misses: tally.misses,
            answered: tally.answered,
            handled: tally.handled,
            talk_seconds: tally.talk.as_secs(),
            answer_rate: tally.answer_rate(),
        }
    }
}

/// The first moment of the day on the site's calendar.
pub fn day_start(site: &Site, now: Wall) -> Wall {
    let stamp = Timestamp::from_millisecond(now.0).unwrap_or_default();
    let start = stamp.to_zoned(site.timezone.clone()).start_of_day();
    start.map_or(now, |start| Wall(start.timestamp().as_millisecond()))
}
