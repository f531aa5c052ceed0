//! The configuration: one TOML file, the environment over it, defaults under it.
//!
//! Everything ends in a [`Site`]. A file with an error is not used at all, and all its errors
//! are told at once with line, column and a mend. What every key means stands in
//! `config.example.toml`, which a test holds against this code.

mod alerts;
pub mod amocrm;
mod checks;
mod environment;
mod made;
mod names;
mod outlets;
mod overflow;
mod parts;
mod people;
mod providers;
mod queues;
mod restart;
mod secrets;
mod show;
mod trunks;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use alerts::Health;
pub use made::Document;
pub use names::is_name;
pub use outlets::Outlet;
pub use parts::{Database, Language, Retention, Rtp, Sip, Tls, Web};
pub use people::{Devices, Dial, User};
pub use providers::{Ami, Kind, MAP_FIELDS, Map, Provider, Rate};
pub use queues::Numbers;
pub use secrets::Files;
pub use show::{DEFAULT, show};
pub use trunks::Trunk;

use crate::acd::Settings;
use crate::connect::notify::Rule;
use crate::model::{Name, Number};
use crate::plan::{Calendars, Found, Level, Place, Plan, Problem, Reader, Shown, parse};
use crate::web::{Role, Thing};
use people::Operator;
use queues::Queue;
use secrets::Vault;

/// A larger configuration or dialplan is the wrong file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Everything that the configuration says.
#[derive(Debug)]
pub struct Site {
    /// What the engine is told.
    pub settings: Arc<Settings>,
    /// Accounts at providers, in the order of the file.
    pub providers: Vec<Provider>,
    /// Where everything that is kept lies.
    pub data_dir: PathBuf,
    /// The database.
    pub database: Database,
    /// How long things are kept.
    pub retention: Retention,
    /// `host:port` that may be private, loopback or plain HTTP.
    pub outgoing: Vec<String>,
    /// Of texts whose reader has chosen none.
    pub language: Language,
    /// Named working hours.
    pub calendars: Calendars,
    /// Dialplans that keep their promises.
    pub plans: Vec<Arc<Plan>>,
    /// Pages, API, hooks.
    pub web: Web,
    /// Who signs in; logins of operators are among them.
    pub users: Vec<User>,
    /// Operators and queues as the pages show them.
    pub things: Vec<Thing>,
    /// What the edges need to know of operators, by name.
    pub devices: BTreeMap<Name, Devices>,
    /// What role operator sees of a queue's callers.
    pub numbers: BTreeMap<Name, Numbers>,
    /// Connections to carriers.
    pub trunks: Vec<Trunk>,
    /// SIP.
    pub sip: Sip,
    /// Audio.
    pub rtp: Rtp,
    /// Customer databases.
    pub crms: Vec<Outlet>,
    /// Targets of messages.
    pub targets: Vec<Outlet>,
    /// Which events go to which targets.
    pub alerts: Vec<Rule>,
    /// From when on something is a fault.
    pub health: Health,
    /// What somebody should look at; nothing here keeps the site from running.
    pub warnings: Vec<Problem>,
    /// Every value and where it came from.
    pub values: Vec<Shown>,
    /// Every key that was looked for, names as `*`.
    pub keys: BTreeSet<String>,
}

/// What a configuration is made of.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The file; `None`: defaults.
    pub file: Option<&'a Path>,
    /// All variables of the process.
    pub environment: &'a [(String, String)],
    /// What was made in the pages and is kept in the database.
    pub made: Vec<Document>,
    /// Whether secrets and certificates are looked at.
    pub files: Files,
}

impl Sources<'_> {
    /// Only a file and nothing around it.
    pub fn file(file: &Path) -> Sources<'_> {
        Sources { file: Some(file), environment: &[], made: Vec::new(), files: Files::Read }
    }
}

/// The variables of this process that are text.
pub fn environment() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// A configuration that is not used: everything that is wrong with it, errors and warnings, in
/// the order of the file.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is not used\n{}", lines(.problems))]
pub struct ConfigError {
    /// One line and a mend each.
    pub problems: Vec<Problem>,
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads a configuration. Fails with everything that is wrong at once.
pub fn load(sources: &Sources<'_>) -> Result<Site, ConfigError> {
    let read = match sources.file {
        None => read(&Text { name: "defaults", text: "", base: Path::new("") }, sources),
        Some(file) => {
            let name = file.display().to_string();
            let top = Place::File { file: name.as_str().into(), line: 1, col: 1 };
            let base = file.parent().unwrap_or(Path::new(""));
            read_file(file, &top)
                .map_err(|problem| vec![problem])
                .and_then(|text| read(&Text { name: &name, text: &text, base }, sources))
        }
    };
    read.map_err(|problems| ConfigError { problems })
}

/// A configuration file that was read.
struct Text<'a> {
    name: &'a str,
    text: &'a str,
    /// Other files are relative to this folder.
    base: &'a Path,
}

fn read_file(file: &Path, at: &Place) -> Result<String, Problem> {
    let wrong = |why: String| {
        Problem::error(at, "unreadable", format!("cannot read {}: {why}", file.display()))
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(|error| wrong(error.to_string()))?;
    let mut bounded = opened.take(FILE_BYTES_MAX + 1);
    bounded.read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(wrong(format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    String::from_utf8(bytes)
        .map_err(|error| wrong(format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to())))
}

fn read(file: &Text<'_>, sources: &Sources<'_>) -> Result<Site, Vec<Problem>> {
    let mut entries = parse(file.name, file.text)?;
    let mut problems = environment::put(&mut entries, sources.environment);
    problems.extend(made::put(&mut entries, &sources.made));
    let reader = Reader::default();
    let vault = Vault::new(file.base.to_owned(), sources.files);
    let top = Place::File { file: file.name.into(), line: 1, col: 1 };
    let draft = Draft::read(reader.top(&entries, top.clone()), &vault);
    let everything = checks::Read {
        operators: &draft.operators,
        queues: &draft.queues,
        users: &draft.users,
        providers: &draft.providers,
        trunks: &draft.trunks,
        crms: &draft.crms,
    };
    for problem in checks::check(&everything) {
        reader.add(problem);
    }
    for problem in amocrm::check(&draft.crms, &draft.operators) {
        reader.add(problem);
    }
    if vault.inline() > 0 && sources.file.is_some_and(secrets::is_world_readable) {
        let message = "everybody on this machine may read the secrets in this file";
        let mend = format!("chmod o-rwx {}, or use `…_file` keys", file.name);
        reader.add(Problem::warning(&top, "world-readable", message).mend(mend));
    }
    let queues = draft.queues.iter().map(|queue| queue.settings.name.clone()).collect();
    let plans = read_plans(&draft.house, file.base, &draft.calendars, &queues, &reader);
    let (found, values, keys) = reader.finish();
    problems.extend(found);
    problems.sort_by(|one, other| one.place.cmp(&other.place));
    if problems.iter().any(|problem| problem.level == Level::Error) {
        return Err(problems);
    }
    let mut site = draft.site(plans, values, keys);
    site.data_dir = file.base.join(&site.data_dir);
    site.warnings = problems;
    Ok(site)
}

/// Everything that was read, before it is known to fit together.
struct Draft {
    data_dir: PathBuf,
    database: Database,
    retention: Retention,
    outgoing: Vec<String>,
    house: parts::House,
    web: Web,
    calendars: Calendars,
    users: Vec<User>,
    operators: Vec<Operator>,
    queues: Vec<Queue>,
    providers: Vec<Provider>,
    trunks: Vec<Trunk>,
    sip: Sip,
    rtp: Rtp,
    crms: Vec<Outlet>,
    targets: Vec<Outlet>,
    alerts: Vec<Rule>,
    health: Health,
}

impl Draft {
    fn read(mut top: crate::plan::Section<'_>, vault: &Vault) -> Draft {
        let top = &mut top;
        let data_dir = top.or("data_dir", String::from("data"));
        let database = parts::database(top, vault);
        let (retention, outgoing) = (parts::retention(top), parts::outgoing(top));
        let house = parts::house(top);
        let web = parts::web(top, vault);
        let calendars = queues::calendars(top, &house.timezone);
        let users = people::users(top);
        let providers = providers::providers(top, vault, &house.timezone);
        let taken: Vec<_> =
            providers.iter().map(|p| (p.settings.name.clone(), p.at.clone())).collect();
        let trunks = trunks::trunks(top, vault, &taken);
        let accounts = taken.iter().map(|(name, _)| name).chain(trunks.iter().map(|t| &t.name));
        let accounts: Vec<String> = accounts.map(ToString::to_string).collect();
        let operators = people::operators(top, vault, &accounts);
        let queues = queues::queues(top, &calendars);
        let (sip, rtp) = (parts::sip(top, vault), parts::rtp(top));
        let crms = outlets::crms(top, vault, &outgoing);
        let targets = outlets::targets(top, vault, &crms);
        let alerts = alerts::alerts(top, &targets, &queues);
        let health = alerts::health(top);
        top.finish();
        Draft {
            data_dir: data_dir.into(),
            database,
            retention,
            outgoing,
            house,
            web,
            calendars,
            users,
            operators,
            queues,
            providers,
            trunks,
            sip,
            rtp,
            crms,
            targets,
            alerts,
            health,
        }
    }

    fn site(self, plans: Vec<Arc<Plan>>, values: Vec<Shown>, keys: BTreeSet<String>) -> Site {
        let mut users = self.users;
        for operator in &self.operators {
            users.extend(operator.settings.login.clone().map(|login| User {
                login,
                role: Role::Operator,
                queues: Vec::new(),
                operator: Some(operator.settings.name.clone()),
                disabled: operator.settings.disabled,
                at: operator.at.clone(),
            }));
        }
        let things = made::things(&self.operators, &self.queues, &values);
        let numbers = self.queues.iter().map(|q| (q.settings.name.clone(), q.numbers)).collect();
        let devices = self
            .operators
            .iter()
            .map(|operator| (operator.settings.name.clone(), operator.devices.clone()))
            .collect();
        let mut settings = Settings {
            version: String::new(),
            timezone: self.house.timezone,
            operators: self.operators.into_iter().map(|operator| operator.settings).collect(),
            queues: self.queues.into_iter().map(|queue| queue.settings).collect(),
            accounts: self
                .providers
                .iter()
                .map(|provider| provider.settings.clone())
                .chain(self.trunks.iter().map(Trunk::account))
                .collect(),
            plans: plans.clone(),
        };
        settings.version = fingerprint(&settings);
        Site {
            settings: Arc::new(settings),
            providers: self.providers,
            data_dir: self.data_dir,
            database: self.database,
            retention: self.retention,
            outgoing: self.outgoing,
            language: self.house.language,
            calendars: self.calendars,
            plans,
            web: self.web,
            users,
            things,
            devices,
            numbers,
            trunks: self.trunks,
            sip: self.sip,
            rtp: self.rtp,
            crms: self.crms,
            targets: self.targets,
            alerts: self.alerts,
            health: self.health,
            warnings: Vec::new(),
            values,
            keys,
        }
    }
}

/// Reads every dialplan of `[site]`; a number may stand in one of them only.
fn read_plans(
    house: &parts::House,
    base: &Path,
    calendars: &Calendars,
    queues: &BTreeSet<Name>,
    reader: &Reader,
) -> Vec<Arc<Plan>> {
    let mut plans: Vec<Arc<Plan>> = Vec::new();
    let mut lines: BTreeMap<Option<Number>, Place> = BTreeMap::new();
    for Found { value: path, at } in &house.dialplans {
        let file = base.join(path);
        let text = match read_file(&file, at) {
            Ok(text) => text,
            Err(problem) => {
                reader.add(problem);
                continue;
            }
        };
        let name = file.display().to_string();
        let (plan, problems) = Plan::read(&name, &text, &house.timezone, calendars);
        problems.into_iter().for_each(|problem| reader.add(problem));
        let Some(plan) = plan else { continue };
        plan.check_queues(queues).into_iter().for_each(|problem| reader.add(problem));
        if plans.iter().any(|other| other.name == plan.name) {
            let message = format!("two dialplans are called `{}`", plan.name);
            reader.add(Problem::error(at, "duplicate", message));
        }
        for line in &plan.lines {
            if let Some(first) = lines.insert(line.number.clone(), line.at.clone()) {
                let message = format!("this number has a plan already, at {first}");
                reader.add(Problem::error(&line.at, "duplicate", message));
            }
        }
        plans.push(Arc::new(plan));
    }
    plans
}

/// A short text that differs when the settings do; stands in decision records.
fn fingerprint(settings: &Settings) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{settings:?}"));
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
