//! The rules of alerts with virtual time: who is told what, when, and once.

use super::*;
use crate::model::{Authority, Closing, Disposition, EpisodeId};

const MINUTE: u64 = 60_000;

/// Monday 2 March 2026, 10:00 in Tashkent.
fn start() -> Wall {
    Wall::parse_rfc3339("2026-03-02T10:00:00+05:00").unwrap()
}

fn after(millis: u64) -> Now {
    Now { mono: Mono(1_000 + millis), wall: start() + Period::millis(millis) }
}

fn rule(on: &[Event], to: &[&str]) -> Rule {
    Rule {
        on: on.to_vec(),
        to: to.iter().map(|name| Name::from(*name)).collect(),
        queues: Vec::new(),
        quiet: None,
        is_urgent: false,
        again: Period::mins(15),
        digest: Period::secs(15),
        escalate: None,
    }
}

fn rules(rules: Vec<Rule>) -> Rules {
    let audience = |language, is_trusted, is_short| Audience { language, is_trusted, is_short };
    let targets = BTreeMap::from([
        (Name::from("chiefs"), audience(Language::English, false, false)),
        (Name::from("boss"), audience(Language::Russian, true, false)),
        (Name::from("sms"), audience(Language::Uzbek, false, true)),
        (Name::from("kiril"), audience(Language::UzbekCyrillic, false, false)),
    ]);
    let zone = TimeZone::get("Asia/Tashkent").unwrap();
    let base = String::from("https://navbat.example.uz");
    Rules::new(RuleBook { rules, targets, zone, base }, None)
}

fn missed(number: u64, at: Wall) -> CallRow {
    let client = Number::new(&format!("+9989011{number:05}")).unwrap();
    CallRow {
        id: CallId(uuid::Uuid::from_u128(u128::from(number))),
        call_key: format!("a/{number}"),
        provider: String::from("sipuni"),
        account: "a".into(),
        authority: Authority::Observed,
        direction: Some(Direction::In),
        client: Some(Party::Number(client)),
        line: None,
        queue: Some("sales".into()),
        rung: Vec::new(),
        answered_by: None,
        handled_by: Vec::new(),
        placed_by: None,
        missed: true,
        talk: None,
        ring: None,
        wait: Some(Period::secs(21)),
        disposition: Disposition::Missed,
        outcome: Some(Outcome::Abandoned),
        recording_url: None,
        started_at: at,
        ended_at: Some(at),
        settled: true,
        result: None,
        revision: 1,
        entries: Vec::new(),
        offers: Vec::new(),
        talks: Vec::new(),
        stages: Vec::new(),
    }
}

fn episode(id: u64, calls: Vec<CallId>, due_at: Wall, state: EpisodeState) -> EpisodeRow {
    EpisodeRow {
        id: EpisodeId(id),
        client: Some(Number::new("+998901112233").unwrap()),
        group: "sales".into(),
        queue: "sales".into(),
        calls,
        first_at: start(),
        last_at: start(),
        waited: None,
        reason: Outcome::Abandoned,
        state,
        owner: Some("Dilnoza".into()),
        due_at: Some(due_at),
        attempts: Vec::new(),
        steps: Vec::new(),
        step_at: None,
        revision: 1,
    }
}

fn down(name: &str) -> Fault {
    Fault {
        event: Event::TrunkDown,
        subject: name.to_owned(),
        queue: None,
        detail: Detail::Said(String::from("403 Forbidden")),
    }
}

/// The outcome of a call is final: the record and the row.
fn settle(rules: &mut Rules, row: &CallRow, now: Now) -> Vec<NewAlert> {
    let mut alerts = rules.on(Input::Settled(row.id), now);
    alerts.extend(rules.on(Input::Call(row), now));
    alerts
}

/// Lets the time pass until a moment and gives what was told on the way.
fn pass(rules: &mut Rules, from: u64, to: u64) -> Vec<(u64, NewAlert)> {
    let mut told = Vec::new();
    let mut at = from;
    while let Some(wait) = rules.poll_timeout(after(at)) {
        at += wait.0.max(1);
        if at > to {
            break;
        }
        told.extend(rules.on(Input::Time, after(at)).into_iter().map(|alert| (at, alert)));
    }
    told
}

#[test]
fn every_event_has_a_word_and_a_text_in_every_language() {
    for event in Event::ALL {
        assert_eq!(Event::of(event.word()), Some(event));
        let fault = Fault { event, subject: "x".into(), queue: None, detail: Detail::Count(3) };
        if !event.is_fault() {
            continue;
        }
        let mut rules = rules(vec![rule(&[event], &["chiefs", "boss", "sms", "kiril"])]);
        let alerts = rules.on(Input::Health(&[fault]), after(0));
        assert_eq!(alerts.len(), 4);
        let titles: BTreeSet<&str> = alerts.iter().map(|one| one.message.title.as_str()).collect();
        assert_eq!(titles.len(), 4, "{event:?}: {titles:?}");
        let cyrillic = alerts.iter().find(|one| one.target.as_str() == "kiril").unwrap();
        let latin = cyrillic.message.title.chars().any(|c| c.is_ascii_alphabetic());
        assert!(!latin, "{}", cyrillic.message.title);
        assert!(alerts.iter().all(|one| !one.message.text.contains('{')), "{alerts:?}");
    }
    assert_eq!(Event::of("msised"), None);
}

#[test]
fn a_missed_call_is_told_once_masked_and_with_a_link() {
    let mut rules = rules(vec![rule(&[Event::Missed], &["chiefs", "boss", "sms"])]);
    let row = missed(7, start());
    let alerts = settle(&mut rules, &row, after(100));
    let of = |name: &str| &alerts.iter().find(|one| one.target.as_str() == name).unwrap().message;
    assert_eq!(of("chiefs").title, "Missed call");
    let text = "10:00 · +998 90 ••• •• 07 · sales · abandoned · waited 21 s";
    assert_eq!(of("chiefs").text, text);
    let link = format!("https://navbat.example.uz/calls/{}", row.id);
    assert_eq!(
        (of("chiefs").link.as_deref(), of("chiefs").call),
        (Some(link.as_str()), Some(row.id))
    );
    assert!(of("boss").text.contains("+998 90 110 00 07"), "{}", of("boss").text);
    assert_eq!(
        (of("sms").title.as_str(), &of("sms").link),
        ("Oʻtkazib yuborilgan qoʻngʻiroq", &None)
    );
    assert_eq!(alerts[1].once_key, format!("chiefs/alert/missed/{}", row.id));
    // A later revision of the same row says nothing new.
    assert!(rules.on(Input::Call(&CallRow { revision: 2, ..row.clone() }), after(200)).is_empty());
    assert!(pass(&mut rules, 200, 60 * MINUTE).is_empty());
    // Answered, not settled, blocked or outgoing calls are none.
    for other in [
        CallRow { missed: false, ..missed(8, start()) },
        CallRow { settled: false, ..missed(9, start()) },
        CallRow { outcome: Some(Outcome::Blocked), ..missed(10, start()) },
        CallRow { direction: Some(Direction::Out), ..missed(11, start()) },
        missed(12, start() - Period::days(2)),
    ] {
        assert!(settle(&mut rules, &other, after(300)).is_empty());
    }
}

#[test]
fn a_storm_of_missed_calls_is_one_message_per_digest() {
    let mut rules = rules(vec![rule(&[Event::Missed], &["chiefs", "sms"])]);
    let mut told: Vec<(u64, NewAlert)> = Vec::new();
    for number in 0..100 {
        let at = number * 200;
        let row = missed(number, start() + Period::millis(at));
        told.extend(settle(&mut rules, &row, after(at)).into_iter().map(|one| (at, one)));
    }
    told.extend(pass(&mut rules, 19_800, 10 * MINUTE));
    let chiefs: Vec<&(u64, NewAlert)> =
        told.iter().filter(|(_, one)| one.target.as_str() == "chiefs").collect();
    let times: Vec<u64> = chiefs.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 15_000, 30_000], "the first at once, then one in 15 s");
    assert_eq!(chiefs[1].1.message.title, "Missed calls: 74");
    assert!(chiefs[1].1.message.text.ends_with("and 44 more"), "{}", chiefs[1].1.message.text);
    assert_eq!(chiefs[2].1.message.title, "Missed calls: 25", "100 with the first");
    let short = told.iter().rfind(|(_, one)| one.target.as_str() == "sms").unwrap();
    assert_eq!(short.1.message.text.lines().count(), 4);
    assert!(rules.state.lines.is_empty(), "nothing stays behind");
}

#[test]
fn a_call_that_was_answered_after_all_leaves_the_digest() {
    let mut rules = rules(vec![rule(&[Event::Missed], &["chiefs"])]);
    assert_eq!(settle(&mut rules, &missed(1, start()), after(0)).len(), 1);
    assert!(settle(&mut rules, &missed(2, start()), after(10)).is_empty());
    let answered = CallRow { missed: false, revision: 2, ..missed(2, start()) };
    assert!(rules.on(Input::Call(&answered), after(20)).is_empty());
    assert!(pass(&mut rules, 20, MINUTE).is_empty());
}

#[test]
fn a_fault_is_told_once_and_told_to_be_over() {
    let mut rules = rules(vec![rule(&[Event::TrunkDown], &["chiefs"])]);
    let begun = rules.on(Input::Health(&[down("sarkor")]), after(0));
    assert_eq!(begun[0].message.text, "sarkor · 403 Forbidden · 10:00");
    let mut at = 0;
    while at < 10 * MINUTE {
        at += 15_000;
        assert!(rules.on(Input::Health(&[down("sarkor")]), after(at)).is_empty());
    }
    assert!(rules.on(Input::Health(&[]), after(at + 15_000)).is_empty(), "a flicker is no end");
    assert!(rules.on(Input::Health(&[down("sarkor")]), after(at + 30_000)).is_empty());
    rules.on(Input::Health(&[]), after(at + MINUTE));
    let over = pass(&mut rules, at + MINUTE, at + 5 * MINUTE);
    assert_eq!(over.len(), 1);
    assert_eq!(over[0].1.message.title, "Over: A trunk is down");
    assert_eq!(over[0].1.message.text, "sarkor · 403 Forbidden · 10:00–10:11");
    assert_ne!(over[0].1.once_key, begun[0].once_key);
    // It comes and goes: within the rule's time nobody is told again, and after it they are.
    let at = at + 2 * MINUTE;
    assert!(rules.on(Input::Health(&[down("sarkor")]), after(at)).is_empty());
    rules.on(Input::Health(&[]), after(at + MINUTE));
    assert!(pass(&mut rules, at + MINUTE, at + 2 * MINUTE).is_empty());
    assert_eq!(rules.on(Input::Health(&[down("sarkor")]), after(at + 20 * MINUTE)).len(), 1);
}

#[test]
fn what_is_not_mended_is_passed_on_once() {
    let escalate = Escalation { after: Period::mins(15), to: vec!["boss".into()] };
    let with =
        Rule { escalate: Some(escalate), ..rule(&[Event::TrunkDown, Event::Missed], &["chiefs"]) };
    let mut rules = rules(vec![with]);
    rules.on(Input::Health(&[down("sarkor")]), after(0));
    settle(&mut rules, &missed(1, start()), after(0));
    settle(&mut rules, &missed(2, start()), after(0));
    let closed = EpisodeState::Closed(Closing::Expired { at: start() });
    let calls = vec![missed(2, start()).id];
    rules.on(Input::Episode(&episode(1, calls, start(), closed)), after(MINUTE));
    let told = pass(&mut rules, MINUTE, 60 * MINUTE);
    let boss: Vec<_> = told.iter().filter(|(_, one)| one.target.as_str() == "boss").collect();
    assert_eq!(boss.len(), 2, "the trunk and the call that nobody called back: {boss:?}");
    assert!(boss.iter().all(|(at, _)| *at == 15 * MINUTE));
    let titles: BTreeSet<&str> = boss.iter().map(|(_, one)| one.message.title.as_str()).collect();
    let wanted =
        ["До сих пор не решено: Пропущенный звонок", "До сих пор не решено: Транк не работает"];
    assert_eq!(titles, BTreeSet::from(wanted));
    rules.on(Input::Health(&[]), after(61 * MINUTE));
    let over = pass(&mut rules, 61 * MINUTE, 65 * MINUTE);
    let who: Vec<&str> = over.iter().map(|(_, one)| one.target.as_str()).collect();
    assert_eq!(who, ["boss", "chiefs"], "whoever heard of it hears of its end");
}

#[test]
fn a_client_who_is_not_called_back_in_time_is_told_of_at_that_moment() {
    let mut rules = rules(vec![rule(&[Event::NotCalledBack], &["chiefs"])]);
    let due = start() + Period::mins(30);
    let open = episode(5, vec![missed(1, start()).id], due, EpisodeState::Assigned);
    assert!(rules.on(Input::Episode(&open), after(0)).is_empty());
    assert_eq!(rules.poll_timeout(after(0)), Some(Period::mins(30)));
    let told = pass(&mut rules, 0, 40 * MINUTE);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].0, told[0].1.message.title.as_str()),
        (30 * MINUTE, "Not called back in time")
    );
    assert_eq!(told[0].1.message.text, "+998 90 ••• •• 33 · sales · Dilnoza · due 10:30");
    let closed = EpisodeState::Closed(Closing::Expired { at: due });
    let over =
        rules.on(Input::Episode(&episode(5, Vec::new(), due, closed.clone())), after(41 * MINUTE));
    assert_eq!(over[0].message.title, "Over: Not called back in time");
    // Closed in time: nobody is told anything.
    rules.on(
        Input::Episode(&episode(6, Vec::new(), due + Period::hours(1), EpisodeState::Open)),
        after(42 * MINUTE),
    );
    rules.on(
        Input::Episode(&episode(6, Vec::new(), due + Period::hours(1), closed)),
        after(43 * MINUTE),
    );
    assert!(pass(&mut rules, 43 * MINUTE, 300 * MINUTE).is_empty());
}

#[test]
fn quiet_hours_hold_everything_until_their_end_but_urgent_faults() {
    let quiet = Some(Quiet { from: 22 * 60, to: 8 * 60 });
    let calls = Rule { quiet, ..rule(&[Event::Missed, Event::DiskLow], &["chiefs"]) };
    let urgent =
        Rule { quiet, is_urgent: true, ..rule(&[Event::TrunkDown, Event::Missed], &["boss"]) };
    let mut rules = rules(vec![calls, urgent]);
    let night = 13 * 60 * MINUTE; // 23:00
    let row = |number| missed(number, start() + Period::millis(night));
    for number in 0..3 {
        assert!(settle(&mut rules, &row(number), after(night + number)).is_empty());
    }
    let disk = Fault { event: Event::DiskLow, ..down("disk") };
    let told = rules.on(Input::Health(&[down("sarkor"), disk]), after(night + 60));
    let who: Vec<&str> = told.iter().map(|one| one.target.as_str()).collect();
    assert_eq!(who, ["boss"], "only the urgent fault passes");
    let state = rules.state();
    let mut rules = Rules::new(rules.book.clone(), Some(&state)); // a restart in the night
    let told = pass(&mut rules, night + 60, night + 12 * 60 * MINUTE);
    assert_eq!(told.len(), 2, "{told:?}");
    let eight = 22 * 60 * MINUTE;
    assert!(told.iter().all(|(at, _)| *at == eight), "{told:?}");
    let chiefs = told.iter().find(|(_, one)| one.target.as_str() == "chiefs").unwrap();
    assert_eq!(chiefs.1.message.title, "Messages of the quiet hours: 4");
    assert!(chiefs.1.message.text.contains("The disk is nearly full: disk"));
    assert!(chiefs.1.message.text.contains("Missed call: 02.03 23:00 · "));
    let boss = told.iter().find(|(_, one)| one.target.as_str() == "boss").unwrap();
    assert_eq!(boss.1.message.title, "Пропущенные звонки: 3");
}

#[test]
fn quiet_hours_end_where_they_say_around_midnight_and_by_day() {
    let zone = TimeZone::get("Asia/Tashkent").unwrap();
    let at = |text: &str| Wall::parse_rfc3339(&format!("{text}+05:00")).unwrap();
    let night = Quiet { from: 22 * 60, to: 8 * 60 };
    assert_eq!(night.ends(at("2026-03-02T22:00:00"), &zone), Some(at("2026-03-03T08:00:00")));
    assert_eq!(night.ends(at("2026-03-03T07:59:59"), &zone), Some(at("2026-03-03T08:00:00")));
    assert_eq!(night.ends(at("2026-03-03T08:00:00"), &zone), None);
    let noon = Quiet { from: 12 * 60, to: 13 * 60 };
    assert_eq!(noon.ends(at("2026-03-03T12:30:00"), &zone), Some(at("2026-03-03T13:00:00")));
    assert_eq!(noon.ends(at("2026-03-03T13:00:00"), &zone), None);
    let whole = Quiet { from: 0, to: 1440 };
    assert_eq!(whole.ends(at("2026-03-03T12:30:00"), &zone), Some(at("2026-03-04T00:00:00")));
}

#[test]
fn two_rules_for_one_target_tell_it_once_and_a_rule_looks_at_its_queues_only() {
    let other = Rule { queues: vec!["service".into()], ..rule(&[Event::Missed], &["boss"]) };
    let both = rule(&[Event::Missed], &["chiefs", "chiefs"]);
    let mut rules = rules(vec![both.clone(), Rule { again: Period::mins(1), ..both }, other]);
    let alerts = settle(&mut rules, &missed(1, start()), after(0));
    assert_eq!(alerts.len(), 1);
    assert!(pass(&mut rules, 0, 5 * MINUTE).is_empty());
    let service = CallRow { queue: Some("service".into()), ..missed(2, start()) };
    let who: BTreeSet<String> = settle(&mut rules, &service, after(6 * MINUTE))
        .iter()
        .map(|one| one.target.to_string())
        .collect();
    assert_eq!(who, BTreeSet::from(["boss".into(), "chiefs".into()]));
}

#[test]
fn a_restart_at_any_moment_tells_the_same() {
    let book = || {
        let escalate = Escalation { after: Period::mins(5), to: vec!["boss".into()] };
        let all = Rule { escalate: Some(escalate), ..rule(&Event::ALL, &["chiefs", "sms"]) };
        rules(vec![all])
    };
    let story = |restarts: bool| {
        let mut rules = book();
        let mut told = Vec::new();
        let mut now = 0;
        for step in 0..400_u64 {
            now += 700 + step % 5 * 900;
            let faults = if step % 90 < 40 { vec![down("sarkor")] } else { Vec::new() };
            let due = start() + Period::millis(now + 3 * MINUTE);
            let row = missed(step, start() + Period::millis(now));
            let one = episode(step / 3, vec![row.id], due, EpisodeState::Open);
            let closed = EpisodeState::Closed(Closing::Expired { at: due });
            told.extend(match step % 4 {
                0 => settle(&mut rules, &row, after(now)),
                1 => rules.on(Input::Episode(&one), after(now)),
                2 => rules.on(Input::Health(&faults), after(now)),
                _ => rules.on(Input::Episode(&EpisodeRow { state: closed, ..one }), after(now)),
            });
            if restarts {
                let state = rules.state();
                rules = Rules::new(rules.book.clone(), Some(&state));
            }
        }
        told
    };
    let whole = story(false);
    assert!(whole.len() > 20, "{}", whole.len());
    assert_eq!(whole, story(true));
    let keys: BTreeSet<&str> = whole.iter().map(|one| one.once_key.as_str()).collect();
    assert_eq!(keys.len(), whole.len(), "no two messages share a key");
}

#[test]
fn what_is_remembered_is_bounded_and_what_a_reload_takes_away_is_not_told() {
    let mut rules = rules(vec![rule(&[Event::Missed], &["chiefs"])]);
    for number in 0..500 {
        settle(&mut rules, &missed(number, start()), after(number));
    }
    let book = RuleBook { rules: Vec::new(), targets: BTreeMap::new(), ..rules.book.clone() };
    rules.reload(book);
    assert!(pass(&mut rules, 500, 10 * MINUTE).is_empty());
    rules.on(Input::Time, after(25 * 60 * MINUTE));
    assert_eq!(rules.state, State::default());
}
