//! Numbers outside: who may call them, and over which trunk.

use super::allow::{DayCount, Denied};
use super::causes;
use super::legs::{Fork, Kind, Leg, Stage};
use super::lines::Board;
use crate::acd::io::{Input, LegEvent, LegReason};
use crate::model::{EndedBy, LegId, Name, Now, Number, OperatorId, Party, Record, normalise};
use crate::sip::{Caller, Invite, SessionId, Target, Uri};

impl Board<'_> {
    /// Rings an outside number. With an operator behind it, that operator's list decides.
    pub fn dial_out(
        &mut self,
        id: LegId,
        number: Number,
        with: Option<LegId>,
        account: Option<Name>,
        by: Option<OperatorId>,
    ) {
        if let Some(by) = by {
            let operator = self.engine.operator_name(by).cloned();
            let denied = match &operator {
                Some(operator) => self.allowed(operator, &number, id).err(),
                None => Some(Denied::NoList),
            };
            if let Some(denied) = denied {
                tracing::debug!(?operator, %number, %denied, "an outside call is not made");
                if let Some(leg) = with.and_then(|with| self.lines.legs.get_mut(with)) {
                    leg.denied = true;
                }
                self.lines.tell(id, LegEvent::Ended(EndedBy::Rejected));
                return;
            }
        }
        let mut trunks =
            self.lines.trunks.choose(&self.lines.wiring, self.now.mono, &mut self.lines.seed);
        if let Some(account) = account {
            trunks.retain(|trunk| *trunk == account);
        }
        let shown =
            Caller { user: number.reveal().to_owned(), display: String::new(), private: false };
        let kind = Kind::Outside { number, trunks };
        self.lines.legs.add(Leg::new(id, kind, with, shown));
        if !self.next_trunk(id) {
            self.gone(id, EndedBy::Unreachable);
        }
    }

    /// Tries the next trunk of an outside leg; whether there was one.
    pub fn next_trunk(&mut self, id: LegId) -> bool {
        let Some(leg) = self.lines.legs.get_mut(id) else { return false };
        let Kind::Outside { number, trunks } = &mut leg.kind else { return false };
        if trunks.is_empty() {
            return false;
        }
        let (trunk, number) = (trunks.remove(0), number.clone());
        self.call_over(id, &trunk, &number) || self.next_trunk(id)
    }

    /// A carrier gives no sign of life. Where there is another way the call takes that; the silent
    /// one is cancelled as soon as it says anything (RFC 3261 section 9.1), and what it answers
    /// comes too late.
    pub fn silent(&mut self, session: SessionId) {
        let Some(id) = self.lines.legs.of(session) else { return };
        let leg = self.lines.legs.get(id).filter(|leg| leg.stage == Stage::Calling);
        let Some(Kind::Outside { number, trunks }) = leg.map(|leg| leg.kind.clone()) else {
            return;
        };
        let fork = leg.and_then(|leg| leg.forks.get(&session)).filter(|fork| !fork.cancelled);
        let Some(trunk) = fork.and_then(|fork| fork.trunk.clone()) else { return };
        let has_way = self.sip.has_way(&trunk, self.now);
        if !has_way && trunks.is_empty() {
            return; // it is waited for as long as the RFC waits
        }
        self.take_back(session, causes::cause(LegReason::Withdrawn));
        if has_way && self.call_over(id, &trunk, &number) {
            return; // another address of the same carrier
        }
        self.lines.trunks.silent(&trunk, self.now.mono);
        if !self.next_trunk(id) {
            self.fork_over(id, EndedBy::Unreachable);
        }
    }

    /// Adds the call to a number over a trunk to a leg.
    pub fn call_over(&mut self, id: LegId, trunk: &Name, number: &Number) -> bool {
        let wiring = self.lines.wiring.clone();
        let Some(trunk) = wiring.trunk(trunk) else { return false };
        let Some(mut leg) = self.lines.legs.get(id).cloned() else { return false };
        let with = leg.with;
        let hops = self.hops_from(with);
        let sdp = self.offer_from(&mut leg, with, &trunk.codecs);
        let session = self.sip.invite(
            Invite {
                target: Target::Trunk {
                    name: trunk.name.clone(),
                    user: trunk.numbers_out.write(number),
                },
                caller: Caller {
                    user: trunk
                        .lines
                        .first()
                        .map(|it| trunk.numbers_out.write(it))
                        .unwrap_or_default(),
                    display: String::new(),
                    private: false,
                },
                sdp,
                replaces: None,
                referred_by: None,
                alert: None,
                hops,
                extra: Vec::new(),
            },
            self.now,
        );
        self.lines.trunks.release(id);
        self.lines.trunks.take(&trunk.name, id);
        self.lines.told.push_back(Input::Carried {
            leg: id,
            account: trunk.name.clone(),
            line: trunk.lines.first().cloned(),
        });
        let fork = Fork { device: None, trunk: Some(trunk.name.clone()), cancelled: false };
        self.lines.legs.add(leg);
        self.lines.legs.fork(id, session, fork);
        true
    }

    /// Whether an operator may call a number now; counts the attempt when so.
    pub fn allowed(&mut self, operator: &Name, number: &Number, leg: LegId) -> Result<(), Denied> {
        let wiring = self.lines.wiring.clone();
        let list = wiring.phone_of(operator).and_then(|phone| phone.outside.as_ref());
        let day = self.engine.day_of(self.now.wall);
        let count = self.lines.ledger.take(operator, list, number, leg, self.now.mono, day)?;
        let DayCount { day, calls } = count;
        let operator = operator.clone();
        self.lines.records.push_back(Record::OutsideCounted { operator, day, calls });
        Ok(())
    }

    /// Whether an operator may call a number now; counts nothing.
    pub fn may_call(&self, operator: &Name, number: &Number, now: Now) -> Result<(), Denied> {
        let phone = self.lines.wiring.phone_of(operator);
        let list = phone.and_then(|phone| phone.outside.as_ref());
        let day = self.engine.day_of(now.wall);
        self.lines.ledger.look(operator, list, number, now.mono, day).map(|_| ())
    }

    /// The outside number that an operator's telephone names.
    pub fn number_in(&self, uri: &Uri) -> Option<Number> {
        let user = uri.user_text()?;
        match normalise(&user, &self.lines.wiring.dialled, |_| false).0 {
            Party::Number(number) => Some(number),
            Party::Guessed(_) | Party::Extension(_) | Party::Hidden | Party::Unparsed(_) => None,
        }
    }
}
