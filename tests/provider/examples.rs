//! The rules of the sheets one by one, on calls that leave something out or say it twice.

use std::collections::BTreeMap;

use navbat::acd::View;
use navbat::model::{Alias, Direction, Disposition, Party, Period, Wall};

use super::capture::Capture;

const START: Wall = Wall::from_unix(1_795_150_800);

fn calls(account: &str, text: &str) -> BTreeMap<String, View> {
    Capture::parse(account, text).calls()
}

/// The only call of a Sipuni capture whose lines are the fields after the call's own.
fn sipuni(lines: &[&str]) -> View {
    let account = r#"{"kind": "sipuni", "cabinet_id": "047218", "lines": ["+998781500001"], "aliases": ["201", "202", "203"]}"#;
    let text: String =
        lines.iter().map(|line| format!("> 05:00:00 GET ?call_id=1.1&{line}\n")).collect();
    calls(account, &text).remove("1.1").unwrap()
}

fn onlinepbx(lines: &[&str]) -> View {
    let account = r#"{"kind": "onlinepbx", "lines": ["+998781500001"], "aliases": ["101", "102", "103", "104"]}"#;
    let text: String =
        lines.iter().map(|line| format!("> 05:00:00 GET ?uuid=1&{line}\n")).collect();
    calls(account, &text).remove("1").unwrap()
}

/// Each line begins with the moment of receipt.
fn itoolabs(lines: &[(&str, &str)]) -> View {
    let account =
        r#"{"kind": "uztelecom", "profile": "itoolabs", "aliases": ["dilnoza", "jasur"]}"#;
    let text: String = lines
        .iter()
        .map(|(at, line)| format!("> {at} GET ?phone=998901234567&callid=1&{line}\n"))
        .collect();
    calls(account, &text).remove("1").unwrap()
}

fn names(aliases: &[Alias]) -> Vec<&str> {
    aliases.iter().map(|alias| alias.0.as_str()).collect()
}

fn rung(view: &View) -> Vec<&str> {
    view.rung.iter().map(|rung| rung.alias.0.as_str()).collect()
}

fn by(view: &View) -> Option<&str> {
    view.answered_by.as_ref().map(|alias| alias.0.as_str())
}

const IN: &str = "src_num=998901234567&src_type=1";
const OUTSIDE: &str =
    "event=1&src_num=998901234567&src_type=1&dst_num=998781500001&dst_type=1&timestamp=1795150800";
const RING_201: &str =
    "event=1&src_num=998901234567&src_type=1&dst_num=047218201&dst_type=2&timestamp=1795150805";

fn sipuni_end(rest: &str) -> String {
    format!("event=2&{IN}&dst_num=047218201&dst_type=2&timestamp=1795150860&{rest}")
}

#[test]
fn sipuni_without_event_3_the_last_event_says_who_talked() {
    let end = |rest: &str| {
        let answered =
            "status=ANSWER&call_start_timestamp=1795150800&call_answer_timestamp=1795150810";
        sipuni(&[OUTSIDE, RING_201, &sipuni_end(&format!("{answered}&{rest}"))])
    };
    let single = end("last_called=201");
    assert_eq!((by(&single), single.talk), (Some("201"), Some(Period::secs(50))));
    let several = end("last_called=201%26202");
    assert_eq!((by(&several), several.missed), (None, false));
    assert_eq!(several.disposition, Disposition::Answered);
    assert_eq!(several.talk, Some(Period::secs(50)));
    let transferred = end("transfer_from=201&last_called=203");
    assert_eq!(names(&transferred.handled_by), ["201", "203"]);
    let prefixed = end("transfer_from=047218201&last_called=047218%23203");
    assert_eq!(names(&prefixed.handled_by), ["201", "203"]);
    let unclear = end("transfer_from=201&last_called=202%26203");
    assert_eq!(names(&unclear.handled_by), ["201"]);
}

#[test]
fn sipuni_event_3_stands_above_the_last_event() {
    let answer =
        "event=3&src_num=998901234567&src_type=1&dst_num=047218202&dst_type=2&timestamp=1795150812";
    let end = sipuni_end(
        "status=ANSWER&call_start_timestamp=1795150800&transfer_from=201&last_called=203&call_answer_timestamp=1795150806",
    );
    let view = sipuni(&[OUTSIDE, RING_201, answer, &end]);
    assert_eq!((by(&view), names(&view.handled_by)), (Some("202"), vec!["202"]));
    assert_eq!(view.talk, Some(Period::secs(48)));
    let missed = sipuni_end("status=NOANSWER&call_start_timestamp=1795150800");
    let view = sipuni(&[OUTSIDE, answer, &missed]);
    assert_eq!((by(&view), view.missed), (Some("202"), false)); // only a history takes it back
}

#[test]
fn sipuni_times_of_the_last_event_are_believed_when_they_can_be() {
    let end = |rest: &str| sipuni(&[OUTSIDE, RING_201, &sipuni_end(rest)]);
    let before = "status=ANSWER&last_called=201&call_start_timestamp=1795150805&call_answer_timestamp=1795150801";
    let view = end(before);
    assert_eq!((by(&view), view.talk, view.wait, view.ring), (Some("201"), None, None, None));
    let zero = end(
        "status=ANSWER&last_called=201&call_start_timestamp=1795150800&call_answer_timestamp=0",
    );
    assert_eq!((zero.talk, zero.is_answered), (None, true));
    let equal = end(
        "status=BUSY&call_start_timestamp=1795150800&call_answer_timestamp=1795150800&last_called=201",
    );
    assert_eq!((equal.talk, equal.missed), (Some(Period::ZERO), true));
    let greeting = end("status=NOANSWER&call_start_timestamp=1795150803");
    assert_eq!(greeting.started_at, Some(Wall::from_unix(1_795_150_803)));
    assert_eq!((greeting.wait, greeting.ring), (Some(Period::secs(57)), Some(Period::secs(55))));
    let bare = end("status=CANCEL");
    assert_eq!((bare.started_at, bare.wait), (Some(START), Some(Period::secs(60))));
}

#[test]
fn sipuni_a_machine_that_answers_is_no_answer() {
    let machine = "event=3&src_num=998901234567&src_type=1&dst_num=998781500001_id3&dst_type=1&timestamp=1795150801";
    let end = "event=2&src_num=998901234567&src_type=1&dst_num=998781500001&dst_type=1&status=ANSWER&call_start_timestamp=1795150800&call_answer_timestamp=1795150801&timestamp=1795150830";
    let view = sipuni(&[OUTSIDE, machine, end]);
    assert_eq!((view.missed, view.talk), (true, Some(Period::ZERO)));
    assert_eq!((view.ring, view.wait), (None, Some(Period::secs(30))));
}

#[test]
fn sipuni_types_may_be_missing() {
    let start = "event=1&src_num=998901234567&dst_num=998781500001_id300100&timestamp=1795150800";
    let ring =
        "event=1&src_num=998901234567&short_dst_num=202&is_inner_call=1&timestamp=1795150803";
    let known = "event=1&src_num=998901234567&dst_num=047218203&timestamp=1795150804";
    let view = sipuni(&[start, ring, known]);
    assert_eq!((view.direction, rung(&view)), (Some(Direction::In), vec!["202", "203"]));
    assert_eq!(view.disposition, Disposition::Open);
    let out = sipuni(&["event=1&src_num=047218201&dst_num=901234567&timestamp=1795150800"]);
    assert_eq!(out.direction, Some(Direction::Out));
    let inside = sipuni(&["event=1&src_num=047218201&dst_num=047218202&timestamp=1795150800"]);
    assert_eq!((inside.direction, inside.client), (Some(Direction::Internal), None));
    let scheme = r#"{"kind": "sipuni", "queues": ["Sotuv"]}"#;
    let text = "> 05:00:00 GET ?event=1&call_id=1.1&src_num=998901234567&dst_num=998712223344&treeName=Sotuv&timestamp=1795150800";
    assert_eq!(calls(scheme, text)["1.1"].direction, Some(Direction::In));
}

#[test]
fn sipuni_outbound_ends_as_the_status_says() {
    for (status, disposition) in [
        ("NOANSWER", Disposition::NoAnswer),
        ("BUSY", Disposition::Busy),
        ("CANCEL", Disposition::Cancelled),
        ("CONGESTION", Disposition::Failed),
        ("CHANUNAVAIL", Disposition::Failed),
    ] {
        let leg = "src_num=047218201&src_type=2&dst_num=998901234567&dst_type=1";
        let view = sipuni(&[
            &format!("event=1&{leg}&timestamp=1795150800"),
            &format!(
                "event=2&{leg}&status={status}&timestamp=1795150820&call_start_timestamp=1795150800"
            ),
        ]);
        assert_eq!((view.disposition, view.missed), (disposition, false), "{status}");
        assert_eq!((view.placed_by, view.answered_by), (Some(Alias("201".into())), None));
        assert_eq!((view.ring, view.talk), (Some(Period::secs(20)), Some(Period::ZERO)));
    }
}

#[test]
fn sipuni_reads_without_any_configuration() {
    let text = "> 05:00:00 GET ?event=1&call_id=2&src_num=047218201&src_type=2&dst_num=998901234567&dst_type=1&timestamp=1795150800
> 05:00:00 GET ?event=1&call_id=1&src_num=&src_type=1&dst_num=998781500001&dst_type=1&timestamp=1795150800
> 05:00:00 GET ?event=1&call_id=1&src_num=&src_type=1&dst_num=047218305&dst_type=2&short_dst_num=305&timestamp=1795150802
> 05:00:00 GET ?event=1&callbackId=cb7&src_num=047218201&src_type=2&dst_num=998901234567&dst_type=1&timestamp=1795150800";
    let calls = calls(r#"{"kind": "sipuni"}"#, text);
    assert_eq!(calls["2"].placed_by, Some(Alias("201".into())));
    assert_eq!(calls["1"].client, Some(Party::Hidden));
    assert_eq!(rung(&calls["1"]), ["305"]);
    assert!(calls.contains_key("cb7"));
}

const PBX_IN: &str = "direction=inbound&caller=998901234567&gateway=781500001";

#[test]
fn onlinepbx_without_an_answered_event_the_end_says_who_talked() {
    let end = |callee: &str| {
        onlinepbx(&[
            &format!("event=call_start&{PBX_IN}&callee=781500001&date=1795150800"),
            &format!(
                "event=call_end&{PBX_IN}&callee={callee}&date=1795150860&call_duration=60&dialog_duration=45"
            ),
        ])
    };
    let view = end("102");
    assert_eq!((by(&view), view.wait), (Some("102"), Some(Period::secs(15))));
    assert_eq!((view.ring, rung(&view).len()), (None, 0));
    let unknown = end("781500001");
    assert_eq!((by(&unknown), unknown.missed), (None, false));
    assert_eq!(unknown.talk, Some(Period::secs(45)));
}

#[test]
fn onlinepbx_lengths_may_be_missing() {
    let view = onlinepbx(&[
        &format!("event=call_start&{PBX_IN}&callee=781500001&date=1795150800"),
        &format!("event=call_user_start&{PBX_IN}&callee=101&date=1795150802"),
        &format!("event=call_answered&{PBX_IN}&callee=101&date=1795150810"),
        &format!("event=call_end&{PBX_IN}&callee=101&date=1795150860"),
    ]);
    assert_eq!((view.talk, view.wait), (Some(Period::secs(50)), Some(Period::secs(10))));
    let late = onlinepbx(&[
        &format!(
            "event=call_end&{PBX_IN}&callee=101&date=1795150860&call_duration=60&dialog_duration=0"
        ),
        &format!("event=call_answered&{PBX_IN}&callee=101&date=1795150810"),
    ]);
    assert_eq!((by(&late), late.missed, late.started_at), (Some("101"), false, Some(START)));
}

#[test]
fn onlinepbx_direction_may_be_missing() {
    let of = |caller: &str, callee: &str| {
        let line = format!("event=call_start&caller={caller}&callee={callee}&date=1795150800");
        onlinepbx(&[&line]).direction
    };
    assert_eq!(of("104", "901234567"), Some(Direction::Out));
    assert_eq!(of("998901234567", "104"), Some(Direction::In));
    assert_eq!(of("104", "105"), Some(Direction::Internal));
}

#[test]
fn onlinepbx_outbound_ends_as_the_cause_says() {
    for (cause, disposition) in [
        ("USER_BUSY", Disposition::Busy),
        ("CALL_REJECTED", Disposition::Busy),
        ("NO_ANSWER", Disposition::NoAnswer),
        ("NO_USER_RESPONSE", Disposition::NoAnswer),
        ("NORMAL_CLEARING", Disposition::NoAnswer),
        ("ORIGINATOR_CANCEL", Disposition::Cancelled),
        ("UNALLOCATED_NUMBER", Disposition::Failed),
        ("SUBSCRIBER_ABSENT", Disposition::Failed),
        ("RECOVERY_ON_TIMER_EXPIRE", Disposition::Failed),
    ] {
        let leg = "direction=outbound&caller=104&callee=901234567&gateway=781500001";
        let view = onlinepbx(&[
            &format!("event=call_start&{leg}&date=1795150800"),
            &format!(
                "event=call_end&{leg}&date=1795150820&call_duration=20&dialog_duration=0&hangup_cause={cause}"
            ),
        ]);
        assert_eq!((view.disposition, view.wait), (disposition, Some(Period::secs(20))), "{cause}");
    }
}

#[test]
fn itoolabs_one_who_leaves_does_not_end_the_call() {
    let rings = ("05:00:00", "cmd=event&type=INCOMING&user=dilnoza");
    let also = ("05:00:00", "cmd=event&type=INCOMING&user=jasur");
    let leaves = ("05:00:10", "cmd=event&type=CANCELLED&user=dilnoza");
    let view = itoolabs(&[rings, also, leaves]);
    assert_eq!((view.disposition, view.all_left_at), (Disposition::Open, None));
    let answers = ("05:00:12", "cmd=event&type=ACCEPTED&user=jasur");
    assert_eq!(itoolabs(&[rings, also, leaves, answers]).disposition, Disposition::Open);
    let over = ("05:01:12", "cmd=event&type=COMPLETED&user=jasur");
    let view = itoolabs(&[rings, also, leaves, answers, over]);
    assert_eq!((view.disposition, view.talk), (Disposition::Answered, Some(Period::secs(60))));
    assert_eq!((view.ring, view.wait), (Some(Period::secs(12)), Some(Period::secs(12))));
}

#[test]
fn itoolabs_only_the_history_takes_an_answer_back() {
    let events = [
        ("05:00:00", "cmd=event&type=INCOMING&user=jasur"),
        ("05:00:05", "cmd=event&type=ACCEPTED&user=jasur"),
        ("05:00:25", "cmd=event&type=CANCELLED&user=jasur"),
    ];
    assert!(itoolabs(&events).is_answered);
    let history = (
        "05:00:27",
        "cmd=history&type=missed&status=missed&user=jasur&start=20261120T045958Z&duration=0",
    );
    let view = itoolabs(&[events.as_slice(), &[history]].concat());
    assert_eq!((view.missed, by(&view), view.talk), (true, None, Some(Period::ZERO)));
    assert_eq!(view.wait, Some(Period::secs(27)));
}

#[test]
fn itoolabs_the_history_alone_is_a_call() {
    let history =
        "cmd=history&type=in&status=Success&user=jasur&start=20261120T050000Z&duration=60";
    let view = itoolabs(&[("05:01:30", history)]);
    assert_eq!((by(&view), view.talk), (Some("jasur"), Some(Period::secs(60))));
    assert_eq!((view.ring, view.wait), (None, None));
    for (status, disposition) in [
        ("Cancel", Disposition::Cancelled),
        ("Busy", Disposition::Busy),
        ("NotAvailable", Disposition::Failed),
        ("NotAllowed", Disposition::Failed),
        ("NotFound", Disposition::Failed),
        ("Success", Disposition::Answered),
    ] {
        let line = format!(
            "cmd=history&type=out&status={status}&user=dilnoza&start=20261120T050000Z&duration=9"
        );
        let view = itoolabs(&[("05:01:30", &line)]);
        assert_eq!(
            (view.disposition, view.direction),
            (disposition, Some(Direction::Out)),
            "{status}"
        );
        assert_eq!(view.placed_by, Some(Alias("dilnoza".into())));
    }
}

#[test]
fn utel_codes_outside_the_operator_table_are_nobody() {
    let row = |call: &str, dst: &str| {
        format!(
            "> 05:10:00 POST application/json\n{{\"name\":\"call_saved\",\"call_history\":{{\"call_id\":\"{call}\",\"date_time\":\"2026-11-20 10:00:00\",\"src\":\"998901234567\",\"dst\":\"{dst}\",\"duration\":30,\"conversation\":20,\"type\":{{\"number\":1}},\"status\":{{\"number\":1}}}}}}\n"
        )
    };
    let text = row("known", "101") + &row("queue", "700");
    let told = calls(r#"{"kind": "uztelecom", "profile": "utel", "aliases": ["101"]}"#, &text);
    assert_eq!((by(&told["known"]), told["known"].missed), (Some("101"), false));
    assert_eq!((by(&told["queue"]), told["queue"].missed), (None, true));
    let untold = calls(r#"{"kind": "uztelecom", "profile": "utel"}"#, &text);
    assert_eq!(by(&untold["queue"]), Some("700"));
}
