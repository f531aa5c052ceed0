//! Virtual time around one switch: peers, a wire that delays and loses, a journal.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use navbat::acd::{
    AccountSettings, Member, OperatorSettings, QueueSettings, ReadyRule, Settings, Tier,
};
use navbat::model::{
    CallId, CallRow, Mono, Name, Now, Number, NumberRules, Period, Record, Seed, Seq, Stamped,
    Wall, Work,
};
use navbat::sip::digest::Ha1;
use navbat::sip::{Flow, Hop, Packet, StackSettings, Transport, TrunkAuth, TrunkLine, User, read};
use navbat::switch::{
    Allowed, Command, Effect, Input, Output, PhoneSettings, Switch, Ticket, TrunkSettings, Wiring,
};

use crate::peer::{DOMAIN, Manner, Peer};

pub const SERVER: &str = "192.0.2.10:5060";
pub const LINE: &str = "+998712000001";
pub const CLIENT: &str = "<sip:+998901234567@carrier.test>";

/// What a site is made of.
#[derive(Clone)]
pub struct Site {
    pub operators: Vec<&'static str>,
    pub trunks: Vec<TrunkSettings>,
    pub queue: QueueSettings,
    pub allowed: Option<Allowed>,
    pub secret: [u8; 32],
}

impl Site {
    pub fn new(operators: &[&'static str]) -> Site {
        let mut queue = QueueSettings::named("sales");
        let member = |name: &&str| Member { operator: Name::from(*name), weight: 10 };
        queue.wrap_up = Period::ZERO;
        queue.tiers =
            vec![Tier { after: Period::ZERO, members: operators.iter().map(member).collect() }];
        let mut trunk = TrunkSettings::named("carrier");
        trunk.lines = vec![Number::new(LINE).unwrap()];
        Site {
            operators: operators.to_vec(),
            trunks: vec![trunk],
            queue,
            allowed: Some(Allowed {
                prefixes: vec![String::from("+99890")],
                calls_max: 2,
                per_minute: 30,
                per_day: 100,
            }),
            secret: [7; 32],
        }
    }

    pub fn trunk(mut self, name: &str, priority: u16) -> Site {
        let mut trunk = TrunkSettings::named(name);
        trunk.lines = vec![Number::new(LINE).unwrap()];
        trunk.priority = priority;
        self.trunks.push(trunk);
        self
    }

    fn settings(&self) -> Arc<Settings> {
        let operator = |name: &&str| OperatorSettings {
            name: Name::from(*name),
            login: None,
            aliases: Vec::new(),
            ready: ReadyRule::Always,
            calls_max: 1,
            skills: Vec::new(),
            disabled: false,
        };
        let account = |trunk: &TrunkSettings| AccountSettings {
            name: trunk.name.clone(),
            kind: String::from("sip"),
            queue: Some(Name::from("sales")),
            queues: Vec::new(),
            settle: Period::secs(1),
            stale_after: Period::hours(2),
            numbers: NumberRules::default(),
        };
        Arc::new(Settings {
            version: String::from("1"),
            timezone: jiff::tz::TimeZone::UTC,
            operators: self.operators.iter().map(operator).collect(),
            queues: vec![self.queue.clone()],
            accounts: self.trunks.iter().map(account).collect(),
            plans: Vec::new(),
        })
    }

    fn wiring(&self) -> Arc<Wiring> {
        let mut stack = StackSettings::new(DOMAIN, self.secret);
        for name in &self.operators {
            let ha1 = Ha1::new(name, DOMAIN, "secret");
            stack.users.insert((*name).to_owned(), User { operator: Name::from(*name), ha1 });
        }
        for (place, trunk) in self.trunks.iter().enumerate() {
            let peer = carrier_at(place);
            stack.trunks.push(TrunkLine {
                name: trunk.name.clone(),
                hops: vec![Hop {
                    transport: Transport::Udp,
                    peer,
                    local: Some(SERVER.parse().unwrap()),
                    connection: None,
                }],
                sources: Vec::new(),
                host: format!("{}.test", trunk.name),
                port: None,
                transport: Transport::Udp,
                auth: TrunkAuth::Ip { probe: Period::secs(30) },
                channels_max: trunk.channels_max,
            });
        }
        let mut wiring = Wiring::new(Arc::new(stack));
        wiring.trunks = self.trunks.clone();
        wiring.phones = self
            .operators
            .iter()
            .enumerate()
            .map(|(place, name)| PhoneSettings {
                operator: Name::from(*name),
                user: (*name).to_owned(),
                extensions: vec![format!("{}", 201 + place)],
                outside: self.allowed.clone(),
            })
            .collect();
        Arc::new(wiring)
    }
}

fn carrier_at(place: usize) -> SocketAddr {
    Peer::new("x", 400 + u16::try_from(place).unwrap(), SERVER.parse().unwrap()).address
}

/// Everything.
pub struct World {
    pub site: Site,
    pub switch: Switch,
    pub now: Now,
    pub peers: Vec<Peer>,
    pub records: Vec<Stamped>,
    pub rows: BTreeMap<CallId, CallRow>,
    pub effects: Vec<Effect>,
    /// In a hundred.
    pub loss: u64,
    /// What peers send and begins so never arrives.
    pub lost: Option<&'static str>,
    pub delay: (u64, u64),
    pub seed: Seed,
    pub snapshot: Option<(Vec<u8>, usize)>,
    pub trace: bool,
    pub strays: u64,
    wire: BTreeMap<(u64, u64), (bool, usize, Vec<u8>)>,
    count: u64,
}

impl World {
    /// A site whose operators have one telephone each, registered, and one carrier per trunk.
    pub fn new(site: Site) -> World {
        let server: SocketAddr = SERVER.parse().unwrap();
        let mut peers = Vec::new();
        for (place, name) in site.operators.iter().enumerate() {
            let mut peer = Peer::new(name, u16::try_from(place).unwrap(), server);
            peer.password = Some(String::from("secret"));
            peers.push(peer);
        }
        for (place, trunk) in site.trunks.iter().enumerate() {
            let mut peer = Peer::new(trunk.name.as_str(), 0, server);
            peer.address = carrier_at(place);
            peers.push(peer);
        }
        let mut switch =
            Switch::new(site.settings(), 11).with_lines(site.wiring(), 0x5eed_5eed_5eed);
        switch.strict();
        let mut world = World {
            site,
            switch,
            now: Now { mono: Mono(10_000), wall: Wall(1_795_150_800_000) },
            peers,
            records: Vec::new(),
            rows: BTreeMap::new(),
            effects: Vec::new(),
            loss: 0,
            lost: None,
            delay: (1, 1),
            seed: Seed::new(1),
            snapshot: None,
            trace: std::env::var_os("TRACE").is_some(),
            strays: 0,
            wire: BTreeMap::new(),
            count: 0,
        };
        world.input(Input::Restarted { kept: Vec::new() });
        let phones = world.site.operators.len();
        for place in 0..phones {
            world.peers[place].register(3600);
        }
        world.run(2000);
        for place in 0..phones {
            assert_eq!(world.peers[place].registered, Some(3600), "{}", world.peers[place].name);
        }
        world
    }

    /// One more telephone of an operator.
    pub fn telephone(&mut self, name: &str, of: &str) -> usize {
        let place = u16::try_from(self.peers.len()).unwrap() + 20;
        let mut peer = Peer::new(name, place, SERVER.parse().unwrap());
        of.clone_into(&mut peer.user);
        peer.password = Some(String::from("secret"));
        peer.register(3600);
        self.peers.push(peer);
        let at = self.peers.len() - 1;
        self.run(1000);
        assert_eq!(self.peers[at].registered, Some(3600));
        at
    }

    pub fn at(&self, name: &str) -> usize {
        self.peers.iter().position(|peer| peer.name == name).unwrap()
    }

    pub fn peer(&mut self, name: &str) -> &mut Peer {
        let (at, now) = (self.at(name), self.now.mono.0);
        self.peers[at].tick(now);
        &mut self.peers[at]
    }

    pub fn manner(&mut self, name: &str, manner: Manner) {
        self.peer(name).manner = manner;
    }

    /// A client calls our line over the first trunk.
    pub fn arrive(&mut self) -> String {
        self.peer("carrier").call(LINE, CLIENT, &[])
    }

    pub fn input(&mut self, input: Input) {
        self.switch.handle(input, self.now);
        self.drain();
    }

    pub fn command(&mut self, by: &str, command: Command) -> Result<(), String> {
        self.count += 1;
        let ticket = Ticket(self.count);
        self.input(Input::Command { ticket, by: by.into(), supervisor: false, command });
        let reply = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Reply { ticket: it, result } if *it == ticket => Some(result.clone()),
            _ => None,
        });
        reply.unwrap().map_err(|refusal| refusal.to_string())
    }

    fn drain(&mut self) {
        let mut records_done = false;
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Record(at, record) => {
                    assert!(!records_done, "a record after an effect");
                    if let Record::CallSaved(row) = &record {
                        self.rows.insert(row.id, (**row).clone());
                    }
                    let seq = Seq(self.records.len() as u64 + 1);
                    self.records.push(Stamped { seq, at, record });
                }
                Output::Send { transmit, promise } => {
                    records_done = true;
                    let text = String::from_utf8_lossy(&transmit.bytes);
                    let is_promise = text.starts_with("SIP/2.0 200")
                        && (text.contains("INVITE\r\n") || text.contains("REGISTER\r\n"));
                    assert!(promise <= is_promise, "no promise: {text}");
                    let to = self.peers.iter().position(|it| it.address == transmit.hop.peer);
                    match to {
                        Some(to) => self.carry(true, to, transmit.bytes.to_vec()),
                        None => self.strays += 1,
                    }
                }
                Output::Effect(effect) => {
                    records_done = true;
                    self.effects.push(effect);
                }
            }
        }
        if self.effects.len() > 1000 {
            self.effects.drain(..500);
        }
    }

    fn carry(&mut self, to_peer: bool, peer: usize, bytes: Vec<u8>) {
        if self.trace {
            let first = String::from_utf8_lossy(&bytes);
            let cseq =
                first.lines().find(|line| line.to_lowercase().starts_with("cseq")).unwrap_or("");
            let arrow = if to_peer { "->" } else { "<-" };
            let start = first.lines().next().unwrap_or_default();
            println!(
                "{:>8} {arrow} {:<10} {start} | {cseq}",
                self.now.mono.0, self.peers[peer].name
            );
        }
        let named = self.lost.is_some_and(|begin| bytes.starts_with(begin.as_bytes()));
        if self.seed.below(100) < self.loss || (!to_peer && named) {
            return;
        }
        let (min, max) = self.delay;
        let after = min + self.seed.below(max - min + 1);
        self.count += 1;
        self.wire.insert((self.now.mono.0 + after, self.count), (to_peer, peer, bytes));
    }

    /// What the peers have to say goes onto the wire.
    fn collect(&mut self) {
        for at in 0..self.peers.len() {
            for bytes in std::mem::take(&mut self.peers[at].sent) {
                self.carry(false, at, bytes);
            }
        }
    }

    pub fn run(&mut self, millis: u64) {
        let until = self.now.mono.0 + millis;
        loop {
            self.collect();
            let timer = self.switch.poll_timeout().map(|due| due.0);
            let wire = self.wire.first_key_value().map(|it| it.0.0);
            let peer = self.peers.iter().filter_map(Peer::next).min();
            let next = timer.into_iter().chain(wire).chain(peer).min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.pass(next);
            if wire.is_some_and(|due| due <= next) {
                let (_, (to_peer, at, bytes)) = self.wire.pop_first().unwrap();
                self.deliver(to_peer, at, &bytes);
            } else if peer.is_some_and(|due| due <= next) {
                for peer in &mut self.peers {
                    peer.tick(next);
                    peer.due();
                }
            } else {
                self.switch.handle_timeout(self.now);
                self.drain();
            }
        }
        self.pass(until);
        for peer in &mut self.peers {
            peer.tick(until);
        }
    }

    fn pass(&mut self, until: u64) {
        let step = until.saturating_sub(self.now.mono.0);
        self.now.mono.0 += step;
        self.now.wall.0 += i64::try_from(step).unwrap();
    }

    fn deliver(&mut self, to_peer: bool, at: usize, bytes: &[u8]) {
        if to_peer {
            self.peers[at].tick(self.now.mono.0);
            self.peers[at].take(bytes);
            return;
        }
        let peer = self.peers[at].address;
        self.inject(peer, bytes);
    }

    /// A message from any address.
    pub fn inject(&mut self, peer: SocketAddr, bytes: &[u8]) {
        let message = read(bytes).unwrap();
        let local = SERVER.parse().unwrap();
        let flow = Flow { transport: Transport::Udp, local, peer, connection: 0 };
        self.input(Input::Sip(Packet { flow, message, size: bytes.len() }));
    }

    /// The process dies and starts again from its last saved state and the records after it.
    pub fn kill(&mut self) {
        let (state, seen) =
            self.snapshot.as_ref().map_or((None, 0), |(bytes, seen)| (Some(&bytes[..]), *seen));
        let mut switch = Switch::restore(self.site.settings(), state, 12).unwrap();
        for record in &self.records[seen..] {
            switch.replay(record);
        }
        assert!(switch.state() == self.switch.state(), "the state is not the fold of the journal");
        let mut switch = switch.with_lines(self.site.wiring(), 0xfeed ^ self.count);
        switch.strict();
        self.switch = switch;
        self.input(Input::Restarted { kept: Vec::new() });
    }

    /// Operators who are in a conversation.
    pub fn talking(&mut self) -> Vec<Name> {
        let operators = self.switch.snapshot(self.now).operators;
        let talks = operators.iter().filter(|it| matches!(it.work, Work::Talking));
        talks.map(|it| it.name.clone()).collect()
    }

    /// Peers with a call that is up.
    pub fn up(&self) -> Vec<String> {
        let up = self.peers.iter().filter(|peer| !peer.up().is_empty());
        up.map(|peer| peer.name.clone()).collect()
    }

    /// Nothing may be left of any call.
    pub fn quiet(&mut self) {
        self.run(64_000);
        let snapshot = self.switch.snapshot(self.now);
        assert_eq!(snapshot.calls_open, 0, "a call never ended");
        assert_eq!(self.switch.legs_open(), 0, "a leg never ended");
        assert_eq!(self.up(), Vec::<String>::new(), "a telephone is still up");
        for operator in snapshot.operators.iter() {
            assert_eq!(operator.work, Work::Idle, "{} is stuck", operator.name);
        }
        assert_eq!(self.switch.breaches(), Vec::new());
        let load = self.switch.load().unwrap();
        assert_eq!((load.sessions, load.dialogs), (0, 0), "the stack keeps a call: {load:?}");
    }
}
