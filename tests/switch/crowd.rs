//! A queue in which hundreds wait: an operator who becomes free costs a look at each of them, not
//! a look at each for each of them.

use std::sync::Arc;

use navbat::acd::{Member, OperatorSettings, QueueSettings, ReadyRule, Settings, Strategy, Tier};
use navbat::model::{EndedBy, LegId, Mono, Name, Now, Party, Period, Reach, Wall};
use navbat::switch::{Arrival, Effect, Input, LegEvent, Output, Switch};

/// Callers who wait, in the short queue and in the long one.
const WAITING: [u64; 2] = [100, 1600];
/// Looks beside one at each who waits: at the caller who is taken, when the telephone rings, is
/// answered and is joined.
const LOOKS_BESIDE: u64 = 10;

/// A switch with one operator who talks, and a queue behind that.
struct Office {
    switch: Switch,
    now: Now,
    legs: u64,
    /// Who talks: the caller.
    talks: LegId,
}

impl Office {
    fn with(waiting: u64) -> Office {
        let name = Name::from("aziza");
        let mut queue = QueueSettings::named("sales");
        queue.strategy = Strategy::Parallel;
        queue.wrap_up = Period::ZERO;
        queue.callers_max = u16::MAX;
        let members = vec![Member { operator: name.clone(), weight: 10 }];
        queue.tiers.push(Tier { after: Period::ZERO, members });
        let operator = OperatorSettings {
            name: name.clone(),
            login: None,
            aliases: Vec::new(),
            ready: ReadyRule::Always,
            calls_max: 1,
            skills: Vec::new(),
            disabled: false,
        };
        let settings = Settings {
            version: String::from("v1"),
            timezone: jiff::tz::TimeZone::UTC,
            operators: vec![operator],
            queues: vec![queue],
            accounts: Vec::new(),
            plans: Vec::new(),
        };
        let now = Now { mono: Mono(1_000), wall: Wall(1_772_427_600_000) };
        let switch = Switch::new(Arc::new(settings), 7);
        let mut office = Office { switch, now, legs: 0, talks: LegId(0) };
        office.input(Input::Reach { operator: name, reach: Reach::Reachable });
        let dialled = office.arrive();
        office.talks = LegId(office.legs);
        office.answer(dialled.expect("she is rung"));
        for _ in 0..waiting {
            assert_eq!(office.arrive(), None, "she talks");
        }
        office
    }

    /// Whom an input lets ring: our leg.
    fn input(&mut self, input: Input) -> Option<LegId> {
        self.switch.handle(input, self.now);
        let mut dialled = None;
        while let Some(output) = self.switch.poll_output() {
            if let Output::Effect(Effect::Dial { leg, .. }) = output {
                assert_eq!(dialled.replace(leg), None, "one of her");
            }
        }
        dialled
    }

    fn arrive(&mut self) -> Option<LegId> {
        self.legs += 1;
        self.input(Input::Arrived(Arrival {
            leg: LegId(self.legs),
            account: "trunk".into(),
            client: Party::Hidden,
            line: None,
            queue: Some("sales".into()),
        }))
    }

    fn answer(&mut self, leg: LegId) {
        for event in [LegEvent::Ringing, LegEvent::Answered, LegEvent::Bridged] {
            self.input(Input::Leg { leg, event });
        }
    }

    /// Looks at waits from a hang-up to the next ring.
    fn next(&mut self) -> u64 {
        let before = self.switch.looks();
        let gone = LegEvent::Ended(EndedBy::Party);
        let dialled = self.input(Input::Leg { leg: self.talks, event: gone });
        let looks = self.switch.looks() - before;
        self.talks = LegId(self.talks.0 + 1);
        self.answer(dialled.expect("the next one's turn"));
        looks
    }
}

#[test]
fn a_freed_operator_costs_each_who_waits_one_look() {
    for waiting in WAITING {
        let looks = Office::with(waiting).next();
        // Somebody did look at them, or the count says nothing.
        assert!((1..=waiting + LOOKS_BESIDE).contains(&looks), "{looks} looks, {waiting} wait");
    }
}
