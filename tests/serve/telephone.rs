//! Telephones and a carrier of the tests: each is a SIP stack of its own behind a UDP socket,
//! with the server as its only trunk.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use navbat::model::{Mono, Now, Period, Seed, Wall};
use navbat::sip::{
    Caller, Event, Flow, Hop, Invite, Login, Packet, SessionId, SipOutput, Stack, StackSettings,
    Target, Transport, TrunkAuth, TrunkLine,
};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::rig::PATIENCE;

/// What a telephone offers: PCMA, both ways.
pub const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n\
    t=0 0\r\nm=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n";

type Order = Box<dyn FnOnce(&mut Stack, Now) + Send>;

/// One end of calls. It ends when it is dropped.
pub struct Telephone {
    orders: mpsc::UnboundedSender<Order>,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Telephone {
    /// A carrier that is known by its address.
    pub async fn carrier(socket: UdpSocket, server: SocketAddr) -> Telephone {
        // It does not ask whether the server lives: that would only make noise here.
        let auth = TrunkAuth::Ip { probe: Period::hours(1) };
        Telephone::open(socket, server, "navbat.local", auth).await
    }

    /// A telephone that registers with a password.
    pub async fn registered(server: SocketAddr, user: &str, password: &str) -> Telephone {
        let auth = TrunkAuth::Register(Login {
            login: user.into(),
            password: password.to_owned().into(),
            from_user: user.into(),
            from_domain: "navbat.local".into(),
            realm: None,
            expires: 600,
        });
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut telephone = Telephone::open(socket, server, "navbat.local", auth).await;
        loop {
            if let Event::Trunk { up, why, .. } = telephone.next().await {
                assert!(up, "{user} cannot register: {why}");
                return telephone;
            }
        }
    }

    async fn open(socket: UdpSocket, server: SocketAddr, host: &str, auth: TrunkAuth) -> Telephone {
        let address = socket.local_addr().unwrap();
        let peer = server;
        let hop = Hop { transport: Transport::Udp, peer, local: Some(address), connection: None };
        let mut settings = StackSettings::new("telephone.test", [7; 32]);
        let own = (address.ip().to_string(), address.port());
        settings.advertise.insert((Transport::Udp, address), own);
        settings.trunks.push(TrunkLine {
            name: "server".into(),
            hops: vec![hop],
            sources: Vec::new(),
            host: host.into(),
            port: None,
            transport: Transport::Udp,
            auth,
            channels_max: 10,
        });
        let stack = Stack::new(Arc::new(settings), Seed::new(u64::from(address.port())));
        let (orders, ordered) = mpsc::unbounded_channel();
        let (told, events) = mpsc::unbounded_channel();
        tokio::spawn(live(socket, stack, ordered, told));
        Telephone { orders, events }
    }

    fn order(&self, order: impl FnOnce(&mut Stack, Now) + Send + 'static) {
        assert!(self.orders.send(Box::new(order)).is_ok(), "the telephone is gone");
    }

    /// What happens next.
    pub async fn next(&mut self) -> Event {
        let next = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        next.expect("nothing happens").expect("the telephone is gone")
    }

    /// Goes on until something happens; offers in between are taken.
    pub async fn until(&mut self, fits: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.next().await;
            if let Event::Reoffered { session, .. } = &event {
                let (session, sdp) = (*session, Bytes::from_static(SDP.as_bytes()));
                self.order(move |stack, now| stack.answer_reoffer(session, Ok(Some(sdp)), now));
            }
            if fits(&event) {
                return event;
            }
        }
    }

    /// Calls a number of the server.
    pub fn call(&self, from: &str, number: &str) {
        let invite = Invite {
            target: Target::Trunk { name: "server".into(), user: number.into() },
            caller: Caller { user: from.into(), display: String::new(), private: false },
            sdp: Some(Bytes::from_static(SDP.as_bytes())),
            hops: 70,
            replaces: None,
            referred_by: None,
            alert: None,
            extra: Vec::new(),
        };
        self.order(move |stack, now| {
            stack.invite(invite, now);
        });
    }

    /// Waits until it is called, and rings.
    pub async fn rings(&mut self) -> SessionId {
        loop {
            if let Event::Invited(invited) = self.next().await {
                let session = invited.session;
                self.order(move |stack, now| stack.ring(session, 180, None, now));
                return session;
            }
        }
    }

    pub fn answer(&self, session: SessionId) {
        let sdp = Some(Bytes::from_static(SDP.as_bytes()));
        self.order(move |stack, now| stack.accept(session, sdp, now));
    }

    pub fn hang_up(&self, session: SessionId) {
        self.order(move |stack, now| stack.bye(session, &navbat::sip::Cause::normal(), now));
    }
}

async fn live(
    socket: UdpSocket,
    mut stack: Stack,
    mut orders: mpsc::UnboundedReceiver<Order>,
    told: mpsc::UnboundedSender<Event>,
) {
    let begun = Instant::now();
    let local = socket.local_addr().unwrap();
    let now = || Now {
        mono: Mono(u64::try_from(begun.elapsed().as_millis()).unwrap()),
        wall: Wall(1_795_000_000_000),
    };
    let mut buffer = vec![0; 65_535];
    stack.handle_timeout(now());
    loop {
        while let Some(output) = stack.poll_output() {
            match output {
                SipOutput::Transmit(transmit) | SipOutput::Promise(transmit) => {
                    socket.send_to(&transmit.bytes, transmit.hop.peer).await.unwrap();
                }
                SipOutput::Event(event) => {
                    let _nobody_asks = told.send(event).is_err();
                }
                SipOutput::Kept(_) => {}
            }
        }
        let due = stack.poll_timeout().map_or(1000, |at| at.since(now().mono).as_millis());
        let due = tokio::time::Instant::now() + std::time::Duration::from_millis(due);
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => order(&mut stack, now()),
                None => return,
            },
            heard = socket.recv_from(&mut buffer) => {
                let (size, peer) = heard.unwrap();
                let Ok(message) = navbat::sip::read(&buffer[..size]) else { continue };
                let flow = Flow { transport: Transport::Udp, local, peer, connection: 0 };
                stack.receive(Packet { flow, message, size }, now());
            }
            () = tokio::time::sleep_until(due) => stack.handle_timeout(now()),
        }
    }
}
