//! The card on the screens of Bitrix24 while a telephone rings.
//!
//! The call is registered once, without a card, then the card is shown to those who ring and
//! taken away from them again: `show` and `hide` name several people in one request, and several
//! offers of one call that arrive together are served by one.

use serde_json::{Value, json};

use super::bitrix24::Bitrix24;
use super::bitrix24_bucket::Lane;
use super::bitrix24_calls::{Card, Registered, Wish};
use super::bitrix24_wire::{self as wire, Trouble, iso, text_of};
use crate::connect::deliver::PopTold;
use crate::model::{CallId, Direction, Number, Pop, PopState, Wall};

/// What the portal must be told of a call to know it. A repeat of the same within 30 minutes
/// gives the same id, so everything but the time must be the same at each repeat.
pub struct Facts<'a> {
    /// Ours: `EXTERNAL_CALL_ID`.
    pub call: CallId,
    /// For whom it is registered.
    pub user: u64,
    /// The client's.
    pub number: &'a Number,
    /// Who called whom.
    pub direction: Direction,
    /// Our number.
    pub line: Option<&'a Number>,
    /// When it began.
    pub began: Wall,
}

impl Bitrix24 {
    /// Shows, keeps or takes away the card of one offer.
    pub(super) async fn card(&self, pop: &Pop) -> PopTold {
        let not_shown = |why: &str| PopTold::NotShown { why: why.to_owned() };
        if self.users.are_due() && self.users.of(&pop.operator).is_none() {
            // Nobody is known by extension before the first list; a failure shows as nobody.
            let _unread = self.learn_users(Lane::Live).await;
        }
        let Some(user) = self.users.of(&pop.operator) else {
            return not_shown("no active user of the portal is this operator");
        };
        let Some(number) = pop.client.as_ref().and_then(|client| client.e164()) else {
            return not_shown("the client has no number");
        };
        let direction = pop.direction.unwrap_or(Direction::In);
        if direction == Direction::Internal {
            return not_shown("a call between colleagues");
        }
        let wish = match pop.state {
            PopState::Ringing => Wish::Ring,
            PopState::Talking { .. } => Wish::Talk,
            PopState::TakenBy { .. }
            | PopState::Missed { .. }
            | PopState::CallerGone
            | PopState::Withdrawn { .. }
            | PopState::Ended { .. }
            | PopState::Fyi { .. }
            | PopState::Over { .. } => Wish::Nothing,
        };
        let course = match wish {
            Wish::Ring | Wish::Talk => self.calls.of(pop.call),
            Wish::Nothing => match self.calls.find(pop.call) {
                Some(course) => course,
                None => return not_shown("there was no card"),
            },
        };
        course.wish(user, wish);
        let mut gate = course.gate.lock().await;
        let (show, hide) = course.difference(&gate.cards);
        let facts = Facts {
            call: pop.call,
            user: show.first().copied().unwrap_or(user),
            number,
            direction,
            line: pop.line.as_ref().and_then(|line| line.e164()),
            began: pop.offered_at,
        };
        let done = async {
            self.show(&mut gate, &facts, &show).await?;
            self.hide(&mut gate, Lane::Live, &hide).await
        };
        match done.await {
            Ok(()) => PopTold::Shown,
            Err(trouble) => PopTold::NotShown { why: trouble.why() },
        }
    }

    async fn show(
        &self,
        gate: &mut Registered,
        facts: &Facts<'_>,
        users: &[u64],
    ) -> Result<(), Trouble> {
        if users.is_empty() || gate.finished {
            return Ok(());
        }
        // Twice, for a call that the portal forgot is registered anew.
        for _ in 0..2 {
            let call_id = self.registered(gate, Lane::Live, facts).await?;
            // From here on they may have a card, whatever becomes of the answer.
            gate.cards.extend(users.iter().map(|user| (*user, Card::Unsure)));
            let fields = json!({ "CALL_ID": call_id, "USER_ID": users });
            match self.ask(Lane::Live, wire::SHOW, fields).await {
                Ok(told) if told.result == Value::Bool(false) => gate.call_id = None,
                Ok(_) => {
                    gate.cards.extend(users.iter().map(|user| (*user, Card::Shown)));
                    return Ok(());
                }
                Err(trouble) => {
                    if !matches!(trouble, Trouble::Lost { .. }) {
                        gate.cards.retain(|user, _| !users.contains(user));
                    }
                    return Err(trouble);
                }
            }
        }
        gate.cards.retain(|user, _| !users.contains(user));
        Err(Trouble::NoCall)
    }

    /// Takes cards away. What the portal does not know has no card.
    pub(super) async fn hide(
        &self,
        gate: &mut Registered,
        lane: Lane,
        users: &[u64],
    ) -> Result<(), Trouble> {
        let Some(call_id) = gate.call_id.clone().filter(|_| !users.is_empty()) else {
            return Ok(());
        };
        self.ask(lane, wire::HIDE, json!({ "CALL_ID": call_id, "USER_ID": users })).await?;
        gate.cards.retain(|user, _| !users.contains(user));
        Ok(())
    }

    /// The portal's id of a call; registers it when it has none. No card is shown by this.
    pub(super) async fn registered(
        &self,
        gate: &mut Registered,
        lane: Lane,
        facts: &Facts<'_>,
    ) -> Result<String, Trouble> {
        if let Some(call_id) = &gate.call_id {
            return Ok(call_id.clone());
        }
        if facts.direction == Direction::Out
            && let Some(call_id) = self.clicks.of(facts.user, facts.number)
        {
            gate.call_id = Some(call_id.clone());
            return Ok(call_id);
        }
        let mut fields = json!({
            "USER_ID": facts.user,
            "PHONE_NUMBER": facts.number.reveal(),
            "TYPE": if facts.direction == Direction::Out { 1 } else { 2 },
            "CALL_START_DATE": iso(facts.began),
            "CRM_CREATE": u8::from(self.creates),
            "SHOW": 0,
            "ADD_TO_CHAT": 0,
            "EXTERNAL_CALL_ID": facts.call.to_string(),
        });
        if let (Some(line), Some(fields)) = (facts.line, fields.as_object_mut()) {
            fields.insert(String::from("LINE_NUMBER"), Value::from(line.reveal()));
        }
        let told = self.ask(lane, wire::REGISTER, fields).await;
        if told == Err(Trouble::NoUser) {
            self.users.doubt(facts.user);
        }
        let call_id = text_of(told?.result.get("CALL_ID"));
        let Some(call_id) = call_id else {
            return Err(Trouble::Lost { why: String::from("the registered call has no id") });
        };
        gate.call_id = Some(call_id.clone());
        Ok(call_id)
    }
}
