//! The switch: the engine behind its door, with the lines and the SIP stack where there are any.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use super::io::{Input, Output, Split, Wire};
use super::lines::{Board, Lines};
use super::phones::TelephoneView;
use super::restart::Kept;
use super::trunks::TrunkView;
use super::wiring::Wiring;
use crate::acd::io::{Effect, Input as Told, Output as Done, Refusal, Snapshot};
use crate::acd::{Breach, Engine, Settings};
use crate::model::{LegId, Mono, Name, Now, Record, Seed, Seq, Stamped};
use crate::sip::{Kept as Wired, Load, SipOutput, Stack};

pub use crate::acd::RestoreError;

/// The whole exchange as one value. One task owns it.
#[derive(Debug)]
pub struct Switch {
    engine: Engine,
    /// The fold of the records that are not the engine's. Kept without lines, too: a start in
    /// event mode must not forget who is registered.
    kept: Kept,
    wires: Option<Box<Wires>>,
    is_strict: bool,
    now: Now,
    records: VecDeque<(Now, Record)>,
    sends: VecDeque<Output>,
    effects: VecDeque<Output>,
}

/// The lines with the stack that carries them.
struct Wires {
    lines: Lines,
    stack: Stack,
}

impl fmt::Debug for Wires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wires").field("lines", &self.lines).finish_non_exhaustive()
    }
}

/// A copy decides as this one would, and has no wires: no telephone can answer two exchanges.
impl Clone for Switch {
    fn clone(&self) -> Switch {
        Switch {
            engine: self.engine.clone(),
            kept: self.kept.clone(),
            wires: None,
            is_strict: self.is_strict,
            now: self.now,
            records: self.records.clone(),
            sends: self.sends.clone(),
            effects: self.effects.clone(),
        }
    }
}

impl Switch {
    /// An exchange that has seen nothing. The seed makes its ids; two with the same seed and the
    /// same inputs say the same.
    pub fn new(settings: Arc<Settings>, seed: u64) -> Switch {
        Switch::with_engine(Engine::new(settings, seed), Kept::default())
    }

    /// An exchange that goes on from a saved state; the records after it are then replayed.
    ///
    /// # Errors
    /// When the bytes are no state of this or an earlier version.
    pub fn restore(
        settings: Arc<Settings>,
        state: Option<&[u8]>,
        seed: u64,
    ) -> Result<Switch, RestoreError> {
        let kept = state.map(Kept::read_from).transpose()?.unwrap_or_default();
        Ok(Switch::with_engine(Engine::restore(settings, state, seed)?, kept))
    }

    fn with_engine(engine: Engine, kept: Kept) -> Switch {
        Switch {
            engine,
            kept,
            wires: None,
            is_strict: false,
            now: Now::default(),
            records: VecDeque::new(),
            sends: VecDeque::new(),
            effects: VecDeque::new(),
        }
    }

    /// Attaches telephones and trunks. Belongs before the first input; the seed must be from a
    /// source that nobody can guess, because tags and branches are made of it.
    #[must_use]
    pub fn with_lines(mut self, wiring: Arc<Wiring>, seed: u64) -> Switch {
        let stack = Stack::new(wiring.stack.clone(), Seed::new(seed));
        let lines = Lines::new(wiring, seed.rotate_left(32));
        self.wires = Some(Box::new(Wires { lines, stack }));
        self
    }

    /// Folds one record of the journal in, before any input.
    pub fn replay(&mut self, record: &Stamped) {
        self.kept.apply(record.at.mono, &record.record);
        self.engine.replay(record);
    }

    /// Makes every input check the whole state and stop at the first broken invariant: for tests
    /// and simulation.
    pub const fn strict(&mut self) {
        self.is_strict = true;
        self.engine.strict();
    }

    /// Takes one input in. Every output is to be polled before the next.
    pub fn handle(&mut self, input: Input, now: Now) {
        self.begin(now);
        match input.split() {
            Split::Engine(Told::Restarted { .. }) if self.wires.is_some() => self.restarted(),
            Split::Engine(told) => match self.barred(&told) {
                Some(refusal) => self.effects.push_back(Output::Effect(refusal)),
                None => self.tell(told),
            },
            Split::Wire(wire) => self.wire(wire),
        }
        self.pump();
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.begin(now);
        if let Some(wires) = &mut self.wires {
            wires.stack.handle_timeout(now);
        }
        self.engine.handle_timeout(now);
        self.collect();
        self.pump();
    }

    /// The next output: every record of the input, then what goes out on wires, then the rest.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some((at, record)) = self.records.pop_front() {
            return Some(Output::Record(at, record));
        }
        self.sends.pop_front().or_else(|| self.effects.pop_front())
    }

    /// When `handle_timeout` wants to be called; never in the past after a drain.
    pub fn poll_timeout(&self) -> Option<Mono> {
        let wire = self.wires.as_ref().and_then(|wires| wires.stack.poll_timeout());
        wire.into_iter().chain(self.engine.poll_timeout()).min()
    }

    /// The state as bytes, for the journal.
    pub fn state(&self) -> Vec<u8> {
        self.kept.write_into(self.engine.state_bytes())
    }

    /// The exchange as screens see it.
    pub fn snapshot(&mut self, now: Now) -> Snapshot {
        self.engine.snapshot(now)
    }

    /// The trunks as screens see them; none where no lines are attached.
    pub fn trunks(&self) -> Vec<TrunkView> {
        let wires = self.wires.as_ref();
        wires.map(|it| it.lines.trunks.views(&it.lines.wiring)).unwrap_or_default()
    }

    /// The telephones that an operator has registered, the preferred first.
    pub fn telephones(&self, operator: &Name, now: Now) -> Vec<TelephoneView> {
        let Some(wires) = &self.wires else { return Vec::new() };
        let Some(phone) = wires.lines.wiring.phone_of(operator) else { return Vec::new() };
        let devices = wires.stack.devices(&phone.user).into_iter();
        devices.map(|device| TelephoneView::of(device, now)).collect()
    }

    /// How full the tables of the SIP stack are; `None` where no lines are attached.
    pub fn load(&self) -> Option<Load> {
        self.wires.as_ref().map(|wires| wires.stack.load())
    }

    /// Legs that have a session on some wire: for tests and for `doctor`.
    pub fn legs_open(&self) -> usize {
        self.wires.as_ref().map_or(0, |wires| wires.lines.legs.len())
    }

    /// The last stored request that was taken in whole; a restart goes on after it.
    pub const fn heard_until(&self) -> Option<Seq> {
        self.engine.heard_until()
    }

    /// How often a wait was looked at since the start: what distribution costs, without a clock.
    pub const fn looks(&self) -> u64 {
        self.engine.looks()
    }

    /// Whatever must not be and is: for tests and for `doctor`. Costs as much as the state is
    /// large.
    pub fn breaches(&self) -> Vec<Breach> {
        let mut found = self.engine.breaches();
        if let Some(wires) = &self.wires {
            let broken = wires.lines.breaches(&self.engine).into_iter();
            found.extend(broken.map(|found| Breach { rule: 8, call: None, found }));
        }
        found
    }

    fn begin(&mut self, now: Now) {
        self.now = Now { mono: self.now.mono.max(now.mono), wall: now.wall };
    }

    /// Something happened on a wire; without lines there are no wires.
    fn wire(&mut self, wire: Wire) {
        let now = self.now;
        let Some(wires) = &mut self.wires else { return };
        match wire {
            Wire::Sip(packet) => wires.stack.receive(packet, now),
            Wire::Undelivered(hop) => wires.stack.undelivered(&hop, now),
            Wire::TrunkHops(trunk, hops) => wires.stack.trunk_hops(&trunk, hops, now),
            Wire::Rewire(wiring) => {
                wires.stack.reload(wiring.stack.clone(), now);
                wires.lines.wiring = wiring;
            }
        }
    }

    fn tell(&mut self, told: Told) {
        self.engine.handle(told, self.now);
        self.collect();
    }

    /// The refusal of a command that only the lines can judge: a number outside that its operator
    /// may not call, which is said before their telephone rings.
    fn barred(&mut self, told: &Told) -> Option<Effect> {
        let Told::Command { ticket, command, .. } = told else { return None };
        let (operator, number) = command.calls_outside()?;
        let (ticket, now) = (*ticket, self.now);
        let board = self.board()?;
        let denied = board.may_call(operator, number, now).err()?;
        let result = Err(Refusal::Conflict(denied.to_string()));
        Some(Effect::Reply { ticket, result })
    }

    /// Takes what the engine says: records are written down, wishes for telephones carried out.
    fn collect(&mut self) {
        while let Some(done) = self.engine.poll_output() {
            match done {
                Done::Record(at, record) => self.write(at, record),
                Done::Effect(effect) => {
                    let rest = match self.board() {
                        Some(mut board) => board.effect(effect),
                        None => Some(effect),
                    };
                    self.effects.extend(rest.map(Output::Effect));
                }
            }
        }
    }

    fn write(&mut self, at: Now, record: Record) {
        self.kept.apply(at.mono, &record);
        self.records.push_back((at, record));
    }

    fn board(&mut self) -> Option<Board<'_>> {
        let Wires { lines, stack } = &mut **self.wires.as_mut()?;
        Some(Board { lines, sip: stack, engine: &self.engine, now: self.now })
    }

    /// Goes round between stack, lines and engine until none has anything to say. Each event is
    /// told to the engine, and its wishes carried out, before the next event is looked at.
    fn pump(&mut self) {
        loop {
            self.settle();
            let output = self.wires.as_mut().and_then(|wires| wires.stack.poll_output());
            match output {
                None => break,
                Some(SipOutput::Transmit(transmit)) => {
                    self.sends.push_back(Output::Send { transmit, promise: false });
                }
                Some(SipOutput::Promise(transmit)) => {
                    self.sends.push_back(Output::Send { transmit, promise: true });
                }
                Some(SipOutput::Event(event)) => {
                    if let Some(mut board) = self.board() {
                        board.event(event);
                    }
                }
                Some(SipOutput::Kept(kept)) => self.keep(kept),
            }
        }
        if self.is_strict && self.wires.is_some() {
            let breaches = self.breaches();
            assert!(breaches.is_empty(), "{breaches:?}");
        }
    }

    /// Writes down what the lines have for the journal, and tells the engine what they learned.
    fn settle(&mut self) {
        loop {
            let Some(wires) = &mut self.wires else { return };
            if let Some(record) = wires.lines.records.pop_front() {
                self.write(self.now, record);
            } else if let Some(told) = wires.lines.told.pop_front() {
                self.tell(told);
            } else {
                return;
            }
        }
    }

    fn keep(&mut self, kept: Wired) {
        let record = match kept {
            Wired::Binding { user, key, state, until } => {
                Record::BindingKept { user: user.into(), key, state, until }
            }
            Wired::BindingGone { user, key } => Record::BindingGone { user: user.into(), key },
            Wired::Dialog { session } => {
                if let Some(mut board) = self.board()
                    && let Some(leg) = board.lines.legs.of(session)
                {
                    board.keep(leg);
                }
                return;
            }
            Wired::Invite { session } => {
                if let Some(mut board) = self.board()
                    && let Some(leg) = board.lines.legs.of(session)
                {
                    board.keep_invite(leg, session);
                }
                return;
            }
        };
        self.write(self.now, record);
    }

    /// The process started again: telephones, conversations and the day's counts are taken back
    /// from the journal, then the engine hears which legs live.
    fn restarted(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        let now = self.now;
        if let Some(wires) = &mut self.wires {
            for binding in kept.bindings.values().flat_map(|keys| keys.values()) {
                if let Err(error) = wires.stack.bind(&binding.state, now) {
                    tracing::debug!(%error, "a telephone has to register again");
                }
            }
            for (operator, count) in &kept.outside {
                wires.lines.ledger.resume(operator, *count);
            }
        }
        let lives = self.board().map(|mut board| board.resume(&kept)).unwrap_or_default();
        if let Some(mut board) = self.board() {
            board.end_again(&kept.ended);
        }
        let stale: BTreeSet<LegId> = kept.legs.keys().chain(kept.invites.keys()).copied().collect();
        self.kept = kept;
        self.tell(Told::Restarted { kept: lives.clone() });
        if let Some(mut board) = self.board() {
            board.drop_strays();
            // Written anew with the numbers from which this process counts on: the next one must
            // not use them again.
            for leg in lives {
                if board.lines.legs.get(leg).is_some_and(super::legs::Leg::lives) {
                    board.keep(leg);
                }
            }
        }
        for leg in stale {
            let lives = self.wires.as_ref().is_some_and(|wires| {
                wires.lines.legs.get(leg).is_some_and(super::legs::Leg::lives)
            });
            if !lives && self.kept.has(leg) {
                let dialog = String::new();
                self.write(self.now, Record::LegKept { leg, dialog });
            }
        }
    }
}
