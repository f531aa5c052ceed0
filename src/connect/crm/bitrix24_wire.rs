//! Bitrix24's words: the methods that are called, and what each of its errors means for us.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::connect::deliver::Verdict;
use crate::connect::http::{Answer, NoAnswer};
use crate::model::Wall;

/// Makes the call known; safe to repeat within 30 minutes because of `EXTERNAL_CALL_ID`.
pub const REGISTER: &str = "telephony.externalCall.register";
/// Shows its card to people.
pub const SHOW: &str = "telephony.externalCall.show";
/// Takes the card away from people.
pub const HIDE: &str = "telephony.externalCall.hide";
/// Writes the call into the statistics and the CRM.
pub const FINISH: &str = "telephony.externalCall.finish";
/// Adds the recording; a repeat replaces it.
pub const ATTACH: &str = "telephony.externalCall.attachRecord";
/// Makes a number of ours known.
pub const LINE_ADD: &str = "telephony.externalLine.add";
/// Who has a number.
pub const SEARCH: &str = "telephony.externalCall.searchCrmEntities";
/// The deals of somebody.
pub const DEALS: &str = "crm.deal.list";
/// Several requests in one, each of which may use the results of those before it.
pub const BATCH: &str = "batch";
/// The calls that are finished.
pub const STATISTIC: &str = "voximplant.statistic.get";
/// The people of the portal.
pub const USERS: &str = "user.get";

/// How long the portal rests after it refused a request for their number: at 2 a second a full
/// bucket of 50 is then a fifth emptier. Shorter provokes it, longer makes notes late.
const LIMIT_REST: Duration = Duration::from_secs(5);
/// The longest rest that is taken on the portal's word: the window of its other limit.
const REST_MAX: Duration = Duration::from_mins(10);
/// A rest for want of a word from the portal.
const REST_UNTOLD: Duration = Duration::from_mins(1);
/// How often a portal that is blocked or unpaid is asked again; nothing is gained by haste.
const BLOCKED_PROBE: Duration = Duration::from_mins(30);

/// Why a request has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The access token is past its hour: refresh it, once.
    Expired,
    /// Too much was asked: the whole portal rests. Without effect.
    Limit { after: Duration, why: String },
    /// The vendor or the tariff holds the portal. Without effect.
    Held { state: &'static str, why: String },
    /// We are not or no longer known: a person must connect the portal again. Without effect.
    Unknown { why: String },
    /// Nothing left, or nothing was taken. Without effect.
    Unsent { why: String },
    /// Perhaps with an effect.
    Lost { why: String },
    /// The portal knows no such call: not registered, forgotten, or finished already.
    NoCall,
    /// The call is not in the statistics yet.
    NotListed,
    /// The portal could not fetch the recording from us.
    Recording { why: String },
    /// The person named is switched off there.
    NoUser,
    /// This request can never succeed.
    Refused { why: String },
}

/// What every answer looks like.
#[derive(Deserialize)]
pub struct Envelope {
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    error_description: Option<String>,
    /// Where a list goes on.
    #[serde(default)]
    next: Option<u64>,
    #[serde(default)]
    time: Option<Time>,
}

#[derive(Deserialize)]
struct Time {
    #[serde(default)]
    finish: f64,
    #[serde(default)]
    operating_reset_at: f64,
}

/// A result, and where its list goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What was asked for.
    pub result: Value,
    /// The `start` of the next page.
    pub next: Option<u64>,
}

/// Reads an answer by the sheet's table. `clean` takes secrets and numbers out of texts.
pub fn read(answer: &Answer, clean: impl Fn(&str) -> String) -> Result<Told, Trouble> {
    let envelope = answer.json::<Envelope>();
    let Some(envelope) = envelope.filter(|one| one.result.is_some() || one.error.is_some()) else {
        // A proxy's page or half a body: nobody knows what the portal did.
        let why = format!("{} with {}", answer.status, shown(&answer.kind));
        return Err(Trouble::Lost { why });
    };
    let code = match &envelope.error {
        None => {
            let result = envelope.result.unwrap_or_default();
            return Ok(Told { result, next: envelope.next });
        }
        Some(Value::String(code)) => code.clone(),
        Some(other) => other.to_string(),
    };
    let text = envelope.error_description.unwrap_or_default();
    let why = clean(&format!("{} {code}: {text}", answer.status));
    let rest = || match &envelope.time {
        Some(time) if time.operating_reset_at > time.finish => {
            Duration::try_from_secs_f64(time.operating_reset_at - time.finish).ok()
        }
        Some(_) | None => None,
    };
    Err(match (answer.status, code.to_lowercase().as_str()) {
        (_, "expired_token") => Trouble::Expired,
        (_, "query_limit_exceeded") => {
            Trouble::Limit { after: answer.retry_after.unwrap_or(LIMIT_REST).min(REST_MAX), why }
        }
        (_, "operation_time_limit") | (429, _) => {
            let after = rest().or(answer.retry_after).unwrap_or(REST_UNTOLD);
            Trouble::Limit { after: after.clamp(LIMIT_REST, REST_MAX), why }
        }
        (_, "overload_limit") => Trouble::Held { state: "overloaded", why },
        (_, "access_denied" | "payment_required") => Trouble::Held { state: "unpaid", why },
        (_, "portal_deleted") => Trouble::Held { state: "portal_deleted", why },
        (401, _) | (_, "wrong_auth_type" | "invalid_credentials" | "insufficient_scope") => {
            Trouble::Unknown { why }
        }
        (_, "user_access_error" | "no_auth_found" | "invalid_token") => Trouble::Unknown { why },
        (400..=499, _) => of_call(&text, why),
        _ => Trouble::Lost { why },
    })
}

/// One code stands for everything that concerns a call, so its English words tell it apart.
fn of_call(text: &str, why: String) -> Trouble {
    let has = |words: &str| text.to_lowercase().contains(words);
    if has("not found in the statistic") {
        Trouble::NotListed
    } else if has("call is not found") {
        Trouble::NoCall
    } else if has("user is not found or is not active") {
        Trouble::NoUser
    } else if has("server returns http error") {
        Trouble::Recording { why }
    } else if has("unexpected database error") || has("db error") {
        Trouble::Lost { why }
    } else {
        Trouble::Refused { why }
    }
}

/// The result of one request of a batch. Its error has no status of its own.
pub fn read_part(
    batch: &Told,
    part: &str,
    clean: impl Fn(&str) -> String,
) -> Result<Value, Trouble> {
    let of = |field: &str| batch.result.get(field).and_then(|parts| parts.get(part)).cloned();
    match (of("result"), of("result_error")) {
        (Some(result), _) => Ok(result),
        (None, Some(error)) => {
            let body = serde_json::to_vec(&error).unwrap_or_default();
            let answer = Answer {
                status: 400,
                kind: String::new(),
                retry_after: None,
                request_id: None,
                body,
            };
            read(&answer, clean).map(|told| told.result)
        }
        (None, None) => Err(Trouble::Lost { why: format!("the batch has no {part}") }),
    }
}

/// What no answer at all means.
pub fn unanswered(error: &NoAnswer) -> Trouble {
    let why = error.to_string();
    match error {
        NoAnswer::Refused(_) => Trouble::Held { state: "address_refused", why },
        NoAnswer::Unreached(_) => Trouble::Unsent { why },
        NoAnswer::Lost(_) | NoAnswer::TooLarge => Trouble::Lost { why },
    }
}

impl Trouble {
    /// What it says.
    pub fn why(&self) -> String {
        match self {
            Trouble::Expired => String::from("the access token is refused right after a refresh"),
            Trouble::NoCall => String::from("the portal knows no such call"),
            Trouble::NotListed => String::from("the call is not in the statistics yet"),
            Trouble::NoUser => String::from("the user is switched off in the portal"),
            Trouble::Limit { why, .. }
            | Trouble::Held { why, .. }
            | Trouble::Unknown { why }
            | Trouble::Unsent { why }
            | Trouble::Lost { why }
            | Trouble::Recording { why }
            | Trouble::Refused { why } => why.clone(),
        }
    }

    /// The verdict after a request that does no harm when it is repeated.
    pub fn repeatable(self) -> Verdict {
        let again = matches!(self, Trouble::Lost { .. } | Trouble::NotListed)
            || matches!(self, Trouble::Recording { .. });
        if again { Verdict::Retry { after: None, why: self.why() } } else { self.once() }
    }

    /// The verdict after a request whose effect must not happen twice.
    pub fn once(self) -> Verdict {
        match self {
            Trouble::Lost { why } => Verdict::Ambiguous { why },
            Trouble::Limit { after, why } => Verdict::Wait { after, why },
            Trouble::Held { state, why } => {
                // An address that the guard refuses is mended in the configuration only.
                let probe = (state != "address_refused").then_some(BLOCKED_PROBE);
                Verdict::Paused { state, why, probe }
            }
            Trouble::Unknown { why } => Verdict::Paused { state: "needs_reauth", why, probe: None },
            Trouble::Expired => {
                Verdict::Paused { state: "needs_reauth", why: self.why(), probe: None }
            }
            Trouble::Unsent { why } => Verdict::Retry { after: None, why },
            Trouble::NoCall
            | Trouble::NotListed
            | Trouble::NoUser
            | Trouble::Recording { .. }
            | Trouble::Refused { .. } => Verdict::Dead { why: self.why() },
        }
    }
}

/// A moment as ISO 8601 with a zone and without fractions, the form of the portal's own examples.
pub fn iso(at: Wall) -> String {
    let text = at.rfc3339();
    format!("{}+00:00", text.get(..19).unwrap_or("1970-01-01T00:00:00"))
}

/// A number that may come as a number or as a text.
pub fn id_of(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text that is not empty.
pub fn text_of(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn shown(kind: &str) -> &str {
    if kind.is_empty() { "no body that can be read" } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let kind = String::from("application/json");
        Answer { status, kind, retry_after: None, request_id: None, body: body.as_bytes().to_vec() }
    }

    fn trouble(status: u16, code: &str, text: &str) -> Trouble {
        let body = serde_json::json!({ "error": code, "error_description": text }).to_string();
        read(&answer(status, &body), str::to_owned).unwrap_err()
    }

    #[test]
    fn every_row_of_the_error_table_has_its_verdict() {
        for (status, code, text, state) in [
            (401, "NO_AUTH_FOUND", "", "needs_reauth"),
            (403, "INVALID_CREDENTIALS", "", "needs_reauth"),
            (403, "insufficient_scope", "", "needs_reauth"),
            (403, "user_access_error", "", "needs_reauth"),
            (403, "WRONG_AUTH_TYPE", "", "needs_reauth"),
            (403, "ACCESS_DENIED", "", "unpaid"),
            (402, "PAYMENT_REQUIRED", "", "unpaid"),
            (500, "PORTAL_DELETED", "", "portal_deleted"),
            (503, "OVERLOAD_LIMIT", "", "overloaded"),
        ] {
            let verdict = trouble(status, code, text).once();
            let Verdict::Paused { state: found, .. } = verdict else {
                panic!("{code}: {verdict:?}")
            };
            assert_eq!(found, state, "{code}");
        }
        for (status, code) in [(503, "QUERY_LIMIT_EXCEEDED"), (429, "OPERATION_TIME_LIMIT")] {
            assert!(matches!(trouble(status, code, "").once(), Verdict::Wait { .. }), "{code}");
        }
        for (status, code, text) in [
            (400, "ERROR_CORE", "Unknown TYPE"),
            (400, "ERROR_CORE", "Unsupported phone number format"),
            (400, "INVALID_ARGUMENT", "CALL_ID must be a string"),
        ] {
            assert!(matches!(trouble(status, code, text).once(), Verdict::Dead { .. }), "{text}");
        }
        for status in [500, 502, 504] {
            let lost = trouble(status, "INTERNAL_SERVER_ERROR", "");
            assert!(matches!(lost.clone().once(), Verdict::Ambiguous { .. }), "{status}");
            assert!(matches!(lost.repeatable(), Verdict::Retry { .. }), "{status}");
        }
        assert_eq!(trouble(401, "expired_token", ""), Trouble::Expired);
        let text = "Call is not found (call should be registered prior to finishing";
        assert_eq!(trouble(400, "ERROR_CORE", text), Trouble::NoCall);
        let text = "Call is not found in the statistic table. Looks like it is not finished yet.";
        assert_eq!(trouble(400, "ERROR_CORE", text), Trouble::NotListed);
        let database = trouble(400, "ERROR_CORE", "Unexpected database error");
        assert!(matches!(database, Trouble::Lost { .. }), "{database:?}");
    }

    #[test]
    fn a_page_or_half_a_body_says_nothing_about_the_effect() {
        for body in ["<html></html>", "", "{\"result\":", "{}", "[]"] {
            let trouble = read(&answer(200, body), str::to_owned).unwrap_err();
            assert!(matches!(trouble, Trouble::Lost { .. }), "{body}: {trouble:?}");
        }
    }

    #[test]
    fn a_result_of_false_is_a_result() {
        let told = read(&answer(200, r#"{"result":false,"time":{}}"#), str::to_owned).unwrap();
        assert_eq!(told.result, Value::Bool(false));
    }

    #[test]
    fn the_rest_lasts_until_the_portal_says() {
        let body = r#"{"error":"OPERATION_TIME_LIMIT","error_description":"",
            "time":{"finish":1773132480.3,"operating_reset_at":1773132510}}"#;
        let trouble = read(&answer(429, body), str::to_owned).unwrap_err();
        let Trouble::Limit { after, .. } = trouble else { panic!("{trouble:?}") };
        assert_eq!(after.as_secs(), 29);
    }

    #[test]
    fn a_moment_has_a_zone_and_no_fraction() {
        assert_eq!(iso(Wall(1_795_150_800_123)), "2026-11-20T05:00:00+00:00");
    }
}
