//! Any other gateway: its template, its rule of success, and no blind repetition.

use std::sync::Arc;

use navbat::app::demo::http::{Fault, Reply, Request};
use navbat::connect::deliver::Outlet;
use navbat::connect::http::Method;
use navbat::connect::notify::{Gateway, Success};
use parking_lot::Mutex;

use crate::rig::{End, Rig, ahead, note, texts, worded};

const TOKEN: &str = "t0ken-of-the-gateway";

fn gateway(base: &str) -> Gateway {
    Gateway {
        method: Method::Post,
        url: format!("{base}/send?key={{token}}"),
        headers: vec![(String::from("X-Api-Key"), String::from("Key {token}"))],
        template: Some(String::from(r#"{"to":"{phone}","text":"{text}","ref":"{id}"}"#)),
        success: Success::parse("json:/status=accepted").unwrap(),
        token: Some(TOKEN.into()),
    }
}

fn outlet(gateway: Gateway, rig: &Rig) -> Arc<dyn Outlet> {
    gateway.outlet("ums".into(), texts(&["+998901112233"]), rig.means.clone())
}

async fn peer(answer: fn() -> Reply) -> (Arc<Mutex<Vec<Request>>>, Rig) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    let router = move |request: &Request| {
        kept.lock().push(request.clone());
        answer()
    };
    (seen, Rig::before(Arc::new(router), &ahead()).await)
}

#[tokio::test]
async fn a_template_is_filled_for_its_place_and_the_rule_says_what_success_is() {
    let accepted = || Reply::json(200, &serde_json::json!({ "status": "accepted" }));
    let (seen, rig) = peer(accepted).await;
    let words = worded(1, "a \"b\" {phone}", "& c");
    assert_eq!(rig.bring(&*outlet(gateway(&rig.served.base()), &rig), &words).await, End::Done);
    let form = Gateway {
        method: Method::Post,
        template: Some(String::from("to={phone}&text={text}")),
        ..gateway(&rig.served.base())
    };
    let form = form.outlet("form".into(), texts(&["+998901112233"]), rig.means.clone());
    assert_eq!(rig.bring(&*form, &words).await, End::Done);
    let seen = seen.lock();
    assert_eq!(seen[0].query("key"), Some(TOKEN));
    assert_eq!(seen[0].header("x-api-key"), Some("Key t0ken-of-the-gateway"));
    let body: serde_json::Value = seen[0].json().unwrap();
    assert_eq!(
        (&body["to"], &body["text"]),
        (&"998901112233".into(), &"a \"b\" {phone}: & c".into())
    );
    assert_eq!(seen[1].kind(), "application/x-www-form-urlencoded");
    let wanted = ("text".to_owned(), "a \"b\" {phone}: & c".to_owned());
    assert_eq!(seen[1].form()[1], wanted);
}

#[tokio::test]
async fn what_is_not_a_success_is_none_and_an_answer_that_is_lost_is_for_a_person() {
    let refused = || Reply::json(200, &serde_json::json!({ "status": "refused", "key": TOKEN }));
    let (seen, rig) = peer(refused).await;
    let outlet = outlet(gateway(&rig.served.base()), &rig);
    let end = rig.bring(&*outlet, &note(1)).await;
    assert!(matches!(&end, End::Dead(why) if why.contains("refused") && !why.contains(TOKEN)));
    for (number, fault) in (2..).zip([Fault::LostBefore, Fault::LostAfter, Fault::PageAfter(500)]) {
        rig.faults.order("POST /send", fault);
        let end = rig.bring(&*outlet, &note(number)).await;
        assert_eq!(end, End::Unclear, "{fault:?}");
    }
    assert_eq!(seen.lock().len(), 3, "nothing was sent twice");
}
