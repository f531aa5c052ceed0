//! What the stand-in of amoCRM keeps: people, firms, leads, notes, tasks and cards.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Stages of a lead that nobody works on any more.
const CLOSED: [u64; 2] = [142, 143];
/// The pipeline of all leads.
pub const PIPELINE: u64 = 8001;
/// Digits by which a call is matched to somebody.
const MATCHED: usize = 10;

/// Everything that is kept.
#[derive(Default)]
pub struct World {
    pub users: BTreeMap<u64, User>,
    pub contacts: BTreeMap<u64, Entity>,
    pub companies: BTreeMap<u64, Entity>,
    pub leads: BTreeMap<u64, Lead>,
    /// Calls are notes of a type of their own.
    pub notes: Vec<Note>,
    pub tasks: Vec<Task>,
    pub unsorted: Vec<Value>,
    pub pops: Vec<Pop>,
    /// What a well-behaved client never does.
    pub wrong: Vec<String>,
    last_id: u64,
}

/// A user.
pub struct User {
    pub name: String,
    pub active: bool,
}

/// A contact or a company.
#[derive(Debug, Clone)]
pub struct Entity {
    pub name: String,
    /// As it was typed in.
    pub phone: String,
    pub responsible: u64,
    pub updated_at: i64,
    pub company: Option<u64>,
    pub contacts: Vec<u64>,
    pub leads: Vec<u64>,
}

/// A lead.
#[derive(Debug, Clone)]
pub struct Lead {
    pub name: String,
    pub status: u64,
    pub responsible: u64,
}

/// A note at an entity.
#[derive(Debug, Clone)]
pub struct Note {
    pub id: u64,
    pub kind: String,
    pub entity: u64,
    pub note_type: String,
    pub params: Value,
}

/// A task.
#[derive(Debug, Clone)]
pub struct Task {
    pub id: u64,
    pub kind: String,
    pub entity: u64,
    pub text: String,
    pub complete_till: i64,
    pub responsible: Option<u64>,
    /// What came of it, when it is done.
    pub result: Option<String>,
}

/// A card that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pop {
    pub phone: String,
    pub users: Vec<u64>,
}

impl Entity {
    /// Somebody with a telephone.
    pub fn person(name: &str, phone: &str, responsible: u64) -> Entity {
        Entity {
            name: name.to_owned(),
            phone: phone.to_owned(),
            responsible,
            updated_at: 1_795_000_000,
            company: None,
            contacts: Vec::new(),
            leads: Vec::new(),
        }
    }

    /// The digits of the telephone as it is stored.
    pub fn digits(&self) -> String {
        self.phone.chars().filter(char::is_ascii_digit).collect()
    }

    /// As a list shows it.
    pub fn shown(&self, id: u64) -> Value {
        let refs = |ids: &[u64]| ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>();
        let companies: Vec<u64> = self.company.into_iter().collect();
        json!({
            "id": id,
            "name": self.name,
            "first_name": "",
            "last_name": "",
            "responsible_user_id": self.responsible,
            "updated_at": self.updated_at,
            "is_deleted": false,
            "is_unsorted": false,
            "custom_fields_values": [{
                "field_id": 1,
                "field_name": "Telefon",
                "field_code": "PHONE",
                "values": [{ "value": self.phone, "enum_id": 1, "enum_code": "WORK" }],
            }],
            "_embedded": {
                "companies": refs(&companies),
                "contacts": refs(&self.contacts),
                "leads": refs(&self.leads),
            },
        })
    }
}

impl Lead {
    /// As a list shows it.
    pub fn shown(&self, id: u64) -> Value {
        let closed = CLOSED.contains(&self.status);
        json!({
            "id": id,
            "name": self.name,
            "price": 0,
            "responsible_user_id": self.responsible,
            "status_id": self.status,
            "pipeline_id": PIPELINE,
            "created_at": 1_795_000_000 + id,
            "closed_at": closed.then_some(1_795_000_000),
            "is_deleted": false,
        })
    }

    fn is_active(&self) -> bool {
        !CLOSED.contains(&self.status)
    }
}

impl Note {
    /// Whether it is a call.
    pub fn is_call(&self) -> bool {
        ["call_in", "call_out"].contains(&self.note_type.as_str())
    }
}

impl World {
    /// The next id of anything.
    pub fn id(&mut self) -> u64 {
        self.last_id = self.last_id.max(500) + 1;
        self.last_id
    }

    /// Keeps a contact or a company.
    pub fn add(&mut self, kind: &str, entity: Entity) -> u64 {
        let id = self.id();
        match kind {
            "companies" => self.companies.insert(id, entity),
            _ => self.contacts.insert(id, entity),
        };
        id
    }

    /// Keeps a lead of a contact.
    pub fn add_lead(&mut self, contact: u64, lead: Lead) -> u64 {
        let id = self.id();
        self.leads.insert(id, lead);
        if let Some(contact) = self.contacts.get_mut(&contact) {
            contact.leads.push(id);
        }
        id
    }

    /// Whether an entity is there.
    pub fn has(&self, kind: &str, id: u64) -> bool {
        match kind {
            "contacts" => self.contacts.contains_key(&id),
            "companies" => self.companies.contains_key(&id),
            "leads" => self.leads.contains_key(&id),
            _ => false,
        }
    }

    /// Whether a user may stand in a request.
    pub fn is_user(&self, id: u64) -> bool {
        self.users.get(&id).is_some_and(|user| user.active)
    }

    /// Where a call of this number is put: the only active lead, or the contact, or the company.
    pub fn place(&self, phone: &str) -> Option<(&'static str, u64)> {
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        let last = |digits: &str| {
            let from = digits.len().saturating_sub(MATCHED);
            digits.get(from..).unwrap_or_default().to_owned()
        };
        let wanted = last(&digits);
        let of = |entities: &BTreeMap<u64, Entity>| {
            let found = entities.iter().find(|(_, own)| last(&own.digits()) == wanted);
            found.map(|(id, own)| (*id, own.leads.clone()))
        };
        let Some((contact, leads)) = of(&self.contacts) else {
            return of(&self.companies).map(|(company, _)| ("companies", company));
        };
        let active = |id: &&u64| self.leads.get(id).is_some_and(Lead::is_active);
        let active: Vec<&u64> = leads.iter().filter(active).collect();
        match active.as_slice() {
            [lead] => Some(("leads", **lead)),
            _ => Some(("contacts", contact)),
        }
    }
}
