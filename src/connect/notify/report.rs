//! What gateways report of text messages that they took. Pure readers; nothing is signed, so the
//! address that takes reports must hold a secret.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::connect::deliver::{Shelf, ShelfError};
use crate::model::Name;

/// Messages in one report at most; a broker sends them one by one or a few together.
const MESSAGES_MAX: usize = 1000;

/// Reports that are kept for one target.
const REPORTS_MAX: usize = 500;
/// Where they are kept.
const REPORTS: &str = "reports";

/// How a message fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fared {
    /// It is on the telephone.
    Delivered,
    /// It never will be.
    Failed,
    /// On its way, or a word that nobody knows.
    Underway,
}

impl Fared {
    /// The word of figures, and of what is kept.
    pub const fn word(self) -> &'static str {
        match self {
            Fared::Delivered => "delivered",
            Fared::Failed => "failed",
            Fared::Underway => "underway",
        }
    }
}

/// What was said of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Every id by which it may be ours.
    pub ids: Vec<String>,
    /// How it fared.
    pub state: Fared,
    /// The gateway's own word.
    pub word: String,
}

/// Reads a report of Eskiz, or one message of its status answer: a form or JSON. Its ids have four
/// names; `None` when it has none of them.
pub fn eskiz_report(content_type: &str, body: &[u8]) -> Option<Report> {
    let fields = if content_type.contains("json") || body.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice(body).ok()?
    } else {
        let pairs = form_urlencoded::parse(body);
        Value::Object(pairs.map(|(name, value)| (name.into_owned(), value.into())).collect())
    };
    one(&fields, &["request_id", "id", "message_id", "user_sms_id"])
}

/// Reads a report of PlayMobile: JSON with a list of messages. What is no message is left out.
pub fn playmobile_report(body: &[u8]) -> Vec<Report> {
    let value = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
    let messages = value.get("messages").and_then(Value::as_array);
    let messages = messages.into_iter().flatten().take(MESSAGES_MAX);
    messages.filter_map(|message| one(message, &["message-id"])).collect()
}

fn one(fields: &Value, names: &[&str]) -> Option<Report> {
    let text = |name: &&str| match fields.get(*name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    };
    let ids: Vec<String> = names.iter().filter_map(text).collect();
    let word = text(&"status").unwrap_or_default();
    (!ids.is_empty()).then(|| Report { ids, state: fared(&word), word })
}

/// What is known of messages by their ids, as the broker reported it.
pub(super) async fn reports(
    shelf: &dyn Shelf,
    target: &Name,
) -> Result<BTreeMap<String, String>, ShelfError> {
    let word = shelf.get(target, REPORTS).await?;
    Ok(word.and_then(|word| serde_json::from_str(&word).ok()).unwrap_or_default())
}

/// Keeps what a gateway reported of messages. One writer at a time per target.
pub async fn keep_reports(
    shelf: &dyn Shelf,
    target: &Name,
    told: &[Report],
) -> Result<(), ShelfError> {
    let mut kept = reports(shelf, target).await?;
    for report in told {
        let state = report.state.word();
        kept.extend(report.ids.iter().map(|id| (id.clone(), state.to_owned())));
    }
    while kept.len() > REPORTS_MAX {
        kept.pop_first();
    }
    shelf.put(target, REPORTS, &json!(kept).to_string()).await
}

/// Words of both gateways and the short ones of SMPP, in any case.
fn fared(word: &str) -> Fared {
    match word.to_ascii_lowercase().as_str() {
        "delivered" | "delivrd" => Fared::Delivered,
        "undeliverable" | "undeliv" | "rejected" | "rejectd" | "failed" | "expired"
        | "notdelivered" => Fared::Failed,
        _ => Fared::Underway,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_found_by_any_of_its_ids_in_any_form() {
        let form = b"request_id=r-1&user_sms_id=nb01&status=DELIVRD&phone_number=998901112233";
        let report = eskiz_report("application/x-www-form-urlencoded", form).unwrap();
        assert_eq!(
            (report.ids, report.state),
            (vec!["r-1".into(), "nb01".into()], Fared::Delivered)
        );
        let json = br#"{"message_id": 77, "status": "Rejected"}"#;
        let report = eskiz_report("application/json", json).unwrap();
        assert_eq!((report.ids, report.state), (vec![String::from("77")], Fared::Failed));
        assert_eq!(eskiz_report("text/plain", b"hello"), None);
        assert_eq!(eskiz_report("application/json", b"{"), None);
        let unknown = eskiz_report("", b"id=1&status=TRANSMTD").unwrap();
        assert_eq!(unknown.state, Fared::Underway);
    }

    #[test]
    fn a_broker_reports_several_at_once() {
        let body = br#"{"messages":[{"message-id":"nb1","status":"Delivered"},{"x":1},
                        {"message-id":"nb2","status":"Transmitted"},
                        {"message-id":"nb3","status":"notDELIVERED"}]}"#;
        let states: Vec<Fared> = playmobile_report(body).iter().map(|one| one.state).collect();
        assert_eq!(states, [Fared::Delivered, Fared::Underway, Fared::Failed]);
        assert_eq!(playmobile_report(b"[]"), []);
    }
}
