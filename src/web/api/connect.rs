//! Connecting CRMs and trying messengers: what a person does once when a target is set up.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::Name;
use crate::web::fault::{ErrorBody, Fault};
use crate::web::guard::Connect;
use crate::web::state::Web;
use crate::web::visits;

use super::ShownOnce;

/// Where a person consents.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentPage {
    /// The CRM's own page; open it in a browser within 20 minutes. It works once.
    url: String,
}

/// Begins to connect a CRM by OAuth: gives the page on which a person consents there.
#[utoipa::path(post, path = "/admin/crm/{name}/connect", tag = "outbox",
    params(("name" = String, Path)), responses(
    (status = 200, body = ConsentPage), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn connect(
    State(web): State<Web>,
    Connect(reader): Connect,
    Path(target): Path<String>,
) -> Result<ShownOnce<ConsentPage>, Fault> {
    let name = known(&web, target)?;
    let site = web.site();
    let state = web.0.visitors.expect(&site, &name, reader.clone(), web.now().mono)?;
    let url = web.0.outlets.consent_page(&name, &state);
    let url = url.ok_or_else(|| Fault::Conflict(String::from("nobody has to consent to it")))?;
    let told = serde_json::json!({});
    web.0.door.audit(&reader, "crm connect begun", name.as_str(), told).await;
    Ok(ShownOnce(ConsentPage { url }))
}

/// Where a peer brings its events and reports.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitAddress {
    /// It holds a secret: whoever has it may report for this target.
    address: String,
}

/// The address at which a target's peer reaches us: the handler of a Bitrix24 application, the
/// delivery reports of an SMS gateway.
#[utoipa::path(post, path = "/admin/crm/{name}/address", tag = "outbox",
    params(("name" = String, Path)), responses(
    (status = 200, body = VisitAddress), (status = 404, body = ErrorBody)))]
pub async fn address(
    State(web): State<Web>,
    Connect(reader): Connect,
    Path(target): Path<String>,
) -> Result<ShownOnce<VisitAddress>, Fault> {
    let name = known(&web, target)?;
    let address = visits::address(&web.site(), &name);
    let told = serde_json::json!({});
    web.0.door.audit(&reader, "crm address shown", name.as_str(), told).await;
    Ok(ShownOnce(VisitAddress { address }))
}

/// A message on its way.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestMessage {
    /// The note's id in the outbox, which tells what became of it.
    note: String,
}

/// Sends a message to everybody whom a messenger's target names. It is also tried at recipients
/// that are switched off, and switches them on again when it arrives.
#[utoipa::path(post, path = "/admin/crm/{name}/message", tag = "outbox",
    params(("name" = String, Path)), responses(
    (status = 200, body = TestMessage), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn message(
    State(web): State<Web>,
    Connect(reader): Connect,
    Path(target): Path<String>,
) -> Result<Json<TestMessage>, Fault> {
    let name = known(&web, target)?;
    let health = web.0.outlets.health();
    let kind = health.iter().find(|one| one.name == name).map(|one| one.kind);
    if matches!(kind, Some("amocrm" | "bitrix24")) {
        return Err(Fault::Conflict(String::from("a CRM takes no messages")));
    }
    let note = visits::send_test(&web, &name, &reader).await?;
    let told = serde_json::json!({ "note": note });
    web.0.door.audit(&reader, "test message", name.as_str(), told).await;
    Ok(Json(TestMessage { note }))
}

fn known(web: &Web, target: String) -> Result<Name, Fault> {
    let name = Name::from(target);
    if web.0.outlets.has(&name) { Ok(name) } else { Err(Fault::Missing("target")) }
}
