//! The one place where people's ways of writing a number become E.164 (providers/common.md 2).

use serde::{Deserialize, Serialize};

use super::Number;

/// One side of a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "is", content = "value", rename_all = "snake_case")]
pub enum Party {
    /// A number in E.164.
    Number(Number),
    /// A number that only the last rule could read; right most of the time.
    Guessed(Number),
    /// A telephone inside the company.
    Extension(String),
    /// The caller hides the number.
    Hidden,
    /// What no rule could read, as it came.
    Unparsed(Raw),
}

/// A text from the wire that may hold a number: it prints only its length.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Raw(pub String);

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

impl Party {
    /// The number, when it is one. Numbers are compared only in this form.
    pub const fn e164(&self) -> Option<&Number> {
        match self {
            Party::Number(number) | Party::Guessed(number) => Some(number),
            Party::Extension(_) | Party::Hidden | Party::Unparsed(_) => None,
        }
    }
}

/// Which rule read a number; shown where somebody asks why a client was not recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Empty, anonymous, all zeros and the like.
    Hidden,
    /// It began with `+`.
    Plus,
    /// It began with `00`.
    DoubleZero,
    /// It began with `810`.
    EightTen,
    /// Twelve digits from 998.
    Uzbek,
    /// Nine digits.
    National,
    /// The account's national prefix and nine digits.
    Prefixed,
    /// Seven digits and the default area.
    Local,
    /// Eleven digits from 7.
    RussianKazakh,
    /// An extension.
    Extension,
    /// 10 to 15 digits that nothing else fits.
    Guessed,
    /// Nothing fits.
    Unparsed,
}

/// What an account says about the numbers it sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRules {
    /// Area code of seven-digit numbers.
    pub default_area: String,
    /// What stands before nine national digits; empty: nothing.
    pub national_prefix: String,
    /// Shortest and longest extension.
    pub extension_digits: (usize, usize),
}

impl Default for NumberRules {
    fn default() -> NumberRules {
        NumberRules {
            default_area: String::from("71"),
            national_prefix: String::new(),
            extension_digits: (2, 6),
        }
    }
}

const HIDDEN: [&str; 6] = ["anonymous", "unknown", "unavailable", "restricted", "private", "s"];

/// Reads one side of a call. `inside` says whether a short number is an extension: because the
/// operator table has it, or because the field is documented as an internal one.
pub fn normalise(text: &str, rules: &NumberRules, inside: impl Fn(&str) -> bool) -> (Party, Rule) {
    let cleaned = clean(text);
    let plain = cleaned.strip_prefix('+').unwrap_or(&cleaned);
    let hidden = HIDDEN.iter().any(|word| plain.eq_ignore_ascii_case(word));
    if hidden || plain.bytes().all(|b| b == b'0') {
        return (Party::Hidden, Rule::Hidden);
    }
    if !plain.bytes().all(|b| b.is_ascii_digit()) {
        return unparsed(text);
    }
    let (rule, e164) = match e164(&cleaned, rules) {
        Some(found) => found,
        None if is_extension(plain, rules, inside) => {
            return (Party::Extension(plain.to_owned()), Rule::Extension);
        }
        None if (10..=15).contains(&plain.len()) => (Rule::Guessed, plain.to_owned()),
        None => return unparsed(text),
    };
    match Number::new(&format!("+{e164}")) {
        Ok(number) if rule == Rule::Guessed => (Party::Guessed(number), rule),
        Ok(number) => (Party::Number(number), rule),
        Err(_) => unparsed(text),
    }
}

fn unparsed(text: &str) -> (Party, Rule) {
    (Party::Unparsed(Raw(text.trim().to_owned())), Rule::Unparsed)
}

fn is_extension(digits: &str, rules: &NumberRules, inside: impl Fn(&str) -> bool) -> bool {
    let (shortest, longest) = rules.extension_digits;
    (shortest..=longest).contains(&digits.len()) && inside(digits)
}

/// The rules that make a number, in the order of the sheet; digits without the plus.
fn e164(cleaned: &str, rules: &NumberRules) -> Option<(Rule, String)> {
    if let Some(digits) = cleaned.strip_prefix('+') {
        let fits = (8..=15).contains(&digits.len());
        return fits.then(|| (Rule::Plus, digits.to_owned()));
    }
    let count = cleaned.len();
    if let Some(rest) = cleaned.strip_prefix("00").filter(|_| (10..=17).contains(&count)) {
        return Some((Rule::DoubleZero, rest.to_owned()));
    }
    if let Some(rest) = cleaned.strip_prefix("810").filter(|_| (13..=18).contains(&count)) {
        return Some((Rule::EightTen, rest.to_owned()));
    }
    if count == 12 && cleaned.starts_with("998") {
        return Some((Rule::Uzbek, cleaned.to_owned()));
    }
    if count == 9 {
        return Some((Rule::National, format!("998{cleaned}")));
    }
    let prefixed = cleaned.strip_prefix(rules.national_prefix.as_str());
    if let Some(rest) = prefixed.filter(|rest| !rules.national_prefix.is_empty() && rest.len() == 9)
    {
        return Some((Rule::Prefixed, format!("998{rest}")));
    }
    if count == 7 {
        return Some((Rule::Local, format!("998{}{cleaned}", rules.default_area)));
    }
    (count == 11 && cleaned.starts_with('7')).then(|| (Rule::RussianKazakh, cleaned.to_owned()))
}

/// Takes away what people and protocols put around the digits.
fn clean(text: &str) -> String {
    let text = text.trim();
    let text = match text.split_at_checked(4) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip:") => rest,
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tel:") => rest,
        Some(_) | None => text,
    };
    let text = text.split(['@', ';']).next().unwrap_or(text);
    let text = match text.split_once("_id") {
        Some((head, tail)) if tail.bytes().all(|b| b.is_ascii_digit()) => head,
        Some(_) | None => text,
    };
    text.chars().filter(|c| !matches!(c, '-' | '(' | ')' | '.') && !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<String>, Rule) {
        let rules = NumberRules { national_prefix: String::from("8"), ..NumberRules::default() };
        let (party, rule) = normalise(text, &rules, |ext| ext == "201");
        (party.e164().map(|number| number.reveal().to_owned()), rule)
    }

    #[test]
    fn all_written_forms_of_one_number_are_one_number() {
        let forms = [
            "+998901234567",
            "998901234567",
            "901234567",
            "8901234567",
            "00998901234567",
            "810998901234567",
            " +998 (90) 123-45-67 ",
            "sip:998901234567@pbx.uz;user=phone",
            "TEL:+998.90.123.45.67",
            "998901234567_id265648",
            "+998\u{a0}90\u{a0}1234567",
        ];
        for form in forms {
            assert_eq!(read(form).0.as_deref(), Some("+998901234567"), "{form}");
        }
    }

    #[test]
    fn each_row_of_the_table_has_its_rule() {
        for (text, e164, rule) in [
            ("", None, Rule::Hidden),
            ("Anonymous", None, Rule::Hidden),
            ("s", None, Rule::Hidden),
            ("0000", None, Rule::Hidden),
            ("2001122", Some("+998712001122"), Rule::Local),
            ("79161234567", Some("+79161234567"), Rule::RussianKazakh),
            ("201", None, Rule::Extension),
            ("305", None, Rule::Unparsed),
            ("4915112345678", Some("+4915112345678"), Rule::Guessed),
            ("12345678", None, Rule::Unparsed),
            ("dilnoza", None, Rule::Unparsed),
            ("+123", None, Rule::Unparsed),
        ] {
            assert_eq!(read(text), (e164.map(str::to_owned), rule), "{text}");
        }
    }
}
