//! Who we are to amoCRM: tokens that live long, or pairs whose second half works once.
//!
//! A refresh token is dead from the moment its answer is written, so losing one answer can lose
//! the account. Hence the rules of crm/amocrm.md section 2: one renewal at a time, the new pair
//! kept before it is used, every sending of a refresh token written down before it leaves, two
//! sendings at most, and a refusal is final until a person authorises again.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::RwLock;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::amocrm_gate::{Gate, Lane};
use super::amocrm_trouble::Trouble;
use crate::connect::deliver::Shelf;
use crate::connect::http::{Body, Call, Http, Method};
use crate::model::{Name, Now, Period, Wall};

/// Tells the time; the clock itself belongs to the top of the house.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// An access token is renewed this long before it ends, so that none ends on its way.
const EARLY: Period = Period::mins(5);
/// How long the exchange of tokens may take.
const WITHIN: Duration = Duration::from_secs(15);
/// How long the look whether the peer lives may take.
const LOOK_WITHIN: Duration = Duration::from_secs(5);
/// Sendings of one refresh token: the first, and one more when its answer was lost.
const SENDINGS_MAX: u8 = 2;
/// When to ask again for a token that could not be renewed.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// Before the end of a token that cannot be renewed people are warned.
const WARN_BEFORE: Period = Period::days(14);
/// Where the pair stands on the shelf.
const KEY: &str = "tokens";

/// How an account lets us in.
#[derive(Debug, Clone)]
pub enum Access {
    /// A token made by an administrator, for 1 day to 5 years.
    LongLived(SecretString),
    /// An integration that an administrator consented to.
    OAuth(Client),
}

/// Our side of OAuth.
#[derive(Debug, Clone)]
pub struct Client {
    /// The integration's.
    pub id: String,
    /// The integration's.
    pub secret: SecretString,
    /// As registered; needed in every grant.
    pub redirect_uri: String,
}

/// Why a code gave no tokens.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The account lets us in by a token that lives long.
    #[error("this account has a token already and exchanges no code")]
    NotNeeded,
    /// The consent was given in another account.
    #[error("the consent is of another account than the one that is configured")]
    OtherAccount,
    /// A code works once and for 20 minutes; ask for consent again.
    #[error("the code was not taken ({0}); ask for consent again")]
    Refused(String),
    /// The code may be spent; ask for consent again.
    #[error("the exchange is unclear ({0}); ask for consent again")]
    Unclear(String),
    /// The tokens could not be kept and are lost with this process.
    #[error("the tokens could not be kept: {0}")]
    Shelf(String),
}

/// A pair as it stands on the shelf. No `Debug`: it must not be printed.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    access: String,
    refresh: String,
    expires_at: Wall,
    /// How often `refresh` was sent.
    #[serde(default)]
    sent: u8,
    /// Why a person has to authorise again.
    #[serde(default)]
    ended: Option<String>,
}

/// The tokens of one account.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    name: Name,
    base: String,
    access: Access,
    http: Http,
    gate: Arc<Gate>,
    shelf: Arc<dyn Shelf>,
    clock: Clock,
    /// One renewal at a time.
    one: Mutex<Option<Kept>>,
    /// What the shelf holds, for the requests between renewals.
    seen: RwLock<Option<Kept>>,
    /// Why the token that lives long is not taken any more.
    ended: RwLock<Option<String>>,
}

/// How one request for tokens ended.
enum Granted {
    Pair { access: String, refresh: String, expires_at: Wall },
    Refused(String),
    Unsent(Trouble),
    Unclear(String),
}

impl Auth {
    /// The tokens of the account `name` at `base`.
    pub fn new(
        (name, base): (Name, String),
        access: Access,
        (http, gate): (Http, Arc<Gate>),
        shelf: Arc<dyn Shelf>,
        clock: Clock,
    ) -> Auth {
        Auth(Arc::new(Inner {
            name,
            base,
            access,
            http,
            gate,
            shelf,
            clock,
            one: Mutex::new(None),
            seen: RwLock::new(None),
            ended: RwLock::new(None),
        }))
    }

    /// A token that works, renewed where it is about to end.
    pub async fn token(&self) -> Result<SecretString, Trouble> {
        match &self.0.access {
            Access::LongLived(token) => match self.0.ended.read().clone() {
                Some(why) => Err(Trouble::NeedsReauth(why)),
                None => Ok(token.clone()),
            },
            Access::OAuth(_) => {
                if let Some(access) = self.0.serving() {
                    return Ok(access);
                }
                self.renewed(None).await
            }
        }
    }

    /// Another token instead of one that was not taken.
    pub async fn instead_of(&self, old: &SecretString) -> Result<SecretString, Trouble> {
        match &self.0.access {
            Access::LongLived(_) => Err(self.end("the token was not taken (401)").await),
            Access::OAuth(_) => self.renewed(Some(old.expose_secret().to_owned())).await,
        }
    }

    /// Writes down that a person has to authorise again. Nothing is sent until then.
    pub async fn end(&self, why: &str) -> Trouble {
        tracing::error!(crm = %self.0.name, why, "a person has to authorise again");
        match &self.0.access {
            Access::LongLived(_) => *self.0.ended.write() = Some(why.to_owned()),
            Access::OAuth(_) => {
                let _one = self.0.one.lock().await;
                if let Ok(Some(mut kept)) = self.0.read().await {
                    kept.ended = Some(why.to_owned());
                    if let Err(error) = self.0.write(&kept).await {
                        tracing::warn!(crm = %self.0.name, %error, "the end of a token is not kept");
                    }
                }
            }
        }
        Trouble::NeedsReauth(why.to_owned())
    }

    /// Takes the code that a consent brought, with the `referer` beside it, for a first pair.
    ///
    /// A code works once, so the exchange is never repeated.
    pub async fn exchange(&self, code: &str, referer: Option<&str>) -> Result<(), ExchangeError> {
        let Access::OAuth(client) = &self.0.access else { return Err(ExchangeError::NotNeeded) };
        if referer.is_some_and(|referer| host(referer) != host(&self.0.base)) {
            return Err(ExchangeError::OtherAccount);
        }
        let body = json!({
            "client_id": client.id,
            "client_secret": client.secret.expose_secret(),
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
        });
        let inner = self.0.clone();
        // A task of its own: the asker may leave, and the pair must be kept all the same.
        let task = tokio::spawn(async move {
            let mut unkept = inner.one.lock().await;
            match inner.ask(&body).await {
                Granted::Pair { access, refresh, expires_at } => {
                    let kept = Kept { access, refresh, expires_at, sent: 0, ended: None };
                    let written = inner.write(&kept).await;
                    *unkept = written.is_err().then_some(kept);
                    written.map_err(|error| ExchangeError::Shelf(error.to_string()))
                }
                Granted::Refused(why) => Err(ExchangeError::Refused(why)),
                Granted::Unsent(why) => Err(ExchangeError::Refused(why.to_string())),
                Granted::Unclear(why) => Err(ExchangeError::Unclear(why)),
            }
        });
        task.await.unwrap_or_else(|error| Err(ExchangeError::Unclear(error.to_string())))
    }

    /// How the account lets us in.
    pub fn access(&self) -> &Access {
        &self.0.access
    }

    /// When a token ends that cannot be renewed, as it says itself.
    pub fn ends_at(&self) -> Option<Wall> {
        let Access::LongLived(token) = &self.0.access else { return None };
        let payload = token.expose_secret().split('.').nth(1)?;
        let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let claims: Value = serde_json::from_slice(&bytes).ok()?;
        claims.get("exp").and_then(Value::as_i64).map(Wall::from_unix)
    }

    /// What people should know of a token that ends within 14 days.
    pub fn warning(&self) -> Option<String> {
        let ends_at = self.ends_at()?;
        let now = (self.0.clock)().wall;
        if ends_at > now + WARN_BEFORE {
            return None;
        }
        let days = ends_at.since(now).as_millis() / Period::days(1).as_millis();
        Some(format!("the token of `{}` ends in {days} days: make another one", self.0.name))
    }

    async fn renewed(&self, old: Option<String>) -> Result<SecretString, Trouble> {
        let inner = self.0.clone();
        // A task of its own: whoever waits may leave at a deadline of theirs, and an answer that
        // nobody reads would cost the account.
        let task = tokio::spawn(async move { inner.renew(old.as_deref()).await });
        match task.await {
            Ok(renewed) => renewed,
            Err(error) => Err(no_token(error.to_string())),
        }
    }
}

impl Kept {
    fn serves(&self, now: Wall) -> bool {
        self.ended.is_none() && now + EARLY < self.expires_at
    }
}

impl Inner {
    /// The access token that was seen last, while it serves.
    fn serving(&self) -> Option<SecretString> {
        let now = (self.clock)().wall;
        let seen = self.seen.read();
        seen.as_ref().filter(|kept| kept.serves(now)).map(|kept| kept.access.as_str().into())
    }

    /// One renewal: whoever comes second finds the first one's pair.
    async fn renew(&self, old: Option<&str>) -> Result<SecretString, Trouble> {
        let Access::OAuth(client) = &self.access else {
            return Err(Trouble::Unauthorised);
        };
        let mut unkept = self.one.lock().await;
        if let Some(kept) = unkept.as_ref() {
            self.write(kept).await.map_err(no_token)?;
            *unkept = None;
        }
        let Some(mut kept) = self.read().await.map_err(no_token)? else {
            return Err(Trouble::NeedsReauth(String::from("nobody has consented yet")));
        };
        if let Some(why) = &kept.ended {
            return Err(Trouble::NeedsReauth(why.clone()));
        }
        if kept.serves((self.clock)().wall) && old.is_none_or(|old| old != kept.access) {
            return Ok(kept.access.as_str().into());
        }
        loop {
            if kept.sent > 0 && kept.sent < SENDINGS_MAX && !self.lives(&kept.access).await {
                return Err(no_token("the peer does not answer"));
            }
            let body = json!({
                "client_id": client.id,
                "client_secret": client.secret.expose_secret(),
                "grant_type": "refresh_token",
                "refresh_token": kept.refresh,
                "redirect_uri": client.redirect_uri,
            });
            match self.send_once(&mut kept, &body).await? {
                Granted::Pair { access, refresh, expires_at } => {
                    let next = Kept { access, refresh, expires_at, sent: 0, ended: None };
                    if let Err(error) = self.write(&next).await {
                        *unkept = Some(next); // kept at the next try, and not used before
                        return Err(no_token(error));
                    }
                    return Ok(next.access.as_str().into());
                }
                Granted::Refused(why) => return Err(self.end_kept(kept, why).await),
                Granted::Unsent(trouble) => return Err(no_token(trouble)),
                Granted::Unclear(why) => {
                    tracing::warn!(crm = %self.name, %why, "the answer to a renewal is unclear");
                }
            }
        }
    }

    /// Sends a refresh token, written down before it leaves; a crash then counts as sent.
    async fn send_once(&self, kept: &mut Kept, body: &Value) -> Result<Granted, Trouble> {
        if kept.sent >= SENDINGS_MAX {
            return Ok(Granted::Refused(String::from("two answers to its renewal were unclear")));
        }
        kept.sent += 1;
        self.write(kept).await.map_err(no_token)?;
        let granted = self.ask(body).await;
        if let Granted::Unsent(_) = granted {
            kept.sent -= 1;
            self.write(kept).await.map_err(no_token)?;
        }
        Ok(granted)
    }

    async fn end_kept(&self, mut kept: Kept, why: String) -> Trouble {
        tracing::error!(crm = %self.name, %why, "a person has to authorise again");
        kept.ended = Some(why.clone());
        if let Err(error) = self.write(&kept).await {
            tracing::warn!(crm = %self.name, %error, "the end of a token is not kept");
        }
        Trouble::NeedsReauth(why)
    }

    async fn ask(&self, body: &Value) -> Granted {
        let _pass = match self.gate.pass(Lane::Live).await {
            Ok(pass) => pass,
            Err(after) => return Granted::Unsent(Trouble::Limited { after }),
        };
        let url = format!("{}/oauth2/access_token", self.base);
        let call = Call {
            method: Method::Post,
            url: &url,
            headers: Vec::new(),
            body: Body::json(body),
            within: WITHIN,
        };
        let answer = match self.http.send(call).await {
            Ok(answer) => answer,
            Err(none) => {
                let trouble = Trouble::from(none);
                let unclear = trouble.is_unclear();
                return match unclear {
                    true => Granted::Unclear(trouble.to_string()),
                    false => Granted::Unsent(trouble),
                };
            }
        };
        let read = answer.json::<Value>();
        let says = |key: &str, word: &str| {
            read.as_ref().and_then(|body| body.get(key)).and_then(Value::as_str) == Some(word)
        };
        match answer.status {
            200 | 201 => read.as_ref().and_then(|body| self.pair(body)).unwrap_or_else(|| {
                Granted::Unclear(format!("status {} without a pair", answer.status))
            }),
            429 => Granted::Unclear(String::from("too many requests (429)")),
            status if says("error", "invalid_grant") => {
                Granted::Refused(format!("invalid_grant ({status})"))
            }
            status @ 400..500 => Granted::Refused(format!("the token was refused ({status})")),
            status => Granted::Unclear(format!("status {status}")),
        }
    }

    fn pair(&self, body: &Value) -> Option<Granted> {
        let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
        let lives = body.get("expires_in").and_then(Value::as_u64)?;
        Some(Granted::Pair {
            access: text("access_token")?.to_owned(),
            refresh: text("refresh_token")?.to_owned(),
            expires_at: (self.clock)().wall + Period::secs(lives),
        })
    }

    /// Whether the peer gives definite answers, so that the last sending is not wasted.
    async fn lives(&self, access: &str) -> bool {
        let Ok(_pass) = self.gate.pass(Lane::Live).await else { return false };
        let url = format!("{}/api/v4/account", self.base);
        let call = Call {
            method: Method::Get,
            url: &url,
            headers: vec![("authorization", format!("Bearer {access}"))],
            body: Body::Empty,
            within: LOOK_WITHIN,
        };
        let answer = self.http.send(call).await;
        answer.is_ok_and(|answer| answer.status < 500 && answer.json::<Value>().is_some())
    }

    async fn read(&self) -> Result<Option<Kept>, String> {
        let word = self.shelf.get(&self.name, KEY).await.map_err(|error| error.to_string())?;
        let kept = match word {
            None => None,
            // The word holds tokens, so the error must not show it.
            Some(word) => Some(
                serde_json::from_str::<Kept>(&word)
                    .map_err(|_| String::from("the tokens on the shelf cannot be read"))?,
            ),
        };
        self.seen.write().clone_from(&kept);
        Ok(kept)
    }

    async fn write(&self, kept: &Kept) -> Result<(), String> {
        let word = serde_json::to_string(kept).map_err(|_| String::from("it is no text"))?;
        let written = self.shelf.put(&self.name, KEY, &word).await;
        written.map_err(|error| error.to_string())?;
        *self.seen.write() = Some(kept.clone());
        Ok(())
    }
}

fn no_token(why: impl ToString) -> Trouble {
    Trouble::NoToken { after: AGAIN_AFTER, why: why.to_string() }
}

/// The host of an address, or a bare host, in lower case.
pub fn host(text: &str) -> String {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default().to_lowercase()
}
