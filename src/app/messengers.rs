//! From `[[notify]]` to the channels that reach people.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use secrecy::SecretString;

use super::config::Outlet as Own;
use crate::connect::deliver::Outlet;
use crate::connect::http::Method;
use crate::connect::notify::{
    Email, Eskiz, Gateway, Means, PlayMobile, Security, Success, Telegram,
};
use crate::model::Name;

/// The channel of a target; `None` for a kind that is no messenger. Fails when a key that it
/// cannot do without is missing, which the configuration has told already.
pub fn messenger(own: &Own, means: Means) -> anyhow::Result<Option<Arc<dyn Outlet>>> {
    let name = own.name.clone();
    Ok(Some(match own.kind {
        "telegram" => {
            let base = base(own, Telegram::BASE);
            Telegram::outlet(name, &base, secret(own, "token")?, list(own, "chats"), means)
        }
        "email" => email(own)?.outlet(name, list(own, "to"), means),
        "eskiz" => {
            let account = Eskiz {
                base: base(own, Eskiz::BASE),
                login: must(own, "login")?,
                password: secret(own, "password")?,
                from: own.word("from").unwrap_or(Eskiz::SENDER).to_owned(),
                callback: None,
                per_day: own.word("per_day").and_then(|most| most.parse().ok()),
            };
            account.outlet(name, list(own, "phones"), means)
        }
        "playmobile" => {
            let account = PlayMobile {
                base: base(own, PlayMobile::BASE),
                login: must(own, "login")?,
                password: secret(own, "password")?,
                from: must(own, "from")?,
                reports: false,
            };
            account.outlet(name, list(own, "phones"), means)
        }
        "http" => gateway(own)?.outlet(name, list(own, "phones"), means),
        _ => return Ok(None),
    }))
}

fn email(own: &Own) -> anyhow::Result<Email> {
    let security = own.word("security").unwrap_or("starttls");
    let known = Security::WORDS.iter().find(|(word, _)| *word == security);
    let root = own.word("ca_file").map(std::fs::read).transpose();
    let signed = |login: &str| Ok::<_, anyhow::Error>((login.to_owned(), secret(own, "password")?));
    let login = own.word("login").map(signed);
    Ok(Email {
        host: must(own, "host")?,
        port: own.word("port").and_then(|port| port.parse().ok()),
        security: known.map_or(Security::StartTls, |(_, security)| *security),
        root: root.with_context(|| format!("{}.ca_file cannot be read", own.name))?,
        login: login.transpose()?,
        from: must(own, "from")?,
    })
}

fn gateway(own: &Own) -> anyhow::Result<Gateway> {
    let headers = list(own, "headers");
    let split = |line: &String| {
        line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
    };
    Ok(Gateway {
        method: if own.word("method") == Some("GET") { Method::Get } else { Method::Post },
        url: must(own, "url")?,
        headers: headers.iter().filter_map(split).collect(),
        template: own.word("template").map(str::to_owned),
        success: own.word("success").and_then(Success::parse).unwrap_or(Success::Status),
        token: own.secrets.get("token").cloned(),
    })
}

fn base(own: &Own, usual: &str) -> String {
    own.word("base").unwrap_or(usual).trim_end_matches('/').to_owned()
}

fn list(own: &Own, key: &str) -> Vec<String> {
    own.words.get(key).cloned().unwrap_or_default()
}

fn must(own: &Own, key: &str) -> anyhow::Result<String> {
    own.word(key).map(str::to_owned).ok_or_else(|| missing(&own.name, key))
}

fn secret(own: &Own, key: &str) -> anyhow::Result<SecretString> {
    own.secrets.get(key).cloned().ok_or_else(|| missing(&own.name, key))
}

fn missing(name: &Name, key: &str) -> anyhow::Error {
    anyhow!("{name}.{key} is missing")
}
