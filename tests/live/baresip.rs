//! baresip as a telephone: told what to do over its control socket, heard by its events.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::exchange::PATIENCE;
use super::sipp::free_port;

/// One running baresip.
pub struct Baresip {
    child: Child,
    control: TcpStream,
    unread: Vec<u8>,
    /// Every event that was heard, oldest first, until somebody waited for a later one.
    events: Vec<Value>,
}

impl Baresip {
    /// Starts a telephone of `user` at an address of its own; it registers by itself.
    pub async fn start(
        folder: &Path,
        (user, password): (&str, &str),
        ip: IpAddr,
        server: SocketAddr,
    ) -> Baresip {
        let account = format!(
            "<sip:{user}@navbat.test>;auth_pass={password};outbound=\"sip:{server};transport=udp\";\
             regint=60;audio_codecs=pcma,pcmu\n"
        );
        let mut phone = Baresip::open(folder, user, free_port(ip), &account).await;
        phone.registered().await;
        phone
    }

    /// Waits until it is registered. The event may have come before anybody listened.
    async fn registered(&mut self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut look = tokio::time::interval(Duration::from_millis(100));
        loop {
            look.tick().await;
            let answer = self.tell("reginfo", "").await;
            if answer["data"].as_str().is_some_and(|text| text.contains("OK")) {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "it does not register: {answer}");
        }
    }

    /// Starts a telephone in the city, whose calls come over a trunk that is known by `local`.
    pub async fn in_the_city(folder: &Path, local: SocketAddr, server: SocketAddr) -> Baresip {
        let account = format!(
            "<sip:+998901234567@{}>;outbound=\"sip:{server};transport=udp\";regint=0;\
             audio_codecs=pcma,pcmu\n",
            local.ip()
        );
        Baresip::open(folder, "city", local, &account).await
    }

    async fn open(folder: &Path, name: &str, local: SocketAddr, account: &str) -> Baresip {
        let home = folder.join(format!("baresip-{name}"));
        std::fs::create_dir(&home).unwrap();
        let (ip, control) = (local.ip(), free_tcp());
        let modules = ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"];
        let modules = modules.into_iter().find(|path| Path::new(path).is_dir());
        let modules = modules.expect("baresip (Debian package baresip) is installed");
        let config = format!(
            "poll_method epoll\ncall_local_timeout 120\ncall_max_calls 4\nsip_listen {local}\n\
             audio_player aubridge,nil\naudio_source aubridge,nil\naudio_alert aubridge,nil\n\
             ausrc_srate 8000\nauplay_srate 8000\nnet_interface {ip}\n\
             ctrl_tcp_listen {control}\nmodule_path {modules}\nmodule g711.so\n\
             module aubridge.so\nmodule_app account.so\nmodule_app menu.so\n\
             module_app ctrl_tcp.so\n"
        );
        std::fs::write(home.join("config"), config).unwrap();
        std::fs::write(home.join("accounts"), account).unwrap();
        std::fs::write(home.join("contacts"), "").unwrap();
        let mut command = Command::new("baresip");
        command.arg("-f").arg(&home).env("HOME", &home).stdin(Stdio::null());
        let log = std::fs::File::create(home.join("log")).unwrap();
        let child = command.stdout(log).stderr(Stdio::null()).spawn().unwrap();
        let control = reach(control).await;
        Baresip { child, control, unread: Vec::new(), events: Vec::new() }
    }

    /// Waits for an event of a kind; earlier ones are let go of.
    pub async fn until(&mut self, kind: &str) -> Value {
        let found = tokio::time::timeout(PATIENCE, self.find(kind)).await;
        found.unwrap_or_else(|_| panic!("no {kind} came; what did: {:?}", self.events))
    }

    async fn find(&mut self, kind: &str) -> Value {
        loop {
            if let Some(at) = self.events.iter().position(|event| event["type"] == kind) {
                let event = self.events[at].clone();
                self.events.drain(..=at);
                return event;
            }
            self.read().await;
        }
    }

    /// Tells it something, in the words of its menu; the answer.
    pub async fn tell(&mut self, command: &str, params: &str) -> Value {
        let text = json!({"command": command, "params": params, "token": "t"}).to_string();
        let framed = format!("{}:{text},", text.len());
        self.control.write_all(framed.as_bytes()).await.unwrap();
        let answered = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(at) = self.events.iter().position(|event| event["response"] == true) {
                    return self.events.remove(at);
                }
                self.read().await;
            }
        });
        let answer = answered.await.unwrap_or_else(|_| panic!("{command}: no answer"));
        assert_eq!(answer["ok"], true, "{command} {params}: {answer}");
        answer
    }

    /// Reads one netstring (a length, a colon, the text, a comma) from the control socket.
    async fn read(&mut self) {
        loop {
            let colon = self.unread.iter().position(|byte| *byte == b':');
            if let Some(colon) = colon {
                let length = std::str::from_utf8(&self.unread[..colon]).unwrap();
                let length: usize = length.parse().unwrap();
                if self.unread.len() > colon + 1 + length {
                    let text = self.unread[colon + 1..=colon + length].to_vec();
                    self.unread.drain(..colon + 2 + length);
                    self.events.push(serde_json::from_slice(&text).unwrap());
                    return;
                }
            }
            let mut buffer = [0; 4096];
            let read = self.control.read(&mut buffer).await.unwrap();
            assert!(read > 0, "baresip is gone: {:?}", self.child.try_wait());
            self.unread.extend_from_slice(&buffer[..read]);
        }
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn free_tcp() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Connects as soon as somebody listens.
async fn reach(address: SocketAddr) -> TcpStream {
    let reached = tokio::time::timeout(PATIENCE, async {
        let mut look = tokio::time::interval(Duration::from_millis(50));
        loop {
            look.tick().await;
            if let Ok(stream) = TcpStream::connect(address).await {
                return stream;
            }
        }
    });
    reached.await.expect("baresip opens its control socket")
}
