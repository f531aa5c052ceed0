//! A request as one set of fields: query, then form, then JSON, where the later wins.
//!
//! Providers' documents and their traffic differ in method and encoding, so every reader takes
//! all of them (providers/common.md section 1). Nothing here trusts the sender: bad UTF-8 and
//! broken or too deep JSON are refused before anything is built from them.

use serde_json::{Map as Object, Value};

use super::read::{ReadError, Request};

/// Arrays and objects inside each other. serde_json's own bound is 128; the stack would bear
/// more, no provider sends more than four.
const DEPTH_MAX: usize = 32;
/// Fields of one query or form. The largest real event has about 40; past the bound the rest is
/// not read.
const FIELDS_MAX: usize = 1024;
/// Bytes of one value. The longest real one is a signed recording link of some 600; a longer one
/// is no value of an event and is passed over.
const VALUE_MAX: usize = 4096;
/// Bytes of a provider's call id, which is a key of the journal. Real ones have up to 40.
const KEY_MAX: usize = 200;

/// The fields of one request.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    root: Value,
    headers: Vec<(String, String)>,
}

impl Wire {
    /// Decodes and merges. Fails on what cannot be decoded at all.
    pub(super) fn decode(request: &Request<'_>) -> Result<Wire, ReadError> {
        let mut root = Object::new();
        fields(request.query.as_bytes(), "query", &mut root)?;
        let body = request.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(request.body);
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => {}
            Some(first) if is_json(request, *first) => json(body, &mut root)?,
            Some(_) => fields(body.trim_ascii(), "body", &mut root)?,
        }
        Ok(Wire { root: Value::Object(root), headers: request.headers.to_vec() })
    }

    /// A field by its name, as text without white space around it; `None` when it is missing,
    /// empty or no single value.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.root.get(name).and_then(text)
    }

    /// A call id: like [`Wire::get`] of the first field that has one, and `None` for what is too
    /// long to be one.
    pub(super) fn key<S: AsRef<str>>(&self, places: &[S]) -> Option<String> {
        self.first(places).filter(|key| key.len() <= KEY_MAX)
    }

    /// Like [`Wire::get`], and empty text for what is missing.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default()
    }

    /// Whether a field of this name came, empty or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.root.get(name).is_some()
    }

    /// All fields.
    pub(super) const fn root(&self) -> &Value {
        &self.root
    }

    /// The value at a JSON pointer, or in the field of that name when it does not begin with `/`.
    pub(super) fn at(&self, place: &str) -> Option<&Value> {
        let value =
            if place.starts_with('/') { self.root.pointer(place) } else { self.root.get(place) };
        value.filter(|value| !value.is_null())
    }

    /// The first of these places that holds a text.
    pub(super) fn first<S: AsRef<str>>(&self, places: &[S]) -> Option<String> {
        places.iter().find_map(|place| self.at(place.as_ref()).and_then(text))
    }

    /// A header by its name, whatever its case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }
}

/// A single value as text; `None` when there is nothing in it, or too much.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => String::from(if *yes { "1" } else { "0" }),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (1..=VALUE_MAX).contains(&text.len()).then_some(text)
}

/// JSON is known by its header, and without one by its first byte: many senders name no type, or
/// the one their library puts in.
fn is_json(request: &Request<'_>, first: u8) -> bool {
    let named = request.headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("content-type") && value.to_ascii_lowercase().contains("json")
    });
    named || matches!(first, b'{' | b'[')
}

fn json(body: &[u8], root: &mut Object<String, Value>) -> Result<(), ReadError> {
    if depth(body) > DEPTH_MAX {
        return Err(undecodable("body", format!("JSON deeper than {DEPTH_MAX}")));
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        undecodable("body", format!("broken JSON at line {line}, column {column}"))
    })?;
    if let Value::Object(members) = value {
        root.extend(members);
    }
    Ok(())
}

/// How deep arrays and objects stand in each other; looks at brackets outside of strings only.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut inside, mut escaped) = (false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b'{' | b'[' if !inside => depth += 1,
            b'}' | b']' if !inside => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Reads `name=value&…`. `a[b]=c` becomes a member of an object, as PHP writes nested fields.
fn fields(
    raw: &[u8],
    part: &'static str,
    root: &mut Object<String, Value>,
) -> Result<(), ReadError> {
    for pair in raw.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).take(FIELDS_MAX) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = decoded(halves.next().unwrap_or_default(), part)?;
        let value = decoded(halves.next().unwrap_or_default(), part)?;
        put(root, &name, value);
    }
    Ok(())
}

fn put(root: &mut Object<String, Value>, name: &str, value: String) {
    let path: Option<Vec<&str>> = name.strip_suffix(']').and_then(|rest| {
        let (first, inner) = rest.split_once('[')?;
        Some(std::iter::once(first).chain(inner.split("][")).collect())
    });
    let Some(path) = path.filter(|path| path.len() <= DEPTH_MAX) else {
        root.insert(name.to_owned(), Value::String(value));
        return;
    };
    let Some((last, parents)) = path.split_last() else { return };
    let mut object = root;
    for parent in parents {
        let next = object.entry((*parent).to_owned()).or_insert(Value::Null);
        if !next.is_object() {
            *next = Value::Object(Object::new());
        }
        let Value::Object(inner) = next else { return };
        object = inner;
    }
    object.insert((*last).to_owned(), Value::String(value));
}

/// Undoes `+` and `%41`. A percent sign that begins no escape stands for itself.
fn decoded(raw: &[u8], part: &'static str) -> Result<String, ReadError> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((first, tail)) = rest.split_first() {
        let escape = (*first == b'%').then(|| escape(tail)).flatten();
        match escape {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| undecodable(part, String::from("not UTF-8")))
}

fn escape(tail: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, after) = tail.split_at_checked(2)?;
    let digits = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    Some((u8::from_str_radix(digits, 16).ok()?, after))
}

/// Undoes an encoding that the sender put on before its own: `SIP%252F101` came as `SIP%2F101`.
pub(super) fn again(text: &str) -> String {
    decoded(text.replace('+', "%2B").as_bytes(), "body").unwrap_or_else(|_| text.to_owned())
}

fn undecodable(part: &'static str, why: String) -> ReadError {
    ReadError::Undecodable { part, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(query: &str, header: &str, body: &[u8]) -> Result<Wire, ReadError> {
        let headers = vec![(String::from("Content-Type"), header.to_owned())];
        Wire::decode(&Request { method: "POST", query, headers: &headers, body })
    }

    #[test]
    fn later_parts_win_over_earlier_ones() {
        let wire =
            decode("a=1&b=1&c=%2B1", "text/html", b"{\"b\": 2, \"d\": {\"e\": [7]}}").unwrap();
        assert_eq!((wire.text("a"), wire.text("b")), (String::from("1"), String::from("2")));
        assert_eq!(wire.text("c"), "+1");
        assert_eq!(wire.first(&["x", "/d/e/0"]).as_deref(), Some("7"));
        let wire = decode("a=1", "application/x-www-form-urlencoded", b"a=2+3&b[c][d]=4").unwrap();
        assert_eq!(wire.text("a"), "2 3");
        assert_eq!(wire.first(&["/b/c/d"]).as_deref(), Some("4"));
    }

    #[test]
    fn what_cannot_be_decoded_is_told_from_what_is_only_odd() {
        for (query, header, body) in [
            ("a=%ff", "", &b""[..]),
            ("", "", b"a=\xff"),
            ("", "", b"{\"a\":"),
            ("", "application/json", b"a=1"),
            ("", "application/json", b"{\"a\":\"\xff\"}"),
        ] {
            assert!(decode(query, header, body).is_err(), "{query} {body:?}");
        }
        for body in [&b"%zz=%"[..], b"&&=&=", b"[1,2]", b"a[b]=1&a=2&a[]=3", b"\xef\xbb\xbf{}"] {
            assert!(decode("", "", body).is_ok(), "{body:?}");
        }
        assert!(decode("", "application/json", b" \n").is_ok());
    }

    #[test]
    fn depth_has_a_bound_and_strings_have_none() {
        let nested = |levels: usize| {
            let body = format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
            decode("", "application/json", body.as_bytes())
        };
        assert!(nested(32).is_ok());
        assert!(nested(33).is_err());
        assert!(decode("", "", br#"{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[{"}"#).is_ok());
        assert!(decode("", "", "[".repeat(200_000).as_bytes()).is_err());
    }
}
