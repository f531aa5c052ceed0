//! The smallest pieces of a SIP text: lines, tokens, quoted strings, comma lists.
//!
//! Everything that reads bytes from the wire goes through here, so that filtering and use see
//! one and the same text. Nothing here panics on any input; positions that do not exist give
//! `None`. Sources: RFC 3261 sections 7.3.1 and 25.1.

use std::borrow::Cow;

/// A character of a token: method, parameter name, display word (RFC 3261 section 25.1).
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

pub(super) const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Without the blanks (SP, HTAB) on both sides.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// One header field of a message head: its name without blanks and its unfolded value.
pub(super) struct Field<'a> {
    /// Empty when the line has no colon: the line is then in `value`.
    pub name: &'a str,
    pub value: Cow<'a, str>,
}

/// Walks through the lines of a message head, joining folded ones.
///
/// A line ends with LF; a CR before it belongs to the end. An empty line ends the walk and
/// what follows is the body.
pub(super) struct Lines<'a> {
    rest: &'a str,
}

impl<'a> Lines<'a> {
    pub(super) fn new(head: &'a str) -> Lines<'a> {
        Lines { rest: head }
    }

    /// The next physical line without its end; `None` at the end of the text.
    pub(super) fn raw(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = match memchr::memchr(b'\n', self.rest.as_bytes()) {
            Some(at) => (self.rest.get(..at)?, self.rest.get(at + 1..)?),
            None => (self.rest, ""),
        };
        self.rest = rest;
        Some(line.strip_suffix('\r').unwrap_or(line))
    }

    /// The next header field, unfolded; `None` at the empty line or at the end.
    pub(super) fn field(&mut self) -> Option<Field<'a>> {
        let line = self.raw()?;
        if line.is_empty() {
            return None;
        }
        let Some(colon) = memchr::memchr(b':', line.as_bytes()) else {
            return Some(Field { name: "", value: self.unfold(line) });
        };
        let (Some(name), Some(value)) = (line.get(..colon), line.get(colon + 1..)) else {
            return Some(Field { name: "", value: Cow::Borrowed(line) });
        };
        let name = name.trim_end_matches([' ', '\t']);
        Some(Field { name, value: self.unfold(trim(value)) })
    }

    /// Joins the lines that begin with a blank to the one before, with one space between.
    fn unfold(&mut self, first: &'a str) -> Cow<'a, str> {
        let mut value = Cow::Borrowed(first);
        while self.rest.as_bytes().first().copied().is_some_and(is_blank) {
            let Some(more) = self.raw() else { break };
            let more = trim(more);
            if more.is_empty() {
                continue;
            }
            let whole = value.to_mut();
            if !whole.is_empty() {
                whole.push(' ');
            }
            whole.push_str(more);
        }
        value
    }
}

/// A quote or an angle bracket that is opened and not closed, or closed and not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unbalanced;

/// Finds the first of `wanted` outside quoted strings and angle brackets.
pub(super) fn find_outside(text: &str, wanted: u8) -> Result<Option<usize>, Unbalanced> {
    let mut quoted = false;
    let mut angled = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        if escaped {
            escaped = false;
        } else if quoted {
            match byte {
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
        } else if angled {
            angled = byte != b'>';
        } else if byte == wanted {
            return Ok(Some(at));
        } else {
            match byte {
                b'"' => quoted = true,
                b'<' => angled = true,
                b'>' => return Err(Unbalanced),
                _ => {}
            }
        }
    }
    if quoted || angled || escaped { Err(Unbalanced) } else { Ok(None) }
}

/// Splits a list at its commas, never inside quotes or angle brackets; gives trimmed items.
pub(super) struct Items<'a> {
    rest: Option<&'a str>,
}

impl<'a> Items<'a> {
    pub(super) fn new(list: &'a str) -> Items<'a> {
        Items { rest: Some(list) }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<&'a str, Unbalanced>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        if memchr::memchr(b',', rest.as_bytes()).is_none() {
            // Whoever reads the item finds its quotes unbalanced himself.
            self.rest = None;
            return Some(Ok(trim(rest)));
        }
        match find_outside(rest, b',') {
            Ok(Some(at)) => {
                self.rest = rest.get(at + 1..);
                Some(Ok(trim(rest.get(..at).unwrap_or_default())))
            }
            Ok(None) => {
                self.rest = None;
                Some(Ok(trim(rest)))
            }
            Err(unbalanced) => {
                self.rest = None;
                Some(Err(unbalanced))
            }
        }
    }
}

/// Splits a text that begins with a quote into what is between the quotes, escapes kept, and
/// what follows the closing one.
pub(super) fn quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut escaped = false;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((inner.get(..at)?, inner.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

/// What a quoted string says, its escapes resolved.
pub(super) fn unescape(inner: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut escaped = false;
    for letter in inner.chars() {
        if letter == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            text.push(letter);
        }
    }
    Cow::Owned(text)
}

/// Writes a text as a quoted string; bytes that would end the header line become spaces.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            '\r' | '\n' => out.push(' '),
            _ => out.push(letter),
        }
    }
    out.push('"');
}

/// An unsigned number of digits only; one that does not fit gives `None`.
pub(super) fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// A number of seconds; one that is too large is as good as the largest (RFC 3261 section 20).
pub(super) fn seconds(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(list: &str) -> Vec<Result<&str, Unbalanced>> {
        Items::new(list).collect()
    }

    #[test]
    fn folded_lines_become_one_value() {
        let mut lines = Lines::new("Subject : one\r\n two\r\n\tthree\r\nTo: x\r\n\r\nbody");
        let field = lines.field().unwrap();
        assert_eq!((field.name, &*field.value), ("Subject", "one two three"));
        let field = lines.field().unwrap();
        assert_eq!((field.name, &*field.value), ("To", "x"));
        assert!(lines.field().is_none());
        assert_eq!(lines.rest, "body");
    }

    #[test]
    fn a_value_may_begin_on_the_next_line() {
        let mut lines = Lines::new("To:\r\n  sip:a@b\r\n\r\n");
        assert_eq!(lines.field().unwrap().value, "sip:a@b");
    }

    #[test]
    fn commas_inside_quotes_and_brackets_do_not_split() {
        let list = r#""a,\",b" <sip:a,b@c>;q=1 , <sip:d@e>"#;
        assert_eq!(items(list), [Ok(r#""a,\",b" <sip:a,b@c>;q=1"#), Ok("<sip:d@e>")]);
        assert_eq!(items("a,,b"), [Ok("a"), Ok(""), Ok("b")]);
        assert_eq!(items("\"a, b"), [Err(Unbalanced)]);
        assert_eq!(items("a>, b"), [Err(Unbalanced)]);
    }

    #[test]
    fn quoted_strings_end_at_the_first_quote_that_is_not_escaped() {
        assert_eq!(quoted(r#""a\"b" rest"#), Some((r#"a\"b"#, " rest")));
        assert_eq!(quoted(r#""a\""#), None);
        assert_eq!(unescape(r#"a\"\\b"#), r#"a"\b"#);
        let mut out = String::new();
        quote("a\"\r\n\\", &mut out);
        assert_eq!(out, r#""a\"  \\""#);
    }

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(digits("0068"), Some(68));
        assert_eq!(digits("+1"), None);
        assert_eq!(digits("4294967296"), None);
        assert_eq!(seconds("99999999999999"), Some(u32::MAX));
        assert_eq!(seconds("-1"), None);
    }
}
