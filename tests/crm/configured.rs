//! From the configuration file to a call in the CRM and an event at a receiver.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use navbat::app::config::{Site, Sources, load};
use navbat::app::crms;
use navbat::app::demo::bitrix24_tokens::{CLIENT_ID, CLIENT_SECRET};
use navbat::app::demo::http::{Faults, Reply, Request, Served};
use navbat::connect::crm::webhook_trial;
use navbat::connect::deliver::{Note, Outlet, PopTold, Verdict};
use navbat::connect::http::Http;
use navbat::model::PopState;
use parking_lot::Mutex;

use super::bitrix24_portal::{BEGAN, World, answered, call_id, done, note, show};

fn site(text: &str) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("navbat.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    load(&Sources::file(&path)).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[tokio::test]
async fn a_configured_portal_is_told_of_a_call() {
    let world = World::new().await;
    let first = world.portal.tokens(|tokens| tokens.first());
    let site = site(&format!(
        "outgoing = {{ allow = [\"{}\"] }}\n\
         [[operator]]\nname = \"Aziza\"\naliases = [\"201\"]\ncrm = {{ b24 = \"7\" }}\n\
         [[operator]]\nname = \"Jasur\"\naliases = [\"203\"]\n\
         [queue.sales]\ntiers = [{{ members = [\"Aziza\", \"Jasur\"] }}]\n\
         [crm.b24]\nkind = \"bitrix24\"\nportal = \"example.bitrix24.uz\"\nbase = \"{}\"\n\
         client_id = \"{CLIENT_ID}\"\nclient_secret = \"{CLIENT_SECRET}\"\ntoken = \"{first}\"\n\
         tariff = \"enterprise\"\n",
        world.served.allowed(),
        world.served.base(),
    ));
    let http = Http::new(&site.outgoing).unwrap();
    let client = crms::bitrix24(&site.crms[0], &site, http, world.shelf.clone()).unwrap();
    let call = answered(call_id(1));
    for operator in ["Aziza", "Jasur"] {
        assert_eq!(show(&client, call.id, operator, PopState::Ringing).await, PopTold::Shown);
    }
    assert_eq!(world.portal.cards(&call.id.to_string()), [7, 300]);
    done(&client, &note(&call)).await;
    assert_eq!((world.times(call.id), world.portal.finished()[0].user), (1, 7));
    assert_eq!(world.portal.cards_open(), 0);
}

#[tokio::test]
async fn a_configured_receiver_is_told_of_a_trial() {
    let _twice = rustls::crypto::ring::default_provider().install_default().is_err();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = seen.clone();
    let router = move |request: &Request| {
        kept.lock().push(String::from_utf8_lossy(&request.body).into_owned());
        Reply::empty(200)
    };
    let served = Served::begin(Arc::new(router), Faults::none()).await.unwrap();
    let site = site(&format!(
        "outgoing = {{ allow = [\"{}\"] }}\n[crm.albato]\nkind = \"webhook\"\n\
         url = \"{}/hook\"\nsecret = \"a-secret-of-the-receiver\"\nfields = [\"*\"]\n",
        served.allowed(),
        served.base(),
    ));
    let http = Http::new(&site.outgoing).unwrap();
    let url = "https://navbat.example.uz";
    let client = crms::webhook(&site.crms[0], url, http, Arc::new(|| BEGAN)).unwrap();
    let trial = Note { body: webhook_trial(BEGAN), ..note(&answered(call_id(1))) };
    assert_eq!(client.deliver(&trial).await, Verdict::Done { external: None });
    assert!(seen.lock()[0].contains("\"event\":\"test\""), "{:?}", seen.lock());
}
