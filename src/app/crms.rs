//! From `[crm.NAME]`, and `[[notify]]` of kind `webhook`, to their adapters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::config::{Outlet as Own, Site};
use crate::connect::crm::{
    BITRIX24_LOOK_UP_AFTER, Bitrix24, Bitrix24Rate, Bitrix24Settings, Bitrix24Staff, WallClock,
    Webhook, WebhookSettings,
};
use crate::connect::deliver::Shelf;
use crate::connect::http::Http;
use crate::model::Name;

/// How long a lost answer of what stands in for a portal (`base`) is not looked up.
const TRIAL_LOOK_UP_AFTER: Duration = Duration::from_secs(2);

/// The portal of a `[crm.NAME]` of kind `bitrix24`. Fails when a key that it cannot do without is
/// missing, which the configuration has told already.
pub fn bitrix24(
    own: &Own,
    site: &Site,
    http: Http,
    shelf: Arc<dyn Shelf>,
) -> anyhow::Result<Bitrix24> {
    let missing = |key: &str| format!("crm.{}.{key} is missing", own.name);
    let secret = |key: &str| own.secrets.get(key).cloned();
    let settings = Bitrix24Settings {
        name: own.name.clone(),
        portal: word(own, "portal").with_context(|| missing("portal"))?,
        base: word(own, "base"),
        client_id: word(own, "client_id").with_context(|| missing("client_id"))?,
        client_secret: secret("client_secret").with_context(|| missing("client_secret"))?,
        token: secret("token"),
        staff: staff(&own.name, site),
        creates: matches!(word(own, "unknown_caller").as_deref(), Some("create" | "unsorted")),
        rate: rate(own),
        // What stands in for a portal answers at once or never.
        look_up_after: match word(own, "base") {
            Some(_) => TRIAL_LOOK_UP_AFTER,
            None => BITRIX24_LOOK_UP_AFTER,
        },
    };
    let portal = Bitrix24::new(settings, http, shelf);
    portal.map_err(|why| anyhow::anyhow!("crm.{}.portal: {why}", own.name))
}

/// What the portal bears: by its tariff, or as a portal of one's own is set up.
fn rate(own: &Own) -> Bitrix24Rate {
    let tariff = word(own, "tariff").and_then(|word| Bitrix24Rate::of(&word)).unwrap_or_default();
    let figure = |key: &str| word(own, key).and_then(|figure| figure.parse().ok());
    Bitrix24Rate {
        per_second: figure("per_second").unwrap_or(tariff.per_second),
        burst: figure("burst").unwrap_or(tariff.burst),
    }
}

/// The receiver of a target of kind `webhook`. Fails when it has no address.
pub fn webhook(
    own: &Own,
    public_url: &str,
    http: Http,
    clock: WallClock,
) -> anyhow::Result<Webhook> {
    let list = |key: &str| own.words.get(key).cloned().unwrap_or_default();
    let settings = WebhookSettings {
        name: own.name.clone(),
        url: word(own, "url").with_context(|| format!("{}.url is missing", own.name))?,
        secret: own.secrets.get("secret").cloned(),
        events: list("events"),
        fields: list("fields"),
        public_url: Some(public_url.to_owned()),
    };
    Ok(Webhook::new(settings, http, clock))
}

/// How the operators of a site are known in a CRM: by the id that they were given, else by their
/// extensions.
fn staff(crm: &Name, site: &Site) -> BTreeMap<Name, Bitrix24Staff> {
    let operators = site.settings.operators.iter().filter(|one| !one.disabled);
    let known = operators.map(|operator| {
        let devices = site.devices.get(&operator.name);
        let user = devices.and_then(|devices| devices.crm.get(crm.as_str()));
        let user = user.and_then(|user| user.value.trim().parse().ok());
        let aliases = operator.aliases.iter().map(|alias| alias.alias.clone()).collect();
        (operator.name.clone(), Bitrix24Staff { user, aliases })
    });
    known.collect()
}

fn word(own: &Own, key: &str) -> Option<String> {
    own.words.get(key)?.first().cloned()
}
