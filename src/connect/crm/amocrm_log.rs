//! A finished call in amoCRM's log (crm/amocrm.md sections 6 and 7).
//!
//! amoCRM puts a call to whoever has its number; of nobody's calls a setting decides. A call is
//! entered once: what late facts change is told by a note beside it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::amocrm::Inner;
use super::amocrm_batch::Logged;
use super::amocrm_door::Ask;
use super::amocrm_search::{Search, find, national};
use super::amocrm_trouble::Trouble;
use super::amocrm_users::Users;
use super::amocrm_wire::{CallItem, Params, Who};
use crate::connect::deliver::Verdict;
use crate::model::{CallRow, Direction, Disposition, Name, Number, OfferEnd, Outcome, Party};

/// Our name in the log.
pub const SOURCE: &str = "navbat";
/// What amoCRM calls the ends of calls. Its 1, a message that was left, is never used: a message
/// becomes a callback with us.
const CALL_BACK_LATER: u8 = 2;
const TALKED: u8 = 4;
const NO_ANSWER: u8 = 6;
const BUSY: u8 = 7;
const UNDEFINED: u8 = 8;

/// What is done about a call whose number nobody in amoCRM has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Nothing.
    Skip,
    /// A note, where our own search finds somebody whom amoCRM's missed.
    Note,
    /// The same, and an incoming lead in *unsorted* for whom nobody finds.
    Unsorted,
    /// The same, and a contact for whom nobody finds.
    Create,
}

impl Unknown {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Unknown); 4] = [
        ("skip", Unknown::Skip),
        ("note", Unknown::Note),
        ("unsorted", Unknown::Unsorted),
        ("create", Unknown::Create),
    ];
}

/// What is kept of a call that was entered, so that a later revision can amend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// `contacts`, `leads` and so on.
    pub kind: String,
    /// The entity's id.
    pub id: u64,
    /// The call's id, where it was told.
    #[serde(default)]
    pub call: Option<u64>,
    /// What the log says.
    pub told: Told,
}

/// What amoCRM was told of a call, as far as late facts can change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Seconds of conversation.
    pub duration: u64,
    /// amoCRM's word for the end.
    pub status: u8,
    /// Where the recording is.
    #[serde(default)]
    pub link: Option<String>,
    /// The operator who answered.
    #[serde(default)]
    pub by: Option<Name>,
    /// What the operator said of it.
    #[serde(default)]
    pub result: Option<String>,
}

impl Told {
    /// What a call has to tell.
    pub fn of(call: &CallRow) -> Told {
        Told {
            duration: call.talk.map_or(0, |talk| talk.as_millis() / 1000),
            status: status(call),
            link: call.recording_url.clone().filter(|link| is_web(link)),
            by: talked_by(call).cloned(),
            result: call.result.clone().filter(|text| !text.is_empty()),
        }
    }

    /// What a note of amoCRM's says of a call.
    pub fn in_note(params: Params, call: &CallRow) -> Told {
        let own = Told::of(call);
        Told {
            duration: params.duration.unwrap_or(own.duration),
            status: params.call_status.unwrap_or(own.status),
            link: params.link.filter(|link| !link.is_empty()),
            by: own.by,
            result: params.call_result.filter(|text| !text.is_empty()),
        }
    }
}

/// Only an address of the web is a link to a recording; whatever else a provider sent is not.
fn is_web(link: &str) -> bool {
    link.starts_with("https://") || link.starts_with("http://")
}

/// The number that a call is entered under.
pub fn number(call: &CallRow) -> Option<&Number> {
    call.client.as_ref().and_then(Party::e164)
}

/// Which of amoCRM's ends a call had.
fn status(call: &CallRow) -> u8 {
    if !call.handled_by.is_empty() || call.disposition == Disposition::Answered {
        return TALKED;
    }
    let busy = |end: &Option<OfferEnd>| matches!(end, Some(OfferEnd::Busy));
    match call.disposition {
        Disposition::Answered => TALKED,
        Disposition::Busy => BUSY,
        Disposition::Missed => match call.outcome {
            Some(Outcome::CallbackTaken) => CALL_BACK_LATER,
            _ if !call.offers.is_empty() && call.offers.iter().all(|o| busy(&o.end)) => BUSY,
            _ => NO_ANSWER,
        },
        Disposition::NoAnswer | Disposition::Cancelled | Disposition::Failed => NO_ANSWER,
        Disposition::Open | Disposition::Internal | Disposition::UnknownEnd => UNDEFINED,
    }
}

/// Who had the conversation: who answered, or who dialled.
fn talked_by(call: &CallRow) -> Option<&Name> {
    match call.direction {
        Some(Direction::Out) => call.placed_by.as_ref().or(call.answered_by.as_ref()),
        Some(Direction::In | Direction::Internal) | None => call.answered_by.as_ref(),
    }
}

/// Who stands at the call: who talked, else whose telephone rang last.
fn person(call: &CallRow) -> Option<&Name> {
    talked_by(call).or_else(|| call.offers.last().map(|offer| &offer.operator))
}

/// The call in amoCRM's words; `None` where the log has no place for it.
pub fn item(call: &CallRow, users: &Users) -> Option<CallItem> {
    let direction = match call.direction? {
        Direction::In => "inbound",
        Direction::Out => "outbound",
        Direction::Internal => return None,
    };
    let told = Told::of(call);
    let person = person(call);
    let user = person.and_then(|name| users.of(name));
    let label = person.or(call.queue.as_ref()).map(|name| Who::Named(name.to_string()));
    let id = call.id.to_string();
    Some(CallItem {
        request_id: id.clone(),
        direction: direction.to_owned(),
        uniq: id,
        duration: told.duration,
        source: SOURCE.to_owned(),
        phone: number(call)?.reveal().to_owned(),
        link: told.link,
        call_result: told.result,
        call_status: told.status,
        call_responsible: user.map(Who::User).or(label),
        responsible_user_id: user,
        created_by: user,
        created_at: call.started_at.0.div_euclid(1000),
    })
}

/// The same call without any user of the account, whose name is shown instead.
fn without_user(item: CallItem, call: &CallRow) -> CallItem {
    let label = person(call).map(|name| Who::Named(name.to_string()));
    CallItem { call_responsible: label, responsible_user_id: None, created_by: None, ..item }
}

/// Enters a call, or amends what was entered.
pub async fn enter(inner: &Inner, call: &CallRow, external: Option<&Value>) -> Verdict {
    if !call.settled {
        return skipped("it is not settled yet");
    }
    inner.users.refresh(&inner.door, None).await;
    let Some(item) = item(call, &inner.users) else {
        return skipped("it has no outside number, or is a call inside the company");
    };
    if let Some(kept) = external {
        return match Entered::deserialize(kept) {
            Ok(entered) => amend(inner, call, entered).await,
            // It is entered somewhere, so it must not be entered again.
            Err(_) => {
                let why = String::from("where it was entered cannot be read, so it is not amended");
                Verdict::Dead { why }
            }
        };
    }
    let logged = match log(inner, call, item.clone()).await {
        Ok(logged) => logged,
        Err(trouble) => return trouble.verdict(),
    };
    match logged {
        Logged::Placed { call: id, kind, id: entity } => done(&Entered {
            kind: kind.to_owned(),
            id: entity,
            call: Some(id),
            told: Told::of(call),
        }),
        Logged::Nobody if inner.unknown == Unknown::Skip => {
            skipped("nobody in amoCRM has this number")
        }
        Logged::Nobody => match number(call) {
            Some(number) => of_nobody(inner, call, item, number).await,
            None => skipped("it has no outside number"),
        },
    }
}

/// Logs a call; one that is refused for its user is logged without.
async fn log(inner: &Inner, call: &CallRow, item: CallItem) -> Result<Logged, Trouble> {
    let named = item.responsible_user_id.is_some();
    let refused = match inner.batch.log(&inner.door, item.clone()).await {
        Err(trouble @ Trouble::Wrong { status: 400, .. }) if named => trouble,
        other => return other,
    };
    inner.users.reread(&inner.door).await;
    let gone = item.responsible_user_id.is_some_and(|id| !inner.users.may_be_named(id));
    if !gone && !refused.is_about_user() {
        return Err(refused);
    }
    inner.batch.log(&inner.door, without_user(item, call)).await
}

/// A call whose number amoCRM's own matching finds nowhere.
async fn of_nobody(inner: &Inner, call: &CallRow, item: CallItem, number: &Number) -> Verdict {
    let key = national(number);
    let _turn = inner.numbers.turn(&key).await;
    if let Some(rest) = inner.numbers.unclear_for(&key) {
        let why = String::from("whether this number was made a contact is not clear yet");
        return Verdict::Retry { after: Some(rest), why };
    }
    let known = match inner.numbers.made(&key) {
        Some(made) => Some(made),
        None => match find(&inner.door, number, Search::Note).await {
            Ok(people) => people.first().map(|person| (person.kind, person.entity.id)),
            Err(trouble) => return trouble.without_effect(),
        },
    };
    if let Some((kind, id)) = known {
        return note_of_call(inner, call, &item, (kind, id)).await;
    }
    match inner.unknown {
        Unknown::Skip | Unknown::Note => skipped("nobody in amoCRM has this number"),
        Unknown::Unsorted if call.direction == Some(Direction::In) => {
            unsorted(inner, call, &item, &key).await
        }
        Unknown::Unsorted => skipped("only incoming calls become unsorted leads"),
        Unknown::Create => match create(inner, &item, &key).await {
            Ok(contact) => match log(inner, call, item.clone()).await {
                Ok(Logged::Placed { call: id, kind, id: entity }) => {
                    let told = Told::of(call);
                    done(&Entered { kind: kind.to_owned(), id: entity, call: Some(id), told })
                }
                // Its search has not seen the contact yet; we know it.
                Ok(Logged::Nobody) => note_of_call(inner, call, &item, ("contacts", contact)).await,
                Err(trouble) => trouble.verdict(),
            },
            Err(trouble) => trouble.verdict(),
        },
    }
}

/// The call as a note at somebody whom we know and amoCRM's matching does not.
async fn note_of_call(
    inner: &Inner,
    call: &CallRow,
    item: &CallItem,
    (kind, id): (&'static str, u64),
) -> Verdict {
    let note_type = if item.direction == "inbound" { "call_in" } else { "call_out" };
    let responsible = item.call_responsible.as_ref().map(|who| match who {
        Who::User(id) => id.to_string(),
        Who::Named(name) => name.clone(),
    });
    let mut note = json!([{
        "note_type": note_type,
        "created_at": item.created_at,
        "params": {
            "uniq": item.uniq,
            "duration": item.duration,
            "source": item.source,
            "link": item.link,
            "phone": item.phone,
            "call_responsible": responsible,
            "call_status": item.call_status,
            "call_result": item.call_result,
        },
    }]);
    prune(&mut note);
    set_user(&mut note, "created_by", item.created_by);
    match write(inner, &format!("/api/v4/{kind}/{id}/notes"), note, "created_by").await {
        Ok(body) => {
            let call_id = first_id(body.as_ref(), "notes");
            let told = Told::of(call);
            done(&Entered { kind: kind.to_owned(), id, call: call_id, told })
        }
        Err(trouble) => trouble.verdict(),
    }
}

/// An incoming lead of category *sip*; amoCRM enters the call with it.
async fn unsorted(inner: &Inner, call: &CallRow, item: &CallItem, key: &str) -> Verdict {
    let page = inner.call_page(call.id);
    let mut lead = json!([{
        "request_id": item.request_id,
        "source_uid": format!("{SOURCE}-{}", call.account),
        "source_name": "Navbat",
        "created_at": item.created_at,
        "metadata": {
            "from": item.phone,
            "phone": item.phone,
            "call_responsible": item.call_responsible,
            "called_at": item.created_at,
            "duration": item.duration,
            "service_code": SOURCE,
            "link": item.link.clone().unwrap_or(page),
            "uniq": item.uniq,
            "is_call_event_needed": true,
        },
        "_embedded": {
            "leads": [{ "name": format!("{} {}", inner.texts.incoming, item.phone) }],
            "contacts": [contact(&item.phone)],
        },
    }]);
    prune(&mut lead);
    if let (Some(pipeline), Some(first)) = (inner.pipeline, lead.get_mut(0)) {
        first.as_object_mut().map(|own| own.insert(String::from("pipeline_id"), pipeline.into()));
    }
    let made = inner.door.ask(Ask::post("/api/v4/leads/unsorted/sip", lead)).await;
    let body = match made {
        Ok(body) => body,
        Err(trouble) => {
            inner.numbers.note_trouble(key, &trouble);
            return trouble.verdict();
        }
    };
    let inside = |kind: &str| {
        let path = format!("/_embedded/unsorted/0/_embedded/{kind}/0/id");
        body.as_ref().and_then(|body| body.pointer(&path)).and_then(Value::as_u64)
    };
    if let Some(contact) = inside("contacts") {
        inner.numbers.remember(key, ("contacts", contact));
    }
    match inside("leads") {
        Some(id) => {
            done(&Entered { kind: String::from("leads"), id, call: None, told: Told::of(call) })
        }
        None => Verdict::Ambiguous { why: String::from("the answer names no lead") },
    }
}

/// Makes a contact of a number, and gives its id.
async fn create(inner: &Inner, item: &CallItem, key: &str) -> Result<u64, Trouble> {
    let mut made = json!([contact(&item.phone)]);
    if let Some(own) = made.get_mut(0).and_then(Value::as_object_mut) {
        own.insert(String::from("request_id"), item.request_id.as_str().into());
    }
    set_user(&mut made, "responsible_user_id", item.responsible_user_id);
    let body = match write(inner, "/api/v4/contacts", made, "responsible_user_id").await {
        Ok(body) => body,
        Err(trouble) => {
            inner.numbers.note_trouble(key, &trouble);
            return Err(trouble);
        }
    };
    match first_id(body.as_ref(), "contacts") {
        Some(id) => {
            inner.numbers.remember(key, ("contacts", id));
            Ok(id)
        }
        None => {
            let trouble = Trouble::Lost(String::from("the answer names no contact"));
            inner.numbers.note_trouble(key, &trouble);
            Err(trouble)
        }
    }
}

/// A person without a name yet.
fn contact(phone: &str) -> Value {
    json!({
        "name": phone,
        "custom_fields_values": [{
            "field_code": "PHONE",
            "values": [{ "value": phone, "enum_code": "WORK" }],
        }],
    })
}

/// Tells what late facts changed, by a note beside the call.
async fn amend(inner: &Inner, call: &CallRow, entered: Entered) -> Verdict {
    let told = Told::of(call);
    if told == entered.told {
        return done(&entered);
    }
    let text = amendment(inner, call, &entered.told, &told);
    let note = json!([{ "note_type": "common", "params": { "text": text } }]);
    let path = format!("/api/v4/{}/{}/notes", entered.kind, entered.id);
    match inner.door.ask(Ask::post(path, note)).await {
        Ok(_) => done(&Entered { told, ..entered }),
        Err(trouble) => trouble.verdict(),
    }
}

fn amendment(inner: &Inner, call: &CallRow, before: &Told, after: &Told) -> String {
    let texts = inner.texts;
    let mut lines = vec![format!("{}: {}", texts.amended, mark(call))];
    if (before.duration, before.status) != (after.duration, after.status) {
        lines.push(match after.status {
            TALKED => format!("{}: {}", texts.talked, after.duration),
            _ => texts.not_talked.to_owned(),
        });
    }
    let changed = |before: &Option<String>, after: &Option<String>, label: &str| {
        let after = after.as_ref().filter(|after| Some(*after) != before.as_ref());
        after.map(|after| format!("{label}: {after}"))
    };
    let by = |told: &Told| told.by.as_ref().map(ToString::to_string);
    lines.extend(changed(&by(before), &by(after), texts.answered_by));
    lines.extend(changed(&before.result, &after.result, texts.result));
    lines.extend(changed(&before.link, &after.link, texts.recording));
    lines.join("\n")
}

/// What an amendment is recognised by: the call and the revision that it tells.
pub fn mark(call: &CallRow) -> String {
    format!("{}/{}", call.id, call.revision)
}

/// Writes something that names a user, and again without when the user is refused.
pub async fn write(
    inner: &Inner,
    path: &str,
    body: Value,
    field: &str,
) -> Result<Option<Value>, Trouble> {
    let user = body.pointer(&format!("/0/{field}")).and_then(Value::as_u64);
    let refused = match inner.door.ask(Ask::post(path, body.clone())).await {
        Err(trouble @ Trouble::Wrong { status: 400, .. }) if user.is_some() => trouble,
        other => return other,
    };
    inner.users.reread(&inner.door).await;
    if user.is_some_and(|id| inner.users.may_be_named(id)) && !refused.is_about_user() {
        return Err(refused);
    }
    let mut bare = body;
    if let Some(own) = bare.get_mut(0).and_then(Value::as_object_mut) {
        own.remove(field);
    }
    inner.door.ask(Ask::post(path, bare)).await
}

fn set_user(body: &mut Value, field: &str, user: Option<u64>) {
    if let (Some(user), Some(own)) = (user, body.get_mut(0).and_then(Value::as_object_mut)) {
        own.insert(field.to_owned(), user.into());
    }
}

/// Takes out what is null: amoCRM does not read it as absent everywhere.
fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn first_id(body: Option<&Value>, kind: &str) -> Option<u64> {
    body?.pointer(&format!("/_embedded/{kind}/0/id")).and_then(Value::as_u64)
}

pub fn done(entered: &Entered) -> Verdict {
    Verdict::Done { external: serde_json::to_value(entered).ok() }
}

pub fn skipped(why: &str) -> Verdict {
    Verdict::Skipped { why: why.to_owned() }
}
