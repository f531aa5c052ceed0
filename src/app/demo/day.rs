//! The day of the demo: a list of calls with everything that will happen in them.
//!
//! Pure: the same seed and speed give the same day. Times are milliseconds of the demo's own day;
//! the stand-ins divide them by the speed. What is planned here is also the truth that the books
//! are checked against at the end.

use super::people::{CONTACTS, Habit, OPERATORS, UNREADABLE};
use crate::model::Seed;

/// The accounts of the demo, in the order of the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stand {
    /// Sipuni: GET, asks which operator to ring.
    Sipuni,
    /// OnlinePBX: POST of forms.
    OnlinePbx,
    /// Uztelecom, profile `utel`: POST of JSON.
    Utel,
    /// Uztelecom, profile `itoolabs`: POST of forms, asks for the responsible operator.
    Itoolabs,
    /// Sarkor through the generic mapping: POST of JSON.
    Sarkor,
}

impl Stand {
    /// All of them.
    pub const ALL: [Stand; 5] =
        [Stand::Sipuni, Stand::OnlinePbx, Stand::Utel, Stand::Itoolabs, Stand::Sarkor];
}

/// One call as it is going to be.
#[derive(Debug, Clone)]
pub struct Story {
    /// Who carries it.
    pub stand: Stand,
    /// The provider's own call id.
    pub key: String,
    /// When it begins.
    pub at: u64,
    /// The client's number as the carrier writes it.
    pub number: &'static str,
    /// What kind of call it is.
    pub kind: Kind,
    /// Whether the provider asks navbat whom to ring.
    pub asks: bool,
    /// Operators whose telephones the provider could ring, as indices.
    pub free: Vec<usize>,
    /// Telephones that ring, in order.
    pub rings: Vec<Ring>,
    /// Conversations with the client, in order; a second one is a transfer.
    pub talks: Vec<Talk>,
    /// When it is over.
    pub ends: u64,
}

/// What kind of call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The client calls.
    Inbound,
    /// An operator calls the client, and how that ends without a conversation.
    Outbound {
        /// Who.
        operator: usize,
        /// What the provider says when nobody talked.
        refused: Refused,
    },
}

/// How an outbound call ends without a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The client does not pick up.
    NoAnswer,
    /// The client is in another call.
    Busy,
}

/// One telephone ringing.
#[derive(Debug, Clone, Copy)]
pub struct Ring {
    /// Whose.
    pub operator: usize,
    /// From.
    pub from: u64,
    /// To.
    pub to: u64,
}

/// One conversation.
#[derive(Debug, Clone, Copy)]
pub struct Talk {
    /// Whose.
    pub operator: usize,
    /// From.
    pub from: u64,
    /// To.
    pub to: u64,
}

/// Mean time between two calls outside a peak. With about 45 s a call and seven people who answer
/// the floor is busy and not swamped; a peak comes three times as fast.
const GAP_MEAN: u64 = 16_000;
/// A peak comes every so often and lasts a quarter of that.
const PEAK_EVERY: u64 = 600_000;
/// Finishing up after a call, as the queue of the demo has it.
const WRAP_UP: u64 = 10_000;

/// However short the day, this call comes from the number that no rule reads.
const UNREADABLE_AT: u32 = 8;

/// Plans a day of calls. `speed` stretches what must not fall into one second on the wire.
pub struct Day {
    seed: Seed,
    speed: f64,
    at: u64,
    made: u32,
    /// Until when each operator is busy.
    busy: [u64; OPERATORS.len()],
    /// Clients who were not answered and will call again, and when.
    redials: Vec<(u64, &'static str)>,
}

impl Day {
    /// A day that has not begun.
    pub fn new(seed: u64, speed: f64) -> Day {
        Day {
            seed: Seed::new(seed),
            speed,
            at: 1_000,
            made: 0,
            busy: [0; OPERATORS.len()],
            redials: Vec::new(),
        }
    }

    /// The next call; calls come in the order of their beginning.
    pub fn next_story(&mut self) -> Story {
        let peak = self.at % PEAK_EVERY < PEAK_EVERY / 4;
        let mean = if peak { GAP_MEAN / 3 } else { GAP_MEAN };
        self.at += mean / 4 + self.seed.below(mean * 3 / 2);
        self.made += 1;
        let stand = self.stand();
        let key = self.key(stand);
        let caller = if self.seed.chance(15) { self.pick_free() } else { None };
        match caller {
            Some(operator) => self.outbound(stand, key, operator),
            None => self.inbound(stand, key),
        }
    }

    fn stand(&mut self) -> Stand {
        match self.seed.below(10) {
            0..=2 => Stand::Sipuni,
            3..=4 => Stand::OnlinePbx,
            5..=6 => Stand::Utel,
            7..=8 => Stand::Itoolabs,
            _ => Stand::Sarkor,
        }
    }

    /// Call ids look like each provider's own. The random part keeps a second run in the same
    /// second apart from the first.
    fn key(&mut self, stand: Stand) -> String {
        let (made, random) = (self.made, self.seed.next_u64());
        match stand {
            Stand::Sipuni => format!("{}.{}", 1_795_150_800 + u64::from(made), random % 1_000_000),
            Stand::OnlinePbx | Stand::Utel => {
                format!("{:08x}-0000-4000-8000-{:012x}", made, random & 0xffff_ffff_ffff)
            }
            Stand::Itoolabs => format!("A{made}-{:x}", random & 0xffff_ffff),
            Stand::Sarkor => format!("sk-{made}-{:x}", random & 0xffff_ffff),
        }
    }

    fn client(&mut self) -> &'static str {
        let due = self.redials.iter().position(|(at, _)| *at <= self.at);
        if let Some(at) = due.filter(|_| self.seed.chance(60)) {
            return self.redials.remove(at).1;
        }
        if self.made == UNREADABLE_AT {
            return UNREADABLE;
        }
        let at = usize::try_from(self.seed.below(CONTACTS.len() as u64)).unwrap_or(0);
        CONTACTS.get(at).copied().unwrap_or("")
    }

    fn is_free(&self, operator: usize) -> bool {
        let busy = self.busy.get(operator).copied().unwrap_or(u64::MAX);
        let habit = OPERATORS.get(operator).map_or(Habit::Unregistered, |one| one.habit);
        let present = matches!(habit, Habit::Steady | Habit::NeverAnswers);
        present && busy <= self.at
    }

    fn pick_free(&mut self) -> Option<usize> {
        let free: Vec<usize> =
            (0..OPERATORS.len()).filter(|at| self.is_free(*at) && !never_answers(*at)).collect();
        let at = usize::try_from(self.seed.below(free.len() as u64)).unwrap_or(0);
        free.get(at).copied()
    }

    fn outbound(&mut self, stand: Stand, key: String, operator: usize) -> Story {
        let at = self.at;
        let number = self.client();
        let rings_for = 4_000 + self.seed.below(12_000);
        let answered = self.seed.chance(70);
        let refused = if self.seed.chance(40) { Refused::Busy } else { Refused::NoAnswer };
        let from = at + rings_for;
        let to = from + self.talk_for();
        let talks = if answered { vec![Talk { operator, from, to }] } else { Vec::new() };
        let ends = if answered { to } else { from };
        self.keep_busy(operator, ends);
        Story {
            stand,
            key,
            at,
            number,
            kind: Kind::Outbound { operator, refused },
            asks: false,
            free: Vec::new(),
            rings: Vec::new(),
            talks,
            ends,
        }
    }

    fn inbound(&mut self, stand: Stand, key: String) -> Story {
        let at = self.at;
        let number = self.client();
        let free: Vec<usize> = (0..OPERATORS.len()).filter(|at| self.is_free(*at)).collect();
        let asks = matches!(stand, Stand::Sipuni | Stand::Itoolabs) && self.seed.chance(50);
        let mut story = Story {
            stand,
            key,
            at,
            number,
            kind: Kind::Inbound,
            asks,
            free: free.clone(),
            rings: Vec::new(),
            talks: Vec::new(),
            ends: 0,
        };
        let patience = 8_000 + self.seed.below(40_000);
        // The provider rings up to three of its group at once; who asks rings whom it is told.
        let group = self.group(&free, asks);
        let rings_at = at + 1_500 + self.seed.below(2_000);
        let winner = group.iter().copied().find(|operator| !never_answers(*operator));
        let answers_at = rings_at + 2_000 + self.seed.below(11_000);
        let answered = winner.filter(|_| answers_at < at + patience && !self.seed.chance(4));
        let stops_at = if answered.is_some() { answers_at } else { at + patience };
        story.ends = stops_at;
        story.rings = group
            .iter()
            .map(|operator| Ring { operator: *operator, from: rings_at, to: stops_at })
            .collect();
        match answered {
            Some(operator) => self.converse(&mut story, operator, answers_at),
            None => self.redials.push((story.ends + 60_000 + self.seed.below(240_000), number)),
        }
        story
    }

    fn group(&mut self, free: &[usize], asks: bool) -> Vec<usize> {
        let mut left = free.to_vec();
        let mut group = Vec::new();
        let size = if asks { 1 } else { 2 + self.seed.below(2) };
        for _ in 0..size.min(left.len() as u64) {
            let at = usize::try_from(self.seed.below(left.len() as u64)).unwrap_or(0);
            group.push(left.swap_remove(at));
        }
        group
    }

    fn converse(&mut self, story: &mut Story, operator: usize, from: u64) {
        let (talks_for, moves) = (self.talk_for(), self.seed.chance(10));
        // Not one whose telephone rang before: providers give both rings the same fingerprint.
        let rang = |second: &usize| story.rings.iter().any(|ring| ring.operator == *second);
        let second = self.pick_free().filter(|second| moves && !rang(second));
        // A conversation that is handed on lasts over a second of the wire's clock, so that the
        // stamps tell who was first.
        let least = second.map_or(0, |_| self.wire_second() * 3 / 2);
        let to = from + talks_for.max(least);
        story.talks.push(Talk { operator, from, to });
        story.ends = to;
        self.keep_busy(operator, to);
        let Some(second) = second else { return };
        let ring = Ring { operator: second, from: to, to: to + 4_000 };
        let ends = ring.to + self.talk_for();
        story.rings.push(ring);
        story.talks.push(Talk { operator: second, from: ring.to, to: ends });
        story.ends = ends;
        self.keep_busy(second, ends);
    }

    fn keep_busy(&mut self, operator: usize, until: u64) {
        if let Some(busy) = self.busy.get_mut(operator) {
            *busy = until + WRAP_UP;
        }
    }

    fn talk_for(&mut self) -> u64 {
        12_000 + self.seed.below(60_000)
    }

    /// A second on the wire, in the demo's own time.
    fn wire_second(&self) -> u64 {
        (self.speed * 1_050.0) as u64
    }
}

/// Whether an operator lets every call ring out.
pub fn never_answers(operator: usize) -> bool {
    OPERATORS.get(operator).is_some_and(|one| one.habit == Habit::NeverAnswers)
}

impl Story {
    /// Puts the operator whom navbat named in the place of the one the provider would have rung.
    pub fn advised(&mut self, operator: usize) {
        let planned = self.rings.first().map(|ring| ring.operator);
        if self.rings.iter().skip(1).any(|ring| ring.operator == operator) {
            return; // the call comes to them later anyway
        }
        let Some(planned) = planned.filter(|planned| *planned != operator) else { return };
        let swap = |one: &mut usize| {
            if *one == planned {
                *one = operator;
            }
        };
        self.rings.iter_mut().for_each(|ring| swap(&mut ring.operator));
        self.talks.iter_mut().for_each(|talk| swap(&mut talk.operator));
        if never_answers(operator) {
            self.ends = self.talks.first().map_or(self.ends, |talk| talk.from);
            self.talks.clear();
            self.rings.truncate(1);
        }
    }

    /// The word of the call's disposition that the books must show.
    pub fn disposition(&self) -> &'static str {
        match self.kind {
            _ if !self.talks.is_empty() => "answered",
            Kind::Inbound => "missed",
            Kind::Outbound { refused: Refused::Busy, .. } => "busy",
            // This platform has no word for it but that the client is not available.
            Kind::Outbound { .. } if self.stand == Stand::Itoolabs => "failed",
            Kind::Outbound { refused: Refused::NoAnswer, .. } => "no_answer",
        }
    }

    /// Who must be in the books as having talked, in order.
    pub fn handled_by(&self) -> Vec<&'static str> {
        let names = self.talks.iter().filter_map(|talk| OPERATORS.get(talk.operator));
        names.map(|one| one.name).collect()
    }

    /// Who must be in the books as the one who answered.
    pub fn answered_by(&self) -> Option<&'static str> {
        let operator = self.talks.first()?.operator;
        OPERATORS.get(operator).map(|one| one.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(seed: u64) -> Vec<Story> {
        let mut day = Day::new(seed, 60.0);
        (0..300).map(|_| day.next_story()).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_day_and_another_does_not() {
        let keys = |seed| day(seed).iter().map(|story| story.key.clone()).collect::<Vec<_>>();
        assert_eq!(keys(42), keys(42));
        assert_ne!(keys(42), keys(43));
    }

    #[test]
    fn a_day_has_something_of_everything() {
        let day = day(42);
        let with = |what: fn(&Story) -> bool| day.iter().filter(|story| what(story)).count();
        assert!(with(|story| story.disposition() == "answered") > 150);
        assert!(with(|story| story.disposition() == "missed") > 20);
        assert!(with(|story| story.talks.len() > 1) > 5, "transfers");
        assert!(with(|story| matches!(story.kind, Kind::Outbound { .. })) > 20);
        assert!(with(|story| story.asks) > 20);
        assert!(with(|story| story.number == super::super::people::UNREADABLE) > 0);
        for stand in Stand::ALL {
            assert!(day.iter().any(|story| story.stand == stand), "{stand:?}");
        }
    }

    #[test]
    fn nobody_talks_to_two_clients_at_once() {
        let mut talks: Vec<Talk> = day(42).iter().flat_map(|story| story.talks.clone()).collect();
        talks.sort_by_key(|talk| (talk.operator, talk.from));
        for pair in talks.windows(2).filter(|pair| pair[0].operator == pair[1].operator) {
            assert!(pair[0].to <= pair[1].from, "{pair:?}");
        }
    }
}
