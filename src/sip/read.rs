//! Bytes from the wire into a message, or the reason why not.
//!
//! The reader takes what the RFCs call valid however it is folded, shortened or spaced, and
//! nothing else. What is broken but tells where an answer goes gets one, without any state
//! ([`Refusal`]); everything else is dropped and counted. It never panics and never loops for
//! longer than the message is. Sources: RFC 3261 sections 7, 8.2, 18.3 and 20; RFC 4475.

use std::borrow::Cow;

use super::headers::{Contacts, Known, NameAddr, Role, Shape, Via};
use super::lexer::{Field, Items, Lines, digits, is_token, is_token_byte};
use super::message::{Head, Kept, Message, Method, Request, Response};
use super::refusal::Refusal;
use super::uri::{BadUri, Uri};

/// The longest message, bytes: the bound of streams; a datagram cannot even reach half of it.
/// Larger costs memory per stranger, smaller cuts off long SDP of video telephones.
pub const MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// Most header fields of one message, list items counted one by one. Larger costs work per
/// stranger; ordinary messages have 10 to 30.
pub const HEADERS_MAX: usize = 256;
/// The longest header field, bytes, folds joined. The longest known are identities (2 KiB).
pub const HEADER_BYTES_MAX: usize = 8 * 1024;
/// Most entries of each of Via, Route, Record-Route and Path. No network has more hops.
pub const HOPS_MAX: usize = 64;
/// Most Contacts of one message. Larger lets one REGISTER fill a table.
pub const CONTACTS_MAX: usize = 32;

/// Why there is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Say nothing: nobody to answer, or an answer would do harm. Count it.
    #[error("dropped: {0}")]
    Silent(Dropped),
    /// A request that is broken or not supported, with all that a stateless answer needs.
    #[error("refused with {}: {}", .0.code, .0.why)]
    Answer(Box<Refusal>),
}

/// Why a message was dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Dropped {
    /// Only line ends: what telephones send to keep a way through NAT open.
    #[error("keep-alive")]
    KeepAlive,
    /// Not SIP at all: STUN, RTP, scans.
    #[error("not SIP")]
    NotSip,
    /// Longer than [`MESSAGE_BYTES_MAX`].
    #[error("too long")]
    TooLong,
    /// A request without a usable Via, From, To, Call-ID or CSeq.
    #[error("not answerable")]
    NotAnswerable,
    /// A broken ACK: there is no answer to an ACK.
    #[error("broken ACK")]
    BrokenAck,
    /// A broken response.
    #[error("broken response")]
    BrokenResponse,
}

/// What is wrong: the status code to answer with, and words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fault(u16, &'static str);

/// Reads one message: a datagram, or what `frame` cut from a stream.
///
/// Bytes after the body are left out (RFC 3261 section 18.3). Without Content-Length the body is
/// all that is left, so a stream has to be framed first.
pub fn read(bytes: &[u8]) -> Result<Message, ReadError> {
    let silent = |dropped| Err(ReadError::Silent(dropped));
    if bytes.len() > MESSAGE_BYTES_MAX {
        return silent(Dropped::TooLong);
    }
    let bytes = bytes.trim_ascii_start();
    match bytes.first() {
        None => return silent(Dropped::KeepAlive),
        Some(first) if !is_token_byte(*first) => return silent(Dropped::NotSip),
        Some(_) => {}
    }
    let end = head_len(bytes);
    let (head, body) = bytes.split_at_checked(end.unwrap_or(bytes.len())).unwrap_or((bytes, b""));
    // Names in an old code page are common; they must not cost the call.
    let head = match std::str::from_utf8(head) {
        Ok(head) => Cow::Borrowed(head),
        Err(_) => String::from_utf8_lossy(head),
    };
    let mut lines = Lines::new(&head);
    let start = lines.raw().unwrap_or_default();
    let mut reading = Reading::default();
    if end.is_none() {
        reading.fault(400, "No End of Headers");
    }
    reading.fields(&mut lines);
    if start.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("SIP/")) {
        return reading.response(start, body).ok_or(ReadError::Silent(Dropped::BrokenResponse));
    }
    if !start.trim_end().rsplit(' ').next().is_some_and(is_version) {
        return silent(Dropped::NotSip);
    }
    reading.request(start, body).map_err(|fault| refuse(start, &head, bytes.len(), fault))
}

/// The length of the head with its empty line; `None` when there is no empty line.
pub(super) fn head_len(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|at| match bytes.get(at + 1..) {
        Some([b'\n', ..]) => Some(at + 2),
        Some([b'\r', b'\n', ..]) => Some(at + 3),
        Some(_) | None => None,
    })
}

fn is_version(word: &str) -> bool {
    let numbers = word.split_once('/').filter(|(name, _)| name.eq_ignore_ascii_case("SIP"));
    let numbers = numbers.and_then(|(_, numbers)| numbers.split_once('.'));
    numbers.is_some_and(|(major, minor)| digits(major).is_some() && digits(minor).is_some())
}

/// The stateless answer to a broken request, or silence.
fn refuse(start: &str, head: &str, request_len: usize, fault: Fault) -> ReadError {
    if start.split(' ').next() == Some(Method::Ack.as_str()) {
        return ReadError::Silent(Dropped::BrokenAck);
    }
    let Fault(code, why) = fault;
    let refusal = Refusal::collect(code, why, head, request_len);
    refusal.map_or(ReadError::Silent(Dropped::NotAnswerable), |refusal| {
        ReadError::Answer(Box::new(refusal))
    })
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    head: Head,
    via: Option<Via>,
    from: Option<NameAddr>,
    to: Option<NameAddr>,
    call_id: bool,
    /// The number and the method as written.
    cseq: Option<(u32, Option<Method>)>,
    contacts: Contacts,
    routes: Vec<NameAddr>,
    record_routes: Vec<NameAddr>,
    /// How many of Via, Route, Record-Route and Path.
    hops: [usize; 4],
    contact_count: usize,
    content_length: Option<usize>,
    /// One bit for each header that may stand once and was seen.
    seen: u128,
    /// The first thing that was wrong.
    fault: Option<Fault>,
}

impl Reading {
    fn fault(&mut self, code: u16, why: &'static str) {
        self.fault.get_or_insert(Fault(code, why));
    }

    /// Reads every header field up to the empty line. After the first fault nothing more is
    /// taken: the message is lost anyway.
    fn fields(&mut self, lines: &mut Lines<'_>) {
        self.head = Head::sized(FIELDS_USUAL);
        while self.fault.is_none() {
            let Some(field) = lines.field() else { return };
            self.field(&field);
        }
    }

    fn field(&mut self, field: &Field<'_>) {
        let value: &str = &field.value;
        if !is_token(field.name) {
            return self.fault(400, "Malformed Header");
        }
        if field.name.len() + value.len() > HEADER_BYTES_MAX {
            return self.fault(400, "Header Too Long");
        }
        if memchr::memchr(b'\r', value.as_bytes()).is_some() {
            return self.fault(400, "Stray CR");
        }
        let known = Known::find(field.name);
        match known.shape() {
            Shape::Lines => self.take(known, field.name, value),
            Shape::Once => {
                let bit = 1_u128 << (known as u32);
                if self.seen & bit != 0 {
                    return self.fault(400, "Repeated Header");
                }
                self.seen |= bit;
                self.take(known, field.name, value);
            }
            Shape::List => {
                for item in Items::new(value) {
                    match item {
                        Ok(item) if !item.is_empty() => self.take(known, field.name, item),
                        Ok(_) => self.fault(400, "Empty List Item"),
                        Err(_) => self.fault(400, "Unbalanced Quotes"),
                    }
                    if self.fault.is_some() {
                        return;
                    }
                }
            }
        }
    }

    /// Takes one value: reads those that everybody needs, keeps the text of all.
    fn take(&mut self, known: Known, name: &str, value: &str) {
        if self.head.count() >= HEADERS_MAX {
            return self.fault(400, "Too Many Headers");
        }
        let role = known.role();
        let fine = match role {
            Role::Via => self.hop(0) && self.take_via(value),
            Role::Route => self.hop(1) && push(&mut self.routes, value),
            Role::RecordRoute => self.hop(2) && push(&mut self.record_routes, value),
            Role::Path => self.hop(3),
            Role::From => set(&mut self.from, value),
            Role::To => set(&mut self.to, value),
            Role::CallId => {
                self.call_id = true;
                is_call_id(value)
            }
            Role::CSeq => self.take_cseq(value),
            Role::Contact => {
                self.contact_count += 1;
                self.contact_count <= CONTACTS_MAX && self.contacts.add(value).is_ok()
            }
            Role::Hops => digits(value).is_some_and(|hops| hops <= 255),
            Role::Length => {
                self.content_length = digits(value).and_then(|len| usize::try_from(len).ok());
                self.content_length.is_some()
            }
            Role::Timestamp | Role::Plain => true,
        };
        if !fine {
            self.fault(400, complaint(role));
        } else if role != Role::Length {
            self.head.push(known, name, value.to_owned());
        }
    }

    fn hop(&mut self, list: usize) -> bool {
        let Some(count) = self.hops.get_mut(list) else { return false };
        *count += 1;
        *count <= HOPS_MAX
    }

    /// Only the topmost Via is ever used; those below go back as they came.
    fn take_via(&mut self, value: &str) -> bool {
        if self.via.is_none() {
            self.via = Via::read(value).ok();
        }
        self.via.is_some()
    }

    fn take_cseq(&mut self, value: &str) -> bool {
        let mut words = value.split([' ', '\t']).filter(|word| !word.is_empty());
        let (number, method) = (words.next().and_then(digits), words.next());
        // RFC 3261 section 8.1.1.5: less than 2 to the 31st.
        let number = number.filter(|number| *number < 1 << 31);
        match (number, method, words.next()) {
            (Some(number), Some(method), None) if is_token(method) => {
                self.cseq = Some((number, Method::find(method)));
                true
            }
            (_, _, _) => false,
        }
    }

    fn request(mut self, start: &str, body: &[u8]) -> Result<Message, Fault> {
        let mut words = start.split(' ');
        let (method, uri, version) = (words.next(), words.next(), words.next());
        let (Some(method), Some(uri), Some(version), None) = (method, uri, version, words.next())
        else {
            return Err(Fault(400, "Malformed Request Line"));
        };
        if !is_token(method) {
            return Err(Fault(400, "Malformed Request Line"));
        }
        if is_version(version) && !version.eq_ignore_ascii_case("SIP/2.0") {
            return Err(Fault(505, "Version Not Supported"));
        }
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Err(Fault(400, "Malformed Request Line"));
        }
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let method = Method::find(method).ok_or(Fault(501, "Not Implemented"))?;
        let uri = read_target(uri)?;
        let body = self.body(body).ok_or(Fault(400, "Content-Length Over the End"))?;
        let (number, named) = self.cseq.ok_or(Fault(400, "No CSeq"))?;
        if named != Some(method) {
            return Err(Fault(400, "CSeq of Another Method"));
        }
        let kept = self.kept((number, method)).ok_or(Fault(400, "Missing Header"))?;
        Ok(Message::Request(Request::assemble(method, uri, self.head, kept, body)))
    }

    fn response(mut self, start: &str, body: &[u8]) -> Option<Message> {
        let (version, rest) = start.split_once(' ')?;
        let (code, words) = rest.split_once(' ').unwrap_or((rest, ""));
        let code = digits(code).filter(|_| code.len() == 3)?;
        let code = u16::try_from(code).ok().filter(|code| (100..700).contains(code))?;
        if self.fault.is_some() || !version.eq_ignore_ascii_case("SIP/2.0") {
            return None;
        }
        let body = self.body(body)?;
        let (number, method) = self.cseq?;
        let kept = self.kept((number, method?))?;
        Some(Message::Response(Response::assemble(code, words, self.head, kept, body)))
    }

    /// The bytes that Content-Length counts; `None` when there are fewer.
    fn body<'a>(&self, rest: &'a [u8]) -> Option<&'a [u8]> {
        match self.content_length {
            Some(len) => rest.get(..len),
            None => Some(rest),
        }
    }

    fn kept(&mut self, cseq: (u32, Method)) -> Option<Box<Kept>> {
        let (via, from, to) = (self.via.take()?, self.from.take()?, self.to.take()?);
        let mut kept = self.call_id.then(|| Kept::new(via, from, to, cseq))?;
        kept.contacts = std::mem::take(&mut self.contacts);
        kept.routes = std::mem::take(&mut self.routes);
        kept.record_routes = std::mem::take(&mut self.record_routes);
        Some(Box::new(kept))
    }
}

/// How many header fields there is room for at once: most messages have fewer.
const FIELDS_USUAL: usize = 18;

fn read_target(text: &str) -> Result<Uri, Fault> {
    let uri = Uri::read(text).map_err(|bad| match bad {
        BadUri::Headers
        | BadUri::Scheme
        | BadUri::User
        | BadUri::Host
        | BadUri::Port
        | BadUri::Params => Fault(400, "Malformed Request-URI"),
    })?;
    if !uri.is_callable() {
        return Err(Fault(416, "Unsupported URI Scheme"));
    }
    // RFC 3261 section 19.1.1: no headers in a request address, whatever they would ask for.
    if uri.headers.is_empty() { Ok(uri) } else { Err(Fault(400, "Headers in Request-URI")) }
}

fn set(place: &mut Option<NameAddr>, value: &str) -> bool {
    *place = NameAddr::read(value).ok();
    place.is_some()
}

fn push(list: &mut Vec<NameAddr>, value: &str) -> bool {
    NameAddr::read(value).is_ok_and(|address| {
        list.push(address);
        true
    })
}

/// A word or two with `@` between (RFC 3261 section 25.1); wide, because it is only compared.
pub(super) fn is_call_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

const fn complaint(role: Role) -> &'static str {
    match role {
        Role::Via => "Malformed Via",
        Role::Route | Role::RecordRoute | Role::Path => "Malformed Route",
        Role::From => "Malformed From",
        Role::To => "Malformed To",
        Role::CallId => "Malformed Call-ID",
        Role::CSeq => "Malformed CSeq",
        Role::Contact => "Malformed Contact",
        Role::Hops => "Malformed Max-Forwards",
        Role::Length => "Malformed Content-Length",
        Role::Timestamp | Role::Plain => "Malformed Header",
    }
}
