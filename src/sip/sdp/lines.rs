//! Changing a session description line by line, everything else left byte for byte.

use core::net::IpAddr;

use super::read::Direction;

/// Who a description is from, as one side of a call is told: ours, never the other side's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Stays the same for one leg.
    pub id: u64,
    /// Goes up by one with each description that is sent on that leg.
    pub version: u64,
    /// Our own address on that leg.
    pub address: IpAddr,
}

/// One line with its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub whole: &'a [u8],
}

impl<'a> Line<'a> {
    /// The letter before `=`.
    pub(super) fn key(self) -> Option<u8> {
        match self.whole {
            [key, b'=', ..] => Some(*key),
            [..] => None,
        }
    }

    /// What stands behind `=`, without the end of the line.
    pub(super) fn value(self) -> &'a [u8] {
        self.whole.get(2..).unwrap_or_default().trim_ascii_end()
    }

    /// The name of an attribute, up to `:`.
    pub(super) fn attribute(self) -> Option<&'a str> {
        let name = self.value().split(|byte| *byte == b':').next()?;
        if self.key() == Some(b'a') { std::str::from_utf8(name).ok() } else { None }
    }
}

/// Walks through the lines; the last one may have no end.
pub(super) fn each_line(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(|whole| Line { whole })
}

/// Puts our origin into a description and, with `connection`, our address into every `c=` line.
pub fn rewrite(bytes: &[u8], origin: &Origin, connection: Option<IpAddr>) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    for line in each_line(bytes) {
        match (line.key(), connection) {
            (Some(b'o'), _) => {
                let Origin { id, version, address } = origin;
                let line = format!("o=- {id} {version} IN {}\r\n", address_text(*address));
                out.extend_from_slice(line.as_bytes());
            }
            (Some(b'c'), Some(address)) => {
                out.extend_from_slice(format!("c=IN {}\r\n", address_text(address)).as_bytes());
            }
            (Some(_) | None, _) => out.extend_from_slice(line.whole),
        }
    }
    out
}

fn address_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("IP4 {address}"),
        IpAddr::V6(address) => format!("IP6 {address}"),
    }
}

/// Gives every media line this direction: whatever direction stood anywhere before goes.
pub fn set_direction(bytes: &[u8], direction: Direction) -> Vec<u8> {
    let attribute = format!("a={}\r\n", direction.as_str());
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let mut in_media = false;
    for line in each_line(bytes) {
        if line.attribute().is_some_and(|name| Direction::find(name).is_some()) {
            continue;
        }
        if line.key() == Some(b'm') {
            if in_media {
                out.extend_from_slice(attribute.as_bytes());
            }
            in_media = true;
        }
        out.extend_from_slice(line.whole);
        if !line.whole.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
    }
    if in_media {
        out.extend_from_slice(attribute.as_bytes());
    }
    out
}
