//! Session timers (RFC 4028): a call whose other end is dead does not last for ever.
//!
//! A peer without the extension is asked by OPTIONS inside the dialog instead: it answers 481
//! or nothing at all when it no longer knows the call.

use crate::model::Period;

use super::compose::Draft;
use super::headers::SessionExpires;
use super::io::{Cause, Ending, Event};
use super::message::{Method, Request, Response};
use super::session::{Session, Works};
use super::settings::StackSettings;
use super::timers::Alarm;
use super::transaction::Owner;
use super::{Known, Refresher};

/// How a session is kept alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Keeper {
    /// We refresh it.
    Us,
    /// They refresh it, and we end it when they do not.
    Them,
    /// The peer knows no session timers: we ask whether it still knows the call.
    Probe,
}

/// The session timer of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Clock {
    /// Seconds between refreshes at most.
    pub(super) interval: u32,
    /// The shortest the other side or a proxy allows.
    pub(super) min: u32,
    pub(super) keeper: Keeper,
}

impl Clock {
    /// What an INVITE of ours asks for.
    pub(super) fn asked(settings: &StackSettings) -> Clock {
        let timers = settings.session_timers;
        Clock { interval: timers.expires, min: timers.min, keeper: Keeper::Probe }
    }

    /// Writes the wish into a request of ours.
    pub(super) fn ask(&self, draft: &mut Draft, _settings: &StackSettings) {
        for (name, value) in self.lines() {
            draft.line(name, &value);
        }
    }

    /// The lines of the wish.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        vec![("Session-Expires", self.interval.to_string()), ("Min-SE", self.min.to_string())]
    }

    /// The wish after a 422; `None` when it names nothing longer (RFC 4028 section 7.3).
    pub(super) fn longer(&self, response: &Response) -> Option<Clock> {
        let min = response.header(Known::MinSe).and_then(super::lexer::seconds)?;
        (min > self.interval && min <= INTERVAL_MAX).then_some(Clock {
            interval: min,
            min,
            keeper: self.keeper,
        })
    }

    /// What the answer to an INVITE, re-INVITE or UPDATE of ours grants (section 7.2).
    pub(super) fn granted(response: &Response, settings: &StackSettings) -> Clock {
        let own = settings.session_timers;
        let granted = response.header(Known::SessionExpires);
        match granted.and_then(|value| SessionExpires::read(value).ok()) {
            Some(granted) => Clock {
                interval: granted.interval.clamp(own.min.min(90), INTERVAL_MAX),
                min: own.min,
                keeper: match granted.refresher {
                    Some(Refresher::Uas) => Keeper::Them,
                    Some(Refresher::Uac) | None => Keeper::Us,
                },
            },
            None => Clock { interval: own.expires, min: own.min, keeper: Keeper::Probe },
        }
    }

    /// The least a request may ask for, when it asks for less (section 9): then it gets 422.
    pub(super) fn too_small(request: &Request, settings: &StackSettings) -> Option<u32> {
        let wish = request.header(Known::SessionExpires)?;
        let wish = SessionExpires::read(wish).ok()?;
        let min = settings.session_timers.min;
        (wish.interval < min && request.lists(Known::Supported, "timer")).then_some(min)
    }

    /// What we answer a request with (section 9, table 2).
    pub(super) fn answering(request: &Request, settings: &StackSettings) -> Clock {
        let own = settings.session_timers;
        let asked_min = request.header(Known::MinSe).and_then(super::lexer::seconds).unwrap_or(0);
        let floor = own.min.max(asked_min).min(INTERVAL_MAX);
        let wish = request.header(Known::SessionExpires);
        let wish = wish.and_then(|value| SessionExpires::read(value).ok());
        let able = request.lists(Known::Supported, "timer");
        let interval = wish.as_ref().map_or(own.expires, |wish| wish.interval.min(own.expires));
        let keeper = match (able, wish.and_then(|wish| wish.refresher)) {
            (false, _) if request.header(Known::SessionExpires).is_none() => Keeper::Probe,
            (false, _) | (true, Some(Refresher::Uas)) => Keeper::Us,
            (true, Some(Refresher::Uac) | None) => Keeper::Them,
        };
        Clock { interval: interval.max(floor), min: own.min, keeper }
    }

    /// Writes what was agreed into a 2xx of ours.
    pub(super) fn tell(&self, draft: &mut Draft) {
        let (refresher, require) = match self.keeper {
            Keeper::Probe => return,
            Keeper::Us => ("uas", false),
            Keeper::Them => ("uac", true),
        };
        let interval = self.interval.to_string();
        draft.parts("Session-Expires", &[&interval, ";refresher=", refresher]);
        if require {
            draft.line("Require", "timer");
        }
    }
}

/// A day. A longer interval would be no timer at all.
const INTERVAL_MAX: u32 = 86_400;

impl Session {
    /// Starts, or starts anew, the timer of a confirmed session (sections 10 and 7.2).
    pub(super) fn start_clock(&mut self, works: &mut Works) {
        let interval = Period::secs(u64::from(self.timer.interval));
        match self.timer.keeper {
            Keeper::Us => {
                self.arm(works, Alarm::Refresh, Period(interval.0 / 2));
                self.arm(works, Alarm::Expired, interval);
            }
            Keeper::Them => {
                self.disarm(works, Alarm::Refresh);
                // The BYE goes out a third of the interval early, 32 s at most.
                let early = Period::secs(32).min(Period(interval.0 / 3));
                self.arm(works, Alarm::Expired, Period(interval.0 - early.0));
            }
            Keeper::Probe => {
                self.disarm(works, Alarm::Expired);
                self.arm(works, Alarm::Refresh, Period(interval.0 / 2));
            }
        }
    }

    /// Time to refresh.
    pub(super) fn refresh(&mut self, works: &mut Works) {
        if !self.is_quiet() {
            self.arm(works, Alarm::Refresh, Period::secs(5)); // an offer is under way; it may do
            return;
        }
        match self.timer.keeper {
            Keeper::Them => {}
            Keeper::Probe => {
                let owner = Owner::Session(self.id);
                self.ask(works, Method::Options, owner, Draft::end);
                let interval = Period::secs(u64::from(self.timer.interval));
                self.arm(works, Alarm::Refresh, Period(interval.0 / 2));
            }
            Keeper::Us => self.send_refresh(works),
        }
    }

    /// Nobody refreshed it in time: both ends let go (section 10).
    pub(super) fn expired(&mut self, works: &mut Works) {
        works.wire.tell(Event::Ended { session: self.id, cause: Ending::Expired });
        let text = String::from("Session timer expired");
        self.hang_up(works, &Cause { sip: 408, q850: 102, text });
    }
}
