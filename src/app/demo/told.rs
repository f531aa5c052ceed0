//! The demo in the terminal: one line for each card and each call that ends, numbers masked.

use std::sync::Arc;
use std::time::Duration;

use super::outside::Outside;
use crate::model::{CallId, Live, Party, Pop, PopState};
use crate::web::{Hub, Next, Reader, Role};

/// How often it is looked whether a message came.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Who sees everything.
pub fn everything() -> Arc<Reader> {
    Arc::new(Reader {
        login: "demo".into(),
        role: Role::Admin,
        operator: None,
        queues: Vec::new(),
        language: None,
    })
}

/// Prints what arrives in Telegram.
pub async fn tell_messages(outside: Arc<Outside>) {
    let (mut told, mut look) = (0, tokio::time::interval(LOOK_EVERY));
    loop {
        look.tick().await;
        for text in outside.messages(told) {
            told += 1;
            println!("  telegram  {}", text.replace('\n', " | "));
        }
    }
}

/// Prints what happens until the hub is gone.
pub async fn tell(hub: Hub) {
    let Ok(mut subscription) = hub.subscribe(&everything(), Vec::new(), None) else { return };
    let mut said = None; // a call whose owner is navbat itself is settled in the moment it ends
    loop {
        match subscription.next().await {
            Next::Event(event) => {
                let ended = ended(&event.live);
                if ended.is_some() && ended == said {
                    continue;
                }
                said = ended.or(said);
                if let Some(line) = line(&event.live) {
                    println!("{line}");
                }
            }
            Next::Lost => {}
            Next::Closed => return,
        }
    }
}

/// The call that an event tells the end of.
fn ended(live: &Live) -> Option<CallId> {
    match live {
        Live::Call(call) if call.ended_at.is_some() && call.settled => Some(call.id),
        Live::Call(_)
        | Live::Pop(_)
        | Live::Operator(_)
        | Live::Queue(_)
        | Live::Episode(_)
        | Live::Client(_) => None,
    }
}

fn line(live: &Live) -> Option<String> {
    match live {
        Live::Pop(pop) => Some(card(pop)),
        Live::Call(call) if call.ended_at.is_some() && call.settled => {
            let who = call.answered_by.as_ref().map_or("-", |name| name.as_str());
            let word = call.disposition.word();
            Some(format!(
                "  call  {:<16} {:<20} {word} {who}",
                call.account.as_str(),
                client(&call.client)
            ))
        }
        Live::Call(_) | Live::Operator(_) | Live::Queue(_) | Live::Episode(_) | Live::Client(_) => {
            None
        }
    }
}

fn card(pop: &Pop) -> String {
    let state = match &pop.state {
        PopState::Ringing => String::from("rings"),
        PopState::Talking { .. } => String::from("talks"),
        PopState::TakenBy { operator } => format!("taken by {operator}"),
        PopState::Missed { rang } => format!("missed after {rang}"),
        PopState::CallerGone => String::from("caller gone"),
        PopState::Withdrawn { .. } => String::from("withdrawn"),
        PopState::Ended { how } => how.clone(),
        PopState::Fyi { operator, talk: None, .. } => format!("their client talks with {operator}"),
        PopState::Fyi { operator, .. } => format!("their client talked with {operator}"),
        PopState::Over { talk } => format!("talked {talk}"),
    };
    format!(
        "  card  {:<16} {:<20} {}: {state}",
        pop.account.as_str(),
        client(&pop.client),
        pop.operator
    )
}

/// `Number` prints itself masked; what is no number is not shown at all.
fn client(party: &Option<Party>) -> String {
    match party {
        Some(Party::Number(number) | Party::Guessed(number)) => number.to_string(),
        Some(Party::Extension(digits)) => digits.clone(),
        Some(Party::Hidden) => String::from("hidden number"),
        Some(Party::Unparsed(_)) => String::from("unreadable number"),
        None => String::from("unknown"),
    }
}
