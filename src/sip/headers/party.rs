//! Headers that name somebody: From, To, Contact, Route and their like, Diversion, History-Info.
//!
//! Sources: RFC 3261 sections 20.10, 20.20, 20.30, 20.34, 20.39; RFC 5806; RFC 7044.

use std::borrow::Cow;
use std::fmt;

use super::BadHeader;
use crate::sip::lexer::{
    digits, find_outside, is_token_byte, quote, quoted, seconds, trim, unescape,
};
use crate::sip::params::Params;
use crate::sip::uri::Uri;

/// A name for people, an address, and parameters of the header.
///
/// `Debug` shows the address without its user, and no name.
#[derive(Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// What the quotes held or the words were, escapes resolved; `None` when there was none.
    pub display: Option<String>,
    pub uri: Uri,
    pub params: Params,
}

impl NameAddr {
    /// An address without a name and without parameters.
    pub fn new(uri: Uri) -> NameAddr {
        NameAddr { display: None, uri, params: Params::default() }
    }

    /// Reads `"name" <uri>;params`, `name <uri>;params` or `uri;params`. Without brackets every
    /// parameter belongs to the header and the address may hold no `?` and no comma
    /// (RFC 3261 section 20).
    pub fn read(text: &str) -> Result<NameAddr, BadHeader> {
        NameAddr::parts(text).ok_or(BadHeader::Address)
    }

    fn parts(text: &str) -> Option<NameAddr> {
        let text = trim(text);
        let (display, rest) = match quoted(text) {
            Some((inner, rest)) => (Some(inner), trim(rest)),
            None if text.starts_with('"') => return None,
            None => match text.find('<') {
                Some(at) => {
                    let (words, rest) = text.split_at_checked(at)?;
                    let words = trim(words);
                    // Letters of other languages are let through: telephones send them unquoted.
                    let plain = |b: u8| is_token_byte(b) || matches!(b, b' ' | b'\t') || b >= 0x80;
                    if !words.bytes().all(plain) {
                        return None;
                    }
                    ((!words.is_empty()).then_some(words), rest)
                }
                None => return bare(text),
            },
        };
        let inner = rest.strip_prefix('<')?;
        let (uri, params) = inner.split_at_checked(inner.find('>')?)?;
        let params = params.strip_prefix('>')?;
        let params =
            if params.is_empty() { Params::default() } else { Params::read(params).ok()? };
        let uri = Uri::read(uri).ok()?;
        let display = display.map(|inner| unescape(inner).into_owned());
        Some(NameAddr { display, uri, params })
    }

    /// The tag of From or To, which names one end of a dialog; `None` when absent or empty.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The same with this tag in place of any other.
    pub fn with_tag(mut self, tag: &str) -> NameAddr {
        self.params.set("tag", Some(tag));
        self
    }

    /// Appends the value of the header, always with brackets.
    pub fn write(&self, out: &mut String) {
        if let Some(display) = &self.display {
            quote(display, out);
            out.push(' ');
        }
        out.push('<');
        self.uri.write(out);
        out.push('>');
        out.push_str(self.params.as_str());
    }

    /// The value of the header as text: for the wire and the journal, not for logs.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(80);
        self.write(&mut text);
        text
    }
}

impl fmt::Debug for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{:?}>{}", self.uri, self.params.as_str())
    }
}

/// An address without brackets: what follows the first `;` is the header's.
fn bare(text: &str) -> Option<NameAddr> {
    let end = find_outside(text, b';').ok()?.unwrap_or(text.len());
    let (uri, params) = text.split_at_checked(end)?;
    let uri = Uri::read(trim(uri)).ok()?;
    // A `?` or a comma without brackets would leave open to whom the rest belongs.
    if !uri.headers.is_empty() || uri.user.as_deref().is_some_and(|user| user.contains([',', '?']))
    {
        return None;
    }
    let params = if params.is_empty() { Params::default() } else { Params::read(params).ok()? };
    Some(NameAddr { display: None, uri, params })
}

/// One Contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact(pub NameAddr);

impl Contact {
    /// How long the binding is asked or granted for, seconds; `None` when not said.
    pub fn expires(&self) -> Option<u32> {
        self.0.params.get("expires").map(|text| seconds(text).unwrap_or(EXPIRES_FALLBACK))
    }

    /// How much it is preferred, in thousandths; 1000 when not said or malformed.
    pub fn q(&self) -> u16 {
        self.0.params.get("q").and_then(thousandths).unwrap_or(1000)
    }

    /// The instance that stays the same over restarts (RFC 5626 section 4.1), brackets kept.
    pub fn instance(&self) -> Option<Cow<'_, str>> {
        self.0.params.text("+sip.instance")
    }

    /// Which of several flows of one instance this is (RFC 5626 section 4.2).
    pub fn reg_id(&self) -> Option<u32> {
        self.0.params.get("reg-id").and_then(digits)
    }
}

/// A malformed `expires` counts as an hour (RFC 3261 section 10.2.1.1).
const EXPIRES_FALLBACK: u32 = 3600;

fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole = digits(whole).filter(|whole| *whole <= 1)?;
    let part = match part.len() {
        0 => 0,
        len @ 1..=3 => digits(part)? * [0, 100, 10, 1].get(len)?,
        _ => return None,
    };
    u16::try_from(whole * 1000 + part).ok().filter(|q| *q <= 1000)
}

/// All Contacts of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contacts {
    /// `*`: every binding, in a REGISTER that removes them (RFC 3261 section 10.2.2).
    All,
    /// Those listed; none when the message has no Contact.
    Listed(Vec<Contact>),
}

impl Contacts {
    /// Those listed; none for `*`.
    pub fn listed(&self) -> &[Contact] {
        match self {
            Contacts::All => &[],
            Contacts::Listed(contacts) => contacts,
        }
    }

    /// The first address; what in-dialog requests go to.
    pub fn first(&self) -> Option<&Uri> {
        self.listed().first().map(|contact| &contact.0.uri)
    }

    /// Adds one value from the wire. Fails on a malformed one and on `*` beside others.
    pub(in crate::sip) fn add(&mut self, text: &str) -> Result<(), BadHeader> {
        match self {
            Contacts::All => Err(BadHeader::Contact),
            Contacts::Listed(listed) if text == "*" => {
                if !listed.is_empty() {
                    return Err(BadHeader::Contact);
                }
                *self = Contacts::All;
                Ok(())
            }
            Contacts::Listed(listed) => {
                let contact = NameAddr::read(text).map_err(|_| BadHeader::Contact)?;
                listed.push(Contact(contact));
                Ok(())
            }
        }
    }
}

impl Default for Contacts {
    fn default() -> Contacts {
        Contacts::Listed(Vec::new())
    }
}

/// One entry of Diversion (RFC 5806): who sent the call on, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversion(pub NameAddr);

impl Diversion {
    /// Reads one entry.
    pub fn read(text: &str) -> Result<Diversion, BadHeader> {
        NameAddr::read(text).map(Diversion)
    }

    /// `user-busy`, `no-answer`, `unconditional` and so on; empty when not said.
    pub fn reason(&self) -> &str {
        self.0.params.get("reason").unwrap_or_default()
    }
}

/// One entry of History-Info (RFC 7044): where a call has been before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry(pub NameAddr);

impl HistoryEntry {
    /// Reads one entry.
    pub fn read(text: &str) -> Result<HistoryEntry, BadHeader> {
        NameAddr::read(text).map(HistoryEntry)
    }

    /// `1`, `1.1`, `1.2`: the place in the tree of attempts; empty when not said.
    pub fn index(&self) -> &str {
        self.0.params.get("index").unwrap_or_default()
    }

    /// The status code that made the call go on, from the Reason inside the address.
    pub fn cause(&self) -> Option<u32> {
        let reasons = self.0.uri.header_pairs();
        let mut reasons = reasons.filter(|(name, _)| name.eq_ignore_ascii_case("Reason"));
        reasons
            .find_map(|(_, value)| super::Reason::read(&value).ok().and_then(|reason| reason.cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> NameAddr {
        NameAddr::read(text).unwrap_or_else(|bad| panic!("{text}: {bad}"))
    }

    #[test]
    fn names_come_quoted_in_words_or_not_at_all() {
        let quoted = read(r#""J Rosenberg \\\""       <sip:jdrosen@example.com> ; tag = 98asjd8"#);
        assert_eq!(quoted.display.as_deref(), Some(r#"J Rosenberg \""#));
        assert_eq!(quoted.tag(), Some("98asjd8"));
        assert_eq!(quoted.to_text(), r#""J Rosenberg \\\"" <sip:jdrosen@example.com>;tag=98asjd8"#);
        assert_eq!(
            read("caller<sip:caller@example.com>;tag=323").display.as_deref(),
            Some("caller")
        );
        assert_eq!(read("Алишер В <sip:a@b.uz>").display.as_deref(), Some("Алишер В"));
        assert_eq!(read("<sip:a@b.uz;user=phone>;tag=1").uri.params.get("user"), Some("phone"));
        assert_eq!(read("sip:a@b.uz;user=phone").params.get("user"), Some("phone"));
        assert_eq!(read("<http://www.example.com>;tag=3").tag(), Some("3"));
    }

    #[test]
    fn broken_ones_are_refused() {
        let texts = [
            "",
            "\"Mr. J. User <sip:j.user@example.com>",
            "\"a\" b <sip:a@b>",
            "< sip:a@b.c >",
            "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
            "<sip:a@b.c",
            "<sip:a@b.c>;;",
            "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
            "<>",
            "*",
        ];
        for text in texts {
            assert_eq!(NameAddr::read(text), Err(BadHeader::Address), "{text}");
        }
    }

    #[test]
    fn contacts_tell_their_parameters() {
        let contact = Contact(read(
            "<sip:a@192.0.2.1>;q=0.33;expires=99999999999;+sip.instance=\"<urn:uuid:0>\";reg-id=2",
        ));
        assert_eq!((contact.q(), contact.expires()), (330, Some(u32::MAX)));
        assert_eq!(contact.instance().as_deref(), Some("<urn:uuid:0>"));
        assert_eq!(contact.reg_id(), Some(2));
        let odd = Contact(read("<sip:a@b.c>;q=1.5;expires=soon"));
        assert_eq!((odd.q(), odd.expires()), (1000, Some(3600)));
    }

    #[test]
    fn a_star_stands_alone() {
        let mut contacts = Contacts::default();
        contacts.add("*").unwrap();
        assert_eq!(contacts, Contacts::All);
        assert_eq!(contacts.add("<sip:a@b.c>"), Err(BadHeader::Contact));
        let mut contacts = Contacts::default();
        contacts.add("<sip:a@b.c>").unwrap();
        assert_eq!(contacts.add("*"), Err(BadHeader::Contact));
    }

    #[test]
    fn a_diverted_call_tells_its_way() {
        let diverted =
            Diversion::read("<sip:+998712000001@uz>;reason=user-busy;counter=1").unwrap();
        assert_eq!(diverted.reason(), "user-busy");
        let entry = "<sip:bob@example.com?Reason=SIP%3Bcause%3D302>;index=1.1";
        let entry = HistoryEntry::read(entry).unwrap();
        assert_eq!((entry.index(), entry.cause()), ("1.1", Some(302)));
    }

    #[test]
    fn nobody_is_named_in_debug() {
        let text = format!("{:?}", read("\"Aziza\" <sip:+998901234567@pbx.uz>;tag=1"));
        assert_eq!(text, "<sip:…@pbx.uz>;tag=1");
    }
}
