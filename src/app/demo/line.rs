//! One end of the SIP traffic of the demo: a real UDP socket with a user agent on it.
//!
//! The user agent is the stack of the `sip` room in the place of a client: navbat is its trunk.
//! What it cannot read or is sent by a stranger is a fault of navbat, and is written down.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use secrecy::SecretString;
use tokio::net::UdpSocket;

use super::floor::Floor;
use crate::app::clock::Clock;
use crate::model::{Mono, Name, Now, Period, Seed};
use crate::sip::{
    self, Event, Flow, Hop, Login, MESSAGE_BYTES_MAX, Packet, SipOutput, Stack, StackSettings,
    Transmit, Transport, TrunkAuth, TrunkLine, sdp,
};

/// The domain of the demo's call centre.
pub const DOMAIN: &str = "navbat.local";
/// What navbat is called in the settings of its clients.
pub const NAVBAT: &str = "navbat";
/// How long a telephone asks to be registered, seconds: it renews after half of that.
const REGISTER_FOR: u32 = 300;
/// How often the carrier looks whether navbat lives.
const PROBE_EVERY: Period = Period::secs(30);

/// How an end proves itself.
pub enum Proof {
    /// It registers with a user name and a password.
    Register(String, String),
    /// By the address it sends from.
    Address,
}

/// A socket with a user agent, and what its owner wants to do later.
pub struct Line<T> {
    /// The user agent.
    pub stack: Stack,
    /// What everybody knows.
    pub floor: Floor,
    socket: UdpSocket,
    flow: Flow,
    proof: Proof,
    clock: Clock,
    events: VecDeque<Event>,
    outbox: VecDeque<Transmit>,
    later: BTreeMap<(Mono, u64), T>,
    count: u64,
    name: String,
    buffer: Vec<u8>,
}

/// What a line heard.
pub enum Heard<T> {
    /// Its user agent has news.
    Event(Event),
    /// The moment of something planned has come.
    Due(T),
}

/// A free UDP socket on loopback.
pub async fn socket() -> anyhow::Result<UdpSocket> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.context("the demo has no socket for SIP")
}

impl<T> Line<T> {
    /// An end on a socket, towards navbat's.
    pub fn new(
        name: &str,
        socket: UdpSocket,
        navbat: SocketAddr,
        proof: Proof,
        floor: Floor,
    ) -> anyhow::Result<Line<T>> {
        let local = socket.local_addr()?;
        let flow = Flow { transport: Transport::Udp, local, peer: navbat, connection: 0 };
        let settings = Arc::new(settings(flow, &proof, NAVBAT, REGISTER_FOR));
        Ok(Line {
            stack: Stack::new(settings, Seed::new(rand::random())),
            floor,
            socket,
            flow,
            proof,
            clock: Clock::after(None),
            events: VecDeque::new(),
            outbox: VecDeque::new(),
            later: BTreeMap::new(),
            count: 0,
            name: name.to_owned(),
            buffer: vec![0; MESSAGE_BYTES_MAX],
        })
    }

    /// This moment on the line's own clock.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// Plans something, in milliseconds of the machine's clock.
    pub fn plan(&mut self, after: u64, what: T) {
        self.count += 1;
        self.later.insert((self.now().mono + Period::millis(after), self.count), what);
    }

    /// Takes the registration back: the answer comes as a `Trunk` event of another name.
    pub fn unregister(&mut self) {
        let settings = settings(self.flow, &self.proof, "leave", 0);
        self.stack.reload(Arc::new(settings), self.now());
    }

    /// Waits for the next news. Nothing is lost when it is dropped while it waits.
    pub async fn next(&mut self) -> Heard<T> {
        loop {
            self.flush().await;
            if let Some(event) = self.events.pop_front() {
                return Heard::Event(event);
            }
            let planned = self.later.first_key_value().map(|((at, _), _)| *at);
            if planned.is_some_and(|at| at <= self.now().mono)
                && let Some((_, what)) = self.later.pop_first()
            {
                return Heard::Due(what);
            }
            let due = self.stack.poll_timeout().into_iter().chain(planned).min();
            tokio::select! {
                received = self.socket.recv_from(&mut self.buffer) => match received {
                    Ok((size, from)) => self.take(size, from),
                    Err(error) => self.fault(&format!("its socket says {error}")),
                },
                () = self.clock.until(due) => {
                    let now = self.now();
                    self.stack.handle_timeout(now);
                }
            }
        }
    }

    fn take(&mut self, size: usize, from: SocketAddr) {
        let now = self.now();
        let bytes = self.buffer.get(..size).unwrap_or_default();
        match sip::read(bytes) {
            _ if from != self.flow.peer => self.fault("somebody else than navbat sent to it"),
            Ok(message) => self.stack.receive(Packet { flow: self.flow, message, size }, now),
            Err(error) => self.fault(&format!("it cannot read what navbat sent: {error}")),
        }
    }

    /// Sends what the user agent has to say. Dropped on the way it may send something twice,
    /// which any network may do.
    pub async fn flush(&mut self) {
        while let Some(output) = self.stack.poll_output() {
            match output {
                SipOutput::Transmit(out) | SipOutput::Promise(out) => self.outbox.push_back(out),
                SipOutput::Event(event) => self.events.push_back(event),
                SipOutput::Kept(_) => {} // nothing outlives the demo
            }
        }
        while let Some(out) = self.outbox.front() {
            if out.hop.peer != self.flow.peer {
                self.fault("navbat sent it to somebody else");
            }
            // A datagram that is not sent is a lost one: the user agent repeats it.
            let _lost = self.socket.send_to(&out.bytes, out.hop.peer).await.is_err();
            self.floor.sent();
            self.outbox.pop_front();
        }
    }

    /// Writes down that navbat did what a telephone cannot live with.
    pub fn fault(&self, what: &str) {
        self.floor.fault(format!("{}: {what}", self.name));
    }
}

/// The settings of a client of navbat.
fn settings(flow: Flow, proof: &Proof, navbat: &str, expires: u32) -> StackSettings {
    let mut settings = StackSettings::new(DOMAIN, rand::random());
    settings.agent = String::from("navbat-demo");
    let auth = match proof {
        Proof::Register(user, password) => TrunkAuth::Register(Login {
            login: user.clone(),
            password: SecretString::from(password.as_str()),
            from_user: user.clone(),
            from_domain: DOMAIN.to_owned(),
            realm: Some(DOMAIN.to_owned()),
            expires,
        }),
        Proof::Address => TrunkAuth::Ip { probe: PROBE_EVERY },
    };
    settings.trunks.push(TrunkLine {
        name: Name::from(navbat),
        hops: vec![Hop {
            transport: flow.transport,
            peer: flow.peer,
            local: Some(flow.local),
            connection: None,
        }],
        sources: Vec::new(),
        host: DOMAIN.to_owned(),
        port: None,
        transport: flow.transport,
        auth,
        channels_max: u32::MAX,
    });
    settings
}

/// A description of audio at a port: what both ends of a call say of themselves.
pub fn audio(port: u16, direction: sdp::Direction) -> Bytes {
    Bytes::from(format!(
        "v=0\r\no=- {port} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na={}\r\n",
        direction.as_str()
    ))
}

/// The port and the direction of the audio that the other end describes.
pub fn heard(body: Option<&Bytes>) -> Option<(u16, sdp::Direction)> {
    let sdp = sdp::read(body?).ok()?;
    let audio = sdp.audio()?;
    Some((audio.port, audio.direction))
}
