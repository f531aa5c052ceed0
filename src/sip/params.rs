//! The parameters after a `;` of a URI or of a header value.
//!
//! They are kept as one checked text, because most of them are only passed on: one allocation
//! instead of two per parameter, order and unknown ones preserved. RFC 3261 section 25.1.

use std::borrow::Cow;

use super::lexer::{is_blank, is_token, is_token_byte, quote, quoted, trim, unescape};

/// A list of parameters. Names are compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params {
    /// Empty, or `;name=value` for each one, without blanks outside quotes.
    text: String,
}

/// Most parameters of one list. Larger costs time where two lists are compared, each with each;
/// the longest known lists, capabilities of a telephone, have about 20.
const PARAMS_MAX: usize = 64;

/// A text that is no list of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed parameters")]
pub struct BadParams;

impl Params {
    /// Reads `;a=b;c`, blanks around `;` and `=` allowed. Fails on an empty parameter, a name
    /// that is no token, a value with blanks, commas or brackets outside quotes.
    pub fn read(text: &str) -> Result<Params, BadParams> {
        let mut params = Params { text: String::with_capacity(text.len()) };
        let mut rest = trim(text);
        for _ in 0..PARAMS_MAX {
            if rest.is_empty() {
                return Ok(params);
            }
            rest = params.take(rest)?;
        }
        if rest.is_empty() { Ok(params) } else { Err(BadParams) }
    }

    /// Takes one parameter from the front and gives what follows it.
    fn take<'a>(&mut self, text: &'a str) -> Result<&'a str, BadParams> {
        let rest = text.strip_prefix(';').ok_or(BadParams)?.trim_start_matches([' ', '\t']);
        let name_len = rest.bytes().take_while(|byte| is_token_byte(*byte)).count();
        let (name, rest) = rest.split_at_checked(name_len).ok_or(BadParams)?;
        if name.is_empty() {
            return Err(BadParams);
        }
        self.text.push(';');
        self.text.push_str(name);
        let rest = rest.trim_start_matches([' ', '\t']);
        let Some(rest) = rest.strip_prefix('=') else { return Ok(rest) };
        let rest = rest.trim_start_matches([' ', '\t']);
        let value_len = value_len(rest).ok_or(BadParams)?;
        let (value, rest) = rest.split_at_checked(value_len).ok_or(BadParams)?;
        self.text.push('=');
        self.text.push_str(value);
        Ok(rest.trim_start_matches([' ', '\t']))
    }

    /// Every parameter in order: name, and value as written (quotes kept).
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let mut rest = self.text.as_str();
        std::iter::from_fn(move || {
            let text = rest.strip_prefix(';')?;
            let end = text.bytes().position(|byte| matches!(byte, b'=' | b';'));
            let Some(end) = end else {
                rest = "";
                return Some((text, None));
            };
            let (name, after) = text.split_at_checked(end)?;
            let Some(after) = after.strip_prefix('=') else {
                rest = after;
                return Some((name, None));
            };
            let (value, next) = after.split_at_checked(value_len(after)?)?;
            rest = next;
            Some((name, Some(value)))
        })
    }

    /// The value of the first parameter of this name, without its quotes but with escapes;
    /// empty for one that has no value.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| {
            let value = value.unwrap_or_default();
            quoted(value).map_or(value, |(inner, _)| inner)
        })
    }

    /// As [`Params::get`], escapes of a quoted value resolved.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let found = self.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| {
            let value = value.unwrap_or_default();
            quoted(value).map_or(Cow::Borrowed(value), |(inner, _)| unescape(inner))
        })
    }

    /// Says whether a parameter of this name is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    /// Says whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Adds one at the end; a value that is no token or host is quoted, an impossible name left out.
    pub fn push(&mut self, name: &str, value: Option<&str>) {
        if !is_token(name) {
            return;
        }
        self.text.push(';');
        self.text.push_str(name);
        if let Some(value) = value {
            self.text.push('=');
            if !value.is_empty() && value.bytes().all(is_value_byte) {
                self.text.push_str(value);
            } else {
                quote(value, &mut self.text);
            }
        }
    }

    /// As [`Params::push`] with the new one in the place of all of the same name.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        self.remove(name);
        self.push(name, value);
    }

    /// Takes out every parameter of this name.
    pub fn remove(&mut self, name: &str) {
        if self.has(name) {
            let mut text = String::with_capacity(self.text.len());
            for (own, value) in self.iter().filter(|(own, _)| !own.eq_ignore_ascii_case(name)) {
                text.push(';');
                text.push_str(own);
                if let Some(value) = value {
                    text.push('=');
                    text.push_str(value);
                }
            }
            self.text = text;
        }
    }

    /// The whole list as it goes on the wire, each with its `;`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A byte of a value outside quotes. Wider than a token: hosts, IPv6 in brackets or bare, and
/// the reserved characters that URI parameters may hold.
const fn is_value_byte(byte: u8) -> bool {
    byte > b' '
        && byte != 0x7f
        && !matches!(byte, b';' | b',' | b'?' | b'"' | b'<' | b'>' | b'\\' | b'=' | b'@')
}

/// How long the value at the beginning of the text is; `None` when it is empty or broken.
fn value_len(text: &str) -> Option<usize> {
    if text.starts_with('"') {
        let (_, rest) = quoted(text)?;
        return Some(text.len() - rest.len());
    }
    let len = text.bytes().take_while(|byte| is_value_byte(*byte) || *byte == b'=').count();
    let next = text.as_bytes().get(len).copied();
    let ended = next.is_none_or(|byte| byte == b';' || is_blank(byte));
    (len > 0 && ended).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_go_and_order_stays() {
        let params = Params::read(" ; a = 1 ;b;\tC=\"x ;y\"").unwrap();
        assert_eq!(params.as_str(), ";a=1;b;C=\"x ;y\"");
        let all: Vec<_> = params.iter().collect();
        assert_eq!(all, [("a", Some("1")), ("b", None), ("C", Some("\"x ;y\""))]);
        assert_eq!(params.get("c"), Some("x ;y"));
        assert_eq!(params.get("B"), Some(""));
        assert_eq!(params.get("d"), None);
    }

    #[test]
    fn broken_lists_are_refused() {
        let long = |count: usize| ";a=1".repeat(count);
        assert!(Params::read(&long(PARAMS_MAX)).is_ok());
        assert_eq!(Params::read(&long(PARAMS_MAX + 1)), Err(BadParams));
        for text in
            [";", ";;a", "a=b", ";a=", ";a=b c", ";a=<b>", ";a=\"b", ";a=b,c", ";=b", ";a=\"b\"c"]
        {
            assert_eq!(Params::read(text), Err(BadParams), "{text}");
        }
    }

    #[test]
    fn setting_replaces_and_quotes_what_needs_it() {
        let mut params = Params::read(";tag=old;x").unwrap();
        params.set("TAG", Some("new"));
        params.push("text", Some("a \"b\""));
        params.push("not a token", None);
        assert_eq!(params.as_str(), ";x;TAG=new;text=\"a \\\"b\\\"\"");
        assert_eq!(params.text("text").as_deref(), Some("a \"b\""));
    }
}
