//! Whether a call was entered by an attempt whose answer was lost (crm/amocrm.md section 9).
//!
//! amoCRM promises nothing about repetitions, so nothing is repeated before it is looked for:
//! among the last call notes of everybody with the number and of their leads, and, where the
//! setting makes them, among the unsorted leads.

use serde_json::Value;

use super::amocrm::Inner;
use super::amocrm_door::Ask;
use super::amocrm_log::{Entered, Told, Unknown, mark, number};
use super::amocrm_search::{Search, find, national};
use super::amocrm_trouble::Trouble;
use super::amocrm_wire::{Remark, list};
use crate::connect::deliver::Found;
use crate::model::CallRow;

/// Notes of one entity that are looked through, the newest first.
const NOTES_LOOKED: usize = 50;
/// People with the number and their leads that are looked at.
const ENTITIES_MAX: usize = 12;
/// Unsorted leads of one page.
const UNSORTED_LOOKED: usize = 250;

/// Looks for a call, or for the amendment of one that was entered.
pub async fn look_up(inner: &Inner, call: &CallRow, external: Option<&Value>) -> Found {
    let entered = external.and_then(|kept| serde_json::from_value::<Entered>(kept.clone()).ok());
    let found = match &entered {
        Some(entered) => amended(inner, call, entered).await,
        None => anywhere(inner, call).await,
    };
    match found {
        Ok(Some(entered)) => Found::Yes { external: serde_json::to_value(entered).ok() },
        Ok(None) => Found::No,
        Err(trouble) => Found::NotNow { why: trouble.to_string() },
    }
}

async fn amended(
    inner: &Inner,
    call: &CallRow,
    entered: &Entered,
) -> Result<Option<Entered>, Trouble> {
    let told = Told::of(call);
    if told == entered.told {
        return Ok(Some(entered.clone()));
    }
    let path = format!(
        "/api/v4/{}/{}/notes?filter[note_type][]=common&limit={NOTES_LOOKED}&order[id]=desc",
        entered.kind, entered.id
    );
    let body = inner.door.ask(Ask::get(path)).await?;
    let mark = mark(call);
    let remarks: Vec<Remark> = list(body.as_ref(), "notes");
    let ours = remarks.into_iter().filter_map(|remark| remark.params).any(|params| {
        params.text.is_some_and(|text| text.lines().any(|line| line.ends_with(&mark)))
    });
    Ok(ours.then(|| Entered { told, ..entered.clone() }))
}

async fn anywhere(inner: &Inner, call: &CallRow) -> Result<Option<Entered>, Trouble> {
    let Some(number) = number(call) else { return Ok(None) };
    let people = find(&inner.door, number, Search::Note).await?;
    let persons = people.iter().map(|person| (person.kind, person.entity.id));
    let leads = people.iter().flat_map(|person| &person.leads).map(|lead| ("leads", lead.id));
    let made = inner.numbers.made(&national(number));
    let mut entities: Vec<(&'static str, u64)> = persons.chain(leads).chain(made).collect();
    entities.dedup();
    for (kind, id) in entities.into_iter().take(ENTITIES_MAX) {
        if let Some(entered) = at_entity(inner, call, (kind, id)).await? {
            return Ok(Some(entered));
        }
    }
    if inner.unknown == Unknown::Unsorted {
        return among_unsorted(inner, call).await;
    }
    Ok(None)
}

async fn at_entity(
    inner: &Inner,
    call: &CallRow,
    (kind, id): (&'static str, u64),
) -> Result<Option<Entered>, Trouble> {
    let path = format!(
        "/api/v4/{kind}/{id}/notes?filter[note_type][]=call_in&filter[note_type][]=call_out\
         &limit={NOTES_LOOKED}&order[id]=desc"
    );
    let body = inner.door.ask(Ask::get(path)).await?;
    let remarks: Vec<Remark> = list(body.as_ref(), "notes");
    let uniq = call.id.to_string();
    let ours = remarks.into_iter().find(|remark| {
        remark.params.as_ref().is_some_and(|params| params.uniq.as_deref() == Some(&uniq))
    });
    Ok(ours.map(|remark| {
        let told =
            remark.params.map_or_else(|| Told::of(call), |params| Told::in_note(params, call));
        Entered { kind: kind.to_owned(), id, call: Some(remark.id), told }
    }))
}

async fn among_unsorted(inner: &Inner, call: &CallRow) -> Result<Option<Entered>, Trouble> {
    let path = format!("/api/v4/leads/unsorted?filter[category][]=sip&limit={UNSORTED_LOOKED}");
    let body = inner.door.ask(Ask::get(path)).await?;
    let listed: Vec<Value> = list(body.as_ref(), "unsorted");
    let uniq = call.id.to_string();
    let ours = listed
        .iter()
        .find(|one| one.pointer("/metadata/uniq").and_then(Value::as_str) == Some(uniq.as_str()));
    let lead = ours.and_then(|one| one.pointer("/_embedded/leads/0/id")).and_then(Value::as_u64);
    Ok(lead.map(|id| Entered { kind: String::from("leads"), id, call: None, told: Told::of(call) }))
}
