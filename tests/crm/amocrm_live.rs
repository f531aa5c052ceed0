//! While a telephone rings: amoCRM's own card, and what ours shows of the client.

use std::time::Duration;

use navbat::app::demo::http::Fault;
use navbat::connect::deliver::{Crm, Outlet, PopTold};
use navbat::model::{
    Authority, CallId, ClientState, ClientView, Direction, OfferId, Party, Pop, PopState, Seed,
    Wall,
};

use super::amocrm_rig::{AZIZA, BEGAN, BOBUR, Rig, Wish, number};

const CLIENT: &str = "+998901112233";

pub fn call(seed: u64) -> CallId {
    Seed::new(seed).call_id(Wall::from_unix(BEGAN))
}

pub fn rings(call: CallId, operator: &str) -> Pop {
    Pop {
        offer: OfferId(1),
        call,
        operator: operator.into(),
        state: PopState::Ringing,
        client: Some(Party::Number(number(CLIENT))),
        line: None,
        queue: Some("savdo".into()),
        direction: Some(Direction::In),
        authority: Authority::Advised,
        account: "sipuni-main".into(),
        offered_at: Wall::from_unix(BEGAN),
    }
}

fn crm(rig: &Rig) -> &dyn Crm {
    rig.amo.crm().unwrap()
}

#[tokio::test]
async fn operators_who_ring_together_get_their_cards_in_one_request() {
    let rig = Rig::new(Wish::default()).await;
    let (a, b, d) = (rings(call(1), "Aziza"), rings(call(1), "Bobur"), rings(call(1), "Dilnoza"));
    let (one, other, none) = tokio::join!(crm(&rig).pop(&a), crm(&rig).pop(&b), crm(&rig).pop(&d));
    assert_eq!((one, other), (PopTold::Shown, PopTold::Shown));
    assert!(matches!(none, PopTold::NotShown { .. }), "she has no user");
    let pops = rig.stand.pops();
    assert_eq!(pops.len(), 1, "{pops:?}");
    assert_eq!((pops[0].phone.as_str(), pops[0].users.as_slice()), (CLIENT, &[AZIZA, BOBUR][..]));
    // Once for a call and an operator, and nothing for what a card does afterwards.
    assert!(matches!(crm(&rig).pop(&a).await, PopTold::NotShown { .. }));
    let gone = Pop { state: PopState::CallerGone, ..rings(call(2), "Aziza") };
    assert!(matches!(crm(&rig).pop(&gone).await, PopTold::NotShown { .. }));
    let hidden = Pop { client: Some(Party::Hidden), ..rings(call(3), "Aziza") };
    assert!(matches!(crm(&rig).pop(&hidden).await, PopTold::NotShown { .. }));
    // An operator who is rung later gets a request of their own.
    assert_eq!(crm(&rig).pop(&rings(call(2), "Aziza")).await, PopTold::Shown);
    assert_eq!(rig.stand.pops().len(), 2);
    assert_eq!(rig.stand.wrong(), Vec::<String>::new(), "never to everybody");
}

#[tokio::test]
async fn a_card_is_tried_twice_within_three_seconds_of_the_ring_and_never_later() {
    let rig = Rig::new(Wish::default()).await;
    rig.faults.order("POST /api/v2/events", Fault::LostBefore);
    assert_eq!(crm(&rig).pop(&rings(call(1), "Aziza")).await, PopTold::Shown);
    for _ in 0..2 {
        rig.faults.order("POST /api/v2/events", Fault::LostBefore);
    }
    let twice = crm(&rig).pop(&rings(call(2), "Aziza")).await;
    assert!(matches!(twice, PopTold::NotShown { .. }), "{twice:?}");
    rig.faults.order("POST /api/v2/events", Fault::LostBefore);
    let late = Pop { offered_at: Wall::from_unix(BEGAN - 3), ..rings(call(3), "Aziza") };
    let late = crm(&rig).pop(&late).await;
    assert!(matches!(late, PopTold::NotShown { .. }), "{late:?}");
    assert_eq!(rig.stand.pops().len(), 1);
}

#[tokio::test]
async fn a_card_for_somebody_switched_off_is_not_sent_once_that_is_known() {
    let rig = Rig::new(Wish::default()).await;
    rig.stand.switch_off_user(AZIZA);
    for seed in [1, 2] {
        let told = crm(&rig).pop(&rings(call(seed), "Aziza")).await;
        assert!(matches!(told, PopTold::NotShown { .. }), "{told:?}");
    }
    // The first one was refused and the users read; the second one did not leave.
    assert_eq!(rig.stand.requests(), 2);
}

#[tokio::test]
async fn the_card_shows_who_it_is_whose_client_and_which_deals_are_open() {
    let rig = Rig::new(Wish { times: 10, ..Wish::default() }).await;
    let firm = rig.stand.company("Karimov va hamkorlar", "+998712000099", BOBUR);
    let old = rig.stand.contact("Anvar (eski)", "901112233", BOBUR);
    let anvar = rig.stand.contact("Anvar Karimov", "+998 90 111-22-33", AZIZA);
    rig.stand.employ(anvar, firm);
    rig.stand.touch(old, 1_799_000_000); // changed later, but nothing is open there
    let won = rig.stand.lead(anvar, "Oʻtgan yil", 142, AZIZA);
    let open = rig.stand.lead(anvar, "Yangi buyurtma", 2, BOBUR);
    // False hits: the digits stand in a name, and inside a longer number.
    rig.stand.contact("Eslatma 901112233", "+998935556677", AZIZA);
    rig.stand.contact("Boshqa", "19011122339", AZIZA);
    let view = crm(&rig).client(&number(CLIENT)).await;
    assert_eq!(view.state, ClientState::Known);
    let ids: Vec<&str> = view.matches.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, [format!("contact:{anvar}"), format!("contact:{old}")]);
    let first = &view.matches[0];
    assert_eq!(first.name, "Anvar Karimov");
    assert_eq!(first.company.as_deref(), Some("Karimov va hamkorlar"));
    assert_eq!(first.responsible.as_deref(), Some("Aziza Karimova"));
    assert_eq!(first.responsible_operator.as_ref().map(|name| name.as_str()), Some("Aziza"));
    let base = rig.served.base();
    assert_eq!(first.link, Some(format!("{base}/contacts/detail/{anvar}")));
    assert_eq!(first.deals.len(), 1, "{won} is won");
    let deal = &first.deals[0];
    assert_eq!((deal.name.as_str(), deal.stage.as_deref()), ("Yangi buyurtma", Some("Muzokara")));
    assert_eq!(deal.responsible_operator.as_ref().map(|name| name.as_str()), Some("Bobur"));
    assert_eq!(deal.link, Some(format!("{base}/leads/detail/{open}")));
    assert_eq!(view.create_link, Some(format!("{base}/contacts/add/?phone={CLIENT}")));
}

#[tokio::test]
async fn a_firm_is_found_where_no_person_has_the_number() {
    let rig = Rig::new(Wish { times: 10, ..Wish::default() }).await;
    let firm = rig.stand.company("Savdo uyi", CLIENT, BOBUR);
    let view = crm(&rig).client(&number(CLIENT)).await;
    assert_eq!(view.matches.len(), 1);
    assert_eq!(view.matches[0].id, format!("company:{firm}"));
    let stranger = crm(&rig).client(&number("+998907654321")).await;
    assert_eq!((stranger.state, stranger.matches.len()), (ClientState::Unknown, 0));
}

fn state(view: &ClientView) -> ClientState {
    view.state
}

#[tokio::test]
async fn a_slow_or_broken_amocrm_leaves_the_card_whole() {
    let rig = Rig::new(Wish { times: 10, ..Wish::default() }).await;
    rig.stand.contact("Anvar", CLIENT, AZIZA);
    // Whoever asks may leave at a deadline of theirs; a late answer is an answer all the same.
    let client = number(CLIENT);
    for (deadline, known) in [(100, false), (5_000, true)] {
        rig.faults.order("GET /api/v4/contacts", Fault::Late(Duration::from_millis(500)));
        let asked = crm(&rig).client(&client);
        let asked = tokio::time::timeout(Duration::from_millis(deadline), asked).await;
        assert_eq!(asked.is_ok_and(|view| view.state == ClientState::Known), known);
    }
    rig.faults.order("GET /api/v4/contacts", Fault::LostAfter);
    assert_eq!(state(&crm(&rig).client(&number(CLIENT)).await), ClientState::Late);
    rig.faults.order("GET /api/v4/contacts", Fault::PageBefore(502));
    assert_eq!(state(&crm(&rig).client(&number(CLIENT)).await), ClientState::Failed);
    // Nothing is tried twice, and what only decorates may fail.
    rig.faults.order("GET /api/v4/users", Fault::LostBefore);
    rig.faults.order("GET /api/v4/leads/pipelines", Fault::LostBefore);
    assert_eq!(state(&crm(&rig).client(&number(CLIENT)).await), ClientState::Known);
    rig.stand.refuse(Some(402));
    assert_eq!(state(&crm(&rig).client(&number(CLIENT)).await), ClientState::Failed);
}
