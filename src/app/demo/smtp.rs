//! A stand-in of a mail server (RFC 5321): signs in, takes letters, refuses who is told to.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// A line or a letter that is longer ends the connection.
const LETTER_BYTES_MAX: usize = 1024 * 1024;

/// A mail server; it stops when this is dropped.
pub struct Smtp {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

struct Shared {
    login: String,
    password: String,
    tls: Option<TlsAcceptor>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    letters: Vec<Letter>,
    strangers: BTreeSet<String>,
    faults: Vec<Fault>,
    refused_logins: u32,
    said_plain: Vec<String>,
}

/// What goes wrong once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends when a letter is announced.
    LostBefore,
    /// The letter is kept, and the connection ends without a word.
    LostAfter,
    /// The recipient is asked to try later (450).
    Later,
}

/// A letter that was taken.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Whom it is for.
    pub to: String,
    /// As it came.
    pub text: String,
}

impl Letter {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map(str::trim)
    }
}

impl Smtp {
    /// A server that somebody may use who knows the password; with `tls` it offers STARTTLS.
    pub async fn begin(
        login: &str,
        password: &str,
        tls: Option<TlsAcceptor>,
    ) -> std::io::Result<Smtp> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (login, password) = (login.to_owned(), password.to_owned());
        let shared = Arc::new(Shared { login, password, tls, state: Mutex::default() });
        let stop = CancellationToken::new();
        let smtp = Smtp { address, shared: shared.clone(), stop: stop.clone() };
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => stream,
                        Err(_) => continue,
                    },
                    () = stop.cancelled() => return,
                };
                let (shared, stop) = (shared.clone(), stop.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        // A connection that was ended on purpose is no fault.
                        _ = serve(stream, &shared) => {}
                        () = stop.cancelled() => {}
                    }
                });
            }
        });
        Ok(smtp)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nobody of this address lives here.
    pub fn refuse(&self, to: &str) {
        self.shared.state.lock().strangers.insert(to.to_owned());
    }

    /// The next letter meets this.
    pub fn order(&self, fault: Fault) {
        self.shared.state.lock().faults.push(fault);
    }

    /// What was taken, in order.
    pub fn letters(&self) -> Vec<Letter> {
        self.shared.state.lock().letters.clone()
    }

    /// How many logins were refused.
    pub fn refused_logins(&self) -> u32 {
        self.shared.state.lock().refused_logins
    }

    /// What was said while the connection was plain.
    pub fn said_plain(&self) -> Vec<String> {
        self.shared.state.lock().said_plain.clone()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// How a conversation ended.
enum End<S> {
    Over,
    /// The client wants the rest encrypted.
    Encrypt(S),
}

async fn serve(stream: tokio::net::TcpStream, shared: &Shared) -> std::io::Result<()> {
    let offers = shared.tls.as_ref();
    if let End::Encrypt(stream) = talk(stream, shared, offers.is_some(), true).await?
        && let Some(tls) = offers
    {
        talk(tls.accept(stream).await?, shared, false, false).await?;
    }
    Ok(())
}

/// What one connection knows.
#[derive(Default)]
struct Session {
    is_known: bool,
    to: Vec<String>,
    has_sender: bool,
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    shared: &Shared,
    offers_tls: bool,
    greets: bool,
) -> std::io::Result<End<S>> {
    let mut stream = BufReader::new(stream);
    let mut session = Session::default();
    if greets {
        say(&mut stream, "220 mail.test ESMTP").await?;
    }
    while let Some(line) = hear(&mut stream).await? {
        if offers_tls {
            shared.state.lock().said_plain.push(line.clone());
        }
        let (verb, rest) = line.split_once(' ').unwrap_or((line.as_str(), ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                let tls = if offers_tls { "250-STARTTLS\r\n" } else { "" };
                let text = format!("250-mail.test\r\n{tls}250-8BITMIME\r\n250 AUTH PLAIN LOGIN");
                say(&mut stream, &text).await?;
            }
            "STARTTLS" if offers_tls => {
                say(&mut stream, "220 go on").await?;
                return Ok(End::Encrypt(stream.into_inner()));
            }
            "AUTH" => {
                session.is_known = signs_in(&mut stream, shared, rest).await?;
                if !session.is_known {
                    shared.state.lock().refused_logins += 1;
                    // Some servers echo what they were sent.
                    say(&mut stream, &format!("535 5.7.8 not accepted: {rest}")).await?;
                } else {
                    say(&mut stream, "235 welcome").await?;
                }
            }
            "MAIL" if !session.is_known => say(&mut stream, "530 5.7.0 sign in first").await?,
            "MAIL" => {
                session = Session { is_known: true, has_sender: true, to: Vec::new() };
                say(&mut stream, "250 ok").await?;
            }
            "RCPT" => {
                let answer = recipient(shared, &mut session, rest);
                say(&mut stream, answer).await?;
            }
            "DATA" if session.to.is_empty() => say(&mut stream, "503 nobody to give it to").await?,
            "DATA" => {
                if !letter(&mut stream, shared, &session).await? {
                    return Ok(End::Over);
                }
            }
            "RSET" | "NOOP" => say(&mut stream, "250 ok").await?,
            "QUIT" => {
                say(&mut stream, "221 bye").await?;
                return Ok(End::Over);
            }
            _ => say(&mut stream, "502 not here").await?,
        }
    }
    Ok(End::Over)
}

fn recipient(shared: &Shared, session: &mut Session, rest: &str) -> &'static str {
    let to = rest.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
    let mut state = shared.state.lock();
    if !session.has_sender || to.is_empty() {
        return "503 who sends it?";
    }
    if state.strangers.contains(&to) {
        return "550 5.1.1 nobody of this name";
    }
    if state.faults.first() == Some(&Fault::Later) {
        state.faults.remove(0);
        return "450 4.2.0 come back later";
    }
    session.to.push(to);
    "250 ok"
}

/// Takes a letter; false when the connection ends on purpose.
async fn letter<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    shared: &Shared,
    session: &Session,
) -> std::io::Result<bool> {
    let fault = {
        let mut state = shared.state.lock();
        if state.faults.is_empty() { None } else { Some(state.faults.remove(0)) }
    };
    if fault == Some(Fault::LostBefore) {
        return Ok(false);
    }
    say(stream, "354 go on").await?;
    let mut text = String::new();
    while let Some(line) = hear(stream).await? {
        if line == "." {
            let letters = session.to.iter().map(|to| Letter { to: to.clone(), text: text.clone() });
            shared.state.lock().letters.extend(letters);
            if fault == Some(Fault::LostAfter) {
                return Ok(false);
            }
            say(stream, "250 taken as 42").await?;
            return Ok(true);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
        text.push_str("\r\n");
        if text.len() > LETTER_BYTES_MAX {
            return Ok(false);
        }
    }
    Ok(false)
}

async fn signs_in<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    shared: &Shared,
    rest: &str,
) -> std::io::Result<bool> {
    let (mechanism, first) = rest.split_once(' ').unwrap_or((rest, ""));
    match mechanism {
        "PLAIN" => {
            let wanted = format!("\0{}\0{}", shared.login, shared.password);
            Ok(decoded(first) == wanted)
        }
        "LOGIN" => {
            let mut told = Vec::new();
            for asked in ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"] {
                say(stream, &format!("334 {asked}")).await?;
                told.push(decoded(&hear(stream).await?.unwrap_or_default()));
            }
            Ok(told == [shared.login.clone(), shared.password.clone()])
        }
        _ => Ok(false),
    }
}

fn decoded(text: &str) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    stream.flush().await
}

async fn hear<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await?;
    Ok((read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}
