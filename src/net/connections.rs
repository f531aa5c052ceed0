//! The table of connections: who may open one, and where what we send goes.
//!
//! A connection is in the table from its first packet to its last, so that the bounds hold
//! during handshakes as well. The lock is held for a lookup and never across a wait.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::counts::{Counts, place};
use super::limits::NetLimits;
use crate::sip::Transport;

/// Every connection that lives.
pub(super) struct Connections {
    table: Mutex<Table>,
    per_address: usize,
    all: usize,
    queue: usize,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Table {
    last: u64,
    by_id: BTreeMap<u64, Entry>,
    by_peer: BTreeMap<(usize, SocketAddr), u64>,
    by_address: BTreeMap<IpAddr, usize>,
}

struct Entry {
    transport: Transport,
    peer: SocketAddr,
    queue: mpsc::Sender<Bytes>,
    registered: Arc<AtomicBool>,
    accepted: bool,
}

/// One connection's place in the table; given free when it is dropped.
pub(super) struct Seat {
    table: Arc<Connections>,
    /// Never 0, never used again.
    pub id: u64,
    pub transport: Transport,
    pub peer: SocketAddr,
    /// Whether the peer opened it.
    pub accepted: bool,
    /// Whether somebody registered over it.
    pub registered: Arc<AtomicBool>,
}

/// A seat and what is to be written to it.
pub(super) type Seated = (Seat, mpsc::Receiver<Bytes>);

/// What became of something to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It waits for the connection.
    Queued,
    /// The peer does not read: there is no room.
    Full,
    /// There is no such connection.
    Gone,
}

impl Connections {
    pub(super) fn new(limits: &NetLimits, counts: Arc<Counts>) -> Arc<Connections> {
        // Ids of an earlier process live on in its journal and must not mean anybody here.
        let table = Table { last: rand::random::<u64>() >> 1, ..Table::default() };
        Arc::new(Connections {
            table: Mutex::new(table),
            per_address: limits.connections_per_address,
            all: limits.connections_max,
            queue: limits.messages_per_connection,
            counts,
        })
    }

    /// A place for who knocks; `None` when their address, or everybody together, has too many.
    pub(super) fn accept(
        self: &Arc<Self>,
        transport: Transport,
        peer: SocketAddr,
    ) -> Option<Seated> {
        let mut table = self.table.lock();
        let of = table.by_address.get(&household(peer.ip())).copied().unwrap_or(0);
        if table.by_id.len() >= self.all || of >= self.per_address {
            self.counts.crowded.increment(1);
            return None;
        }
        Some(self.seat(&mut table, transport, peer, true))
    }

    /// Puts something on the connection to a peer; where there is none, gives the place of one
    /// that the caller is to open.
    pub(super) fn reach(
        self: &Arc<Self>,
        transport: Transport,
        peer: SocketAddr,
        bytes: &Bytes,
    ) -> Result<Put, Seated> {
        let mut table = self.table.lock();
        if let Some(id) = table.by_peer.get(&(place(transport), peer)).copied() {
            return Ok(put(&table, id, bytes));
        }
        if table.by_id.len() >= self.all {
            self.counts.crowded.increment(1);
            return Ok(Put::Full);
        }
        let seated = self.seat(&mut table, transport, peer, false);
        let _queued = put(&table, seated.0.id, bytes);
        Err(seated)
    }

    /// Puts something on a connection.
    pub(super) fn put(&self, id: u64, peer: SocketAddr, bytes: &Bytes) -> Put {
        let table = self.table.lock();
        let theirs = table.by_id.get(&id).is_some_and(|entry| entry.peer == peer);
        if theirs { put(&table, id, bytes) } else { Put::Gone }
    }

    /// Takes a connection out, so that what waits for it is written and nothing more comes.
    pub(super) fn leave(&self, id: u64) {
        let mut table = self.table.lock();
        let Some(entry) = table.by_id.remove(&id) else { return };
        self.counts.closed(entry.transport);
        let key = (place(entry.transport), entry.peer);
        if table.by_peer.get(&key) == Some(&id) {
            table.by_peer.remove(&key);
        }
        if entry.accepted {
            let address = household(entry.peer.ip());
            let left = table.by_address.get(&address).map_or(0, |count| count.saturating_sub(1));
            if left == 0 {
                table.by_address.remove(&address);
            } else {
                table.by_address.insert(address, left);
            }
        }
    }

    /// How many live.
    pub(super) fn len(&self) -> usize {
        self.table.lock().by_id.len()
    }

    fn seat(
        self: &Arc<Self>,
        table: &mut Table,
        transport: Transport,
        peer: SocketAddr,
        accepted: bool,
    ) -> Seated {
        table.last = table.last.saturating_add(1);
        let (id, registered) = (table.last, Arc::new(AtomicBool::new(false)));
        let (queue, waiting) = mpsc::channel(self.queue);
        let entry = Entry { transport, peer, queue, registered: registered.clone(), accepted };
        table.by_id.insert(id, entry);
        table.by_peer.insert((place(transport), peer), id);
        if accepted {
            let of = table.by_address.entry(household(peer.ip())).or_default();
            *of = of.saturating_add(1);
        }
        self.counts.opened(transport);
        (Seat { table: self.clone(), id, transport, peer, accepted, registered }, waiting)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.table.leave(self.id);
    }
}

fn put(table: &Table, id: u64, bytes: &Bytes) -> Put {
    let Some(entry) = table.by_id.get(&id) else { return Put::Gone };
    if is_registration(bytes) {
        entry.registered.store(true, Ordering::Relaxed);
    }
    match entry.queue.try_send(bytes.clone()) {
        Ok(()) => Put::Queued,
        Err(TrySendError::Full(_)) => Put::Full,
        Err(TrySendError::Closed(_)) => Put::Gone,
    }
}

/// Whether this is our 200 to a REGISTER: from then on the connection is a telephone's way in
/// and may be quiet for as long as a registration holds.
fn is_registration(bytes: &[u8]) -> bool {
    const HEAD_MAX: usize = 2048;
    if !bytes.starts_with(b"SIP/2.0 200 ") {
        return false;
    }
    let head = bytes.get(..bytes.len().min(HEAD_MAX)).unwrap_or_default();
    let mut lines = head.split(|byte| *byte == b'\n');
    lines.any(|line| {
        line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"cseq:"))
            && line.trim_ascii_end().ends_with(b" REGISTER")
    })
}

/// Addresses that are counted as one: a household has a whole IPv6 network of 64 bits.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(four) => IpAddr::V4(four),
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn table(per_address: usize) -> Arc<Connections> {
        let limits = NetLimits {
            connections_per_address: per_address,
            messages_per_connection: 2,
            ..NetLimits::default()
        };
        Connections::new(&limits, Arc::new(Counts::new()))
    }

    #[test]
    fn an_address_has_so_many_and_gets_them_back() {
        let table = table(2);
        let first = table.accept(Transport::Tcp, peer(1)).unwrap();
        let _second = table.accept(Transport::Tls, peer(2)).unwrap();
        assert!(table.accept(Transport::Tcp, peer(3)).is_none());
        let other = SocketAddr::from(([192, 0, 2, 9], 3));
        assert!(table.accept(Transport::Tcp, other).is_some());
        drop(first);
        assert!(table.accept(Transport::Tcp, peer(3)).is_some());
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn what_is_sent_takes_the_connection_that_is_there() {
        let table = table(2);
        let (seat, mut waiting) = table.accept(Transport::Tcp, peer(1)).unwrap();
        let bytes = Bytes::from_static(b"x");
        assert_eq!(table.reach(Transport::Tcp, peer(1), &bytes).ok(), Some(Put::Queued));
        assert_eq!(waiting.try_recv().unwrap(), bytes);
        let opened = table.reach(Transport::Tls, peer(1), &bytes).err().unwrap();
        assert!(opened.0.id != seat.id && !opened.0.accepted);
        assert_eq!(table.put(seat.id, peer(1), &bytes), Put::Queued);
        assert_eq!(table.put(seat.id, peer(2), &bytes), Put::Gone);
        assert_eq!(table.put(seat.id, peer(1), &bytes), Put::Queued);
        assert_eq!(table.put(seat.id, peer(1), &bytes), Put::Full);
        let id = seat.id;
        drop(seat);
        assert_eq!(table.put(id, peer(1), &bytes), Put::Gone);
    }

    #[test]
    fn our_yes_to_a_registration_is_seen() {
        let yes = b"SIP/2.0 200 OK\r\nVia: x\r\nCSeq: 2 REGISTER\r\n\r\n";
        let call = b"SIP/2.0 200 OK\r\nVia: x\r\nCSeq: 2 INVITE\r\n\r\n";
        assert!(is_registration(yes) && !is_registration(call));
        assert!(!is_registration(b"SIP/2.0 401 Unauthorized\r\nCSeq: 2 REGISTER\r\n\r\n"));
    }

    #[test]
    fn a_network_of_64_bits_is_one_household() {
        let of = |text: &str| household(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
