//! amoCRM and Kommo: one account as a target of notes, cards and questions.
//!
//! The contract is crm/amocrm.md. Files beside this one: who we are (`_auth`), how fast we may be
//! (`_gate`), requests (`_door`) and what goes wrong with them (`_trouble`), the log of calls
//! (`_log`, `_batch`, `_look`), tasks, cards, and who has a number (`_search`, `_client`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::amocrm_auth::{Access, Auth, Clock, ExchangeError};
use super::amocrm_batch::Batch;
use super::amocrm_door::{Ask, Door};
use super::amocrm_gate::Gate;
use super::amocrm_log::{self as log, Unknown, skipped};
use super::amocrm_numbers::{Numbers, UNCLEAR_FOR};
use super::amocrm_pop::{self as pops, Pops};
use super::amocrm_users::Users;
use super::texts::{Texts, texts};
use super::{amocrm_client, amocrm_look, amocrm_task};
use crate::connect::deliver::{Crm, Found, Later, Note, Outlet, PopTold, Shelf, Verdict, Visits};
use crate::connect::http::Http;
use crate::model::{CallId, ClientView, Name, NoteBody, Number, Period, Pop, Wall};

/// Domains that accounts live under.
const SUFFIXES: [&str; 3] = [".amocrm.ru", ".amocrm.com", ".kommo.com"];
/// Letters of a subdomain at most.
const SUBDOMAIN_MAX: usize = 63;
/// Notes a second and at once that the worker may begin. They are gathered into batches, and the
/// gate holds the requests themselves to amoCRM's rate; smaller figures make smaller batches, and
/// let what waited through an outage wait longer.
const PACE: (f64, u32) = (200.0, 50);

/// Everything that is configured of an account.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in the configuration.
    pub name: Name,
    /// Where it lives; see [`checked_base`].
    pub base: String,
    /// How it lets us in.
    pub access: Access,
    /// What is done about calls of numbers that it does not know.
    pub unknown: Unknown,
    /// Who gets the task of a missed call.
    pub task: TaskTo,
    /// When a task is due after the call.
    pub task_within: Period,
    /// The pipeline of unsorted leads; `None`: the account's main one.
    pub pipeline: Option<u64>,
    /// User ids by operator.
    pub users: BTreeMap<Name, u64>,
    /// The language of what people read there.
    pub language: String,
    /// Where our own pages are, without a slash at the end.
    pub pages: Option<String>,
}

/// Who gets the task of a missed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskTo {
    /// Who is responsible for the client; else who was rung last.
    Responsible,
    /// Who was rung last; else who is responsible.
    Rung,
    /// Always this operator; else who is responsible.
    Operator(Name),
}

/// What an account works with.
#[derive(Clone)]
pub struct Ways {
    /// The way out.
    pub http: Http,
    /// The rate, shared by all accounts.
    pub gate: Arc<Gate>,
    /// Where tokens are kept.
    pub shelf: Arc<dyn Shelf>,
    /// The time.
    pub clock: Clock,
}

/// An account of amoCRM.
#[derive(Clone)]
pub struct AmoCrm(Arc<Inner>);

/// What the files of this adapter share.
pub struct Inner {
    pub name: Name,
    pub door: Arc<Door>,
    pub users: Users,
    pub numbers: Numbers,
    pub batch: Arc<Batch>,
    pub pops: Pops,
    pub unknown: Unknown,
    pub task: TaskTo,
    pub task_within: Period,
    pub pipeline: Option<u64>,
    pub texts: &'static Texts,
    pages: Option<String>,
    clock: Clock,
}

/// Checks the address of an account and gives it without a slash at its end.
///
/// It goes into every address that we ask, so it must be a subdomain of amoCRM's own domains; any
/// other one must stand in `outgoing.allow` by its exact host and port. Fails with what is wrong.
pub fn checked_base(text: &str, allowed: &[String]) -> Result<String, &'static str> {
    let bare = text.trim_end_matches('/');
    let Some((scheme, host)) = bare.split_once("://") else {
        return Err("write https://NAME.amocrm.ru");
    };
    let host = host.to_lowercase();
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let ours = SUFFIXES.iter().find_map(|suffix| host.strip_suffix(suffix)).is_some_and(|sub| {
        (1..=SUBDOMAIN_MAX).contains(&sub.len()) && sub.bytes().all(fits) && sub != "www"
    });
    if scheme == "https" && ours {
        return Ok(format!("https://{host}"));
    }
    let port = if scheme == "https" { 443 } else { 80 };
    let with_port = if host.contains(':') { host.clone() } else { format!("{host}:{port}") };
    let listed = allowed.iter().any(|one| one.eq_ignore_ascii_case(&with_port));
    if listed && ["https", "http"].contains(&scheme) {
        return Ok(format!("{scheme}://{host}"));
    }
    Err("write https://NAME.amocrm.ru, .amocrm.com or .kommo.com; any other host must stand in \
         outgoing.allow")
}

impl AmoCrm {
    /// An account. Its base has passed [`checked_base`].
    pub fn new(settings: Settings, ways: Ways) -> AmoCrm {
        let Ways { http, gate, shelf, clock } = ways;
        let auth = Auth::new(
            (settings.name.clone(), settings.base.clone()),
            settings.access,
            (http.clone(), gate.clone()),
            shelf,
            clock.clone(),
        );
        let door = Arc::new(Door { auth, gate, base: settings.base, http });
        AmoCrm(Arc::new(Inner {
            name: settings.name,
            door,
            users: Users::new(settings.users),
            numbers: Numbers::default(),
            batch: Arc::default(),
            pops: Pops::default(),
            unknown: settings.unknown,
            task: settings.task,
            task_within: settings.task_within,
            pipeline: settings.pipeline,
            texts: texts(&settings.language),
            pages: settings.pages,
            clock,
        }))
    }

    /// Takes the code that an administrator's consent brought, with the account's host beside it.
    /// A code works once, so it is never sent twice.
    pub async fn exchange(&self, code: &str, referer: Option<&str>) -> Result<(), ExchangeError> {
        self.0.door.auth.exchange(code, referer).await
    }

    /// How the account lets us in, and where it lives.
    pub(super) fn access(&self) -> (&Access, &str) {
        (self.0.door.auth.access(), &self.0.door.base)
    }

    /// What people should know of the token: that it ends within 14 days.
    pub fn warning(&self) -> Option<String> {
        self.0.door.auth.warning()
    }
}

impl Inner {
    /// The page of a call in our own pages, or the account itself where those have no address.
    pub fn call_page(&self, call: CallId) -> String {
        match &self.pages {
            Some(pages) => format!("{pages}/calls/{call}"),
            None => self.door.base.clone(),
        }
    }

    /// The time of day.
    pub fn now(&self) -> Wall {
        (self.clock)().wall
    }
}

impl Outlet for AmoCrm {
    fn name(&self) -> &Name {
        &self.0.name
    }

    fn pace(&self) -> (f64, u32) {
        PACE
    }

    fn deliver<'a>(&'a self, note: &'a Note) -> Later<'a, Verdict> {
        Box::pin(async move {
            match &note.body {
                NoteBody::Call { call } => log::enter(&self.0, call, note.external.as_ref()).await,
                NoteBody::CallBack { call } => match &note.external {
                    Some(given) => Verdict::Done { external: Some(given.clone()) },
                    None => amocrm_task::give(&self.0, call, self.0.now()).await,
                },
                NoteBody::Reached { .. } => {
                    amocrm_task::complete(&self.0, note.external.as_ref()).await
                }
                NoteBody::Event { .. } | NoteBody::Message(_) => {
                    skipped("amoCRM is told of calls only")
                }
            }
        })
    }

    fn look_up<'a>(&'a self, note: &'a Note) -> Later<'a, Found> {
        Box::pin(async move {
            match &note.body {
                NoteBody::Call { call } => {
                    amocrm_look::look_up(&self.0, call, note.external.as_ref()).await
                }
                NoteBody::CallBack { call } => amocrm_task::look_up(&self.0, call).await,
                // To say it again changes nothing.
                NoteBody::Reached { .. } => Found::No,
                NoteBody::Event { .. } | NoteBody::Message(_) => Found::No,
            }
        })
    }

    fn look_up_after(&self) -> Duration {
        UNCLEAR_FOR
    }

    fn probe(&self) -> Later<'_, Result<(), String>> {
        Box::pin(async move {
            if let Some(warning) = self.warning() {
                tracing::warn!(crm = %self.0.name, "{warning}");
            }
            self.0.door.gate.let_probe();
            let asked = self.0.door.ask(Ask::get("/api/v4/account")).await;
            asked.map(|_| ()).map_err(|trouble| trouble.to_string())
        })
    }

    fn crm(&self) -> Option<&dyn Crm> {
        Some(self)
    }

    fn visits(&self) -> Option<&dyn Visits> {
        Some(self)
    }
}

impl Crm for AmoCrm {
    fn pop<'a>(&'a self, pop: &'a Pop) -> Later<'a, PopTold> {
        Box::pin(pops::pop(&self.0, pop))
    }

    fn client<'a>(&'a self, number: &'a Number) -> Later<'a, ClientView> {
        Box::pin(amocrm_client::client(&self.0, number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_amocrms_own_domains_and_what_is_allowed_are_asked() {
        let allowed = [String::from("127.0.0.1:8090")];
        for (text, base) in [
            ("https://savdo.amocrm.ru", "https://savdo.amocrm.ru"),
            ("https://Savdo-2.AMOCRM.com/", "https://savdo-2.amocrm.com"),
            ("https://x.kommo.com", "https://x.kommo.com"),
            ("http://127.0.0.1:8090/", "http://127.0.0.1:8090"),
        ] {
            assert_eq!(checked_base(text, &allowed).as_deref(), Ok(base), "{text}");
        }
        for text in [
            "savdo.amocrm.ru",
            "http://savdo.amocrm.ru",
            "https://amocrm.ru",
            "https://www.amocrm.ru",
            "https://.amocrm.ru",
            "https://a.b.amocrm.ru",
            "https://a_b.amocrm.ru",
            "https://savdo.amocrm.ru.evil.uz",
            "https://evil.uz/.amocrm.ru",
            "https://evil.uz#.amocrm.ru",
            "https://u@x.amocrm.ru",
            "https://savdo.amocrm.ru:8443",
            "https://127.0.0.1",
            "http://127.0.0.1:8091",
            "ftp://127.0.0.1:8090",
        ] {
            assert!(checked_base(text, &allowed).is_err(), "{text}");
        }
        assert!(checked_base(&format!("https://{}.amocrm.ru", "a".repeat(64)), &[]).is_err());
    }
}
