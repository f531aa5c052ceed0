//! One signed-in browser or program, and when that ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::model::{Mono, Now, Period, Wall};
use crate::web::access::Reader;

/// A browser that does nothing for this long is signed out; an open stream is use.
pub const IDLE_MAX: Period = Period::mins(30);

/// A browser is signed out after this, whatever it does.
pub const AGE_MAX: Period = Period::hours(12);

/// How long what is remembered of a person is believed.
const CHECKED_FOR: Period = Period::secs(10);

/// How often use is written down. Rarer writes forget up to this much use in a restart.
const WRITTEN_EVERY: Period = Period::secs(60);

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// A browser's cookie: changes need the page's token too.
    Cookie,
    /// A bearer token in a header, which no foreign page can send.
    Token,
}

/// A signed-in browser or program.
pub struct Session {
    /// The hash under which its secret is kept.
    pub hash: String,
    /// What it sent.
    pub via: Via,
    /// What its changes must carry; empty for tokens.
    pub csrf: String,
    reader: ArcSwap<Reader>,
    opened_at: Mono,
    used_at: AtomicU64,
    written_at: AtomicU64,
    checked_at: AtomicU64,
    ended: CancellationToken,
}

impl Session {
    /// A browser's session that begins.
    pub fn opened(hash: String, csrf: String, reader: Reader, now: Now) -> Session {
        Session::make(hash, Via::Cookie, csrf, reader, now.mono, now)
    }

    /// A browser's session from the store, with the age it has there.
    pub fn restored(
        hash: String,
        csrf: String,
        reader: Reader,
        created_at: Wall,
        seen_at: Wall,
        now: Now,
    ) -> Session {
        let opened_at = now.mono - now.wall.since(created_at);
        let session = Session::make(hash, Via::Cookie, csrf, reader, opened_at, now);
        let used_at = now.mono - now.wall.since(seen_at);
        session.used_at.store(used_at.0, Ordering::Relaxed);
        session
    }

    /// A program's token.
    pub fn of_token(hash: String, reader: Reader, now: Now) -> Session {
        Session::make(hash, Via::Token, String::new(), reader, now.mono, now)
    }

    fn make(
        hash: String,
        via: Via,
        csrf: String,
        reader: Reader,
        opened_at: Mono,
        now: Now,
    ) -> Session {
        let at = || AtomicU64::new(now.mono.0);
        Session {
            hash,
            via,
            csrf,
            reader: ArcSwap::from_pointee(reader),
            opened_at,
            used_at: at(),
            written_at: at(),
            checked_at: at(),
            ended: CancellationToken::new(),
        }
    }

    /// Who it is.
    pub fn reader(&self) -> Arc<Reader> {
        self.reader.load_full()
    }

    /// Resolves when the session was ended.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Ends it for everybody who holds it.
    pub fn end(&self) {
        self.ended.cancel();
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Mono) -> bool {
        let used_at = Mono(self.used_at.load(Ordering::Relaxed));
        let old = now.since(used_at) > IDLE_MAX || now.since(self.opened_at) > AGE_MAX;
        self.ended.is_cancelled() || (self.via == Via::Cookie && old)
    }

    /// Counts use; true when it is time to write that down.
    pub fn used(&self, now: Mono) -> bool {
        self.used_at.store(now.0, Ordering::Relaxed);
        let due = now.since(Mono(self.written_at.load(Ordering::Relaxed))) > WRITTEN_EVERY;
        if due {
            self.written_at.store(now.0, Ordering::Relaxed);
        }
        due
    }

    /// Whether who it is was read from the store a moment ago.
    pub fn is_checked(&self, now: Mono) -> bool {
        now.since(Mono(self.checked_at.load(Ordering::Relaxed))) < CHECKED_FOR
    }

    /// Takes what was read. A change of role or scope ends the session: an open stream was chosen
    /// for who they were.
    pub fn checked(&self, reader: Reader, now: Mono) {
        self.checked_at.store(now.0, Ordering::Relaxed);
        if *self.reader.load_full() != reader {
            let before = self.reader.swap(Arc::new(reader.clone()));
            let rights = |it: &Reader| (it.role, it.queues.clone(), it.operator.clone());
            if rights(&before) != rights(&reader) {
                self.end();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::access::Role;

    fn reader(role: Role) -> Reader {
        Reader { login: "aziza".into(), role, operator: None, queues: Vec::new(), language: None }
    }

    fn at(minutes: u64) -> Now {
        Now { mono: Mono(minutes * 60_000), wall: Wall::default() }
    }

    #[test]
    fn a_session_ends_when_idle_or_old() {
        let role = Role::Operator;
        let session = Session::opened(String::new(), String::new(), reader(role), at(0));
        assert!(!session.is_over(at(30).mono));
        assert!(session.is_over(at(31).mono), "idle");
        for minutes in (0..=720).step_by(20) {
            session.used(at(minutes).mono);
        }
        assert!(!session.is_over(at(720).mono));
        assert!(session.is_over(at(721).mono), "old");
        let token = Session::of_token(String::new(), reader(role), at(0));
        assert!(!token.is_over(at(100_000).mono));
    }

    #[test]
    fn a_change_of_role_ends_it() {
        let session = Session::opened(String::new(), String::new(), reader(Role::Admin), at(0));
        session.checked(reader(Role::Admin), at(1).mono);
        assert!(!session.is_over(at(1).mono));
        session.checked(reader(Role::Operator), at(1).mono);
        assert!(session.is_over(at(1).mono));
        let session =
            Session::opened(String::new(), String::new(), reader(Role::Supervisor), at(0));
        let scoped = Reader { queues: vec!["sales".into()], ..reader(Role::Supervisor) };
        session.checked(scoped, at(1).mono);
        assert!(session.is_over(at(1).mono), "its stream shows more than the new scope");
    }
}
