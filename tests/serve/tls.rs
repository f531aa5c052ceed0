//! The encrypted listener: its certificate at the start, after a renewal, after a broken one.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::rig::{PATIENCE, Server, Site};

/// Writes a self-signed certificate and its key; gives a client that believes it alone.
fn certify(folder: &Path) -> reqwest::Client {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(vec![String::from("127.0.0.1")]).unwrap();
    let key = folder.join("key.pem");
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(folder.join("chain.pem"), made.cert.pem()).unwrap();
    believing(&made.cert.pem())
}

/// Connections are made anew each time: an open one keeps its certificate.
fn believing(pem: &str) -> reqwest::Client {
    let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10));
    client.tls_certs_only([certificate]).pool_max_idle_per_host(0).build().unwrap()
}

async fn reaches(client: &reqwest::Client, server: &Server) -> bool {
    let sent = client.get(format!("{}/healthz", server.base)).send().await;
    sent.is_ok_and(|sent| sent.status() == 200)
}

async fn until_reached(client: &reqwest::Client, server: &Server) {
    let until = Instant::now() + PATIENCE;
    let mut look = tokio::time::interval(Duration::from_millis(100));
    while !reaches(client, server).await {
        assert!(Instant::now() < until, "the certificate is never served");
        look.tick().await;
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_served_and_a_broken_one_is_not() {
    let site = Site::new();
    let first = certify(site.path());
    site.append("[web.tls]\ncert_file = \"chain.pem\"\nkey_file = \"key.pem\"\n");
    let server = site.serve();
    assert!(server.base.starts_with("https://"), "{}", server.base);
    assert!(reaches(&first, &server).await);
    let plain = server.base.replace("https", "http");
    assert!(reqwest::get(format!("{plain}/healthz")).await.is_err(), "no plain HTTP there");

    // Renewed: served without a signal.
    let second = certify(site.path());
    until_reached(&second, &server).await;
    assert!(!reaches(&first, &server).await);

    // A chain without its key: a reload says so, and the certificate in use stays.
    let lone = rcgen::generate_simple_self_signed(vec![String::from("127.0.0.1")]).unwrap();
    std::fs::write(site.path().join("chain.pem"), lone.cert.pem()).unwrap();
    let refused = site.run(&["reload"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("certificate and key do not fit"), "{said}");
    assert!(reaches(&second, &server).await);

    // Other files by a reload.
    let folder = site.path().join("next");
    std::fs::create_dir(&folder).unwrap();
    let third = certify(&folder);
    site.append("[web.tls]\ncert_file = \"next/chain.pem\"\nkey_file = \"next/key.pem\"\n");
    let told = site.printed(&["reload"]);
    assert!(told.contains("next/chain.pem"), "{told}");
    until_reached(&third, &server).await;
    let fourth = certify(&folder);
    until_reached(&fourth, &server).await;
}
