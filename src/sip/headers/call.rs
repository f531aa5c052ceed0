//! Headers that steer a call: reasons, reliability, session timers, transfer, events, privacy.
//!
//! Sources: RFC 3262 (RAck), RFC 3323 (Privacy), RFC 3326 (Reason), RFC 3515 and 3891 (transfer),
//! RFC 4028 (session timers), RFC 6665 (events), RFC 3261 section 20.33 (Retry-After).

use super::BadHeader;
use crate::sip::lexer::{digits, is_blank, is_token, quote, seconds, trim};
use crate::sip::message::Method;
use crate::sip::params::Params;
use crate::sip::uri::{unescape_percent, write_number};

/// Why a request was sent: `SIP;cause=200;text="Call completed elsewhere"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `SIP`, `Q.850` or another, as written.
    pub protocol: String,
    /// A status code for `SIP`, a cause value for `Q.850`.
    pub cause: Option<u32>,
    pub text: Option<String>,
}

impl Reason {
    /// A SIP status as a reason.
    pub fn sip(code: u16, text: &str) -> Reason {
        let text = (!text.is_empty()).then(|| text.to_owned());
        Reason { protocol: String::from("SIP"), cause: Some(u32::from(code)), text }
    }

    /// Reads one value.
    pub fn read(text: &str) -> Result<Reason, BadHeader> {
        let (protocol, params) = value_and_params(text, "Reason")?;
        let cause = params.get("cause").and_then(digits);
        let text = params.text("text").map(std::borrow::Cow::into_owned);
        Ok(Reason { protocol: protocol.to_owned(), cause, text })
    }

    /// The value of the header.
    pub fn to_text(&self) -> String {
        let mut out = self.protocol.clone();
        if let Some(cause) = self.cause {
            out.push_str(";cause=");
            write_number(cause, &mut out);
        }
        if let Some(text) = &self.text {
            out.push_str(";text=");
            quote(text, &mut out);
        }
        out
    }
}

/// Which reliable provisional response a PRACK acknowledges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RAck {
    pub rseq: u32,
    pub cseq: u32,
    pub method: Method,
}

impl RAck {
    /// Reads `776656 1 INVITE`.
    pub fn read(text: &str) -> Result<RAck, BadHeader> {
        let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
        let number = words.next().and_then(digits).zip(words.next().and_then(digits));
        let method = words.next().and_then(Method::find);
        match (number, method, words.next()) {
            (Some((rseq, cseq)), Some(method), None) => Ok(RAck { rseq, cseq, method }),
            (Some(_) | None, Some(_) | None, Some(_) | None) => Err(BadHeader::Value("RAck")),
        }
    }

    /// The value of the header.
    pub fn to_text(self) -> String {
        format!("{} {} {}", self.rseq, self.cseq, self.method.as_str())
    }
}

/// Who sends the refresh of a session, by the roles of the request that carries the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// Whoever sent the request.
    Uac,
    /// Whoever answered it.
    Uas,
}

/// How long a session lives without a refresh, and who refreshes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds.
    pub interval: u32,
    /// `None` when not said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads `1800;refresher=uac`; an unknown refresher counts as not said.
    pub fn read(text: &str) -> Result<SessionExpires, BadHeader> {
        let (interval, params) = value_and_params(text, "Session-Expires")?;
        let interval = seconds(interval).ok_or(BadHeader::Value("Session-Expires"))?;
        let refresher = match params.get("refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) | None => None,
        };
        Ok(SessionExpires { interval, refresher })
    }

    /// The value of the header.
    pub fn to_text(self) -> String {
        let who = match self.refresher {
            Some(Refresher::Uac) => ";refresher=uac",
            Some(Refresher::Uas) => ";refresher=uas",
            None => "",
        };
        format!("{}{who}", self.interval)
    }
}

/// Which dialog a new INVITE takes over (attended transfer, pickup).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    pub call_id: String,
    pub to_tag: String,
    pub from_tag: String,
    /// Only when that dialog is not answered yet.
    pub early_only: bool,
}

impl Replaces {
    /// Reads the value of the header. Fails without exactly one of both tags.
    pub fn read(text: &str) -> Result<Replaces, BadHeader> {
        let bad = BadHeader::Value("Replaces");
        let (call_id, params) = text.split_at_checked(text.find(';').ok_or(bad)?).ok_or(bad)?;
        let call_id = trim(call_id);
        if call_id.is_empty() || call_id.bytes().any(|b| is_blank(b) || b == b',') {
            return Err(bad);
        }
        let params = Params::read(params).map_err(|_| bad)?;
        let tag = |name: &str| {
            let once = params.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).count() == 1;
            params.get(name).filter(|tag| once && !tag.is_empty()).map(str::to_owned).ok_or(bad)
        };
        Ok(Replaces {
            call_id: call_id.to_owned(),
            to_tag: tag("to-tag")?,
            from_tag: tag("from-tag")?,
            early_only: params.has("early-only"),
        })
    }

    /// Reads the value as it stands in the address of a Refer-To, still escaped.
    pub fn read_escaped(text: &str) -> Result<Replaces, BadHeader> {
        Replaces::read(&unescape_percent(text))
    }

    /// The value of the header.
    pub fn to_text(&self) -> String {
        let Replaces { call_id, to_tag, from_tag, early_only } = self;
        let early = if *early_only { ";early-only" } else { "" };
        format!("{call_id};to-tag={to_tag};from-tag={from_tag}{early}")
    }
}

/// How long to stay away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter {
    /// Seconds.
    pub wait: u32,
}

impl RetryAfter {
    /// Reads `120 (busy);duration=60`; the comment and parameters are left out.
    pub fn read(text: &str) -> Result<RetryAfter, BadHeader> {
        let end = text.find([' ', '\t', ';', '(']).unwrap_or(text.len());
        let wait = text.get(..end).and_then(seconds);
        wait.map(|wait| RetryAfter { wait }).ok_or(BadHeader::Value("Retry-After"))
    }
}

/// What a SUBSCRIBE or NOTIFY is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPackage {
    /// `refer`, `dialog`, `message-summary`.
    pub name: String,
    pub id: Option<String>,
}

impl EventPackage {
    /// Reads `refer;id=93809823`.
    pub fn read(text: &str) -> Result<EventPackage, BadHeader> {
        let (name, params) = value_and_params(text, "Event")?;
        Ok(EventPackage { name: name.to_owned(), id: params.get("id").map(str::to_owned) })
    }
}

/// How a subscription stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionState {
    /// `active`, `pending`, `terminated` or another.
    pub state: String,
    /// Seconds that are left.
    pub expires: Option<u32>,
    pub reason: Option<String>,
}

impl SubscriptionState {
    /// Reads `active;expires=60` or `terminated;reason=noresource`.
    pub fn read(text: &str) -> Result<SubscriptionState, BadHeader> {
        let (state, params) = value_and_params(text, "Subscription-State")?;
        let expires = params.get("expires").and_then(seconds);
        let reason = params.get("reason").map(str::to_owned);
        Ok(SubscriptionState { state: state.to_owned(), expires, reason })
    }

    /// Says whether nothing more will come.
    pub fn is_over(&self) -> bool {
        self.state.eq_ignore_ascii_case("terminated")
    }
}

/// The privacy values of one header line: `id; user` gives both (RFC 3323 section 4.2).
pub fn privacy(text: &str) -> impl Iterator<Item = &str> {
    text.split([';', ',']).map(trim).filter(|word| is_token(word))
}

/// Says whether the caller asked for his identity to be kept from the called party.
pub fn is_private(text: &str) -> bool {
    let hiding = ["id", "user", "header"];
    privacy(text).any(|word| hiding.iter().any(|hides| word.eq_ignore_ascii_case(hides)))
}

/// Splits `token;params`.
fn value_and_params<'a>(text: &'a str, what: &'static str) -> Result<(&'a str, Params), BadHeader> {
    let bad = BadHeader::Value(what);
    let (value, params) = text.split_at_checked(text.find(';').unwrap_or(text.len())).ok_or(bad)?;
    let value = trim(value);
    if !is_token(value) {
        return Err(bad);
    }
    Ok((value, Params::read(params).map_err(|_| bad)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_and_write() {
        let text = "SIP;cause=200;text=\"Call completed elsewhere\"";
        let reason = Reason::read(text).unwrap();
        assert_eq!(reason, Reason::sip(200, "Call completed elsewhere"));
        assert_eq!(reason.to_text(), text);
        assert_eq!(Reason::read("Q.850 ;cause=16").unwrap().cause, Some(16));
        assert!(Reason::read(";cause=16").is_err());
    }

    #[test]
    fn acknowledgements_of_provisional_responses() {
        let rack = RAck::read("776656  1 INVITE").unwrap();
        assert_eq!(rack, RAck { rseq: 776_656, cseq: 1, method: Method::Invite });
        assert_eq!(rack.to_text(), "776656 1 INVITE");
        for text in
            ["", "1 INVITE", "1 1 invite", "1 1 INVITE x", "-1 1 INVITE", "4294967296 1 INVITE"]
        {
            assert!(RAck::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn session_timers() {
        let read =
            |text: &str| SessionExpires::read(text).map(|read| (read.interval, read.refresher));
        assert_eq!(read("1800;refresher=uac"), Ok((1800, Some(Refresher::Uac))));
        assert_eq!(read("90 ; refresher=UAS"), Ok((90, Some(Refresher::Uas))));
        assert_eq!(read("90"), Ok((90, None)));
        assert!(read("soon").is_err());
        assert_eq!(SessionExpires::read("90;refresher=uas").unwrap().to_text(), "90;refresher=uas");
    }

    #[test]
    fn a_dialog_to_be_replaced() {
        let text = "98asjd8@test.com;to-tag=7743;from-tag=6472;early-only";
        let replaces = Replaces::read(text).unwrap();
        assert_eq!(replaces.to_text(), text);
        let escaped = "98asjd8%40test.com%3Bfrom-tag%3D6472%3Bto-tag%3D7743";
        let read = Replaces::read_escaped(escaped).unwrap();
        assert_eq!((read.to_tag.as_str(), read.early_only), ("7743", false));
        for text in
            ["a@b", "a@b;to-tag=1", "a@b;to-tag=1;to-tag=2;from-tag=3", ";to-tag=1;from-tag=2"]
        {
            assert!(Replaces::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn waiting_events_and_privacy() {
        assert_eq!(RetryAfter::read("18000;duration=3600").map(|read| read.wait), Ok(18000));
        assert_eq!(RetryAfter::read("120 (I'm in a meeting)").map(|read| read.wait), Ok(120));
        assert!(RetryAfter::read("(later)").is_err());
        let event = EventPackage::read("refer;id=93").unwrap();
        assert_eq!((event.name.as_str(), event.id.as_deref()), ("refer", Some("93")));
        let state = SubscriptionState::read("terminated;reason=noresource").unwrap();
        assert!(state.is_over() && state.reason.as_deref() == Some("noresource"));
        assert_eq!(SubscriptionState::read("active;expires=60").unwrap().expires, Some(60));
        assert!(is_private("user; id") && is_private("ID"));
        assert!(!is_private("none") && !is_private("critical"));
    }
}
