//! Who may come in: people, their sessions, programs' tokens, one-time links.
//!
//! Secrets are kept as hashes only; a copy of the database lets nobody in. Roles are words here,
//! what they allow is decided where requests come in.

use sqlx::any::AnyRow;

use super::db::{Store, run_in};
use super::error::StoreError;
use super::sql::{Columns, Sql, document};
use crate::model::{Name, Period, Wall};

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Unique.
    pub login: Name,
    /// The word of their role.
    pub role: String,
    /// Queues they see; none is all.
    pub queues: Vec<Name>,
    /// The operator they are.
    pub operator: Option<Name>,
    /// The language of their pages.
    pub language: Option<String>,
    /// The argon2 hash of their password; `None` until a link is used.
    pub password: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// When they were added.
    pub created_at: Wall,
}

/// A browser that is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The hash of its secret.
    pub hash: String,
    /// Who.
    pub login: Name,
    /// What its changing requests must carry.
    pub csrf: String,
    /// When it was begun; its absolute end counts from here.
    pub created_at: Wall,
    /// When it was last used; its idle end counts from here.
    pub seen_at: Wall,
}

/// A program that may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The hash of its secret.
    pub hash: String,
    /// Unique.
    pub name: Name,
    /// The word of its role.
    pub role: String,
    /// Queues it sees; none is all.
    pub queues: Vec<Name>,
    /// Who made it.
    pub created_by: Name,
    /// When.
    pub created_at: Wall,
    /// When it was last used.
    pub used_at: Option<Wall>,
    /// When it was taken back.
    pub revoked_at: Option<Wall>,
}

/// A link that lets somebody set a password, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The hash of its secret.
    pub hash: String,
    /// Whose password it sets.
    pub login: Name,
    /// The role of a person that is made by it.
    pub role: String,
    /// When it was made.
    pub created_at: Wall,
    /// When it ends by itself.
    pub expires_at: Wall,
}

const PERSON: &str = "select login, role, queues, operator, language, password, disabled,
    created_at from person";
const TOKEN: &str = "select hash, name, role, queues, created_by, created_at, used_at, revoked_at
    from token";

impl Store {
    /// Adds or changes a person; the password is left as it is.
    pub async fn save_person(&self, person: &Person) -> Result<(), StoreError> {
        let head = "insert into person (login, role, queues, operator, language, password,
            disabled, created_at) values ";
        let sql = Sql::new(head)
            .open()
            .text(person.login.as_str())
            .text(&person.role)
            .text(&document(&person.queues)?)
            .text_or_null(person.operator.as_ref().map(Name::as_str))
            .text_or_null(person.language.as_deref())
            .text_or_null(person.password.as_deref())
            .truth(person.disabled)
            .number(person.created_at.0)
            .close()
            .push(
                " on conflict (login) do update set role = excluded.role,
                    queues = excluded.queues, operator = excluded.operator,
                    language = excluded.language, disabled = excluded.disabled",
            );
        self.run(sql).await.map(|_| ())
    }

    /// A person by login.
    pub async fn person(&self, login: &str) -> Result<Option<Person>, StoreError> {
        let sql = Sql::new(PERSON).push(" where login = ").text(login);
        self.row(sql).await?.as_ref().map(person_of).transpose()
    }

    /// All people by login.
    pub async fn people(&self) -> Result<Vec<Person>, StoreError> {
        let sql = Sql::new(PERSON).push(" order by login");
        self.rows(sql).await?.iter().map(person_of).collect()
    }

    /// Sets the hash of a password and ends the person's sessions; false when there is no such
    /// person.
    pub async fn set_password(&self, login: &Name, hash: &str) -> Result<bool, StoreError> {
        let mut all = self.begin().await?;
        let set = Sql::new("update person set password = ").text(hash);
        let found = run_in(&mut all, set.push(" where login = ").text(login.as_str())).await? > 0;
        let ended = Sql::new("delete from session where login = ").text(login.as_str());
        run_in(&mut all, ended).await?;
        all.commit().await?;
        Ok(found)
    }

    /// Removes a person with their sessions and the link that could make them again; false when
    /// there is no such person.
    pub async fn remove_person(&self, login: &Name) -> Result<bool, StoreError> {
        let mut all = self.begin().await?;
        let of = |head: &'static str| Sql::new(head).text(login.as_str());
        run_in(&mut all, of("delete from session where login = ")).await?;
        run_in(&mut all, of("delete from link where login = ")).await?;
        let gone = run_in(&mut all, of("delete from person where login = ")).await? > 0;
        all.commit().await?;
        Ok(gone)
    }

    /// Keeps a session.
    pub async fn add_session(&self, session: &Session) -> Result<(), StoreError> {
        let sql = Sql::new("insert into session (hash, login, csrf, created_at, seen_at) values ")
            .open()
            .text(&session.hash)
            .text(session.login.as_str())
            .text(&session.csrf)
            .number(session.created_at.0)
            .number(session.seen_at.0)
            .close();
        self.run(sql).await.map(|_| ())
    }

    /// A session by the hash of its secret, unless it was idle or lived for too long.
    pub async fn session(
        &self,
        hash: &str,
        now: Wall,
        idle_max: Period,
        age_max: Period,
    ) -> Result<Option<Session>, StoreError> {
        let sql =
            Sql::new("select hash, login, csrf, created_at, seen_at from session where hash = ")
                .text(hash)
                .push(" and seen_at > ")
                .number((now - idle_max).0)
                .push(" and created_at > ")
                .number((now - age_max).0);
        let Some(row) = self.row(sql).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        Ok(Some(Session {
            hash: columns.text()?,
            login: columns.name()?,
            csrf: columns.text()?,
            created_at: columns.wall()?,
            seen_at: columns.wall()?,
        }))
    }

    /// Notes that a session was used. Callers do so at most once a minute per session.
    pub async fn touch_session(&self, hash: &str, now: Wall) -> Result<(), StoreError> {
        let sql = Sql::new("update session set seen_at = ").number(now.0);
        self.run(sql.push(" where hash = ").text(hash)).await.map(|_| ())
    }

    /// Ends a session.
    pub async fn end_session(&self, hash: &str) -> Result<(), StoreError> {
        self.run(Sql::new("delete from session where hash = ").text(hash)).await.map(|_| ())
    }

    /// Ends all sessions of a person: after a change of role or password.
    pub async fn end_sessions_of(&self, login: &Name) -> Result<u64, StoreError> {
        self.run(Sql::new("delete from session where login = ").text(login.as_str())).await
    }

    /// Keeps a token; false when its name is taken.
    pub async fn add_token(&self, token: &Token) -> Result<bool, StoreError> {
        let head = "insert into token (hash, name, role, queues, created_by, created_at) values ";
        let sql = Sql::new(head)
            .open()
            .text(&token.hash)
            .text(token.name.as_str())
            .text(&token.role)
            .text(&document(&token.queues)?)
            .text(token.created_by.as_str())
            .number(token.created_at.0)
            .close()
            .push(" on conflict do nothing");
        Ok(self.run(sql).await? > 0)
    }

    /// A token by the hash of its secret, unless it was taken back.
    pub async fn token(&self, hash: &str) -> Result<Option<Token>, StoreError> {
        let sql = Sql::new(TOKEN).push(" where revoked_at is null and hash = ").text(hash);
        self.row(sql).await?.as_ref().map(token_of).transpose()
    }

    /// All tokens by name, those taken back among them.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let sql = Sql::new(TOKEN).push(" order by name");
        self.rows(sql).await?.iter().map(token_of).collect()
    }

    /// Notes that a token was used. Callers do so at most once a minute per token.
    pub async fn touch_token(&self, hash: &str, now: Wall) -> Result<(), StoreError> {
        let sql = Sql::new("update token set used_at = ").number(now.0);
        self.run(sql.push(" where hash = ").text(hash)).await.map(|_| ())
    }

    /// Takes a token back; false when there is none of that name that is in force.
    pub async fn revoke_token(&self, name: &Name, now: Wall) -> Result<bool, StoreError> {
        let sql = Sql::new("update token set revoked_at = ").number(now.0);
        let sql = sql.push(" where revoked_at is null and name = ").text(name.as_str());
        Ok(self.run(sql).await? > 0)
    }

    /// Keeps a one-time link; earlier ones of the same person die.
    pub async fn add_link(&self, link: &Link) -> Result<(), StoreError> {
        let mut all = self.begin().await?;
        let sql = Sql::new("delete from link where login = ").text(link.login.as_str());
        run_in(&mut all, sql).await?;
        let head = "insert into link (hash, login, role, created_at, expires_at) values ";
        let sql = Sql::new(head)
            .open()
            .text(&link.hash)
            .text(link.login.as_str())
            .text(&link.role)
            .number(link.created_at.0)
            .number(link.expires_at.0)
            .close();
        run_in(&mut all, sql).await?;
        Ok(all.commit().await?)
    }

    /// Uses a one-time link up; `None` when there is none in force. Of two at once one gets it.
    pub async fn use_link(&self, hash: &str, now: Wall) -> Result<Option<Link>, StoreError> {
        let sql = Sql::new("update link set used_at = ")
            .number(now.0)
            .push(" where used_at is null and expires_at > ")
            .number(now.0)
            .push(" and hash = ")
            .text(hash)
            .push(" returning hash, login, role, created_at, expires_at");
        let Some(row) = self.row(sql).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        Ok(Some(Link {
            hash: columns.text()?,
            login: columns.name()?,
            role: columns.text()?,
            created_at: columns.wall()?,
            expires_at: columns.wall()?,
        }))
    }
}

fn person_of(row: &AnyRow) -> Result<Person, StoreError> {
    let mut columns = Columns::of(row);
    Ok(Person {
        login: columns.name()?,
        role: columns.text()?,
        queues: columns.doc("person")?,
        operator: columns.name_or_null()?,
        language: columns.text_or_null()?,
        password: columns.text_or_null()?,
        disabled: columns.truth()?,
        created_at: columns.wall()?,
    })
}

fn token_of(row: &AnyRow) -> Result<Token, StoreError> {
    let mut columns = Columns::of(row);
    Ok(Token {
        hash: columns.text()?,
        name: columns.name()?,
        role: columns.text()?,
        queues: columns.doc("token")?,
        created_by: columns.name()?,
        created_at: columns.wall()?,
        used_at: columns.wall_or_null()?,
        revoked_at: columns.wall_or_null()?,
    })
}
