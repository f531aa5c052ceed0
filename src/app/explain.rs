//! `navbat explain`: the stored records of a call, or of an operator's rings, in sentences.

use jiff::tz::TimeZone;

use anyhow::{Context, bail};
use jiff::Timestamp;

use crate::model::{CallRow, Language, Name, Period, Wall};
use crate::store::{OperatorRuling, Store};
use crate::web::{explain, explain_stages, explain_told};

/// Rounds of an operator that are told; a day of a busy queue.
const ROUNDS_MAX: u32 = 2000;

/// Whose rings are explained, and when.
pub struct Asked<'a> {
    /// The operator.
    pub operator: &'a str,
    /// From; `None`: a day before the end.
    pub from: Option<Wall>,
    /// To.
    pub to: Wall,
}

/// Explains a call by its id or its key.
pub async fn call(
    store: &Store,
    which: &str,
    language: Language,
    zone: &TimeZone,
) -> anyhow::Result<String> {
    let row =
        find(store, which).await?.with_context(|| format!("no call `{which}` is on record"))?;
    let decisions = store.decisions_of_call(row.id).await?;
    let decisions: Vec<_> = decisions.into_iter().map(|(_, decision)| decision).collect();
    let mut sentences = explain(&row, &decisions, language, zone);
    let (pops, notes) = (store.pops_told(row.id).await?, store.notes_of_call(row.id).await?);
    sentences.extend(explain_told(&pops, &notes, language, zone));
    sentences.push(explain_stages(&row.stages, &notes, language, zone));
    let mut lines = vec![format!("{}  {}", row.call_key, clock_time(row.started_at, zone))];
    for sentence in sentences {
        lines.push(format!("  {}  [{}]", sentence.text, sentence.cites.join(", ")));
    }
    Ok(lines.join("\n"))
}

async fn find(store: &Store, which: &str) -> anyhow::Result<Option<CallRow>> {
    if let Ok(id) = which.parse::<uuid::Uuid>() {
        return Ok(store.call(id.into()).await?);
    }
    Ok(store.call_by_key(which).await?)
}

/// Explains what each round said of an operator.
pub async fn operator(
    store: &Store,
    asked: &Asked<'_>,
    language: Language,
    zone: &TimeZone,
) -> anyhow::Result<String> {
    let name = Name::from(asked.operator);
    let from = asked.from.unwrap_or(asked.to - Period::days(1));
    if from >= asked.to {
        bail!("--from does not come before --to");
    }
    let rulings = store.rulings_of_operator(&name, from, asked.to, ROUNDS_MAX).await?;
    if rulings.is_empty() {
        return Ok(format!(
            "{name}: no round of a queue judged this operator from {} to {}",
            clock_time(from, zone),
            clock_time(asked.to, zone)
        ));
    }
    let lines: Vec<String> = rulings.iter().map(|ruling| line(ruling, language, zone)).collect();
    Ok(lines.join("\n"))
}

fn line(ruling: &OperatorRuling, language: Language, zone: &TimeZone) -> String {
    let said = if ruling.pick.chosen {
        String::from("✓")
    } else {
        let why = ruling.pick.ruling.reasons().map(|why| language.why(why));
        format!("– {}", why.collect::<Vec<_>>().join(", "))
    };
    format!(
        "{}  {:<12} {} #{}  {said}",
        clock_time(ruling.at, zone),
        ruling.queue.as_str(),
        ruling.call,
        ruling.round
    )
}

fn clock_time(at: Wall, zone: &TimeZone) -> String {
    match Timestamp::from_millisecond(at.0) {
        Ok(stamp) => stamp.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => at.rfc3339(),
    }
}

/// Reads a moment: RFC 3339, or a day or a local time of the site.
pub fn moment(text: &str, zone: &TimeZone) -> anyhow::Result<Wall> {
    if let Some(at) = Wall::parse_rfc3339(text) {
        return Ok(at);
    }
    let local = text.parse::<jiff::civil::DateTime>();
    let local = local.or_else(|_| text.parse::<jiff::civil::Date>().map(|day| day.at(0, 0, 0, 0)));
    let local = local.ok().with_context(|| {
        format!("`{text}` is no moment: write 2026-11-20, 2026-11-20T09:00 or RFC 3339")
    })?;
    Ok(Wall(local.to_zoned(zone.clone())?.timestamp().as_millisecond()))
}
