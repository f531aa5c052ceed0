//! Who of the portal is who of ours.
//!
//! The configured user id comes first, then the extension. People who are switched off there are
//! nobody: a request that names one is refused as a whole.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::RwLock;
use serde_json::Value;
use tokio::time::Instant;

use super::bitrix24_wire::{id_of, text_of};
use crate::model::Name;

/// How long the list of people is believed. Shorter costs requests, longer shows cards to nobody
/// after somebody was hired.
const BELIEVED_FOR: Duration = Duration::from_hours(1);

/// How an operator is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Staff {
    /// The user id of the configuration.
    pub user: Option<u64>,
    /// Extensions and logins, without the account before them.
    pub aliases: Vec<String>,
}

/// Operators and the people of the portal.
pub struct Users {
    operators: BTreeMap<Name, Staff>,
    portal: RwLock<Option<People>>,
}

struct People {
    by_id: BTreeMap<u64, Person>,
    read_at: Instant,
}

/// One active user of the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Theirs.
    pub id: u64,
    /// As people read it.
    pub name: String,
    /// `UF_PHONE_INNER`.
    pub extension: Option<String>,
}

impl Users {
    /// Operators of ours; nothing is known of the portal yet.
    pub fn new(operators: BTreeMap<Name, Staff>) -> Users {
        Users { operators, portal: RwLock::new(None) }
    }

    /// Whether the list of people should be read (again).
    pub fn are_due(&self) -> bool {
        let portal = self.portal.read();
        portal.as_ref().is_none_or(|people| people.read_at.elapsed() > BELIEVED_FOR)
    }

    /// Takes the whole list of active people.
    pub fn learn(&self, people: Vec<Person>) {
        let by_id = people.into_iter().map(|person| (person.id, person)).collect();
        *self.portal.write() = Some(People { by_id, read_at: Instant::now() });
    }

    /// The list is out of date: somebody in it is switched off.
    pub fn doubt(&self, user: u64) {
        if let Some(people) = self.portal.write().as_mut() {
            people.by_id.remove(&user);
        }
    }

    /// The active user that an operator is; `None` for nobody. An unknown alias is written
    /// `ext:201` and matches by its extension.
    pub fn of(&self, operator: &Name) -> Option<u64> {
        let portal = self.portal.read();
        let staff = self.operators.get(operator);
        if let Some(user) = staff.and_then(|staff| staff.user) {
            let active = portal.as_ref().is_none_or(|people| people.by_id.contains_key(&user));
            return active.then_some(user);
        }
        let outside = operator.as_str().strip_prefix("ext:");
        let aliases = staff.map_or(&[][..], |staff| staff.aliases.as_slice());
        let is_one = |extension: &str| {
            outside == Some(extension) || aliases.iter().any(|alias| alias == extension)
        };
        let mut people = portal.as_ref()?.by_id.values();
        let found = people.find(|one| one.extension.as_deref().is_some_and(is_one));
        found.map(|person| person.id)
    }

    /// The operator that a user is: by id, then by extension, which may be known from the list.
    pub fn operator(&self, user: Option<u64>, extension: Option<&str>) -> Option<Name> {
        let portal = self.portal.read();
        let person = user.and_then(|user| portal.as_ref()?.by_id.get(&user));
        let extension = extension.or_else(|| person?.extension.as_deref());
        let by_id = |staff: &Staff| user.is_some() && staff.user == user;
        let by_extension = |staff: &Staff| {
            staff.user.is_none()
                && extension.is_some_and(|own| staff.aliases.iter().any(|alias| alias == own))
        };
        let find = |is_one: &dyn Fn(&Staff) -> bool| {
            self.operators.iter().find(|(_, staff)| is_one(staff)).map(|(name, _)| name.clone())
        };
        find(&by_id).or_else(|| find(&by_extension))
    }

    /// The name of a user.
    pub fn name(&self, user: u64) -> Option<String> {
        let portal = self.portal.read();
        Some(portal.as_ref()?.by_id.get(&user)?.name.clone())
    }
}

/// One row of `user.get`; `None` when it is switched off or has no id.
pub fn person(row: &Value) -> Option<Person> {
    let active = match row.get("ACTIVE") {
        Some(Value::Bool(active)) => *active,
        Some(Value::String(word)) => matches!(word.as_str(), "Y" | "1" | "true"),
        Some(_) | None => true, // the filter asked for nobody else
    };
    let id = id_of(row.get("ID")).filter(|_| active)?;
    let names = ["NAME", "LAST_NAME"].map(|field| text_of(row.get(field)));
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let name = if name.is_empty() { text_of(row.get("EMAIL")) } else { Some(name) };
    let extension = text_of(row.get("UF_PHONE_INNER"));
    Some(Person { id, name: name.unwrap_or_else(|| id.to_string()), extension })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn users() -> Users {
        let staff = |user, alias: &str| Staff { user, aliases: vec![alias.to_owned()] };
        Users::new(BTreeMap::from([
            ("Aziza".into(), staff(Some(7), "201")),
            ("Bobur".into(), staff(None, "202")),
            ("Dilnoza".into(), staff(Some(9), "203")),
        ]))
    }

    fn people() -> Vec<Person> {
        let rows = [
            json!({ "ID": "7", "NAME": "Aziza", "LAST_NAME": "Karimova", "ACTIVE": true }),
            json!({ "ID": "8", "NAME": "", "EMAIL": "b@example.uz", "UF_PHONE_INNER": "202" }),
            json!({ "ID": "9", "NAME": "Dilnoza", "ACTIVE": false }),
            json!({ "ID": "10", "UF_PHONE_INNER": "999" }),
        ];
        rows.iter().filter_map(person).collect()
    }

    #[test]
    fn an_operator_is_a_user_by_id_or_by_extension() {
        let users = users();
        assert_eq!(users.of(&"Aziza".into()), Some(7), "believed before the list is there");
        assert_eq!(users.of(&"Bobur".into()), None);
        users.learn(people());
        assert_eq!(users.of(&"Aziza".into()), Some(7));
        assert_eq!(users.of(&"Bobur".into()), Some(8));
        assert_eq!(users.of(&"ext:999".into()), Some(10));
        assert_eq!(users.of(&"Nobody".into()), None);
    }

    #[test]
    fn who_is_switched_off_there_is_nobody() {
        let users = users();
        users.learn(people());
        assert_eq!(users.of(&"Dilnoza".into()), None);
        users.doubt(7);
        assert_eq!(users.of(&"Aziza".into()), None);
    }

    #[test]
    fn a_responsible_person_is_an_operator() {
        let users = users();
        assert_eq!(users.operator(Some(7), None), Some("Aziza".into()));
        assert_eq!(users.operator(Some(8), Some("202")), Some("Bobur".into()));
        assert_eq!(users.operator(Some(8), Some("201")), None, "Aziza is user 7");
        assert_eq!(users.operator(None, None), None);
        assert_eq!(users.operator(Some(8), None), None);
        users.learn(people());
        assert_eq!(users.operator(Some(8), None), Some("Bobur".into()), "the list knows it");
    }
}
