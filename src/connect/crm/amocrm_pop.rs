//! amoCRM's own card while a telephone rings (crm/amocrm.md section 5).
//!
//! Without `users` everybody in the account would get it, so a card for nobody is not sent. The
//! operators of one call who begin to ring together are told in one request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::amocrm::Inner;
use super::amocrm_door::Ask;
use super::amocrm_trouble::Trouble;
use crate::connect::deliver::PopTold;
use crate::model::{CallId, Name, Number, Party, Period, Pop, PopState};

/// How long one request may take.
const WITHIN: Duration = Duration::from_secs(2);
/// After this much ringing a card is not tried once more.
const RETRY_UNTIL: Period = Period::secs(3);
/// How long the first telephone of a call waits for others that ring together with it. Longer
/// delays every card, shorter sends a ring-all in several requests.
const GATHER: Duration = Duration::from_millis(15);
/// Cards that are remembered, so that none is shown twice; far more than calls ring at once.
const SHOWN_MAX: usize = 10_000;

/// Cards on their way, and those that left.
#[derive(Default)]
pub struct Pops {
    groups: Mutex<BTreeMap<CallId, Group>>,
    shown: Mutex<BTreeMap<(CallId, Name), Instant>>,
}

/// Users of one call who ring together, and who waits for each.
#[derive(Default)]
struct Group {
    users: Vec<u64>,
    tell: Vec<oneshot::Sender<PopTold>>,
}

/// Shows a card to the operator whose telephone rings.
pub async fn pop(inner: &Arc<Inner>, pop: &Pop) -> PopTold {
    if pop.state != PopState::Ringing {
        return not_shown("amoCRM cannot change or take back a card");
    }
    let Some(number) = pop.client.as_ref().and_then(Party::e164) else {
        return not_shown("the caller shows no number");
    };
    let Some(user) = inner.users.of(&pop.operator) else {
        return not_shown(match inner.users.is_mapped(&pop.operator) {
            true => "the operator's user is switched off in amoCRM",
            false => "the operator has no user in amoCRM",
        });
    };
    if !inner.pops.is_first(pop) {
        return not_shown("it was shown already");
    }
    let (tell, told) = oneshot::channel();
    let first = {
        let mut groups = inner.pops.groups.lock();
        let first = !groups.contains_key(&pop.call);
        let group = groups.entry(pop.call).or_default();
        group.users.push(user);
        group.tell.push(tell);
        first
    };
    if first {
        let (inner, call, number) = (inner.clone(), pop.call, number.clone());
        let offered_at = pop.offered_at;
        tokio::spawn(async move {
            tokio::time::sleep(GATHER).await;
            let group = inner.pops.groups.lock().remove(&call).unwrap_or_default();
            let until = offered_at + RETRY_UNTIL;
            let outcome = show(&inner, &number, &group.users, until).await;
            for tell in group.tell {
                let _left = tell.send(outcome.clone()); // its asker may have left
            }
        });
    }
    told.await.unwrap_or_else(|_| not_shown("it was given up"))
}

async fn show(inner: &Inner, number: &Number, users: &[u64], until: crate::model::Wall) -> PopTold {
    let once = || {
        let event = json!({
            "type": "phone_call",
            "phone_number": number.reveal(),
            "users": users,
        });
        inner.door.ask(Ask::post("/api/v2/events", json!({ "add": [event] })).live(WITHIN))
    };
    let trouble = match once().await {
        Ok(_) => return PopTold::Shown,
        Err(trouble) => trouble,
    };
    if let Trouble::Wrong { status: 400, .. } = trouble {
        inner.users.reread(&inner.door).await;
    }
    let again = trouble.is_unclear() || matches!(trouble, Trouble::Unreached(_));
    if !again || inner.now() >= until {
        return not_shown(&trouble.to_string());
    }
    match once().await {
        Ok(_) => PopTold::Shown,
        Err(trouble) => not_shown(&trouble.to_string()),
    }
}

impl Pops {
    /// Whether this operator was not shown this call yet.
    fn is_first(&self, pop: &Pop) -> bool {
        let mut shown = self.shown.lock();
        if shown.len() >= SHOWN_MAX {
            let oldest = shown.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                shown.remove(&oldest);
            }
        }
        shown.insert((pop.call, pop.operator.clone()), Instant::now()).is_none()
    }
}

fn not_shown(why: &str) -> PopTold {
    PopTold::NotShown { why: why.to_owned() }
}
