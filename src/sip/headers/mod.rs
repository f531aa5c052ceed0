//! Header fields: the table of names we know, and the typed values behind them.

mod call;
mod party;
mod via;

pub use call::{
    EventPackage, RAck, Reason, Refresher, Replaces, RetryAfter, SessionExpires, SubscriptionState,
    is_private, privacy,
};
pub use party::{Contact, Contacts, Diversion, HistoryEntry, NameAddr};
pub use via::Via;

/// Why a header value cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    #[error("malformed Via")]
    Via,
    #[error("malformed address")]
    Address,
    #[error("malformed Contact")]
    Contact,
    #[error("malformed {0}")]
    Value(&'static str),
}

/// How one header may repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// At most one line; a second makes the message bad.
    Once,
    /// Several values per line, split at commas into one entry each.
    List,
    /// Several lines, each one kept whole: commas may belong to the value.
    Lines,
}

/// What a header is to the reader and to a message that keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    Route,
    RecordRoute,
    Path,
    /// Max-Forwards.
    Hops,
    /// Content-Length, which is not kept.
    Length,
    Timestamp,
    /// Only text.
    Plain,
}

macro_rules! known {
    ($($name:ident $text:literal $short:literal $shape:ident $role:ident;)*) => {
        /// A header field that we know by name; all others are [`Known::Other`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Known {
            $($name,)*
            /// Any other: kept as it came, name and all.
            Other,
        }

        impl Known {
            /// Every header we know.
            pub const ALL: &[Known] = &[$(Known::$name,)*];

            /// The name as we write it; empty for [`Known::Other`].
            pub const fn name(self) -> &'static str {
                match self {
                    $(Known::$name => $text,)*
                    Known::Other => "",
                }
            }

            /// The compact form (RFC 3261 section 7.3.3); empty when there is none.
            pub const fn compact(self) -> &'static str {
                match self {
                    $(Known::$name => $short,)*
                    Known::Other => "",
                }
            }

            pub(super) const fn shape(self) -> Shape {
                match self {
                    $(Known::$name => Shape::$shape,)*
                    Known::Other => Shape::Lines,
                }
            }

            pub(super) const fn role(self) -> Role {
                match self {
                    $(Known::$name => Role::$role,)*
                    Known::Other => Role::Plain,
                }
            }
        }
    };
}

known! {
    Accept "Accept" "" Lines Plain;
    AcceptContact "Accept-Contact" "a" Lines Plain;
    AcceptEncoding "Accept-Encoding" "" Lines Plain;
    AcceptLanguage "Accept-Language" "" Lines Plain;
    AlertInfo "Alert-Info" "" Lines Plain;
    Allow "Allow" "" Lines Plain;
    AllowEvents "Allow-Events" "u" Lines Plain;
    AuthenticationInfo "Authentication-Info" "" Lines Plain;
    Authorization "Authorization" "" Lines Plain;
    CallId "Call-ID" "i" Once CallId;
    CallInfo "Call-Info" "" Lines Plain;
    Contact "Contact" "m" List Contact;
    ContentDisposition "Content-Disposition" "" Once Plain;
    ContentEncoding "Content-Encoding" "e" Lines Plain;
    ContentLanguage "Content-Language" "" Lines Plain;
    ContentLength "Content-Length" "l" Once Length;
    ContentType "Content-Type" "c" Once Plain;
    CSeq "CSeq" "" Once CSeq;
    Date "Date" "" Lines Plain;
    Diversion "Diversion" "" List Plain;
    ErrorInfo "Error-Info" "" Lines Plain;
    Event "Event" "o" Once Plain;
    Expires "Expires" "" Once Plain;
    FlowTimer "Flow-Timer" "" Once Plain;
    From "From" "f" Once From;
    HistoryInfo "History-Info" "" List Plain;
    Identity "Identity" "y" Lines Plain;
    InReplyTo "In-Reply-To" "" Lines Plain;
    Join "Join" "" Once Plain;
    MaxForwards "Max-Forwards" "" Once Hops;
    MimeVersion "MIME-Version" "" Lines Plain;
    MinExpires "Min-Expires" "" Once Plain;
    MinSe "Min-SE" "" Once Plain;
    Organization "Organization" "" Lines Plain;
    PAssertedIdentity "P-Asserted-Identity" "" List Plain;
    PPreferredIdentity "P-Preferred-Identity" "" List Plain;
    Path "Path" "" List Path;
    Priority "Priority" "" Lines Plain;
    Privacy "Privacy" "" Lines Plain;
    ProxyAuthenticate "Proxy-Authenticate" "" Lines Plain;
    ProxyAuthorization "Proxy-Authorization" "" Lines Plain;
    ProxyRequire "Proxy-Require" "" Lines Plain;
    RAck "RAck" "" Once Plain;
    Reason "Reason" "" List Plain;
    RecordRoute "Record-Route" "" List RecordRoute;
    ReferSub "Refer-Sub" "" Once Plain;
    ReferTo "Refer-To" "r" Once Plain;
    ReferredBy "Referred-By" "b" Once Plain;
    RemotePartyId "Remote-Party-ID" "" List Plain;
    Replaces "Replaces" "" Once Plain;
    ReplyTo "Reply-To" "" Lines Plain;
    Require "Require" "" Lines Plain;
    RetryAfter "Retry-After" "" Lines Plain;
    Route "Route" "" List Route;
    RSeq "RSeq" "" Once Plain;
    Server "Server" "" Lines Plain;
    ServiceRoute "Service-Route" "" List Plain;
    SessionExpires "Session-Expires" "x" Once Plain;
    SipEtag "SIP-ETag" "" Once Plain;
    SipIfMatch "SIP-If-Match" "" Once Plain;
    Subject "Subject" "s" Lines Plain;
    SubscriptionState "Subscription-State" "" Once Plain;
    Supported "Supported" "k" Lines Plain;
    Timestamp "Timestamp" "" Lines Timestamp;
    To "To" "t" Once To;
    Unsupported "Unsupported" "" Lines Plain;
    UserAgent "User-Agent" "" Lines Plain;
    Via "Via" "v" List Via;
    Warning "Warning" "" Lines Plain;
    WwwAuthenticate "WWW-Authenticate" "" Lines Plain;
}

impl Known {
    /// Finds a header by its name or compact form, without regard to case.
    pub fn find(name: &str) -> Known {
        if let &[letter] = name.as_bytes() {
            return compact(letter);
        }
        let named = |known: &&Known| known.name().eq_ignore_ascii_case(name);
        candidates(name.len()).iter().find(named).copied().unwrap_or(Known::Other)
    }
}

/// The headers whose compact form is this letter.
const fn compact(letter: u8) -> Known {
    match letter.to_ascii_lowercase() {
        b'a' => Known::AcceptContact,
        b'b' => Known::ReferredBy,
        b'c' => Known::ContentType,
        b'e' => Known::ContentEncoding,
        b'f' => Known::From,
        b'i' => Known::CallId,
        b'k' => Known::Supported,
        b'l' => Known::ContentLength,
        b'm' => Known::Contact,
        b'o' => Known::Event,
        b'r' => Known::ReferTo,
        b's' => Known::Subject,
        b't' => Known::To,
        b'u' => Known::AllowEvents,
        b'v' => Known::Via,
        b'x' => Known::SessionExpires,
        b'y' => Known::Identity,
        _ => Known::Other,
    }
}

/// The headers whose names have this many letters, the frequent ones first. Comparing a handful
/// of equal length is cheaper than hashing every name of every message.
const fn candidates(letters: usize) -> &'static [Known] {
    use Known as K;
    match letters {
        2 => &[K::To],
        3 => &[K::Via],
        4 => &[K::From, K::CSeq, K::Date, K::Join, K::Path, K::RAck, K::RSeq],
        5 => &[K::Allow, K::Route, K::Event],
        6 => &[K::Accept, K::MinSe, K::Reason, K::Server],
        7 => &[K::Contact, K::CallId, K::Require, K::Expires, K::Privacy, K::Subject, K::Warning],
        8 => &[K::Identity, K::Priority, K::ReferTo, K::Replaces, K::ReplyTo, K::SipEtag],
        9 => &[K::Supported, K::CallInfo, K::Diversion, K::ReferSub, K::Timestamp],
        10 => &[K::UserAgent, K::AlertInfo, K::ErrorInfo, K::FlowTimer],
        11 => &[K::InReplyTo, K::MinExpires, K::ReferredBy, K::RetryAfter, K::Unsupported],
        12 => &[
            K::ContentType,
            K::MaxForwards,
            K::RecordRoute,
            K::AllowEvents,
            K::HistoryInfo,
            K::MimeVersion,
            K::Organization,
            K::SipIfMatch,
        ],
        13 => &[K::Authorization, K::ProxyRequire, K::ServiceRoute],
        14 => &[K::ContentLength, K::AcceptContact],
        15 => &[K::SessionExpires, K::AcceptEncoding, K::AcceptLanguage, K::RemotePartyId],
        16 => &[K::ContentEncoding, K::ContentLanguage, K::WwwAuthenticate],
        18 => &[K::ProxyAuthenticate, K::SubscriptionState],
        19 => &[
            K::ProxyAuthorization,
            K::PAssertedIdentity,
            K::AuthenticationInfo,
            K::ContentDisposition,
        ],
        20 => &[K::PPreferredIdentity],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_is_found_by_its_name_and_its_letter() {
        for known in Known::ALL {
            assert_eq!(Known::find(known.name()), *known);
            assert_eq!(Known::find(&known.name().to_uppercase()), *known);
            if !known.compact().is_empty() {
                assert_eq!(Known::find(known.compact()), *known);
                assert_eq!(Known::find(&known.compact().to_uppercase()), *known);
            }
        }
        assert_eq!(Known::find("X-Custom"), Known::Other);
        assert_eq!(Known::find("z"), Known::Other);
        assert_eq!(Known::find(""), Known::Other);
    }
}
