//! A file that holds some of the disk back, given up when the disk is full.
//!
//! What it frees lets the records of running calls go on while webhooks are refused. It is made
//! again as soon as there is room for it, and that is how space is seen to have returned.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The reserve of one directory.
#[derive(Clone)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: bool,
}

/// Written at a time while the file is made.
const BLOCK: usize = 256 * 1024;

impl Reserve {
    /// Makes the file unless it is there in full; `held` tells whether that worked.
    pub(super) fn hold(path: &Path, bytes: u64) -> Reserve {
        let mut reserve = Reserve { path: path.to_owned(), bytes, held: false };
        reserve.restore();
        reserve
    }

    /// Whether the space is held back.
    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// Gives the space to whoever writes next.
    pub(super) fn release(&mut self) {
        self.held = false;
        if let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the reserve of the disk could not be released");
        }
    }

    /// Takes the space back if it is there; true when it is held afterwards.
    pub(super) fn restore(&mut self) -> bool {
        let there = std::fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes);
        self.held = there || self.bytes == 0 || self.make().is_ok();
        if !self.held {
            self.release();
        }
        self.held
    }

    fn make(&self) -> std::io::Result<()> {
        let mut file = File::create(&self.path)?;
        let block = vec![0_u8; BLOCK];
        let mut left = self.bytes;
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            file.write_all(block.get(..count).unwrap_or(&block))?;
            left = left.saturating_sub(u64::try_from(count).unwrap_or(left));
        }
        file.sync_all()
    }
}
