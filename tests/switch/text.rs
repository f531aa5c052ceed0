//! SIP as text: a reader and a writer of its own for the scripted peers, so that a fault of the
//! product's reader cannot hide one of its writer.

/// One message.
#[derive(Debug, Clone, Default)]
pub struct Text {
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Text {
    pub fn new(start: impl Into<String>) -> Text {
        Text { start: start.into(), ..Text::default() }
    }

    pub fn read(bytes: &[u8]) -> Text {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap().to_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (long(name.trim()), value.trim().to_owned())
        };
        Text { start, headers: lines.map(header).collect(), body: body.to_owned() }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Text {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(mut self, body: &str) -> Text {
        if !body.is_empty() {
            self = self.with("Content-Type", "application/sdp");
            body.clone_into(&mut self.body);
        }
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out.push_str(&format!("Content-Length: {}\r\n\r\n{}", self.body.len(), self.body));
        out.into_bytes()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |it| it.0.eq_ignore_ascii_case(name))
            .map(|it| it.1.as_str())
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&str> {
        (!self.start.starts_with("SIP/")).then(|| self.start.split(' ').next().unwrap())
    }

    /// The code of a response.
    pub fn code(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok())
    }

    /// The request URI.
    pub fn uri(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    pub fn call_id(&self) -> &str {
        self.get("Call-ID").unwrap()
    }

    pub fn cseq(&self) -> (u32, &str) {
        let (number, method) = self.get("CSeq").unwrap().split_once(' ').unwrap();
        (number.parse().unwrap(), method)
    }

    pub fn branch(&self) -> String {
        param(self.get("Via").unwrap(), "branch").unwrap()
    }

    pub fn tag(&self, name: &str) -> Option<String> {
        param(self.get(name)?, "tag")
    }

    /// The URI of Contact.
    pub fn contact(&self) -> Option<String> {
        self.get("Contact").map(address)
    }

    /// A reply with what has to come back.
    pub fn reply(&self, code: u16, tag: &str) -> Text {
        let mut reply = Text::new(format!("SIP/2.0 {code} Scripted"));
        for name in ["Via", "Record-Route"] {
            for value in self.all(name) {
                reply = reply.with(name, value);
            }
        }
        let to = self.get("To").unwrap();
        let to = if to.contains(";tag=") || code == 100 {
            to.to_owned()
        } else {
            format!("{to};tag={tag}")
        };
        reply
            .with("From", self.get("From").unwrap())
            .with("To", to)
            .with("Call-ID", self.call_id())
            .with("CSeq", self.get("CSeq").unwrap())
    }
}

/// The URI inside `<>`, or the value itself.
pub fn address(value: &str) -> String {
    let inner = value.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(value, |(uri, _)| uri).to_owned()
}

/// A parameter behind the address.
pub fn param(value: &str, name: &str) -> Option<String> {
    let rest = value.rsplit_once('>').map_or(value, |(_, rest)| rest);
    rest.split(';')
        .skip(usize::from(!value.contains('>')))
        .find_map(|it| {
            let (key, value) = it.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        })
        .or_else(|| {
            rest.split(';').find_map(|it| {
                let (key, value) = it.split_once('=')?;
                (key.trim() == name).then(|| value.trim().to_owned())
            })
        })
}

fn long(name: &str) -> String {
    let short = [
        ("v", "Via"),
        ("f", "From"),
        ("t", "To"),
        ("i", "Call-ID"),
        ("m", "Contact"),
        ("l", "Content-Length"),
        ("c", "Content-Type"),
        ("k", "Supported"),
        ("r", "Refer-To"),
        ("b", "Referred-By"),
    ];
    let found = short.iter().find(|it| it.0.eq_ignore_ascii_case(name));
    found.map_or(name, |it| it.1).to_owned()
}
