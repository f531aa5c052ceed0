//! `navbat demo`: a whole call centre on this machine.
//!
//! A real server on real sockets in a temporary folder; stand-ins of all providers that post real
//! webhooks to it; ten operators with their habits; the pages to watch it in. Headless it ends
//! with books that must balance.

mod api;
mod books;
mod day;
mod itoolabs;
mod onlinepbx;
mod people;
mod sarkor;
mod sender;
mod sipuni;
mod site;
mod told;
mod utel;
mod wire;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
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
use day::{Day, Stand};
use people::{Habit, OPERATORS, OTHERS};
use sender::Sender;
use wire::Pace;

/// Calls of a headless run when nobody says how many.
const CALLS_HEADLESS: u32 = 200;
/// Faster than life when nobody says how much: headless nobody watches.
const SPEED_HEADLESS: f64 = 60.0;
/// The usual address of the pages; a free one when it is taken.
const LISTEN: &str = "127.0.0.1:8080";
/// How long the books may take to settle after the last call: the accounts' time to settle, the
/// slowest provider's history, and room for a loaded machine.
const SETTLES_WITHIN: Duration = Duration::from_secs(90);
/// How often the books are looked at while they settle.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// What the people of the demo choose when their link asks for a password.
const PASSWORD: &str = "navbat demo parol";

/// Runs the demo and gives the exit code: 1 when the books do not balance.
pub async fn run(asked: &Demo) -> anyhow::Result<u8> {
    let mut signals = Signals::hear()?;
    let folder = tempfile::Builder::new().prefix("navbat-demo-").tempdir()?;
    let file = folder.path().join("navbat.toml");
    std::fs::write(&file, site::config(folder.path(), &listen()))?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    let node = start::start(Some(file.clone()), start::open(Some(&file)).await?).await?;
    let speed = asked.speed.unwrap_or(if asked.headless { SPEED_HEADLESS } else { 1.0 });
    let calls = asked.calls.or(asked.headless.then_some(CALLS_HEADLESS));
    let base = format!("http://{}", node.address);
    sign_in_everybody(&node, &base).await?;
    welcome(&node, &base, folder.path(), asked, speed).await?;
    let pace = Pace { began: clock::wall(), speed };
    let hooks = Stand::ALL.map(|stand| (stand, format!("{base}{}", site::hook(stand))));
    let sender = Sender::new(BTreeMap::from(hooks), pace)?;
    if !asked.headless {
        tokio::spawn(told::tell(node.hub.clone()));
    }
    let began = Instant::now();
    let code = tokio::select! {
        lived = sender.live(Day::new(asked.seed, speed), calls, asked.seed) => {
            lived?;
            let code = summary(&node, &base, &sender, began).await?;
            if !asked.headless {
                println!("The calls are over; the pages stay until Ctrl-C.");
                signals.next().await;
            }
            code
        }
        _ = signals.next() => 0,
    };
    node.stop().await;
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

/// Everybody opens their link and sets their presence. The visitor's operator is among them: the
/// link that is printed afterwards is another one.
async fn sign_in_everybody(node: &Node, base: &str) -> anyhow::Result<()> {
    for one in &OPERATORS {
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
async fn summary(node: &Node, base: &str, sender: &Sender, began: Instant) -> anyhow::Result<u8> {
    let done = sender.done();
    let lived = began.elapsed();
    let api = Api::with_token(base, &token(node, "demo-books", Role::Admin).await?)?;
    let until = Instant::now() + SETTLES_WITHIN;
    let record = loop {
        let record = api.record().await?;
        if books::is_complete(&done, &record) || Instant::now() > until {
            break record;
        }
        if node.is_broken() {
            bail!("the server has stopped working");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let books = books::balance(&done, &record);
    println!("{}", books.table);
    println!(
        "{} calls in {:.0} s, settled {:.0} s later",
        done.stories.len(),
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
