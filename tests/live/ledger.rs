//! What callers and telephones saw, call by call and on one clock, and the verdict over it.
//!
//! Every caller of a storm has a number of their own, by which the telephones know whose call it
//! is. So each call is judged by itself: who was up when the caller hung up, what became of every
//! other telephone, and whether the API tells the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Faults that are kept; the first ones tell what went wrong.
const FAULTS_MAX: usize = 20;

/// Who saw something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    Caller,
    /// A telephone in one dialog: its number and the Call-ID.
    Telephone(usize, String),
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saw {
    /// The caller sent an INVITE.
    Called,
    /// The caller heard that it rings.
    Rings,
    /// The caller does not wait any longer: CANCEL.
    Quits,
    /// The caller got a 200, with audio at this port, and acknowledged it.
    Answered(u16),
    /// The caller was refused with this code, and acknowledged that.
    Refused(u16),
    /// The caller hangs up: BYE.
    HangsUp,
    /// The caller's BYE was answered.
    Closed,
    /// A telephone got an INVITE and rings.
    Invited,
    /// It was lifted: 200.
    Lifted,
    /// Its 200 was acknowledged: it is up.
    Up,
    /// It was cancelled while it rang: 487.
    Cancelled,
    /// Its 487 was acknowledged.
    Freed,
    /// It was hung up; `elsewhere`: because somebody else has the caller.
    HungUp { elsewhere: bool },
}

type Event = (Instant, Who, Saw);

#[derive(Default)]
struct Pages {
    calls: BTreeMap<u32, Vec<Event>>,
    faults: Vec<String>,
}

/// The ledger; its copies are one and the same.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Pages>>);

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Air {
    /// Nothing is lost and nothing overtakes.
    Clear,
    /// A BYE may overtake an ACK, and what is lost comes late.
    Rough,
}

/// What became of the calls of a storm.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Who had the caller, by the caller's number.
    pub won: BTreeMap<u32, usize>,
    /// Callers who were answered in the moment of giving up; they are among `won`.
    pub crossed: usize,
    /// Callers who gave up in time.
    pub gave_up: usize,
    /// Telephones that were cancelled while they rang.
    pub cancelled: usize,
    /// Telephones that were lifted too late, and hung up.
    pub beaten: usize,
}

impl Ledger {
    /// Writes down what somebody saw.
    pub fn note(&self, client: u32, who: Who, saw: Saw) {
        self.0.lock().calls.entry(client).or_default().push((Instant::now(), who, saw));
    }

    /// Writes down what must not be.
    pub fn fault(&self, fault: String) {
        let mut pages = self.0.lock();
        if pages.faults.len() < FAULTS_MAX {
            pages.faults.push(fault);
        }
    }

    /// When a telephone was first rung for a client.
    pub fn first_rung(&self, client: u32) -> Option<Instant> {
        let pages = self.0.lock();
        pages.calls.get(&client)?.iter().find(|it| it.2 == Saw::Invited).map(|it| it.0)
    }

    /// Whether a client still waits: did not give up, and no telephone was lifted for them.
    pub fn waits(&self, client: u32) -> bool {
        let pages = self.0.lock();
        let over = |event: &Event| matches!(event.2, Saw::Quits | Saw::Lifted);
        pages.calls.get(&client).is_some_and(|events| !events.iter().any(over))
    }

    /// Whether one telephone is up for a client and every other is through with the call.
    pub fn is_settled(&self, client: u32) -> bool {
        let pages = self.0.lock();
        let rung = pages.calls.get(&client).map_or_else(Vec::new, |events| rung(events));
        let last = |one: &Rung| one.saw.last().map(|it| it.1);
        let over = |one: &&Rung| matches!(last(one), Some(Saw::Freed | Saw::HungUp { .. }));
        let up = rung.iter().filter(|one| last(one) == Some(Saw::Up)).count();
        up == 1 && rung.iter().filter(over).count() + 1 == rung.len()
    }

    /// The whole story of one call, for people.
    pub fn story(&self, client: u32) -> String {
        self.0.lock().calls.get(&client).map_or_else(String::new, |events| story(events))
    }

    /// Judges every call; fails with the whole story of those that are not as they must be.
    pub fn judge(&self, air: Air, port_of: impl Fn(usize) -> u16) -> Verdict {
        let pages = self.0.lock();
        let mut verdict = Verdict::default();
        let mut wrong = pages.faults.clone();
        for (client, events) in &pages.calls {
            if let Err(what) = judge(&mut verdict, *client, events, air, &port_of) {
                wrong.push(format!("client {client}: {what}\n{}", story(events)));
            }
        }
        wrong.truncate(FAULTS_MAX);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        verdict
    }
}

fn story(events: &[Event]) -> String {
    let begun = events.first().map(|it| it.0);
    let since = |at: Instant| begun.map_or(Duration::ZERO, |begun| at - begun).as_micros();
    events.iter().map(|it| format!("{:>9} µs  {:?} {:?}\n", since(it.0), it.1, it.2)).collect()
}

/// One telephone in one call: what it saw, with the place of each in the story.
struct Rung {
    telephone: usize,
    saw: Vec<(usize, Saw)>,
}

impl Rung {
    fn at(&self, saw: Saw) -> Option<usize> {
        self.saw.iter().find(|it| it.1 == saw).map(|it| it.0)
    }

    fn is_beaten(&self) -> bool {
        self.at(Saw::HungUp { elsewhere: true }).is_some()
    }

    fn kinds(&self) -> Vec<Saw> {
        self.saw.iter().map(|it| it.1).collect()
    }

    /// Whether it was up at a place in the story.
    fn is_up_at(&self, place: usize) -> bool {
        let ended = self.saw.iter().find(|it| matches!(it.1, Saw::HungUp { .. }));
        self.at(Saw::Up).is_some_and(|up| up < place) && ended.is_none_or(|end| end.0 > place)
    }
}

fn rung(events: &[Event]) -> Vec<Rung> {
    let mut rung: Vec<(&str, Rung)> = Vec::new();
    for (place, (_, who, saw)) in events.iter().enumerate() {
        let Who::Telephone(telephone, call) = who else { continue };
        let own = rung.iter().position(|it| it.0 == call && it.1.telephone == *telephone);
        let own = own.unwrap_or_else(|| {
            rung.push((call, Rung { telephone: *telephone, saw: Vec::new() }));
            rung.len() - 1
        });
        rung[own].1.saw.push((place, *saw));
    }
    rung.into_iter().map(|it| it.1).collect()
}

fn judge(
    verdict: &mut Verdict,
    client: u32,
    events: &[Event],
    air: Air,
    port_of: &impl Fn(usize) -> u16,
) -> Result<(), String> {
    let caller: Vec<Saw> = events.iter().filter(|it| it.1 == Who::Caller).map(|it| it.2).collect();
    let rung = rung(events);
    for one in &rung {
        over(one, air).map_err(|wrong| format!("telephone {} {wrong}", one.telephone))?;
        verdict.cancelled += usize::from(one.at(Saw::Cancelled).is_some());
        verdict.beaten += usize::from(one.is_beaten());
    }
    let quits = caller.contains(&Saw::Quits);
    let answered = caller.iter().find_map(|saw| match saw {
        Saw::Answered(port) => Some(*port),
        _ => None,
    });
    let winners: Vec<&Rung> =
        rung.iter().filter(|one| one.at(Saw::HungUp { elsewhere: false }).is_some()).collect();
    let Some(port) = answered else {
        if !quits || caller.last() != Some(&Saw::Refused(487)) {
            return Err(format!("the caller was turned away: {caller:?}"));
        }
        verdict.gave_up += 1;
        return Ok(());
    };
    if caller.last() != Some(&Saw::Closed) {
        return Err(format!("the caller is not through: {caller:?}"));
    }
    let [winner] = winners[..] else {
        return Err(format!("{} operators had the caller", winners.len()));
    };
    if port != port_of(winner.telephone) {
        return Err(format!("the caller hears port {port}, not telephone {}", winner.telephone));
    }
    verdict.crossed += usize::from(quits);
    verdict.won.insert(client, winner.telephone);
    let hung_up = events.iter().position(|it| it.2 == Saw::HangsUp).unwrap_or(events.len());
    let up = rung.iter().filter(|one| one.is_up_at(hung_up)).count();
    // A caller who was answered in the moment of giving up hangs up before anybody is joined.
    if !quits && (up != 1 || !winner.is_up_at(hung_up)) {
        return Err(format!("{up} operators were up when the caller hung up"));
    }
    Ok(())
}

/// A telephone's part must be over, in one of the ways that there are.
fn over(one: &Rung, air: Air) -> Result<(), String> {
    use Saw as S;
    let kinds = one.kinds();
    match kinds[..] {
        [S::Invited, S::Cancelled, S::Freed] => Ok(()),
        [S::Invited, S::Lifted, S::Up, S::HungUp { .. }] => Ok(()),
        [S::Invited, S::Lifted, S::HungUp { .. }] if air == Air::Rough => Ok(()),
        _ => Err(format!("ended oddly: {kinds:?}")),
    }
}
