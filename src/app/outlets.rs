//! From the configuration's CRMs and messengers to the adapters that run.

use std::sync::Arc;

use anyhow::anyhow;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::clock::{self, Clock};
use super::config::{self, Site};
use super::driver::AskOwner;
use super::{crms, targets};
use crate::acd::OWNER_WAIT;
use crate::connect::crm::{AmoCrm, AmoGate, AmoWays};
use crate::connect::deliver::{
    self, EVENTS, NewTarget, Outlet, Outlets, Publish, Shelf, StoreShelf, Wants, notes_of,
};
use crate::connect::http::Http;
use crate::connect::notify::Means;
use crate::model::Name;
use crate::store::{NotesOf, Store};
use crate::switch::Switch;
use crate::web::{self, Hub, Next, Reader, Role};

/// What adapters are made with.
struct Parts {
    http: Http,
    shelf: Arc<dyn Shelf>,
    clock: deliver::Clock,
    /// Where our own pages are, when the configuration does not say.
    base: String,
    /// amoCRM counts requests by address, so all its accounts pass one gate.
    gate: Arc<AmoGate>,
    /// What addresses of ours that peers are told are sealed with.
    key: [u8; 32],
}

/// The connected targets of a running server, and what the next ones are made with.
#[derive(Clone)]
pub struct Connected {
    /// They themselves.
    pub outlets: Outlets,
    store: Store,
    clock: deliver::Clock,
    base: String,
    gate: Arc<AmoGate>,
    key: [u8; 32],
}

impl Connected {
    /// Connects the targets of a configuration. Cards that the switch knows already are of an
    /// earlier life of this server and are not told again.
    pub async fn begin(
        store: &Store,
        clock: Clock,
        hub: &Hub,
        switch: &mut Switch,
        (site, base, key): (&Site, &str, [u8; 32]),
    ) -> anyhow::Result<Connected> {
        let pops = switch.snapshot(clock.now()).pops;
        let before = pops.iter().map(|pop| pop.offer).collect();
        let (store, hub) = (store.clone(), hub.clone());
        let clock: deliver::Clock = Arc::new(move || clock.now());
        let publish: Publish = Arc::new(move |live| {
            hub.publish(live);
        });
        let outlets = Outlets::new(store.clone(), clock.clone(), publish, before);
        let (base, gate) = (base.to_owned(), Arc::new(AmoGate::begun()));
        let connected = Connected { outlets, store, clock, base, gate, key };
        connected.take(site).await?;
        Ok(connected)
    }

    /// Puts the targets of a configuration in the place of those that run.
    pub async fn take(&self, site: &Site) -> anyhow::Result<()> {
        let parts = Parts {
            http: Http::new(&site.outgoing).map_err(|error| anyhow!("outgoing: {error}"))?,
            shelf: Arc::new(StoreShelf::new(self.store.clone(), self.clock.clone())),
            clock: self.clock.clone(),
            base: self.base.clone(),
            gate: self.gate.clone(),
            key: self.key,
        };
        let all = site.crms.iter().chain(&site.targets);
        let targets = all.filter_map(|own| target(own, site, &parts)).collect();
        self.outlets.swap(targets, wants(site)).await;
        Ok(())
    }

    /// Which notes a batch of records gives rise to.
    pub fn notes_of(&self) -> NotesOf {
        let outlets = self.outlets.clone();
        Arc::new(move |records| outlets.notes_of(records))
    }

    /// How the driver asks who is responsible for a client.
    pub fn ask_owner(&self) -> AskOwner {
        let outlets = self.outlets.clone();
        Arc::new(move |call, client, answer| {
            let outlets = outlets.clone();
            tokio::spawn(async move {
                let asked = outlets.owner(&client);
                let owner = tokio::time::timeout(OWNER_WAIT.as_duration(), asked).await;
                let _gone = answer.send((call, owner.ok().flatten())).await.is_err();
            });
        })
    }

    /// Hands what the screens are told to the cards at the CRMs, until asked to stop.
    pub async fn follow(self, hub: Hub, stop: CancellationToken) {
        loop {
            let Ok(mut seat) = hub.subscribe(&everything(), Vec::new(), None) else {
                warn!("too many live streams are open; the CRMs get no cards");
                return;
            };
            loop {
                let next = tokio::select! {
                    () = stop.cancelled() => return,
                    next = seat.next() => next,
                };
                match next {
                    Next::Event(event) => self.outlets.see(&event.live),
                    Next::Lost => warn!("cards at the CRMs were lost"),
                    Next::Closed => break,
                }
            }
        }
    }
}

/// The notes of a configuration for a command that runs without a server.
pub fn notes_without_server(site: &Site) -> NotesOf {
    let wants = wants(site);
    Arc::new(move |records| notes_of(records, &wants, clock::wall()))
}

/// Who sees every card.
fn everything() -> Arc<Reader> {
    Arc::new(Reader {
        login: "outlets".into(),
        role: Role::Admin,
        operator: None,
        queues: Vec::new(),
        language: None,
    })
}

/// What each target of the configuration wants to be told.
fn wants(site: &Site) -> Vec<(Name, Wants)> {
    site.crms.iter().map(|own| (own.name.clone(), wants_of(own))).collect()
}

fn wants_of(own: &config::Outlet) -> Wants {
    if own.kind != "webhook" {
        return Wants { calls: true, call_backs: own.missed_task, events: Vec::new() };
    }
    let events = own.words.get("events").filter(|events| !events.is_empty());
    let all = || EVENTS.iter().map(|event| (*event).to_owned()).collect();
    Wants { events: events.cloned().unwrap_or_else(all), ..Wants::default() }
}

fn target(own: &config::Outlet, site: &Site, parts: &Parts) -> Option<NewTarget> {
    let outlet: Arc<dyn Outlet> = match adapter(own, site, parts) {
        Ok(outlet) => outlet,
        Err(error) => {
            warn!(target = %own.name, %error, "the target is not connected; its notes wait");
            return None;
        }
    };
    Some(NewTarget { outlet, kind: own.kind, dry_run: own.dry_run })
}

fn adapter(own: &config::Outlet, site: &Site, parts: &Parts) -> anyhow::Result<Arc<dyn Outlet>> {
    let Parts { http, shelf, clock, base, gate, key } = parts;
    let (http, shelf, clock) = (http.clone(), shelf.clone(), clock.clone());
    Ok(match own.kind {
        "amocrm" => {
            let settings = config::amocrm::settings(own, site).map_err(|why| anyhow!(why))?;
            Arc::new(AmoCrm::new(settings, AmoWays { http, gate: gate.clone(), shelf, clock }))
        }
        "bitrix24" => Arc::new(crms::bitrix24(own, site, http, shelf)?),
        "webhook" => {
            let wall = Arc::new(move || clock().wall);
            let public = site.web.public_url.as_deref().unwrap_or(base);
            Arc::new(crms::webhook(own, public, http, wall)?)
        }
        kind => {
            // Where only this machine is named nobody outside could report to us.
            let public = site.web.public_url.as_deref();
            let reports = public.map(|base| format!("{base}{}", web::visit_path(key, &own.name)));
            targets::channel(own, reports, &Means { http, shelf, clock })?
                .ok_or_else(|| anyhow!("{kind} has no adapter"))?
        }
    })
}
