//! Who a page is: a browser's WebSocket is somebody's who is signed in, for as long as they are.
//!
//! This room knows no sessions. Whoever puts it together gives it an [`Admit`], which reads the
//! cookies of a page. What comes over the connection may only be in the name of that person's SIP
//! user, whatever password a page knows.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

/// What an [`Admit`] promises.
pub type Promised<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Says whose a page with these cookies is; `None`: nobody's who has a telephone.
pub type Admit = Arc<dyn Fn(String) -> Promised<Option<Guest>> + Send + Sync>;

/// Somebody who is signed in with a browser.
pub struct Guest {
    /// Their SIP user: the only one who may call and register over the connection.
    pub user: String,
    /// Resolves when they are signed out, or their role changes.
    pub over: Promised<()>,
}

/// The one [`Admit`] of these sockets; until it is there no page is let in.
#[derive(Default)]
pub(super) struct Doorman(OnceLock<Admit>);

impl Doorman {
    /// Takes it; a second one changes nothing.
    pub(super) fn set(&self, admit: Admit) {
        let _known = self.0.set(admit);
    }

    /// Whose a page with these cookies is.
    pub(super) async fn admit(&self, cookies: String) -> Option<Guest> {
        self.0.get()?(cookies).await
    }
}
