//! Tokens of the stand-in of amoCRM: codes and refresh tokens that work once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;

use super::amocrm::good;
use super::http::{Reply, Request};

/// What an access token lives, in seconds, when nobody says otherwise.
const LIFE: u64 = 86_400;

/// Who is let in.
pub struct Tokens {
    /// What an access token lives, in seconds.
    pub life: u64,
    client: Option<Client>,
    codes: BTreeSet<String>,
    refresh: BTreeSet<String>,
    access: BTreeMap<String, Instant>,
    /// How often each refresh token was sent.
    sent: BTreeMap<String, u64>,
    forever: Option<String>,
    count: u64,
}

struct Client {
    id: String,
    secret: String,
    redirect_uri: String,
}

/// A request for tokens. Every field is required by one grant or the other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    client_id: String,
    client_secret: String,
    grant_type: String,
    redirect_uri: String,
    code: Option<String>,
    refresh_token: Option<String>,
}

impl Tokens {
    /// One token that lives long.
    pub fn long_lived(token: &str) -> Tokens {
        Tokens { forever: Some(token.to_owned()), ..Tokens::empty() }
    }

    /// An integration.
    pub fn oauth(id: &str, secret: &str, redirect_uri: &str) -> Tokens {
        let client = Client {
            id: id.to_owned(),
            secret: secret.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
        };
        Tokens { client: Some(client), ..Tokens::empty() }
    }

    fn empty() -> Tokens {
        Tokens {
            life: LIFE,
            client: None,
            codes: BTreeSet::new(),
            refresh: BTreeSet::new(),
            access: BTreeMap::new(),
            sent: BTreeMap::new(),
            forever: None,
            count: 0,
        }
    }

    /// A code that works once.
    pub fn consent(&mut self) -> String {
        self.count += 1;
        let code = format!("demo-code-{}", self.count);
        self.codes.insert(code.clone());
        code
    }

    /// All access tokens end.
    pub fn end_access(&mut self) {
        self.access.clear();
    }

    /// Nothing is let in or renewed.
    pub fn switch_off(&mut self) {
        self.end_access();
        self.refresh.clear();
        self.codes.clear();
        self.forever = None;
    }

    /// Whether a token is good.
    pub fn lets_in(&self, token: &str) -> bool {
        let lives = self.access.get(token).is_some_and(|until| Instant::now() < *until);
        lives || self.forever.as_deref() == Some(token)
    }

    /// How often the refresh token that was sent most was sent.
    pub fn sendings_max(&self) -> u64 {
        self.sent.values().copied().max().unwrap_or(0)
    }

    /// `POST /oauth2/access_token`.
    pub fn grant(&mut self, request: &Request) -> Reply {
        let Some(grant) = request.json::<Grant>() else { return refused("Invalid request") };
        let known = self.client.as_ref().is_some_and(|own| {
            own.id == grant.client_id
                && own.secret == grant.client_secret
                && own.redirect_uri == grant.redirect_uri
        });
        if request.method != "POST" || !known {
            return refused("Client authentication failed");
        }
        match (grant.grant_type.as_str(), grant.code, grant.refresh_token) {
            ("authorization_code", Some(code), None) => match self.codes.remove(&code) {
                true => self.pair(),
                false => refused("Authorization code has been revoked"),
            },
            ("refresh_token", None, Some(token)) => {
                *self.sent.entry(token.clone()).or_default() += 1;
                match self.refresh.remove(&token) {
                    true => self.pair(),
                    false => refused("Invalid refresh token"),
                }
            }
            _ => refused("Unsupported grant type"),
        }
    }

    fn pair(&mut self) -> Reply {
        self.count += 1;
        let (access, refresh) =
            (format!("demo-access-{}", self.count), format!("demo-refresh-{}", self.count));
        let until = Instant::now() + Duration::from_secs(self.life);
        self.access.insert(access.clone(), until);
        self.refresh.insert(refresh.clone());
        good(
            200,
            &json!({
                "token_type": "Bearer",
                "expires_in": self.life,
                "server_time": crate::app::clock::wall().0.div_euclid(1000),
                "access_token": access,
                "refresh_token": refresh,
            }),
        )
    }
}

fn refused(hint: &str) -> Reply {
    let body = json!({
        "hint": hint,
        "title": "Некорректный запрос",
        "type": "https://developers.amocrm.ru/v3/errors/OAuthProblemJson",
        "status": 400,
        "detail": "В запросе отсутствует ряд параметров или параметры невалидны",
    });
    Reply::json_as("application/problem+json", 400, &body)
}
