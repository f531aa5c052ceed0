//! What is wrong at this moment: looked at from outside, every part where its owner shows it.

use std::sync::Arc;

use tracing::debug;

use super::config::Site;
use super::expiry;
use super::orders::Desk;
use crate::connect::deliver::Outlets;
use crate::connect::notify::{Detail, Event, Fault, OFF, off_of};
use crate::model::{Period, Wall};
use crate::plan::Calendar;
use crate::store::{OUTBOX_ALARM, Store};
use crate::web::{Exchange, Web};

/// One mebibyte.
const MIB: u64 = 1024 * 1024;
/// A CRM or messenger that fails is a fault after this; what is shorter mends itself by repetition.
const FAILING_FOR: Period = Period::mins(5);

/// Where everything is looked at.
pub struct Watch {
    web: Web,
    exchange: Exchange,
    store: Store,
    outlets: Outlets,
    /// When this server began: before it nobody could be heard.
    began: Wall,
}

impl Watch {
    /// Looks at a server that began at a moment.
    pub fn new(
        web: &Web,
        exchange: &Exchange,
        desk: &Desk,
        outlets: &Outlets,
        began: Wall,
    ) -> Watch {
        let (web, exchange, store) = (web.clone(), exchange.clone(), desk.store.clone());
        Watch { web, exchange, store, outlets: outlets.clone(), began }
    }

    /// Everything that is wrong.
    pub async fn look(&self, site: &Site, now: Wall) -> Vec<Fault> {
        let mut faults = self.queues();
        faults.extend(self.trunks());
        faults.extend(self.accounts(site, now).await);
        faults.extend(self.targets(now));
        faults.extend(self.recipients(site).await);
        faults.extend(self.outbox().await);
        faults.extend(disk(site));
        faults.extend(certificate(site, now));
        faults
    }

    fn queues(&self) -> Vec<Fault> {
        let snapshot = self.exchange.snapshot();
        let empty = snapshot
            .queues
            .iter()
            .filter(|queue| queue.open && queue.members > 0 && queue.signed_in == 0);
        let empty = empty.map(|queue| Fault {
            queue: Some(queue.name.clone()),
            ..fault(Event::NobodyOnline, queue.name.as_str(), Detail::None)
        });
        empty.collect()
    }

    fn trunks(&self) -> Vec<Fault> {
        let lines = self.exchange.lines();
        let down = lines.trunks.iter().filter(|trunk| trunk.up == Some(false));
        down.map(|it| fault(Event::TrunkDown, it.name.as_str(), said(it.why.clone()))).collect()
    }

    async fn accounts(&self, site: &Site, now: Wall) -> Vec<Fault> {
        let mut faults = Vec::new();
        for account in self.web.account_health().await {
            let name = account.account.as_str();
            if account.state == "down" {
                faults.push(fault(Event::IntegrationFault, name, Detail::None));
            }
            let provider = site.providers.iter().find(|one| one.settings.name == account.account);
            let Some(provider) = provider else { continue };
            let queue = provider.settings.queue.as_ref();
            let queue = site.settings.queues.iter().find(|one| Some(&one.name) == queue);
            let calendar = queue.and_then(|queue| queue.calendar.clone());
            let always = || Arc::new(Calendar::always(site.settings.timezone.clone()));
            let calendar = calendar.unwrap_or_else(always);
            let last = account.last_at.unwrap_or(self.began);
            let silent_at = calendar.after_open(last, site.health.silent_after);
            if calendar.is_open(now) && silent_at <= now {
                let detail = account.last_at.map_or(Detail::None, Detail::At);
                faults.push(fault(Event::ProviderSilent, name, detail));
            }
        }
        faults
    }

    /// CRMs and messengers that are switched off until somebody acts, or have failed for a while.
    fn targets(&self, now: Wall) -> Vec<Fault> {
        let health = self.outlets.health();
        let faulty = health.into_iter().filter(|target| match target.state {
            "ok" | "dry_run" | "limited" => false,
            "failing" => now.since(target.since) >= FAILING_FOR,
            _ => true,
        });
        let fault = |target: crate::connect::deliver::TargetHealth| {
            let why = target.why.unwrap_or_else(|| target.state.to_owned());
            fault(Event::IntegrationFault, target.name.as_str(), said(why))
        };
        faulty.map(fault).collect()
    }

    /// Recipients that refuse us, told over the other targets.
    async fn recipients(&self, site: &Site) -> Vec<Fault> {
        let mut faults = Vec::new();
        for target in &site.targets {
            match self.store.outlet_word(&target.name, OFF).await {
                Ok(word) => faults.extend(off_of(word).into_iter().map(|(to, why)| {
                    let subject = format!("{} {}", target.name, hidden(&to));
                    fault(Event::IntegrationFault, &subject, said(why))
                })),
                Err(error) => {
                    debug!(%error, target = %target.name, "what a target keeps cannot be read")
                }
            }
        }
        faults
    }

    async fn outbox(&self) -> Option<Fault> {
        let counts = self.store.count_notes().await.ok()?;
        let waiting = counts.iter().filter(|count| count.state.is_waiting());
        let waiting: u64 = waiting.map(|count| count.count).sum();
        (waiting >= OUTBOX_ALARM)
            .then(|| fault(Event::OutboxGrowing, "outbox", Detail::Count(waiting)))
    }
}

/// The free space where everything that is kept lies.
fn disk(site: &Site) -> Option<Fault> {
    let found = rustix::fs::statvfs(&site.data_dir).ok()?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let whole = found.f_blocks.saturating_mul(found.f_frsize);
    let percent = u128::from(free) * 100 / u128::from(whole.max(1));
    let percent = u64::try_from(percent).unwrap_or(100);
    let detail = Detail::Free { percent, mib: free / MIB };
    (percent < u64::from(site.health.disk_free)).then(|| fault(Event::DiskLow, "data_dir", detail))
}

fn certificate(site: &Site, now: Wall) -> Option<Fault> {
    let file = &site.web.tls.as_ref()?.cert_file;
    let ends_at = expiry::ends_at(file).ok()?;
    let soon = now + site.health.certificate >= ends_at;
    soon.then(|| fault(Event::Certificate, "web.tls", Detail::At(ends_at)))
}

fn fault(event: Event, subject: &str, detail: Detail) -> Fault {
    Fault { event, subject: subject.to_owned(), queue: None, detail }
}

fn said(text: String) -> Detail {
    if text.is_empty() { Detail::None } else { Detail::Said(text) }
}

/// A recipient as people may see it: numbers and addresses hide their middle.
fn hidden(to: &str) -> String {
    match crate::model::Number::new(to) {
        Ok(number) => number.masked(),
        Err(_) => to.to_owned(),
    }
}
