//! What a CRM knows of a client: the part of the card that comes from outside.

use serde::{Deserialize, Serialize};

use super::{CallId, Name, Wall};

/// What one CRM says of the client of one call. Replaces what the same CRM said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientView {
    /// The call whose card it belongs to.
    pub call: CallId,
    /// The CRM of the configuration.
    pub crm: Name,
    /// How far the question came.
    pub state: ClientState,
    /// Everybody in the CRM with this number, the likeliest first; never cut down to one silently.
    pub matches: Vec<ClientMatch>,
    /// Where a person is made from this number, where the CRM has such an address.
    pub create_link: Option<String>,
    /// When this was learned.
    pub at: Wall,
}

/// What the screens are told of a call's client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientNews {
    /// What one CRM says.
    pub view: ClientView,
    /// The call's queue.
    pub queue: Option<Name>,
    /// Operators that the call rings, or rang: it is for their screens.
    pub operators: Vec<Name>,
}

/// How far the question to a CRM came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientState {
    /// It was asked and has not answered yet.
    Asked,
    /// It has matches.
    Known,
    /// It knows nobody of this number.
    Unknown,
    /// It did not answer in time; the card is whole without it.
    Late,
    /// It refused or failed; its health says why.
    Failed,
}

/// One person or firm in a CRM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientMatch {
    /// Theirs, with its kind before it: `contact:501`.
    pub id: String,
    /// As stored there.
    pub name: String,
    /// The firm.
    pub company: Option<String>,
    /// Who is responsible, as the CRM names them.
    pub responsible: Option<String>,
    /// The operator of ours that this is.
    pub responsible_operator: Option<Name>,
    /// Deals that are open, the newest first.
    pub deals: Vec<ClientDeal>,
    /// Its page in the CRM.
    pub link: Option<String>,
}

/// An open deal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientDeal {
    /// As stored there.
    pub name: String,
    /// The stage's name, or its id where the name is not known.
    pub stage: Option<String>,
    /// Who is responsible for it: an operator of ours.
    pub responsible_operator: Option<Name>,
    /// Its page in the CRM.
    pub link: Option<String>,
}
