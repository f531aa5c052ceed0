//! Who is who: operators and the users of the account, and the names of stages.
//!
//! A switched-off or unknown user in a request makes amoCRM refuse the whole batch, so users are
//! looked at before they are named, and left out rather than lose the call.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::amocrm_door::{Ask, Door};
use super::amocrm_trouble::Trouble;
use super::amocrm_wire::{Pipeline, User, list};
use crate::model::Name;

/// How long lists are believed. Longer names people who left; shorter spends requests.
const FRESH_FOR: Duration = Duration::from_secs(3_600);
/// When a list that could not be read is asked for again.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Users or pipelines of one page.
const PAGE: usize = 250;
/// Pages of users; an account with more has its last ones taken for unknown.
const PAGES_MAX: usize = 8;

/// What is known of the account's people and stages.
pub struct Users {
    /// User ids by operator, as an administrator confirmed them.
    ids: BTreeMap<Name, u64>,
    seen: RwLock<Seen>,
    /// One reading of each at a time.
    one: Mutex<()>,
    one_stages: Mutex<()>,
}

#[derive(Default)]
struct Seen {
    /// `None`: the list was never read, or the token may not read it.
    users: Option<BTreeMap<u64, Known>>,
    users_due: Option<Instant>,
    stages: BTreeMap<(Option<u64>, u64), String>,
    stages_due: Option<Instant>,
}

struct Known {
    name: Option<String>,
    active: bool,
}

impl Users {
    /// Nobody is known yet beside the ids.
    pub fn new(ids: BTreeMap<Name, u64>) -> Users {
        Users { ids, seen: RwLock::default(), one: Mutex::new(()), one_stages: Mutex::new(()) }
    }

    /// The user of an operator, where there is one who is not known to be switched off.
    pub fn of(&self, operator: &Name) -> Option<u64> {
        self.ids.get(operator).copied().filter(|id| self.may_be_named(*id))
    }

    /// Whether a user is confirmed for an operator, active or not.
    pub fn is_mapped(&self, operator: &Name) -> bool {
        self.ids.contains_key(operator)
    }

    /// Whether a user may stand in a request. What is not known may.
    pub fn may_be_named(&self, id: u64) -> bool {
        match &self.seen.read().users {
            Some(users) => users.get(&id).is_some_and(|user| user.active),
            None => true,
        }
    }

    /// The operator who is this user.
    pub fn operator(&self, id: u64) -> Option<Name> {
        let own = self.ids.iter().find(|(_, own)| **own == id);
        own.map(|(operator, _)| operator.clone())
    }

    /// The name of a user, where the list could be read.
    pub fn name(&self, id: u64) -> Option<String> {
        self.seen.read().users.as_ref()?.get(&id)?.name.clone()
    }

    /// The name of a stage.
    pub fn stage(&self, pipeline: Option<u64>, status: u64) -> Option<String> {
        self.seen.read().stages.get(&(pipeline, status)).cloned()
    }

    /// Reads the users when the list is old. What cannot be read is left as it was.
    pub async fn refresh(&self, door: &Door, live: Option<Duration>) {
        let due = |seen: &Seen| seen.users_due.is_none_or(|due| Instant::now() >= due);
        if !due(&self.seen.read()) {
            return;
        }
        let _one = self.one.lock().await;
        if due(&self.seen.read()) {
            self.read_users(door, live).await;
        }
    }

    /// Reads the users now: a request was refused because of one of them.
    pub async fn reread(&self, door: &Door) {
        let _one = self.one.lock().await;
        self.read_users(door, None).await;
    }

    /// Reads the stages when they are old.
    pub async fn refresh_stages(&self, door: &Door, live: Duration) {
        let due = |seen: &Seen| seen.stages_due.is_none_or(|due| Instant::now() >= due);
        if !due(&self.seen.read()) {
            return;
        }
        let _one = self.one_stages.lock().await;
        if !due(&self.seen.read()) {
            return;
        }
        let ask = Ask::get("/api/v4/leads/pipelines").live(live);
        let read = door.ask(ask).await;
        let mut seen = self.seen.write();
        let Ok(body) = read else {
            seen.stages_due = Some(Instant::now() + AGAIN_AFTER);
            return;
        };
        let pipelines: Vec<Pipeline> = list(body.as_ref(), "pipelines");
        let stages = pipelines.into_iter().filter_map(|one| one.embedded).flat_map(|e| e.statuses);
        seen.stages =
            stages.filter_map(|stage| Some(((stage.pipeline_id, stage.id), stage.name?))).collect();
        seen.stages_due = Some(Instant::now() + FRESH_FOR);
    }

    async fn read_users(&self, door: &Door, live: Option<Duration>) {
        let read = all_users(door, live).await;
        let mut seen = self.seen.write();
        match read {
            Ok(users) if !users.is_empty() => {
                seen.users = Some(users);
                seen.users_due = Some(Instant::now() + FRESH_FOR);
            }
            // Only an administrator's token may read the list; nobody is known then. An account
            // has users, so an empty list is none.
            Ok(_) | Err(Trouble::Forbidden) => seen.users_due = Some(Instant::now() + FRESH_FOR),
            Err(_) => seen.users_due = Some(Instant::now() + AGAIN_AFTER),
        }
    }
}

async fn all_users(door: &Door, live: Option<Duration>) -> Result<BTreeMap<u64, Known>, Trouble> {
    let mut users = BTreeMap::new();
    for page in 1..=PAGES_MAX {
        let ask = Ask::get(format!("/api/v4/users?limit={PAGE}&page={page}"));
        let body = door.ask(match live {
            Some(within) => ask.live(within),
            None => ask,
        });
        let body = body.await?;
        for user in list::<User>(body.as_ref(), "users") {
            let active = user.rights.and_then(|rights| rights.is_active).unwrap_or(true);
            users.insert(user.id, Known { name: user.name, active });
        }
        if body.as_ref().and_then(|body| body.pointer("/_links/next")).is_none() {
            break;
        }
    }
    Ok(users)
}
