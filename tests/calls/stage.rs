//! Plays a transcript on a switch with a clock of its own and tells it with what happened.

use std::collections::{BTreeMap, BTreeSet};

use navbat::acd::Settings;
use navbat::model::{
    Alias, Authority, CallId, CallRow, Direction, Disposition, EndedBy, Ends, Fact, FactKind,
    Intent, LegId, Legs, Live, Mono, Name, Now, Number, OfferId, Party, PopState, Reach, Record,
    Seq, Source, Stamped, Totals, Wall,
};
use navbat::plan::{Calendars, Plan};
use navbat::switch::{
    Arrival, AskKind, Command, Effect, Heard, Input, LegEvent, Output, Placement, RouteAsk, Switch,
    Target, Ticket, Transfer, TransferTo,
};

use crate::script::{Line, NOTHING, Script, clock, millis, period, read, set_keys, shared};
use crate::words::Names;

/// 2026-03-02 10:00 in Tashkent, a Monday.
const START: Now = Now { mono: Mono(1_000_000), wall: Wall(1_772_427_600_000) };
/// How long a cancelled leg takes to say that it ended, so that an answer can cross the cancel.
const LEG_LAG: u64 = 50;
const SEED: u64 = 7;

struct Stage {
    switch: Switch,
    settings: Settings,
    script_names: BTreeSet<String>,
    slow_bridge: bool,
    now: Now,
    /// Milliseconds since the start, on the story's clock.
    at: u64,
    records: Vec<Stamped>,
    snapshot: Option<(Vec<u8>, usize)>,
    names: Names,
    /// The latest leg of each operator, and of each operator for each caller.
    operator_legs: BTreeMap<String, LegId>,
    legs_by_call: BTreeMap<(String, String), LegId>,
    pops: BTreeMap<String, OfferId>,
    /// Ends of legs that are on their way.
    ends: BTreeMap<(u64, LegId), ()>,
    lag: u64,
    /// Numbers outside that this input dialled.
    outside: u32,
    next: u64,
    told: Vec<String>,
    verdicts: Vec<String>,
    /// Calls as they were saved last.
    rows: BTreeMap<CallId, CallRow>,
}

/// Plays a transcript; gives it back with what really happened.
pub fn play(text: &str) -> String {
    let Script { settings, ready, slow_bridge, head, lines, .. } = read(text);
    let switch = Switch::new(shared(&settings), SEED);
    let script_names = settings.operators.iter().map(|it| it.name.as_str().to_owned()).collect();
    let mut stage = Stage {
        switch,
        settings,
        script_names,
        slow_bridge,
        now: START,
        at: 0,
        records: Vec::new(),
        snapshot: None,
        names: Names::default(),
        operator_legs: BTreeMap::new(),
        legs_by_call: BTreeMap::new(),
        pops: BTreeMap::new(),
        ends: BTreeMap::new(),
        lag: LEG_LAG,
        outside: 0,
        next: 1,
        told: Vec::new(),
        verdicts: Vec::new(),
        rows: BTreeMap::new(),
    };
    stage.open(&ready);
    let mut out = head;
    for line in lines {
        match line {
            Line::Text(text) => out.push(text),
            Line::Timed(at, inputs, written) => {
                stage.pass_until(at, &mut out);
                if inputs.is_empty() {
                    continue; // the player writes such lines itself
                }
                out.push(written);
                for input in inputs {
                    stage.act(&input);
                }
                stage.tell(&mut out);
            }
        }
    }
    // Whatever settles late is a part of the story.
    let end = stage.at + 60_000;
    stage.pass_until(end, &mut out);
    while out.last().is_some_and(|line| line.trim().is_empty()) {
        out.pop();
    }
    out.join("\n") + "\n"
}

impl Stage {
    fn open(&mut self, ready: &[(String, bool)]) {
        self.input(Input::Restarted { kept: Vec::new() });
        for (name, proven) in ready {
            if *proven {
                let operator = Name::from(name.as_str());
                self.input(Input::Reach { operator, reach: Reach::Reachable });
            }
            self.command(
                name,
                false,
                Command::SetIntent { operator: name.as_str().into(), intent: Intent::Ready },
            );
        }
        self.told.clear();
    }

    /// Lets time pass; what happens by itself gets timed lines of its own.
    fn pass_until(&mut self, at: u64, out: &mut Vec<String>) {
        assert!(at >= self.at, "time runs backwards at {}", clock(at));
        loop {
            let timer = self.switch.poll_timeout().map(|due| due.0.saturating_sub(START.mono.0));
            let ends = self.ends.first_key_value().map(|((due, _), ())| *due);
            let due = timer.into_iter().chain(ends).min().filter(|due| *due <= at);
            let Some(due) = due else { break };
            self.set_clock(due.max(self.at));
            match ends.filter(|end| *end <= due) {
                Some(_) => {
                    let Some(((_, leg), ())) = self.ends.pop_first() else { break };
                    self.input(Input::Leg { leg, event: LegEvent::Ended(EndedBy::Us) });
                }
                None => {
                    self.outside = 0;
                    self.switch.handle_timeout(self.now);
                    self.drain();
                }
            }
            let (told, verdicts) = (self.told.len(), self.verdicts.len());
            if told + verdicts > 0 {
                out.push(format!("{}  {NOTHING}", clock(self.at)));
                self.tell(out);
            }
        }
        self.set_clock(at);
    }

    fn set_clock(&mut self, at: u64) {
        let step = at - self.at;
        self.at = at;
        self.now.mono.0 += step;
        self.now.wall.0 += i64::try_from(step).unwrap();
    }

    /// Writes down what happened since, a few effects on a line.
    fn tell(&mut self, out: &mut Vec<String>) {
        let mut line = String::new();
        for effect in std::mem::take(&mut self.told) {
            if line.is_empty() {
                line = format!("        > {effect}");
            } else if line.len() + effect.len() > 96 {
                out.push(std::mem::replace(&mut line, format!("        > {effect}")));
            } else {
                line = format!("{line}, {effect}");
            }
        }
        out.extend(Some(line).filter(|line| !line.is_empty()));
        for verdict in std::mem::take(&mut self.verdicts) {
            out.push(format!("        = {verdict}"));
        }
    }

    fn input(&mut self, input: Input) {
        self.outside = 0;
        self.switch.handle(input, self.now);
        self.drain();
    }

    fn command(&mut self, by: &str, supervisor: bool, command: Command) {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.input(Input::Command { ticket, by: by.into(), supervisor, command });
    }

    /// Takes every output, does what an edge does, and holds the rules of the door.
    fn drain(&mut self) {
        let mut bridges = Vec::new();
        let mut effects = false;
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Record(at, record) => {
                    assert!(!effects, "a record after an effect");
                    self.keep(at, record);
                }
                Output::Send { .. } => panic!("no lines are attached"),
                Output::Effect(effect) => {
                    effects = true;
                    self.note(&effect);
                    let text = self.names.effect(&effect, self.now.wall);
                    self.told.extend(text);
                    if let Effect::Bridge { operator, .. } = effect {
                        bridges.push(operator);
                    }
                }
            }
        }
        let due = self.switch.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now.mono), "a timer in the past");
        self.check_fold();
        if self.slow_bridge {
            return;
        }
        for leg in bridges {
            self.input(Input::Leg { leg, event: LegEvent::Bridged });
        }
    }

    fn keep(&mut self, at: Now, record: Record) {
        match &record {
            Record::Decided(decision) => {
                let taken = decision.hop.as_ref();
                self.told.extend(taken.map(|taken| {
                    let of = taken.hop.of().map(|of| format!(" {of}")).unwrap_or_default();
                    format!("step {}: {}{of}", taken.step + 1, taken.hop.word())
                }));
            }
            Record::CallArrived { call, key, leg, .. } => {
                let leg = leg.and_then(|leg| self.names.legs.get(&leg));
                let label = leg.map_or_else(|| key.split_once('/').map(|it| it.1), |it| Some(it));
                let label = label.filter(|label| *label != "caller").unwrap_or_default();
                self.names.calls.insert(*call, label.to_owned());
            }
            Record::CallSaved(row) => {
                let before = self.rows.insert(row.id, (**row).clone());
                let same = before.filter(|it| it.settled && it.authority == Authority::Owned);
                let news = same.is_none_or(|it| CallRow { revision: row.revision, ..it } != **row);
                assert!(news, "a settled call was saved again and says the same: {row:?}");
                self.verdicts.extend(self.names.verdict(row));
            }
            _ => {}
        }
        let seq = Seq(self.records.len() as u64 + 1);
        self.records.push(Stamped { seq, at, record });
    }

    /// Remembers what later inputs refer to.
    fn note(&mut self, effect: &Effect) {
        match effect {
            Effect::Dial { leg, operator, call, .. } => {
                let seat = self.switch.snapshot(self.now).operators;
                let seat = seat.iter().find(|view| view.id == *operator).unwrap();
                let name = seat.name.as_str().to_owned();
                self.names.legs.insert(*leg, name.clone());
                self.operator_legs.insert(name.clone(), *leg);
                let call = self.names.calls.get(call).cloned().unwrap_or_default();
                self.legs_by_call.insert((name, call), *leg);
            }
            Effect::DialOut { leg, .. } => {
                self.outside += 1;
                let name = match self.outside {
                    1 => String::from("outside"),
                    count => format!("outside{count}"),
                };
                self.names.legs.insert(*leg, name.clone());
                self.operator_legs.insert(name, *leg);
            }
            Effect::Cancel { leg, .. }
            | Effect::HangUp { leg, .. }
            | Effect::Refuse { leg, .. } => {
                self.ends.insert((self.at + self.lag, *leg), ());
            }
            Effect::Live(Live::Pop(pop)) if pop.state == PopState::Ringing => {
                self.pops.insert(pop.operator.as_str().to_owned(), pop.offer);
            }
            Effect::Live(_)
            | Effect::RingCaller { .. }
            | Effect::TakeMessage { .. }
            | Effect::AnswerCaller { .. }
            | Effect::Bridge { .. }
            | Effect::Transferred { .. }
            | Effect::AskOwner { .. }
            | Effect::RouteAnswer { .. }
            | Effect::Reply { .. } => {}
        }
    }

    /// State is the fold of the journal: reading it again gives the same bytes.
    fn check_fold(&self) {
        let folded = self.folded(self.snapshot.as_ref());
        let (live, folded) = (self.switch.state(), folded.state());
        if live != folded {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            panic!("the fold differs\nlive:   {}\nfolded: {}", text(&live), text(&folded));
        }
    }

    fn folded(&self, from: Option<&(Vec<u8>, usize)>) -> Switch {
        let (state, seen) = from.map_or((None, 0), |(bytes, seen)| (Some(&bytes[..]), *seen));
        let mut switch = Switch::restore(shared(&self.settings), state, SEED).unwrap();
        for record in &self.records[seen..] {
            switch.replay(record);
        }
        switch
    }

    /// One input in words.
    fn act(&mut self, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["restart", kept @ ..] => {
                let kept = kept.iter().filter_map(|name| self.operator_legs.get(*name));
                let kept = kept.copied().collect();
                self.switch = self.folded(self.snapshot.as_ref());
                self.input(Input::Restarted { kept });
            }
            ["snapshot"] => self.snapshot = Some((self.switch.state(), self.records.len())),
            ["clock", by] => {
                let (sign, by) = by.split_at(1);
                let by = i64::try_from(period(by).0).unwrap();
                self.now.wall.0 += if sign == "-" { -by } else { by };
                self.switch.handle_timeout(self.now);
                self.drain();
            }
            ["reload", queue, keys @ ..] => self.reload(queue, keys),
            ["replan", ..] => self.replan(text.trim_start_matches("replan").trim()),
            [from, "calls", line, rest @ ..] => self.arrive(from, line, rest),
            [account, "asks", rest @ ..] => self.ask(account, rest),
            ["crm", "says", caller, operator] => {
                let label = if *caller == "caller" { "" } else { caller };
                let named = self.names.calls.iter().rev().find(|(_, name)| *name == label);
                let call = *named.expect("a call").0;
                let operator = Some(Name::from(*operator)).filter(|_| *operator != "nobody");
                self.input(Input::OwnerKnown { call, operator });
            }
            ["supervisor", "puts", name, intent @ ..] => self.intend("boss", true, name, intent),
            [account, ..] if account.ends_with(':') => {
                let (_, facts) = text.split_once(':').unwrap();
                self.hear(account.trim_end_matches(':'), facts);
            }
            [name, "goes", intent @ ..] => self.intend(name, false, name, intent),
            [name, "telephone", reach] => {
                let reach = match *reach {
                    "reachable" => Reach::Reachable,
                    "gone" => Reach::Unreachable,
                    "unknown" => Reach::Unknown,
                    other => panic!("no reach: {other}"),
                };
                self.input(Input::Reach { operator: (*name).into(), reach });
            }
            [account, key, "wants", "a", "callback"] => {
                let key = format!("{account}/{key}");
                let known = self.names.calls.iter().find(|(_, label)| key.ends_with(*label));
                let call = *known.unwrap_or_else(|| panic!("no call {key}")).0;
                self.command("client", false, Command::TakeCallback { call });
            }
            [name, "declines"] => {
                let offer = self.pops[*name];
                self.command(name, false, Command::Decline { offer });
            }
            [name, "ends", "wrap-up"] => {
                self.command(name, false, Command::EndWrapUp { operator: (*name).into() });
            }
            [_, ..] => self.act_on_call(&words),
            [] => {}
        }
    }

    /// Calls that operators place, pass on and take, and whatever else telephones do.
    fn act_on_call(&mut self, words: &[&str]) {
        match words {
            [name, "dials", to, rest @ ..] => self.dials(name, to, rest),
            [name, "passes", "to", to] => {
                let leg = self.operator_legs[*name];
                let to = TransferTo::Target(self.target(to));
                self.input(Input::Transfer(Transfer { leg, to }));
            }
            [name, "joins", other] => {
                let leg = self.operator_legs[*name];
                let to = TransferTo::PartyOf(self.operator_legs[*other]);
                self.input(Input::Transfer(Transfer { leg, to }));
            }
            ["page", "passes", name, "to", to] => {
                let to = self.target(to);
                let command = Command::Transfer { operator: (*name).into(), to, call: None };
                self.command(name, false, command);
            }
            [name, "places", number] => {
                let number = Number::new(number).unwrap();
                self.command(name, false, Command::Place { operator: (*name).into(), number });
            }
            [name, "picks", "up", caller] => {
                let label = if *caller == "caller" { "" } else { caller };
                let calls = self.names.calls.iter();
                let call = *calls.rev().find(|(_, name)| *name == label).expect("a call").0;
                self.command(name, false, Command::Pickup { call, operator: (*name).into() });
            }
            [name, verb @ ..] => self.leg_event(name, verb),
            [] => {}
        }
    }

    /// Loads a plan in which every call of every number takes one step.
    fn replan(&mut self, step: &str) {
        let text =
            format!("name = \"shop\"\n[number.\"*\"]\nopen = \"only\"\n[step.only]\n{step}\n");
        let zone = self.settings.timezone.clone();
        let (plan, problems) = Plan::read("plan", &text, &zone, &Calendars::default());
        assert!(problems.is_empty(), "{problems:?}");
        let version: u32 = self.settings.version[1..].parse().unwrap();
        self.settings.version = format!("v{}", version + 1);
        self.settings.plans = plan.map(std::sync::Arc::new).into_iter().collect();
        self.input(Input::Reload(shared(&self.settings)));
    }

    fn reload(&mut self, queue: &str, keys: &[&str]) {
        let version: u32 = self.settings.version[1..].parse().unwrap();
        self.settings.version = format!("v{}", version + 1);
        let queues = &mut self.settings.queues;
        let place = queues.iter().position(|it| it.name == Name::from(queue)).unwrap();
        match keys {
            ["removed"] => {
                queues.remove(place);
            }
            ["without", name] => {
                for tier in &mut queues[place].tiers {
                    tier.members.retain(|member| member.operator != Name::from(*name));
                }
            }
            keys => set_keys(&mut queues[place], keys),
        }
        self.input(Input::Reload(shared(&self.settings)));
    }

    fn arrive(&mut self, from: &str, line: &str, rest: &[&str]) {
        let named = |key: &str| rest.windows(2).find(|pair| pair[0] == key).map(|pair| pair[1]);
        let leg = LegId(self.next);
        self.next += 1;
        let name = named("as").unwrap_or("caller");
        self.names.legs.insert(leg, name.to_owned());
        self.operator_legs.insert(name.to_owned(), leg);
        let first = self.settings.queues[0].name.clone();
        self.input(Input::Arrived(Arrival {
            leg,
            account: "trunk".into(),
            client: party(from),
            line: Number::new(line).ok(),
            queue: Some(named("in").map_or(first, Name::from)).filter(|_| !rest.contains(&"plan")),
        }));
    }

    /// `aziza dials bobur`, `aziza dials +998…`, `aziza dials *8 as second`.
    fn dials(&mut self, name: &str, to: &str, rest: &[&str]) {
        let label = rest.windows(2).find(|pair| pair[0] == "as").map_or(name, |pair| pair[1]);
        let leg = LegId(self.next);
        self.next += 1;
        self.names.legs.insert(leg, label.to_owned());
        self.operator_legs.insert(label.to_owned(), leg);
        let to = self.target(to);
        self.input(Input::Placed(Placement { leg, operator: name.into(), to }));
    }

    fn target(&self, text: &str) -> Target {
        match (Number::new(text), text.strip_prefix("queue:")) {
            (Ok(number), _) => Target::Outside { number, account: Some("trunk".into()) },
            (Err(_), Some(queue)) => Target::Queue(queue.into()),
            (Err(_), None) if text == "*8" => Target::Pickup,
            (Err(_), None) => Target::Operator(text.into()),
        }
    }

    fn intend(&mut self, by: &str, supervisor: bool, name: &str, words: &[&str]) {
        let intent = match words {
            ["ready"] => Intent::Ready,
            ["offline"] => Intent::Offline,
            ["dnd"] => Intent::Dnd,
            ["break", reason] => Intent::Break { reason: (*reason).to_owned(), planned_end: None },
            other => panic!("no intent: {other:?}"),
        };
        self.command(by, supervisor, Command::SetIntent { operator: name.into(), intent });
    }

    fn leg_event(&mut self, name: &str, verb: &[&str]) {
        let (verb, call) = match verb {
            [verb @ .., "for", call] => (verb, Some((*call).to_owned())),
            verb => (verb, None),
        };
        let leg = match call {
            Some(call) => self.legs_by_call.get(&(name.to_owned(), call)),
            None => self.operator_legs.get(name),
        };
        let known = self.script_names.contains(name);
        let leg = *leg.unwrap_or_else(|| panic!("{name} has no leg (known: {known})"));
        let event = match verb {
            ["rings"] => LegEvent::Ringing,
            ["answers"] => LegEvent::Answered,
            ["bridged"] => LegEvent::Bridged,
            ["holds"] => LegEvent::Held,
            ["resumes"] => LegEvent::Resumed,
            ["hangs", "up"] => LegEvent::Ended(EndedBy::Party),
            ["refuses"] => LegEvent::Ended(EndedBy::Rejected),
            ["busy"] => LegEvent::Ended(EndedBy::Busy),
            ["unreachable"] => LegEvent::Ended(EndedBy::Unreachable),
            ["fails"] => LegEvent::Ended(EndedBy::Failed),
            ["stale"] => LegEvent::Ended(EndedBy::Stale),
            other => panic!("no verb: {other:?}"),
        };
        self.input(Input::Leg { leg, event });
    }

    fn ask(&mut self, account: &str, rest: &[&str]) {
        let named = |key: &str| rest.windows(2).find(|pair| pair[0] == key).map(|pair| pair[1]);
        let ticket = Ticket(self.next);
        self.next += 1;
        let kind = match named("whether") {
            Some(label) => AskKind::Whether { label: label.to_owned() },
            None => AskKind::Order,
        };
        self.input(Input::RouteAsked(RouteAsk {
            ticket,
            account: account.into(),
            key: named("call").map(str::to_owned),
            client: party(named("for").expect("for whom")),
            line: named("to").map(party),
            queue: named("queue").map(str::to_owned),
            kind,
            deadline: Mono(self.now.mono.0 + 800),
        }));
    }

    fn hear(&mut self, account: &str, facts: &str) {
        let facts: Vec<Fact> = facts.split('&').map(|fact| self.fact(fact.trim())).collect();
        let request = Some(Seq(self.next));
        self.next += 1;
        let received = self.now.wall;
        self.input(Input::Heard(Heard { request, account: account.into(), received, facts }));
    }

    /// `KEY EVENT …`, with `at TIME`, `final` or `history` anywhere.
    fn fact(&self, text: &str) -> Fact {
        let words: Vec<&str> = text.split_whitespace().collect();
        let named = |key: &str| words.windows(2).find(|pair| pair[0] == key).map(|pair| pair[1]);
        let has = |word: &str| words.contains(&word);
        let alias = |text: &str| Alias(text.to_owned());
        let at = named("at").map(|text| {
            let past = i64::try_from(self.at - millis(text)).unwrap();
            Wall(self.now.wall.0 - past)
        });
        let direction = match (has("out"), has("internal"), named("from")) {
            (true, _, _) => Some(Direction::Out),
            (_, true, _) => Some(Direction::Internal),
            (_, _, Some(_)) => Some(Direction::In),
            (_, _, None) => None,
        };
        let (client, line) = match has("out") {
            true => (named("to"), named("from")),
            false => (named("from"), named("to")),
        };
        let legs = Legs {
            direction,
            client: client.map(party),
            line: line.map(party),
            placed_by: named("by").map(alias),
            queue: named("queue").map(str::to_owned),
        };
        let totals = || Totals {
            answered: if has("answered") { Some(true) } else { has("unanswered").then_some(false) },
            answered_by: named("answered").map(alias),
            talk: named("talk").map(period),
            wait: named("wait").map(period),
            whole: named("whole").map(period),
            started_at: named("started").map(|text| Wall(START.wall.0 + signed(millis(text)))),
            disposition: has("busy-line").then_some(Disposition::Busy),
            ..Totals::default()
        };
        let who = |place: usize| words.get(place).map(|text| alias(text));
        let kind = match words[1] {
            "starts" => FactKind::CallStarted(legs),
            "rings" => FactKind::OperatorRinging { alias: who(2).expect("who"), legs },
            "answered" => {
                let alias = who(2).filter(|it| it.0 != "somebody");
                FactKind::OperatorAnswered { alias, legs }
            }
            "client-answered" => FactKind::ClientAnswered { legs },
            "left" => {
                let talked =
                    if has("talked") { Some(true) } else { has("untalked").then_some(false) };
                FactKind::OperatorLeft {
                    alias: who(2).expect("who"),
                    talked,
                    ends: Ends::default(),
                }
            }
            "transferred" => FactKind::Transferred { from: who(2), to: who(3) },
            "ends" => FactKind::CallEnded { legs, totals: totals() },
            "summary" => FactKind::Summary { legs, totals: totals() },
            "recording" => FactKind::Recording { url: words[2].to_owned(), event: String::new() },
            other => panic!("no fact: {other}"),
        };
        let source = match (has("final"), has("history")) {
            (_, true) => Source::History,
            (true, false) => Source::Final,
            (false, false) => Source::Live,
        };
        let at = at.unwrap_or(self.now.wall);
        Fact { key: words[0].to_owned(), at, source, vague: false, kind }
    }
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap()
}

fn party(text: &str) -> Party {
    match Number::new(text) {
        Ok(number) => Party::Number(number),
        Err(_) if text == "hidden" => Party::Hidden,
        Err(_) => Party::Extension(text.to_owned()),
    }
}
