//! What providers are told: the acknowledgement of each, and the answers to their questions.

use serde_json::json;

use super::account::{Account, Kind, Profile};
use super::read::Question;
use crate::model::Name;
use crate::switch::AskKind;

/// The body of a 2xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For the header.
    pub content_type: &'static str,
    /// Short.
    pub body: String,
}

impl Answer {
    fn json(value: &serde_json::Value) -> Answer {
        Answer { content_type: "application/json", body: value.to_string() }
    }
}

/// What the account wants to hear when a request was taken. Sipuni insists on `success`; the
/// others take any short body.
pub fn success(account: &Account) -> Answer {
    match account.kind {
        Kind::Sipuni
        | Kind::OnlinePbx
        | Kind::Uztelecom
        | Kind::Sarkor
        | Kind::Generic
        | Kind::Asterisk => Answer::json(&json!({ "success": true })),
    }
}

/// The body of the 401 for a wrong token in the request itself.
pub fn bad_body_token() -> Answer {
    Answer::json(&json!({ "error": "Invalid token" }))
}

/// The answer to a question. `operators` are the engine's choice in order, empty for none, and
/// `aliases` names one of them as this account does.
pub fn answer(
    account: &Account,
    question: &Question,
    operators: &[Name],
    aliases: &dyn Fn(&Name) -> Vec<String>,
) -> Answer {
    match &question.kind {
        AskKind::Whether { .. } => {
            Answer::json(&json!({ "choice": u8::from(!operators.is_empty()) }))
        }
        AskKind::Order => {
            let login = operators.iter().find_map(|operator| login(account, aliases(operator)));
            Answer::json(&match login {
                Some(login) => json!({ "contact_name": "", "responsible": login }),
                None => json!({}),
            })
        }
    }
}

/// The alias by which the provider can be told an operator: a login before an extension, and
/// never an outside number.
fn login(account: &Account, aliases: Vec<String>) -> Option<String> {
    let mut fit: Vec<String> =
        aliases.into_iter().filter(|alias| !alias.starts_with('+')).collect();
    if account.profile == Some(Profile::Itoolabs) || account.kind == Kind::Uztelecom {
        fit.sort_by_key(|alias| alias.bytes().all(|b| b.is_ascii_digit()));
    }
    fit.into_iter().next()
}
