//! The command line beside a running server: one line of JSON asks, one line answers.
//!
//! The socket stands in the data directory with mode 0600: who may open it may read the database
//! as well. An answer carries the exit code, so that a script sees the same as without a server.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::orders::{Desk, Done, Order};

/// The socket's name in the data directory.
const SOCKET: &str = "control.sock";
/// A question longer than this is not one of ours.
const LINE_MAX: u64 = 64 * 1024;
/// How long a client waits: a backup of a large database takes its time.
const PATIENCE: Duration = Duration::from_secs(600);

/// What the server answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
enum Answer {
    /// It was done.
    Done {
        /// What to print.
        done: Done,
    },
    /// It was not.
    Failed {
        /// What to say.
        message: String,
        /// How the command ends.
        code: u8,
    },
}

/// A server said no, with the exit code that the command ends with.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SaidNo {
    /// What the server said.
    pub message: String,
    /// The exit code.
    pub code: u8,
}

/// A socket that is removed when it is dropped.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.path);
    }
}

/// Opens the socket of a data directory that this process owns.
///
/// A file that a killed server left behind is removed: the journal's lock, which is held by then,
/// says that no other server lives.
pub fn open(data_dir: &Path) -> anyhow::Result<Socket> {
    let path = data_dir.join(SOCKET);
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).context("cannot remove an old control.sock"),
    }
    let listener = UnixListener::bind(&path)
        .with_context(|| format!("cannot open {} (a shorter data_dir helps)", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(Socket { listener, path })
}

/// Answers orders until it is asked to stop, one after the other: two people who administer at
/// the same moment wait for each other.
pub async fn listen(socket: Socket, desk: Desk, stop: CancellationToken) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = socket.listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "control socket");
                    return;
                }
            },
        };
        if let Err(error) = answer(stream, &desk).await {
            warn!(%error, "an order was not understood");
        }
    }
}

async fn answer(stream: UnixStream, desk: &Desk) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = tokio::io::BufReader::new(read.take(LINE_MAX));
    tokio::time::timeout(Duration::from_secs(5), read.read_line(&mut line)).await??;
    let order: Order = serde_json::from_str(&line)?;
    let answer = match desk.carry_out(order).await {
        Ok(done) => Answer::Done { done },
        Err(error) => {
            Answer::Failed { message: format!("{error:#}"), code: super::exit_code(&error) }
        }
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    write.write_all(text.as_bytes()).await?;
    Ok(())
}

/// Has the server of a data directory carry out an order; `None` when no server runs there.
pub fn ask(data_dir: &Path, order: &Order) -> anyhow::Result<Option<Done>> {
    let Ok(mut stream) = std::os::unix::net::UnixStream::connect(data_dir.join(SOCKET)) else {
        return Ok(None);
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = serde_json::to_string(order)?;
    text.push('\n');
    stream.write_all(text.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).context("the server does not answer")?;
    if line.is_empty() {
        bail!("the server did not understand: is it of another version?");
    }
    match serde_json::from_str(&line)? {
        Answer::Done { done } => Ok(Some(done)),
        Answer::Failed { message, code } => Err(SaidNo { message, code }.into()),
    }
}
