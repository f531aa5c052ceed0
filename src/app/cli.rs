//! The command line: what may be typed, and the help that is read before it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use super::telemetry::LogFormat;

const EXAMPLES: &str = "\
Try it:
  navbat demo                                a call centre on this machine, with the pages to watch it
  navbat serve                               starts on the defaults and prints the first-run link

Run it:
  navbat check --config navbat.toml          says line and column of what is wrong
  navbat serve --config navbat.toml
  navbat reload --config navbat.toml         swaps the configuration of the running server

Ask it:
  navbat explain sipuni-main/1795150800.100001
  navbat explain --operator Malika --from 2026-11-20
  navbat replay captured.jsonl --config navbat.toml

Exit codes:
  0  good      1  failed      2  wrong use      78  wrong configuration

Every key of the configuration may also stand in the environment: NAVBAT__QUEUE__SALES__RING=25s.
The log goes to standard error; NAVBAT_LOG=debug tells more.";

/// The five roles; what each may do is decided in the `web` room.
const ROLES: [&str; 5] = ["operator", "supervisor", "admin", "integrator", "wallboard"];

/// Takes calls and call events, decides who rings, and shows the caller's card while it rings.
#[derive(Debug, Parser)]
#[command(name = "navbat", version, after_help = EXAMPLES, arg_required_else_help = true)]
#[command(disable_help_subcommand = true)]
pub struct Cli {
    /// The configuration file; without one the embedded defaults hold
    #[arg(long, global = true, value_name = "FILE", env = "NAVBAT_CONFIG")]
    pub config: Option<PathBuf>,
    /// How the log is written
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// What to do.
    #[command(subcommand)]
    pub command: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the server
    Serve,
    /// Run a whole call centre here, with providers that send real webhooks
    #[command(
        after_help = "Without --headless it runs until Ctrl-C. With it, the end is a table\n\
        whose books are checked: exit 1 when a call was lost or counted twice."
    )]
    Demo(Demo),
    /// Read the configuration and the dialplans and say what is wrong
    Check(Check),
    /// Say why a call went as it went, or why an operator was (not) rung
    Explain(Explain),
    /// Read captured provider requests into an empty engine and print the calls
    #[command(after_help = "One JSON object a line: at, transport (http, ami or clock), method, \
        path, headers, body.\nPrints one JSON object a call, in the order of their first events.")]
    Replay(Replay),
    /// Add, list or disable operators
    #[command(subcommand)]
    Operator(OperatorVerb),
    /// Add, list or disable people who sign in
    #[command(subcommand)]
    User(UserVerb),
    /// Create, list or revoke tokens of programs
    #[command(subcommand)]
    Token(TokenVerb),
    /// Write a consistent copy of the journal and the database
    Backup(Backup),
    /// Make the running server read its configuration again
    #[command(after_help = "A configuration with a mistake changes nothing and exits 78.")]
    Reload,
    /// Print the configuration
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Print the OpenAPI document of the HTTP interface
    Openapi,
    /// Print the completions of a shell
    Completions {
        /// Which
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// `navbat demo`.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// Stop after this many calls; without it calls come until Ctrl-C
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub calls: Option<u32>,
    /// How many times faster than life; 1 to watch, 60 headless
    #[arg(long, value_name = "X", value_parser = speed)]
    pub speed: Option<f64>,
    /// The same seed makes the same day
    #[arg(long, value_name = "S", default_value_t = 42)]
    pub seed: u64,
    /// No pages: run, print the summary, exit
    #[arg(long)]
    pub headless: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.1..=1000.0).contains(&speed) => Ok(speed),
        Ok(_) | Err(_) => Err(String::from("write a number from 0.1 to 1000")),
    }
}

/// `navbat check`.
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// Touch neither the network nor files beyond the configuration
    #[arg(long)]
    pub offline: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `navbat explain`.
#[derive(Debug, Clone, Args)]
pub struct Explain {
    /// The call: its id, or its key (`account/` and the provider's own call id)
    #[arg(required_unless_present = "operator", conflicts_with = "operator")]
    pub call: Option<String>,
    /// The operator whose rings are explained
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
    /// From this day or moment; without it the last day
    #[arg(long, requires = "operator", value_name = "WHEN")]
    pub from: Option<String>,
    /// To this day or moment
    #[arg(long, requires = "operator", value_name = "WHEN")]
    pub to: Option<String>,
    /// The language: uz, uz-Cyrl, ru or en; without it the site's
    #[arg(long, value_name = "LANG")]
    pub lang: Option<String>,
}

/// `navbat replay`.
#[derive(Debug, Clone, Args)]
pub struct Replay {
    /// The captured requests
    #[arg(value_name = "FILE.jsonl")]
    pub file: PathBuf,
}

/// `navbat operator`.
#[derive(Debug, Clone, Subcommand)]
pub enum OperatorVerb {
    /// Add an operator
    Add {
        /// Unique; stands in calls and reports
        name: String,
        /// Login of the panel; makes a user and prints their one-time link
        #[arg(long)]
        login: Option<String>,
        /// How providers name the operator: `account:alias`, or an alias that holds in all
        #[arg(long = "alias", value_name = "ALIAS")]
        aliases: Vec<String>,
    },
    /// List operators
    List,
    /// Disable an operator; nothing of theirs is deleted
    Disable {
        /// Whom
        name: String,
    },
}

/// `navbat user`.
#[derive(Debug, Clone, Subcommand)]
pub enum UserVerb {
    /// Add a user, or give one another chance: prints a one-time link to set the password
    Add {
        /// The login
        login: String,
        /// operator, supervisor, admin, integrator or wallboard
        #[arg(long, value_parser = ROLES)]
        role: String,
    },
    /// List users
    List,
    /// Disable a user; sessions end at once
    Disable {
        /// Whom
        login: String,
    },
}

/// `navbat token`.
#[derive(Debug, Clone, Subcommand)]
pub enum TokenVerb {
    /// Create a bearer token and print it once
    Create {
        /// operator, supervisor, admin, integrator or wallboard
        #[arg(long, value_parser = ROLES)]
        role: String,
        /// What it is for
        #[arg(long)]
        name: String,
    },
    /// List tokens
    List,
    /// Revoke a token
    Revoke {
        /// Which
        name: String,
    },
}

/// `navbat backup`.
#[derive(Debug, Clone, Args)]
pub struct Backup {
    /// The folder to write to; without it `backups/` of the data directory
    #[arg(value_name = "FOLDER")]
    pub to: Option<PathBuf>,
}

/// `navbat config`.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigVerb {
    /// Print every key with its default
    Default,
    /// Print every value and where it came from, secrets hidden
    Show,
}
