//! People and operators: those of the file, those made from the command line, and what the
//! database keeps of them.
//!
//! The file is read-only here. Operators made beside it lie in the table `made`. Everybody who may
//! sign in has a row in `person`, which holds the password; those whom the file declares are
//! marked, so that who leaves the file can not sign in any more.

use std::collections::BTreeSet;

use anyhow::Context;

use super::config::{Document, Site};
use crate::model::{Name, Period, Wall};
use crate::store::{Link, Made, Person, Store};
use crate::web::{self, Role, Sort};

/// How long a one-time link lives.
const LINK_FOR: Period = Period::hours(1);
/// Who is made by the link of the first run.
const FIRST_ADMIN: &str = "admin";

/// The mark in `made` of people whom the file declares.
const DECLARED: &str = "declared-user";

/// Everything that was made beside the file, by sort and name.
pub async fn made(store: &Store) -> anyhow::Result<Vec<Document>> {
    let mut all = Vec::new();
    for sort in [Sort::Operator, Sort::Queue] {
        for made in store.made(sort.word()).await? {
            let keys = serde_json::from_str(&made.doc).with_context(|| {
                format!("the {} `{}` in the database cannot be read", made.kind, made.name)
            })?;
            all.push(Document { sort, name: made.name.to_string(), keys });
        }
    }
    let declared = declared(store).await?;
    for person in store.people().await? {
        if Role::of(&person.role).is_some() && !declared.contains(&person.login) {
            all.push(document(&person));
        }
    }
    Ok(all)
}

/// A person who was made beside the file, with the keys of `[[user]]`.
fn document(person: &Person) -> Document {
    let mut keys = serde_json::Map::new();
    keys.insert(String::from("role"), person.role.clone().into());
    let queues: Vec<String> = person.queues.iter().map(ToString::to_string).collect();
    keys.insert(String::from("queues"), queues.into());
    keys.insert(String::from("disabled"), person.disabled.into());
    Document { sort: Sort::User, name: person.login.to_string(), keys }
}

/// Who has or had their row from the file. They are never what the pages made: who left the file
/// cannot sign in, and may stand there again later.
pub async fn declared(store: &Store) -> anyhow::Result<BTreeSet<Name>> {
    Ok(store.made(DECLARED).await?.into_iter().map(|made| made.name).collect())
}

/// Lets a login that left the file be made in the pages.
pub async fn undeclare(store: &Store, login: &Name) -> anyhow::Result<()> {
    store.remove_made(DECLARED, login).await?;
    Ok(())
}

/// Brings the rows of people in line with a site: who left the file may not sign in any more.
/// Gives the logins whose rights changed; their sessions in the database are ended.
pub async fn sync(store: &Store, site: &Site, now: Wall) -> anyhow::Result<Vec<Name>> {
    let mut ended = Vec::new();
    let known = store.people().await?;
    let marked = declared(store).await?;
    for user in site.users.iter().filter(|user| !user.at.is_pages() || user.operator.is_some()) {
        let old = known.iter().find(|person| person.login == user.login);
        let person = Person {
            login: user.login.clone(),
            role: user.role.word().to_owned(),
            queues: user.queues.clone(),
            operator: user.operator.clone(),
            language: old.and_then(|old| old.language.clone()),
            password: None, // kept as it is
            disabled: user.disabled,
            created_at: old.map_or(now, |old| old.created_at),
        };
        // The mark first: a row without it would be taken for one that the pages made.
        if !marked.contains(&user.login) {
            let (kind, doc) = (DECLARED.to_owned(), String::from("{}"));
            let made = Made { kind, name: user.login.clone(), doc, changed_at: now };
            store.save_made(&made).await?;
        }
        ended.extend(change(store, old, person).await?);
    }
    for login in &marked {
        if site.users.iter().any(|user| user.login == *login) {
            continue;
        }
        if let Some(old) = known.iter().find(|person| person.login == *login) {
            let gone = Person { disabled: true, ..old.clone() };
            ended.extend(change(store, Some(old), gone).await?);
        }
    }
    Ok(ended)
}

/// Writes a person when something differs; a change of rights ends their sessions, and then it
/// gives the login.
pub async fn change(
    store: &Store,
    old: Option<&Person>,
    person: Person,
) -> anyhow::Result<Option<Name>> {
    let rights =
        |one: &Person| (one.role.clone(), one.queues.clone(), one.operator.clone(), one.disabled);
    if old.is_some_and(|old| rights(old) == rights(&person)) {
        return Ok(None);
    }
    store.save_person(&person).await?;
    if old.is_none() {
        return Ok(None);
    }
    store.end_sessions_of(&person.login).await?;
    Ok(Some(person.login))
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
