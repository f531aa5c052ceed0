//! Who can be reached where: the contacts telephones have registered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Mono, Wall};

use super::io::{Device, Flow, Hop};
use super::{Host, Uri};

/// The longest User-Agent that is remembered.
const AGENT_BYTES_MAX: usize = 128;

/// One contact of one user.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) user: Box<str>,
    pub(super) key: Box<str>,
    pub(super) contact: Uri,
    pub(super) path: Vec<String>,
    pub(super) hop: Hop,
    pub(super) flow: Option<Flow>,
    pub(super) q: u16,
    pub(super) until: Mono,
    pub(super) until_wall: Wall,
    pub(super) call_id: Box<str>,
    pub(super) cseq: u32,
    pub(super) instance: Option<String>,
    pub(super) agent: Box<str>,
    pub(super) seen: bool,
    pub(super) straight: bool,
    /// The armed end.
    pub(super) slot: Option<Mono>,
    /// The armed probe.
    pub(super) probe_slot: Option<Mono>,
}

/// The journal's form of a binding.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptBinding {
    user: Box<str>,
    key: Box<str>,
    contact: String,
    path: Vec<String>,
    hop: Hop,
    q: u16,
    until: Wall,
    call_id: Box<str>,
    cseq: u32,
    instance: Option<String>,
    agent: Box<str>,
    straight: bool,
}

impl Binding {
    /// The text for the journal.
    pub(super) fn kept(&self) -> String {
        let kept = KeptBinding {
            user: self.user.clone(),
            key: self.key.clone(),
            contact: self.contact.to_text(),
            path: self.path.clone(),
            hop: self.hop,
            q: self.q,
            until: self.until_wall,
            call_id: self.call_id.clone(),
            cseq: self.cseq,
            instance: self.instance.clone(),
            agent: self.agent.clone(),
            straight: self.straight,
        };
        // Plain text and numbers always serialise.
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// Reads what `kept` wrote; `None` when it is something else.
    pub(super) fn from_kept(text: &str, now: crate::model::Now) -> Option<Binding> {
        let kept: KeptBinding = serde_json::from_str(text).ok()?;
        let left = kept.until.since(now.wall);
        Some(Binding {
            user: kept.user,
            key: kept.key,
            contact: Uri::read(&kept.contact).ok()?,
            path: kept.path,
            // A stream did not survive the restart; its number must not name another one.
            hop: Hop { connection: None, ..kept.hop },
            flow: None,
            q: kept.q,
            until: now.mono + left,
            until_wall: kept.until,
            call_id: kept.call_id,
            cseq: kept.cseq,
            instance: kept.instance,
            agent: kept.agent,
            seen: false,
            straight: kept.straight,
            slot: None,
            probe_slot: None,
        })
    }

    /// What the switch sees of it.
    pub(super) fn device(&self) -> Device {
        Device {
            user: self.user.to_string(),
            key: self.key.to_string(),
            contact: self.contact.clone(),
            path: self.path.clone(),
            hop: self.hop,
            flow: self.flow,
            q: self.q,
            until: self.until,
            user_agent: self.agent.to_string(),
            instance: self.instance.clone(),
            seen: self.seen,
            straight: self.straight,
        }
    }
}

/// Cuts a User-Agent to what is worth remembering.
pub(super) fn short_agent(text: &str) -> Box<str> {
    let end = (0..=AGENT_BYTES_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default().into()
}

/// Every binding, by user.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    by_id: BTreeMap<u64, Binding>,
    by_user: BTreeMap<Box<str>, Vec<u64>>,
    next: u64,
}

impl Bindings {
    /// Adds one and gives its number.
    pub(super) fn add(&mut self, binding: Binding) -> u64 {
        self.next += 1;
        self.by_user.entry(binding.user.clone()).or_default().push(self.next);
        self.by_id.insert(self.next, binding);
        self.next
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, id: u64) -> Option<Binding> {
        let binding = self.by_id.remove(&id)?;
        if let Some(ids) = self.by_user.get_mut(&binding.user) {
            ids.retain(|own| *own != id);
            if ids.is_empty() {
                self.by_user.remove(&binding.user);
            }
        }
        Some(binding)
    }

    /// One of them.
    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Binding> {
        self.by_id.get_mut(&id)
    }

    /// The numbers of a user's bindings, in the order they came.
    pub(super) fn of(&self, user: &str) -> &[u64] {
        self.by_user.get(user).map(Vec::as_slice).unwrap_or_default()
    }

    /// A user's bindings, in the order they came.
    pub(super) fn each(&self, user: &str) -> impl Iterator<Item = (u64, &Binding)> {
        self.of(user).iter().filter_map(|id| self.by_id.get(id).map(|binding| (*id, binding)))
    }

    /// The binding an outbound key or a contact belongs to (RFC 5626 section 6, RFC 3261
    /// section 10.2.4).
    pub(super) fn find(&self, user: &str, key: &str, contact: &Uri, outbound: bool) -> Option<u64> {
        let same = |binding: &Binding| {
            if outbound { *binding.key == *key } else { binding.contact.same(contact) }
        };
        self.each(user).find(|(_, binding)| same(binding)).map(|(id, _)| id)
    }

    /// Every binding of one stream.
    pub(super) fn over(&self, hop: &Hop) -> Vec<u64> {
        if hop.connection.is_none() {
            return Vec::new();
        }
        let same = |binding: &Binding| binding.hop.connection == hop.connection;
        self.by_id.iter().filter(|(_, binding)| same(binding)).map(|(id, _)| *id).collect()
    }

    /// Users that have bindings.
    pub(super) fn users(&self) -> impl Iterator<Item = &str> {
        self.by_user.keys().map(|user| &**user)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether a user has registered from this machine: its requests are then not strangers'.
    pub(super) fn lives_at(&self, user: &str, flow: Flow) -> bool {
        let here = |own: &Flow| own.peer.ip() == flow.peer.ip() && own.transport == flow.transport;
        self.each(user).any(|(_, binding)| binding.flow.as_ref().is_some_and(here))
    }
}

/// Where a contact is reached: its own address when the telephone is not behind NAT, else the
/// way it came.
pub(super) fn reach(contact: &Uri, flow: Flow, straight: bool, path: bool) -> Hop {
    let back = flow.hop();
    let literal = match &contact.host {
        Host::V4(ip) => Some(core::net::IpAddr::V4(*ip)),
        Host::V6(ip) => Some(core::net::IpAddr::V6(*ip)),
        Host::None | Host::Name(_) => None,
    };
    if path || !straight || flow.connection != 0 || literal != Some(flow.peer.ip()) {
        return back;
    }
    let mut peer = flow.peer;
    peer.set_port(contact.port.unwrap_or_else(|| flow.transport.port()));
    Hop { peer, ..back }
}
