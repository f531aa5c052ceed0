//! What goes wrong with a request to amoCRM, and what follows from it (crm/amocrm.md section 3).

use std::time::Duration;

use serde_json::Value;

use super::amocrm_gate::Gate;
use crate::connect::deliver::Verdict;
use crate::connect::http::{Answer, NoAnswer};

/// What a 429 without any number asks for.
const LIMITED_FOR: Duration = Duration::from_secs(60);
/// The longest wait that is believed; a day in an answer is somebody's mistake.
const LIMITED_MAX: Duration = Duration::from_secs(3_600);
/// How often an account whose subscription ended is looked at.
const UNPAID_PROBE: Duration = Duration::from_secs(30 * 60);
/// The status in the body that says: nobody here has this number.
const NOBODY: u64 = 263;
/// Marks that are shown of one refusal; a batch has one for each bad item.
const MARKS_SHOWN: usize = 4;

/// Why a request has no good answer. No text of the peer is in it: those are localised, and
/// may repeat what we sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The guard of outgoing addresses refuses: a setting to mend.
    #[error("the address is refused: {0}")]
    Refused(&'static str),
    /// Nothing was sent.
    #[error("not reached: {0}")]
    Unreached(String),
    /// Sent, and nobody knows what came of it.
    #[error("no answer: {0}")]
    Lost(String),
    /// A page of HTML or half a body under a good status: the same.
    #[error("an answer with status {0} that is not JSON")]
    Page(u16),
    /// 5xx: the same, as far as we can know.
    #[error("the server answered {0}")]
    Server(u16),
    /// 504: the batch is too heavy; perhaps with an effect.
    #[error("the server did not finish in time (504)")]
    TooHeavy,
    /// 429.
    #[error("too many requests, wait {} s", .after.as_secs())]
    Limited {
        /// How long to wait.
        after: Duration,
    },
    /// 403 after 429.
    #[error("blocked after too many requests, for {} s at least", .after.as_secs())]
    Blocked {
        /// How long to wait before looking again.
        after: Duration,
    },
    /// 403 without 429.
    #[error("the token's user has no right to do this (403)")]
    Forbidden,
    /// 402.
    #[error("the subscription of the account has ended (402)")]
    Unpaid,
    /// 401: the token is not taken.
    #[error("the token is not taken (401)")]
    Unauthorised,
    /// A person has to authorise again.
    #[error("a person has to authorise again: {0}")]
    NeedsReauth(String),
    /// There is no usable token at the moment; the request was not sent.
    #[error("no token yet: {why}")]
    NoToken {
        /// When to ask again.
        after: Duration,
        /// Why there is none.
        why: String,
    },
    /// 404.
    #[error("not there (404)")]
    NotThere,
    /// Any other refusal: this request can never succeed.
    #[error("refused with {status}{}", marks_shown(.marks))]
    Wrong {
        /// The status.
        status: u16,
        /// Which item, and what is wrong with it.
        marks: Vec<Mark>,
        /// The `request_id`s of calls whose number nobody there has.
        nobody: Vec<String>,
        /// The answer says that nothing of the batch was stored.
        none_stored: bool,
    },
}

/// One complaint about one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Our `request_id`, or the item's place in the batch.
    pub item: String,
    /// The word of the complaint, like `NotSupportedChoice`.
    pub code: String,
    /// The field.
    pub path: String,
}

fn marks_shown(marks: &[Mark]) -> String {
    let shown: Vec<String> = marks
        .iter()
        .take(MARKS_SHOWN)
        .map(|mark| format!("{} at {}", mark.code, mark.path))
        .collect();
    if shown.is_empty() { String::new() } else { format!(" ({})", shown.join(", ")) }
}

impl Trouble {
    /// What became of a request that writes.
    pub fn verdict(self) -> Verdict {
        let why = self.to_string();
        match self {
            Trouble::Lost(_) | Trouble::Page(_) | Trouble::Server(_) | Trouble::TooHeavy => {
                Verdict::Ambiguous { why }
            }
            Trouble::Forbidden | Trouble::NotThere | Trouble::Wrong { .. } => Verdict::Dead { why },
            Trouble::Refused(_)
            | Trouble::Unreached(_)
            | Trouble::Limited { .. }
            | Trouble::Blocked { .. }
            | Trouble::Unpaid
            | Trouble::Unauthorised
            | Trouble::NeedsReauth(_)
            | Trouble::NoToken { .. } => self.without_effect(),
        }
    }

    /// What becomes of a note when a request that only reads went wrong before anything was
    /// written.
    pub fn without_effect(self) -> Verdict {
        let why = self.to_string();
        match self {
            Trouble::Unreached(_)
            | Trouble::Lost(_)
            | Trouble::Page(_)
            | Trouble::Server(_)
            | Trouble::TooHeavy => Verdict::Retry { after: None, why },
            Trouble::Limited { after } => Verdict::Wait { after, why },
            Trouble::NoToken { after, why } => Verdict::Wait { after, why },
            Trouble::Blocked { after } => {
                Verdict::Paused { state: "blocked", why, probe: Some(after) }
            }
            Trouble::Unpaid => Verdict::Paused { state: "unpaid", why, probe: Some(UNPAID_PROBE) },
            Trouble::Refused(_) => Verdict::Paused { state: "refused", why, probe: None },
            Trouble::Unauthorised | Trouble::NeedsReauth(_) => {
                Verdict::Paused { state: "needs_reauth", why, probe: None }
            }
            Trouble::Forbidden | Trouble::NotThere | Trouble::Wrong { .. } => Verdict::Dead { why },
        }
    }

    /// Whether the request may have had an effect.
    pub const fn is_unclear(&self) -> bool {
        matches!(self, Trouble::Lost(_) | Trouble::Page(_) | Trouble::Server(_) | Trouble::TooHeavy)
    }

    /// Whether a complaint is about the user of one of these fields.
    pub fn is_about_user(&self) -> bool {
        let Trouble::Wrong { marks, .. } = self else { return false };
        let user = |mark: &Mark| {
            ["responsible_user_id", "created_by", "updated_by", "call_responsible", "users"]
                .iter()
                .any(|field| mark.path.contains(field))
        };
        marks.iter().any(user)
    }
}

impl From<NoAnswer> for Trouble {
    fn from(none: NoAnswer) -> Trouble {
        match none {
            NoAnswer::Refused(why) => Trouble::Refused(why),
            NoAnswer::Unreached(why) => Trouble::Unreached(why),
            NoAnswer::Lost(why) => Trouble::Lost(why),
            NoAnswer::TooLarge => Trouble::Lost(none.to_string()),
        }
    }
}

/// Reads an answer: its JSON; `None` when it is good and says nothing (202, 204).
pub fn read(answer: &Answer, gate: &Gate) -> Result<Option<Value>, Trouble> {
    let trouble = match answer.status {
        202 | 204 => {
            gate.is_open();
            return Ok(None);
        }
        200 | 201 => {
            let value =
                answer.json::<Value>().filter(|value| value.is_object() || value.is_array());
            let value = value.ok_or(Trouble::Page(answer.status))?;
            gate.is_open();
            return Ok(Some(value));
        }
        401 => Trouble::Unauthorised,
        402 => Trouble::Unpaid,
        403 => gate.block().map_or(Trouble::Forbidden, |after| Trouble::Blocked { after }),
        404 => Trouble::NotThere,
        429 => {
            let after = wait(answer);
            gate.hold(after);
            Trouble::Limited { after }
        }
        504 => Trouble::TooHeavy,
        500.. => Trouble::Server(answer.status),
        206 | 203 | 205 => Trouble::Page(answer.status),
        // Half a refusal does not say whether the call is bad or only nobody's.
        400 => answer.json().map_or(Trouble::Page(400), |body| wrong(400, &body)),
        status => wrong(status, &answer.json().unwrap_or(Value::Null)),
    };
    Err(trouble)
}

/// How long a 429 asks to wait: the body's number, the header's, or a minute.
fn wait(answer: &Answer) -> Duration {
    let body = answer.json::<Value>();
    let told = body.as_ref().and_then(|body| body.get("retry_after")).and_then(Value::as_u64);
    let told = told.map(Duration::from_secs).or(answer.retry_after);
    told.unwrap_or(LIMITED_FOR).min(LIMITED_MAX)
}

/// Reads a refusal.
fn wrong(status: u16, body: &Value) -> Trouble {
    let mut marks = Vec::new();
    for item in items(body, "validation-errors") {
        let id = item.get("request_id").map(plain).unwrap_or_default();
        for error in items(item, "errors") {
            marks.push(Mark {
                item: id.clone(),
                code: error.get("code").map(plain).unwrap_or_default(),
                path: error.get("path").map(plain).unwrap_or_default(),
            });
        }
    }
    let none_stored = body.get("_total_items").and_then(Value::as_u64) == Some(0);
    Trouble::Wrong { status, marks, nobody: nobody(body), none_stored }
}

/// The `request_id`s of calls that were not stored for want of somebody with their number.
pub fn nobody(body: &Value) -> Vec<String> {
    let errors = items(body, "errors").chain(items(body, "_errors"));
    errors
        .filter(|error| error.get("status").and_then(Value::as_u64) == Some(NOBODY))
        .map(|error| error.get("request_id").map(plain).unwrap_or_default())
        .collect()
}

fn items<'a>(body: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    body.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// A short word of the peer: letters, digits and what stands in paths; whatever else is left out.
fn plain(value: &Value) -> String {
    /// Longer is no word.
    const WORD_MAX: usize = 80;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    };
    let fits = |c: &char| c.is_ascii_alphanumeric() || "._-/".contains(*c);
    text.chars().filter(fits).take(WORD_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(status: u16, body: &[u8]) -> Answer {
        Answer {
            status,
            kind: String::new(),
            retry_after: None,
            request_id: None,
            body: body.to_vec(),
        }
    }

    fn of(status: u16, body: &Value) -> Result<Option<Value>, Trouble> {
        read(&answer(status, body.to_string().as_bytes()), &Gate::default())
    }

    #[test]
    fn every_status_has_its_verdict() {
        for (status, expected) in [
            (400, "dead"),
            (402, "unpaid"),
            (403, "dead"),
            (404, "dead"),
            (405, "dead"),
            (422, "dead"),
            (429, "wait"),
            (500, "ambiguous"),
            (502, "ambiguous"),
            (503, "ambiguous"),
            (504, "ambiguous"),
        ] {
            let verdict = of(status, &json!({})).unwrap_err().verdict();
            let told = match verdict {
                Verdict::Dead { .. } => "dead",
                Verdict::Wait { .. } => "wait",
                Verdict::Ambiguous { .. } => "ambiguous",
                Verdict::Paused { state, .. } => state,
                Verdict::Done { .. } | Verdict::Skipped { .. } | Verdict::Retry { .. } => "other",
            };
            assert_eq!(told, expected, "{status}");
        }
        assert_eq!(of(204, &json!({})), Ok(None));
        assert_eq!(of(202, &json!({})), Ok(None));
        assert_eq!(read(&answer(200, b"<html>"), &Gate::default()), Err(Trouble::Page(200)));
        assert_eq!(read(&answer(200, b"{\"_emb"), &Gate::default()), Err(Trouble::Page(200)));
        assert_eq!(read(&answer(400, b"{\"_tot"), &Gate::default()), Err(Trouble::Page(400)));
    }

    #[test]
    fn a_429_waits_for_its_body_then_its_header_then_a_minute() {
        let mut limited = answer(429, br#"{"status":429,"retry_after":300}"#);
        limited.retry_after = Some(Duration::from_secs(7));
        assert_eq!(wait(&limited), Duration::from_secs(300));
        limited.body = b"<html>".to_vec();
        assert_eq!(wait(&limited), Duration::from_secs(7));
        limited.retry_after = None;
        assert_eq!(wait(&limited), Duration::from_secs(60));
    }

    #[test]
    fn a_refusal_tells_codes_and_paths_and_never_the_text() {
        let body = json!({
            "validation-errors": [{
                "request_id": "c-7f3a",
                "errors": [{
                    "code": "NotSupportedChoice",
                    "path": "responsible_user_id",
                    "detail": "user of +998901112233 is unknown",
                }],
            }],
            "detail": "Request validation failed",
        });
        let trouble = of(400, &body).unwrap_err();
        assert!(trouble.is_about_user());
        assert_eq!(
            trouble.to_string(),
            "refused with 400 (NotSupportedChoice at responsible_user_id)"
        );
        let body = json!({ "errors": [{ "request_id": "c-1", "status": 263, "detail": "…" }] });
        let Err(Trouble::Wrong { nobody, .. }) = of(400, &body) else { panic!() };
        assert_eq!(nobody, ["c-1"]);
    }
}
