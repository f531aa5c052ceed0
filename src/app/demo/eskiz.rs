//! A stand-in of Eskiz: one token at a time, its own list of messages, errors in all their forms.

use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::http::{Reply, Request, Router};
use super::telegram::Ticks;

/// Messages in a second that the account may send.
const IN_SECOND: usize = 10;

/// The gateway behind one account.
pub struct Eskiz {
    login: String,
    password: String,
    clock: Ticks,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The one that holds, and how many there were.
    token: String,
    logins: u32,
    texts: Vec<Text>,
    balance: i64,
    /// What a message is refused with: a status and the value of `message`.
    refuse: Option<(u16, Value)>,
    is_blind: bool,
    limited: u64,
}

/// A message that was taken.
#[derive(Debug, Clone)]
pub struct Text {
    /// The gateway's own.
    pub id: String,
    /// Ours.
    pub ours: String,
    /// To whom.
    pub phone: String,
    /// What.
    pub text: String,
    /// Where a report is wanted.
    pub callback: Option<String>,
    at: Duration,
}

impl Eskiz {
    /// An account with money.
    pub fn new(login: &str, password: &str, clock: Ticks) -> Eskiz {
        let state = Mutex::new(State { balance: 1000, ..State::default() });
        Eskiz { login: login.to_owned(), password: password.to_owned(), clock, state }
    }

    /// The token holds no more.
    pub fn revoke(&self) {
        self.state.lock().token = String::from("revoked");
    }

    /// How often somebody signed in.
    pub fn logins(&self) -> u32 {
        self.state.lock().logins
    }

    /// The money that is there.
    pub fn set_balance(&self, balance: i64) {
        self.state.lock().balance = balance;
    }

    /// Refuses every message from here on with a status and a `message`; `None`: takes them.
    pub fn refuse(&self, with: Option<(u16, Value)>) {
        self.state.lock().refuse = with;
    }

    /// The list of messages does not exist.
    pub fn hide_list(&self) {
        self.state.lock().is_blind = true;
    }

    /// What was taken, in order.
    pub fn texts(&self) -> Vec<Text> {
        self.state.lock().texts.clone()
    }

    /// How many requests met the limit.
    pub fn limited(&self) -> u64 {
        self.state.lock().limited
    }

    fn sign_in(&self, request: &Request) -> Reply {
        let mut state = self.state.lock();
        let own = |name: &str| field(request, name).unwrap_or_default();
        if own("email") != self.login || own("password") != self.password {
            return Reply::json(401, &json!({ "message": "Неверный Email или пароль" }));
        }
        state.logins += 1;
        state.token = format!("eyJ.{}.sig", state.logins);
        let data = json!({ "token": state.token });
        let body = json!({ "message": "token_generated", "data": data, "token_type": "bearer" });
        Reply::json(200, &body)
    }

    fn send(&self, request: &Request) -> Reply {
        let (mut state, now) = (self.state.lock(), (self.clock)());
        if let Some((status, message)) = &state.refuse {
            return Reply::json(*status, &json!({ "status": "error", "message": message }));
        }
        let own = |name: &str| field(request, name).unwrap_or_default();
        let (phone, text, from) = (own("mobile_phone"), own("message"), own("from"));
        let digits = phone.len() == 12 && phone.bytes().all(|byte| byte.is_ascii_digit());
        let plain = own("user_sms_id").chars().all(|letter| letter.is_ascii_alphanumeric());
        if !digits || text.is_empty() || from.is_empty() || from.len() > 11 || !plain {
            let message = json!({ "mobile_phone": ["Поле mobile_phone ошибочно."] });
            return Reply::json(422, &json!({ "status": "error", "message": message }));
        }
        if state.balance <= 0 {
            let message = "Недостаточно средств на балансе";
            return Reply::json(400, &json!({ "status": "error", "message": message }));
        }
        let lately =
            state.texts.iter().filter(|text| now.saturating_sub(text.at) < Duration::from_secs(1));
        if lately.count() >= IN_SECOND {
            state.limited += 1;
            return Reply::json(429, &json!({ "message": "Too Many Attempts." }))
                .with("retry-after", "1");
        }
        state.balance -= 1;
        let id = format!("4385062f-{:04}", state.texts.len());
        state.texts.push(Text {
            id: id.clone(),
            ours: own("user_sms_id"),
            phone,
            text,
            callback: field(request, "callback_url"),
            at: now,
        });
        let body = json!({ "id": id, "status": "waiting", "message": "Waiting for SMS provider" });
        Reply::json(200, &body)
    }

    fn list(&self, request: &Request) -> Reply {
        let state = self.state.lock();
        let dated = |name: &str| {
            field(request, name).is_some_and(|text| text.len() == 16 && text.contains(' '))
        };
        if state.is_blind {
            return Reply::html(404, b"<html>404</html>");
        }
        if !dated("start_date") || !dated("end_date") {
            return Reply::json(400, &json!({ "message": { "start_date": ["required"] } }));
        }
        let row = |text: &Text| json!({ "id": text.id, "user_sms_id": text.ours, "to": text.phone, "status": "DELIVERED" });
        let rows: Vec<Value> = state.texts.iter().rev().map(row).collect();
        let data = json!({ "current_page": 1, "last_page": 1, "result": rows });
        Reply::json(200, &json!({ "status": "success", "data": data }))
    }
}

impl Router for Eskiz {
    fn answer(&self, request: &Request) -> Reply {
        let path = request.path.as_str();
        if (request.method.as_str(), path) == ("POST", "/api/auth/login") {
            return self.sign_in(request);
        }
        let (token, balance) = {
            let state = self.state.lock();
            (state.token.clone(), state.balance)
        };
        let bearer = request.header("authorization").and_then(|it| it.strip_prefix("Bearer "));
        if token.is_empty() || bearer != Some(token.as_str()) {
            return Reply::json(401, &json!({ "message": "Expired" }));
        }
        match (request.method.as_str(), path) {
            ("POST", "/api/message/sms/send") => self.send(request),
            ("POST", "/api/message/sms/get-user-messages") => self.list(request),
            ("GET", "/api/user/get-limit") => {
                Reply::json(200, &json!({ "data": { "balance": balance } }))
            }
            _ => Reply::html(404, b"<html>404</html>"),
        }
    }
}

/// A field of a form or of JSON.
fn field(request: &Request, name: &str) -> Option<String> {
    match request.kind().as_str() {
        "application/json" => {
            let body = request.json::<Value>()?;
            body.get(name)?.as_str().map(str::to_owned)
        }
        "application/x-www-form-urlencoded" => {
            request.form().into_iter().find(|(own, _)| own == name).map(|(_, value)| value)
        }
        _ => None,
    }
}
