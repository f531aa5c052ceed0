//! Who is let in: sessions of browsers, tokens of programs, passwords and one-time links.
//!
//! Secrets are kept as hashes in the store; the map in front of it only saves the look-up. What
//! it holds is read again every ten seconds, so that a role change or a revocation made anywhere
//! takes hold, also on an open stream; one made here takes hold at once.

mod attempts;
mod password;
mod session;

use std::net::IpAddr;
use std::sync::Arc;

use dashmap::DashMap;

use crate::model::{Name, Now};
use crate::store::{self, AuditRow, Person, Store};

use super::access::{Reader, Role};
use super::fault::Fault;
use super::random;
use super::state::Clock;
use super::view::scrub;

use attempts::Attempts;
use password::Passwords;
pub use session::{Session, Via};

/// Sessions remembered without asking the store; at the bound the map is emptied, which costs
/// one look-up each.
const REMEMBERED_MAX: usize = 50_000;

/// The door of the house.
pub struct Door {
    store: Store,
    clock: Clock,
    remembered: DashMap<String, Arc<Session>>,
    passwords: Passwords,
    attempts: Attempts,
}

/// A session that was just opened, with the secret that only the browser keeps.
pub struct Opened {
    /// For the cookie.
    pub secret: String,
    /// What it stands for.
    pub session: Arc<Session>,
}

impl Door {
    /// A door in front of the people that the store knows.
    pub fn new(store: Store, clock: Clock) -> Door {
        Door {
            store,
            clock,
            remembered: DashMap::new(),
            passwords: Passwords::default(),
            attempts: Attempts::default(),
        }
    }

    fn now(&self) -> Now {
        (self.clock)()
    }

    /// Signs a person in. An unknown login costs the same work and gets the same answer as a
    /// wrong password; ten failures in a minute bar the address for ten.
    pub async fn sign_in(
        &self,
        address: IpAddr,
        login: &Name,
        password: String,
    ) -> Result<Opened, Fault> {
        let now = self.now();
        if let Some(wait) = self.attempts.barred(address, login, now.mono) {
            return Err(Fault::TooMany(wait.as_millis().div_ceil(1000)));
        }
        let person = self.store.person(login.as_str()).await.map_err(fault)?;
        let able = person.filter(|person| !person.disabled);
        let kept = able.as_ref().and_then(|person| person.password.clone());
        if !self.passwords.fits(password, kept).await? {
            self.attempts.failed(address, login, now.mono);
            return Err(Fault::WrongPassword);
        }
        self.attempts.succeeded(address);
        self.open(login).await
    }

    /// Exchanges a wallboard's token for a cookie that only looks. Any other token is a wrong
    /// password: what may change things goes in a header, never in a browser's address.
    pub async fn sign_wall_in(&self, address: IpAddr, secret: &str) -> Result<Opened, Fault> {
        let now = self.now();
        let nobody = Name::from("");
        if let Some(wait) = self.attempts.barred(address, &nobody, now.mono) {
            return Err(Fault::TooMany(wait.as_millis().div_ceil(1000)));
        }
        let reader = self.reader_of_token(&random::kept(secret)).await?;
        match reader.filter(|reader| reader.role == Role::Wallboard) {
            Some(reader) => self.open(&reader.login).await,
            None => {
                self.attempts.failed(address, &nobody, now.mono);
                Err(Fault::WrongPassword)
            }
        }
    }

    /// Sets a password by a one-time link and signs its owner in. A used, old or unknown link is
    /// a wrong password, and counts as one.
    pub async fn use_link(
        &self,
        address: IpAddr,
        link: &str,
        password: String,
    ) -> Result<Opened, Fault> {
        let now = self.now();
        let nobody = Name::from("");
        if let Some(wait) = self.attempts.barred(address, &nobody, now.mono) {
            return Err(Fault::TooMany(wait.as_millis().div_ceil(1000)));
        }
        let hash = self.passwords.hash(password).await?;
        let link = random::kept(link);
        let Some(link) = self.store.use_link(&link, now.wall).await.map_err(fault)? else {
            self.attempts.failed(address, &nobody, now.mono);
            return Err(Fault::WrongPassword);
        };
        self.sign_out_all(&link.login).await?;
        if !self.store.set_password(&link.login, &hash).await.map_err(fault)? {
            let person = Person {
                login: link.login.clone(),
                role: link.role,
                queues: Vec::new(),
                operator: None,
                language: None,
                password: Some(hash),
                disabled: false,
                created_at: now.wall,
            };
            self.store.save_person(&person).await.map_err(fault)?;
        }
        self.open(&link.login).await
    }

    async fn open(&self, login: &Name) -> Result<Opened, Fault> {
        let (secret, csrf) = (random::secret()?, random::secret()?);
        let hash = random::kept(&secret);
        let now = self.now();
        let reader = self.reader_of(login).await?.ok_or(Fault::WrongPassword)?;
        let row = store::Session {
            hash: hash.clone(),
            login: login.clone(),
            csrf: csrf.clone(),
            created_at: now.wall,
            seen_at: now.wall,
        };
        self.store.add_session(&row).await.map_err(fault)?;
        let session = Arc::new(Session::opened(hash.clone(), csrf, reader, now));
        self.remember(session.clone());
        Ok(Opened { secret, session })
    }

    /// Ends one session.
    pub async fn sign_out(&self, session: &Session) -> Result<(), Fault> {
        session.end();
        self.remembered.remove(&session.hash);
        self.store.end_session(&session.hash).await.map_err(fault)
    }

    /// Ends every session of a login: at a change of password or role, and when it is disabled.
    pub async fn sign_out_all(&self, login: &Name) -> Result<(), Fault> {
        self.remembered.retain(|_, session| {
            let theirs = &session.reader().login == login;
            if theirs {
                session.end();
            }
            !theirs
        });
        self.store.end_sessions_of(login).await.map(|_| ()).map_err(fault)
    }

    /// The session of a cookie; `None` when it is none or over.
    pub async fn by_cookie(&self, secret: &str) -> Result<Option<Arc<Session>>, Fault> {
        let hash = random::kept(secret);
        if let Some(session) = self.recall(&hash) {
            return Ok(self.fresh(session).await);
        }
        let Some(row) = self.kept(&hash).await? else { return Ok(None) };
        let Some(reader) = self.reader_of(&row.login).await? else { return Ok(None) };
        let now = self.now();
        let session = Session::restored(hash, row.csrf, reader, row.created_at, row.seen_at, now);
        let session = Arc::new(session);
        self.remember(session.clone());
        Ok(self.fresh(session).await)
    }

    /// What a bearer token stands for; `None` when it is none or revoked.
    pub async fn by_token(&self, secret: &str) -> Result<Option<Arc<Session>>, Fault> {
        let hash = random::kept(secret);
        if let Some(session) = self.recall(&hash) {
            return Ok(self.fresh(session).await);
        }
        let Some(reader) = self.reader_of_token(&hash).await? else { return Ok(None) };
        let session = Arc::new(Session::of_token(hash, reader, self.now()));
        self.remember(session.clone());
        Ok(Some(session))
    }

    /// Reads a session's person or token again when that was last done a while ago, and counts
    /// this as use. `None` when it is over.
    pub async fn fresh(&self, session: Arc<Session>) -> Option<Arc<Session>> {
        let now = self.now();
        if session.is_over(now.mono) {
            session.end();
            self.remembered.remove(&session.hash);
            if session.via == Via::Cookie {
                let _ = self.store.end_session(&session.hash).await;
            }
            return None;
        }
        if session.used(now.mono) {
            let _ = match session.via {
                Via::Cookie => self.store.touch_session(&session.hash, now.wall).await,
                Via::Token => self.store.touch_token(&session.hash, now.wall).await,
            };
        }
        if session.is_checked(now.mono) {
            return Some(session);
        }
        let read = match session.via {
            Via::Cookie => self.cookie_again(&session).await,
            Via::Token => self.reader_of_token(&session.hash).await,
        };
        match read {
            Ok(Some(reader)) => session.checked(reader, now.mono),
            Ok(None) => {
                session.end();
                self.remembered.remove(&session.hash);
                return None;
            }
            Err(_) => {} // the database is down: what was known a moment ago still holds
        }
        Some(session)
    }

    async fn cookie_again(&self, session: &Session) -> Result<Option<Reader>, Fault> {
        match self.kept(&session.hash).await? {
            Some(row) => self.reader_of(&row.login).await,
            None => Ok(None),
        }
    }

    async fn kept(&self, hash: &str) -> Result<Option<store::Session>, Fault> {
        let now = self.now().wall;
        self.store.session(hash, now, session::IDLE_MAX, session::AGE_MAX).await.map_err(fault)
    }

    fn recall(&self, hash: &str) -> Option<Arc<Session>> {
        self.remembered.get(hash).map(|entry| entry.value().clone())
    }

    fn remember(&self, session: Arc<Session>) {
        if self.remembered.len() >= REMEMBERED_MAX {
            self.remembered.clear();
        }
        self.remembered.insert(session.hash.clone(), session);
    }

    /// Who a session's login is: a person, or the token of a wallboard's screen.
    async fn reader_of(&self, login: &Name) -> Result<Option<Reader>, Fault> {
        if let Some(name) = Reader::token_of_login(login) {
            let tokens = self.store.tokens().await.map_err(fault)?;
            let found = tokens.into_iter().find(|token| token.name.as_str() == name);
            return Ok(found.filter(|token| token.revoked_at.is_none()).and_then(reader_of_row));
        }
        let person = self.store.person(login.as_str()).await.map_err(fault)?;
        Ok(person.filter(|person| !person.disabled).and_then(|person| {
            Some(Reader {
                login: person.login,
                role: Role::of(&person.role)?,
                operator: person.operator,
                queues: person.queues,
                language: person.language,
            })
        }))
    }

    async fn reader_of_token(&self, hash: &str) -> Result<Option<Reader>, Fault> {
        let token = self.store.token(hash).await.map_err(fault)?;
        Ok(token.and_then(reader_of_row))
    }

    /// Notes in the audit log who did what to which; a failure is logged and changes nothing.
    pub async fn audit(&self, by: &Reader, act: &str, object: &str, detail: serde_json::Value) {
        let at = self.now().wall;
        let row = AuditRow {
            id: random::id(at),
            at,
            login: by.login.clone(),
            act: act.to_owned(),
            object: object.to_owned(),
            doc: detail.to_string(),
        };
        if let Err(error) = self.store.add_audit(&row).await {
            tracing::warn!(%error, act, "an act could not be noted in the audit log");
        }
    }
}

fn reader_of_row(token: store::Token) -> Option<Reader> {
    Some(Reader {
        login: Reader::login_of_token(&token.name),
        role: Role::of(&token.role)?,
        operator: None,
        queues: token.queues,
        language: None,
    })
}

/// The store's failures are one thing to a client; the log has the causes, numbers covered.
pub fn fault(error: crate::store::StoreError) -> Fault {
    let mut cause = error.to_string();
    let mut inner: &dyn std::error::Error = &error;
    while let Some(source) = inner.source() {
        cause = format!("{cause}: {source}");
        inner = source;
    }
    let cause: String = scrub(&cause, &[]).chars().take(300).collect();
    tracing::warn!(cause, "the store did not do what the web asked");
    Fault::Unavailable
}
