//! Every order in which two calls and three telephones can ring, answer, refuse, cross and hang
//! up in a ring-all, with the invariants on.
//!
//! A walk over all states: from each, every event that the edge could send next. Two ways to the
//! same state are walked on from once. With fewer telephones a timer may ring once as well.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use navbat::acd::{Member, OperatorSettings, QueueSettings, ReadyRule, Settings, Tier};
use navbat::model::{
    CallId, EndedBy, Intent, LegId, Mono, Name, Now, Number, OperatorId, Party, Period, Reach,
    Record, Wall, Work,
};
use navbat::switch::{Arrival, Command, Effect, Input, LegEvent, Output, Switch, Ticket};

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
    TimePasses,
}

#[derive(Clone)]
struct Moment {
    switch: Switch,
    now: Now,
    legs: BTreeMap<LegId, Leg>,
    came: u64,
    time_left: u8,
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
    fn start(settings: &Settings, time_left: u8) -> Moment {
        let mut moment = Moment {
            switch: Switch::new(Arc::new(settings.clone()), 1),
            now: START,
            legs: BTreeMap::new(),
            came: 0,
            time_left,
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
        if self.time_left > 0 && self.switch.poll_timeout().is_some() {
            steps.push(Step::TimePasses);
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
            Step::TimePasses => {
                self.time_left -= 1;
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
                    let talks = u32::try_from(row.talks.len()).unwrap();
                    self.won.insert(row.id, talks);
                }
                Output::Record(..) => {}
                Output::Effect(effect) => self.obey(&effect),
                Output::Send { .. } => panic!("no lines are attached"),
            }
        }
        assert!(self.won.values().all(|talks| *talks <= 1), "two have won: {:?}", self.path);
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
                let lives = |leg| matches!(self.legs[leg], Leg::Caller | Leg::Answered);
                assert!(lives(caller) && lives(operator), "{:?}", self.path);
                self.legs.insert(*operator, Leg::Joining(*caller));
            }
            Effect::DialOut { .. }
            | Effect::Transferred { .. }
            | Effect::RingCaller { .. }
            | Effect::TakeMessage { .. }
            | Effect::AnswerCaller { .. }
            | Effect::RouteAnswer { .. }
            | Effect::Reply { .. }
            | Effect::Live(_) => {}
        }
    }

    /// What tells two moments apart: who rings, talks and waits, and who was tried by whom.
    /// Numbers of legs and how often rows were written do not.
    fn likeness(&self) -> impl std::hash::Hash + use<> {
        let told = self.legs.iter().map(|(leg, state)| {
            let party = self.parties.get(leg).copied().unwrap_or((leg.0, OperatorId(0)));
            (party, *state)
        });
        let told: BTreeSet<_> = told.collect();
        let view = self.switch.snapshot(self.now);
        let works: Vec<String> = view.operators.iter().map(|it| format!("{:?}", it.work)).collect();
        let waiting: Vec<u32> = view.queues.iter().map(|it| it.waiting).collect();
        (told, works, waiting, self.came, self.time_left)
    }

    /// When no telephone lives, nobody is busy and nobody waits.
    fn check_rest(&self) {
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
fn walk(settings: &Settings, time_left: u8) -> usize {
    let mut seen = BTreeSet::new();
    let mut open = VecDeque::from([Moment::start(settings, time_left)]);
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
    let moments = walk(&settings(3, Period::millis(400)), 0);
    assert!(moments > 10_000, "only {moments} moments: the walk does not walk");
}

#[test]
fn two_calls_and_two_telephones_with_a_timer_in_every_order() {
    let moments = walk(&settings(2, Period::millis(400)), 1);
    assert!(moments > 500, "only {moments} moments: the walk does not walk");
}
