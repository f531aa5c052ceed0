//! Understanding a session description, and whether an answer fits its offer.
//!
//! The parser is sdp-types. It takes lines in the wrong order for the beginning of the end and
//! loses all media behind them, so the number of `m=` lines is counted beside it. A version that
//! does not fit into 64 bits and letters of an old code page are mended first: both come from
//! real telephones and mean nothing to us.

use core::net::IpAddr;

use super::codec::{Codec, codecs};
use super::lines::each_line;

/// The longest description, bytes. Larger costs memory per call; video with many codecs and
/// ICE candidates stays below 8 KiB.
pub const SDP_BYTES_MAX: usize = 32 * 1024;
/// Most media lines. A telephone has one or two.
pub const MEDIA_MAX: usize = 16;

/// Why a description cannot be used. The request that carries it gets 488, or 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    #[error("session description over {SDP_BYTES_MAX} bytes")]
    TooLong,
    #[error("more than {MEDIA_MAX} media lines")]
    TooManyMedia,
    #[error("malformed session description")]
    Malformed,
    #[error("lines in the wrong order")]
    Order,
    /// An answer with other media lines than its offer (RFC 3264 section 6).
    #[error("the answer does not fit the offer")]
    Mismatch,
}

/// Which way the media flows, seen from whoever wrote the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    /// Every direction.
    pub const ALL: [Direction; 4] =
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];

    /// The attribute on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// The same flow seen from the other side.
    #[must_use]
    pub const fn reversed(self) -> Direction {
        match self {
            Direction::SendRecv => Direction::SendRecv,
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            Direction::Inactive => Direction::Inactive,
        }
    }

    /// The attribute with this name.
    pub fn find(name: &str) -> Option<Direction> {
        Direction::ALL.into_iter().find(|own| own.as_str() == name)
    }
}

/// One media line and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `image`.
    pub kind: String,
    /// 0 for a refused or ended one.
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVPF`, `udptl`.
    pub protocol: String,
    /// The formats as listed, the best liked first.
    pub formats: Vec<String>,
    /// Its own address or the one of the whole description; `None` for a name.
    pub address: Option<IpAddr>,
    pub direction: Direction,
    /// What the formats are, for RTP; in the order of `formats`, unknown ones left out.
    pub codecs: Vec<Codec>,
}

impl Media {
    /// Says whether it is in use.
    pub const fn is_live(&self) -> bool {
        self.port > 0
    }

    /// Says whether its writer does not want to hear the other side: by direction, or by the
    /// address of nowhere that older telephones send (RFC 3264 section 8.4).
    pub fn is_held(&self) -> bool {
        let deaf = matches!(self.direction, Direction::SendOnly | Direction::Inactive);
        deaf || self.address.is_some_and(|address| address.is_unspecified())
    }
}

/// A session description, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sdp {
    pub media: Vec<Media>,
}

impl Sdp {
    /// The first audio in use.
    pub fn audio(&self) -> Option<&Media> {
        self.media.iter().find(|media| media.kind == "audio" && media.is_live())
    }

    /// The direction of the first audio in use; `Inactive` when there is none.
    pub fn direction(&self) -> Direction {
        self.audio().map_or(Direction::Inactive, |audio| audio.direction)
    }

    /// Says whether its writer holds the call.
    pub fn is_hold(&self) -> bool {
        self.audio().is_some_and(Media::is_held)
    }

    /// The codecs of the first audio in use, the best liked first.
    pub fn codecs(&self) -> &[Codec] {
        self.audio().map_or(&[], |audio| &audio.codecs)
    }
}

/// Reads a description. Fails as [`SdpError`] says.
pub fn read(bytes: &[u8]) -> Result<Sdp, SdpError> {
    if bytes.len() > SDP_BYTES_MAX {
        return Err(SdpError::TooLong);
    }
    let count = |key: u8| each_line(bytes).filter(|line| line.key() == Some(key)).count();
    // The parser does without; whoever gets it next may not.
    if !bytes.starts_with(b"v=0") || count(b'o') != 1 {
        return Err(SdpError::Malformed);
    }
    let counted = count(b'm');
    if counted > MEDIA_MAX {
        return Err(SdpError::TooManyMedia);
    }
    let session = sdp_types::Session::parse(bytes)
        .or_else(|_| sdp_types::Session::parse(&mended(bytes)))
        .map_err(|_| SdpError::Malformed)?;
    if session.medias.len() != counted {
        return Err(SdpError::Order);
    }
    let direction = direction_of(&session.attributes).unwrap_or(Direction::SendRecv);
    let address = session.connection.as_ref().and_then(address_of);
    let media = session.medias.iter().map(|media| Media {
        kind: media.media.clone(),
        port: media.port,
        protocol: media.proto.clone(),
        formats: media.fmt.split_ascii_whitespace().map(str::to_owned).collect(),
        address: media.connections.first().map_or(address, address_of),
        direction: direction_of(&media.attributes).unwrap_or(direction),
        codecs: codecs(media),
    });
    Ok(Sdp { media: media.collect() })
}

/// The same description with an origin that every parser can read, in UTF-8.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for line in each_line(bytes) {
        if line.key() == Some(b'o') {
            out.extend_from_slice(b"o=- 0 0 IN IP4 0.0.0.0\r\n");
        } else {
            out.extend_from_slice(String::from_utf8_lossy(line.whole).as_bytes());
        }
    }
    out
}

fn direction_of(attributes: &[sdp_types::Attribute]) -> Option<Direction> {
    attributes.iter().find_map(|attribute| Direction::find(&attribute.attribute))
}

fn address_of(connection: &sdp_types::Connection) -> Option<IpAddr> {
    // A multicast address may have a time to live behind a slash.
    connection.connection_address.split('/').next()?.parse().ok()
}

/// Holds an answer against its offer: as many media lines, each of the same kind and protocol,
/// none revived that was offered with port 0, one format at least in common (RFC 3264 section 6).
pub fn check_answer(offer: &Sdp, answer: &Sdp) -> Result<(), SdpError> {
    let fits = |(offered, answered): (&Media, &Media)| {
        offered.kind == answered.kind
            && (!answered.is_live()
                || (offered.is_live()
                    && offered.protocol.eq_ignore_ascii_case(&answered.protocol)
                    && share_a_format(offered, answered)))
    };
    let fine =
        offer.media.len() == answer.media.len() && offer.media.iter().zip(&answer.media).all(fits);
    if fine { Ok(()) } else { Err(SdpError::Mismatch) }
}

fn share_a_format(one: &Media, two: &Media) -> bool {
    let same_name = |codec: &Codec| two.codecs.iter().any(|other| other.is_same(codec));
    one.codecs.iter().any(same_name)
        || one.formats.iter().any(|format| two.formats.contains(format))
}
