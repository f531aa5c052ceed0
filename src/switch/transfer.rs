//! Passing on: REFER from an operator's telephone, and a telephone that takes over the call of
//! another one of the same operator (INVITE with Replaces).

use super::causes;
use super::legs::{Fork, Leg, Stage, Talk};
use super::lines::Board;
use crate::acd::io::{Input, LegReason, Transfer, TransferProgress, TransferTo};
use crate::model::{LegId, Name};
use crate::sip::{Invited, Refuse, SessionId, Uri};

/// Whoever may not ask for this.
const FORBIDDEN: u16 = 403;
/// A dialog that is not there, or not this person's to know about.
const NO_DIALOG: u16 = 481;

impl Board<'_> {
    /// A party asks that its partner be passed on. Only operators may; whom they may reach is
    /// judged as if they dialled it.
    pub fn referred(&mut self, session: SessionId, to: &Uri, replaces: Option<SessionId>) {
        let leg = self.lines.legs.of(session).and_then(|id| self.lines.legs.get(id));
        let asker = leg.filter(|leg| leg.main == Some(session) && leg.lives());
        let Some((id, operator)) = asker.and_then(|leg| Some((leg.id, leg.kind.operator()?)))
        else {
            self.sip.referred(session, FORBIDDEN, self.now);
            return;
        };
        let to = match replaces {
            Some(other) => self.own_leg(operator, other).map(TransferTo::PartyOf).ok_or(FORBIDDEN),
            None => self.meant(to).map(TransferTo::Target).ok_or(404),
        };
        match to {
            Ok(to) => self.lines.told.push_back(Input::Transfer(Transfer { leg: id, to })),
            Err(code) => self.sip.referred(session, code, self.now),
        }
    }

    /// A leg of this operator, by its session.
    fn own_leg(&self, operator: &Name, session: SessionId) -> Option<LegId> {
        let leg = self.lines.legs.get(self.lines.legs.of(session)?)?;
        (leg.kind.operator() == Some(operator) && leg.lives()).then_some(leg.id)
    }

    /// How a transfer goes, for who asked.
    pub fn transferred(&mut self, id: LegId, progress: TransferProgress) {
        if let Some(session) = self.lines.legs.get(id).and_then(|leg| leg.main) {
            self.sip.referred(session, causes::progress(progress), self.now);
        }
    }

    /// A telephone wants the place of another one in a conversation. The other must be the same
    /// operator's: with a stranger's it is told no more than that there is no such call.
    pub fn replace(&mut self, operator: &Name, old: SessionId, invited: &Invited) {
        let heir = invited.session;
        let free = |leg: &&Leg| leg.joined && leg.talk == Talk::Quiet && leg.heir.is_none();
        let leg = self.own_leg(operator, old).and_then(|id| self.lines.legs.get(id)).filter(free);
        let leg = leg.filter(|leg| leg.main == Some(old) && leg.stage == Stage::Up);
        let partner = leg.and_then(|leg| self.lines.legs.get(leg.with?)).filter(free);
        let found = leg.map(|leg| leg.id).zip(partner.map(|it| it.id)).zip(invited.sdp.clone());
        let Some(((id, partner), offer)) = found else {
            self.sip.reject(heir, &Refuse { code: NO_DIALOG, ..Refuse::default() }, self.now);
            return;
        };
        self.lines.legs.hope(id, heir, offer.clone());
        self.ask(partner, &offer, Talk::Replacing);
    }

    /// The partner of a leg answered what the heir offered.
    pub fn replaced(&mut self, partner: LegId, result: Result<bytes::Bytes, u16>) {
        let with = self.lines.legs.get(partner).and_then(|leg| leg.with);
        let heir = with.and_then(|id| self.lines.legs.get(id)).and_then(|leg| leg.heir.clone());
        let (Some(id), Some((heir, offer))) = (with, heir) else {
            // The heir is gone: its words are taken back.
            if let Some(leg) = self.lines.legs.get_mut(partner) {
                leg.heard = None;
                leg.rounds = 0;
            }
            self.advance(partner);
            return;
        };
        self.lines.legs.forget_heir(heir);
        let body = match result {
            Ok(body) => body,
            Err(_) => {
                self.sip.reject(heir, &Refuse { code: 488, ..Refuse::default() }, self.now);
                return;
            }
        };
        if let Some(old) = self.lines.legs.get(id).and_then(|leg| leg.main) {
            self.hang_up(old, causes::cause(LegReason::Over));
        }
        self.lines.legs.fork(id, heir, Fork { device: None, trunk: None, cancelled: false });
        let heard = self.lines.legs.get(partner).map(|leg| (leg.id, leg.media.revision));
        let Some(leg) = self.lines.legs.get_mut(id) else { return };
        leg.main = Some(heir);
        leg.stage = Stage::Accepted;
        leg.learn(Some(offer));
        leg.heard = heard;
        let revision = leg.media.revision;
        let body = leg.address(&body, &[]);
        if let Some(partner) = self.lines.legs.get_mut(partner) {
            partner.heard = Some((id, revision));
        }
        self.sip.accept(heir, Some(body), self.now);
        self.keep(id);
    }
}
