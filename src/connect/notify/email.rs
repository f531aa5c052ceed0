//! Mail: one message for each recipient, over one connection each.
//!
//! The commands are given one by one, so that it is known what a broken connection had done:
//! before the text was handed over nothing, after it nobody knows. A message carries the same
//! Message-ID at every repetition, so a second copy is recognisable; it is repeated once.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message as Letter};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::fan::{Channel, Fan, Piece, Seen, Sent};
use super::text::{cut_units, plain};
use super::{Clock, Means};
use crate::connect::deliver::{Later, Outlet, Verdict};
use crate::model::Name;

/// How long one step of the exchange may take. Servers that check for spam answer slowly.
const STEP_WITHIN: Duration = Duration::from_secs(30);
/// How long the whole exchange may take.
const WITHIN: Duration = Duration::from_secs(90);
/// How long one letter's text may be; more is no alert.
const TEXT_UNITS_MAX: usize = 20_000;
/// How long a subject may be.
const SUBJECT_UNITS_MAX: usize = 200;
/// How long a wrong password is left alone before it is tried again; servers lock whoever insists.
const PASSWORD_AGAIN: Duration = Duration::from_secs(3600);

/// How a connection is protected: key `security`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Plain at first, encrypted before anything is said; no mail leaves without it.
    StartTls,
    /// Encrypted from the first byte.
    Tls,
    /// Plain: for a relay on this machine or in this room.
    None,
}

/// A mail server and who it sends as.
#[derive(Debug, Clone)]
pub struct Email {
    /// Its name.
    pub host: String,
    /// Its port; `None`: that of the security.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub security: Security,
    /// A certificate (PEM) that is trusted beside those of the public authorities.
    pub root: Option<Vec<u8>>,
    /// Who signs in; `None`: nobody has to.
    pub login: Option<(String, SecretString)>,
    /// The sender, `navbat@example.uz` or `navbat <navbat@example.uz>`.
    pub from: String,
}

struct Post {
    own: Email,
    clock: Clock,
}

/// Where an exchange broke.
enum Broken {
    /// Before the text was handed over.
    Before(Error),
    /// While the connection was protected.
    Unprotected(Error),
    /// When signing in.
    Unknown(Error),
    /// The recipient was refused.
    Recipient(Error),
    /// With or after the text.
    After(Error),
}

impl Security {
    /// As the file writes it.
    pub const WORDS: [(&'static str, Security); 3] =
        [("starttls", Security::StartTls), ("tls", Security::Tls), ("none", Security::None)];

    const fn port(self) -> u16 {
        match self {
            Security::StartTls => 587,
            Security::Tls => 465,
            Security::None => 25,
        }
    }
}

impl Email {
    /// A target that writes letters to these people.
    pub fn outlet(self, name: Name, to: Vec<String>, means: Means) -> Arc<dyn Outlet> {
        let post = Post { own: self, clock: means.clock };
        Arc::new(Fan::new(name, to, means.shelf, post))
    }
}

impl Post {
    async fn bring(&self, piece: Piece<'_>) -> Sent {
        let letter = match self.letter(piece) {
            Ok(letter) => letter,
            Err(why) => return Sent::Refused(why),
        };
        let done = tokio::time::timeout(WITHIN, self.hand_over(&letter)).await;
        match done {
            Ok(Ok(said)) => Sent::Done(cut_units(&plain(&said), 100)),
            Ok(Err(broken)) => self.read(broken),
            Err(_) => Sent::Unclear(String::from("the time ran out")),
        }
    }

    async fn hand_over(&self, letter: &Letter) -> Result<String, Broken> {
        let mut server = self.connect().await?;
        let envelope = letter.envelope();
        let mail = Mail::new(envelope.from().cloned(), Vec::new());
        server.command(mail).await.map_err(Broken::Before)?;
        for to in envelope.to() {
            let asked = server.command(Rcpt::new(to.clone(), Vec::new())).await;
            asked.map_err(Broken::Recipient)?;
        }
        server.command(Data).await.map_err(Broken::Before)?;
        let taken = server.message(&letter.formatted()).await.map_err(Broken::After)?;
        let _gone = server.quit().await.is_err(); // the letter is theirs already
        Ok(taken.message().collect::<Vec<_>>().join(" "))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Broken> {
        let own = &self.own;
        let at = (own.host.as_str(), own.port.unwrap_or(own.security.port()));
        let hello = ClientId::default();
        let wrapped = match own.security {
            Security::Tls => Some(self.tls().map_err(Broken::Unprotected)?),
            Security::StartTls | Security::None => None,
        };
        let connected =
            AsyncSmtpConnection::connect_tokio1(at, Some(STEP_WITHIN), &hello, wrapped, None);
        let broken = |error: Error| match is_of_tls(&error) {
            true => Broken::Unprotected(error),
            false => Broken::Before(error),
        };
        let mut server = connected.await.map_err(broken)?;
        if own.security == Security::StartTls {
            let tls = self.tls().map_err(Broken::Unprotected)?;
            server.starttls(tls, &hello).await.map_err(Broken::Unprotected)?;
        }
        if let Some((login, password)) = &own.login {
            let password = password.expose_secret().to_owned();
            let credentials = Credentials::new(login.clone(), password);
            let signed = server.auth(DEFAULT_MECHANISMS, &credentials).await;
            signed.map_err(Broken::Unknown)?;
        }
        Ok(server)
    }

    fn tls(&self) -> Result<TlsParameters, Error> {
        let mut tls = TlsParametersBuilder::new(self.own.host.clone());
        if let Some(root) = &self.own.root {
            tls = tls.add_root_certificate(Certificate::from_pem(root)?);
        }
        tls.build()
    }

    fn letter(&self, Piece { note, message, to }: Piece<'_>) -> Result<Letter, String> {
        let address = |text: &str| text.parse::<Mailbox>().map_err(|_| String::from("no address"));
        let (from, to) = (address(&self.own.from)?, address(to)?);
        let envelope = Envelope::new(Some(from.email.clone()), vec![to.email.clone()]);
        let envelope = envelope.map_err(|error| error.to_string())?;
        let mut text = cut_units(&plain(&message.text), TEXT_UNITS_MAX);
        if let Some(link) = &message.link {
            text = format!("{text}\n\n{link}");
        }
        if let Some(call) = &message.call {
            text = format!("{text}\n\n{call}");
        }
        let subject = plain(&message.title).replace('\n', " ");
        let id = id_of(&note.once_key, to.email.as_ref(), from.email.domain());
        let wall = u64::try_from((self.clock)().wall.0).unwrap_or(0);
        Letter::builder()
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(wall))
            .message_id(Some(id))
            .from(from)
            .to(to)
            .subject(cut_units(subject.trim(), SUBJECT_UNITS_MAX))
            .header(ContentType::TEXT_PLAIN)
            .envelope(envelope)
            .body(text)
            .map_err(|error| error.to_string())
    }

    fn read(&self, broken: Broken) -> Sent {
        let paused = |state, why, probe| Sent::Stop(Verdict::Paused { state, why, probe });
        match broken {
            Broken::Before(error) | Broken::After(error) if error.is_transient() => {
                Sent::Again { after: None, why: self.told(&error) }
            }
            Broken::Before(error) | Broken::After(error) if error.is_permanent() => {
                Sent::Refused(self.told(&error))
            }
            Broken::Before(error) => {
                Sent::Stop(Verdict::Retry { after: None, why: self.told(&error) })
            }
            Broken::Unprotected(error) if is_of_tls(&error) => {
                paused("bad_certificate", self.told(&error), Some(PASSWORD_AGAIN))
            }
            Broken::Unprotected(error) => {
                Sent::Stop(Verdict::Retry { after: None, why: self.told(&error) })
            }
            Broken::Unknown(error) if error.is_permanent() || error.is_client() => {
                paused("wrong_password", self.told(&error), Some(PASSWORD_AGAIN))
            }
            Broken::Unknown(error) => {
                Sent::Stop(Verdict::Retry { after: None, why: self.told(&error) })
            }
            Broken::Recipient(error) if error.is_permanent() => Sent::Refused(self.told(&error)),
            Broken::Recipient(error) => Sent::Again { after: None, why: self.told(&error) },
            Broken::After(error) => Sent::Unclear(self.told(&error)),
        }
    }

    /// What went wrong, in one line. Servers echo what they were sent, so the password is taken
    /// out, whole and as it goes over the wire.
    fn told(&self, error: &Error) -> String {
        let mut text = plain(&error.to_string()).replace('\n', " ");
        if let Some((login, password)) = &self.own.login {
            let password = password.expose_secret();
            for secret in on_the_wire(login, password) {
                text = text.replace(&secret, "***");
            }
        }
        cut_units(&text, 200)
    }

    async fn known(&self) -> Result<(), String> {
        let connected = tokio::time::timeout(WITHIN, self.connect()).await;
        let connected = connected.map_err(|_| String::from("the time ran out"))?;
        let told = |broken| match broken {
            Broken::Before(error)
            | Broken::Unprotected(error)
            | Broken::Unknown(error)
            | Broken::Recipient(error)
            | Broken::After(error) => self.told(&error),
        };
        let mut server = connected.map_err(told)?;
        let _gone = server.quit().await.is_err();
        Ok(())
    }
}

/// Whether the protection failed and not the network under it: a certificate that is not trusted.
fn is_of_tls(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let io = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if inner.is::<rustls::Error>() || io.is_some_and(|io| io.is::<rustls::Error>()) {
            return true;
        }
        cause = inner.source();
    }
    error.is_tls()
}

/// A password in every form in which it is sent: plain, and as the two mechanisms write it.
fn on_the_wire(login: &str, password: &str) -> [String; 3] {
    use base64::Engine as _;
    let base64 = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let plain = base64(format!("\0{login}\0{password}"));
    [password.to_owned(), base64(password.to_owned()), plain]
}

/// The same for the same note and person, and for no other.
fn id_of(once_key: &str, to: &str, domain: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(once_key.as_bytes());
    hash.update([0]);
    hash.update(to.as_bytes());
    let hex: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("<{hex}@{domain}>")
}

impl Channel for Post {
    fn pace(&self) -> (f64, u32) {
        (2.0, 1)
    }

    fn send<'a>(&'a self, piece: Piece<'a>) -> Later<'a, Sent> {
        Box::pin(self.bring(piece))
    }

    fn find<'a>(&'a self, _piece: Piece<'a>) -> Later<'a, Seen> {
        Box::pin(std::future::ready(Seen::Cannot))
    }

    fn repeats(&self) -> bool {
        true
    }

    fn probe(&self) -> Later<'_, Result<(), String>> {
        Box::pin(self.known())
    }
}
