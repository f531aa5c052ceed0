//! What the web is told of a configuration.

use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::config::{Numbers, Site};
use crate::connect::provider::Account;
use crate::model::{Number, Party, normalise};
use crate::web;

/// The key of the references that stand for hidden numbers, in the data directory.
pub const KEY_FILE: &str = "sight.key";

/// What the web is told. `base` is how it is reached when the file says nothing.
pub fn web_site(site: &Site, accounts: Arc<Vec<Account>>, key: [u8; 32], base: &str) -> web::Site {
    let whole = |(queue, numbers): (&crate::model::Name, &Numbers)| match numbers {
        Numbers::Full => Some(queue.clone()),
        Numbers::Masked => None,
    };
    let rates = site.providers.iter().map(|one| {
        let rate = web::Rate { per_second: one.rate.per_second, burst: one.rate.burst };
        (one.settings.name.clone(), rate)
    });
    let declared = site.users.iter().filter(|user| !user.at.is_pages());
    web::Site {
        settings: site.settings.clone(),
        things: Arc::new(site.things.clone()),
        accounts,
        rates: rates.collect(),
        file_logins: declared.map(|user| user.login.clone()).collect(),
        eyes: web::Eyes::new(key, lines(site), site.numbers.iter().filter_map(whole))
            .with_kinds(site.providers.iter().map(kind)),
        timezone: site.settings.timezone.clone(),
        language: site.language.word().to_owned(),
        public_url: site.web.public_url.clone().unwrap_or_else(|| base.to_owned()),
        plain_http: site.web.plain_http,
        trusted_proxies: site.web.trusted_proxies.iter().filter_map(|one| proxy(one)).collect(),
    }
}

fn kind(provider: &super::config::Provider) -> (crate::model::Name, String) {
    (provider.settings.name.clone(), provider.settings.kind.clone())
}

/// Our own numbers, which everybody may read.
fn lines(site: &Site) -> Vec<Number> {
    let read = |line: &String, rules| match normalise(line, rules, |_| false).0 {
        Party::Number(number) | Party::Guessed(number) => Some(number),
        Party::Extension(_) | Party::Hidden | Party::Unparsed(_) => None,
    };
    let of = site.providers.iter();
    of.flat_map(|one| one.lines.iter().filter_map(|line| read(line, &one.settings.numbers)))
        .collect()
}

fn proxy(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

/// Reads a key of this node, or makes it; only its owner may read the file. The same key keeps
/// what was made with it good over a restart: references in open pages, challenges of telephones.
pub fn key(data_dir: &Path, file: &str) -> anyhow::Result<[u8; 32]> {
    let path = data_dir.join(file);
    if let Ok(bytes) = std::fs::read(&path) {
        return bytes.try_into().ok().with_context(|| format!("{} is damaged", path.display()));
    }
    let key: [u8; 32] = rand::random();
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let mut file = made.with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(&key)?;
    file.sync_all()?;
    Ok(key)
}
