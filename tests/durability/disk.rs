//! The bad disk: `fault.c`, made by the C compiler once per run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The library to load under a child.
pub fn shim() -> &'static Path {
    static MADE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("fault.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/durability/fault.c");
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .status();
        assert!(made.is_ok_and(|status| status.success()), "cc could not make the fault layer");
        (folder, library)
    });
    library
}

/// Puts the bad disk under a child.
pub fn under(command: &mut Command, directory: &Path) {
    command.env("LD_PRELOAD", shim()).env("FAULT_DIR", directory);
}

/// Small numbers by chance, the same for the same seed.
pub struct Dice(navbat::model::Seed);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(navbat::model::Seed::new(seed))
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0.below(end)
    }
}
