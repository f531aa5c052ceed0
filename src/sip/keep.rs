//! Dialogs that outlive a restart, and INVITEs that do not: what is needed to end those.

use serde::{Deserialize, Serialize};

use crate::model::Now;

use super::compose::{Block, head_of};
use super::dialog::Dialog;
use super::headers::Via;
use super::io::{Cause, Flow, Hop, KeptError, Refuse, SessionId};
use super::message::Method;
use super::session::{Able, Cancel, Peer, Phase, Session, answer, reason_of};
use super::session_caller::send_cancel;
use super::session_offer::Change;
use super::session_timer::Clock;
use super::stack::Stack;
use super::timers::Alarms;
use super::transaction::{GIVE_UP, Leaves, Opening, Owner, Way};

/// How far our numbering jumps ahead after a restart: requests that went out after the text was
/// kept must not be repeated by number. Larger costs nothing but digits.
const CSEQ_JUMP: u32 = 1000;

/// The journal's form of a confirmed session.
#[derive(Debug, Serialize, Deserialize)]
struct KeptDialog {
    session: SessionId,
    peer: Peer,
    ours: bool,
    dialog: Dialog,
    able: Able,
    invite_seq: u32,
    timer: Clock,
    sdp: Option<String>,
}

/// The journal's form of an INVITE without a final answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptInvite {
    /// Somebody called us: what its final answer repeats, and where that goes.
    Theirs { key: String, flow: Flow, reply: Hop, echo: String },
    /// We called somebody: what its CANCEL repeats, and where that goes.
    Ours { session: SessionId, peer: Peer, branch: u64, cseq: u32, hop: Hop, head: String },
}

impl Stack {
    /// The text of a session for the journal whose INVITE has no final answer; `None` for one of
    /// ours that nothing was heard of, which cannot be cancelled (RFC 3261 section 9.1).
    pub fn keep_invite(&self, id: SessionId) -> Option<String> {
        let session = self.sessions.get(&id)?;
        let kept = match session.phase {
            Phase::Ringing | Phase::Holding => {
                let tx = self.works.servers.get(session.invite)?;
                let echo = session.opening.as_ref()?.echo.as_str().to_owned();
                let (key, flow, reply) = (tx.key().to_owned(), tx.flow, tx.reply);
                KeptInvite::Theirs { key, flow, reply, echo }
            }
            Phase::Calling { heard: true, cancel: Cancel::No } => {
                let tx = self.works.clients.get(session.invite)?;
                KeptInvite::Ours {
                    session: id,
                    peer: session.peer.clone(),
                    branch: session.invite,
                    cseq: tx.cseq,
                    hop: tx.hop,
                    head: head_of(&tx.bytes)?,
                }
            }
            Phase::Calling { .. }
            | Phase::AckDue
            | Phase::Answered
            | Phase::Closing
            | Phase::Talking
            | Phase::Over => return None,
        };
        serde_json::to_string(&kept).ok()
    }

    /// Ends an INVITE that a process before this one left open: theirs is refused so, ours is
    /// cancelled with this cause, and a 2xx that comes all the same is acknowledged and ended.
    /// No event follows. Fails on a foreign text and on a session that was restored.
    pub fn end_invite(
        &mut self,
        text: &str,
        refuse: &Refuse,
        cause: &Cause,
        now: Now,
    ) -> Result<(), KeptError> {
        self.works.wire.now = now;
        let kept: KeptInvite =
            serde_json::from_str(text).map_err(|error| KeptError::Unreadable(error.to_string()))?;
        match kept {
            KeptInvite::Theirs { key, flow, reply, echo } => {
                if self.works.servers.find(&key).is_some() {
                    return Ok(()); // it came again and is being dealt with
                }
                let way = Way { flow, reply: way_back(reply, &echo), session: None };
                let works = &mut self.works;
                let tx = works.servers.open_invite(&mut works.wire, &key, way);
                let mut draft = answer(refuse.code, &Block::kept(echo), &works.settings);
                if let Some(after) = refuse.retry_after {
                    draft.count("Retry-After", u64::from(after));
                }
                let leaves = Leaves::AtOnce;
                works.servers.answer(&mut works.wire, tx, refuse.code, draft.end(), leaves);
            }
            KeptInvite::Ours { session, peer, branch, cseq, hop, head } => {
                if self.sessions.contains_key(&session) {
                    return Err(KeptError::Running(session.0));
                }
                let works = &mut self.works;
                let invite = Opening {
                    branch,
                    method: Method::Invite,
                    cseq,
                    hop: Hop { connection: None, ..hop },
                    bytes: head.into(),
                    owner: Owner::Session(session),
                    trunk: works.trunk_of(&peer),
                    tries: 0,
                };
                works.clients.resume(&mut works.wire, invite, GIVE_UP);
                send_cancel(works, branch, reason_of(cause).as_deref());
            }
        }
        Ok(())
    }

    /// The text of an answered session for the journal; `None` before the answer.
    pub fn keep(&self, id: SessionId) -> Option<String> {
        let session = self.sessions.get(&id)?;
        match session.phase {
            Phase::Answered | Phase::Talking | Phase::AckDue => {}
            Phase::Calling { .. }
            | Phase::Ringing
            | Phase::Holding
            | Phase::Closing
            | Phase::Over => return None,
        }
        let sdp = session.sdp.as_ref().and_then(|sdp| std::str::from_utf8(sdp).ok());
        let kept = KeptDialog {
            session: id,
            peer: session.peer.clone(),
            ours: session.ours,
            dialog: session.dialog.clone(),
            able: session.able,
            invite_seq: session.invite_seq,
            timer: session.timer,
            sdp: sdp.map(str::to_owned),
        };
        serde_json::to_string(&kept).ok()
    }

    /// Goes on with a session after a restart: a BYE from either end passes, session timers run.
    /// Fails on a foreign text, a number that is running, and a full table.
    pub fn restore(&mut self, text: &str, now: Now) -> Result<SessionId, KeptError> {
        self.works.wire.now = now;
        let kept: KeptDialog =
            serde_json::from_str(text).map_err(|error| KeptError::Unreadable(error.to_string()))?;
        let id = kept.session;
        if self.sessions.contains_key(&id) {
            return Err(KeptError::Running(id.0));
        }
        if self.is_full() {
            return Err(KeptError::Full);
        }
        let mut dialog = kept.dialog;
        dialog.local_seq = dialog.local_seq.saturating_add(CSEQ_JUMP);
        dialog.heard.connection = None; // streams did not survive either
        dialog.aim();
        let mut session = Session {
            id,
            peer: kept.peer,
            ours: kept.ours,
            phase: Phase::Talking,
            able: kept.able,
            alarms: Alarms::default(),
            invite: 0,
            invite_seq: kept.invite_seq,
            sdp: kept.sdp.map(bytes::Bytes::from),
            opening: None,
            repeat: None,
            change: Change::None,
            timer: kept.timer,
            refer: None,
            referring: false,
            dialog,
        };
        self.take_number(id);
        self.works.tags.insert(session.dialog.local_tag, id);
        session.start_clock(&mut self.works);
        self.sessions.insert(id, Box::new(session));
        Ok(id)
    }
}

/// Where an answer goes whose stream did not survive: to the port that the sender listens at
/// (RFC 3261 section 18.2.2).
fn way_back(reply: Hop, echo: &str) -> Hop {
    let mut hop = Hop { connection: None, ..reply };
    let via = echo.lines().next().and_then(|line| line.strip_prefix("Via: "));
    if let Some(via) = via.and_then(|via| Via::read(via).ok())
        && hop.transport.is_reliable()
    {
        hop.peer.set_port(via.port.unwrap_or_else(|| hop.transport.port()));
    }
    hop
}
