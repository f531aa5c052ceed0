//! Every address that is answered, and serving them.

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use crate::connect::crm;

use super::fault::Fault;
use super::guard::COOKIE;
use super::server::ServerTls;
use super::state::Web;
use super::{api, hooks, layers, once, pages, probe, server, visits};

#[derive(OpenApi)]
#[openapi(info(
    title = "navbat",
    description = "Telephony call routing and CTI engine for call centres. Times are RFC 3339, \
                   lengths seconds. Errors are {\"error\":{\"code\",\"message\",\"trace\"}}.",
))]
struct Described;

fn described() -> (Router<Web>, utoipa::openapi::OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(Described::openapi())
        .nest("/api/v1", api::router())
        .split_for_parts();
    let components = document.components.get_or_insert_default();
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE)));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("cookie", cookie);
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    (router, document)
}

/// The description of the API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().1
}

/// Everything that is answered.
pub fn router(web: &Web) -> Router {
    let (api, document) = described();
    let api = api.layer(middleware::from_fn_with_state(web.clone(), once::once));
    let text = document.to_pretty_json().unwrap_or_default();
    let json = move || async move { json_text(text) };
    let router = Router::new()
        .merge(api)
        .route("/api/openapi.json", get(json))
        .route("/api/webhook-schema.json", get(webhook_schema))
        .route("/hooks/{provider}/{account}/{token}", get(hooks::hook).post(hooks::hook))
        .route("/oauth/{target}", get(visits::consent))
        .route("/callbacks/{target}/{token}", post(visits::visit))
        .route("/healthz", get(probe::healthz))
        .route("/readyz", get(probe::readyz))
        .route("/metrics", get(probe::metrics));
    let router = docs(router, document);
    router
        .route("/api/{*rest}", axum::routing::any(nowhere))
        .fallback(get(pages::page))
        .layer(CompressionLayer::new())
        .layer(DefaultBodyLimit::disable()) // every reader of a body has a bound of its own
        .layer(middleware::from_fn_with_state(web.clone(), layers::surround))
        .with_state(web.clone())
}

#[cfg(feature = "api-docs")]
fn docs(router: Router<Web>, document: utoipa::openapi::OpenApi) -> Router<Web> {
    let viewer =
        utoipa_swagger_ui::SwaggerUi::new("/api/docs").url("/api/docs/openapi.json", document);
    router.merge(viewer)
}

#[cfg(not(feature = "api-docs"))]
fn docs(router: Router<Web>, _: utoipa::openapi::OpenApi) -> Router<Web> {
    router
}

async fn nowhere() -> Fault {
    Fault::Missing("endpoint")
}

/// What outgoing webhooks say. It tells nothing of this installation, so anybody may read it.
async fn webhook_schema() -> Response {
    json_text(serde_json::to_string_pretty(&crm::webhook_schema()).unwrap_or_default())
}

fn json_text(text: String) -> Response {
    let mut response = text.into_response();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Serves the web on a listener until a stop is asked for: from then on streams are told, new work
/// is answered 503, requests in flight may finish ([`Patience::stop`](super::Patience)), and then
/// the listener is closed. `tls` is `None` for plain HTTP.
pub async fn serve(
    web: Web,
    listener: TcpListener,
    tls: Option<ServerTls>,
    stop: CancellationToken,
) {
    let (stopping, closing) = (web.clone(), CancellationToken::new());
    let close = closing.clone();
    let watch = tokio::spawn(async move {
        stop.cancelled().await;
        stopping.0.stop.cancel();
        stopping.0.flights.close();
        let landed = stopping.0.flights.wait();
        if tokio::time::timeout(stopping.0.patience.stop, landed).await.is_err() {
            tracing::warn!("requests that did not finish in time are given up");
        }
        close.cancel();
    });
    server::listen(router(&web), listener, tls, web.0.patience, closing).await;
    watch.abort();
}
