//! Cards and clients while a telephone rings.

use std::sync::Arc;
use std::time::{Duration, Instant};

use navbat::connect::deliver::Outlet;
use navbat::model::{
    Authority, ClientState, ClientView, Direction, Live, Name, OfferId, Party, Pop, PopState,
};
use navbat::store::PopToldRow;

use crate::life::{Life, PATIENCE};
use crate::made::{at, call_id, client};
use crate::peer::{Adapter, Peer};

fn pop(call: u128, offer: u64, operator: &str) -> Pop {
    Pop {
        offer: OfferId(offer),
        call: call_id(call),
        operator: operator.into(),
        state: PopState::Ringing,
        client: Some(Party::Number(client(1))),
        line: None,
        queue: Some("sales".into()),
        direction: Some(Direction::In),
        authority: Authority::Owned,
        account: "sip".into(),
        offered_at: at(0),
    }
}

fn rings(life: &Life, pop: &Pop) {
    life.does(async { life.outlets.see(&Live::Pop(Box::new(pop.clone()))) });
}

fn over(life: &Life, pop: &Pop) {
    rings(life, &Pop { state: PopState::TakenBy { operator: "Bobur".into() }, ..pop.clone() });
}

/// A life with one CRM, and the runtime of the peer.
fn begun(dry_run: bool) -> (tokio::runtime::Runtime, Peer, Life, tempfile::TempDir) {
    let outside = tokio::runtime::Runtime::new().unwrap();
    let peer = outside.block_on(Peer::start());
    let folder = tempfile::tempdir().unwrap();
    let adapter: Arc<dyn Outlet> = Arc::new(Adapter::new("amo", &peer));
    let life = Life::begin(folder.path(), vec![(adapter, dry_run)]);
    (outside, peer, life, folder)
}

/// How the cards of a call fared, once so many are known.
fn told(life: &Life, call: u128, count: usize) -> Vec<PopToldRow> {
    life.until("cards are told", async |store| {
        store.pops_told(call_id(call)).await.unwrap().len() >= count
    });
    life.does(life.store.pops_told(call_id(call))).unwrap()
}

fn cards(peer: &Peer) -> Vec<String> {
    let live = peer.held.lock().live.clone();
    live.into_iter().filter(|one| !one.starts_with("client")).collect()
}

/// What the screens were told of clients, once it ends with this state.
fn clients(life: &Life, state: ClientState) -> Vec<ClientView> {
    let seen = || -> Vec<ClientView> {
        let shown = life.shown.lock();
        let views = shown.iter().filter_map(|live| match live {
            Live::Client(news) => Some(news.view.clone()),
            _ => None,
        });
        views.collect()
    };
    life.until("the screens are told", async |_| {
        seen().last().is_some_and(|view| view.state == state)
    });
    seen()
}

#[test]
fn a_card_is_told_when_it_rings_and_when_its_offer_ends() {
    let (_outside, peer, life, _folder) = begun(false);
    let (aziza, bobur) = (pop(1, 1, "Aziza"), pop(1, 2, "Bobur"));
    rings(&life, &aziza);
    rings(&life, &bobur);
    let fared = told(&life, 1, 2);
    assert!(fared.iter().all(|row| row.shown && row.left_at.is_some()), "{fared:?}");
    over(&life, &aziza);
    life.until("the end is told", async |_| cards(&peer).len() == 3);
    assert_eq!(cards(&peer)[2], "\"Aziza ends\"");
    over(&life, &aziza); // told twice by the engine, once to the CRM
    rings(&life, &pop(1, 3, "Dilnoza"));
    told(&life, 1, 3);
    assert_eq!(cards(&peer).len(), 4);
}

#[test]
fn a_card_that_did_not_get_through_is_tried_once_more_and_no_oftener() {
    let (_outside, peer, life, _folder) = begun(false);
    peer.held.lock().down = true;
    rings(&life, &pop(1, 1, "Aziza"));
    let fared = told(&life, 1, 1);
    assert_eq!(fared[0].why.as_deref(), Some("answered 503"));
    assert!(!fared[0].shown && fared[0].left_at.is_some());
    assert_eq!(cards(&peer).len(), 2);
    // A ring that is over meanwhile is not tried again.
    let gone = pop(2, 2, "Bobur");
    rings(&life, &gone);
    life.until("the first request is there", async |_| cards(&peer).len() == 3);
    over(&life, &gone);
    let fared = told(&life, 2, 1);
    assert_eq!(fared[0].why.as_deref(), Some("answered 503; the ring was over"));
    let rung = cards(&peer).iter().filter(|card| *card == "\"Bobur rings\"").count();
    assert_eq!(rung, 1);
}

#[test]
fn a_card_without_an_answer_may_be_there_and_is_not_repeated() {
    let (_outside, peer, life, _folder) = begun(false);
    peer.held.lock().slow = Some(Duration::from_secs(6));
    let begun = Instant::now();
    rings(&life, &pop(1, 1, "Aziza"));
    let fared = told(&life, 1, 1);
    assert_eq!(fared[0].why.as_deref(), Some("no answer in 2 s"));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(cards(&peer).len(), 1);
}

#[test]
fn a_client_is_asked_for_once_per_call_and_remembered() {
    let (_outside, peer, life, _folder) = begun(false);
    for (offer, operator) in [(1, "Aziza"), (2, "Bobur"), (3, "Dilnoza")] {
        rings(&life, &pop(1, offer, operator));
    }
    let views = clients(&life, ClientState::Known);
    assert_eq!(views.last().unwrap().matches[0].name, "Malika");
    assert_eq!(views.last().unwrap().call, call_id(1));
    rings(&life, &pop(2, 4, "Aziza"));
    life.until("the second call is known", async |store| {
        store.client_views(call_id(2)).await.unwrap().len() == 1
    });
    let asked = || peer.held.lock().live.iter().filter(|one| one.starts_with("client")).count();
    assert_eq!(asked(), 1, "three operators, two calls, one question");
    let owner = life.does(life.outlets.owner(&client(1)));
    assert_eq!(owner, Some(Name::from("Aziza")));
    assert_eq!(asked(), 1);
    // Who is rung later sees it too.
    let before = life.shown.lock().len();
    rings(&life, &pop(1, 9, "Jasur"));
    life.until("the late one is told", async |_| life.shown.lock().len() > before);
    let shown = life.shown.lock();
    let Some(Live::Client(news)) = shown.last() else { panic!("{shown:?}") };
    assert_eq!(news.operators, ["Jasur".into()]);
}

#[test]
fn a_crm_that_is_slow_is_late_and_its_answer_still_comes() {
    let (_outside, peer, life, _folder) = begun(false);
    peer.held.lock().slow = Some(Duration::from_millis(2_500));
    rings(&life, &pop(1, 1, "Aziza"));
    let states: Vec<_> = clients(&life, ClientState::Known).iter().map(|view| view.state).collect();
    assert_eq!(states, [ClientState::Asked, ClientState::Late, ClientState::Known]);
    peer.held.lock().slow = None;
    peer.held.lock().down = true;
    let other = Pop { client: Some(Party::Number(client(2))), ..pop(2, 2, "Aziza") };
    rings(&life, &other);
    clients(&life, ClientState::Failed);
}

#[test]
fn a_dry_run_asks_nothing_and_says_which_cards_would_have_left() {
    let (_outside, peer, life, _folder) = begun(true);
    rings(&life, &pop(1, 1, "Aziza"));
    let fared = told(&life, 1, 1);
    assert_eq!((fared[0].why.as_deref(), fared[0].left_at), (Some("dry run"), None));
    clients(&life, ClientState::Failed);
    assert!(peer.held.lock().live.is_empty());
}

/// A hundred telephones ring while 5,000 notes wait for a CRM that is away: seeing the cards costs
/// the exchange nothing.
#[test]
fn cards_of_a_crm_that_is_away_hold_nobody_up() {
    let (_outside, peer, life, _folder) = begun(false);
    peer.held.lock().slow = Some(PATIENCE);
    let longest = life.does(async {
        let looks = (0..2_500).map(|offer| {
            let live = Live::Pop(Box::new(pop(u128::from(offer) + 1, offer, "Aziza")));
            let begun = Instant::now();
            life.outlets.see(&live);
            begun.elapsed()
        });
        looks.max().unwrap()
    });
    assert!(longest < Duration::from_millis(300), "{longest:?}");
    let last = told(&life, 2_500, 1);
    assert_eq!(last[0].why.as_deref(), Some("too many cards at once"));
    life.kill();
}
