//! What each command does.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::CommandFactory;
use tracing::{error, info};

use super::cli::{self, Cli, ConfigVerb, OperatorVerb, TokenVerb, UserVerb, Verb};
use super::config::{self, Files, Sources};
use super::orders::{Desk, Done, Order};
use super::replay_accounts::Accounts;
use super::signals::{Asked, Signals};
use super::source::{self, Source};
use super::start::{self, Node};
use super::{accounts, check, control, demo, people, replay};
use crate::web;

/// The exit code of a command that was carried out.
type Code = u8;

/// Runs a command and gives its exit code. Fails with what to tell the person.
pub fn run(cli: Cli) -> anyhow::Result<Code> {
    // An error means that another library chose one before, which does as well.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    let file = cli.config;
    let order = match cli.command {
        Verb::Serve => return runtime()?.block_on(serve(file)).map(|()| 0),
        Verb::Demo(asked) => return runtime()?.block_on(demo::run(&asked)),
        Verb::Check(asked) => return check_file(file.as_deref(), &asked),
        Verb::Replay(asked) => return replay_file(file.as_ref(), &asked.file),
        Verb::Config(asked) => return show(file.as_ref(), &asked),
        Verb::Openapi => return printed(&web::openapi().to_pretty_json()?),
        Verb::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "navbat", &mut std::io::stdout());
            return Ok(0);
        }
        Verb::Reload => return reload(file.as_ref()),
        Verb::Explain(asked) => explain(asked),
        Verb::Operator(asked) => operator(asked),
        Verb::User(asked) => user(asked),
        Verb::Token(asked) => token(asked),
        Verb::Backup(asked) => Order::Backup { to: asked.to.map(absolute).transpose()? },
    };
    let done = runtime()?.block_on(order_of(file, order))?;
    printed(&done.text)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads")
}

fn printed(text: &str) -> anyhow::Result<Code> {
    if !text.is_empty() {
        // A reader that has gone away, like `head`, has what it wanted.
        let _gone = writeln!(std::io::stdout(), "{text}").is_err();
    }
    Ok(0)
}

/// The server resolves paths from its own folder.
fn absolute(path: PathBuf) -> anyhow::Result<PathBuf> {
    std::path::absolute(&path).with_context(|| format!("{} is no path", path.display()))
}

async fn serve(file: Option<PathBuf>) -> anyhow::Result<()> {
    let mut signals = Signals::hear()?;
    let opened = start::open(file.as_ref()).await?;
    let node = start::start(file.clone(), opened).await?;
    welcome(file.as_deref(), &node).await?;
    // Without systemd there is nobody to tell.
    let _told = sd_notify::notify(&[sd_notify::NotifyState::Ready]).is_ok();
    let taken_over = loop {
        let asked = tokio::select! {
            asked = signals.next() => asked,
            () = node.taken_over() => break true,
        };
        match asked {
            Asked::Stop => break false,
            Asked::Reload => match node.desk.carry_out(Order::Reload).await {
                Ok(done) => info!(changed = done.text, "configuration read again"),
                Err(error) => error!(error = format!("{error:#}"), "nothing was changed"),
            },
        }
    };
    signals.end_at_second();
    info!("stopping: requests in flight are finished");
    let _told = sd_notify::notify(&[sd_notify::NotifyState::Stopping]).is_ok();
    node.stop().await;
    anyhow::ensure!(!taken_over, "another navbat has taken the database over");
    Ok(())
}

/// Says where the server is and what to do next; goes to standard output, beside the log.
async fn welcome(file: Option<&Path>, node: &Node) -> anyhow::Result<()> {
    let site = node.desk.source.site();
    let base = node.desk.source.public_url();
    let mut text = String::new();
    for place in node.telephones() {
        text.push_str(&format!("Telephones: {place}\n"));
    }
    text.push_str(&format!("navbat {} listens on {base}\n", env!("CARGO_PKG_VERSION")));
    if let Some(secret) = people::first_link(&node.desk.store, super::clock::wall()).await? {
        text.push_str(&format!(
            "There is no administrator yet. One hour, once: {base}/setup#{secret}\n"
        ));
    }
    if file.is_none() {
        text.push_str(&format!(
            "No configuration file: the defaults hold, everything is kept in {}.\n\
             Next: navbat config default > navbat.toml, add a [[provider]], navbat check --config \
             navbat.toml, navbat serve --config navbat.toml\n\
             Only looking? navbat demo\n",
            site.data_dir.display()
        ));
    }
    let mut out = std::io::stdout();
    let _gone = out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err();
    Ok(())
}

fn check_file(file: Option<&Path>, asked: &cli::Check) -> anyhow::Result<Code> {
    let environment = config::environment();
    let files = if asked.offline { Files::Leave } else { Files::Read };
    let sources = Sources { file, environment: &environment, made: Vec::new(), files };
    Ok(check::run(&sources, asked.json, &mut std::io::stdout())?)
}

fn show(file: Option<&PathBuf>, asked: &ConfigVerb) -> anyhow::Result<Code> {
    match asked {
        ConfigVerb::Default => printed(config::DEFAULT.trim_end()),
        ConfigVerb::Show => {
            let site = source::load(file, Vec::new())?;
            printed(config::show(&site, true, true).trim_end())
        }
    }
}

fn replay_file(config: Option<&PathBuf>, capture: &Path) -> anyhow::Result<Code> {
    let opened =
        File::open(capture).with_context(|| format!("cannot open {}", capture.display()))?;
    let capture = replay::read(BufReader::new(opened))?;
    let (settings, accounts) = match config {
        Some(_) => {
            let site = source::load(config, Vec::new())?;
            (site.settings.clone(), Accounts::configured(accounts::accounts(&site)))
        }
        None => {
            let accounts = Accounts::of_paths(capture.requests());
            (Arc::new(accounts.settings()), accounts)
        }
    };
    let (rows, tally) = replay::replay(capture, settings, &accounts);
    let mut out = std::io::stdout().lock();
    for row in &rows {
        replay::print(row, &mut out)?;
    }
    out.flush()?;
    for (line, why) in &tally.unusable {
        eprintln!("navbat: line {line} {why}");
    }
    if tally.refused > 0 {
        let what = "wrong address or token, foreign account, or not to be decoded";
        eprintln!("navbat: {} requests made no call ({what})", tally.refused);
    }
    Ok(u8::from(!tally.unusable.is_empty()))
}

fn reload(file: Option<&PathBuf>) -> anyhow::Result<Code> {
    let site = source::load(file, Vec::new())?;
    match control::ask(&site.data_dir, &Order::Reload)? {
        Some(done) => printed(&done.text),
        None => anyhow::bail!("no server runs in {}", site.data_dir.display()),
    }
}

/// Has the running server carry an order out, or does so itself.
async fn order_of(file: Option<PathBuf>, order: Order) -> anyhow::Result<Done> {
    let site = source::load(file.as_ref(), Vec::new())?;
    let asked = {
        let (folder, order) = (site.data_dir.clone(), order.clone());
        tokio::task::spawn_blocking(move || control::ask(&folder, &order)).await??
    };
    if let Some(done) = asked {
        return Ok(done);
    }
    let opened = start::open(file.as_ref()).await?;
    let (journal, store) = (opened.journal.clone(), opened.store.clone());
    start::catch_up(&journal, &store, &opened.site).await;
    people::sync(&store, &opened.site, super::clock::wall()).await?;
    let source = Arc::new(Source::new(file, store.clone(), opened.site, None));
    let desk = Desk { store: store.clone(), journal: journal.clone(), source };
    let done = desk.carry_out(order).await;
    journal.close().await;
    opened.claim.release().await;
    store.close().await;
    done
}

fn explain(asked: cli::Explain) -> Order {
    let cli::Explain { call, operator, from, to, lang } = asked;
    match (call, operator) {
        (_, Some(operator)) => Order::ExplainOperator { operator, from, to, lang },
        (call, None) => Order::ExplainCall { call: call.unwrap_or_default(), lang },
    }
}

fn operator(asked: OperatorVerb) -> Order {
    match asked {
        OperatorVerb::Add { name, login, aliases } => Order::AddOperator { name, login, aliases },
        OperatorVerb::List => Order::ListOperators,
        OperatorVerb::Disable { name } => Order::DisableOperator { name },
    }
}

fn user(asked: UserVerb) -> Order {
    match asked {
        UserVerb::Add { login, role } => Order::AddUser { login, role },
        UserVerb::List => Order::ListUsers,
        UserVerb::Disable { login } => Order::DisableUser { login },
    }
}

fn token(asked: TokenVerb) -> Order {
    match asked {
        TokenVerb::Create { role, name } => Order::CreateToken { role, name },
        TokenVerb::List => Order::ListTokens,
        TokenVerb::Revoke { name } => Order::RevokeToken { name },
    }
}
