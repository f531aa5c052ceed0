//! The top of the house: configuration, command line, driver, clock, tasks, demo.

pub mod check;
pub mod config;

/// Runs the command line and says how it ended.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
