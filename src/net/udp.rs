//! UDP: several sockets per address, each read and parsed by its own task.
//!
//! The kernel spreads peers over the sockets of one address, so that one peer's packets stay in
//! order. Whatever is no SIP dies here without a line in the log.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::limits::{NetError, NetLimits};
use super::shared::Shared;
use crate::sip::{Flow, Transport};

/// No UDP packet is larger.
const DATAGRAM_MAX: usize = 65_535;
/// Packets of one socket that are read before others have their turn. More saves a little work
/// per packet, fewer is fairer.
const BURST: usize = 64;
/// What routers of homes and offices are kept open with, and its answer (RFC 5626 section
/// 3.5.1; many telephones send it over UDP as well).
const PING: &[u8] = b"\r\n\r\n";
const PONG: &[u8] = b"\r\n";

/// The sending side of one address.
pub(super) struct Port {
    pub address: SocketAddr,
    socket: Arc<UdpSocket>,
    waiting: mpsc::Sender<(SocketAddr, Bytes)>,
}

/// Opens an address and begins to hear.
pub(super) fn open(address: SocketAddr, shared: &Arc<Shared>) -> Result<Port, NetError> {
    let refused = |source: std::io::Error| super::listen_error(Transport::Udp, address, source);
    probe(address).map_err(refused)?;
    let first = socket(address, &shared.limits).map_err(refused)?;
    let address = first.local_addr().map_err(refused)?;
    let mut sockets = vec![first];
    for _ in 1..shared.limits.sockets_per_address.max(1) {
        sockets.push(socket(address, &shared.limits).map_err(refused)?);
    }
    let mut heard = Vec::new();
    for socket in sockets {
        heard.push(Arc::new(UdpSocket::from_std(socket).map_err(refused)?));
    }
    let Some(first) = heard.first().cloned() else {
        return Err(refused(std::io::ErrorKind::AddrNotAvailable.into()));
    };
    for socket in heard {
        tokio::spawn(receive(socket, address, shared.clone()));
    }
    let (waiting, late) = mpsc::channel(shared.limits.datagrams_max);
    tokio::spawn(send_late(first.clone(), late, shared.clone()));
    Ok(Port { address, socket: first, waiting })
}

/// Sockets that share an address would share it with another navbat as well; one that does not
/// share finds out whether the address is free.
fn probe(address: SocketAddr) -> std::io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())
}

fn socket(address: SocketAddr, limits: &NetLimits) -> std::io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // The kernel may grant less, or refuse the class: calls work without either.
    let _ = socket.set_recv_buffer_size(limits.udp_buffer_bytes);
    let _ = socket.set_send_buffer_size(limits.udp_buffer_bytes);
    let class = u32::from(limits.dscp) << 2;
    let _ = if address.is_ipv6() { socket.set_tclass_v6(class) } else { socket.set_tos_v4(class) };
    socket.bind(&address.into())?;
    Ok(socket.into())
}

async fn receive(socket: Arc<UdpSocket>, local: SocketAddr, shared: Arc<Shared>) {
    let mut buffer = vec![0_u8; DATAGRAM_MAX];
    loop {
        let ready = tokio::select! {
            () = shared.stop.cancelled() => return,
            ready = socket.readable() => ready,
        };
        if ready.is_err() {
            return; // the runtime ends
        }
        for _ in 0..BURST {
            // An error of one packet (an ICMP message of an earlier one) is not the socket's.
            let Ok((len, peer)) = socket.try_recv_from(&mut buffer) else { break };
            let flow = Flow { transport: Transport::Udp, local, peer, connection: 0 };
            take(buffer.get(..len).unwrap_or_default(), flow, &socket, &shared).await;
        }
        tokio::task::yield_now().await;
    }
}

async fn take(packet: &[u8], flow: Flow, socket: &UdpSocket, shared: &Shared) {
    if packet == PING {
        let _ = socket.try_send_to(PONG, flow.peer);
        return;
    }
    let start = packet.trim_ascii_start();
    if start.is_empty() {
        return; // the other kinds of keep-alive
    }
    if !start.first().is_some_and(u8::is_ascii_graphic) {
        return shared.counts.not_sip.increment(1);
    }
    if let Some(answer) = shared.inlet.take(start, flow, None).await {
        let _ = socket.try_send_to(&answer, flow.peer);
    }
}

/// Sends what found the socket full, in its order.
async fn send_late(
    socket: Arc<UdpSocket>,
    mut late: mpsc::Receiver<(SocketAddr, Bytes)>,
    shared: Arc<Shared>,
) {
    loop {
        let next = tokio::select! {
            () = shared.stop.cancelled() => return,
            next = late.recv() => next,
        };
        let Some((peer, bytes)) = next else { return };
        if socket.send_to(&bytes, peer).await.is_err() {
            shared.counts.unreachable.increment(1);
        }
    }
}

impl Port {
    /// Sends a packet without waiting. False: this machine knows no way to the peer.
    pub(super) fn send(&self, peer: SocketAddr, bytes: &Bytes, shared: &Shared) -> bool {
        match self.socket.try_send_to(bytes, peer) {
            Ok(_) => true,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if self.waiting.try_send((peer, bytes.clone())).is_err() {
                    shared.counts.unread.increment(1); // as good as lost on the way
                }
                true
            }
            // An earlier packet's ICMP message is told with a later call.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => true,
            Err(_) => false,
        }
    }
}
