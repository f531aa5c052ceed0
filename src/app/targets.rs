//! From `[[notify]]` to the channels that reach people.

use std::sync::Arc;

use anyhow::Context;
use secrecy::SecretString;

use super::config::Outlet as Own;
use crate::connect::deliver::Outlet;
use crate::connect::http::Method;
use crate::connect::notify::{
    Email, Eskiz, Gateway, Means, PlayMobile, Security, Success, Telegram,
};

/// The channel of a target; `None` for a kind that is no channel to people. `reports` is the address
/// that gateways may be told for their delivery reports. Fails when a file that
/// it names cannot be read.
pub fn channel(
    own: &Own,
    reports: Option<String>,
    means: &Means,
) -> anyhow::Result<Option<Arc<dyn Outlet>>> {
    let (name, means) = (own.name.clone(), means.clone());
    Ok(Some(match own.kind {
        "telegram" => {
            let server = own.word("base").unwrap_or(Telegram::BASE);
            Telegram::outlet(name, trimmed(server), own.secret("token"), own.list("chats"), means)
        }
        "email" => email(own)?.outlet(name, own.list("to"), means),
        "eskiz" => {
            let account = Eskiz {
                base: trimmed(own.word("base").unwrap_or(Eskiz::BASE)).to_owned(),
                login: own.word("login").unwrap_or_default().to_owned(),
                password: own.secret("password"),
                from: own.word("from").unwrap_or(Eskiz::SENDER).to_owned(),
                callback: reports.map(SecretString::from),
                per_day: own.word("per_day").and_then(|most| most.parse().ok()),
            };
            account.outlet(name, own.list("phones"), means)
        }
        "playmobile" => {
            let account = PlayMobile {
                base: trimmed(own.word("base").unwrap_or(PlayMobile::BASE)).to_owned(),
                login: own.word("login").unwrap_or_default().to_owned(),
                password: own.secret("password"),
                from: own.word("from").unwrap_or_default().to_owned(),
                reports: own.word("reports").is_some(),
            };
            account.outlet(name, own.list("phones"), means)
        }
        "http" => gateway(own).outlet(name, own.list("phones"), means),
        _ => return Ok(None),
    }))
}

fn email(own: &Own) -> anyhow::Result<Email> {
    let root = match own.word("ca_file") {
        Some(file) => Some(std::fs::read(file).with_context(|| format!("cannot read {file}"))?),
        None => None,
    };
    let word = own.word("security").unwrap_or("starttls");
    let security = Security::WORDS.iter().find(|(known, _)| *known == word);
    let login = own.word("login").map(|login| (login.to_owned(), own.secret("password")));
    Ok(Email {
        host: own.word("host").unwrap_or_default().to_owned(),
        port: own.word("port").and_then(|port| port.parse().ok()),
        security: security.map_or(Security::StartTls, |(_, security)| *security),
        root,
        login,
        from: own.word("from").unwrap_or_default().to_owned(),
    })
}

fn gateway(own: &Own) -> Gateway {
    let header = |line: String| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    Gateway {
        method: if own.word("method") == Some("GET") { Method::Get } else { Method::Post },
        url: own.word("url").unwrap_or_default().to_owned(),
        headers: own.list("headers").into_iter().filter_map(header).collect(),
        template: own.word("template").map(str::to_owned),
        success: own.word("success").and_then(Success::parse).unwrap_or(Success::Status),
        token: own.secrets.get("token").cloned(),
    }
}

fn trimmed(base: &str) -> &str {
    base.trim_end_matches('/')
}

impl Own {
    /// A list of the configuration; absent is empty.
    pub fn list(&self, key: &str) -> Vec<String> {
        self.words.get(key).cloned().unwrap_or_default()
    }

    /// A secret of the configuration; absent is empty.
    pub fn secret(&self, key: &str) -> SecretString {
        self.secrets.get(key).cloned().unwrap_or_default()
    }
}
