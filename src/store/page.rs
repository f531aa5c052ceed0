//! Lists in pages: where the next page begins is a place in the order, not a count of rows, so
//! that rows that come in between are neither repeated nor left out.

use std::fmt;
use std::str::FromStr;

use crate::model::Wall;

/// Rows on one page at most. A larger page saves round trips and holds a connection longer.
pub const PAGE_MAX: u32 = 50;

/// The last row of a page: its moment and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// What the list is ordered by.
    pub at: Wall,
    /// What parts rows of one moment.
    pub id: String,
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list: take `next` of the page before")]
pub struct CursorError;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A page of rows of which one more than `limit` was asked for.
    pub(super) fn of(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> Cursor) -> Page<T> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor);
        Page { items, next }
    }
}

/// The number of rows of a page from what was asked for.
pub(super) fn page_limit(asked: u32) -> u32 {
    asked.clamp(1, PAGE_MAX)
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.0, self.id)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Cursor, CursorError> {
        let (at, id) = text.split_once('.').ok_or(CursorError)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
            return Err(CursorError);
        }
        Ok(Cursor { at: Wall(at.parse().map_err(|_| CursorError)?), id: id.to_owned() })
    }
}
