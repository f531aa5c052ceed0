//! Who is told of the demo's calls: stand-ins of amoCRM, Bitrix24 and Telegram over real sockets.
//!
//! The amoCRM and the Bitrix24 of this firm know the same clients but for a few strangers. amoCRM
//! keeps its real limit, however fast the demo lives; Bitrix24 is a portal of the firm's own, with
//! the limits that its people gave it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::amocrm::AmoStand;
use super::bitrix24::{Bitrix24, Deal, Entity, User};
use super::bitrix24_tokens::{CLIENT_ID, CLIENT_SECRET, OWNER};
use super::books_outside::Told;
use super::http::{Faults, Served};
use super::people::{OPERATORS, known_clients, operators};
use super::telegram::Telegram;
use crate::model::{ClientState, Live, Name};
use crate::web::{Hub, Next};

/// The CRMs and the messenger in the configuration.
pub const AMO: &str = "amo";
/// Bitrix24.
pub const BITRIX: &str = "b24";
/// The chat of the supervisors.
pub const CHAT: &str = "rahbarlar";

/// No secrets: the demo listens on loopback only.
const AMO_TOKEN: &str = "demo-amo-0123456789abcdef0123456789abcdef";
const BOT_TOKEN: &str = "7000000001:demo0123456789abcdef0123456789abcd";
/// A group.
const CHAT_ID: i64 = -1_001_234_567_890;
/// What the portal of the firm's own bears in a second, and at once.
const PORTAL_RATE: (u32, u32) = (100, 500);
/// One of so many known clients works for a firm that is in the CRM as well.
const FIRMS: usize = 5;
/// One of so many known clients has an open deal.
const DEALS: usize = 3;

/// The stand-ins, listening.
pub struct Outside {
    amo: AmoStand,
    bitrix: Bitrix24,
    telegram: Arc<Telegram>,
    first_token: String,
    served: [Served; 3],
    /// How often a card learned who the client is, by CRM and word.
    clients: Arc<Mutex<BTreeMap<(Name, &'static str), u64>>>,
}

impl Outside {
    /// Fills the stand-ins and lets them listen.
    pub async fn begin() -> anyhow::Result<Outside> {
        let (amo, bitrix) = (amo(), bitrix());
        let began = Instant::now();
        let telegram = Arc::new(Telegram::new(BOT_TOKEN, Arc::new(move || began.elapsed())));
        telegram.open(CHAT_ID);
        let serve = |router| Served::begin(router, Faults::none());
        let served = [
            serve(Arc::new(amo.clone())).await?,
            serve(Arc::new(bitrix.clone())).await?,
            serve(telegram.clone()).await?,
        ];
        let first_token = bitrix.tokens(|tokens| tokens.first());
        Ok(Outside { amo, bitrix, telegram, first_token, served, clients: Arc::default() })
    }

    /// Their addresses, for `outgoing.allow`.
    pub fn allowed(&self) -> Vec<String> {
        self.served.iter().map(Served::allowed).collect()
    }

    /// Their part of the configuration.
    pub fn config(&self) -> String {
        let [amo, bitrix, telegram] = self.served.each_ref().map(Served::base);
        let (per_second, burst) = PORTAL_RATE;
        let first = &self.first_token;
        format!(
            "\n[crm.{AMO}]\nkind = \"amocrm\"\nbase = {amo:?}\ntoken = {AMO_TOKEN:?}\n\
             unknown_caller = \"create\"\n\
             \n[crm.{BITRIX}]\nkind = \"bitrix24\"\nportal = \"bitrix24.example\"\nbase = {bitrix:?}\n\
             client_id = {CLIENT_ID:?}\nclient_secret = {CLIENT_SECRET:?}\ntoken = {first:?}\n\
             per_second = {per_second}\nburst = {burst}\n\
             \n[[notify]]\nname = {CHAT:?}\nkind = \"telegram\"\nbase = {telegram:?}\n\
             token = {BOT_TOKEN:?}\nchats = [\"{CHAT_ID}\"]\n\
             \n[[alert]]\non = [\"missed\", \"integration-fault\"]\nto = [{CHAT:?}]\n",
        )
    }

    /// Where they are, for people.
    pub fn tell(&self) {
        let [amo, bitrix, telegram] = self.served.each_ref().map(Served::base);
        println!(
            "Told of every call: amoCRM at {amo}, Bitrix24 at {bitrix}, Telegram at {telegram} \
             (stand-ins)\n"
        );
    }

    /// Counts what cards learn of their clients, until the hub is gone.
    pub fn follow(&self, hub: &Hub) -> anyhow::Result<JoinHandle<()>> {
        let reader = super::told::everything();
        let mut seat = hub.subscribe(&reader, Vec::new(), None).ok().context("no live stream")?;
        let clients = self.clients.clone();
        Ok(tokio::spawn(async move {
            loop {
                match seat.next().await {
                    Next::Event(event) => {
                        if let Live::Client(news) = &event.live
                            && let Some(word) = word(news.view.state)
                        {
                            let of = (news.view.crm.clone(), word);
                            *clients.lock().entry(of).or_default() += 1;
                        }
                    }
                    Next::Lost => {}
                    Next::Closed => return,
                }
            }
        }))
    }

    /// What arrived in Telegram after so many messages.
    pub fn messages(&self, after: usize) -> Vec<String> {
        self.telegram.told().into_iter().skip(after).map(|told| told.text).collect()
    }

    /// Everything that they were told.
    pub fn told(&self) -> Told {
        let mut finished: BTreeMap<String, u64> = BTreeMap::new();
        let mut wrong = self.amo.wrong();
        for call in self.bitrix.finished() {
            match call.external {
                Some(ours) => *finished.entry(ours).or_default() += 1,
                None => wrong.push(format!("Bitrix24 finished {}, nobody's call", call.call_id)),
            }
        }
        let counts = self.bitrix.counts();
        for (peer, limited) in [
            ("amoCRM", self.amo.limited()),
            ("Bitrix24", counts.limited),
            ("Telegram", self.telegram.limited()),
        ] {
            if limited > 0 {
                wrong.push(format!("{peer}: its limit was exceeded {limited} times"));
            }
        }
        let clients = |crm: &str| {
            let clients = self.clients.lock();
            clients.get(&(crm.into(), KNOWN)).copied().unwrap_or(0)
        };
        Told {
            logged: [self.amo.calls(), finished],
            tasks: self.amo.tasks().into_iter().map(|task| task.text).collect(),
            shown: [self.amo.pops().len() as u64, counts.registered],
            known: [clients(AMO), clients(BITRIX)],
            cards_open: self.bitrix.cards_open() as u64,
            messages: self.telegram.told().len() as u64,
            wrong,
        }
    }
}

/// The word of cards that learned who it is.
const KNOWN: &str = "known";

fn word(state: ClientState) -> Option<&'static str> {
    match state {
        ClientState::Asked => None,
        ClientState::Known => Some(KNOWN),
        ClientState::Unknown => Some("unknown"),
        ClientState::Late => Some("late"),
        ClientState::Failed => Some("failed"),
    }
}

/// By which amoCRM knows an operator.
pub fn amo_user(login: &str) -> u64 {
    let place = operators().position(|one| one.login == login).unwrap_or(0);
    10_001 + place as u64
}

/// By which Bitrix24 knows an operator; navbat finds it by the extension.
fn bitrix_user(place: usize) -> u64 {
    OWNER + 1 + place as u64
}

fn amo() -> AmoStand {
    let amo = AmoStand::with_token(AMO_TOKEN);
    for one in operators() {
        amo.user(amo_user(one.login), one.name);
    }
    for (at, number, name) in known_clients() {
        let responsible = OPERATORS.get(at % OPERATORS.len()).map_or(0, |one| amo_user(one.login));
        let contact = amo.contact(name, &format!("+{number}"), responsible);
        if at % FIRMS == 0 {
            let firm = amo.company(&firm(at), &format!("+{number}"), responsible);
            amo.employ(contact, firm);
        }
        if at % DEALS == 0 {
            amo.lead(contact, &deal(at), 2, responsible);
        }
    }
    amo
}

fn bitrix() -> Bitrix24 {
    let user = |id, name: &str, extension: Option<&str>| User {
        id,
        name: name.to_owned(),
        extension: extension.map(str::to_owned),
        active: true,
    };
    let mut users = vec![user(OWNER, "Administrator", None)];
    users.extend(
        operators()
            .enumerate()
            .map(|(at, one)| user(bitrix_user(at), one.name, Some(one.extension))),
    );
    let (mut entities, mut deals) = (Vec::new(), Vec::new());
    for (at, number, name) in known_clients() {
        let (id, assigned) = (500 + at as u64, bitrix_user(at % OPERATORS.len()));
        entities.push(Entity {
            kind: "CONTACT",
            id,
            name: name.to_owned(),
            number: format!("+{number}"),
            assigned,
        });
        if at % DEALS == 0 {
            let stage = "C1:NEW";
            let title = deal(at);
            deals.push(Deal { id: id + 400, title, stage, contact: id, assigned, closed: false });
        }
    }
    let (per_second, burst) = PORTAL_RATE;
    let bitrix = Bitrix24::new(users, entities, per_second.into(), burst.into());
    bitrix.add_deals(deals);
    bitrix
}

fn firm(at: usize) -> String {
    format!("Navro'z {at} MChJ")
}

fn deal(at: usize) -> String {
    format!("Buyurtma {}", 1_000 + at)
}
