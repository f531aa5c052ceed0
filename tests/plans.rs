//! Dialplans: the shipped ones keep their promises, wrong ones are refused with the place of
//! every fault, and no text whatever makes the reader fall over.

use std::collections::BTreeSet;
use std::path::Path;

use navbat::model::{Number, Wall};
use navbat::plan::{Act, Calendars, Exit, Next, Plan, Problem, read_zone};

const SHIPPED: [(&str, &str); 3] = [
    ("shop", include_str!("../dialplans/shop.toml")),
    ("clinic", include_str!("../dialplans/clinic.toml")),
    ("support", include_str!("../dialplans/support.toml")),
];

fn read(text: &str) -> (Option<Plan>, Vec<Problem>) {
    Plan::read("plan.toml", text, &read_zone("Asia/Tashkent").unwrap(), &Calendars::new())
}

fn shipped(name: &str) -> Plan {
    let text = SHIPPED.iter().find(|(own, _)| *own == name).unwrap().1;
    read(text).0.unwrap()
}

fn moment(text: &str) -> Wall {
    Wall::parse_rfc3339(text).unwrap()
}

#[test]
fn every_shipped_plan_is_tested_here_and_keeps_its_promises() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().replace(".toml", ""))
        .collect();
    assert_eq!(files, SHIPPED.iter().map(|(name, _)| String::from(*name)).collect());
    for (name, text) in SHIPPED {
        let (plan, problems) = read(text);
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{name}: {told:?}");
        let plan = plan.unwrap();
        assert_eq!(plan.name.as_str(), name);
        assert!(plan.expects.len() >= 3, "{name} promises too little");
    }
}

#[test]
fn a_promise_that_is_not_kept_is_told_with_both_ways() {
    let text = SHIPPED[0].1.replace("steps = [\"sales\"]", "steps = [\"duty\"]");
    let (plan, problems) = read(&text);
    assert!(plan.is_none());
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].code, "expectation");
    assert_eq!(problems[0].message, "expected steps [\"duty\"], the call takes [\"sales\"]");
}

#[test]
fn a_call_walks_by_what_happens_to_it() {
    let plan = shipped("support");
    let line = Number::new("+998712000003").unwrap();
    let caller = Number::new("+998901234567").unwrap();
    let menu = plan.enter(&line, Some(&caller), moment("2026-03-02T05:00:00Z")).unwrap();
    assert!(matches!(plan.step(&menu).unwrap().act, Act::Menu { repeat: 2, .. }));
    let Next::Step(queue) = plan.next(&menu, Exit::Key('2')) else { panic!() };
    assert_eq!(plan.step(&queue).unwrap().act.queue().unwrap().name.as_str(), "support-ru");
    assert_eq!(plan.next(&queue, Exit::Full), Next::Over);
    let Next::Step(end) = plan.next(&queue, Exit::Timeout) else { panic!() };
    assert_eq!((end.step.as_str(), end.depth), ("promise-ru", 3));
    let Next::Step(lost) = plan.next(&menu, Exit::Key('9')) else { panic!() };
    assert_eq!(lost.step.as_str(), "support-uz");
    let mut deep = menu;
    deep.depth = navbat::plan::DEPTH_MAX;
    assert_eq!(plan.next(&deep, Exit::Key('1')), Next::TooDeep);
    assert!(plan.enter(&caller, None, moment("2026-03-02T05:00:00Z")).is_none());
}

#[test]
fn queues_that_the_site_does_not_have_are_told() {
    let site = ["sale"].into_iter().map(Into::into).collect();
    let problems = shipped("shop").check_queues(&site);
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "plan.toml:14:11: error[missing-target]: no queue `sales`\n    did you mean `sale`?",
            "plan.toml:24:12: error[missing-target]: no queue `sales`\n    did you mean `sale`?",
        ]
    );
}

const HEAD: &str = "name = \"x\"\n[number.\"+998712000001\"]\nopen = \"a\"\n";

/// What stands below [`HEAD`] (its three lines), then `line:col code` of every complaint.
const BAD: [(&str, &[&str]); 24] = [
    ("", &["3:8 missing-target"]),
    ("[step.a]\nqueue = 1", &["5:9 bad-value"]),
    ("[step.a]\nqueue = \"s\"\ntimeuot = \"a\"", &["6:1 unknown-key"]),
    ("[step.a]\nqueue = \"s\"\ntimeout = \"a\"", &["6:11 loop"]),
    ("[step.a]\nqueue = \"s\"\ntimeout = \"b\"", &["6:11 missing-target"]),
    (
        "[step.a]\nqueue = \"s\"\ntimeout = \"b\"\n[step.b]\nsay = \"x\"\nthen = \"a\"",
        &["9:8 loop"],
    ),
    ("[step.a]\nend = \"hangup\"\n[step.b]\nend = \"busy\"", &["6:7 unreachable"]),
    ("[step.a]\nend = \"hnagup\"", &["5:7 bad-value"]),
    ("[step.a]\n", &["4:7 bad-step"]),
    ("[step.a]\nqueue = \"s\"\ndial = \"+998901112233\"", &["4:7 bad-step"]),
    ("[step.a]\nsay = \"x\"\nkeys = { 1 = \"a\" }", &["4:7 no-terminal"]),
    (
        "[step.a]\nsay = \"x\"\nkeys = { 12 = \"b\" }\ntimeout = \"b\"\n[step.b]\nend = \"busy\"",
        &["6:10 bad-value"],
    ),
    ("[step.a]\ndial = \"112233\"", &["5:8 bad-value"]),
    ("[step.a]\nqueue = \"s\"\n[[expect]]\ncall = \"nobody\"", &["7:8 bad-value"]),
    (
        "[step.a]\nqueue = \"s\"\n[[expect]]\ncall = \"hidden -> +998712000001 at 2026-03-02 10:00\"",
        &["6:1 expectation"],
    ),
    (
        "[step.a]\nqueue = \"s\"\n[[expect]]\ncall = \"hidden -> +998712000009 at 2026-03-02 10:00\"",
        &["6:1 expectation"],
    ),
    ("shut = \"a\"\n[step.a]\nqueue = \"s\"", &["4:8 unreachable"]),
    ("hours = \"office\"\n[step.a]\nqueue = \"s\"", &["4:9 missing-target"]),
    ("hours = { days = \"mon-sta\" }\n[step.a]\nqueue = \"s\"", &["4:18 bad-value"]),
    ("hours = { from = \"09:00\" }\n[step.a]\nqueue = \"s\"", &["2:9 no-terminal"]),
    (
        "rules = [{ caller = \"+99\", to = \"a\" }, { caller = \"+998\", to = \"a\" }]\n[step.a]\nqueue = \"s\"",
        &["4:40 unreachable"],
    ),
    ("rules = [{ caller = \"998\", to = \"a\" }]\n[step.a]\nqueue = \"s\"", &["4:21 bad-value"]),
    ("[step.a]\nqueue = \"s\"\nqueue = \"t\"", &["6:1 syntax"]),
    ("[step.a]\nquue = \"s\"\nrign = 5\n[stp.b]\n", &["4:7 bad-step", "7:2 unknown-key"]),
];

#[test]
fn every_fault_is_told_where_it_stands() {
    for (text, expected) in BAD {
        let (plan, problems) = read(&format!("{HEAD}{text}"));
        assert!(plan.is_none(), "{text}");
        let told: Vec<String> = problems
            .iter()
            .map(|p| format!("{} {}", p.place.to_string().replace("plan.toml:", ""), p.code))
            .collect();
        assert_eq!(told, *expected, "{text}\n{problems:#?}");
        for problem in problems {
            assert!(!problem.to_string().contains("998712000001"), "a whole number: {problem}");
        }
    }
}

#[test]
fn more_steps_than_a_call_may_take_are_refused() {
    let step = |n: u32| format!("[step.s{n}]\nsay = \"x\"\nthen = \"s{}\"\n", n + 1);
    let plan = |count: u32| {
        let steps: String = (1..count).map(step).collect();
        let head = HEAD.replace("\"a\"", "\"s1\"");
        read(&format!("{head}{steps}[step.s{count}]\nend = \"hangup\"\n")).1
    };
    assert_eq!(plan(16), []);
    assert_eq!(plan(17)[0].code, "too-deep");
    assert_eq!(plan(500)[0].code, "too-deep");
}

#[test]
fn no_text_makes_the_reader_fall_over() {
    let mut seed = navbat::model::Seed::new(7);
    for (_, text) in SHIPPED {
        let bytes = text.as_bytes();
        for _ in 0..400 {
            let mut broken = bytes.to_vec();
            for _ in 0..=seed.below(3) {
                let at = usize::try_from(seed.below(broken.len() as u64)).unwrap();
                match seed.below(4) {
                    0 => broken[at] = b"\"[]{}=,.#\n0a-+"[seed.below(14) as usize],
                    1 => drop(broken.remove(at)),
                    2 => broken.truncate(at.max(1)),
                    _ => {
                        let tail = broken[at..].to_vec();
                        broken.extend_from_slice(&tail[..tail.len().min(40)]);
                    }
                }
            }
            let (plan, problems) = read(&String::from_utf8_lossy(&broken));
            assert!(plan.is_some() || !problems.is_empty());
        }
    }
}
