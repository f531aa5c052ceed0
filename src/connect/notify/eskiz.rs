//! Eskiz: text messages through `notify.eskiz.uz`.
//!
//! A message costs money and the gateway has no key against repetition. So an attempt with a lost
//! answer is looked for in the gateway's own list by our id, repeated once when it is not there,
//! and left for a person when nobody can look. One token serves everybody for 25 of its 30 days;
//! it outlives a restart, and one login at a time renews it.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::bucket::Turn;
use super::fan::{Channel, Fan, Piece, Seen, Sent};
use super::report::{Report, eskiz_report, reports};
use super::telegram::unanswered;
use super::text::{cut_units, digits, plain, sms};
use super::{Means, TEST, sms_id};
use crate::connect::deliver::{Later, Outlet, Verdict};
use crate::connect::http::{Answer, Body, Call, Method, NoAnswer};
use crate::model::{Name, Period, Wall};

/// A token lives 30 days; it is renewed five days before.
const TOKEN_FOR: Period = Period::days(25);
/// How long one request may take.
const WITHIN: Duration = Duration::from_secs(20);
/// How long before an unclear message is looked for: what was just taken may not be listed.
const LOOK_AFTER: Duration = Duration::from_secs(15);
/// How often the balance is asked for while there is none.
const BALANCE_EVERY: Duration = Duration::from_secs(3600);
/// How long the account is silent after a limit that names no time.
const SILENT_FOR: Duration = Duration::from_secs(10);
/// Pages of the list that are read for one message.
const PAGES_MAX: u32 = 5;
/// The list is asked for from so long before to so long after: the gateway's days are its own.
const LISTED_AROUND: Period = Period::days(1);

/// Where the token is kept, and how much was sent today.
const TOKEN: &str = "token";
const TODAY: &str = "today";

/// Words by which a refusal tells that the account is empty.
const NO_MONEY: [&str; 4] = ["balance", "баланс", "средств", "mablag"];

/// An account.
#[derive(Debug, Clone)]
pub struct Eskiz {
    /// The gateway, without a slash at the end.
    pub base: String,
    /// Who signs in.
    pub login: String,
    /// With what.
    pub password: SecretString,
    /// The sender's name or short number, at most 11 letters.
    pub from: String,
    /// Where the gateway reports deliveries to; holds a secret of its own.
    pub callback: Option<SecretString>,
    /// Messages on one day of UTC at most; `None`: as many as there are.
    pub per_day: Option<u32>,
}

struct Account {
    name: Name,
    own: Eskiz,
    means: Means,
    signing_in: Mutex<()>,
    turn: Turn,
}

/// The token as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    token: String,
    until: Wall,
}

/// How much was sent on which day.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Today {
    day: i64,
    count: u32,
}

impl Eskiz {
    /// Where the gateway is.
    pub const BASE: &str = "https://notify.eskiz.uz/api";
    /// The sender that every account may use.
    pub const SENDER: &str = "4546";

    /// A target that writes to these numbers.
    pub fn outlet(self, name: Name, phones: Vec<String>, means: Means) -> Arc<dyn Outlet> {
        let shelf = means.shelf.clone();
        let signing_in = Mutex::new(());
        let turn = Turn::of_texts(means.clock.clone());
        let account = Account { name: name.clone(), own: self, means, signing_in, turn };
        Arc::new(Fan::new(name, phones, shelf, account))
    }
}

impl Account {
    fn now(&self) -> Wall {
        (self.means.clock)().wall
    }

    async fn bring(&self, piece: Piece<'_>) -> Sent {
        let Some(phone) = digits(piece.to).filter(|digits| digits.len() == 12) else {
            return Sent::Refused(String::from("no number of twelve digits"));
        };
        let today = match self.today().await {
            Ok(today) => today,
            Err(why) => return Sent::Again { after: None, why },
        };
        if self.own.per_day.is_some_and(|most| today.count >= most) && piece.message.event != TEST {
            return Sent::Again { after: Some(self.till_midnight()), why: "the day's cap".into() };
        }
        let (text, id) = (sms(piece.message), sms_id(piece));
        let callback = self.own.callback.as_ref().map(|url| url.expose_secret().to_owned());
        let mut fields = vec![
            ("mobile_phone", phone.as_str()),
            ("message", text.as_str()),
            ("from", self.own.from.as_str()),
            ("user_sms_id", id.as_str()),
        ];
        fields.extend(callback.as_deref().map(|url| ("callback_url", url)));
        self.turn.come().await;
        let sent = match self.ask(Method::Post, "/message/sms/send", Body::form(&fields)).await {
            Ok(answer) => self.read(&answer),
            Err(sent) => sent,
        };
        if matches!(sent, Sent::Done(_) | Sent::Unclear(_)) {
            let today = Today { count: today.count.saturating_add(1), ..today };
            if let Err(why) = self.put(TODAY, &json!(today).to_string()).await {
                tracing::warn!(target = %self.name, why, "the day's count could not be kept");
            }
        }
        sent
    }

    fn read(&self, answer: &Answer) -> Sent {
        let value = answer.json::<Value>();
        let why = self.told(answer, value.as_ref());
        let lower = why.to_lowercase();
        let paused = |state, probe| Sent::Stop(Verdict::Paused { state, why: why.clone(), probe });
        match answer.status {
            200 => match value.as_ref().and_then(|value| value.get("id")).and_then(text_of) {
                Some(id) => Sent::Done(id),
                None => Sent::Unclear(format!("an answer without an id: {why}")),
            },
            401 => paused("needs_reauth", None),
            402 => paused("no_money", Some(BALANCE_EVERY)),
            403 => paused("blocked", None),
            429 => {
                let after = answer.retry_after.unwrap_or(SILENT_FOR);
                Sent::Stop(Verdict::Wait { after, why })
            }
            400 if NO_MONEY.iter().any(|word| lower.contains(word)) => {
                paused("no_money", Some(BALANCE_EVERY))
            }
            400..=499 => Sent::Refused(why),
            // Nobody knows what a gateway did before it broke, and a second message costs money.
            _ => Sent::Unclear(why),
        }
    }

    /// Sends a request with the token; signs in once more when the token is refused.
    async fn ask(&self, method: Method, path: &str, body: Body) -> Result<Answer, Sent> {
        let mut token = self.token(None).await?;
        for last in [false, true] {
            let answer = self.request(method, path, body.clone(), Some(&token)).await;
            let answer = answer.map_err(unanswered)?;
            if answer.status != 401 || last {
                return Ok(answer);
            }
            token = self.token(Some(&token)).await?;
        }
        Err(Sent::Again { after: None, why: String::from("no token") })
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Body,
        token: Option<&str>,
    ) -> Result<Answer, NoAnswer> {
        let url = format!("{}{path}", self.own.base);
        let bearer = token.map(|token| ("authorization", format!("Bearer {token}")));
        let mut headers = vec![("accept", String::from("application/json"))];
        headers.extend(bearer);
        let call = Call { method, url: &url, headers, body, within: WITHIN };
        self.means.http.send(call).await
    }

    /// The token in use, or one of a login when there is none that is young enough or `refused`
    /// is it. Whoever comes while another signs in waits and takes what came of that.
    async fn token(&self, refused: Option<&str>) -> Result<String, Sent> {
        let _turn = self.signing_in.lock().await;
        let retry = |why: String| Sent::Stop(Verdict::Retry { after: None, why });
        let word = self.means.shelf.get(&self.name, TOKEN).await;
        let word = word.map_err(|error| retry(error.to_string()))?;
        let kept = word.and_then(|word| serde_json::from_str::<Kept>(&word).ok());
        let young = kept.filter(|kept| kept.until > self.now() && refused != Some(&kept.token));
        if let Some(kept) = young {
            return Ok(kept.token);
        }
        let token = self.sign_in().await?;
        let kept = Kept { token: token.clone(), until: self.now() + TOKEN_FOR };
        self.put(TOKEN, &json!(kept).to_string()).await.map_err(retry)?;
        Ok(token)
    }

    async fn sign_in(&self) -> Result<String, Sent> {
        let password = self.own.password.expose_secret();
        let form = Body::form(&[("email", &self.own.login), ("password", password)]);
        let answer = self.request(Method::Post, "/auth/login", form, None).await;
        let retry = |why: String| Sent::Stop(Verdict::Retry { after: None, why });
        // A login whose answer was lost is repeated: it sends nobody anything.
        let answer = answer.map_err(|error| match error {
            NoAnswer::Lost(_) | NoAnswer::TooLarge => retry(error.to_string()),
            NoAnswer::Refused(_) | NoAnswer::Unreached(_) => unanswered(error),
        })?;
        let value = answer.json::<Value>();
        let token = value.as_ref().and_then(|value| value.pointer("/data/token")).and_then(text_of);
        let why = || self.told(&answer, value.as_ref());
        let paused = |state| Sent::Stop(Verdict::Paused { state, why: why(), probe: None });
        match (answer.status, token) {
            (200, Some(token)) => Ok(token),
            (401, _) => Err(paused("needs_reauth")),
            (403, _) => Err(paused("blocked")),
            (429, _) => {
                let after = answer.retry_after.unwrap_or(SILENT_FOR);
                Err(Sent::Stop(Verdict::Wait { after, why: why() }))
            }
            (400 | 422, _) => Err(paused("needs_reauth")),
            (_, _) => Err(retry(why())),
        }
    }

    /// What an answer says: a text, an object of lists, or a list; HTML says only its status.
    fn told(&self, answer: &Answer, value: Option<&Value>) -> String {
        let said = value.and_then(|value| value.get("message").or_else(|| value.get("status")));
        let mut words = Vec::new();
        gather(said.unwrap_or(&Value::Null), &mut words);
        let text = match words.is_empty() {
            true => format!("HTTP {}", answer.status),
            false => plain(&words.join("; ")).replace('\n', " "),
        };
        let mut text = text.replace(self.own.password.expose_secret(), "***");
        if let Some(callback) = &self.own.callback {
            text = text.replace(callback.expose_secret(), "***");
        }
        cut_units(&text, 200)
    }

    async fn seek(&self, piece: Piece<'_>) -> Seen {
        let id = sms_id(piece);
        // What was reported need not be looked for.
        if let Ok(reports) = reports(self.means.shelf.as_ref(), &self.name).await
            && reports.contains_key(&id)
        {
            return Seen::Yes(id);
        }
        let now = self.now();
        let (from, to) = (day(now - LISTED_AROUND), day(now + LISTED_AROUND));
        for page in 1..=PAGES_MAX {
            let number = page.to_string();
            let form = Body::form(&[
                ("start_date", &format!("{from} 00:00")),
                ("end_date", &format!("{to} 23:59")),
                ("page_size", "200"),
                ("page", &number),
            ]);
            let path = format!("/message/sms/get-user-messages?page={page}");
            let answer = match self.ask(Method::Post, &path, form).await {
                Ok(answer) => answer,
                Err(sent) => return Seen::NotNow(sent.why()),
            };
            match (answer.status, answer.json::<Value>()) {
                (200, Some(list)) => {
                    if let Some(found) = find_by_id(&list, &id) {
                        let theirs = ["id", "request_id", "message_id"].iter();
                        let own = theirs.filter_map(|key| found.get(*key)).find_map(text_of);
                        return Seen::Yes(own.unwrap_or(id));
                    }
                    if last_page(&list).is_none_or(|last| u64::from(page) >= last) {
                        return if has_list(&list) { Seen::No } else { Seen::Cannot };
                    }
                }
                (400 | 404 | 405 | 422, _) => return Seen::Cannot,
                (status, _) => return Seen::NotNow(format!("HTTP {status}")),
            }
        }
        Seen::Cannot // the list is longer than is read of it
    }

    async fn today(&self) -> Result<Today, String> {
        let day = self.now().0.div_euclid(86_400_000);
        let word = self.means.shelf.get(&self.name, TODAY).await;
        let word = word.map_err(|error| error.to_string())?;
        let kept = word.and_then(|word| serde_json::from_str::<Today>(&word).ok());
        Ok(kept.filter(|kept| kept.day == day).unwrap_or(Today { day, count: 0 }))
    }

    fn till_midnight(&self) -> Duration {
        Period(86_400_000 - self.now().0.rem_euclid(86_400_000).unsigned_abs()).as_duration()
    }

    async fn put(&self, key: &str, word: &str) -> Result<(), String> {
        self.means.shelf.put(&self.name, key, word).await.map_err(|error| error.to_string())
    }

    async fn known(&self) -> Result<(), String> {
        let told = |sent: Sent| sent.why();
        let answer = self.ask(Method::Get, "/user/get-limit", Body::Empty).await.map_err(told)?;
        let value = answer.json::<Value>();
        if answer.status != 200 {
            return Err(self.told(&answer, value.as_ref()));
        }
        let balance = value.as_ref().and_then(|value| value.pointer("/data/balance"));
        match balance.and_then(Value::as_f64) {
            Some(balance) if balance <= 0.0 => Err(String::from("the balance is empty")),
            Some(_) | None => Ok(()),
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
        LOOK_AFTER
    }

    fn report(&self, content_type: &str, body: &[u8]) -> Vec<Report> {
        eskiz_report(content_type, body).into_iter().collect()
    }

    fn probe(&self) -> Later<'_, Result<(), String>> {
        Box::pin(self.known())
    }
}

/// A text or a number as text; nothing for anything else and for an empty one.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// Every text in a value, however deep.
fn gather(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::String(text) => words.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| gather(item, words)),
        Value::Object(fields) => fields.values().for_each(|field| gather(field, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The object with our id, wherever the list stands.
fn find_by_id<'v>(value: &'v Value, id: &str) -> Option<&'v Value> {
    match value {
        Value::Array(items) => items.iter().find_map(|item| find_by_id(item, id)),
        Value::Object(fields) => {
            let own = fields.get("user_sms_id").and_then(Value::as_str) == Some(id);
            if own {
                return Some(value);
            }
            fields.values().find_map(|field| find_by_id(field, id))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Whether there is a list at all; an error in a 200 has none.
fn has_list(value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(fields) => fields.values().any(has_list),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn last_page(value: &Value) -> Option<u64> {
    let fields = value.as_object()?;
    let own = fields.get("last_page").and_then(Value::as_u64);
    own.or_else(|| fields.values().find_map(last_page))
}

fn day(at: Wall) -> String {
    at.rfc3339().chars().take(10).collect()
}
