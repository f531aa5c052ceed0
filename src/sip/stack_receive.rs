//! What comes from the wire: finding its transaction and dialog, believing the sender or not,
//! and the answers that leave nothing behind.

use super::compose::Block;
use super::guard::Verdict;
use super::io::{Cause, Event, Flow, Invited, PartyLine, Replaced, SessionId, Source};
use super::message::{Method, Request, Response};
use super::session::{
    ALLOW, Cancel, Peer, Phase, Routes, SUPPORTED, Session, answer, echo, reason_of, refuse,
    reply_to, sdp_of,
};
use super::session_caller::end_fork;
use super::session_inside::unsupported;
use super::session_refer::{refer_replaces, refer_to};
use super::session_timer::Clock;
use super::stack::{Stack, merged_key};
use super::transaction::{GIVE_UP, Owner, Told, Way};
use super::{Host, Known, NameAddr, Replaces, Transport, Uri};

/// Callers that find the tables full may come again so soon, in seconds.
const RETRY_AFTER: &str = "5";

impl Stack {
    /// An answer to a request of ours. One that matches none is dropped (RFC 3261 section 18.1.2).
    pub(super) fn take_response(&mut self, response: &Response, flow: Flow) {
        let Some(branch) = super::ids::branch_number(response.via().branch()) else { return };
        let (cseq, method) = response.cseq();
        let branch = if method == Method::Cancel { branch | 1 } else { branch };
        let Some(tx) = self.works.clients.get(branch) else { return };
        if tx.method != method || tx.cseq != cseq {
            return;
        }
        let flow = tx.seen_over(flow);
        let owner = tx.owner;
        let to = response.header(Known::To).unwrap_or_default();
        let code = response.code();
        let told = self.works.clients.answered(&mut self.works.wire, branch, code, to);
        match told {
            Told::Nothing => return,
            Told::Pass => {}
            Told::TimedOut | Told::Unreachable => return, // only time and transport say these
        }
        if method == Method::Invite && (200..300).contains(&code) {
            return self.take_success(branch, owner, response, flow);
        }
        match owner {
            Owner::Session(id) => {
                let now = self.works.wire.now;
                if code < 200 && !self.sessions.contains_key(&id) {
                    self.works.clients.limit(&mut self.works.wire, branch, GIVE_UP);
                }
                self.with(id, now, |session, works| {
                    if method == Method::Invite && session.invite == branch && session.ours {
                        if code < 200 {
                            session.progressed(works, response, flow);
                        } else {
                            session.refused(works, response);
                        }
                    } else {
                        session.answered_inside(works, branch, response, flow);
                    }
                });
            }
            Owner::Nobody => {
                if matches!(code, 401 | 407) {
                    self.works.retry_with_credentials(branch, response);
                }
            }
            Owner::Trunk(at) => self.works.trunk_answered(at, branch, response),
            Owner::Device(id) => self.device_answered(id),
        }
    }

    /// A 2xx to an INVITE: acknowledged already, wanted, or a fork too many.
    fn take_success(&mut self, branch: u64, owner: Owner, response: &Response, flow: Flow) {
        let tag = response.to().tag().unwrap_or_default();
        let Some(tx) = self.works.clients.get(branch) else { return };
        if let Some(acked) = tx.acks.iter().find(|acked| *acked.tag == *tag) {
            if let Some((hop, bytes)) = acked.bytes.clone() {
                self.works.wire.send(hop, bytes); // our ACK was lost
            }
            return;
        }
        let Owner::Session(id) = owner else { return };
        let calling = |session: &Session| matches!(session.phase, Phase::Calling { .. });
        let wants = self.sessions.get(&id).map(|own| calling(own) && own.invite == branch);
        let now = self.works.wire.now;
        match wants {
            Some(true) => self.with(id, now, |session, works| {
                session.accepted(works, response, flow);
            }),
            Some(false) if self.sessions.get(&id).is_some_and(|own| own.expects(branch)) => {
                self.with(id, now, |session, works| {
                    session.answered_inside(works, branch, response, flow);
                });
            }
            Some(false) | None => {
                let reason = reason_of(&Cause::answered_elsewhere());
                end_fork(&mut self.works, branch, response, flow, reason);
            }
        }
    }

    /// A request: a copy, part of a dialog, or something new.
    pub(super) fn take_request(&mut self, request: &Request, flow: Flow, size: usize) {
        let key = transaction_key(request, flow);
        let found = self.works.servers.find(&key);
        let method = request.method();
        match (method, found) {
            (Method::Ack, Some(tx)) => {
                if !self.works.servers.acknowledged(&mut self.works.wire, tx) {
                    return;
                }
            }
            (Method::Cancel, Some(tx)) => return self.cancelled(request, flow, size, tx),
            (Method::Cancel, None) => return self.stateless(request, flow, size, 481, &[]),
            (_, Some(tx)) => {
                self.works.servers.again(&mut self.works.wire, tx);
                return;
            }
            (_, None) => {}
        }
        if request.to().tag().is_some() {
            return self.take_inside(request, flow, size, &key);
        }
        if method == Method::Ack {
            return; // never answered (RFC 3261 section 17.1.1.3)
        }
        if !self.works.has_room() {
            return self.stateless(request, flow, size, 503, &[("Retry-After", RETRY_AFTER)]);
        }
        self.take_new(request, flow, size, &key);
    }

    /// A CANCEL with the branch of an INVITE: only from where that came.
    fn cancelled(&mut self, request: &Request, flow: Flow, size: usize, tx: u64) {
        let own = self.works.servers.get(tx);
        let Some(own) =
            own.filter(|own| own.flow.transport == flow.transport && own.flow.peer == flow.peer)
        else {
            return self.stateless(request, flow, size, 481, &[]);
        };
        let session = own.session;
        self.stateless(request, flow, size.max(1024), 200, &[]);
        if let Some(id) = session {
            let now = self.works.wire.now;
            self.with(id, now, |session, works| session.cancelled(works, request));
        }
    }

    /// A request with a To tag: inside a dialog of ours, or 481.
    fn take_inside(&mut self, request: &Request, flow: Flow, size: usize, key: &str) {
        let own_tag = request.to().tag().and_then(super::ids::unhex);
        let id = own_tag.and_then(|tag| self.works.tags.get(&tag).copied());
        let peer_tag = request.from().tag().unwrap_or_default();
        let named = |session: &&Session| session.is_named(request.call_id(), peer_tag);
        let session = id.and_then(|id| self.sessions.get(&id)).map(Box::as_ref).filter(named);
        let (Some(id), Some(session)) = (id, session) else {
            if request.method() != Method::Ack {
                self.stateless(request, flow, size, 481, &[]);
            }
            return;
        };
        let peer = session.peer.clone();
        let at_home = session.dialog.comes_from_peer(flow);
        if !at_home && !self.is_near(&peer, flow) {
            if request.method() == Method::Ack {
                return; // it cannot be challenged, and its sender is not known
            }
            let verdict = match &peer {
                Peer::Trunk(_) => None,
                Peer::Device(_) => Some(self.look(request, flow)),
            };
            match (verdict, &peer) {
                (Some(Verdict::User(user)), Peer::Device(own)) if *user == **own => {}
                (Some(Verdict::Challenge { stale }), _) => {
                    return self.challenge(request, flow, size, stale);
                }
                (Some(Verdict::Blocked), _) => return self.blocked(request, flow, size),
                (Some(Verdict::User(_)) | None, _) => {
                    return self.stateless(request, flow, size, 403, &[]);
                }
            }
        }
        let replaces = self.replaces_in_refer(request);
        let now = self.works.wire.now;
        self.with(id, now, |session, works| {
            if request.method() == Method::Ack {
                session.acked(works, request);
                return;
            }
            if !at_home {
                session.hear(works, flow);
            }
            session.inside(works, request, flow, key, replaces);
        });
    }

    /// Whether a flow that a dialog was not heard over is its peer's all the same: the trunk's
    /// other address, or one the telephone has registered from.
    fn is_near(&self, peer: &Peer, flow: Flow) -> bool {
        match peer {
            Peer::Trunk(name) => {
                let at = self.works.trunk_at(flow);
                at.and_then(|at| self.works.trunks.get(at)).is_some_and(|own| own.name == *name)
            }
            Peer::Device(user) => {
                let same = |own: &Flow| {
                    own.transport == flow.transport
                        && own.peer == flow.peer
                        && own.connection == flow.connection
                };
                self.bindings.each(user).any(|(_, own)| own.flow.as_ref().is_some_and(same))
            }
        }
    }

    fn look(&mut self, request: &Request, flow: Flow) -> Verdict {
        let bindings = &self.bindings;
        let known = |user: &str| bindings.lives_at(user, flow);
        let now = self.works.wire.now.mono;
        self.guard.look(request, flow, &self.works.settings, now, &known)
    }

    /// The session a REFER's Replaces names: `None` without one, `Some(None)` for a foreign one.
    fn replaces_in_refer(&self, request: &Request) -> Option<Option<SessionId>> {
        if request.method() != Method::Refer {
            return None;
        }
        let replaces = refer_replaces(&refer_to(request)?)?;
        Some(replaces.and_then(|named| self.find(&replaced(&named))))
    }

    /// A request that belongs to nothing yet.
    fn take_new(&mut self, request: &Request, flow: Flow, size: usize, key: &str) {
        let method = request.method();
        if request.max_forwards() == Some(0) && method != Method::Register {
            return self.stateless(request, flow, size, 483, &[]);
        }
        let trunk = self.works.trunk_at(flow);
        if method == Method::Options && (trunk.is_some() || self.is_for_server(request, flow)) {
            return self.options(request, flow, size);
        }
        let source = match trunk.and_then(|at| self.works.trunks.get(at)) {
            Some(trunk) => Peer::Trunk(trunk.name.clone()),
            None => match self.look(request, flow) {
                Verdict::User(user) => Peer::Device(user.into()),
                Verdict::Challenge { stale } => {
                    return self.challenge(request, flow, size, stale);
                }
                Verdict::Blocked => return self.blocked(request, flow, size),
            },
        };
        // The sender is known from here on.
        let size = usize::MAX;
        if !request.uri().is_callable() {
            return self.stateless(request, flow, size, 416, &[]);
        }
        if self.would_relay(request, flow) {
            return self.stateless(request, flow, size, 403, &[]);
        }
        if let Some(unknown) = unsupported(request) {
            return self.stateless(request, flow, size, 420, &[("Unsupported", &unknown)]);
        }
        match (method, source) {
            (Method::Invite, source) => self.take_invite(request, flow, key, source),
            (Method::Register, Peer::Device(user)) => {
                if !self.owns(&user, request.to(), flow) || !self.owns(&user, request.from(), flow)
                {
                    return self.stateless(request, flow, size, 403, &[]); // third party
                }
                self.register(request, flow, &user, key);
            }
            (Method::Options, Peer::Device(_)) => self.options(request, flow, size),
            (Method::Subscribe | Method::Publish, _) => {
                self.stateless(request, flow, size, 489, &[]);
            }
            (Method::Bye | Method::Prack | Method::Update | Method::Notify, _) => {
                self.stateless(request, flow, size, 481, &[]);
            }
            (_, _) => self.stateless(request, flow, size, 405, &[("Allow", ALLOW)]),
        }
    }

    /// Whether a party line is the user's own address of record.
    fn owns(&self, user: &str, party: &NameAddr, flow: Flow) -> bool {
        party.uri.user_text().as_deref() == Some(user)
            && self.works.settings.is_ours(&party.uri.host, flow.local)
    }

    /// An OPTIONS to the server itself may come from anybody.
    fn is_for_server(&self, request: &Request, flow: Flow) -> bool {
        let uri = request.uri();
        uri.user.is_none() && self.works.settings.is_ours(&uri.host, flow.local)
    }

    /// Whether a request wants to be passed on to somewhere else: a Route or `maddr` of another
    /// machine, or, from a telephone, a foreign host. We are nobody's relay.
    fn would_relay(&self, request: &Request, flow: Flow) -> bool {
        let ours = |host: &Host| self.works.settings.is_ours(host, flow.local);
        let uri = request.uri();
        let routed = request.routes().iter().any(|route| !ours(&route.uri.host));
        let by_maddr = uri
            .params
            .get("maddr")
            .is_some_and(|maddr| Host::read(maddr).map_or(true, |host| !ours(&host)));
        let trunk = self.works.trunk_at(flow).is_some();
        routed || by_maddr || (!trunk && uri.host != Host::None && !ours(&uri.host))
    }

    /// An INVITE whose sender is known.
    fn take_invite(&mut self, request: &Request, flow: Flow, key: &str, peer: Peer) {
        let size = usize::MAX;
        let tag = request.from().tag().unwrap_or_default();
        if let Peer::Device(user) = &peer
            && !self.owns(user, request.from(), flow)
        {
            return self.stateless(request, flow, size, 403, &[]);
        }
        if request.contacts().first().is_none() || tag.is_empty() {
            return self.stateless(request, flow, size, 400, &[]);
        }
        let merged = merged_key(request.call_id(), tag, request.cseq().0);
        if self.merged.contains_key(merged.as_str()) {
            return self.stateless(request, flow, size, 482, &[]);
        }
        if !request.body().is_empty() && request.body_of(super::compose::SDP).is_none() {
            return self.stateless(request, flow, size, 415, &[("Accept", super::compose::SDP)]);
        }
        if let Some(min) = Clock::too_small(request, &self.works.settings) {
            return self.stateless(request, flow, size, 422, &[("Min-SE", &min.to_string())]);
        }
        if self.is_full() {
            return self.stateless(request, flow, size, 503, &[("Retry-After", RETRY_AFTER)]);
        }
        let replaces = match self.replaced_by(request) {
            Ok(replaces) => replaces,
            Err(code) => return self.stateless(request, flow, size, code, &[]),
        };
        let id = self.next_session();
        let way = Way { flow, reply: reply_to(request, flow), session: Some(id) };
        let tx = self.works.servers.open_invite(&mut self.works.wire, key, way);
        refuse(&mut self.works, tx, 100, &echo(request, flow, None, Routes::Dropped), &[]);
        let source = self.source_of(&peer);
        let session = Session::invited(&mut self.works, id, request, flow, peer, tx);
        self.sessions.insert(id, Box::new(session));
        self.merged.insert(merged.into(), id);
        let invited = invited(request, flow, id, source, replaces);
        self.works.wire.tell(Event::Invited(Box::new(invited)));
    }

    /// The session that the Replaces of an INVITE names (RFC 3891 section 3).
    fn replaced_by(&self, request: &Request) -> Result<Option<SessionId>, u16> {
        let mut lines = request.headers(Known::Replaces);
        let Some(line) = lines.next() else { return Ok(None) };
        let named = Replaces::read(line).map_err(|_| 400_u16)?;
        let id = self.find(&replaced(&named)).ok_or(481_u16)?;
        let session = self.sessions.get(&id).ok_or(481_u16)?;
        match session.phase {
            Phase::Talking | Phase::Answered | Phase::AckDue if named.early_only => Err(486),
            Phase::Talking | Phase::Answered | Phase::AckDue => Ok(Some(id)),
            // An early dialog can only be taken over from the end that was called.
            Phase::Calling { cancel: Cancel::No, .. } => Ok(Some(id)),
            Phase::Calling { .. }
            | Phase::Ringing
            | Phase::Holding
            | Phase::Closing
            | Phase::Over => Err(481),
        }
    }

    fn source_of(&self, peer: &Peer) -> Source {
        match peer {
            Peer::Trunk(name) => Source::Trunk { name: name.clone() },
            Peer::Device(user) => Source::Device {
                user: user.to_string(),
                operator: self
                    .works
                    .settings
                    .users
                    .get(&**user)
                    .map_or_else(|| user.to_string().into(), |own| own.operator.clone()),
            },
        }
    }

    fn options(&mut self, request: &Request, flow: Flow, size: usize) {
        let lines = [("Allow", ALLOW), ("Accept", super::compose::SDP), ("Supported", SUPPORTED)];
        self.stateless(request, flow, size, 200, &lines);
    }

    fn challenge(&mut self, request: &Request, flow: Flow, size: usize, stale: bool) {
        let now = self.works.wire.now.mono;
        let challenges = self.guard.challenges(request, &self.works.settings, stale, now);
        let lines: Vec<_> =
            challenges.iter().map(|text| ("WWW-Authenticate", text.as_str())).collect();
        if self.try_stateless(request, flow, size, 401, &lines) {
            return;
        }
        // The request was too small to be answered in full: the last one, MD5 unless it was
        // switched off, is what every telephone knows.
        let last = lines.get(lines.len().saturating_sub(1)..).unwrap_or_default();
        self.stateless(request, flow, size, 401, last);
    }

    /// Failed too often: over UDP not a byte, over a stream a short no.
    fn blocked(&mut self, request: &Request, flow: Flow, size: usize) {
        if flow.transport != Transport::Udp {
            self.stateless(request, flow, size, 403, &[]);
        }
    }

    /// Answers without remembering anything. Lines fall away from the end until the answer is at
    /// most twice the request: a forged source address must gain nothing.
    fn stateless(
        &mut self,
        request: &Request,
        flow: Flow,
        size: usize,
        code: u16,
        lines: &[(&str, &str)],
    ) {
        for shown in (0..=lines.len()).rev() {
            if self.try_stateless(request, flow, size, code, lines.get(..shown).unwrap_or_default())
            {
                return;
            }
        }
    }

    fn try_stateless(
        &mut self,
        request: &Request,
        flow: Flow,
        size: usize,
        code: u16,
        lines: &[(&str, &str)],
    ) -> bool {
        // Every copy of the request must get the same tag (RFC 3261 section 8.2.7).
        let tag = self.works.ids.of(&[request.via().branch(), request.call_id()]);
        let echo: Block = echo(request, flow, Some(tag), Routes::Dropped);
        let mut draft = answer(code, &echo, &self.works.settings);
        for (name, value) in lines {
            draft.line(name, value);
        }
        let bytes = draft.end();
        if bytes.len() > size.saturating_mul(2) {
            return false;
        }
        self.works.wire.send(reply_to(request, flow), bytes);
        true
    }
}

/// What names a transaction (RFC 3261 section 17.2.3): branch, sender and method; for elders
/// without the magic cookie, everything that used to. The source address is part of it, so that
/// nobody reaches another's transaction by guessing its branch.
fn transaction_key(request: &Request, flow: Flow) -> String {
    let via = request.via();
    let (cseq, _) = request.cseq();
    let own = request.method();
    let method = if matches!(own, Method::Ack | Method::Cancel) { Method::Invite } else { own };
    let (method, ip) = (method.as_str(), flow.peer.ip());
    if via.has_cookie() {
        let port = via.port.unwrap_or(0);
        return format!("{}|{}:{port}|{method}|{ip}", via.branch(), via.host);
    }
    let tag = request.from().tag().unwrap_or_default();
    let call_id = request.call_id();
    format!("{call_id}|{cseq}|{tag}|{}|{method}|{ip}|{}", via.host, via.branch())
}

fn replaced(named: &Replaces) -> Replaced {
    Replaced {
        call_id: named.call_id.clone(),
        to_tag: named.to_tag.clone(),
        from_tag: named.from_tag.clone(),
        early_only: named.early_only,
    }
}

fn party(party: &NameAddr) -> PartyLine {
    let mut uri: Uri = party.uri.clone();
    uri.headers.clear();
    PartyLine { display: party.display.clone().unwrap_or_default(), uri }
}

/// The event of an INVITE. Identities that only a carrier may state are read from trunks alone
/// (RFC 3325 section 8).
fn invited(
    request: &Request,
    flow: Flow,
    session: SessionId,
    source: Source,
    replaces: Option<SessionId>,
) -> Invited {
    let trusted = matches!(source, Source::Trunk { .. });
    let lines = |known: Known| -> Vec<PartyLine> {
        if !trusted {
            return Vec::new();
        }
        request.addresses(known).map(|own| party(&own)).collect()
    };
    let mut history = request.addresses(Known::HistoryInfo).map(|own| party(&own)).collect();
    if !trusted {
        history = Vec::new();
    }
    Invited {
        session,
        flow,
        call_id: request.call_id().to_owned(),
        request: request.uri().clone(),
        to: party(request.to()),
        from: party(request.from()),
        asserted: lines(Known::PAssertedIdentity),
        remote_party: lines(Known::RemotePartyId).into_iter().next(),
        private: request.headers(Known::Privacy).any(super::is_private),
        diversion: lines(Known::Diversion),
        history,
        sdp: sdp_of(request.body_of(super::compose::SDP)),
        replaces,
        referred_by: request.header(Known::ReferredBy).map(str::to_owned),
        hops: request.max_forwards().unwrap_or(super::dialog::MAX_FORWARDS).saturating_sub(1),
        source,
    }
}
