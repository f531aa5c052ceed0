//! Who may be rung: every reason that stands against an operator, never only the first.
//!
//! One evaluator serves dispatch, the check whether a queue has anybody, and explanations, so
//! they cannot disagree. It comes in two parts: [`judge`] looks at the operator and the queue and
//! changes only when one of them does, so the bench keeps its result; [`judge_for`] adds what
//! depends on the caller.

use std::collections::BTreeSet;

use super::strategy::Tally;
use crate::model::{Authority, Intent, Mono, Name, OperatorId, Reach, Ruling, Why};

/// What is true of one operator at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What they chose.
    pub intent: &'a Intent,
    /// What is known of their devices, best first.
    pub reach: Reach,
    /// Their offers that are not over, of any queue, without those that talk.
    pub offers: u32,
    /// Their conversations, in queues and out of them.
    pub talking: u32,
    /// The end of their wrap-up.
    pub wrap_up_until: Option<Mono>,
    /// Calls at the same moment.
    pub calls_max: u8,
    /// A device of theirs is in a call that no queue gave them.
    pub outside_call: bool,
    /// Switched off by an administrator.
    pub disabled: bool,
    /// What they can do.
    pub skills: &'a [Name],
    /// Their counters, for the strategies that compare them.
    pub tally: &'a Tally,
}

/// What one caller adds to the judgement.
#[derive(Debug, Clone, Copy)]
pub struct Bars<'a> {
    /// Who did not take this very caller a moment ago.
    pub backed_off: &'a BTreeSet<OperatorId>,
    /// Who may never get this call (its own caller, or by a rule).
    pub excluded: &'a BTreeSet<OperatorId>,
    /// Whom this pass of a linear queue has asked already; other strategies do not look.
    pub tried: &'a BTreeSet<OperatorId>,
}

static NOBODY: BTreeSet<OperatorId> = BTreeSet::new();

impl Bars<'static> {
    /// Nobody is barred.
    pub const NONE: Bars<'static> = Bars { backed_off: &NOBODY, excluded: &NOBODY, tried: &NOBODY };
}

/// A person has one pair of ears: more live offers at once only make telephones ring that
/// nobody can pick up, fewer than one would ring nobody.
const OFFERS_MAX: u32 = 1;

/// Everything that stands against an operator in a queue that needs `skills`.
///
/// [`Why::ReachUnknown`] is always told; [`judge_for`] drops it where it is no bar.
pub fn judge(facts: &Facts<'_>, skills: &[Name], now: Mono) -> Ruling {
    let (offline, on_break, dnd, disabled) = match facts.intent {
        Intent::Ready => (false, false, false, false),
        Intent::Offline => (true, false, false, false),
        Intent::Break { .. } => (false, true, false, false),
        Intent::Dnd => (false, false, true, false),
        Intent::Disabled => (false, false, false, true),
    };
    let (unreachable, unknown) = match facts.reach {
        Reach::Reachable => (false, false),
        Reach::Unreachable => (true, false),
        Reach::Unknown => (false, true),
    };
    let load = facts.offers.saturating_add(facts.talking);
    let full = load >= u32::from(facts.calls_max);
    Ruling::ELIGIBLE
        .with(Why::Disabled, disabled || facts.disabled)
        .with(Why::Offline, offline)
        .with(Why::OnBreak, on_break)
        .with(Why::Dnd, dnd)
        .with(Why::Unreachable, unreachable)
        .with(Why::ReachUnknown, unknown)
        .with(Why::Ringing, facts.offers >= OFFERS_MAX)
        .with(Why::Talking, full && facts.talking > 0)
        .with(Why::WrapUp, facts.wrap_up_until.is_some_and(|until| until > now))
        .with(Why::SkillMissing, !skills.iter().all(|need| facts.skills.contains(need)))
        .with(Why::OutsideCall, facts.outside_call)
}

/// The same for one caller: `ruling` of [`judge`] and what the caller adds.
///
/// A device of which nothing is known bars calls that we dial ourselves, unless the queue rings
/// such devices (`ring_unknown`, which the bench looks at); a provider that is advised knows its
/// own telephones.
pub fn judge_for(
    ruling: Ruling,
    operator: OperatorId,
    authority: Authority,
    open: bool,
    bars: &Bars<'_>,
) -> Ruling {
    let ruling = match authority {
        Authority::Owned => ruling,
        Authority::Advised | Authority::Observed => ruling.without(Why::ReachUnknown),
    };
    ruling
        .with(Why::QueueClosed, !open)
        .with(Why::BackOff, bars.backed_off.contains(&operator))
        .with(Why::Excluded, bars.excluded.contains(&operator))
}

/// Whether an operator could become free without anybody changing their mind or mending a
/// telephone. While a tier has one such member, the next tier waits for its time.
pub fn could_serve(ruling: Ruling) -> bool {
    const LASTING: [Why; 8] = [
        Why::Disabled,
        Why::Offline,
        Why::OnBreak,
        Why::Dnd,
        Why::Unreachable,
        Why::NotMember,
        Why::SkillMissing,
        Why::NoSeat,
    ];
    !LASTING.into_iter().any(|why| ruling.has(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(tally: &Tally) -> Facts<'_> {
        Facts {
            intent: &Intent::Ready,
            reach: Reach::Reachable,
            offers: 0,
            talking: 0,
            wrap_up_until: None,
            calls_max: 1,
            outside_call: false,
            disabled: false,
            skills: &[],
            tally,
        }
    }

    #[test]
    fn every_reason_is_told_at_once() {
        let tally = Tally::default();
        let facts = Facts {
            intent: &Intent::Dnd,
            reach: Reach::Unreachable,
            offers: 1,
            talking: 1,
            wrap_up_until: Some(Mono(10)),
            outside_call: true,
            disabled: true,
            ..ready(&tally)
        };
        let ruling = judge(&facts, &["tax".into()], Mono(9));
        let told: Vec<Why> = ruling.reasons().collect();
        let want = [
            Why::Disabled,
            Why::Dnd,
            Why::Unreachable,
            Why::Ringing,
            Why::Talking,
            Why::WrapUp,
            Why::SkillMissing,
            Why::OutsideCall,
        ];
        assert_eq!(told, want);
    }

    #[test]
    fn an_unknown_device_bars_owned_calls_only() {
        let tally = Tally::default();
        let facts = Facts { reach: Reach::Unknown, ..ready(&tally) };
        let ruling = judge(&facts, &[], Mono(0));
        let seen = |authority| {
            judge_for(ruling, OperatorId(1), authority, true, &Bars::NONE).is_eligible()
        };
        assert!(!seen(Authority::Owned));
        assert!(seen(Authority::Advised));
    }

    #[test]
    fn wrap_up_ends_at_its_end() {
        let tally = Tally::default();
        let facts = Facts { wrap_up_until: Some(Mono(10)), ..ready(&tally) };
        assert!(judge(&facts, &[], Mono(9)).has(Why::WrapUp));
        assert!(judge(&facts, &[], Mono(10)).is_eligible());
    }

    #[test]
    fn a_second_call_is_taken_only_by_who_may_have_two() {
        let tally = Tally::default();
        let talking = Facts { talking: 1, ..ready(&tally) };
        assert!(judge(&talking, &[], Mono(0)).has(Why::Talking));
        assert!(judge(&Facts { calls_max: 2, ..talking }, &[], Mono(0)).is_eligible());
    }
}
