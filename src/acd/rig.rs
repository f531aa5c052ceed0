//! A bench for the engine's own tests: it owns the clock, keeps every record, and after each
//! step compares the state with the fold of the records from nothing.

use std::sync::Arc;

use super::engine::Engine;
use super::io::{Arrival, Command, Effect, Heard, Input, LegEvent, Output, Refusal, Ticket};
use super::settings::{
    AccountSettings, AliasOf, Member, OperatorSettings, QueueSettings, ReadyRule, Settings, Tier,
};
use super::state::State;
use crate::model::{
    Alias, CallId, CallRow, Direction, EpisodeRow, Fact, FactKind, Intent, LegId, Legs, Live, Mono,
    Name, Now, Number, NumberRules, OfferId, Party, Period, Pop, Reach, Record, Seq, Source,
    Stamped, Totals, Wall,
};

/// Friday, 20 November 2026, 10:00 in Tashkent.
pub const START: i64 = 1_795_150_800_000;

/// An engine with its clock and its journal.
pub struct Rig {
    pub engine: Engine,
    pub settings: Arc<Settings>,
    pub now: Now,
    pub records: Vec<Stamped>,
    /// Effects of the last step.
    pub effects: Vec<Effect>,
    fold: State,
}

/// A site with these people and one queue `sales` in which all of them sit.
pub fn site(names: &[&str]) -> Settings {
    let mut queue = QueueSettings::named("sales");
    let member = |name: &&str| Member { operator: Name::from(*name), weight: 10 };
    queue.tiers = vec![Tier { after: Period::ZERO, members: names.iter().map(member).collect() }];
    let operator = |(number, name): (usize, &&str)| OperatorSettings {
        name: Name::from(*name),
        login: None,
        aliases: vec![AliasOf { account: None, alias: format!("{}", 201 + number) }],
        ready: ReadyRule::Panel,
        calls_max: 1,
        skills: Vec::new(),
        disabled: false,
    };
    Settings {
        version: String::from("1"),
        timezone: jiff::tz::TimeZone::fixed(jiff::tz::offset(5)),
        operators: names.iter().enumerate().map(operator).collect(),
        queues: vec![queue],
        accounts: vec![AccountSettings {
            name: Name::from("pbx"),
            kind: String::from("generic"),
            queue: Some(Name::from("sales")),
            queues: Vec::new(),
            settle: Period::secs(5),
            stale_after: Period::hours(2),
            numbers: NumberRules::default(),
        }],
        plans: Vec::new(),
    }
}

impl Rig {
    pub fn new(settings: Settings) -> Rig {
        let settings = Arc::new(settings);
        let now = Now { mono: Mono(1000), wall: Wall(START) };
        let mut rig = Rig {
            engine: Engine::new(Arc::clone(&settings), 7),
            settings,
            now,
            records: Vec::new(),
            effects: Vec::new(),
            fold: State::default(),
        };
        rig.engine.handle_timeout(now);
        rig.drain();
        rig
    }

    /// With everybody ready and reachable.
    pub fn ready(settings: Settings) -> Rig {
        let names: Vec<Name> = settings.operators.iter().map(|it| it.name.clone()).collect();
        let mut rig = Rig::new(settings);
        for operator in names {
            rig.intent(operator.as_str(), Intent::Ready);
            rig.step(Input::Reach { operator, reach: Reach::Reachable });
        }
        rig
    }

    pub fn step(&mut self, input: Input) {
        self.effects.clear();
        self.engine.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Record(at, record) => {
                    self.fold.apply(at, &record);
                    let seq = Seq(self.records.len() as u64 + 1);
                    self.records.push(Stamped { seq, at, record });
                }
                Output::Effect(effect) => self.effects.push(effect),
            }
        }
        let fold = serde_json::to_vec(&self.fold).unwrap();
        assert!(fold == self.engine.state_bytes(), "the fold of the records differs");
        assert!(self.fold.index == self.engine.state.index, "the index of the fold differs");
        if let Some(due) = self.engine.poll_timeout() {
            assert!(due > self.now.mono, "poll_timeout is in the past: {due:?} {:?}", self.now);
        }
        assert_eq!(self.engine.breaches(), []);
    }

    /// Lets time pass, ringing every alarm at its moment.
    pub fn pass(&mut self, length: Period) {
        let end = self.now.mono + length;
        self.effects.clear();
        while let Some(due) = self.engine.poll_timeout().filter(|due| *due <= end) {
            self.at(due);
            self.engine.handle_timeout(self.now);
            self.drain();
        }
        self.at(end);
    }

    fn at(&mut self, mono: Mono) {
        self.now = Now { mono, wall: self.now.wall + mono.since(self.now.mono) };
    }

    /// Kills the engine and lets another go on from the journal.
    pub fn restart(&mut self, from: usize) {
        let mut state = State::default();
        for stamped in self.records.iter().take(from) {
            state.apply(stamped.at, &stamped.record);
        }
        let bytes = serde_json::to_vec(&state).unwrap();
        let before = self.engine.state_bytes();
        let mut engine = Engine::restore(Arc::clone(&self.settings), Some(&bytes), 7).unwrap();
        for stamped in self.records.iter().skip(from) {
            engine.replay(stamped);
        }
        assert!(engine.state_bytes() == before, "the state after a restart differs");
        self.engine = engine;
        self.effects.clear();
        self.engine.handle_timeout(self.now);
        self.drain();
    }

    pub fn command(&mut self, command: Command) -> Result<(), Refusal> {
        let by = Name::from("tester");
        self.step(Input::Command { ticket: Ticket(1), by, supervisor: false, command });
        let reply = self.effects.iter().rev().find_map(|effect| {
            let Effect::Reply { result, .. } = effect else { return None };
            Some(result.clone())
        });
        reply.unwrap()
    }

    pub fn intent(&mut self, operator: &str, intent: Intent) {
        self.command(Command::SetIntent { operator: Name::from(operator), intent }).unwrap();
    }

    pub fn arrive(&mut self, leg: u64, number: &str) -> CallId {
        self.step(Input::Arrived(Arrival {
            leg: LegId(leg),
            account: Name::from("trunk"),
            client: Party::Number(Number::new(number).unwrap()),
            line: None,
            queue: Some(Name::from("sales")),
        }));
        let arrived = self.records.iter().rev().find_map(|it| {
            let Record::CallArrived { call, .. } = &it.record else { return None };
            Some(*call)
        });
        arrived.unwrap()
    }

    pub fn leg(&mut self, leg: LegId, event: LegEvent) {
        self.step(Input::Leg { leg, event });
    }

    /// Who was dialled in the last step, with their legs.
    pub fn dialled(&self) -> Vec<(String, LegId)> {
        let dials = self.effects.iter().filter_map(|effect| {
            let Effect::Dial { leg, operator, .. } = effect else { return None };
            Some((*operator, *leg))
        });
        let name = |id: &crate::model::OperatorId| {
            self.engine.state.operators.get(id).unwrap().name.to_string()
        };
        dials.map(|(operator, leg)| (name(&operator), leg)).collect()
    }

    /// The names of those who were dialled in the last step.
    pub fn names(&self) -> Vec<String> {
        self.dialled().into_iter().map(|(name, _)| name).collect()
    }

    pub fn facts(&mut self, facts: Vec<Fact>) {
        let received = self.now.wall;
        self.step(Input::Heard(Heard {
            request: None,
            account: Name::from("pbx"),
            received,
            facts,
        }));
    }

    /// A fact of the call `k1` that happens at this moment.
    pub fn fact(&self, kind: FactKind) -> Fact {
        Fact {
            key: String::from("k1"),
            at: self.now.wall,
            source: Source::Live,
            vague: false,
            kind,
        }
    }

    pub fn tell(&mut self, kind: FactKind) {
        let fact = self.fact(kind);
        self.facts(vec![fact]);
    }

    /// The last row that was saved of a call.
    pub fn row(&self, call: CallId) -> CallRow {
        let rows = self.records.iter().rev().find_map(|it| {
            let Record::CallSaved(row) = &it.record else { return None };
            (row.id == call).then(|| row.as_ref().clone())
        });
        rows.unwrap()
    }

    /// The row of the only call.
    pub fn only_row(&self) -> CallRow {
        let call = *self.engine.state.calls.keys().next().unwrap();
        self.row(call)
    }

    /// Cards that were shown in the last step: whose, and the serialised state.
    pub fn pops(&self) -> Vec<(String, String)> {
        let pops = self.effects.iter().filter_map(|effect| {
            let Effect::Live(Live::Pop(pop)) = effect else { return None };
            Some(pop.as_ref())
        });
        let word = |pop: &Pop| serde_json::to_value(&pop.state).unwrap()["is"].clone();
        pops.map(|pop| (pop.operator.to_string(), word(pop).as_str().unwrap().to_owned())).collect()
    }

    pub fn episodes(&self) -> Vec<EpisodeRow> {
        self.engine.state.episodes.values().cloned().collect()
    }

    pub fn offer_of(&self, name: &str) -> OfferId {
        let offers = self.engine.state.offers.values();
        offers.rev().find(|it| it.name.as_str() == name).map(|it| it.id).unwrap()
    }
}

pub fn legs(direction: Direction, client: &str) -> Legs {
    Legs {
        direction: Some(direction),
        client: Some(Party::Number(Number::new(client).unwrap())),
        ..Legs::default()
    }
}

pub fn started(client: &str) -> FactKind {
    FactKind::CallStarted(legs(Direction::In, client))
}

pub fn ringing(alias: &str) -> FactKind {
    FactKind::OperatorRinging { alias: Alias(alias.into()), legs: Legs::default() }
}

pub fn answered(alias: &str) -> FactKind {
    FactKind::OperatorAnswered { alias: Some(Alias(alias.into())), legs: Legs::default() }
}

pub fn ended() -> FactKind {
    FactKind::CallEnded { legs: Legs::default(), totals: Totals::default() }
}
