//! The token server of the stand-in of Bitrix24.
//!
//! A refresh token lives until the tokens that replaced it are used: an answer that was lost can
//! be asked for again, but a token that was replaced and used is dead, and showing it is counted.

use std::collections::BTreeMap;

use serde_json::json;

use super::http::{Reply, Request};

/// What the application of the stand-in is known by.
pub const CLIENT_ID: &str = "local.65f0a1.navbat";
/// Its secret.
pub const CLIENT_SECRET: &str = "Vq8secretOfTheStandIn";
/// The portal's own key.
pub const MEMBER: &str = "a223c6b9410f85df78e9377d6c4f7213";
/// In whose name the application works.
pub const OWNER: u64 = 1;

/// Tokens and codes of one application.
pub struct Tokens {
    /// Access tokens and how many requests each is good for; `None` for any number.
    access: BTreeMap<String, Option<u32>>,
    /// The pair in force: access and refresh.
    current: (String, String),
    /// The refresh token before it, until the pair in force is used.
    before: Option<String>,
    code: Option<String>,
    uses: Option<u32>,
    counter: u64,
    /// Exchanges that gave tokens.
    pub exchanged: u64,
    /// Dead refresh tokens that were shown.
    pub reused: u64,
    /// An error that every exchange is answered with.
    pub refuses: Option<(u16, &'static str)>,
    /// What its answers call the portal's address, when that is not the stand-in's own.
    pub endpoint: Option<String>,
}

impl Tokens {
    pub(super) fn new() -> Tokens {
        let mut tokens = Tokens {
            access: BTreeMap::new(),
            current: (String::new(), String::new()),
            before: None,
            code: None,
            uses: None,
            counter: 0,
            exchanged: 0,
            reused: 0,
            refuses: None,
            endpoint: None,
        };
        tokens.issue();
        tokens
    }

    /// A refresh token to begin with.
    pub fn first(&self) -> String {
        self.current.1.clone()
    }

    /// A code of the consent page, good once.
    pub fn consent(&mut self) -> String {
        let code = format!("code{:06}", self.counter + 1);
        self.code = Some(code.clone());
        code
    }

    /// Every access token is past its hour now.
    pub fn expire(&mut self) {
        self.access.values_mut().for_each(|left| *left = Some(0));
    }

    /// Each access token is good for so many requests from now on.
    pub fn wear_out(&mut self, uses: Option<u32>) {
        self.uses = uses;
    }

    fn issue(&mut self) {
        self.counter += 1;
        let access = format!("access{:08}token", self.counter);
        let refresh = format!("refresh{:08}token", self.counter);
        self.access.insert(access.clone(), self.uses);
        self.current = (access, refresh);
    }

    /// One request with an access token.
    pub(super) fn uses(&mut self, token: &str) -> Result<(), (u16, &'static str, &'static str)> {
        let left = self.access.get_mut(token);
        let left = left.ok_or((401, "NO_AUTH_FOUND", "Wrong authorization data"))?;
        match left {
            Some(0) => {
                return Err((401, "expired_token", "The access token provided has expired."));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        if self.current.0 == token {
            self.before = None;
        }
        Ok(())
    }

    pub(super) fn exchange(&mut self, request: &Request, base: &str) -> Reply {
        let refused = |status: u16, code: &str| {
            Reply::json(status, &json!({ "error": code, "error_description": code }))
        };
        if request.method != "GET" {
            return refused(400, "invalid_request");
        }
        if let Some((status, code)) = self.refuses {
            return refused(status, code);
        }
        let field = |name: &str| request.query(name).unwrap_or_default();
        if (field("client_id"), field("client_secret")) != (CLIENT_ID, CLIENT_SECRET) {
            return refused(401, "invalid_client");
        }
        let proven = match field("grant_type") {
            "authorization_code" => self.code.take().is_some_and(|code| code == field("code")),
            "refresh_token" => {
                let shown = field("refresh_token");
                let alive = shown == self.current.1 || self.before.as_deref() == Some(shown);
                self.reused += u64::from(!alive && shown.starts_with("refresh"));
                alive
            }
            _ => return refused(400, "invalid_request"),
        };
        if !proven {
            return refused(400, "invalid_grant");
        }
        self.before = request.query("refresh_token").map(str::to_owned);
        self.issue();
        self.exchanged += 1;
        let endpoint = self.endpoint.clone().unwrap_or_else(|| format!("{base}/rest/"));
        Reply::json(
            200,
            &json!({
                "access_token": self.current.0,
                "refresh_token": self.current.1,
                "expires_in": 3600,
                "client_endpoint": endpoint,
                "server_endpoint": "https://oauth.bitrix24.tech/rest/",
                "member_id": MEMBER,
                "user_id": OWNER,
                "scope": "telephony,crm,user",
                "status": "L",
            }),
        )
    }
}
