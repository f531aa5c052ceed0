//! linphone as a telephone: `linphone-daemon`, told what to do on its standard input and asked
//! for its events there.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::exchange::PATIENCE;
use super::sipp::free_port;

/// One running linphone.
pub struct Linphone {
    child: Child,
    input: ChildStdin,
    lines: UnboundedReceiver<String>,
    heard: Vec<String>,
}

impl Linphone {
    /// Starts a telephone of `user` and registers it.
    pub async fn start(
        folder: &Path,
        (user, password): (&str, &str),
        server: SocketAddr,
    ) -> Linphone {
        let home = folder.join(format!("linphone-{user}"));
        std::fs::create_dir_all(home.join(".local/share/linphone")).unwrap();
        let port = free_port([127, 0, 0, 1].into()).port();
        let settings = format!(
            "[sip]\nsip_port={port}\nsip_tcp_port=0\nsip_tls_port=0\nguess_hostname=0\n\
             contact=\"{user}\" <sip:{user}@127.0.0.1>\nuse_ipv6=0\n"
        );
        std::fs::write(home.join("rc"), settings).unwrap();
        let mut command = Command::new("linphone-daemon");
        command.arg("--config").arg(home.join("rc")).env("HOME", &home);
        command.arg("--disable-stats-events");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("linphone-daemon (Debian package linphone-cli)");
        let (said, lines) = unbounded_channel();
        let output = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _gone = said.send(line).is_err();
            }
        });
        let input = child.stdin.take().unwrap();
        let mut phone = Linphone { child, input, lines, heard: Vec::new() };
        phone.tell(&format!("register sip:{user}@navbat.test sip:{server} {password}"));
        phone.asked("register-status ALL", "LinphoneRegistrationOk").await;
        phone
    }

    /// Tells it something, in the words of its prompt.
    pub fn tell(&mut self, command: &str) {
        writeln!(self.input, "{command}").unwrap();
        self.input.flush().unwrap();
    }

    /// Waits for an event whose text holds these words.
    pub async fn until(&mut self, words: &str) -> String {
        self.asked("pop-event", words).await
    }

    /// Asks again and again until a line of an answer holds these words.
    async fn asked(&mut self, question: &str, words: &str) -> String {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut ask = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                _ = ask.tick() => self.tell(question),
                line = self.lines.recv() => {
                    let line = line.expect("linphone-daemon ended");
                    self.heard.push(line.clone());
                    if line.contains(words) {
                        return line;
                    }
                }
            }
            let late = tokio::time::Instant::now() > deadline;
            assert!(!late, "`{words}` was not said; what was: {:?}", self.heard);
        }
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
