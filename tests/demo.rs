//! `navbat demo --headless`: a short day of all providers over real sockets, whose books balance.

use std::process::Command;

#[test]
fn a_short_day_balances_to_the_last_call() {
    let args = ["demo", "--headless", "--calls", "40", "--speed", "100", "--seed", "3"];
    let ran = Command::new(env!("CARGO_BIN_EXE_navbat")).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(0), "{said}{wrong}");
    assert!(said.contains("The books balance."), "{said}");
    for account in ["sipuni-main", "onlinepbx", "uztelecom-utel", "uztelecom-cloud", "sarkor"] {
        assert!(said.contains(account), "{account}: {said}");
    }
    assert!(!said.contains("/setup#"), "headless shows no link: {said}");
}
