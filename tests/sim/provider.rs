//! A hosted PBX that tells its calls, with the faults of such: repeats, disorder, losses.

use navbat::model::{
    Alias, Direction, Ends, Fact, FactKind, Legs, Number, Party, Period, Seed, Source, Totals, Wall,
};

use crate::site::{OPERATORS, alias, one_of};

/// One fact and how many milliseconds from now it reaches us.
pub type Told = (u64, Fact);

/// A client's number, out of few, so that clients come again.
pub fn client(seed: &mut Seed) -> Party {
    if seed.chance(5) {
        return Party::Hidden;
    }
    let number = format!("+9989012345{:02}", seed.below(30));
    Number::new(&number).map_or(Party::Hidden, Party::Number)
}

/// A whole call of the provider: its true course, then what is told of it.
pub fn call(seed: &mut Seed, key: &str, now: Wall, client: Party) -> Vec<Told> {
    let is_out = seed.chance(15);
    let legs = Legs {
        direction: Some(if is_out { Direction::Out } else { Direction::In }),
        client: Some(client),
        line: Number::new("+998781500001").ok().map(Party::Number),
        placed_by: is_out.then(|| any_alias(seed)),
        queue: seed.chance(30).then(|| String::from("Yordam")),
    };
    let mut course = vec![(0, FactKind::CallStarted(legs.clone()))];
    let end =
        if is_out { out_course(seed, &legs, &mut course) } else { in_course(seed, &mut course) };
    let totals =
        Totals { talk: seed.chance(20).then(|| Period(seed.below(9000))), ..Totals::default() };
    course.push((end, FactKind::CallEnded { legs, totals }));
    deliver(seed, key, now, course)
}

fn any_alias(seed: &mut Seed) -> Alias {
    let place = seed.below(OPERATORS.len() as u64 + 1); // one more than there are: unknown
    Alias(alias(usize::try_from(place).unwrap()))
}

fn out_course(seed: &mut Seed, legs: &Legs, course: &mut Vec<(u64, FactKind)>) -> u64 {
    let picks_up = 1000 + seed.below(15_000);
    if seed.chance(60) {
        course.push((picks_up, FactKind::ClientAnswered { legs: legs.clone() }));
    }
    picks_up + seed.below(40_000)
}

fn in_course(seed: &mut Seed, course: &mut Vec<(u64, FactKind)>) -> u64 {
    let mut at = 200;
    let rounds = 1 + seed.below(3);
    for _ in 0..rounds {
        let rung: Vec<Alias> = (0..=seed.below(3)).map(|_| any_alias(seed)).collect();
        for alias in &rung {
            let kind = FactKind::OperatorRinging { alias: alias.clone(), legs: Legs::default() };
            course.push((at, kind));
        }
        at += 1000 + seed.below(15_000);
        if seed.chance(50) {
            let alias = seed.chance(90).then(|| one_of(seed, &rung).clone());
            course.push((at, FactKind::OperatorAnswered { alias, legs: Legs::default() }));
            at += 1000 + seed.below(40_000);
            if seed.chance(15) {
                let (from, to) = (Some(rung[0].clone()), Some(any_alias(seed)));
                course.push((at, FactKind::Transferred { from, to }));
                at += 1000 + seed.below(20_000);
            }
            break;
        }
        for alias in rung.into_iter().filter(|_| seed.chance(70)) {
            course
                .push((at, FactKind::OperatorLeft { alias, talked: None, ends: Ends::default() }));
        }
    }
    at + seed.below(3000)
}

fn deliver(seed: &mut Seed, key: &str, now: Wall, course: Vec<(u64, FactKind)>) -> Vec<Told> {
    let mut told = Vec::new();
    for (after, kind) in course {
        let fact = Fact {
            key: key.to_owned(),
            at: now + Period(after),
            source: if seed.chance(10) { Source::Final } else { Source::Live },
            vague: false,
            kind,
        };
        let late = match seed.below(10) {
            0..7 => seed.below(200),
            7..9 => seed.below(3000),
            _ => seed.below(30_000),
        };
        if seed.chance(10) {
            told.push((after + late + seed.below(20_000), fact.clone()));
        }
        if !seed.chance(5) {
            told.push((after + late, fact));
        }
    }
    told
}
