//! The process that is killed: journals numbered requests and records, prints what was
//! acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use navbat::model::{Mono, Now, Record, Seq, Stamped, Wall};
use navbat::store::{Journal, JournalLimits, NewRequest, Verdict};

/// Where the child works; set only in a child.
const DIRECTORY: &str = "NAVBAT_CHILD_DIRECTORY";
/// The first number it journals.
const FIRST: &str = "NAVBAT_CHILD_FIRST";
/// Requests on their way at once.
const TOGETHER: u64 = 8;
/// At most so often each of them comes again while it is refused.
const PACE: std::time::Duration = std::time::Duration::from_millis(5);

/// What the child says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It is about to ask that this request be kept.
    Asks(u64),
    /// The request was acknowledged.
    Took(u64),
    /// The commit of this record was told.
    Recorded(u64),
    /// Something was refused; the word of the error.
    Refused(String),
}

/// The limits of a child and of whoever looks at what it left.
pub fn limits() -> JournalLimits {
    JournalLimits { reserve_bytes: 64 * 1024, ..JournalLimits::default() }
}

/// Starts a child; `wrap` may put a shell or an environment around it.
pub fn start(directory: &Path, first: u64, wrap: impl FnOnce(&mut Command)) -> Running {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child::journals_until_it_dies", "--nocapture"]);
    command.env(DIRECTORY, directory).env(FIRST, first.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    wrap(&mut command);
    let mut child = command.spawn().unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    Running { child, said }
}

/// A child that runs.
pub struct Running {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Running {
    /// The next thing it says; `None` once it is dead.
    pub fn next(&mut self) -> Option<Said> {
        let mut line = String::new();
        loop {
            line.clear();
            // A line without its end was cut off by the death.
            if self.said.read_line(&mut line).unwrap_or(0) == 0 || !line.ends_with('\n') {
                return None;
            }
            let Some((word, rest)) = line.trim_end().split_once(' ') else { continue };
            let number = || rest.parse().unwrap();
            return Some(match word {
                "asks" => Said::Asks(number()),
                "took" => Said::Took(number()),
                "recorded" => Said::Recorded(number()),
                "refused" => Said::Refused(rest.to_owned()),
                _ => continue, // the test runner's own lines
            });
        }
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub fn bury(mut self) {
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The request of a number; now and then a large one, so that the file grows and is moved.
pub fn request(number: u64) -> NewRequest {
    let size = if number.is_multiple_of(7) { 30_000 } else { 300 };
    NewRequest {
        account: "main".into(),
        provider: String::from("sipuni"),
        received: Wall(1_772_427_600_000),
        method: String::from("POST"),
        path: String::from("/hooks/sipuni/main/***"),
        query: String::new(),
        headers: Vec::new(),
        body: body(number, size),
        fingerprint: Some(number.to_string()),
        verdict: Verdict::Facts,
        kind: String::from("call"),
        keys: vec![format!("k{}", number / 4)],
        retold: false,
    }
}

fn body(number: u64, size: usize) -> Vec<u8> {
    number.to_le_bytes().into_iter().cycle().take(size).collect()
}

/// The record of a place.
pub fn record(seq: u64) -> Stamped {
    let at = Now { mono: Mono(seq), wall: Wall(1_772_427_600_000) };
    Stamped { seq: Seq(seq), at, record: Record::Heard { request: Seq(0) } }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // One write per line: a death never mixes two.
    let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
}

/// Not a test but the child's whole life; does nothing in the parent.
#[test]
fn journals_until_it_dies() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async move {
        let opened = Journal::open(Path::new(&directory), limits()).await;
        let (journal, recovered, mut inbox) = opened.unwrap();
        tokio::spawn(async move { while inbox.recv().await.is_some() {} });
        let mut seq = recovered.last.map_or(0, |(seq, _)| seq.0);
        for lane in 0..TOGETHER {
            let journal = journal.clone();
            tokio::spawn(async move {
                let mut pace = tokio::time::interval(PACE);
                for number in (first + lane..).step_by(TOGETHER as usize) {
                    say(&format!("asks {number}"));
                    match journal.take(request(number)).await {
                        Ok(_) => say(&format!("took {number}")),
                        Err(error) => {
                            say(&format!("refused {error}"));
                            pace.tick().await;
                        }
                    }
                }
            });
        }
        loop {
            let commits: Vec<_> = (0..5)
                .map(|_| {
                    seq += 2;
                    (seq, journal.append(vec![record(seq - 1), record(seq)]))
                })
                .collect();
            for (seq, commit) in commits {
                match commit.await {
                    Ok(()) => say(&format!("recorded {seq}")),
                    Err(error) => say(&format!("refused {error}")),
                }
            }
        }
    });
}
