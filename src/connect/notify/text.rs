//! Texts as channels take them: escaped, cut, counted.
//!
//! Cutting comes before formatting, so it never goes through a tag or an entity.

use crate::model::Message;

/// Parts of one text message at most. More says more and costs as many times the price.
pub(super) const SMS_PARTS_MAX: usize = 3;

/// Letters of one part: alone, and as one of several (3GPP TS 23.038 and 23.040).
const GSM_ALONE: usize = 160;
const GSM_JOINED: usize = 153;
const UCS_ALONE: usize = 70;
const UCS_JOINED: usize = 67;

/// The basic alphabet of GSM 7 bit (3GPP TS 23.038 section 6.2.1), without the escape.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
                   ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Letters that take two places in it.
const GSM_DOUBLE: &str = "^{}\\[~]|€";

/// What stands for a cut.
const CUT: char = '…';

/// Escapes a text for the HTML of a messenger, inside an attribute too.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(letter),
        }
    }
    out
}

/// A text without control letters but for line breaks: what comes from outside is data.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

/// At most `units_max` UTF-16 units of a text; a cut is shown.
pub(super) fn cut_units(text: &str, units_max: usize) -> String {
    cut(text, units_max, char::len_utf16)
}

/// The words of a text message of one title and its lines, in the letters that cost least, and
/// not longer than [`SMS_PARTS_MAX`] parts.
pub(super) fn sms(message: &Message) -> String {
    let lines: Vec<&str> =
        message.text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text = match lines.as_slice() {
        [] => message.title.clone(),
        lines => format!("{}: {}", message.title, lines.join("; ")),
    };
    let text = cheap(&plain(&text));
    if parts(&text) <= SMS_PARTS_MAX {
        return text;
    }
    if is_gsm(&text) {
        let kept = GSM_JOINED * SMS_PARTS_MAX - 3;
        let cut = cut(&text, kept, gsm_places);
        return cut.replace(CUT, "...");
    }
    cut_units(&text, UCS_JOINED * SMS_PARTS_MAX)
}

/// Writes what has a plain form in it: one wrong apostrophe more than doubles the price.
fn cheap(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            'ʻ' | 'ʼ' | '‘' | '’' | '`' | '´' => out.push('\''),
            '“' | '”' | '„' | '«' | '»' => out.push('"'),
            '–' | '—' | '‑' | '−' => out.push('-'),
            '•' | '·' | '×' => out.push('*'),
            '…' => out.push_str("..."),
            '\u{a0}' | '\u{202f}' | '\u{2009}' => out.push(' '),
            _ => out.push(letter),
        }
    }
    out
}

/// How many parts a text message of this text has.
pub(super) fn parts(text: &str) -> usize {
    let (length, alone, joined) = if is_gsm(text) {
        (text.chars().map(gsm_places).sum::<usize>(), GSM_ALONE, GSM_JOINED)
    } else {
        (text.chars().map(char::len_utf16).sum(), UCS_ALONE, UCS_JOINED)
    };
    if length <= alone { 1 } else { length.div_ceil(joined) }
}

fn is_gsm(text: &str) -> bool {
    text.chars().all(|c| GSM.contains(c) || GSM_DOUBLE.contains(c))
}

fn gsm_places(letter: char) -> usize {
    if GSM_DOUBLE.contains(letter) { 2 } else { 1 }
}

fn cut(text: &str, places_max: usize, places: impl Fn(char) -> usize) -> String {
    let whole: usize = text.chars().map(&places).sum();
    if whole <= places_max {
        return text.to_owned();
    }
    let mut left = places_max.saturating_sub(1);
    let mut out = String::new();
    for letter in text.chars() {
        let Some(rest) = left.checked_sub(places(letter)) else { break };
        left = rest;
        out.push(letter);
    }
    out.push(CUT);
    out
}

/// A number as a gateway takes it: digits alone; `None` for what is no number.
pub(super) fn digits(number: &str) -> Option<String> {
    let bare: String = number.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
    let bare = bare.strip_prefix('+').unwrap_or(&bare);
    let fits = (8..=15).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| bare.to_owned())
}

/// A number that may stand in a log or an error: the middle is hidden.
pub(super) fn masked(to: &str) -> String {
    let Some(digits) = digits(to) else { return to.to_owned() };
    let number = crate::model::Number::new(&format!("+{digits}"));
    number.map_or_else(|_| String::from("***"), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(title: &str, text: &str) -> Message {
        Message {
            event: String::from("missed"),
            title: title.to_owned(),
            text: text.to_owned(),
            link: None,
            call: None,
        }
    }

    #[test]
    fn a_wrong_apostrophe_does_not_double_the_price() {
        let text =
            sms(&message("Oʻtkazib yuborilgan qoʼngʻiroq", "+998 90 ••• •• 67\nsotuv, 14:05"));
        assert_eq!(text, "O'tkazib yuborilgan qo'ng'iroq: +998 90 *** ** 67; sotuv, 14:05");
        assert_eq!(parts(&text), 1);
        assert_eq!(parts(&"ў".repeat(71)), 2);
        assert_eq!(parts(&"a".repeat(161)), 2);
        assert_eq!(parts(&"€".repeat(80)), 1);
        assert_eq!(parts(&"€".repeat(81)), 2);
    }

    #[test]
    fn no_text_message_is_longer_than_its_bound() {
        for letter in ["a", "€", "ў", "😀", "a€ў"] {
            let text = sms(&message("t", &letter.repeat(2000)));
            assert!(parts(&text) <= SMS_PARTS_MAX, "{letter}: {}", parts(&text));
            assert!(parts(&text) == SMS_PARTS_MAX, "{letter} is cut too short");
        }
    }

    #[test]
    fn units_are_those_of_utf_16() {
        assert_eq!(cut_units("😀😀😀", 6), "😀😀😀");
        assert_eq!(cut_units("😀😀😀", 5), "😀😀…");
        assert_eq!(cut_units("<&>", 3), "<&>");
        assert_eq!(html("a<b & \"c\">"), "a&lt;b &amp; &quot;c&quot;&gt;");
    }

    #[test]
    fn numbers_are_digits_for_gateways_and_masked_for_people() {
        assert_eq!(digits("+998 90 111-22-33").as_deref(), Some("998901112233"));
        assert_eq!(digits("4546"), None);
        assert_eq!(digits("998x01112233"), None);
        assert!(!masked("+998901112233").contains("111"));
    }
}
