//! What surrounds every request: a trace id, patience, the error envelope, the security headers.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;

use super::fault::Fault;
use super::random;
use super::state::Web;

/// Bytes of request line and headers.
const HEADERS_MAX: usize = 32 * 1024;

/// No script, style or connection but our own; nobody may frame a page.
const CSP: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; \
                   base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The same for the viewer of the API, which sets styles from its script.
const CSP_DOCS: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
                        img-src 'self' data:; object-src 'none'; base-uri 'none'; \
                        form-action 'self'; frame-ancestors 'none'";

/// The id under which a request is found in the log; travels with the request.
#[derive(Debug, Clone)]
pub struct Trace(pub String);

/// The outermost layer.
pub async fn surround(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let trace = random::trace();
    request.extensions_mut().insert(Trace(trace.clone()));
    let span = tracing::debug_span!("request", trace = %trace, method = %request.method());
    let api = request.uri().path().starts_with("/api/");
    let docs = request.uri().path().starts_with("/api/docs");
    // Taken before the look at the stop, so that a stop waits for everybody who got past it.
    let _flight = web.0.flights.token();
    let mut response = if is_too_long(&request) {
        Fault::LongHeaders.into_response()
    } else if web.0.stop.is_cancelled() && !is_probe(&request) {
        Fault::Stopping.into_response()
    } else {
        serve(request, next, web.0.patience.request).instrument(span).await
    };
    if let Some(fault) = response.extensions_mut().remove::<Fault>() {
        if fault.status().is_server_error() {
            tracing::warn!(trace = %trace, code = fault.code(), "a request failed");
        }
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response.headers_mut().remove(header::CONTENT_LENGTH); // that of the empty body
        *response.body_mut() = Body::from(fault.envelope(&trace));
    }
    protect(&mut response, api, docs);
    response
}

/// What machines ask of a server that stops, too.
fn is_probe(request: &Request) -> bool {
    ["/healthz", "/readyz", "/metrics"].contains(&request.uri().path())
}

async fn serve(request: Request, next: Next, within: Duration) -> Response {
    let served = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(within, served).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!("a handler panicked");
            metrics::counter!("navbat_panics_total").increment(1);
            Fault::Broken.into_response()
        }
        Err(_) => Fault::TooSlow.into_response(),
    }
}

/// Whether request line and headers are over the bound. The listener bounds what it buffers of
/// headers that are not complete; this is for those that came in one piece.
fn is_too_long(request: &Request) -> bool {
    let line = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let headers = request.headers().iter();
    let bytes: usize = headers.map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    line + bytes > HEADERS_MAX
}

fn protect(response: &mut Response, api: bool, docs: bool) {
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, if docs { CSP_DOCS } else { CSP }),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if api && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
