//! When a certificate ends: the one date that is read from its DER (RFC 5280 section 4.1).

use std::path::Path;

use anyhow::Context;

use crate::model::Wall;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERAL_TIME: u8 = 0x18;

/// When the first certificate of a PEM file ends. Fails on a file that holds none.
pub fn ends_at(file: &Path) -> anyhow::Result<Wall> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let found = CertificateDer::from_pem_file(file);
    let found = found.with_context(|| format!("cannot read {}", file.display()))?;
    not_after(&found).with_context(|| format!("{} tells no end", file.display()))
}

/// The end of a certificate's validity; `None` where it is not read as one.
fn not_after(der: &[u8]) -> Option<Wall> {
    let (certificate, _) = inside(der, SEQUENCE)?;
    let (mut fields, _) = inside(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        fields = skip(fields)?;
    }
    for _ in ["serial", "signature", "issuer"] {
        fields = skip(fields)?;
    }
    let (validity, _) = inside(fields, SEQUENCE)?;
    let (tag, end, _) = element(skip(validity)?)?;
    moment(tag, std::str::from_utf8(end).ok()?)
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn moment(tag: u8, text: &str) -> Option<Wall> {
    let text = match tag {
        UTC_TIME => {
            let century = if text.get(..2)?.parse::<u8>().ok()? >= 50 { "19" } else { "20" };
            format!("{century}{text}")
        }
        GENERAL_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| text.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    Wall::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

/// The content of an element of a kind, and what follows it.
fn inside(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, after) = element(bytes)?;
    (tag == wanted).then_some((content, after))
}

fn skip(bytes: &[u8]) -> Option<&[u8]> {
    element(bytes).map(|(_, _, after)| after)
}

/// Tag, content and the rest.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short if short < 0x80 => (short, rest),
        long => {
            let (size, rest) = rest.split_at_checked(long - 0x80)?;
            if size.len() > 4 {
                return None;
            }
            (size.iter().fold(0, |all, byte| all << 8 | usize::from(*byte)), rest)
        }
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((*tag, content, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        for (year, wanted) in [(2031, "2031-05-06T00:00:00Z"), (2075, "2075-05-06T00:00:00Z")] {
            let mut params = rcgen::CertificateParams::new(vec![String::from("x")]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 5, 6);
            let made = params.self_signed(&key).unwrap();
            assert_eq!(not_after(made.der()), Wall::parse_rfc3339(wanted));
        }
        let whole = rcgen::generate_simple_self_signed(vec![String::from("x")]).unwrap();
        let der = whole.cert.der().to_vec();
        for cut in 0..der.len().min(200) {
            let _none_of_them_panics = not_after(&der[..cut]);
        }
        assert_eq!(not_after(b"no certificate"), None);
    }
}
