//! sipp as callers and as operators' telephones: scenarios in `sipp/`, counters from its
//! statistics file.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::exchange::PATIENCE;

/// Calls of one log of errors that are shown, and how much of what is said of each.
const COMPLAINTS_MAX: usize = 20;
const COMPLAINT_CHARS: usize = 90;

/// One running sipp.
pub struct Sipp {
    child: Child,
    folder: PathBuf,
    name: String,
}

/// What a sipp counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Calls that ended as the scenario says.
    pub good: u64,
    /// Calls that did not.
    pub failed: u64,
    /// The scenario's own counters 1, 2 and 3.
    pub counters: [u64; 3],
}

/// How a sipp is started.
pub struct Plan<'a> {
    pub name: &'a str,
    pub scenario: &'a str,
    /// Words of the scenario to replace.
    pub words: &'a [(&'a str, String)],
    pub local: SocketAddr,
    pub more: Vec<String>,
}

impl Sipp {
    /// Starts a sipp in a folder.
    pub fn start(folder: &Path, plan: &Plan<'_>) -> Sipp {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/sipp");
        let mut text = std::fs::read_to_string(source.join(plan.scenario)).unwrap();
        for (word, value) in plan.words {
            text = text.replace(word, value);
        }
        let file = folder.join(format!("{}.xml", plan.name));
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new("sipp");
        command.current_dir(folder).arg("-sf").arg(&file);
        command.args(["-i", &plan.local.ip().to_string(), "-p", &plan.local.port().to_string()]);
        command.args(["-nostdin", "-trace_stat", "-fd", "1", "-trace_err", "-stf"]);
        command.arg(folder.join(format!("{}.csv", plan.name))).args(&plan.more);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("sipp (Debian package sip-tester) is installed");
        Sipp { child, folder: folder.to_owned(), name: plan.name.to_owned() }
    }

    /// Waits until it ends by itself: every call was made.
    pub async fn done(mut self, within: Duration) -> Tally {
        let ended = tokio::time::timeout(within, async {
            let mut look = tokio::time::interval(Duration::from_millis(50));
            while self.child.try_wait().unwrap().is_none() {
                look.tick().await;
            }
        });
        assert!(ended.await.is_ok(), "{} does not end: {:?}", self.name, self.tally());
        self.tally()
    }

    /// Asks it to end after the calls it has (SIGUSR1), and reads its counters.
    pub async fn finish(mut self) -> Tally {
        let id = self.child.id().to_string();
        let _told = Command::new("kill").args(["-s", "USR1", &id]).status();
        let ended = tokio::time::timeout(PATIENCE, async {
            let mut look = tokio::time::interval(Duration::from_millis(50));
            while self.child.try_wait().unwrap().is_none() {
                look.tick().await;
            }
        });
        assert!(ended.await.is_ok(), "{} still has calls: {:?}", self.name, self.tally());
        self.tally()
    }

    fn tally(&self) -> Tally {
        let file = self.folder.join(format!("{}.csv", self.name));
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let mut lines = text.lines().filter(|line| !line.is_empty());
        let Some(head) = lines.next() else { return Tally::default() };
        let Some(last) = lines.next_back() else { return Tally::default() };
        let (head, last): (Vec<_>, Vec<_>) = (head.split(';').collect(), last.split(';').collect());
        let field = |name: &str| {
            let at = head.iter().position(|column| *column == name)?;
            last.get(at)?.parse().ok()
        };
        Tally {
            good: field("SuccessfulCall(C)").unwrap_or(0),
            failed: field("FailedCall(C)").unwrap_or(0),
            counters: [1, 2, 3]
                .map(|number| field(&format!("GenericCounter{number}(C)")).unwrap_or(0)),
        }
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// What the sipps of a folder say of the calls that failed: the kinds with their counts, and which
/// calls each gave up.
pub fn complaints(folder: &Path) -> String {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut out = String::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read(&file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        if name.ends_with(".csv") {
            let mut lines = text.lines().filter(|line| !line.is_empty());
            let (head, last) = (lines.next().unwrap_or(""), lines.next_back().unwrap_or(""));
            let kinds = head.split(';').zip(last.split(';'));
            let failed = kinds.filter(|(kind, count)| {
                kind.starts_with("Failed") && kind.ends_with("(C)") && *count != "0"
            });
            let failed: Vec<String> = failed.map(|it| format!("{} {}", it.0, it.1)).collect();
            out.push_str(&format!("{name}: {}\n", failed.join(", ")));
        } else if name.ends_with("_errors.log") {
            // Its lines do not always end; what tells of a failure begins so.
            let begins = text.match_indices("Aborting call").take(COMPLAINTS_MAX);
            for (at, _) in begins {
                let line: String = text[at..].chars().take(COMPLAINT_CHARS).collect();
                out.push_str(&format!("{name}: {line}\n"));
            }
        }
    }
    out
}

/// Registers a telephone from the address where it will wait for calls.
pub async fn register(
    folder: &Path,
    (user, password): (&str, &str),
    local: SocketAddr,
    server: SocketAddr,
) {
    let users = folder.join(format!("{user}.users"));
    let line = format!("{user};[authentication username={user} password={password}]\n");
    std::fs::write(&users, format!("SEQUENTIAL\n{line}")).unwrap();
    // The address that the digest is made over, as it stands in the request.
    let uri = ["-auth_uri", "navbat.test"];
    let more = ["-inf", users.to_str().unwrap(), "-m", "1", uri[0], uri[1], &server.to_string()];
    let plan = Plan {
        name: &format!("register-{user}"),
        scenario: "register.xml",
        words: &[],
        local,
        more: more.map(str::to_owned).to_vec(),
    };
    let tally = Sipp::start(folder, &plan).done(PATIENCE).await;
    assert_eq!((tally.good, tally.failed), (1, 0), "{user} could not register");
}

/// A free UDP port on an address; whoever takes it next gets it in time.
pub fn free_port(ip: IpAddr) -> SocketAddr {
    let socket = std::net::UdpSocket::bind((ip, 0)).unwrap();
    socket.local_addr().unwrap()
}
