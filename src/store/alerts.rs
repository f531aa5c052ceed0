//! How far the rules of alerts have come in the journal, and what they remember.
//!
//! Both are written in the transaction of the messages that they gave rise to, so a crash neither
//! tells twice nor forgets.

use super::db::{Store, run_in};
use super::error::StoreError;
use super::journal::Journal;
use super::outbox::NewNote;
use super::recovery::records_after;
use super::sql::{Columns, Sql};
use crate::model::{Seq, Stamped, Wall};

/// Records in one batch.
const BATCH: i64 = 500;
/// Where the two are kept among the words of outlets; no target has an empty name.
const KEY: &str = "alerts";

impl Journal {
    /// The next records after a place, in order; a bounded number of them.
    pub async fn read_after(&self, after: Seq) -> Result<Vec<Stamped>, StoreError> {
        records_after(self.readers(), after, BATCH).await
    }
}

impl Store {
    /// The place of the last record that was looked at, and what is remembered; `None` at first.
    pub async fn alerts_kept(&self) -> Result<Option<(Seq, String)>, StoreError> {
        let sql = Sql::new("select word from outlet_word where target = '' and key = ").text(KEY);
        let row = self.row(sql).await?;
        let word = row.map(|row| Columns::of(&row).text()).transpose()?;
        let parts = word.as_deref().and_then(|word| word.split_once(' '));
        Ok(parts.and_then(|(seq, state)| Some((Seq(seq.parse().ok()?), state.to_owned()))))
    }

    /// Keeps both along with the messages.
    pub async fn keep_alerts(
        &self,
        upto: Seq,
        state: &str,
        notes: &[NewNote],
        now: Wall,
    ) -> Result<(), StoreError> {
        let room = self.outbox_room(notes.len()).await?;
        let mut all = self.begin().await?;
        self.write_notes(&mut all, notes, room).await?;
        let kept = Sql::new("insert into outlet_word (target, key, word, changed_at) values ")
            .open()
            .text("")
            .text(KEY)
            .text(&format!("{} {state}", upto.0))
            .number(now.0)
            .close()
            .push(
                " on conflict (target, key) do update set word = excluded.word,
                    changed_at = excluded.changed_at",
            );
        run_in(&mut all, kept).await?;
        all.commit().await?;
        if !notes.is_empty() {
            self.outbox().tell();
        }
        Ok(())
    }
}
