//! An operator's telephone of the storms: registers, rings, is lifted after a while, and writes
//! down whatever becomes of each call. It knows every message that may come; any other is a fault.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use navbat::model::Seed;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::exchange::{PATIENCE, telephone as login};
use super::ledger::{Air, Ledger, Saw, Who};
use super::text::{Text, proof, sdp};
use super::wire::{Happens, Pace, Wire};

/// Where the audio of the first telephone would be; the others follow.
const AUDIO: u16 = 50_000;
const DOMAIN: &str = "navbat.test";

/// When a telephone is lifted.
#[derive(Debug, Clone, Copy)]
pub enum Lifts {
    /// So many milliseconds after it begins to ring, drawn anew for each call.
    Between(u64, u64),
    /// All telephones in one instant: so many milliseconds after the first of them rang.
    Together(u64),
}

/// How a telephone behaves.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    pub lifts: Lifts,
    pub air: Air,
    pub seed: u64,
}

/// A telephone; it is unplugged when it is dropped.
pub struct Telephone {
    task: JoinHandle<()>,
    asks: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

/// Where the audio of a telephone is.
pub fn audio_of(number: usize) -> u16 {
    AUDIO + 2 * u16::try_from(number).unwrap()
}

impl Telephone {
    /// Plugs a telephone in and waits until it is registered.
    pub async fn plug(
        number: usize,
        local: SocketAddr,
        server: SocketAddr,
        manner: Manner,
        ledger: Ledger,
    ) -> Telephone {
        let (registered, heard) = oneshot::channel();
        let (asks, asked) = mpsc::unbounded_channel();
        let mut desk = Desk {
            number,
            wire: Wire::open(local, server),
            manner,
            ledger,
            rings: HashMap::new(),
            registering: None,
            registered: Some(registered),
        };
        let task = tokio::spawn(async move {
            desk.register(None);
            desk.live(asked).await;
        });
        let done = tokio::time::timeout(PATIENCE, heard).await;
        done.ok().and_then(Result::ok).unwrap_or_else(|| panic!("{number} cannot register"));
        Telephone { task, asks }
    }

    /// Waits until it has no call and nothing to say.
    pub async fn quiet(&self) {
        let (ask, told) = oneshot::channel();
        self.asks.send(ask).expect("the telephone is gone");
        let quiet = tokio::time::timeout(PATIENCE, told).await;
        quiet.expect("a telephone still has a call").expect("the telephone is gone");
    }
}

impl Drop for Telephone {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Ringing,
    Lifted,
    Up,
    Cancelled,
    Over,
}

/// One call at the telephone, kept when it is over: its messages may come again.
struct Ring {
    client: u32,
    invite: Text,
    stage: Stage,
    lifts_at: Instant,
    /// What a copy of the INVITE gets.
    said: Vec<u8>,
}

struct Desk {
    number: usize,
    wire: Wire<String>,
    manner: Manner,
    ledger: Ledger,
    rings: HashMap<String, Ring>,
    /// The branch of the REGISTER under way, and its text.
    registering: Option<(String, Text)>,
    registered: Option<oneshot::Sender<()>>,
}

impl Desk {
    async fn live(&mut self, mut asked: mpsc::UnboundedReceiver<oneshot::Sender<()>>) {
        let mut waiting: Vec<oneshot::Sender<()>> = Vec::new();
        loop {
            let busy = self.rings.values().any(|ring| ring.stage != Stage::Over);
            if !busy && self.wire.is_quiet() {
                for ask in waiting.drain(..) {
                    let _gone = ask.send(()).is_err();
                }
            }
            tokio::select! {
                Some(ask) = asked.recv() => waiting.push(ask),
                happens = self.wire.next() => match happens {
                    Happens::Heard(text) => self.take(&text),
                    Happens::Noise(what) => self.fault(&what),
                    Happens::Due(call) => self.lift(&call),
                    Happens::Unheard(what) => self.fault(&format!("nobody answers {what}")),
                },
            }
        }
    }

    fn fault(&self, what: &str) {
        self.ledger.fault(format!("telephone {}: {what}", self.number));
    }

    fn note(&self, call: &str, saw: Saw) {
        let Some(ring) = self.rings.get(call) else { return };
        self.ledger.note(ring.client, Who::Telephone(self.number, call.to_owned()), saw);
    }

    fn contact(&self) -> String {
        format!("sip:op{}@{}", self.number, self.wire.local())
    }

    fn take(&mut self, text: &Text) {
        match text.method() {
            None => self.told(text),
            Some("INVITE") => self.invited(text),
            Some("CANCEL") => self.cancelled(text),
            Some("ACK") => self.acked(text),
            Some("BYE") => self.byed(text),
            Some("OPTIONS") => self.wire.say(&text.reply(200, "alive").bytes()),
            Some(_) => {
                self.wire.say(&text.reply(501, "odd").bytes());
                self.fault(&text.start);
            }
        }
    }

    /// Registers, once without a password and once with the answer to the challenge.
    fn register(&mut self, challenge: Option<&str>) {
        let (user, password) = login(self.number);
        let uri = format!("sip:{DOMAIN}");
        let address = format!("<sip:{user}@{DOMAIN}>");
        let cseq = if challenge.is_some() { "2 REGISTER" } else { "1 REGISTER" };
        let mut text = Text::request("REGISTER", &uri)
            .with("Via", self.wire.via())
            .with("Max-Forwards", "70")
            .with("From", format!("{address};tag=reg{user}"))
            .with("To", &address)
            .with("Call-ID", format!("reg-{user}"))
            .with("CSeq", cseq)
            .with("Contact", format!("<{}>", self.contact()))
            .with("Expires", "3600");
        if let Some(challenge) = challenge {
            text =
                text.with("Authorization", proof(challenge, ("REGISTER", &uri), &user, &password));
        }
        let branch = text.branch();
        self.wire.repeat(branch.clone(), text.bytes(), Pace::Plain);
        self.registering = Some((branch, text));
    }

    /// An answer to a REGISTER; one to an earlier copy says nothing new.
    fn told(&mut self, text: &Text) {
        let branch = text.branch();
        if self.registering.as_ref().is_none_or(|it| it.0 != branch) {
            return;
        }
        match text.code() {
            Some(100..200) => {}
            Some(401) if text.cseq().is_some_and(|it| it.0 == 1) => {
                self.wire.heard(&branch);
                self.register(Some(text.value("WWW-Authenticate")));
            }
            Some(200) => {
                self.wire.heard(&branch);
                if let Some(registered) = self.registered.take() {
                    let _gone = registered.send(()).is_err();
                }
            }
            _ => self.fault(&text.start),
        }
    }

    fn invited(&mut self, text: &Text) {
        let call = text.value("Call-ID").to_owned();
        if let Some(ring) = self.rings.get(&call) {
            if ring.invite.branch() == text.branch() {
                self.wire.say(&ring.said);
            } else {
                self.fault(&format!("a second INVITE in {call}"));
            }
            return;
        }
        let from = text.user("From");
        let client = from.get(from.len().saturating_sub(6)..).and_then(|it| it.parse().ok());
        let aimed = text.start == format!("INVITE {} SIP/2.0", self.contact());
        let whole = aimed && text.tag("To").is_none() && text.audio_port() != 0;
        let Some(client) = client.filter(|_| whole) else {
            return self.fault(&format!("not an INVITE for it: {text}"));
        };
        self.must_be_free(client);
        let ringing = text.reply(180, &self.tag(&call)).with("Contact", self.angled()).bytes();
        self.wire.say(&ringing);
        let who = Who::Telephone(self.number, call.clone());
        self.ledger.note(client, who, Saw::Invited);
        let lifts_at = self.lifts_at(client);
        let (invite, stage) = (text.clone(), Stage::Ringing);
        let ring = Ring { client, invite, stage, lifts_at, said: ringing };
        self.rings.insert(call.clone(), ring);
        self.wire.wake(lifts_at, call);
    }

    /// A telephone is rung for one client at a time. One that was cancelled is free, and so is one
    /// whose 200 crosses the CANCEL, or whose CANCEL is held back until its 180 is heard (RFC 3261
    /// section 9.1): then its client has given up or is somebody else's already.
    fn must_be_free(&self, client: u32) {
        let busy = |ring: &&Ring| match ring.stage {
            Stage::Ringing => self.ledger.waits(ring.client),
            Stage::Up => true,
            Stage::Lifted | Stage::Cancelled | Stage::Over => false,
        };
        let busy = self.rings.values().find(busy).filter(|_| self.manner.air == Air::Clear);
        if let Some(other) = busy {
            let (with, stage) = (other.client, other.stage);
            let story = self.ledger.story(with);
            self.fault(&format!("rung for client {client} while {stage:?} for {with}:\n{story}"));
        }
    }

    fn angled(&self) -> String {
        format!("<{}>", self.contact())
    }

    /// Its own tag in a call.
    fn tag(&self, call: &str) -> String {
        format!("op{}-{call}", self.number)
    }

    fn lifts_at(&self, client: u32) -> Instant {
        match self.manner.lifts {
            Lifts::Between(least, most) => {
                let own = u64::try_from(self.number).unwrap();
                let mut seed = Seed::new(self.manner.seed ^ (u64::from(client) << 8) ^ own);
                Instant::now() + Duration::from_millis(least + seed.below(most - least + 1))
            }
            Lifts::Together(after) => {
                let first = self.ledger.first_rung(client).unwrap_or_else(Instant::now);
                first + Duration::from_millis(after)
            }
        }
    }

    fn lift(&mut self, call: &str) {
        let (tag, contact, ip) = (self.tag(call), self.angled(), self.wire.local().ip());
        let Some(ring) = self.rings.get_mut(call).filter(|it| it.stage == Stage::Ringing) else {
            return; // it was cancelled
        };
        let audio = sdp(ip, audio_of(self.number));
        let text = ring.invite.reply(200, &tag).with("Contact", contact).sdp(&audio);
        ring.stage = Stage::Lifted;
        ring.said = text.bytes();
        let said = ring.said.clone();
        self.note(call, Saw::Lifted);
        self.wire.repeat(format!("200 {call}"), said, Pace::Plain);
    }

    fn cancelled(&mut self, text: &Text) {
        let call = text.value("Call-ID").to_owned();
        let tag = self.tag(&call);
        let own = self.rings.get_mut(&call).filter(|it| it.invite.branch() == text.branch());
        let Some(ring) = own else {
            self.wire.say(&text.reply(481, &tag).bytes());
            return self.fault(&format!("a CANCEL of nothing: {text}"));
        };
        let late = ring.stage == Stage::Ringing && ring.lifts_at <= Instant::now();
        self.wire.say(&text.reply(200, &tag).bytes());
        if late {
            self.lift(&call); // it was, before this was heard
        }
        let Some(ring) = self.rings.get_mut(&call).filter(|it| it.stage == Stage::Ringing) else {
            return; // it crossed a 200, or is a copy
        };
        ring.stage = Stage::Cancelled;
        ring.said = ring.invite.reply(487, &tag).bytes();
        let said = ring.said.clone();
        self.note(&call, Saw::Cancelled);
        self.wire.repeat(format!("487 {call}"), said, Pace::Plain);
    }

    fn acked(&mut self, text: &Text) {
        let call = text.value("Call-ID").to_owned();
        let tag = self.tag(&call);
        let Some(ring) = self.rings.get_mut(&call) else {
            return self.fault(&format!("an ACK of nothing: {text}"));
        };
        let same = ring.invite.branch() == text.branch();
        let counts = text.cseq().map(|it| it.0) == ring.invite.cseq().map(|it| it.0);
        let ours = counts && text.tag("To") == Some(tag);
        let (next, saw, done) = match ring.stage {
            Stage::Cancelled if same && ours => (Stage::Over, Saw::Freed, "487"),
            Stage::Lifted if !same && ours => (Stage::Up, Saw::Up, "200"),
            Stage::Up | Stage::Over if ours => return, // a copy
            _ => return self.fault(&format!("an ACK that does not fit: {text}")),
        };
        ring.stage = next;
        self.wire.heard(&format!("{done} {call}"));
        self.note(&call, saw);
    }

    fn byed(&mut self, text: &Text) {
        let call = text.value("Call-ID").to_owned();
        let tag = self.tag(&call);
        let (to, from) = (text.tag("To"), text.tag("From"));
        let own = self.rings.get_mut(&call).filter(|ring| {
            let later = text.cseq().map(|it| it.0) > ring.invite.cseq().map(|it| it.0);
            to == Some(tag) && from == ring.invite.tag("From") && later
        });
        let Some(ring) = own else {
            self.wire.say(&text.reply(481, "nobody").bytes());
            return self.fault(&format!("a BYE of nothing: {text}"));
        };
        self.wire.say(&text.reply(200, "known").bytes());
        match ring.stage {
            Stage::Up | Stage::Lifted => {}
            Stage::Over => return, // a copy
            Stage::Ringing | Stage::Cancelled => {
                return self.fault(&format!("a BYE while it rang: {text}"));
            }
        }
        ring.stage = Stage::Over;
        // The BYE may have overtaken the ACK, and says as much.
        self.wire.heard(&format!("200 {call}"));
        let elsewhere = text.cause("SIP") == 200 || text.cause("Q.850") == 26;
        self.note(&call, Saw::HungUp { elsewhere });
    }
}
