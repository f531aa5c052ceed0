//! Who has a number in amoCRM (crm/amocrm.md section 4).
//!
//! `query` searches every field as text, so the answer is only a list of candidates: kept are
//! those whose stored telephone is really this number.

use std::collections::BTreeMap;
use std::time::Duration;

use super::amocrm_door::{Ask, Door};
use super::amocrm_trouble::Trouble;
use super::amocrm_wire::{Entity, Lead, list};
use crate::model::Number;

/// The country whose national numbers have nine digits.
const UZBEKISTAN: &str = "998";
/// Digits of a national number of Uzbekistan.
const NATIONAL: usize = 9;
/// Digits that a foreign number is searched by.
const FOREIGN: usize = 10;
/// Candidates of one page.
const PAGE: usize = 50;
/// Pages that a note reads; a number that is in more texts than these hold is none.
const PAGES_MAX: usize = 4;
/// Leads of everybody with the number that are looked at, the newest first.
const LEADS_MAX: usize = 50;

/// Somebody who has the number.
#[derive(Debug, Clone)]
pub struct Person {
    /// `contacts` or `companies`.
    pub kind: &'static str,
    /// As amoCRM tells it.
    pub entity: Entity,
    /// All leads that are known, the newest first.
    pub leads: Vec<Lead>,
}

impl Person {
    /// Leads that somebody works on.
    pub fn active(&self) -> impl Iterator<Item = &Lead> {
        self.leads.iter().filter(|lead| lead.is_active())
    }
}

/// How a search is done.
#[derive(Debug, Clone, Copy)]
pub enum Search {
    /// While a telephone rings: one page, no longer than this in each step.
    Live(Duration),
    /// For a note: every page.
    Note,
}

/// Everybody with this number, the likeliest first: contacts, or firms where no contact has it.
pub async fn find(door: &Door, number: &Number, how: Search) -> Result<Vec<Person>, Trouble> {
    for kind in ["contacts", "companies"] {
        let found = with_number(door, kind, number, how).await?;
        if !found.is_empty() {
            let leads = leads_of(door, &found, how).await?;
            return Ok(ranked(kind, found, &leads));
        }
    }
    Ok(Vec::new())
}

async fn with_number(
    door: &Door,
    kind: &str,
    number: &Number,
    how: Search,
) -> Result<Vec<Entity>, Trouble> {
    let with = if kind == "contacts" { "leads" } else { "leads,contacts" };
    let pages = match how {
        Search::Live(_) => 1,
        Search::Note => PAGES_MAX,
    };
    let mut found = Vec::new();
    for page in 1..=pages {
        let path = format!(
            "/api/v4/{kind}?query={}&with={with}&limit={PAGE}&page={page}",
            searched(number)
        );
        let body = door.ask(asked(path, how)).await?;
        let entities: Vec<Entity> = list(body.as_ref(), kind);
        let real = entities.into_iter().filter(|one| one.is_deleted != Some(true));
        found.extend(real.filter(|one| one.phones().any(|stored| is_same(&stored, number))));
        let next = body.as_ref().and_then(|body| body.pointer("/_links/next"));
        if next.is_none() {
            break;
        }
    }
    Ok(found)
}

/// The leads of everybody who was found, by id.
async fn leads_of(
    door: &Door,
    found: &[Entity],
    how: Search,
) -> Result<BTreeMap<u64, Lead>, Trouble> {
    let mut ids: Vec<u64> = found.iter().flat_map(Entity::leads).collect();
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.dedup();
    ids.truncate(LEADS_MAX);
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let filter: String = ids.iter().map(|id| format!("&filter[id][]={id}")).collect();
    let body = door.ask(asked(format!("/api/v4/leads?limit={LEADS_MAX}{filter}"), how)).await?;
    let leads: Vec<Lead> = list(body.as_ref(), "leads");
    Ok(leads.into_iter().map(|lead| (lead.id, lead)).collect())
}

fn asked(path: String, how: Search) -> Ask {
    match how {
        Search::Live(within) => Ask::get(path).live(within),
        Search::Note => Ask::get(path),
    }
}

/// One with an active lead first, then the latest change, then the lowest id.
fn ranked(kind: &'static str, found: Vec<Entity>, leads: &BTreeMap<u64, Lead>) -> Vec<Person> {
    let person = |entity: Entity| {
        let mut own: Vec<Lead> =
            entity.leads().iter().filter_map(|id| leads.get(id).cloned()).collect();
        own.sort_by_key(|lead| std::cmp::Reverse((lead.created_at, lead.id)));
        Person { kind, entity, leads: own }
    };
    let mut people: Vec<Person> = found.into_iter().map(person).collect();
    people.sort_by_key(|person| {
        let active = person.active().next().is_some();
        let updated = person.entity.updated_at.unwrap_or(0);
        (!active, std::cmp::Reverse(updated), person.entity.id)
    });
    people
}

/// What a number is searched by: `+7…` and `8…` are different texts to amoCRM, so the country
/// is left out.
fn searched(number: &Number) -> &str {
    let digits = digits(number);
    let keep = if is_uzbek(digits) { NATIONAL } else { FOREIGN };
    digits.get(digits.len().saturating_sub(keep)..).unwrap_or(digits)
}

/// Whether a stored telephone is this number.
pub fn is_same(stored: &str, number: &Number) -> bool {
    let stored: String = stored.chars().filter(char::is_ascii_digit).collect();
    let wanted = digits(number);
    let national = |digits: &str| match digits.strip_prefix(UZBEKISTAN) {
        Some(rest) if rest.len() == NATIONAL => Some(rest.to_owned()),
        _ if digits.len() == NATIONAL => Some(digits.to_owned()),
        Some(_) | None => None,
    };
    stored == wanted || is_uzbek(wanted) && national(&stored) == national(wanted)
}

/// The part of a number by which work on it is put in a row.
pub fn national(number: &Number) -> String {
    searched(number).to_owned()
}

fn digits(number: &Number) -> &str {
    number.reveal().trim_start_matches('+')
}

fn is_uzbek(digits: &str) -> bool {
    digits.strip_prefix(UZBEKISTAN).is_some_and(|rest| rest.len() == NATIONAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn number(text: &str) -> Number {
        Number::new(text).unwrap()
    }

    #[test]
    fn a_number_is_searched_without_its_country() {
        assert_eq!(searched(&number("+998901112233")), "901112233");
        assert_eq!(searched(&number("+74951234567")), "4951234567");
        assert_eq!(searched(&number("+12345678")), "12345678");
    }

    #[test]
    fn only_the_same_number_is_kept_however_it_is_written() {
        let uzbek = number("+998901112233");
        for stored in ["901112233", "998901112233", "+998 90 111-22-33", "+998(90)1112233"] {
            assert!(is_same(stored, &uzbek), "{stored}");
        }
        for stored in ["", "901112234", "7901112233", "1998901112233", "9011122330", "01112233"] {
            assert!(!is_same(stored, &uzbek), "{stored}");
        }
        let foreign = number("+74951234567");
        assert!(is_same("+7 (495) 123-45-67", &foreign));
        for stored in ["4951234567", "84951234567", "951234567"] {
            assert!(!is_same(stored, &foreign), "{stored}");
        }
        // Nine digits at the end of a foreign number are not a number of Uzbekistan.
        assert!(!is_same("901112233", &number("+7901112233")));
    }

    #[test]
    fn an_active_lead_ranks_first_then_the_latest_change_then_the_lowest_id() {
        let entity = |id: u64, updated: i64, leads: &[u64]| {
            let leads: Vec<_> = leads.iter().map(|id| json!({ "id": id })).collect();
            let entity =
                json!({ "id": id, "updated_at": updated, "_embedded": { "leads": leads } });
            serde_json::from_value::<Entity>(entity).unwrap()
        };
        let lead = |id: u64, status: u64| {
            let lead = json!({ "id": id, "status_id": status, "created_at": id });
            (id, serde_json::from_value::<Lead>(lead).unwrap())
        };
        let leads = BTreeMap::from([lead(71, 5), lead(72, 142), lead(73, 5)]);
        let found = vec![
            entity(9, 300, &[72]),
            entity(5, 300, &[]),
            entity(7, 100, &[71, 73]),
            entity(4, 200, &[]),
        ];
        let people = ranked("contacts", found, &leads);
        let ids: Vec<u64> = people.iter().map(|person| person.entity.id).collect();
        assert_eq!(ids, [7, 5, 9, 4]);
        let active: Vec<u64> = people[0].active().map(|lead| lead.id).collect();
        assert_eq!(active, [73, 71], "the newest first");
    }
}
