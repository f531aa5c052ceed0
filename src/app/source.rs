//! Where the configuration comes from, and how another one takes its place while calls run.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::config::{self, ConfigError, Extra, Files, Site, Sources};
use super::driver::Reloaded;
use super::web_site::web_site;
use super::{accounts, clock, people};
use crate::store::Store;
use crate::web::Web;

/// Reads a configuration: a file or the defaults, the environment, and what was made beside it.
pub fn load(file: Option<&PathBuf>, extra: Extra) -> Result<Site, ConfigError> {
    let environment = config::environment();
    let file = file.map(PathBuf::as_path);
    let sources = Sources { file, environment: &environment, extra, files: Files::Read };
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
    /// The key of hidden numbers.
    pub key: [u8; 32],
    /// Where the web listens, when no `public_url` says how to reach it.
    pub base: String,
}

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

    /// What people put before a path of ours.
    pub fn public_url(&self) -> String {
        let site = self.site();
        let own = || match &self.running {
            Some(running) => running.base.clone(),
            None => format!("http://{}", site.web.listen),
        };
        site.web.public_url.clone().unwrap_or_else(own)
    }

    /// Reads the configuration again and lets everybody use it; says what changed. Fails without
    /// changing anything when it can not be used.
    pub async fn reload(&self) -> anyhow::Result<Vec<String>> {
        let _turn = self.reloading.lock().await;
        let extra = people::extra(&self.store).await?;
        let next = Arc::new(load(self.file.as_ref(), extra)?);
        let changed = self.site().diff(&next);
        people::sync(&self.store, &next, clock::wall()).await?;
        if let Some(running) = &self.running {
            let (done, told) = oneshot::channel();
            let accounts = Arc::new(accounts::accounts(&next));
            running.web.reload(web_site(&next, accounts.clone(), running.key, &running.base));
            let settings = next.settings.clone();
            let reloaded = Reloaded { settings, accounts, done };
            running.reloads.send(reloaded).await.ok().context("the server is stopping")?;
            told.await.context("the server is stopping")?;
        }
        self.site.store(next);
        Ok(changed)
    }
}
