//! The answer to a request that never became one: built from its raw lines, without state.
//!
//! Not larger than twice the request and never sent again, so that a forged source gains
//! nothing. Only the five headers that every answer has are given back. RFC 3261 section 8.2.6.

use core::net::SocketAddr;

use super::headers::{Known, NameAddr, Role, Via};
use super::lexer::{Items, Lines, is_token};
use super::read::is_call_id;
use super::uri::write_number;
use crate::model::Seed;

/// A refused request: what to say, and the lines it came with.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 400, 416, 501 or 505.
    pub code: u16,
    /// The reason phrase: short, ours, nothing of the request in it.
    pub why: &'static str,
    vias: Vec<String>,
    from: String,
    to: String,
    call_id: String,
    cseq: String,
    /// How long the request was, bytes.
    request_len: usize,
}

impl Refusal {
    /// Collects the lines of a message head; `None` when one of the five is not usable.
    pub(super) fn collect(
        code: u16,
        why: &'static str,
        head: &str,
        request_len: usize,
    ) -> Option<Refusal> {
        let mut lines = Lines::new(head);
        lines.raw()?;
        let mut refusal = Refusal {
            code,
            why,
            vias: Vec::new(),
            from: String::new(),
            to: String::new(),
            call_id: String::new(),
            cseq: String::new(),
            request_len,
        };
        while let Some(field) = lines.field() {
            let place = match Known::find(field.name).role() {
                Role::Via => {
                    refusal.take_vias(&field.value);
                    continue;
                }
                Role::From => &mut refusal.from,
                Role::To => &mut refusal.to,
                Role::CallId => &mut refusal.call_id,
                Role::CSeq => &mut refusal.cseq,
                Role::Contact | Role::Route | Role::RecordRoute | Role::Path => continue,
                Role::Hops | Role::Length | Role::Timestamp | Role::Plain => continue,
            };
            if place.is_empty() {
                *place = clean(&field.value);
            }
        }
        refusal.is_usable().then_some(refusal)
    }

    /// Splits where it can; a list that cannot be split goes back as it came.
    fn take_vias(&mut self, value: &str) {
        let items: Result<Vec<&str>, _> = Items::new(value).collect();
        match items {
            Ok(items) if items.iter().all(|item| Via::read(item).is_ok()) => {
                self.vias.extend(items.into_iter().map(clean));
            }
            Ok(_) | Err(_) => self.vias.push(clean(value)),
        }
    }

    fn is_usable(&self) -> bool {
        let Some(top) = self.vias.first() else { return false };
        let mut words = self.cseq.split([' ', '\t']).filter(|word| !word.is_empty());
        let number = words.next().is_some_and(|word| word.bytes().all(|b| b.is_ascii_digit()));
        Via::is_answerable(top)
            && !self.from.is_empty()
            && !self.to.is_empty()
            && is_call_id(&self.call_id)
            && number
            && words.next().is_some_and(is_token)
    }

    /// Writes the answer. `source` is where the request came from: it is written into the
    /// topmost Via as RFC 3581 asks. `None` when the answer would be larger than twice the
    /// request: whoever sends so little wants it to go to somebody else.
    pub fn answer(&self, source: SocketAddr) -> Option<Vec<u8>> {
        let mut out = String::with_capacity(512);
        out.push_str("SIP/2.0 ");
        write_number(u32::from(self.code), &mut out);
        out.push(' ');
        out.push_str(self.why);
        for (at, via) in self.vias.iter().enumerate() {
            out.push_str("\r\nVia: ");
            match Via::read(via) {
                Ok(mut via) if at == 0 => {
                    via.came_from(source);
                    via.write(&mut out);
                }
                Ok(_) | Err(_) => out.push_str(via),
            }
        }
        out.push_str("\r\nFrom: ");
        out.push_str(&self.from);
        out.push_str("\r\nTo: ");
        out.push_str(&self.to);
        if NameAddr::read(&self.to).is_ok_and(|to| to.tag().is_none()) {
            // The same request gets the same tag, because no state remembers it.
            let tag = Seed::of(&self.call_id).next_u64();
            out.push_str(&format!(";tag={tag:x}"));
        }
        out.push_str("\r\nCall-ID: ");
        out.push_str(&self.call_id);
        out.push_str("\r\nCSeq: ");
        out.push_str(&self.cseq);
        out.push_str("\r\nContent-Length: 0\r\n\r\n");
        (out.len() <= 2 * self.request_len).then(|| out.into_bytes())
    }
}

impl std::fmt::Debug for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {:?}", self.code, self.why, self.call_id)
    }
}

/// A line as it may go out again: control bytes become blanks.
fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter == '\r' || letter == '\n' { ' ' } else { letter }).collect()
}
