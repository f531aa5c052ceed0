//! The SIP side of the demo: navbat's listener and trunk in the configuration, the telephones,
//! the carrier, and the day they live through.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket as BlockingSocket};
use std::time::Duration;

use anyhow::Context;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::calls::{Calls, Plan, Way};
use super::carrier::{self, Carrier};
use super::floor::Floor;
use super::line::{self, DOMAIN, Line, Proof};
use super::outside;
use super::people::TELEPHONES;
use super::softphone::{self, Softphone};
use super::wire::Pace;
use crate::model::Seed;

/// Where telephones look for their exchange when nobody tells them.
const USUAL_PORT: u16 = 5060;
/// Ports tried for one that is free for datagrams and streams.
const PORTS_TRIED: u32 = 20;
/// The queue of the calls that navbat carries.
const QUEUE: &str = "qabul";
/// The trunk's name.
pub const TRUNK: &str = "sip-trunk";
/// The SIP side lives at most this fast: messages take their time on the wire.
const CALLS_SPEED_MAX: f64 = 60.0;
/// The same for what people do inside a call: faster hands would test nothing but the machine.
const HANDS_SPEED_MAX: f64 = 30.0;
/// Finishing up after a call, in the demo's own time.
const WRAP_UP: u64 = 6_000;
/// Calls on their way to a telephone or to the carrier.
const ORDERS_MAX: usize = 64;
/// How long registering, ending the last calls, and leaving may take each.
const SETTLES_WITHIN: Duration = Duration::from_secs(20);
/// The longest a call can be, in the demo's own time.
const CALL_MAX: u64 = 400_000;

/// What is open before navbat starts.
pub struct Prepared {
    navbat: SocketAddr,
    carrier: UdpSocket,
    at: SocketAddr,
}

/// The telephones and the carrier at work.
pub struct Telephony {
    /// What they know together.
    pub floor: Floor,
    hands: Pace,
    calls: Pace,
    carrier: mpsc::Sender<Plan>,
    telephones: Vec<mpsc::Sender<Plan>>,
    leave_carrier: CancellationToken,
    leave: CancellationToken,
    work: Vec<JoinHandle<()>>,
}

impl Prepared {
    /// Finds an address for navbat and opens the carrier's.
    pub async fn new() -> anyhow::Result<Prepared> {
        let carrier = line::socket().await?;
        let at = carrier.local_addr()?;
        Ok(Prepared { navbat: free_address()?, carrier, at })
    }

    /// Where telephones find navbat.
    pub fn navbat(&self) -> SocketAddr {
        self.navbat
    }

    /// The part of the configuration that is about SIP.
    pub fn config(&self, speed: f64) -> String {
        let (navbat, carrier) = (self.navbat, self.at);
        let mut text = format!(
            "\n[sip]\nlisten = [\"udp:{navbat}\", \"tcp:{navbat}\"]\ndomain = {DOMAIN:?}\n\n\
             [[trunk]]\nname = {TRUNK:?}\nhost = \"{}\"\nport = {}\ntransport = \"udp\"\n\
             auth = \"ip\"\nlines = [\"+{}\"]\nqueue = {QUEUE:?}\n",
            carrier.ip(),
            carrier.port(),
            carrier::LINE,
        );
        for one in &TELEPHONES {
            let who = one.owner;
            let _ = write!(
                text,
                "\n[[operator]]\nname = {:?}\nlogin = {:?}\naliases = [{:?}]\n\
                 crm = {{ {} = \"{}\" }}\n\
                 sip = {{ user = {:?}, password = {:?} }}\n\
                 dial = {{ prefixes = [\"+998\", \"+7\"], calls_max = 1, per_minute = 60, per_day = 10000 }}\n",
                who.name,
                who.login,
                who.extension,
                outside::AMO,
                outside::amo_user(who.login),
                who.login,
                password(who.login),
            );
        }
        let members: Vec<String> =
            TELEPHONES.iter().map(|one| format!("{:?}", one.owner.name)).collect();
        let wrap_up = pace(speed, HANDS_SPEED_MAX).real(WRAP_UP);
        let _ = write!(
            text,
            "\n[queue.{QUEUE}]\nstrategy = \"parallel\"\n\
             tiers = [{{ after = \"0s\", members = [{}] }}]\nwrap_up = \"{wrap_up}ms\"\n",
            members.join(", "),
        );
        text
    }

    /// Switches the telephones on and waits until navbat knows them. With `guests` somebody's own
    /// telephone may answer beside them.
    pub async fn begin(self, speed: f64, seed: u64, guests: bool) -> anyhow::Result<Telephony> {
        let floor = Floor::new(guests);
        let hands = pace(speed, HANDS_SPEED_MAX);
        let (leave, leave_carrier) = (CancellationToken::new(), CancellationToken::new());
        let (mut work, mut telephones) = (Vec::new(), Vec::new());
        for (own, one) in TELEPHONES.iter().enumerate() {
            let user = one.owner.login;
            let proof = Proof::Register(user.to_owned(), password(user));
            let socket = line::socket().await?;
            let name = softphone::name_of(own);
            let line = Line::new(&name, socket, self.navbat, proof, floor.clone())?;
            let seed = Seed::new(seed ^ (own as u64 + 1) << 32);
            let phone = Softphone::new(line, own, hands, seed).context("no such telephone")?;
            let (dial, dialled) = mpsc::channel(ORDERS_MAX);
            work.push(tokio::spawn(phone.work(dialled, leave.clone())));
            telephones.push(dial);
        }
        let line =
            Line::new("the carrier", self.carrier, self.navbat, Proof::Address, floor.clone())?;
        let (carrier, plans) = mpsc::channel(ORDERS_MAX);
        work.push(tokio::spawn(Carrier::new(line, hands).work(plans, leave_carrier.clone())));
        let calls = pace(speed, CALLS_SPEED_MAX);
        let begun =
            Telephony { floor, hands, calls, carrier, telephones, leave_carrier, leave, work };
        timeout(SETTLES_WITHIN, begun.floor.rest(true))
            .await
            .context("the telephones of the demo could not register")?;
        Ok(begun)
    }
}

impl Telephony {
    /// Lives through a day: `count` calls, or until it is dropped.
    pub async fn live(&self, mut calls: Calls, count: Option<u32>) -> anyhow::Result<()> {
        let (began, running) = (Instant::now(), TaskTracker::new());
        let mut made = 0;
        while count.is_none_or(|count| made < count) {
            let mut plan = calls.next_plan();
            sleep_until(began + Duration::from_millis(self.calls.real(plan.at))).await;
            let caller = self.floor.idle().filter(|_| plan.way == Way::Out);
            let caller = caller.and_then(|own| self.telephones.get(own));
            if caller.is_none() {
                plan.way = Way::In; // everybody talks, so it is the client who calls
            }
            self.floor.begin(plan.clone(), running.token());
            caller.unwrap_or(&self.carrier).send(plan).await.context("the SIP side has stopped")?;
            made += 1;
        }
        running.close();
        let within = Duration::from_millis(self.hands.real(CALL_MAX)) + SETTLES_WITHIN;
        if timeout(within, running.wait()).await.is_err() {
            self.floor.fault(String::from("calls are still going on that should have ended"));
        }
        Ok(())
    }

    /// Hangs up what is still up, and takes every registration back.
    pub async fn leave(self) {
        self.leave_carrier.cancel();
        let quiet = timeout(SETTLES_WITHIN, self.floor.rest(true)).await;
        if quiet.is_err() {
            let (registered, idle) = self.floor.counts();
            self.floor.fault(format!(
                "of {} telephones {registered} are registered and {idle} have nothing to do",
                TELEPHONES.len()
            ));
        }
        self.leave.cancel();
        for one in self.work {
            if one.await.is_err() {
                self.floor.fault(String::from("somebody on the SIP side broke down"));
            }
        }
        let (registered, idle) = self.floor.counts();
        if (registered, idle) != (0, TELEPHONES.len()) {
            self.floor.fault(format!("{registered} telephones did not leave, {idle} were idle"));
        }
    }
}

/// The password of a telephone. No secret: the demo listens on loopback only.
pub fn password(login: &str) -> String {
    format!("demo-{login}-0123456789abcdef0123456789abcdef")
}

fn pace(speed: f64, max: f64) -> Pace {
    Pace { began: crate::app::clock::wall(), speed: speed.min(max) }
}

/// The usual port on loopback, or one that is free.
fn free_address() -> anyhow::Result<SocketAddr> {
    let is_free = |port| {
        let datagrams = BlockingSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        let at = datagrams.local_addr().ok()?;
        let _streams = TcpListener::bind(at).ok()?;
        Some(at)
    };
    is_free(USUAL_PORT)
        .or_else(|| (0..PORTS_TRIED).find_map(|_| is_free(0)))
        .context("no port is free for SIP")
}
