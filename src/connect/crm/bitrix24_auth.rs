//! The authorisation of a Bitrix24 application: who holds the tokens of one portal, and when they
//! are exchanged.
//!
//! A token is refreshed when the portal says that it is past its hour, and only then: the vendor
//! blocks applications that refresh by the clock. One exchange runs at a time, and goes on when
//! nobody waits for it any more, because its answer holds the only tokens there are. Tokens are
//! kept before they are used. A refusal ends all traffic until a person connects the portal again.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::bitrix24_wire::{Trouble, id_of, text_of, unanswered};
use super::plain::without_numbers;
use crate::connect::deliver::Shelf;
use crate::connect::http::{Body, Call, Http, Method};
use crate::model::Name;

/// The key of the tokens on the shelf.
const GRANT: &str = "grant";
/// The key of what authenticates the portal's events.
const APPLICATION_TOKEN: &str = "application_token";
/// Where tokens are exchanged. Older installations answer on the second.
const OAUTH_HOSTS: [&str; 2] = ["oauth.bitrix24.tech", "oauth.bitrix.info"];
/// How long an exchange may take. A code lives 30 seconds, so more is no use.
const EXCHANGE_WITHIN: Duration = Duration::from_secs(20);
/// Secrets shorter than this are not looked for in texts: they would blot out words.
const SECRET_LETTERS_MIN: usize = 6;

/// The portal of one account.
#[derive(Debug, Clone)]
pub struct Portal {
    /// `https://example.bitrix24.uz`: what its pages' addresses begin with.
    pub root: String,
    /// `https://` and the host that the configuration names.
    pub pages: String,
    /// Where tokens are exchanged, when that is not the vendor's own server.
    pub oauth: Option<String>,
}

/// Tokens that are in force. It prints nothing, for it is all secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct Grant {
    /// Of the next hour.
    pub access_token: String,
    refresh_token: String,
    /// `https://example.bitrix24.uz/rest/`.
    pub client_endpoint: String,
    #[serde(default)]
    server_endpoint: String,
    /// The portal's own key, the same for ever.
    pub member_id: String,
    /// In whose name the application works.
    pub user_id: u64,
    /// From which configured token it began: another one in the configuration replaces all this.
    #[serde(default)]
    seed: String,
    /// Whether a request with these tokens was ever let in.
    #[serde(skip)]
    proven: Arc<AtomicBool>,
}

impl Grant {
    /// A request with these tokens was let in.
    pub fn prove(&self) {
        self.proven.store(true, Ordering::Relaxed);
    }

    /// Whether a request with these tokens was ever let in, so that a refusal means their age.
    pub fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }
}

/// What the portal tells an application when it is installed.
pub struct Installed {
    /// Proof of later events.
    pub application_token: SecretString,
    /// To be exchanged at once, which proves that all this came from the vendor.
    pub refresh_token: SecretString,
}

/// The tokens of one portal.
pub struct Session {
    name: Name,
    http: Http,
    shelf: Arc<dyn Shelf>,
    portal: Portal,
    client_id: String,
    client_secret: SecretString,
    first_token: Option<SecretString>,
    current: RwLock<Option<Arc<Grant>>>,
    /// Held while tokens are read or exchanged.
    gate: tokio::sync::Mutex<Gate>,
}

#[derive(Default)]
struct Gate {
    /// Tokens that the shelf did not take yet. The old ones are spent, so these must not be lost.
    unkept: Option<Grant>,
    /// Why the portal has to be connected again. Nothing is sent until it is.
    over: Option<String>,
}

impl Session {
    /// The tokens of a portal; none is read or exchanged yet. `first_token` is a refresh token of
    /// the configuration.
    pub fn new(
        name: Name,
        http: Http,
        shelf: Arc<dyn Shelf>,
        portal: Portal,
        (client_id, client_secret): (String, SecretString),
        first_token: Option<SecretString>,
    ) -> Session {
        Session {
            name,
            http,
            shelf,
            portal,
            client_id,
            client_secret,
            first_token,
            current: RwLock::new(None),
            gate: tokio::sync::Mutex::default(),
        }
    }

    /// The tokens in force: from memory, from the shelf, or from the configuration.
    pub async fn grant(self: &Arc<Self>) -> Result<Arc<Grant>, Trouble> {
        if let Some(grant) = self.current.read().clone() {
            return Ok(grant);
        }
        let session = self.clone();
        apart(async move { session.load().await }).await
    }

    /// Exchanges the tokens after the portal called `spent` expired; somebody else may have done
    /// it already.
    pub async fn renew(self: &Arc<Self>, spent: &Arc<Grant>) -> Result<Arc<Grant>, Trouble> {
        let (session, spent) = (self.clone(), spent.clone());
        apart(async move { session.replace(&spent).await }).await
    }

    /// Connects the portal with the code of the consent page. The code lives half a minute and is
    /// never tried twice.
    pub async fn connect(self: &Arc<Self>, code: &str) -> Result<(), Trouble> {
        let (session, code) = (self.clone(), code.to_owned());
        apart(async move {
            let mut gate = session.gate.lock().await;
            session.introduce(&mut gate, &[("code", &code)]).await
        })
        .await
    }

    /// Takes what an installation brought. Its refresh token is exchanged at once: only the vendor
    /// can have issued one that our own secret exchanges for tokens of this very portal.
    pub async fn adopt(self: &Arc<Self>, installed: Installed) -> Result<(), Trouble> {
        let session = self.clone();
        apart(async move {
            let mut gate = session.gate.lock().await;
            let token = installed.refresh_token.expose_secret();
            session.introduce(&mut gate, &[("refresh_token", token)]).await?;
            let word = installed.application_token.expose_secret();
            let kept = session.shelf.put(&session.name, APPLICATION_TOKEN, word).await;
            kept.map_err(|error| Trouble::Unsent { why: error.to_string() })
        })
        .await
    }

    async fn load(&self) -> Result<Arc<Grant>, Trouble> {
        let mut gate = self.gate.lock().await;
        if let Some(grant) = self.current.read().clone() {
            return Ok(grant);
        }
        if let Some(why) = gate.over.clone() {
            return Err(Trouble::Unknown { why });
        }
        let kept = self.shelf.get(&self.name, GRANT).await;
        let kept = kept.map_err(|error| Trouble::Unsent { why: error.to_string() })?;
        let kept = kept.and_then(|text| serde_json::from_str::<Grant>(&text).ok());
        match kept.filter(|grant| self.seed().is_empty() || grant.seed == self.seed()) {
            Some(grant) => Ok(self.put_in_force(grant)),
            None => {
                let Some(first) = &self.first_token else {
                    let why = "the portal is not connected: install the application there";
                    return Err(Trouble::Unknown { why: why.to_owned() });
                };
                let first = first.expose_secret().to_owned();
                self.exchange(&mut gate, &[("refresh_token", &first)], None).await
            }
        }
    }

    async fn replace(&self, spent: &Grant) -> Result<Arc<Grant>, Trouble> {
        let mut gate = self.gate.lock().await;
        let current = self.current.read().clone();
        if let Some(grant) = current.filter(|grant| grant.access_token != spent.access_token) {
            return Ok(grant);
        }
        if let Some(why) = gate.over.clone() {
            return Err(Trouble::Unknown { why });
        }
        if let Some(grant) = gate.unkept.take() {
            return self.keep(&mut gate, grant).await;
        }
        let member = spent.member_id.clone();
        let fields = [("refresh_token", spent.refresh_token.as_str())];
        self.exchange(&mut gate, &fields, Some(&member)).await
    }

    /// What authenticates the portal's events; `None` while it was never told.
    pub async fn application_token(&self) -> Result<Option<SecretString>, Trouble> {
        let kept = self.shelf.get(&self.name, APPLICATION_TOKEN).await;
        let kept = kept.map_err(|error| Trouble::Unsent { why: error.to_string() })?;
        Ok(kept.map(SecretString::from))
    }

    /// A text from outside without our secrets and without telephone numbers, on one short line.
    pub fn clean(&self, text: &str) -> String {
        let mut text: String =
            text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect();
        let mut secrets = vec![self.client_secret.expose_secret().to_owned()];
        secrets.extend(self.first_token.as_ref().map(|one| one.expose_secret().to_owned()));
        if let Some(grant) = self.current.read().as_ref() {
            secrets.extend([grant.access_token.clone(), grant.refresh_token.clone()]);
        }
        for secret in secrets.iter().filter(|secret| secret.len() >= SECRET_LETTERS_MIN) {
            text = text.replace(secret.as_str(), "***");
        }
        without_numbers(&text).chars().take(200).collect()
    }

    /// The page on which a person consents that we work in the portal.
    pub fn consent_page(&self, state: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.client_id)
            .append_pair("state", state)
            .finish();
        format!("{}/oauth/authorize/?{query}", self.portal.root)
    }

    /// Whether a host is that of the portal.
    pub fn is_of(&self, host: &str) -> bool {
        let own = self.portal.pages.split_once("://").map_or("", |(_, own)| own);
        own.eq_ignore_ascii_case(host.trim_end_matches('/'))
    }

    /// Takes tokens for what somebody brought from outside. What is refused there says nothing of
    /// the tokens in force: a stranger must not end the traffic with a forged proof.
    async fn introduce(&self, gate: &mut Gate, proof: &[(&str, &str)]) -> Result<(), Trouble> {
        let grant = self.ask(kind(proof), proof).await?;
        let grant = self.checked(grant, None)?;
        self.keep(gate, grant).await.map(|_| ())
    }

    async fn exchange(
        &self,
        gate: &mut Gate,
        proof: &[(&str, &str)],
        member: Option<&str>,
    ) -> Result<Arc<Grant>, Trouble> {
        let answer = self.ask(kind(proof), proof).await;
        let outcome = answer.and_then(|grant| self.checked(grant, member));
        match outcome {
            Ok(grant) => self.keep(gate, grant).await,
            Err(trouble) => {
                if let Trouble::Unknown { why } = &trouble {
                    tracing::error!(crm = %self.name, why, "the portal must be connected again");
                    gate.over = Some(why.clone());
                }
                Err(trouble)
            }
        }
    }

    async fn ask(&self, kind: &str, proof: &[(&str, &str)]) -> Result<Grant, Trouble> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", kind)
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", self.client_secret.expose_secret())
            .extend_pairs(proof)
            .finish();
        let call = Call {
            method: Method::Get,
            url: &format!("{}/oauth/token/?{query}", self.server()),
            headers: Vec::new(),
            body: Body::Empty,
            within: EXCHANGE_WITHIN,
        };
        let answer = self.http.send(call).await.map_err(|error| unanswered(&error))?;
        let status = answer.status;
        let Some(body) = answer.json::<Value>() else {
            return Err(Trouble::Lost { why: format!("the token server answered {status}") });
        };
        if let Some(code) = text_of(body.get("error")) {
            let text = text_of(body.get("error_description")).unwrap_or_default();
            let mut why = self.clean(&format!("the token server answered {status} {code}: {text}"));
            for (_, secret) in proof {
                why = why.replace(secret, "***");
            }
            return Err(match (status, code.to_lowercase().as_str()) {
                (_, "payment_required") => Trouble::Held { state: "unpaid", why },
                (429 | 500..=599, _) => Trouble::Lost { why },
                _ => Trouble::Unknown { why },
            });
        }
        let word = |name: &str| text_of(body.get(name));
        let (Some(access_token), Some(refresh_token)) =
            (word("access_token"), word("refresh_token"))
        else {
            return Err(Trouble::Lost { why: format!("the token server answered {status}") });
        };
        Ok(Grant {
            access_token,
            refresh_token,
            client_endpoint: word("client_endpoint").unwrap_or_default(),
            server_endpoint: word("server_endpoint").unwrap_or_default(),
            member_id: word("member_id").unwrap_or_default(),
            user_id: id_of(body.get("user_id")).unwrap_or_default(),
            seed: self.seed(),
            proven: Arc::default(),
        })
    }

    /// Refuses tokens of another portal: their addresses would carry our requests elsewhere.
    fn checked(&self, grant: Grant, member: Option<&str>) -> Result<Grant, Trouble> {
        let other = |why: &str| Err(Trouble::Unknown { why: why.to_owned() });
        let rest = grant.client_endpoint.strip_prefix(&self.portal.root);
        if rest.is_none_or(|rest| !rest.starts_with('/')) {
            return other("the tokens are of another portal than the configured one");
        }
        if member.is_some_and(|member| member != grant.member_id) {
            return other("the portal is another one than before");
        }
        Ok(grant)
    }

    /// Keeps tokens, then puts them in force.
    async fn keep(&self, gate: &mut Gate, grant: Grant) -> Result<Arc<Grant>, Trouble> {
        let text = serde_json::to_string(&grant).unwrap_or_default();
        if let Err(error) = self.shelf.put(&self.name, GRANT, &text).await {
            gate.unkept = Some(grant);
            return Err(Trouble::Unsent { why: format!("tokens cannot be kept: {error}") });
        }
        gate.over = None;
        Ok(self.put_in_force(grant))
    }

    fn put_in_force(&self, grant: Grant) -> Arc<Grant> {
        let grant = Arc::new(grant);
        *self.current.write() = Some(grant.clone());
        grant
    }

    fn server(&self) -> String {
        if let Some(own) = &self.portal.oauth {
            return own.clone();
        }
        let current = self.current.read();
        let told = current.as_ref().map_or("", |grant| grant.server_endpoint.as_str());
        let told = told.strip_prefix("https://").and_then(|rest| rest.split('/').next());
        let [usual, _] = OAUTH_HOSTS;
        let host = OAUTH_HOSTS.iter().find(|host| told == Some(**host)).unwrap_or(&usual);
        format!("https://{host}")
    }

    fn seed(&self) -> String {
        let Some(first) = &self.first_token else { return String::new() };
        let digest = Sha256::digest(first.expose_secret().as_bytes());
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn kind(proof: &[(&str, &str)]) -> &'static str {
    match proof.first() {
        Some(("code", _)) => "authorization_code",
        Some(_) | None => "refresh_token",
    }
}

/// Does something that must come to its end even if nobody waits for it any more.
async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, Trouble>> + Send + 'static,
) -> Result<T, Trouble> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|_| Err(Trouble::Unsent { why: String::from("navbat is stopping") }))
}
