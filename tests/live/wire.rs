//! The socket and the clock of a telephone of the storms: what it says, what it repeats until it
//! is answered (timers A, B, E, F, G and H of RFC 3261 section 17), and what it waits for.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::text::Text;

/// The round trip that a peer reckons with (RFC 3261 section 17.1.1.1).
const T1: Duration = Duration::from_millis(500);
/// The longest pause between two copies of anything but an INVITE.
const T2: Duration = Duration::from_secs(4);
/// After this nobody answers any more: timers B, F and H.
const GIVE_UP: Duration = Duration::from_secs(32);
/// What the kernel keeps for a telephone that has no turn just now. Less loses messages on a
/// loaded machine, where only the relay is to lose any.
const BUFFER_BYTES: usize = 4 << 20;

/// What is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// An INVITE: the pause doubles without end (timer A).
    Invite,
    /// Everything else: the pause doubles up to [`T2`] (timers E and G, and a 200 to an INVITE).
    Plain,
}

struct Copies {
    bytes: Vec<u8>,
    pace: Pace,
    pause: Duration,
    until: Instant,
    due: (Instant, u64),
}

enum Due<T> {
    Copy(String),
    Own(T),
}

/// What happens to a telephone.
pub enum Happens<T> {
    /// A message came.
    Heard(Text),
    /// Something that is no message came, and why it is none.
    Noise(String),
    /// A time that it had set itself came.
    Due(T),
    /// Nobody answered what it repeated under this name.
    Unheard(String),
}

/// One socket with its timers.
pub struct Wire<T> {
    socket: UdpSocket,
    /// Where everything is sent to.
    server: SocketAddr,
    copies: HashMap<String, Copies>,
    due: BTreeMap<(Instant, u64), Due<T>>,
    drawn: u64,
    buffer: Vec<u8>,
}

impl<T> Wire<T> {
    /// Opens a socket at an address.
    pub fn open(local: SocketAddr, server: SocketAddr) -> Wire<T> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None);
        let socket = socket.unwrap();
        socket.set_nonblocking(true).unwrap();
        // The kernel may grant less: then a message is lost and comes again.
        let _less = socket.set_recv_buffer_size(BUFFER_BYTES).is_err();
        socket.bind(&local.into()).unwrap();
        let socket = UdpSocket::from_std(socket.into()).unwrap();
        let buffer = vec![0; 65_536];
        Wire { socket, server, copies: HashMap::new(), due: BTreeMap::new(), drawn: 0, buffer }
    }

    /// Where it hears.
    pub fn local(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// A number that this socket never gave before.
    pub fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    /// A Via of its own.
    pub fn via(&mut self) -> String {
        let (local, number) = (self.local(), self.draw());
        format!("SIP/2.0/UDP {local};branch=z9hG4bKstorm{number};rport")
    }

    /// Says something once.
    pub fn say(&mut self, bytes: &[u8]) {
        // What finds the socket full is as good as lost on the way, and comes again.
        let _lost = self.socket.try_send_to(bytes, self.server).is_err();
    }

    /// Says something until [`Wire::heard`] is told the same name.
    pub fn repeat(&mut self, name: String, bytes: Vec<u8>, pace: Pace) {
        self.say(&bytes);
        let now = Instant::now();
        let due = self.set(now + T1, Due::Copy(name.clone()));
        let until = now + GIVE_UP;
        self.copies.insert(name, Copies { bytes, pace, pause: T1, until, due });
    }

    /// An answer came: nothing is repeated under this name any more.
    pub fn heard(&mut self, name: &str) {
        if let Some(copies) = self.copies.remove(name) {
            self.due.remove(&copies.due);
        }
    }

    /// Whether nothing is under way: no answer is awaited and no time is set.
    pub fn is_quiet(&self) -> bool {
        self.copies.is_empty() && self.due.is_empty()
    }

    /// Sets a time of the telephone's own.
    pub fn wake(&mut self, at: Instant, what: T) {
        self.set(at, Due::Own(what));
    }

    fn set(&mut self, at: Instant, what: Due<T>) -> (Instant, u64) {
        let key = (at, self.draw());
        self.due.insert(key, what);
        key
    }

    /// Waits for what happens next.
    pub async fn next(&mut self) -> Happens<T> {
        loop {
            let first = self.due.first_key_value().map(|(key, _)| key.0);
            let Some(first) = first else { return self.hear().await };
            if first > Instant::now()
                && let Ok(heard) = tokio::time::timeout_at(first, self.hear()).await
            {
                return heard;
            }
            match self.due.pop_first() {
                Some((_, Due::Own(what))) => return Happens::Due(what),
                Some((_, Due::Copy(name))) if self.again(&name) => {}
                Some((_, Due::Copy(name))) => return Happens::Unheard(name),
                None => {}
            }
        }
    }

    /// Says it once more; false when nobody will answer.
    fn again(&mut self, name: &str) -> bool {
        let Some(mut copies) = self.copies.remove(name) else { return true };
        let now = Instant::now();
        if now >= copies.until {
            return false;
        }
        self.say(&copies.bytes);
        copies.pause *= 2;
        if copies.pace == Pace::Plain {
            copies.pause = copies.pause.min(T2);
        }
        let next = (now + copies.pause).min(copies.until);
        copies.due = self.set(next, Due::Copy(name.to_owned()));
        self.copies.insert(name.to_owned(), copies);
        true
    }

    async fn hear(&mut self) -> Happens<T> {
        loop {
            // An error is an earlier packet's that nobody took.
            let Ok((length, _)) = self.socket.recv_from(&mut self.buffer).await else { continue };
            let bytes = &self.buffer[..length];
            return match Text::read(bytes) {
                Ok(text) => Happens::Heard(text),
                Err(why) => Happens::Noise(format!("{why}: {}", String::from_utf8_lossy(bytes))),
            };
        }
    }
}
