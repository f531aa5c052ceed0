//! A scripted telephone or carrier: registers, calls, answers, refuses, holds, transfers, repeats
//! itself over lossy wires, and keeps everything it saw.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use navbat::sip::Method;
use navbat::sip::digest::{self, Credentials, Ha1, Signer};

use crate::text::{Text, address};

pub const DOMAIN: &str = "navbat.test";
const T1: u64 = 500;
const T2: u64 = 4000;

/// How it takes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// Rings after a while and answers after another (both from the INVITE).
    Answers { rings: u64, after: u64 },
    /// Rings until it is cancelled.
    Rings,
    /// Rings with early media, then answers.
    Early { after: u64 },
    /// Refuses.
    Refuses { after: u64, code: u16 },
    /// Sends the caller elsewhere.
    Redirects { to: String },
    /// Says nothing at all.
    Dead,
    /// Answers even after it was cancelled (its 200 is on the way already).
    Crosses { after: u64 },
    /// Answers twice, as behind a proxy that forks.
    Forks { after: u64 },
}

/// Where one of its calls stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Calling,
    Ringing,
    Up,
    Over,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    pub id: String,
    pub incoming: bool,
    pub stage: Stage,
    pub ours: String,
    pub theirs: String,
    pub local: String,
    pub remote: String,
    pub target: String,
    pub cseq: u32,
    pub invite: Text,
    /// What the other side last said of its media.
    pub heard: String,
    /// The final code of a call of its own.
    pub code: Option<u16>,
    /// Whether a BYE ended it from the other side.
    pub byed: bool,
    pub cancelled: bool,
    pub version: u32,
    pub late_offer: bool,
    pub answered_at: Option<u64>,
    /// Whether anything was heard of its INVITE: only then may it be cancelled.
    pub tried: bool,
}

/// Something it does later.
#[derive(Debug, Clone)]
enum Due {
    Provisional { call: String, code: u16, sdp: bool },
    Final { call: String, code: u16, anyway: bool, tag: String },
    Repeat { key: String, wait: u64, until: u64 },
}

/// One peer at one address.
#[derive(Debug)]
pub struct Peer {
    pub name: String,
    pub user: String,
    pub address: SocketAddr,
    pub password: Option<String>,
    pub manner: Manner,
    pub calls: BTreeMap<String, Call>,
    pub seen: Vec<Text>,
    pub sent: Vec<Vec<u8>>,
    pub registered: Option<u32>,
    pub asks_offer: bool,
    pub answers_changes: Option<u16>,
    pub notified: Vec<String>,
    now: u64,
    count: u64,
    agenda: BTreeMap<(u64, u64), Due>,
    /// Requests and 200s that are repeated until they are answered.
    open: BTreeMap<String, Vec<u8>>,
    /// Answers already given, by branch and method.
    given: BTreeMap<String, Vec<u8>>,
    server: SocketAddr,
    wanted: u32,
}

impl Peer {
    pub fn new(name: &str, place: u16, server: SocketAddr) -> Peer {
        Peer {
            name: name.to_owned(),
            user: name.to_owned(),
            address: format!("10.0.{}.{}:5060", place / 200, place % 200 + 1).parse().unwrap(),
            password: None,
            manner: Manner::Answers { rings: 50, after: 2000 },
            calls: BTreeMap::new(),
            seen: Vec::new(),
            sent: Vec::new(),
            registered: None,
            asks_offer: false,
            answers_changes: None,
            notified: Vec::new(),
            now: 0,
            count: 0,
            agenda: BTreeMap::new(),
            open: BTreeMap::new(),
            given: BTreeMap::new(),
            server,
            wanted: 3600,
        }
    }

    pub fn tick(&mut self, now: u64) {
        self.now = now;
    }

    pub fn next(&self) -> Option<u64> {
        self.agenda.first_key_value().map(|it| it.0.0)
    }

    fn unique(&mut self, what: &str) -> String {
        self.count += 1;
        format!("{what}{}x{}", self.name, self.count)
    }

    fn plan(&mut self, after: u64, due: Due) {
        self.count += 1;
        self.agenda.insert((self.now + after, self.count), due);
    }

    fn via(&mut self) -> String {
        let branch = self.unique("z9hG4bK");
        format!("SIP/2.0/UDP {};branch={branch};rport", self.address)
    }

    /// Its own words about media; the port tells peers apart.
    pub fn sdp(&self, version: u32, direction: &str) -> String {
        format!(
            "v=0\r\no={} 77 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\na={direction}\r\n",
            self.name,
            ip = self.address.ip(),
        )
    }

    /// Whose media it hears in a call: the address in the other side's description.
    pub fn hears(&self, call: &str) -> Option<String> {
        let heard = &self.calls.get(call)?.heard;
        heard.lines().find_map(|line| line.strip_prefix("c=IN IP4 ")).map(str::to_owned)
    }

    fn put(&mut self, text: &Text) {
        self.sent.push(text.bytes());
    }

    /// Sends a request and repeats it until it is answered.
    fn ask(&mut self, text: &Text) {
        let key = text.branch();
        self.open.insert(key.clone(), text.bytes());
        self.put(text);
        self.plan(T1, Due::Repeat { key, wait: T1, until: self.now + 64 * T1 });
    }

    pub fn register(&mut self, expires: u32) {
        self.wanted = expires;
        let request = self.registration(expires, 1, None);
        self.ask(&request);
    }

    fn registration(&mut self, expires: u32, cseq: u32, credentials: Option<String>) -> Text {
        let via = self.via();
        let (user, at) = (self.user.clone(), self.address);
        let mut text = Text::new(format!("REGISTER sip:{DOMAIN} SIP/2.0"))
            .with("Via", via)
            .with("Max-Forwards", "70")
            .with("From", format!("<sip:{user}@{DOMAIN}>;tag=r{cseq}"))
            .with("To", format!("<sip:{user}@{DOMAIN}>"))
            .with("Call-ID", format!("reg-{}-{}", self.name, self.now))
            .with("CSeq", format!("{cseq} REGISTER"))
            .with("Contact", format!("<sip:{user}@{at}>;expires={expires}"))
            .with("Expires", expires.to_string());
        if let Some(credentials) = credentials {
            text = text.with("Authorization", credentials);
        }
        text
    }

    /// Calls a user part at the exchange; returns the Call-ID.
    pub fn call(&mut self, to: &str, from: &str, more: &[(&str, &str)]) -> String {
        let id = self.unique("call-");
        let sdp = if self.asks_offer { String::new() } else { self.sdp(1, "sendrecv") };
        let (via, tag) = (self.via(), self.unique("t"));
        let target = format!("sip:{to}@{}", self.server);
        let mut invite = Text::new(format!("INVITE {target} SIP/2.0"))
            .with("Via", via)
            .with("Max-Forwards", "70")
            .with("From", format!("{from};tag={tag}"))
            .with("To", format!("<sip:{to}@{DOMAIN}>"))
            .with("Call-ID", id.clone())
            .with("CSeq", "1 INVITE")
            .with("Contact", format!("<sip:{}@{}>", self.user, self.address));
        for (name, value) in more {
            invite = invite.with(name, *value);
        }
        let invite = invite.body(&sdp);
        let call = Call {
            id: id.clone(),
            incoming: false,
            stage: Stage::Calling,
            ours: tag.clone(),
            theirs: String::new(),
            local: format!("{from};tag={tag}"),
            remote: format!("<sip:{to}@{DOMAIN}>"),
            target,
            cseq: 1,
            invite: invite.clone(),
            heard: String::new(),
            code: None,
            byed: false,
            cancelled: false,
            version: 1,
            late_offer: self.asks_offer,
            answered_at: None,
            tried: false,
        };
        self.calls.insert(id.clone(), call);
        self.ask(&invite);
        id
    }

    /// Calls as the telephone's own user.
    pub fn dial(&mut self, to: &str) -> String {
        let from = format!("<sip:{}@{DOMAIN}>", self.user);
        self.call(to, &from, &[])
    }

    /// A request inside a call.
    pub fn inside(&mut self, call: &str, method: &str) -> Text {
        let via = self.via();
        let (user, at) = (self.user.clone(), self.address);
        let call = self.calls.get_mut(call).unwrap();
        call.cseq += 1;
        Text::new(format!("{method} {} SIP/2.0", call.target))
            .with("Via", via)
            .with("Max-Forwards", "70")
            .with("From", call.local.clone())
            .with("To", call.remote.clone())
            .with("Call-ID", call.id.clone())
            .with("CSeq", format!("{} {method}", call.cseq))
            .with("Contact", format!("<sip:{user}@{at}>"))
    }

    pub fn send(&mut self, text: &Text) {
        self.ask(text);
    }

    /// Ends a call of its own, whatever it is in the middle of.
    pub fn hang_up(&mut self, id: &str) {
        let Some(call) = self.calls.get_mut(id) else { return };
        match (call.stage, call.incoming) {
            (Stage::Calling | Stage::Ringing, false) => {
                call.cancelled = true;
                let invite = call.invite.clone();
                if !call.tried {
                    return; // nothing was heard yet: the CANCEL follows the first answer
                }
                self.cancel(&invite);
            }
            (Stage::Calling | Stage::Ringing, true) => {
                let id = id.to_owned();
                self.plan(0, Due::Final { call: id, code: 486, anyway: false, tag: String::new() });
            }
            (Stage::Up, _) => {
                call.stage = Stage::Over;
                self.open.remove(&format!("200 {id}"));
                let bye = self.inside(id, "BYE");
                self.ask(&bye);
            }
            (Stage::Over, _) => {}
        }
    }

    fn cancel(&mut self, invite: &Text) {
        let mut cancel = Text::new(format!("CANCEL {} SIP/2.0", invite.uri()));
        for name in ["Via", "Max-Forwards", "From", "To", "Call-ID"] {
            cancel = cancel.with(name, invite.get(name).unwrap());
        }
        let (cseq, _) = invite.cseq();
        let cancel = cancel.with("CSeq", format!("{cseq} CANCEL"));
        let key = format!("c{}", invite.branch());
        self.open.insert(key.clone(), cancel.bytes());
        self.put(&cancel);
        self.plan(T1, Due::Repeat { key, wait: T1, until: self.now + 64 * T1 });
    }

    /// Offers a change inside a call.
    pub fn change(&mut self, id: &str, method: &str, direction: &str) {
        let call = self.calls.get_mut(id).unwrap();
        call.version += 1;
        let version = call.version;
        let sdp = self.sdp(version, direction);
        let text = self.inside(id, method).body(&sdp);
        self.ask(&text);
    }

    /// Asks the exchange to pass the other party on.
    pub fn refer(&mut self, id: &str, to: &str) {
        let text = self.inside(id, "REFER").with("Refer-To", to);
        let text = text.with("Referred-By", format!("<sip:{}@{DOMAIN}>", self.user));
        self.ask(&text);
    }

    /// Does what is due.
    pub fn due(&mut self) {
        while let Some(entry) = self.agenda.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            match entry.remove() {
                Due::Provisional { call, code, sdp } => self.provisional(&call, code, sdp),
                Due::Final { call, code, anyway, tag } => self.conclude(&call, code, anyway, &tag),
                Due::Repeat { key, wait, until } => {
                    let Some(bytes) = self.open.get(&key).cloned() else { continue };
                    if self.now >= until {
                        self.open.remove(&key);
                        self.unheard(&key);
                        continue;
                    }
                    self.sent.push(bytes);
                    let wait = (wait * 2).min(T2);
                    self.plan(wait, Due::Repeat { key, wait, until });
                }
            }
        }
    }

    /// A 200 that nobody acknowledged ends its call (RFC 3261 section 13.3.1.4).
    fn unheard(&mut self, key: &str) {
        let Some(id) = key.strip_prefix("200 ") else { return };
        let id = id.strip_suffix("fork").unwrap_or(id).to_owned();
        if !key.ends_with("fork") {
            self.hang_up(&id);
        }
    }

    fn provisional(&mut self, id: &str, code: u16, sdp: bool) {
        let (sdp, contact) =
            (if sdp { self.sdp(1, "sendrecv") } else { String::new() }, self.own());
        let Some(call) = self.calls.get_mut(id) else { return };
        if call.stage != Stage::Calling && call.stage != Stage::Ringing {
            return;
        }
        call.stage = Stage::Ringing;
        let reply = call.invite.reply(code, &call.ours).with("Contact", contact).body(&sdp);
        self.put(&reply);
    }

    fn own(&self) -> String {
        format!("<sip:{}@{}>", self.user, self.address)
    }

    fn conclude(&mut self, id: &str, code: u16, anyway: bool, tag: &str) {
        let offered = self.calls.get(id).map(|call| call.invite.body.clone()).unwrap_or_default();
        let sdp = self.sdp(1, answering(&offered));
        let (contact, now) = (self.own(), self.now);
        let redirect = match &self.manner {
            Manner::Redirects { to } => Some(to.clone()),
            _ => None,
        };
        let Some(call) = self.calls.get_mut(id) else { return };
        let open = matches!(call.stage, Stage::Calling | Stage::Ringing);
        if !open && !anyway {
            return;
        }
        let tag = if tag.is_empty() { call.ours.clone() } else { tag.to_owned() };
        let reply = call.invite.reply(code, &tag).with("Contact", contact);
        if code == 200 {
            call.stage = Stage::Up;
            call.answered_at.get_or_insert(now);
            let reply = reply.body(&sdp);
            let key = format!("200 {id}{}", if tag == call.ours { "" } else { "fork" });
            self.open.insert(key.clone(), reply.bytes());
            self.put(&reply);
            self.plan(T1, Due::Repeat { key, wait: T1, until: now + 64 * T1 });
            return;
        }
        call.stage = Stage::Over;
        let reply = match redirect.filter(|_| (300..400).contains(&code)) {
            Some(to) => {
                let mut reply = reply;
                reply.headers.retain(|it| it.0 != "Contact");
                reply.with("Contact", format!("<{to}>"))
            }
            None => reply,
        };
        let key = format!("final {id}");
        self.open.insert(key.clone(), reply.bytes());
        self.put(&reply);
        self.plan(T1, Due::Repeat { key, wait: T1, until: now + 64 * T1 });
    }

    /// Takes one message.
    pub fn take(&mut self, bytes: &[u8]) {
        let text = Text::read(bytes);
        if text.method().is_some() {
            self.request(&text);
        } else {
            self.response(&text);
        }
        self.seen.push(text);
    }

    fn request(&mut self, text: &Text) {
        let method = text.method().unwrap().to_owned();
        if self.manner == Manner::Dead && !text.get("To").unwrap().contains("tag=") {
            return;
        }
        let key = format!("{} {method}", text.branch());
        if method != "ACK"
            && let Some(given) = self.given.get(&key).cloned()
        {
            if !given.is_empty() {
                self.sent.push(given);
            }
            return;
        }
        match method.as_str() {
            "INVITE" if text.tag("To").is_none() => self.rung(text, &key),
            "INVITE" | "UPDATE" => self.changed(text, &key),
            "ACK" => self.acked(text),
            "CANCEL" => self.cancelled(text, &key),
            "BYE" => {
                let call = self.calls.get_mut(text.call_id());
                let known = call.is_some_and(|call| {
                    let known = call.stage == Stage::Up || call.stage == Stage::Over;
                    call.byed |= known && call.stage == Stage::Up;
                    call.stage = Stage::Over;
                    known
                });
                self.open.remove(&format!("200 {}", text.call_id()));
                self.open.remove(&format!("200 {}fork", text.call_id()));
                self.give(&key, &text.reply(if known { 200 } else { 481 }, "x"));
            }
            "NOTIFY" => {
                self.notified.push(text.body.trim().to_owned());
                self.give(&key, &text.reply(200, "x"));
            }
            _ => self.give(&key, &text.reply(200, "x")),
        }
    }

    fn give(&mut self, key: &str, reply: &Text) {
        self.given.insert(key.to_owned(), reply.bytes());
        self.put(reply);
    }

    fn rung(&mut self, text: &Text, key: &str) {
        self.given.insert(key.to_owned(), Vec::new());
        let id = text.call_id().to_owned();
        let ours = self.unique("t");
        let call = Call {
            id: id.clone(),
            incoming: true,
            stage: Stage::Calling,
            theirs: text.tag("From").unwrap(),
            local: format!("{};tag={ours}", text.get("To").unwrap()),
            remote: text.get("From").unwrap().to_owned(),
            target: text.contact().unwrap(),
            ours,
            cseq: 0,
            invite: text.clone(),
            heard: text.body.clone(),
            code: None,
            byed: false,
            cancelled: false,
            version: 1,
            late_offer: text.body.is_empty(),
            answered_at: None,
            tried: false,
        };
        self.calls.insert(id.clone(), call);
        self.put(&text.reply(100, ""));
        let end = |code, anyway, tag: &str| Due::Final {
            call: id.clone(),
            code,
            anyway,
            tag: tag.to_owned(),
        };
        let ring =
            |sdp| Due::Provisional { call: id.clone(), code: if sdp { 183 } else { 180 }, sdp };
        match self.manner.clone() {
            Manner::Answers { rings, after } => {
                self.plan(rings, ring(false));
                self.plan(after, end(200, false, ""));
            }
            Manner::Rings => self.plan(50, ring(false)),
            Manner::Early { after } => {
                self.plan(50, ring(true));
                self.plan(after, end(200, false, ""));
            }
            Manner::Refuses { after, code } => {
                self.plan(10, ring(false));
                self.plan(after, end(code, false, ""));
            }
            Manner::Redirects { .. } => self.plan(10, end(302, false, "")),
            Manner::Dead => {}
            Manner::Crosses { after } => {
                self.plan(10, ring(false));
                self.plan(after, end(200, true, ""));
            }
            Manner::Forks { after } => {
                self.plan(10, ring(false));
                self.plan(after, end(200, false, ""));
                self.plan(after + 1, end(200, true, "fork"));
            }
        }
    }

    fn changed(&mut self, text: &Text, key: &str) {
        let Some(call) = self.calls.get_mut(text.call_id()) else {
            self.give(key, &text.reply(481, "x"));
            return;
        };
        if call.stage != Stage::Up {
            self.give(key, &text.reply(481, "x"));
            return;
        }
        if let Some(code) = self.answers_changes {
            self.give(key, &text.reply(code, "x"));
            return;
        }
        if !text.body.is_empty() {
            text.body.clone_into(&mut call.heard);
        }
        let direction = answering(&text.body);
        let version = call.version;
        let sdp = if text.method() == Some("UPDATE") && text.body.is_empty() {
            String::new()
        } else {
            self.sdp(version, direction)
        };
        let reply = text.reply(200, "x").with("Contact", self.own()).body(&sdp);
        self.give(key, &reply);
    }

    fn acked(&mut self, text: &Text) {
        let id = text.call_id().to_owned();
        self.open.remove(&format!("final {id}"));
        let tag = text.tag("To").unwrap_or_default();
        let Some(call) = self.calls.get_mut(&id) else { return };
        let fork = if tag == call.ours { "" } else { "fork" };
        if call.late_offer && !text.body.is_empty() {
            text.body.clone_into(&mut call.heard);
        }
        self.open.remove(&format!("200 {id}{fork}"));
    }

    fn cancelled(&mut self, text: &Text, key: &str) {
        self.give(key, &text.reply(200, "x"));
        let id = text.call_id().to_owned();
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.cancelled = true;
        if matches!(self.manner, Manner::Crosses { .. }) {
            return; // its 200 is on the way
        }
        self.plan(0, Due::Final { call: id, code: 487, anyway: false, tag: String::new() });
    }

    fn response(&mut self, text: &Text) {
        let code = text.code().unwrap();
        let (number, method) = text.cseq();
        let method = method.to_owned();
        if method == "CANCEL" {
            self.open.remove(&format!("c{}", text.branch()));
            return;
        }
        if code >= 200 || method == "INVITE" {
            self.open.remove(&text.branch());
        }
        if matches!(code, 401 | 407) {
            self.challenged(text, number, &method);
            return;
        }
        match method.as_str() {
            "REGISTER" if code == 200 => {
                self.registered = text.all("Contact").find_map(|it| {
                    it.contains(&self.address.to_string())
                        .then(|| crate::text::param(it, "expires").unwrap().parse().unwrap())
                });
            }
            "INVITE" => self.answered(text, code, number),
            "UPDATE" if code == 200 && !text.body.is_empty() => {
                if let Some(call) = self.calls.get_mut(text.call_id()) {
                    text.body.clone_into(&mut call.heard);
                }
            }
            _ => {}
        }
    }

    fn challenged(&mut self, text: &Text, number: u32, method: &str) {
        if method == "INVITE" {
            self.ack(text, number, "");
        }
        let Some(password) = self.password.clone() else { return };
        let header =
            if text.code() == Some(401) { "WWW-Authenticate" } else { "Proxy-Authenticate" };
        let challenge = text.all(header).find_map(|it| digest::Challenge::read(it).ok()).unwrap();
        let sent = match method {
            "REGISTER" => None,
            _ => self.calls.get(text.call_id()).map(|call| call.invite.clone()),
        };
        let uri = sent.as_ref().map_or(format!("sip:{DOMAIN}"), |it| it.uri().to_owned());
        let verb = if method == "REGISTER" { Method::Register } else { Method::Invite };
        let ha1 = Ha1::new(&self.user, DOMAIN, &password);
        let by = Signer { user: &self.user, ha1: &ha1, method: verb, uri: &uri };
        let answer = Credentials::answer(&challenge, &by, "0a4f113b", 1).to_text();
        let answers =
            if text.code() == Some(401) { "Authorization" } else { "Proxy-Authorization" };
        match sent {
            None if method == "REGISTER" => {
                if number > 3 {
                    return; // a wrong password stays wrong
                }
                let request = self.registration(self.wanted, number + 1, Some(answer));
                self.ask(&request);
            }
            Some(mut invite) if number == 1 => {
                let via = self.via();
                for (name, value) in &mut invite.headers {
                    match name.as_str() {
                        "Via" => value.clone_from(&via),
                        "CSeq" => "2 INVITE".clone_into(value),
                        _ => {}
                    }
                }
                invite.headers.push((answers.to_owned(), answer));
                let call = self.calls.get_mut(text.call_id()).unwrap();
                call.invite = invite.clone();
                call.cseq = 2;
                self.ask(&invite);
            }
            Some(_) | None => {}
        }
    }

    fn ack(&mut self, text: &Text, number: u32, sdp: &str) {
        let Some(call) = self.calls.get(text.call_id()) else { return };
        let is_success = text.code() == Some(200);
        let (target, invite) = (call.target.clone(), call.invite.clone());
        let via = if is_success { self.via() } else { invite.get("Via").unwrap().to_owned() };
        let uri =
            if is_success { text.contact().unwrap_or(target) } else { invite.uri().to_owned() };
        let ack = Text::new(format!("ACK {uri} SIP/2.0"))
            .with("Via", via)
            .with("Max-Forwards", "70")
            .with("From", text.get("From").unwrap())
            .with("To", text.get("To").unwrap())
            .with("Call-ID", text.call_id())
            .with("CSeq", format!("{number} ACK"))
            .body(sdp);
        self.put(&ack);
    }

    fn answered(&mut self, text: &Text, code: u16, number: u32) {
        let id = text.call_id().to_owned();
        let sdp = self.sdp(1, "sendrecv");
        let now = self.now;
        let Some(call) = self.calls.get_mut(&id) else { return };
        if code < 200 {
            call.tried = true;
            if code > 100 && matches!(call.stage, Stage::Calling | Stage::Ringing) {
                call.stage = Stage::Ringing;
                call.theirs = text.tag("To").unwrap_or_default();
                if !text.body.is_empty() {
                    text.body.clone_into(&mut call.heard);
                }
            }
            if call.cancelled && matches!(call.stage, Stage::Calling | Stage::Ringing) {
                let invite = call.invite.clone();
                if !self.open.contains_key(&format!("c{}", invite.branch())) {
                    self.cancel(&invite);
                }
            }
            return;
        }
        let opening = number == call.invite.cseq().0 && !call.incoming;
        if code == 200 {
            if !text.body.is_empty() {
                text.body.clone_into(&mut call.heard);
            }
            let late = call.late_offer && (call.incoming || opening);
            if opening && matches!(call.stage, Stage::Calling | Stage::Ringing) {
                call.theirs = text.tag("To").unwrap();
                text.get("To").unwrap().clone_into(&mut call.remote);
                call.target = text.contact().unwrap();
                call.code = Some(200);
                call.stage = Stage::Up;
                call.answered_at = Some(now);
                if call.cancelled {
                    self.ack(text, number, if late { &sdp } else { "" });
                    self.hang_up(&id);
                    return;
                }
            }
            self.ack(text, number, if late { &sdp } else { "" });
            return;
        }
        if opening {
            call.stage = Stage::Over;
            call.code = Some(code);
        }
        self.ack(text, number, "");
    }

    /// Calls that are up.
    pub fn up(&self) -> Vec<String> {
        let up = self.calls.values().filter(|call| call.stage == Stage::Up);
        up.map(|call| call.id.clone()).collect()
    }

    /// Requests of one method that it saw.
    pub fn saw(&self, method: &str) -> Vec<&Text> {
        self.seen.iter().filter(|text| text.method() == Some(method)).collect()
    }

    /// Codes of responses to its INVITEs.
    pub fn codes(&self) -> Vec<u16> {
        let mut codes = Vec::new();
        for text in &self.seen {
            let code = text.code().filter(|_| text.cseq().1 == "INVITE");
            if let Some(code) = code.filter(|code| codes.last() != Some(code)) {
                codes.push(code);
            }
        }
        codes
    }
}

/// The direction that answers an offer (RFC 3264 section 6.1).
fn answering(offer: &str) -> &'static str {
    let says = |word: &str| offer.contains(word);
    match (says("a=sendonly"), says("a=recvonly"), says("a=inactive")) {
        (true, _, _) => "recvonly",
        (_, true, _) => "sendonly",
        (_, _, true) => "inactive",
        (false, false, false) => "sendrecv",
    }
}

/// The user part of an address.
pub fn user_of(value: &str) -> String {
    let uri = address(value);
    let rest = uri.split_once(':').map_or(uri.as_str(), |it| it.1).to_owned();
    rest.split_once('@').map_or(String::new(), |it| it.0.to_owned())
}
