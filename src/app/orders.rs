//! What an administrator may order from the command line, and how it is carried out: by the
//! running server, or by the command itself when none runs.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::source::Source;
use super::{clock, explain, making, people};
use crate::model::{Language, Name, Wall};
use crate::store::{self, AuditRow, Journal, Person, Store, Token};
use crate::web::{self, Change, Changed, Role, Sort};

/// Who did it, in the audit.
const BY: &str = "command line";

/// One order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Read the configuration again.
    Reload,
    /// Add an operator, or change one that was made here.
    AddOperator {
        /// Unique.
        name: String,
        /// Of the panel.
        login: Option<String>,
        /// How providers name them.
        aliases: Vec<String>,
    },
    /// List operators.
    ListOperators,
    /// Disable an operator.
    DisableOperator {
        /// Whom.
        name: String,
    },
    /// Add a user, or give one another link.
    AddUser {
        /// Unique.
        login: String,
        /// What they may do.
        role: String,
    },
    /// List users.
    ListUsers,
    /// Disable a user.
    DisableUser {
        /// Whom.
        login: String,
    },
    /// Create a token.
    CreateToken {
        /// What it may do.
        role: String,
        /// What it is for.
        name: String,
    },
    /// List tokens.
    ListTokens,
    /// Revoke a token.
    RevokeToken {
        /// Which.
        name: String,
    },
    /// Copy journal and database.
    Backup {
        /// Where to.
        to: Option<PathBuf>,
    },
    /// Explain a call.
    ExplainCall {
        /// Its id or key.
        call: String,
        /// The language.
        lang: Option<String>,
    },
    /// Explain an operator's rings.
    ExplainOperator {
        /// Whose.
        operator: String,
        /// From.
        from: Option<String>,
        /// To.
        to: Option<String>,
        /// The language.
        lang: Option<String>,
    },
}

/// What to print.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Lines for a person.
    pub text: String,
}

/// Who carries orders out.
#[derive(Clone)]
pub struct Desk {
    /// The database.
    pub store: Store,
    /// The journal.
    pub journal: Journal,
    /// The running server's configuration, or the one that was read for this command.
    pub source: Arc<Source>,
}

/// What a reload did, for a person.
fn told(changed: &Changed) -> String {
    let mut lines = changed.changed.clone();
    if !changed.restart.is_empty() {
        let keys = changed.restart.join(", ");
        lines.push(format!("needs a restart, the running server keeps what it has: {keys}"));
    }
    lines.join("\n")
}

impl Desk {
    /// Carries an order out. Fails with what the person can do about it.
    pub async fn carry_out(&self, order: Order) -> anyhow::Result<Done> {
        let text = match order {
            Order::Reload => told(&self.source.reload().await?),
            Order::AddOperator { name, login, aliases } => {
                self.add_operator(&name, login, aliases).await?
            }
            Order::ListOperators => self.list_operators(),
            Order::DisableOperator { name } => self.disable(Sort::Operator, &name).await?,
            Order::AddUser { login, role } => self.add_user(&login, &role).await?,
            Order::ListUsers => self.list_users().await?,
            Order::DisableUser { login } => self.disable(Sort::User, &login).await?,
            Order::CreateToken { role, name } => self.create_token(&role, &name).await?,
            Order::ListTokens => self.list_tokens().await?,
            Order::RevokeToken { name } => self.revoke_token(&name).await?,
            Order::Backup { to } => self.backup(to).await?,
            Order::ExplainCall { call, lang } => {
                let zone = &self.source.site().settings.timezone;
                explain::call(&self.store, &call, self.language(lang)?, zone).await?
            }
            Order::ExplainOperator { operator, from, to, lang } => {
                let zone = &self.source.site().settings.timezone;
                let moment = |text: Option<String>| {
                    text.map(|text| explain::moment(&text, zone)).transpose()
                };
                let (from, to) = (moment(from)?, moment(to)?.unwrap_or_else(clock::wall));
                let asked = explain::Asked { operator: &operator, from, to };
                explain::operator(&self.store, &asked, self.language(lang)?, zone).await?
            }
        };
        Ok(Done { text })
    }

    fn language(&self, asked: Option<String>) -> anyhow::Result<Language> {
        let word = asked.unwrap_or_else(|| self.source.site().language.word().to_owned());
        Language::of(&word).with_context(|| format!("no texts in `{word}`: uz, uz-Cyrl, ru, en"))
    }

    async fn add_operator(
        &self,
        name: &str,
        login: Option<String>,
        aliases: Vec<String>,
    ) -> anyhow::Result<String> {
        let mut keys = Map::new();
        keys.insert(String::from("login"), login.clone().into());
        keys.insert(String::from("aliases"), aliases.into());
        let (sort, own) = (Sort::Operator, name.to_owned());
        let made = self.store.made(sort.word()).await?;
        let change = match made.iter().any(|made| made.name.as_str() == name) {
            true => Change::Put { sort, name: own, keys },
            false => Change::Make { sort, name: own, keys },
        };
        making::make(&self.source, change).await.with_context(|| format!("{name} is not added"))?;
        self.note("operator add", name).await?;
        match login {
            Some(login) => {
                let link = self.link(&Name::from(login), Role::Operator).await?;
                Ok(format!("{name} is added.\nOne hour, once: {link}"))
            }
            None => Ok(format!("{name} is added.")),
        }
    }

    fn list_operators(&self) -> String {
        let site = self.source.site();
        let line = |one: &crate::acd::OperatorSettings| {
            let aliases: Vec<String> = one
                .aliases
                .iter()
                .map(|of| match &of.account {
                    Some(account) => format!("{account}:{}", of.alias),
                    None => of.alias.clone(),
                })
                .collect();
            let login = one.login.as_ref().map_or("-", Name::as_str);
            let off = if one.disabled { "  disabled" } else { "" };
            format!("{:<20} {login:<16} {}{off}", one.name.as_str(), aliases.join(", "))
        };
        site.settings.operators.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    async fn disable(&self, sort: Sort, name: &str) -> anyhow::Result<String> {
        let change = Change::Disable { sort, name: name.to_owned(), disabled: true };
        making::make(&self.source, change)
            .await
            .with_context(|| format!("{name} is not disabled"))?;
        self.note(&format!("{} disable", sort.word()), name).await?;
        Ok(format!("{name} is disabled."))
    }

    async fn add_user(&self, login: &str, role: &str) -> anyhow::Result<String> {
        let wanted = Role::of(role).with_context(|| format!("no role is called `{role}`"))?;
        let known = self.store.person(login).await?;
        match known.filter(|person| !person.disabled) {
            Some(person) if person.role != wanted.word() => {
                bail!("{login} has the role {}", person.role);
            }
            Some(_) => {}
            None => self.make_user(login, wanted).await?,
        }
        self.note("user add", login).await?;
        let link = self.link(&login.into(), wanted).await?;
        Ok(format!("One hour, once: {link}"))
    }

    /// Makes a user, or lets one in again who was disabled.
    async fn make_user(&self, login: &str, role: Role) -> anyhow::Result<()> {
        let mut keys = Map::new();
        keys.insert(String::from("role"), role.word().into());
        let (sort, name) = (Sort::User, login.to_owned());
        let made = people::made(&self.store).await?;
        let change = match made.iter().any(|one| one.sort == sort && one.name == name) {
            true => Change::Put { sort, name, keys },
            false => Change::Make { sort, name, keys },
        };
        making::make(&self.source, change)
            .await
            .with_context(|| format!("{login} is not added"))?;
        Ok(())
    }

    async fn list_users(&self) -> anyhow::Result<String> {
        let line = |one: &Person| {
            let state = match (one.disabled, &one.password) {
                (true, _) => "disabled",
                (false, None) => "no password yet",
                (false, Some(_)) => "",
            };
            format!("{:<20} {:<12} {state}", one.login.as_str(), one.role).trim_end().to_owned()
        };
        Ok(self.store.people().await?.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    async fn create_token(&self, role: &str, name: &str) -> anyhow::Result<String> {
        let role = Role::of(role).with_context(|| format!("no role is called `{role}`"))?;
        let secret = web::secret().context("this machine has no randomness")?;
        let token = Token {
            hash: web::kept(&secret),
            name: name.into(),
            role: role.word().to_owned(),
            queues: Vec::new(),
            created_by: BY.into(),
            created_at: clock::wall(),
            used_at: None,
            revoked_at: None,
        };
        if !self.store.add_token(&token).await? {
            bail!("a token called `{name}` was made before; take another name");
        }
        self.note("token create", name).await?;
        Ok(secret)
    }

    async fn list_tokens(&self) -> anyhow::Result<String> {
        let line = |one: &Token| {
            let used = one.used_at.map_or(String::from("never used"), Wall::rfc3339);
            let state = if one.revoked_at.is_some() { "revoked" } else { used.as_str() };
            format!("{:<20} {:<12} {state}", one.name.as_str(), one.role)
        };
        Ok(self.store.tokens().await?.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    async fn revoke_token(&self, name: &str) -> anyhow::Result<String> {
        if !self.store.revoke_token(&name.into(), clock::wall()).await? {
            bail!("no token in force is called `{name}`");
        }
        self.note("token revoke", name).await?;
        Ok(format!("{name} is revoked."))
    }

    async fn backup(&self, to: Option<PathBuf>) -> anyhow::Result<String> {
        let stamp: String = clock::wall().rfc3339().chars().filter(|c| *c != ':').collect();
        let stamp = stamp.get(..17).unwrap_or(&stamp);
        let to = to.unwrap_or_else(|| self.source.site().data_dir.join("backups").join(stamp));
        let files = store::backup(&self.journal, &self.store, &to).await?;
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        Ok(names.join("\n"))
    }

    async fn link(&self, login: &Name, role: Role) -> anyhow::Result<String> {
        let secret = people::link(&self.store, login, role, clock::wall()).await?;
        Ok(format!("{}/setup#{secret}", self.source.public_url()))
    }

    async fn note(&self, act: &str, object: &str) -> anyhow::Result<()> {
        let at = clock::wall();
        let row = AuditRow {
            id: uuid::Uuid::now_v7().to_string(),
            at,
            login: BY.into(),
            act: act.to_owned(),
            object: object.to_owned(),
            doc: json!({ "from": "command line" }).to_string(),
        };
        Ok(self.store.add_audit(&row).await?)
    }
}
