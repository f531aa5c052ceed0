//! Requests inside a dialog, after the stack has found the session and believed the sender.

use super::Known;
use super::io::{Event, Flow, SessionId};
use super::message::{Method, Request};
use super::session::{
    ALLOW, Phase, Routes, SUPPORTED, Session, Works, answer, echo, refuse, reply_to,
};
use super::session_refer::key_pressed;
use super::transaction::{Leaves, Way};

impl Session {
    /// Whether the tags of a request name this dialog: the peer's, or that of an early fork.
    pub(super) fn is_named(&self, call_id: &str, remote_tag: &str) -> bool {
        if *self.dialog.call_id != *call_id {
            return false;
        }
        let early = || {
            let forks = self.opening.as_ref().map(|opening| &opening.forks);
            forks.is_some_and(|forks| forks.iter().any(|fork| *fork.tag == *remote_tag))
        };
        *self.dialog.remote_tag == *remote_tag || (self.dialog.remote_tag.is_empty() && early())
    }

    /// Takes one request; `key` names its transaction.
    pub(super) fn inside(
        &mut self,
        works: &mut Works,
        request: &Request,
        flow: Flow,
        key: &str,
        replaces: Option<Option<SessionId>>,
    ) {
        let way = Way { flow, reply: reply_to(request, flow), session: None };
        let method = request.method();
        let tx = if method == Method::Invite {
            works.servers.open_invite(&mut works.wire, key, way)
        } else {
            works.servers.open_plain(&mut works.wire, key, way)
        };
        let plain = |request: &Request| echo(request, flow, None, Routes::Dropped);
        let (number, _) = request.cseq();
        if self.dialog.remote_seq.is_some_and(|last| number <= last) {
            return refuse(works, tx, 500, &plain(request), &[]); // RFC 3261 section 12.2.2
        }
        self.dialog.remote_seq = Some(number);
        if let Some(unknown) = unsupported(request) {
            return refuse(works, tx, 420, &plain(request), &[("Unsupported", &unknown)]);
        }
        match method {
            Method::Bye => {
                refuse(works, tx, 200, &plain(request), &[]);
                self.ended_by_peer(works, request);
            }
            Method::Invite | Method::Update => self.offered(works, request, flow, tx),
            Method::Prack => {
                let code = self.pracked(works, request);
                refuse(works, tx, code, &plain(request), &[]);
                if code == 200 {
                    self.after_prack(works);
                }
            }
            Method::Info => {
                refuse(works, tx, 200, &plain(request), &[]);
                if let Some(digit) = key_pressed(request) {
                    works.wire.tell(Event::Dtmf { session: self.id, digit });
                }
            }
            Method::Refer => self.refer(works, request, flow, tx, replaces),
            Method::Options => {
                let mut draft = answer(200, &plain(request), &works.settings);
                draft.line("Allow", ALLOW);
                draft.line("Supported", SUPPORTED);
                draft.line("Accept", super::compose::SDP);
                works.servers.answer(&mut works.wire, tx, 200, draft.end(), Leaves::AtOnce);
            }
            Method::Notify => {
                let code = self.notified(request);
                refuse(works, tx, code, &plain(request), &[]);
            }
            Method::Subscribe | Method::Publish => refuse(works, tx, 489, &plain(request), &[]),
            Method::Register | Method::Message | Method::Ack | Method::Cancel => {
                refuse(works, tx, 405, &plain(request), &[("Allow", ALLOW)]);
            }
        }
    }

    /// The peer is believed at this flow: requests follow it there.
    pub(super) fn hear(&mut self, works: &mut Works, flow: Flow) {
        let settled = match self.phase {
            Phase::Calling { .. } | Phase::Over => false,
            Phase::AckDue
            | Phase::Ringing
            | Phase::Holding
            | Phase::Answered
            | Phase::Closing
            | Phase::Talking => true,
        };
        if settled && self.dialog.hear(flow) {
            self.changed(works);
        }
    }
}

/// The extensions a request requires that we do not know (RFC 3261 section 8.2.2.3).
pub(super) fn unsupported(request: &Request) -> Option<String> {
    let known = |token: &&str| !SUPPORTED.split(", ").any(|own| own.eq_ignore_ascii_case(token));
    let unknown: Vec<&str> = request.tokens(Known::Require).filter(known).collect();
    (!unknown.is_empty()).then(|| unknown.join(", "))
}
