//! The listener: connections with bounds on their headers, their patience and their number.
//!
//! hyper is used directly because the bounds on headers and the time until they are complete are
//! set per connection there. Everything above a connection is the router's business.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

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

/// How long the headers of a request may take to arrive, and the TLS handshake.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

/// Bytes of request line and headers; more is answered 431.
const HEADERS_MAX: usize = 32 * 1024;

/// Header lines; more is answered 431.
const HEADER_LINES_MAX: usize = 100;

/// How long requests in flight may take after a stop was asked for.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);

/// How long the listener rests when the machine has no file handles left.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Who is on the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Their address.
    pub address: IpAddr,
    /// Whether the connection is encrypted up to us.
    pub tls: bool,
}

/// Serves a router until a stop is asked for, then lets requests in flight finish for 30 s.
pub async fn listen(
    router: Router,
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    stop: CancellationToken,
) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let tasks = TaskTracker::new();
    let tls = tls.map(TlsAcceptor::from);
    loop {
        let Ok(seat) = seats.clone().acquire_owned().await else { break };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_REST).await;
            continue;
        };
        let (router, tls, stop) = (router.clone(), tls.clone(), stop.clone());
        tasks.spawn(async move {
            connection(router, stream, peer, tls, stop).await;
            drop(seat);
        });
    }
    tasks.close();
    let _ = tokio::time::timeout(DRAIN_WITHIN, tasks.wait()).await;
}

async fn connection(
    router: Router,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true); // a card is a small packet and must not wait for more
    let peer = Peer { address: peer.ip().to_canonical(), tls: tls.is_some() };
    let Some(tls) = tls else { return talk(router, stream, peer, stop).await };
    match tokio::time::timeout(HEADERS_WITHIN, tls.accept(stream)).await {
        Ok(Ok(stream)) => talk(router, stream, peer, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn talk(
    router: Router,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    stop: CancellationToken,
) {
    let service = router.map_request(move |mut request: axum::http::Request<_>| {
        request.extensions_mut().insert(peer);
        request
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(HEADERS_MAX)
        .max_headers(HEADER_LINES_MAX)
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut served = std::pin::pin!(served);
    let done = tokio::select! {
        done = served.as_mut() => done,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = done {
        tracing::trace!(%error, "a connection ended early");
    }
}
