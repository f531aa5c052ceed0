//! A task in amoCRM to call somebody back.

use serde_json::{Value, json};

use super::amocrm::{Inner, TaskTo};
use super::amocrm_door::Ask;
use super::amocrm_log::{number, skipped, write};
use super::amocrm_search::{Person, Search, find};
use super::amocrm_trouble::Trouble;
use super::amocrm_wire::{Task, list};
use crate::connect::deliver::{Found, Verdict};
use crate::model::{CallRow, Direction, Number, Wall};

/// amoCRM's kind of task for a call.
const TASK_CALL: u64 = 1;
/// Open tasks of one client that are looked through for one of ours.
const TASKS_LOOKED: usize = 50;

/// Gives the task, unless what happened since says that there is none.
pub async fn give(inner: &Inner, call: &CallRow, now: Wall) -> Verdict {
    if !call.missed || call.direction == Some(Direction::Out) {
        return skipped("it was not missed");
    }
    let Some(number) = number(call) else { return skipped("it has no outside number") };
    inner.users.refresh(&inner.door, None).await;
    let people = match find(&inner.door, number, Search::Note).await {
        Ok(people) => people,
        Err(trouble) => return trouble.without_effect(),
    };
    let Some(person) = people.first() else {
        return skipped("nobody in amoCRM has this number");
    };
    let began = call.ended_at.unwrap_or(call.started_at).max(now);
    let mut task = json!([{
        "task_type_id": TASK_CALL,
        "text": text(inner, call, number),
        "complete_till": (began + inner.task_within).0.div_euclid(1000),
        "entity_type": person.kind,
        "entity_id": person.entity.id,
    }]);
    if let (Some(user), Some(own)) =
        (responsible(inner, call, person), task.get_mut(0).and_then(Value::as_object_mut))
    {
        own.insert(String::from("responsible_user_id"), user.into());
    }
    match write(inner, "/api/v4/tasks", task, "responsible_user_id").await {
        Ok(body) => {
            let id = body.as_ref().and_then(|body| body.pointer("/_embedded/tasks/0/id"));
            Verdict::Done { external: Some(json!({ "task": id })) }
        }
        Err(trouble) => trouble.verdict(),
    }
}

/// Says that a task is done, because its client was reached. Saying it twice does no harm.
pub async fn complete(inner: &Inner, given: Option<&Value>) -> Verdict {
    let task = given.and_then(|given| given.get("task")).and_then(Value::as_u64);
    let Some(task) = task else { return skipped("no task was given") };
    let body = json!({ "is_completed": true, "result": { "text": inner.texts.reached } });
    match inner.door.ask(Ask::patch(format!("/api/v4/tasks/{task}"), body)).await {
        Ok(_) => Verdict::Done { external: None },
        Err(Trouble::NotThere) => skipped("somebody took the task away"),
        Err(trouble) => trouble.verdict(),
    }
}

/// Whose task it is; `None`: amoCRM's own choice, the owner of the token.
fn responsible(inner: &Inner, call: &CallRow, person: &Person) -> Option<u64> {
    let users = &inner.users;
    let rung = || call.offers.iter().rev().find_map(|offer| users.of(&offer.operator));
    let theirs = || person.entity.responsible_user_id.filter(|id| users.may_be_named(*id));
    match &inner.task {
        TaskTo::Responsible => theirs().or_else(rung),
        TaskTo::Rung => rung().or_else(theirs),
        TaskTo::Operator(name) => users.of(name).or_else(theirs),
    }
}

/// What the task says. The call's id stands in it, so that it is found again.
fn text(inner: &Inner, call: &CallRow, number: &Number) -> String {
    format!("{}: {} ({})", inner.texts.call_back, number.reveal(), call.id)
}

/// Whether the task was given by an attempt whose answer was lost.
pub async fn look_up(inner: &Inner, call: &CallRow) -> Found {
    let Some(number) = number(call) else { return Found::No };
    let people = match find(&inner.door, number, Search::Note).await {
        Ok(people) => people,
        Err(trouble) => return Found::NotNow { why: trouble.to_string() },
    };
    let id = call.id.to_string();
    for person in people {
        let path = format!(
            "/api/v4/tasks?filter[entity_type]={}&filter[entity_id][]={}&limit={TASKS_LOOKED}\
             &order[id]=desc",
            person.kind, person.entity.id
        );
        let body = match inner.door.ask(Ask::get(path)).await {
            Ok(body) => body,
            Err(trouble) => return Found::NotNow { why: trouble.to_string() },
        };
        let tasks: Vec<Task> = list(body.as_ref(), "tasks");
        let ours = |task: &Task| task.text.as_ref().is_some_and(|text| text.contains(&id));
        if let Some(task) = tasks.into_iter().find(ours) {
            return Found::Yes { external: Some(json!({ "task": task.id })) };
        }
    }
    Found::No
}
