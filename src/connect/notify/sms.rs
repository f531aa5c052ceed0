//! Any other gateway of text messages over HTTP, by a template: UMS and the like.
//!
//! Nothing is known of such a gateway, so an attempt with a lost answer is left for a person.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::bucket::Turn;
use super::fan::{Channel, Fan, Piece, Seen, Sent};
use super::telegram::unanswered;
use super::text::{cut_units, digits, plain, sms};
use super::{Means, sms_id};
use crate::connect::deliver::{Later, Outlet, Verdict};
use crate::connect::http::{Answer, Body, Call, Method};
use crate::model::Name;

/// How long one request may take.
const WITHIN: Duration = Duration::from_secs(20);
/// How long the gateway is silent after a limit that names no time.
const SILENT_FOR: Duration = Duration::from_secs(10);

/// A gateway.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// `GET` or `POST`.
    pub method: Method,
    /// Its address; `{phone}`, `{text}`, `{id}` and `{token}` stand in it escaped.
    pub url: String,
    /// Header names and values; `{token}` may stand in them.
    pub headers: Vec<(String, String)>,
    /// The body: JSON when it begins with `{` or `[`, a form else; with the same words in braces.
    pub template: Option<String>,
    /// When a message counts as taken.
    pub success: Success,
    /// What `{token}` stands for.
    pub token: Option<SecretString>,
}

/// When an answer says that the message was taken; a 2xx always has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Success {
    /// Any 2xx.
    Status,
    /// The body holds this text.
    Text(String),
    /// The body is JSON, and what stands at this pointer (RFC 6901) is this, or is there at all.
    Json(String, Option<String>),
}

struct Account {
    own: Gateway,
    means: Means,
    turn: Turn,
}

/// Where a word is put in.
#[derive(Clone, Copy)]
enum Place {
    Address,
    Form,
    Json,
    Header,
}

impl Success {
    /// Reads `status`, `text:OK`, `json:/status=accepted` or `json:/id`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Success> {
        if text == "status" {
            return Some(Success::Status);
        }
        if let Some(text) = text.strip_prefix("text:").filter(|text| !text.is_empty()) {
            return Some(Success::Text(text.to_owned()));
        }
        let rule = text.strip_prefix("json:").filter(|rule| rule.starts_with('/'))?;
        Some(match rule.split_once('=') {
            Some((pointer, value)) => Success::Json(pointer.to_owned(), Some(value.to_owned())),
            None => Success::Json(rule.to_owned(), None),
        })
    }

    fn holds(&self, answer: &Answer) -> bool {
        match self {
            Success::Status => true,
            Success::Text(text) => String::from_utf8_lossy(&answer.body).contains(text),
            Success::Json(pointer, value) => {
                let body = answer.json::<Value>();
                let found = body.as_ref().and_then(|body| body.pointer(pointer));
                match (found, value) {
                    (None | Some(Value::Null), _) => false,
                    (Some(_), None) => true,
                    (Some(Value::String(text)), Some(value)) => text == value,
                    (Some(other), Some(value)) => {
                        serde_json::from_str::<Value>(value).is_ok_and(|value| value == *other)
                    }
                }
            }
        }
    }
}

impl Gateway {
    /// A target that writes to these numbers.
    pub fn outlet(self, name: Name, phones: Vec<String>, means: Means) -> Arc<dyn Outlet> {
        let shelf = means.shelf.clone();
        let turn = Turn::of_texts(means.clock.clone());
        Arc::new(Fan::new(name, phones, shelf, Account { own: self, means, turn }))
    }

    fn fill(&self, template: &str, words: &[(&str, &str)], place: Place) -> String {
        let mut out = String::with_capacity(template.len() + 200);
        let mut rest = template;
        // From left to right and once, so that a text with braces in it stays a text.
        while let Some(at) = rest.find('{') {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let hit = words.iter().find_map(|(name, value)| {
                let inside = from.strip_prefix('{')?.strip_prefix(name)?.strip_prefix('}')?;
                Some((inside, *value))
            });
            if let Some((after, value)) = hit {
                out.push_str(&place.escaped(value));
                rest = after;
            } else {
                out.push('{');
                rest = from.get(1..).unwrap_or_default();
            }
        }
        out.push_str(rest);
        out
    }
}

impl Place {
    fn escaped(self, value: &str) -> String {
        match self {
            Place::Address | Place::Form => {
                form_urlencoded::byte_serialize(value.as_bytes()).collect()
            }
            Place::Json => {
                let quoted = Value::String(value.to_owned()).to_string();
                quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned()
            }
            Place::Header => value.chars().filter(|letter| !letter.is_control()).collect(),
        }
    }
}

impl Account {
    async fn bring(&self, piece: Piece<'_>) -> Sent {
        let Some(phone) = digits(piece.to) else {
            return Sent::Refused(String::from("no number"));
        };
        let (text, id) = (sms(piece.message), sms_id(piece));
        let token = self.own.token.as_ref().map_or("", |token| token.expose_secret());
        let words = [("phone", phone.as_str()), ("text", &text), ("id", &id), ("token", token)];
        let url = self.own.fill(&self.own.url, &words, Place::Address);
        let body = match self.own.template.as_deref().map(str::trim) {
            None | Some("") => Body::Empty,
            Some(json) if json.starts_with(['{', '[']) => Body::Bytes {
                kind: "application/json",
                bytes: self.own.fill(json, &words, Place::Json).into_bytes(),
            },
            Some(form) => Body::Bytes {
                kind: "application/x-www-form-urlencoded",
                bytes: self.own.fill(form, &words, Place::Form).into_bytes(),
            },
        };
        let filled = |(name, value): &(String, String)| {
            (name.clone(), self.own.fill(value, &words, Place::Header))
        };
        let filled: Vec<(String, String)> = self.own.headers.iter().map(filled).collect();
        let headers = filled.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let call = Call { method: self.own.method, url: &url, headers, body, within: WITHIN };
        self.turn.come().await;
        match self.means.http.send(call).await {
            Ok(answer) => self.read(&answer, &id),
            Err(error) => unanswered(error),
        }
    }

    fn read(&self, answer: &Answer, id: &str) -> Sent {
        let why = self.safe(&format!("HTTP {}: {}", answer.status, answer.gist()));
        match answer.status {
            200..=299 if self.own.success.holds(answer) => Sent::Done(id.to_owned()),
            200..=299 => Sent::Refused(why),
            401 | 403 => Sent::Stop(Verdict::Paused { state: "wrong_password", why, probe: None }),
            402 => Sent::Stop(Verdict::Paused { state: "no_money", why, probe: None }),
            429 => {
                let after = answer.retry_after.unwrap_or(SILENT_FOR);
                Sent::Stop(Verdict::Wait { after, why })
            }
            500.. => Sent::Unclear(why),
            _ => Sent::Refused(why),
        }
    }

    fn safe(&self, text: &str) -> String {
        let line = plain(text).replace('\n', " ");
        let line = match self.own.token.as_ref().map(|token| token.expose_secret()) {
            Some(token) if !token.is_empty() => line.replace(token, "***"),
            Some(_) | None => line,
        };
        cut_units(&line, 200)
    }
}

impl Channel for Account {
    fn pace(&self) -> (f64, u32) {
        (5.0, 1)
    }

    fn send<'a>(&'a self, piece: Piece<'a>) -> Later<'a, Sent> {
        Box::pin(self.bring(piece))
    }

    fn find<'a>(&'a self, _piece: Piece<'a>) -> Later<'a, Seen> {
        Box::pin(std::future::ready(Seen::Cannot))
    }

    /// Every request of such a gateway may send something, so none is made for a look.
    fn probe(&self) -> Later<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_in_once_and_escaped_for_their_place() {
        let gateway = Gateway {
            method: Method::Get,
            url: String::new(),
            headers: Vec::new(),
            template: None,
            success: Success::Status,
            token: None,
        };
        let words = [("phone", "998901112233"), ("text", "a \"b\" {phone}&\n"), ("id", "nb1")];
        let url = gateway.fill("https://x/?to={phone}&m={text}&{other}", &words, Place::Address);
        assert_eq!(url, "https://x/?to=998901112233&m=a+%22b%22+%7Bphone%7D%26%0A&{other}");
        let json = gateway.fill(r#"{"to":"{phone}","m":"{text}"}"#, &words, Place::Json);
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["m"], "a \"b\" {phone}&\n");
        let header = gateway.fill("x {text}", &words, Place::Header);
        assert_eq!(header, "x a \"b\" {phone}&");
    }

    #[test]
    fn success_is_what_the_rule_says() {
        let answer = |body: &str| Answer {
            status: 200,
            kind: String::new(),
            retry_after: None,
            request_id: None,
            body: body.as_bytes().to_vec(),
        };
        let rule = |text: &str| Success::parse(text).unwrap();
        assert!(rule("status").holds(&answer("")));
        assert!(rule("text:OK").holds(&answer("100 OK")) && !rule("text:OK").holds(&answer("no")));
        let accepted = rule("json:/result/status=accepted");
        assert!(accepted.holds(&answer(r#"{"result":{"status":"accepted"}}"#)));
        assert!(!accepted.holds(&answer(r#"{"result":{"status":"refused"}}"#)));
        assert!(rule("json:/code=0").holds(&answer(r#"{"code":0}"#)));
        assert!(!rule("json:/id").holds(&answer(r#"{"id":null}"#)));
        assert!(!rule("json:/id").holds(&answer("<html>")));
        for wrong in ["", "text:", "json:id", "ok"] {
            assert_eq!(Success::parse(wrong), None, "{wrong}");
        }
    }
}
