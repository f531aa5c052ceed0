//! The one door to an account of amoCRM: the gate, the token, the request, and what the answer
//! means.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::amocrm_auth::Auth;
use super::amocrm_gate::{Gate, Lane};
use super::amocrm_trouble::{Trouble, read};
use crate::connect::http::{Body, Call, Http, Method};

/// How long a request may take for which nobody waits.
const WITHIN: Duration = Duration::from_secs(20);

/// One request.
#[derive(Debug)]
pub struct Ask {
    /// Its place in the queue.
    pub lane: Lane,
    /// Its verb.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// What it carries.
    pub body: Option<Value>,
    /// How long it may take.
    pub within: Duration,
}

impl Ask {
    /// Reads something for a note.
    pub fn get(path: impl Into<String>) -> Ask {
        Ask { lane: Lane::Note, method: Method::Get, path: path.into(), body: None, within: WITHIN }
    }

    /// Makes something for a note.
    pub fn post(path: impl Into<String>, body: Value) -> Ask {
        let body = Some(body);
        Ask { lane: Lane::Note, method: Method::Post, path: path.into(), body, within: WITHIN }
    }

    /// Changes something for a note.
    pub fn patch(path: impl Into<String>, body: Value) -> Ask {
        Ask { method: Method::Patch, ..Ask::post(path, body) }
    }

    /// The same while a telephone rings.
    #[must_use]
    pub fn live(self, within: Duration) -> Ask {
        Ask { lane: Lane::Live, within, ..self }
    }
}

/// The door.
pub struct Door {
    /// Who we are.
    pub auth: Auth,
    /// How fast we may be.
    pub gate: Arc<Gate>,
    /// The beginning of every address, without a slash at its end.
    pub base: String,
    /// The way out.
    pub http: Http,
}

impl Door {
    /// Sends a request. `None`: a good answer without anything in it.
    pub async fn ask(&self, ask: Ask) -> Result<Option<Value>, Trouble> {
        let token = self.auth.token().await?;
        match self.once(&ask, &token).await {
            Err(Trouble::Unauthorised) => {
                let token = self.auth.instead_of(&token).await?;
                match self.once(&ask, &token).await {
                    Err(Trouble::Unauthorised) => {
                        Err(self.auth.end("a renewed token was not taken (401)").await)
                    }
                    other => other,
                }
            }
            other => other,
        }
    }

    async fn once(&self, ask: &Ask, token: &SecretString) -> Result<Option<Value>, Trouble> {
        let pass = self.gate.pass(ask.lane).await;
        let _pass = pass.map_err(|after| Trouble::Limited { after })?;
        let url = format!("{}{}", self.base, ask.path);
        let call = Call {
            method: ask.method,
            url: &url,
            headers: vec![("authorization", format!("Bearer {}", token.expose_secret()))],
            body: ask.body.as_ref().map_or(Body::Empty, Body::json),
            within: ask.within,
        };
        let answer = self.http.send(call).await?;
        let said = read(&answer, &self.gate);
        let path = ask.path.split('?').next().unwrap_or_default(); // a query holds a number
        let (status, request) = (answer.status, answer.request_id.as_deref().unwrap_or("-"));
        match &said {
            Ok(_) => tracing::debug!(status, path, request, "amoCRM answered"),
            // With the id by which the vendor's own people find it.
            Err(trouble) => tracing::info!(status, path, request, %trouble, "amoCRM did not do it"),
        }
        said
    }
}
