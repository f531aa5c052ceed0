//! The HTTP server under the stand-ins of CRMs, messengers and gateways.
//!
//! A stand-in is a [`Router`]: a request in, a reply out, over a real loopback socket. The server
//! adds what a real network does to them: an answer that is lost before or after the effect, a
//! proxy's page of HTML, half a body, a delay. Faults are seeded, or ordered one by one.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::model::Seed;

/// A request of ours is smaller; a larger one is a fault that a stand-in shall show.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What proxies send when they speak for the server behind them.
const PAGE: &[u8] = b"<html><body><h1>502 Bad Gateway</h1></body></html>";

/// A request as a stand-in reads it.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// What a stand-in answers.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body; a 204 goes out without it.
    pub body: Vec<u8>,
}

/// A stand-in.
pub trait Router: Send + Sync + 'static {
    /// Has the effect of a request and says what is answered.
    fn answer(&self, request: &Request) -> Reply;
}

impl<F: Fn(&Request) -> Reply + Send + Sync + 'static> Router for F {
    fn answer(&self, request: &Request) -> Reply {
        self(request)
    }
}

/// What the network does to one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends before the stand-in sees the request.
    LostBefore,
    /// The effect happens, then the connection ends without an answer.
    LostAfter,
    /// A proxy answers a page of HTML with this status; the stand-in sees nothing.
    PageBefore(u16),
    /// The effect happens, and a proxy answers a page of HTML with this status.
    PageAfter(u16),
    /// The effect happens, and half of the answer's body arrives.
    CutAfter,
    /// The effect happens, and the answer comes this much later.
    Late(Duration),
}

impl Fault {
    /// The seeded ones: those that need no waiting.
    const SEEDED: [Fault; 6] = [
        Fault::LostBefore,
        Fault::LostAfter,
        Fault::PageBefore(502),
        Fault::PageAfter(200),
        Fault::PageAfter(503),
        Fault::CutAfter,
    ];
}

/// What goes wrong, and when. Clones share one state, so that a test keeps one in its hand.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Mutex<Luck>>);

#[derive(Debug)]
struct Luck {
    seed: Seed,
    percent: u64,
    /// Faults that were ordered: the beginning of `METHOD path`, and what happens once.
    ordered: VecDeque<(String, Fault)>,
    count: u64,
}

impl Faults {
    /// A network without faults.
    pub fn none() -> Faults {
        Faults::seeded(0, 0)
    }

    /// So many of a hundred exchanges go wrong, always the same ones for a seed.
    pub fn seeded(seed: u64, percent: u64) -> Faults {
        let luck = Luck { seed: Seed::new(seed), percent, ordered: VecDeque::new(), count: 0 };
        Faults(Arc::new(Mutex::new(luck)))
    }

    /// Changes how many of a hundred exchanges go wrong.
    pub fn set_percent(&self, percent: u64) {
        self.0.lock().percent = percent;
    }

    /// The next request whose `METHOD path` begins with `begins` goes wrong in this way, once.
    pub fn order(&self, begins: &str, fault: Fault) {
        self.0.lock().ordered.push_back((begins.to_owned(), fault));
    }

    /// How many exchanges went wrong.
    pub fn count(&self) -> u64 {
        self.0.lock().count
    }

    fn of(&self, request: &Request) -> Option<Fault> {
        let mut luck = self.0.lock();
        let line = format!("{} {}", request.method, request.path);
        let ordered = luck.ordered.iter().position(|(begins, _)| line.starts_with(begins));
        let percent = luck.percent;
        let fault = match ordered.and_then(|at| luck.ordered.remove(at)) {
            Some((_, fault)) => Some(fault),
            None if luck.seed.chance(percent) => {
                let at = luck.seed.below(Fault::SEEDED.len() as u64);
                Fault::SEEDED.get(usize::try_from(at).unwrap_or(0)).copied()
            }
            None => None,
        };
        luck.count += u64::from(fault.is_some());
        fault
    }
}

/// A stand-in that listens; it stops when this is dropped.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    stop: CancellationToken,
}

impl Served {
    /// Listens on a free port of loopback. Fails when there is none.
    pub async fn begin(router: Arc<dyn Router>, faults: Faults) -> io::Result<Served> {
        Served::begin_at(SocketAddr::from(([127, 0, 0, 1], 0)), router, faults).await
    }

    /// Listens on an address, so that a stand-in can come back where it was.
    pub async fn begin_at(
        address: SocketAddr,
        router: Arc<dyn Router>,
        faults: Faults,
    ) -> io::Result<Served> {
        let listener = TcpListener::bind(address).await?;
        let served = Served { address: listener.local_addr()?, stop: CancellationToken::new() };
        let stop = served.stop.clone();
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => stream,
                        Err(_) => continue,
                    },
                    () = stop.cancelled() => return,
                };
                tokio::spawn(talk(stream, router.clone(), faults.clone(), stop.clone()));
            }
        });
        Ok(served)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address for `outgoing.allow`.
    pub fn allowed(&self) -> String {
        self.address.to_string()
    }

    /// The beginning of its addresses, `http://127.0.0.1:1234`.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Request {
    /// A header's value; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The kind of the body, in lower case and without parameters.
    pub fn kind(&self) -> String {
        let kind = self.header("content-type").unwrap_or_default();
        kind.split(';').next().unwrap_or_default().trim().to_lowercase()
    }

    /// A field of the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The parts of the path between slashes.
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !part.is_empty()).collect()
    }

    /// The body as JSON; `None` when it is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as a form.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

impl Reply {
    /// A status without a body.
    pub const fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Vec::new() }
    }

    /// JSON under its usual name.
    pub fn json(status: u16, value: &impl Serialize) -> Reply {
        Reply::json_as("application/json", status, value)
    }

    /// JSON under another name, such as `application/problem+json`.
    pub fn json_as(kind: &str, status: u16, value: &impl Serialize) -> Reply {
        let body = serde_json::to_vec(value).unwrap_or_default();
        Reply { status, headers: vec![("content-type", kind.to_owned())], body }
    }

    /// Plain text.
    pub fn text(status: u16, text: &str) -> Reply {
        let headers = vec![("content-type", String::from("text/plain; charset=utf-8"))];
        Reply { status, headers, body: text.as_bytes().to_vec() }
    }

    /// A page of HTML.
    pub fn html(status: u16, page: &[u8]) -> Reply {
        let headers = vec![("content-type", String::from("text/html; charset=utf-8"))];
        Reply { status, headers, body: page.to_vec() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }
}

async fn talk(stream: TcpStream, router: Arc<dyn Router>, faults: Faults, stop: CancellationToken) {
    let service = service_fn(move |request| {
        let (router, faults) = (router.clone(), faults.clone());
        async move { exchange(request, router.as_ref(), &faults).await }
    });
    let served =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // An exchange that was lost on purpose ends its connection with an error.
        _ = served => {}
        () = stop.cancelled() => {}
    }
}

/// One exchange; an error ends the connection without an answer.
async fn exchange(
    request: hyper::Request<Incoming>,
    router: &dyn Router,
    faults: &Faults,
) -> io::Result<hyper::Response<Whole>> {
    let request = read(request).await?;
    let reply = match faults.of(&request) {
        Some(Fault::LostBefore) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::PageBefore(status)) => Reply::html(status, PAGE),
        Some(Fault::LostAfter) => {
            router.answer(&request);
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Some(Fault::PageAfter(status)) => {
            router.answer(&request);
            Reply::html(status, PAGE)
        }
        Some(Fault::CutAfter) => {
            let mut reply = router.answer(&request);
            reply.body.truncate(reply.body.len() / 2);
            reply
        }
        Some(Fault::Late(after)) => {
            let reply = router.answer(&request);
            tokio::time::sleep(after).await;
            reply
        }
        None => router.answer(&request),
    };
    let mut response = hyper::Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let body = if reply.status == 204 { Bytes::new() } else { Bytes::from(reply.body) };
    response.body(Whole(Some(body).filter(|body| !body.is_empty()))).map_err(io::Error::other)
}

async fn read(request: hyper::Request<Incoming>) -> io::Result<Request> {
    let (head, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx)).await {
        if let Ok(piece) = frame.map_err(io::Error::other)?.into_data() {
            if body.len() + piece.len() > BODY_BYTES_MAX {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            body.extend_from_slice(&piece);
        }
    }
    let text =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter();
    let query = head.uri.query().unwrap_or_default();
    Ok(Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: headers.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        body,
    })
}

/// A body that is there as a whole.
struct Whole(Option<Bytes>);

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(client: &reqwest::Client, address: &str) -> Result<(u16, Vec<u8>), ()> {
        let answer = client.post(address).body("cup").send().await.map_err(|_| ())?;
        let status = answer.status().as_u16();
        answer.bytes().await.map(|body| (status, body.to_vec())).map_err(|_| ())
    }

    #[tokio::test]
    async fn every_fault_happens_before_or_after_the_effect_as_its_name_says() {
        let _twice = rustls::crypto::ring::default_provider().install_default().is_err();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let seen = Arc::new(Mutex::new(0));
        let faults = Faults::none();
        let counts = seen.clone();
        let router = move |request: &Request| {
            *counts.lock() += 1;
            assert_eq!((request.path.as_str(), request.query("of")), ("/tea", Some("two words")));
            Reply::text(200, "poured out")
        };
        let served = Served::begin(Arc::new(router), faults.clone()).await.unwrap();
        let address = format!("{}/tea?of=two+words", served.base());
        for (fault, effect, answer) in [
            (None, true, Ok((200, b"poured out".to_vec()))),
            (Some(Fault::LostBefore), false, Err(())),
            (Some(Fault::LostAfter), true, Err(())),
            (Some(Fault::PageBefore(502)), false, Ok((502, PAGE.to_vec()))),
            (Some(Fault::PageAfter(200)), true, Ok((200, PAGE.to_vec()))),
            (Some(Fault::CutAfter), true, Ok((200, b"poure".to_vec()))),
            (Some(Fault::Late(Duration::ZERO)), true, Ok((200, b"poured out".to_vec()))),
        ] {
            if let Some(fault) = fault {
                faults.order("POST /te", fault);
            }
            let before = *seen.lock();
            assert_eq!(ask(&client, &address).await, answer, "{fault:?}");
            assert_eq!(*seen.lock() - before, u64::from(effect), "{fault:?}");
        }
        assert_eq!(faults.count(), 6);
    }

    #[test]
    fn a_seed_gives_the_same_faults_and_about_as_many_as_asked() {
        let request = Request {
            method: String::from("GET"),
            path: String::from("/"),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let of = |faults: Faults| (0..1000).map(|_| faults.of(&request)).collect::<Vec<_>>();
        let (one, other) = (of(Faults::seeded(7, 30)), of(Faults::seeded(7, 30)));
        assert_eq!(one, other);
        let wrong = one.iter().filter(|fault| fault.is_some()).count();
        assert!((250..350).contains(&wrong), "{wrong}");
    }
}
