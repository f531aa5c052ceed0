//! Health of the providers, account by account.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::connect::provider::{Account, Kind};
use crate::model::{Name, Period, Wall};
use crate::store::AccountCount;
use crate::switch::TrunkView;
use crate::web::access::{Act, Reader};
use crate::web::fault::Fault;
use crate::web::guard::SeeProviders;
use crate::web::sight::Sight;
use crate::web::state::{Site, Web};
use crate::web::view::{maybe_stamp, scrub};

use super::Items;

/// Counts go back this far.
const COUNTED_FOR: Period = Period::days(1);

/// How long a trouble marks an account as degraded.
const TROUBLED_FOR: Period = Period::mins(10);

/// One account.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProviderView {
    account: String,
    kind: &'static str,
    profile: Option<&'static str>,
    /// `ok`, `degraded` (requests were refused or not understood in the last ten minutes), `down`
    /// (nothing can be stored) or `not_configured` (nothing ever came in the last day). A trunk
    /// (kind `sip`) is `ok`, `down`, or `not_configured` while nothing was heard of it.
    state: &'static str,
    /// What a trunk said last: `registered`, `403 Forbidden`, `no answer`; null for the others.
    why: Option<String>,
    last_event_at: Option<String>,
    /// Stored in the last 24 hours, repeats among them.
    received: u64,
    duplicates: u64,
    unknown: u64,
    undecodable: u64,
    /// Since the start.
    refused: u64,
    /// Since the start.
    limited: u64,
    /// Aliases that no operator has.
    unknown_operators: Vec<String>,
    /// What the provider is to call; the token is hidden.
    hook_url: Option<String>,
}

/// Health of every account.
#[utoipa::path(get, path = "/providers", tag = "providers", responses(
    (status = 200, body = Items<ProviderView>)))]
pub async fn providers(
    State(web): State<Web>,
    SeeProviders(reader): SeeProviders,
) -> Result<Json<Items<ProviderView>>, Fault> {
    Ok(Json(Items { items: providers_for(&web, &reader).await }))
}

/// Health of every account as far as a reader sees it.
pub async fn providers_for(web: &Web, reader: &Reader) -> Vec<ProviderView> {
    let site = web.site();
    let counts = web.counts(COUNTED_FOR).await;
    let whole = site.eyes.sight(reader, None) == Sight::Whole;
    let views = site.accounts.iter().map(|account| {
        let count = counts.iter().find(|count| count.account == account.name);
        view(web, account, count, whole)
    });
    let lines = web.0.exchange.lines();
    views.chain(lines.trunks.iter().map(trunk)).collect()
}

/// How an account at a provider is, for those who watch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountHealth {
    /// Its name.
    pub account: Name,
    /// The word of [`ProviderView`].
    pub state: &'static str,
    /// When it was heard last, within the last day.
    pub last_at: Option<Wall>,
}

impl Web {
    /// How every account with a hook is.
    pub async fn account_health(&self) -> Vec<AccountHealth> {
        let counts = self.counts(COUNTED_FOR).await;
        let site = self.site();
        let health = site.accounts.iter().map(|account| {
            let count = counts.iter().find(|count| count.account == account.name);
            let last_at = last_at(self, &site, account, count);
            let state = state(self, &site, account, last_at);
            AccountHealth { account: account.name.clone(), state, last_at }
        });
        health.collect()
    }
}

fn last_at(
    web: &Web,
    site: &Site,
    account: &Account,
    count: Option<&AccountCount>,
) -> Option<Wall> {
    let since = web.0.gates.of(site, &account.name).counted();
    since.last_at.max(count.map(|count| count.last_at))
}

fn state(web: &Web, site: &Site, account: &Account, last_at: Option<Wall>) -> &'static str {
    let gate = web.0.gates.of(site, &account.name);
    match () {
        () if web.0.journal.health().failing.is_some() => "down",
        () if gate.troubled_within(TROUBLED_FOR, web.now().mono) => "degraded",
        () if last_at.is_none() => "not_configured",
        () => "ok",
    }
}

/// A trunk as an account: it has no hook, and what it tells is how it is reached.
fn trunk(view: &TrunkView) -> ProviderView {
    ProviderView {
        account: view.name.to_string(),
        kind: "sip",
        profile: None,
        state: match view.up {
            Some(true) => "ok",
            Some(false) => "down",
            None => "not_configured",
        },
        why: Some(view.why.clone()).filter(|why| !why.is_empty()),
        last_event_at: None,
        received: 0,
        duplicates: 0,
        unknown: 0,
        undecodable: 0,
        refused: 0,
        limited: 0,
        unknown_operators: Vec::new(),
        hook_url: None,
    }
}

/// Health of every account for a board. Who may not see the providers, like a screen on a wall,
/// sees how they are, and neither their addresses nor whom they name.
pub async fn providers_on_board(web: &Web, reader: &Reader) -> Vec<ProviderView> {
    let all = providers_for(web, reader).await;
    if reader.may(Act::SeeProviders) {
        return all;
    }
    let plain = |view| ProviderView { unknown_operators: Vec::new(), hook_url: None, ..view };
    all.into_iter().map(plain).collect()
}

fn view(web: &Web, account: &Account, count: Option<&AccountCount>, whole: bool) -> ProviderView {
    let site = web.site();
    let since = web.0.gates.of(&site, &account.name).counted();
    let last_at = last_at(web, &site, account, count);
    let of = |count: Option<u64>, since: u64| count.unwrap_or(0).max(since);
    let by_hook = account.kind != Kind::Asterisk;
    ProviderView {
        account: account.name.to_string(),
        kind: account.kind.word(),
        profile: account.profile.map(|profile| profile.word()),
        state: state(web, &site, account, last_at),
        why: None,
        last_event_at: maybe_stamp(last_at),
        received: of(count.map(|count| count.received), since.received),
        duplicates: of(count.map(|count| count.duplicates), since.duplicates),
        unknown: of(count.map(|count| count.unknown), since.unknown),
        undecodable: of(count.map(|count| count.undecodable), since.undecodable),
        refused: since.refused,
        limited: since.limited,
        unknown_operators: since
            .aliases
            .iter()
            .map(|alias| if whole { alias.clone() } else { scrub(alias, &[]) })
            .collect(),
        hook_url: by_hook.then(|| {
            format!("{}/hooks/{}/{}/***", site.public_url, account.kind.word(), account.name)
        }),
    }
}
