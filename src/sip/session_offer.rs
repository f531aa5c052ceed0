//! Changes inside a call: re-INVITE and UPDATE, both ways, and what happens when both ends
//! begin at once (RFC 3261 section 14, RFC 3311, RFC 6141).

use bytes::Bytes;

use crate::model::Period;

use super::Uri;
use super::compose::{Block, SDP};
use super::io::{Cause, Ending, Event, Flow};
use super::message::{Method, Request, Response};
use super::session::{
    ALLOW, Phase, Repeat, Repeated, Routes, SUPPORTED, Session, Works, answer, echo, refuse, sdp_of,
};
use super::session_caller::acknowledge;
use super::session_timer::{Clock, Keeper};
use super::timers::Alarm;
use super::transaction::{Acked, GIVE_UP, Leaves, Owner, T1};

/// How often an offer of ours is made anew after a 491 or a challenge. More would only keep two
/// stubborn ends busy with each other.
const TRIES_MAX: u8 = 4;

/// How long a re-INVITE of ours may stay with only provisional answers: the peer may have to ask
/// somebody, but a call must not hang on it for ever.
const CHANGE_MAX: Period = Period::secs(60);

/// How long a request may wait for the switch before the peer is told 100: just before its
/// timer E has grown to T2 (RFC 4320 section 4.1).
const SLOW_ANSWER: Period = Period::millis(3500);

/// The one offer that may be under way inside a confirmed session.
#[derive(Debug, Default)]
pub(super) enum Change {
    /// None is.
    #[default]
    None,
    /// Ours was sent.
    Ours(Box<Ours>),
    /// Ours met theirs and waits (491).
    Glare(Box<Ours>),
    /// Our empty re-INVITE was answered by an offer; the ACK with our answer is owed.
    AckDue { branch: u64, cseq: u32 },
    /// Theirs waits for the switch.
    Theirs(Box<Theirs>),
    /// Theirs was answered and waits for its ACK; `late` when that carries the answer.
    Answered { late: bool },
}

/// An offer of ours.
#[derive(Debug)]
pub(super) struct Ours {
    branch: u64,
    method: Method,
    sdp: Option<Bytes>,
    /// Whether the switch asked for it; a refresh of the timer is nobody's business.
    asked: bool,
    tries: u8,
}

/// An offer of theirs.
#[derive(Debug)]
pub(super) struct Theirs {
    tx: u64,
    echo: Block,
    method: Method,
    cseq: u32,
    offered: bool,
    target: Option<Uri>,
    clock: Clock,
}

impl Session {
    /// Whether no offer is under way and one may begin.
    pub(super) fn is_quiet(&self) -> bool {
        self.phase == Phase::Talking && matches!(self.change, Change::None)
    }

    /// Whether this re-INVITE of ours waits for its answer.
    pub(super) fn expects(&self, branch: u64) -> bool {
        matches!(&self.change, Change::Ours(ours) if ours.branch == branch)
    }

    /// Offers a change to the peer; `None` asks it for an offer.
    pub(super) fn reoffer(&mut self, works: &mut Works, sdp: Option<Bytes>) {
        let ours = Ours { branch: 0, method: Method::Invite, sdp, asked: true, tries: 0 };
        match (&self.change, self.phase) {
            (Change::None, Phase::Talking) => self.offer(works, Box::new(ours)),
            // The ACK is on its way; the offer follows it.
            (Change::Answered { .. }, Phase::Talking) | (Change::None, Phase::Answered) => {
                self.change = Change::Glare(Box::new(ours));
                self.arm(works, Alarm::Glare, T1);
            }
            (_, _) => {
                works.wire.tell(Event::Reanswered { session: self.id, result: Err(491) });
            }
        }
    }

    /// Refreshes the session by UPDATE where the peer knows it, else by the last offer again.
    pub(super) fn send_refresh(&mut self, works: &mut Works) {
        let method = if self.able.update { Method::Update } else { Method::Invite };
        let sdp = if method == Method::Invite { self.sdp.clone() } else { None };
        if method == Method::Invite && sdp.is_none() {
            self.arm(works, Alarm::Refresh, Period::secs(u64::from(self.timer.interval) / 2));
            return;
        }
        self.offer(works, Box::new(Ours { branch: 0, method, sdp, asked: false, tries: 0 }));
    }

    fn offer(&mut self, works: &mut Works, mut ours: Box<Ours>) {
        let contact = self.dialog.contact(&works.settings);
        let clock = self.timer;
        let sdp = ours.sdp.clone();
        ours.tries = ours.tries.saturating_add(1);
        ours.branch = self.ask(works, ours.method, Owner::Session(self.id), |mut draft| {
            draft.line("Contact", &contact);
            draft.line("Allow", ALLOW);
            draft.line("Supported", "timer, replaces");
            let interval = clock.interval.to_string();
            match clock.keeper {
                Keeper::Us => draft.parts("Session-Expires", &[&interval, ";refresher=uac"]),
                Keeper::Them => draft.parts("Session-Expires", &[&interval, ";refresher=uas"]),
                Keeper::Probe => draft.line("Session-Expires", &interval),
            }
            draft.count("Min-SE", u64::from(clock.min));
            draft.sdp(sdp.as_ref())
        });
        if let (Method::Invite, Some(sdp)) = (ours.method, &ours.sdp) {
            self.sdp = Some(sdp.clone());
        }
        self.change = Change::Ours(ours);
    }

    /// The wait after a 491 is over.
    pub(super) fn glare_over(&mut self, works: &mut Works) {
        match (std::mem::take(&mut self.change), self.phase) {
            (Change::Glare(ours), Phase::Talking) => self.offer(works, ours),
            (Change::Glare(ours), _) => {
                self.change = Change::Glare(ours);
                self.arm(works, Alarm::Glare, T1);
            }
            (other, _) => self.change = other,
        }
    }

    /// An answer to a request of ours inside the session came.
    pub(super) fn answered_inside(
        &mut self,
        works: &mut Works,
        branch: u64,
        response: &Response,
        flow: Flow,
    ) {
        let code = response.code();
        let is_ours = self.expects(branch);
        if code < 200 {
            works.clients.limit(&mut works.wire, branch, CHANGE_MAX);
            return;
        }
        if code == 481 || code == 408 {
            return self.gone(works, code);
        }
        if !is_ours {
            return; // an OPTIONS, INFO or NOTIFY that was answered: the peer knows the call
        }
        let Change::Ours(ours) = std::mem::take(&mut self.change) else { return };
        match code {
            200..=299 => self.change_accepted(works, &ours, response, flow),
            491 if ours.tries < TRIES_MAX => {
                let wait = self.glare_wait(works);
                self.change = Change::Glare(ours);
                self.arm(works, Alarm::Glare, wait);
            }
            401 | 407 if ours.tries < TRIES_MAX => {
                let next = works.retry_with_credentials(branch, response);
                self.change_retried(works, ours, next, code);
            }
            422 if ours.tries < TRIES_MAX => {
                let next = self.timer.longer(response).and_then(|clock| {
                    self.timer = clock;
                    works.retry(branch, &["Session-Expires", "Min-SE"], &clock.lines())
                });
                self.change_retried(works, ours, next, code);
            }
            _ => self.change_refused(works, &ours, code),
        }
    }

    fn change_retried(
        &mut self,
        works: &mut Works,
        mut ours: Box<Ours>,
        next: Option<u64>,
        code: u16,
    ) {
        let Some(branch) = next else { return self.change_refused(works, &ours, code) };
        if let Some(tx) = works.clients.get(branch) {
            self.dialog.local_seq = self.dialog.local_seq.max(tx.cseq);
        }
        ours.branch = branch;
        ours.tries = ours.tries.saturating_add(1);
        self.change = Change::Ours(ours);
    }

    fn change_refused(&mut self, works: &mut Works, ours: &Ours, code: u16) {
        if ours.asked {
            works.wire.tell(Event::Reanswered { session: self.id, result: Err(code) });
        }
    }

    fn change_accepted(&mut self, works: &mut Works, ours: &Ours, response: &Response, flow: Flow) {
        let moved = response.contacts().first().is_some_and(|uri| self.dialog.refresh(uri));
        let heard = self.dialog.hear(flow);
        self.timer = Clock::granted(response, &works.settings);
        self.start_clock(works);
        let sdp = sdp_of(response.body_of(SDP));
        if ours.method == Method::Invite {
            let cseq = response.cseq().0;
            if ours.sdp.is_none() && sdp.is_some() {
                self.change = Change::AckDue { branch: ours.branch, cseq };
                if let Some(tx) = works.clients.get_mut(ours.branch) {
                    tx.acks.push(Acked { tag: self.dialog.remote_tag.clone(), bytes: None });
                }
            } else {
                acknowledge(works, ours.branch, &self.dialog, cseq, None);
            }
        }
        if ours.asked {
            works.wire.tell(Event::Reanswered { session: self.id, result: Ok(sdp) });
        }
        if moved || heard {
            self.changed(works);
        }
    }

    /// Our answer to the offer in a 2xx to an empty re-INVITE.
    pub(super) fn acknowledge_change(&mut self, works: &mut Works, sdp: &Bytes) {
        let Change::AckDue { branch, cseq } = self.change else { return };
        acknowledge(works, branch, &self.dialog, cseq, Some(sdp));
        self.sdp = Some(sdp.clone());
        self.change = Change::None;
    }

    /// A request of ours got no answer, or could not be sent: as if 408 or 503 had come.
    pub(super) fn unanswered_inside(&mut self, works: &mut Works, reachable: bool) {
        if reachable {
            self.gone(works, 408);
        } else {
            self.end(works, Ending::Unreachable);
        }
    }

    /// The peer does not know the call any longer (RFC 3261 section 12.2.1.2).
    fn gone(&mut self, works: &mut Works, code: u16) {
        works.wire.tell(Event::Ended { session: self.id, cause: Ending::Gone(code) });
        if code == 408 {
            self.hang_up(works, &Cause::none());
        } else {
            self.over(works);
        }
    }

    /// RFC 3261 section 14.1: who made the Call-ID waits longer, so that both do not meet again.
    fn glare_wait(&mut self, works: &mut Works) -> Period {
        let made_by_us = self.ours;
        let (least, steps) = if made_by_us { (2100, 190) } else { (0, 200) };
        Period::millis(least + 10 * works.ids.below(steps + 1))
    }

    /// A re-INVITE or UPDATE came and has a transaction.
    pub(super) fn offered(&mut self, works: &mut Works, request: &Request, flow: Flow, tx: u64) {
        let echo = echo(request, flow, None, Routes::Dropped);
        let sdp = sdp_of(request.body_of(SDP));
        let method = request.method();
        if let Some(code) = self.must_wait(method, sdp.is_some()) {
            let after = works.ids.below(11).to_string();
            let line = [("Retry-After", after.as_str())];
            let more: &[(&str, &str)] = if code == 500 { &line } else { &[] };
            return refuse(works, tx, code, &echo, more);
        }
        if let Some(min) = Clock::too_small(request, &works.settings) {
            return refuse(works, tx, 422, &echo, &[("Min-SE", &min.to_string())]);
        }
        let theirs = Theirs {
            tx,
            echo,
            method,
            cseq: request.cseq().0,
            offered: sdp.is_some(),
            target: request.contacts().first().cloned(),
            clock: Clock::answering(request, &works.settings),
        };
        if method == Method::Update && sdp.is_none() {
            self.accept_change(works, theirs, None); // a refresh of the timer or of the target
            return;
        }
        if method == Method::Invite {
            self.heard(works); // whoever sends a new INVITE has received our answer to the last
            refuse(works, tx, 100, &theirs.echo, &[]);
        } else {
            self.arm(works, Alarm::SlowAnswer, SLOW_ANSWER);
        }
        self.change = Change::Theirs(Box::new(theirs));
        works.wire.tell(Event::Reoffered { session: self.id, sdp });
    }

    /// The code an offer of theirs is put off with (RFC 3261 section 14.2, RFC 3311 section 5.2).
    fn must_wait(&self, method: Method, offered: bool) -> Option<u16> {
        let confirmed = match self.phase {
            Phase::Talking => true,
            Phase::Answered | Phase::Closing | Phase::AckDue => return Some(500),
            Phase::Calling { .. } | Phase::Ringing | Phase::Holding | Phase::Over => false,
        };
        if !confirmed && method == Method::Invite {
            return Some(500);
        }
        match &self.change {
            Change::None | Change::Glare(_) => {}
            Change::Answered { .. } if method == Method::Invite => {}
            Change::Ours(ours) if !offered && ours.method == Method::Update => {}
            Change::Ours(_) | Change::AckDue { .. } => return Some(491),
            Change::Theirs(_) | Change::Answered { .. } => return Some(500),
        }
        let ringing = matches!(self.phase, Phase::Ringing | Phase::Holding);
        let unanswered = ringing && !self.opening.as_ref().is_some_and(|own| own.reliable_sdp);
        (offered && unanswered).then_some(500)
    }

    /// The switch's word on an offer of theirs: a description, or the code to refuse with.
    pub(super) fn answer_change(&mut self, works: &mut Works, result: Result<Option<Bytes>, u16>) {
        if !matches!(self.change, Change::Theirs(_)) {
            return;
        }
        let Change::Theirs(theirs) = std::mem::take(&mut self.change) else { return };
        let theirs = *theirs;
        self.disarm(works, Alarm::SlowAnswer);
        match result {
            Ok(sdp) => self.accept_change(works, theirs, sdp),
            Err(code) => {
                let code = if (400..700).contains(&code) { code } else { 488 };
                refuse(works, theirs.tx, code, &theirs.echo, &[]);
            }
        }
    }

    fn accept_change(&mut self, works: &mut Works, theirs: Theirs, sdp: Option<Bytes>) {
        let moved = theirs.target.as_ref().is_some_and(|target| self.dialog.refresh(target));
        let mut draft = answer(200, &theirs.echo, &works.settings);
        draft.line("Contact", &self.dialog.contact(&works.settings));
        draft.line("Allow", ALLOW);
        draft.line("Supported", SUPPORTED);
        theirs.clock.tell(&mut draft);
        let bytes = draft.sdp(sdp.as_ref());
        let hop = works.servers.get(theirs.tx).map_or(self.dialog.heard, |tx| tx.reply);
        works.servers.answer(&mut works.wire, theirs.tx, 200, bytes.clone(), Leaves::AtOnce);
        if sdp.is_some() {
            self.sdp = sdp;
        }
        if theirs.method == Method::Invite {
            let what = Repeated::Success { cseq: theirs.cseq };
            self.change = Change::Answered { late: !theirs.offered };
            self.repeat_until_heard(works, Repeat { bytes, hop, sent: 1, what });
        }
        if self.phase == Phase::Talking {
            self.timer = theirs.clock;
            self.start_clock(works);
        }
        if moved {
            self.changed(works);
        }
    }

    /// The ACK of our answer to their re-INVITE came.
    pub(super) fn change_acked(&mut self, works: &mut Works, sdp: Option<Bytes>) {
        let Change::Answered { late } = self.change else { return };
        self.change = Change::None;
        if late {
            works.wire.tell(Event::Reconfirmed { session: self.id, sdp });
        }
    }

    /// The switch is slow: the peer is told that its request was not lost (RFC 4320).
    pub(super) fn slow_answer(&mut self, works: &mut Works) {
        if let Change::Theirs(theirs) = &self.change {
            refuse(works, theirs.tx, 100, &theirs.echo, &[]);
        }
    }

    /// The call ends with an offer of theirs unanswered: RFC 3261 section 15.1.2 wants 487.
    pub(super) fn refuse_pending(&mut self, works: &mut Works) {
        match std::mem::take(&mut self.change) {
            Change::Theirs(theirs) => refuse(works, theirs.tx, 487, &theirs.echo, &[]),
            Change::Ours(ours) => works.clients.limit(&mut works.wire, ours.branch, GIVE_UP),
            Change::None | Change::Glare(_) | Change::AckDue { .. } | Change::Answered { .. } => {}
        }
    }
}
