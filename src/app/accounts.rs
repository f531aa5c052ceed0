//! From the configuration's accounts to what the readers of requests and the web are told.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::config::{Kind as Own, Map as OwnMap, Provider, Site};
use crate::acd::Settings;
use crate::connect::provider::{Account, Kind, Map, Profile};

/// Every account of a site that has a hook address, in the order of the file.
pub fn accounts(site: &Site) -> Vec<Account> {
    let hooked = site.providers.iter().filter(|one| !matches!(one.kind, Own::Asterisk(_)));
    hooked.map(|provider| account(provider, &site.settings)).collect()
}

fn account(provider: &Provider, settings: &Settings) -> Account {
    let own = &provider.settings;
    let kind = Kind::of(&own.kind).unwrap_or(Kind::Generic);
    let mut account = Account::new(own.name.clone(), kind, provider.token.clone());
    account.numbers = own.numbers.clone();
    account.timezone = provider.timezone.clone();
    account.lines = provider.lines.clone();
    account.queues = own.queues.iter().map(|(theirs, _)| theirs.clone()).collect();
    let aliases = settings.operators.iter().flat_map(|operator| &operator.aliases);
    let valid = aliases.filter(|of| of.account.as_ref().is_none_or(|name| *name == own.name));
    account.aliases = valid.map(|of| of.alias.clone()).collect();
    match &provider.kind {
        Own::Sipuni { cabinet_id, .. } => account.cabinet_id.clone_from(cabinet_id),
        Own::Onlinepbx { domain, .. } => account.domain.clone_from(domain),
        Own::Utel { domain, .. } => {
            account.profile = Some(Profile::Utel);
            account.domain.clone_from(domain);
        }
        Own::Itoolabs { crm_token, .. } => {
            account.profile = Some(Profile::Itoolabs);
            account.crm_token.clone_from(crm_token);
        }
        Own::Mapped(map) => {
            account.profile = (kind == Kind::Uztelecom).then_some(Profile::Generic);
            account.map = Some(mapping(map));
        }
        Own::Asterisk(_) => {}
    }
    account
}

/// The same mapping in the readers' type; what the file leaves out keeps the sheet's default.
fn mapping(own: &OwnMap) -> Map {
    let mut table: BTreeMap<&str, Value> =
        own.fields.iter().map(|(field, places)| (*field, json!(places))).collect();
    let mut put = |key: &'static str, value: Option<Value>| {
        table.extend(value.map(|value| (key, value)));
    };
    put("time_format", own.time_format.as_ref().map(|form| json!(form)));
    put("time_zone", own.time_zone.as_ref().map(|zone| json!(zone)));
    put("event_values", (!own.event_values.is_empty()).then(|| json!(own.event_values)));
    put("status_values", (!own.status_values.is_empty()).then(|| json!(own.status_values)));
    // The configuration has checked every key and word; what it checked and the readers do not
    // know is a fault that `a_mapping_is_taken_whole` finds.
    serde_json::from_value(json!(table)).unwrap_or_default()
}
