//! Where every message goes through: it is read, turned away or handed on.
//!
//! What is no SIP dies here. What is broken and can be answered is answered without any state.
//! While the exchange has too much to do, new work is answered 503 here, at the price of one
//! parse; messages of calls that run, and every response, wait for their turn instead.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::counts::Counts;
use super::limits::NetLimits;
use crate::model::Name;
use crate::sip::{
    self, Dropped, Flow, Hop, Known, Message, Method, Packet, ReadError, Request, Response,
};

/// Requests that were let in not long ago. A repeated one must not be told 503 while its call is
/// being set up; more remembers longer, at 8 bytes each.
const LET_IN: usize = 8192;

/// An answer to who has not proved themselves may be so many times as large as the question: a
/// forged sender gains nothing by having us answer somebody else.
const ANSWER_TIMES_MAX: usize = 2;

/// Our end of an answer that keeps no state; its ACK is recognised by it.
const STATELESS_TAG: &str = "navbat-stateless";

/// What comes in.
#[derive(Debug)]
pub enum Arrived {
    /// A message.
    Packet(Box<Packet>),
    /// Nothing can be sent there, or the connection ended.
    Undelivered(Hop),
    /// Where a trunk is.
    TrunkHops {
        /// Its configured name.
        trunk: Name,
        /// In the order to try; at least one.
        hops: Vec<Hop>,
    },
}

/// The way in.
pub(super) struct Inlet {
    inbox: mpsc::Sender<Arrived>,
    counts: Arc<Counts>,
    shed_above: usize,
    shed_below: usize,
    retry_after: String,
    /// The exchange has too much to do.
    shedding: AtomicBool,
    /// The node stops.
    closing: AtomicBool,
    let_in: Box<[AtomicU64]>,
}

/// Two kinds of new work: calls and everything like them, and registrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Call,
    Registration,
}

impl Inlet {
    pub(super) fn new(
        inbox: mpsc::Sender<Arrived>,
        limits: &NetLimits,
        counts: Arc<Counts>,
    ) -> Inlet {
        Inlet {
            inbox,
            counts,
            shed_above: limits.shed_above,
            shed_below: limits.shed_below,
            retry_after: limits.retry_after.to_string(),
            shedding: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            let_in: std::iter::repeat_with(AtomicU64::default).take(LET_IN).collect(),
        }
    }

    /// Takes one whole message. What is given back is the answer, and goes back the same way.
    /// Over the page of a `user` nobody else begins anything.
    pub(super) async fn take(&self, bytes: &[u8], flow: Flow, user: Option<&str>) -> Option<Bytes> {
        self.counts.received(flow.transport);
        let message = match sip::read(bytes) {
            Ok(message) => message,
            Err(error) => return self.unreadable(&error, flow, bytes.len()),
        };
        if let Message::Request(request) = &message {
            if request.method() == Method::Ack && request.to().tag() == Some(STATELESS_TAG) {
                return None; // of an answer that was given here
            }
            if user.is_some_and(|user| begins_as_another(request, user)) {
                self.counts.foreign_pages.increment(1);
                return self.answer(Response::reply_to(request, 403), flow, bytes.len());
            }
            if let Some(work) = new_work(request) {
                let key = key_of(request);
                if self.refuses(work) && !self.was_let_in(key) {
                    return self.busy(request, flow, bytes.len());
                }
                self.let_in(key);
            }
        }
        let packet = Arrived::Packet(Box::new(Packet { flow, message, size: bytes.len() }));
        let _stopping = self.inbox.send(packet).await.is_err();
        None
    }

    /// The answer to a stream that can never become a message.
    pub(super) fn broken(&self, code: u16, bytes: &[u8], flow: Flow) -> Option<Bytes> {
        match sip::read(bytes) {
            Ok(Message::Request(request)) if request.method() != Method::Ack => {
                self.counts.broken.increment(1);
                self.answer(Response::reply_to(&request, code), flow, bytes.len())
            }
            Ok(_) => {
                self.counts.broken.increment(1);
                None
            }
            Err(error) => self.unreadable(&error, flow, bytes.len()),
        }
    }

    fn unreadable(&self, error: &ReadError, flow: Flow, asked: usize) -> Option<Bytes> {
        match error {
            ReadError::Silent(Dropped::KeepAlive) => None,
            ReadError::Silent(Dropped::NotSip) => {
                self.counts.not_sip.increment(1);
                None
            }
            ReadError::Silent(_) => {
                self.counts.broken.increment(1);
                None
            }
            ReadError::Answer(refusal) => {
                self.counts.broken.increment(1);
                self.bounded(refusal.code, refusal.answer(flow.peer)?, asked)
            }
        }
    }

    fn bounded(&self, code: u16, answer: Vec<u8>, asked: usize) -> Option<Bytes> {
        if answer.len() > asked.saturating_mul(ANSWER_TIMES_MAX) {
            return None;
        }
        self.counts.answered(code);
        Some(answer.into())
    }

    /// 503: come again in a while, or try another of our like.
    fn busy(&self, request: &Request, flow: Flow, asked: usize) -> Option<Bytes> {
        let answer =
            Response::reply_to(request, 503).with(Known::RetryAfter, self.retry_after.clone());
        self.answer(answer, flow, asked)
    }

    fn answer(&self, mut answer: Response, flow: Flow, asked: usize) -> Option<Bytes> {
        if answer.to().tag().is_none() {
            answer.set_to_tag(STATELESS_TAG);
        }
        let mut via = answer.via().clone();
        via.came_from(flow.peer);
        answer.set_via(via);
        let mut out = Vec::with_capacity(asked);
        answer.write(&mut out);
        self.bounded(answer.code(), out, asked)
    }

    /// Whether new work of a kind is turned away. Between the marks it goes on as it was, so
    /// that it does not change with every message.
    fn refuses(&self, work: Work) -> bool {
        if work == Work::Call && self.closing.load(Ordering::Relaxed) {
            return true;
        }
        let waiting = self.inbox.max_capacity().saturating_sub(self.inbox.capacity());
        let before = self.shedding.load(Ordering::Relaxed);
        let after = if before { waiting > self.shed_below } else { waiting >= self.shed_above };
        if before != after {
            self.shedding.store(after, Ordering::Relaxed);
            if after {
                tracing::warn!(waiting, "too much to do: new calls are refused");
            } else {
                tracing::info!(waiting, "new calls are taken again");
            }
        }
        after
    }

    fn was_let_in(&self, key: u64) -> bool {
        self.place(key).is_some_and(|place| place.load(Ordering::Relaxed) == key)
    }

    fn let_in(&self, key: u64) {
        self.place(key).into_iter().for_each(|place| place.store(key, Ordering::Relaxed));
    }

    fn place(&self, key: u64) -> Option<&AtomicU64> {
        let at = key % u64::try_from(LET_IN).unwrap_or(1);
        self.let_in.get(usize::try_from(at).unwrap_or(0))
    }

    /// Refuses new calls from here on.
    pub(super) fn refuse_new(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Tells that something cannot be sent, from a task that may wait.
    pub(super) async fn undelivered(&self, hop: Hop) {
        let _stopping = self.inbox.send(Arrived::Undelivered(hop)).await.is_err();
    }

    /// The same from whoever may not wait. In a full inbox it is lost, and the transaction ends
    /// by its own time.
    pub(super) fn undelivered_at_once(&self, hop: Hop) {
        let _lost = self.inbox.try_send(Arrived::Undelivered(hop)).is_err();
    }

    /// Tells where a trunk is.
    pub(super) async fn trunk_hops(&self, trunk: Name, hops: Vec<Hop>) {
        let _stopping = self.inbox.send(Arrived::TrunkHops { trunk, hops }).await.is_err();
    }
}

/// Whether a request outside a dialog is in another user's name. The exchange holds it against the
/// password as well; inside a dialog that has been done.
fn begins_as_another(request: &Request, user: &str) -> bool {
    let begins = match request.method() {
        Method::Ack | Method::Cancel => false, // of a request that was looked at
        Method::Invite | Method::Bye | Method::Options | Method::Register => true,
        Method::Prack | Method::Update | Method::Info | Method::Refer => true,
        Method::Message | Method::Subscribe | Method::Notify | Method::Publish => true,
    };
    let named = request.from().uri.user_text();
    begins && request.to().tag().is_none() && named.as_deref() != Some(user)
}

/// The kind of work that a request begins; `None` for what belongs to work that runs.
fn new_work(request: &Request) -> Option<Work> {
    if request.to().tag().is_some() {
        return None;
    }
    match request.method() {
        Method::Invite | Method::Options | Method::Subscribe => Some(Work::Call),
        Method::Message | Method::Publish | Method::Refer | Method::Notify => Some(Work::Call),
        Method::Register => Some(Work::Registration),
        Method::Ack | Method::Bye | Method::Cancel | Method::Prack => None,
        Method::Update | Method::Info => None,
    }
}

/// What a repeated request has in common with the first.
fn key_of(request: &Request) -> u64 {
    let mut hash = DefaultHasher::new();
    (request.call_id(), request.cseq().0, request.via().branch()).hash(&mut hash);
    hash.finish()
}
