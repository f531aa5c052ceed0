//! Every order in which two calls and three telephones can ring, answer, refuse, cross and hang
//! up in a ring-all, with the invariants on.
//!
//! A walk over all states: from each, every event that the edge could send next. Two ways to the
//! same state are walked on from once. With fewer telephones a timer may ring once as well; of the
//! orders with a transfer or a pickup a thousand are drawn by lot.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use navbat::acd::{Member, OperatorSettings, QueueSettings, ReadyRule, Settings, Tier};
use navbat::model::{
    CallId, EndedBy, Intent, LegId, Mono, Name, Now, Number, OperatorId, Party, Period, Reach,
    Record, Seed, Wall, Work,
};
use navbat::switch::{
    Arrival, Command, Effect, Input, LegEvent, Output, Switch, Target, Ticket, Transfer, TransferTo,
};

/// A telephone as the edge knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Leg {
    Caller,
    Dialing,
    Ringing,
    Answered,
    /// The switch joins it with this leg; the edge has not told yet.
    Joining(LegId),
    Joined(LegId),
    /// Cancelled or hung up by the switch; an answer may still cross once.
    Stopped,
    Crossed,
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Arrives(u64),
    Tells(LegId, LegEvent),
    /// Passes the other party of a leg on to an operator.
    Passes(LegId, u32),
    /// An operator takes the caller of a call.
    PicksUp(CallId, u32),
    TimePasses,
}

/// What may happen once beside ringing, answering and hanging up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Extra {
    Nothing,
    Timer,
    Transfer,
    Pickup,
}

#[derive(Clone)]
struct Moment {
    switch: Switch,
    now: Now,
    legs: BTreeMap<LegId, Leg>,
    came: u64,
    extra: Extra,
    operators: u32,
    /// Whether the whole state is checked after each step.
    is_checked: bool,
    /// Whom an operator's leg is of: the call's number and the operator.
    parties: BTreeMap<LegId, (u64, OperatorId)>,
    calls: BTreeMap<CallId, u64>,
    /// Conversations begun, by call.
    won: BTreeMap<CallId, u32>,
    path: Vec<Step>,
}

const START: Now = Now { mono: Mono(1_000), wall: Wall(1_772_427_600_000) };
const CALLS: u64 = 2;

fn settings(operators: u32, confirm: Period) -> Settings {
    let names: Vec<Name> = (1..=operators).map(|number| format!("op{number}").into()).collect();
    let operator = |name: &Name| OperatorSettings {
        name: name.clone(),
        login: None,
        aliases: Vec::new(),
        ready: ReadyRule::Panel,
        calls_max: 1,
        skills: Vec::new(),
        disabled: false,
    };
    let mut queue = QueueSettings::named("sales");
    queue.confirm = confirm;
    queue.wrap_up = Period::ZERO;
    let members = names.iter().map(|name| Member { operator: name.clone(), weight: 10 });
    queue.tiers.push(Tier { after: Period::ZERO, members: members.collect() });
    Settings {
        version: String::from("v1"),
        timezone: jiff::tz::TimeZone::UTC,
        operators: names.iter().map(operator).collect(),
        queues: vec![queue],
        accounts: Vec::new(),
        plans: Vec::new(),
    }
}

impl Moment {
    fn start(settings: &Settings, extra: Extra) -> Moment {
        let mut moment = Moment {
            switch: Switch::new(Arc::new(settings.clone()), 1),
            now: START,
            legs: BTreeMap::new(),
            came: 0,
            extra,
            is_checked: matches!(extra, Extra::Transfer | Extra::Pickup),
            operators: u32::try_from(settings.operators.len()).unwrap(),
            parties: BTreeMap::new(),
            calls: BTreeMap::new(),
            won: BTreeMap::new(),
            path: Vec::new(),
        };
        for operator in &settings.operators {
            let name = operator.name.clone();
            moment.input(Input::Reach { operator: name.clone(), reach: Reach::Reachable });
            let command = Command::SetIntent { operator: name.clone(), intent: Intent::Ready };
            let ticket = Ticket(1);
            moment.input(Input::Command { ticket, by: name, supervisor: false, command });
        }
        moment
    }

    /// Every event that the edge could send next.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.came < CALLS {
            steps.push(Step::Arrives(self.came + 1));
        }
        let gone = |leg, by| Step::Tells(leg, LegEvent::Ended(by));
        for (leg, state) in &self.legs {
            let tells = |event| Step::Tells(*leg, event);
            match state {
                Leg::Caller => steps.push(gone(*leg, EndedBy::Party)),
                Leg::Dialing => {
                    steps.extend([tells(LegEvent::Ringing), tells(LegEvent::Answered)]);
                    steps.push(gone(*leg, EndedBy::Busy));
                }
                Leg::Ringing => steps.push(tells(LegEvent::Answered)),
                Leg::Answered => steps.push(gone(*leg, EndedBy::Party)),
                Leg::Joining(_) => {
                    steps.extend([tells(LegEvent::Bridged), gone(*leg, EndedBy::Party)]);
                }
                Leg::Joined(_) => steps.push(gone(*leg, EndedBy::Party)),
                Leg::Stopped => {
                    steps.extend([tells(LegEvent::Answered), gone(*leg, EndedBy::Us)]);
                }
                Leg::Crossed => steps.push(gone(*leg, EndedBy::Us)),
                Leg::Gone => {}
            }
        }
        match self.extra {
            Extra::Nothing => {}
            Extra::Timer if self.switch.poll_timeout().is_some() => steps.push(Step::TimePasses),
            Extra::Timer => {}
            Extra::Transfer => {
                let joined = self.legs.iter().filter(|(_, leg)| matches!(leg, Leg::Joined(_)));
                let legs = joined.map(|(leg, _)| *leg);
                let passes = |leg| (1..=self.operators).map(move |to| Step::Passes(leg, to));
                steps.extend(legs.flat_map(passes));
            }
            Extra::Pickup => {
                let takes = |call| (1..=self.operators).map(move |by| Step::PicksUp(call, by));
                steps.extend(self.calls.keys().copied().flat_map(takes));
            }
        }
        steps
    }

    fn take(&mut self, step: Step) {
        self.path.push(step);
        match step {
            Step::Arrives(number) => {
                self.came = number;
                self.legs.insert(LegId(number), Leg::Caller);
                let client = Number::new(&format!("+99890123456{number}")).unwrap();
                self.input(Input::Arrived(Arrival {
                    leg: LegId(number),
                    account: "trunk".into(),
                    client: Party::Number(client),
                    line: None,
                    queue: Some("sales".into()),
                }));
            }
            Step::Tells(leg, event) => {
                let state = self.legs.get_mut(&leg).unwrap();
                *state = match (*state, event) {
                    (Leg::Stopped, LegEvent::Answered) => Leg::Crossed,
                    (Leg::Joining(other), LegEvent::Bridged) => Leg::Joined(other),
                    (_, LegEvent::Ringing) => Leg::Ringing,
                    (_, LegEvent::Answered) => Leg::Answered,
                    (_, LegEvent::Ended(_)) => Leg::Gone,
                    (state, _) => state,
                };
                self.input(Input::Leg { leg, event });
            }
            Step::Passes(leg, to) => {
                self.extra = Extra::Nothing;
                let to = TransferTo::Target(Target::Operator(format!("op{to}").into()));
                self.input(Input::Transfer(Transfer { leg, to }));
            }
            Step::PicksUp(call, by) => {
                self.extra = Extra::Nothing;
                let operator: Name = format!("op{by}").into();
                let command = Command::Pickup { call, operator: operator.clone() };
                let ticket = Ticket(2);
                self.input(Input::Command { ticket, by: operator, supervisor: false, command });
            }
            Step::TimePasses => {
                self.extra = Extra::Nothing;
                let due = self.switch.poll_timeout().unwrap();
                let step = due.since(self.now.mono);
                self.now = Now { mono: due, wall: self.now.wall + step };
                self.switch.handle_timeout(self.now);
                self.drain();
            }
        }
    }

    fn input(&mut self, input: Input) {
        self.switch.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Record(_, Record::CallSaved(row)) => {
                    let lasting = row.talks.iter().filter(|talk| talk.to.is_none()).count();
                    assert!(lasting <= 1, "two talk at once: {:?}", self.path);
                    let talks = u32::try_from(row.talks.len()).unwrap();
                    self.won.insert(row.id, talks);
                }
                Output::Record(..) => {}
                Output::Effect(effect) => self.obey(&effect),
                Output::Send { .. } => panic!("no lines are attached"),
            }
        }
        let passed = self.path.iter().any(|step| matches!(step, Step::Passes(..)));
        let most = if passed { 3 } else { 1 }; // passed on, and back again
        assert!(self.won.values().all(|talks| *talks <= most), "two have won: {:?}", self.path);
        if self.is_checked {
            let breaches = self.switch.breaches();
            assert!(breaches.is_empty(), "{breaches:?}: {:?}", self.path);
        }
    }

    fn obey(&mut self, effect: &Effect) {
        match effect {
            Effect::Dial { leg, operator, call, .. } => {
                let call = *self.calls.entry(*call).or_insert(self.came);
                self.parties.insert(*leg, (call, *operator));
                assert!(self.legs.insert(*leg, Leg::Dialing).is_none(), "{:?}", self.path);
            }
            Effect::Cancel { leg, .. }
            | Effect::HangUp { leg, .. }
            | Effect::Refuse { leg, .. } => {
                let state = self.legs.get_mut(leg).unwrap();
                *state = match *state {
                    Leg::Gone => panic!("{leg} is gone already: {:?}", self.path),
                    Leg::Dialing | Leg::Ringing => Leg::Stopped,
                    _ => Leg::Crossed,
                };
            }
            Effect::Bridge { caller, operator } => {
                let lives =
                    |leg| matches!(self.legs[leg], Leg::Caller | Leg::Answered | Leg::Joined(_));
                assert!(lives(caller) && lives(operator), "{:?}", self.path);
                self.legs.insert(*operator, Leg::Joining(*caller));
            }
            Effect::DialOut { .. }
            | Effect::Transferred { .. }
            | Effect::RingCaller { .. }
            | Effect::TakeMessage { .. }
            | Effect::AnswerCaller { .. }
            | Effect::AskOwner { .. }
            | Effect::RouteAnswer { .. }
            | Effect::Reply { .. }
            | Effect::Live(_) => {}
        }
    }

    /// What tells two moments apart: who rings, talks and waits, and who was tried by whom.
    /// Numbers of legs and how often rows were written do not.
    fn likeness(&mut self) -> impl std::hash::Hash + use<> {
        let told = self.legs.iter().map(|(leg, state)| {
            let party = self.parties.get(leg).copied().unwrap_or((leg.0, OperatorId(0)));
            (party, *state)
        });
        let told: BTreeSet<_> = told.collect();
        let view = self.switch.snapshot(self.now);
        let works: Vec<String> = view.operators.iter().map(|it| format!("{:?}", it.work)).collect();
        let waiting: Vec<u32> = view.queues.iter().map(|it| it.waiting).collect();
        let talked: Vec<u32> = self.won.values().copied().collect();
        let pops: BTreeSet<_> =
            view.pops.iter().map(|pop| (pop.operator.clone(), format!("{:?}", pop.call))).collect();
        let pops = if self.is_checked { pops.len() } else { 0 };
        (told, works, waiting, self.came, self.extra, talked, pops)
    }

    /// When no telephone lives, nobody is busy and nobody waits.
    fn check_rest(&mut self) {
        if self.legs.values().any(|leg| *leg != Leg::Gone) {
            return;
        }
        let view = self.switch.snapshot(self.now);
        let path = &self.path;
        assert_eq!(view.calls_open, 0, "a call outlived its telephones: {path:?}");
        assert!(view.pops.is_empty(), "a card outlived its telephone: {path:?}");
        assert!(view.operators.iter().all(|it| it.work == Work::Idle), "stuck: {path:?}");
    }
}

/// Walks every order; gives the number of different moments.
fn walk(settings: &Settings, extra: Extra) -> usize {
    let mut seen = BTreeSet::new();
    let mut open = VecDeque::from([Moment::start(settings, extra)]);
    while let Some(moment) = open.pop_front() {
        for step in moment.steps() {
            let mut next = moment.clone();
            next.take(step);
            next.check_rest();
            let digest = digest(&next.likeness());
            if seen.insert(digest) {
                open.push_back(next);
            }
        }
    }
    seen.len()
}

fn digest(value: &impl std::hash::Hash) -> u64 {
    use std::hash::Hasher;
    let mut hasher = std::hash::DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn two_calls_and_three_telephones_in_every_order() {
    let moments = walk(&settings(3, Period::millis(400)), Extra::Nothing);
    assert!(moments > 10_000, "only {moments} moments: the walk does not walk");
}

#[test]
fn two_calls_and_two_telephones_with_a_timer_in_every_order() {
    let moments = walk(&settings(2, Period::millis(400)), Extra::Timer);
    assert!(moments > 500, "only {moments} moments: the walk does not walk");
}

/// Whole stories, each step by lot: with a transfer or a pickup there are too many orders to walk
/// them all. Gives how many of them had one.
fn wander(settings: &Settings, extra: Extra, stories: u64) -> usize {
    let mut had = 0;
    for story in 0..stories {
        let mut seed = Seed::new(story);
        let mut moment = Moment::start(settings, extra);
        loop {
            let steps = moment.steps();
            let ends = steps.len() as u64;
            let Some(_) = steps.first() else { break };
            moment.take(steps[usize::try_from(seed.below(ends)).unwrap()]);
            moment.check_rest();
        }
        let is_extra = |step: &Step| matches!(step, Step::Passes(..) | Step::PicksUp(..));
        had += usize::from(moment.path.iter().any(is_extra));
    }
    had
}

#[test]
fn two_calls_and_three_telephones_with_a_transfer_in_many_orders() {
    let had = wander(&settings(3, Period::millis(400)), Extra::Transfer, 1_000);
    assert!(had > 300, "only {had} stories had a transfer");
}

#[test]
fn two_calls_and_three_telephones_with_a_pickup_in_many_orders() {
    let had = wander(&settings(3, Period::ZERO), Extra::Pickup, 1_000);
    assert!(had > 300, "only {had} stories had a pickup");
}
