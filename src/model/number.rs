//! A telephone number that does not show itself.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A telephone number in E.164 form: `+`, then 8 to 15 digits.
///
/// `Display` and `Debug` hide the middle, so a whole number cannot reach a log by accident.
/// Where the true number is needed (journal, CRM card), [`Number::reveal`] is easy to search for.
/// Serialising reveals it: only the journal and the database may do that; the API has its own
/// type, which masks by role.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(Box<str>);

/// A text that is no E.164 number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an E.164 number: write + and 8 to 15 digits")]
pub struct NumberError;

/// The country code of Uzbekistan, whose numbers are grouped 2-3-2-2 after it.
const UZBEKISTAN: &str = "998";

impl Number {
    /// Takes `+` and 8 to 15 digits. Fails on anything else; see `normalise` for people's forms.
    pub fn new(text: &str) -> Result<Number, NumberError> {
        let digits = text.strip_prefix('+').ok_or(NumberError)?;
        let fits = (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if fits { Ok(Number(text.into())) } else { Err(NumberError) }
    }

    /// The whole number, `+998901234567`.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The whole number grouped for reading: `+998 90 123 45 67`, others in threes.
    pub fn grouped(&self) -> String {
        self.groups(|_| None)
    }

    /// The number for a reader who may not see it: operator code and last two digits stay,
    /// `+998 90 ••• •• 67`; of foreign numbers the first three digits and the last two.
    pub fn masked(&self) -> String {
        self.masked_with('•')
    }

    fn masked_with(&self, mark: char) -> String {
        let digits = self.digits().len();
        let shown = if self.digits().starts_with(UZBEKISTAN) { 5 } else { 3 };
        self.groups(|at| (at >= shown && at + 2 < digits).then_some(mark))
    }

    /// Writes the digits in groups; `cover` says which position is replaced by what.
    fn groups(&self, cover: impl Fn(usize) -> Option<char>) -> String {
        let digits = self.digits();
        let uzbek = digits.len() == 12 && digits.starts_with(UZBEKISTAN);
        let mut text = String::from("+");
        for (at, digit) in digits.chars().enumerate() {
            let gap = if uzbek { matches!(at, 3 | 5 | 8 | 10) } else { at > 0 && at % 3 == 0 };
            if gap {
                text.push(' ');
            }
            text.push(cover(at).unwrap_or(digit));
        }
        text
    }

    fn digits(&self) -> &str {
        self.0.strip_prefix('+').unwrap_or(&self.0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked_with('*'))
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({self})")
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        Number::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_hides_its_middle_wherever_it_is_printed() {
        let number = Number::new("+998901234567").unwrap();
        assert_eq!(number.to_string(), "+998 90 *** ** 67");
        assert_eq!(format!("{number:?}"), "Number(+998 90 *** ** 67)");
        assert_eq!(number.masked(), "+998 90 ••• •• 67");
        assert_eq!(number.grouped(), "+998 90 123 45 67");
        assert_eq!(number.reveal(), "+998901234567");
    }

    #[test]
    fn a_foreign_number_keeps_its_beginning_and_its_end() {
        assert_eq!(Number::new("+74951234567").unwrap().masked(), "+749 ••• ••• 67");
    }

    #[test]
    fn what_is_not_e164_is_refused() {
        for text in ["998901234567", "+1234567", "+1234567890123456", "+99890a234567", "", "+"] {
            assert_eq!(Number::new(text), Err(NumberError), "{text}");
        }
    }
}
