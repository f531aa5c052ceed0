//! Telegram: the Bot API's `sendMessage`, to many chats.
//!
//! The address of every request holds the bot's token, so it is in no error and no log. Limits are
//! of the bot, of each private chat and of each group; whoever meets one stops the whole bot.
//! There is no idempotency: a message carries the id of its call or note, so that a second copy
//! after a lost answer is recognisable, and is repeated once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::bucket::Bucket;
use super::fan::{Channel, Fan, Piece, Seen, Sent};
use super::text::{cut_units, html, plain};
use super::{Means, TEST};
use crate::connect::deliver::{Later, Outlet, Verdict};
use crate::connect::http::{Answer, Body, Call, Method, NoAnswer};
use crate::model::{Mono, Name, Period};

/// Units of a text after its entities are parsed, and of its first line. The vendor's bound is
/// 4096; the rest is for the id.
const TEXT_UNITS_MAX: usize = 3900;
const TITLE_UNITS_MAX: usize = 200;

/// One message in so long: for the whole bot, for one person, for one group. The vendor speaks of
/// 30 a second, 1 a second and 20 a minute.
const BOT_EVERY: Period = Period::millis(40);
const BOT_BURST: u32 = 3;
const PERSON_EVERY: Period = Period::secs(1);
const GROUP_EVERY: Period = Period(60_000 / 18);
/// Chats whose last moment is remembered; those that may be sent to at once are forgotten first.
const CHATS_MAX: usize = 1000;

/// How long one request may take.
const WITHIN: Duration = Duration::from_secs(15);
/// How long the bot is silent after a limit that names no time.
const SILENT_FOR: Duration = Duration::from_secs(30);
/// How often a chat may have moved.
const MOVES_MAX: usize = 4;
/// Where the chats that moved are kept.
const MOVED: &str = "moved";

/// A bot and its chats.
pub struct Telegram {
    name: Name,
    base: String,
    token: SecretString,
    means: Means,
    turns: Mutex<Turns>,
}

struct Turns {
    bot: Bucket,
    chats: BTreeMap<String, Bucket>,
    /// Until when the vendor wants silence.
    silent_until: Mono,
}

/// What the vendor answers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    ok: bool,
    description: String,
    result: Value,
    parameters: Parameters,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

/// How a text is marked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Markup {
    Html,
    None,
}

/// What one request came to.
enum Told {
    Sent(Sent),
    /// The chat lives under another id.
    Moved(i64),
    /// The markup cannot be read.
    Unreadable(String),
}

impl Telegram {
    /// Where the vendor's server is.
    pub const BASE: &str = "https://api.telegram.org";

    /// A bot of a token that writes to chats: ids, `@channel`, or `id/topic` for a topic of a
    /// forum. `base` is the server, without a slash at the end.
    pub fn outlet(
        name: Name,
        base: &str,
        token: SecretString,
        chats: Vec<String>,
        means: Means,
    ) -> Arc<dyn Outlet> {
        let shelf = means.shelf.clone();
        let turns = Turns {
            bot: Bucket::new(BOT_EVERY, BOT_BURST),
            chats: BTreeMap::new(),
            silent_until: Mono(0),
        };
        let (base, turns) = (base.to_owned(), Mutex::new(turns));
        let bot = Telegram { name: name.clone(), base, token, means, turns };
        Arc::new(Fan::new(name, chats, shelf, bot))
    }

    fn now(&self) -> Mono {
        (self.means.clock)().mono
    }

    /// Waits for the turn of a chat. Fails with the time for which the whole bot is silent.
    async fn turn(&self, chat: &str) -> Result<(), Duration> {
        loop {
            let wait = {
                let mut turns = self.turns.lock();
                let now = self.now();
                let silent = turns.silent_until.since(now);
                if silent > Period::ZERO {
                    return Err(silent.as_duration());
                }
                match turns.wait(chat, now) {
                    Period::ZERO => {
                        turns.take(chat, now);
                        return Ok(());
                    }
                    wait => wait,
                }
            };
            tokio::time::sleep(wait.as_duration()).await;
        }
    }

    async fn bring(&self, piece: Piece<'_>) -> Sent {
        let (chat, topic) = match piece.to.split_once('/') {
            Some((chat, topic)) => (chat, topic.parse::<i64>().ok()),
            None => (piece.to, None),
        };
        let mut moved = match self.moved().await {
            Ok(moved) => moved,
            Err(why) => return Sent::Again { after: None, why },
        };
        let mut chat = chat.to_owned();
        let mut markup = Markup::Html;
        for _ in 0..=MOVES_MAX {
            while let Some(to) = moved.get(&chat).filter(|to| **to != chat) {
                chat.clone_from(to);
            }
            match self.once(piece, &chat, topic, markup).await {
                Told::Moved(to) => {
                    moved.retain(|from, _| *from != to.to_string()); // never in a circle
                    moved.insert(chat.clone(), to.to_string());
                    if let Err(why) = self.keep_moved(&moved).await {
                        return Sent::Again { after: None, why };
                    }
                }
                Told::Unreadable(_) if markup == Markup::Html => markup = Markup::None,
                Told::Unreadable(why) => return Sent::Refused(why),
                Told::Sent(sent) => return sent,
            }
        }
        Sent::Refused(String::from("the chat moves in a circle"))
    }

    async fn once(&self, piece: Piece<'_>, chat: &str, topic: Option<i64>, markup: Markup) -> Told {
        if let Err(after) = self.turn(chat).await {
            let why = String::from("the bot sends too much");
            return Told::Sent(Sent::Stop(Verdict::Wait { after, why }));
        }
        let Some(body) = request(piece, chat, topic, markup) else {
            return Told::Sent(Sent::Refused(String::from("no chat id, or an empty text")));
        };
        match self.post("sendMessage", &body).await {
            Ok(answer) => self.read(&answer),
            Err(error) => Told::Sent(unanswered(error)),
        }
    }

    async fn post(&self, method: &str, body: &Value) -> Result<Answer, NoAnswer> {
        let url = format!("{}/bot{}/{method}", self.base, self.token.expose_secret());
        let call = Call {
            method: Method::Post,
            url: &url,
            headers: Vec::new(),
            body: Body::json(body),
            within: WITHIN,
        };
        self.means.http.send(call).await
    }

    fn read(&self, answer: &Answer) -> Told {
        let said = answer.json::<Said>();
        let described = said.as_ref().map(|said| said.description.clone());
        let why = self.safe(&described.filter(|text| !text.is_empty()).unwrap_or_else(|| {
            format!("HTTP {}", answer.status) // HTML of a proxy tells nothing more
        }));
        let said = said.unwrap_or_default();
        let lower = why.to_lowercase();
        Told::Sent(match answer.status {
            200 if said.ok => {
                let id = said.result.get("message_id").map_or_else(String::new, Value::to_string);
                Sent::Done(id)
            }
            200 => Sent::Unclear(String::from("an answer that is none of the Bot API")),
            429 => {
                let asked = said.parameters.retry_after.map(Duration::from_secs);
                let after = asked.or(answer.retry_after).unwrap_or(SILENT_FOR);
                self.turns.lock().silent_until = self.now() + period(after);
                Sent::Stop(Verdict::Wait { after, why })
            }
            400 => match said.parameters.migrate_to_chat_id {
                Some(to) => return Told::Moved(to),
                None if lower.contains("can't parse entities") => return Told::Unreadable(why),
                None => Sent::Refused(why),
            },
            401 | 404 => Sent::Stop(Verdict::Paused { state: "wrong_token", why, probe: None }),
            403 => Sent::Off(why),
            500.. => Sent::Again { after: answer.retry_after, why },
            _ => Sent::Refused(why),
        })
    }

    /// What a server said, in one line and without the token, whatever it echoes.
    fn safe(&self, text: &str) -> String {
        let line = plain(text).replace('\n', " ");
        cut_units(&line.replace(self.token.expose_secret(), "***"), 200)
    }

    async fn moved(&self) -> Result<BTreeMap<String, String>, String> {
        let word = self.means.shelf.get(&self.name, MOVED).await;
        let word = word.map_err(|error| error.to_string())?;
        Ok(word.and_then(|word| serde_json::from_str(&word).ok()).unwrap_or_default())
    }

    async fn keep_moved(&self, moved: &BTreeMap<String, String>) -> Result<(), String> {
        let word = json!(moved).to_string();
        self.means.shelf.put(&self.name, MOVED, &word).await.map_err(|error| error.to_string())
    }

    async fn known(&self) -> Result<(), String> {
        let answer = self.post("getMe", &json!({})).await.map_err(|error| error.to_string())?;
        match answer.json::<Said>() {
            Some(said) if said.ok => Ok(()),
            Some(said) => Err(self.safe(&said.description)),
            None => Err(format!("HTTP {}", answer.status)),
        }
    }
}

impl Channel for Telegram {
    fn pace(&self) -> (f64, u32) {
        (25.0, 1)
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

impl Turns {
    fn wait(&mut self, chat: &str, now: Mono) -> Period {
        let own = self.chats.get_mut(chat).map_or(Period::ZERO, |bucket| bucket.wait(now));
        own.max(self.bot.wait(now))
    }

    fn take(&mut self, chat: &str, now: Mono) {
        if self.chats.len() >= CHATS_MAX {
            self.chats.retain(|_, bucket| !bucket.is_full(now));
        }
        let group = chat.starts_with(['-', '@']);
        let every = if group { GROUP_EVERY } else { PERSON_EVERY };
        self.chats.entry(chat.to_owned()).or_insert_with(|| Bucket::new(every, 1)).take(now);
        self.bot.take(now);
    }
}

/// The body of a request; `None` for a chat that is none and for a text without words.
fn request(piece: Piece<'_>, chat: &str, topic: Option<i64>, markup: Markup) -> Option<Value> {
    let chat = match chat.parse::<i64>() {
        Ok(id) => json!(id),
        Err(_) if chat.starts_with('@') => json!(chat),
        Err(_) => return None,
    };
    let message = piece.message;
    let title = cut_units(plain(&message.title).trim(), TITLE_UNITS_MAX);
    // The button takes only addresses of the open internet; another one is written out.
    let button = message.link.as_deref().filter(|link| link.starts_with("https://"));
    let mut rest = plain(&message.text);
    if let Some(link) = message.link.as_deref().filter(|_| button.is_none()) {
        rest = format!("{rest}\n{link}");
    }
    let rest = cut_units(rest.trim(), TEXT_UNITS_MAX - TITLE_UNITS_MAX);
    if title.is_empty() && rest.is_empty() {
        return None;
    }
    let id = message.call.map_or_else(|| piece.note.id.clone(), |call| call.to_string());
    let text = match markup {
        Markup::Html => {
            format!("<b>{}</b>\n{}\n<code>{}</code>", html(&title), html(&rest), html(&id))
        }
        Markup::None => format!("{title}\n{rest}\n{id}"),
    };
    let mut body = json!({
        "chat_id": chat,
        "text": text,
        "link_preview_options": { "is_disabled": true },
        "disable_notification": message.event == TEST,
    });
    let fields = body.as_object_mut()?;
    if markup == Markup::Html {
        fields.insert(String::from("parse_mode"), json!("HTML"));
    }
    if let Some(topic) = topic {
        fields.insert(String::from("message_thread_id"), json!(topic));
    }
    if let Some(link) = button {
        let keyboard = json!({ "inline_keyboard": [[{ "text": "navbat", "url": link }]] });
        fields.insert(String::from("reply_markup"), keyboard);
    }
    Some(body)
}

/// A request without an answer.
pub(super) fn unanswered(error: NoAnswer) -> Sent {
    match error {
        NoAnswer::Refused(why) => Sent::Stop(Verdict::Paused {
            state: "refused_address",
            why: why.to_owned(),
            probe: None,
        }),
        NoAnswer::Unreached(_) => {
            Sent::Stop(Verdict::Retry { after: None, why: error.to_string() })
        }
        NoAnswer::Lost(_) | NoAnswer::TooLarge => Sent::Unclear(error.to_string()),
    }
}

pub(super) fn period(length: Duration) -> Period {
    Period(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}
