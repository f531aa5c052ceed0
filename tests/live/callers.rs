//! The callers of the storms: many on one socket, as a carrier brings them, each with a number of
//! their own. They call at a steady rate, some give up while it rings, the others talk and hang up.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use navbat::model::Seed;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::exchange::LINE;
use super::ledger::{Ledger, Saw, Who};
use super::text::{Text, sdp};
use super::wire::{Happens, Pace, Wire};

/// Where the callers' audio would be.
const AUDIO: u16 = 10_000;

/// How long a caller waits for the other telephones to be put off, which takes an instant on a
/// machine that has one: after this the call is hung up, and is judged as it stands.
const SETTLED_MAX: Duration = Duration::from_secs(20);
/// How often a caller looks whether that is so.
const LOOK: Duration = Duration::from_millis(10);

/// How the callers behave.
#[derive(Debug, Clone, Copy)]
pub struct Habit {
    /// How many call.
    pub calls: u32,
    /// How many of them in a second.
    pub rate: u32,
    /// How long one talks, at least: nobody hangs up while two operators are still up.
    pub talk: Duration,
    /// Every so manieth waits until all before it are over, so that it finds every telephone free.
    pub alone_every: u32,
    /// How many in a hundred give up.
    pub quitters: u64,
    /// After at most so many milliseconds of ringing.
    pub quits_within: u64,
    pub seed: u64,
}

/// When a caller gives up. One who is answered before does so with the answer in hand, which the
/// other side cannot tell from a CANCEL that crossed it on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quits {
    /// So long after the first telephone rang.
    After(Duration),
    /// When the answer comes, and not before.
    AsAnswered,
}

/// How many in a hundred of those who give up do so when the answer comes.
const AS_ANSWERED: u64 = 20;

impl Habit {
    /// Whether a client gives up, and when.
    pub fn quits(&self, client: u32) -> Option<Quits> {
        let mut seed = Seed::new(self.seed ^ (u64::from(client) << 8));
        if !seed.chance(self.quitters) {
            return None;
        }
        let after = Duration::from_millis(seed.below(self.quits_within + 1));
        Some(if seed.chance(AS_ANSWERED) { Quits::AsAnswered } else { Quits::After(after) })
    }
}

/// The callers; they are gone when this is dropped.
pub struct Callers {
    task: JoinHandle<()>,
    done: oneshot::Receiver<()>,
}

/// The number of a client as the API tells it.
pub fn number_of(client: u32) -> String {
    format!("+998901{client:06}")
}

impl Callers {
    /// Lets them call.
    pub fn start(local: SocketAddr, server: SocketAddr, habit: Habit, ledger: Ledger) -> Callers {
        let (told, done) = oneshot::channel();
        let mut crowd = Crowd {
            wire: Wire::open(local, server),
            server,
            habit,
            ledger,
            begun: Instant::now(),
            placed: 0,
            over: 0,
            held: false,
            calls: HashMap::new(),
        };
        let task = tokio::spawn(async move { crowd.live(told).await });
        Callers { task, done }
    }

    /// Waits until all have called and every call is over; false when they are not in time.
    pub async fn done(&mut self, within: Duration) -> bool {
        let done = tokio::time::timeout(within, &mut self.done).await;
        done.is_ok_and(|done| done.is_ok())
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Clone)]
enum Due {
    Call,
    Quit(String),
    HangUp(String, Instant),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Calling,
    Quitting,
    Talking,
    HangingUp,
    Over,
}

/// One call, kept when it is over: its messages may come again.
struct Call {
    client: u32,
    invite: Text,
    stage: Stage,
    rings: bool,
    /// The acknowledgement of the final answer, and whose tag that had.
    ack: Option<(Vec<u8>, Option<String>)>,
    /// The end that answered, as To of what follows, and its Contact.
    other: (String, String),
}

struct Crowd {
    wire: Wire<Due>,
    server: SocketAddr,
    habit: Habit,
    ledger: Ledger,
    begun: Instant,
    placed: u32,
    over: u32,
    /// The next one waits until all before it are over.
    held: bool,
    calls: HashMap<String, Call>,
}

impl Crowd {
    async fn live(&mut self, told: oneshot::Sender<()>) {
        let mut told = Some(told);
        self.wire.wake(self.begun, Due::Call);
        loop {
            if self.over == self.habit.calls
                && self.wire.is_quiet()
                && let Some(told) = told.take()
            {
                let _gone = told.send(()).is_err();
            }
            match self.wire.next().await {
                Happens::Heard(text) => self.take(&text),
                Happens::Noise(what) => self.fault(&what),
                Happens::Unheard(what) => self.fault(&format!("nobody answers {what}")),
                Happens::Due(Due::Call) => self.call(),
                Happens::Due(Due::Quit(id)) => self.quit(&id),
                Happens::Due(Due::HangUp(id, latest)) => self.part(id, latest),
            }
        }
    }

    fn fault(&self, what: &str) {
        self.ledger.fault(format!("callers: {what}"));
    }

    fn note(&self, id: &str, saw: Saw) {
        let Some(call) = self.calls.get(id) else { return };
        self.ledger.note(call.client, Who::Caller, saw);
    }

    /// When a call is to come, from the begin on.
    fn turn(&self) -> Duration {
        Duration::from_secs(1) * self.placed / self.habit.rate
    }

    fn call(&mut self) {
        let alone = self.placed.is_multiple_of(self.habit.alone_every);
        self.held = alone && self.over < self.placed;
        if self.held {
            return;
        }
        let client = self.placed;
        self.placed += 1;
        if self.placed < self.habit.calls {
            self.wire.wake(self.begun + self.turn(), Due::Call);
        }
        let (id, local) = (format!("storm-{client}"), self.wire.local());
        let invite = Text::request("INVITE", &format!("sip:{LINE}@{}", self.server))
            .with("Via", self.wire.via())
            .with("Max-Forwards", "70")
            .with("From", format!("<sip:{}@{local}>;tag=c{client}", number_of(client)))
            .with("To", format!("<sip:{LINE}@{}>", self.server))
            .with("Call-ID", &id)
            .with("CSeq", "1 INVITE")
            .with("Contact", format!("<sip:trunk@{local}>"))
            .sdp(&sdp(local.ip(), AUDIO));
        let bytes = invite.bytes();
        let other = (String::new(), String::new());
        let call = Call { client, invite, stage: Stage::Calling, rings: false, ack: None, other };
        self.calls.insert(id.clone(), call);
        self.note(&id, Saw::Called);
        self.wire.repeat(format!("INVITE {id}"), bytes, Pace::Invite);
    }

    fn take(&mut self, text: &Text) {
        match (text.method(), text.cseq().map(|it| it.1)) {
            (None, Some("INVITE")) => self.told(text),
            (None, Some("CANCEL")) => self.closed(text, "CANCEL"),
            (None, Some("BYE")) => self.closed(text, "BYE"),
            (Some("OPTIONS"), _) => self.wire.say(&text.reply(200, "alive").bytes()),
            (_, _) => {
                if text.method().is_some_and(|method| method != "ACK") {
                    self.wire.say(&text.reply(200, "odd").bytes());
                }
                self.fault(&format!("nobody asked for {text}"));
            }
        }
    }

    /// An answer to an INVITE.
    fn told(&mut self, text: &Text) {
        let id = text.value("Call-ID").to_owned();
        let own = self.calls.get(&id).filter(|call| call.invite.branch() == text.branch());
        let (Some(call), Some(code)) = (own, text.code()) else {
            return self.fault(&format!("an answer to nothing: {text}"));
        };
        self.wire.heard(&format!("INVITE {id}"));
        match (&call.ack, code) {
            (Some((ack, tag)), 200..) if text.tag("To") == *tag => {
                let ack = ack.clone(); // it was lost
                self.wire.say(&ack);
            }
            (Some(_), 200..) => self.fault(&format!("a second end answers: {text}")),
            (Some(_), _) | (None, ..=100) => {}
            (None, 101..200) => self.rings(&id),
            (None, 200..300) => self.answered(&id, text),
            (None, _) => self.refused(&id, text),
        }
    }

    fn rings(&mut self, id: &str) {
        let Some(call) = self.calls.get_mut(id).filter(|it| !it.rings) else { return };
        call.rings = true;
        if let Some(Quits::After(after)) = self.habit.quits(call.client) {
            let rang = self.ledger.first_rung(call.client).unwrap_or_else(Instant::now);
            self.wire.wake(rang + after, Due::Quit(id.to_owned()));
        }
        self.note(id, Saw::Rings);
    }

    /// A call is over; who waited for that calls, and those after it at the same pace.
    fn is_over(&mut self) {
        self.over += 1;
        if self.held && self.over == self.placed {
            self.begun = Instant::now().checked_sub(self.turn()).unwrap_or(self.begun);
            self.call();
        }
    }

    /// A request of a call; CANCEL and the ACK of a refusal go by the INVITE's own Via.
    fn request(&mut self, id: &str, method: &str, cseq: u32) -> Text {
        let call = &self.calls[id];
        let inside = !call.other.1.is_empty();
        let uri = call.invite.start.split(' ').nth(1).unwrap();
        let uri = if inside { &call.other.1 } else { uri };
        let to = if call.other.0.is_empty() { call.invite.value("To") } else { &call.other.0 };
        let text = Text::request(method, uri);
        let via = if inside { None } else { Some(call.invite.value("Via").to_owned()) };
        let text = text.with("Via", via.unwrap_or_else(|| self.wire.via()));
        text.with("Max-Forwards", "70")
            .with("From", call.invite.value("From"))
            .with("To", to)
            .with("Call-ID", id)
            .with("CSeq", format!("{cseq} {method}"))
    }

    fn answered(&mut self, id: &str, text: &Text) {
        if self.calls.get(id).is_some_and(|it| self.habit.quits(it.client).is_some()) {
            self.quit(id);
        }
        let (tag, port) = (text.tag("To"), text.audio_port());
        let Some(call) = self.calls.get_mut(id) else { return };
        call.other = (text.value("To").to_owned(), text.contact());
        let quitting = call.stage == Stage::Quitting;
        call.stage = Stage::Talking;
        let ack = self.request(id, "ACK", 1).bytes();
        self.wire.say(&ack);
        if let Some(call) = self.calls.get_mut(id) {
            call.ack = Some((ack, tag));
        }
        self.note(id, Saw::Answered(port));
        if quitting {
            return self.hang_up(id);
        }
        let at = Instant::now() + self.habit.talk;
        self.wire.wake(at, Due::HangUp(id.to_owned(), at + SETTLED_MAX));
    }

    /// Hangs up as soon as one operator is up and nobody else has anything of the call.
    fn part(&mut self, id: String, latest: Instant) {
        let now = Instant::now();
        let settled = self.calls.get(&id).is_none_or(|it| self.ledger.is_settled(it.client));
        if settled || now >= latest {
            return self.hang_up(&id);
        }
        self.wire.wake(now + LOOK, Due::HangUp(id, latest));
    }

    fn refused(&mut self, id: &str, text: &Text) {
        let (tag, code) = (text.tag("To"), text.code().unwrap_or(0));
        let Some(call) = self.calls.get_mut(id) else { return };
        call.other = (text.value("To").to_owned(), String::new());
        let ack = self.request(id, "ACK", 1).bytes();
        self.wire.say(&ack);
        if let Some(call) = self.calls.get_mut(id) {
            call.ack = Some((ack, tag));
            call.stage = Stage::Over;
        }
        self.note(id, Saw::Refused(code));
        self.is_over();
    }

    fn quit(&mut self, id: &str) {
        let Some(call) = self.calls.get_mut(id).filter(|it| it.stage == Stage::Calling) else {
            return; // answered before
        };
        call.stage = Stage::Quitting;
        let cancel = self.request(id, "CANCEL", 1).bytes();
        self.note(id, Saw::Quits);
        self.wire.repeat(format!("CANCEL {id}"), cancel, Pace::Plain);
    }

    fn hang_up(&mut self, id: &str) {
        let Some(call) = self.calls.get_mut(id).filter(|it| it.stage == Stage::Talking) else {
            return;
        };
        call.stage = Stage::HangingUp;
        let bye = self.request(id, "BYE", 2).bytes();
        self.note(id, Saw::HangsUp);
        self.wire.repeat(format!("BYE {id}"), bye, Pace::Plain);
    }

    /// The answer to a CANCEL or a BYE.
    fn closed(&mut self, text: &Text, method: &str) {
        let id = text.value("Call-ID").to_owned();
        if text.code() != Some(200) {
            return self.fault(&format!("{method} is not taken: {text}"));
        }
        self.wire.heard(&format!("{method} {id}"));
        let Some(call) = self.calls.get_mut(&id).filter(|it| it.stage == Stage::HangingUp) else {
            return;
        };
        if method == "BYE" {
            call.stage = Stage::Over;
            self.note(&id, Saw::Closed);
            self.is_over();
        }
    }
}
