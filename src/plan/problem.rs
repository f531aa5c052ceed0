//! What is wrong in a file that people write, where it stands, and how to mend it.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Place {
    /// Nowhere: it is the default.
    #[default]
    Default,
    /// In a file; line and column count from 1, the column in characters.
    File {
        /// The file as it was named.
        file: Arc<str>,
        /// Line.
        line: u32,
        /// Column.
        col: u32,
    },
    /// In an environment variable of this name.
    Environment(Arc<str>),
    /// In the database: a field of something that was made in the pages.
    Pages(Arc<InPages>),
}

/// A field of something that was made in the pages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InPages {
    /// `operator`, `queue` or `user`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The way to the value, like `tiers[0].members[1]`; empty: the thing itself.
    pub field: String,
}

impl Place {
    /// Whether it is something made in the pages.
    pub const fn is_pages(&self) -> bool {
        matches!(self, Place::Pages(_))
    }
}

/// Whether a problem keeps the file from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The file is not used.
    Error,
    /// It is used; somebody should look.
    Warning,
}

/// One thing that is wrong. Secrets and whole telephone numbers never stand in its texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// How bad.
    pub level: Level,
    /// A word for programs, stable over versions.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub mend: String,
}

impl Problem {
    /// A problem that keeps the file from being used.
    pub fn error(place: &Place, code: &'static str, message: impl Into<String>) -> Problem {
        let (place, level, message) = (place.clone(), Level::Error, hidden(&message.into()));
        Problem { place, level, code, message, mend: String::new() }
    }

    /// A problem that does not.
    pub fn warning(place: &Place, code: &'static str, message: impl Into<String>) -> Problem {
        Problem { level: Level::Warning, ..Problem::error(place, code, message) }
    }

    /// The same with what to do.
    pub fn mend(self, mend: impl Into<String>) -> Problem {
        Problem { mend: hidden(&mend.into()), ..self }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Default => f.write_str("default"),
            Place::File { file, line, col } => write!(f, "{file}:{line}:{col}"),
            Place::Environment(name) => write!(f, "environment {name}"),
            Place::Pages(it) if it.field.is_empty() => {
                write!(f, "{} {}, made in the pages", it.kind, it.name)
            }
            Place::Pages(it) => {
                write!(f, "{} {}, made in the pages, {}", it.kind, it.name, it.field)
            }
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let (file, line, col) = match self {
            Place::File { file, line, col } => (file.to_string(), Some(*line), Some(*col)),
            Place::Default | Place::Environment(_) | Place::Pages(_) => {
                (self.to_string(), None, None)
            }
        };
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("file", &file)?;
        map.serialize_entry("line", &line)?;
        map.serialize_entry("col", &col)?;
        map.end()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, "{}: {level}[{}]: {}", self.place, self.code, self.message)?;
        if self.mend.is_empty() { Ok(()) } else { write!(f, "\n    {}", self.mend) }
    }
}

/// Quotes what somebody wrote, shortened.
pub fn quoted(text: &str) -> String {
    /// Longer quotes say nothing more.
    const SHOWN_MAX: usize = 60;
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if text.chars().count() > SHOWN_MAX {
        shown.push('…');
    }
    format!("`{}`", shown.escape_debug())
}

/// A text in which the middle of every long number is hidden.
fn hidden(text: &str) -> String {
    /// Fewer digits in a row are no telephone number.
    const DIGITS_MIN: usize = 7;
    let letters: Vec<char> = text.chars().collect();
    let mut shown = String::with_capacity(text.len());
    for run in letters.chunk_by(|one, other| one.is_ascii_digit() == other.is_ascii_digit()) {
        let number = run.len() >= DIGITS_MIN && run.iter().all(char::is_ascii_digit);
        for (at, letter) in run.iter().enumerate() {
            let covered = number && at >= 5 && at + 2 < run.len();
            shown.push(if covered { '*' } else { *letter });
        }
    }
    shown
}

/// The known word that a misspelt one was probably meant to be.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let wanted = plain(word);
    let near = known.into_iter().map(|name| (distance(&wanted, &plain(name)), name));
    let (distance, name) = near.min_by_key(|(distance, _)| *distance)?;
    // A third of the letters may be wrong, but never all of them: more would suggest words that
    // have nothing in common.
    let letters = wanted.chars().count();
    (distance <= (letters / 3).max(1) && distance < letters).then_some(name)
}

/// Insertions, deletions, replacements and swaps of neighbours that make one text the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut last = None;
    for (at, letter) in one.chars().enumerate() {
        let mut next = vec![at + 1];
        for (to, wanted) in other.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let replaced = cell(&row, to) + usize::from(letter != *wanted);
            let mut least = replaced.min(cell(&row, to + 1) + 1).min(cell(&next, to) + 1);
            let previous = to.checked_sub(1).and_then(|at| other.get(at));
            if last == Some(*wanted) && previous == Some(&letter) {
                least = least.min(cell(&before, to - 1) + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(letter);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_the_one_that_was_meant() {
        let known = ["r", "ring", "ring_min", "wrap_up", "strategy", "wait_max"];
        for (wrong, meant) in [
            ("rnig", Some("ring")),
            ("ring-min", Some("ring_min")),
            ("stratgey", Some("strategy")),
            ("waitmax", Some("wait_max")),
            ("colour", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(wrong, known), meant, "{wrong}");
        }
    }

    #[test]
    fn a_quote_hides_a_number_and_ends() {
        let shown = |text: &str| Problem::error(&Place::Default, "x", quoted(text)).message;
        assert_eq!(shown("+998901234567"), "`+99890*****67`");
        assert_eq!(shown("2026-03-02 20:15"), "`2026-03-02 20:15`");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), 63);
    }
}
