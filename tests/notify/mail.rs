//! Mail: what a broken connection had done, protection, and recognisable copies.

use std::sync::Arc;

use navbat::app::demo::http::{Reply, Request};
use navbat::app::demo::smtp::{Fault, Smtp};
use navbat::connect::deliver::{Outlet, Verdict};
use navbat::connect::notify::{Email, Means, Security};
use tokio_rustls::TlsAcceptor;

use crate::rig::{End, Rig, Words, ahead, means, note, texts, worded};

pub const PASSWORD: &str = "s3cret-of-the-mailbox";

fn server(smtp: &Smtp) -> Email {
    Email {
        host: String::from("localhost"),
        port: Some(smtp.address().port()),
        security: Security::None,
        root: None,
        login: Some((String::from("navbat"), PASSWORD.into())),
        from: String::from("navbat <navbat@example.uz>"),
    }
}

async fn bare() -> Rig {
    let nothing = |_: &Request| Reply::empty(404);
    Rig::before(Arc::new(nothing), &ahead()).await
}

fn outlet(email: Email, to: &[&str], means: &Means) -> Arc<dyn Outlet> {
    email.outlet("mail".into(), texts(to), means.clone())
}

#[tokio::test]
async fn everybody_gets_a_letter_of_their_own_with_one_id_for_ever() {
    let smtp = Smtp::begin("navbat", PASSWORD, None).await.unwrap();
    let rig = bare().await;
    let outlet = outlet(server(&smtp), &["a@example.uz", "b@example.uz"], &rig.means);
    let letter = worded(1, "Qoʻngʻiroq\r\nBcc: x@y.uz", "+998 90 ••• •• 67\n.\nsales");
    assert_eq!(rig.bring(&*outlet, &letter).await, End::Done);
    let letters = smtp.letters();
    assert_eq!([&letters[0].to, &letters[1].to], ["a@example.uz", "b@example.uz"]);
    assert_eq!(letters[0].header("To"), Some("a@example.uz"));
    assert!(letters[0].header("Bcc").is_none(), "a title adds no header");
    let ids = [letters[0].header("Message-ID"), letters[1].header("Message-ID")];
    assert!(ids[0].unwrap().ends_with("@example.uz>") && ids[0] != ids[1]);
    // Before the text is handed over a broken connection did nothing.
    smtp.order(Fault::LostBefore);
    let verdict = outlet.deliver(&note(2)).await;
    assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
    assert_eq!(rig.bring(&*outlet, &note(2)).await, End::Done);
    assert_eq!(smtp.letters().len(), 4);
    // After it nobody knows: once more, under the same id.
    smtp.order(Fault::LostAfter);
    assert_eq!(rig.bring(&*outlet, &note(3)).await, End::Done);
    let letters = smtp.letters();
    assert_eq!(letters.len(), 7);
    assert_eq!(letters[4].header("Message-ID"), letters[6].header("Message-ID"));
}

#[tokio::test]
async fn a_stranger_is_refused_and_a_busy_server_is_asked_again() {
    let smtp = Smtp::begin("navbat", PASSWORD, None).await.unwrap();
    let rig = bare().await;
    let outlet =
        outlet(server(&smtp), &["gone@example.uz", "b@example.uz", "no address"], &rig.means);
    smtp.refuse("gone@example.uz");
    smtp.order(Fault::Later);
    let verdict = outlet.deliver(&note(1)).await;
    assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
    assert_eq!(rig.bring(&*outlet, &note(1)).await, End::Done);
    let to: Vec<String> = smtp.letters().into_iter().map(|letter| letter.to).collect();
    assert_eq!(to, ["b@example.uz"]);
}

#[tokio::test]
async fn a_wrong_password_pauses_the_target_and_is_never_echoed() {
    let smtp = Smtp::begin("navbat", "another", None).await.unwrap();
    let rig = bare().await;
    let outlet = outlet(server(&smtp), &["a@example.uz"], &rig.means);
    let End::Paused(state, why) = rig.bring(&*outlet, &note(1)).await else { panic!("taken") };
    assert_eq!(state, "wrong_password");
    let probed = outlet.probe().await.unwrap_err();
    let hidden = "AG5hdmJhdABzM2NyZXQtb2YtdGhlLW1haWxib3g=";
    for told in [why, probed] {
        assert!(!told.contains(PASSWORD) && !told.contains(hidden), "{told}");
    }
    assert_eq!((smtp.letters().len(), smtp.refused_logins()), (0, 2));
}

#[tokio::test]
async fn nothing_but_greetings_is_said_before_the_connection_is_protected() {
    let made = rcgen::generate_simple_self_signed(vec![String::from("localhost")]).unwrap();
    let _twice = rustls::crypto::ring::default_provider().install_default().is_err();
    let key = made.signing_key.serialize_der();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.try_into().unwrap())
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let smtp = Smtp::begin("navbat", PASSWORD, Some(tls)).await.unwrap();
    let means = means(&[], Arc::new(Words::default()), ahead());
    let root = Some(made.cert.pem().into_bytes());
    let strict = Email { security: Security::StartTls, ..server(&smtp) };
    let trusted = outlet(Email { root, ..strict.clone() }, &["a@example.uz"], &means);
    let verdict = trusted.deliver(&note(1)).await;
    assert!(matches!(verdict, Verdict::Done { .. }), "{verdict:?}");
    let unknown = outlet(strict.clone(), &["b@example.uz"], &means);
    let verdict = unknown.deliver(&note(2)).await;
    assert!(matches!(verdict, Verdict::Paused { state: "bad_certificate", .. }), "{verdict:?}");
    assert_eq!(smtp.letters().len(), 1);
    let plain: Vec<String> =
        smtp.said_plain().iter().map(|line| line.chars().take(4).collect()).collect();
    assert_eq!(plain, ["EHLO", "STAR", "EHLO", "STAR"]);
    // A server that offers no protection gets no mail and no password.
    let bare = Smtp::begin("navbat", PASSWORD, None).await.unwrap();
    let email = Email { port: Some(bare.address().port()), ..strict };
    let verdict = outlet(email, &["c@example.uz"], &means).deliver(&note(3)).await;
    assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
    assert_eq!((bare.letters().len(), bare.refused_logins()), (0, 0));
}
