//! What every task of the sockets shares.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tokio_util::sync::CancellationToken;

use super::connections::{Connections, Seat};
use super::counts::Counts;
use super::inlet::Inlet;
use super::limits::NetLimits;
use super::pages::Doorman;
use super::stream::Link;
use crate::sip::{Hop, Transport};

/// A certificate that can be swapped; connections that live keep theirs.
pub(super) type Certificate = Arc<ArcSwap<rustls::ServerConfig>>;

/// Addresses whose name is remembered for their certificate.
const NAMES_MAX: usize = 1024;

/// What every task of the sockets shares.
pub(super) struct Shared {
    pub limits: NetLimits,
    pub counts: Arc<Counts>,
    pub inlet: Inlet,
    pub connections: Arc<Connections>,
    /// Who says whose a page is.
    pub doorman: Doorman,
    /// Whose certificates we believe when we open a connection.
    pub trust: ArcSwapOption<rustls::ClientConfig>,
    /// Under which name an address was looked for: its certificate must carry that name
    /// (RFC 5922 section 7).
    names: Mutex<BTreeMap<SocketAddr, String>>,
    local: OnceLock<Vec<(Transport, SocketAddr)>>,
    pub stop: CancellationToken,
}

impl Shared {
    pub(super) fn new(
        limits: NetLimits,
        counts: Arc<Counts>,
        inlet: Inlet,
        stop: CancellationToken,
    ) -> Shared {
        Shared {
            connections: Connections::new(&limits, counts.clone()),
            limits,
            counts,
            inlet,
            doorman: Doorman::default(),
            trust: ArcSwapOption::empty(),
            names: Mutex::default(),
            local: OnceLock::new(),
            stop,
        }
    }

    /// Learns what is listened on, once everything is.
    pub(super) fn listens(&self, local: &[(Transport, SocketAddr)]) {
        let _once = self.local.set(local.to_vec());
    }

    /// The address of one transport that is listened on, of the peer's kind.
    pub(super) fn listening(&self, on: Transport, peer: SocketAddr) -> Option<SocketAddr> {
        let local = self.local.get()?.iter();
        let mut same = local.filter(|(own, at)| *own == on && at.is_ipv4() == peer.is_ipv4());
        same.next().map(|(_, address)| *address)
    }

    /// Remembers under which name addresses were looked for.
    pub(super) fn learn(&self, host: &str, hops: &[Hop]) {
        let mut names = self.names.lock();
        for hop in hops {
            if names.len() < NAMES_MAX || names.contains_key(&hop.peer) {
                names.insert(hop.peer, host.to_owned());
            }
        }
    }

    /// The name that a peer's certificate must carry.
    pub(super) fn name_of(&self, peer: SocketAddr) -> ServerName<'static> {
        let known = self.names.lock().get(&peer).cloned();
        let named = known.and_then(|host| ServerName::try_from(host).ok());
        named.unwrap_or_else(|| ServerName::from(peer.ip()))
    }

    /// A connection of ours did not come about: what waits for it is lost, and the exchange
    /// hears of it.
    pub(super) async fn unreachable(&self, seat: Seat, local: Option<SocketAddr>) {
        self.counts.unreachable.increment(1);
        let (transport, peer) = (seat.transport, seat.peer);
        drop(seat); // before the exchange tries again
        self.inlet.undelivered(Hop { transport, peer, local, connection: None }).await;
    }

    /// A connection ended: whoever counted on it has to hear of it.
    pub(super) async fn ended(&self, link: Link) {
        let hop = Hop {
            transport: link.seat.transport,
            peer: link.seat.peer,
            local: Some(link.local),
            connection: Some(link.seat.id),
        };
        let useful = link.was_useful();
        drop(link);
        if useful {
            self.inlet.undelivered(hop).await;
        }
    }

    pub(super) const fn is_socket(transport: Transport) -> bool {
        matches!(transport, Transport::Ws | Transport::Wss)
    }
}
