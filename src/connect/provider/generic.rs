//! generic.

use super::account::Account;
use super::read::Reading;
use super::wire::Wire;
use crate::model::Wall;

pub(super) fn read(_: &Account, wire: &Wire, _: Wall) -> Reading {
    Reading::unknown(&wire.text("event"))
}
