//! Session descriptions: what the two parties say about their audio.
//!
//! The audio runs between the parties, so a description is passed on almost as it came: it is
//! read to be understood ([`read`]) and rewritten line by line where it must change
//! ([`rewrite`]), never printed anew, so that nothing anybody put in is lost.
//! Sources: RFC 8866, RFC 3264 (offer and answer), RFC 3551 (static payload types).

mod codec;
mod lines;
mod read;

pub use codec::{Codec, restrict};
pub use lines::{Origin, rewrite, set_direction};
pub use read::{Direction, MEDIA_MAX, Media, SDP_BYTES_MAX, Sdp, SdpError, check_answer, read};

/// The content type of a description.
pub const CONTENT_TYPE: &str = "application/sdp";

#[cfg(test)]
mod tests;
