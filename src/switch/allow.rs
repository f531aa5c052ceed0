//! Who may call outside: an explicit list for each operator, counted and limited. Whoever is not
//! on a list calls nobody, and a transfer or a redirected telephone asks as the operator behind it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::wiring::Allowed;
use crate::model::{LegId, Mono, Name, Number, Period};

/// The window of `per_minute`.
const MINUTE: Period = Period::mins(1);

/// Why an outside call is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The operator has no list.
    #[error("this operator may not call outside")]
    NoList,
    /// No prefix fits.
    #[error("no prefix of this operator fits the number")]
    Prefix,
    /// As many calls are up as may be.
    #[error("as many outside calls as are allowed at once are up")]
    Calls,
    /// Too many attempts within a minute.
    #[error("too many outside calls within a minute")]
    Minute,
    /// The day's attempts are used up.
    #[error("the outside calls of this day are used up")]
    Day,
}

/// Attempts of one operator on one day of the site. Survives a restart, so that a crash is no
/// way to a fresh allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DayCount {
    /// The day, in days since 1970.
    pub day: i64,
    /// Attempts.
    pub calls: u32,
}

/// What every operator has used of their allowance. As large as the list of operators; the
/// attempts of a minute are bounded by `per_minute`.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    used: BTreeMap<Name, Used>,
}

#[derive(Debug, Clone, Default)]
struct Used {
    live: BTreeSet<LegId>,
    minute: VecDeque<Mono>,
    day: DayCount,
}

impl Ledger {
    /// Takes an attempt into account, or says why it must not be made. `day` counts days since
    /// 1970 where the site is; a clock that was set back opens no earlier day again.
    ///
    /// # Errors
    /// When any limit of the list does not hold. Nothing is counted then.
    pub fn take(
        &mut self,
        operator: &Name,
        list: Option<&Allowed>,
        number: &Number,
        leg: LegId,
        now: Mono,
        day: i64,
    ) -> Result<DayCount, Denied> {
        let count = self.look(operator, list, number, now, day)?;
        let used = self.used.entry(operator.clone()).or_default();
        while used.minute.front().is_some_and(|at| now.since(*at) >= MINUTE) {
            used.minute.pop_front();
        }
        used.day = count;
        used.minute.push_back(now);
        used.live.insert(leg);
        Ok(count)
    }

    /// Says whether an attempt may be made, and what the day's count would be with it.
    ///
    /// # Errors
    /// When any limit of the list does not hold.
    pub fn look(
        &self,
        operator: &Name,
        list: Option<&Allowed>,
        number: &Number,
        now: Mono,
        day: i64,
    ) -> Result<DayCount, Denied> {
        let list = list.ok_or(Denied::NoList)?;
        let fits = |prefix: &String| !prefix.is_empty() && number.reveal().starts_with(prefix);
        if !list.prefixes.iter().any(fits) {
            return Err(Denied::Prefix);
        }
        let used = self.used.get(operator);
        if used.map_or(0, |used| used.live.len()) >= usize::from(list.calls_max) {
            return Err(Denied::Calls);
        }
        let recent = used.into_iter().flat_map(|used| &used.minute);
        let recent = recent.filter(|at| now.since(**at) < MINUTE).count();
        if recent >= usize::from(list.per_minute) {
            return Err(Denied::Minute);
        }
        let mut count = used.map(|used| used.day).unwrap_or_default();
        if day > count.day {
            count = DayCount { day, calls: 0 };
        }
        if count.calls >= list.per_day {
            return Err(Denied::Day);
        }
        count.calls = count.calls.saturating_add(1);
        Ok(count)
    }

    /// An outside call is over.
    pub fn release(&mut self, leg: LegId) {
        for used in self.used.values_mut() {
            used.live.remove(&leg);
        }
    }

    /// Goes on from what the journal says of an operator's day.
    pub fn resume(&mut self, operator: &Name, count: DayCount) {
        self.used.entry(operator.clone()).or_default().day = count;
    }

    /// An outside call that lives on after a restart.
    pub fn live(&mut self, operator: &Name, leg: LegId) {
        self.used.entry(operator.clone()).or_default().live.insert(leg);
    }

    /// Every leg that counts as an outside call.
    pub fn legs(&self) -> impl Iterator<Item = LegId> {
        self.used.values().flat_map(|used| used.live.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Allowed {
        let prefixes = vec![String::from("+99890"), String::from("+99871")];
        Allowed { prefixes, calls_max: 1, per_minute: 2, per_day: 3 }
    }

    fn ask(ledger: &mut Ledger, number: &str, leg: u64, at: u64) -> Result<DayCount, Denied> {
        let number = Number::new(number).unwrap();
        let aziza = Name::from("Aziza");
        ledger.take(&aziza, Some(&list()), &number, LegId(leg), Mono(at), 20_000)
    }

    #[test]
    fn without_a_list_nobody_is_called() {
        let mut ledger = Ledger::default();
        let number = Number::new("+998901234567").unwrap();
        let asked = ledger.take(&"Aziza".into(), None, &number, LegId(1), Mono(0), 1);
        assert_eq!(asked, Err(Denied::NoList));
        let none = Allowed { prefixes: Vec::new(), ..list() };
        let asked = ledger.take(&"Aziza".into(), Some(&none), &number, LegId(1), Mono(0), 1);
        assert_eq!(asked, Err(Denied::Prefix));
        let empty = Allowed { prefixes: vec![String::new()], ..list() };
        let asked = ledger.take(&"Aziza".into(), Some(&empty), &number, LegId(1), Mono(0), 1);
        assert_eq!(asked, Err(Denied::Prefix));
    }

    #[test]
    fn a_number_outside_the_prefixes_costs_nothing() {
        let mut ledger = Ledger::default();
        assert_eq!(ask(&mut ledger, "+79001234567", 1, 0), Err(Denied::Prefix));
        assert_eq!(ask(&mut ledger, "+998901234567", 1, 0).map(|it| it.calls), Ok(1));
    }

    #[test]
    fn calls_at_once_minutes_and_days_each_have_their_limit() {
        let mut ledger = Ledger::default();
        assert!(ask(&mut ledger, "+998901234567", 1, 0).is_ok());
        assert_eq!(ask(&mut ledger, "+998901234567", 2, 1), Err(Denied::Calls));
        ledger.release(LegId(1));
        assert!(ask(&mut ledger, "+998901234567", 2, 2).is_ok());
        ledger.release(LegId(2));
        assert_eq!(ask(&mut ledger, "+998901234567", 3, 59_999), Err(Denied::Minute));
        assert!(ask(&mut ledger, "+998901234567", 3, 60_000).is_ok());
        ledger.release(LegId(3));
        assert_eq!(ask(&mut ledger, "+998901234567", 4, 200_000), Err(Denied::Day));
    }

    #[test]
    fn a_day_is_remembered_and_a_clock_set_back_gives_nothing() {
        let mut ledger = Ledger::default();
        ledger.resume(&"Aziza".into(), DayCount { day: 20_001, calls: 3 });
        assert_eq!(ask(&mut ledger, "+998901234567", 1, 0), Err(Denied::Day));
    }
}
