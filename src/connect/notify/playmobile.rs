//! PlayMobile (SMSXABAR): text messages through its broker.
//!
//! The message's id is ours and the same at every repetition, but whether the broker refuses a
//! repeated one is not documented. An attempt with a lost answer therefore waits two minutes for
//! its delivery report and is repeated once when none came. Where no reports reach us nobody can
//! know, and the message is left for a person.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::bucket::Turn;
use super::fan::{Channel, Fan, Piece, Seen, Sent};
use super::report::{Report, playmobile_report, reports};
use super::telegram::unanswered;
use super::text::{cut_units, digits, plain, sms};
use super::{Means, sms_id};
use crate::connect::deliver::{Later, Outlet, Verdict};
use crate::connect::http::{Answer, Body, Call, Method};
use crate::model::Name;

/// How long one request may take.
const WITHIN: Duration = Duration::from_secs(20);
/// How long a delivery report may take to tell of a message whose answer was lost.
const REPORT_WITHIN: Duration = Duration::from_secs(120);
/// How long the account is silent after a limit that names no time.
const SILENT_FOR: Duration = Duration::from_secs(10);
/// How long the gateway tries to reach the telephone, in seconds: an alert is old after a while.
const TTL_SECS: u32 = 3600;

/// An account.
#[derive(Debug, Clone)]
pub struct PlayMobile {
    /// The broker, without a slash at the end.
    pub base: String,
    /// Who sends.
    pub login: String,
    /// With what.
    pub password: SecretString,
    /// The sender's short number or registered name, at most 11 letters.
    pub from: String,
    /// Whether the broker's reports reach us.
    pub reports: bool,
}

struct Account {
    name: Name,
    own: PlayMobile,
    means: Means,
    turn: Turn,
}

/// How a refusal in the body is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Retry,
    Locked,
    Bad,
    Unknown,
}

impl PlayMobile {
    /// Where the broker is, unless the contract names another place.
    pub const BASE: &str = "https://send.smsxabar.uz";

    /// A target that writes to these numbers.
    pub fn outlet(self, name: Name, phones: Vec<String>, means: Means) -> Arc<dyn Outlet> {
        let shelf = means.shelf.clone();
        let turn = Turn::of_texts(means.clock.clone());
        Arc::new(Fan::new(name.clone(), phones, shelf, Account { name, own: self, means, turn }))
    }
}

impl Account {
    async fn bring(&self, piece: Piece<'_>) -> Sent {
        let phone = digits(piece.to).filter(|phone| phone.len() == 12 && phone.starts_with("998"));
        let Some(phone) = phone else {
            return Sent::Refused(String::from("no number of 998 and nine digits"));
        };
        let body = json!({
            "priority": "high",
            "messages": [{
                "recipient": phone,
                "message-id": sms_id(piece),
                "sms": {
                    "originator": self.own.from,
                    "ttl": TTL_SECS,
                    "content": { "text": sms(piece.message) },
                },
            }],
        });
        let url = format!("{}/broker-api/send", self.own.base);
        let call = Call {
            method: Method::Post,
            url: &url,
            headers: vec![("authorization", self.basic())],
            body: Body::Bytes {
                kind: "application/json; charset=UTF-8",
                bytes: body.to_string().into_bytes(),
            },
            within: WITHIN,
        };
        self.turn.come().await;
        match self.means.http.send(call).await {
            Ok(answer) => self.read(&answer, piece),
            Err(error) => unanswered(error),
        }
    }

    fn basic(&self) -> String {
        let pair = format!("{}:{}", self.own.login, self.own.password.expose_secret());
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    }

    fn read(&self, answer: &Answer, piece: Piece<'_>) -> Sent {
        let value = answer.json::<Value>();
        let code = value.as_ref().and_then(|value| value.get("error_code")).and_then(code_of);
        let text = ["error_description", "error_message"].iter().find_map(|key| {
            value.as_ref().and_then(|value| value.get(*key)).and_then(Value::as_str)
        });
        let why = match (&code, text) {
            (Some(code), text) => format!("{code} {}", text.unwrap_or_default()),
            (None, _) => format!("HTTP {}", answer.status),
        };
        let why = self.safe(&why);
        match (answer.status, code) {
            (200, None) => Sent::Done(sms_id(piece)),
            (200 | 400, Some(code)) => match class(&code) {
                Class::Retry => Sent::Again { after: None, why },
                Class::Locked => Sent::Stop(Verdict::Paused { state: "blocked", why, probe: None }),
                Class::Bad => Sent::Refused(why),
                Class::Unknown => {
                    tracing::error!(target = %self.name, why, "an error code nobody knows");
                    Sent::Refused(why)
                }
            },
            (401 | 403, _) => {
                Sent::Stop(Verdict::Paused { state: "wrong_password", why, probe: None })
            }
            (429, _) => {
                let after = answer.retry_after.unwrap_or(SILENT_FOR);
                Sent::Stop(Verdict::Wait { after, why })
            }
            (500.., _) => Sent::Unclear(why),
            _ => Sent::Refused(why),
        }
    }

    fn safe(&self, text: &str) -> String {
        let line = plain(text).replace('\n', " ");
        cut_units(&line.replace(self.own.password.expose_secret(), "***"), 200)
    }

    async fn seek(&self, piece: Piece<'_>) -> Seen {
        if !self.own.reports {
            return Seen::Cannot;
        }
        match reports(self.means.shelf.as_ref(), &self.name).await {
            Ok(reports) => {
                let id = sms_id(piece);
                if reports.contains_key(&id) { Seen::Yes(id) } else { Seen::No }
            }
            Err(error) => Seen::NotNow(error.to_string()),
        }
    }
}

impl Channel for Account {
    fn pace(&self) -> (f64, u32) {
        (5.0, 1)
    }

    fn send<'a>(&'a self, piece: Piece<'a>) -> Later<'a, Sent> {
        Box::pin(self.bring(piece))
    }

    fn find<'a>(&'a self, piece: Piece<'a>) -> Later<'a, Seen> {
        Box::pin(self.seek(piece))
    }

    fn look_after(&self) -> Duration {
        REPORT_WITHIN
    }

    fn report(&self, _content_type: &str, body: &[u8]) -> Vec<Report> {
        playmobile_report(body)
    }

    /// The broker has no request that does nothing; a pause is ended by a person.
    fn probe(&self) -> Later<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn code_of(value: &Value) -> Option<String> {
    let number = value.as_i64().map(|code| code.to_string());
    number.or_else(|| value.as_str().map(str::to_owned)).filter(|code| !code.is_empty())
}

/// These stand in the body of an HTTP 400; they are no HTTP statuses.
fn class(code: &str) -> Class {
    match code {
        "100" => Class::Retry,
        "102" => Class::Locked,
        "101" | "103" | "104" | "105" | "202" | "204" | "205" | "206" | "301" | "302" | "303"
        | "304" | "305" | "306" | "401" | "402" | "403" | "404" | "405" | "406" | "407" | "408"
        | "410" | "411" => Class::Bad,
        _ => Class::Unknown,
    }
}
