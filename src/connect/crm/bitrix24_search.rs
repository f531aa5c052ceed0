//! Who has a number, as Bitrix24 knows it: `searchCrmEntities`, which searches contacts, companies
//! and leads itself and names the responsible person with extension and presence.

use serde_json::{Value, json};

use super::bitrix24::Bitrix24;
use super::bitrix24_bucket::Lane;
use super::bitrix24_wire::{self as wire, Trouble, id_of, text_of};
use crate::model::{CallId, ClientMatch, ClientState, ClientView, Number, Wall};

/// Matches that are shown; a number with more is somebody's mistake, and one page holds fewer.
const MATCHES_MAX: usize = 20;

/// What is compared to rank matches: smaller is likelier.
type Rank = (u8, bool, u64);

impl Bitrix24 {
    /// Asks for everybody with a number, the likeliest first: people before firms before leads,
    /// then those whose responsible person is at work.
    pub(super) async fn who_has(&self, number: &Number) -> ClientView {
        let found = self.search(number).await;
        let (state, matches) = match found {
            Ok(matches) if matches.is_empty() => (ClientState::Unknown, matches),
            Ok(matches) => (ClientState::Known, matches),
            Err(trouble) => {
                tracing::warn!(crm = %self.name, why = trouble.why(), "the client is not known");
                (ClientState::Failed, Vec::new())
            }
        };
        ClientView {
            call: CallId(uuid::Uuid::nil()), // the caller's to fill in, like the time
            crm: self.name.clone(),
            state,
            matches,
            create_link: None,
            at: Wall(0),
        }
    }

    async fn search(&self, number: &Number) -> Result<Vec<ClientMatch>, Trouble> {
        let fields = json!({ "PHONE_NUMBER": number.reveal() });
        let told = self.ask(Lane::Live, wire::SEARCH, fields).await?;
        // Nobody is an empty list, or an empty object from an older installation.
        let rows = told.result.as_array().map_or(&[][..], Vec::as_slice);
        let mut ranked: Vec<(Rank, ClientMatch)> =
            rows.iter().filter_map(|row| self.matched(row)).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        Ok(ranked.into_iter().map(|(_, one)| one).take(MATCHES_MAX).collect())
    }

    fn matched(&self, row: &Value) -> Option<(Rank, ClientMatch)> {
        let kind = text_of(row.get("CRM_ENTITY_TYPE"))?.to_ascii_lowercase();
        let order = match kind.as_str() {
            "contact" => 0,
            "company" => 1,
            "lead" => 2,
            _ => return None,
        };
        let id = id_of(row.get("CRM_ENTITY_ID"))?;
        let assigned = row.get("ASSIGNED_BY");
        let of = |field: &str| assigned.and_then(|one| one.get(field));
        let user = id_of(row.get("ASSIGNED_BY_ID")).or_else(|| id_of(of("ID")));
        let extension = match of("USER_PHONE_INNER") {
            Some(Value::Number(number)) => Some(number.to_string()),
            other => text_of(other),
        };
        let present = text_of(of("TIMEMAN_STATUS")).as_deref() == Some("OPENED");
        let responsible_operator = self.users.operator(user, extension.as_deref());
        let responsible = user.map(|user| match self.users.name(user) {
            Some(name) => name,
            None => responsible_operator
                .as_ref()
                .map_or_else(|| user.to_string(), |name| name.as_str().to_owned()),
        });
        let one = ClientMatch {
            id: format!("{kind}:{id}"),
            name: text_of(row.get("NAME")).unwrap_or_else(|| format!("{kind} {id}")),
            company: None,
            responsible,
            responsible_operator,
            deals: Vec::new(),
            link: Some(format!("{}/crm/{kind}/details/{id}/", self.pages)),
        };
        Some(((order, !present, id), one))
    }
}
