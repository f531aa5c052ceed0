//! What the operating system may ask of a running server.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Finish what is in flight and end (SIGTERM, Ctrl-C).
    Stop,
    /// Read the configuration again (SIGHUP).
    Reload,
}

/// Hears signals from its making on.
pub struct Signals {
    term: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Begins to hear. Fails when the process may not have handlers.
    pub fn hear() -> std::io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.term.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// From here on a second stop ends the process at once. Nothing acknowledged is lost: it was
    /// committed before its acknowledgement.
    pub fn end_at_second(mut self) {
        tokio::spawn(async move {
            loop {
                if self.next().await == Asked::Stop {
                    std::process::exit(1);
                }
            }
        });
    }
}
