//! Media from leg to leg: who is told what the other said, until both know and are joined.
//!
//! Audio runs directly between the two parties, so the bodies pass through us with nothing but
//! their origin (`o=`) rewritten: each leg has a session of its own, whose version counts up
//! (RFC 3264 section 8). One rule covers every way to a conversation (an answer, a late offer, a
//! standby that is promoted, a transfer): two legs are joined once each was told what the other
//! says now, and whoever was not is offered it.

use core::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;

use super::legs::{Leg, Stage, Talk};
use super::lines::Board;
use super::wiring::Keys;
use crate::acd::io::{LegEvent, LegReason};
use crate::model::{EndedBy, LegId};
use crate::sip::{SessionId, sdp};

/// Offers to one pair until they are taken as joined. Telephones that change their mind at each
/// question would be asked for ever with more; with fewer a transfer between codecs fails.
const ROUNDS_MAX: u8 = 4;
/// What an exchange in progress is answered with (RFC 3261 section 14.2).
const PENDING: u16 = 491;

/// A body that offers audio and sends none: for a telephone that has no partner yet.
pub fn silence() -> Bytes {
    Bytes::from_static(
        b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
m=audio 9 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\na=inactive\r\n",
    )
}

/// Whether a body can be passed on.
pub fn is_readable(body: &Bytes) -> bool {
    sdp::read(body).is_ok()
}

/// Whether a party holds its partner with this body.
pub fn is_hold(body: &Bytes) -> bool {
    sdp::read(body).is_ok_and(|body| body.is_hold())
}

/// What a body says, without who says it and in which version.
fn meaning(body: &Bytes) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.starts_with(b"o=") && !line.is_empty())
}

impl Leg {
    /// Takes in what the party says of its media.
    pub fn learn(&mut self, body: Option<Bytes>) {
        let Some(body) = body else { return };
        let before = self.words();
        self.media.body = Some(body);
        let same = match (&before, &self.words()) {
            (Some(before), Some(now)) => meaning(before).eq(meaning(now)),
            (Some(_) | None, _) => false,
        };
        if !same {
            self.media.revision = self.media.revision.saturating_add(1);
        }
    }

    /// What the party says of its media to whoever it is joined with. That it only listened
    /// while an earlier partner held it, or answered our silence with silence, is no wish of its
    /// own and is not told on.
    pub fn words(&self) -> Option<Bytes> {
        let body = self.media.body.clone()?;
        let open = sdp::read(&body).is_ok_and(|it| it.direction() == sdp::Direction::SendRecv);
        if self.held || open {
            return Some(body);
        }
        Some(Bytes::from(sdp::set_direction(&body, sdp::Direction::SendRecv)))
    }

    /// Whose words, in which revision.
    pub fn said(&self) -> (LegId, u32) {
        (self.id, self.media.revision)
    }

    /// A body as this leg gets it: with an origin of its own.
    pub fn address(&mut self, body: &Bytes, codecs: &[String]) -> Bytes {
        self.version = self.version.saturating_add(1);
        let address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let origin = sdp::Origin { id: self.id.0, version: self.version, address };
        let fewer = if codecs.is_empty() { None } else { sdp::restrict(body, codecs) };
        let body = fewer.as_deref().unwrap_or(body);
        let written = Bytes::from(sdp::rewrite(body, &origin, None));
        self.sent = Some(written.clone());
        written
    }
}

impl Board<'_> {
    /// The offer for a leg that is about to be rung: what its partner says, or silence while
    /// there is none. `None`: the partner left the offer to us, so the callee makes it.
    pub fn offer_from(
        &mut self,
        leg: &mut Leg,
        with: Option<LegId>,
        codecs: &[String],
    ) -> Option<Bytes> {
        let Some(partner) = with.and_then(|with| self.lines.legs.get(with)) else {
            return Some(leg.address(&silence(), &[]));
        };
        let body = partner.words()?;
        leg.heard = Some(partner.said());
        Some(leg.address(&body, codecs))
    }

    /// Tells a caller that it rings, once.
    pub fn ring_caller(&mut self, id: LegId) {
        let Some(leg) = self.lines.legs.get_mut(id).filter(|leg| leg.is_waiting()) else { return };
        if leg.rings {
            return;
        }
        leg.rings = true;
        if let Some(session) = leg.main {
            self.sip.ring(session, 180, None, self.now);
        }
    }

    /// Early media of a leg goes to its caller only when nothing else rings for that caller: two
    /// voices at once are nobody's.
    pub fn early_media(&mut self, id: LegId, body: Bytes) {
        let Some(leg) = self.lines.legs.get(id) else { return };
        let Some(with) = leg.with.filter(|_| leg.live_forks().count() == 1) else { return };
        let alone = self.lines.legs.calling(with).count() == 1;
        let hears = self.lines.legs.get(with).is_some_and(|caller| {
            caller.is_waiting() && caller.media.body.is_some() && caller.early.is_none()
        });
        if !alone || !hears || !is_readable(&body) {
            return;
        }
        let Some(leg) = self.lines.legs.get_mut(id) else { return };
        leg.learn(Some(body.clone()));
        let heard = (id, leg.media.revision);
        let Some(caller) = self.lines.legs.get_mut(with) else { return };
        caller.early = Some(id);
        caller.heard = Some(heard);
        caller.rings = true;
        let body = caller.address(&body, &[]);
        if let Some(session) = caller.main {
            self.sip.ring(session, 183, Some(body), self.now);
        }
    }

    /// Joins two legs, whatever either was joined with before.
    pub fn bridge(&mut self, first: LegId, second: LegId) {
        let there = |id| self.lines.legs.get(id).is_some_and(Leg::lives);
        if first == second || !there(first) || !there(second) {
            return; // one of them ended in the meantime; the engine hears of it
        }
        self.part(first);
        self.part(second);
        for (id, with) in [(first, second), (second, first)] {
            if let Some(leg) = self.lines.legs.get_mut(id) {
                leg.with = Some(with);
                leg.rounds = 0;
                leg.is_second = id == second;
            }
        }
        self.advance(first);
    }

    /// Loosens a leg from its partner.
    pub fn part(&mut self, id: LegId) {
        let with = self.lines.legs.get_mut(id).and_then(|leg| leg.with.take());
        let partner = with.filter(|with| {
            self.lines.legs.get(*with).is_some_and(|partner| partner.with == Some(id))
        });
        for id in [Some(id), partner].into_iter().flatten() {
            let Some(leg) = self.lines.legs.get_mut(id) else { continue };
            leg.with = None;
            leg.joined = false;
            if leg.talk != Talk::Asking {
                continue;
            }
            leg.talk = Talk::Quiet;
            if let Some(session) = leg.main {
                self.sip.answer_reoffer(session, Err(PENDING), self.now);
            }
        }
    }

    /// Both legs of a pair, when both belong to it.
    fn pair(&self, id: LegId) -> Option<(&Leg, &Leg)> {
        let leg = self.lines.legs.get(id)?;
        let with = self.lines.legs.get(leg.with?)?;
        (with.with == Some(id) && leg.lives() && with.lives()).then_some((leg, with))
    }

    /// What a leg says to whoever it is joined with.
    fn words_of(&self, id: LegId) -> Option<((LegId, u32), Bytes)> {
        let leg = self.lines.legs.get(id)?;
        Some((leg.said(), leg.words()?))
    }

    /// Does the next thing that a pair needs until both know what the other says.
    pub fn advance(&mut self, id: LegId) {
        let Some((leg, with)) = self.pair(id) else { return };
        if leg.talk != Talk::Quiet || with.talk != Talk::Quiet {
            return; // goes on with the answer
        }
        let (a, b) = (leg.id, with.id);
        match (leg.is_waiting(), with.is_waiting()) {
            (true, true) => {
                self.accept(a, b);
                self.accept(b, a);
            }
            (true, false) => self.answer_waiting(a, b),
            (false, true) => self.answer_waiting(b, a),
            (false, false) => self.exchange(a, b),
        }
    }

    /// Answers a caller with what an answered leg says, once that leg knows the caller's offer.
    fn answer_waiting(&mut self, caller: LegId, other: LegId) {
        let (Some(leg), Some(with)) = (self.lines.legs.get(caller), self.lines.legs.get(other))
        else {
            return;
        };
        if !with.is_answered() || with.stage == Stage::Accepted {
            return;
        }
        if leg.media.body.is_none() || with.owed || with.has_heard(leg) || leg.rounds >= ROUNDS_MAX
        {
            self.accept(caller, other);
        } else {
            self.offer(other, caller);
        }
    }

    /// The promise: 200 to a caller with what its partner says.
    fn accept(&mut self, caller: LegId, other: LegId) {
        let Some((said, words)) = self.words_of(other) else { return };
        let Some(leg) = self.lines.legs.get_mut(caller) else { return };
        let Some(session) = leg.main else { return };
        // After early media a telephone ignores what the 200 says (RFC 3261 section 13.2.1): it
        // still knows the early one, and is offered the other once it acknowledged.
        if leg.early.is_none() {
            leg.heard = Some(said);
        }
        leg.stage = Stage::Accepted;
        let body = leg.address(&words, &[]);
        self.sip.accept(session, Some(body), self.now);
        self.keep(caller);
    }

    /// The caller acknowledged our 200.
    pub fn confirmed(&mut self, session: SessionId, body: Option<Bytes>) {
        let Some(id) = self.lines.legs.of(session) else { return };
        let Some(leg) = self.lines.legs.get_mut(id).filter(|leg| leg.stage == Stage::Accepted)
        else {
            return;
        };
        leg.stage = Stage::Up;
        leg.learn(body.filter(is_readable));
        if leg.media.body.is_none() {
            // We made the offer and there is no answer: nobody can talk.
            self.hang_up(session, super::causes::cause(LegReason::Over));
            self.gone(id, EndedBy::Failed);
            return;
        }
        self.advance(id);
    }

    /// A caller hangs up whose ACK is lost or was overtaken. The BYE is of the dialog that our 200
    /// made, so they had what it said of their partner and were joined (RFC 3261 section 15).
    pub fn heard_by_bye(&mut self, session: SessionId) {
        let Some(id) = self.lines.legs.of(session) else { return };
        let Some((leg, with)) = self.pair(id) else { return };
        let unheard = leg.main == Some(session) && leg.stage == Stage::Accepted && !leg.joined;
        // Where the offer was ours the ACK had the answer: without it nobody could talk.
        let knows = leg.media.body.is_some() && with.stage == Stage::Up && !with.owed;
        if unheard && knows {
            let with = with.id;
            self.joined(id, with);
        }
    }

    /// Two answered legs: whoever does not know the other is told.
    fn exchange(&mut self, a: LegId, b: LegId) {
        let (Some(leg), Some(with)) = (self.lines.legs.get(a), self.lines.legs.get(b)) else {
            return;
        };
        if !leg.is_answered() || !with.is_answered() {
            return;
        }
        if leg.stage == Stage::Accepted || with.stage == Stage::Accepted {
            return; // goes on with the ACK
        }
        if leg.owed {
            return self.settle_offer(a, b);
        }
        if with.owed {
            return self.settle_offer(b, a);
        }
        let tired = leg.rounds.saturating_add(with.rounds) >= ROUNDS_MAX;
        if !tired && !leg.has_heard(with) {
            self.offer(a, b);
        } else if !tired && !with.has_heard(leg) {
            self.offer(b, a);
        } else if !leg.joined {
            self.joined(a, b);
        }
    }

    /// Answers the offer that a leg made in its 200 with what its partner says.
    fn settle_offer(&mut self, owing: LegId, other: LegId) {
        let Some((said, words)) = self.words_of(other) else { return };
        let Some(leg) = self.lines.legs.get_mut(owing) else { return };
        let Some(session) = leg.main else { return };
        leg.owed = false;
        leg.heard = Some(said);
        let body = leg.address(&words, &[]);
        self.sip.ack(session, &body, self.now);
        self.advance(owing);
    }

    /// Whatever a session still has to be told before it can be hung up: a 200 with an offer is
    /// acknowledged with an answer (RFC 3261 section 13.2.2.4).
    pub fn pay(&mut self, session: SessionId) {
        let Some(id) = self.lines.legs.of(session) else { return };
        let Some(leg) = self.lines.legs.get_mut(id) else { return };
        if leg.owed && leg.main == Some(session) {
            leg.owed = false;
            self.sip.ack(session, &silence(), self.now);
        }
    }

    /// Offers a leg what its partner says.
    fn offer(&mut self, to: LegId, of: LegId) {
        let codecs = self.codecs_of(to);
        let Some((said, words)) = self.words_of(of) else { return };
        let Some(leg) = self.lines.legs.get_mut(to) else { return };
        let Some(session) = leg.main else { return };
        leg.heard = Some(said);
        leg.talk = Talk::Offered;
        leg.rounds = leg.rounds.saturating_add(1);
        let body = leg.address(&words, &codecs);
        self.sip.reoffer(session, Some(body), self.now);
    }

    /// The codecs that a leg may be offered; empty: any.
    fn codecs_of(&self, id: LegId) -> Vec<String> {
        let Some(leg) = self.lines.legs.get(id) else { return Vec::new() };
        let fork = leg.main.and_then(|main| leg.forks.get(&main));
        let trunk = fork.and_then(|fork| fork.trunk.as_ref());
        let trunk = trunk.and_then(|trunk| self.lines.wiring.trunk(trunk));
        trunk.map(|trunk| trunk.codecs.clone()).unwrap_or_default()
    }

    /// Both know: the engine hears of it.
    fn joined(&mut self, a: LegId, b: LegId) {
        for id in [a, b] {
            let Some(leg) = self.lines.legs.get_mut(id) else { continue };
            leg.joined = true;
            leg.early = None;
            if leg.is_second {
                self.lines.tell(id, LegEvent::Bridged);
            }
            self.keep(id);
        }
    }

    /// A party offers a change, or asks for an offer.
    pub fn reoffered(&mut self, session: SessionId, body: Option<Bytes>) {
        let answer = self.reoffer_of(session, body);
        if let Some(answer) = answer {
            self.sip.answer_reoffer(session, answer, self.now);
        }
    }

    /// The answer to a change, where there is one at once.
    fn reoffer_of(
        &mut self,
        session: SessionId,
        body: Option<Bytes>,
    ) -> Option<Result<Option<Bytes>, u16>> {
        let leg = self.lines.legs.of(session).and_then(|id| self.lines.legs.get(id));
        let Some(leg) = leg.filter(|leg| leg.main == Some(session) && leg.stage == Stage::Up)
        else {
            return Some(Err(PENDING));
        };
        let id = leg.id;
        if body.is_some() && body == leg.media.body && leg.talk == Talk::Quiet {
            return Some(Ok(leg.sent.clone())); // a refresh (RFC 4028 section 7.4)
        }
        if body.as_ref().is_some_and(|body| !is_readable(body)) {
            return Some(Err(488));
        }
        let free = self.pair(id).filter(|(leg, with)| {
            leg.joined && leg.talk == Talk::Quiet && with.talk == Talk::Quiet
        });
        let Some((_, with)) = free else { return Some(Err(PENDING)) };
        let (partner, said, words) = (with.id, with.said(), with.words());
        let Some(body) = body else {
            let leg = self.lines.legs.get_mut(id)?;
            leg.talk = Talk::Answering;
            leg.heard = Some(said);
            return Some(Ok(words.map(|body| leg.address(&body, &[]))));
        };
        let leg = self.lines.legs.get_mut(id)?;
        leg.talk = Talk::Asking;
        leg.asked = Some(body.clone());
        self.ask(partner, &body, Talk::Passing);
        None
    }

    /// Offers a leg a body that is not yet its partner's word.
    pub fn ask(&mut self, id: LegId, body: &Bytes, talk: Talk) {
        let codecs = self.codecs_of(id);
        let Some(leg) = self.lines.legs.get_mut(id) else { return };
        leg.talk = talk;
        let body = leg.address(body, &codecs);
        if let Some(session) = leg.main {
            self.sip.reoffer(session, Some(body), self.now);
        }
    }

    /// A party answered our offer.
    pub fn reanswered(&mut self, session: SessionId, result: Result<Option<Bytes>, u16>) {
        let Some(id) = self.lines.legs.of(session) else { return };
        let Some(leg) = self.lines.legs.get_mut(id).filter(|leg| leg.main == Some(session)) else {
            return;
        };
        let talk = std::mem::replace(&mut leg.talk, Talk::Quiet);
        let result = match result {
            Ok(Some(body)) if is_readable(&body) => Ok(body),
            Ok(_) => Err(488),
            Err(code) => Err(code),
        };
        if let Ok(body) = &result {
            leg.learn(Some(body.clone()));
        }
        match talk {
            Talk::Offered => match result {
                Ok(_) => self.advance(id),
                Err(_) => self.no_match(id),
            },
            Talk::Passing => self.pass_back(id, result),
            Talk::Replacing => self.replaced(id, result),
            Talk::Quiet | Talk::Asking | Talk::Answering => leg.talk = talk,
        }
    }

    /// The answer to a change goes back to who asked for it.
    fn pass_back(&mut self, id: LegId, result: Result<Bytes, u16>) {
        let Some(leg) = self.lines.legs.get(id) else { return };
        let (with, said) = (leg.with, leg.said());
        let asking = with.and_then(|with| self.lines.legs.get_mut(with));
        let Some(asking) = asking.filter(|it| it.talk == Talk::Asking) else {
            return self.advance(id); // who asked is gone
        };
        asking.talk = Talk::Quiet;
        let (asker, asked, session) = (asking.id, asking.asked.take(), asking.main);
        let answer = match result {
            Ok(body) => {
                if let Some(asked) = &asked {
                    self.holds(asker, asked);
                }
                let asking = self.lines.legs.get_mut(asker);
                let told = asking.map(|asking| {
                    asking.learn(asked);
                    asking.heard = Some(said);
                    (asking.said(), asking.address(&body, &[]))
                });
                if let Some(leg) = self.lines.legs.get_mut(id) {
                    leg.heard = told.as_ref().map(|told| told.0);
                }
                Ok(told.map(|told| told.1))
            }
            Err(code) => Err(code),
        };
        if let Some(session) = session {
            self.sip.answer_reoffer(session, answer, self.now);
        }
    }

    /// A party that asked for our offer answered it.
    pub fn reconfirmed(&mut self, session: SessionId, body: Option<Bytes>) {
        let Some(id) = self.lines.legs.of(session) else { return };
        let Some(leg) = self.lines.legs.get_mut(id).filter(|leg| leg.talk == Talk::Answering)
        else {
            return;
        };
        leg.talk = Talk::Quiet;
        leg.rounds = 0;
        let body = body.filter(is_readable);
        if let Some(body) = &body {
            self.holds(id, body);
        }
        if let Some(leg) = self.lines.legs.get_mut(id) {
            leg.learn(body);
        }
        self.advance(id);
    }

    /// A key was pressed and came in the signalling: it is told on to the partner the same way. A
    /// carrier that wants keys in the media gets none: putting them there needs media of our own.
    pub fn pressed(&mut self, session: SessionId, digit: char) {
        let leg = self.lines.legs.of(session).and_then(|id| self.lines.legs.get(id));
        let joined = leg.filter(|leg| leg.joined && leg.main == Some(session));
        let with = joined.and_then(|leg| self.lines.legs.get(leg.with?));
        let Some((with, main)) = with.and_then(|with| Some((with, with.main?))) else { return };
        let trunk = with.forks.get(&main).and_then(|fork| fork.trunk.as_ref());
        let trunk = trunk.and_then(|trunk| self.lines.wiring.trunk(trunk));
        let takes = trunk.is_none_or(|trunk| trunk.keys == Keys::Info);
        if !takes || !self.sip.press(main, digit, self.now) {
            tracing::debug!(leg = %with.id, "a key is not told on: the partner takes none by INFO");
        }
    }

    /// Tells the engine when a telephone holds its partner, and when it comes back.
    fn holds(&mut self, id: LegId, body: &Bytes) {
        let holds = is_hold(body);
        let Some(leg) = self.lines.legs.get_mut(id).filter(|leg| leg.held != holds) else { return };
        leg.held = holds;
        leg.media.revision = leg.media.revision.saturating_add(1); // its words mean another thing
        self.lines.tell(id, if holds { LegEvent::Held } else { LegEvent::Resumed });
    }

    /// Two parties cannot talk with each other: who was to be joined is let go of.
    fn no_match(&mut self, id: LegId) {
        let Some((leg, with)) = self.pair(id) else { return };
        if leg.joined {
            return; // they talk as before
        }
        let loser = if leg.is_second { leg.id } else { with.id };
        let session = self.lines.legs.get(loser).and_then(|leg| leg.main);
        if self.lines.legs.get(loser).is_some_and(Leg::is_waiting) {
            self.drop_leg(loser, LegReason::Over);
            return;
        }
        if let Some(session) = session {
            self.hang_up(session, super::causes::cause(LegReason::Withdrawn));
        }
        self.gone(loser, EndedBy::Failed);
    }
}
