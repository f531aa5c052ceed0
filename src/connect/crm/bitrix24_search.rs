//! Who has a number, as Bitrix24 knows it: `searchCrmEntities`, which searches contacts, companies
//! and leads itself and names the responsible person with extension and presence.
//!
//! The open deals of the first contact come with it in the same request, so that the card costs
//! one place in the portal's bucket and one journey.

use serde_json::{Value, json};

use super::bitrix24::Bitrix24;
use super::bitrix24_bucket::Lane;
use super::bitrix24_wire::{self as wire, Trouble, id_of, text_of};
use crate::model::{CallId, ClientDeal, ClientMatch, ClientState, ClientView, Number, Wall};

/// Matches that are shown; a number with more is somebody's mistake, and one page holds fewer.
const MATCHES_MAX: usize = 20;

/// Open deals that a card shows.
const DEALS_MAX: usize = 5;
/// The parts of the batch. They run in the order of their names, which is that of JSON keys here.
const CLIENT: &str = "client";
const OPEN: &str = "deals";
/// Open deals of the first match, the newest first.
const DEALS_OF_FIRST: &str = "filter[CONTACT_ID]=$result[client][0][CRM_ENTITY_ID]\
    &filter[CLOSED]=N&order[ID]=DESC&select[]=ID&select[]=TITLE&select[]=STAGE_ID\
    &select[]=ASSIGNED_BY_ID&select[]=CONTACT_ID";

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
        // Without the plus, which would be a blank in the form that a part of a batch is.
        let digits = number.reveal().trim_start_matches('+');
        let fields = json!({ "halt": 0, "cmd": {
            CLIENT: format!("{}?PHONE_NUMBER={digits}", wire::SEARCH),
            OPEN: format!("{}?{DEALS_OF_FIRST}", wire::DEALS),
        }});
        let told = self.ask(Lane::Live, wire::BATCH, fields).await?;
        let clean = |text: &str| self.session.clean(text);
        let found = wire::read_part(&told, CLIENT, clean)?;
        // Nobody is an empty list, or an empty object from an older installation.
        let rows = found.as_array().map_or(&[][..], Vec::as_slice);
        let mut ranked: Vec<(Rank, ClientMatch)> =
            rows.iter().filter_map(|row| self.matched(row)).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        let mut matches: Vec<ClientMatch> =
            ranked.into_iter().map(|(_, one)| one).take(MATCHES_MAX).collect();
        // Who may not see deals still sees the client.
        if let Ok(Value::Array(deals)) = wire::read_part(&told, OPEN, clean) {
            self.add_deals(&mut matches, &deals);
        }
        Ok(matches)
    }

    /// Gives each deal to the contact it names: the first one found may have been a firm, whose id
    /// is somebody else's among contacts.
    fn add_deals(&self, matches: &mut [ClientMatch], deals: &[Value]) {
        for deal in deals {
            let (Some(id), Some(contact)) = (id_of(deal.get("ID")), id_of(deal.get("CONTACT_ID")))
            else {
                continue;
            };
            let owner = format!("contact:{contact}");
            let Some(owner) = matches.iter_mut().find(|one| one.id == owner) else { continue };
            if owner.deals.len() < DEALS_MAX {
                owner.deals.push(ClientDeal {
                    name: text_of(deal.get("TITLE")).unwrap_or_else(|| format!("deal {id}")),
                    stage: text_of(deal.get("STAGE_ID")),
                    responsible_operator: self
                        .users
                        .operator(id_of(deal.get("ASSIGNED_BY_ID")), None),
                    link: Some(format!("{}/crm/deal/details/{id}/", self.pages)),
                });
            }
        }
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
