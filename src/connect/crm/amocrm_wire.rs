//! amoCRM's words: what it says of people, firms, leads and calls (crm/amocrm.md). They do not
//! leave the files of this adapter.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A lead that was won and one that was lost, in every pipeline.
const CLOSED: [u64; 2] = [142, 143];

/// A contact or a company.
#[derive(Debug, Clone, Deserialize)]
pub struct Entity {
    pub id: u64,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub responsible_user_id: Option<u64>,
    #[serde(default)]
    pub updated_at: Option<i64>,
    #[serde(default)]
    pub is_deleted: Option<bool>,
    #[serde(default)]
    pub custom_fields_values: Option<Vec<Field>>,
    #[serde(default, rename = "_embedded")]
    pub embedded: Option<Embedded>,
}

/// A custom field with its values.
#[derive(Debug, Clone, Deserialize)]
pub struct Field {
    #[serde(default)]
    pub field_code: Option<String>,
    #[serde(default)]
    pub values: Vec<FieldValue>,
}

/// One value of a field; telephones may be stored as numbers.
#[derive(Debug, Clone, Deserialize)]
pub struct FieldValue {
    #[serde(default)]
    pub value: Value,
}

/// What stands inside an entity.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Embedded {
    #[serde(default)]
    pub companies: Vec<Ref>,
    #[serde(default)]
    pub leads: Vec<Ref>,
}

/// An id of something else.
#[derive(Debug, Clone, Deserialize)]
pub struct Ref {
    pub id: u64,
}

/// A deal.
#[derive(Debug, Clone, Deserialize)]
pub struct Lead {
    pub id: u64,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub responsible_user_id: Option<u64>,
    #[serde(default)]
    pub status_id: Option<u64>,
    #[serde(default)]
    pub pipeline_id: Option<u64>,
    #[serde(default)]
    pub created_at: Option<i64>,
    #[serde(default)]
    pub closed_at: Option<i64>,
    #[serde(default)]
    pub is_deleted: Option<bool>,
}

impl Lead {
    /// Whether somebody still works on it.
    pub fn is_active(&self) -> bool {
        let closed = self.status_id.is_some_and(|status| CLOSED.contains(&status));
        !closed && self.closed_at.is_none_or(|at| at == 0) && self.is_deleted != Some(true)
    }
}

impl Entity {
    /// Its telephone numbers as they are stored.
    pub fn phones(&self) -> impl Iterator<Item = String> {
        let fields = self.custom_fields_values.iter().flatten();
        let phones = fields.filter(|field| field.field_code.as_deref() == Some("PHONE"));
        phones.flat_map(|field| &field.values).filter_map(|value| match &value.value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        })
    }

    /// Ids of its leads.
    pub fn leads(&self) -> Vec<u64> {
        self.embedded.iter().flat_map(|own| &own.leads).map(|lead| lead.id).collect()
    }

    /// The id of its firm.
    pub fn company(&self) -> Option<u64> {
        self.embedded.as_ref()?.companies.first().map(|company| company.id)
    }
}

/// A user of the account.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    pub id: u64,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub rights: Option<Rights>,
}

/// What a user may.
#[derive(Debug, Clone, Deserialize)]
pub struct Rights {
    #[serde(default)]
    pub is_active: Option<bool>,
}

/// A pipeline with its stages.
#[derive(Debug, Clone, Deserialize)]
pub struct Pipeline {
    #[serde(default, rename = "_embedded")]
    pub embedded: Option<Stages>,
}

/// The stages of a pipeline.
#[derive(Debug, Clone, Deserialize)]
pub struct Stages {
    #[serde(default)]
    pub statuses: Vec<Stage>,
}

/// One stage.
#[derive(Debug, Clone, Deserialize)]
pub struct Stage {
    pub id: u64,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub pipeline_id: Option<u64>,
}

/// A note of an entity.
#[derive(Debug, Clone, Deserialize)]
pub struct Remark {
    pub id: u64,
    #[serde(default)]
    pub params: Option<Params>,
}

/// What a note says.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Params {
    #[serde(default)]
    pub uniq: Option<String>,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub duration: Option<u64>,
    #[serde(default)]
    pub link: Option<String>,
    #[serde(default)]
    pub call_status: Option<u8>,
    #[serde(default)]
    pub call_result: Option<String>,
}

/// A task.
#[derive(Debug, Clone, Deserialize)]
pub struct Task {
    pub id: u64,
    #[serde(default)]
    pub text: Option<String>,
}

/// A call for the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallItem {
    pub request_id: String,
    pub direction: String,
    pub uniq: String,
    pub duration: u64,
    pub source: String,
    pub phone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_result: Option<String>,
    pub call_status: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_responsible: Option<Who>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responsible_user_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<u64>,
    pub created_at: i64,
}

/// Who answered: a user of the account, or a name that is shown as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Who {
    User(u64),
    Named(String),
}

/// Reads every item of a list in an answer; one that cannot be read is left out.
pub fn list<T: serde::de::DeserializeOwned>(body: Option<&Value>, kind: &str) -> Vec<T> {
    let listed = body.and_then(|body| body.pointer(&format!("/_embedded/{kind}")));
    let items = listed.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| T::deserialize(item).ok()).collect()
}

/// The kind of an entity in paths: `leads`, `contacts`, `companies`, `customers`.
pub fn kind(value: &Value) -> Option<&'static str> {
    let word = match value {
        Value::String(word) => word.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    match word.as_str() {
        "contact" | "contacts" | "1" => Some("contacts"),
        "lead" | "leads" | "2" => Some("leads"),
        "company" | "companies" | "3" => Some("companies"),
        "customer" | "customers" | "12" => Some("customers"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_entity_has_its_kind_by_word_or_by_number() {
        for (value, expected) in [
            (json!("lead"), Some("leads")),
            (json!("leads"), Some("leads")),
            (json!(2), Some("leads")),
            (json!("12"), Some("customers")),
            (json!("contact"), Some("contacts")),
            (json!(3), Some("companies")),
            (json!("catalog"), None),
            (json!(null), None),
        ] {
            assert_eq!(kind(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_won_or_lost_lead_is_not_active() {
        let lead = |more: Value| {
            let mut lead = json!({ "id": 1 });
            lead.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value::<Lead>(lead).unwrap().is_active()
        };
        assert!(lead(json!({ "status_id": 5, "closed_at": null })));
        assert!(!lead(json!({ "status_id": 142 })));
        assert!(!lead(json!({ "status_id": 143 })));
        assert!(!lead(json!({ "status_id": 5, "closed_at": 1_795_000_000 })));
        assert!(!lead(json!({ "status_id": 5, "is_deleted": true })));
    }
}
