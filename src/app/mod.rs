//! The top of the house: configuration, command line, driver, clock, tasks, demo.

mod accounts;
mod alerts;
mod certificate;
pub mod check;
mod cli;
mod clock;
pub mod config;
mod control;
pub mod crms;
pub mod demo;
mod driver;
mod expiry;
mod explain;
mod hearing;
mod lines;
mod making;
mod orders;
mod outlets;
mod people;
mod replay;
mod replay_accounts;
mod signals;
mod source;
mod start;
mod tape;
pub mod targets;
mod telemetry;
mod verbs;
mod watch;
mod web_site;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Verb};
use telemetry::Talk;

/// The command did not do it.
const FAILED: u8 = 1;

/// Runs the command line and says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse(); // says what is wrong and exits 2 by itself
    let serves = matches!(cli.command, Verb::Serve);
    let talk = if serves { Talk::Story } else { Talk::Unusual };
    telemetry::start(cli.log_format, talk);
    match verbs::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("navbat: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

/// The exit code that an error ends the command with.
fn exit_code(error: &anyhow::Error) -> u8 {
    if let Some(said) = error.downcast_ref::<control::SaidNo>() {
        return said.code;
    }
    if error.is::<config::ConfigError>() { check::EXIT_CONFIGURATION } else { FAILED }
}
