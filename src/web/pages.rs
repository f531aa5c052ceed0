//! The pages: files out of the binary, with caching by content and no foreign script.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use navbat_ui::File;

use super::fault::Fault;

/// First segments of addresses that the pages themselves answer.
const PAGES: [&str; 12] = [
    "", "login", "setup", "panel", "board", "missed", "calls", "stats", "reports", "admin", "help",
    "me",
];

/// Answers a file, or the one document for an address of a page; 404 for anything else.
pub async fn page(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if let Some(found) = navbat_ui::file(path) {
        return send(found, &headers);
    }
    let first = path.split('/').next().unwrap_or_default();
    if PAGES.contains(&first) {
        return send(navbat_ui::index(), &headers);
    }
    Fault::Missing("page").into_response()
}

fn send(file: File, headers: &HeaderMap) -> Response {
    let caching = if file.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let same = known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == file.etag));
    let body = if same { Body::empty() } else { Body::from(file.bytes.into_owned()) };
    let mut response = Response::new(body);
    if same {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let fields = [
        (header::CACHE_CONTROL, HeaderValue::from_str(caching)),
        (header::ETAG, HeaderValue::from_str(&file.etag)),
        (header::CONTENT_TYPE, HeaderValue::from_str(&file.mime)),
    ];
    for (name, value) in fields {
        if let Ok(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
