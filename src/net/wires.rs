//! Opening the sockets, and sending without ever waiting.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::connections::Put;
use super::counts::Counts;
use super::dns::{Names, Target};
use super::inlet::{Arrived, Inlet};
use super::limits::{Listen, NetError, NetLimits};
use super::names::Watched;
use super::pages::Admit;
use super::shared::{Certificate, Shared};
use super::{stream, udp};
use crate::model::Name;
use crate::sip::{Hop, Transmit, Transport};

/// Connections that wait in the kernel until they are accepted.
const BACKLOG: i32 = 1024;

/// Everything that is open; clones are the same sockets.
#[derive(Clone)]
pub struct Wires(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    ports: Vec<udp::Port>,
    local: Vec<(Transport, SocketAddr)>,
    certificates: Vec<Certificate>,
    watched: Watched,
}

/// Opens every address; what is heard goes into the inbox until a stop is asked for.
///
/// # Errors
/// When an address is taken, is not this machine's, or lacks its certificate; nothing stays open
/// then.
pub fn open(
    listens: &[Listen],
    limits: NetLimits,
    inbox: mpsc::Sender<Arrived>,
    stop: CancellationToken,
) -> Result<Wires, NetError> {
    let counts = Arc::new(Counts::new());
    let inlet = Inlet::new(inbox, &limits, counts.clone());
    let guard = stop.child_token();
    let shared = Arc::new(Shared::new(limits, counts, inlet, guard.clone()));
    let close = guard.drop_guard(); // what is open already ends when the next cannot be
    let (mut ports, mut local) = (Vec::new(), Vec::new());
    let mut certificates = Vec::new();
    for listen in listens {
        let (transport, address) = (listen.transport, listen.address);
        if transport == Transport::Udp {
            let port = udp::open(address, &shared)?;
            local.push((transport, port.address));
            ports.push(port);
            continue;
        }
        let encrypted = matches!(transport, Transport::Tls | Transport::Wss);
        let certificate = match (&listen.tls, encrypted) {
            (Some(tls), true) => Some(Arc::new(ArcSwap::new(tls.clone()))),
            (None, true) => {
                let transport = super::word(transport);
                return Err(NetError::NoCertificate { transport, address });
            }
            (Some(_) | None, false) => None,
        };
        let refused = |source| super::listen_error(transport, address, source);
        let listener = listener(address).map_err(refused)?;
        let own = (transport, listener.local_addr().map_err(refused)?);
        local.push(own);
        certificates.extend(certificate.clone());
        tokio::spawn(stream::accept(listener, own, certificate, shared.clone()));
    }
    let _stays = close.disarm();
    shared.listens(&local);
    let watched = Watched::default();
    Ok(Wires(Arc::new(Inner { shared, ports, local, certificates, watched })))
}

fn listener(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?; // a restart need not wait for the last connections
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

impl Wires {
    /// Sends, or begins to, and returns at once. What cannot be sent is told to the inbox.
    pub fn send(&self, transmit: &Transmit) {
        let (hop, shared) = (&transmit.hop, &self.0.shared);
        shared.counts.sent(hop.transport);
        let sent = match hop.transport {
            Transport::Udp => self.send_datagram(transmit),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                self.send_stream(transmit)
            }
        };
        if !sent {
            shared.counts.unreachable.increment(1);
            shared.inlet.undelivered_at_once(*hop);
        }
    }

    fn send_datagram(&self, transmit: &Transmit) -> bool {
        let hop = &transmit.hop;
        let Some(port) = self.port(hop) else { return false };
        port.send(hop.peer, &transmit.bytes, &self.0.shared)
    }

    /// The socket that a packet leaves by: the one that was asked for, else one of the peer's
    /// kind, not one that only this machine hears where the peer is another.
    fn port(&self, hop: &Hop) -> Option<&udp::Port> {
        let asked = |port: &&udp::Port| Some(port.address) == hop.local;
        let same_kind = |port: &&udp::Port| port.address.is_ipv4() == hop.peer.is_ipv4();
        let reaches = |port: &&udp::Port| {
            let own = port.address.ip();
            same_kind(port)
                && (own.is_unspecified() || own.is_loopback() == hop.peer.ip().is_loopback())
        };
        let ports = &self.0.ports;
        ports
            .iter()
            .find(asked)
            .or_else(|| ports.iter().find(reaches))
            .or_else(|| ports.iter().find(same_kind))
    }

    fn send_stream(&self, transmit: &Transmit) -> bool {
        let (hop, shared) = (&transmit.hop, &self.0.shared);
        if let Some(id) = hop.connection {
            match shared.connections.put(id, hop.peer, &transmit.bytes) {
                Put::Queued => return true,
                Put::Full => return self.unread(),
                Put::Gone => {}
            }
        }
        if Shared::is_socket(hop.transport) {
            return false; // a page cannot be called back (RFC 7118 section 5)
        }
        match shared.connections.reach(hop.transport, hop.peer, &transmit.bytes) {
            Ok(Put::Queued) => true,
            Ok(Put::Full) => self.unread(),
            Ok(Put::Gone) => false,
            Err(seated) => {
                let opening = stream::open(seated, shared.clone());
                tokio::spawn(stream::until_stop(shared.stop.clone(), opening));
                true
            }
        }
    }

    fn unread(&self) -> bool {
        self.0.shared.counts.unread.increment(1);
        false
    }

    /// What is listened on, in the order of the opening.
    pub fn local(&self) -> &[(Transport, SocketAddr)] {
        &self.0.local
    }

    /// Looks for these carriers from here on, and for no others.
    pub fn watch(&self, names: &Names, trunks: impl IntoIterator<Item = (Name, Target)>) {
        self.0.watched.set(&self.0.shared, names, trunks);
    }

    /// Says whose certificates are believed when a connection is opened. Without this, none is
    /// opened over TLS.
    pub fn trust(&self, config: Arc<rustls::ClientConfig>) {
        self.0.shared.trust.store(Some(config));
    }

    /// Says who tells whose a page is. Without this, no browser is let in.
    pub fn admit(&self, admit: Admit) {
        self.0.shared.doorman.set(admit);
    }

    /// Takes another certificate; connections that live keep theirs.
    pub fn certify(&self, config: &Arc<rustls::ServerConfig>) {
        for own in &self.0.certificates {
            own.store(config.clone());
        }
    }

    /// Refuses new calls from here on; what runs goes on.
    pub fn refuse_new(&self) {
        self.0.shared.inlet.refuse_new();
    }

    /// How many connections live.
    pub fn connections(&self) -> usize {
        self.0.shared.connections.len()
    }
}
