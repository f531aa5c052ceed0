//! The outbox: notes that must arrive in a CRM or messenger, at least once, however long it takes.
//!
//! A note is written in the transaction of the facts it tells of. Its key makes it once-only over
//! restarts and repeated batches; a later revision of the same key amends it. A worker claims a
//! note before the request leaves, so a crash in between leaves it *in flight*: nobody knows what
//! came of it, and it comes back as *ambiguous*, to be looked up before it is repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};
use tokio::sync::watch;

use super::db::{Store, rows_in, run_in};
use super::error::StoreError;
use super::sql::{Columns, Sql, document};
use crate::model::{CallId, Name, NoteBody, Stamped, Wall};

/// Notes that may wait at once; the oldest are kept. At a kilobyte each it bounds the disk that a
/// target takes that never comes back; a smaller number would lose notes of a long outage.
pub const OUTBOX_MAX: u64 = 1_000_000;

/// From so many that wait on, somebody must look.
pub const OUTBOX_ALARM: u64 = OUTBOX_MAX / 10 * 8;

/// The bound is looked at again after so many more notes. More counts seldomer.
const COUNT_EVERY: u64 = 1_000;

/// The kind of a task's note whose client was reached.
const REACHED: &str = "reached";

/// True of notes that are not behind another of their lane.
const FIRST: &str = "not exists (select 1 from note as other where other.lane = mine.lane
    and other.place < mine.place and other.state in ('pending', 'in_flight', 'ambiguous'))";

/// The notes that a batch of records gives rise to; made outside, because the store knows no
/// targets.
pub type NotesOf = Arc<dyn Fn(&[Stamped]) -> Vec<NewNote> + Send + Sync>;

/// A note to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNote {
    /// Ours, ordered by time (UUID version 7 as text).
    pub id: String,
    /// Target, call and action: a second note of the same key amends the first.
    pub once_key: String,
    /// The CRM or messenger of the configuration.
    pub target: Name,
    /// Notes of one lane leave one after the other.
    pub lane: String,
    /// The order in the lane.
    pub place: i64,
    /// The call that it tells of.
    pub call: Option<CallId>,
    /// Which version of the thing told; a later one amends, any other changes nothing.
    pub revision: u32,
    /// What to tell.
    pub body: NoteBody,
    /// When to send it first.
    pub due_at: Wall,
    /// When it was made.
    pub created_at: Wall,
}

/// Where a note stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteState {
    /// To be sent.
    Pending,
    /// Claimed: the request is about to leave, or has left.
    InFlight,
    /// It may have arrived; to be looked up.
    Ambiguous,
    /// It arrived.
    Done,
    /// There was nothing to do, or somebody said so.
    Skipped,
    /// It never will.
    Dead,
    /// Nobody can find out whether it arrived.
    Unclear,
}

/// A note that one worker may send, or look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedNote {
    /// Ours.
    pub id: String,
    /// The once-only key, for peers that honour one.
    pub once_key: String,
    /// Where to.
    pub target: Name,
    /// What to tell, as JSON.
    pub body: String,
    /// What an earlier delivery of this key left, as JSON.
    pub external: Option<String>,
    /// Attempts, this one among them.
    pub tries: u64,
    /// When this revision began to wait.
    pub since: Wall,
    /// Whether it was sent again although nobody could look up what came of it.
    pub is_repeated: bool,
    /// How often it was looked up since it was sent, this time among them. What our own end cut
    /// off does not count.
    pub looks: u64,
}

/// How an attempt at a note ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It arrived.
    Done {
        /// What to keep for amendments, as JSON; what is there stays when nothing is given.
        external: Option<String>,
    },
    /// There is nothing to do.
    Skipped {
        /// Why.
        told: String,
    },
    /// Surely not; again at that moment.
    Retry {
        /// When.
        at: Wall,
        /// What the other side said.
        told: String,
    },
    /// Surely not, and through no fault of the note: it does not count as an attempt.
    Postponed {
        /// When to try.
        at: Wall,
        /// What the other side said.
        told: String,
    },
    /// Nobody can find out, and once more does no harm: at that moment.
    Repeat {
        /// When.
        at: Wall,
        /// What was seen.
        told: String,
    },
    /// Nobody knows yet; to be looked up at that moment.
    Ambiguous {
        /// When.
        look_at: Wall,
        /// What was seen.
        told: String,
    },
    /// It never will.
    Dead {
        /// What the other side said.
        told: String,
    },
    /// Nobody can find out: a person must look.
    Unclear {
        /// What was seen.
        told: String,
    },
}

/// Notes that a worker looks for.
#[derive(Debug, Clone, Copy)]
pub struct ClaimAsk<'a> {
    /// Who asks; unique in the world.
    pub worker: &'a str,
    /// Whose notes.
    pub target: &'a Name,
    /// The moment.
    pub now: Wall,
    /// When the claim lapses.
    pub until: Wall,
    /// How many at most.
    pub limit: u32,
}

/// What the handles of one database share about its outbox.
#[derive(Clone)]
pub(super) struct Outbox(Arc<Shared>);

struct Shared {
    /// Waiting when last counted, and added since: never less than what waits.
    counted: AtomicU64,
    added: AtomicU64,
    news: watch::Sender<()>,
}

impl NoteState {
    /// All of them.
    pub const ALL: [NoteState; 7] = [
        NoteState::Pending,
        NoteState::InFlight,
        NoteState::Ambiguous,
        NoteState::Done,
        NoteState::Skipped,
        NoteState::Dead,
        NoteState::Unclear,
    ];

    /// The word in the database and the API.
    pub const fn word(self) -> &'static str {
        match self {
            NoteState::Pending => "pending",
            NoteState::InFlight => "in_flight",
            NoteState::Ambiguous => "ambiguous",
            NoteState::Done => "done",
            NoteState::Skipped => "skipped",
            NoteState::Dead => "dead",
            NoteState::Unclear => "unclear",
        }
    }

    /// The state of a word.
    pub fn of(word: &str) -> Option<NoteState> {
        NoteState::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether a worker still has to do something about it.
    pub const fn is_waiting(self) -> bool {
        matches!(self, NoteState::Pending | NoteState::InFlight | NoteState::Ambiguous)
    }
}

impl Outbox {
    pub(super) fn new() -> Outbox {
        let (news, _) = watch::channel(());
        // As if full: the first note counts.
        Outbox(Arc::new(Shared { counted: OUTBOX_MAX.into(), added: 0.into(), news }))
    }

    pub(super) fn tell(&self) {
        self.0.news.send_replace(());
    }
}

impl NewNote {
    fn write(&self) -> Result<Sql, StoreError> {
        match &self.body {
            NoteBody::Reached { .. } => self.take_back(),
            NoteBody::Call { .. }
            | NoteBody::CallBack { .. }
            | NoteBody::Event { .. }
            | NoteBody::Message(_) => self.insert(),
        }
    }

    /// Amends a task that was given, or may have been, or is about to be. What became of its note
    /// otherwise left nothing to take back.
    fn take_back(&self) -> Result<Sql, StoreError> {
        Ok(Sql::new("update note set kind = ")
            .text(REACHED)
            .push(", body = ")
            .text(&document(&self.body)?)
            .push(", since = ")
            .number(self.created_at.0)
            .push(
                ", revision = revision + 1, tries = 0, repeated = 0, ended_at = null,
                 due_at = case when state in ('in_flight', 'ambiguous') then due_at else ",
            )
            .number(self.due_at.0)
            .push(
                " end, state = case when state in ('in_flight', 'ambiguous') then state
                    else 'pending' end
                  where kind = 'call_back' and once_key = ",
            )
            .text(&self.once_key)
            .push(" and (external is not null or state in ('pending', 'in_flight', 'ambiguous'))"))
    }

    fn insert(&self) -> Result<Sql, StoreError> {
        let head = "insert into note (id, once_key, target, lane, place, call, kind, revision,
            sent_revision, state, body, due_at, since, tries, repeated, looks,
            claimed_until, created_at) values ";
        Ok(Sql::new(head)
            .open()
            .text(&self.id)
            .text(&self.once_key)
            .text(self.target.as_str())
            .text(&self.lane)
            .number(self.place)
            .text_or_null(self.call.map(|call| call.to_string()).as_deref())
            .text(kind_of(&self.body))
            .number(i64::from(self.revision))
            .number(-1)
            .text(NoteState::Pending.word())
            .text(&document(&self.body)?)
            .number(self.due_at.0)
            .number(self.created_at.0)
            .number(0)
            .number(0)
            .number(0)
            .number(0)
            .number(self.created_at.0)
            .close()
            // What is in flight or ambiguous stays so until that attempt is known; it waits
            // again after that, because its revision is later than the one that was sent.
            .push(
                " on conflict (once_key) do update set body = excluded.body, kind = excluded.kind,
                    revision = excluded.revision, since = excluded.since, tries = 0, repeated = 0,
                    state = case when note.state in ('in_flight', 'ambiguous') then note.state
                        else 'pending' end,
                    due_at = case when note.state in ('in_flight', 'ambiguous') then note.due_at
                        else excluded.due_at end,
                    ended_at = null
                  where note.revision < excluded.revision
                    and not (note.kind = 'reached' and excluded.kind = 'call_back')",
            ))
    }
}

/// The kind of a body, as its JSON names it.
const fn kind_of(body: &NoteBody) -> &'static str {
    match body {
        NoteBody::Call { .. } => "call",
        NoteBody::CallBack { .. } => "call_back",
        NoteBody::Reached { .. } => REACHED,
        NoteBody::Event { .. } => "event",
        NoteBody::Message(_) => "message",
    }
}

impl Store {
    /// Keeps a note, or amends the one of its key; false when neither changed anything.
    pub async fn add_note(&self, note: &NewNote) -> Result<bool, StoreError> {
        let room = self.outbox_room(1).await?;
        let mut all = self.begin().await?;
        let kept = self.write_notes(&mut all, std::slice::from_ref(note), room).await?;
        all.commit().await?;
        self.outbox().tell();
        Ok(kept > 0)
    }

    /// How many notes may be added; asks the database when that is not sure.
    pub(super) async fn outbox_room(&self, asked: usize) -> Result<u64, StoreError> {
        let asked = u64::try_from(asked).unwrap_or(u64::MAX);
        if asked == 0 {
            return Ok(0);
        }
        let shared = &self.outbox().0;
        let known =
            || shared.counted.load(Ordering::Relaxed) + shared.added.load(Ordering::Relaxed);
        let stale = shared.added.load(Ordering::Relaxed) >= COUNT_EVERY;
        if stale || known().saturating_add(asked) > OUTBOX_MAX {
            let sql = Sql::new(
                "select count(*) from note where state in ('pending', 'in_flight', 'ambiguous')",
            );
            let counted = Columns::of(&self.one(sql).await?).count()?;
            shared.counted.store(counted, Ordering::Relaxed);
            shared.added.store(0, Ordering::Relaxed);
        }
        Ok(OUTBOX_MAX.saturating_sub(known()))
    }

    /// Writes notes; gives how many changed something. Beyond `room` new ones are refused, and
    /// counted, because the oldest are kept.
    pub(super) async fn write_notes(
        &self,
        all: &mut Transaction<'static, Any>,
        notes: &[NewNote],
        mut room: u64,
    ) -> Result<u64, StoreError> {
        let (mut changed, mut refused) = (0, 0_u64);
        for note in notes {
            if room == 0 && !is_known(all, &note.once_key).await? {
                refused += 1;
                continue;
            }
            let wrote = run_in(all, note.write()?).await?;
            room = room.saturating_sub(wrote);
            changed += wrote;
        }
        self.outbox().0.added.fetch_add(changed, Ordering::Relaxed);
        if refused > 0 {
            metrics::counter!("navbat_outbox_refused_total").increment(refused);
            tracing::error!(refused, "the outbox is full: notes were not kept");
        }
        Ok(changed)
    }

    /// Told when notes were added or set free, so that a worker need not look again and again.
    pub fn outbox_news(&self) -> watch::Receiver<()> {
        self.outbox().0.news.subscribe()
    }

    /// Claims due notes for one worker, until a moment; those that are due first. A note is not
    /// given while an earlier one of its lane waits.
    pub async fn claim_notes(&self, ask: ClaimAsk<'_>) -> Result<Vec<ClaimedNote>, StoreError> {
        // The outer condition repeats on purpose: PostgreSQL checks it again after waiting for a
        // row that another worker took.
        let sql = Sql::new("update note set state = 'in_flight', claimed_by = ")
            .text(ask.worker)
            .push(", claimed_until = ")
            .number(ask.until.0)
            .push(
                ", tries = tries + 1, looks = 0, sent_revision = revision
                 where state = 'pending' and id in (select id from note as mine
                    where state = 'pending' and target = ",
            )
            .text(ask.target.as_str())
            .push(" and due_at <= ")
            .number(ask.now.0)
            .push(" and ")
            .push(FIRST)
            .push(" order by due_at, place limit ");
        self.claimed(sql, ask.limit).await
    }

    /// Claims ambiguous notes whose time to be looked up has come.
    pub async fn claim_ambiguous(&self, ask: ClaimAsk<'_>) -> Result<Vec<ClaimedNote>, StoreError> {
        let sql = Sql::new("update note set looks = looks + 1, claimed_by = ")
            .text(ask.worker)
            .push(", claimed_until = ")
            .number(ask.until.0)
            .push(" where state = 'ambiguous' and claimed_until <= ")
            .number(ask.now.0)
            .push(" and id in (select id from note where state = 'ambiguous' and target = ")
            .text(ask.target.as_str())
            .push(" and claimed_until <= ")
            .number(ask.now.0)
            .push(" and due_at <= ")
            .number(ask.now.0)
            .push(" order by due_at, place limit ");
        self.claimed(sql, ask.limit).await
    }

    async fn claimed(&self, sql: Sql, limit: u32) -> Result<Vec<ClaimedNote>, StoreError> {
        let sql = sql.number(i64::from(limit)).push(
            ") returning id, once_key, target, body, external, tries, since,
                repeated, looks, place",
        );
        let mut notes: Vec<(i64, ClaimedNote)> =
            self.rows(sql).await?.iter().map(claimed_of).collect::<Result<_, _>>()?;
        notes.sort_by_key(|(place, _)| *place);
        Ok(notes.into_iter().map(|(_, note)| note).collect())
    }

    /// Makes what others than this worker left in flight ambiguous, to be looked up at `look_at`,
    /// with what they were looking up, because a target has one worker; or what lapsed.
    pub async fn lapse_notes(
        &self,
        target: &Name,
        of: Lapsing<'_>,
        look_at: Wall,
    ) -> Result<u64, StoreError> {
        let sql = Sql::new(
            // A look-up that was cut off says nothing of the peer, so it does not count.
            "update note set looks = case when state = 'ambiguous' and looks > 0 then looks - 1
                else looks end,
                state = 'ambiguous', claimed_by = null, claimed_until = 0,
                told = 'the program ended before the answer', due_at = ",
        )
        .number(look_at.0)
        .push(" where target = ")
        .text(target.as_str());
        let sql = match of {
            Lapsing::OfOthers(worker) => {
                sql.push(" and state in ('in_flight', 'ambiguous') and claimed_by <> ").text(worker)
            }
            Lapsing::Until(now) => {
                sql.push(" and state = 'in_flight' and claimed_until <= ").number(now.0)
            }
        };
        self.run(sql).await
    }

    /// Says how an attempt of a worker ended; false when its claim has lapsed.
    pub async fn settle_note(
        &self,
        worker: &str,
        id: &str,
        delivery: &Delivery,
        now: Wall,
    ) -> Result<bool, StoreError> {
        let end = [(id.to_owned(), delivery.clone())];
        Ok(self.settle_notes(worker, &end, now).await? == 0)
    }

    /// Says how attempts of a worker ended, all in one transaction; gives how many claims of them
    /// had lapsed.
    pub async fn settle_notes(
        &self,
        worker: &str,
        ends: &[(String, Delivery)],
        now: Wall,
    ) -> Result<u64, StoreError> {
        let (mut all, mut lapsed) = (self.begin().await?, 0);
        for (id, delivery) in ends {
            let sql = settled(delivery, now)
                .push(" where state in ('in_flight', 'ambiguous') and id = ")
                .text(id)
                .push(" and claimed_by = ")
                .text(worker);
            lapsed += u64::from(run_in(&mut all, sql).await? == 0);
        }
        all.commit().await?;
        self.outbox().tell();
        Ok(lapsed)
    }

    /// In which states notes of a target could be claimed: to be sent, to be looked up.
    pub async fn due_notes(&self, target: &Name, now: Wall) -> Result<DueNotes, StoreError> {
        let due = |sql: &'static str| {
            Sql::new(sql)
                .text(target.as_str())
                .push(" and due_at <= ")
                .number(now.0)
                .push(" and claimed_until <= ")
                .number(now.0)
        };
        let send = "select id from note as mine where state = 'pending' and target = ";
        let send = due(send).push(" and ").push(FIRST).push(" limit 1");
        let look = due("select id from note where state = 'ambiguous' and target = ");
        Ok(DueNotes {
            to_send: self.row(send).await?.is_some(),
            to_look_up: self.row(look.push(" limit 1")).await?.is_some(),
        })
    }

    /// When the next note of a target is due that is not due yet.
    pub async fn next_note_at(&self, target: &Name, now: Wall) -> Result<Option<Wall>, StoreError> {
        let sql = Sql::new(
            "select min(due_at) from note where state in ('pending', 'ambiguous') and target = ",
        )
        .text(target.as_str())
        .push(" and due_at > ")
        .number(now.0);
        Ok(Columns::of(&self.one(sql).await?).wall_or_null()?)
    }
}

/// What is due at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueNotes {
    /// Something is to be sent.
    pub to_send: bool,
    /// Something is to be looked up.
    pub to_look_up: bool,
}

/// The beginning of the statement that settles a note.
fn settled(delivery: &Delivery, now: Wall) -> Sql {
    let sql = Sql::new("update note set claimed_by = null, claimed_until = 0, ");
    match delivery {
        Delivery::Done { external } => {
            let sql = ended(sql, NoteState::Done, now).push(", told = null");
            match external {
                Some(external) => sql.push(", external = ").text(external),
                None => sql,
            }
        }
        Delivery::Skipped { told } => {
            ended(sql, NoteState::Skipped, now).push(", told = ").text(told)
        }
        Delivery::Dead { told } => ended(sql, NoteState::Dead, now).push(", told = ").text(told),
        Delivery::Unclear { told } => {
            ended(sql, NoteState::Unclear, now).push(", told = ").text(told)
        }
        Delivery::Retry { at, told } => waits(sql, NoteState::Pending, *at, told),
        Delivery::Postponed { at, told } => {
            let tries = ", tries = case when tries > 0 then tries - 1 else 0 end";
            waits(sql, NoteState::Pending, *at, told).push(tries)
        }
        Delivery::Repeat { at, told } => {
            waits(sql, NoteState::Pending, *at, told).push(", repeated = 1")
        }
        Delivery::Ambiguous { look_at, told } => waits(sql, NoteState::Ambiguous, *look_at, told),
    }
}

/// Whose claims lapse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lapsing<'a> {
    /// Everybody's but this worker's.
    OfOthers(&'a str),
    /// Everybody's that were good until then.
    Until(Wall),
}

/// An end, unless a later revision came while this one was on its way: that is sent at once.
fn ended(sql: Sql, state: NoteState, now: Wall) -> Sql {
    sql.push("state = case when revision > sent_revision then 'pending' else ")
        .text(state.word())
        .push(" end, ended_at = case when revision > sent_revision then null else ")
        .number(now.0)
        .push(" end, due_at = case when revision > sent_revision then ")
        .number(now.0)
        .push(" else due_at end")
}

fn waits(sql: Sql, state: NoteState, until: Wall, told: &str) -> Sql {
    sql.push("state = ")
        .text(state.word())
        .push(", due_at = ")
        .number(until.0)
        .push(", told = ")
        .text(told)
}

async fn is_known(all: &mut Transaction<'static, Any>, key: &str) -> Result<bool, StoreError> {
    let sql = Sql::new("select 1 from note where once_key = ").text(key);
    Ok(!rows_in(all, sql).await?.is_empty())
}

fn claimed_of(row: &AnyRow) -> Result<(i64, ClaimedNote), StoreError> {
    let mut columns = Columns::of(row);
    let note = ClaimedNote {
        id: columns.text()?,
        once_key: columns.text()?,
        target: columns.name()?,
        body: columns.text()?,
        external: columns.text_or_null()?,
        tries: columns.count()?,
        since: columns.wall()?,
        is_repeated: columns.truth()?,
        looks: columns.count()?,
    };
    Ok((columns.number()?, note))
}
