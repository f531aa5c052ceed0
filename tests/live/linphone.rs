//! linphone as a telephone: `linphonec`, told what to do on its standard input.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::exchange::PATIENCE;
use super::sipp::free_port;

/// One running linphonec.
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
        std::fs::create_dir_all(home.join(".config/linphone")).unwrap();
        let port = free_port([127, 0, 0, 1].into()).port();
        let settings = format!(
            "[sip]\nsip_port={port}\nsip_tcp_port=0\nsip_tls_port=0\nguess_hostname=0\n\
             contact=\"{user}\" <sip:{user}@127.0.0.1>\nuse_ipv6=0\n"
        );
        std::fs::write(home.join("rc"), settings).unwrap();
        let mut command = Command::new("linphonec");
        command.arg("-c").arg(home.join("rc")).env("HOME", &home);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("linphonec (Debian package linphone-cli)");
        let (said, lines) = unbounded_channel();
        let output = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _gone = said.send(line).is_err();
            }
        });
        let input = child.stdin.take().unwrap();
        let mut phone = Linphone { child, input, lines, heard: Vec::new() };
        phone.tell("soundcard use files");
        phone.tell(&format!("register sip:{user}@navbat.test sip:{server} {password}"));
        phone.until("Registration on").await;
        phone
    }

    /// Tells it something, in the words of its prompt.
    pub fn tell(&mut self, command: &str) {
        writeln!(self.input, "{command}").unwrap();
        self.input.flush().unwrap();
    }

    /// Waits for a line that holds a text.
    pub async fn until(&mut self, text: &str) -> String {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let line = self.lines.recv().await.expect("linphonec ended");
                self.heard.push(line.clone());
                if line.contains(text) {
                    return line;
                }
            }
        });
        found.await.unwrap_or_else(|_| panic!("`{text}` was not said; what was: {:?}", self.heard))
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
