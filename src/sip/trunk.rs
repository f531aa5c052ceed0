//! Carriers: where they are, whether they live, our registration there (RFC 3261 section 10.2),
//! and the answers to their challenges.

use secrecy::ExposeSecret;

use crate::model::{Mono, Name, Period};

use super::compose::{Again, Draft, again};
use super::dialog::{MAX_FORWARDS, contact, via};
use super::digest::{Challenge, Credentials, Ha1, Signer};
use super::ids::{COOKIE, hex};
use super::io::{Event, Flow, Hop};
use super::message::{Method, Response};
use super::session::Works;
use super::settings::{Login, StackSettings, TrunkAuth, TrunkLine};
use super::timers::Due;
use super::transaction::{Opening, Owner};
use super::{Known, Transport};

/// How long an address that did not answer is left alone while there are others.
const BAD_FOR: Period = Period::secs(30);

/// The first wait after a failed registration; it doubles up to [`RETRY_MAX`].
const RETRY_MIN: Period = Period::secs(2);

/// The longest wait between registrations that fail. Longer leaves a line dead after the
/// carrier is back, shorter gets us blocked.
const RETRY_MAX: Period = Period::mins(5);

/// How many probes in a row must stay without an answer before a trunk counts as dead. One
/// would follow every lost datagram.
const SILENT_MAX: u8 = 2;

/// Challenges answered in a row for one request.
const TRIES_MAX: u8 = 2;

/// What we know of one trunk, in the order of the settings.
#[derive(Debug)]
pub(super) struct Trunk {
    pub(super) name: Name,
    hops: Vec<(Hop, Mono)>,
    up: Option<bool>,
    call_id: u64,
    tag: u64,
    cseq: u32,
    branch: Option<u64>,
    expires: u32,
    failed: u8,
    slot: Option<Mono>,
}

impl Trunk {
    /// A trunk nothing is known of yet.
    pub(super) fn new(line: &TrunkLine, call_id: u64, tag: u64) -> Trunk {
        Trunk {
            name: line.name.clone(),
            hops: line.hops.iter().map(|hop| (*hop, Mono(0))).collect(),
            up: None,
            call_id,
            tag,
            cseq: 0,
            branch: None,
            expires: match &line.auth {
                TrunkAuth::Register(login) => login.expires,
                TrunkAuth::Ip { .. } => 0,
            },
            failed: 0,
            slot: None,
        }
    }

    /// The best address that is not known to be dead; the best of all when every one is.
    pub(super) fn hop(&self, now: Mono) -> Option<Hop> {
        let live = self.hops.iter().find(|(_, bad_until)| *bad_until <= now);
        live.or_else(|| self.hops.first()).map(|(hop, _)| *hop)
    }

    /// Whether one of its addresses is not known to be dead.
    pub(super) fn has_way(&self, now: Mono) -> bool {
        self.hops.iter().any(|(_, bad_until)| *bad_until <= now)
    }

    /// Takes its timer out.
    pub(super) fn stop(&mut self, timers: &mut super::timers::Timers, at: u32) {
        timers.disarm(&mut self.slot, Due::Trunk(at));
    }

    /// Goes on where the trunk of the same name stood before a reload.
    pub(super) fn inherit(&mut self, old: Trunk) {
        self.call_id = old.call_id;
        self.tag = old.tag;
        self.cseq = old.cseq;
        self.up = old.up;
        if self.hops.is_empty() {
            self.hops = old.hops;
        }
    }

    /// Takes other addresses; what was learned about those that stay is kept.
    pub(super) fn set_hops(&mut self, hops: Vec<Hop>) {
        let bad = |hop: &Hop| self.hops.iter().find(|(old, _)| old == hop).map(|(_, until)| *until);
        self.hops = hops.into_iter().map(|hop| (hop, bad(&hop).unwrap_or_default())).collect();
    }

    /// An address did not answer.
    pub(super) fn mark_bad(&mut self, hop: &Hop, now: Mono) {
        for (own, bad_until) in &mut self.hops {
            if own.peer == hop.peer && own.transport == hop.transport {
                *bad_until = now + BAD_FOR;
            }
        }
    }

    /// Whether a message over this flow comes from the trunk: its exact address over UDP, its
    /// machine over a stream (whose port is any), or one of its listed sources.
    pub(super) fn is_at(&self, line: &TrunkLine, flow: Flow) -> bool {
        if flow.transport != line.transport {
            return false;
        }
        let known = self.hops.iter().any(|(hop, _)| match flow.transport {
            Transport::Udp => hop.peer == flow.peer,
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                hop.peer.ip() == flow.peer.ip()
            }
        });
        known || line.sources.contains(&flow.peer.ip())
    }
}

impl Works {
    /// The trunk a message comes from.
    pub(super) fn trunk_at(&self, flow: Flow) -> Option<usize> {
        let lines = self.settings.trunks.iter();
        self.trunks.iter().zip(lines).position(|(trunk, line)| trunk.is_at(line, flow))
    }

    /// Time to register again, or to ask whether the trunk lives.
    pub(super) fn trunk_due(&mut self, at: u32) {
        let settings = self.settings.clone();
        let Some(line) = settings.trunks.get(at as usize) else { return };
        match &line.auth {
            TrunkAuth::Register(login) => self.register(at, line, login),
            TrunkAuth::Ip { probe } => self.probe_trunk(at, line, *probe),
        }
    }

    /// Arms the one timer of a trunk.
    pub(super) fn arm_trunk(&mut self, at: u32, after: Period) {
        let due = self.wire.now.mono + after;
        if let Some(trunk) = self.trunks.get_mut(at as usize) {
            self.wire.timers.arm(&mut trunk.slot, Due::Trunk(at), due);
        }
    }

    /// The one timer of a trunk has fired.
    pub(super) fn trunk_fired(&mut self, at: u32) {
        if let Some(trunk) = self.trunks.get_mut(at as usize) {
            trunk.slot = None;
        }
    }

    fn register(&mut self, at: u32, line: &TrunkLine, login: &Login) {
        let now = self.wire.now.mono;
        let branch = self.branch();
        let Some(trunk) = self.trunks.get_mut(at as usize) else { return };
        let Some(hop) = trunk.hop(now) else { return }; // trunk_hops starts it
        let hop = self.settings.settled(hop);
        trunk.cseq = trunk.cseq.saturating_add(1);
        trunk.branch = Some(branch);
        let (cseq, call_id, tag, expires) = (trunk.cseq, trunk.call_id, trunk.tag, trunk.expires);
        let mut draft = Draft::request("REGISTER", &format!("sip:{}", line.host));
        via(&mut draft, &self.settings, hop, branch);
        draft.count("Max-Forwards", u64::from(MAX_FORWARDS));
        let own = format!("<sip:{}@{}>", login.from_user, login.from_domain);
        draft.parts("From", &[&own, ";tag=", &hex(tag)]);
        draft.line("To", &own);
        draft.line("Call-ID", &hex(call_id));
        draft.parts("CSeq", &[&cseq.to_string(), " REGISTER"]);
        draft.line("Contact", &contact(&self.settings, &login.login, hop));
        draft.count("Expires", u64::from(expires));
        let opening = Opening {
            branch,
            method: Method::Register,
            cseq,
            hop,
            bytes: draft.end(),
            owner: Owner::Trunk(at),
            trunk: Some(at),
            tries: 0,
        };
        self.clients.open(&mut self.wire, opening);
    }

    fn probe_trunk(&mut self, at: u32, line: &TrunkLine, every: Period) {
        let now = self.wire.now.mono;
        let branch = self.branch();
        let tag = self.ids.token();
        self.arm_trunk(at, every.max(Period::secs(1)));
        let Some(trunk) = self.trunks.get_mut(at as usize) else { return };
        if let Some(unanswered) = trunk.branch.take() {
            trunk.failed = trunk.failed.saturating_add(1);
            if let Some(tx) = self.clients.get(unanswered) {
                trunk.mark_bad(&tx.hop.clone(), now);
            }
            self.clients.drop(&mut self.wire, unanswered);
            if trunk.failed >= SILENT_MAX {
                self.trunk_is(at, false, "no answer");
            }
        }
        let Some(trunk) = self.trunks.get_mut(at as usize) else { return };
        let Some(hop) = trunk.hop(now) else { return };
        let hop = self.settings.settled(hop);
        trunk.cseq = trunk.cseq.saturating_add(1);
        trunk.branch = Some(branch);
        let (cseq, call_id) = (trunk.cseq, trunk.call_id);
        let mut draft = Draft::request("OPTIONS", &format!("sip:{}", line.host));
        via(&mut draft, &self.settings, hop, branch);
        draft.count("Max-Forwards", u64::from(MAX_FORWARDS));
        draft.parts("From", &["<sip:", &self.settings.domain, ">;tag=", &hex(tag)]);
        draft.parts("To", &["<sip:", &line.host, ">"]);
        draft.line("Call-ID", &hex(call_id));
        draft.parts("CSeq", &[&cseq.to_string(), " OPTIONS"]);
        draft.line("Contact", &contact(&self.settings, "ping", hop));
        draft.line("Accept", super::compose::SDP);
        let opening = Opening {
            branch,
            method: Method::Options,
            cseq,
            hop,
            bytes: draft.end(),
            owner: Owner::Trunk(at),
            trunk: None,
            tries: 0,
        };
        self.clients.open(&mut self.wire, opening);
    }

    /// The answer to our REGISTER or OPTIONS came.
    pub(super) fn trunk_answered(&mut self, at: u32, branch: u64, response: &Response) {
        let code = response.code();
        let current = self.trunks.get(at as usize).is_some_and(|own| own.branch == Some(branch));
        if code < 200 || !current {
            return;
        }
        if let Some(trunk) = self.trunks.get_mut(at as usize) {
            trunk.branch = None;
        }
        if response.cseq().1 == Method::Register {
            return self.registered(at, branch, response);
        }
        // Any answer but these says that the machine lives, even a 404 or a 403.
        let dead = matches!(code, 408 | 503);
        if let Some(trunk) = self.trunks.get_mut(at as usize) {
            trunk.failed = if dead { trunk.failed.saturating_add(1) } else { 0 };
        }
        self.trunk_is(at, !dead, if dead { "refuses calls" } else { "answers" });
    }

    fn registered(&mut self, at: u32, branch: u64, response: &Response) {
        let code = response.code();
        match code {
            200..=299 => {
                let granted = self.granted(at, response);
                if let Some(trunk) = self.trunks.get_mut(at as usize) {
                    trunk.failed = 0;
                }
                self.trunk_is(at, true, "registered");
                let half = u64::from(granted.max(10)) * 500;
                let spread = half / 10;
                let after = half - spread + self.ids.below(spread.saturating_mul(2).max(1));
                self.arm_trunk(at, Period::millis(after.min(half)));
            }
            401 | 407 => match self.retry_with_credentials(branch, response) {
                Some(next) => {
                    if let Some(tx) = self.clients.get(next)
                        && let Some(trunk) = self.trunks.get_mut(at as usize)
                    {
                        trunk.cseq = tx.cseq;
                        trunk.branch = Some(next);
                    }
                }
                None => self.registration_failed(at, "login refused", true),
            },
            423 => {
                let min = response.header(Known::MinExpires).and_then(super::lexer::seconds);
                let trunk = self.trunks.get_mut(at as usize);
                match (min, trunk) {
                    (Some(min), Some(trunk)) if min > trunk.expires && min <= 86_400 => {
                        trunk.expires = min;
                        self.trunk_due(at);
                    }
                    (_, _) => self.registration_failed(at, "423 Interval Too Brief", false),
                }
            }
            _ => {
                let why = format!("{code} {}", super::status::reason(code));
                self.registration_failed(at, &why, code == 403);
            }
        }
    }

    /// Seconds the carrier granted: of our own contact, else of the answer, else what we asked.
    fn granted(&self, at: u32, response: &Response) -> u32 {
        let Some(line) = self.settings.trunks.get(at as usize) else { return 60 };
        let login = match &line.auth {
            TrunkAuth::Register(login) => login.login.as_str(),
            TrunkAuth::Ip { .. } => "",
        };
        let mut contacts = response.contacts().listed().iter();
        let own = contacts.find(|contact| contact.0.uri.user.as_deref() == Some(login));
        let asked = self.trunks.get(at as usize).map_or(60, |trunk| trunk.expires);
        own.and_then(super::Contact::expires).or_else(|| response.expires()).unwrap_or(asked)
    }

    /// Our REGISTER or OPTIONS got no answer, or could not be sent.
    pub(super) fn trunk_silent(&mut self, at: u32, branch_hop: &Hop, method: Method) {
        let now = self.wire.now.mono;
        let Some(trunk) = self.trunks.get_mut(at as usize) else { return };
        trunk.mark_bad(branch_hop, now);
        trunk.branch = None;
        if method == Method::Register {
            self.registration_failed(at, "no answer", false);
            return;
        }
        trunk.failed = trunk.failed.saturating_add(1);
        if trunk.failed >= SILENT_MAX {
            self.trunk_is(at, false, "no answer");
        }
    }

    /// Waits before the next try: doubling, with a quarter of chance; long at once where only a
    /// person can mend it.
    fn registration_failed(&mut self, at: u32, why: &str, for_people: bool) {
        let Some(trunk) = self.trunks.get_mut(at as usize) else { return };
        let doublings = u32::from(trunk.failed).min(16);
        trunk.failed = trunk.failed.saturating_add(1);
        let wait = Period(RETRY_MIN.0.saturating_mul(1 << doublings)).min(RETRY_MAX);
        let wait = if for_people { RETRY_MAX } else { wait };
        let less = self.ids.below(wait.0 / 4 + 1);
        self.trunk_is(at, false, why);
        self.arm_trunk(at, Period(wait.0 - less));
    }

    fn trunk_is(&mut self, at: u32, up: bool, why: &str) {
        let Some(trunk) = self.trunks.get_mut(at as usize) else { return };
        if trunk.up != Some(up) {
            trunk.up = Some(up);
            let name = trunk.name.clone();
            self.wire.tell(Event::Trunk { name, up, why: why.to_owned() });
        }
    }

    /// Sends a request of ours anew with other lines; gives its branch.
    pub(super) fn retry(
        &mut self,
        branch: u64,
        dropped: &[&str],
        added: &[(&'static str, String)],
    ) -> Option<u64> {
        let next = self.branch();
        let tx = self.clients.get(branch)?;
        let cseq = tx.cseq.saturating_add(1);
        let added: Vec<(&str, &str)> =
            added.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let text = format!("{COOKIE}{}", hex(next));
        let change = Again { branch: &text, cseq, dropped, added: &added };
        let opening = Opening {
            branch: next,
            method: tx.method,
            cseq,
            hop: tx.hop,
            bytes: again(&tx.bytes, &change),
            owner: tx.owner,
            trunk: tx.trunk,
            tries: tx.tries.saturating_add(1),
        };
        self.clients.open(&mut self.wire, opening);
        Some(next)
    }

    /// Answers the challenge of a trunk: only of the trunk the request went to, only for its
    /// realm, and not more than twice. Nobody else ever gets a digest from us.
    pub(super) fn retry_with_credentials(
        &mut self,
        branch: u64,
        response: &Response,
    ) -> Option<u64> {
        let settings = self.settings.clone();
        let tx = self.clients.get(branch)?;
        let at = tx.trunk?;
        if tx.tries >= TRIES_MAX {
            return None;
        }
        let TrunkAuth::Register(login) = &settings.trunks.get(at as usize)?.auth else {
            return None;
        };
        let (asks, answers) = match response.code() {
            401 => (Known::WwwAuthenticate, "Authorization"),
            407 => (Known::ProxyAuthenticate, "Proxy-Authorization"),
            _ => return None,
        };
        let first = std::str::from_utf8(&tx.bytes).ok()?.split(' ').nth(1)?.to_owned();
        let (method, again) = (tx.method, tx.tries > 0);
        let cnonce = hex(self.ids.token());
        let realm_fits = |realm: &str| login.realm.as_deref().is_none_or(|own| own == realm);
        let value = credentials(
            response.headers(asks),
            &Answering {
                login,
                method,
                uri: &first,
                cnonce: &cnonce,
                only_stale: again,
                realm_fits: &realm_fits,
            },
        )?;
        self.retry(branch, &["Authorization", "Proxy-Authorization"], &[(answers, value)])
    }

    /// Starts every trunk that has something to do.
    pub(super) fn start_trunks(&mut self, settings: &StackSettings) {
        for at in 0..settings.trunks.len() {
            let Ok(at) = u32::try_from(at) else { return };
            let idle = self
                .trunks
                .get(at as usize)
                .is_some_and(|own| own.slot.is_none() && own.branch.is_none());
            if idle {
                self.arm_trunk(at, Period::ZERO);
            }
        }
    }
}

/// What a challenge is answered with.
struct Answering<'a> {
    login: &'a Login,
    method: Method,
    uri: &'a str,
    cnonce: &'a str,
    only_stale: bool,
    realm_fits: &'a dyn Fn(&str) -> bool,
}

/// The credentials for the challenge the trunk likes best of those we can answer.
fn credentials<'a>(
    mut challenges: impl Iterator<Item = &'a str>,
    with: &Answering<'_>,
) -> Option<String> {
    let challenge = challenges.find_map(|value| {
        let challenge = Challenge::read(value).ok()?;
        let fits = (with.realm_fits)(&challenge.realm) && (challenge.stale || !with.only_stale);
        fits.then_some(challenge)
    })?;
    let login = with.login;
    let ha1 = Ha1::new(&login.login, &challenge.realm, login.password.expose_secret());
    let by = Signer { user: &login.login, ha1: &ha1, method: with.method, uri: with.uri };
    Some(Credentials::answer(&challenge, &by, with.cnonce, 1).to_text())
}
