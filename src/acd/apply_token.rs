//! How records change callbacks.

use std::collections::BTreeMap;

use super::call::{Call, CallState};
use super::course::Course;
use super::state::State;
use super::token::{Token, TokenState};
use crate::model::{Authority, CallId, Direction, Now, Party, Period, Record, StageName, TokenId};

/// The longest an attempt lasts: a day of waiting for an operator, and a conversation. Longer
/// keeps the lost leg of a carrier that tells no end.
const CALLBACK_MAX: Period = Period::hours(36);

impl State {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "`fold` lists every kind and says which table it belongs to"
    )]
    pub(super) fn apply_to_token(&mut self, at: Now, record: &Record) {
        match record {
            Record::TokenMade { .. } => self.token_made(record),
            Record::TokenWoken { token, call } => self.token_woken(at, *token, *call),
            Record::TokenSlept { token, wake_at, tried, how } => {
                self.on_token(*token, |it| {
                    it.state = TokenState::Asleep(*wake_at);
                    it.tries = it.tries.saturating_add(u8::from(*tried));
                });
                if let Some((call, how)) = how {
                    self.on_call(*call, |it| it.course.disposition = Some(*how));
                }
            }
            Record::ClientOnLine { call, leg } => self.on_call(*call, |it| {
                it.leg = Some(*leg);
                it.course.legs.retain(|known| known != leg);
                it.course.due_at = None;
            }),
            Record::TokenLent { token, call } => {
                self.on_token(*token, |it| it.state = TokenState::Lent(*call));
            }
            Record::TokenClosed { token, because: _ } => {
                if let Some(it) = self.tokens.remove(token) {
                    self.index.place_token(&it, false);
                }
                self.dirty.armed_tokens.insert(*token);
            }
            _ => {}
        }
    }

    fn on_token(&mut self, id: TokenId, change: impl FnOnce(&mut Token)) {
        let Some(it) = self.tokens.get_mut(&id) else { return };
        change(it);
        self.dirty.armed_tokens.insert(id);
    }

    fn token_made(&mut self, record: &Record) {
        let Record::TokenMade { token, call, queue, client, dials, first, class, until, wake_at } =
            record
        else {
            return;
        };
        let Some(queue_name) = self.queues.get(queue).map(|it| it.name.clone()) else { return };
        let Some(of) = self.calls.get(call) else { return };
        let made = Token {
            id: *token,
            call: *call,
            account: of.account.clone(),
            provider: of.provider.clone(),
            line: of.line.clone(),
            queue: *queue,
            queue_name,
            client: client.clone(),
            dials: *dials,
            first: *first,
            class: *class,
            until: *until,
            tries: 0,
            state: TokenState::Asleep(*wake_at),
        };
        self.next.token = self.next.token.max(token.0.saturating_add(1));
        self.index.place_token(&made, true);
        self.tokens.insert(*token, made);
        self.dirty.armed_tokens.insert(*token);
        self.on_call(*call, |it| it.asked_callback = true);
    }

    fn token_woken(&mut self, at: Now, id: TokenId, call: CallId) {
        let Some(token) = self.tokens.get(&id).cloned() else { return };
        let made = Call {
            id: call,
            key: format!("callback/{call}"),
            account: token.account,
            provider: token.provider,
            authority: Authority::Owned,
            state: CallState::Screened,
            direction: Some(Direction::Out),
            client: Some(Party::Number(token.client)),
            line: token.line,
            leg: None,
            course: Course::default(),
            token: Some(id),
            asked_callback: false,
            story: None,
            placing: None,
            heard: at.mono,
            started_at: at.wall,
            ended_at: None,
            settle_at: None,
            quiet_at: None,
            stale_at: Some(at.mono + CALLBACK_MAX),
            forget_at: None,
            stale: false,
            settled: false,
            conversed_at: None,
            is_counted: false,
            result: None,
            entries: Vec::new(),
            offers: Vec::new(),
            stages: BTreeMap::from([(StageName::Journal, at.wall)]),
            revision: 0,
        };
        self.next.call = self.next.call.saturating_add(1);
        self.index.add_call(&made);
        self.calls.insert(call, made);
        self.dirty.call(call);
        self.on_token(id, |it| it.state = TokenState::Woken(call));
    }
}
