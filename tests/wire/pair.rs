//! Two stacks and a bad network between them: thousands of seeded calls, nothing left over.
//!
//! Each end calls the other as a carrier. Datagrams are lost, doubled and overtaken; callers
//! give up, callees refuse, both hang up, both offer changes at once. Afterwards every session
//! has had exactly one end on each side, and no transaction, dialog or timer is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use navbat::model::{Mono, Name, Now, Period, Seed, Wall};
use navbat::sip::{
    Caller, Cause, Event, Flow, Hop, Invite, Packet, Refuse, SessionId, SipOutput, Stack,
    StackSettings, Target, Transport, TrunkAuth, TrunkLine,
};

use crate::desk::{ANSWER, OFFER, START, addr, name, sdp};

const ENDS: [&str; 2] = ["192.0.2.1:5060", "192.0.2.2:5060"];

/// One end: its stack and what it knows of its sessions.
struct End {
    stack: Stack,
    /// Whether the session was answered, and how many ends it has had.
    fates: BTreeMap<SessionId, Fate>,
}

#[derive(Debug, Default)]
struct Fate {
    ours: bool,
    confirmed: u32,
    ends: u32,
    /// The end came from our own order, so no event may follow.
    let_go: bool,
}

/// What an end does later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Arrive(usize, u64),
    Answer(usize, SessionId),
    GiveUp(usize, SessionId),
    HangUp(usize, SessionId),
    Change(usize, SessionId),
    AnswerChange(usize, SessionId),
    Call(usize),
}

struct World {
    ends: [End; 2],
    seed: Seed,
    now: u64,
    acts: BTreeSet<(u64, u64, Act)>,
    packets: BTreeMap<u64, (Flow, Vec<u8>)>,
    count: u64,
    loss: u64,
    carried: u64,
}

fn end(own: usize, seed: u64) -> End {
    let mut settings = StackSettings::new("pbx.example", [u8::try_from(own).unwrap(); 32]);
    let local = addr(ENDS[own]);
    settings.advertise.insert((Transport::Udp, local), (local.ip().to_string(), local.port()));
    let peer = addr(ENDS[1 - own]);
    settings.session_timers.expires = 120;
    settings.trunks.push(TrunkLine {
        name: Name::from("other"),
        hops: vec![Hop { transport: Transport::Udp, peer, local: Some(local), connection: None }],
        sources: Vec::new(),
        host: peer.ip().to_string(),
        port: None,
        transport: Transport::Udp,
        auth: TrunkAuth::Ip { probe: Period::hours(24 * 365) },
        channels_max: 100,
    });
    End { stack: Stack::new(Arc::new(settings), Seed::new(seed)), fates: BTreeMap::new() }
}

impl World {
    fn new(seed: u64, loss: u64) -> World {
        World {
            ends: [end(0, seed * 2), end(1, seed * 2 + 1)],
            seed: Seed::new(seed),
            now: 1000,
            acts: BTreeSet::new(),
            packets: BTreeMap::new(),
            count: 0,
            loss,
            carried: 0,
        }
    }

    fn now(&self) -> Now {
        Now { mono: Mono(self.now), wall: Wall(START + i64::try_from(self.now).unwrap()) }
    }

    fn later(&mut self, after: u64, act: Act) {
        self.count += 1;
        self.acts.insert((self.now + after, self.count, act));
    }

    /// Puts a datagram on the wire: it may be lost, doubled, and overtaken.
    fn carry(&mut self, from: usize, hop: &Hop, bytes: &[u8]) {
        self.carried += 1;
        assert_eq!(hop.peer, addr(ENDS[1 - from]), "nothing goes anywhere else");
        let copies =
            if self.seed.chance(self.loss) { 0 } else { 1 + u64::from(self.seed.chance(2)) };
        for _ in 0..copies {
            let flow = Flow {
                transport: Transport::Udp,
                local: hop.peer,
                peer: addr(ENDS[from]),
                connection: 0,
            };
            self.count += 1;
            self.packets.insert(self.count, (flow, bytes.to_vec()));
            let delay = 1 + self.seed.below(if self.loss > 0 { 60 } else { 5 });
            let number = self.count;
            self.later(delay, Act::Arrive(1 - from, number));
        }
    }

    fn drain(&mut self, at: usize) {
        while let Some(output) = self.ends[at].stack.poll_output() {
            match output {
                SipOutput::Transmit(out) | SipOutput::Promise(out) => {
                    self.carry(at, &out.hop, &out.bytes);
                }
                SipOutput::Event(event) => self.hear(at, &event),
                SipOutput::Kept(_) => {}
            }
        }
    }

    fn hear(&mut self, at: usize, event: &Event) {
        let mut is_end = |id: &SessionId| {
            let fate = self.ends[at].fates.get_mut(id).unwrap();
            assert!(!fate.let_go, "{} after our own end of {id:?}", name(event));
            fate.ends += 1;
            assert_eq!(fate.ends, 1, "{} is a second end of {id:?}", name(event));
        };
        match event {
            Event::Invited(invited) => {
                let id = invited.session;
                assert!(self.ends[at].fates.insert(id, Fate::default()).is_none());
                let now = self.now();
                if self.seed.chance(80) {
                    self.ends[at].stack.ring(id, 180, None, now);
                }
                let after = self.seed.below(4000);
                self.later(after, Act::Answer(at, id));
            }
            Event::Answered { session, .. } | Event::Confirmed { session, .. } => {
                let fate = self.ends[at].fates.get_mut(session).unwrap();
                assert_eq!(fate.ends, 0, "{} after the end", name(event));
                fate.confirmed += 1;
                assert_eq!(fate.confirmed, 1, "{} twice", name(event));
                let (change, talk) = (self.seed.below(20_000), self.seed.below(200_000));
                if self.seed.chance(50) {
                    self.later(change, Act::Change(at, *session));
                }
                if self.seed.chance(50) || fate_is_ours(&self.ends[at], *session) {
                    self.later(talk, Act::HangUp(at, *session));
                }
            }
            Event::Reoffered { session, .. } => {
                let after = self.seed.below(300);
                self.later(after, Act::AnswerChange(at, *session));
            }
            Event::Refused { session, .. }
            | Event::Cancelled { session, .. }
            | Event::Ended { session, .. } => is_end(session),
            Event::Progress { .. }
            | Event::Silent { .. }
            | Event::Reanswered { .. }
            | Event::Trunk { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    fn act(&mut self, act: Act) -> usize {
        let now = self.now();
        match act {
            Act::Arrive(at, number) => {
                let (flow, bytes) = self.packets.remove(&number).unwrap();
                let message = navbat::sip::read(&bytes).unwrap();
                let size = bytes.len();
                self.ends[at].stack.receive(Packet { flow, message, size }, now);
                at
            }
            Act::Call(at) => {
                let invite = Invite {
                    target: Target::Trunk { name: Name::from("other"), user: String::from("7120") },
                    caller: Caller { user: String::from("7121"), ..Caller::default() },
                    sdp: Some(sdp(OFFER)),
                    replaces: None,
                    referred_by: None,
                    alert: None,
                    hops: 70,
                    extra: Vec::new(),
                };
                let id = self.ends[at].stack.invite(invite, now);
                self.ends[at].fates.insert(id, Fate { ours: true, ..Fate::default() });
                if self.seed.chance(30) {
                    let after = self.seed.below(5000);
                    self.later(after, Act::GiveUp(at, id));
                }
                at
            }
            Act::Answer(at, id) => {
                if self.seed.chance(15) {
                    let live = self.ends[at].fates.get(&id).is_some_and(|fate| fate.ends == 0);
                    let refuse = Refuse { code: 486, ..Refuse::default() };
                    self.ends[at].stack.reject(id, &refuse, now);
                    self.let_go(at, id, live);
                } else {
                    self.ends[at].stack.accept(id, Some(sdp(ANSWER)), now);
                }
                at
            }
            Act::GiveUp(at, id) => {
                let fate = self.ends[at].fates.get(&id).unwrap();
                let talking = fate.ends == 0 && fate.confirmed > 0;
                self.ends[at].stack.cancel(id, &Cause::none(), now);
                if talking {
                    self.let_go(at, id, true);
                }
                at
            }
            Act::HangUp(at, id) => {
                let live = self.ends[at].fates.get(&id).is_some_and(|fate| fate.ends == 0);
                self.ends[at].stack.bye(id, &Cause::normal(), now);
                self.let_go(at, id, live);
                at
            }
            Act::Change(at, id) => {
                self.ends[at].stack.reoffer(id, Some(sdp(OFFER)), now);
                at
            }
            Act::AnswerChange(at, id) => {
                self.ends[at].stack.answer_reoffer(id, Ok(Some(sdp(ANSWER))), now);
                at
            }
        }
    }

    fn let_go(&mut self, at: usize, id: SessionId, live: bool) {
        let fate = self.ends[at].fates.get_mut(&id).unwrap();
        if live && !fate.let_go {
            fate.let_go = true;
            fate.ends += 1;
        }
    }

    fn live(&mut self, until: u64) {
        loop {
            let act = self.acts.first().map(|(at, _, _)| *at);
            let timers = self.ends.each_ref().map(|end| end.stack.poll_timeout().map(|due| due.0));
            let next = [act, timers[0], timers[1]].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else { return };
            self.now = self.now.max(next);
            for (at, timer) in timers.into_iter().enumerate() {
                if timer.is_some_and(|due| due <= self.now) {
                    let now = self.now();
                    self.ends[at].stack.handle_timeout(now);
                    self.drain(at);
                }
            }
            if act == Some(next)
                && let Some((_, _, act)) = self.acts.pop_first()
            {
                let at = self.act(act);
                self.drain(at);
            }
        }
    }
}

fn fate_is_ours(end: &End, id: SessionId) -> bool {
    end.fates.get(&id).is_some_and(|fate| fate.ours)
}

fn lives_and_leaves_nothing(seed: u64, calls: u64, loss: u64) -> World {
    let mut world = World::new(seed, loss);
    for call in 0..calls {
        let at = usize::from(world.seed.chance(50));
        world.later(call * 200, Act::Call(at));
    }
    world.live(1000 + calls * 200 + 1_500_000);
    for (at, end) in world.ends.iter().enumerate() {
        let load = end.stack.load();
        let rest = (load.sessions, load.clients, load.servers, load.dialogs);
        assert_eq!(rest, (0, 0, 0, 0), "seed {seed} end {at}: {load:?}");
        assert!(load.timers <= 1, "seed {seed} end {at}: {load:?}");
        for (id, fate) in &end.fates {
            assert_eq!(fate.ends, 1, "seed {seed} end {at}: {id:?} {fate:?}");
        }
    }
    world
}

#[test]
fn a_clean_network_leaves_nothing() {
    for seed in 0..5 {
        let world = lives_and_leaves_nothing(seed, 200, 0);
        let talked = |end: &End| end.fates.values().filter(|fate| fate.confirmed > 0).count();
        assert!(world.ends.iter().map(talked).sum::<usize>() > 200, "seed {seed}");
    }
}

#[test]
fn a_lossy_network_leaves_nothing() {
    for seed in 100..120 {
        lives_and_leaves_nothing(seed, 150, 10);
    }
}

#[test]
fn a_very_bad_network_leaves_nothing() {
    for seed in 200..205 {
        lives_and_leaves_nothing(seed, 100, 40);
    }
}
