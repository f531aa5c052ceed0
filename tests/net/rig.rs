//! Open sockets with an inbox, certificates, and messages that are only as long as they must be.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use navbat::net::{Arrived, Listen, NetLimits, Wires};
use navbat::sip::{Flow, Hop, Message, Packet, Transmit, Transport};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Longer than anything takes on a loaded machine; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Messages that the inbox of a test holds.
pub const INBOX: usize = 64;

/// Open sockets and what comes in by them.
pub struct Rig {
    pub wires: Wires,
    pub inbox: mpsc::Receiver<Arrived>,
    _stop: DropGuard,
}

impl Rig {
    /// Opens transports on free ports of the loopback.
    pub fn open(transports: &[Transport], limits: NetLimits) -> Rig {
        Rig::with(transports, limits, &Identity::new("localhost"))
    }

    pub fn with(transports: &[Transport], limits: NetLimits, identity: &Identity) -> Rig {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let tls = Some(identity.server());
        let listen = |transport| Listen { transport, address, tls: tls.clone() };
        let listens: Vec<Listen> = transports.iter().copied().map(listen).collect();
        let (sender, inbox) = mpsc::channel(INBOX);
        let stop = CancellationToken::new();
        let wires = navbat::net::open(&listens, limits, sender, stop.clone()).unwrap();
        Rig { wires, inbox, _stop: stop.drop_guard() }
    }

    /// Where the first address listens.
    pub fn address(&self) -> SocketAddr {
        self.wires.local()[0].1
    }

    /// What comes in next.
    pub async fn next(&mut self) -> Arrived {
        let next = tokio::time::timeout(PATIENCE, self.inbox.recv()).await;
        next.expect("nothing came in").expect("the sockets are closed")
    }

    /// The next message.
    pub async fn packet(&mut self) -> Packet {
        match self.next().await {
            Arrived::Packet(packet) => *packet,
            other @ (Arrived::Undelivered(_) | Arrived::TrunkHops { .. }) => panic!("{other:?}"),
        }
    }

    /// The next word that something cannot be sent.
    pub async fn undelivered(&mut self) -> Hop {
        match self.next().await {
            Arrived::Undelivered(hop) => hop,
            other @ (Arrived::Packet(_) | Arrived::TrunkHops { .. }) => panic!("{other:?}"),
        }
    }

    /// Nothing has come in.
    pub fn nothing(&mut self) {
        let waiting = self.inbox.try_recv();
        assert!(waiting.is_err(), "{waiting:?}");
    }

    /// Sends text back along a flow.
    pub fn reply(&self, flow: Flow, text: &str) {
        self.send(flow.hop(), text);
    }

    /// Sends text somewhere.
    pub fn send(&self, hop: Hop, text: &str) {
        self.wires.send(&Transmit { hop, bytes: Bytes::copy_from_slice(text.as_bytes()) });
    }
}

/// A way to a peer that no connection leads to yet.
pub fn hop(transport: Transport, peer: SocketAddr) -> Hop {
    Hop { transport, peer, local: None, connection: None }
}

/// A request. `key` makes Call-ID and branch.
pub fn request(method: &str, key: &str) -> String {
    request_with(method, key, "")
}

/// A request with more headers (each ends its line) and no body.
pub fn request_with(method: &str, key: &str, more: &str) -> String {
    format!(
        "{method} sip:queue@navbat.local SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:5099;rport;branch=z9hG4bK{key}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:caller@example.com>;tag=from\r\n\
         To: <sip:queue@navbat.local>\r\n\
         Call-ID: {key}\r\n\
         CSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

/// The Call-ID of a message that came in.
pub fn call_id(packet: &Packet) -> String {
    match &packet.message {
        Message::Request(request) => request.call_id().to_owned(),
        Message::Response(response) => response.call_id().to_owned(),
    }
}

/// A certificate of its own making with its key.
pub struct Identity {
    chain: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Identity {
    pub fn new(name: &str) -> Identity {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        Identity { chain: made.cert.der().clone(), key: made.signing_key.serialize_der() }
    }

    pub fn server(&self) -> Arc<rustls::ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let config = rustls::ServerConfig::builder().with_no_client_auth();
        Arc::new(config.with_single_cert(vec![self.chain.clone()], key).unwrap())
    }

    /// A client that believes this certificate and no other.
    pub fn client(&self) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.chain.clone()).unwrap();
        let config = rustls::ClientConfig::builder().with_root_certificates(roots);
        Arc::new(config.with_no_client_auth())
    }
}

pub fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// Waits until something is so; there is no event to wait for.
pub async fn until(so: impl Fn() -> bool) {
    let waiting = async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while !so() {
            look.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it did not come about");
}
