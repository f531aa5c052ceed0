//! A message into bytes: ours, because what goes out must be exact.
//!
//! One growth of the buffer for the whole message, no text in between. Header names are written
//! long and as the RFCs spell them; Content-Length is always there and always true, so that the
//! same bytes do for datagrams and streams. RFC 3261 sections 7 and 20.14.

use super::headers::Known;
use super::message::{Message, Request, Response};
use super::uri::write_number;

impl Message {
    /// Appends the whole message.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Message::Request(request) => request.write(out),
            Message::Response(response) => response.write(out),
        }
    }
}

impl Request {
    /// Appends the whole message.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut line = String::with_capacity(START_USUAL);
        line.push_str(self.method().as_str());
        line.push(' ');
        self.uri().write(&mut line);
        line.push_str(" SIP/2.0\r\n");
        write_whole(&line, self.fields(), self.body(), out);
    }

    /// The whole message.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

impl Response {
    /// Appends the whole message.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut line = String::with_capacity(START_USUAL);
        line.push_str("SIP/2.0 ");
        write_number(u32::from(self.code()), &mut line);
        line.push(' ');
        line.push_str(self.reason());
        line.push_str("\r\n");
        write_whole(&line, self.fields(), self.body(), out);
    }

    /// The whole message.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

/// Room for most start lines.
const START_USUAL: usize = 96;

fn write_whole<'a>(
    start: &str,
    fields: impl Iterator<Item = (Known, &'a str, &'a str)>,
    body: &[u8],
    out: &mut Vec<u8>,
) {
    // Room for an ordinary head, so that the buffer grows once.
    out.reserve(start.len() + body.len() + HEAD_USUAL);
    out.extend_from_slice(start.as_bytes());
    for (_, name, value) in fields {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    let mut length = String::with_capacity(32);
    length.push_str("Content-Length: ");
    write_number(u32::try_from(body.len()).unwrap_or(u32::MAX), &mut length);
    length.push_str("\r\n\r\n");
    out.extend_from_slice(length.as_bytes());
    out.extend_from_slice(body);
}

/// Room for most heads, bytes. Larger wastes memory per message, smaller copies it once more.
const HEAD_USUAL: usize = 1024;
