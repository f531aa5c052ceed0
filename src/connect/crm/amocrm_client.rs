//! What amoCRM knows of a client, for our own card (crm/amocrm.md section 10).

use std::collections::BTreeMap;
use std::time::Duration;

use super::amocrm::Inner;
use super::amocrm_door::Ask;
use super::amocrm_search::{Person, Search, find};
use super::amocrm_trouble::Trouble;
use super::amocrm_wire::{Entity, Lead, list};
use crate::model::{CallId, ClientDeal, ClientMatch, ClientState, ClientView, Number, Wall};

/// How long one request may take. Whoever asks sets the card's own deadline, which is shorter; an
/// answer that comes after it still finds its way onto the card.
const WITHIN: Duration = Duration::from_secs(10);

/// Who has this number. Nothing is tried twice while a telephone rings.
pub async fn client(inner: &Inner, number: &Number) -> ClientView {
    let (state, matches) = match matches(inner, number).await {
        Ok(matches) if matches.is_empty() => (ClientState::Unknown, matches),
        Ok(matches) => (ClientState::Known, matches),
        Err(Trouble::Lost(_)) => (ClientState::Late, Vec::new()),
        Err(_) => (ClientState::Failed, Vec::new()),
    };
    ClientView {
        call: CallId(uuid::Uuid::nil()),
        crm: inner.name.clone(),
        state,
        matches,
        create_link: Some(format!("{}/contacts/add/?phone={}", inner.door.base, number.reveal())),
        at: Wall::default(),
    }
}

async fn matches(inner: &Inner, number: &Number) -> Result<Vec<ClientMatch>, Trouble> {
    let search = async {
        let people = find(&inner.door, number, Search::Live(WITHIN)).await?;
        let firms = firms_of(inner, &people).await;
        Ok::<_, Trouble>((people, firms))
    };
    let (found, (), ()) = tokio::join!(
        search,
        inner.users.refresh(&inner.door, Some(WITHIN)),
        inner.users.refresh_stages(&inner.door, WITHIN),
    );
    let (people, firms) = found?;
    Ok(people.iter().map(|person| told(inner, person, &firms)).collect())
}

/// The names of the firms of these people; a card is good without them.
async fn firms_of(inner: &Inner, people: &[Person]) -> BTreeMap<u64, String> {
    let ids = people.iter().filter(|person| person.kind == "contacts");
    let ids: std::collections::BTreeSet<u64> =
        ids.filter_map(|person| person.entity.company()).collect();
    if ids.is_empty() {
        return BTreeMap::new();
    }
    let filter: String = ids.iter().map(|id| format!("&filter[id][]={id}")).collect();
    let ask = Ask::get(format!("/api/v4/companies?limit={}{filter}", ids.len())).live(WITHIN);
    match inner.door.ask(ask).await {
        Ok(body) => {
            let firms: Vec<Entity> = list(body.as_ref(), "companies");
            firms.into_iter().filter_map(|firm| Some((firm.id, firm.name?))).collect()
        }
        Err(_) => BTreeMap::new(),
    }
}

fn told(inner: &Inner, person: &Person, firms: &BTreeMap<u64, String>) -> ClientMatch {
    let entity = &person.entity;
    let (word, company) = match person.kind {
        "companies" => ("company", entity.name.clone()),
        _ => ("contact", entity.company().and_then(|id| firms.get(&id).cloned())),
    };
    let responsible = entity.responsible_user_id;
    ClientMatch {
        id: format!("{word}:{}", entity.id),
        name: entity.name.clone().unwrap_or_default(),
        company,
        responsible: responsible.and_then(|id| inner.users.name(id)),
        responsible_operator: responsible.and_then(|id| inner.users.operator(id)),
        deals: person.active().map(|lead| deal(inner, lead)).collect(),
        link: Some(format!("{}/{}/detail/{}", inner.door.base, person.kind, entity.id)),
    }
}

fn deal(inner: &Inner, lead: &Lead) -> ClientDeal {
    let named = lead.status_id.map(|status| {
        inner.users.stage(lead.pipeline_id, status).unwrap_or_else(|| status.to_string())
    });
    ClientDeal {
        name: lead.name.clone().unwrap_or_default(),
        stage: named,
        responsible_operator: lead.responsible_user_id.and_then(|id| inner.users.operator(id)),
        link: Some(format!("{}/leads/detail/{}", inner.door.base, lead.id)),
    }
}
