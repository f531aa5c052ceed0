//! The demo's own hands on the HTTP interface: people who set their presence, and the reader of
//! the books. Nothing goes past the interface.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::books::{Counted, Figures, Record, Stored};
use super::people::TELEPHONES;

/// One person or program before the interface.
pub struct Api {
    http: reqwest::Client,
    base: String,
    bearer: Option<String>,
    session: Option<Session>,
}

/// What a signed-in person holds.
struct Session {
    cookie: String,
    csrf: String,
}

#[derive(Deserialize)]
struct Me {
    csrf: String,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Statistics {
    total: Figures,
}

impl Api {
    /// A program with a token.
    pub fn with_token(base: &str, token: &str) -> anyhow::Result<Api> {
        Ok(Api {
            http: client()?,
            base: base.to_owned(),
            bearer: Some(token.to_owned()),
            session: None,
        })
    }

    /// A person who opens a one-time link and chooses a password.
    pub async fn with_link(base: &str, link: &str, password: &str) -> anyhow::Result<Api> {
        let http = client()?;
        let body = json!({ "token": link, "password": password });
        let answer = http.post(format!("{base}/api/v1/password")).json(&body).send().await?;
        if !answer.status().is_success() {
            bail!("a one-time link was answered {}", answer.status());
        }
        let cookies = answer.headers().get_all("set-cookie").iter();
        let cookie = cookies
            .filter_map(|value| value.to_str().ok())
            .find(|value| value.starts_with("navbat_session="))
            .and_then(|value| value.split(';').next())
            .context("signing in gave no cookie")?
            .to_owned();
        let me: Me = answer.json().await?;
        let session = Some(Session { cookie, csrf: me.csrf });
        Ok(Api { http, base: base.to_owned(), bearer: None, session })
    }

    /// Changes an operator's presence.
    pub async fn set_presence(&self, operator: &str, intent: Value) -> anyhow::Result<()> {
        let address = format!("{}/api/v1/presence/{operator}", self.base);
        let request = self.http.put(address).json(&json!({ "intent": intent }));
        let answer = self.signed(request).send().await?;
        if !answer.status().is_success() {
            bail!("the presence of {operator} was answered {}", answer.status());
        }
        Ok(())
    }

    /// Reads everything that is on record.
    pub async fn record(&self) -> anyhow::Result<Record> {
        let mut record = Record::default();
        let mut cursor = String::new();
        loop {
            let page: Page<Stored> = self.get(&format!("/calls?limit=50{cursor}")).await?;
            for call in page.items {
                let known = record.calls.insert(call.call_key.clone(), call);
                record.repeats += u64::from(known.is_some());
            }
            let Some(next) = page.next else { break };
            cursor = format!("&cursor={next}");
        }
        let providers: Page<Counted> = self.get("/providers").await?;
        record.accounts = providers.items;
        let statistics: Statistics = self.get("/stats/missed?by=provider").await?;
        record.figures = statistics.total;
        let board: BTreeMap<String, Value> = self.get("/board").await?;
        record.cards_open = board.get("pops").and_then(Value::as_array).map_or(0, |pops| {
            pops.iter().filter(|pop| is_open(pop)).count().try_into().unwrap_or(u64::MAX)
        });
        let people = board.get("operators").and_then(Value::as_array);
        let there = people.into_iter().flatten().filter(|one| is_reachable(one)).count();
        record.reachable = there.try_into().unwrap_or(u64::MAX);
        record.legs_open = self.legs_open().await?;
        Ok(record)
    }

    /// The legs that navbat counts, from its figures.
    async fn legs_open(&self) -> anyhow::Result<u64> {
        let answer = self.http.get(format!("{}/metrics", self.base)).send().await?;
        let text = answer.error_for_status()?.text().await?;
        let line = text.lines().find_map(|line| line.strip_prefix("navbat_sip_legs_open "));
        let figure = line.and_then(|figure| figure.trim().parse().ok());
        figure.context("the figures do not tell how many legs are open")
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let address = format!("{}/api/v1{path}", self.base);
        for _ in 0..20 {
            let answer = self.signed(self.http.get(&address)).send().await?;
            match answer.status().as_u16() {
                200 => return answer.json().await.with_context(|| format!("reading {path}")),
                429 | 503 => tokio::time::sleep(Duration::from_millis(500)).await,
                status => bail!("{path} was answered {status}"),
            }
        }
        bail!("{path} is not answered")
    }

    fn signed(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match (&self.bearer, &self.session) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Some(session)) => {
                request.header("cookie", &session.cookie).header("x-csrf-token", &session.csrf)
            }
            (None, None) => request,
        }
    }
}

/// Whether an operator has a SIP telephone that can be rung.
fn is_reachable(operator: &Value) -> bool {
    let text = |field| operator.get(field).and_then(Value::as_str).unwrap_or_default();
    let has_telephone = TELEPHONES.iter().any(|one| one.owner.name == text("name"));
    has_telephone && text("reach") == "reachable"
}

fn is_open(pop: &Value) -> bool {
    let state = pop.pointer("/state/is").and_then(Value::as_str);
    matches!(state, Some("ringing" | "talking"))
}

fn client() -> anyhow::Result<reqwest::Client> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build();
    client.context("the demo cannot reach itself")
}
