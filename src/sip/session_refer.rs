//! Transfer asked for by a telephone: REFER, its NOTIFYs, and INFO keys
//! (RFC 3515, RFC 3891, RFC 3892, RFC 4488, RFC 6665).

use super::headers::{NameAddr, Replaces};
use super::io::{Event, Flow, SessionId};
use super::message::{Method, Request};
use super::session::{Phase, Routes, Session, Works, answer, echo, refuse};
use super::status;
use super::transaction::{Leaves, Owner};
use super::{Known, Uri};

/// A transfer whose progress the peer is told.
#[derive(Debug)]
pub(super) struct Refer {
    /// The number of the REFER: it names the subscription (RFC 3515 section 2.4.6).
    id: u32,
    /// The peer wants no NOTIFY (RFC 4488).
    silent: bool,
}

/// How long the subscription of a REFER lasts at most, in seconds; the transfer is over sooner.
const SUBSCRIBED_FOR: u32 = 180;

impl Session {
    /// A REFER came and has a transaction; `find` looks up the session a Replaces names.
    pub(super) fn refer(
        &mut self,
        works: &mut Works,
        request: &Request,
        flow: Flow,
        tx: u64,
        replaces: Option<Option<SessionId>>,
    ) {
        let echo = echo(request, flow, None, Routes::Dropped);
        if self.phase != Phase::Talking {
            return refuse(works, tx, 500, &echo, &[("Retry-After", "2")]);
        }
        if self.refer.is_some() {
            return refuse(works, tx, 491, &echo, &[]); // one transfer at a time
        }
        let Some(to) = refer_to(request) else { return refuse(works, tx, 400, &echo, &[]) };
        if !to.is_callable() {
            return refuse(works, tx, 416, &echo, &[]);
        }
        let method = to.params.get("method");
        if method.is_some_and(|method| !method.eq_ignore_ascii_case("INVITE")) {
            return refuse(works, tx, 403, &echo, &[]); // we transfer calls, nothing else
        }
        if replaces == Some(None) {
            return refuse(works, tx, 481, &echo, &[]); // the other call is not ours
        }
        let silent = request
            .header(Known::ReferSub)
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("false"));
        let mut draft = answer(202, &echo, &works.settings);
        draft.line("Contact", &self.dialog.contact(&works.settings));
        if silent {
            draft.line("Refer-Sub", "false");
        }
        works.servers.answer(&mut works.wire, tx, 202, draft.end(), Leaves::AtOnce);
        self.refer = Some(Refer { id: request.cseq().0, silent });
        self.notify(works, 100);
        works.wire.tell(Event::Referred {
            session: self.id,
            to,
            replaces: replaces.flatten(),
            by: request.header(Known::ReferredBy).map(str::to_owned),
        });
    }

    /// Tells the peer how its transfer goes; a final code ends it.
    pub(super) fn referred(&mut self, works: &mut Works, code: u16) {
        let code = if (100..700).contains(&code) { code } else { 500 };
        self.notify(works, code);
        if code >= 200 {
            self.refer = None;
        }
    }

    /// Asks the peer to call somebody in our place (RFC 3515 section 2.4.1). One at a time.
    pub(super) fn ask_to_call(&mut self, works: &mut Works, to: &Uri) {
        if self.phase != Phase::Talking || self.referring {
            return;
        }
        self.referring = true;
        let contact = self.dialog.contact(&works.settings);
        let (to, by) = (to.to_text(), self.dialog.local.clone());
        self.ask(works, Method::Refer, Owner::Nobody, |mut draft| {
            draft.line("Contact", &contact);
            draft.parts("Refer-To", &["<", &to, ">"]);
            draft.line("Referred-By", &by);
            draft.end()
        });
    }

    /// The peer tells how the call goes that we asked it for; gives the code it is answered
    /// with. We subscribe to nothing else (RFC 6665 section 4.1.3).
    pub(super) fn notified(&mut self, request: &Request) -> u16 {
        let event = request.header(Known::Event).unwrap_or_default();
        let package = event.split(';').next().unwrap_or_default().trim();
        if !self.referring || !package.eq_ignore_ascii_case("refer") {
            return 481;
        }
        let state = request.header(Known::SubscriptionState).unwrap_or_default();
        let word = state.split(';').next().unwrap_or_default().trim();
        self.referring = !word.eq_ignore_ascii_case("terminated");
        200
    }

    fn notify(&mut self, works: &mut Works, code: u16) {
        let Some(refer) = &self.refer else { return };
        if refer.silent || self.phase != Phase::Talking {
            return;
        }
        let event = format!("refer;id={}", refer.id);
        let state = if code >= 200 {
            String::from("terminated;reason=noresource")
        } else {
            format!("active;expires={SUBSCRIBED_FOR}")
        };
        let body = format!("SIP/2.0 {code} {}\r\n", status::reason(code));
        let contact = self.dialog.contact(&works.settings);
        self.ask(works, Method::Notify, Owner::Nobody, |mut draft| {
            draft.line("Contact", &contact);
            draft.line("Event", &event);
            draft.line("Subscription-State", &state);
            draft.body("message/sipfrag;version=2.0", body.as_bytes())
        });
    }
}

/// Whom a REFER names.
pub(super) fn refer_to(request: &Request) -> Option<Uri> {
    NameAddr::read(request.header(Known::ReferTo)?).ok().map(|to| to.uri)
}

/// The dialog a Refer-To wants replaced; `None` when it names none, `Some(None)` a broken one.
pub(super) fn refer_replaces(to: &Uri) -> Option<Option<Replaces>> {
    let mut pairs = to.header_pairs();
    let (_, value) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("Replaces"))?;
    Some(Replaces::read(&value).ok())
}

/// How long a key that is told on was held down, in milliseconds: what telephones tell of a short
/// press. Longer makes a far menu hear one key twice, shorter makes it hear none.
const PRESSED_FOR: u16 = 160;

impl Session {
    /// Tells the peer that a key was pressed. Whatever it answers, the call goes on.
    pub(super) fn press(&mut self, works: &mut Works, digit: char) {
        if self.phase != Phase::Talking {
            return;
        }
        let body = format!("Signal={digit}\r\nDuration={PRESSED_FOR}\r\n");
        self.ask(works, Method::Info, Owner::Nobody, |draft| draft.body(RELAY, body.as_bytes()));
    }
}

/// The type of a key that travels in the signalling.
const RELAY: &str = "application/dtmf-relay";

/// The key in an INFO: `application/dtmf-relay` (`Signal=5`) or `application/dtmf` (`5`).
pub(super) fn key_pressed(request: &Request) -> Option<char> {
    let relay = request.body_of(RELAY);
    let text = match relay {
        Some(body) => {
            let text = std::str::from_utf8(body).ok()?;
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            let (_, value) = lines.find(|(name, _)| name.trim().eq_ignore_ascii_case("Signal"))?;
            value.trim()
        }
        None => std::str::from_utf8(request.body_of("application/dtmf")?).ok()?.trim(),
    };
    let key = match text {
        "10" => '*',
        "11" => '#',
        _ => text.chars().next().filter(|_| text.len() == 1)?.to_ascii_uppercase(),
    };
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D').then_some(key)
}
