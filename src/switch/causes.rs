//! How an end is told on: SIP codes and reasons to the engine's words and back.

use crate::acd::io::{LegReason, Refused, TransferProgress};
use crate::model::EndedBy;
use crate::sip::{Cause, Ending, Refuse};

/// How long a carrier or a telephone is asked to stay away when we have no room, in seconds.
/// Shorter brings the flood back sooner, longer keeps callers out after it has passed.
pub const RETRY_AFTER: u32 = 5;

/// What the refusal of an INVITE says of its leg (RFC 3261 section 21).
pub const fn ended_by(code: u16) -> EndedBy {
    match code {
        486 | 600 => EndedBy::Busy,
        603 | 607 | 608 => EndedBy::Rejected,
        487 => EndedBy::Us,
        300..=399 | 404 | 408 | 410 | 430 | 480 | 484 | 485 | 500..=599 | 604 => {
            EndedBy::Unreachable
        }
        _ => EndedBy::Failed,
    }
}

/// What the end of an answered session says of its leg.
pub const fn ending(ending: &Ending) -> EndedBy {
    match ending {
        Ending::Bye(_) => EndedBy::Party,
        Ending::NoAck | Ending::Expired => EndedBy::Stale,
        Ending::Gone(_) | Ending::Unreachable => EndedBy::Unreachable,
        Ending::Replaced => EndedBy::Us,
    }
}

/// Which of two ends of the telephones of one leg says more about the person: a refusal and a
/// busy line were somebody, the rest was a telephone.
pub const fn telling(end: EndedBy) -> u8 {
    match end {
        EndedBy::Rejected => 5,
        EndedBy::Busy => 4,
        EndedBy::Party => 3,
        EndedBy::Unreachable => 2,
        EndedBy::Failed | EndedBy::Stale => 1,
        EndedBy::Us | EndedBy::Restart => 0,
    }
}

/// Whether a refusal by one telephone speaks for the person: the others need not ring on
/// (RFC 3261 section 16.7: 6xx ends a search).
pub const fn is_final_for_all(code: u16) -> bool {
    matches!(code, 600..=699)
}

/// Whether another trunk may reach the number when this one answered so: the carrier's fault,
/// not the callee's wish. 408 is also what a carrier without any answer ends in.
pub const fn is_carriers_fault(code: u16) -> bool {
    matches!(code, 300..=399 | 401 | 403 | 407 | 408 | 500..=599)
}

/// What the other side is told about the end of a leg (RFC 3326).
pub fn cause(because: LegReason) -> Cause {
    let text = String::new();
    match because {
        LegReason::AnsweredElsewhere => Cause::answered_elsewhere(),
        LegReason::CallerGone => Cause { sip: 487, q850: 16, text },
        LegReason::NoAnswer => Cause { sip: 408, q850: 19, text },
        LegReason::Withdrawn => Cause { sip: 487, q850: 31, text },
        LegReason::Over | LegReason::Transferred => Cause::normal(),
    }
}

/// The final answer to a caller who is turned away.
pub const fn refuse(because: Refused) -> Refuse {
    let code = code(because);
    Refuse { code, retry_after: None, reason: None }
}

/// The final answer to a caller whose call ends before anybody answered.
pub const fn let_go(because: LegReason) -> Refuse {
    let code = match because {
        LegReason::AnsweredElsewhere | LegReason::CallerGone => 487,
        LegReason::NoAnswer | LegReason::Withdrawn | LegReason::Over | LegReason::Transferred => {
            480
        }
    };
    Refuse { code, retry_after: None, reason: None }
}

/// The response for a reason of the engine.
const fn code(because: Refused) -> u16 {
    match because {
        Refused::Closed
        | Refused::NoOperators
        | Refused::TimedOut
        | Refused::Unreachable
        | Refused::Over => 480,
        Refused::Full | Refused::Busy => 486,
        Refused::Blocked | Refused::Declined => 603,
        Refused::UnknownNumber => 404,
        Refused::Failed => 500,
    }
}

/// What who asked for a transfer is told about it (RFC 3515 section 2.4.5).
pub const fn progress(progress: TransferProgress) -> u16 {
    match progress {
        TransferProgress::Ringing => 180,
        TransferProgress::Done => 200,
        TransferProgress::Failed(because) => code(because),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_of_a_telephone_says_what_the_person_did() {
        let table = [
            (486, EndedBy::Busy),
            (600, EndedBy::Busy),
            (603, EndedBy::Rejected),
            (607, EndedBy::Rejected),
            (487, EndedBy::Us),
            (302, EndedBy::Unreachable),
            (404, EndedBy::Unreachable),
            (408, EndedBy::Unreachable),
            (410, EndedBy::Unreachable),
            (480, EndedBy::Unreachable),
            (500, EndedBy::Unreachable),
            (503, EndedBy::Unreachable),
            (488, EndedBy::Failed),
            (400, EndedBy::Failed),
            (606, EndedBy::Failed),
        ];
        for (code, by) in table {
            assert_eq!(ended_by(code), by, "{code}");
        }
    }

    #[test]
    fn each_end_of_a_session_has_its_word() {
        let table = [
            (Ending::Bye(None), EndedBy::Party),
            (Ending::NoAck, EndedBy::Stale),
            (Ending::Expired, EndedBy::Stale),
            (Ending::Gone(481), EndedBy::Unreachable),
            (Ending::Unreachable, EndedBy::Unreachable),
            (Ending::Replaced, EndedBy::Us),
        ];
        for (end, by) in table {
            assert_eq!(ending(&end), by, "{end:?}");
        }
    }

    #[test]
    fn each_reason_of_the_engine_has_its_answer() {
        let table = [
            (Refused::Closed, 480),
            (Refused::Full, 486),
            (Refused::Blocked, 603),
            (Refused::NoOperators, 480),
            (Refused::UnknownNumber, 404),
            (Refused::TimedOut, 480),
            (Refused::Busy, 486),
            (Refused::Declined, 603),
            (Refused::Unreachable, 480),
            (Refused::Failed, 500),
            (Refused::Over, 480),
        ];
        for (because, code) in table {
            assert_eq!(refuse(because).code, code, "{because:?}");
            assert_eq!(progress(TransferProgress::Failed(because)), code);
        }
        assert_eq!(let_go(LegReason::CallerGone).code, 487);
        assert_eq!(let_go(LegReason::NoAnswer).code, 480);
    }

    #[test]
    fn who_lost_is_told_that_somebody_else_answered() {
        let told = cause(LegReason::AnsweredElsewhere);
        assert_eq!((told.sip, told.q850), (200, 26));
        assert_eq!(cause(LegReason::Over).q850, 16);
    }

    #[test]
    fn a_carriers_fault_is_tried_elsewhere_and_the_callees_wish_is_not() {
        for code in [503, 408, 500, 403] {
            assert!(is_carriers_fault(code), "{code}");
        }
        for code in [486, 404, 603, 480, 487, 484] {
            assert!(!is_carriers_fault(code), "{code}");
        }
    }
}
