//! Calls at the door: into a queue, or along the dialplan of the number that was called.
//!
//! A plan's announcements need media: until there is any, `say` is passed over, a menu goes on
//! as if nobody pressed a key, and a message becomes an item for those who call back.

use std::sync::Arc;

use super::engine::Engine;
use super::io::{Arrival, Effect, LegReason};
use super::roster::NO_QUEUE;
use super::settings::QueueSettings;
use crate::model::{
    Authority, CallId, Direction, EntryId, LegId, Name, Now, Number, OperatorId, Outcome, Party,
    Period, PlanStep, QueueId, Record,
};
use crate::plan::{Act, End, Exit, Next, Plan, Walk};

/// The longest call. Longer keeps the lost leg of a carrier that tells no end, shorter cuts a
/// conversation.
const CALL_MAX: Period = Period::hours(12);

/// How long a number rings that overflow or an operator dialled. Longer keeps a caller with a
/// telephone that nobody picks up, shorter gives up mobile numbers that are slow to ring.
pub(super) const OUTSIDE_RING_MAX: Period = Period::secs(60);

/// A wait that ends, and how it would if the plan said nothing.
type Waits = Option<(EntryId, Outcome)>;

/// What puts one caller before another, beside the time; `None`: as the queue says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rank {
    /// The class.
    pub class: Option<u8>,
    /// Within which time they should be answered.
    pub target: Option<Period>,
}

impl Engine {
    /// A call of ours reached the door.
    pub(super) fn arrived(&mut self, arrival: Arrival) {
        if self.state.legs.contains_key(&arrival.leg) {
            return; // a leg arrives once
        }
        let client = Some(arrival.client);
        let call = self.open_call(arrival.account, client, arrival.line, arrival.leg);
        match arrival.queue {
            Some(queue) => self.enqueue(call, &queue, self.now, Rank::default()),
            None => self.follow_plan(call),
        }
    }

    /// Notes a new call of ours with its first leg.
    pub(super) fn open_call(
        &mut self,
        account: Name,
        client: Option<Party>,
        line: Option<Number>,
        leg: LegId,
    ) -> CallId {
        let call = self.new_call_id();
        let known = self.roster.account(&account);
        let provider = known.map_or_else(|| String::from("sip"), |account| account.kind.clone());
        self.emit(Record::CallArrived {
            call,
            key: format!("sip/{call}"),
            account,
            provider,
            authority: Authority::Owned,
            client,
            line: line.map(Party::Number),
            leg: Some(leg),
            started_at: self.now.wall,
            provider_at: None,
            stale_at: Some(self.now.mono + CALL_MAX),
        });
        self.emit(Record::LegMade { leg, call, offer: None, number: None });
        call
    }

    /// Puts a caller into a queue, unless the queue is closed, full or not there.
    pub(super) fn enqueue(&mut self, call: CallId, queue: &Name, first: Now, rank: Rank) {
        let own = self.take_own_place(call, queue);
        let first = own.map_or(first, |(first, _)| first);
        let rank = Rank { class: rank.class.max(own.map(|(_, class)| class)), ..rank };
        let id = self.queue_named(queue);
        let known = self.roster.queue(queue).filter(|it| it.name.as_str() != NO_QUEUE).cloned();
        let Some(rules) = known else {
            // A caller whom the site sends nowhere is our fault, and somebody has to call back.
            let entry = self.queue_up(call, id, first, rank);
            self.give_up(entry, Outcome::Failed);
            return;
        };
        let refused = self.refused(id, &rules);
        let class = rank.class.or(Some(rules.class));
        let entry = self.queue_up(call, id, first, Rank { class, ..rank });
        match refused {
            Some(outcome) => {
                let exit = if outcome == Outcome::Full { Exit::Full } else { Exit::Closed };
                self.leave_by(entry, exit, outcome);
            }
            None => {
                self.wanted.insert(entry);
            }
        }
    }

    /// What a caller who moves on to another queue keeps: the class, and the target of the first.
    pub(super) fn rank_of(&self, entry: EntryId) -> Rank {
        let Some(it) = self.state.entries.get(&entry) else { return Rank::default() };
        let rules = self.rules_of(entry).map(|rules| rules.service_level.target);
        Rank { class: Some(it.class), target: it.target.or(rules) }
    }

    fn queue_up(&mut self, call: CallId, queue: QueueId, first: Now, rank: Rank) -> EntryId {
        let entry = EntryId(self.state.next.entry);
        let config = self.version();
        let (class, target) = (rank.class.unwrap_or(0), rank.target);
        self.emit(Record::EntryQueued { entry, call, queue, config, first, class, target });
        entry
    }

    /// Why a queue takes nobody in at this moment: every way into one passes here.
    pub(super) fn refused(&self, id: QueueId, rules: &QueueSettings) -> Option<Outcome> {
        let waiting = self.state.index.waiting.get(&id).map_or(0, std::collections::BTreeSet::len);
        if !self.is_open(rules) {
            return Some(Outcome::Closed);
        }
        (waiting >= usize::from(rules.callers_max)).then_some(Outcome::Full)
    }

    /// A call without a queue: the plan of its number, else the trunk's queue, else the fallback.
    fn follow_plan(&mut self, call: CallId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let line = it.line.as_ref().and_then(Party::e164).cloned();
        let caller = it.client_e164();
        let home = self.roster.account(&it.account).and_then(|account| account.queue.clone());
        let known = line.and_then(|line| Some((self.roster.plan_for(&line)?, line)));
        if let Some((plan, line)) = known {
            let shut = plan.is_shut(&line, caller.as_ref(), self.now.wall);
            let entered = plan.enter(&line, caller.as_ref(), self.now.wall);
            let step = |walk: Walk| PlanStep {
                plan: plan.name.clone(),
                config: self.version(),
                step: walk.step,
                depth: walk.depth,
                shut,
            };
            match entered.map(step) {
                Some(step) => self.walk(call, step, None),
                None => self.end_unqueued(call, &plan, Outcome::Closed),
            }
            return;
        }
        match home.or_else(|| self.roster.fallback_queue()) {
            Some(queue) => self.enqueue(call, &queue, self.now, Rank::default()),
            None => {
                let outcome = Some(Outcome::Failed);
                self.emit(Record::CallJudged { call, outcome, disposition: None });
                self.enqueue(call, &Name::from(NO_QUEUE), self.now, Rank::default());
            }
        }
    }

    /// The plan that a call is in, as it was when the call came to it.
    fn plan_of(&self, step: &PlanStep) -> Option<Arc<Plan>> {
        let older = self.older.get(&step.config);
        let then = older.and_then(|roster| roster.plan(&step.plan));
        then.or_else(|| self.roster.plan(&step.plan))
    }

    /// A wait ends without an operator: the plan says how the call goes on, else the call ends.
    pub(super) fn leave_by(&mut self, entry: EntryId, exit: Exit, outcome: Outcome) {
        let Some(call) = self.state.entries.get(&entry).map(|entry| entry.call) else { return };
        if !self.step_on(call, exit, Some((entry, outcome))) {
            self.give_up(entry, outcome);
        }
    }

    /// Follows the plan out of the present step; false when it says nothing.
    pub(super) fn step_on(&mut self, call: CallId, exit: Exit, waits: Waits) -> bool {
        let Some(it) = self.state.calls.get(&call) else { return false };
        let Some(at) = it.course.step.clone() else { return false };
        let Some(plan) = self.plan_of(&at) else { return false };
        match next(&plan, &at, exit) {
            Next::Step(walk) => {
                self.walk(call, PlanStep { step: walk.step, depth: walk.depth, ..at }, waits);
                true
            }
            Next::Over => false,
            Next::TooDeep => self.fall_back(call, &plan, waits),
        }
    }

    /// The plan failed at run time: its fallback takes the call.
    fn fall_back(&mut self, call: CallId, plan: &Plan, waits: Waits) -> bool {
        tracing::error!(plan = %plan.name, "a call took too many steps; the fallback takes it");
        let Some(queue) = plan.fallback.as_ref().map(|queue| queue.name.clone()) else {
            return false;
        };
        self.emit(Record::StepTaken { call, step: None, due_at: None });
        self.move_to(call, &queue, None, waits);
        true
    }

    /// Takes steps until one of them lasts or ends the call.
    fn walk(&mut self, call: CallId, mut at: PlanStep, waits: Waits) {
        let Some(plan) = self.plan_of(&at) else {
            self.end_call(call, LegReason::Over);
            return;
        };
        loop {
            let act = plan.steps.get(&at.step).map(|step| step.act.clone());
            let exit = match act {
                Some(Act::Queue { queue, class, .. }) => {
                    self.emit(Record::StepTaken { call, step: Some(at), due_at: None });
                    self.move_to(call, &queue.name, class, waits);
                    return;
                }
                Some(Act::Dial { numbers, ring, .. }) => {
                    if let Some((entry, _)) = waits {
                        self.leave_queue(entry, Outcome::Overflowed);
                    }
                    let due_at = Some(self.now.mono + ring);
                    self.emit(Record::StepTaken { call, step: Some(at), due_at });
                    self.dial_out(call, &numbers, None, None);
                    return;
                }
                Some(Act::Menu { .. }) => Exit::Timeout,
                Some(Act::Say { then: Some(_), .. }) => Exit::Said,
                Some(Act::Say { record: Some(_), .. } | Act::Voicemail { .. }) => {
                    let home = self.home_of(call, &plan);
                    return self.promise(call, home, &at, waits);
                }
                Some(Act::Callback { queue }) => {
                    return self.promise(call, Some(queue.name), &at, waits);
                }
                Some(Act::End { because }) => {
                    return self.end_in_plan(call, &plan, (because, at.shut), waits);
                }
                Some(Act::Say { .. }) | None => {
                    return self.end_in_plan(call, &plan, (End::Hangup, at.shut), waits);
                }
            };
            match next(&plan, &at, exit) {
                Next::Step(walk) => (at.step, at.depth) = (walk.step, walk.depth),
                Next::Over => {
                    return self.end_in_plan(call, &plan, (End::Hangup, at.shut), waits);
                }
                Next::TooDeep => {
                    if !self.fall_back(call, &plan, waits) {
                        self.end_in_plan(call, &plan, (End::Hangup, at.shut), waits);
                    }
                    return;
                }
            }
        }
    }

    /// On to another queue, with the place and the waiting time kept.
    fn move_to(&mut self, call: CallId, queue: &Name, class: Option<u8>, waits: Waits) {
        let mut first = self.now;
        let mut rank = Rank { class, target: None };
        if let Some((entry, _)) = waits {
            let kept = self.rank_of(entry);
            rank = Rank { class: class.or(kept.class), ..kept };
            first = self.state.entries.get(&entry).map_or(first, |entry| entry.first);
            self.leave_queue(entry, Outcome::Overflowed);
        }
        self.enqueue(call, queue, first, rank);
    }

    /// The call ends with the promise to call back.
    fn promise(&mut self, call: CallId, queue: Option<Name>, at: &PlanStep, waits: Waits) {
        let waited = waits.and_then(|(entry, outcome)| {
            let it = self.state.entries.get(&entry)?;
            Some((entry, outcome, it.queue_name.clone()))
        });
        match (waited, queue) {
            (Some((entry, outcome, own)), queue) if queue.as_ref().is_none_or(|it| *it == own) => {
                // Who calls out of hours did not choose to be called back.
                let closed = outcome == Outcome::Closed;
                if closed {
                    self.give_up(entry, outcome);
                } else {
                    self.make_token(entry);
                    self.give_up(entry, Outcome::CallbackTaken);
                }
                return;
            }
            (Some((entry, ..)), Some(queue)) => {
                self.leave_queue(entry, Outcome::Overflowed);
                self.book(call, &queue, Outcome::CallbackTaken);
            }
            (None, Some(queue)) => {
                let outcome = if at.shut { Outcome::Closed } else { Outcome::CallbackTaken };
                self.book(call, &queue, outcome);
            }
            (Some(_) | None, None) => {}
        }
        self.end_call(call, LegReason::Over);
    }

    /// The plan ends the call.
    fn end_in_plan(
        &mut self,
        call: CallId,
        plan: &Plan,
        (because, shut): (End, bool),
        waits: Waits,
    ) {
        if let Some((entry, outcome)) = waits {
            self.give_up(entry, outcome);
            return;
        }
        let outcome = match because {
            End::Closed => Outcome::Closed,
            End::Blocked => Outcome::Blocked,
            End::Busy => Outcome::Full,
            End::Hangup if shut => Outcome::Closed,
            End::Hangup => Outcome::Withdrawn,
        };
        self.end_unqueued(call, plan, outcome);
    }

    /// Ends a call that no queue let go of; where it was in none, the queue that its number
    /// leads to in hours books it, so that reports and those who call back know of it.
    fn end_unqueued(&mut self, call: CallId, plan: &Plan, outcome: Outcome) {
        let queued = self.state.calls.get(&call).is_some_and(|it| !it.entries.is_empty());
        if !queued {
            match self.home_of(call, plan) {
                Some(queue) => self.book(call, &queue, outcome),
                None => {
                    let outcome = Some(outcome);
                    self.emit(Record::CallJudged { call, outcome, disposition: None });
                }
            }
        }
        self.end_call(call, LegReason::Over);
    }

    fn home_of(&self, call: CallId, plan: &Plan) -> Option<Name> {
        let it = self.state.calls.get(&call)?;
        let line = it.line.as_ref().and_then(Party::e164)?;
        plan.home(line).cloned()
    }

    /// A call from outside that ends without a queue or a conversation, as while a plan rings
    /// numbers: the queue that its number leads to books it.
    pub(super) fn book_unqueued(&mut self, call: CallId, outcome: Outcome) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let lost = it.direction == Some(Direction::In) && it.conversed_at.is_none();
        if !lost || !it.entries.is_empty() || it.course.outcome.is_some() {
            return;
        }
        let plan = it.course.step.as_ref().and_then(|step| self.plan_of(step));
        match plan.and_then(|plan| self.home_of(call, &plan)) {
            Some(queue) => self.book(call, &queue, outcome),
            None => {
                let outcome = Some(outcome);
                self.emit(Record::CallJudged { call, outcome, disposition: None });
            }
        }
    }

    /// Notes a wait that was none: from the start of the call to now.
    fn book(&mut self, call: CallId, queue: &Name, outcome: Outcome) {
        let Some(id) = self.state.index.queues.get(queue).copied() else { return };
        let began = self.state.calls.get(&call).map(|it| (it.heard, it.started_at));
        let first = began.map_or(self.now, |(mono, wall)| Now { mono, wall });
        let entry = self.queue_up(call, id, first, Rank::default());
        if outcome == Outcome::CallbackTaken {
            self.make_token(entry);
        }
        self.emit(Record::EntryDone { entry, outcome });
    }

    /// Rings numbers outside for a call, all at once.
    pub(super) fn dial_out(
        &mut self,
        call: CallId,
        numbers: &[Number],
        account: Option<&Name>,
        by: Option<OperatorId>,
    ) {
        let Some(with) = self.state.calls.get(&call).and_then(|call| call.leg) else { return };
        for number in numbers {
            let (leg, number) = (LegId(self.state.next.leg), number.clone());
            let made = Some(number.clone());
            self.emit(Record::LegMade { leg, call, offer: None, number: made });
            let account = account.cloned();
            let with = Some(with);
            self.act(Effect::DialOut { leg, call, number, with, account, by });
        }
    }
}

fn next(plan: &Plan, at: &PlanStep, exit: Exit) -> Next {
    plan.next(&Walk { step: at.step.clone(), depth: at.depth }, exit)
}
