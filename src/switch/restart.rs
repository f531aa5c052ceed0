//! What outlives a crash: bindings of telephones, answered dialogs, INVITEs that wait for their
//! answer, the day's outside calls.
//!
//! The journal carries them as text that only the stack reads. Here is the fold of those records
//! and what is done with it at the next start: conversations go on, whoever was answered and not
//! joined is hung up, callers who were not answered are told so, telephones that rang are
//! cancelled, and telephones can be rung before they register again.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::allow::DayCount;
use super::causes;
use super::legs::{Fork, Kind, Leg, Media, Stage};
use super::lines::Board;
use crate::acd::io::LegReason;
use crate::model::{EndedBy, LegId, LegMove, Mono, Name, Number, Period, Record, Wall};
use crate::sip::{Caller, Refuse, SessionId};

/// The fold of the records that are the switch's own. As large as what is up and registered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Answered legs that live.
    #[serde(default)]
    pub legs: BTreeMap<LegId, String>,
    /// INVITEs of legs that are not joined with anybody yet, by session.
    #[serde(default)]
    pub invites: BTreeMap<LegId, BTreeMap<u64, KeptInvite>>,
    /// Bindings, by user and key.
    #[serde(default)]
    pub bindings: BTreeMap<Name, BTreeMap<String, Binding>>,
    /// Outside calls of the day, by operator.
    #[serde(default)]
    pub outside: BTreeMap<Name, DayCount>,
    /// Legs that we ended a moment ago, the oldest first: their BYE, CANCEL or refusal may be
    /// lost, and a process that dies repeats none. As many as end within [`BYE_LASTS`].
    #[serde(default)]
    pub ended: VecDeque<Ended>,
}

/// A leg that we ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: Mono,
    /// What was kept of it.
    pub dialog: String,
    /// Whether that is an INVITE; otherwise it was answered.
    #[serde(default)]
    pub is_invite: bool,
}

/// An INVITE without a final answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptInvite {
    /// For the stack.
    pub text: String,
    /// Whether they called us.
    pub theirs: bool,
}

/// How long a BYE is repeated until it is answered (64*T1, RFC 3261 section 17.1.2). Longer keeps
/// texts of legs whose other end has answered long ago; shorter leaves telephones in a call that
/// is over when the process dies while the wire loses packets.
const BYE_LASTS: Period = Period::secs(32);

/// How old an end may be at a start whose BYE is sent once more. Past it a telephone has noticed
/// by its session timer; longer sends requests that are answered 481, shorter leaves telephones
/// behind when the start itself took long.
const BYE_AGAIN_MAX: Period = Period::mins(30);

/// One registered telephone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// For the stack.
    pub state: String,
    /// When it ends by itself.
    pub until: Wall,
}

/// The saved state of an exchange beside the engine's own words.
#[derive(Deserialize)]
struct Saved {
    #[serde(default)]
    lines: Kept,
}

/// An answered leg as the journal has it.
#[derive(Debug, Serialize, Deserialize)]
struct KeptLeg {
    session: String,
    party: KeptParty,
    with: Option<LegId>,
    shown: String,
    version: u64,
    body: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptParty {
    Caller { trunk: Name },
    Placing { operator: Name },
    Phone { operator: Name, user: String },
    Outside { number: Number, trunk: Option<Name> },
}

impl Kept {
    /// Folds one record in, which was written at this moment.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every other kind is the engine's, whose own fold lists them all"
    )]
    pub fn apply(&mut self, at: Mono, record: &Record) {
        while self.ended.front().is_some_and(|it| it.at + BYE_LASTS < at) {
            self.ended.pop_front();
        }
        match record {
            Record::LegKept { leg, dialog } if dialog.is_empty() => self.end(at, *leg),
            Record::LegKept { leg, dialog } => {
                self.legs.insert(*leg, dialog.clone());
            }
            Record::LegMoved { leg, to: LegMove::Ended(EndedBy::Party) } => {
                self.legs.remove(leg); // the BYE or CANCEL is theirs, and theirs to repeat
                self.end_ours(at, *leg);
            }
            Record::LegMoved { leg, to: LegMove::Ended(_) } => self.end(at, *leg),
            Record::InviteKept { leg, session, theirs, invite } => {
                let kept = KeptInvite { text: invite.clone(), theirs: *theirs };
                self.invites.entry(*leg).or_default().insert(*session, kept);
            }
            Record::PartiesJoined { first, second, .. } => {
                self.end_ours(at, *first);
                self.end_ours(at, *second);
            }
            Record::BindingKept { user, key, state, until } => {
                let binding = Binding { state: state.clone(), until: *until };
                self.bindings.entry(user.clone()).or_default().insert(key.clone(), binding);
            }
            Record::BindingGone { user, key } => {
                if let Some(keys) = self.bindings.get_mut(user) {
                    keys.remove(key);
                    if keys.is_empty() {
                        self.bindings.remove(user);
                    }
                }
            }
            Record::OutsideCounted { operator, day, calls } => {
                let count = DayCount { day: *day, calls: *calls };
                self.outside.insert(operator.clone(), count);
            }
            _ => {}
        }
    }

    /// Whether anything of a leg is kept.
    pub fn has(&self, leg: LegId) -> bool {
        self.legs.contains_key(&leg) || self.invites.contains_key(&leg)
    }

    /// A leg was ended from our side.
    fn end(&mut self, at: Mono, leg: LegId) {
        if let Some(dialog) = self.legs.remove(&leg) {
            self.ended.push_back(Ended { at, dialog, is_invite: false });
        }
        for invite in self.invites.remove(&leg).into_iter().flat_map(BTreeMap::into_values) {
            self.ended.push_back(Ended { at, dialog: invite.text, is_invite: true });
        }
    }

    /// A leg needs its INVITEs no more: the caller has their answer, and telephones that did not
    /// get the call were cancelled.
    fn end_ours(&mut self, at: Mono, leg: LegId) {
        let invites = self.invites.remove(&leg).into_iter().flat_map(BTreeMap::into_values);
        for invite in invites.filter(|invite| !invite.theirs) {
            self.ended.push_back(Ended { at, dialog: invite.text, is_invite: true });
        }
    }

    /// Adds itself to the engine's saved state, which is one JSON object. A state without lines
    /// is the engine's alone, as it always was.
    pub fn write_into(&self, mut engine: Vec<u8>) -> Vec<u8> {
        if *self == Kept::default() || engine.last() != Some(&b'}') {
            return engine;
        }
        engine.pop();
        engine.extend_from_slice(b",\"lines\":");
        engine.extend(serde_json::to_vec(self).unwrap_or_else(|_| b"{}".to_vec()));
        engine.push(b'}');
        engine
    }

    /// Reads itself from a saved state; one without lines has none.
    ///
    /// # Errors
    /// When the bytes are no saved state.
    pub fn read_from(state: &[u8]) -> Result<Kept, serde_json::Error> {
        serde_json::from_slice::<Saved>(state).map(|saved| saved.lines)
    }
}

impl Board<'_> {
    /// Writes an answered leg down.
    pub fn keep(&mut self, id: LegId) {
        let Some(leg) = self.lines.legs.get(id) else { return };
        let Some(session) = leg.main.and_then(|main| self.sip.keep(main)) else { return };
        let fork = leg.main.and_then(|main| leg.forks.get(&main));
        let party = match &leg.kind {
            Kind::Caller { trunk } => KeptParty::Caller { trunk: trunk.clone() },
            Kind::Placing { operator } => KeptParty::Placing { operator: operator.clone() },
            Kind::Phone { operator, user } => {
                KeptParty::Phone { operator: operator.clone(), user: user.clone() }
            }
            Kind::Outside { number, .. } => KeptParty::Outside {
                number: number.clone(),
                trunk: fork.and_then(|fork| fork.trunk.clone()),
            },
        };
        let body = leg.media.body.as_ref().and_then(|body| std::str::from_utf8(body).ok());
        let kept = KeptLeg {
            session,
            party,
            with: leg.with,
            shown: leg.shown.user.clone(),
            version: leg.version,
            body: body.map(str::to_owned),
        };
        if let Ok(dialog) = serde_json::to_string(&kept) {
            self.lines.records.push_back(Record::LegKept { leg: id, dialog });
        }
    }

    /// Writes an INVITE of a leg down that has no final answer.
    pub fn keep_invite(&mut self, id: LegId, session: SessionId) {
        let Some(leg) = self.lines.legs.get(id).filter(|leg| leg.stage == Stage::Calling) else {
            return;
        };
        let theirs = leg.kind.is_inbound();
        let Some(invite) = self.sip.keep_invite(session) else { return };
        let session = session.0;
        self.lines.records.push_back(Record::InviteKept { leg: id, session, theirs, invite });
    }

    /// Takes the kept legs back: pairs that were in conversation go on, the others are hung up,
    /// and whoever was not answered is told that nothing comes of it. Returns the legs that the
    /// engine can count on.
    pub fn resume(&mut self, kept: &Kept) -> Vec<LegId> {
        let read = |(id, text): (&LegId, &String)| {
            serde_json::from_str::<KeptLeg>(text).ok().map(|leg| (*id, leg))
        };
        let invites = &kept.invites;
        let kept: BTreeMap<LegId, KeptLeg> = kept.legs.iter().filter_map(read).collect();
        let talked = |id: LegId, leg: &KeptLeg| {
            let with = leg.with.and_then(|with| Some((with, kept.get(&with)?)));
            with.is_some_and(|(with, partner)| {
                partner.with == Some(id) && self.engine.are_joined(id, with)
            })
        };
        let joined: Vec<LegId> =
            kept.iter().filter(|(id, leg)| talked(**id, leg)).map(|(id, _)| *id).collect();
        for (id, leg) in &kept {
            self.take_up(*id, leg);
        }
        let both = |id: &LegId| {
            let with = self.lines.legs.get(*id).and_then(|leg| leg.with);
            with.is_some_and(|with| joined.contains(&with) && self.lines.legs.get(with).is_some())
        };
        let lives: Vec<LegId> = joined.iter().copied().filter(both).collect();
        // Before anybody is hung up: a telephone that was answered is not cancelled as well.
        for (_, invite) in invites.iter().filter(|(id, _)| !lives.contains(id)) {
            for invite in invite.values() {
                self.end_invite(&invite.text);
            }
        }
        for id in kept.keys() {
            if lives.contains(id) {
                self.go_on(*id);
            } else {
                self.drop_leg(*id, LegReason::Over);
            }
        }
        self.lines.told.clear(); // the engine learns of legs that are gone by not being told them
        lives
    }

    /// Ends an INVITE of the last process: a caller is asked to come again, a telephone stops
    /// ringing. Whoever has had the end answers 481, or not at all.
    fn end_invite(&mut self, text: &str) {
        let refuse = Refuse { code: 503, retry_after: Some(causes::RETRY_AFTER), reason: None };
        let cause = causes::cause(LegReason::Withdrawn);
        if let Err(error) = self.sip.end_invite(text, &refuse, &cause, self.now) {
            tracing::debug!(%error, "an INVITE of the last process is left as it is");
        }
    }

    /// Ends once more what the last process had ended shortly before it died: nobody else
    /// repeats a BYE that was lost. Whoever got it answers 481.
    pub fn end_again(&mut self, ended: &VecDeque<Ended>) {
        for Ended { at, dialog, is_invite } in ended {
            if self.now.mono.since(*at) > BYE_AGAIN_MAX {
                continue;
            }
            if *is_invite {
                self.end_invite(dialog);
                continue;
            }
            let Ok(kept) = serde_json::from_str::<KeptLeg>(dialog) else { continue };
            if let Ok(session) = self.sip.restore(&kept.session, self.now) {
                self.sip.bye(session, &causes::cause(LegReason::Over), self.now);
            }
        }
    }

    /// One leg with its session, as far as the stack can take it back.
    fn take_up(&mut self, id: LegId, kept: &KeptLeg) {
        let Ok(session) = self.sip.restore(&kept.session, self.now) else { return };
        let (kind, trunk) = match &kept.party {
            KeptParty::Caller { trunk } => {
                (Kind::Caller { trunk: trunk.clone() }, Some(trunk.clone()))
            }
            KeptParty::Placing { operator } => (Kind::Placing { operator: operator.clone() }, None),
            KeptParty::Phone { operator, user } => {
                (Kind::Phone { operator: operator.clone(), user: user.clone() }, None)
            }
            KeptParty::Outside { number, trunk } => {
                (Kind::Outside { number: number.clone(), trunks: Vec::new() }, trunk.clone())
            }
        };
        let shown = Caller { user: kept.shown.clone(), display: String::new(), private: false };
        let mut leg = Leg::new(id, kind, kept.with, shown);
        leg.main = Some(session);
        leg.stage = Stage::Up;
        leg.version = kept.version;
        leg.media = Media { body: kept.body.clone().map(Into::into), revision: 1 };
        leg.forks.insert(session, Fork { device: None, trunk: trunk.clone(), cancelled: false });
        if let Some(trunk) = trunk {
            self.lines.trunks.take(&trunk, id);
        }
        self.lines.legs.add(leg);
    }

    /// A leg of a conversation that goes on: both know of each other what they knew.
    fn go_on(&mut self, id: LegId) {
        let with = self.lines.legs.get(id).and_then(|leg| leg.with);
        let Some(partner) = with.and_then(|with| self.lines.legs.get(with)) else { return };
        let heard = Some((partner.id, partner.media.revision));
        let operator = partner.kind.operator().cloned();
        let Some(leg) = self.lines.legs.get_mut(id) else { return };
        leg.heard = heard;
        leg.joined = true;
        let outside = matches!(leg.kind, Kind::Outside { .. });
        if let Some(operator) = operator.filter(|_| outside) {
            self.lines.ledger.live(&operator, id);
        }
    }

    /// Ends what the engine did not take up after all.
    pub fn drop_strays(&mut self) {
        let stray = |leg: &&Leg| leg.lives() && !self.engine.is_live_leg(leg.id);
        let strays: Vec<LegId> = self.lines.legs.iter().filter(stray).map(|leg| leg.id).collect();
        for id in strays {
            self.drop_leg(id, LegReason::Over);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fold_forgets_what_ended() {
        let mut kept = Kept::default();
        kept.apply(Mono(1), &Record::LegKept { leg: LegId(1), dialog: String::from("{}") });
        let binding = |key: &str| Record::BindingKept {
            user: "aziza".into(),
            key: key.into(),
            state: String::from("{}"),
            until: Wall(5),
        };
        kept.apply(Mono(1), &binding("a"));
        kept.apply(Mono(1), &binding("b"));
        kept.apply(Mono(1), &Record::BindingGone { user: "aziza".into(), key: "a".into() });
        assert_eq!(kept.bindings[&Name::from("aziza")].len(), 1);
        kept.apply(Mono(1), &Record::BindingGone { user: "aziza".into(), key: "b".into() });
        let ended = LegMove::Ended(EndedBy::Party);
        kept.apply(Mono(1), &Record::LegMoved { leg: LegId(1), to: ended });
        assert_eq!(kept, Kept::default());
    }

    #[test]
    fn what_we_ended_is_kept_for_as_long_as_its_end_is_repeated() {
        let mut kept = Kept::default();
        let text = |leg| Record::LegKept { leg, dialog: format!("{{\"leg\":{leg}}}") };
        for (at, leg) in [(1, LegId(1)), (20_000, LegId(2))] {
            kept.apply(Mono(at), &text(leg));
            let to = LegMove::Ended(EndedBy::Us);
            kept.apply(Mono(at), &Record::LegMoved { leg, to });
            kept.apply(Mono(at), &Record::LegMoved { leg, to });
        }
        let ended = |kept: &Kept| kept.ended.iter().map(|it| it.at.0).collect::<Vec<_>>();
        assert_eq!((kept.legs.len(), ended(&kept)), (0, vec![1, 20_000]));
        let written = kept.write_into(b"{\"a\":1}".to_vec());
        assert_eq!(Kept::read_from(&written).unwrap(), kept);
        kept.apply(Mono(32_001), &text(LegId(3)));
        assert_eq!(ended(&kept), [1, 20_000], "the last repeat is due now");
        kept.apply(Mono(32_002), &text(LegId(3)));
        assert_eq!(ended(&kept), [20_000]);
    }

    #[test]
    fn a_state_with_lines_is_still_the_engines_state() {
        let mut kept = Kept::default();
        assert_eq!(kept.write_into(b"{\"a\":1}".to_vec()), b"{\"a\":1}");
        kept.apply(Mono(1), &Record::LegKept { leg: LegId(1), dialog: String::from("{\"x\":1}") });
        let written = kept.write_into(b"{\"a\":1}".to_vec());
        assert_eq!(Kept::read_from(&written).unwrap(), kept);
        assert_eq!(Kept::read_from(b"{\"a\":1}").unwrap(), Kept::default());
    }
}
