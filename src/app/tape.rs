//! The lines of a capture: what one says, and why another can not be used.

use serde::Deserialize;
use serde_json::Value;

use crate::model::Wall;

/// One captured request.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// When it was received.
    pub at: Wall,
    /// What was received.
    pub what: Received,
}

/// What a line holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// A request of a provider.
    Http(Http),
    /// Nothing came; time passed.
    Clock,
}

/// A request of a provider.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Http {
    /// `GET` or `POST`.
    pub method: String,
    /// `/hooks/{provider}/{account}/{token}`.
    pub path: String,
    /// Without the question mark.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
}

/// Why a line can not be used. The others are.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// No JSON object with the fields of a capture.
    #[error("is not a captured request")]
    Shape(#[source] serde_json::Error),
    /// The moment is no RFC 3339 text.
    #[error("`at` is not a moment like 2026-11-20T05:00:00Z")]
    At,
    /// A way that this version does not read.
    #[error("transport `{0}` is not in this version; it reads `http` and `clock`")]
    Transport(String),
    /// Headers are neither an object nor a list of pairs.
    #[error("`headers` is neither an object nor a list of pairs")]
    Headers,
}

/// A line as it is written. Unknown fields are a later version's.
#[derive(Deserialize)]
#[serde(expecting = "an object with `at`, `method`, `path`, `headers` and `body`")]
struct Written {
    at: String,
    #[serde(default = "http")]
    transport: String,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    headers: Value,
    #[serde(default)]
    body: Value,
}

fn http() -> String {
    String::from("http")
}

/// Reads one line. Fails with what is wrong with it.
pub fn read(text: &str) -> Result<Line, LineError> {
    let written: Written = serde_json::from_str(text).map_err(LineError::Shape)?;
    let at = Wall::parse_rfc3339(&written.at).ok_or(LineError::At)?;
    let what = match written.transport.as_str() {
        "http" => Received::Http(request(written)?),
        "clock" => Received::Clock,
        other => return Err(LineError::Transport(other.to_owned())),
    };
    Ok(Line { at, what })
}

fn request(written: Written) -> Result<Http, LineError> {
    let whole = written.path.unwrap_or_default();
    let (path, asked) = whole.split_once('?').unwrap_or((&whole, ""));
    let query = match written.query.filter(|query| !query.is_empty()) {
        Some(query) => query.trim_start_matches('?').to_owned(),
        None => asked.to_owned(),
    };
    let (body, is_json) = match written.body {
        Value::Null => (Vec::new(), false),
        Value::String(text) => (text.into_bytes(), false),
        parsed @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            (parsed.to_string().into_bytes(), true)
        }
    };
    let mut headers = headers(written.headers)?;
    if is_json && !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push((String::from("content-type"), String::from("application/json")));
    }
    let method = written.method.unwrap_or_else(|| String::from("POST")).to_ascii_uppercase();
    Ok(Http { method, path: path_of(path), query, headers, body })
}

/// A capture may hold the whole address.
fn path_of(text: &str) -> String {
    let after_scheme = text.split_once("://").map(|(_, rest)| rest);
    let path = after_scheme.map(|rest| rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"));
    path.unwrap_or(text).to_owned()
}

fn headers(value: Value) -> Result<Vec<(String, String)>, LineError> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(several) => {
            several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Object(map) => {
            Ok(map.iter().map(|(name, value)| (name.to_ascii_lowercase(), text(value))).collect())
        }
        Value::Array(pairs) => pairs
            .iter()
            .map(|pair| match pair.as_array().map(Vec::as_slice) {
                Some([Value::String(name), value]) => Ok((name.to_ascii_lowercase(), text(value))),
                Some(_) | None => Err(LineError::Headers),
            })
            .collect(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(LineError::Headers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_query_and_body_apart() {
        let line = read(
            r#"{"at":"2026-11-20T05:00:00Z","transport":"http","method":"GET",
                "path":"/hooks/sipuni/a1/S?event=1&call_id=2","headers":{"Host":"x"},"body":null}"#,
        )
        .unwrap();
        let Received::Http(http) = line.what else { panic!("a request") };
        assert_eq!(
            (http.path.as_str(), http.query.as_str()),
            ("/hooks/sipuni/a1/S", "event=1&call_id=2")
        );
        assert_eq!(http.headers, [(String::from("host"), String::from("x"))]);
        assert!(http.body.is_empty());
    }

    #[test]
    fn a_body_may_be_text_or_json_and_headers_a_list() {
        for (body, type_) in [(r#""a=1""#, "t"), (r#"{"a":1}"#, "t")] {
            let text = format!(
                r#"{{"at":"2026-11-20T05:00:00Z","method":"post","path":"https://n.uz/hooks/x/y/z",
                    "headers":[["Content-Type","{type_}"]],"body":{body}}}"#
            );
            let Received::Http(http) = read(&text).unwrap().what else { panic!("a request") };
            assert_eq!((http.method.as_str(), http.path.as_str()), ("POST", "/hooks/x/y/z"));
            assert!(!http.body.is_empty());
            assert_eq!(http.headers.len(), 1);
        }
    }

    #[test]
    fn what_can_not_be_used_says_why() {
        for (text, why) in [
            ("{", "is not a captured request"),
            (r#"{"at":"yesterday"}"#, "`at` is not a moment"),
            (r#"{"at":"2026-11-20T05:00:00Z","transport":"ami"}"#, "`ami` is not in this version"),
            (r#"{"at":"2026-11-20T05:00:00Z","headers":7}"#, "neither an object"),
        ] {
            let said = read(text).unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
    }
}
