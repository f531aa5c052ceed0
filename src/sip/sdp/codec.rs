//! Codecs: what the payload numbers of a media line mean, and offering only some of them.

use super::lines::{Line, each_line};

/// One codec of a media line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    /// The number in RTP packets.
    pub payload: u8,
    /// `PCMA`, `opus`, `telephone-event`; as written.
    pub name: String,
    /// Hz.
    pub rate: u32,
    /// What `fmtp` says about it.
    pub format: Option<String>,
}

impl Codec {
    /// Says whether both are the same codec at the same rate, whatever their numbers.
    pub fn is_same(&self, other: &Codec) -> bool {
        self.name.eq_ignore_ascii_case(&other.name) && self.rate == other.rate
    }

    /// Says whether it carries no speech: tones and comfort noise go along with any codec.
    pub fn is_companion(&self) -> bool {
        COMPANIONS.iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }
}

const COMPANIONS: [&str; 2] = ["telephone-event", "CN"];

/// Payload numbers that need no `rtpmap` (RFC 3551 section 6), those that telephones use.
const STATIC: [(u8, &str, u32); 10] = [
    (0, "PCMU", 8000),
    (3, "GSM", 8000),
    (4, "G723", 8000),
    (8, "PCMA", 8000),
    (9, "G722", 8000),
    (13, "CN", 8000),
    (15, "G728", 8000),
    (18, "G729", 8000),
    (31, "H261", 90000),
    (34, "H263", 90000),
];

/// The codecs of a media line in the order it lists them.
pub(super) fn codecs(media: &sdp_types::Media) -> Vec<Codec> {
    if !media.proto.to_ascii_uppercase().contains("RTP/") {
        return Vec::new();
    }
    let about = |payload: &str, name: &str| {
        media.attributes.iter().filter(|attribute| attribute.attribute == name).find_map(|own| {
            let (number, rest) = own.value.as_deref()?.split_once(' ')?;
            (number == payload).then(|| rest.trim().to_owned())
        })
    };
    let formats = media.fmt.split_ascii_whitespace();
    let codec = |format: &str| {
        let payload: u8 = format.parse().ok()?;
        let (name, rate) = match about(format, "rtpmap") {
            Some(map) => {
                let (name, rest) = map.split_once('/')?;
                let rate = rest.split('/').next()?.parse().ok()?;
                (name.to_owned(), rate)
            }
            None => {
                let (_, name, rate) = STATIC.iter().find(|(number, _, _)| *number == payload)?;
                ((*name).to_owned(), *rate)
            }
        };
        Some(Codec { payload, name, rate, format: about(format, "fmtp") })
    };
    formats.filter_map(codec).collect()
}

/// Leaves only codecs of these names in the audio lines of a description, in the order it has
/// them; tones and comfort noise stay beside a codec that stays. Lines about the others go.
///
/// `None` when some audio line in use would be left without any codec, and when the description
/// cannot be read.
pub fn restrict(bytes: &[u8], names: &[impl AsRef<str>]) -> Option<Vec<u8>> {
    let sdp = super::read(bytes).ok()?;
    let mut media = sdp.media.iter();
    let mut kept: Option<Vec<&str>> = None;
    let mut out = Vec::with_capacity(bytes.len());
    for line in each_line(bytes) {
        if line.key() == Some(b'm') {
            let media = media.next()?;
            kept = None;
            if media.kind == "audio" && media.is_live() && !media.codecs.is_empty() {
                let wanted = |codec: &&super::Codec| {
                    names.iter().any(|name| codec.name.eq_ignore_ascii_case(name.as_ref()))
                };
                media.codecs.iter().filter(|codec| !codec.is_companion()).find(wanted)?;
                let stays = |format: &&String| {
                    let codec =
                        media.codecs.iter().find(|codec| codec.payload.to_string() == ***format);
                    codec.is_some_and(|codec| codec.is_companion() || wanted(&codec))
                };
                let formats: Vec<&str> =
                    media.formats.iter().filter(stays).map(String::as_str).collect();
                write_media(line, &formats, &mut out);
                kept = Some(formats);
                continue;
            }
        }
        let gone = kept.as_ref().is_some_and(|kept| !belongs(line, kept));
        if !gone {
            out.extend_from_slice(line.whole);
        }
    }
    Some(out)
}

/// The media line with these formats in the place of its own.
fn write_media(line: Line<'_>, formats: &[&str], out: &mut Vec<u8>) {
    out.extend_from_slice(b"m=");
    let words = line.value().split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let head: Vec<&[u8]> = words.take(3).collect();
    out.extend_from_slice(&head.join(&b' '));
    for format in formats {
        out.push(b' ');
        out.extend_from_slice(format.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Says whether a line is about one of these formats, or about none in particular.
fn belongs(line: Line<'_>, formats: &[&str]) -> bool {
    let about = ["rtpmap", "fmtp", "rtcp-fb"];
    if !line.attribute().is_some_and(|name| about.contains(&name)) {
        return true;
    }
    let value = line.value().splitn(2, |byte| *byte == b':').nth(1).unwrap_or_default();
    let number = value.split(|byte| *byte == b' ').next().unwrap_or_default();
    number == b"*" || formats.iter().any(|format| format.as_bytes() == number)
}
