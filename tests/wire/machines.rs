//! The four transaction machines, row by row: every state with every event.

use navbat::model::Period;
use navbat::sip::transaction::{
    ClientAct, ClientEvent, ClientState, InviteClientAct, InviteClientEvent, InviteClientState,
    InviteServerAct, InviteServerEvent, InviteServerState, ServerAct, ServerEvent, ServerState,
    Wait,
};

#[test]
fn invite_client() {
    // RFC 3261 figure 5 with the Accepted state of RFC 6026 figure 7.
    use InviteClientAct as A;
    use InviteClientEvent as E;
    use InviteClientState as S;
    let events = [E::Provisional, E::Success, E::Failure, E::Resend, E::WaitOver, E::Broken];
    let rows = [
        (
            S::Calling,
            [
                (S::Proceeding, A::Pass),
                (S::Accepted, A::Pass),
                (S::Completed, A::AckAndPass),
                (S::Calling, A::Send),
                (S::Terminated, A::TimedOut),
                (S::Terminated, A::Unreachable),
            ],
        ),
        (
            S::Proceeding,
            [
                (S::Proceeding, A::Pass),
                (S::Accepted, A::Pass),
                (S::Completed, A::AckAndPass),
                (S::Proceeding, A::Nothing),
                (S::Terminated, A::TimedOut),
                (S::Terminated, A::Unreachable),
            ],
        ),
        (
            S::Accepted,
            [
                (S::Accepted, A::Nothing),
                (S::Accepted, A::Pass),
                (S::Accepted, A::Nothing),
                (S::Accepted, A::Nothing),
                (S::Terminated, A::Nothing),
                (S::Accepted, A::Nothing),
            ],
        ),
        (
            S::Completed,
            [
                (S::Completed, A::Nothing),
                (S::Completed, A::Nothing),
                (S::Completed, A::Ack),
                (S::Completed, A::Nothing),
                (S::Terminated, A::Nothing),
                (S::Terminated, A::Nothing),
            ],
        ),
        (S::Terminated, [(S::Terminated, A::Nothing); 6]),
    ];
    for (state, row) in rows {
        for (event, expected) in events.into_iter().zip(row) {
            assert_eq!(state.on(event), expected, "{state:?} {event:?}");
        }
    }
    assert_eq!(S::Completed.wait(false), Wait::For(Period::secs(32)), "timer D, UDP");
    assert_eq!(S::Completed.wait(true), Wait::For(Period::ZERO), "timer D, stream");
    assert_eq!(S::Accepted.wait(true), Wait::For(Period::secs(32)), "timer M");
    assert!(S::Calling.resends(false) && !S::Calling.resends(true), "timer A");
}

#[test]
fn client() {
    // RFC 3261 figure 6.
    use ClientAct as A;
    use ClientEvent as E;
    use ClientState as S;
    let events = [E::Provisional, E::Final, E::Resend, E::WaitOver, E::Broken];
    let rows = [
        (
            S::Trying,
            [
                (S::Proceeding, A::Nothing),
                (S::Completed, A::Pass),
                (S::Trying, A::Send),
                (S::Terminated, A::TimedOut),
                (S::Terminated, A::Unreachable),
            ],
        ),
        (
            S::Proceeding,
            [
                (S::Proceeding, A::Nothing),
                (S::Completed, A::Pass),
                (S::Proceeding, A::Send),
                (S::Terminated, A::TimedOut),
                (S::Terminated, A::Unreachable),
            ],
        ),
        (
            S::Completed,
            [
                (S::Completed, A::Nothing),
                (S::Completed, A::Nothing),
                (S::Completed, A::Nothing),
                (S::Terminated, A::Nothing),
                (S::Completed, A::Nothing),
            ],
        ),
        (S::Terminated, [(S::Terminated, A::Nothing); 5]),
    ];
    for (state, row) in rows {
        for (event, expected) in events.into_iter().zip(row) {
            assert_eq!(state.on(event), expected, "{state:?} {event:?}");
        }
    }
    assert_eq!(S::Completed.wait(false), Wait::For(Period::secs(5)), "timer K, UDP");
    assert_eq!(S::Completed.wait(true), Wait::For(Period::ZERO), "timer K, stream");
}

#[test]
fn invite_server() {
    // RFC 3261 figure 7 with the Accepted state of RFC 6026 figure 5.
    use InviteServerAct as A;
    use InviteServerEvent as E;
    use InviteServerState as S;
    let events = [
        E::Again,
        E::Provisional,
        E::Success,
        E::Failure,
        E::Ack,
        E::Resend,
        E::WaitOver,
        E::Broken,
    ];
    let mut confirmed = [(S::Confirmed, A::Nothing); 8];
    confirmed[6].0 = S::Terminated; // timer I
    let rows = [
        (
            S::Proceeding,
            [
                (S::Proceeding, A::SendAgain),
                (S::Proceeding, A::Send),
                (S::Accepted, A::Send),
                (S::Completed, A::Send),
                (S::Proceeding, A::Nothing),
                (S::Proceeding, A::Nothing),
                (S::Proceeding, A::Nothing),
                (S::Terminated, A::Lost),
            ],
        ),
        (
            S::Accepted,
            [
                (S::Accepted, A::Nothing),
                (S::Accepted, A::Nothing),
                (S::Accepted, A::Send),
                (S::Accepted, A::Nothing),
                (S::Accepted, A::Nothing),
                (S::Accepted, A::Nothing),
                (S::Terminated, A::Nothing),
                (S::Accepted, A::Nothing),
            ],
        ),
        (
            S::Completed,
            [
                (S::Completed, A::SendAgain),
                (S::Completed, A::Nothing),
                (S::Completed, A::Nothing),
                (S::Completed, A::Nothing),
                (S::Confirmed, A::Nothing),
                (S::Completed, A::SendAgain),
                (S::Terminated, A::Lost),
                (S::Terminated, A::Lost),
            ],
        ),
        (S::Confirmed, confirmed),
        (S::Terminated, [(S::Terminated, A::Nothing); 8]),
    ];
    for (state, row) in rows {
        for (event, expected) in events.into_iter().zip(row) {
            assert_eq!(state.on(event), expected, "{state:?} {event:?}");
        }
    }
}

#[test]
fn invite_server_timers() {
    use InviteServerState as S;
    assert_eq!(S::Completed.wait(true), Wait::For(Period::secs(32)), "timer H");
    assert_eq!(S::Confirmed.wait(false), Wait::For(Period::secs(5)), "timer I, UDP");
    assert_eq!(S::Accepted.wait(true), Wait::For(Period::secs(32)), "timer L");
    assert!(S::Completed.resends(false) && !S::Completed.resends(true), "timer G");
}

#[test]
fn server() {
    // RFC 3261 figure 8 with RFC 4320: nothing is said after the client has given up.
    use ServerAct as A;
    use ServerEvent as E;
    use ServerState as S;
    let events = [E::Again, E::Provisional, E::Final, E::WaitOver, E::Broken];
    let rows = [
        (
            S::Trying,
            [
                (S::Trying, A::Nothing),
                (S::Proceeding, A::Send),
                (S::Completed, A::Send),
                (S::Terminated, A::Nothing),
                (S::Terminated, A::Nothing),
            ],
        ),
        (
            S::Proceeding,
            [
                (S::Proceeding, A::SendAgain),
                (S::Proceeding, A::Send),
                (S::Completed, A::Send),
                (S::Terminated, A::Nothing),
                (S::Terminated, A::Nothing),
            ],
        ),
        (
            S::Completed,
            [
                (S::Completed, A::SendAgain),
                (S::Completed, A::Nothing),
                (S::Completed, A::Nothing),
                (S::Terminated, A::Nothing),
                (S::Terminated, A::Nothing),
            ],
        ),
        (S::Terminated, [(S::Terminated, A::Nothing); 5]),
    ];
    for (state, row) in rows {
        for (event, expected) in events.into_iter().zip(row) {
            assert_eq!(state.on(event), expected, "{state:?} {event:?}");
        }
    }
    assert_eq!(S::Completed.wait(false), Wait::For(Period::secs(32)), "timer J, UDP");
    assert_eq!(S::Completed.wait(true), Wait::For(Period::ZERO), "timer J, stream");
}
