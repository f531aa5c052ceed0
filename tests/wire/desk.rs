//! A stack on a desk: texts go in, texts and events come out, and the test owns the clock.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use navbat::model::{Mono, Name, Now, Period, Seed, Wall};
use navbat::sip::digest::{Challenge, Credentials, Ha1, Signer};
use navbat::sip::{
    Caller, Event, Flow, Hop, Invite, Kept, Message, Method, Packet, SessionId, SipOutput, Stack,
    StackSettings, Target, Transport, TrunkAuth, TrunkLine, User,
};

/// An offer, and an answer to it.
pub const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
pub const ANSWER: &str = "v=0\r\no=- 7 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n";

pub const START: i64 = 1_800_000_000_000;

/// One message that went out.
#[derive(Debug, Clone)]
pub struct Sent {
    pub at: u64,
    pub hop: Hop,
    pub text: String,
    pub promise: bool,
}

impl Sent {
    pub fn first(&self) -> &str {
        self.text.lines().next().unwrap()
    }

    /// The method of a request, or the code of an answer.
    pub fn what(&self) -> &str {
        let mut words = self.first().split(' ');
        let first = words.next().unwrap();
        if first == "SIP/2.0" { words.next().unwrap() } else { first }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap();
        let lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.clone().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    pub fn headers(&self, name: &str) -> Vec<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap();
        let lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.filter(|(own, _)| *own == name).map(|(_, value)| value).collect()
    }

    pub fn branch(&self) -> &str {
        let via = self.header("Via").unwrap();
        via.split("branch=").nth(1).unwrap().split(';').next().unwrap()
    }

    pub fn tag(&self, name: &str) -> &str {
        let value = self.header(name).unwrap();
        value.split("tag=").nth(1).unwrap_or_default().split(';').next().unwrap()
    }

    pub fn cseq(&self) -> u32 {
        self.header("CSeq").unwrap().split(' ').next().unwrap().parse().unwrap()
    }

    pub fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap().1
    }

    /// An answer to this request of ours.
    pub fn reply(&self, code: u16, tag: &str, more: &str, body: &str) -> String {
        let tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let to = self.header("To").unwrap();
        let tag = if to.contains(";tag=") { String::new() } else { tag };
        format!(
            "SIP/2.0 {code} Whatever\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\n\
             CSeq: {}\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
            self.header("Via").unwrap(),
            self.header("From").unwrap(),
            self.header("Call-ID").unwrap(),
            self.header("CSeq").unwrap(),
            body.len(),
        )
    }
}

/// A request of a peer, with what most of them have.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: &'static str,
    pub uri: String,
    pub branch: String,
    pub from: String,
    pub to: String,
    pub call_id: String,
    pub cseq: u32,
    pub contact: String,
    pub more: String,
    pub body: String,
    pub sent_by: String,
}

impl Ask {
    pub fn new(method: &'static str, uri: &str) -> Ask {
        Ask {
            method,
            uri: uri.to_owned(),
            branch: String::from("z9hG4bKone"),
            from: String::from("<sip:901234567@192.0.2.10>;tag=caller"),
            to: String::from("<sip:712000001@pbx.example>"),
            call_id: String::from("call-1@192.0.2.10"),
            cseq: 1,
            contact: String::from("<sip:901234567@192.0.2.10>"),
            more: String::new(),
            body: String::new(),
            sent_by: String::from("UDP 192.0.2.10:5060"),
        }
    }

    pub fn text(&self) -> String {
        let kind = if self.body.is_empty() || self.more.contains("Content-Type") {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let contact = if self.contact.is_empty() {
            String::new()
        } else {
            format!("Contact: {}\r\n", self.contact)
        };
        format!(
            "{} {} SIP/2.0\r\nVia: SIP/2.0/{};branch={};rport\r\nMax-Forwards: 70\r\nFrom: {}\r\n\
             To: {}\r\nCall-ID: {}\r\nCSeq: {} {}\r\n{contact}{}{kind}Content-Length: {}\r\n\r\n{}",
            self.method,
            self.uri,
            self.sent_by,
            self.branch,
            self.from,
            self.to,
            self.call_id,
            self.cseq,
            self.method,
            self.more,
            self.body.len(),
            self.body,
        )
    }
}

/// The INVITE of the carrier.
pub fn carrier_invite() -> Ask {
    Ask { body: OFFER.to_owned(), ..Ask::new("INVITE", "sip:712000001@pbx.example") }
}

pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn udp(peer: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: addr("203.0.113.5:5060"),
        peer: addr(peer),
        connection: 0,
    }
}

pub fn hop(peer: &str) -> Hop {
    Hop { transport: Transport::Udp, peer: addr(peer), local: None, connection: None }
}

pub const CARRIER: &str = "192.0.2.10:5060";
pub const PHONE: &str = "198.51.100.7:5060";

pub struct Desk {
    pub stack: Stack,
    pub now: u64,
    pub sent: Vec<Sent>,
    pub events: Vec<Event>,
    pub kept: Vec<Kept>,
}

pub fn settings() -> StackSettings {
    let mut settings = StackSettings::new("pbx.example", [7; 32]);
    let local = (Transport::Udp, addr("203.0.113.5:5060"));
    settings.advertise.insert(local, (String::from("203.0.113.5"), 5060));
    for (user, operator) in [("101", "aziza"), ("102", "bobur")] {
        let ha1 = Ha1::new(user, "pbx.example", "secret");
        settings.users.insert(user.to_owned(), User { operator: operator.into(), ha1 });
    }
    settings.trunks.push(TrunkLine {
        name: Name::from("carrier"),
        hops: vec![hop(CARRIER)],
        sources: Vec::new(),
        host: String::from("192.0.2.10"),
        port: None,
        transport: Transport::Udp,
        auth: TrunkAuth::Ip { probe: Period::hours(24) },
        channels_max: 30,
    });
    settings
}

impl Desk {
    pub fn new() -> Desk {
        Desk::with(settings())
    }

    pub fn with(settings: StackSettings) -> Desk {
        let stack = Stack::new(Arc::new(settings), Seed::new(1));
        let mut desk =
            Desk { stack, now: 1000, sent: Vec::new(), events: Vec::new(), kept: Vec::new() };
        desk.stack.handle_timeout(desk.now());
        desk.drain();
        // The first OPTIONS to the carrier is answered, so that nothing of it is in the way.
        for probe in desk.take() {
            if probe.what() == "OPTIONS" {
                desk.receive(CARRIER, &probe.reply(200, "up", "", ""));
            }
        }
        desk.until(desk.now + 6000);
        desk.take();
        desk.events.clear();
        desk
    }

    pub fn now(&self) -> Now {
        Now { mono: Mono(self.now), wall: Wall(START + i64::try_from(self.now).unwrap()) }
    }

    pub fn drain(&mut self) {
        while let Some(output) = self.stack.poll_output() {
            let (transmit, promise) = match output {
                SipOutput::Transmit(transmit) => (transmit, false),
                SipOutput::Promise(transmit) => (transmit, true),
                SipOutput::Event(event) => {
                    self.events.push(event);
                    continue;
                }
                SipOutput::Kept(kept) => {
                    self.kept.push(kept);
                    continue;
                }
            };
            let text = String::from_utf8(transmit.bytes.to_vec()).unwrap();
            // Whatever we say, our own reader must be able to read.
            navbat::sip::read(&transmit.bytes).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
            self.sent.push(Sent { at: self.now, hop: transmit.hop, text, promise });
        }
    }

    pub fn receive(&mut self, peer: &str, text: &str) {
        self.receive_over(udp(peer), text);
    }

    pub fn receive_over(&mut self, flow: Flow, text: &str) {
        let message: Message = navbat::sip::read(text.as_bytes())
            .unwrap_or_else(|error| panic!("the test's own message: {error:?}\n{text}"));
        let now = self.now();
        self.stack.receive(Packet { flow, message, size: text.len() }, now);
        self.drain();
    }

    /// Lives until `at`, timer by timer.
    pub fn until(&mut self, at: u64) {
        while let Some(due) = self.stack.poll_timeout().filter(|due| due.0 <= at) {
            self.now = self.now.max(due.0);
            self.stack.handle_timeout(self.now());
            self.drain();
        }
        self.now = self.now.max(at);
    }

    pub fn wait(&mut self, millis: u64) {
        self.until(self.now + millis);
    }

    pub fn take(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.sent)
    }

    /// What went out, in order: methods and codes.
    pub fn whats(&mut self) -> Vec<String> {
        self.take().iter().map(|sent| sent.what().to_owned()).collect()
    }

    /// The only message that went out.
    #[track_caller]
    pub fn one(&mut self) -> Sent {
        let sent = self.take();
        assert_eq!(sent.len(), 1, "{sent:#?}");
        sent.into_iter().next().unwrap()
    }

    /// The only message of this kind among what went out.
    #[track_caller]
    pub fn the(&mut self, what: &str) -> Sent {
        let sent = self.take();
        let mut found = sent.iter().filter(|own| own.what() == what);
        let one = found.next().unwrap_or_else(|| panic!("no {what} in {sent:#?}")).clone();
        assert!(found.next().is_none(), "{what} twice in {sent:#?}");
        one
    }

    pub fn names(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events).iter().map(name).collect()
    }

    /// The session of the only INVITE that came in.
    #[track_caller]
    pub fn invited(&mut self) -> SessionId {
        let events = std::mem::take(&mut self.events);
        match events.as_slice() {
            [Event::Invited(invited)] => invited.session,
            other => panic!("{other:?}"),
        }
    }

    /// Everything is forgotten after enough time: no session, transaction or timer stays.
    #[track_caller]
    pub fn nothing_left(&mut self) {
        self.wait(100_000);
        let load = self.stack.load();
        assert_eq!(
            (load.sessions, load.clients, load.servers, load.dialogs),
            (0, 0, 0, 0),
            "{load:?}"
        );
        assert!(load.timers <= 1 + load.bindings, "{load:?}"); // the trunk's own timer
    }

    /// Calls 712000002 over the carrier.
    pub fn call_out(&mut self, sdp: Option<&str>) -> (SessionId, Sent) {
        let invite = Invite {
            target: Target::Trunk { name: Name::from("carrier"), user: String::from("712000002") },
            caller: Caller { user: String::from("712000001"), ..Caller::default() },
            sdp: sdp.map(|sdp| Bytes::copy_from_slice(sdp.as_bytes())),
            replaces: None,
            referred_by: None,
            alert: None,
            hops: 70,
            extra: Vec::new(),
        };
        let now = self.now();
        let id = self.stack.invite(invite, now);
        self.drain();
        let sent = self.the("INVITE");
        (id, sent)
    }

    /// A call of the carrier that is answered and acknowledged; gives the 200.
    pub fn call_in(&mut self, invite: &Ask) -> (SessionId, Sent) {
        self.receive(CARRIER, &invite.text());
        let id = self.invited();
        let now = self.now();
        self.stack.accept(id, Some(sdp(ANSWER)), now);
        self.drain();
        let ok = self.the("200");
        self.receive(CARRIER, &inside("ACK", invite, &ok, invite.cseq).text());
        assert_eq!(self.names(), ["confirmed"]);
        self.take();
        (id, ok)
    }

    /// Registers a telephone with right credentials and gives the answer.
    pub fn register(
        &mut self,
        user: &str,
        peer: &str,
        call_id: &str,
        cseq: u32,
        more: &str,
    ) -> Sent {
        let ask = register(user, peer, call_id, cseq, more);
        self.authenticated(peer, &ask, user, "secret")
    }

    /// Sends a request twice: plain, then with credentials for the challenge.
    pub fn authenticated(&mut self, peer: &str, ask: &Ask, user: &str, password: &str) -> Sent {
        self.receive(peer, &ask.text());
        let challenge = self.the("401");
        let mut again = ask.clone();
        again.cseq += 1;
        again.branch.push_str("auth");
        again.more.push_str(&credentials(&challenge, ask, user, password, 1));
        self.receive(peer, &again.text());
        let sent = self.take();
        sent.last().cloned().unwrap_or(challenge)
    }
}

/// The Authorization line for a challenge.
pub fn credentials(challenge: &Sent, ask: &Ask, user: &str, password: &str, nc: u32) -> String {
    let challenge = Challenge::read(challenge.header("WWW-Authenticate").unwrap()).unwrap();
    let ha1 = Ha1::new(user, &challenge.realm, password);
    let method = Method::find(ask.method).unwrap();
    let signer = Signer { user, ha1: &ha1, method, uri: &ask.uri };
    let answer = Credentials::answer(&challenge, &signer, "0a4f113b", nc);
    format!("Authorization: {}\r\n", answer.to_text())
}

pub fn register(user: &str, peer: &str, call_id: &str, cseq: u32, more: &str) -> Ask {
    let own = format!("<sip:{user}@pbx.example>");
    Ask {
        from: format!("{own};tag=r{user}"),
        to: own,
        call_id: call_id.to_owned(),
        cseq,
        branch: format!("z9hG4bKreg{user}{call_id}{cseq}"),
        contact: format!("<sip:{user}@{peer}>"),
        more: more.to_owned(),
        sent_by: format!("UDP {peer}"),
        ..Ask::new("REGISTER", "sip:pbx.example")
    }
}

/// A request of the caller inside the dialog that our 200 (or 18x) opened.
pub fn inside(method: &'static str, invite: &Ask, ours: &Sent, cseq: u32) -> Ask {
    let target = ours.header("Contact").unwrap().trim_matches(['<', '>']).to_owned();
    Ask {
        method,
        uri: target,
        branch: format!("z9hG4bK{method}{cseq}"),
        to: ours.header("To").unwrap().to_owned(),
        cseq,
        body: String::new(),
        more: String::new(),
        ..invite.clone()
    }
}

/// A request of the callee inside a dialog that our INVITE opened.
pub fn from_callee(method: &'static str, invite: &Sent, tag: &str, cseq: u32) -> Ask {
    let target = invite.header("Contact").unwrap().trim_matches(['<', '>']).to_owned();
    Ask {
        uri: target,
        branch: format!("z9hG4bKcallee{method}{cseq}"),
        from: format!("{};tag={tag}", invite.header("To").unwrap()),
        to: invite.header("From").unwrap().to_owned(),
        call_id: invite.header("Call-ID").unwrap().to_owned(),
        cseq,
        contact: String::from("<sip:callee@192.0.2.10>"),
        ..Ask::new(method, "")
    }
}

pub fn sdp(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// An event in one or two words.
pub fn name(event: &Event) -> String {
    match event {
        Event::Invited(_) => String::from("invited"),
        Event::Progress { code, sdp, .. } => {
            format!("progress {code}{}", if sdp.is_some() { " sdp" } else { "" })
        }
        Event::Answered { sdp, .. } => {
            String::from(if sdp.is_some() { "answered sdp" } else { "answered" })
        }
        Event::Silent { .. } => String::from("silent"),
        Event::Refused { code, .. } => format!("refused {code}"),
        Event::Cancelled { .. } => String::from("cancelled"),
        Event::Confirmed { sdp, .. } => {
            String::from(if sdp.is_some() { "confirmed sdp" } else { "confirmed" })
        }
        Event::Ended { cause, .. } => format!("ended {cause:?}").to_lowercase(),
        Event::Reoffered { sdp, .. } => {
            String::from(if sdp.is_some() { "reoffered sdp" } else { "reoffered" })
        }
        Event::Reanswered { result: Ok(_), .. } => String::from("reanswered"),
        Event::Reanswered { result: Err(code), .. } => format!("reanswered {code}"),
        Event::Reconfirmed { .. } => String::from("reconfirmed"),
        Event::Referred { replaces, .. } => {
            String::from(if replaces.is_some() { "referred attended" } else { "referred" })
        }
        Event::Registered { user, devices, .. } => format!("registered {user} {devices}"),
        Event::Unregistered { user, .. } => format!("unregistered {user}"),
        Event::Trunk { name, up, .. } => format!("trunk {name} {up}"),
        Event::Dtmf { digit, .. } => format!("key {digit}"),
    }
}
