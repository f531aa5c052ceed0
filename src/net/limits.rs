//! The bounds of everything that listens, and what is wrong when it cannot.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::sip::Transport;

/// One address that is listened on.
#[derive(Debug, Clone)]
pub struct Listen {
    /// How.
    pub transport: Transport,
    /// Where; port 0 takes a free one.
    pub address: SocketAddr,
    /// The certificate of `tls` and `wss`.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// The bounds of the sockets. Each names what a larger and a smaller value costs.
#[derive(Debug, Clone)]
pub struct NetLimits {
    /// Receive sockets that share one UDP address. More lets more cores parse; each costs its
    /// kernel buffer, and one peer's packets always reach the same socket.
    pub sockets_per_address: usize,
    /// Kernel buffer of each UDP socket, both ways. More rides out a longer stall and delays
    /// what waits in it; the kernel may grant less.
    pub udp_buffer_bytes: usize,
    /// Datagrams that wait for a UDP socket that takes no more. More sends late what nobody
    /// waits for any longer, fewer drop sooner; both sides repeat what was lost.
    pub datagrams_max: usize,
    /// The class of our packets (RFC 4594: signalling is CS5, 40).
    pub dscp: u8,
    /// How long the first message of a connection may take, handshakes included. Longer feeds
    /// who opens and says nothing, shorter cuts slow telephones off.
    pub first_within: Duration,
    /// How long one message may take from its first byte to its last.
    pub frame_within: Duration,
    /// How long a connection may say nothing.
    pub idle: Duration,
    /// The same, once somebody registered over it: a registration of an hour and a margin.
    pub idle_registered: Duration,
    /// How long a peer may take to read what we send.
    pub write_within: Duration,
    /// How long a connection of ours may take to open. The transaction waits 32 s for it.
    pub connect_within: Duration,
    /// Connections of one address. An office behind one address needs one per telephone.
    pub connections_per_address: usize,
    /// Connections in all. Each costs two file handles' worth of memory and its buffers.
    pub connections_max: usize,
    /// Messages that wait for one connection. A peer that does not read costs at most so many.
    pub messages_per_connection: usize,
    /// Messages waiting for the exchange at which new calls are refused. More hides a longer
    /// stall and makes everybody wait for it; fewer refuses in a short burst.
    pub shed_above: usize,
    /// Messages waiting at which new calls are taken again. Close to the mark above it flaps.
    pub shed_below: usize,
    /// What a refused caller is told to wait, seconds.
    pub retry_after: u32,
    /// The least time between two questions about a carrier's name. Names with short lives
    /// would be asked for all the time.
    pub names_again_min: Duration,
    /// The most time between two questions about a carrier's name.
    pub names_again_max: Duration,
    /// Origins whose pages may open a WebSocket (`https://navbat.example.uz`), for who is signed
    /// in. A program that sends no `Origin` is no page and proves itself by its password.
    pub origins: Vec<String>,
}

impl Default for NetLimits {
    fn default() -> NetLimits {
        NetLimits {
            sockets_per_address: 2,
            udp_buffer_bytes: 4 * 1024 * 1024,
            datagrams_max: 4096,
            dscp: 40,
            first_within: Duration::from_secs(10),
            frame_within: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            idle_registered: Duration::from_secs(3700),
            write_within: Duration::from_secs(10),
            connect_within: Duration::from_secs(5),
            connections_per_address: 64,
            connections_max: 20_000,
            messages_per_connection: 256,
            shed_above: 1024,
            shed_below: 512,
            retry_after: 5,
            names_again_min: Duration::from_secs(30),
            names_again_max: Duration::from_secs(3600),
            origins: Vec::new(),
        }
    }
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// Another program, or another navbat, listens there.
    #[error(
        "{transport} {address} is taken by another program: stop it (`ss -lnp` names it), or \
         write another port in [sip] listen"
    )]
    Taken {
        /// How.
        transport: &'static str,
        /// Where.
        address: SocketAddr,
    },
    /// The machine has no such address, or we may not use the port.
    #[error("cannot listen on {transport} {address}: {source}")]
    Refused {
        /// How.
        transport: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the machine said.
        source: std::io::Error,
    },
    /// `tls` and `wss` need a certificate.
    #[error("{transport} {address} needs a certificate: add `tls` to [sip]")]
    NoCertificate {
        /// How.
        transport: &'static str,
        /// Where.
        address: SocketAddr,
    },
}
