//! The pages of navbat as files inside the binary.
//!
//! `build.rs` fills the folder that is embedded here: with the built pages, or with one plain
//! page where there is no node to build them. The server asks for a path and gets bytes; it
//! never knows which of the two it serves, but may ask ([`is_placeholder`]) to say so at start.

use std::borrow::Cow;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/dist"]
struct Dist;

/// One file as it goes over the wire.
#[derive(Debug, Clone)]
pub struct File {
    /// What to send.
    pub bytes: Cow<'static, [u8]>,
    /// The `Content-Type`, with its charset where it is text.
    pub mime: String,
    /// The `ETag`, with its quotes: a hash of the bytes.
    pub etag: String,
    /// Whether the name holds a hash of the content, so that a browser may keep it for ever.
    pub immutable: bool,
}

/// Looks a file up by its path without the leading slash, such as `assets/app-1f2e.js`.
///
/// `None` for a path that is no file: a page of ours (answer [`index`]) or nothing at all.
pub fn file(path: &str) -> Option<File> {
    let found = Dist::get(path)?;
    let etag = quoted_hash(&found.metadata.sha256_hash());
    let mime = with_charset(found.metadata.mimetype());
    Some(File { bytes: found.data, mime, etag, immutable: path.starts_with("assets/") })
}

/// The one HTML document; every page of ours (`/panel`, `/board` …) is answered with it.
pub fn index() -> File {
    file("index.html").unwrap_or_else(|| File {
        bytes: Cow::Borrowed(include_bytes!("placeholder/index.html")),
        mime: with_charset("text/html"),
        etag: "\"placeholder\"".to_owned(),
        immutable: false,
    })
}

/// Whether the pages were left out of this build, for want of node or on demand.
pub fn is_placeholder() -> bool {
    env!("NAVBAT_UI_KIND") == "placeholder"
}

fn with_charset(mime: &str) -> String {
    let is_text = mime.starts_with("text/") || mime == "application/json";
    if is_text { format!("{mime}; charset=utf-8") } else { mime.to_owned() }
}

fn quoted_hash(hash: &[u8; 32]) -> String {
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_a_page_in_utf8() {
        let index = index();
        assert_eq!(index.mime, "text/html; charset=utf-8");
        assert!(!index.immutable, "the index names the hashed files, so it must be asked for");
        assert!(String::from_utf8_lossy(&index.bytes).contains("<html"));
        assert!(index.etag.starts_with('"') && index.etag.ends_with('"'));
    }

    #[test]
    fn whatever_the_index_refers_to_is_there() {
        let html = String::from_utf8_lossy(&index().bytes).into_owned();
        let paths = html.split(['"', '\'']).filter_map(|part| part.strip_prefix('/'));
        for path in paths.filter(|path| path.contains('.')) {
            assert!(file(path).is_some(), "{path} is missing");
        }
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for path in ["../Cargo.toml", "", "assets/../../embed.rs", "/etc/passwd"] {
            assert!(file(path).is_none(), "{path}");
        }
    }
}
