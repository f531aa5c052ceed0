//! The listener: connections with bounds on their headers, their patience and their number.
//!
//! hyper is used directly because the bounds on headers and the time until they are complete are
//! set per connection there. Everything above a connection is the router's business.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Connections at once; the next ones wait in the kernel's backlog. Each costs about 40 KiB.
const CONNECTIONS_MAX: usize = 20_000;

/// Bytes of request line and headers; more is answered 431.
const HEADERS_MAX: usize = 32 * 1024;

/// Header lines; more is answered 431.
const HEADER_LINES_MAX: usize = 100;

/// How long the last bytes of answers that were given may take to leave at a stop.
const WRITE_WITHIN: Duration = Duration::from_secs(5);

/// How long the listener rests when the machine has no file handles left.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// How long things may take; shorter ones make tests of them short.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The headers of a request until they are complete, and the TLS handshake.
    pub headers: Duration,
    /// A request, its body included. A stream answers at once and is not held by this.
    pub request: Duration,
    /// Requests in flight after a stop was asked for.
    pub stop: Duration,
    /// Silence on a live stream until a comment is sent and its reader is looked at again. The
    /// page calls a stream stale after 25 s without bytes.
    pub ping: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            headers: Duration::from_secs(10),
            request: Duration::from_secs(30),
            stop: Duration::from_secs(30),
            ping: Duration::from_secs(10),
        }
    }
}

/// What encrypted connections are served with: swapped whole, for connections from then on.
#[derive(Clone)]
pub struct ServerTls(Arc<ArcSwap<rustls::ServerConfig>>);

impl ServerTls {
    /// Serves with a certificate.
    pub fn new(config: Arc<rustls::ServerConfig>) -> ServerTls {
        ServerTls(Arc::new(ArcSwap::new(config)))
    }

    /// Serves connections from now on with another one.
    pub fn swap(&self, config: Arc<rustls::ServerConfig>) {
        self.0.store(config);
    }
}

/// Who is on the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Their address.
    pub address: IpAddr,
    /// Whether the connection is encrypted up to us.
    pub tls: bool,
}

/// Serves a router until it is told to close; answers that were given then still leave.
pub async fn listen(
    router: Router,
    listener: TcpListener,
    tls: Option<ServerTls>,
    patience: Patience,
    closing: CancellationToken,
) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let tasks = TaskTracker::new();
    loop {
        let Ok(seat) = seats.clone().acquire_owned().await else { break };
        let accepted = tokio::select! {
            () = closing.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_REST).await;
            continue;
        };
        let acceptor = tls.as_ref().map(|tls| TlsAcceptor::from(tls.0.load_full()));
        let (router, closing) = (router.clone(), closing.clone());
        tasks.spawn(async move {
            connection(router, stream, peer, acceptor, (patience, closing)).await;
            drop(seat);
        });
    }
    tasks.close();
    let _ = tokio::time::timeout(WRITE_WITHIN, tasks.wait()).await;
}

async fn connection(
    router: Router,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    until: (Patience, CancellationToken),
) {
    let _ = stream.set_nodelay(true); // a card is a small packet and must not wait for more
    let peer = Peer { address: peer.ip().to_canonical(), tls: tls.is_some() };
    let Some(tls) = tls else { return talk(router, stream, peer, until).await };
    match tokio::time::timeout(until.0.headers, tls.accept(stream)).await {
        Ok(Ok(stream)) => talk(router, stream, peer, until).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn talk(
    router: Router,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    (patience, closing): (Patience, CancellationToken),
) {
    let service = router.map_request(move |mut request: axum::http::Request<_>| {
        request.extensions_mut().insert(peer);
        request
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.headers)
        .max_buf_size(HEADERS_MAX)
        .max_headers(HEADER_LINES_MAX)
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut served = std::pin::pin!(served);
    let done = tokio::select! {
        done = served.as_mut() => done,
        () = closing.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = done {
        tracing::trace!(%error, "a connection ended early");
    }
}
