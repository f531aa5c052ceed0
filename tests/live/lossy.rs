//! A bad network for UDP: a relay on loopback that loses and reorders datagrams both ways, as a
//! NAT with one upstream port for each peer does. The same seed loses the same share.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

/// What the network does, in percent of all datagrams.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub lost: u64,
    pub late: u64,
    pub seed: u64,
}

/// How late a late datagram comes: enough for the next ones to overtake it.
const LATE: Duration = Duration::from_millis(30);

/// A relay in front of a server; stops when it is dropped.
pub struct Lossy {
    /// Where peers send instead of to the server.
    pub front: SocketAddr,
    passed: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Lossy {
    /// Opens a relay in front of `server`.
    pub async fn open(server: SocketAddr, weather: Weather) -> Lossy {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let lossy = Lossy {
            front: front.local_addr().unwrap(),
            passed: Arc::default(),
            dropped: Arc::default(),
            stop: CancellationToken::new(),
        };
        let dice = Dice {
            weather,
            drawn: Arc::default(),
            passed: lossy.passed.clone(),
            dropped: lossy.dropped.clone(),
        };
        tokio::spawn(serve(front, server, dice, lossy.stop.clone()));
        lossy
    }

    /// Datagrams that went through, and those that were lost.
    pub fn counts(&self) -> (u64, u64) {
        (self.passed.load(Ordering::Relaxed), self.dropped.load(Ordering::Relaxed))
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Clone)]
struct Dice {
    weather: Weather,
    drawn: Arc<AtomicU64>,
    passed: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
}

/// What becomes of one datagram.
enum Fate {
    Passes,
    Late,
    Lost,
}

impl Dice {
    fn roll(&self) -> Fate {
        let draw = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut seed = navbat::model::Seed::new(self.weather.seed.wrapping_add(draw));
        let roll = seed.below(100);
        if roll < self.weather.lost {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return Fate::Lost;
        }
        self.passed.fetch_add(1, Ordering::Relaxed);
        if roll < self.weather.lost + self.weather.late { Fate::Late } else { Fate::Passes }
    }

    /// Sends a datagram on, or not.
    fn send(&self, from: &Arc<UdpSocket>, bytes: &[u8], to: SocketAddr) {
        match self.roll() {
            Fate::Lost => {}
            Fate::Passes => {
                let _full = from.try_send_to(bytes, to).is_err();
            }
            Fate::Late => {
                let (from, bytes) = (from.clone(), bytes.to_vec());
                tokio::spawn(async move {
                    let due = tokio::time::Instant::now() + LATE;
                    tokio::time::interval_at(due, LATE).tick().await;
                    let _gone = from.send_to(&bytes, to).await.is_err();
                });
            }
        }
    }
}

/// Where a server behind the relay sees a peer: peers keep addresses of their own, so that a
/// telephone is not taken for the carrier.
pub fn seen_at(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(own) => {
            let [net, _, host, last] = own.octets();
            Ipv4Addr::new(net, 1, host, last).into()
        }
        IpAddr::V6(_) => peer,
    }
}

async fn serve(front: Arc<UdpSocket>, server: SocketAddr, dice: Dice, stop: CancellationToken) {
    let mut upstream: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let (length, peer) = tokio::select! {
            () = stop.cancelled() => return,
            Ok(read) = front.recv_from(&mut buffer) => read,
        };
        let known = upstream.contains_key(&peer);
        if !known {
            let socket = Arc::new(UdpSocket::bind((seen_at(peer.ip()), 0)).await.unwrap());
            upstream.insert(peer, socket.clone());
            tokio::spawn(back(socket, front.clone(), peer, dice.clone(), stop.clone()));
        }
        dice.send(&upstream[&peer], &buffer[..length], server);
    }
}

/// Carries what the server sends to one peer.
async fn back(
    socket: Arc<UdpSocket>,
    front: Arc<UdpSocket>,
    peer: SocketAddr,
    dice: Dice,
    stop: CancellationToken,
) {
    let mut buffer = vec![0; 65_536];
    loop {
        let length = tokio::select! {
            () = stop.cancelled() => return,
            Ok((length, _)) = socket.recv_from(&mut buffer) => length,
        };
        dice.send(&front, &buffer[..length], peer);
    }
}
