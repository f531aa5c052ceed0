//! The legs of this exchange and the SIP sessions that carry them.
//!
//! A leg is one party. A caller's leg is one session that came in; an operator's leg is one
//! session for each registered telephone until one of them answers; the leg of an outside number
//! is one session at a time, over one trunk after the other. The engine is told of legs only.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::model::{EndedBy, LegId, Name, Number};
use crate::sip::{Caller, SessionId};

/// Hops that a call may take from here (RFC 3261 section 8.1.1.6). Fewer cut long ways short, more
/// let a loop between two exchanges turn for longer.
pub const HOPS_MAX: u8 = 70;

/// Who a leg belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Somebody outside who called over a trunk.
    Caller {
        /// The trunk.
        trunk: Name,
    },
    /// An operator's telephone that called us.
    Placing {
        /// Whose.
        operator: Name,
    },
    /// An operator's telephones that we ring.
    Phone {
        /// Whose.
        operator: Name,
        /// The SIP user.
        user: String,
    },
    /// A number outside that we ring.
    Outside {
        /// The number.
        number: Number,
        /// Trunks that were not tried, the next one first.
        trunks: Vec<Name>,
    },
}

impl Kind {
    /// Whether the party called us; the others are called by us.
    pub const fn is_inbound(&self) -> bool {
        match self {
            Kind::Caller { .. } | Kind::Placing { .. } => true,
            Kind::Phone { .. } | Kind::Outside { .. } => false,
        }
    }

    /// The operator whose telephone it is.
    pub const fn operator(&self) -> Option<&Name> {
        match self {
            Kind::Placing { operator } | Kind::Phone { operator, .. } => Some(operator),
            Kind::Caller { .. } | Kind::Outside { .. } => None,
        }
    }
}

/// Where a leg stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Not answered yet.
    Calling,
    /// Our 200 is out and not acknowledged.
    Accepted,
    /// Answered and acknowledged.
    Up,
    /// The engine was told of its end; sessions that were cancelled may still be on their way out.
    Over,
}

/// What a leg and we are in the middle of agreeing on. At most one thing at a time (RFC 3261
/// section 14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// Nothing.
    Quiet,
    /// We offered it what its partner said.
    Offered,
    /// It offered a change, which was passed on to its partner; the answer is awaited.
    Asking,
    /// We passed its partner's change on to it.
    Passing,
    /// Like `Passing`, for a telephone that takes the place of this session's partner.
    Replacing,
    /// It wanted our offer and got its partner's; its answer is awaited.
    Answering,
}

/// One session of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The binding it rings, for operators' telephones.
    pub device: Option<String>,
    /// The trunk it goes over.
    pub trunk: Option<Name>,
    /// Whether it was taken back.
    pub cancelled: bool,
}

/// What a party says of its media, counted, so that who was told what can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Media {
    /// The body, as it came.
    pub body: Option<Bytes>,
    /// Goes up whenever the body says something new.
    pub revision: u32,
}

/// One party.
#[derive(Debug, Clone)]
pub struct Leg {
    /// Its name.
    pub id: LegId,
    /// Whose it is.
    pub kind: Kind,
    /// Where it stands.
    pub stage: Stage,
    /// Its sessions. Bounded by the bindings of a user.
    pub forks: BTreeMap<SessionId, Fork>,
    /// The session that was answered, or that called us.
    pub main: Option<SessionId>,
    /// Who it is or will be joined with.
    pub with: Option<LegId>,
    /// Whether the engine knows that they are joined.
    pub joined: bool,
    /// What it says of its media.
    pub media: Media,
    /// Of whom it was told what last.
    pub heard: Option<(LegId, u32)>,
    /// The body that was sent to it last.
    pub sent: Option<Bytes>,
    /// Counts the bodies that were sent to it (the version of `o=`).
    pub version: u64,
    /// Its 200 carried an offer that we have not answered.
    pub owed: bool,
    /// What is being agreed on.
    pub talk: Talk,
    /// The change it asked for, until its partner answered.
    pub asked: Option<Bytes>,
    /// Whether it was joined to its partner, who was there first; the engine hears of it.
    pub is_second: bool,
    /// Whether it rings, or was told that it rings.
    pub rings: bool,
    /// Early media that it heard, and from whom.
    pub early: Option<LegId>,
    /// Whether it is on hold.
    pub held: bool,
    /// Changes of media since it was last joined, to end an endless exchange.
    pub rounds: u8,
    /// What its telephones that gave up said, the most telling end.
    pub end: Option<EndedBy>,
    /// Whether a telephone of it was redirected already.
    pub redirected: bool,
    /// Whether it dialled a number that its operator may not call.
    pub denied: bool,
    /// Hops that a call from it may still take (Max-Forwards).
    pub hops: u8,
    /// How it is shown to the party it is joined with.
    pub shown: Caller,
    /// Who is shown to it while it rings.
    pub caller: Caller,
    /// Telephones of its operator that were rung for it, whatever they said.
    pub rung: BTreeSet<String>,
    /// A telephone that wants to take the place of its session (RFC 3891), with its offer.
    pub heir: Option<(SessionId, Bytes)>,
}

impl Leg {
    /// A leg without sessions.
    pub fn new(id: LegId, kind: Kind, with: Option<LegId>, shown: Caller) -> Leg {
        Leg {
            id,
            kind,
            stage: Stage::Calling,
            forks: BTreeMap::new(),
            main: None,
            with,
            joined: false,
            media: Media::default(),
            heard: None,
            sent: None,
            version: 0,
            owed: false,
            talk: Talk::Quiet,
            asked: None,
            is_second: false,
            rings: false,
            early: None,
            held: false,
            rounds: 0,
            end: None,
            redirected: false,
            denied: false,
            hops: HOPS_MAX,
            shown,
            caller: Caller::default(),
            rung: BTreeSet::new(),
            heir: None,
        }
    }

    /// Whether it came in and waits for our answer.
    pub const fn is_waiting(&self) -> bool {
        self.kind.is_inbound() && matches!(self.stage, Stage::Calling)
    }

    /// Whether it was answered.
    pub const fn is_answered(&self) -> bool {
        matches!(self.stage, Stage::Accepted | Stage::Up)
    }

    /// Whether the engine still counts on it.
    pub const fn lives(&self) -> bool {
        !matches!(self.stage, Stage::Over)
    }

    /// Sessions that were not taken back.
    pub fn live_forks(&self) -> impl Iterator<Item = SessionId> {
        self.forks.iter().filter(|(_, fork)| !fork.cancelled).map(|(session, _)| *session)
    }

    /// Whether it knows what its partner says of its media.
    pub fn has_heard(&self, partner: &Leg) -> bool {
        self.heard == Some((partner.id, partner.media.revision))
    }
}

/// Every leg, by name and by session.
#[derive(Debug, Clone, Default)]
pub struct Legs {
    by_id: BTreeMap<LegId, Leg>,
    by_session: BTreeMap<SessionId, LegId>,
    heirs: BTreeMap<SessionId, LegId>,
}

impl Legs {
    /// A leg.
    pub fn get(&self, id: LegId) -> Option<&Leg> {
        self.by_id.get(&id)
    }

    /// A leg, to change it.
    pub fn get_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.by_id.get_mut(&id)
    }

    /// The leg of a session.
    pub fn of(&self, session: SessionId) -> Option<LegId> {
        self.by_session.get(&session).copied()
    }

    /// Takes a new leg in.
    pub fn add(&mut self, leg: Leg) {
        for session in leg.forks.keys() {
            self.by_session.insert(*session, leg.id);
        }
        self.by_id.insert(leg.id, leg);
    }

    /// Gives a leg one more session.
    pub fn fork(&mut self, id: LegId, session: SessionId, fork: Fork) {
        if let Some(leg) = self.by_id.get_mut(&id) {
            leg.forks.insert(session, fork);
            self.by_session.insert(session, id);
        }
    }

    /// A telephone wants to take the place of a leg's session.
    pub fn hope(&mut self, id: LegId, heir: SessionId, offer: Bytes) {
        if let Some(leg) = self.by_id.get_mut(&id) {
            leg.heir = Some((heir, offer));
            self.heirs.insert(heir, id);
        }
    }

    /// A telephone does not want a leg's place any more, or has it; returns whose it wanted.
    pub fn forget_heir(&mut self, heir: SessionId) -> Option<LegId> {
        let id = self.heirs.remove(&heir)?;
        if let Some(leg) =
            self.by_id.get_mut(&id).filter(|leg| leg.heir.as_ref().is_some_and(|it| it.0 == heir))
        {
            leg.heir = None;
        }
        Some(id)
    }

    /// A session is over. A leg that is over goes with its last session; returns whether it did.
    pub fn drop_session(&mut self, session: SessionId) -> bool {
        let Some(id) = self.by_session.remove(&session) else { return false };
        let Some(leg) = self.by_id.get_mut(&id) else { return false };
        leg.forks.remove(&session);
        if leg.main == Some(session) {
            leg.main = None;
        }
        self.sweep(id)
    }

    /// Lets go of a leg that is over and has no session any more.
    pub fn sweep(&mut self, id: LegId) -> bool {
        let gone = self.by_id.get(&id).is_some_and(|leg| !leg.lives() && leg.forks.is_empty());
        if gone {
            self.by_id.remove(&id);
        }
        gone
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Leg> {
        self.by_id.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Legs that are to be joined with this one and were not answered.
    pub fn calling(&self, with: LegId) -> impl Iterator<Item = &Leg> {
        self.by_id.values().filter(move |leg| {
            leg.with == Some(with) && leg.lives() && !leg.kind.is_inbound() && leg.main.is_none()
        })
    }

    /// Everything about the two tables that must not be.
    pub fn breaches(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (session, id) in &self.by_session {
            if !self.by_id.get(id).is_some_and(|leg| leg.forks.contains_key(session)) {
                found.push(format!("session {} has no leg", session.0));
            }
        }
        for (heir, id) in &self.heirs {
            let leg = self.by_id.get(id).and_then(|leg| leg.heir.as_ref());
            if leg.is_none_or(|it| it.0 != *heir) {
                found.push(format!("session {} wants the place of nobody", heir.0));
            }
        }
        for leg in self.by_id.values() {
            let id = leg.id;
            if leg.forks.is_empty() {
                found.push(format!("leg {id} has no session"));
            }
            if leg.forks.keys().any(|session| self.by_session.get(session) != Some(&id)) {
                found.push(format!("a session of leg {id} leads elsewhere"));
            }
            if leg.main.is_some_and(|main| !leg.forks.contains_key(&main)) {
                found.push(format!("the session of leg {id} is not its own"));
            }
            if leg.is_answered() && leg.main.is_none() {
                found.push(format!("leg {id} was answered by nobody"));
            }
            if !leg.lives() && leg.live_forks().next().is_some() {
                found.push(format!("leg {id} is over and rings on"));
            }
            if leg.is_answered() && leg.live_forks().count() > 1 {
                found.push(format!("leg {id} was answered and rings on"));
            }
            let partner = leg.with.filter(|_| leg.joined).and_then(|with| self.by_id.get(&with));
            if leg.joined && !partner.is_some_and(|it| it.joined && it.with == Some(id)) {
                found.push(format!("leg {id} is joined with nobody"));
            }
        }
        found
    }
}
