//! Where one message ends on a stream: TCP and TLS (RFC 3261 section 18.3, RFC 5626 section 3.5.1).
//!
//! A stream gives no second chance: once the length of a message is in doubt, everything after it
//! is too. So a missing, repeated or impossible Content-Length breaks the connection.

use super::headers::Known;
use super::lexer::{Lines, digits};
use super::read::{HEADER_BYTES_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX, head_len};

/// The longest head, bytes. An ordinary one has 1 KiB.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What stands at the beginning of a stream's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// A message of so many bytes.
    Whole(usize),
    /// Not enough yet.
    More,
    /// Line ends between messages, so many bytes. Four are a ping and want two back.
    KeepAlive(usize),
    /// No way to go on: answer with this code where possible, then close.
    Broken(u16),
}

/// Says what stands at the beginning of the buffer.
pub fn frame(buffer: &[u8]) -> Frame {
    match buffer {
        [] | [b'\r'] | [b'\r', b'\n', b'\r'] => return Frame::More,
        [b'\r', b'\n', b'\r', b'\n', ..] => return Frame::KeepAlive(4),
        [b'\r', b'\n', ..] => return Frame::KeepAlive(2),
        [b'\n', ..] => return Frame::KeepAlive(1),
        [..] => {}
    }
    if !may_be_sip(buffer) {
        return Frame::Broken(400);
    }
    let Some(head_len) = head_len(buffer.get(..HEAD_BYTES_MAX).unwrap_or(buffer)) else {
        let too_long = buffer.len() >= HEAD_BYTES_MAX;
        return if too_long { Frame::Broken(513) } else { Frame::More };
    };
    let head = String::from_utf8_lossy(buffer.get(..head_len).unwrap_or(buffer));
    match body_len(&head) {
        Some(body_len) if head_len + body_len > MESSAGE_BYTES_MAX => Frame::Broken(513),
        Some(body_len) if head_len + body_len > buffer.len() => Frame::More,
        Some(body_len) => Frame::Whole(head_len + body_len),
        None => Frame::Broken(400),
    }
}

/// Looks at the first line: another protocol is no reason to wait for the end of its head.
fn may_be_sip(buffer: &[u8]) -> bool {
    let start = buffer.get(..HEADER_BYTES_MAX).unwrap_or(buffer);
    match memchr::memchr(b'\n', start).and_then(|end| start.get(..end)) {
        Some(line) => memchr::memmem::find(line, b"SIP/").is_some(),
        None => buffer.len() <= HEADER_BYTES_MAX,
    }
}

/// The one Content-Length of a head.
fn body_len(head: &str) -> Option<usize> {
    let mut lines = Lines::new(head);
    lines.raw()?;
    let mut found = None;
    let mut count = 0_usize;
    while let Some(field) = lines.field() {
        count += 1;
        if count > HEADERS_MAX {
            return None;
        }
        if Known::find(field.name) == Known::ContentLength {
            let len = digits(&field.value).and_then(|len| usize::try_from(len).ok())?;
            if found.replace(len).is_some() {
                return None;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: &str, body: &str) -> String {
        format!("BYE sip:a@b SIP/2.0\r\nTo: x\r\n{length}\r\n\r\n{body}")
    }

    #[test]
    fn a_message_ends_where_content_length_says() {
        let text = message("Content-Length: 3", "abcdef");
        assert_eq!(frame(text.as_bytes()), Frame::Whole(text.len() - 3));
        let short = message("l : 0007", "abcdef");
        assert_eq!(frame(short.as_bytes()), Frame::More);
        let folded = message("Content-Length:\r\n 6", "abcdef");
        assert_eq!(frame(folded.as_bytes()), Frame::Whole(folded.len()));
    }

    #[test]
    fn every_piece_of_a_message_wants_more() {
        let text = message("Content-Length: 3", "abc");
        for end in 0..text.len() {
            assert_eq!(frame(&text.as_bytes()[..end]), Frame::More, "{end}");
        }
    }

    #[test]
    fn keep_alives_stand_between_messages() {
        assert_eq!(frame(b"\r\n\r\nBYE"), Frame::KeepAlive(4));
        assert_eq!(frame(b"\r\nBYE"), Frame::KeepAlive(2));
        assert_eq!(frame(b"\r\n"), Frame::KeepAlive(2));
    }

    #[test]
    fn a_length_in_doubt_breaks_the_stream() {
        let twice = "Content-Length: 1\r\nl: 1";
        for length in ["X: 1", "Content-Length: -1", "Content-Length: ", "l: 99999999999", twice] {
            assert_eq!(frame(message(length, "a").as_bytes()), Frame::Broken(400), "{length}");
        }
        assert_eq!(frame(message("l: 131072", "").as_bytes()), Frame::Broken(513));
        assert_eq!(frame(b"GET / HTTP/1.1\r\n"), Frame::Broken(400));
        assert_eq!(frame(&[b'a'; 9000]), Frame::Broken(400));
        let endless = format!("BYE sip:a@b SIP/2.0\r\n{}", "X: y\r\n".repeat(20_000));
        assert_eq!(frame(endless.as_bytes()), Frame::Broken(513));
    }
}
