//! `navbat demo --headless`: a short day of all providers and of SIP telephones over real
//! sockets, whose books balance, also at the CRMs and the messenger.

use std::process::Command;

/// What a short day said.
fn lived(args: &[&str]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_navbat")).arg("demo").args(args).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(0), "{said}{wrong}");
    assert!(said.contains("The books balance."), "{said}");
    said
}

/// The figures of a line of the table, from the left: calls, stored, answered, missed, outbound.
fn figures(said: &str, account: &str) -> Vec<u64> {
    let line = said.lines().find(|line| line.split_whitespace().next() == Some(account));
    let words = line.unwrap_or_else(|| panic!("{account}: {said}")).split_whitespace().skip(1);
    let figures = words.map_while(|word| word.parse().ok()).collect::<Vec<_>>();
    assert!(figures.len() >= 4, "{account}: {said}");
    figures
}

#[test]
fn a_short_day_balances_to_the_last_call() {
    let said = lived(&["--headless", "--calls", "40", "--speed", "100", "--seed", "3"]);
    for account in ["sipuni-main", "onlinepbx", "uztelecom-utel", "uztelecom-cloud", "sarkor"] {
        assert!(figures(&said, account)[0] > 0, "{account}: {said}");
    }
    assert!(!said.contains("/setup#"), "headless shows no link: {said}");
    let all = figures(&said, "all");
    assert_eq!(all[0], 40, "{said}");
    let sip = figures(&said, "sip-trunk");
    assert_eq!((sip[0], sip[1]), (10, 10), "a quarter of them came over SIP: {said}");
    assert!(sip[2] > 0, "telephones were picked up: {said}");
    // Five registrations with their challenge, and more than that for each call.
    assert!(sip[5] > 2 * 2 * 5 + sip[0] * 2, "real messages: {said}");
    assert!(said.contains("SIP: 5 telephones are registered at 127.0.0.1:"), "{said}");
    assert!(said.contains("SIP: 10 calls over 5 telephones"), "{said}");
    // What the CRMs must have is compared by the demo itself; here only that it is not nothing.
    let (amo, bitrix) = (figures(&said, "amoCRM"), figures(&said, "Bitrix24"));
    assert!(amo[0] > 30 && amo[..2] == bitrix[..2] && amo[0] == amo[1], "logged: {said}");
    assert!(amo[2] > 0 && bitrix[2] > 0 && amo[3] > 0 && bitrix[3] > 0, "cards: {said}");
    assert!(amo[4] > 0, "tasks of missed calls: {said}");
    assert!(!said.contains("Telegram: 0 messages"), "{said}");
}
