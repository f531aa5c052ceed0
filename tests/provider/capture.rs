//! Captured requests of one account, as text.
//!
//! ```text
//! # a comment
//! account {"kind": "sipuni", "cabinet_id": "047218", "aliases": ["201"]}
//! > 05:00:12 GET ?event=1&call_id=…
//! > 05:00:13 POST application/x-www-form-urlencoded
//! the body, until the next line that begins with `>`
//! ```
//! The day is 2026-11-20, the time is UTC: 05:00:00 is 1795150800. Without an `account` line the
//! folder's `account.json` holds.

use std::path::Path;

use navbat::connect::provider::{Account, Kind, Map, Profile};
use navbat::model::Wall;
use secrecy::SecretString;
use serde_json::Value;

/// 2026-11-20T00:00:00Z.
const DAY: i64 = 1_795_132_800;

/// One request with the moment of its receipt.
#[derive(Debug, Clone)]
pub struct Sent {
    pub received: Wall,
    pub method: String,
    pub query: String,
    pub content_type: String,
    pub body: Vec<u8>,
}

/// An account and what it sent.
pub struct Capture {
    pub account: Account,
    pub requests: Vec<Sent>,
}

impl Capture {
    /// Reads a capture from a file, with the account of its folder unless it has its own.
    pub fn load(path: &Path) -> Capture {
        let folder = std::fs::read_to_string(path.with_file_name("account.json")).unwrap();
        Capture::parse(&folder, &std::fs::read_to_string(path).unwrap())
    }

    pub fn parse(account: &str, text: &str) -> Capture {
        let mut capture = Capture { account: account_of(account), requests: Vec::new() };
        for line in text.lines() {
            if let Some(json) = line.strip_prefix("account ") {
                capture.account = account_of(json);
            } else if let Some(head) = line.strip_prefix("> ") {
                capture.requests.push(sent(head));
            } else if let Some(last) = capture.requests.last_mut()
                && !line.trim().is_empty()
                && !line.starts_with('#')
            {
                last.body.extend_from_slice(line.trim().as_bytes());
            }
        }
        capture
    }
}

fn sent(head: &str) -> Sent {
    let mut words = head.splitn(3, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (time, method, rest) = (word(), word(), word());
    let mut parts = time.split(':').map(|part| part.parse::<f64>().unwrap());
    let mut part = || parts.next().unwrap_or_default();
    let seconds = part() * 3600.0 + part() * 60.0 + part();
    let (query, content_type) = match rest.strip_prefix('?') {
        Some(query) => (query, ""),
        None => ("", rest),
    };
    Sent {
        received: Wall(DAY * 1000 + (seconds * 1000.0).round() as i64),
        method: method.to_owned(),
        query: query.to_owned(),
        content_type: content_type.to_owned(),
        body: Vec::new(),
    }
}

/// An account from the fields of its section in the configuration file.
pub fn account_of(json: &str) -> Account {
    let fields: Value = serde_json::from_str(json).unwrap();
    let text = |field: &str| fields[field].as_str().map(str::to_owned);
    let list = |field: &str| -> Vec<String> {
        let list = fields[field].as_array().cloned().unwrap_or_default();
        list.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    let kind = Kind::of(&text("kind").unwrap()).unwrap();
    let mut account = Account::new("a1".into(), kind, SecretString::from("SECRET"));
    account.profile = text("profile").map(|word| Profile::of(&word).unwrap());
    account.aliases = list("aliases").into_iter().collect();
    account.queues = list("queues").into_iter().collect();
    account.lines = list("lines");
    account.cabinet_id = text("cabinet_id");
    account.domain = text("domain");
    account.crm_token = text("crm_token").map(SecretString::from);
    account.map = fields.get("map").map(|map| serde_json::from_value::<Map>(map.clone()).unwrap());
    account
}
