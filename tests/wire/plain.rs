//! Plain messages out of a generator: what every telephone sends, nothing odd.

use proptest::prelude::*;

/// The parts of a generated message.
#[derive(Debug, Clone)]
pub struct Plain {
    pub method: &'static str,
    /// 0 for a request.
    pub code: u16,
    pub user: String,
    pub host: String,
    pub port: Option<u16>,
    pub display: String,
    pub tag: String,
    pub call_id: String,
    pub cseq: u32,
    pub branch: String,
    pub vias: usize,
    pub extra: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

const METHODS: [&str; 14] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "PRACK",
    "UPDATE",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "INFO",
    "MESSAGE",
    "PUBLISH",
];

const EXTRA: [&str; 10] = [
    "User-Agent",
    "Subject",
    "Organization",
    "X-Custom",
    "Allow",
    "Supported",
    "Priority",
    "Call-Info",
    "P-Charging",
    "Timestamp",
];

pub fn plain() -> impl Strategy<Value = Plain> {
    let head = (
        prop::sample::select(&METHODS[..]),
        prop_oneof![Just(0_u16), 100_u16..700],
        "[a-z0-9]{1,12}",
        prop_oneof!["[a-z]{1,8}(\\.[a-z]{2,4}){1,2}", "10\\.[1-9]\\.[1-9][0-9]\\.[1-9]"],
        prop::option::of(1_u16..),
        "[A-Za-z]{0,10}",
    );
    let rest = (
        "[a-z0-9]{1,10}",
        "[a-z0-9]{1,20}(@[a-z0-9.]{1,10})?",
        0_u32..(1 << 31),
        "z9hG4bK[a-zA-Z0-9]{1,16}",
        1_usize..4,
        prop::collection::vec((prop::sample::select(&EXTRA[..]), "[!-~]([ -~]{0,30}[!-~])?"), 0..6),
        prop::collection::vec(any::<u8>(), 0..200),
    );
    (head, rest).prop_map(|((method, code, user, host, port, display), rest)| {
        let (tag, call_id, cseq, branch, vias, extra, body) = rest;
        Plain {
            method,
            code,
            user,
            host,
            port,
            display,
            tag,
            call_id,
            cseq,
            branch,
            vias,
            extra,
            body,
        }
    })
}

impl Plain {
    /// The request address.
    pub fn uri(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("sip:{}@{}{port}", self.user, self.host)
    }

    /// The headers without Content-Length, as they stand in the message.
    pub fn headers(&self) -> Vec<(String, String)> {
        let Plain { method, user, host, display, tag, call_id, cseq, branch, .. } = self;
        let mut headers = Vec::new();
        let mut push = |name: &str, value: String| headers.push((name.to_owned(), value));
        for via in 0..self.vias {
            push("Via", format!("SIP/2.0/UDP {host}:5060;branch={branch}{via}"));
        }
        push("Max-Forwards", String::from("70"));
        push("From", format!("{display} <sip:{user}@{host}>;tag={tag}").trim_start().to_owned());
        push("To", format!("<{}>", self.uri()));
        push("Call-ID", call_id.clone());
        push("CSeq", format!("{cseq} {method}"));
        push("Contact", format!("<sip:{user}@{host}:5062;transport=tcp>"));
        for (name, value) in &self.extra {
            push(name, value.clone());
        }
        headers
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut text = match self.code {
            0 => format!("{} {} SIP/2.0\r\n", self.method, self.uri()),
            code => format!("SIP/2.0 {code} Some Words\r\n"),
        };
        for (name, value) in self.headers() {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}
