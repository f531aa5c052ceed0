//! onlinepbx.

use super::account::Account;
use super::read::{ReadError, Reading};
use super::wire::Wire;
use crate::model::Wall;

pub(super) fn read(_: &Account, wire: &Wire, _: Wall) -> Result<Reading, ReadError> {
    Ok(Reading::unknown(&wire.text("event")))
}
