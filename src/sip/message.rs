//! Requests and responses: rsip's types behind our own door.
//!
//! This is the only file that names rsip. Its structs hold the method, the request address, the
//! header fields and the body; what we need again and again (topmost Via, From, To, CSeq,
//! Contact, Route) is read once, when the message is, and kept beside them. rsip's parsers and
//! printers are never used: reading is `read.rs`, writing is `write.rs`.
//!
//! Content-Length is not kept as a header: the body says it, and so the two cannot differ.

use std::fmt;

use super::headers::{BadHeader, Contacts, Known, NameAddr, Role, Via};
use super::lexer::{Items, digits, seconds};
use super::status::reason;
use super::uri::{Host, Scheme, Uri, write_number};

macro_rules! methods {
    ($($name:ident $model:ident $text:literal;)*) => {
        /// The request methods we know. A request with another never becomes a [`Request`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Method { $($name,)* }

        impl Method {
            /// Every method we know.
            pub const ALL: &[Method] = &[$(Method::$name,)*];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Method::$name => $text,)* }
            }

            /// Finds a method by its name; case counts (RFC 3261 section 7.1).
            pub fn find(name: &str) -> Option<Method> {
                match name {
                    $($text => Some(Method::$name),)*
                    _ => None,
                }
            }

            const fn model(self) -> rsip::Method {
                match self { $(Method::$name => rsip::Method::$model,)* }
            }

            const fn of(model: rsip::Method) -> Method {
                match model { $(rsip::Method::$model => Method::$name,)* }
            }
        }
    };
}

methods! {
    Invite Invite "INVITE";
    Ack Ack "ACK";
    Bye Bye "BYE";
    Cancel Cancel "CANCEL";
    Options Options "OPTIONS";
    Register Register "REGISTER";
    Prack PRack "PRACK";
    Update Update "UPDATE";
    Refer Refer "REFER";
    Notify Notify "NOTIFY";
    Subscribe Subscribe "SUBSCRIBE";
    Info Info "INFO";
    Message Message "MESSAGE";
    Publish Publish "PUBLISH";
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! models {
    (shared: $($shared:ident)*; renamed: $($ours:ident $theirs:ident)*; other: $($other:ident)*;) => {
        /// Puts a value into rsip's header of that name, or into its `Other`.
        fn model(known: Known, name: &str, value: String) -> rsip::Header {
            match known {
                $(Known::$shared => rsip::Header::$shared(value.into()),)*
                $(Known::$ours => rsip::Header::$theirs(value.into()),)*
                $(Known::$other)|* => rsip::Header::Other(known.name().to_owned(), value),
                Known::Other => rsip::Header::Other(name.to_owned(), value),
            }
        }

        /// The text of rsip's header.
        fn text(header: &rsip::Header) -> &str {
            use rsip::headers::UntypedHeader as _;
            match header {
                $(rsip::Header::$shared(value) => value.value(),)*
                $(rsip::Header::$theirs(value) => value.value(),)*
                rsip::Header::Other(_, value) => value,
            }
        }
    };
}

models! {
    shared: Accept AcceptEncoding AcceptLanguage AlertInfo Allow AuthenticationInfo Authorization
        CSeq CallId CallInfo Contact ContentDisposition ContentEncoding ContentLanguage
        ContentLength ContentType Date ErrorInfo Event Expires From InReplyTo MaxForwards
        MimeVersion MinExpires Organization Priority ProxyAuthenticate ProxyAuthorization
        ProxyRequire RecordRoute ReplyTo Require RetryAfter Route Server Subject
        SubscriptionState Supported Timestamp To Unsupported UserAgent Via Warning
        WwwAuthenticate;
    renamed: ;
    other: AcceptContact AllowEvents Diversion FlowTimer HistoryInfo Identity Join MinSe
        PAssertedIdentity PPreferredIdentity Path Privacy RAck RSeq Reason ReferSub ReferTo
        ReferredBy RemotePartyId Replaces ServiceRoute SessionExpires SipEtag SipIfMatch;
}

/// The request address as rsip keeps it. It has no place for `tel:` users, URI headers or
/// IPv6 brackets, so ours is beside it and this one is never printed.
fn model_uri(uri: &Uri) -> rsip::Uri {
    let scheme = match &uri.scheme {
        Scheme::Sip => rsip::Scheme::Sip,
        Scheme::Sips => rsip::Scheme::Sips,
        Scheme::Tel | Scheme::Other(_) => rsip::Scheme::Other(uri.scheme.as_str().to_owned()),
    };
    let host = match &uri.host {
        Host::None => rsip::Host::Domain(String::new().into()),
        Host::Name(name) => rsip::Host::Domain(name.to_string().into()),
        Host::V4(address) => rsip::Host::IpAddr((*address).into()),
        Host::V6(address) => rsip::Host::Domain(format!("[{address}]").into()),
    };
    let params = uri.params.iter().map(|(name, value)| {
        rsip::Param::Other(name.to_owned().into(), value.map(|value| value.to_owned().into()))
    });
    rsip::Uri {
        scheme: Some(scheme),
        auth: uri.user.clone().map(|user| rsip::Auth { user, password: uri.password.clone() }),
        host_with_port: rsip::HostWithPort { host, port: uri.port.map(Into::into) },
        params: params.collect(),
        headers: Vec::new(),
    }
}

/// The header fields of a message while it is put together.
#[derive(Debug, Default)]
pub(super) struct Head {
    kinds: Vec<Known>,
    headers: Vec<rsip::Header>,
}

impl Head {
    /// Room for the header fields of an ordinary request.
    pub(super) fn sized(fields: usize) -> Head {
        Head { kinds: Vec::with_capacity(fields), headers: Vec::with_capacity(fields) }
    }

    pub(super) fn push(&mut self, known: Known, name: &str, value: String) {
        self.kinds.push(known);
        self.headers.push(model(known, name, value));
    }

    pub(super) fn count(&self) -> usize {
        self.kinds.len()
    }
}

/// What every message must have and everybody asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Core {
    /// The topmost Via.
    pub via: Via,
    pub from: NameAddr,
    pub to: NameAddr,
    pub call_id: String,
    /// The number of CSeq.
    pub cseq: u32,
}

/// What is read once and kept beside rsip's headers.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub via: Via,
    pub from: NameAddr,
    pub to: NameAddr,
    pub cseq: (u32, Method),
    pub contacts: Contacts,
    pub routes: Vec<NameAddr>,
    pub record_routes: Vec<NameAddr>,
}

/// A request that was read and found whole, or is being made.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    model: rsip::Request,
    kinds: Vec<Known>,
    uri: Box<Uri>,
    kept: Box<Kept>,
}

/// A response that was read and found whole, or is being made.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    model: rsip::Response,
    kinds: Vec<Known>,
    /// Only where it differs from the usual words for the code.
    words: Option<Box<str>>,
    kept: Box<Kept>,
}

/// One SIP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Request(Request),
    Response(Response),
}

/// How many more hops a request of ours may take (RFC 3261 section 8.1.1.6). Smaller ends loops
/// sooner and cuts off long ways; larger only makes loops longer.
const HOPS: &str = "70";

impl Request {
    /// A request with what every request must have; Max-Forwards is 70.
    pub fn new(method: Method, uri: Uri, core: Core) -> Request {
        let Core { via, from, to, call_id, cseq } = core;
        let mut request = Request {
            model: rsip::Request {
                method: method.model(),
                uri: model_uri(&uri),
                version: rsip::Version::V2,
                headers: Vec::with_capacity(16).into(),
                body: Vec::new(),
            },
            kinds: Vec::with_capacity(16),
            uri: Box::new(uri),
            kept: Box::new(Kept::new(via, from, to, (cseq, method))),
        };
        request.append(Known::Via, text_of(|out| request.kept.via.write(out)));
        request.append(Known::MaxForwards, HOPS.to_owned());
        request.append(Known::From, request.kept.from.to_text());
        request.append(Known::To, request.kept.to.to_text());
        request.append(Known::CallId, call_id);
        request.append(Known::CSeq, cseq_text(cseq, method));
        request
    }

    pub(super) fn assemble(
        method: Method,
        uri: Uri,
        head: Head,
        kept: Box<Kept>,
        body: &[u8],
    ) -> Request {
        let model = rsip::Request {
            method: method.model(),
            uri: model_uri(&uri),
            version: rsip::Version::V2,
            headers: head.headers.into(),
            body: body.to_vec(),
        };
        Request { model, kinds: head.kinds, uri: Box::new(uri), kept }
    }

    /// What is asked for.
    pub const fn method(&self) -> Method {
        Method::of(self.model.method)
    }

    /// Whom it is for.
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Puts another address into the request line.
    pub fn set_uri(&mut self, uri: Uri) {
        self.model.uri = model_uri(&uri);
        *self.uri = uri;
    }
}

impl Response {
    /// The response to a request: its Via, From, To, Call-ID and CSeq; Record-Route where it may
    /// set up a dialog (RFC 3261 sections 8.2.6 and 12.1.1); Timestamp in a 100.
    pub fn reply_to(request: &Request, code: u16) -> Response {
        let mut response = Response {
            model: rsip::Response {
                status_code: code.into(),
                version: rsip::Version::V2,
                headers: Vec::with_capacity(16).into(),
                body: Vec::new(),
            },
            kinds: Vec::with_capacity(16),
            words: None,
            kept: Box::new(request.kept.bare()),
        };
        for (known, header) in request.kinds.iter().zip(request.model.headers.iter()) {
            let copied = match known.role() {
                Role::Via | Role::From | Role::To | Role::CallId | Role::CSeq => true,
                Role::RecordRoute => (101..300).contains(&code),
                Role::Timestamp => code == 100,
                Role::Contact | Role::Route | Role::Path => false,
                Role::Hops | Role::Length | Role::Plain => false,
            };
            if copied {
                response.kinds.push(*known);
                response.model.headers.push(header.clone());
            }
        }
        if (101..300).contains(&code) {
            response.kept.record_routes.clone_from(&request.kept.record_routes);
        }
        response
    }

    pub(super) fn assemble(
        code: u16,
        words: &str,
        head: Head,
        kept: Box<Kept>,
        body: &[u8],
    ) -> Response {
        let model = rsip::Response {
            status_code: code.into(),
            version: rsip::Version::V2,
            headers: head.headers.into(),
            body: body.to_vec(),
        };
        let words = (words != reason(code)).then(|| words.into());
        Response { model, kinds: head.kinds, words, kept }
    }

    /// The status code, 100 to 699.
    pub fn code(&self) -> u16 {
        self.model.status_code.code()
    }

    /// The reason phrase as it came, or the usual one.
    pub fn reason(&self) -> &str {
        self.words.as_deref().unwrap_or_else(|| reason(self.code()))
    }

    /// Says whether no other response follows it.
    pub fn is_final(&self) -> bool {
        self.code() >= 200
    }
}

impl Message {
    /// The Call-ID, which requests and responses of one call share.
    pub fn call_id(&self) -> &str {
        match self {
            Message::Request(request) => request.call_id(),
            Message::Response(response) => response.call_id(),
        }
    }
}

macro_rules! fields {
    ($message:ident) => {
        impl $message {
            /// The topmost Via.
            pub const fn via(&self) -> &Via {
                &self.kept.via
            }

            /// Who sent the request.
            pub const fn from(&self) -> &NameAddr {
                &self.kept.from
            }

            /// Whom the request was first meant for.
            pub const fn to(&self) -> &NameAddr {
                &self.kept.to
            }

            /// The name of the call, shared by all its messages.
            pub fn call_id(&self) -> &str {
                self.header(Known::CallId).unwrap_or_default()
            }

            /// The number and the method of the request.
            pub const fn cseq(&self) -> (u32, Method) {
                self.kept.cseq
            }

            /// Every Contact.
            pub const fn contacts(&self) -> &Contacts {
                &self.kept.contacts
            }

            /// Every Route, the next hop first.
            pub fn routes(&self) -> &[NameAddr] {
                &self.kept.routes
            }

            /// Every Record-Route in the order of the message.
            pub fn record_routes(&self) -> &[NameAddr] {
                &self.kept.record_routes
            }

            /// The first value of a header.
            pub fn header(&self, known: Known) -> Option<&str> {
                let at = self.kinds.iter().position(|kind| *kind == known)?;
                self.model.headers.iter().nth(at).map(text)
            }

            /// Every value of a header, in order; lists are already split.
            pub fn headers(&self, known: Known) -> impl Iterator<Item = &str> {
                let all = self.kinds.iter().zip(self.model.headers.iter());
                all.filter(move |(kind, _)| **kind == known).map(|(_, header)| text(header))
            }

            /// The first value of a header that we do not know by name.
            pub fn other<'a>(&'a self, name: &str) -> Option<&'a str> {
                let mut all = self.fields().filter(|(known, _, _)| *known == Known::Other);
                all.find(|(_, own, _)| own.eq_ignore_ascii_case(name)).map(|(_, _, value)| value)
            }

            /// Every address of a header such as P-Asserted-Identity or Path; broken ones left out.
            pub fn addresses(&self, known: Known) -> impl Iterator<Item = NameAddr> {
                self.headers(known).filter_map(|value| NameAddr::read(value).ok())
            }

            /// Every token of a header such as Require or Allow, over all its lines.
            pub fn tokens(&self, known: Known) -> impl Iterator<Item = &str> {
                let items = self.headers(known).flat_map(Items::new);
                items.filter_map(Result::ok).filter(|token| !token.is_empty())
            }

            /// Says whether a header such as Supported lists this token.
            pub fn lists(&self, known: Known, token: &str) -> bool {
                self.tokens(known).any(|own| own.eq_ignore_ascii_case(token))
            }

            /// The number of seconds in Expires; the largest number for a larger one.
            pub fn expires(&self) -> Option<u32> {
                self.header(Known::Expires).and_then(seconds)
            }

            /// How many more hops it may take; `None` when absent.
            pub fn max_forwards(&self) -> Option<u8> {
                let hops = self.header(Known::MaxForwards).and_then(digits)?;
                u8::try_from(hops).ok()
            }

            /// The number of RSeq (RFC 3262 section 7.1).
            pub fn rseq(&self) -> Option<u32> {
                self.header(Known::RSeq).and_then(digits)
            }

            /// The body; empty when there is none.
            pub fn body(&self) -> &[u8] {
                &self.model.body
            }

            /// The body when it is of this type, or the first part of several that is; `None`
            /// for an empty one and for another type.
            pub fn body_of(&self, content_type: &str) -> Option<&[u8]> {
                let own = self.header(Known::ContentType)?;
                super::multipart::find(own, self.body(), content_type)
            }

            /// Every header in order: what it is, its name as we write it, its value.
            pub fn fields(&self) -> impl Iterator<Item = (Known, &str, &str)> {
                let all = self.kinds.iter().zip(self.model.headers.iter());
                all.map(|(known, header)| match header {
                    rsip::Header::Other(name, value) => (*known, name.as_str(), value.as_str()),
                    named => (*known, known.name(), text(named)),
                })
            }

            /// Adds a header at the end. Line ends in the value become blanks; a Contact, Route
            /// or Record-Route that cannot be read and a header of [`Core`] are left out.
            pub fn push(&mut self, known: Known, value: impl Into<String>) -> &mut Self {
                let value = one_line(value.into());
                if self.kept.learn(known, &value).is_ok() {
                    self.append(known, value);
                }
                self
            }

            /// As `push`, for a message that is being made.
            #[must_use]
            pub fn with(mut self, known: Known, value: impl Into<String>) -> Self {
                self.push(known, value);
                self
            }

            /// Adds a header that we do not know by name; an impossible name is left out.
            pub fn push_other(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
                if super::lexer::is_token(name) && Known::find(name) == Known::Other {
                    self.kinds.push(Known::Other);
                    self.model.headers.push(model(Known::Other, name, one_line(value.into())));
                }
                self
            }

            /// Takes out every header of this name; those of [`Core`] stay.
            pub fn remove(&mut self, known: Known) -> &mut Self {
                if self.kept.forget(known) {
                    let mut kinds = self.kinds.iter();
                    self.model.headers.retain(|_| kinds.next() != Some(&known));
                    self.kinds.retain(|kind| *kind != known);
                }
                self
            }

            /// Puts in a body with its type; an empty one takes the type out.
            pub fn set_body(&mut self, content_type: &str, body: impl Into<Vec<u8>>) -> &mut Self {
                self.remove(Known::ContentType);
                self.model.body = body.into();
                if !self.model.body.is_empty() {
                    self.push(Known::ContentType, content_type);
                }
                self
            }

            /// As `set_body`, for a message that is being made.
            #[must_use]
            pub fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
                self.set_body(content_type, body);
                self
            }

            /// Puts another Via on top in the place of the topmost one.
            pub fn set_via(&mut self, via: Via) {
                self.replace(Known::Via, text_of(|out| via.write(out)));
                self.kept.via = via;
            }

            /// Puts in the tag of To, the callee's end of the dialog.
            pub fn set_to_tag(&mut self, tag: &str) {
                self.kept.to.params.set("tag", Some(tag));
                self.replace(Known::To, self.kept.to.to_text());
            }

            /// As `set_to_tag`, for a message that is being made.
            #[must_use]
            pub fn with_to_tag(mut self, tag: &str) -> Self {
                self.set_to_tag(tag);
                self
            }

            /// Puts in another number of CSeq.
            pub fn set_cseq(&mut self, number: u32) {
                self.kept.cseq.0 = number;
                self.replace(Known::CSeq, cseq_text(number, self.kept.cseq.1));
            }

            fn append(&mut self, known: Known, value: String) {
                self.kinds.push(known);
                self.model.headers.push(model(known, "", value));
            }

            /// Puts a value in the place of the first one of this name.
            fn replace(&mut self, known: Known, value: String) {
                let at = self.kinds.iter().position(|kind| *kind == known);
                let place = at.and_then(|at| self.model.headers.iter_mut().nth(at));
                if let Some(place) = place {
                    *place = model(known, "", value);
                }
            }
        }
    };
}

fields!(Request);
fields!(Response);

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?} {}", self.method(), self.uri, self.call_id(), self.kept.cseq.0)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, method) = self.kept.cseq;
        write!(f, "{} to {method} {:?} {number}", self.code(), self.call_id())
    }
}

impl Kept {
    pub(super) fn new(via: Via, from: NameAddr, to: NameAddr, cseq: (u32, Method)) -> Kept {
        let (routes, record_routes) = (Vec::new(), Vec::new());
        Kept { via, from, to, cseq, contacts: Contacts::default(), routes, record_routes }
    }

    /// Without the lists.
    fn bare(&self) -> Kept {
        Kept::new(self.via.clone(), self.from.clone(), self.to.clone(), self.cseq)
    }

    /// Keeps the value of a header that is added; fails where it may not be or cannot be read.
    fn learn(&mut self, known: Known, value: &str) -> Result<(), BadHeader> {
        match known.role() {
            Role::Contact => self.contacts.add(value)?,
            Role::Route => self.routes.push(NameAddr::read(value)?),
            Role::RecordRoute => self.record_routes.push(NameAddr::read(value)?),
            Role::From | Role::To | Role::CallId | Role::CSeq | Role::Length => {
                return Err(BadHeader::Value(known.name()));
            }
            // A further Via goes below the topmost one.
            Role::Via | Role::Path | Role::Hops | Role::Timestamp | Role::Plain => {}
        }
        Ok(())
    }

    /// Forgets what is kept of a header; false where it may not be taken out.
    fn forget(&mut self, known: Known) -> bool {
        match known.role() {
            Role::Contact => self.contacts = Contacts::default(),
            Role::Route => self.routes.clear(),
            Role::RecordRoute => self.record_routes.clear(),
            Role::Via | Role::From | Role::To | Role::CallId | Role::CSeq => return false,
            Role::Path | Role::Hops | Role::Length | Role::Timestamp | Role::Plain => {}
        }
        true
    }
}

fn text_of(write: impl FnOnce(&mut String)) -> String {
    let mut text = String::with_capacity(96);
    write(&mut text);
    text
}

fn cseq_text(number: u32, method: Method) -> String {
    let mut text = String::with_capacity(20);
    write_number(number, &mut text);
    text.push(' ');
    text.push_str(method.as_str());
    text
}

/// A value cannot hold a line end: it would begin another header.
fn one_line(value: String) -> String {
    match memchr::memchr2(b'\r', b'\n', value.as_bytes()) {
        Some(_) => value.replace(['\r', '\n'], " "),
        None => value,
    }
}
