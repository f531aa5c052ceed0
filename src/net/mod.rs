//! Sockets: UDP, TCP, TLS and WebSocket under SIP, and the names of carriers.
//!
//! [`open`] listens; whole messages come out of the inbox as [`Arrived`], read on the sockets'
//! own tasks. [`Wires::send`] sends and never waits. What is no SIP dies here, what is broken and
//! can be answered is answered here, and while the exchange has too much to do new calls are
//! turned away here. Nobody who calls is waited for, and everything has a bound
//! ([`NetLimits`]).

mod connections;
mod counts;
mod dns;
mod inlet;
mod limits;
mod names;
mod pages;
mod shared;
mod stream;
mod udp;
mod wires;
mod ws;

use std::net::SocketAddr;

use crate::sip::Transport;

pub use counts::word;
pub use dns::{Found, NameError, Names, Target};
pub use inlet::Arrived;
pub use limits::{Listen, NetError, NetLimits};
pub use pages::{Admit, Guest, Promised};
pub use wires::{Wires, open};

fn listen_error(transport: Transport, address: SocketAddr, source: std::io::Error) -> NetError {
    let transport = word(transport);
    if source.kind() == std::io::ErrorKind::AddrInUse {
        return NetError::Taken { transport, address };
    }
    NetError::Refused { transport, address, source }
}

/// The address of this machine that a peer sees, as far as this machine knows; `None` when there
/// is no way to it. Nothing is sent.
pub fn own_address(towards: SocketAddr) -> Option<std::net::IpAddr> {
    let any: SocketAddr = if towards.is_ipv4() {
        (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = std::net::UdpSocket::bind(any).ok()?;
    socket.connect(towards).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
