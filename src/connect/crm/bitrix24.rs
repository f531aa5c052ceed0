//! Bitrix24: the card while it rings, the call in the statistics and the CRM, who the client is.
//!
//! An OAuth application of one portal; several portals are several of these. Every request passes
//! the portal's bucket, ring-time ones first. Contract: `docs` of the vendor's REST interface, and
//! what was relied on stands beside each use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::bitrix24_auth::{Grant, Installed, Portal, Session};
use super::bitrix24_bucket::{Bucket, Lane, Rate};
use super::bitrix24_calls::Calls;
use super::bitrix24_users::{Staff, Users, person};
use super::bitrix24_visits::Clicks;
use super::bitrix24_wire::{self as wire, Told, Trouble};
use crate::connect::deliver::{Crm, Found, Later, Note, Outlet, PopTold, Shelf, Verdict, Visits};
use crate::connect::http::{Body, Call, Http, Method};
use crate::model::{ClientView, Name, NoteBody, Number, Pop};

/// How long a ring-time request may take. The documented answers take about a second; a card that
/// comes later than this is of no use.
const LIVE_WITHIN: Duration = Duration::from_secs(4);
/// How long any other request may take: the portal itself ends one after 60 seconds, so past this
/// its effect has happened or never will.
const NOTES_WITHIN: Duration = Duration::from_secs(65);
/// Pages of people that are read: 50 people each.
const PAGES_MAX: u64 = 100;
/// Tokens that end under one request, each after it was good for others, are no chance any more.
const RENEWALS_MAX: u32 = 3;

/// What one `[crm.NAME]` of kind `bitrix24` says.
pub struct Settings {
    /// Its name.
    pub name: Name,
    /// The portal's host, `example.bitrix24.uz`, or that of an installation of one's own.
    pub portal: String,
    /// Where to ask instead of the portal and the vendor's token server; must stand in
    /// `outgoing.allow` when it is private. For trials.
    pub base: Option<String>,
    /// Of the application.
    pub client_id: String,
    /// Of the application.
    pub client_secret: SecretString,
    /// A refresh token to begin with; without one the portal is connected by installing.
    pub token: Option<SecretString>,
    /// Operators by name.
    pub staff: BTreeMap<Name, Staff>,
    /// Whether an unknown caller becomes a lead or contact there.
    pub creates: bool,
    /// What the portal bears.
    pub rate: Rate,
    /// How long to wait before a lost answer is looked up; [`LOOK_UP_AFTER`] outside of trials.
    pub look_up_after: Duration,
}

/// A request may still be at work in the portal when its answer is lost; after this it is not.
pub const LOOK_UP_AFTER: Duration = NOTES_WITHIN;

/// One portal.
pub struct Bitrix24 {
    pub(super) name: Name,
    /// What addresses of its pages begin with.
    pub(super) pages: String,
    pub(super) session: Arc<Session>,
    http: Http,
    bucket: Bucket,
    rate: Rate,
    look_up_after: Duration,
    pub(super) calls: Calls,
    pub(super) clicks: Clicks,
    pub(super) users: Users,
    pub(super) creates: bool,
    /// Lines that the portal was told of.
    pub(super) lines: parking_lot::Mutex<BTreeSet<Number>>,
}

impl Bitrix24 {
    /// A portal; nothing is asked yet. Fails when `portal` or `base` is no host name or address.
    pub fn new(
        settings: Settings,
        http: Http,
        shelf: Arc<dyn Shelf>,
    ) -> Result<Bitrix24, &'static str> {
        let pages = root(&settings.portal)?;
        let base = settings.base.map(|base| base.trim_end_matches('/').to_owned());
        let root = base.clone().unwrap_or_else(|| pages.clone());
        let portal = Portal { root, pages: pages.clone(), oauth: base };
        let session = Session::new(
            settings.name.clone(),
            http.clone(),
            shelf,
            portal,
            (settings.client_id, settings.client_secret),
            settings.token,
        );
        Ok(Bitrix24 {
            name: settings.name,
            pages,
            session: Arc::new(session),
            http,
            bucket: Bucket::new(settings.rate),
            rate: settings.rate,
            look_up_after: settings.look_up_after,
            calls: Calls::default(),
            clicks: Clicks::default(),
            users: Users::new(settings.staff),
            creates: settings.creates,
            lines: parking_lot::Mutex::default(),
        })
    }

    /// Connects the portal with the code that its consent page brought, within 30 seconds.
    pub async fn connect(&self, code: &str) -> Result<(), String> {
        self.session.connect(code).await.map_err(|trouble| trouble.why())
    }

    /// Connects the portal by what its installation event brought.
    pub async fn adopt(&self, installed: Installed) -> Result<(), String> {
        self.session.adopt(installed).await.map_err(|trouble| trouble.why())
    }

    /// What events of the portal must carry; `None` while it was never told.
    pub async fn application_token(&self) -> Result<Option<SecretString>, String> {
        self.session.application_token().await.map_err(|trouble| trouble.why())
    }

    /// Asks the portal to send its click-to-call event to an address of ours.
    pub async fn subscribe(&self, handler: &str) -> Result<(), String> {
        let fields = json!({ "event": "OnExternalCallStart", "handler": handler });
        let told = self.ask(Lane::Notes, "event.bind", fields).await;
        told.map(|_| ()).map_err(|trouble| trouble.why())
    }

    /// Asks the portal, with the token refreshed when it is past its hour. A token may end while a
    /// request waits for its room, also one that was refreshed a moment ago: only one that never
    /// was good for anything means that the portal has to be connected again.
    pub(super) async fn ask(
        &self,
        lane: Lane,
        method: &str,
        fields: Value,
    ) -> Result<Told, Trouble> {
        let mut grant = self.session.grant().await?;
        let mut renewals = 0;
        loop {
            let told = self.send(lane, method, &fields, &grant).await;
            if told.is_ok() {
                grant.prove();
            }
            if !matches!(told, Err(Trouble::Expired)) {
                return told;
            }
            match (renewals, grant.is_proven()) {
                (0, _) | (..RENEWALS_MAX, true) => grant = self.session.renew(&grant).await?,
                (_, false) => return told,
                (_, true) => {
                    let why = String::from("the access token ended again and again");
                    return Err(Trouble::Unsent { why });
                }
            }
            renewals += 1;
        }
    }

    async fn send(
        &self,
        lane: Lane,
        method: &str,
        fields: &Value,
        grant: &Grant,
    ) -> Result<Told, Trouble> {
        self.bucket.room(lane).await;
        let mut body = fields.clone();
        if let Some(body) = body.as_object_mut() {
            body.insert(String::from("auth"), Value::from(grant.access_token.as_str()));
        }
        let call = Call {
            method: Method::Post,
            url: &format!("{}/{method}", grant.client_endpoint.trim_end_matches('/')),
            headers: vec![("accept", String::from("application/json"))],
            body: Body::json(&body),
            within: match lane {
                Lane::Live => LIVE_WITHIN,
                Lane::Notes => NOTES_WITHIN,
            },
        };
        let answer = self.http.send(call).await.map_err(|error| wire::unanswered(&error))?;
        let told = wire::read(&answer, |text| self.session.clean(text));
        if let Err(Trouble::Limit { after, .. }) = &told {
            tracing::warn!(crm = %self.name, ?after, "the portal's limit was met");
            self.bucket.rest(*after);
        }
        told
    }

    /// Reads the people of the portal when what is known of them is old.
    pub(super) async fn learn_users(&self, lane: Lane) -> Result<(), Trouble> {
        if !self.users.are_due() {
            return Ok(());
        }
        let mut people = Vec::new();
        let mut start = 0;
        for _ in 0..PAGES_MAX {
            let fields = json!({ "FILTER": { "ACTIVE": true }, "start": start });
            let told = self.ask(lane, wire::USERS, fields).await?;
            let rows = told.result.as_array().map_or(&[][..], Vec::as_slice);
            people.extend(rows.iter().filter_map(person));
            let Some(next) = told.next else { break };
            start = next;
        }
        self.users.learn(people);
        Ok(())
    }
}

impl Outlet for Bitrix24 {
    fn name(&self) -> &Name {
        &self.name
    }

    fn pace(&self) -> (f64, u32) {
        // A note is four requests; the bucket here holds each of them to the portal's own limit.
        (self.rate.per_second / 2.0, 4)
    }

    fn deliver<'a>(&'a self, note: &'a Note) -> Later<'a, Verdict> {
        Box::pin(async move {
            match &note.body {
                NoteBody::Call { call } => self.log(note, call).await,
                NoteBody::CallBack { .. } | NoteBody::Reached { .. } => Verdict::Skipped {
                    why: String::from("the missed call itself stands in the CRM as an activity"),
                },
                NoteBody::Event { .. } | NoteBody::Message(_) => {
                    Verdict::Skipped { why: String::from("not for a CRM") }
                }
            }
        })
    }

    fn look_up<'a>(&'a self, note: &'a Note) -> Later<'a, Found> {
        Box::pin(async move {
            match &note.body {
                NoteBody::Call { call } => self.find_logged(call).await,
                NoteBody::CallBack { .. }
                | NoteBody::Reached { .. }
                | NoteBody::Event { .. }
                | NoteBody::Message(_) => Found::No,
            }
        })
    }

    fn look_up_after(&self) -> Duration {
        self.look_up_after
    }

    fn probe(&self) -> Later<'_, Result<(), String>> {
        Box::pin(async move {
            let fields = json!({ "FILTER": { "ACTIVE": true, "ID": 1 } });
            self.ask(Lane::Notes, wire::USERS, fields).await.map_err(|trouble| trouble.why())?;
            self.learn_users(Lane::Notes).await.map_err(|trouble| trouble.why())
        })
    }

    fn crm(&self) -> Option<&dyn Crm> {
        Some(self)
    }

    fn visits(&self) -> Option<&dyn Visits> {
        Some(self)
    }
}

impl Crm for Bitrix24 {
    fn pop<'a>(&'a self, pop: &'a Pop) -> Later<'a, PopTold> {
        Box::pin(self.card(pop))
    }

    fn client<'a>(&'a self, number: &'a Number) -> Later<'a, ClientView> {
        Box::pin(self.who_has(number))
    }
}

/// `https://` and the host of a portal, from the host alone or its address. What else an address
/// can carry (a user, a path, a query) is refused: it would change where requests go.
fn root(portal: &str) -> Result<String, &'static str> {
    let host = portal.strip_prefix("https://").unwrap_or(portal).trim_end_matches('/');
    let host = host.to_ascii_lowercase();
    let (name, port) = host.split_once(':').unwrap_or((&host, "443"));
    let is_part = |part: &str| {
        let plain = part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        plain && (1..=63).contains(&part.len()) && !part.starts_with('-') && !part.ends_with('-')
    };
    let is_name = name.len() <= 253 && name.contains('.') && name.split('.').all(is_part);
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    if is_name && is_port {
        Ok(format!("https://{host}"))
    } else {
        Err("not the host name of a portal, like example.bitrix24.uz")
    }
}

/// Whether a text names a portal.
pub fn is_portal(portal: &str) -> bool {
    root(portal).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_name_is_a_portal() {
        assert_eq!(root("Example.bitrix24.uz"), Ok(String::from("https://example.bitrix24.uz")));
        assert_eq!(root("https://crm.firm.uz:8443/").as_deref(), Ok("https://crm.firm.uz:8443"));
        for wrong in [
            "",
            "localhost",
            "http://example.bitrix24.uz",
            "example.bitrix24.uz/rest",
            "example.bitrix24.uz@evil.uz",
            "a b.uz",
            "evil.uz?x=.bitrix24.uz",
            "evil.uz#.bitrix24.uz",
            "-a.uz",
            "a..uz",
            "[::1].uz",
            "example.bitrix24.uz:0",
            "example.bitrix24.uz:x",
        ] {
            assert!(root(wrong).is_err(), "{wrong}");
        }
    }
}
