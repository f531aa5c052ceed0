//! Keys of `[crm.NAME]` that only `kind = "amocrm"` has, and what its adapter gets of them all.

use std::collections::BTreeMap;

use super::outlets::Outlet;
use super::people::Operator;
use super::{Devices, Site};
use crate::connect::crm::{
    AmoAccess, AmoClient, AmoSettings, AmoTaskTo, AmoUnknown, checked_amo_base,
};
use crate::model::{Name, Period};
use crate::plan::{Problem, Section, quoted};

/// When a task is due after the missed call. Longer is kinder to the team, shorter to the client.
const TASK_WITHIN: Period = Period::hours(1);

/// Reads what stands beside the keys of every CRM, and checks the address and the tokens.
pub fn read(section: &mut Section<'_>, outlet: &mut Outlet, outgoing: &[String]) {
    let task_to = section.found_or("task_to", String::from("responsible"));
    if read_task(&task_to.value).is_none() {
        let message = format!("{} is no `{}`", quoted(&task_to.value), section.path("task_to"));
        let mend = "responsible, rung, or operator NAME";
        section.error(&task_to.at, "bad-value", message, mend);
    }
    outlet.words.insert("task_to", vec![task_to.value]);
    let within = section.or("task_within", TASK_WITHIN);
    outlet.words.insert("task_within", vec![within.to_string()]);
    if let Some(pipeline) = section.opt::<u32>("pipeline") {
        outlet.words.insert("pipeline", vec![pipeline.value.to_string()]);
    }
    if let Some(base) = word(outlet, "base")
        && let Err(mend) = checked_amo_base(base, outgoing)
    {
        let message = format!("`{}` is no account of amoCRM", section.path("base"));
        section.error(&section.place("base"), "bad-value", message, mend);
    }
    let oauth = ["client_id", "redirect_uri"].iter().all(|key| word(outlet, key).is_some())
        && outlet.secrets.contains_key("client_secret");
    if !oauth && !outlet.secrets.contains_key("token") {
        let message = format!("nothing lets us into `{}`", outlet.name);
        let mend = "add `token_file`, or `client_id`, `client_secret_file` and `redirect_uri`";
        section.error(section.at(), "missing", message, mend);
    }
}

/// What only fits together when operators are known: user ids, and whose task it is.
pub fn check(crms: &[Outlet], operators: &[Operator]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for own in crms.iter().filter(|own| own.kind == "amocrm") {
        for operator in operators {
            let Some(user) = operator.devices.crm.get(own.name.as_str()) else { continue };
            if user.value.parse::<u64>().is_err() {
                let message = format!("{} is no user of amoCRM", quoted(&user.value));
                let mend = "write the user's number";
                problems.push(Problem::error(&user.at, "bad-value", message).mend(mend));
            }
        }
        if let Some(AmoTaskTo::Operator(name)) = word(own, "task_to").and_then(read_task)
            && !operators.iter().any(|operator| operator.settings.name == name)
        {
            let message = format!("no operator is called {}", quoted(name.as_str()));
            problems.push(Problem::error(&own.at, "missing-target", message));
        }
    }
    problems
}

/// What the adapter gets. Fails where a section was not read by [`read`].
pub fn settings(own: &Outlet, site: &Site) -> Result<AmoSettings, String> {
    let must = |key: &str| word(own, key).ok_or_else(|| format!("`{key}` is missing"));
    let access = match own.secrets.get("token") {
        Some(token) => AmoAccess::LongLived(token.clone()),
        None => AmoAccess::OAuth(AmoClient {
            id: must("client_id")?.to_owned(),
            secret: own.secrets.get("client_secret").cloned().ok_or("no `client_secret`")?,
            redirect_uri: must("redirect_uri")?.to_owned(),
        }),
    };
    let unknown = must("unknown_caller")?;
    let unknown = AmoUnknown::WORDS.iter().find(|(known, _)| *known == unknown);
    Ok(AmoSettings {
        name: own.name.clone(),
        base: checked_amo_base(must("base")?, &site.outgoing)?,
        access,
        unknown: unknown.map_or(AmoUnknown::Skip, |(_, unknown)| *unknown),
        task: read_task(must("task_to")?).unwrap_or(AmoTaskTo::Responsible),
        task_within: must("task_within")?.parse().unwrap_or(TASK_WITHIN),
        pipeline: word(own, "pipeline").and_then(|id| id.parse().ok()),
        users: users(&own.name, &site.devices),
        language: site.language.word().to_owned(),
        pages: site.web.public_url.clone(),
    })
}

fn users(crm: &Name, devices: &BTreeMap<Name, Devices>) -> BTreeMap<Name, u64> {
    let user = |(operator, devices): (&Name, &Devices)| {
        Some((operator.clone(), devices.crm.get(crm.as_str())?.value.parse().ok()?))
    };
    devices.iter().filter_map(user).collect()
}

fn read_task(text: &str) -> Option<AmoTaskTo> {
    match text {
        "responsible" => Some(AmoTaskTo::Responsible),
        "rung" => Some(AmoTaskTo::Rung),
        _ => {
            let name = text.strip_prefix("operator ").filter(|name| !name.is_empty())?;
            Some(AmoTaskTo::Operator(name.into()))
        }
    }
}

fn word<'a>(own: &'a Outlet, key: &str) -> Option<&'a str> {
    own.words.get(key)?.first().map(String::as_str)
}
