//! Where the configuration comes from, and how another one takes its place while calls run.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};

use super::certificate::Certificate;
use super::config::{self, ConfigError, Document, Files, Site, Sources};
use super::driver::Reloaded;
use super::lines::Lines;
use super::outlets::Connected;
use super::web_site::web_site;
use super::{accounts, clock, people};
use crate::store::Store;
use crate::web::{Changed, Web};

/// Reads a configuration: a file or the defaults, the environment, and what was made beside it.
pub fn load(file: Option<&PathBuf>, made: Vec<Document>) -> Result<Site, ConfigError> {
    let environment = config::environment();
    let file = file.map(PathBuf::as_path);
    let sources = Sources { file, environment: &environment, made, files: Files::Read };
    config::load(&sources)
}

/// The configuration in use, and who has to hear of another one.
pub struct Source {
    file: Option<PathBuf>,
    store: Store,
    site: ArcSwap<Site>,
    /// One reload at a time, so that the last one read is the last one used.
    reloading: Mutex<()>,
    running: Option<Running>,
}

/// Who has to hear of another configuration.
pub struct Running {
    /// The driver.
    pub reloads: mpsc::Sender<Reloaded>,
    /// The web.
    pub web: Web,
    /// The certificate of the web's listener.
    pub certificate: Option<Certificate>,
    /// The sockets of telephones; `None`: none are open.
    pub lines: Option<Lines>,
    /// CRMs and messengers.
    pub connected: Connected,
    /// The key of hidden numbers.
    pub key: [u8; 32],
    /// Where the web listens, when no `public_url` says how to reach it.
    pub base: String,
}

/// The turn to change the configuration; held from the reading to the use.
pub struct Turn<'a>(#[expect(dead_code, reason = "held, never looked at")] MutexGuard<'a, ()>);

impl Source {
    /// The configuration of a command, or of a server when `running` says who hears of changes.
    pub fn new(
        file: Option<PathBuf>,
        store: Store,
        site: Arc<Site>,
        running: Option<Running>,
    ) -> Source {
        let site = ArcSwap::new(site);
        Source { file, store, site, reloading: Mutex::new(()), running }
    }

    /// The configuration in use.
    pub fn site(&self) -> Arc<Site> {
        self.site.load_full()
    }

    /// The database.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// What people put before a path of ours.
    pub fn public_url(&self) -> String {
        let site = self.site();
        let own = || match &self.running {
            Some(running) => running.base.clone(),
            None => format!("http://{}", site.web.listen),
        };
        site.web.public_url.clone().unwrap_or_else(own)
    }

    /// Waits for the turn to change the configuration.
    pub async fn turn(&self) -> Turn<'_> {
        Turn(self.reloading.lock().await)
    }

    /// Reads the file with these documents beside it; nothing is changed by that.
    pub fn read(&self, made: Vec<Document>) -> Result<Site, ConfigError> {
        load(self.file.as_ref(), made)
    }

    /// Reads the configuration again and lets everybody use it; says what changed. Fails without
    /// changing anything when it can not be used, the certificate among it.
    pub async fn reload(&self) -> anyhow::Result<Changed> {
        let turn = self.turn().await;
        let next = self.read(people::made(&self.store).await?)?;
        if let Some(certificate) = self.running.as_ref().and_then(|it| it.certificate.as_ref())
            && let Some(files) = &next.web.tls
        {
            certificate.renew(files)?;
        }
        if let Some(lines) = self.running.as_ref().and_then(|it| it.lines.as_ref()) {
            lines.renew(&next)?;
        }
        self.take(next, &turn).await
    }

    /// Lets everybody use a configuration that was read in this turn.
    pub async fn take(&self, mut next: Site, _turn: &Turn<'_>) -> anyhow::Result<Changed> {
        let now = self.site();
        let changed = now.diff(&next);
        let restart = next.keep_until_restart(&now);
        let next = Arc::new(next);
        let ended = people::sync(&self.store, &next, clock::wall()).await?;
        if let Some(running) = &self.running {
            let (done, told) = oneshot::channel();
            let accounts = Arc::new(accounts::accounts(&next));
            running.web.reload(web_site(&next, accounts.clone(), running.key, &running.base));
            let settings = next.settings.clone();
            let wiring = running.lines.as_ref().map(|lines| lines.rewire(&next));
            let reloaded = Reloaded { settings, accounts, wiring, done };
            running.reloads.send(reloaded).await.ok().context("the server is stopping")?;
            told.await.context("the server is stopping")?;
            running.connected.take(&next).await?;
        }
        self.site.store(next);
        for login in &ended {
            self.sign_out(login).await;
        }
        Ok(Changed { changed, restart, warnings: Vec::new() })
    }

    /// Ends the sessions of somebody whose rights changed, open streams among them, at once.
    pub async fn sign_out(&self, login: &crate::model::Name) {
        match &self.running {
            Some(running) => running.web.sign_out_all(login).await,
            None => {
                if let Err(error) = self.store.end_sessions_of(login).await {
                    tracing::warn!(%error, "sessions could not be ended");
                }
            }
        }
    }
}
