//! Logs: text for a person at a terminal, JSON lines for a machine.
//!
//! They go to standard error, so that what a command prints can be piped. Numbers are masked by
//! their type; nothing here needs to search for them.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

use clap::ValueEnum;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// How often histograms are tidied; seldomer keeps more samples in memory.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Key `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// Lines for a person.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged when `NAVBAT_LOG` says nothing. `sqlx` tells every statement at `debug`, and
/// slow ones at `warn`.
const FILTER: &str = "info";
/// What the commands that print an answer log.
const FILTER_QUIET: &str = "warn";

/// How much a command tells beside its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// The story of calls and of this node.
    Story,
    /// Only what is unusual.
    Unusual,
}

/// Starts the log of this process; a second call changes nothing.
pub fn start(format: LogFormat, talk: Talk) {
    let default = match talk {
        Talk::Story => FILTER,
        Talk::Unusual => FILTER_QUIET,
    };
    let filter = EnvFilter::try_from_env("NAVBAT_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let base = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let terminal = std::io::stderr().is_terminal();
    let text = match format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    // An error here means that a log was started already, which is as good.
    let _started = if text {
        base.with_ansi(terminal).with_target(false).try_init()
    } else {
        base.json().flatten_event(true).try_init()
    };
}

/// The figures of this process; `None` when another recorder was there first.
pub fn metrics() -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(|| PrometheusBuilder::new().install_recorder().ok()).clone()
}

/// Lets the recorder drop what its histograms no longer need.
pub async fn upkeep(stop: CancellationToken) {
    let Some(handle) = metrics() else { return };
    while tokio::time::timeout(UPKEEP_EVERY, stop.cancelled()).await.is_err() {
        handle.run_upkeep();
    }
}
