//! One SQL text for two databases: pieces of statements with places for values, and rows read back.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, Arguments, AssertSqlSafe, Encode, Row, Type};

use super::db::Kind;
use super::error::StoreError;
use crate::model::{CallId, Name, Period, Wall};

/// A statement being put together. Text pieces are constants of the code; everything from
/// outside goes in as a value.
#[derive(Default)]
pub(super) struct Sql {
    text: String,
    values: AnyArguments,
    /// It is as long as the list in it, so the next of its like has another text.
    is_single: bool,
    /// Inside a row of values: whether the next one is the first.
    row: Option<bool>,
    failed: Option<sqlx::error::BoxDynError>,
}

impl Sql {
    /// Starts with a piece of text.
    pub(super) fn new(text: &'static str) -> Sql {
        Sql { text: text.to_owned(), ..Sql::default() }
    }

    /// Adds text.
    pub(super) fn push(mut self, text: &'static str) -> Sql {
        self.text.push_str(text);
        self
    }

    /// Opens a row of values; those that follow are parted by commas.
    pub(super) fn open(mut self) -> Sql {
        self.text.push('(');
        self.row = Some(true);
        self
    }

    /// Closes a row of values.
    pub(super) fn close(mut self) -> Sql {
        self.text.push(')');
        self.row = None;
        self
    }

    /// Adds a value at this place.
    fn value<'t, T: Encode<'t, Any> + Type<Any>>(mut self, value: T) -> Sql {
        match self.row.replace(false) {
            Some(true) => {}
            Some(false) => self.text.push_str(", "),
            None => self.row = None,
        }
        match self.values.add(value) {
            Ok(()) => self.text.push(PLACE),
            Err(error) => self.failed = Some(error),
        }
        self
    }

    /// Adds a text value. PostgreSQL keeps no zero bytes in text, so they are left out.
    pub(super) fn text(self, value: &str) -> Sql {
        self.value(value.replace('\0', ""))
    }

    /// Adds a text value or nothing.
    pub(super) fn text_or_null(self, value: Option<&str>) -> Sql {
        self.value(value.map(|text| text.replace('\0', "")))
    }

    /// Adds a number.
    pub(super) fn number(self, value: i64) -> Sql {
        self.value(value)
    }

    /// Adds a number or nothing.
    pub(super) fn number_or_null(self, value: Option<i64>) -> Sql {
        self.value(value)
    }

    /// Adds 1 or 0.
    pub(super) fn truth(self, value: bool) -> Sql {
        self.value(i64::from(value))
    }

    /// Adds several pieces, each made by `piece`, with commas between them.
    pub(super) fn list<T>(
        self,
        items: impl IntoIterator<Item = T>,
        piece: impl Fn(Sql, T) -> Sql,
    ) -> Sql {
        let mut sql = Sql { is_single: true, ..self };
        for (at, item) in items.into_iter().enumerate() {
            sql = piece(if at == 0 { sql } else { sql.push(", ") }, item);
        }
        sql
    }

    /// The statement, ready to run. Fails when a value could not be encoded.
    pub(super) fn query(self, kind: Kind) -> Result<Query<'static, Any, AnyArguments>, StoreError> {
        if let Some(error) = self.failed {
            return Err(StoreError::Database(sqlx::Error::Encode(error)));
        }
        let text = match kind {
            Kind::Sqlite => self.text,
            Kind::Postgres => numbered(&self.text),
        };
        let query = sqlx::query_with(AssertSqlSafe(text), self.values);
        Ok(query.persistent(!self.is_single))
    }
}

/// Where a value goes. PostgreSQL wants places with numbers; SQLite looks at all names of a
/// statement for each of them, which a thousand rows make a million looks.
const PLACE: char = '?';

/// The text with numbered places.
fn numbered(text: &str) -> String {
    let mut places = 0_usize;
    text.chars().fold(String::with_capacity(text.len() * 2), |mut all, letter| {
        all.push(if letter == PLACE { '$' } else { letter });
        if letter == PLACE {
            places += 1;
            all.push_str(&places.to_string());
        }
        all
    })
}

/// Reads columns from left to right.
pub(super) struct Columns<'r> {
    row: &'r AnyRow,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(super) fn of(row: &'r AnyRow) -> Columns<'r> {
        Columns { row, next: 0 }
    }

    fn place(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    pub(super) fn text(&mut self) -> Result<String, sqlx::Error> {
        let place = self.place();
        self.row.try_get(place)
    }

    pub(super) fn text_or_null(&mut self) -> Result<Option<String>, sqlx::Error> {
        let place = self.place();
        self.row.try_get(place)
    }

    pub(super) fn name(&mut self) -> Result<Name, sqlx::Error> {
        Ok(self.text()?.into())
    }

    pub(super) fn name_or_null(&mut self) -> Result<Option<Name>, sqlx::Error> {
        Ok(self.text_or_null()?.map(Name::from))
    }

    pub(super) fn number(&mut self) -> Result<i64, sqlx::Error> {
        let place = self.place();
        self.row.try_get(place)
    }

    pub(super) fn number_or_null(&mut self) -> Result<Option<i64>, sqlx::Error> {
        let place = self.place();
        self.row.try_get(place)
    }

    /// A count or place; never below nothing.
    pub(super) fn count(&mut self) -> Result<u64, sqlx::Error> {
        Ok(u64::try_from(self.number()?).unwrap_or(0))
    }

    pub(super) fn wall(&mut self) -> Result<Wall, sqlx::Error> {
        self.number().map(Wall)
    }

    pub(super) fn wall_or_null(&mut self) -> Result<Option<Wall>, sqlx::Error> {
        Ok(self.number_or_null()?.map(Wall))
    }

    pub(super) fn period(&mut self) -> Result<Period, sqlx::Error> {
        self.count().map(Period)
    }

    pub(super) fn truth(&mut self) -> Result<bool, sqlx::Error> {
        Ok(self.number()? != 0)
    }

    /// One of our calls.
    pub(super) fn call(&mut self) -> Result<CallId, sqlx::Error> {
        let id = self.text()?.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(CallId(id))
    }

    /// A JSON document of a table, named for the error.
    pub(super) fn doc<T: serde::de::DeserializeOwned>(
        &mut self,
        table: &'static str,
    ) -> Result<T, StoreError> {
        let text = self.text()?;
        let row = format!("at column {}", self.next);
        serde_json::from_str(&text).map_err(|source| StoreError::Unreadable { table, row, source })
    }
}

/// A period as the database keeps it.
pub(super) fn millis(period: Period) -> i64 {
    i64::try_from(period.as_millis()).unwrap_or(i64::MAX)
}

/// A document as the database keeps it.
pub(super) fn document<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Database(sqlx::Error::Encode(error.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_gets_its_places() {
        assert_eq!(
            numbered("select a from b where c = ? and d in (?, ?)"),
            "select a from b where c = $1 and d in ($2, $3)"
        );
    }
}
