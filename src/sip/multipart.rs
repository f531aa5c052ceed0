//! Finding one part of a body that has several: carriers put ISUP beside the description.
//!
//! Sources: RFC 2046 section 5.1, RFC 5621.

use super::headers::Known;
use super::lexer::Lines;
use super::params::Params;
use super::read::head_len;

/// How deep parts may lie in parts. Ordinary bodies have one level.
const DEPTH_MAX: u32 = 4;
/// Most parts looked at on one level. Ordinary bodies have two.
const PARTS_MAX: usize = 16;

/// The body itself or the first part of it that is of the wanted type; `None` when there is none.
pub(super) fn find<'a>(content_type: &str, body: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    find_below(content_type, body, wanted, 0)
}

fn find_below<'a>(
    content_type: &str,
    body: &'a [u8],
    wanted: &str,
    depth: u32,
) -> Option<&'a [u8]> {
    let (own, params) = content_type.split_at(content_type.find(';').unwrap_or(content_type.len()));
    let own = own.trim_ascii();
    if own.eq_ignore_ascii_case(wanted) {
        return (!body.is_empty()).then_some(body);
    }
    let several = own.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
    if !several || depth >= DEPTH_MAX {
        return None;
    }
    let params = Params::read(params).ok()?;
    let boundary = params.text("boundary").filter(|boundary| !boundary.is_empty())?;
    let delimiter = format!("--{boundary}");
    let mut rest = body;
    for _ in 0..PARTS_MAX {
        let (part, after) = next_part(rest, delimiter.as_bytes())?;
        rest = after;
        let (content_type, content) = open(part);
        let found = content_type.and_then(|own| find_below(&own, content, wanted, depth + 1));
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The part behind the next delimiter, and what follows, beginning with the delimiter after it.
fn next_part<'a>(body: &'a [u8], delimiter: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let start = delimiter_at(body, delimiter)?;
    let behind = body.get(start + delimiter.len()..)?;
    if behind.starts_with(b"--") {
        return None;
    }
    let line_end = memchr::memchr(b'\n', behind)?;
    let part = behind.get(line_end + 1..)?;
    let end = delimiter_at(part, delimiter)?;
    let (part, rest) = part.split_at_checked(end)?;
    // The line end before a delimiter belongs to the delimiter.
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    Some((part.strip_suffix(b"\r").unwrap_or(part), rest))
}

/// Where the delimiter stands at the beginning of a line.
fn delimiter_at(body: &[u8], delimiter: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(body, delimiter)
        .find(|at| *at == 0 || body.get(at - 1).is_some_and(|before| *before == b'\n'))
}

/// Splits a part into its Content-Type and its content.
fn open(part: &[u8]) -> (Option<String>, &[u8]) {
    let bare = [&b"\r\n"[..], b"\n"].iter().any(|end| part.starts_with(end));
    let Some(len) = head_len(part).filter(|_| !bare) else { return (None, part) };
    let (head, content) = part.split_at_checked(len).unwrap_or((part, b""));
    let head = String::from_utf8_lossy(head);
    let mut lines = Lines::new(&head);
    while let Some(field) = lines.field() {
        if Known::find(field.name) == Known::ContentType {
            return (Some(field.value.into_owned()), content);
        }
    }
    (None, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISUP: &str = "multipart/mixed; boundary=\"b 1\"";
    const BODY: &[u8] = b"preamble\r\n--b 1\r\nContent-Type: application/ISUP;version=x\r\n\r\n\x01\x00\r\n\
        --b 1\r\nc: application/sdp\r\nContent-Disposition: session\r\n\r\nv=0\r\ns=-\r\n\r\n--b 1--\r\n";

    #[test]
    fn a_part_is_found_among_others() {
        let found = find(ISUP, BODY, "application/sdp");
        assert_eq!(found, Some(&b"v=0\r\ns=-\r\n"[..]));
        assert_eq!(find(ISUP, BODY, "application/isup"), Some(&b"\x01\x00"[..]));
        assert_eq!(find(ISUP, BODY, "text/plain"), None);
        assert_eq!(find("application/sdp ;x=y", b"v=0", "application/SDP"), Some(&b"v=0"[..]));
        assert_eq!(find("application/sdp", b"", "application/sdp"), None);
    }

    #[test]
    fn parts_in_parts_are_found_up_to_the_bound() {
        let nested = |depth: u32| {
            let mut content_type = String::from("application/sdp");
            let mut body = String::from("v=0");
            for level in 0..depth {
                body = format!(
                    "--b{level}x\r\nContent-Type: {content_type}\r\n\r\n{body}\r\n--b{level}x--"
                );
                content_type = format!("multipart/mixed;boundary=b{level}x");
            }
            (content_type, body)
        };
        for depth in 0..=DEPTH_MAX {
            let (content_type, body) = nested(depth);
            let found = find(&content_type, body.as_bytes(), "application/sdp");
            assert_eq!(found, Some(&b"v=0"[..]), "{depth}");
        }
        let (content_type, body) = nested(DEPTH_MAX + 1);
        assert_eq!(find(&content_type, body.as_bytes(), "application/sdp"), None);
    }

    #[test]
    fn broken_bodies_have_no_parts() {
        for cut in [10, 20, 60, BODY.len() - 8] {
            assert_eq!(find(ISUP, &BODY[..cut], "application/sdp"), None, "{cut}");
        }
        assert_eq!(find("multipart/mixed", BODY, "application/sdp"), None);
        assert_eq!(find("multipart/mixed;boundary=\"\"", BODY, "application/sdp"), None);
    }
}
