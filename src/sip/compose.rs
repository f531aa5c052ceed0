//! Messages we make ourselves, written straight to bytes.
//!
//! A message of ours is written once and never read again: its copies, its ACK, its CANCEL and
//! its second try with credentials are made from the bytes. So no message structure outlives
//! the moment of writing, and what we keep per call is what the wire needs and no more.
//!
//! Every value that came from outside passes [`Draft::line`], which drops control bytes: a
//! display name can never become a header of ours.

use bytes::Bytes;

/// Ample for a request without a body, so that writing seldom grows the buffer.
const BYTES_USUAL: usize = 768;

/// A message under way to its bytes.
pub(super) struct Draft(Vec<u8>);

impl Draft {
    /// Begins a request.
    pub(super) fn request(method: &str, uri: &str) -> Draft {
        let mut draft = Draft(Vec::with_capacity(BYTES_USUAL));
        draft.text(method);
        draft.text(" ");
        draft.clean(uri);
        draft.text(" SIP/2.0\r\n");
        draft
    }

    /// Begins an answer.
    pub(super) fn answer(code: u16, reason: &str) -> Draft {
        let mut draft = Draft(Vec::with_capacity(BYTES_USUAL));
        draft.text("SIP/2.0 ");
        draft.number(u64::from(code));
        draft.text(" ");
        draft.clean(reason);
        draft.text("\r\n");
        draft
    }

    /// Adds one header; control bytes in the value are dropped.
    pub(super) fn line(&mut self, name: &str, value: &str) {
        self.parts(name, &[value]);
    }

    /// Adds one header whose value is these pieces put together.
    pub(super) fn parts(&mut self, name: &str, values: &[&str]) {
        self.text(name);
        self.text(": ");
        for value in values {
            self.clean(value);
        }
        self.text("\r\n");
    }

    /// Adds one header with a number.
    pub(super) fn count(&mut self, name: &str, value: u64) {
        self.text(name);
        self.text(": ");
        self.number(value);
        self.text("\r\n");
    }

    /// Adds whole lines that were written by a [`Block`].
    pub(super) fn block(&mut self, lines: &str) {
        self.text(lines);
    }

    /// Ends a message without a body.
    pub(super) fn end(mut self) -> Bytes {
        self.text("Content-Length: 0\r\n\r\n");
        Bytes::from(self.0)
    }

    /// Ends a message with a body of this type.
    pub(super) fn body(mut self, kind: &str, body: &[u8]) -> Bytes {
        self.line("Content-Type", kind);
        self.count("Content-Length", body.len() as u64);
        self.text("\r\n");
        self.0.extend_from_slice(body);
        Bytes::from(self.0)
    }

    /// Ends a message with session description, or without a body.
    pub(super) fn sdp(self, sdp: Option<&Bytes>) -> Bytes {
        match sdp {
            Some(sdp) if !sdp.is_empty() => self.body(SDP, sdp),
            Some(_) | None => self.end(),
        }
    }

    fn text(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn clean(&mut self, text: &str) {
        if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            self.0.extend(text.bytes().filter(|byte| *byte >= b' ' && *byte != 0x7f));
        } else {
            self.text(text);
        }
    }

    fn number(&mut self, value: u64) {
        use std::io::Write as _;
        // Writing into a vector cannot fail.
        let _ = write!(self.0, "{value}");
    }
}

/// The type of a session description.
pub(super) const SDP: &str = "application/sdp";

/// Several header lines kept as text, to be put into answers more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Block(String);

impl Block {
    /// An empty one with room for what answers copy.
    pub(super) fn new() -> Block {
        Block(String::with_capacity(384))
    }

    /// Lines that another one wrote, taken back from the journal.
    pub(super) const fn kept(lines: String) -> Block {
        Block(lines)
    }

    /// Adds one header from pieces; control bytes are dropped.
    pub(super) fn parts(&mut self, name: &str, values: &[&str]) {
        self.0.push_str(name);
        self.0.push_str(": ");
        for value in values {
            self.0.extend(value.chars().filter(|letter| !letter.is_control()));
        }
        self.0.push_str("\r\n");
    }

    /// The lines.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A quoted string (RFC 3261 section 25.1), or nothing for an empty one.
pub(super) fn quoted(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut out = String::with_capacity(text.len() + 3);
    out.push('"');
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if matches!(letter, '"' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out.push_str("\" ");
    out
}

/// The lines of a message of ours, without the first and without the body.
fn header_lines(message: &[u8]) -> impl Iterator<Item = &str> {
    let end = memchr::memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
    let head = message.get(..end).unwrap_or_default();
    std::str::from_utf8(head).unwrap_or_default().split("\r\n").skip(1)
}

/// The request URI of a request of ours.
pub(super) fn request_uri(message: &[u8]) -> &str {
    let end = memchr::memchr(b'\r', message).unwrap_or(message.len());
    let line = message.get(..end).and_then(|line| std::str::from_utf8(line).ok());
    line.unwrap_or_default().split(' ').nth(1).unwrap_or_default()
}

/// The body of a message of ours.
fn body_of(message: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(message, b"\r\n\r\n").map_or(message.len(), |at| at + 4);
    message.get(end..).unwrap_or_default()
}

fn named<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.strip_prefix(name)?.strip_prefix(": ")
}

/// What the ACK and the CANCEL of an INVITE of ours are made from: its first line and the lines
/// that they repeat.
pub(super) fn head_of(invite: &[u8]) -> Option<String> {
    let first = invite.get(..memchr::memchr(b'\r', invite)?)?;
    let mut head = String::from(std::str::from_utf8(first).ok()?);
    head.push_str("\r\n");
    for line in header_lines(invite) {
        if REPEATED.iter().chain(&["To", "CSeq"]).any(|name| named(line, name).is_some()) {
            head.push_str(line);
            head.push_str("\r\n");
        }
    }
    head.push_str("\r\n");
    Some(head)
}

/// Lines of an INVITE that other requests of its transaction repeat as they are.
const REPEATED: [&str; 5] = ["Via", "Max-Forwards", "From", "Call-ID", "Route"];

/// The ACK of a refusal (RFC 3261 section 17.1.1.3): the INVITE's own Via and routes.
pub(super) fn ack_of(invite: &[u8], to: &str) -> Bytes {
    within(invite, "ACK", Some(to), None)
}

/// The CANCEL of an INVITE (RFC 3261 section 9.1); `reason` is a whole Reason value.
pub(super) fn cancel_of(invite: &[u8], reason: Option<&str>) -> Bytes {
    within(invite, "CANCEL", None, reason)
}

/// A request of another method in the INVITE's own transaction.
fn within(invite: &[u8], method: &str, to: Option<&str>, reason: Option<&str>) -> Bytes {
    let mut draft = Draft::request(method, request_uri(invite));
    for line in header_lines(invite) {
        if REPEATED.iter().any(|name| named(line, name).is_some()) {
            draft.text(line);
            draft.text("\r\n");
        } else if let Some(own) = named(line, "To") {
            draft.line("To", to.unwrap_or(own));
        } else if let Some(cseq) = named(line, "CSeq") {
            let number = cseq.split(' ').next().unwrap_or_default();
            draft.parts("CSeq", &[number, " ", method]);
        }
    }
    if let Some(reason) = reason {
        draft.line("Reason", reason);
    }
    draft.end()
}

/// A request of ours as it goes over a stream: only its Via says so (RFC 3261 section 18.1.1).
pub(super) fn over_tcp(request: &[u8], here: &str) -> Bytes {
    let mut draft = Draft(Vec::with_capacity(request.len() + 32));
    let end = memchr::memchr(b'\r', request).unwrap_or(request.len());
    draft.0.extend_from_slice(request.get(..end).unwrap_or_default());
    draft.text("\r\n");
    for line in header_lines(request) {
        match named(line, "Via").and_then(|via| via.split_once(";branch=")) {
            Some((_, branch)) => {
                draft.parts("Via", &["SIP/2.0/TCP ", here, ";branch=", branch]);
            }
            None => {
                draft.text(line);
                draft.text("\r\n");
            }
        }
    }
    draft.text("\r\n");
    draft.0.extend_from_slice(body_of(request));
    Bytes::from(draft.0)
}

/// A request of ours sent anew: other branch and number, other lines in place of `dropped`.
pub(super) struct Again<'a> {
    /// The new branch, cookie and all.
    pub(super) branch: &'a str,
    /// The new number.
    pub(super) cseq: u32,
    /// Headers that are left out.
    pub(super) dropped: &'a [&'a str],
    /// Headers that are added.
    pub(super) added: &'a [(&'a str, &'a str)],
}

/// Writes a request of ours anew.
pub(super) fn again(request: &[u8], change: &Again<'_>) -> Bytes {
    let end = memchr::memchr(b'\r', request).unwrap_or(request.len());
    let mut draft = Draft(Vec::with_capacity(request.len() + 320));
    draft.0.extend_from_slice(request.get(..end).unwrap_or_default());
    draft.text("\r\n");
    for line in header_lines(request) {
        if change.dropped.iter().any(|name| named(line, name).is_some()) {
            continue;
        }
        if let Some(via) = named(line, "Via") {
            let (head, tail) = via.split_once(";branch=").unwrap_or((via, ""));
            let tail = tail.find(';').and_then(|at| tail.get(at..)).unwrap_or_default();
            draft.parts("Via", &[head, ";branch=", change.branch, tail]);
        } else if let Some(cseq) = named(line, "CSeq") {
            let method = cseq.split(' ').nth(1).unwrap_or_default();
            draft.parts("CSeq", &[&change.cseq.to_string(), " ", method]);
        } else if named(line, "Content-Length").is_some() {
            for (name, value) in change.added {
                draft.line(name, value);
            }
            draft.text(line);
            draft.text("\r\n");
        } else {
            draft.text(line);
            draft.text("\r\n");
        }
    }
    draft.text("\r\n");
    draft.0.extend_from_slice(body_of(request));
    Bytes::from(draft.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite() -> Bytes {
        let mut draft = Draft::request("INVITE", "sip:bob@192.0.2.4");
        draft.line("Via", "SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKold;rport");
        draft.line("Max-Forwards", "70");
        draft.line("Route", "<sip:p1.example.com;lr>");
        draft.line("From", "<sip:alice@atlanta.com>;tag=1");
        draft.line("To", "<sip:bob@biloxi.com>");
        draft.line("Call-ID", "a84b4c76e66710");
        draft.line("CSeq", "314159 INVITE");
        draft.line("Contact", "<sip:alice@pc33.atlanta.com>");
        draft.body(SDP, b"v=0\r\n")
    }

    #[test]
    fn an_ack_keeps_the_branch_and_the_routes() {
        let ack = ack_of(&invite(), "<sip:bob@biloxi.com>;tag=2");
        let text = std::str::from_utf8(&ack).unwrap();
        assert!(text.starts_with("ACK sip:bob@192.0.2.4 SIP/2.0\r\n"), "{text}");
        for line in [
            "branch=z9hG4bKold",
            "\r\nRoute: <sip:p1.example.com;lr>\r\n",
            "\r\nTo: <sip:bob@biloxi.com>;tag=2\r\n",
            "\r\nCSeq: 314159 ACK\r\n",
            "\r\nContent-Length: 0\r\n\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!text.contains("Contact"), "{text}");
    }

    #[test]
    fn the_kept_lines_make_the_same_ack_and_cancel() {
        let head = head_of(&invite()).unwrap();
        assert!(!head.contains("Contact"), "{head}");
        let to = "<sip:bob@biloxi.com>;tag=2";
        assert_eq!(ack_of(head.as_bytes(), to), ack_of(&invite(), to));
        let reason = Some("SIP;cause=487");
        assert_eq!(cancel_of(head.as_bytes(), reason), cancel_of(&invite(), reason));
    }

    #[test]
    fn a_second_try_has_another_branch_and_number() {
        let change = Again {
            branch: "z9hG4bKnew",
            cseq: 314_160,
            dropped: &["Contact"],
            added: &[("Authorization", "Digest x")],
        };
        let bytes = again(&invite(), &change);
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.contains(";branch=z9hG4bKnew;rport\r\n"), "{text}");
        assert!(text.contains("\r\nCSeq: 314160 INVITE\r\n"), "{text}");
        assert!(text.contains("\r\nAuthorization: Digest x\r\n"), "{text}");
        assert!(text.ends_with("Content-Length: 5\r\n\r\nv=0\r\n"), "{text}");
        assert!(!text.contains("Contact"), "{text}");
    }

    #[test]
    fn only_the_via_changes_over_a_stream() {
        let bytes = over_tcp(&invite(), "pbx.example:5060");
        let text = std::str::from_utf8(&bytes).unwrap();
        let udp = "Via: SIP/2.0/UDP pc33.atlanta.com;branch=";
        let tcp = "Via: SIP/2.0/TCP pbx.example:5060;branch=";
        let before = invite();
        assert_eq!(text, std::str::from_utf8(&before).unwrap().replace(udp, tcp));
    }

    #[test]
    fn a_value_cannot_begin_a_header_of_its_own() {
        let mut draft = Draft::request("INVITE", "sip:a@b\r\nX: y");
        draft.line("From", "\"a\r\nEvil: yes\" <sip:a@b>");
        let bytes = draft.end();
        assert!(!std::str::from_utf8(&bytes).unwrap().contains("\nEvil"));
        assert!(!std::str::from_utf8(&bytes).unwrap().contains("\nX:"));
    }
}
