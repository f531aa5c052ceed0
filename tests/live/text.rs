//! SIP as text for the telephones of the storms: a reader that forgives nothing, and a writer.
//!
//! Neither shares anything with the product, so that a fault of its reader cannot hide one of its
//! writer. What the reader asks for is RFC 3261 sections 7, 8.1.1 and 20.

use std::fmt;

use md5::{Digest, Md5};

/// One message.
#[derive(Debug, Clone, Default)]
pub struct Text {
    pub start: String,
    headers: Vec<(String, String)>,
    pub body: String,
}

/// Headers that stand in every message exactly once.
const ONCE: [&str; 5] = ["From", "To", "Call-ID", "CSeq", "Content-Length"];

impl Text {
    /// Begins a request.
    pub fn request(method: &str, uri: &str) -> Text {
        Text { start: format!("{method} {uri} SIP/2.0"), ..Text::default() }
    }

    /// Reads a message; says what is wrong with one that is not as it must be.
    pub fn read(bytes: &[u8]) -> Result<Text, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or("the head does not end")?;
        if head.replace("\r\n", "").contains(['\r', '\n']) {
            return Err(String::from("a line ends oddly"));
        }
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(": ").ok_or(format!("no header: `{line}`"))?;
            headers.push((name.to_owned(), value.to_owned()));
        }
        let text = Text { start, headers, body: body.to_owned() };
        text.check()?;
        Ok(text)
    }

    fn check(&self) -> Result<(), String> {
        if let Some(name) = ONCE.iter().find(|name| self.all(name).count() != 1) {
            return Err(format!("{name} does not stand once"));
        }
        if self.value("Content-Length").parse() != Ok(self.body.len()) {
            return Err(format!("the body has {} bytes", self.body.len()));
        }
        if self.body.is_empty() == self.all("Content-Type").next().is_some() {
            return Err(String::from("a type without a body, or a body without a type"));
        }
        let via = self.all("Via").next().ok_or("no Via")?;
        if !param(via, "branch").is_some_and(|branch| branch.starts_with("z9hG4bK")) {
            return Err(String::from("no branch"));
        }
        if self.tag("From").is_none() {
            return Err(String::from("From has no tag"));
        }
        let (number, method) = self.cseq().ok_or("CSeq cannot be read")?;
        if number >= 1 << 31 {
            return Err(String::from("CSeq is too large"));
        }
        match (self.code(), self.method()) {
            (Some(code), _) if (100..700).contains(&code) => {
                let tagged = code == 100 || self.tag("To").is_some();
                if tagged { Ok(()) } else { Err(String::from("To has no tag")) }
            }
            (None, Some(own)) if own == method && self.start.ends_with(" SIP/2.0") => {
                let hops = self.all("Max-Forwards").count() == 1;
                if hops { Ok(()) } else { Err(String::from("Max-Forwards does not stand once")) }
            }
            (_, _) => Err(String::from("the first line and CSeq do not fit")),
        }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Text {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn sdp(mut self, body: &str) -> Text {
        body.clone_into(&mut self.body);
        self.with("Content-Type", "application/sdp")
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out.push_str(&format!("Content-Length: {}\r\n\r\n{}", self.body.len(), self.body));
        out.into_bytes()
    }

    /// Every value of a header.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let own = self.headers.iter().filter(move |it| it.0.eq_ignore_ascii_case(name));
        own.map(|it| it.1.as_str())
    }

    /// The first value of a header, or nothing.
    pub fn value(&self, name: &str) -> &str {
        self.headers.iter().find(|it| it.0.eq_ignore_ascii_case(name)).map_or("", |it| &it.1)
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&str> {
        (!self.start.starts_with("SIP/2.0 ")).then(|| self.start.split(' ').next().unwrap_or(""))
    }

    /// The code of a response.
    pub fn code(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok())
    }

    /// Number and method of CSeq.
    pub fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.value("CSeq").split_once(' ')?;
        Some((number.parse().ok()?, method))
    }

    /// The branch of the topmost Via, which [`Text::read`] has seen.
    pub fn branch(&self) -> String {
        param(self.value("Via"), "branch").unwrap_or_default()
    }

    /// The tag of From or To.
    pub fn tag(&self, name: &str) -> Option<String> {
        param(self.value(name), "tag")
    }

    /// The address of Contact.
    pub fn contact(&self) -> String {
        address(self.value("Contact")).to_owned()
    }

    /// The user of an address header.
    pub fn user(&self, name: &str) -> String {
        let uri = address(self.value(name));
        let user = uri.split_once(':').and_then(|(_, rest)| rest.split_once('@'));
        user.map_or("", |it| it.0).to_owned()
    }

    /// The cause of a Reason in one protocol, or 0 (RFC 3326).
    pub fn cause(&self, protocol: &str) -> u16 {
        let reasons = self.all("Reason").flat_map(|value| value.split(", "));
        let mut own = reasons.filter(|it| it.split(';').next() == Some(protocol));
        own.find_map(|it| param(it, "cause")?.parse().ok()).unwrap_or(0)
    }

    /// The port of the audio, by which a telephone is told from the others.
    pub fn audio_port(&self) -> u16 {
        let mut lines = self.body.split("\r\n");
        let audio = lines.find_map(|line| line.strip_prefix("m=audio "));
        audio.and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or(0)
    }

    /// An answer with what has to come back (RFC 3261 section 8.2.6.2).
    pub fn reply(&self, code: u16, tag: &str) -> Text {
        let mut reply = Text { start: format!("SIP/2.0 {code} Told"), ..Text::default() };
        for name in ["Via", "Record-Route"] {
            for value in self.all(name) {
                reply = reply.with(name, value);
            }
        }
        let to = self.value("To");
        let to = if self.tag("To").is_some() { to.to_owned() } else { format!("{to};tag={tag}") };
        reply
            .with("From", self.value("From"))
            .with("To", to)
            .with("Call-ID", self.value("Call-ID"))
            .with("CSeq", self.value("CSeq"))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.start)?;
        for name in ["Call-ID", "CSeq", "From", "To", "Reason"] {
            write!(f, " | {}", self.value(name))?;
        }
        write!(f, " | audio {}", self.audio_port())
    }
}

/// The address inside `<>`, or the value up to its parameters.
fn address(value: &str) -> &str {
    match value.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        Some((uri, _)) => uri,
        None => value.split(';').next().unwrap_or(value),
    }
}

/// A parameter of a header, not of the address in it.
fn param(value: &str, name: &str) -> Option<String> {
    let params = value.rsplit_once('>').map_or(value, |(_, rest)| rest);
    params.split(';').skip(1).find_map(|it| {
        let (own, value) = it.split_once('=')?;
        (own == name).then(|| value.to_owned())
    })
}

/// What a party says of its media: audio at this port, both ways.
pub fn sdp(ip: std::net::IpAddr, port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )
}

/// The answer to a challenge for a request (RFC 3261 section 22.4: MD5 with `auth`).
pub fn proof(challenge: &str, (method, uri): (&str, &str), user: &str, password: &str) -> String {
    let quoted = |name: &str| {
        let rest = challenge.split_once(&format!("{name}=\"")).map_or("", |it| it.1);
        rest.split('"').next().unwrap_or("").to_owned()
    };
    let (realm, nonce) = (quoted("realm"), quoted("nonce"));
    let hash = |text: String| -> String {
        Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let who = hash(format!("{user}:{realm}:{password}"));
    let what = hash(format!("{method}:{uri}"));
    let response = hash(format!("{who}:{nonce}:00000001:storm:auth:{what}"));
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"storm\""
    )
}
