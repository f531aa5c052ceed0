//! One process per data directory.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::error::StoreError;

/// Held as long as the process works in the directory; the system frees it when it dies.
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Makes the directory where it is missing and takes its lock. Fails when another has it.
    pub(super) fn take(directory: &Path) -> Result<DirectoryLock, StoreError> {
        let failed = |source| StoreError::File { path: directory.to_owned(), source };
        std::fs::create_dir_all(directory).map_err(failed)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join("lock"))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(DirectoryLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(directory.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}
