//! A running navbat in SIP mode: one trunk known by its address, five operators with telephones.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything takes on a loaded machine; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The line that callers dial.
pub const LINE: &str = "+998712000001";
/// How many operators there are.
pub const OPERATORS: usize = 5;

/// What a site of the tests looks like.
pub struct Wish<'a> {
    /// Key `strategy` of the queue.
    pub strategy: &'a str,
    /// Where the trunk's calls come from.
    pub trunks: &'a [SocketAddr],
    /// More keys of every trunk, each with its line end.
    pub trunk: &'a str,
    /// More keys of the queue, each with its line end.
    pub queue: &'a str,
    /// More of the configuration.
    pub more: &'a str,
}

/// A server that runs; killed when it is dropped.
pub struct Exchange {
    /// Everything of this test.
    pub folder: TempDir,
    /// Where it listens for SIP over UDP.
    pub sip: SocketAddr,
    base: String,
    child: Child,
    token: String,
    http: reqwest::Client,
}

/// The user and the password of an operator's telephone.
pub fn telephone(number: usize) -> (String, String) {
    (format!("op{number}"), format!("secret-of-{number}"))
}

fn config(wish: &Wish<'_>, sip: SocketAddr) -> String {
    let mut text = format!(
        "data_dir = \"data\"\n[web]\nlisten = \"127.0.0.1:0\"\n\
         [sip]\nlisten = [\"udp:{sip}\", \"tcp:{sip}\"]\ndomain = \"navbat.test\"\n\
         # baresip 1 refuses a challenge that names a hash it does not know.\n\
         digest = [\"md5\"]\n"
    );
    for (at, trunk) in wish.trunks.iter().enumerate() {
        text.push_str(&format!(
            "[[trunk]]\nname = \"carrier-{at}\"\nhost = \"{}\"\nport = {}\nauth = \"ip\"\n\
             lines = [\"{LINE}\"]\nqueue = \"sales\"\nchannels_max = 1000\n{}",
            trunk.ip(),
            trunk.port(),
            wish.trunk,
        ));
    }
    for number in 0..OPERATORS {
        let (user, password) = telephone(number);
        text.push_str(&format!(
            "[[operator]]\nname = \"Operator {number}\"\nready = \"always\"\n\
             sip = {{ user = \"{user}\", password = \"{password}\" }}\n"
        ));
    }
    let members: Vec<String> = (0..OPERATORS).map(|at| format!("\"Operator {at}\"")).collect();
    text.push_str(&format!(
        "[queue.sales]\nstrategy = \"{}\"\nwrap_up = \"0s\"\nretry = \"0s\"\ncallers_max = 1000\n{}\
         tiers = [{{ after = \"0s\", members = [{}] }}]\n{}",
        wish.strategy,
        wish.queue,
        members.join(", "),
        wish.more,
    ));
    text
}

impl Exchange {
    /// Starts a server and waits until it takes calls.
    pub async fn open(wish: &Wish<'_>) -> Exchange {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let sip = super::sipp::free_port([127, 0, 0, 1].into());
        std::fs::write(folder.path().join("navbat.toml"), config(wish, sip)).unwrap();
        let (child, base) = serve(&folder).await;
        let token = run(&folder, &["token", "create", "--role", "admin", "--name", "live"]);
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Exchange { folder, sip, base, child, token, http }
    }

    /// Takes the power away and starts again in the same folder.
    pub async fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let (child, base) = serve(&self.folder).await;
        (self.child, self.base) = (child, base);
    }

    /// Asks the API.
    pub async fn api(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}/api/v1{path}", self.base));
        let answer = request.bearer_auth(&self.token).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// One figure of `/metrics`, summed over its labels; 0 when it was never counted.
    pub async fn figure(&self, name: &str) -> f64 {
        let request = self.http.get(format!("{}/metrics", self.base)).bearer_auth(&self.token);
        let text = request.send().await.unwrap().text().await.unwrap();
        let lines = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']))
        });
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Asks the API until an answer fits; fails with the last one when none does in time.
    pub async fn until(&self, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut look = tokio::time::interval(Duration::from_millis(50));
        loop {
            look.tick().await;
            let answer = self.api(path).await;
            if fits(&answer) {
                return answer;
            }
            assert!(tokio::time::Instant::now() < deadline, "{path} stays {answer}");
        }
    }

    /// Every call that the API lists.
    pub async fn calls(&self) -> Vec<Value> {
        let (mut calls, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.api(&format!("/calls?limit=50{cursor}")).await;
            calls.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return calls,
            }
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn run(folder: &TempDir, args: &[&str]) -> String {
    let output = command(folder, args).stderr(Stdio::piped()).output().unwrap();
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {wrong}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn command(folder: &TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_navbat"));
    command.args(args).arg("--config").arg(folder.path().join("navbat.toml"));
    command.current_dir(folder.path()).env("NAVBAT_LOG", "warn").stdin(Stdio::null());
    command
}

/// Starts the program and waits until it says where it listens.
async fn serve(folder: &TempDir) -> (Child, String) {
    let log = std::fs::File::create(folder.path().join("navbat.log")).unwrap();
    let mut command = command(folder, &["serve"]);
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let (said, heard) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut said = Some(said);
        for line in std::io::BufRead::lines(std::io::BufReader::new(out)).map_while(Result::ok) {
            if let Some((_, base)) = line.split_once(" listens on ")
                && base.starts_with("http")
                && let Some(said) = said.take()
            {
                let _gone = said.send(base.trim().to_owned()).is_err();
            }
        }
    });
    let base = tokio::time::timeout(PATIENCE, heard).await;
    let base = base.ok().and_then(Result::ok).unwrap_or_else(|| {
        let log = std::fs::read_to_string(folder.path().join("navbat.log")).unwrap_or_default();
        panic!("it does not start: {log}")
    });
    (child, base)
}
