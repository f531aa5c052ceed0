//! The accounts of a replay: those of a configuration, or one for each hook address of the capture.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::tape::Http;
use crate::acd::{AccountSettings, Settings};
use crate::connect::provider::{Account, provider_path_matches};
use crate::model::{Name, NumberRules, Period};

/// Whose requests a capture holds.
pub struct Accounts {
    by_name: BTreeMap<Name, Account>,
    /// Whether tokens and kinds count: they do when a configuration says what they are.
    strict: bool,
}

/// The parts of `/hooks/{provider}/{account}/{token}`.
struct Address<'a> {
    provider: &'a str,
    account: &'a str,
    token: &'a str,
}

impl Accounts {
    /// The accounts of a configuration; a wrong token makes no call.
    pub fn configured(accounts: impl IntoIterator<Item = Account>) -> Accounts {
        let by_name = accounts.into_iter().map(|account| (account.name.clone(), account)).collect();
        Accounts { by_name, strict: true }
    }

    /// An account for every hook address, with nothing configured but that.
    pub fn of_paths<'a>(requests: impl IntoIterator<Item = &'a Http>) -> Accounts {
        let mut by_name = BTreeMap::new();
        for http in requests {
            let Some(address) = address(&http.path) else { continue };
            let name = Name::from(address.account);
            if by_name.contains_key(&name) {
                continue;
            }
            let token = SecretString::from(address.token);
            if let Some(account) = Account::of_path(address.provider, name.clone(), token) {
                by_name.insert(name, account);
            }
        }
        Accounts { by_name, strict: false }
    }

    /// The account of a request; `None` where the server would answer 403.
    pub fn find(&self, http: &Http) -> Option<&Account> {
        let address = address(&http.path)?;
        let account = self.by_name.get(address.account)?;
        if !self.strict {
            // Names are unique over all providers: another kind under this name is told, not
            // read as what it is not.
            let kind = Account::of_path(address.provider, account.name.clone(), "".into())?.kind;
            return (kind == account.kind).then_some(account);
        }
        let kept = account.token.expose_secret().as_bytes();
        let fits = bool::from(kept.ct_eq(address.token.as_bytes()));
        (fits && provider_path_matches(account, address.provider)).then_some(account)
    }

    /// What the engine is told about accounts that no configuration describes.
    pub fn settings(&self) -> Settings {
        let accounts = self.by_name.values().map(|account| AccountSettings {
            name: account.name.clone(),
            kind: account.kind.word().to_owned(),
            queue: None,
            queues: Vec::new(),
            settle: Period::secs(5),
            stale_after: Period::hours(2),
            numbers: NumberRules::default(),
        });
        Settings {
            version: String::from("none"),
            timezone: jiff::tz::TimeZone::get("Asia/Tashkent").unwrap_or(jiff::tz::TimeZone::UTC),
            operators: Vec::new(),
            queues: Vec::new(),
            accounts: accounts.collect(),
            plans: Vec::new(),
        }
    }
}

/// Reads a hook address; what stands before `/hooks/` is a proxy's.
fn address(path: &str) -> Option<Address<'_>> {
    let rest = path.get(path.find("/hooks/")? + "/hooks/".len()..)?;
    let mut parts = rest.trim_end_matches('/').splitn(3, '/');
    let address = Address {
        provider: parts.next()?,
        account: parts.next()?,
        token: parts.next().unwrap_or(""),
    };
    (!address.account.is_empty()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(path: &str) -> Http {
        Http { path: path.to_owned(), ..Http::default() }
    }

    #[test]
    fn a_configured_account_wants_its_token_and_its_kind() {
        let token = SecretString::from("right");
        let account = Account::of_path("utel", "uzt".into(), token).unwrap();
        let accounts = Accounts::configured([account]);
        assert!(accounts.find(&http("/hooks/utel/uzt/right")).is_some());
        assert!(accounts.find(&http("/hooks/uztelecom/uzt/right")).is_some());
        for wrong in
            ["/hooks/utel/uzt/wrong", "/hooks/sipuni/uzt/right", "/hooks/utel/x/right", "/"]
        {
            assert!(accounts.find(&http(wrong)).is_none(), "{wrong}");
        }
    }

    #[test]
    fn without_a_configuration_each_address_is_an_account() {
        let requests = [http("/hooks/sipuni/a1/S"), http("/hooks/onlinepbx/a2/T"), http("/x")];
        let accounts = Accounts::of_paths(&requests);
        assert!(accounts.find(&http("/hooks/sipuni/a1/other")).is_some());
        assert!(accounts.find(&http("/hooks/onlinepbx/a1/S")).is_none());
        assert_eq!(accounts.settings().accounts.len(), 2);
    }
}
