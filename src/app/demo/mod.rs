//! `navbat demo`: a whole call centre on this machine.
//!
//! A real server on real sockets in a temporary folder; stand-ins of all providers that post real
//! webhooks to it; SIP telephones that register and a carrier that calls over real UDP; operators
//! with their habits; CRMs and a messenger that are told; the pages to watch it in. Headless it ends with books that must balance.

pub mod amocrm;
mod amocrm_auth;
mod amocrm_reads;
mod amocrm_world;
mod amocrm_writes;
mod api;
pub mod bitrix24;
mod bitrix24_batch;
pub mod bitrix24_tokens;
mod books;
mod books_outside;
mod calls;
mod carrier;
mod day;
pub mod eskiz;
mod floor;
pub mod http;
mod itoolabs;
mod line;
mod onlinepbx;
mod outside;
mod people;
pub mod playmobile;
mod sarkor;
mod sender;
mod sipuni;
mod site;
pub mod smtp;
mod softphone;
pub mod telegram;
mod telephony;
mod told;
mod utel;
mod wire;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;

use super::cli::Demo;
use super::signals::Signals;
use super::start::{self, Node};
use super::{clock, people as guests};
use crate::model::{Name, Period};
use crate::web::Role;

use api::Api;
use books::Both;
use calls::Calls;
use day::{Day, Stand};
use outside::Outside;
use people::{Habit, OPERATORS, OTHERS, TELEPHONES};
use sender::Sender;
use telephony::{Prepared, Telephony};
use wire::Pace;

/// Calls of a headless run when nobody says how many.
const CALLS_HEADLESS: u32 = 200;
/// Faster than life when nobody says how much: headless nobody watches.
const SPEED_HEADLESS: f64 = 60.0;
/// One of so many calls is a SIP call.
const SIP_SHARE: u32 = 4;
/// The usual address of the pages; a free one when it is taken.
const LISTEN: &str = "127.0.0.1:8080";
/// How long the books may take to settle after the last call: the accounts' time to settle, the
/// slowest provider's history, what the limits of the CRMs held back, and room for a loaded machine.
const SETTLES_WITHIN: Duration = Duration::from_secs(120);
/// How often the books are looked at while they settle.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// What the people of the demo choose when their link asks for a password.
const PASSWORD: &str = "navbat demo parol";

/// Runs the demo and gives the exit code: 1 when the books do not balance.
pub async fn run(asked: &Demo) -> anyhow::Result<u8> {
    let mut signals = Signals::hear()?;
    let folder = tempfile::Builder::new().prefix("navbat-demo-").tempdir()?;
    let file = folder.path().join("navbat.toml");
    let speed = asked.speed.unwrap_or(if asked.headless { SPEED_HEADLESS } else { 1.0 });
    let (lines, outside) = (Prepared::new().await?, Arc::new(Outside::begin().await?));
    let text = site::config(folder.path(), &listen(), &outside.allowed())
        + &lines.config(speed)
        + &outside.config();
    std::fs::write(&file, text)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    let node = start::start(Some(file.clone()), start::open(Some(&file)).await?).await?;
    let base = format!("http://{}", node.address);
    sign_in_everybody(&node, &base).await?;
    let exchange = lines.navbat();
    let telephony = lines.begin(speed, asked.seed, !asked.headless).await?;
    welcome(&node, &base, folder.path(), asked, speed).await?;
    tell_telephones(exchange, asked.headless);
    let counting = outside.follow(&node.hub)?;
    let pace = Pace { began: clock::wall(), speed };
    let hooks = Stand::ALL.map(|stand| (stand, format!("{base}{}", site::hook(stand))));
    let sender = Sender::new(BTreeMap::from(hooks), pace)?;
    if !asked.headless {
        outside.tell();
        tokio::spawn(told::tell(node.hub.clone()));
        tokio::spawn(told::tell_messages(outside.clone()));
    }
    let seen = (base.as_str(), &*outside);
    let code = lived(&node, seen, &sender, telephony, asked, &mut signals).await?;
    counting.abort();
    node.stop().await;
    Ok(code)
}

/// Lives through the day, or until a signal. Gives the exit code.
async fn lived(
    node: &Node,
    (base, outside): (&str, &Outside),
    sender: &Sender,
    telephony: Telephony,
    asked: &Demo,
    signals: &mut Signals,
) -> anyhow::Result<u8> {
    let began = Instant::now();
    let calls = asked.calls.or(asked.headless.then_some(CALLS_HEADLESS));
    let sip = calls.map(|calls| calls / SIP_SHARE);
    let hooks = calls.zip(sip).map(|(calls, sip)| calls - sip);
    let (floor, speed) = (telephony.floor.clone(), sender.speed());
    let over = tokio::select! {
        lived = async {
            tokio::try_join!(
                sender.live(Day::new(asked.seed, speed), hooks, asked.seed),
                telephony.live(Calls::new(asked.seed), sip),
            )
        } => lived.map(|_| true)?,
        _ = signals.next() => false,
    };
    telephony.leave().await;
    if !over {
        return Ok(0);
    }
    let messages = floor.messages();
    let (made, faults) = floor.take();
    let guests = floor.has_guests();
    let (hooks, told) = (sender.done(), outside.told());
    let mut done = Both { hooks, made, faults, messages, guests, told };
    let code = summary(node, (base, outside), &mut done, began).await?;
    if !asked.headless {
        println!("The calls are over; the pages stay until Ctrl-C.");
        signals.next().await;
    }
    Ok(code)
}

/// The usual address, or one that is free.
fn listen() -> String {
    match std::net::TcpListener::bind(LISTEN) {
        Ok(_) => LISTEN.to_owned(),
        Err(_) => String::from("127.0.0.1:0"),
    }
}

async fn welcome(
    node: &Node,
    base: &str,
    folder: &std::path::Path,
    asked: &Demo,
    speed: f64,
) -> anyhow::Result<()> {
    println!("navbat demo: seed {}, {speed} times life, in {}", asked.seed, folder.display());
    if asked.headless {
        return Ok(());
    }
    println!("The pages: {base}\nSign in once by one of these links and choose a password:");
    let visitor = OPERATORS.iter().take(1).map(|one| (one.login, Role::Operator));
    let others = OTHERS.iter().filter_map(|(login, role)| Some((*login, Role::of(role)?)));
    for (login, role) in visitor.chain(others) {
        let secret =
            guests::link(&node.desk.store, &Name::from(login), role, clock::wall()).await?;
        println!("  {:<11} {login:<9} {base}/setup#{secret}", role.word());
    }
    let wall = token(node, "demo-wall", Role::Wallboard).await?;
    println!("  {:<11} {:<9} {base}/board?tv=1#{wall}", Role::Wallboard.word(), "-");
    println!("Ctrl-C ends it and deletes the folder.\n");
    Ok(())
}

/// Says where telephones register, and how the visitor's own can ring beside one of them.
fn tell_telephones(exchange: std::net::SocketAddr, headless: bool) {
    println!("SIP: {} telephones are registered at {exchange}", TELEPHONES.len());
    if headless {
        return;
    }
    let Some(who) = TELEPHONES.get(floor::VISITORS).map(|one| one.owner) else { return };
    println!(
        "A telephone of your own may ring beside that of {}: user {}, password {}, domain {}\n\
         (calls that it makes itself are in no books)\n",
        who.name,
        who.login,
        telephony::password(who.login),
        line::DOMAIN
    );
}

/// Everybody opens their link and sets their presence. The visitor's operator is among them: the
/// link that is printed afterwards is another one.
async fn sign_in_everybody(node: &Node, base: &str) -> anyhow::Result<()> {
    for one in people::operators() {
        let intent = match one.habit {
            Habit::OverBreak => json!({
                "is": "break",
                "reason": "tushlik",
                "planned_end": (clock::wall() - Period::mins(10)).0,
            }),
            Habit::Steady | Habit::NeverAnswers | Habit::Unregistered => json!({ "is": "ready" }),
        };
        let person = sign_in(node, base, one.login, Role::Operator).await?;
        person.set_presence(one.name, intent).await?;
    }
    Ok(())
}

async fn sign_in(node: &Node, base: &str, login: &str, role: Role) -> anyhow::Result<Api> {
    let link = guests::link(&node.desk.store, &Name::from(login), role, clock::wall()).await?;
    Api::with_link(base, &link, PASSWORD).await.with_context(|| format!("{login} cannot sign in"))
}

async fn token(node: &Node, name: &str, role: Role) -> anyhow::Result<String> {
    let order =
        super::orders::Order::CreateToken { role: role.word().to_owned(), name: name.to_owned() };
    Ok(node.desk.carry_out(order).await?.text)
}

/// Waits until the books have settled, prints them, and says whether they balance.
async fn summary(
    node: &Node,
    (base, outside): (&str, &Outside),
    done: &mut Both,
    began: Instant,
) -> anyhow::Result<u8> {
    let lived = began.elapsed();
    let api = Api::with_token(base, &token(node, "demo-books", Role::Admin).await?)?;
    let until = Instant::now() + SETTLES_WITHIN;
    let record = loop {
        let record = api.record().await?;
        done.told = outside.told();
        if books::is_complete(done, &record) || Instant::now() > until {
            break record;
        }
        if node.is_broken() {
            bail!("the server has stopped working");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let books = books::balance(done, &record);
    println!("{}", books.table);
    println!(
        "{} calls in {:.0} s, settled {:.0} s later",
        done.hooks.stories.len() + done.made.len(),
        lived.as_secs_f64(),
        (began.elapsed() - lived).as_secs_f64()
    );
    for wrong in &books.wrong {
        println!("DOES NOT BALANCE: {wrong}");
    }
    if books.wrong.is_empty() {
        println!("The books balance.");
    }
    Ok(u8::from(!books.wrong.is_empty()))
}
