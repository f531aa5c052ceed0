//! One day: the agenda, the faults, and the rules that hold after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use navbat::acd::Settings;
use navbat::model::{
    Authority, CallId, CallRow, Closing, Direction, Disposition, EndedBy, EpisodeId, EpisodeState,
    Fact, Hop, Intent, LegId, Live, Mono, Name, Now, Number, OfferId, Outcome, Party, PopState,
    Reach, Record, Seed, Seq, Stamped, Tie, TokenEnd, Wall, Work,
};
use navbat::switch::{
    Arrival, AskKind, Command, Effect, Heard, Input, LegEvent, Output, Placement, RouteAsk, Switch,
    Target, Ticket, Transfer, TransferTo,
};

use crate::edge::Edge;
use crate::provider;
use crate::site::{self, LINES, OPERATORS, QUEUES, one_of};

/// How long callers keep coming: long enough for several hundred inputs, short enough for
/// hundreds of days in a minute.
const DAY: u64 = 240_000;

/// Something that will happen.
#[derive(Debug, Clone)]
enum Event {
    Caller(Option<Party>),
    Leg(LegId, LegEvent),
    HangUp(LegId, Party),
    ProviderCall,
    Told(&'static str, Box<Fact>),
    Owner(CallId, Option<Name>),
    Ask,
    Whim,
    Placed,
    Passed,
    Joined(LegId, LegId),
    PickedUp,
    Proven(usize),
    Jump,
    Crash,
    Reload,
}

/// The world around one switch.
pub struct World {
    seed: Seed,
    site: Seed,
    settings: Settings,
    version: u32,
    switch: Switch,
    now: Now,
    next: u64,
    agenda: BTreeMap<(u64, u64), Event>,
    edge: Edge,
    /// Committed.
    records: Vec<Stamped>,
    /// Of the last input: a crash may lose them.
    batch: Vec<Stamped>,
    snapshot: Option<(Vec<u8>, usize)>,
    /// Requests by their place in the inbox.
    inbox: BTreeMap<Seq, Heard>,
    rows: BTreeMap<CallId, CallRow>,
    episodes: BTreeSet<EpisodeId>,
    /// What was committed or is about to be: how often each of the rare things happened.
    pub rare: BTreeMap<&'static str, u64>,
    pops: BTreeMap<OfferId, Name>,
    arrived: BTreeSet<CallId>,
    is_closing: bool,
    is_traced: bool,
}

impl World {
    /// A day from a seed, before anything happened.
    pub fn new(number: u64) -> World {
        let mut seed = Seed::new(number);
        let mut site = Seed::new(number ^ 0x5117);
        let settings = site::draw(&mut site, 1);
        let switch = Switch::new(Arc::new(settings.clone()), seed.next_u64());
        let mut world = World {
            seed,
            site,
            settings,
            version: 1,
            switch,
            now: Now { mono: Mono(5_000), wall: Wall(1_772_427_600_000) },
            next: 1,
            agenda: BTreeMap::new(),
            edge: Edge::default(),
            records: Vec::new(),
            batch: Vec::new(),
            snapshot: None,
            inbox: BTreeMap::new(),
            rows: BTreeMap::new(),
            episodes: BTreeSet::new(),
            rare: BTreeMap::new(),
            pops: BTreeMap::new(),
            arrived: BTreeSet::new(),
            is_closing: false,
            is_traced: std::env::var_os("TRACE").is_some(),
        };
        world.input(Input::Restarted { kept: Vec::new() });
        for operator in 0..OPERATORS.len() {
            let after = world.seed.below(4000);
            world.plan(after, Event::Proven(operator));
        }
        world
    }

    /// Callers, whims and faults until the day is over.
    pub fn live_a_day(&mut self) {
        let until = self.now.mono.0 + DAY;
        for (event, mean) in [
            (Event::Caller(None), 9_000),
            (Event::ProviderCall, 11_000),
            (Event::Ask, 23_000),
            (Event::Whim, 3_000),
            (Event::Placed, 12_000),
            (Event::Passed, 5_000),
            (Event::PickedUp, 15_000),
            (Event::Jump, 60_000),
            (Event::Crash, 80_000),
            (Event::Reload, 90_000),
        ] {
            let mut at = 0;
            while at < DAY {
                at += 1 + self.seed.below(mean * 2);
                self.plan(at, event.clone());
            }
        }
        self.run_until(until);
    }

    /// Everybody hangs up; then nothing may live and the books must balance.
    pub fn close_the_day(&mut self) {
        self.is_closing = true;
        let callers: Vec<LegId> =
            self.edge.telephones.iter().filter(|(_, it)| it.lives).map(|it| *it.0).collect();
        for leg in callers {
            self.plan(1000, Event::Leg(leg, LegEvent::Ended(EndedBy::Party)));
        }
        let until = self.now.mono.0 + 3 * 3_600_000;
        self.run_until(until);
        self.check_end();
    }

    fn plan(&mut self, after: u64, event: Event) {
        self.next += 1;
        self.agenda.insert((self.now.mono.0 + after, self.next), event);
    }

    fn run_until(&mut self, until: u64) {
        loop {
            let timer = self.switch.poll_timeout().map(|due| due.0);
            let event = self.agenda.first_key_value().map(|((due, _), _)| *due);
            let due = timer.into_iter().chain(event).min().filter(|due| *due <= until);
            let Some(due) = due else { break };
            self.pass(due);
            if timer.is_some_and(|timer| timer <= due) {
                self.commit();
                self.switch.handle_timeout(self.now);
                self.drain();
            } else if let Some((_, event)) = self.agenda.pop_first() {
                self.happen(event);
            }
        }
        self.pass(until);
    }

    fn pass(&mut self, until: u64) {
        let step = until.saturating_sub(self.now.mono.0);
        self.now.mono.0 += step;
        self.now.wall.0 += i64::try_from(step).unwrap();
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Caller(_) | Event::ProviderCall | Event::Ask | Event::Crash | Event::Reload
                if self.is_closing => {}
            Event::Placed | Event::Passed | Event::Joined(..) | Event::PickedUp
                if self.is_closing => {}
            Event::Placed => self.placed(),
            Event::Passed => self.passed(),
            Event::Joined(leg, other) => {
                let to = TransferTo::PartyOf(other);
                self.edge.passes(leg);
                self.edge.passes(other);
                self.input(Input::Transfer(Transfer { leg, to }));
            }
            Event::PickedUp => self.picked_up(),
            Event::Caller(party) => self.caller_comes(party),
            Event::Leg(leg, event) => {
                if self.edge.happens(leg, event) {
                    self.input(Input::Leg { leg, event });
                }
            }
            Event::HangUp(leg, party) => self.caller_gives_up(leg, party),
            Event::ProviderCall => {
                let key = format!("p{}", self.next);
                let client = provider::client(&mut self.seed);
                for (after, fact) in provider::call(&mut self.seed, &key, self.now.wall, client) {
                    self.plan(after, Event::Told("main", Box::new(fact)));
                }
            }
            Event::Told(account, fact) => self.hear(account, vec![*fact]),
            Event::Owner(call, operator) => self.input(Input::OwnerKnown { call, operator }),
            Event::Ask => self.ask(),
            Event::Whim => self.whim(),
            Event::Proven(operator) => self.prove(operator),
            Event::Jump => {
                let jump = i64::try_from(self.seed.below(7_200_000)).unwrap() - 3_600_000;
                self.now.wall.0 += jump;
            }
            Event::Crash => self.crash(),
            Event::Reload => {
                self.version += 1;
                self.settings = site::draw(&mut self.site, self.version);
                self.input(Input::Reload(Arc::new(self.settings.clone())));
            }
        }
    }

    fn caller_comes(&mut self, party: Option<Party>) {
        let client = party.unwrap_or_else(|| provider::client(&mut self.seed));
        self.next += 1;
        let leg = LegId(self.next);
        self.edge.caller(leg, None);
        let queue = Name::from(*one_of(&mut self.seed, &QUEUES));
        let line = *one_of(&mut self.seed, &LINES);
        let line = Number::new(line).ok();
        let queue = Some(queue).filter(|_| self.seed.chance(60));
        self.input(Input::Arrived(Arrival {
            leg,
            account: "trunk".into(),
            client: client.clone(),
            line,
            queue,
        }));
        let patience = match self.seed.below(4) {
            0 => self.seed.below(3_000),
            1 => self.seed.below(20_000),
            _ => self.seed.below(120_000),
        };
        self.plan(patience, Event::HangUp(leg, client));
    }

    fn any_operator(&mut self) -> Name {
        Name::from(*one_of(&mut self.seed, &OPERATORS))
    }

    /// Somebody inside or outside; seldom somebody who cannot be had.
    fn any_target(&mut self) -> Target {
        let number = || Number::new("+998907770000").unwrap();
        match self.seed.below(20) {
            0..9 => Target::Operator(self.any_operator()),
            9..13 => Target::Queue(Name::from(*one_of(&mut self.seed, &QUEUES))),
            13..18 => Target::Outside { number: number(), account: None },
            18 => Target::Operator("nobody".into()),
            _ => Target::Pickup,
        }
    }

    /// An operator dials, or asks a page to.
    fn placed(&mut self) {
        let operator = self.any_operator();
        if self.seed.chance(30) {
            let client = provider::client(&mut self.seed);
            let Some(number) = client.e164().cloned() else { return };
            return self.command(Command::Place { operator, number });
        }
        let to = match provider::client(&mut self.seed).e164() {
            Some(number) if self.seed.chance(60) => {
                Target::Outside { number: number.clone(), account: Some("trunk".into()) }
            }
            Some(_) | None => self.any_target(),
        };
        self.dials(operator, to);
    }

    fn dials(&mut self, operator: Name, to: Target) -> LegId {
        self.next += 1;
        let leg = LegId(self.next);
        self.edge.caller(leg, Some(operator.clone()));
        self.input(Input::Placed(Placement { leg, operator, to }));
        let patience = 5_000 + self.seed.below(60_000);
        self.plan(patience, Event::HangUp(leg, Party::Hidden));
        leg
    }

    /// Somebody who talks passes the other party on, or asks a colleague first.
    fn passed(&mut self) {
        let talking = self.edge.talking();
        if talking.is_empty() {
            return;
        }
        let leg = *one_of(&mut self.seed, &talking);
        let to = self.any_target();
        if self.seed.chance(40) {
            let operator = self.edge.telephones[&leg].operator.clone().unwrap();
            let second = self.dials(operator, to);
            let after = self.seed.below(12_000);
            let (one, other) = if self.seed.chance(80) { (leg, second) } else { (second, leg) };
            self.plan(after, Event::Joined(one, other));
            return;
        }
        self.edge.passes(leg);
        self.input(Input::Transfer(Transfer { leg, to: TransferTo::Target(to) }));
        if self.seed.chance(40) {
            let after = self.seed.below(3000);
            self.plan(after, Event::Leg(leg, LegEvent::Ended(EndedBy::Party)));
        }
    }

    fn picked_up(&mut self) {
        let operator = self.any_operator();
        if self.seed.chance(40) {
            self.dials(operator, Target::Pickup);
            return;
        }
        let open = self.rows.values().filter(|row| row.disposition == Disposition::Open);
        let Some(call) = open.map(|row| row.id).next_back() else { return };
        self.command(Command::Pickup { call, operator });
    }

    fn command(&mut self, command: Command) {
        self.next += 1;
        let ticket = Ticket(self.next);
        self.input(Input::Command { ticket, by: "boss".into(), supervisor: false, command });
    }

    fn caller_gives_up(&mut self, leg: LegId, client: Party) {
        let waits = |it: &crate::edge::Telephone| it.lives && it.joined.is_none();
        if !self.edge.telephones.get(&leg).is_some_and(waits) {
            return;
        }
        self.edge.happens(leg, LegEvent::Ended(EndedBy::Party));
        self.input(Input::Leg { leg, event: LegEvent::Ended(EndedBy::Party) });
        if self.seed.chance(30) && client != Party::Hidden {
            let after = 3000 + self.seed.below(20_000);
            self.plan(after, Event::Caller(Some(client)));
        }
    }

    fn hear(&mut self, account: &str, facts: Vec<Fact>) {
        let seq = Seq(self.inbox.len() as u64 + 1);
        let heard =
            Heard { request: Some(seq), account: account.into(), received: self.now.wall, facts };
        self.inbox.insert(seq, heard.clone());
        self.input(Input::Heard(heard));
    }

    fn ask(&mut self) {
        self.next += 1;
        let key = format!("u{}", self.next);
        let client = provider::client(&mut self.seed);
        let is_keyed = self.seed.chance(70);
        let kind = match self.seed.chance(80) {
            true => AskKind::Order,
            false => AskKind::Whether { label: site::alias(0) },
        };
        let ticket = Ticket(self.next);
        self.input(Input::RouteAsked(RouteAsk {
            ticket,
            account: "utel".into(),
            key: is_keyed.then(|| key.clone()),
            client: client.clone(),
            line: Number::new("+998781500002").ok().map(Party::Number),
            queue: None,
            kind,
            deadline: Mono(self.now.mono.0 + 800),
        }));
        for (after, fact) in provider::call(&mut self.seed, &key, self.now.wall, client) {
            self.plan(after, Event::Told("utel", Box::new(fact)));
        }
    }

    /// Somebody wants something, or a device changes.
    fn whim(&mut self) {
        let place = usize::try_from(self.seed.below(OPERATORS.len() as u64)).unwrap();
        let operator = Name::from(OPERATORS[place]);
        let command = match self.seed.below(13) {
            0..4 => Command::SetIntent { operator, intent: Intent::Ready },
            4 => Command::SetIntent { operator, intent: Intent::Dnd },
            5 => {
                let intent = Intent::Break { reason: String::from("tea"), planned_end: None };
                Command::SetIntent { operator, intent }
            }
            6 => Command::EndWrapUp { operator },
            7 => {
                let reach = *one_of(&mut self.seed, &[Reach::Unreachable, Reach::Unknown]);
                self.input(Input::Reach { operator, reach });
                let after = self.seed.below(20_000);
                self.plan(after, Event::Proven(place));
                return;
            }
            8 | 9 => {
                let Some((offer, _)) = self.pops.first_key_value() else { return };
                Command::Decline { offer: *offer }
            }
            12 => {
                let place = self.seed.below(self.arrived.len().max(1) as u64);
                let place = usize::try_from(place).unwrap();
                let Some(call) = self.arrived.iter().nth(place).copied() else { return };
                Command::TakeCallback { call }
            }
            10 => {
                let Some(episode) = self.episodes.first().copied() else { return };
                Command::AttemptEpisode { episode, operator }
            }
            _ => {
                let Some(episode) = self.episodes.pop_last() else { return };
                Command::CloseEpisode { episode, reason: String::from("spam") }
            }
        };
        self.next += 1;
        let ticket = Ticket(self.next);
        let supervisor = self.seed.chance(30);
        self.input(Input::Command { ticket, by: "boss".into(), supervisor, command });
    }

    fn prove(&mut self, operator: usize) {
        let operator = Name::from(OPERATORS[operator]);
        self.input(Input::Reach { operator: operator.clone(), reach: Reach::Reachable });
        let ticket = Ticket(self.next);
        let command = Command::SetIntent { operator: operator.clone(), intent: Intent::Ready };
        self.input(Input::Command { ticket, by: operator, supervisor: false, command });
    }

    /// The process dies: what was not committed is gone, as is every telephone of ours.
    fn crash(&mut self) {
        if self.seed.chance(50) {
            self.lose_batch();
        }
        self.commit();
        if self.seed.chance(30) && !self.records.is_empty() {
            self.snapshot = Some((self.folded().state(), self.records.len()));
        }
        self.switch = self.folded();
        let kept = self.kept();
        let before = std::mem::take(&mut self.edge);
        self.edge
            .telephones
            .extend(before.telephones.into_iter().filter(|it| kept.contains(&it.0)));
        self.pops.clear();
        self.agenda.retain(|_, event| match event {
            Event::Leg(leg, _) | Event::HangUp(leg, _) => kept.contains(leg),
            Event::Joined(..) => false,
            _ => true,
        });
        self.recount();
        self.pass(self.now.mono.0 + self.seed.clone().below(2000));
        // A leg that is gone by now is no leg of the new process's.
        self.input(Input::Restarted { kept });
        let heard = self.switch.heard_until();
        let unheard: Vec<Heard> = self
            .inbox
            .iter()
            .filter(|(seq, _)| Some(**seq) > heard)
            .map(|it| it.1.clone())
            .collect();
        for heard in unheard {
            self.input(Input::Heard(heard));
        }
        for operator in 0..OPERATORS.len() {
            let after = self.seed.below(3000);
            self.plan(after, Event::Proven(operator));
        }
    }

    /// Telephones that live on over a restart: of those that were answered and are known to the
    /// journal all, some or none.
    fn kept(&mut self) -> Vec<LegId> {
        let known: BTreeSet<LegId> = self
            .records
            .iter()
            .filter_map(|it| match &it.record {
                Record::LegMade { leg, .. } => Some(*leg),
                _ => None,
            })
            .collect();
        let share = *one_of(&mut self.seed, &[0, 80, 100]);
        let answered = self.edge.answered();
        let seed = &mut self.seed;
        answered.into_iter().filter(|leg| known.contains(leg) && seed.chance(share)).collect()
    }

    /// Nothing of the last input reached the disk; only requests that were stored come again.
    fn lose_batch(&mut self) {
        self.batch.clear();
    }

    fn commit(&mut self) {
        self.records.append(&mut self.batch);
    }

    fn folded(&self) -> Switch {
        let (state, seen) =
            self.snapshot.as_ref().map_or((None, 0), |(bytes, seen)| (Some(&bytes[..]), *seen));
        let settings = Arc::new(self.settings.clone());
        let mut switch = Switch::restore(settings, state, 9).unwrap();
        for record in &self.records[seen..] {
            switch.replay(record);
        }
        switch
    }

    /// What the committed records alone say of calls.
    fn recount(&mut self) {
        self.rows.clear();
        self.arrived.clear();
        for stamped in &self.records {
            note(&mut self.rows, &mut self.arrived, &stamped.record);
        }
    }

    fn input(&mut self, input: Input) {
        self.commit();
        self.trace("<", &input);
        self.switch.handle(input, self.now);
        self.drain();
    }

    /// Tells the day as it goes, for one seed that is looked at: `TRACE=1 SEED=n`.
    fn trace(&self, way: &str, what: &dyn std::fmt::Debug) {
        if self.is_traced {
            println!("{:>9} {way} {what:?}", self.now.mono.0);
        }
    }

    fn drain(&mut self) {
        let mut effects = Vec::new();
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Record(at, record) => {
                    note(&mut self.rows, &mut self.arrived, &record);
                    if let Record::EpisodeSaved(row) = &record {
                        self.episodes.insert(row.id);
                    }
                    if let Some(word) = rare(&record) {
                        *self.rare.entry(word).or_default() += 1;
                    }
                    let seq = Seq((self.records.len() + self.batch.len()) as u64 + 1);
                    self.batch.push(Stamped { seq, at, record });
                }
                Output::Effect(effect) => effects.push(effect),
                Output::Send { .. } => panic!("no lines are attached"),
            }
        }
        for effect in effects {
            if !matches!(effect, Effect::Live(_)) {
                self.trace(">", &effect);
            }
            self.take(&effect);
        }
        self.check_step();
    }

    fn take(&mut self, effect: &Effect) {
        let plan = match effect {
            Effect::Dial { leg, operator, .. } => {
                let views = self.switch.snapshot(self.now).operators;
                let name = views.iter().find(|view| view.id == *operator).unwrap().name.clone();
                let plan = self.edge.dial(*leg, Some(name.clone()), &mut self.seed);
                let settings = self.settings.operators.iter().find(|it| it.name == name);
                let calls_max = settings.map_or(1, |it| usize::from(it.calls_max));
                assert!(self.edge.busy(&name) <= calls_max.max(1), "{name} is over capacity");
                plan
            }
            Effect::DialOut { leg, .. } => self.edge.dial(*leg, None, &mut self.seed),
            Effect::Live(Live::Pop(pop)) => {
                if pop.state == PopState::Ringing {
                    self.pops.insert(pop.offer, pop.operator.clone());
                } else {
                    self.pops.remove(&pop.offer);
                }
                Vec::new()
            }
            Effect::AskOwner { call, .. } => {
                // In time, late, or never; somebody of the site, a stranger to it, or nobody.
                let named = match self.seed.below(8) {
                    0 => None,
                    1 => Some(Name::from("nobody")),
                    _ => Some(self.any_operator()),
                };
                if self.seed.chance(85) {
                    let after = self.seed.below(1_200);
                    self.plan(after, Event::Owner(*call, named));
                }
                return;
            }
            other => self.edge.take(other, &mut self.seed),
        };
        for (after, leg, event) in plan {
            self.plan(after, Event::Leg(leg, event));
        }
    }

    /// What holds after every step.
    fn check_step(&self) {
        let due = self.switch.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now.mono), "a timer in the past: {due:?}");
        // The whole state at every fourth moment: at each a run would take minutes.
        let whole = self.now.mono.0.is_multiple_of(4);
        let breaches = if whole { self.switch.breaches() } else { Vec::new() };
        assert!(breaches.is_empty(), "{breaches:?}");
        // A dead caller holds no telephone.
        let talking =
            |it: &crate::edge::Telephone| it.lives && !it.stopped && it.talks && !it.is_passed;
        for (leg, it) in self.edge.telephones.iter().filter(|(_, it)| talking(it)) {
            let Some(other) = it.joined.and_then(|other| self.edge.telephones.get(&other)) else {
                continue;
            };
            assert!(other.lives || other.stopped, "leg {leg} stays joined with a dead one");
        }
    }

    fn check_end(&mut self) {
        self.commit();
        assert!(
            self.switch.state() == self.folded().state(),
            "state is not the fold of the journal"
        );
        let view = self.switch.snapshot(self.now);
        assert_eq!(view.calls_open, 0, "a call never ended");
        assert!(view.pops.is_empty(), "a card outlived its offer: {:?}", view.pops);
        for operator in view.operators.iter() {
            assert_eq!(operator.work, Work::Idle, "{} is stuck", operator.name);
        }
        for queue in &view.queues {
            assert_eq!(queue.waiting, 0, "somebody waits in {} for ever", queue.name);
        }
        for (leg, it) in &self.edge.telephones {
            assert!(!it.lives, "leg {leg} outlived its call: {it:?}");
        }
        self.check_books();
        self.check_clients();
    }

    /// No callback is forgotten, and no missed client waits for a step that did not come.
    fn check_clients(&self) {
        let mut tokens = BTreeSet::new();
        let mut episodes = BTreeMap::new();
        for Stamped { record, .. } in &self.records {
            match record {
                Record::TokenMade { token, .. } => {
                    tokens.insert(*token);
                }
                Record::TokenClosed { token, .. } => {
                    tokens.remove(token);
                }
                Record::EpisodeSaved(row) => {
                    episodes.insert(row.id, row);
                }
                _ => {}
            }
        }
        assert!(tokens.is_empty(), "callbacks that never ended: {tokens:?}");
        for row in episodes.values() {
            let waits = matches!(row.state, EpisodeState::Open | EpisodeState::Assigned);
            // A clock that was set is noticed within the hour.
            let due = row.step_at.filter(|due| due.0 + 3_600_000 <= self.now.wall.0);
            assert!(!waits || row.client.is_none() || due.is_none(), "no step was taken: {row:?}");
        }
    }

    /// Arrivals are the sum of the outcomes.
    fn check_books(&self) {
        let mut outcomes: BTreeMap<Outcome, usize> = BTreeMap::new();
        let mut owned = 0;
        for row in self.rows.values() {
            assert_ne!(row.disposition, Disposition::Open, "{} is open", row.call_key);
            assert!(row.settled, "{} is not settled", row.call_key);
            let open = row.entries.iter().filter(|entry| entry.outcome.is_none()).count();
            assert_eq!(open, 0, "a wait of {} never ended", row.call_key);
            assert!(
                row.offers.iter().all(|offer| offer.end.is_some()),
                "{}: {:?}",
                row.call_key,
                row.offers
            );
            if row.authority == Authority::Owned {
                check_talks(row);
            }
            if row.call_key.starts_with("callback/") {
                let talked = row.disposition == Disposition::Answered;
                assert_eq!(row.talks.is_empty(), !talked, "{row:?}");
                assert!(row.entries.is_empty() && !row.missed, "a callback counts twice: {row:?}");
            } else if row.authority == Authority::Owned && row.direction == Some(Direction::In) {
                owned += 1;
                let outside = row.disposition == Disposition::Answered && row.entries.is_empty();
                let outcome = row.outcome.or(outside.then_some(Outcome::Answered));
                let outcome = outcome.unwrap_or_else(|| panic!("{} has no outcome", row.call_key));
                *outcomes.entry(outcome).or_default() += 1;
                assert!(
                    outcome != Outcome::Answered || outside || !row.talks.is_empty(),
                    "{row:?}"
                );
                assert!(row.disposition != Disposition::Missed || row.talks.is_empty(), "{row:?}");
            }
        }
        assert_eq!(self.rows.len(), self.arrived.len(), "a call without a row");
        assert_eq!(outcomes.values().sum::<usize>(), owned, "{outcomes:?}");
    }
}

/// The word of a record that a day must not be without, over all the days.
fn rare(record: &Record) -> Option<&'static str> {
    match record {
        Record::TokenClosed { because: TokenEnd::Reached, .. } => Some("callback_reached"),
        Record::TokenClosed { because: TokenEnd::NoContact, .. } => Some("callback_no_contact"),
        Record::TokenClosed { because: TokenEnd::Expired, .. } => Some("callback_expired"),
        Record::TokenLent { .. } => Some("callback_lent"),
        Record::TokenWoken { .. } => Some("callback_woken"),
        Record::ClientOnLine { .. } => Some("client_on_line"),
        Record::EpisodeSaved(row)
            if matches!(row.state, EpisodeState::Closed(Closing::Merged { .. })) =>
        {
            Some("merged")
        }
        Record::OwnerTold { operator: Some(_), late: false, .. } => Some("owner_in_time"),
        Record::OwnerTold { late: true, .. } => Some("owner_late"),
        Record::StickyHeld { by, .. } => Some(match by {
            Tie::Owner => "held_for_owner",
            Tie::Talked => "held_for_talker",
            Tie::Dialled => "held_for_dialler",
            Tie::Deputy => "held_for_deputy",
        }),
        Record::OwnerInformed { .. } => Some("owner_informed"),
        Record::OverflowTaken { hop, .. } => hop.as_ref().map(Hop::word),
        Record::OfferMade { queue: Some(_), .. } => Some("rung_for_added_queue"),
        Record::Decided(it) if !it.relaxed.is_empty() && it.hop.is_none() => Some("chosen_relaxed"),
        Record::EpisodeSaved(row) => row.steps.last().map(|step| step.kind.word()),
        _ => None,
    }
}

/// Stretches of conversation are over, follow each other, and hold no more than they last.
fn check_talks(row: &CallRow) {
    let mut last = Wall(i64::MIN);
    for talk in &row.talks {
        let to = talk.to.unwrap_or_else(|| panic!("a talk never ended: {row:?}"));
        assert!(talk.from <= to && talk.held <= to.since(talk.from), "{row:?}");
        assert!(last <= talk.from, "two talk at once: {row:?}");
        last = to;
    }
    let out = matches!(row.disposition, Disposition::Answered | Disposition::Internal);
    assert!(row.talks.is_empty() || out, "{row:?}");
}

fn note(rows: &mut BTreeMap<CallId, CallRow>, arrived: &mut BTreeSet<CallId>, record: &Record) {
    match record {
        Record::CallArrived { call, .. } | Record::TokenWoken { call, .. } => {
            arrived.insert(*call);
        }
        Record::CallSaved(row) => {
            let before = rows.insert(row.id, (**row).clone());
            let newer = before.as_ref().is_none_or(|before| before.revision < row.revision);
            assert!(newer, "a row was saved under an old revision");
            let same = before.filter(|it| it.settled && it.authority == Authority::Owned);
            let news = same.is_none_or(|it| CallRow { revision: row.revision, ..it } != **row);
            assert!(news, "a settled call was saved again and says the same: {row:?}");
        }
        _ => {}
    }
}
