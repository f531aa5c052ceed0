//! A server of its own for each test: the program, a folder, free ports, and hands to reach it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything takes on a loaded machine; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The tokens of the accounts below.
pub const SIPUNI: &str = "/hooks/sipuni/sipuni-main/4c1f7c7a9d2b4f6ea8c1d3e5f7a90b2c";
/// The same.
pub const CLOUD: &str = "/hooks/itoolabs/cloud/9a7b5c3d1e2f40516273849506a7b8c9";
/// In every body of the second account.
pub const CRM_TOKEN: &str = "1f2e3d4c5b6a79880716253443526170";

const CONFIG: &str = r#"
data_dir = "data"
[web]
listen = "127.0.0.1:0"
[sip]
listen = []
[[user]]
login = "nargiza"
role = "supervisor"
[[operator]]
name = "Dilnoza"
aliases = ["sipuni-main:201", "cloud:dilnoza"]
[[operator]]
name = "Sardor"
aliases = ["sipuni-main:202", "cloud:sardor"]
[queue.sales]
strategy = "round-robin"
wrap_up = "0s"
tiers = [{ after = "0s", members = ["Dilnoza", "Sardor"] }]
[[provider]]
name = "sipuni-main"
kind = "sipuni"
token = "4c1f7c7a9d2b4f6ea8c1d3e5f7a90b2c"
cabinet_id = "047218"
lines = ["+998781500001"]
queue = "sales"
settle = "200ms"
[[provider]]
name = "cloud"
kind = "uztelecom"
profile = "itoolabs"
token = "9a7b5c3d1e2f40516273849506a7b8c9"
crm_token = "1f2e3d4c5b6a79880716253443526170"
queue = "sales"
settle = "200ms"
"#;

/// A folder with a configuration.
pub struct Site(TempDir);

/// A server that runs in a site; killed when it is dropped.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:…`.
    pub base: String,
    /// What it printed before it was ready.
    pub welcome: String,
    http: reqwest::Client,
}

impl Site {
    pub fn new() -> Site {
        let site = Site(tempfile::tempdir().unwrap());
        site.write(CONFIG);
        site
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self) -> PathBuf {
        self.path().join("navbat.toml")
    }

    /// Writes another configuration.
    pub fn write(&self, text: &str) {
        std::fs::write(self.file(), text).unwrap();
    }

    /// Writes the configuration with something at its end.
    pub fn append(&self, text: &str) {
        self.write(&format!("{CONFIG}{text}"));
    }

    /// Puts something before everything else in the configuration.
    pub fn put_first(&self, text: &str) {
        let rest = std::fs::read_to_string(self.file()).unwrap();
        self.write(&format!("{text}{rest}"));
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_navbat"));
        command.args(args).arg("--config").arg(self.file()).current_dir(self.path());
        command.env("NAVBAT_LOG", "warn").stderr(Stdio::null());
        command
    }

    /// Runs a command beside the server, or without one.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).stderr(Stdio::piped()).output().unwrap()
    }

    /// What a command printed, which must have gone well.
    pub fn printed(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let text = String::from_utf8(output.stdout).unwrap();
        let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {text}{wrong}");
        text.trim().to_owned()
    }

    /// Starts the server and waits until it says where it listens.
    pub fn serve(&self) -> Server {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let mut child = self.command(&["serve"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut welcome = String::new();
        let base = loop {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended: {:?}", child.wait());
            welcome.push_str(&line);
            if let Some((_, base)) = line.split_once(" listens on ") {
                break base.trim().to_owned();
            }
        };
        // Whatever it prints later is read, so that it never waits for us.
        let (rest, first) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _gone = rest.send(line).is_err();
            }
        });
        if let Ok(line) = first.recv_timeout(Duration::from_millis(300)) {
            welcome.push_str(&line);
        }
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Server { child, base, welcome, http }
    }
}

impl Server {
    /// Takes the power away from the process.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for the end of the process.
    pub async fn ended(mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it does not end");
            pause().await;
        }
    }

    /// Sends one event; the status, or `None` when nobody answered.
    pub async fn get(&self, hook: &str, query: &str) -> Option<u16> {
        let sent = self.http.get(format!("{}{hook}?{query}", self.base)).send().await;
        Some(sent.ok()?.status().as_u16())
    }

    /// Sends a form and gives the status and the body.
    pub async fn form(&self, hook: &str, body: String) -> (u16, String) {
        let form = "application/x-www-form-urlencoded";
        let request = self.http.post(format!("{}{hook}", self.base)).header("content-type", form);
        let answer = request.body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Calls the API with a token.
    pub async fn api(&self, token: &str, path: &str) -> Value {
        let request = self.http.get(format!("{}/api/v1{path}", self.base)).bearer_auth(token);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Changes something over the API and gives the status and the answer.
    pub async fn put(&self, token: &str, path: &str, body: Value) -> u16 {
        let request = self.http.put(format!("{}/api/v1{path}", self.base)).bearer_auth(token);
        request.json(&body).send().await.unwrap().status().as_u16()
    }

    /// Does something over the API and gives the status and the answer.
    pub async fn act(&self, token: &str, what: (&str, &str), body: Value) -> (u16, Value) {
        self.act_once(token, what, body, None).await
    }

    /// The same with a key that makes a repeat harmless.
    pub async fn act_once(
        &self,
        token: &str,
        (method, path): (&str, &str),
        body: Value,
        key: Option<&str>,
    ) -> (u16, Value) {
        let address = format!("{}/api/v1{path}", self.base);
        let request = self.http.request(method.parse().unwrap(), address).bearer_auth(token);
        let request = match key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        };
        let answer = request.json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.base.split("://").nth(1).unwrap().parse().unwrap()
    }

    /// Posts JSON without any identity.
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.post(format!("{}/api/v1{path}", self.base)).json(&body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// Asks the API until an answer fits. Fails with the last one when none does in time.
    pub async fn until(&self, token: &str, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.api(token, path).await;
            if fits(&answer) {
                return answer;
            }
            assert!(Instant::now() < until, "{path} stays {answer}");
            pause().await;
        }
    }

    /// Opens the live stream.
    pub async fn stream(&self, token: &str) -> Stream {
        let request = self.http.get(format!("{}/api/v1/events", self.base)).bearer_auth(token);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        let mut stream = Stream { answer, text: String::new() };
        stream.next("hello").await;
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A live stream.
pub struct Stream {
    answer: reqwest::Response,
    text: String,
}

impl Stream {
    /// The next event of a kind; the others are passed over.
    pub async fn next(&mut self, kind: &str) -> Value {
        tokio::time::timeout(PATIENCE, self.find(kind)).await.unwrap_or_else(|_| {
            panic!("no `{kind}` came; what did: {}", self.text);
        })
    }

    async fn find(&mut self, kind: &str) -> Value {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let found = (field("event: ") == Some(kind))
                    .then(|| serde_json::from_str(field("data: ").unwrap_or("null")).unwrap());
                self.text = rest.to_owned();
                if let Some(found) = found {
                    return found;
                }
            }
            let chunk = self.answer.chunk().await.unwrap().expect("the stream ended");
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

/// Lets others run between two looks at something that has no event to wait for.
async fn pause() {
    tokio::time::interval_at(
        tokio::time::Instant::now() + Duration::from_millis(50),
        Duration::from_secs(1),
    )
    .tick()
    .await;
}

/// The first event of a Sipuni call.
pub fn started(call: &str, number: &str) -> String {
    format!(
        "event=1&call_id={call}&src_num={number}&src_type=1&dst_num=998781500001_id300100&\
         dst_type=1&short_src_num={number}&timestamp=1795150800&user_id=047218"
    )
}

/// An event of an operator's leg.
pub fn leg(event: u8, call: &str, number: &str, extension: &str) -> String {
    format!(
        "event={event}&call_id={call}&src_num={number}&src_type=1&dst_num=047218{extension}&\
         dst_type=2&short_dst_num={extension}&timestamp=179515080{event}&user_id=047218"
    )
}
