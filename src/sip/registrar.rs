//! REGISTER: telephones tell where they are (RFC 3261 section 10.3, RFC 3327, RFC 5626).

use crate::model::{Now, Period};

use super::bindings::{Binding, reach, short_agent};
use super::compose::Draft;
use super::io::{Event, Flow, Kept};
use super::message::Request;
use super::session::{Routes, answer, echo, reply_to};
use super::settings::StackSettings;
use super::stack::Stack;
use super::timers::Due;
use super::transaction::{Leaves, Way};
use super::{Contact, Contacts, Known, Uri};

/// A contact of a REGISTER that may be bound.
struct Wish {
    contact: Uri,
    key: String,
    outbound: bool,
    instance: Option<String>,
    q: u16,
    /// Seconds; 0 takes the binding out.
    expires: u32,
    /// The binding it renews or ends.
    bound: Option<u64>,
}

/// Why a REGISTER changes nothing.
enum Refusal {
    /// A code.
    Code(u16),
    /// 423: longer than this, please.
    TooBrief(u32),
}

impl Stack {
    /// Takes an authenticated REGISTER; `user` is whose credentials it carried.
    pub(super) fn register(&mut self, request: &Request, flow: Flow, user: &str, key: &str) {
        let way = Way { flow, reply: reply_to(request, flow), session: None };
        let tx = self.works.servers.open_plain(&mut self.works.wire, key, way);
        let tag = self.works.ids.token();
        let echo = echo(request, flow, Some(tag), Routes::Dropped);
        let now = self.works.wire.now;
        let (code, bytes, leaves) = match self.bind_contacts(request, flow, user) {
            Ok(()) => {
                let mut draft = answer(200, &echo, &self.works.settings);
                self.list_contacts(&mut draft, user, now);
                for path in request.headers(Known::Path) {
                    draft.line("Path", path);
                }
                draft.line("Supported", "path, outbound");
                (200, draft.end(), Leaves::AfterCommit)
            }
            Err(Refusal::TooBrief(min)) => {
                let mut draft = answer(423, &echo, &self.works.settings);
                draft.count("Min-Expires", u64::from(min));
                (423, draft.end(), Leaves::AtOnce)
            }
            Err(Refusal::Code(code)) => {
                (code, answer(code, &echo, &self.works.settings).end(), Leaves::AtOnce)
            }
        };
        self.works.servers.answer(&mut self.works.wire, tx, code, bytes, leaves);
    }

    fn list_contacts(&self, draft: &mut Draft, user: &str, now: Now) {
        for (_, binding) in self.bindings.each(user) {
            let left = binding.until.since(now.mono).0.div_ceil(1000).to_string();
            let q = format!(";q={}.{:03}", binding.q / 1000, binding.q % 1000);
            let q = if binding.q == 1000 { "" } else { &q };
            let contact = binding.contact.to_text();
            draft.parts("Contact", &["<", &contact, ">;expires=", &left, q]);
        }
    }

    /// All contacts of the request are bound, or none (section 10.3, steps 6 and 7).
    fn bind_contacts(&mut self, request: &Request, flow: Flow, user: &str) -> Result<(), Refusal> {
        let settings = self.works.settings.clone();
        let (cseq, _) = request.cseq();
        let wishes = match request.contacts() {
            Contacts::All => {
                if request.expires() != Some(0) {
                    return Err(Refusal::Code(400));
                }
                self.everything(user)
            }
            Contacts::Listed(listed) => {
                let wish = |contact: &Contact| self.wish(request, contact, user, &settings);
                listed.iter().map(wish).collect::<Result<Vec<_>, _>>()?
            }
        };
        for id in wishes.iter().filter_map(|wish| wish.bound) {
            let old = self.bindings.get_mut(id);
            let stale =
                old.is_some_and(|old| *old.call_id == *request.call_id() && cseq <= old.cseq);
            if stale {
                return Err(Refusal::Code(500)); // out of order: nothing of it counts
            }
        }
        if wishes.is_empty() {
            return Ok(()); // a question, not a change
        }
        let before = self.bindings.of(user).len();
        for wish in wishes {
            if wish.expires == 0 {
                if let Some(id) = wish.bound {
                    self.unbind(id);
                }
            } else {
                self.bind_one(request, flow, user, wish);
            }
        }
        self.tell_bindings(user, before);
        Ok(())
    }

    /// `*`: every binding of the user ends.
    fn everything(&self, user: &str) -> Vec<Wish> {
        let gone = |(id, binding): (u64, &Binding)| Wish {
            contact: binding.contact.clone(),
            key: String::new(),
            outbound: false,
            instance: None,
            q: 0,
            expires: 0,
            bound: Some(id),
        };
        self.bindings.each(user).map(gone).collect()
    }

    fn wish(
        &self,
        request: &Request,
        contact: &Contact,
        user: &str,
        settings: &StackSettings,
    ) -> Result<Wish, Refusal> {
        let limits = &settings.limits;
        let mut uri = contact.0.uri.clone();
        uri.headers.clear(); // a stored header would be sent to the telephone with every call
        if !uri.is_callable() || uri.params.has("maddr") {
            return Err(Refusal::Code(400));
        }
        let wished = contact.expires().or_else(|| request.expires());
        let expires = wished.unwrap_or(limits.expires_max).min(limits.expires_max);
        if expires > 0 && expires < limits.expires_min {
            return Err(Refusal::TooBrief(limits.expires_min));
        }
        let instance = contact.instance().map(std::borrow::Cow::into_owned);
        let flow_id = contact.reg_id().filter(|_| request.lists(Known::Supported, "outbound"));
        let outbound = instance.is_some() && flow_id.is_some();
        let key = match (&instance, flow_id) {
            (Some(instance), Some(flow_id)) => format!("{instance};{flow_id}"),
            (_, _) => uri.to_text(),
        };
        let bound = self.bindings.find(user, &key, &uri, outbound);
        Ok(Wish { contact: uri, key, outbound, instance, q: contact.q(), expires, bound })
    }

    fn bind_one(&mut self, request: &Request, flow: Flow, user: &str, wish: Wish) {
        let now = self.works.wire.now;
        let length = Period::secs(u64::from(wish.expires));
        let path: Vec<String> = request.headers(Known::Path).map(str::to_owned).collect();
        let straight = request.via().host.ip() == Some(flow.peer.ip());
        let mut key = wish.key;
        if let Some(old) = wish.bound.and_then(|id| self.take(id)) {
            if !wish.outbound {
                key = old.key.to_string(); // an equal address written otherwise is the same binding
            }
        } else if self.bindings.of(user).len() >= self.works.settings.limits.bindings_max {
            // A telephone that comes up at a new port again and again must not lock itself out:
            // the contact that ends first makes room.
            let mut all: Vec<_> =
                self.bindings.each(user).map(|(id, own)| (own.until, id)).collect();
            all.sort_unstable();
            if let Some((_, id)) = all.first() {
                self.unbind(*id);
            }
        }
        let binding = Binding {
            user: user.into(),
            key: key.into(),
            hop: reach(&wish.contact, flow, straight, !path.is_empty()),
            contact: wish.contact,
            path,
            flow: Some(flow),
            q: wish.q,
            until: now.mono + length,
            until_wall: now.wall + length,
            call_id: request.call_id().into(),
            cseq: request.cseq().0,
            instance: wish.instance,
            agent: short_agent(request.header(Known::UserAgent).unwrap_or_default()),
            seen: true,
            straight,
            slot: None,
            probe_slot: None,
        };
        self.works.wire.keep(Kept::Binding {
            user: user.to_owned(),
            key: binding.key.to_string(),
            state: binding.kept(),
            until: binding.until_wall,
        });
        self.add_binding(binding);
    }

    /// Adds a binding and arms its end.
    pub(super) fn add_binding(&mut self, binding: Binding) -> u64 {
        let until = binding.until;
        let id = self.bindings.add(binding);
        if let Some(own) = self.bindings.get_mut(id) {
            self.works.wire.timers.arm(&mut own.slot, Due::Binding(id), until);
        }
        self.arm_device_probe(id);
        id
    }

    /// Arms the question whether a telephone lives, where that is wanted.
    pub(super) fn arm_device_probe(&mut self, id: u64) {
        let every = self.works.settings.limits.probe;
        let at = self.works.wire.now.mono + every;
        if every > Period::ZERO
            && let Some(own) = self.bindings.get_mut(id)
        {
            self.works.wire.timers.arm(&mut own.probe_slot, Due::DeviceProbe(id), at);
        }
    }

    /// Takes a binding out, timers and all.
    fn take(&mut self, id: u64) -> Option<Binding> {
        let mut binding = self.bindings.remove(id)?;
        self.works.wire.timers.disarm(&mut binding.slot, Due::Binding(id));
        self.works.wire.timers.disarm(&mut binding.probe_slot, Due::DeviceProbe(id));
        Some(binding)
    }

    /// Ends a binding; the switch is told when it was the last by `tell_bindings`.
    pub(super) fn unbind(&mut self, id: u64) -> Option<String> {
        let binding = self.take(id)?;
        let user = binding.user.to_string();
        self.works
            .wire
            .keep(Kept::BindingGone { user: user.clone(), key: binding.key.to_string() });
        Some(user)
    }

    /// Says how many contacts a user has, or that the last is gone.
    pub(super) fn tell_bindings(&mut self, user: &str, before: usize) {
        let Some(own) = self.works.settings.users.get(user) else { return };
        let (user, operator) = (user.to_owned(), own.operator.clone());
        match self.bindings.of(&user).len() {
            0 if before > 0 => self.works.wire.tell(Event::Unregistered { user, operator }),
            0 => {}
            devices => self.works.wire.tell(Event::Registered { user, operator, devices }),
        }
    }
}
