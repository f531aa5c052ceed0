//! What the CRMs know of a call's client, as the API shows it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{self, ClientState};
use crate::web::sight::Sight;

use super::{maybe_text, scrub, stamp, text};

/// What one CRM says of the client of one call; replaces what the same CRM said before.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientView {
    /// The call whose card it belongs to.
    pub call: String,
    /// The CRM of the configuration.
    pub crm: String,
    /// `asked`, `known`, `unknown`, `late` (the card is whole without it, the answer may still
    /// come) or `failed`.
    pub state: &'static str,
    /// Everybody there with this number, the likeliest first.
    pub matches: Vec<ClientMatchView>,
    /// Where a person is made from this number; null for readers who may not see numbers.
    pub create_link: Option<String>,
    /// When this was learned.
    pub at: String,
}

/// One person or firm in a CRM.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientMatchView {
    /// Theirs, with its kind before it: `contact:501`.
    pub id: String,
    /// As stored there.
    pub name: String,
    /// The firm.
    pub company: Option<String>,
    /// Who is responsible, as the CRM names them.
    pub responsible: Option<String>,
    /// The operator that this is.
    pub responsible_operator: Option<String>,
    /// Deals that are open, the newest first.
    pub deals: Vec<ClientDealView>,
    /// Its page in the CRM.
    pub link: Option<String>,
}

/// An open deal.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientDealView {
    /// As stored there.
    pub name: String,
    /// The stage's name, or its id where the name is not known.
    pub stage: Option<String>,
    /// The operator who is responsible for it.
    pub responsible_operator: Option<String>,
    /// Its page in the CRM.
    pub link: Option<String>,
}

impl ClientView {
    /// Shows what a CRM says. People are often stored under their number, so texts are covered
    /// for readers who may not see numbers.
    pub fn of(view: &model::ClientView, sight: Sight) -> ClientView {
        let plain =
            |own: &str| if sight == Sight::Whole { own.to_owned() } else { scrub(own, &[]) };
        let maybe = |own: &Option<String>| own.as_deref().map(plain);
        let matches = view.matches.iter().map(|one| ClientMatchView {
            id: one.id.clone(),
            name: plain(&one.name),
            company: maybe(&one.company),
            responsible: maybe(&one.responsible),
            responsible_operator: maybe_text(one.responsible_operator.as_ref()),
            deals: one
                .deals
                .iter()
                .map(|deal| ClientDealView {
                    name: plain(&deal.name),
                    stage: maybe(&deal.stage),
                    responsible_operator: maybe_text(deal.responsible_operator.as_ref()),
                    link: deal.link.clone(),
                })
                .collect(),
            link: one.link.clone(),
        });
        ClientView {
            call: view.call.to_string(),
            crm: text(&view.crm),
            state: match view.state {
                ClientState::Asked => "asked",
                ClientState::Known => "known",
                ClientState::Unknown => "unknown",
                ClientState::Late => "late",
                ClientState::Failed => "failed",
            },
            matches: matches.collect(),
            create_link: view.create_link.clone().filter(|_| sight == Sight::Whole),
            at: stamp(view.at),
        }
    }
}
