//! Hides numbers and secrets in text that came from outside and is shown as it came.
//!
//! Raw requests are shown to those who look for a fault. Readers without sight of numbers get
//! every run of digits that could be a telephone number covered in the middle.

use crate::model::Number;

/// Shortest run that is covered: a local number.
const RUN_MIN: usize = 7;

/// Digits that stay at the end of a covered run.
const TAIL: usize = 2;

/// Covers what could be a telephone number: a run of seven or more digits, also when written with
/// spaces, dashes, dots, brackets or their percent codes between. Calendar dates and Unix times of
/// this age stay readable; the digits of `known` are covered wherever they stand.
pub fn scrub(text: &str, known: &[&Number]) -> String {
    let mut out = text.to_owned();
    for number in known {
        let digits = number.reveal().trim_start_matches('+');
        for form in [digits, digits.strip_prefix("998").unwrap_or(digits)] {
            if form.len() >= RUN_MIN {
                out = out.replace(form, &cover_all(form));
            }
        }
    }
    cover_runs(&out)
}

fn cover_runs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let (run, after) = from.split_at(run_length(from));
        out.push_str(before);
        if is_number_like(run, before) {
            out.push_str(&cover_all(run))
        } else {
            out.push_str(run)
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// How many bytes from the start belong to one run: digits, and separators between digits.
fn run_length(text: &str) -> usize {
    let mut end = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            at += 1;
            end = at;
            continue;
        }
        match separator(rest) {
            Some(length) => at += length,
            None => break,
        }
        if at > end + 6 {
            break; // more than two separators in a row end a number
        }
    }
    end
}

fn separator(text: &str) -> Option<usize> {
    let coded = ["%20", "%2D", "%2d", "%28", "%29", "%2E"];
    if let Some(code) = coded.iter().find(|code| text.starts_with(**code)) {
        return Some(code.len());
    }
    text.starts_with([' ', '-', '(', ')', '.']).then_some(1)
}

fn is_number_like(run: &str, before: &str) -> bool {
    let plain = without_codes(run);
    let count = plain.bytes().filter(u8::is_ascii_digit).count();
    let dated = plain.len() >= 10
        && plain.get(4..5) == Some("-")
        && plain.get(7..8) == Some("-")
        && plain.starts_with("20");
    let whole = plain.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let epoch = whole
        && !before.ends_with('+')
        && matches!(plain.find('.').unwrap_or(plain.len()), 10 | 13)
        && (plain.starts_with("14") || plain.starts_with("17") || plain.starts_with("18"));
    count >= RUN_MIN && !dated && !epoch
}

fn without_codes(run: &str) -> String {
    run.replace("%20", " ").replace("%2D", "-").replace("%2d", "-").replace("%2E", ".")
}

/// Replaces every digit but the last two; percent codes keep theirs.
fn cover_all(run: &str) -> String {
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    let mut seen = 0;
    let mut code = 0;
    run.chars()
        .map(|c| {
            if c == '%' {
                code = 3;
            }
            if code > 0 {
                code -= 1;
                seen += usize::from(c.is_ascii_digit());
                return c;
            }
            if !c.is_ascii_digit() {
                return c;
            }
            seen += 1;
            if seen + TAIL > digits { c } else { '•' }
        })
        .collect()
}

/// Names of fields whose value is a secret, in any letter case.
const SECRET_NAMES: [&str; 8] =
    ["crm_token", "token", "password", "secret", "api_key", "apikey", "auth_key", "hash"];

/// Hides the values of fields that are secrets, in forms, queries and JSON alike.
pub fn hide_secrets(text: &str) -> String {
    SECRET_NAMES.iter().fold(text.to_owned(), |text, name| hide_one(&text, name))
}

fn hide_one(text: &str, name: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = lower.get(at..).and_then(|rest| rest.find(name)) {
        let end = at + found + name.len();
        out.push_str(text.get(at..end).unwrap_or_default());
        let rest = text.get(end..).unwrap_or_default();
        let (lead, value) = value_of(rest);
        out.push_str(rest.get(..lead).unwrap_or_default());
        if value > 0 {
            out.push_str("***");
        }
        at = end + lead + value;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Where the value after a field's name begins and how long it is; nothing when there is none.
fn value_of(rest: &str) -> (usize, usize) {
    let json = rest.strip_prefix('"').or_else(|| rest.strip_prefix("\\\"")).is_some();
    let lead =
        rest.find(|c: char| !matches!(c, '"' | '\\' | ':' | '=' | ' ')).unwrap_or(rest.len());
    let between = rest.get(..lead).unwrap_or_default();
    if !between.contains([':', '=']) {
        return (0, 0);
    }
    let value = rest.get(lead..).unwrap_or_default();
    let ends: &[char] =
        if json { &['"', '\\', ',', '}', '\n'] } else { &['&', ';', '\n', ' ', '"'] };
    (lead, value.find(ends).unwrap_or(value.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_covered_however_they_are_written() {
        let known = Number::new("+998901234567").unwrap();
        for (text, shown) in [
            ("src=998901234567&dst=201", "src=••••••••••67&dst=201"),
            ("{\"src\":\"+998 90 123-45-67\"}", "{\"src\":\"+••• •• •••-••-67\"}"),
            ("from=90%20123%2045%2067", "from=••%20•••%20••%2067"),
            ("a=2345678", "a=•••••67".replace("67", "78").as_str()),
            ("call_id=1479193423.123", "call_id=1479193423.123"),
            ("at=2026-11-20 10:00:00", "at=2026-11-20 10:00:00"),
            ("x=abc0998901234567z", "x=abc0••••••••••67z"),
        ] {
            assert_eq!(scrub(text, &[&known]), shown, "{text}");
        }
    }

    #[test]
    fn secrets_are_hidden_in_forms_and_in_json() {
        assert_eq!(
            hide_secrets("cmd=event&crm_token=abc123&type=X"),
            "cmd=event&crm_token=***&type=X"
        );
        assert_eq!(hide_secrets("{\"token\": \"abc\", \"a\":1}"), "{\"token\": \"***\", \"a\":1}");
        assert_eq!(hide_secrets("nothing here"), "nothing here");
    }
}
