//! A stand-in of the Bot API: as strict as its sheet about tokens, chats, markup and limits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::http::{Reply, Request, Router};

/// Units of a text after its entities are parsed.
const TEXT_UNITS_MAX: usize = 4096;
/// Messages in a second over all chats, in a second to one person, in a minute to one group.
const ALL_IN_SECOND: usize = 30;
const PERSON_IN_SECOND: usize = 3;
const GROUP_IN_MINUTE: usize = 20;
/// What the vendor asks for when a limit was met, in seconds.
const RETRY_AFTER: u64 = 1;
/// Tags that may stand in a text.
const TAGS: [&str; 16] = [
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "span",
    "tg-spoiler",
    "a",
    "code",
    "pre",
    "blockquote",
    "tg-emoji",
];

/// The server behind one bot.
pub struct Telegram {
    token: String,
    clock: Ticks,
    state: Mutex<State>,
}

/// How long a stand-in has been there; a test may let it go faster.
pub type Ticks = Arc<dyn Fn() -> Duration + Send + Sync>;

#[derive(Default)]
struct State {
    chats: BTreeMap<i64, Chat>,
    told: Vec<Told>,
    limited: u64,
    /// Requests that are still refused, and the seconds that they are told.
    refuse: (u32, u64),
    unreadable: u32,
}

#[derive(Default)]
struct Chat {
    shut: Option<&'static str>,
    moved: Option<i64>,
}

/// A message that arrived.
#[derive(Debug, Clone)]
pub struct Told {
    /// Where.
    pub chat: i64,
    /// As people read it.
    pub text: String,
    /// What the button leads to.
    pub button: Option<String>,
    at: Duration,
}

impl Telegram {
    /// A bot with this token and no chats.
    pub fn new(token: &str, clock: Ticks) -> Telegram {
        Telegram { token: token.to_owned(), clock, state: Mutex::default() }
    }

    /// The bot may write to a chat.
    pub fn open(&self, chat: i64) {
        self.state.lock().chats.insert(chat, Chat::default());
    }

    /// A chat refuses the bot with these words, `bot was blocked by the user` and the like.
    pub fn shut(&self, chat: i64, words: &'static str) {
        self.state.lock().chats.entry(chat).or_default().shut = Some(words);
    }

    /// A group became another one.
    pub fn migrate(&self, from: i64, to: i64) {
        let mut state = self.state.lock();
        state.chats.entry(from).or_default().moved = Some(to);
        state.chats.entry(to).or_default();
    }

    /// So many requests are answered 429 with these seconds.
    pub fn refuse(&self, count: u32, seconds: u64) {
        self.state.lock().refuse = (count, seconds);
    }

    /// So many requests with markup are refused as unreadable.
    pub fn misread(&self, count: u32) {
        self.state.lock().unreadable = count;
    }

    /// What arrived, in order.
    pub fn told(&self) -> Vec<Told> {
        self.state.lock().told.clone()
    }

    /// How many requests met a limit.
    pub fn limited(&self) -> u64 {
        self.state.lock().limited
    }

    fn send(&self, fields: &Map<String, Value>) -> Reply {
        let (mut state, now) = (self.state.lock(), (self.clock)());
        let Some(chat) = fields.get("chat_id").and_then(chat_of) else {
            return bad(400, "Bad Request: chat_id is empty");
        };
        let Some(known) = state.chats.get(&chat) else {
            return bad(400, "Bad Request: chat not found");
        };
        if let Some(to) = known.moved {
            let text = "Bad Request: group chat was upgraded to a supergroup chat";
            return with(400, text, json!({ "migrate_to_chat_id": to }));
        }
        if let Some(words) = known.shut {
            return bad(403, &format!("Forbidden: {words}"));
        }
        let text = fields.get("text").and_then(Value::as_str).unwrap_or_default();
        let marked = fields.get("parse_mode").and_then(Value::as_str);
        if marked == Some("HTML") && state.unreadable > 0 {
            state.unreadable -= 1;
            return bad(400, "Bad Request: can't parse entities: Unsupported start tag");
        }
        let text = match marked {
            Some("HTML") => match plain(text) {
                Ok(text) => text,
                Err(why) => return bad(400, &format!("Bad Request: can't parse entities: {why}")),
            },
            Some(_) => return bad(400, "Bad Request: unsupported parse_mode"),
            None => text.to_owned(),
        };
        if text.trim().is_empty() {
            return bad(400, "Bad Request: message text is empty");
        }
        if text.encode_utf16().count() > TEXT_UNITS_MAX {
            return bad(400, "Bad Request: message is too long");
        }
        let button =
            fields.get("reply_markup").and_then(|keys| keys.pointer("/inline_keyboard/0/0/url"));
        let button = button.and_then(Value::as_str).map(str::to_owned);
        if button.as_deref().is_some_and(|url| !is_public(url)) {
            return bad(400, "Bad Request: inline keyboard button URL is invalid: Wrong HTTP URL");
        }
        if let Some(seconds) = state.is_too_much(chat, now) {
            state.limited += 1;
            let text = format!("Too Many Requests: retry after {seconds}");
            return with(429, &text, json!({ "retry_after": seconds }));
        }
        state.told.push(Told { chat, text, button, at: now });
        let id = state.told.len();
        let kind = if chat < 0 { "supergroup" } else { "private" };
        let result = json!({ "message_id": id, "date": 1_795_000_000, "chat": { "id": chat, "type": kind } });
        Reply::json(200, &json!({ "ok": true, "result": result }))
    }
}

impl State {
    fn is_too_much(&mut self, chat: i64, now: Duration) -> Option<u64> {
        if self.refuse.0 > 0 {
            self.refuse.0 -= 1;
            return Some(self.refuse.1);
        }
        let within =
            |told: &&Told, length| now.saturating_sub(told.at) < Duration::from_secs(length);
        let all = self.told.iter().filter(|told| within(told, 1)).count();
        let own = |length| {
            self.told.iter().filter(|told| told.chat == chat && within(told, length)).count()
        };
        let full = all >= ALL_IN_SECOND
            || (chat > 0 && own(1) >= PERSON_IN_SECOND)
            || (chat < 0 && own(60) >= GROUP_IN_MINUTE);
        full.then_some(RETRY_AFTER)
    }
}

impl Router for Telegram {
    fn answer(&self, request: &Request) -> Reply {
        let parts = request.segments();
        let (bot, method) = match parts.as_slice() {
            [bot, method] => (*bot, *method),
            _ => return bad(404, "Not Found"),
        };
        if bot.strip_prefix("bot") != Some(self.token.as_str()) {
            return bad(401, "Unauthorized");
        }
        let fields = match request.kind().as_str() {
            "application/json" => request.json::<Map<String, Value>>(),
            "application/x-www-form-urlencoded" => {
                let form = request.form().into_iter();
                Some(form.map(|(name, value)| (name, Value::String(value))).collect())
            }
            _ => None,
        };
        match (request.method.as_str(), method) {
            ("POST", "sendMessage") => match fields {
                Some(fields) => self.send(&fields),
                None => bad(400, "Bad Request: message text is empty"),
            },
            ("GET" | "POST", "getMe") => {
                Reply::json(200, &json!({ "ok": true, "result": { "id": 1, "is_bot": true } }))
            }
            _ => bad(404, "Not Found"),
        }
    }
}

fn bad(code: u16, text: &str) -> Reply {
    Reply::json(code, &json!({ "ok": false, "error_code": code, "description": text }))
}

fn with(code: u16, text: &str, parameters: Value) -> Reply {
    let seconds = parameters.get("retry_after").map(ToString::to_string);
    let body = json!({
        "ok": false, "error_code": code, "description": text, "parameters": parameters,
    });
    let reply = Reply::json(code, &body);
    match seconds {
        Some(seconds) => reply.with("retry-after", seconds),
        None => reply,
    }
}

fn chat_of(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn is_public(url: &str) -> bool {
    let rest = ["https://", "http://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let host = rest.and_then(|rest| rest.split(['/', ':', '?']).next()).unwrap_or_default();
    host.contains('.') && !host.starts_with("127.")
}

/// The text of some markup. Fails on tags and entities that do not exist, and on tags that are
/// not closed in order.
fn plain(markup: &str) -> Result<String, String> {
    let (mut text, mut open) = (String::new(), Vec::new());
    let mut rest = markup;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '<' => {
                let end = rest.find('>').ok_or("a tag without an end")?;
                let (tag, after) = (rest.get(1..end).unwrap_or_default(), rest.get(end + 1..));
                match tag.strip_prefix('/') {
                    Some(name) if open.pop() == Some(name.trim()) => {}
                    Some(name) => return Err(format!("unexpected end tag {name}")),
                    None => {
                        let name = tag.split_whitespace().next().unwrap_or_default();
                        if !TAGS.contains(&name) {
                            return Err(format!("unsupported start tag {name}"));
                        }
                        open.push(name);
                    }
                }
                after.unwrap_or_default()
            }
            '>' => return Err(String::from("a bare >")),
            '&' => {
                let end = rest.find(';').filter(|end| *end < 10).ok_or("a bare &")?;
                text.push(entity(rest.get(1..end).unwrap_or_default())?);
                rest.get(end + 1..).unwrap_or_default()
            }
            _ => {
                text.push(first);
                rest.get(first.len_utf8()..).unwrap_or_default()
            }
        };
    }
    if open.is_empty() { Ok(text) } else { Err(String::from("a tag is not closed")) }
}

fn entity(name: &str) -> Result<char, String> {
    let number = |text: &str, base| u32::from_str_radix(text, base).ok().and_then(char::from_u32);
    let found = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        _ => match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(hex), _) => number(hex, 16),
            (None, Some(decimal)) => number(decimal, 10),
            (None, None) => None,
        },
    };
    found.ok_or_else(|| format!("no entity {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_read_as_strictly_as_by_the_vendor() {
        assert_eq!(plain("<b>a &amp; b</b>&#183;").unwrap(), "a & b·");
        assert_eq!(plain("<a href=\"https://x.uz\">x</a>").unwrap(), "x");
        for wrong in
            ["<b>a", "a</b>", "<b><i>a</b></i>", "a & b", "&nbsp;", "<p>a</p>", "a < b", "1 > 0"]
        {
            assert!(plain(wrong).is_err(), "{wrong}");
        }
    }
}
