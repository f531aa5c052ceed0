//! Offers that ring: refuse one, or have the telephone pick it up.

use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::model::{Name, OfferId, Pop, PopState};
use crate::switch::{Command, Refusal};
use crate::web::access::Reader;
use crate::web::fault::{ErrorBody, Fault};
use crate::web::guard::WorkOffers;
use crate::web::state::Web;

/// Refuses an offer that rings: somebody else is asked, and it is nobody's miss. A call that the
/// provider distributes rings on until it is refused on the telephone.
#[utoipa::path(post, path = "/offers/{id}/decline", tag = "floor",
    params(("id" = u64, Path)), responses(
    (status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn decline(
    State(web): State<Web>,
    WorkOffers(reader): WorkOffers,
    Path(id): Path<u64>,
) -> Result<StatusCode, Fault> {
    let pop = theirs(&web, &reader, id).await?;
    let supervisor = !reader.is_operator(&pop.operator);
    let command = Command::Decline { offer: OfferId(id) };
    web.0.exchange.command(reader.login.clone(), supervisor, command).await?;
    if supervisor {
        let told = serde_json::json!({ "operator": pop.operator.as_str() });
        web.0.door.audit(&reader, "decline", &id.to_string(), told).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Picks an offer up on the operator's telephone. There is no telephone yet that can be told to:
/// the answer is 409 and says where to pick up.
#[utoipa::path(post, path = "/offers/{id}/answer", tag = "floor",
    params(("id" = u64, Path)), responses(
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn answer(
    State(web): State<Web>,
    WorkOffers(reader): WorkOffers,
    Path(id): Path<u64>,
) -> Result<StatusCode, Fault> {
    let pop = theirs(&web, &reader, id).await?;
    let why = match pop.state {
        PopState::Ringing => match provider_of(&web, &pop.account) {
            Some(_) => Refusal::ProvidersOwn(pop.account.clone()).to_string(),
            None => String::from("no telephone that can be told to answer: pick it up by hand"),
        },
        PopState::Talking { .. } => String::from("it was answered already"),
        PopState::TakenBy { .. } | PopState::Missed { .. } | PopState::CallerGone => over(),
        PopState::Withdrawn { .. } | PopState::Ended { .. } | PopState::Over { .. } => over(),
        PopState::Fyi { .. } => String::from("a colleague talks with the client"),
    };
    Err(Fault::Conflict(why))
}

fn over() -> String {
    String::from("it does not ring any more")
}

/// The kind of a provider's account.
fn provider_of(web: &Web, account: &Name) -> Option<&'static str> {
    let site = web.site();
    site.accounts.iter().find(|one| &one.name == account).map(|one| one.kind.word())
}

/// A card that lives and is the reader's to act on.
async fn theirs(web: &Web, reader: &Reader, id: u64) -> Result<Pop, Fault> {
    // A card that was just shown must be found: the reader may be quicker than the snapshot.
    let (seen, _) = web.0.exchange.snapshot_after(web.0.hub.last()).await;
    let found = seen.pops.iter().find(|pop| pop.offer == OfferId(id));
    found.filter(|pop| reader.sees_pop(pop)).cloned().ok_or(Fault::Missing("offer"))
}
