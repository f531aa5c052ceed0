//! Secrets of the configuration: written as `X`, or better in a file named by `X_file`.

use std::cell::Cell;
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::plan::{Place, Problem, Section};

/// Longer secrets do not exist; a file of this size is the wrong file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Whether files beside the configuration may be touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// They are read, and what is wrong with them is told.
    Read,
    /// They are left alone (`check --offline`); secrets in files stay empty.
    Leave,
}

/// Finds secrets and files relative to the configuration.
#[derive(Debug)]
pub struct Vault {
    base: PathBuf,
    files: Files,
    /// Secrets that stand in the configuration file itself.
    inline: Cell<usize>,
}

/// A secret and where it was written.
#[derive(Debug, Clone)]
pub struct Secret {
    /// The secret; empty when files are left alone.
    pub text: SecretString,
    /// Where it, or the name of its file, stands.
    pub at: Place,
}

impl Vault {
    /// Paths are relative to `base`, the folder of the configuration file.
    pub const fn new(base: PathBuf, files: Files) -> Vault {
        Vault { base, files, inline: Cell::new(0) }
    }

    /// Whether files may be touched.
    pub const fn files(&self) -> Files {
        self.files
    }

    /// A path of the configuration.
    pub fn path(&self, text: &str) -> PathBuf {
        self.base.join(text)
    }

    /// How many secrets stood in the configuration file itself.
    pub const fn inline(&self) -> usize {
        self.inline.get()
    }

    /// Reads the secret `keys.0`, or the file named by `keys.1`.
    pub fn secret(
        &self,
        section: &mut Section<'_>,
        keys: (&'static str, &'static str),
    ) -> Option<Secret> {
        let (key, key_file) = keys;
        if section.has(key) && section.has(key_file) {
            let message = format!("`{}` and `{key_file}` both stand here", section.path(key));
            let mend = format!("keep `{key_file}`");
            section.error(&section.place(key), "conflict", message, &mend);
        }
        let inline = section.node(key);
        let file = section.opt::<String>(key_file);
        if let Some(node) = inline {
            let text = section.read::<String>(key, node)?;
            if !matches!(text.at, Place::Environment(_)) {
                self.inline.set(self.inline.get() + 1);
            }
            section.show(key, "(hidden)".into(), None, text.at.clone());
            return self.filled(section, key, text.value, text.at);
        }
        let file = file?;
        if self.files == Files::Leave {
            return Some(Secret { text: SecretString::default(), at: file.at });
        }
        match self.read(&file.value) {
            Ok(text) => self.filled(section, key_file, text, file.at),
            Err(problem) => {
                section.reader().add(Problem { place: file.at, ..problem });
                None
            }
        }
    }

    /// The same for a secret that must be there.
    pub fn must(
        &self,
        section: &mut Section<'_>,
        keys: (&'static str, &'static str),
    ) -> Option<Secret> {
        if !section.has(keys.0) && !section.has(keys.1) {
            let message = format!("`{}` is missing", section.path(keys.0));
            let mend = format!("write the secret to a file and add `{} = \"…\"`", keys.1);
            section.error(section.at(), "missing", message, &mend);
        }
        self.secret(section, keys)
    }

    fn filled(&self, section: &Section<'_>, key: &str, text: String, at: Place) -> Option<Secret> {
        let bare = text.trim_end();
        if bare.is_empty() {
            let message = format!("the secret `{}` is empty", section.path(key));
            section.error(&at, "bad-value", message, "");
            return None;
        }
        Some(Secret { text: SecretString::from(bare), at })
    }

    /// Reads a file of secrets. Fails when it cannot be read or everybody may read it.
    fn read(&self, name: &str) -> Result<String, Problem> {
        let path = self.path(name);
        self.refuse_open(&path)?;
        let error = |error: std::io::Error| {
            let message = format!("cannot read {}: {error}", path.display());
            Problem::error(&Place::Default, "secret-file", message)
        };
        let mut text = String::new();
        let file = std::fs::File::open(&path).map_err(error)?;
        file.take(SECRET_BYTES_MAX).read_to_string(&mut text).map_err(error)?;
        Ok(text)
    }

    /// Complains about a file of secrets that everybody on the machine may read.
    pub fn refuse_open(&self, path: &Path) -> Result<(), Problem> {
        if !is_world_readable(path) {
            return Ok(());
        }
        let message = format!("everybody on this machine may read {}", path.display());
        let mend = format!("chmod o-rwx {}", path.display());
        Err(Problem::error(&Place::Default, "world-readable", message).mend(mend))
    }
}

/// Whether users who are neither the owner nor of the group may read a file.
pub fn is_world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS_READ: u32 = 0o004;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & OTHERS_READ != 0)
}
