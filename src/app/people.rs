//! People and operators: those of the file, those made from the command line, and what the
//! database keeps of them.
//!
//! The file is read-only here. Operators made beside it lie in the table `made`. Everybody who may
//! sign in has a row in `person`, which holds the password; those whom the file declares are
//! marked, so that who leaves the file can not sign in any more.

use std::collections::BTreeSet;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::config::{Extra, Site, User};
use crate::acd::{AliasOf, OperatorSettings, ReadyRule};
use crate::model::{Name, Period, Wall};
use crate::plan::Place;
use crate::store::{Link, Made, Person, Store};
use crate::web::{self, Role};

/// How long a one-time link lives.
const LINK_FOR: Period = Period::hours(1);
/// Who is made by the link of the first run.
const FIRST_ADMIN: &str = "admin";

/// An operator made beside the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MadeOperator {
    /// Of the panel.
    pub login: Option<String>,
    /// `account:alias`, or an alias that holds everywhere.
    pub aliases: Vec<String>,
    /// Disabled; nothing of theirs is deleted.
    pub disabled: bool,
}

/// The mark in `made` of people whom the file declares.
const DECLARED: &str = "declared-user";

/// Everything that was made beside the file.
pub async fn extra(store: &Store) -> anyhow::Result<Extra> {
    let mut extra = Extra::default();
    for made in store.made("operator").await? {
        extra.operators.push(operator(&made)?);
    }
    let declared = declared(store).await?;
    for person in store.people().await? {
        let role = Role::of(&person.role).filter(|_| !person.disabled);
        let Some(role) = role.filter(|_| !declared.contains(&person.login)) else { continue };
        extra.users.push(User {
            login: person.login,
            role,
            queues: person.queues,
            operator: person.operator,
            at: Place::Database,
        });
    }
    Ok(extra)
}

async fn declared(store: &Store) -> anyhow::Result<BTreeSet<Name>> {
    Ok(store.made(DECLARED).await?.into_iter().map(|made| made.name).collect())
}

fn operator(made: &Made) -> anyhow::Result<OperatorSettings> {
    let own: MadeOperator = read(made)?;
    Ok(settings(&made.name, &own))
}

/// An operator made beside the file, as the engine is told.
pub fn settings(name: &Name, own: &MadeOperator) -> OperatorSettings {
    let alias = |text: &String| match text.split_once(':') {
        Some((account, alias)) => {
            AliasOf { account: Some(account.into()), alias: alias.to_owned() }
        }
        None => AliasOf { account: None, alias: text.clone() },
    };
    OperatorSettings {
        name: name.clone(),
        login: own.login.as_deref().map(Name::from),
        aliases: own.aliases.iter().map(alias).collect(),
        ready: ReadyRule::Panel,
        calls_max: 1,
        skills: Vec::new(),
        disabled: own.disabled,
    }
}

/// Reads what was made.
pub fn read<'a, T: Deserialize<'a>>(made: &'a Made) -> anyhow::Result<T> {
    serde_json::from_str(&made.doc).with_context(|| {
        format!("the {} `{}` in the database cannot be read", made.kind, made.name)
    })
}

/// Brings the rows of people in line with a site: who left the file may not sign in any more.
pub async fn sync(store: &Store, site: &Site, now: Wall) -> anyhow::Result<()> {
    let off: BTreeSet<&Name> =
        site.settings.operators.iter().filter(|one| one.disabled).map(|one| &one.name).collect();
    let known = store.people().await?;
    let marked = declared(store).await?;
    for user in
        site.users.iter().filter(|user| user.at != Place::Database || user.operator.is_some())
    {
        let old = known.iter().find(|person| person.login == user.login);
        let person = Person {
            login: user.login.clone(),
            role: user.role.word().to_owned(),
            queues: user.queues.clone(),
            operator: user.operator.clone(),
            language: old.and_then(|old| old.language.clone()),
            password: None, // kept as it is
            disabled: user.operator.as_ref().is_some_and(|operator| off.contains(operator)),
            created_at: old.map_or(now, |old| old.created_at),
        };
        change(store, old, person).await?;
        if !marked.contains(&user.login) {
            let (kind, doc) = (DECLARED.to_owned(), String::from("{}"));
            let made = Made { kind, name: user.login.clone(), doc, changed_at: now };
            store.save_made(&made).await?;
        }
    }
    for login in &marked {
        if site.users.iter().any(|user| user.login == *login) {
            continue;
        }
        if let Some(old) = known.iter().find(|person| person.login == *login) {
            change(store, Some(old), Person { disabled: true, ..old.clone() }).await?;
        }
        store.remove_made(DECLARED, login).await?;
    }
    Ok(())
}

/// Writes a person when something differs; a change of rights ends their sessions.
async fn change(store: &Store, old: Option<&Person>, person: Person) -> anyhow::Result<()> {
    let rights =
        |one: &Person| (one.role.clone(), one.queues.clone(), one.operator.clone(), one.disabled);
    if old.is_some_and(|old| rights(old) == rights(&person)) {
        return Ok(());
    }
    store.save_person(&person).await?;
    if old.is_some() {
        store.end_sessions_of(&person.login).await?;
    }
    Ok(())
}

/// Makes a one-time link for somebody and gives its secret.
pub async fn link(store: &Store, login: &Name, role: Role, now: Wall) -> anyhow::Result<String> {
    let secret = web::secret().context("this machine has no randomness")?;
    let link = Link {
        hash: web::kept(&secret),
        login: login.clone(),
        role: role.word().to_owned(),
        created_at: now,
        expires_at: now + LINK_FOR,
    };
    store.add_link(&link).await?;
    Ok(secret)
}

/// The secret of the first run's link; `None` when an admin can sign in already.
pub async fn first_link(store: &Store, now: Wall) -> anyhow::Result<Option<String>> {
    let people = store.people().await?;
    let mut admins = people.iter().filter(|one| one.role == Role::Admin.word() && !one.disabled);
    if admins.clone().any(|one| one.password.is_some()) {
        return Ok(None);
    }
    let login = admins.next().map_or(Name::from(FIRST_ADMIN), |one| one.login.clone());
    link(store, &login, Role::Admin, now).await.map(Some)
}
