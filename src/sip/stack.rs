//! The stack: packets, orders and the time go in; packets and events come out.
//!
//! One value without sockets, clock or chance of its own. After every call the outputs are
//! polled until there are none; `poll_timeout` says when `handle_timeout` is due. What comes
//! from the wire is in `stack_receive.rs`, what time does in `stack_time.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::model::{Mono, Name, Now, Seed};

use super::bindings::{Binding, Bindings};
use super::guard::Guard;
use super::ids::Ids;
use super::io::{
    Cause, Device, Event, Hop, Invite, KeptError, Packet, Refuse, Replaced, SessionId, SipOutput,
};
use super::message::Message;
use super::session::{Phase, Session, Works};
use super::settings::StackSettings;
use super::transaction::{Clients, Servers};
use super::trunk::Trunk;
use super::uri::Uri;
use super::wire::Wire;

/// SIP as one value. See the module.
pub struct Stack {
    pub(super) works: Works,
    pub(super) sessions: BTreeMap<SessionId, Box<Session>>,
    /// INVITEs of theirs by Call-ID, tag and number, to know a copy that came another way.
    pub(super) merged: BTreeMap<Box<str>, SessionId>,
    pub(super) bindings: Bindings,
    pub(super) guard: Guard,
    last_session: u64,
}

/// How full the tables are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// INVITE usages.
    pub sessions: usize,
    /// Requests of ours that wait or were just answered.
    pub clients: usize,
    /// Requests of theirs.
    pub servers: usize,
    /// Dialogs that can be found.
    pub dialogs: usize,
    /// Armed timers.
    pub timers: usize,
    /// Contacts.
    pub bindings: usize,
    /// Remembered nonces and failures.
    pub guarded: usize,
}

impl Stack {
    /// An empty stack. Trunks begin to register at the first `handle_timeout`.
    pub fn new(settings: Arc<StackSettings>, mut seed: Seed) -> Stack {
        let draws = Seed::new(seed.next_u64());
        let mut works = Works {
            ids: Ids::new(&settings.server_secret, draws),
            wire: Wire::default(),
            clients: Clients::default(),
            servers: Servers::default(),
            tags: BTreeMap::new(),
            trunks: Vec::new(),
            settings: settings.clone(),
        };
        works.trunks = trunks(&mut works.ids, &settings);
        works.start_trunks(&settings);
        Stack {
            guard: Guard::new(&settings.server_secret),
            works,
            sessions: BTreeMap::new(),
            merged: BTreeMap::new(),
            bindings: Bindings::default(),
            last_session: 0,
        }
    }

    /// Takes new settings. Calls go on; contacts of users that are gone end; a trunk that stays
    /// keeps its registration.
    pub fn reload(&mut self, settings: Arc<StackSettings>, now: Now) {
        self.works.wire.now = now;
        if settings.server_secret != self.works.settings.server_secret {
            self.guard = Guard::new(&settings.server_secret);
        }
        let mut old = std::mem::take(&mut self.works.trunks);
        for (at, trunk) in old.iter_mut().enumerate() {
            if let Ok(at) = u32::try_from(at) {
                trunk.stop(&mut self.works.wire.timers, at);
            }
        }
        let mut fresh = trunks(&mut self.works.ids, &settings);
        for trunk in &mut fresh {
            if let Some(at) = old.iter().position(|own| own.name == trunk.name) {
                trunk.inherit(old.swap_remove(at));
            }
        }
        self.works.trunks = fresh;
        let gone: Vec<String> = self
            .bindings
            .users()
            .filter(|user| !settings.users.contains_key(*user))
            .map(str::to_owned)
            .collect();
        for user in gone {
            let before = self.bindings.of(&user).len();
            for id in self.bindings.of(&user).to_vec() {
                self.unbind(id);
            }
            self.tell_bindings(&user, before);
        }
        self.works.settings = settings.clone();
        self.works.start_trunks(&settings);
    }

    /// Takes one message from the wire.
    pub fn receive(&mut self, packet: Packet, now: Now) {
        self.works.wire.now = now;
        match packet.message {
            Message::Request(request) => self.take_request(&request, packet.flow, packet.size),
            Message::Response(response) => self.take_response(&response, packet.flow),
        }
    }

    /// Nothing could be sent to `hop`, or the stream it names is gone.
    pub fn undelivered(&mut self, hop: &Hop, now: Now) {
        self.works.wire.now = now;
        for branch in self.works.clients.towards(hop) {
            if let Some(over) = self.works.clients.broken(&mut self.works.wire, branch) {
                self.request_over(branch, over);
            }
        }
        for id in self.bindings.over(hop) {
            let before = self.bindings.len();
            if let Some(user) = self.unbind(id) {
                self.tell_bindings(&user, before);
            }
        }
    }

    /// DNS has found where a trunk is, best first.
    pub fn trunk_hops(&mut self, name: &Name, hops: Vec<Hop>, now: Now) {
        self.works.wire.now = now;
        if let Some(trunk) = self.works.trunks.iter_mut().find(|trunk| trunk.name == *name) {
            trunk.set_hops(hops);
        }
        let settings = self.works.settings.clone();
        self.works.start_trunks(&settings);
    }

    /// The next output of the last input.
    pub fn poll_output(&mut self) -> Option<SipOutput> {
        self.works.wire.out.pop_front()
    }

    /// When `handle_timeout` is due; `None` when nothing waits.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.works.wire.timers.next()
    }

    /// Calls somebody. Its fate follows as events, also when it cannot even be sent.
    pub fn invite(&mut self, invite: Invite, now: Now) -> SessionId {
        self.works.wire.now = now;
        let id = self.next_session();
        let full = self.is_full();
        let placed = if full { Err(503) } else { Session::place(&mut self.works, id, &invite) };
        match placed {
            Ok(session) => {
                self.sessions.insert(id, Box::new(session));
            }
            Err(code) => self.works.wire.tell(Event::Refused {
                session: id,
                code,
                contacts: Vec::new(),
                retry_after: None,
                cause: None,
            }),
        }
        id
    }

    /// Tells a caller that it rings (180), is forwarded (181), waits (182) or hears something
    /// (183 with an answer). Does nothing after the final answer.
    pub fn ring(&mut self, id: SessionId, code: u16, sdp: Option<Bytes>, now: Now) {
        self.with(id, now, |session, works| session.ring(works, code, sdp));
    }

    /// Answers a caller; `sdp` is the answer, or our offer where it sent none.
    pub fn accept(&mut self, id: SessionId, sdp: Option<Bytes>, now: Now) {
        self.with(id, now, |session, works| session.accept(works, sdp));
    }

    /// Refuses a caller. No event follows.
    pub fn reject(&mut self, id: SessionId, refuse: &Refuse, now: Now) {
        self.with(id, now, |session, works| session.reject(works, refuse));
    }

    /// Takes an INVITE of ours back. One `Refused` follows; an answered session gets BYE instead
    /// and no event follows.
    pub fn cancel(&mut self, id: SessionId, cause: &Cause, now: Now) {
        self.with(id, now, |session, works| session.cancel(works, cause));
    }

    /// Ends an answered session; one that is not answered is cancelled or refused with 480.
    pub fn bye(&mut self, id: SessionId, cause: &Cause, now: Now) {
        self.with(id, now, |session, works| session.bye(works, cause));
    }

    /// Gives our answer where the 2xx carried the offer: it travels in the ACK.
    pub fn ack(&mut self, id: SessionId, sdp: &Bytes, now: Now) {
        self.with(id, now, |session, works| session.acknowledge(works, sdp));
    }

    /// Offers a change inside a call; `None` asks the peer for an offer. One `Reanswered` follows.
    pub fn reoffer(&mut self, id: SessionId, sdp: Option<Bytes>, now: Now) {
        self.with(id, now, |session, works| session.reoffer(works, sdp));
    }

    /// Answers a `Reoffered`: with a description, or with the code to refuse it (488).
    pub fn answer_reoffer(&mut self, id: SessionId, result: Result<Option<Bytes>, u16>, now: Now) {
        self.with(id, now, |session, works| session.answer_change(works, result));
    }

    /// Tells the peer how the transfer it asked for goes; 200 and above end that.
    pub fn referred(&mut self, id: SessionId, code: u16, now: Now) {
        self.with(id, now, |session, works| session.referred(works, code));
    }

    /// Asks the peer of an answered session to call somebody in our place: a blind transfer as
    /// a telephone makes it. When it works the peer ends the session; when not, the session
    /// goes on and no event follows. One at a time, the second is not sent.
    pub fn refer(&mut self, id: SessionId, to: &Uri, now: Now) {
        self.with(id, now, |session, works| session.ask_to_call(works, to));
    }

    /// Tells the peer of an answered session that a key was pressed, by INFO
    /// (`application/dtmf-relay`). Says whether it takes that.
    pub fn press(&mut self, id: SessionId, digit: char, now: Now) -> bool {
        let takes = self.sessions.get(&id).is_some_and(|session| session.able.info);
        if takes {
            self.with(id, now, |session, works| session.press(works, digit));
        }
        takes
    }

    /// The contacts of a user, the preferred first.
    pub fn devices(&self, user: &str) -> Vec<Device> {
        let mut devices: Vec<Device> =
            self.bindings.each(user).map(|(_, binding)| binding.device()).collect();
        devices.sort_by_key(|device| std::cmp::Reverse(device.q));
        devices
    }

    /// Whether a trunk has an address that is not known to be silent.
    pub fn has_way(&self, trunk: &Name, now: Now) -> bool {
        let trunk = self.works.trunks.iter().find(|own| own.name == *trunk);
        trunk.is_some_and(|trunk| trunk.has_way(now.mono))
    }

    /// The session that a dialog named from outside means; both tags must be right.
    pub fn find(&self, replaced: &Replaced) -> Option<SessionId> {
        let id = *self.works.tags.get(&super::ids::unhex(&replaced.to_tag)?)?;
        let session = self.sessions.get(&id)?;
        let same = session.is_named(&replaced.call_id, &replaced.from_tag);
        (same && session.phase != Phase::Over).then_some(id)
    }

    /// How an INVITE to the peer of this session names it in Replaces: the tags turned round.
    pub fn named(&self, id: SessionId) -> Option<Replaced> {
        let dialog = &self.sessions.get(&id)?.dialog;
        Some(Replaced {
            call_id: dialog.call_id.to_string(),
            to_tag: dialog.remote_tag.to_string(),
            from_tag: super::ids::hex(dialog.local_tag),
            early_only: false,
        })
    }

    /// Takes a binding back from the journal. It counts as seen once the telephone answers an
    /// OPTIONS, which goes out at once, or registers. One that has ended is left out.
    pub fn bind(&mut self, state: &str, now: Now) -> Result<(), KeptError> {
        self.works.wire.now = now;
        let unreadable = || KeptError::Unreadable(String::from("binding"));
        let binding = Binding::from_kept(state, now).ok_or_else(unreadable)?;
        let known = self.works.settings.users.contains_key(&*binding.user);
        if binding.until <= now.mono || !known {
            return Ok(());
        }
        let found = self.bindings.find(&binding.user, &binding.key, &binding.contact, true);
        if found.is_some() {
            return Ok(()); // it has registered since
        }
        if self.bindings.of(&binding.user).len() >= self.works.settings.limits.bindings_max {
            return Err(KeptError::Full);
        }
        let id = self.add_binding(binding);
        self.probe_device(id);
        Ok(())
    }

    /// How full the tables are.
    pub fn load(&self) -> Load {
        Load {
            sessions: self.sessions.len(),
            clients: self.works.clients.len(),
            servers: self.works.servers.len(),
            dialogs: self.works.tags.len(),
            timers: self.works.wire.timers.len(),
            bindings: self.bindings.len(),
            guarded: self.guard.len(),
        }
    }

    /// Whether one more session does not fit.
    pub(super) fn is_full(&self) -> bool {
        self.sessions.len() >= self.works.settings.limits.sessions_max || !self.works.has_room()
    }

    /// Numbers follow the clock, which goes on over a restart: so they never come twice.
    pub(super) fn next_session(&mut self) -> SessionId {
        let by_time = self.works.wire.now.mono.0.saturating_mul(16);
        self.last_session = by_time.max(self.last_session.saturating_add(1));
        SessionId(self.last_session)
    }

    /// Does something with a session, and forgets it when it is over.
    pub(super) fn with(
        &mut self,
        id: SessionId,
        now: Now,
        act: impl FnOnce(&mut Session, &mut Works),
    ) {
        self.works.wire.now = now;
        let Some(session) = self.sessions.get_mut(&id) else { return };
        act(session, &mut self.works);
        if session.phase == Phase::Over {
            self.forget(id);
        }
    }

    /// Takes a session out of the tables.
    pub(super) fn forget(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        if !session.ours {
            let key =
                merged_key(&session.dialog.call_id, &session.dialog.remote_tag, session.invite_seq);
            self.merged.remove(key.as_str());
        }
    }

    /// The number of a restored session is taken.
    pub(super) fn take_number(&mut self, id: SessionId) {
        self.last_session = self.last_session.max(id.0);
    }
}

/// What two copies of one INVITE that came over different ways share (RFC 3261 section 8.2.2.2).
pub(super) fn merged_key(call_id: &str, tag: &str, cseq: u32) -> String {
    format!("{call_id} {tag} {cseq}")
}

/// Trunks of which nothing is known yet.
fn trunks(ids: &mut Ids, settings: &StackSettings) -> Vec<Trunk> {
    settings.trunks.iter().map(|line| Trunk::new(line, ids.token(), ids.token())).collect()
}
