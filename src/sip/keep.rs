//! Dialogs that outlive a restart.

use serde::{Deserialize, Serialize};

use crate::model::Now;

use super::dialog::Dialog;
use super::io::{KeptError, SessionId};
use super::session::{Able, Peer, Phase, Session};
use super::session_offer::Change;
use super::session_timer::Clock;
use super::stack::Stack;
use super::timers::Alarms;

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

impl Stack {
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
