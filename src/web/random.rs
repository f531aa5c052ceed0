//! Random text and the hashes under which secrets are kept.

use rand::TryRng;
use rand::rngs::SysRng;
use sha2::{Digest, Sha256};

use crate::model::Wall;

use super::fault::Fault;

/// A random text of 128 bits, in hexadecimal. Fails only when the machine has no randomness.
pub fn secret() -> Result<String, Fault> {
    let mut bytes = [0_u8; 16];
    SysRng.try_fill_bytes(&mut bytes).map_err(|_| Fault::Broken)?;
    Ok(hex(&bytes))
}

/// A short random text that names one request in the log.
pub fn trace() -> String {
    let mut bytes = [0_u8; 6];
    match SysRng.try_fill_bytes(&mut bytes) {
        Ok(()) => hex(&bytes),
        Err(_) => String::from("000000000000"),
    }
}

/// An id that is ordered by time (UUID version 7).
pub fn id(at: Wall) -> String {
    let mut bytes = [0_u8; 10];
    let _ = SysRng.try_fill_bytes(&mut bytes); // without randomness the time still orders it
    let millis = u64::try_from(at.0).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().to_string()
}

/// The hash of a random secret, as the database keeps it. Random secrets need no slow hash.
pub fn kept(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
