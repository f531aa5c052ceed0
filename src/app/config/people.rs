//! Who signs in and who answers: `[[user]]` and `[[operator]]`.

use std::collections::BTreeMap;

use super::names::{check_name, unique};
use super::secrets::{Secret, Vault};
use crate::acd::{AliasOf, OperatorSettings, ReadyRule};
use crate::model::{Name, NumberRules, Party, normalise};
use crate::plan::{Found, Place, Section, quoted};
use crate::web::Role;

/// Somebody who signs in: section `[[user]]`, or the `login` of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Unique.
    pub login: Name,
    /// What they may do.
    pub role: Role,
    /// The queues they answer for; empty: all.
    pub queues: Vec<Name>,
    /// The operator this is the login of.
    pub operator: Option<Name>,
    /// May not sign in.
    pub disabled: bool,
    /// Where the login stands.
    pub at: Place,
}

/// What only the edges need to know of an operator.
#[derive(Debug, Clone, Default)]
pub struct Devices {
    /// Telephones that register here.
    pub sip: Option<(String, Option<Secret>)>,
    /// Outside calls; `None`: none.
    pub dial: Option<Dial>,
    /// User ids by `[crm.NAME]`.
    pub crm: BTreeMap<String, Found<String>>,
}

/// Key `dial` of an operator: which outside numbers, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// Beginnings of allowed numbers.
    pub prefixes: Vec<String>,
    /// Outside calls at the same time.
    pub calls_max: u16,
    /// Outside calls in a minute.
    pub per_minute: u16,
    /// Outside calls in a day.
    pub per_day: u16,
}

/// An operator as it was read.
#[derive(Debug, Clone)]
pub struct Operator {
    /// For the engine.
    pub settings: OperatorSettings,
    /// For the edges.
    pub devices: Devices,
    /// Where it stands.
    pub at: Place,
    /// Where each alias stands, in the order of `settings.aliases`.
    pub aliases_at: Vec<Place>,
}

/// Reads every `[[user]]`.
pub fn users(top: &mut Section<'_>) -> Vec<User> {
    let words = Role::ALL.map(|role| (role.word(), role));
    let mut users: Vec<User> = Vec::new();
    for mut section in top.each("user", "login") {
        let login = section.must::<String>("login");
        let role = section.must::<String>("role");
        let queues = section.list::<String>("queues");
        let disabled = section.or("disabled", false);
        let role = role.and_then(|found| section.pick("role", &found, &words));
        if let (Some(login), Some(role)) = (&login, role) {
            check_name(&section, login);
            unique(&section, login, users.iter().map(|user| (&user.login, &user.at)));
            users.push(User {
                login: login.value.as_str().into(),
                role,
                queues: queues.into_iter().map(|queue| queue.value.into()).collect(),
                operator: None,
                disabled,
                at: login.at.clone(),
            });
        }
        section.done();
    }
    users
}

/// Reads every `[[operator]]`; `accounts` are the names that may stand before an alias.
pub fn operators(top: &mut Section<'_>, vault: &Vault, accounts: &[String]) -> Vec<Operator> {
    let mut operators: Vec<Operator> = Vec::new();
    for section in top.each("operator", "name") {
        if let Some(read) = operator(section, vault, accounts, &operators) {
            operators.push(read);
        }
    }
    operators
}

fn operator(
    mut section: Section<'_>,
    vault: &Vault,
    accounts: &[String],
    before: &[Operator],
) -> Option<Operator> {
    let name = section.must::<String>("name");
    let login = section.opt::<String>("login");
    let aliases = section.list::<String>("aliases");
    let skills = section.list::<String>("skills");
    let ready = section.choice(
        "ready",
        &[("panel", ReadyRule::Panel), ("always", ReadyRule::Always)],
        ReadyRule::Panel,
    );
    let disabled = section.or("disabled", false);
    let devices = devices(&mut section, vault);
    if let Some(login) = &login {
        check_name(&section, login);
    }
    let read: Vec<_> = aliases.iter().filter_map(|a| alias(&section, a, accounts)).collect();
    let name = name.filter(|name| {
        let empty = name.value.trim().is_empty();
        if empty {
            section.error(&name.at, "bad-value", "an operator needs a name", "");
        }
        !empty
    });
    if let Some(name) = &name {
        unique(&section, name, before.iter().map(|other| (&other.settings.name, &other.at)));
    }
    section.done();
    let name = name?;
    Some(Operator {
        settings: OperatorSettings {
            name: name.value.into(),
            login: login.map(|login| login.value.into()),
            aliases: read.iter().map(|(alias, _)| alias.clone()).collect(),
            ready,
            calls_max: 1,
            skills: skills.into_iter().map(|skill| skill.value.into()).collect(),
            disabled,
        },
        devices,
        at: name.at,
        aliases_at: read.into_iter().map(|(_, at)| at).collect(),
    })
}

fn devices(section: &mut Section<'_>, vault: &Vault) -> Devices {
    let sip = section.section("sip").and_then(|mut sip| {
        let user = sip.must::<String>("user");
        let password = vault.must(&mut sip, ("password", "password_file"));
        sip.done();
        Some((user?.value, password))
    });
    let dial = section.section("dial").map(|mut dial| {
        let prefixes = dial.list::<String>("prefixes");
        let limits = Dial {
            prefixes: prefixes.iter().map(|prefix| prefix.value.clone()).collect(),
            calls_max: dial.or("calls_max", 1),
            per_minute: dial.or("per_minute", 10),
            per_day: dial.or("per_day", 200),
        };
        for prefix in &prefixes {
            let digits = prefix.value.strip_prefix('+').unwrap_or("");
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                let message = format!("{} begins no number", quoted(&prefix.value));
                dial.error(&prefix.at, "bad-value", message, "write +998");
            }
        }
        dial.done();
        limits
    });
    let mut crm = BTreeMap::new();
    if let Some(mut table) = section.section("crm") {
        for (name, node) in table.free() {
            if let Some(user) = table.read::<String>(name, node) {
                table.show(name, format!("\"{}\"", user.value), None, user.at.clone());
                crm.insert(name.to_owned(), user);
            }
        }
    }
    Devices { sip, dial, crm }
}

/// Reads `account:alias`, or an alias of all accounts. Telephone numbers become E.164.
fn alias(
    section: &Section<'_>,
    found: &Found<String>,
    accounts: &[String],
) -> Option<(AliasOf, Place)> {
    let (account, alias) = match found.value.split_once(':') {
        None => (None, found.value.trim()),
        Some((account, alias)) => (Some(account.trim()), alias.trim()),
    };
    if alias.is_empty() {
        section.error(&found.at, "bad-value", "an alias is empty", "write account:201");
        return None;
    }
    if let Some(account) = account.filter(|account| !accounts.iter().any(|own| own == account)) {
        let known: Vec<&str> = accounts.iter().map(String::as_str).collect();
        let message = format!("no provider or trunk is called {}", quoted(account));
        let mend = crate::plan::did_you_mean(account, &known);
        let mend = mend.trim_end_matches(": ");
        section.error(&found.at, "missing-target", message, mend);
        return None;
    }
    /// Shorter ones are extensions: what is local differs from account to account.
    const NUMBER_DIGITS_MIN: usize = 9;
    let digits = alias.bytes().filter(u8::is_ascii_digit).count();
    let alias = match normalise(alias, &NumberRules::default(), |_| true).0 {
        Party::Number(number) if digits >= NUMBER_DIGITS_MIN => number.reveal().to_owned(),
        Party::Number(_) | Party::Guessed(_) | Party::Extension(_) => alias.to_owned(),
        Party::Hidden | Party::Unparsed(_) => alias.to_owned(),
    };
    Some((AliasOf { account: account.map(Into::into), alias }, found.at.clone()))
}
