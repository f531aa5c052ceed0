//! Proof of the calendar: the office of the papers, nights, changes of clocks, and the property
//! that nothing opens or shuts between a moment and its next change.

use proptest::prelude::*;

use super::*;
use crate::plan::hours::{read_date, read_zone};

fn calendar(zone: &str, spans: &[(&str, &str, &str)], shut: &[&str], closed: &[&str]) -> Calendar {
    Calendar::new(
        read_zone(zone).unwrap(),
        spans.iter().map(|(days, from, to)| Span::new(days, from, to).unwrap()).collect(),
        shut.iter().map(|text| read_date(text).unwrap()).collect(),
        closed.iter().map(|text| Closure::parse(text).unwrap()).collect(),
    )
}

/// A moment written in the local time of a zone; of two the earlier.
fn local(zone: &str, text: &str) -> Wall {
    let local: DateTime = text.parse().unwrap();
    let stamp = read_zone(zone).unwrap().to_ambiguous_timestamp(local).earlier().unwrap();
    Wall(stamp.as_millisecond())
}

fn office() -> Calendar {
    calendar(
        "Asia/Tashkent",
        &[("mon-sat", "09:00", "18:00")],
        &["2026-03-21"],
        &["2026-05-05T14:00/18:00"],
    )
}

fn tashkent(text: &str) -> Wall {
    local("Asia/Tashkent", text)
}

#[test]
fn the_office_of_the_papers_opens_and_shuts() {
    for (at, open) in [
        ("2026-03-02T08:59:59", false), // a Monday
        ("2026-03-02T09:00", true),
        ("2026-03-02T17:59:59", true),
        ("2026-03-02T18:00", false),
        ("2026-03-01T12:00", false), // a Sunday
        ("2026-03-21T12:00", false), // a Saturday, a holiday
        ("2026-05-05T13:59", true),
        ("2026-05-05T14:00", false),
    ] {
        assert_eq!(office().is_open(tashkent(at)), open, "{at}");
    }
}

#[test]
fn the_next_change_passes_over_nights_sundays_and_holidays() {
    for (at, change) in [
        ("2026-03-02T20:15", "2026-03-03T09:00"),
        ("2026-03-02T09:00", "2026-03-02T18:00"),
        ("2026-03-20T18:00", "2026-03-23T09:00"),
        ("2026-05-05T10:00", "2026-05-05T14:00"),
        ("2026-05-05T14:00", "2026-05-06T09:00"),
    ] {
        assert_eq!(office().next_change(tashkent(at)), Some(tashkent(change)), "{at}");
    }
}

#[test]
fn a_night_belongs_to_the_day_on_which_it_begins() {
    let night =
        calendar("Asia/Tashkent", &[("fri", "22:00", "06:00")], &["2026-03-21", "2026-03-27"], &[]);
    assert!(night.is_open(tashkent("2026-03-06T23:00")));
    assert!(night.is_open(tashkent("2026-03-07T05:59")));
    assert!(!night.is_open(tashkent("2026-03-07T06:00")));
    assert!(!night.is_open(tashkent("2026-03-06T05:00")));
    // The holiday ends the night at midnight; a night that would begin on one does not.
    assert!(night.is_open(tashkent("2026-03-20T23:59")));
    assert!(!night.is_open(tashkent("2026-03-21T00:00")));
    assert!(!night.is_open(tashkent("2026-03-28T01:00")));
    assert_eq!(night.next_change(tashkent("2026-03-20T23:00")), Some(tashkent("2026-03-21T00:00")));
}

#[test]
fn open_for_ever_never_changes() {
    let always = Calendar::always(read_zone("Asia/Tashkent").unwrap());
    assert!(always.is_open(Wall(0)));
    assert_eq!(always.next_change(Wall(0)), None);
    let whole = calendar("Asia/Tashkent", &[("mon-sun", "00:00", "24:00")], &["2027-01-01"], &[]);
    let at = tashkent("2026-03-02T10:00");
    assert_eq!(whole.next_change(at), Some(tashkent("2027-01-01T00:00")));
    assert_eq!(whole.next_change(tashkent("2027-01-01T10:00")), Some(tashkent("2027-01-02T00:00")));
    assert_eq!(whole.next_change(tashkent("2027-01-02T00:00")), None);
    let never = calendar("Asia/Tashkent", &[], &[], &[]);
    assert!(!never.is_open(at));
    assert_eq!(never.next_change(at), None);
    assert_eq!(never.after_open(at, Period::hours(1)), at + Period::hours(1));
}

#[test]
fn the_working_clock_stands_still_while_it_is_shut() {
    for (at, minutes, due) in [
        ("2026-03-02T10:00", 15, "2026-03-02T10:15"),
        ("2026-03-02T20:15", 15, "2026-03-03T09:15"),
        ("2026-03-02T17:50", 15, "2026-03-03T09:05"),
        ("2026-03-02T17:45", 15, "2026-03-02T18:00"),
        ("2026-03-20T17:00", 120, "2026-03-23T10:00"),
        ("2026-03-02T20:15", 0, "2026-03-02T20:15"),
    ] {
        let due_at = office().after_open(tashkent(at), Period::mins(minutes));
        assert_eq!(due_at, tashkent(due), "{at}");
    }
}

#[test]
fn a_span_that_the_clocks_skip_is_skipped_and_one_they_repeat_is_open_twice() {
    let berlin = calendar("Europe/Berlin", &[("sun", "02:00", "03:00")], &[], &[]);
    // On 29 March 2026 the clocks go from 02:00 to 03:00, on 25 October from 03:00 to 02:00.
    let before = local("Europe/Berlin", "2026-03-28T12:00");
    assert_eq!(berlin.next_change(before), Some(local("Europe/Berlin", "2026-04-05T02:00")));
    let opens = local("Europe/Berlin", "2026-10-25T02:00");
    assert_eq!(berlin.next_change(opens), Some(opens + Period::hours(2)));
}

#[test]
fn clocks_set_back_over_midnight_bring_yesterday_again() {
    // St John's set its clocks back at 00:01 to 23:01 until 2011: on 7 November 2010 local
    // midnight came twice, and Saturday's last hour with it.
    let saturday = calendar("America/St_Johns", &[("sat", "00:00", "24:00")], &[], &[]);
    let noon = local("America/St_Johns", "2010-11-06T12:00");
    let midnight = saturday.next_change(noon).unwrap();
    assert_eq!(midnight, local("America/St_Johns", "2010-11-07T00:00"));
    let again = saturday.next_change(midnight).unwrap();
    assert_eq!(again, midnight + Period::mins(1));
    assert_eq!(saturday.next_change(again), Some(again + Period::mins(59)));
}

const ZONES: [&str; 6] = [
    "Asia/Tashkent",
    "Europe/Berlin",
    "America/St_Johns",
    "America/Havana",
    "Australia/Lord_Howe",
    "America/Scoresbysund",
];

fn any_calendar() -> impl Strategy<Value = Calendar> {
    let span = (1_u8..128, 0_u16..96, 1_u16..96).prop_map(|(days, from, length)| {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let days: Vec<_> = (0..7).filter(|at| days >> at & 1 == 1).map(|at| names[at]).collect();
        let text = |quarter: u16| format!("{:02}:{:02}", quarter / 4, quarter % 4 * 15);
        Span::new(&days.join(","), &text(from), &text((from + length) % 96)).unwrap()
    });
    let holiday = (0_i64..60).prop_map(|days| day_after(begin_day(), days).unwrap());
    let closure = (0_i64..60, 0_u16..1440, 1_u16..4000).prop_map(|(days, minute, length)| {
        let from = hours::at(day_after(begin_day(), days).unwrap(), minute).unwrap();
        let to = from.checked_add(SignedDuration::from_mins(i64::from(length))).unwrap();
        Closure { from, to }
    });
    (
        0..ZONES.len(),
        prop::collection::vec(span, 0..4),
        prop::collection::btree_set(holiday, 0..4),
        prop::collection::vec(closure, 0..3),
    )
        .prop_map(|(zone, spans, holidays, closures)| {
            Calendar::new(read_zone(ZONES[zone]).unwrap(), spans, holidays, closures)
        })
}

/// A few days before the clocks change in most of [`ZONES`].
fn begin_day() -> Date {
    jiff::civil::date(2010, 10, 20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_changes_before_the_next_change(calendar in any_calendar(), minute in 0_u64..86_400) {
        let at = Wall(1_287_532_800_000) + Period::mins(minute);
        let open = calendar.is_open(at);
        let change = calendar.next_change(at);
        let last = change.unwrap_or(at + Period::days(40));
        let mut step = at;
        while step < last {
            prop_assert_eq!(calendar.is_open(step), open, "at {}", step.rfc3339());
            step = step + Period::mins(5);
        }
        if let Some(change) = change {
            prop_assert_ne!(calendar.is_open(change), open);
            prop_assert_eq!(calendar.is_open(change - Period::millis(1)), open);
        }
    }

    #[test]
    fn the_working_clock_counts_open_time_only(calendar in any_calendar(), length in 1_u64..3000) {
        let at = Wall(1_287_532_800_000);
        let due = calendar.after_open(at, Period::mins(length));
        prop_assert!(due >= at + Period::mins(length));
        let (mut open, mut step) = (0, at);
        while step < due && due.since(at) < Period::days(60) {
            open += u64::from(calendar.is_open(step));
            step = step + Period::mins(1);
        }
        if due.since(at) < Period::days(60) && calendar.next_change(due - Period::millis(1)).is_some() {
            prop_assert_eq!(open, length);
        }
    }
}
