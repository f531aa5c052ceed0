//! INVITEs of theirs: ringing, reliable provisional answers, the answer, CANCEL, ACK
//! (RFC 3261 sections 9.2, 13.3, RFC 3262).

use bytes::Bytes;

use crate::model::Period;

use super::dialog::{Dialog, is_straight, untagged};
use super::io::{Cause, Ending, Event, Flow, Refuse, SessionId};
use super::message::{Method, Request};
use super::session::{
    ALLOW, Able, Opened, Peer, Phase, Repeat, Repeated, Routes, SUPPORTED, Session, Works, answer,
    cause_in, echo, reason_of, sdp_of,
};
use super::session_offer::Change;
use super::session_timer::Clock;
use super::timers::{Alarm, Alarms};
use super::transaction::Leaves;
use super::{Known, RAck};

/// How many provisional answers may wait for the PRACK of the one before. More are only news of
/// the same kind, so the oldest is left out.
const QUEUE_MAX: usize = 4;

/// Proxies cancel an INVITE that is silent for three minutes (RFC 3261 section 13.3.1.1).
const STILL_RINGING: Period = Period::secs(60);

impl Session {
    /// The session of an INVITE that was authenticated and has a transaction.
    pub(super) fn invited(
        works: &mut Works,
        id: SessionId,
        request: &Request,
        flow: Flow,
        peer: Peer,
        tx: u64,
    ) -> Session {
        let local_tag = works.ids.token();
        let straight = match &peer {
            Peer::Device(_) => request.via().host.ip() == Some(flow.peer.ip()),
            Peer::Trunk(_) => is_straight(request.via().host.ip(), flow.peer.ip()),
        };
        let mut dialog = Dialog {
            call_id: request.call_id().into(),
            local_tag,
            remote_tag: request.from().tag().unwrap_or_default().into(),
            local: untagged(request.to()),
            remote: untagged(request.from()),
            local_seq: 0,
            remote_seq: Some(request.cseq().0),
            target: "".into(),
            routes: Vec::new(),
            hop: flow.hop(),
            heard: flow.hop(),
            straight,
        };
        if let Some(contact) = request.contacts().first() {
            dialog.refresh(contact);
        }
        dialog.set_routes(request.record_routes().iter().map(super::NameAddr::to_text));
        works.tags.insert(local_tag, id);
        let opening = Opened {
            echo: echo(request, flow, Some(local_tag), Routes::Kept),
            ..Opened::default()
        };
        Session {
            id,
            peer,
            ours: false,
            phase: Phase::Ringing,
            dialog,
            able: able_of_request(request),
            alarms: Alarms::default(),
            invite: tx,
            invite_seq: request.cseq().0,
            sdp: None,
            opening: Some(Box::new(opening)),
            repeat: None,
            change: Change::None,
            timer: Clock::answering(request, &works.settings),
            refer: None,
            referring: false,
        }
    }

    /// Tells the caller that it rings, or how it goes on: 101 to 199.
    pub(super) fn ring(&mut self, works: &mut Works, code: u16, sdp: Option<Bytes>) {
        if self.phase != Phase::Ringing {
            return;
        }
        let code = if (101..200).contains(&code) { code } else { 180 };
        let able = self.able;
        let waiting = self.repeat.is_some();
        let Some(opening) = &mut self.opening else { return };
        let reliable = able.rel100_required || (able.rel100 && sdp.is_some());
        if reliable && waiting {
            if opening.queue.len() >= QUEUE_MAX {
                opening.queue.remove(0);
            }
            opening.queue.push((code, sdp)); // RFC 3262 section 3: one at a time
            return;
        }
        opening.told = Some((code, sdp.clone()));
        let rseq = if reliable { next_rseq(works, opening) } else { 0 };
        let Some(opening) = &self.opening else { return };
        let mut draft = answer(code, &opening.echo, &works.settings);
        draft.line("Contact", &self.dialog.contact(&works.settings));
        draft.line("Allow", ALLOW);
        if reliable {
            draft.line("Require", "100rel");
            draft.count("RSeq", u64::from(rseq));
        }
        let bytes = draft.sdp(sdp.as_ref());
        let leaves = Leaves::AtOnce;
        works.servers.answer(&mut works.wire, self.invite, code, bytes.clone(), leaves);
        if reliable && let Some(tx) = works.servers.get(self.invite) {
            let what = Repeated::Reliable { rseq, sdp: sdp.is_some() };
            let repeat = Repeat { bytes, hop: tx.reply, sent: 1, what };
            self.repeat_until_heard(works, repeat);
        }
        if sdp.is_some() {
            self.sdp = sdp;
        }
        self.arm(works, Alarm::StillRinging, STILL_RINGING);
    }

    /// The caller is told once more, so that no proxy on the way gives up.
    pub(super) fn still_ringing(&mut self, works: &mut Works) {
        let Some(opening) = &self.opening else { return };
        let Some((code, sdp)) = opening.told.clone() else { return };
        if self.repeat.is_none() {
            // A reliable description was received; saying it twice would be another offer.
            let again = if opening.reliable_sdp { None } else { sdp };
            self.ring(works, code, again);
        } else {
            self.arm(works, Alarm::StillRinging, STILL_RINGING);
        }
    }

    /// Answers the call: 200.
    pub(super) fn accept(&mut self, works: &mut Works, sdp: Option<Bytes>) {
        if self.phase != Phase::Ringing {
            return;
        }
        self.disarm(works, Alarm::StillRinging);
        let unheard = self.repeat.as_ref().is_some_and(|repeat| match repeat.what {
            Repeated::Reliable { sdp, .. } => sdp,
            Repeated::Success { .. } => false,
        });
        if unheard {
            self.phase = Phase::Holding;
            if let Some(opening) = &mut self.opening {
                opening.held = Some(sdp);
            }
            return;
        }
        self.heard(works); // a reliable 180 that was never acknowledged is overtaken by the 200
        let Some(opening) = &self.opening else { return };
        let mut draft = answer(200, &opening.echo, &works.settings);
        draft.line("Contact", &self.dialog.contact(&works.settings));
        draft.line("Allow", ALLOW);
        draft.line("Supported", SUPPORTED);
        self.timer.tell(&mut draft);
        let bytes = draft.sdp(sdp.as_ref());
        self.phase = Phase::Answered;
        if sdp.is_some() {
            self.sdp = sdp;
        }
        let leaves = Leaves::AfterCommit;
        works.servers.answer(&mut works.wire, self.invite, 200, bytes.clone(), leaves);
        let hop = works.servers.get(self.invite).map_or(self.dialog.heard, |tx| tx.reply);
        let what = Repeated::Success { cseq: self.invite_seq };
        self.repeat_until_heard(works, Repeat { bytes, hop, sent: 1, what });
    }

    /// Refuses the call.
    pub(super) fn reject(&mut self, works: &mut Works, refuse: &Refuse) {
        match self.phase {
            Phase::Ringing | Phase::Holding => {}
            Phase::Answered | Phase::Talking => {
                self.bye(works, &refuse.reason.clone().unwrap_or_default());
                return;
            }
            Phase::Calling { .. } | Phase::AckDue | Phase::Closing | Phase::Over => return,
        }
        let code = if (300..700).contains(&refuse.code) { refuse.code } else { 500 };
        self.refuse_invite(works, code, |draft| {
            if let Some(after) = refuse.retry_after {
                draft.count("Retry-After", u64::from(after));
            }
            if let Some(reason) = refuse.reason.as_ref().and_then(reason_of) {
                draft.line("Reason", &reason);
            }
        });
        self.over(works);
    }

    /// Sends a final refusal of the INVITE that opened the session.
    fn refuse_invite(
        &mut self,
        works: &mut Works,
        code: u16,
        fill: impl FnOnce(&mut super::compose::Draft),
    ) {
        let Some(opening) = &self.opening else { return };
        let mut draft = answer(code, &opening.echo, &works.settings);
        fill(&mut draft);
        let bytes = draft.end();
        works.servers.answer(&mut works.wire, self.invite, code, bytes, Leaves::AtOnce);
    }

    /// A CANCEL with the INVITE's branch came. After the final answer it changes nothing.
    pub(super) fn cancelled(&mut self, works: &mut Works, request: &Request) {
        match self.phase {
            Phase::Ringing | Phase::Holding => {
                self.refuse_invite(works, 487, |_| {});
                let cause = cause_in(request.headers(Known::Reason));
                works.wire.tell(Event::Cancelled { session: self.id, cause });
                self.over(works);
            }
            Phase::Calling { .. }
            | Phase::AckDue
            | Phase::Answered
            | Phase::Closing
            | Phase::Talking
            | Phase::Over => {}
        }
    }

    /// An ACK inside the dialog came.
    pub(super) fn acked(&mut self, works: &mut Works, request: &Request) {
        let (number, _) = request.cseq();
        let ours = self.repeat.as_ref().is_some_and(
            |repeat| matches!(repeat.what, Repeated::Success { cseq } if cseq == number),
        );
        if !ours {
            return; // a copy
        }
        self.heard(works);
        let sdp = sdp_of(request.body_of(super::compose::SDP));
        match self.phase {
            Phase::Answered => {
                self.phase = Phase::Talking;
                self.opening = None;
                self.start_clock(works);
                works.wire.tell(Event::Confirmed { session: self.id, sdp });
            }
            Phase::Closing => self.hang_up(works, &Cause::normal()),
            Phase::Talking => self.change_acked(works, sdp),
            Phase::Calling { .. }
            | Phase::AckDue
            | Phase::Ringing
            | Phase::Holding
            | Phase::Over => {}
        }
    }

    /// A PRACK came; gives the code it is answered with (RFC 3262 section 3).
    pub(super) fn pracked(&mut self, works: &mut Works, request: &Request) -> u16 {
        let Some(rack) = request.header(Known::RAck).and_then(|value| RAck::read(value).ok())
        else {
            return 400;
        };
        let Some(repeat) = &self.repeat else { return 481 };
        let Repeated::Reliable { rseq, sdp } = repeat.what else { return 481 };
        let matches =
            rack.rseq == rseq && rack.cseq == self.invite_seq && rack.method == Method::Invite;
        if !matches {
            return 481;
        }
        self.heard(works);
        if let Some(opening) = &mut self.opening {
            opening.reliable_sdp |= sdp;
        }
        200
    }

    /// What waited for the PRACK goes out after its answer.
    pub(super) fn after_prack(&mut self, works: &mut Works) {
        let Some(opening) = &mut self.opening else { return };
        if let Some(held) = opening.held.take() {
            self.phase = Phase::Ringing;
            self.accept(works, held);
        } else if !opening.queue.is_empty() {
            let (code, sdp) = opening.queue.remove(0);
            self.ring(works, code, sdp);
        }
    }

    /// 64 × T1 went by without the acknowledgement.
    pub(super) fn unheard(&mut self, works: &mut Works) {
        self.repeat = None;
        self.disarm(works, Alarm::Repeat);
        match self.phase {
            Phase::Answered => {
                // RFC 3261 section 13.3.1.4: the dialog is confirmed, the session is not.
                works.wire.tell(Event::Ended { session: self.id, cause: Ending::NoAck });
                self.hang_up(works, &Cause::none());
            }
            Phase::Closing => self.hang_up(works, &Cause::none()),
            Phase::Ringing | Phase::Holding => {
                // RFC 3262 section 3: without a PRACK the INVITE is rejected with a 5xx.
                self.refuse_invite(works, 504, |_| {});
                self.end(works, Ending::NoAck);
            }
            Phase::Talking => {
                works.wire.tell(Event::Ended { session: self.id, cause: Ending::NoAck });
                self.hang_up(works, &Cause::none());
            }
            Phase::Calling { .. } | Phase::AckDue | Phase::Over => {}
        }
    }

    /// Ends the call from our side.
    pub(super) fn bye(&mut self, works: &mut Works, cause: &Cause) {
        match self.phase {
            Phase::Calling { .. } => self.cancel(works, cause),
            Phase::AckDue => {
                super::session_caller::acknowledge(
                    works,
                    self.invite,
                    &self.dialog,
                    self.invite_seq,
                    None,
                );
                self.hang_up(works, cause);
            }
            Phase::Ringing | Phase::Holding => {
                let reason = Some(cause.clone());
                self.reject(works, &Refuse { code: 480, retry_after: None, reason });
            }
            Phase::Answered => self.phase = Phase::Closing,
            Phase::Talking => self.hang_up(works, cause),
            Phase::Closing | Phase::Over => {}
        }
    }

    /// A BYE came; its answer is on its way (RFC 3261 section 15.1.2).
    pub(super) fn ended_by_peer(&mut self, works: &mut Works, request: &Request) {
        let cause = cause_in(request.headers(Known::Reason));
        match self.phase {
            Phase::Ringing | Phase::Holding => {
                self.refuse_invite(works, 487, |_| {});
                works.wire.tell(Event::Cancelled { session: self.id, cause });
                self.over(works);
            }
            Phase::Closing => self.over(works),
            Phase::AckDue | Phase::Answered | Phase::Talking => self.end(works, Ending::Bye(cause)),
            // A callee does not end an early dialog by BYE; its final answer will.
            Phase::Calling { .. } | Phase::Over => {}
        }
    }
}

/// The next number of a reliable provisional answer; the first is random below 2^31
/// (RFC 3262 section 3).
fn next_rseq(works: &mut Works, opening: &mut Opened) -> u32 {
    opening.rseq = match opening.rseq {
        0 => u32::try_from(works.ids.below(1 << 30)).unwrap_or(1).max(1),
        last => last.saturating_add(1),
    };
    opening.rseq
}

/// What the caller says it can do.
pub(super) fn able_of_request(request: &Request) -> Able {
    Able {
        rel100: request.lists(Known::Supported, "100rel")
            || request.lists(Known::Require, "100rel"),
        timer: request.lists(Known::Supported, "timer"),
        update: request.lists(Known::Allow, "UPDATE"),
        rel100_required: request.lists(Known::Require, "100rel"),
        info: request.header(Known::Allow).is_none() || request.lists(Known::Allow, "INFO"),
    }
}
