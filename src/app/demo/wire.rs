//! What a stand-in sends: requests with their moments, written as the real provider writes them.

use super::day::{Stand, Story, Talk};
use super::people::OPERATORS;
use super::{itoolabs, onlinepbx, sarkor, sipuni, utel};
use crate::model::Wall;

/// One request on its way to navbat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    /// When it leaves, in the demo's own time.
    pub at: u64,
    /// What it carries.
    pub load: Load,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Load {
    /// GET with a query.
    Query(String),
    /// POST of a form.
    Form(String),
    /// POST of JSON.
    Json(String),
}

/// How the demo's own time becomes wall time: the moment a call began and the speed.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// When the demo began.
    pub began: Wall,
    /// How many times faster than life.
    pub speed: f64,
}

impl Pace {
    /// How long something takes on the machine's clock, in milliseconds.
    pub fn real(&self, length: u64) -> u64 {
        (length as f64 / self.speed) as u64
    }

    /// The wall clock at a moment of the demo.
    pub fn wall(&self, at: u64) -> Wall {
        self.began + crate::model::Period::millis(self.real(at))
    }

    /// The same in whole seconds, as providers stamp their events.
    pub fn unix(&self, at: u64) -> i64 {
        self.wall(at).0.div_euclid(1000)
    }

    /// Seconds between two moments as their stamps tell them.
    pub fn seconds(&self, from: u64, to: u64) -> i64 {
        self.unix(to) - self.unix(from)
    }

    /// The length of a conversation: providers round a fraction of a second up to one.
    pub fn talk_seconds(&self, talks: &[Talk]) -> i64 {
        match (talks.first(), talks.last()) {
            (Some(first), Some(last)) => self.seconds(first.from, last.to).max(1),
            (None, _) | (_, None) => 0,
        }
    }
}

/// Everything the provider of a story tells about it, in order.
pub fn wires(story: &Story, pace: &Pace) -> Vec<Wire> {
    let mut wires = match story.stand {
        Stand::Sipuni => sipuni::wires(story, pace),
        Stand::OnlinePbx => onlinepbx::wires(story, pace),
        Stand::Utel => utel::wires(story, pace),
        Stand::Itoolabs => itoolabs::wires(story, pace),
        Stand::Sarkor => sarkor::wires(story, pace),
    };
    wires.sort_by_key(|wire| wire.at); // stable: events of one moment keep their order
    wires
}

/// A form or query of these fields.
pub fn encode(fields: &[(&str, String)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        text.append_pair(name, value);
    }
    text.finish()
}

/// The extension of an operator.
pub fn extension(operator: usize) -> &'static str {
    OPERATORS.get(operator).map_or("", |one| one.extension)
}

/// The login of an operator.
pub fn login(operator: usize) -> &'static str {
    OPERATORS.get(operator).map_or("", |one| one.login)
}

#[cfg(test)]
mod tests {
    use super::super::day::Day;
    use super::*;

    #[test]
    fn every_call_begins_and_ends_on_the_wire() {
        let pace = Pace { began: Wall(1_795_150_800_000), speed: 60.0 };
        let mut day = Day::new(7, pace.speed);
        for _ in 0..200 {
            let story = day.next_story();
            let wires = wires(&story, &pace);
            assert!(wires.len() >= 2, "{story:?}");
            assert!(wires.iter().all(|wire| wire.at >= story.at), "{story:?}");
        }
    }
}
