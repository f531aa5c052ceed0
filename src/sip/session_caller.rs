//! INVITEs of ours: forks, CANCEL races, late offers (RFC 3261 sections 9.1, 13.2, RFC 3262).

use bytes::Bytes;

use crate::model::Period;

use super::compose::{Draft, cancel_of, quoted, request_uri};
use super::dialog::{Dialog, is_straight, untagged};
use super::headers::{NameAddr, RetryAfter};
use super::ids::{hex, unhex};
use super::io::{Cause, Event, Flow, Hop, Invite, Kept, SessionId, Target};
use super::message::{Method, Response};
use super::session::{
    ALLOW, Able, Cancel, Fork, Opened, Peer, Phase, SUPPORTED, Session, Works, cause_in, reason_of,
    sdp_of,
};
use super::session_offer::Change;
use super::session_timer::Clock;
use super::settings::TrunkAuth;
use super::timers::{Alarm, Alarms};
use super::transaction::{Acked, GIVE_UP, Opening, Owner};
use super::{Known, Uri};

/// How often one INVITE may be sent anew: once with credentials, once with a longer timer, and
/// once more for a nonce that went stale between them.
const TRIES_MAX: u8 = 3;

/// How long a carrier may take for the first sign of life, a 100 (RFC 3261 section 17.2.1 wants
/// it within 200 ms); three copies are out by then. Shorter leaves slow carriers for dearer
/// ones, longer keeps whoever called in silence.
const SILENT_AFTER: Period = Period::secs(4);

/// Where an INVITE goes and who it says it is from.
struct Aim {
    peer: Peer,
    target: String,
    routes: Vec<Box<str>>,
    hop: Hop,
    straight: bool,
    local: String,
    remote: String,
    asserted: Option<String>,
}

impl Session {
    /// Sends an INVITE. Fails with the code it is to be refused with.
    pub(super) fn place(works: &mut Works, id: SessionId, invite: &Invite) -> Result<Session, u16> {
        let aim = aim(works, invite)?;
        let local_tag = works.ids.token();
        let call_id = hex(works.ids.token());
        let mut session = Session {
            id,
            phase: Phase::Calling { heard: false, cancel: Cancel::No },
            dialog: Dialog {
                call_id: call_id.into(),
                local_tag,
                remote_tag: "".into(),
                local: aim.local.clone().into(),
                remote: aim.remote.clone().into(),
                local_seq: 1,
                remote_seq: None,
                target: aim.target.clone().into(),
                routes: aim.routes.clone(),
                hop: aim.hop,
                heard: aim.hop,
                straight: aim.straight,
            },
            peer: aim.peer.clone(),
            ours: true,
            able: Able::default(),
            alarms: Alarms::default(),
            invite: works.branch(),
            invite_seq: 1,
            sdp: invite.sdp.clone(),
            opening: Some(Box::new(Opened { offered: invite.sdp.is_some(), ..Opened::default() })),
            repeat: None,
            change: Change::None,
            timer: Clock::asked(&works.settings),
            refer: None,
            referring: false,
        };
        let bytes = session.write_invite(works, invite, &aim);
        let opening = Opening {
            branch: session.invite,
            method: Method::Invite,
            cseq: 1,
            hop: aim.hop,
            bytes,
            owner: Owner::Session(id),
            trunk: session.trunk(works),
            tries: 0,
        };
        works.send(opening, aim.straight);
        works.tags.insert(local_tag, id);
        let ring_max = works.settings.limits.ring_max;
        session.arm(works, Alarm::RingOver, ring_max);
        session.expect_sign(works);
        Ok(session)
    }

    /// Only carriers are left for another one when they are silent.
    fn expect_sign(&mut self, works: &mut Works) {
        if matches!(self.peer, Peer::Trunk(_)) {
            self.arm(works, Alarm::Silent, SILENT_AFTER);
        }
    }

    /// Nothing was heard of our INVITE for a while. It goes on; the switch may try elsewhere.
    pub(super) fn silent(&mut self, works: &mut Works) {
        if self.phase != (Phase::Calling { heard: false, cancel: Cancel::No }) {
            return;
        }
        let now = works.wire.now.mono;
        let hop = works.clients.get(self.invite).map_or(self.dialog.hop, |tx| tx.hop);
        let trunk = self.trunk(works).and_then(|at| works.trunks.get_mut(at as usize));
        if let Some(trunk) = trunk {
            trunk.mark_bad(&hop, now);
        }
        works.wire.tell(Event::Silent { session: self.id });
    }

    fn write_invite(&self, works: &Works, invite: &Invite, aim: &Aim) -> Bytes {
        let settings = &works.settings;
        let mut draft = self.dialog.request_of("INVITE", self.invite, 1, settings, invite.hops);
        draft.line("Contact", &self.dialog.contact(settings));
        draft.line("Allow", ALLOW);
        // Without an offer of ours a reliable 183 would carry theirs, and the PRACK our answer;
        // the switch answers once, in the ACK.
        draft.line("Supported", if invite.sdp.is_some() { SUPPORTED } else { "timer, replaces" });
        self.timer.ask(&mut draft, settings);
        if !settings.agent.is_empty() {
            draft.line("User-Agent", &settings.agent);
        }
        if let Some(asserted) = &aim.asserted {
            draft.line("P-Asserted-Identity", asserted);
        }
        if invite.caller.private {
            draft.line("Privacy", "id");
        }
        if let Some(replaced) = &invite.replaces {
            let early = if replaced.early_only { ";early-only" } else { "" };
            let tags = format!(";to-tag={};from-tag={}", replaced.to_tag, replaced.from_tag);
            draft.parts("Replaces", &[&replaced.call_id, &tags, early]);
        }
        if let Some(by) = &invite.referred_by {
            draft.line("Referred-By", by);
        }
        if let Some(alert) = &invite.alert {
            draft.line("Alert-Info", alert);
        }
        for (name, value) in invite.extra.iter().filter(|(name, _)| is_extra(name)) {
            draft.line(name, value);
        }
        draft.sdp(invite.sdp.as_ref())
    }

    /// A provisional answer came.
    pub(super) fn progressed(&mut self, works: &mut Works, response: &Response, flow: Flow) {
        let Phase::Calling { heard, cancel } = self.phase else { return };
        self.phase = Phase::Calling { heard: true, cancel };
        self.disarm(works, Alarm::Silent);
        if !heard && cancel == Cancel::No {
            works.wire.keep(Kept::Invite { session: self.id }); // from here on it can be cancelled
        }
        self.cancel_if_wanted(works);
        if response.code() == 100 || cancel != Cancel::No {
            return;
        }
        let sdp = sdp_of(response.body_of(super::compose::SDP));
        if let Some(tag) = response.to().tag()
            && !self.early(works, tag, response, flow)
        {
            return;
        }
        works.wire.tell(Event::Progress { session: self.id, code: response.code(), sdp });
    }

    /// Keeps the early dialog of a provisional answer and acknowledges a reliable one. False
    /// for one that was seen already or comes out of order, and for a fork too many.
    fn early(&mut self, works: &mut Works, tag: &str, response: &Response, flow: Flow) -> bool {
        let forks_max = works.settings.limits.forks_max;
        let invite_seq = self.invite_seq;
        let Some(opening) = &mut self.opening else { return false };
        let at = match opening.forks.iter().position(|fork| *fork.tag == *tag) {
            Some(at) => at,
            None if opening.forks.len() >= forks_max => return false,
            None => {
                let target = Box::default();
                opening.forks.push(Fork { tag: tag.into(), target, routes: Vec::new(), rseq: 0 });
                opening.forks.len() - 1
            }
        };
        let offered = opening.offered;
        let Some(fork) = opening.forks.get_mut(at) else { return false };
        if let Some(contact) = response.contacts().first() {
            fork.target = contact.to_text().into();
        }
        fork.routes = route_set(response);
        let reliable = offered && response.lists(Known::Require, "100rel");
        let Some(rseq) = response.rseq().filter(|_| reliable) else { return true };
        if fork.rseq != 0 && rseq != fork.rseq.saturating_add(1) {
            return false; // RFC 3262 section 4: out of order, or a copy the PRACK crossed
        }
        fork.rseq = rseq;
        let (target, routes) = (fork.target.clone(), fork.routes.clone());
        let rack = format!("{rseq} {invite_seq} INVITE");
        self.in_early(works, tag, (target, routes), flow, |session, works| {
            session.ask(works, Method::Prack, Owner::Nobody, |mut draft| {
                draft.line("RAck", &rack);
                draft.end()
            });
        });
        true
    }

    /// Does something inside one early dialog and goes back to none.
    fn in_early(
        &mut self,
        works: &mut Works,
        tag: &str,
        (target, routes): (Box<str>, Vec<Box<str>>),
        flow: Flow,
        act: impl FnOnce(&mut Session, &mut Works),
    ) {
        let kept = self.dialog.clone();
        self.dialog.remote_tag = tag.into();
        if !target.is_empty() {
            self.dialog.target = target;
        }
        self.dialog.routes = routes;
        self.dialog.heard = flow.hop();
        self.dialog.aim();
        act(self, works);
        self.dialog = Dialog { local_seq: self.dialog.local_seq, ..kept };
    }

    /// A 2xx of a fork we have not heard of came: the first one wins.
    pub(super) fn accepted(&mut self, works: &mut Works, response: &Response, flow: Flow) {
        let Phase::Calling { cancel, .. } = self.phase else { return };
        if cancel != Cancel::No {
            let reason = self.opening.as_ref().and_then(|opening| opening.reason.clone());
            end_fork(works, self.invite, response, flow, reason);
            self.give_up(works, 487);
            return;
        }
        self.disarm(works, Alarm::RingOver);
        self.disarm(works, Alarm::Silent);
        adopt(&mut self.dialog, response, flow);
        self.able = able_of_response(response);
        let sdp = sdp_of(response.body_of(super::compose::SDP));
        let offered = self.opening.as_ref().is_some_and(|opening| opening.offered);
        self.timer = Clock::granted(response, &works.settings);
        if offered || sdp.is_none() {
            self.phase = Phase::Talking;
            acknowledge(works, self.invite, &self.dialog, self.invite_seq, None);
            self.opening = None;
            self.start_clock(works);
        } else {
            self.phase = Phase::AckDue;
            if let Some(tx) = works.clients.get_mut(self.invite) {
                tx.acks.push(Acked { tag: self.dialog.remote_tag.clone(), bytes: None });
            }
        }
        works.wire.tell(Event::Answered { session: self.id, sdp });
    }

    /// The answer to the offer in a 2xx goes out in the ACK.
    pub(super) fn acknowledge(&mut self, works: &mut Works, sdp: &Bytes) {
        if self.phase == Phase::AckDue {
            self.phase = Phase::Talking;
            acknowledge(works, self.invite, &self.dialog, self.invite_seq, Some(sdp));
            self.sdp = Some(sdp.clone());
            self.opening = None;
            self.start_clock(works);
        } else {
            self.acknowledge_change(works, sdp);
        }
    }

    /// The INVITE was refused.
    pub(super) fn refused(&mut self, works: &mut Works, response: &Response) {
        let Phase::Calling { cancel, .. } = self.phase else { return };
        if cancel == Cancel::No && self.try_again(works, response) {
            return;
        }
        let mut contacts = response.contacts().listed().to_vec();
        contacts.sort_by_key(|contact| std::cmp::Reverse(contact.q()));
        let redirect = (300..400).contains(&response.code());
        works.wire.tell(Event::Refused {
            session: self.id,
            code: response.code(),
            contacts: if redirect {
                contacts.into_iter().map(|contact| contact.0.uri).collect()
            } else {
                Vec::new()
            },
            retry_after: response
                .header(Known::RetryAfter)
                .and_then(|value| RetryAfter::read(value).ok())
                .map(|after| after.wait),
            cause: cause_in(response.headers(Known::Reason)),
        });
        self.over(works);
    }

    /// Sends the INVITE anew where the refusal says how (401, 407, 422).
    fn try_again(&mut self, works: &mut Works, response: &Response) -> bool {
        let Some(opening) = &mut self.opening else { return false };
        opening.tries = opening.tries.saturating_add(1);
        if opening.tries > TRIES_MAX {
            return false;
        }
        let next = match response.code() {
            401 | 407 => works.retry_with_credentials(self.invite, response),
            422 => self.timer.longer(response).and_then(|clock| {
                self.timer = clock;
                let lines = clock.lines();
                works.retry(self.invite, &["Session-Expires", "Min-SE"], &lines)
            }),
            _ => None,
        };
        let Some(branch) = next else { return false };
        self.invite = branch;
        self.dialog.local_seq = self.dialog.local_seq.saturating_add(1);
        if let Some(tx) = works.clients.get(branch) {
            self.dialog.local_seq = tx.cseq;
        }
        self.invite_seq = self.dialog.local_seq;
        if let Some(opening) = &mut self.opening {
            opening.forks.clear();
        }
        self.phase = Phase::Calling { heard: false, cancel: Cancel::No };
        self.expect_sign(works);
        true
    }

    /// No answer, or none that counts, will come.
    pub(super) fn give_up(&mut self, works: &mut Works, code: u16) {
        works.wire.tell(Event::Refused {
            session: self.id,
            code,
            contacts: Vec::new(),
            retry_after: None,
            cause: None,
        });
        self.over(works);
    }

    /// Takes the INVITE back. A 2xx that crosses it is acknowledged and ended by BYE.
    pub(super) fn cancel(&mut self, works: &mut Works, cause: &Cause) {
        match self.phase {
            Phase::Calling { heard, cancel: Cancel::No } => {
                if let Some(opening) = &mut self.opening {
                    opening.reason = reason_of(cause);
                }
                self.phase = Phase::Calling { heard, cancel: Cancel::Wanted };
                self.cancel_if_wanted(works);
            }
            Phase::AckDue | Phase::Talking => self.bye(works, cause),
            Phase::Calling { .. }
            | Phase::Ringing
            | Phase::Holding
            | Phase::Answered
            | Phase::Closing
            | Phase::Over => {}
        }
    }

    fn cancel_if_wanted(&mut self, works: &mut Works) {
        let Phase::Calling { heard: true, cancel: Cancel::Wanted } = self.phase else { return };
        self.phase = Phase::Calling { heard: true, cancel: Cancel::Sent };
        self.disarm(works, Alarm::RingOver);
        let reason = self.opening.as_ref().and_then(|opening| opening.reason.as_deref());
        if send_cancel(works, self.invite, reason) {
            self.arm(works, Alarm::CancelOver, GIVE_UP);
        }
    }
}

/// Sends the CANCEL of an INVITE of ours; false when that is over.
pub(super) fn send_cancel(works: &mut Works, invite: u64, reason: Option<&str>) -> bool {
    let Some(tx) = works.clients.get(invite) else { return false };
    let opening = Opening {
        branch: invite | 1,
        method: Method::Cancel,
        cseq: tx.cseq,
        hop: tx.hop,
        bytes: cancel_of(&tx.bytes, reason),
        owner: Owner::Nobody,
        trunk: None,
        tries: 0,
    };
    works.clients.open(&mut works.wire, opening);
    true
}

/// Headers that may be added by the switch: nothing that routing, dialogs or bodies hang on.
fn is_extra(name: &str) -> bool {
    super::headers::Known::find(name) == Known::Other && super::lexer::is_token(name)
}

/// Works out where an INVITE goes and whom it names.
fn aim(works: &Works, invite: &Invite) -> Result<Aim, u16> {
    let settings = &works.settings;
    let caller = &invite.caller;
    let user = if caller.user.is_empty() { "anonymous" } else { &caller.user };
    let own = |user: &str, host: &str| -> Result<String, u16> {
        let host = super::uri::Host::read(host).map_err(|_| 500_u16)?;
        Ok(Uri::sip(Some(user), host, None).to_text())
    };
    match &invite.target {
        Target::Device(device) => {
            let from = if caller.private {
                String::from("\"Anonymous\" <sip:anonymous@anonymous.invalid>")
            } else {
                format!("{}<{}>", quoted(&caller.display), own(user, &settings.domain)?)
            };
            Ok(Aim {
                peer: Peer::Device(device.user.as_str().into()),
                target: device.contact.to_text(),
                routes: device.path.iter().map(|path| path.as_str().into()).collect(),
                hop: device.hop,
                straight: device.straight,
                local: from,
                remote: format!("<{}>", own(&device.user, &settings.domain)?),
                asserted: None,
            })
        }
        Target::Trunk { name, user: called } => {
            let at = settings.trunks.iter().position(|line| line.name == *name).ok_or(404_u16)?;
            let line = settings.trunks.get(at).ok_or(404_u16)?;
            let trunk = works.trunks.get(at).ok_or(404_u16)?;
            let hop = settings.settled(trunk.hop(works.wire.now.mono).ok_or(503_u16)?);
            let host = super::uri::Host::read(&line.host).map_err(|_| 500_u16)?;
            let mut uri = Uri::sip(Some(called), host.clone(), line.port);
            let remote = format!("<{}>", Uri::sip(Some(called), host, None).to_text());
            if hop.transport == super::Transport::Tcp {
                uri.params.set("transport", Some("tcp"));
            }
            let (from_user, from_host) = match &line.auth {
                TrunkAuth::Register(login) => {
                    (login.from_user.as_str(), login.from_domain.as_str())
                }
                TrunkAuth::Ip { .. } => (user, settings.domain.as_str()),
            };
            let from = own(from_user, from_host)?;
            let real = own(user, from_host)?;
            let hidden = caller.private && matches!(line.auth, TrunkAuth::Ip { .. });
            Ok(Aim {
                peer: Peer::Trunk(name.clone()),
                target: uri.to_text(),
                routes: Vec::new(),
                hop,
                straight: true,
                local: if hidden {
                    String::from("\"Anonymous\" <sip:anonymous@anonymous.invalid>")
                } else {
                    format!("{}<{from}>", quoted(&caller.display))
                },
                remote,
                asserted: (from != real || caller.private).then(|| format!("<{real}>")),
            })
        }
    }
}

/// What the callee says it can do.
pub(super) fn able_of_response(response: &Response) -> Able {
    Able {
        rel100: response.lists(Known::Supported, "100rel"),
        timer: response.lists(Known::Supported, "timer"),
        update: response.lists(Known::Allow, "UPDATE"),
        rel100_required: false,
        info: response.header(Known::Allow).is_none() || response.lists(Known::Allow, "INFO"),
    }
}

/// The route set of an answer: Record-Route turned round (RFC 3261 section 12.1.2).
fn route_set(response: &Response) -> Vec<Box<str>> {
    response.record_routes().iter().rev().map(|route| route.to_text().into()).collect()
}

/// Takes the other end of the dialog from its 2xx.
fn adopt(dialog: &mut Dialog, response: &Response, flow: Flow) {
    dialog.remote_tag = response.to().tag().unwrap_or_default().into();
    dialog.heard = flow.hop();
    if let Some(contact) = response.contacts().first() {
        let mut plain = contact.clone();
        plain.headers.clear();
        dialog.straight = dialog.straight && is_straight(plain.host.ip(), flow.peer.ip());
        dialog.target = plain.to_text().into();
    }
    dialog.routes = route_set(response);
    dialog.aim();
}

/// Sends the ACK of a 2xx and keeps it, for the 2xx may come again (RFC 3261 section 13.2.2.4).
pub(super) fn acknowledge(
    works: &mut Works,
    invite: u64,
    dialog: &Dialog,
    cseq: u32,
    sdp: Option<&Bytes>,
) {
    let branch = works.branch();
    let draft: Draft = dialog.request("ACK", branch, cseq, &works.settings);
    let bytes = draft.sdp(sdp);
    works.wire.send(dialog.hop, bytes.clone());
    let Some(tx) = works.clients.get_mut(invite) else { return };
    let kept = Some((dialog.hop, bytes));
    match tx.acks.iter_mut().find(|acked| acked.tag == dialog.remote_tag) {
        Some(acked) => acked.bytes = kept,
        None => tx.acks.push(Acked { tag: dialog.remote_tag.clone(), bytes: kept }),
    }
}

/// A 2xx of a fork nobody wants: it is acknowledged and ended (RFC 3261 section 13.2.2.4), for
/// this reason.
pub(super) fn end_fork(
    works: &mut Works,
    invite: u64,
    response: &Response,
    flow: Flow,
    reason: Option<String>,
) {
    let Some(tx) = works.clients.get(invite) else { return };
    if tx.acks.len() > works.settings.limits.forks_max {
        return; // an endless stream of forks is left to its own timers
    }
    let (cseq, trunk, hop) = (tx.cseq, tx.trunk, tx.hop);
    // An answer without Contact leaves the address that was called.
    let target = request_uri(&tx.bytes).into();
    let Some(local_tag) = response.from().tag().and_then(unhex) else { return };
    let mut dialog = Dialog {
        call_id: response.call_id().into(),
        local_tag,
        remote_tag: "".into(),
        local: untagged(response.from()),
        remote: untagged(&NameAddr { params: super::Params::default(), ..response.to().clone() }),
        local_seq: cseq,
        remote_seq: None,
        target,
        routes: Vec::new(),
        hop,
        heard: hop,
        straight: true,
    };
    adopt(&mut dialog, response, flow);
    acknowledge(works, invite, &dialog, cseq, None);
    let branch = works.branch();
    let mut draft = dialog.request("BYE", branch, cseq.saturating_add(100), &works.settings);
    if let Some(reason) = reason {
        draft.line("Reason", &reason);
    }
    let opening = Opening {
        branch,
        method: Method::Bye,
        cseq: cseq.saturating_add(100), // above whatever was sent in its early dialog
        hop: dialog.hop,
        bytes: draft.end(),
        owner: Owner::Nobody,
        trunk,
        tries: 0,
    };
    works.clients.open(&mut works.wire, opening);
}
