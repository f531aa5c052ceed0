//! TCP and TLS: connections that are accepted or opened, with bounds on their patience.
//!
//! One task holds a connection and both reads and writes it, so that a peer who does not read
//! cannot stop us from hearing it. Frames are found by the pure room; here is only time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::connections::{Seat, Seated};
use super::inlet::Inlet;
use super::limits::NetLimits;
use super::shared::{Certificate, Shared};
use super::ws;
use crate::sip::{self, Flow, Frame, Transport};

/// How long the accepting task rests when the machine has no file handles left.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// Bytes that are read at a time. A message is mostly under 2 KiB.
const READ_BYTES: usize = 4096;
/// Pieces that one message may come in. A stream of single bytes must not have us look at the
/// same head over and over; the smallest packets of a real network need a quarter of this.
const PIECES_MAX: u32 = 1024;
/// How often a connection of ours says that it lives (RFC 5626 section 4.4.1 asks for 95 to
/// 120 s). Seldomer lets a home router forget us.
const PING_EVERY: Duration = Duration::from_secs(100);
/// How long what waits may take to leave after the last byte came in.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);
/// The question whether a connection lives, and its answer (RFC 5626 section 3.5.1).
const PING: &[u8] = b"\r\n\r\n";
const PONG: &[u8] = b"\r\n";

/// Accepts connections until it is asked to stop.
pub(super) async fn accept(
    listener: TcpListener,
    (transport, local): (Transport, SocketAddr),
    certificate: Option<Certificate>,
    shared: Arc<Shared>,
) {
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_REST).await;
            continue;
        };
        let Some(seated) = shared.connections.accept(transport, peer) else { continue };
        let (shared, certificate) = (shared.clone(), certificate.clone());
        tokio::spawn(async move {
            let stop = shared.stop.clone();
            tokio::select! {
                () = stop.cancelled() => {}
                () = greet(stream, local, certificate, seated, shared) => {}
            }
        });
    }
}

/// Does the handshakes of an accepted connection and then serves it.
async fn greet(
    stream: TcpStream,
    local: SocketAddr,
    certificate: Option<Certificate>,
    seated: Seated,
    shared: Arc<Shared>,
) {
    let _ = stream.set_nodelay(true); // a message is small and must not wait for the next
    let opened = Instant::now();
    let link = Link::new(seated.0, local, opened);
    let within = shared.limits.first_within;
    let socket = matches!(link.seat.transport, Transport::Ws | Transport::Wss);
    let Some(certificate) = certificate else {
        if socket {
            return ws::serve(stream, link, seated.1, shared).await;
        }
        return serve(stream, link, seated.1, shared).await;
    };
    let acceptor = TlsAcceptor::from(certificate.load_full());
    match timeout(within, acceptor.accept(stream)).await {
        Ok(Ok(stream)) if socket => ws::serve(stream, link, seated.1, shared).await,
        Ok(Ok(stream)) => serve(stream, link, seated.1, shared).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => shared.counts.slow.increment(1),
    }
}

/// Opens a connection for what waits for it, and serves it.
pub(super) async fn open(seated: Seated, shared: Arc<Shared>) {
    let (seat, waiting) = seated;
    let (transport, peer) = (seat.transport, seat.peer);
    let within = shared.limits.connect_within;
    let stream = match timeout(within, TcpStream::connect(peer)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(_)) | Err(_) => return shared.unreachable(seat, None).await,
    };
    let _ = stream.set_nodelay(true);
    keep_alive(&stream);
    // Peers are told where we listen, not where this one connection began.
    let own = shared.listening(transport, peer).or_else(|| stream.local_addr().ok());
    let Some(local) = own else { return shared.unreachable(seat, None).await };
    if transport == Transport::Tcp {
        let link = Link::new(seat, local, Instant::now());
        return serve(stream, link, waiting, shared).await;
    }
    let Some(trust) = shared.trust.load_full() else {
        return shared.unreachable(seat, Some(local)).await;
    };
    let connector = tokio_rustls::TlsConnector::from(trust);
    let name = shared.name_of(peer);
    match timeout(within, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => {
            serve(stream, Link::new(seat, local, Instant::now()), waiting, shared).await;
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, %peer, "the carrier's certificate or handshake is not good");
            shared.unreachable(seat, Some(local)).await;
        }
        Err(_) => shared.unreachable(seat, Some(local)).await,
    }
}

/// Has the kernel ask a silent peer whether it lives: a connection of ours has no idle bound.
fn keep_alive(stream: &TcpStream) {
    let every = socket2::TcpKeepalive::new().with_time(PING_EVERY).with_interval(PING_EVERY / 5);
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&every);
}

/// One connection and what is known of it.
pub(super) struct Link {
    pub seat: Seat,
    /// The address that is listened on.
    pub local: SocketAddr,
    /// The SIP user whose page this is; the only one who may begin anything over it.
    pub user: Option<String>,
    opened: Instant,
    quiet_since: Instant,
    frame_since: Option<Instant>,
    spoke: bool,
}

impl Link {
    fn new(seat: Seat, local: SocketAddr, opened: Instant) -> Link {
        let quiet_since = opened;
        Link { seat, local, user: None, opened, quiet_since, frame_since: None, spoke: false }
    }

    pub(super) const fn flow(&self) -> Flow {
        Flow {
            transport: self.seat.transport,
            local: self.local,
            peer: self.seat.peer,
            connection: self.seat.id,
        }
    }

    /// Whether anybody may count on it: it carried a message, or we opened it for one.
    pub(super) const fn was_useful(&self) -> bool {
        self.spoke || !self.seat.accepted
    }

    /// A whole message came.
    pub(super) fn spoke(&mut self) {
        self.spoke = true;
        self.quiet_since = Instant::now();
        self.frame_since = None;
    }

    /// A sign of life came that is no message. It counts for who registered; a stranger who
    /// only says this is as idle as before.
    pub(super) fn lives(&mut self) {
        self.frame_since = None;
        if self.is_trusted() {
            self.quiet_since = Instant::now();
        }
    }

    /// Whether no message has begun since the last one ended.
    const fn is_between(&self) -> bool {
        self.frame_since.is_none()
    }

    fn is_trusted(&self) -> bool {
        !self.seat.accepted || self.seat.registered.load(Ordering::Relaxed)
    }

    /// When patience ends. `partly`: the beginning of a message is there.
    pub(super) fn until(&mut self, partly: bool, limits: &NetLimits) -> Instant {
        if partly {
            let since = *self.frame_since.get_or_insert_with(Instant::now);
            let whole = since + limits.frame_within;
            let first = self.opened + limits.first_within;
            return if self.spoke || !self.seat.accepted { whole } else { whole.min(first) };
        }
        if !self.spoke && self.seat.accepted {
            return self.opened + limits.first_within;
        }
        let idle = if self.is_trusted() { limits.idle_registered } else { limits.idle };
        self.quiet_since + idle
    }
}

/// Reads and writes a connection until one of both ends.
async fn serve<S: AsyncRead + AsyncWrite>(
    stream: S,
    mut link: Link,
    waiting: mpsc::Receiver<Bytes>,
    shared: Arc<Shared>,
) {
    let (read, write) = tokio::io::split(stream);
    let ours = !link.seat.accepted;
    let mut writer = std::pin::pin!(write_all(write, waiting, &shared, ours));
    let wrote = tokio::select! {
        wrote = &mut writer => Some(wrote),
        () = read_all(read, &mut link, &shared) => None,
    };
    shared.connections.leave(link.seat.id);
    if wrote.is_none() {
        // Answers that wait are still written: the last one says what was wrong.
        let _late = timeout(FLUSH_WITHIN, writer).await.is_err();
    }
    shared.ended(link).await;
}

async fn read_all(mut read: impl AsyncRead + Unpin, link: &mut Link, shared: &Shared) {
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    let mut pieces = 0_u32;
    loop {
        if take_whole(&mut buffer, link, shared).await.is_break() {
            return;
        }
        pieces = if link.is_between() { 0 } else { pieces.saturating_add(1) };
        if pieces > PIECES_MAX {
            return shared.counts.slow.increment(1);
        }
        let until = link.until(!buffer.is_empty(), &shared.limits);
        buffer.reserve(READ_BYTES);
        match timeout_at(until, read.read_buf(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return,
            Ok(Ok(_)) => {}
            // A registration in the meantime gives more time.
            Err(_) if link.until(!buffer.is_empty(), &shared.limits) > until => {}
            Err(_) => return shared.counts.slow.increment(1),
        }
    }
}

/// Takes every whole message out of the buffer. Breaks when the rest can never be one.
async fn take_whole(
    buffer: &mut BytesMut,
    link: &mut Link,
    shared: &Shared,
) -> std::ops::ControlFlow<()> {
    use std::ops::ControlFlow::{Break, Continue};
    loop {
        match sip::frame(buffer) {
            Frame::Whole(len) => {
                let message = buffer.split_to(len.min(buffer.len()));
                link.spoke();
                hear(&shared.inlet, &message, link, shared).await;
            }
            Frame::KeepAlive(len) => {
                let signs = buffer.split_to(len.min(buffer.len()));
                link.lives();
                if signs.as_ref() == PING {
                    shared.connections.put(link.seat.id, link.seat.peer, &Bytes::from_static(PONG));
                }
            }
            Frame::More => return Continue(()),
            Frame::Broken(code) => {
                let answer = shared.inlet.broken(code, buffer, link.flow());
                if let Some(answer) = answer {
                    shared.connections.put(link.seat.id, link.seat.peer, &answer);
                }
                return Break(());
            }
        }
    }
}

/// Hands one message on; what is answered here goes back on the same connection.
pub(super) async fn hear(inlet: &Inlet, message: &[u8], link: &Link, shared: &Shared) {
    if let Some(answer) = inlet.take(message, link.flow(), link.user.as_deref()).await {
        shared.connections.put(link.seat.id, link.seat.peer, &answer);
    }
}

async fn write_all(
    mut write: impl AsyncWrite + Unpin,
    mut waiting: mpsc::Receiver<Bytes>,
    shared: &Shared,
    ours: bool,
) {
    let within = shared.limits.write_within;
    loop {
        let next = tokio::select! {
            next = waiting.recv() => next,
            () = tokio::time::sleep(PING_EVERY), if ours => Some(Bytes::from_static(PING)),
        };
        let Some(bytes) = next else {
            let _gone = timeout(FLUSH_WITHIN, write.shutdown()).await.is_err();
            return;
        };
        let writing = async {
            write.write_all(&bytes).await?;
            write.flush().await
        };
        match timeout(within, writing).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => return shared.counts.slow.increment(1),
        }
    }
}

/// Serves until a stop; the accepting side does the same around its handshakes.
pub(super) async fn until_stop(stop: CancellationToken, serving: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = serving => {}
    }
}
