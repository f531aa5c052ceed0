//! Calls that come in: from a trunk to one of our numbers, from an operator's telephone to
//! somebody inside or outside. Whoever sent them was authenticated by the stack; nothing else
//! that they say about themselves is shown to anybody.

use super::bridge;
use super::causes::RETRY_AFTER;
use super::legs::{Kind, Leg};
use super::lines::{Board, LEGS_MAX};
use super::phones::shown_of;
use super::wiring::{CallerFrom, PhoneSettings, TrunkSettings};
use crate::acd::io::{Arrival, Input, Placement, Target};
use crate::model::{Name, Number, Party, normalise};
use crate::sip::{Caller, Invited, PartyLine, Refuse, SessionId, Source, Uri};

impl Board<'_> {
    /// A call reached us.
    pub fn invited(&mut self, invited: Invited) {
        let session = invited.session;
        if self.lines.legs.len() >= LEGS_MAX {
            self.turn_back(session, 503, Some(RETRY_AFTER));
            return;
        }
        if invited.hops == 0 {
            self.turn_back(session, 483, None);
            return;
        }
        if invited.sdp.as_ref().is_some_and(|body| !bridge::is_readable(body)) {
            self.turn_back(session, 488, None);
            return;
        }
        let wiring = self.lines.wiring.clone();
        match &invited.source {
            Source::Trunk { name } => match wiring.trunk(name) {
                Some(trunk) => self.carrier_calls(trunk, &invited),
                None => self.turn_back(session, 404, None),
            },
            Source::Device { operator, .. } => match wiring.phone_of(operator) {
                Some(phone) => self.telephone_calls(phone, &invited),
                None => self.turn_back(session, 403, None),
            },
        }
    }

    fn turn_back(&mut self, session: SessionId, code: u16, retry_after: Option<u32>) {
        self.sip.reject(session, &Refuse { code, retry_after, reason: None }, self.now);
    }

    fn carrier_calls(&mut self, trunk: &TrunkSettings, invited: &Invited) {
        if invited.replaces.is_some() {
            self.turn_back(invited.session, 403, None); // a carrier takes nobody's place
            return;
        }
        if !self.lines.trunks.has_room(trunk) {
            self.turn_back(invited.session, 503, Some(RETRY_AFTER));
            return;
        }
        let client = client(trunk, invited);
        let kind = Kind::Caller { trunk: trunk.name.clone() };
        let mut leg = Leg::new(self.engine.edge_leg(), kind, None, shown_of(&client));
        leg.hops = invited.hops;
        leg.held = invited.sdp.as_ref().is_some_and(bridge::is_hold);
        leg.learn(invited.sdp.clone());
        let arrival = Arrival {
            leg: leg.id,
            account: trunk.name.clone(),
            client,
            line: line(trunk, invited),
            queue: None,
        };
        self.seat(leg, invited.session, Some(trunk.name.clone()));
        self.lines.told.push_back(Input::Arrived(arrival));
    }

    fn telephone_calls(&mut self, phone: &PhoneSettings, invited: &Invited) {
        if let Some(old) = invited.replaces {
            self.replace(&phone.operator, old, invited);
            return;
        }
        let Some(to) = self.dialled(&invited.request) else {
            self.turn_back(invited.session, 404, None);
            return;
        };
        let shown = Caller {
            user: phone.user.clone(),
            display: phone.operator.as_str().to_owned(),
            private: false,
        };
        let operator = phone.operator.clone();
        let kind = Kind::Placing { operator: operator.clone() };
        let mut leg = Leg::new(self.engine.edge_leg(), kind, None, shown);
        leg.hops = invited.hops;
        leg.held = invited.sdp.as_ref().is_some_and(bridge::is_hold);
        leg.learn(invited.sdp.clone());
        let placement = Placement { leg: leg.id, operator, to };
        self.seat(leg, invited.session, None);
        self.lines.told.push_back(Input::Placed(placement));
    }

    /// Whom an operator means by what they dialled. Only the user part counts: where a call
    /// goes is never decided by a host that somebody wrote.
    pub fn dialled(&self, uri: &Uri) -> Option<Target> {
        let user = uri.user_text()?;
        if user == self.lines.wiring.pickup {
            return Some(Target::Pickup);
        }
        if let Some(operator) = self.operator_dialled(&user) {
            return Some(Target::Operator(operator));
        }
        let number = self.number_in(uri)?;
        Some(Target::Outside { number, account: None })
    }

    /// Whom a transfer is meant for: as dialled, or a queue by its name.
    pub fn meant(&self, uri: &Uri) -> Option<Target> {
        let queue =
            uri.user_text().map(|it| Name::from(&*it)).filter(|it| self.engine.has_queue(it));
        let dialled = self.dialled(uri).filter(|to| *to != Target::Pickup);
        dialled.or_else(|| queue.map(Target::Queue))
    }
}

/// Who calls, by the header that the trunk is trusted with.
fn client(trunk: &TrunkSettings, invited: &Invited) -> Party {
    let named = match trunk.caller_from {
        CallerFrom::From => None,
        CallerFrom::Asserted => invited.asserted.first(),
        CallerFrom::RemoteParty => invited.remote_party.as_ref(),
        CallerFrom::Diversion => invited.diversion.first(),
    };
    let user =
        |line: &PartyLine| line.uri.user_text().map(|it| it.into_owned()).unwrap_or_default();
    let text = user(named.unwrap_or(&invited.from));
    // Privacy hides the caller from whoever we call; a carrier that still tells us the number in
    // the trusted header means it for us. Without such a header the caller stays hidden.
    if invited.private && named.is_none() {
        return Party::Hidden;
    }
    normalise(&text, &trunk.numbers, |_| false).0
}

/// Which of our numbers was called: the request URI says so, or To where a carrier puts the
/// login of the registration there; with one line there is nothing to ask.
fn line(trunk: &TrunkSettings, invited: &Invited) -> Option<Number> {
    let read = |uri: &Uri| {
        let user = uri.user_text()?;
        normalise(&user, &trunk.numbers, |_| false).0.e164().cloned()
    };
    let (request, to) = (read(&invited.request), read(&invited.to.uri));
    let ours = |number: &Option<Number>| number.clone().filter(|it| trunk.lines.contains(it));
    match (ours(&request), trunk.lines.as_slice()) {
        (Some(number), _) => Some(number),
        (None, [only]) => Some(only.clone()),
        (None, _) => ours(&to).or(request).or(to),
    }
}
