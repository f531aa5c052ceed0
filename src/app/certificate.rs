//! The certificate of a listener: read at the start, at a reload, and when its files change.
//!
//! Programs that renew certificates put new files into the place of the old ones, often the key a
//! moment after the chain. So the folder is watched, a burst of changes is waited out, and files
//! that do not fit leave the certificate in use as it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use notify::{RecursiveMode, Watcher};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::config::Tls;
use crate::web::ServerTls;

/// Quiet for this long ends a burst of changes. Shorter reads half-written pairs and says so
/// needlessly, longer lets an old certificate serve for that time.
const SETTLED_AFTER: Duration = Duration::from_millis(200);

/// Changes on their way to the task that reads; one says as much as many.
const NEWS_MAX: usize = 1;

/// A certificate that connections are served with; copies are the same certificate.
#[derive(Clone)]
pub struct Certificate {
    served: ServerTls,
    files: watch::Sender<Tls>,
}

impl Certificate {
    /// Reads a certificate and its key. Fails on files that cannot be read or do not fit.
    pub fn open(files: &Tls) -> anyhow::Result<Certificate> {
        let served = ServerTls::new(read(files)?);
        Ok(Certificate { served, files: watch::Sender::new(files.clone()) })
    }

    /// What the listener serves.
    pub fn served(&self) -> ServerTls {
        self.served.clone()
    }

    /// Reads files, perhaps other ones, and serves them from the next connection on. Fails
    /// without changing anything.
    pub fn renew(&self, files: &Tls) -> anyhow::Result<()> {
        self.served.swap(read(files)?);
        self.files.send_replace(files.clone());
        Ok(())
    }

    /// Follows the files until asked to stop.
    pub async fn follow(self, stop: CancellationToken) {
        let mut named = self.files.subscribe();
        loop {
            let files = named.borrow_and_update().clone();
            let (news, mut heard) = mpsc::channel(NEWS_MAX);
            let watching = watch_folders(&files, news);
            match &watching {
                // What changed before the watch began would never be told.
                Ok(_) => self.reread(&files),
                Err(error) => {
                    warn!(%error, "the certificate's folder cannot be watched: reload after a renewal");
                }
            }
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    renamed = named.changed() => match renamed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    Some(()) = heard.recv(), if watching.is_ok() => {
                        settle(&mut heard).await;
                        self.reread(&files);
                    }
                }
            }
        }
    }

    fn reread(&self, files: &Tls) {
        match read(files) {
            Ok(config) => {
                self.served.swap(config);
                debug!(file = %files.cert_file.display(), "the certificate was read again");
            }
            Err(error) => {
                let error = format!("{error:#}");
                warn!(error, "the changed certificate cannot be used: the old one stays");
            }
        }
    }
}

/// Waits for the end of a burst of changes.
async fn settle(heard: &mut mpsc::Receiver<()>) {
    while let Ok(Some(())) = tokio::time::timeout(SETTLED_AFTER, heard.recv()).await {}
}

/// Watches the folders of both files; ends when the watcher is dropped.
fn watch_folders(
    files: &Tls,
    news: mpsc::Sender<()>,
) -> notify::Result<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _told_already = news.try_send(()).is_err();
        }
    })?;
    let mut folders: Vec<PathBuf> =
        [&files.cert_file, &files.key_file].iter().map(|file| folder(file)).collect();
    folders.dedup();
    for folder in folders {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

fn folder(file: &Path) -> PathBuf {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}

/// Reads a certificate and its key. Fails on files that cannot be read or do not fit.
pub fn read(files: &Tls) -> anyhow::Result<Arc<rustls::ServerConfig>> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain = CertificateDer::pem_file_iter(&files.cert_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read {}", files.cert_file.display()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key_file)
        .with_context(|| format!("cannot read {}", files.key_file.display()))?;
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(chain, key).context("certificate and key do not fit")?;
    Ok(Arc::new(config))
}
