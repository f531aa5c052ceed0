//! Where a carrier is: NAPTR, SRV and addresses (RFC 3263).
//!
//! Nothing here runs while a message waits. Names are asked for beside the calls (`names.rs`),
//! and an answer that was good once is used until a better one comes.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ProtocolConfig, ResolverConfig,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError as LookupError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use rand::RngExt;

use crate::sip::{Hop, Transport};

/// One question may take so long. Longer keeps an outage of the name server hidden.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// One try of one server within that, so that a lost packet is repeated in time.
const TRY_WITHIN: Duration = Duration::from_millis(900);
/// Addresses of one carrier that are used. More makes a failing call try longer.
const HOPS_MAX: usize = 16;
/// Records of one answer that are looked at.
const RECORDS_MAX: usize = 32;
/// How long an address that was written as one holds.
const LITERAL_FOR: Duration = Duration::from_secs(3600);

/// A carrier as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A name or an address.
    pub host: String,
    /// `None`: SRV records say, or the transport's own.
    pub port: Option<u16>,
    /// `None`: NAPTR or SRV records say, or UDP.
    pub transport: Option<Transport>,
}

/// Where a carrier is, in the order to try, and how long that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// At least one.
    pub hops: Vec<Hop>,
    /// The shortest life of the answers.
    pub holds_for: Duration,
}

/// Why a carrier was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name servers know no address for it, or say that it offers no SIP.
    #[error("`{0}` has no address")]
    Unknown(String),
    /// No name server answered in time.
    #[error("no name server answered about `{0}`")]
    Silent(String),
    /// This machine has no name server.
    #[error("this machine has no name server (/etc/resolv.conf)")]
    NoServer,
}

/// The name servers that are asked.
#[derive(Clone)]
pub struct Names {
    resolver: Option<TokioResolver>,
}

/// One SRV record.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Service {
    priority: u16,
    weight: u16,
    port: u16,
    host: String,
}

impl Names {
    /// The name servers of this machine. Without any, only addresses are found.
    pub fn system() -> Names {
        let resolver = TokioResolver::builder_tokio().ok().and_then(|mut builder| {
            Names::tune(builder.options_mut());
            builder.build().ok()
        });
        Names { resolver }
    }

    /// One name server of one's own choice.
    pub fn at(server: SocketAddr) -> Names {
        let mut udp = ConnectionConfig::new(ProtocolConfig::Udp);
        udp.port = server.port();
        let server = NameServerConfig::new(server.ip(), true, vec![udp]);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let runtime = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, runtime);
        Names::tune(builder.options_mut());
        Names { resolver: builder.build().ok() }
    }

    fn tune(options: &mut hickory_resolver::config::ResolverOpts) {
        options.timeout = TRY_WITHIN;
        options.attempts = 1; // after the first: two packets within the time of an answer
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        // An answer "there is none" is not kept: a carrier that comes back must be found.
        options.negative_max_ttl = Some(Duration::ZERO);
    }

    /// Finds a carrier by RFC 3263 section 4. Fails when nothing is known or nobody answers.
    pub async fn find(&self, target: &Target) -> Result<Found, NameError> {
        let plain = target.host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = plain.parse::<IpAddr>() {
            let transport = target.transport.unwrap_or(Transport::Udp);
            let port = target.port.unwrap_or(transport.port());
            let hops = vec![hop(transport, address, port)];
            return Ok(Found { hops, holds_for: LITERAL_FOR });
        }
        let mut search = Search { names: self, target, hops: Vec::new(), until: None };
        search.run().await?;
        if search.hops.is_empty() {
            return Err(NameError::Unknown(target.host.clone()));
        }
        let holds_for = search
            .until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
        Ok(Found { hops: search.hops, holds_for })
    }
}

/// One search, as far as it got.
struct Search<'a> {
    names: &'a Names,
    target: &'a Target,
    hops: Vec<Hop>,
    until: Option<Instant>,
}

impl Search<'_> {
    async fn run(&mut self) -> Result<(), NameError> {
        let host = self.target.host.as_str();
        let transport = self.target.transport;
        if let Some(port) = self.target.port {
            return self.addresses(host, transport.unwrap_or(Transport::Udp), port).await;
        }
        let services = match transport {
            Some(transport) => vec![(transport, service_name(transport, host))],
            None => self.offered(host).await?,
        };
        let mut told = false;
        for (transport, name) in services {
            told |= self.services(transport, &name).await?;
        }
        if told {
            return Ok(());
        }
        let transport = transport.unwrap_or(Transport::Udp);
        self.addresses(host, transport, transport.port()).await
    }

    /// What NAPTR records offer, in their order; without any, the usual services.
    async fn offered(&mut self, host: &str) -> Result<Vec<(Transport, String)>, NameError> {
        let answers = self.ask(host, RecordType::NAPTR).await?;
        let mut offers: Vec<(u16, u16, Transport, String)> = Vec::new();
        for record in answers.iter().flat_map(Lookup::answers).take(RECORDS_MAX) {
            let RData::NAPTR(naptr) = &record.data else { continue };
            let word = String::from_utf8_lossy(&naptr.services).to_ascii_uppercase();
            let transport = match word.as_str() {
                "SIP+D2U" => Transport::Udp,
                "SIP+D2T" => Transport::Tcp,
                "SIPS+D2T" => Transport::Tls,
                _ => continue, // services that are not SIP, or transports that we have not
            };
            if naptr.flags.eq_ignore_ascii_case(b"s") {
                let name = naptr.replacement.to_utf8();
                offers.push((naptr.order, naptr.preference, transport, name));
            }
        }
        if offers.is_empty() {
            let usual = [Transport::Udp, Transport::Tcp, Transport::Tls];
            return Ok(usual.map(|one| (one, service_name(one, host))).to_vec());
        }
        offers.sort_by_key(|(order, preference, ..)| (*order, *preference));
        Ok(offers.into_iter().map(|(_, _, transport, name)| (transport, name)).collect())
    }

    /// The hosts of a service; false when there are no such records.
    async fn services(&mut self, transport: Transport, name: &str) -> Result<bool, NameError> {
        let answers = self.ask(name, RecordType::SRV).await?;
        let mut services = Vec::new();
        for record in answers.iter().flat_map(Lookup::answers).take(RECORDS_MAX) {
            let RData::SRV(srv) = &record.data else { continue };
            services.push(Service {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                host: srv.target.to_utf8(),
            });
        }
        let told = !services.is_empty();
        let ordered = in_order(services, |end| rand::rng().random_range(0..end));
        let mut failed = None;
        for service in ordered {
            // A lone root says that the service is not offered (RFC 2782).
            if service.host == "." || self.hops.len() >= HOPS_MAX {
                continue;
            }
            // One host that is not found must not hide the others.
            failed = self.addresses(&service.host, transport, service.port).await.err();
        }
        match failed {
            Some(error) if self.hops.is_empty() => Err(error),
            Some(_) | None => Ok(told),
        }
    }

    async fn addresses(&mut self, host: &str, on: Transport, port: u16) -> Result<(), NameError> {
        let Some(resolver) = &self.names.resolver else { return Err(NameError::NoServer) };
        let Some(found) = self.within(resolver.lookup_ip(whole(host))).await? else {
            return Ok(());
        };
        self.hold(found.valid_until());
        let room = HOPS_MAX.saturating_sub(self.hops.len());
        self.hops.extend(found.iter().take(room).map(|address| hop(on, address, port)));
        Ok(())
    }

    async fn ask(&mut self, name: &str, kind: RecordType) -> Result<Option<Lookup>, NameError> {
        let Some(resolver) = &self.names.resolver else { return Err(NameError::NoServer) };
        let found = self.within(resolver.lookup(whole(name), kind)).await?;
        if let Some(found) = &found {
            self.hold(found.valid_until());
        }
        Ok(found)
    }

    /// `None`: a server answered that there is nothing.
    async fn within<T>(
        &self,
        question: impl Future<Output = Result<T, LookupError>>,
    ) -> Result<Option<T>, NameError> {
        match tokio::time::timeout(ANSWER_WITHIN, question).await {
            Ok(Ok(found)) => Ok(Some(found)),
            Ok(Err(error)) if error.is_no_records_found() => Ok(None),
            Ok(Err(_)) | Err(_) => Err(NameError::Silent(self.target.host.clone())),
        }
    }

    fn hold(&mut self, until: Instant) {
        self.until = Some(self.until.map_or(until, |before| before.min(until)));
    }
}

fn hop(transport: Transport, address: IpAddr, port: u16) -> Hop {
    Hop { transport, peer: SocketAddr::new(address, port), local: None, connection: None }
}

fn service_name(transport: Transport, host: &str) -> String {
    let service = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws | Transport::Wss => "_sip._ws",
    };
    format!("{service}.{host}")
}

/// A name with dots is whole; one without may be a neighbour in this machine's own domain.
fn whole(name: &str) -> String {
    if name.contains('.') && !name.ends_with('.') { format!("{name}.") } else { name.to_owned() }
}

/// Puts services in the order of RFC 2782: by priority, and within one by lot with the weights.
/// `below` draws a number below its argument.
fn in_order(services: Vec<Service>, mut below: impl FnMut(u32) -> u32) -> Vec<Service> {
    let mut classes: BTreeMap<u16, Vec<Service>> = BTreeMap::new();
    for service in services {
        classes.entry(service.priority).or_default().push(service);
    }
    let mut ordered = Vec::new();
    for mut class in classes.into_values() {
        // Weight 0 first, so that it is drawn seldom beside the others.
        class.sort_by_key(|service| service.weight);
        while !class.is_empty() {
            let sum: u32 = class.iter().map(|service| u32::from(service.weight)).sum();
            let drawn = below(sum.saturating_add(1));
            let mut running = 0_u32;
            let at = class.iter().position(|service| {
                running = running.saturating_add(u32::from(service.weight));
                running >= drawn
            });
            ordered.push(class.remove(at.unwrap_or(0)));
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(priority: u16, weight: u16, host: &str) -> Service {
        Service { priority, weight, port: 5060, host: host.to_owned() }
    }

    fn hosts(services: &[Service]) -> Vec<&str> {
        services.iter().map(|service| service.host.as_str()).collect()
    }

    #[test]
    fn priorities_come_before_weights() {
        let services = vec![service(20, 100, "late"), service(10, 1, "a"), service(10, 9, "b")];
        let low = in_order(services.clone(), |_| 0);
        assert_eq!(hosts(&low), ["a", "b", "late"]);
        let high = in_order(services, |end| end - 1);
        assert_eq!(hosts(&high), ["b", "a", "late"]);
    }

    #[test]
    fn weights_decide_how_often_a_host_is_first() {
        let mut seed = crate::model::Seed::new(7);
        let mut heavy = 0;
        for _ in 0..1000 {
            let services = vec![service(1, 10, "light"), service(1, 30, "heavy")];
            let drawn = |end: u32| u32::try_from(seed.below(u64::from(end))).unwrap();
            heavy += u32::from(hosts(&in_order(services, drawn))[0] == "heavy");
        }
        assert!((700..800).contains(&heavy), "{heavy} of 1000");
    }

    #[tokio::test]
    async fn an_address_is_its_own_answer() {
        let names = Names { resolver: None };
        let mut target = Target { host: "[2001:db8::1]".into(), port: None, transport: None };
        let found = names.find(&target).await.unwrap();
        assert_eq!(found.hops, [hop(Transport::Udp, "2001:db8::1".parse().unwrap(), 5060)]);
        target.host = "carrier.example".into();
        assert_eq!(names.find(&target).await, Err(NameError::NoServer));
    }
}
