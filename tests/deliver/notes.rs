//! Which notes a batch of records gives rise to.

use navbat::connect::deliver::{Wants, notes_of};
use navbat::model::{
    CallRow, Closing, Direction, EpisodeState, Name, NoteBody, Outcome, Period, Record, Stamped,
};
use navbat::store::NewNote;

use crate::made::{answered, at, call_id, episode, missed, record, saved};

fn crm() -> (Name, Wants) {
    ("amo".into(), Wants { calls: true, call_backs: true, events: Vec::new() })
}

fn hook(events: &[&str]) -> (Name, Wants) {
    let events = events.iter().map(|event| (*event).to_owned()).collect();
    ("albato".into(), Wants { events, ..Wants::default() })
}

fn keys(records: &[Stamped], targets: &[(Name, Wants)]) -> Vec<String> {
    let notes = notes_of(records, targets, at(60));
    notes.into_iter().map(|note| format!("{} r{}", note.once_key, note.revision)).collect()
}

fn with(call: CallRow, change: impl Fn(&mut CallRow)) -> CallRow {
    let mut call = call;
    change(&mut call);
    call
}

#[test]
fn a_crm_is_told_of_settled_calls_and_of_missed_ones_twice() {
    let open = with(answered(1, 0), |call| call.settled = false);
    assert!(keys(&[saved(1, open)], &[crm()]).is_empty(), "late facts may still change it");
    let id = call_id(1);
    assert_eq!(keys(&[saved(2, answered(1, 0))], &[crm()]), [format!("amo/{id}/log r3")]);
    let lost = saved(3, missed(1, 0, 20, Outcome::Abandoned));
    let notes = notes_of(&[lost], &[crm()], at(60));
    let keys: Vec<_> = notes.iter().map(|note| note.once_key.as_str()).collect();
    assert_eq!(keys, [format!("amo/{id}/log"), format!("amo/{id}/task")]);
    assert!(matches!(notes[1].body, NoteBody::CallBack { .. }));
    assert_eq!((&notes[0].lane, notes[0].call), (&notes[1].lane, Some(id)));
    assert!(notes[0].place < notes[1].place && notes[0].id != notes[1].id);
    let inside = with(answered(1, 0), |call| call.direction = Some(Direction::Internal));
    assert!(keys_of(inside).is_empty(), "colleagues among themselves are nobody's client");
    let plain = (Name::from("amo"), Wants { call_backs: false, ..crm().1 });
    let lost = saved(3, missed(1, 0, 20, Outcome::Abandoned));
    assert_eq!(notes_of(&[lost], &[plain], at(60)).len(), 1);
}

fn keys_of(call: CallRow) -> Vec<String> {
    keys(&[saved(1, call)], &[crm(), hook(&["call.settled", "call.missed"])])
}

#[test]
fn a_webhook_is_told_the_kinds_it_wants() {
    let all = hook(&navbat::connect::deliver::EVENTS);
    let talking = with(answered(1, 0), |call| (call.settled, call.revision) = (false, 2));
    let id = call_id(1);
    assert_eq!(
        keys(&[saved(1, talking), saved(2, answered(1, 0))], std::slice::from_ref(&all)),
        [
            format!("albato/{id}/call.answered r1"),
            format!("albato/{id}/call.answered r1"),
            format!("albato/{id}/call.settled r3"),
        ],
        "the first word of an answer stands"
    );
    let lost = saved(3, missed(1, 0, 20, Outcome::Abandoned));
    assert_eq!(
        keys(std::slice::from_ref(&lost), &[hook(&["call.missed"])]),
        [format!("albato/{id}/call.missed r3")]
    );
    let row = |state, revision| {
        let mut row = episode(7, 0, state);
        row.revision = revision;
        record(9, 9, Record::EpisodeSaved(Box::new(row)))
    };
    let closed =
        EpisodeState::Closed(Closing::CalledBack { call: call_id(2), at: at(50), in_time: true });
    let episode = [row(EpisodeState::Open, 1), row(EpisodeState::Assigned, 2), row(closed, 3)];
    assert_eq!(
        keys(&episode, std::slice::from_ref(&all)),
        ["albato/episode-7/episode.opened r1", "albato/episode-7/episode.closed r3"]
    );
    let note = notes_of(&[lost], &[hook(&["call.settled"])], at(60)).remove(0);
    let NoteBody::Event { event, fields, .. } = note.body else { panic!("{note:?}") };
    assert_eq!(event, "call.settled");
    assert_eq!(fields["client_e164"], "+998901234561");
    assert_eq!((&fields["missed"], &fields["wait_seconds"]), (&true.into(), &8.0.into()));
    let flat = fields.as_object().unwrap().values().all(|value| !value.is_object());
    assert!(flat, "{fields}");
}

/// Whoever reaches the client of missed calls has done their tasks, in every CRM that gave them.
#[test]
fn a_client_who_was_reached_needs_no_call_back() {
    let closed = |closing| {
        let mut row = episode(7, 0, EpisodeState::Closed(closing));
        row.calls = vec![call_id(7), call_id(8)];
        record(9, 9, Record::EpisodeSaved(Box::new(row)))
    };
    let (call, at) = (call_id(2), at(50));
    let tasks = [format!("amo/{}/task r1", call_id(8)), format!("amo/{}/task r1", call_id(7))];
    for closing in [
        Closing::CalledBack { call, at, in_time: true },
        Closing::ClientRedialled { call, at },
        Closing::Answered { call, at },
    ] {
        assert_eq!(keys(&[closed(closing)], &[crm()]), tasks);
    }
    let plain = (Name::from("amo"), Wants { call_backs: false, ..crm().1 });
    assert!(keys(&[closed(Closing::Answered { call, at })], &[plain]).is_empty());
    let by = "nargiza".into();
    for closing in
        [Closing::Dismissed { reason: String::from("spam"), by, at }, Closing::Expired { at }]
    {
        assert!(keys(&[closed(closing)], &[crm()]).is_empty(), "nobody talked with them");
    }
}

/// A database that is filled again from its journal must not tell a year of calls.
#[test]
fn what_is_older_than_three_days_is_not_told() {
    let lost = [saved(3, missed(1, 0, 20, Outcome::Abandoned))];
    let told = |hours| notes_of(&lost, &[crm()], at(0) + Period::hours(hours)).len();
    assert_eq!((told(72), told(73)), (2, 0));
}

/// A batch that is projected twice, with other targets the second time, clashes with nothing.
#[test]
fn the_same_fact_makes_the_same_note_whoever_else_is_told() {
    let lost = [saved(3, missed(1, 0, 20, Outcome::Abandoned))];
    let ids = |targets: &[(Name, Wants)]| -> Vec<String> {
        let of_crm = |note: &NewNote| note.target == "amo".into();
        notes_of(&lost, targets, at(60)).into_iter().filter(of_crm).map(|note| note.id).collect()
    };
    assert_eq!(ids(&[crm()]), ids(&[hook(&["call.settled"]), crm()]));
    let version = uuid::Uuid::parse_str(&ids(&[crm()])[0]).unwrap().get_version_num();
    assert_eq!(version, 7);
}
