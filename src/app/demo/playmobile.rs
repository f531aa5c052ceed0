//! A stand-in of PlayMobile's broker: its error codes inside HTTP 400, its plain text success.

use base64::Engine as _;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::http::{Reply, Request, Router};

/// What the broker says of everything it takes.
const RECEIVED: &str = "Request is received";
/// Letters of a message's id.
const ID_MAX: usize = 20;

/// The broker behind one account.
pub struct PlayMobile {
    basic: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    texts: Vec<Text>,
    refuse: Option<(&'static str, &'static str)>,
}

/// A message that was taken; the broker takes one of a known id again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Ours.
    pub id: String,
    /// To whom.
    pub phone: String,
    /// What.
    pub text: String,
}

impl PlayMobile {
    /// An account.
    pub fn new(login: &str, password: &str) -> PlayMobile {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{login}:{password}"));
        PlayMobile { basic: format!("Basic {pair}"), state: Mutex::default() }
    }

    /// Refuses everything with a code and its description; `None`: takes it.
    pub fn refuse(&self, with: Option<(&'static str, &'static str)>) {
        self.state.lock().refuse = with;
    }

    /// What was taken, in order.
    pub fn texts(&self) -> Vec<Text> {
        self.state.lock().texts.clone()
    }

    fn take(&self, body: &Value) -> Result<(), (&'static str, &'static str)> {
        let mut state = self.state.lock();
        if let Some(refusal) = state.refuse {
            return Err(refusal);
        }
        let priority = body.get("priority").and_then(Value::as_str).unwrap_or("normal");
        if !["low", "normal", "high", "realtime"].contains(&priority) {
            return Err(("104", "Invalid priority"));
        }
        let messages = body.get("messages").and_then(Value::as_array);
        let messages = messages.ok_or(("101", "Syntax error"))?;
        let mut taken = Vec::new();
        for message in messages {
            taken.push(read(message, body)?);
        }
        state.texts.extend(taken);
        Ok(())
    }
}

fn read(message: &Value, top: &Value) -> Result<Text, (&'static str, &'static str)> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let sms = |key: &str| {
        let own = message.get("sms").and_then(|sms| sms.get(key));
        own.or_else(|| top.get("sms").and_then(|sms| sms.get(key)))
    };
    let phone = text(message.get("recipient"));
    let digits = phone.len() == 12 && phone.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || !phone.starts_with("998") {
        return Err(("202", "Empty recipient"));
    }
    let id = text(message.get("message-id"));
    let plain = id.chars().all(|letter| letter.is_ascii_alphanumeric());
    if id.is_empty() || id.len() > ID_MAX || !plain {
        return Err(("205", "Empty message-id"));
    }
    let originator = text(sms("originator"));
    if originator.is_empty() || originator.len() > 11 {
        return Err(("401", "Empty originator"));
    }
    if sms("ttl").is_some_and(|ttl| !ttl.is_u64()) {
        return Err(("403", "Invalid ttl"));
    }
    let words = text(sms("content").and_then(|content| content.get("text")));
    if words.is_empty() {
        return Err(("404", "Empty content"));
    }
    Ok(Text { id, phone, text: words })
}

impl Router for PlayMobile {
    fn answer(&self, request: &Request) -> Reply {
        if (request.method.as_str(), request.path.as_str()) != ("POST", "/broker-api/send") {
            return Reply::html(404, b"<html>404</html>");
        }
        if request.header("authorization") != Some(&self.basic) {
            return Reply::empty(401);
        }
        let body =
            (request.kind() == "application/json").then(|| request.json::<Value>()).flatten();
        let taken = body.ok_or(("101", "Syntax error")).and_then(|body| self.take(&body));
        match taken {
            Ok(()) => Reply::text(200, RECEIVED),
            Err((code, text)) => {
                Reply::json(400, &json!({ "error_code": code, "error_description": text }))
            }
        }
    }
}
