//! The rules for names: `[a-z0-9-]`, and no two of one kind alike.

use crate::model::Name;
use crate::plan::{Found, Place, Section, quoted};

/// Longer names break columns and addresses.
const NAME_MAX: usize = 40;

/// Whether a text may be a name.
pub fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with('-')
}

/// Complains about a text that may not be a name.
pub fn check_name(section: &Section<'_>, name: &Found<String>) {
    if !is_name(&name.value) {
        let message = format!("{} is no name", quoted(&name.value));
        let mend = format!("up to {NAME_MAX} of a-z, 0-9 and -");
        section.error(&name.at, "bad-name", message, &mend);
    }
}

/// Complains about a name that another one of its kind has already.
pub fn unique<'a>(
    section: &Section<'_>,
    name: &Found<String>,
    others: impl IntoIterator<Item = (&'a Name, &'a Place)>,
) {
    if let Some((_, at)) = others.into_iter().find(|(other, _)| other.as_str() == name.value) {
        let message = format!("{} stands twice, first at {at}", quoted(&name.value));
        section.error(&name.at, "duplicate", message, "");
    }
}
