//! What the exchange tells the screens as it happens: numbered, kept for a while, fanned out.
//!
//! [`Hub::publish`] is called by the task that owns the switch and never waits: an event goes to
//! the readers it concerns through a bounded buffer each. A reader that falls behind loses its
//! place and is told to read everything again (`resync`); it slows nobody. An event is turned into
//! bytes once per way of seeing it ([`Sight`]), however many screens show it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::model::{CallId, Live, Name, OperatorId, Wall};

use super::access::Reader;
use super::sight::{Eyes, Sight};
use super::view;

/// Events kept for readers that come back. At 30 events a second, five minutes; each is a few
/// hundred bytes.
const KEPT_MAX: usize = 10_000;

/// Events on the way to one reader. Larger forgives slower browsers and costs memory for each.
const BUFFERED_MAX: usize = 256;

/// Streams open at once. A browser opens one, so this is far above the largest site.
const READERS_MAX: usize = 20_000;

/// The source of every live stream; cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    last: AtomicU64,
}

struct State {
    /// By number.
    kept: BTreeMap<u64, Arc<Event>>,
    /// The last event of each thing that is kept.
    latest: BTreeMap<Thing, u64>,
    /// The last event that was dropped because there were too many, or the one before the first.
    dropped: u64,
    seats: Vec<Seat>,
}

/// What an event shows as a whole, so that an earlier one of the same need not be kept: whoever
/// comes back has no use for it, and a call is told of twenty times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Call(CallId),
    Operator(OperatorId),
}

struct Seat {
    reader: Arc<Reader>,
    my_queues: Vec<Name>,
    events: mpsc::Sender<Arc<Event>>,
    lost: Arc<AtomicBool>,
}

/// One event with its number.
pub struct Event {
    /// Rises by one with each; over a restart it rises by more.
    pub id: u64,
    /// What happened.
    pub live: Live,
    frames: [OnceLock<Bytes>; 3],
}

/// One reader's end.
pub struct Subscription {
    /// What was missed since the reader's last id, oldest first.
    pub missed: Vec<Arc<Event>>,
    /// Whether the reader's last id is too old (or not ours): it has to read everything again.
    pub gap: bool,
    /// The id of the last event before this subscription.
    pub at: u64,
    events: mpsc::Receiver<Arc<Event>>,
    lost: Arc<AtomicBool>,
}

/// What a reader gets next.
pub enum Next {
    /// An event.
    Event(Arc<Event>),
    /// Events were lost because the reader was too slow.
    Lost,
    /// The hub is gone.
    Closed,
}

/// More streams are open than the hub takes.
#[derive(Debug, thiserror::Error)]
#[error("too many live streams are open")]
pub struct HubFull;

impl Hub {
    /// Starts numbering at the boot time in milliseconds × 1000, which is above every number
    /// given before as long as there were fewer than a million events a second.
    pub fn new(boot: Wall) -> Hub {
        let first = u64::try_from(boot.0).unwrap_or(0).saturating_mul(1000);
        let (kept, latest) = (BTreeMap::new(), BTreeMap::new());
        let state = State { kept, latest, dropped: first, seats: Vec::new() };
        Hub(Arc::new(Inner { state: Mutex::new(state), last: AtomicU64::new(first) }))
    }

    /// Gives an event its number and sends it to everybody it concerns. Never waits.
    pub fn publish(&self, live: Live) -> u64 {
        let mut state = self.0.state.lock();
        let id = self.0.last.load(Ordering::Relaxed).saturating_add(1);
        self.0.last.store(id, Ordering::Release);
        let event = Arc::new(Event { id, live, frames: Default::default() });
        state.seats.retain(|seat| seat.offer(&event));
        state.keep(event);
        id
    }

    /// The number of the last event.
    pub fn last(&self) -> u64 {
        self.0.last.load(Ordering::Acquire)
    }

    /// How many streams are open.
    pub fn readers(&self) -> usize {
        self.0.state.lock().seats.len()
    }

    /// Opens a stream for a reader, from after `last` when that is still kept. `my_queues` are
    /// the queues that the reader is a member of. Fails when too many are open.
    pub fn subscribe(
        &self,
        reader: &Arc<Reader>,
        my_queues: Vec<Name>,
        last: Option<u64>,
    ) -> Result<Subscription, HubFull> {
        let mut state = self.0.state.lock();
        state.seats.retain(|seat| !seat.events.is_closed());
        if state.seats.len() >= READERS_MAX {
            return Err(HubFull);
        }
        let (sender, events) = mpsc::channel(BUFFERED_MAX);
        let lost = Arc::new(AtomicBool::new(false));
        let at = self.last();
        let (missed, gap) = state.since(last, at, reader, &my_queues);
        let seat = Seat { reader: reader.clone(), my_queues, events: sender, lost: lost.clone() };
        state.seats.push(seat);
        Ok(Subscription { missed, gap, at, events, lost })
    }
}

impl Seat {
    /// Hands an event on; false when the reader is gone.
    fn offer(&self, event: &Arc<Event>) -> bool {
        if !self.reader.sees_live(&event.live, &self.my_queues) {
            return true; // a closed stream is noticed with its next event or the next subscriber
        }
        match self.events.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.lost.store(true, Ordering::Release);
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}

impl State {
    fn keep(&mut self, event: Arc<Event>) {
        if let Some(thing) = thing(&event.live)
            && let Some(earlier) = self.latest.insert(thing, event.id)
        {
            self.kept.remove(&earlier);
        }
        self.kept.insert(event.id, event);
        if self.kept.len() > KEPT_MAX
            && let Some((id, oldest)) = self.kept.pop_first()
        {
            self.dropped = id;
            if let Some(thing) = thing(&oldest.live) {
                self.latest.remove(&thing);
            }
        }
    }

    fn since(
        &self,
        last: Option<u64>,
        at: u64,
        reader: &Reader,
        my_queues: &[Name],
    ) -> (Vec<Arc<Event>>, bool) {
        let Some(last) = last.filter(|last| *last != at) else { return (Vec::new(), false) };
        if last < self.dropped || last > at {
            return (Vec::new(), true);
        }
        let missed = self.kept.range(last.saturating_add(1)..).map(|(_, event)| event);
        let theirs = missed.filter(|event| reader.sees_live(&event.live, my_queues));
        (theirs.cloned().collect(), false)
    }
}

fn thing(live: &Live) -> Option<Thing> {
    match live {
        Live::Call(call) => Some(Thing::Call(call.id)),
        Live::Operator(operator) => Some(Thing::Operator(operator.id)),
        Live::Pop(_) | Live::Queue(_) | Live::Episode(_) | Live::Client(_) => None,
    }
}

impl Subscription {
    /// Waits for what comes next. What was buffered before a loss is thrown away with it: the
    /// reader reads everything again anyway.
    pub async fn next(&mut self) -> Next {
        if self.lost.swap(false, Ordering::AcqRel) {
            while self.events.try_recv().is_ok() {}
            return Next::Lost;
        }
        match self.events.recv().await {
            Some(event) => Next::Event(event),
            None => Next::Closed,
        }
    }
}

impl Event {
    /// The event as a reader with this sight gets it: a whole SSE message.
    pub fn frame(&self, sight: Sight, eyes: &Eyes) -> Bytes {
        let slot = match sight {
            Sight::Whole => 0,
            Sight::Masked => 1,
            Sight::None => 2,
        };
        let write = || view::live_frame(self.id, &self.live, sight, eyes);
        match self.frames.get(slot) {
            Some(frame) => frame.get_or_init(write).clone(),
            None => write(),
        }
    }
}
