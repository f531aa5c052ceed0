//! The configuration: the shipped example against the code, wrong files against the places of
//! their faults, secrets, the environment, what the database adds, and texts of no sense.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use navbat::acd::{CallbackFirst, OverflowTo, Strategy, When};
use navbat::app::check;
use navbat::app::config::{DEFAULT, Document, Files, Kind, Site, Sources, load, show};
use navbat::model::{Period, Seed};
use navbat::plan::{Level, Place, Problem};
use navbat::web::Sort;
use secrecy::ExposeSecret;
use serde_json::json;

/// A folder with a configuration, its secrets and its dialplan; gone when dropped.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(text: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.write("navbat.toml", text, 0o640);
        folder
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self) -> Result<Site, Vec<Problem>> {
        load(&Sources::file(&self.path("navbat.toml"))).map_err(|error| error.problems)
    }

    fn load_with(&self, environment: &[(&str, &str)]) -> Result<Site, Vec<Problem>> {
        let own = |(name, value): &(&str, &str)| (String::from(*name), String::from(*value));
        let environment: Vec<_> = environment.iter().map(own).collect();
        let file = self.path("navbat.toml");
        let sources = Sources { environment: &environment, ..Sources::file(&file) };
        load(&sources).map_err(|error| error.problems)
    }
}

fn whole_example() -> Folder {
    let text: Vec<&str> = DEFAULT
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
            Some(_) | None => line,
        })
        .collect();
    // An example beside a default is the same key twice: the example is the later one.
    let mut kept: Vec<&str> = Vec::new();
    for line in text {
        let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
        let section = kept.iter().rposition(|line| line.starts_with('[')).unwrap_or(0);
        if let Some(key_here) = key(line).filter(|_| !line.starts_with('#')) {
            let twin = kept
                .iter()
                .skip(section)
                .position(|old| !old.starts_with('#') && key(old).as_ref() == Some(&key_here));
            if let Some(twin) = twin {
                kept.remove(section + twin);
            }
        }
        kept.push(line);
    }
    let folder = Folder::with(&kept.join("\n"));
    for line in &kept {
        if let Some((_, rest)) = line.split_once("\"secrets/") {
            let name = rest.split('"').next().unwrap();
            let token = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c\n";
            folder.write(&format!("secrets/{name}"), token, 0o600);
        }
    }
    folder.write("tls/chain.pem", "x", 0o644);
    folder.write("tls/key.pem", "x", 0o600);
    folder.write("dialplans/shop.toml", include_str!("../dialplans/shop.toml"), 0o644);
    folder
}

fn told(result: Result<Site, Vec<Problem>>) -> Vec<String> {
    let problems = match result {
        Ok(site) => site.warnings,
        Err(problems) => problems,
    };
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_example_as_it_stands_says_the_defaults() {
    let site = Folder::with(DEFAULT).load().unwrap();
    assert_eq!(site.warnings, []);
    for value in &site.values {
        if let Some(default) = &value.default {
            assert_eq!(&value.value, default, "{}", value.path);
        }
    }
    let empty = load(&Sources { file: None, ..Sources::file(Path::new("")) }).unwrap();
    let stripped = |site: &Site| -> Vec<(String, String)> {
        site.values.iter().map(|value| (value.path.clone(), value.value.clone())).collect()
    };
    assert_eq!(stripped(&site), stripped(&empty));
    assert_eq!(site.settings.version, empty.settings.version);
}

/// Names, addresses and persons of the example; every other value in it is the default.
const EXAMPLES: &[&str] = &[
    "outgoing.allow",
    "site.dialplans",
    "web.trusted_proxies",
    "calendar.office.days",
    "calendar.office.from",
    "calendar.office.to",
    "calendar.office.holidays",
    "calendar.office.closed",
    "calendar.two-shifts.spans.0.days",
    "calendar.two-shifts.spans.0.from",
    "calendar.two-shifts.spans.0.to",
    "calendar.two-shifts.spans.1.days",
    "calendar.two-shifts.spans.1.from",
    "calendar.two-shifts.spans.1.to",
    "operator.Dilnoza.aliases",
    "operator.Sardor.aliases",
    "operator.Jasur.aliases",
    "operator.Dilnoza.dial.prefixes",
    "queue.sales.tiers.0.members",
    "queue.sales.tiers.1.after",
    "queue.sales.tiers.1.members",
    "provider.sipuni-main.lines",
    "provider.opbx.gateways",
    "provider.other.map.call_id",
    "provider.other.map.event",
    "provider.other.map.caller",
    "provider.other.map.callee",
    "provider.other.map.line",
    "provider.other.map.operator",
    "provider.other.map.time",
    "provider.office-pbx.trunks",
    "provider.uzt-itl.profile",
    "trunk.sarkor.lines",
    "trunk.sarkor.sources",
    "notify.chiefs.chats",
    "notify.mail.host",
    "notify.mail.from",
    "notify.mail.to",
    "notify.mail.security",
    "notify.sms.login",
    "notify.sms.phones",
    "crm.amo.base",
    "crm.b24.portal",
    "crm.b24.client_id",
    "crm.b24.tariff",
    "crm.albato.url",
    "crm.albato.events",
    "alert.0.on",
    "alert.0.to",
    "alert.0.escalate.to",
];

#[test]
fn the_whole_example_loads_and_says_the_defaults_of_its_keys() {
    let folder = whole_example();
    let site = folder.load().unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(told(folder.load()), Vec::<String>::new());
    assert_eq!(site.settings.operators.len(), 3);
    assert_eq!(site.providers.len(), 6);
    assert_eq!(site.plans.len(), 1);
    let queue = &site.settings.queues[0];
    assert_eq!(queue.tiers[0].members[1].weight, 5);
    assert_eq!(queue.ring, Period::secs(20));
    assert!(matches!(&site.providers[2].kind, Kind::Utel { domain: Some(_), .. }));
    // What is a default in the code stands as that default in the example.
    let mut unlike = Vec::new();
    for value in site.values.iter().filter(|value| value.place != Place::Default) {
        let Some(default) = &value.default else { continue };
        if *default != value.value {
            unlike.push(value.path.as_str());
        }
    }
    let strange: Vec<_> = unlike.iter().filter(|path| !EXAMPLES.contains(path)).collect();
    assert!(strange.is_empty(), "not the defaults, nor known examples: {strange:?}");
}

#[test]
fn every_key_that_the_code_asks_for_stands_in_the_example() {
    let site = whole_example().load().unwrap();
    let words: BTreeSet<&str> =
        DEFAULT.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let keys: BTreeSet<&str> = site
        .keys
        .iter()
        .filter_map(|key| key.rsplit('.').next())
        .filter(|key| *key != "*")
        .collect();
    let untold: Vec<_> = keys
        .iter()
        .filter(|key| {
            let stem = key.strip_suffix("_file").unwrap_or(key);
            !words.contains(stem) && !words.contains(format!("{stem}_file").as_str())
        })
        .collect();
    assert!(untold.is_empty(), "not in the example: {untold:?}");
}

const PROVIDER: &str = "[[provider]]\nname = \"a\"\nkind = \"sipuni\"\ntoken = \"0123456789abcdef0123456789abcdef\"\nqueue = \"q\"\n";
const QUEUE: &str = "[[operator]]\nname = \"D\"\naliases = [\"1\"]\n[[operator]]\nname = \"S\"\naliases = [\"2\"]\n[queue.q]\ntiers = [{ members = [\"D\", \"S\"] }]\n";

/// A text, then `line:col code` and a part of the message or mend of every complaint.
const BAD: &[(&str, &[(&str, &str)])] = &[
    ("data_dri = \"x\"", &[("1:1 unknown-key", "did you mean `data_dir`?")]),
    ("[site]\nlangauge = \"uz\"", &[("2:1 unknown-key", "did you mean `language`?")]),
    ("[site]\nlanguage = \"uzbek\"", &[("2:12 bad-value", "uz, uz-Cyrl, ru, en")]),
    ("[site]\ntimezone = \"Asia/Toshkent\"", &[("2:12 bad-value", "is not a time zone")]),
    ("[stie]\nx = 1", &[("1:2 unknown-key", "did you mean `site`?")]),
    ("a = = 1", &[("1:5 syntax", "not TOML")]),
    (
        "[web]\nlisten = \"8080\"\nplain_http = \"yes\"",
        &[("2:10 bad-value", ""), ("3:14 bad-value", "true or false")],
    ),
    ("[web]\nlisten = 8080", &[("2:10 bad-value", "a text in quotes")]),
    (
        "[web]\ntls = { cert_file = \"no.pem\" }",
        &[("2:1 missing", "key_file"), ("2:21 missing-file", "no.pem")],
    ),
    ("[web]\npublic_url = \"navbat.uz\"", &[("2:14 bad-value", "")]),
    ("database = { url = \"mysql://x\" }", &[("1:20 bad-value", "")]),
    (
        "database = { url = \"postgres://u:secret@h/d\" }",
        &[("1:20 secret-in-url", "password_file")],
    ),
    ("outgoing = { allow = [\"http://x\"] }", &[("1:23 bad-value", "host:port")]),
    ("retention = { calls = \"3 years\" }", &[("1:23 bad-value", "a length of time")]),
    ("[rtp]\nports = [29999, 20000]", &[("2:1 bad-value", "the lower first")]),
    (
        "[sip]\nlisten = [\"tls:127.0.0.1:5061\", \"x:1\"]",
        &[("2:1 missing", "certificate"), ("2:33 bad-value", "no transport")],
    ),
    ("[calendar.office]\ndays = \"mon-fir\"", &[("2:8 bad-value", "mon, tue")]),
    (
        "[calendar.office]\nholidays = [\"2026-02-30\", \"21.03.2026\"]",
        &[("2:13 bad-value", ""), ("2:27 bad-value", "2026-03-21")],
    ),
    (
        "[queue.q]\nrnig = \"25s\"",
        &[("1:8 no-operators", ""), ("2:1 unknown-key", "did you mean `ring`?")],
    ),
    ("[queue.Sales]", &[("1:8 bad-name", ""), ("1:8 no-operators", "")]),
    (
        "[queue.q]\nstrategy = \"paralel\"",
        &[("1:8 no-operators", ""), ("2:12 bad-value", "did you mean `parallel`?")],
    ),
    ("[queue.q]\nring = \"0s\"", &[("1:8 no-operators", ""), ("2:8 bad-value", "may not be 0")]),
    (
        "[queue.q]\ntiers = [{ members = [\"D\"] }]",
        &[("1:8 one-operator", ""), ("2:23 missing-target", "no operator is called `D`")],
    ),
    (
        "[queue.q]\ntiers = [{ members = [{ name = \"D\", wieght = 3 }] }]",
        &[("1:8 no-operators", ""), ("2:23 bad-value", "weight = 5")],
    ),
    (
        "[queue.q]\ncalendar = \"ofice\"\n[calendar.office]",
        &[("1:8 no-operators", ""), ("2:12 missing-target", "did you mean `office`?")],
    ),
    (
        "[queue.q]\noverflow = [{ after = \"1m\", to = \"callbak\" }]",
        &[("1:8 no-operators", ""), ("2:34 bad-value", "did you mean `callback`?")],
    ),
    (
        "[queue.q]\noverflow = [{ after = \"1m\", to = \"end\" }, { after = \"2m\", to = \"callback\" }]",
        &[("1:8 no-operators", ""), ("2:53 unreachable", "")],
    ),
    (
        "[queue.a]\noverflow = [{ after = \"1m\", to = \"queue:b\" }]\n[queue.b]\noverflow = [{ after = \"2m\", to = \"queue:a\" }]",
        &[
            ("1:8 no-operators", ""),
            ("2:34 loop", "a → b → a"),
            ("3:8 no-operators", ""),
            ("4:34 loop", "b → a → b"),
        ],
    ),
    (
        "[queue.a]\noverflow = [{ after = \"1m\", to = \"queue:b\" }]",
        &[("1:8 no-operators", ""), ("2:34 missing-target", "")],
    ),
    (
        "[queue.q]\noverflow = [{ to = \"end\" }]",
        &[("1:8 no-operators", ""), ("2:13 missing", "add `after`, `nobody_for`, `position`")],
    ),
    (
        "[queue.q]\noverflow = [{ nobody_for = \"0s\", position = 0, to = \"end\" }]",
        &[("1:8 no-operators", ""), ("2:28 bad-value", ""), ("2:45 bad-value", "the first is 1")],
    ),
    (
        "[queue.q]\noverflow = [{ expected_wait = \"2m\", hours = \"ofice\", to = \"end\" }]\n[calendar.office]",
        &[("1:8 no-operators", ""), ("2:45 missing-target", "did you mean `office`?")],
    ),
    (
        "[queue.q]\noverflow = [{ after = \"15s\", to = \"tier:2\" }, { after = \"1m\", to = \"end\" }]",
        &[("1:8 no-operators", ""), ("2:35 missing-target", "open from the beginning")],
    ),
    (
        "[queue.q]\nskills = [\"tax\"]\noverflow = [{ after = \"15s\", to = \"relax:tacks\" }, { after = \"1m\", to = \"end\" }]",
        &[("1:8 no-operators", ""), ("3:35 missing-target", "does not need the skill")],
    ),
    (
        "[queue.q]\noverflow = [{ after = \"15s\", to = \"add:q\" }, { after = \"20s\", to = \"add:r\" }, { after = \"1m\", to = \"say:Busy\" }]",
        &[
            ("1:8 no-operators", ""),
            ("2:35 bad-value", "are served by `q` already"),
            ("2:68 missing-target", "no queue is called `r`"),
            ("2:100 bad-value", "say:NAME"),
        ],
    ),
    (
        "[queue.q]\noverflow = [{ after = \"15s\", to = \"add:r\" }]\n[queue.r]",
        &[
            ("1:8 no-operators", ""),
            ("2:35 no-end", "end it with queue:NAME, dial:+998…, callback"),
            ("3:8 no-operators", ""),
        ],
    ),
    (
        "[queue.q]\noverflow = [{ after = \"1m\", to = \"dial:+998712223344\" }, { after = \"2m\", to = \"end\" }]",
        &[("1:8 no-operators", ""), ("2:68 unreachable", "")],
    ),
    (
        "[queue.q]\noverflow = [{ after = \"2m\", to = \"callback\" }, { after = \"1m\", to = \"end\" }]",
        &[("1:8 no-operators", ""), ("2:58 bad-order", "raise `after`")],
    ),
    (
        "[[operator]]\nname = \"D\"\naliases = [\"sipuni:201\"]",
        &[("2:8 no-alias", ""), ("3:12 missing-target", "")],
    ),
    (
        "[[operator]]\nname = \"D\"\naliases = [\"201\"]\n[[operator]]\nname = \"S\"\naliases = [\"202\", \"201\"]",
        &[("6:19 duplicate", "two owners: `D`")],
    ),
    (
        "[[operator]]\nname = \"D\"\nsip = { user = \"d\", password = \"p\" }\n[[operator]]\nname = \"S\"\nsip = { user = \"d\", password = \"q\" }",
        &[("5:8 duplicate", "telephone `d` has two owners")],
    ),
    (
        "[[operator]]\nname = \"D\"\nsip = { user = \"d@x\", password = \"p\" }",
        &[("2:8 bad-name", "letters, digits")],
    ),
    (
        "[[operator]]\nname = \"D\"\naliases = [\"201\"]\n[[operator]]\nname = \"D\"\naliases = [\"202\"]",
        &[("5:8 duplicate", "stands twice")],
    ),
    (
        "[[operator]]\nname = \"D\"\naliases = [\"90 123 45 67\"]\n[[operator]]\nname = \"S\"\naliases = [\"+998901234567\"]",
        &[("6:12 duplicate", "+99890*****67")],
    ),
    (
        "[[operator]]\nname = \"D\"\nlogin = \"d\"\naliases = [\"1\"]\n[[user]]\nlogin = \"d\"\nrole = \"admin\"",
        &[("2:8 duplicate", "two owners")],
    ),
    ("[[operator]]\naliases = [\"1\"]", &[("1:1 missing", "add `name = …`")]),
    ("[operator]\nname = \"D\"", &[("1:2 bad-value", "write [[operator]]")]),
    (
        "[[user]]\nlogin = \"x\"\nrole = \"boss\"",
        &[("3:8 bad-value", "operator, supervisor, admin, integrator, wallboard")],
    ),
    (
        "[[provider]]\nname = \"a\"\nkind = \"sipnui\"",
        &[("1:1 missing", "token"), ("3:8 bad-value", "did you mean `sipuni`?")],
    ),
    (
        "[[provider]]\nname = \"a\"\nkind = \"sipuni\"\ntoken = \"0123456789abcdef0123456789abcdef\"\ndomain = \"x\"\nqueue = \"q\"",
        &[("5:1 unknown-key", ""), ("6:9 missing-target", "")],
    ),
    (
        "[[provider]]\nname = \"a\"\nkind = \"uztelecom\"\ntoken = \"0123456789abcdef0123456789abcdef\"\nprofile = \"utal\"",
        &[("2:8 no-queue", ""), ("5:11 bad-value", "did you mean `utel`?")],
    ),
    (
        "[[provider]]\nname = \"a\"\nkind = \"sipuni\"\ntoken_file = \"secrets/none\"",
        &[("2:8 no-queue", ""), ("4:14 secret-file", "cannot read")],
    ),
    (
        "[[provider]]\nname = \"a\"\nkind = \"sipuni\"\ntoken = \"x y\"\ntoken_file = \"z\"",
        &[
            ("2:8 no-queue", ""),
            ("4:1 conflict", "token_file"),
            ("4:9 bad-value", "openssl"),
            ("4:9 weak-token", ""),
        ],
    ),
    ("[[trunk]]\nname = \"t\"\nhost = \"h\"", &[("1:1 missing", "auth = \"ip\"")]),
    (
        "[[trunk]]\nname = \"t\"\nhost = \"h\"\nauth = \"ip\"\nport = 70000",
        &[("5:8 bad-value", "65535")],
    ),
    ("[crm.amo]\nkind = \"amocrm\"", &[("1:6 missing", "base"), ("1:6 missing", "token_file")]),
    (
        "[crm.amo]\nkind = \"amocrm\"\nbase = \"https://a.amocrm.ru.evil.uz\"\ntoken = \"x\"",
        &[("3:1 bad-value", "outgoing.allow")],
    ),
    (
        "[crm.amo]\nkind = \"amocrm\"\nbase = \"https://a.kommo.com\"\ntoken = \"x\"\n\
         task_to = \"operator Nobody\"",
        &[("1:6 missing-target", "")],
    ),
    (
        "[crm.amo]\nkind = \"amocrm\"\nbase = \"https://a.kommo.com\"\ntoken = \"x\"\n\
         task_to = \"owner\"",
        &[("5:11 bad-value", "operator NAME")],
    ),
    (
        "[crm.b24]\nkind = \"bitrix24\"\nportal = \"b24.uz\"",
        &[("1:6 missing", "client_id"), ("1:6 missing", "client_secret")],
    ),
    (
        "[crm.b24]\nkind = \"bitrix24\"\nportal = \"b24.uz/x\"\nclient_id = \"l\"\ntariff = \"usuall\"\nclient_secret = \"s\"",
        &[("3:10 bad-value", "example.bitrix24.uz"), ("5:10 bad-value", "did you mean `usual`?")],
    ),
    (
        "[crm.x]\nkind = \"webhook\"\nurl = \"https://h.uz\"\nsecret = \"s\"\n[[notify]]\nname = \"x\"\nkind = \"webhook\"\nurl = \"https://h.uz\"\nsecret = \"s\"",
        &[("6:8 duplicate", "`x` is a CRM already, at ")],
    ),
    (
        "[crm.w]\nkind = \"webhook\"\nurl = \"https://h.uz\"\nevents = [\"call.mised\"]\nfields = [\"queu\"]",
        &[
            ("4:11 bad-value", "did you mean `call.missed`?"),
            ("5:11 bad-value", "did you mean `queue`?"),
        ],
    ),
    (
        "[[notify]]\nname = \"n\"\nkind = \"telegram\"\nchats = [\"1\"]\nurl = \"x\"",
        &[("5:1 unknown-key", "")],
    ),
    ("[[alert]]\non = [\"missed\"]\nto = [\"chiefs\"]", &[("3:7 missing-target", "")]),
    (
        "[[notify]]\nname = \"n\"\nkind = \"telegram\"\nchats = [\"people\", \"-5/x\"]\nlanguage = \"tr\"",
        &[
            ("4:1 bad-value", "`notify.n.chats` cannot be `people`"),
            ("4:1 bad-value", "@channel"),
            ("5:12 bad-value", "uz, uz-Cyrl, ru, en"),
        ],
    ),
    (
        "[[notify]]\nname = \"n\"\nkind = \"email\"\nhost = \"h\"\nfrom = \"a@b\"\nto = \"c@d\"\nsecurity = \"ssl\"\nport = 0",
        &[("7:1 bad-value", "starttls, tls, none"), ("8:1 bad-value", "1 to 65535")],
    ),
    (
        "[[notify]]\nname = \"n\"\nkind = \"http\"\nurl = \"https://x\"\nphones = [\"901112233\"]\nsuccess = \"ok\"\nmethod = \"PUT\"\nheaders = [\"x\"]",
        &[
            ("5:1 bad-value", "8 to 15 digits"),
            ("6:1 bad-value", "text:OK"),
            ("7:1 bad-value", "GET or POST"),
            ("8:1 bad-value", "Name: value"),
        ],
    ),
    (
        "[[alert]]\non = [\"mised\"]\nto = [\"n\"]\nqueues = [\"q\"]\ndigest = \"2h\"\nquiet = { from = \"22:00\", to = \"22:00\" }\nescalate = { after = \"1m\", to = [] }",
        &[
            (
                "2:7 bad-value",
                "did you mean `missed`?: one of missed, not-called-back, nobody-online",
            ),
            ("3:7 missing-target", ""),
            ("4:11 missing-queue", "no queue is called `q`"),
            ("5:10 bad-value", "10s to 30s"),
            ("6:18 bad-value", "22:00"),
            ("7:28 missing", "nobody is told"),
        ],
    ),
    ("[health]\ndisk_free = 100", &[("2:13 bad-value", "write 10")]),
    ("[site]\ndialplans = [\"no.toml\"]", &[("2:14 unreadable", "no.toml")]),
];

#[test]
fn every_fault_is_told_where_it_stands() {
    for (text, expected) in BAD {
        let folder = Folder::with(text);
        let Err(problems) = folder.load() else { panic!("{text}") };
        let file = format!("{}:", folder.path("navbat.toml").display());
        let told: Vec<String> = problems
            .iter()
            .map(|p| format!("{} {}", p.place.to_string().replace(&file, ""), p.code))
            .collect();
        let places: Vec<&str> = expected.iter().map(|(place, _)| *place).collect();
        assert_eq!(told, places, "{text}\n{problems:#?}");
        for (problem, (_, part)) in problems.iter().zip(*expected) {
            let line = problem.to_string();
            assert!(line.contains(part), "{line} should say {part}");
            assert!(!line.contains("1234567"), "a whole number: {line}");
            assert!(!line.contains("0123456789abcdef"), "a secret: {line}");
        }
    }
}

#[test]
fn settings_that_send_calls_to_one_person_are_told() {
    let warned = |queue: &str| {
        let text = QUEUE.replace("[queue.q]\n", &format!("[queue.q]\n{queue}"));
        let site = Folder::with(&text).load().unwrap();
        site.warnings.iter().map(|problem| problem.code).collect::<Vec<_>>()
    };
    assert_eq!(warned(""), Vec::<&str>::new());
    assert_eq!(warned("strategy = \"linear\"\n"), ["one-sided"]);
    assert_eq!(warned("fanout_max = 1\n"), ["one-sided"]);
    assert_eq!(warned("ring_min = \"30s\"\n"), ["no-effect"]);
    assert_eq!(warned("overflow = [{ after = \"6m\", to = \"end\" }]\n"), ["no-effect"]);
}

#[test]
fn the_steps_of_an_overflow_are_read() {
    let text = QUEUE.replace(
        "[queue.q]\n",
        "[calendar.office]\ndays = \"mon-sat\"\n[queue.r]\ntiers = [{ members = [\"D\", \"S\"] }]\n\
         [queue.q]\nskills = [\"tax\"]\n\
         overflow = [\n\
         { position = 6, expected_wait = \"3m\", to = \"callback\" },\n\
         { nobody_for = \"10s\", hours = \"office\", to = \"relax:tax\" },\n\
         { after = \"30s\", out_of_hours = \"office\", to = \"queue:r\", class = 4, target = \"10s\" },\n\
         { after = \"30s\", to = \"add:r\" },\n\
         { after = \"4m\", to = \"say:busy\" }]\n",
    );
    let site = Folder::with(&text).load().unwrap_or_else(|problems| panic!("{problems:#?}"));
    let queue = site.settings.queues.iter().find(|queue| queue.name.as_str() == "q").unwrap();
    let office = queue.overflow[1].when.hours.clone();
    assert!(office.is_some());
    let whens = [
        When { position: Some(6), expected_wait: Some(Period::mins(3)), ..When::default() },
        When { nobody_for: Some(Period::secs(10)), hours: office.clone(), ..When::default() },
        When { after: Some(Period::secs(30)), out_of_hours: office, ..When::default() },
        When { after: Some(Period::secs(30)), ..When::default() },
        When { after: Some(Period::mins(4)), ..When::default() },
    ];
    let tos = [
        OverflowTo::Callback,
        OverflowTo::Relax("tax".into()),
        OverflowTo::Queue("r".into()),
        OverflowTo::Add("r".into()),
        OverflowTo::Say(String::from("busy")),
    ];
    let ranks: Vec<_> = queue.overflow.iter().map(|it| (it.class, it.target)).collect();
    let kept = (None, None);
    assert_eq!(ranks, [kept, kept, (Some(4), Some(Period::secs(10))), kept, kept]);
    let read: Vec<_> = queue.overflow.iter().map(|it| (it.when.clone(), it.to.clone())).collect();
    assert_eq!(read, whens.into_iter().zip(tos).collect::<Vec<_>>());
    assert_eq!(site.warnings, Vec::new());
}

#[test]
fn sticky_callbacks_and_class_of_a_queue_are_read() {
    let queue = |text: &str| {
        let text = QUEUE.replace("[queue.q]\n", &format!("[queue.q]\n{text}"));
        let site = Folder::with(&text).load().unwrap_or_else(|problems| panic!("{problems:#?}"));
        (site.settings.queues[0].clone(), site.warnings)
    };
    let (read, warnings) = queue(
        "class = 3\nring_unknown = true\nprogressive = { order = \"least-talk\" }\ncallback_first = \"client\"\ncallback_tries = 5\n\
         callback_retry = [\"5m\", \"1h\"]\ncallback_ring = \"30s\"\ncallback_keep = \"2h\"\n\
         callback_quiet = { from = \"20:30\", to = \"09:00\" }\n\
         sticky = { ring = \"9s\", crm = true, talked = \"7d\", dialled = \"0s\", deputies = [\"S\"] }\n",
    );
    let callback = &read.callback;
    assert_eq!((read.class, read.ring_unknown, read.order), (3, true, Strategy::LeastTalk));
    assert_eq!((callback.first, callback.tries), (CallbackFirst::Client, 5));
    assert_eq!(callback.retry, [Period::mins(5), Period::hours(1)]);
    assert_eq!((callback.ring, callback.keep), (Period::secs(30), Period::hours(2)));
    assert_eq!(callback.quiet, (20 * 60 + 30, 9 * 60));
    let sticky = read.sticky.unwrap();
    assert_eq!((sticky.ring, sticky.crm), (Period::secs(9), true));
    assert_eq!((sticky.talked, sticky.dialled), (Period::days(7), Period::ZERO));
    assert_eq!(sticky.deputies, ["S".into()]);
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("no CRM can be asked whose clients those of `q` are"), "{told:#?}");
    let asks = "sticky = { crm = true }\n";
    let (webhook, amo) = (
        "[crm.w]\nkind = \"webhook\"\nurl = \"https://h.uz\"\nsecret = \"0123456789abcdef\"\n",
        "[crm.a]\nkind = \"amocrm\"\nbase = \"https://a.kommo.com\"\ntoken = \"x\"\n",
    );
    let warned = |crm: &str| {
        let text = QUEUE.replace("[queue.q]\n", &format!("{crm}[queue.q]\n{asks}"));
        let site = Folder::with(&text).load().unwrap_or_else(|problems| panic!("{problems:#?}"));
        site.warnings.iter().any(|it| it.to_string().contains("no CRM can be asked"))
    };
    assert_eq!([warned(webhook), warned(amo)], [true, false]);
    let wrong = |text: &str| {
        let text = QUEUE.replace("[queue.q]\n", &format!("[queue.q]\n{text}"));
        Folder::with(&text).load().unwrap_err().into_iter().map(|it| it.code).collect::<Vec<_>>()
    };
    assert_eq!(wrong("class = 10\n"), ["bad-value"]);
    assert_eq!(wrong("overflow = [{ after = \"1m\", to = \"end\", class = 2 }]\n"), ["bad-value"]);
    assert_eq!(wrong("progressive = { order = \"random\" }\n"), ["bad-value"]);
    assert_eq!(wrong("callback_tries = 0\n"), ["bad-value"]);
    assert_eq!(wrong("callback_retry = [\"0s\"]\n"), ["bad-value"]);
    assert_eq!(wrong("callback_quiet = { from = \"25:00\" }\n"), ["bad-value"]);
    assert_eq!(wrong("sticky = { wait_max = \"31s\" }\n"), ["no-effect", "bad-value"]);
    let codes = |it: Vec<Problem>| it.into_iter().map(|it| it.code).collect::<Vec<_>>();
    assert_eq!(codes(queue("sticky = { wait_max = \"25s\" }\n").1), ["no-effect"]);
    assert_eq!(codes(queue("sticky = { wait_max = \"20s\" }\n").1), Vec::<&str>::new());
    assert!(wrong("sticky = { deputies = [\"Nobody\"] }\n").contains(&"missing-target"));
}

#[test]
fn the_environment_overrides_the_file_and_is_named_as_the_source() {
    let folder = Folder::with(&format!("{QUEUE}{PROVIDER}"));
    folder.write("secrets/t", "fedcba9876543210fedcba9876543210\n", 0o600);
    let site = folder
        .load_with(&[
            ("NAVBAT__QUEUE__Q__RING", "25s"),
            ("NAVBAT__QUEUE__Q__STRATEGY", "longest-idle"),
            ("NAVBAT__QUEUE__Q__SPLIT", "false"),
            ("NAVBAT__QUEUE__Q__SERVICE_LEVEL__TARGET", "30s"),
            ("NAVBAT__PROVIDER__A__TOKEN_FILE", "secrets/t"),
            ("NAVBAT__PROVIDER__A__EXTENSION_DIGITS", "[3, 4]"),
            ("NAVBAT__OPERATOR__D__ALIASES", "201, a:202"),
            ("NAVBAT__RTP__PORTS", "30000,31000"),
            ("NAVBAT__RETENTION__RAW", "7d"),
            ("PATH", "/bin"),
        ])
        .unwrap();
    let queue = &site.settings.queues[0];
    assert_eq!((queue.ring, queue.split), (Period::secs(25), false));
    assert_eq!(queue.strategy, Strategy::LongestIdle);
    assert_eq!(queue.service_level.target, Period::secs(30));
    assert_eq!(site.providers[0].token.expose_secret(), "fedcba9876543210fedcba9876543210");
    assert_eq!(site.providers[0].settings.numbers.extension_digits, (3, 4));
    assert_eq!(site.settings.operators[0].aliases.len(), 2);
    assert_eq!(site.rtp.ports, (30000, 31000));
    assert_eq!(site.retention.raw, Period::days(7));
    let text = show(&site, true, true);
    assert!(text.contains("queue.q.ring = \"25s\""));
    assert!(text.contains("# environment NAVBAT__QUEUE__Q__RING"));
    assert!(text.contains("retention.calls = \"1095d\""));
    for secret in ["fedcba", "0123456789abcdef"] {
        assert!(!text.contains(secret), "{text}");
    }
    let problems = folder.load_with(&[("NAVBAT__QUEUE__Q__RIGN", "25s")]).unwrap_err();
    assert_eq!(problems[0].code, "unknown-key");
    assert_eq!(problems[0].place.to_string(), "environment NAVBAT__QUEUE__Q__RIGN");
}

#[test]
fn a_secret_that_everybody_may_read_is_refused_in_a_file_and_told_in_the_configuration() {
    let text = format!("{QUEUE}{PROVIDER}");
    let folder = Folder::with(
        &text.replace("token = \"0123456789abcdef0123456789abcdef\"", "token_file = \"t\""),
    );
    folder.write("t", "0123456789abcdef0123456789abcdef", 0o644);
    let problems = folder.load().unwrap_err();
    assert_eq!(problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["world-readable"]);
    assert!(problems[0].place.to_string().ends_with("navbat.toml:12:14"));
    assert!(problems[0].mend.starts_with("chmod o-rwx"));
    let file = folder.path("navbat.toml");
    let offline = load(&Sources { files: Files::Leave, ..Sources::file(&file) }).unwrap();
    assert_eq!(offline.warnings, []);
    folder.write("t", "0123456789abcdef0123456789abcdef", 0o640);
    assert_eq!(told(folder.load()), Vec::<String>::new());

    let open = Folder::with(&text);
    open.write("navbat.toml", &text, 0o644);
    assert_eq!(open.load().unwrap().warnings[0].code, "world-readable");
    open.write("navbat.toml", &text.replace("0123456789abcdef0123456789abcdef", "secret"), 0o600);
    assert_eq!(open.load().unwrap().warnings[0].code, "weak-token");
}

#[test]
fn what_the_pages_made_joins_what_the_file_says_and_a_name_in_both_is_an_error() {
    let folder = Folder::with(
        "[queue.q]\ntiers = [{ members = [\"Pages\", \"D\"] }]\n[[operator]]\nname = \"D\"\naliases = [\"1\"]\nlogin = \"d\"\n",
    );
    let document = |sort: Sort, name: &str, keys: serde_json::Value| Document {
        sort,
        name: name.to_owned(),
        keys: serde_json::from_value(keys).unwrap(),
    };
    let file = folder.path("navbat.toml");
    let with = |made: Vec<Document>| load(&Sources { made, ..Sources::file(&file) });
    assert!(folder.load().is_err(), "`Pages` is not in the file");
    let pages = document(Sort::Operator, "Pages", json!({ "aliases": ["7"], "skills": null }));
    let night =
        json!({ "ring": "9s", "tiers": [{ "members": ["D", { "name": "Pages", "weight": 3 }] }] });
    let night = document(Sort::Queue, "night", night);
    let boss = document(Sort::User, "boss", json!({ "role": "supervisor", "queues": ["night"] }));
    let site = with(vec![pages.clone(), night.clone(), boss]).unwrap();
    assert_eq!(site.settings.operators.len(), 2);
    assert_eq!(site.settings.queues[1].ring, navbat::model::Period::secs(9));
    assert_eq!(site.settings.queues[1].tiers[0].members[1].weight, 3);
    let users: Vec<_> = site.users.iter().map(|user| user.login.as_str()).collect();
    assert_eq!(users, ["boss", "d"]);
    assert_eq!(site.users[1].operator.as_ref().unwrap().as_str(), "D");
    // What is shown is whole, and putting it back changes nothing.
    let shown = site.things.iter().find(|thing| thing.name == "night").unwrap().clone();
    assert_eq!((shown.file, &shown.keys["ring"]), (None, &json!("9s")));
    assert_eq!(shown.keys["service_level"]["target"], "20s");
    let again = Document { keys: shown.keys, ..night.clone() };
    let again = with(vec![pages.clone(), again]).unwrap();
    assert_eq!(again.settings.queues[1], site.settings.queues[1]);

    let wrong = json!({ "rign": "9s", "wrap_up": 1.5, "tiers": [{ "members": ["Nobody"] }] });
    let error = with(vec![pages.clone(), document(Sort::Queue, "night", wrong)]).unwrap_err();
    let errors = error.problems.iter().filter(|problem| problem.level == Level::Error);
    let told: Vec<_> = errors.map(|one| (one.place.to_string(), one.code)).collect();
    let at = |field: &str| format!("queue night, made in the pages, {field}");
    assert_eq!(
        told,
        [
            (at("rign"), "unknown-key"),
            (at("tiers[0].members[0]"), "missing-target"),
            (at("wrap_up"), "bad-value")
        ]
    );

    let taken =
        [pages, document(Sort::Queue, "q", json!({})), document(Sort::Operator, "D", json!({}))];
    let error = with(taken.into()).unwrap_err();
    let errors: Vec<_> = error.problems.iter().filter(|p| p.code == "duplicate").collect();
    assert_eq!(errors.len(), 2, "{error}");
    assert!(errors[0].place.to_string().ends_with("navbat.toml:1:8"));
    assert_eq!(errors[0].message, "queue `q` was made in the pages as well");
    let secret = json!({ "sip": { "user": "x", "password_file": "/etc/hostname" } });
    let error = with(vec![document(Sort::Operator, "Pages", secret)]).unwrap_err();
    assert!(error.problems.iter().any(|p| p.code == "file-only"), "{error}");
}

#[test]
fn a_reload_tells_what_it_changes() {
    let old = Folder::with(&format!("{QUEUE}{PROVIDER}")).load().unwrap();
    let new = format!("{QUEUE}{PROVIDER}").replace("[queue.q]\n", "[queue.q]\nring = \"30s\"\n");
    let new = new.replace("0123456789abcdef0123", "3210fedcba9876543210");
    let new = Folder::with(&format!("{new}[calendar.office]\ndays = \"mon\"\n")).load().unwrap();
    assert_eq!(
        old.diff(&new),
        ["+ calendar office", "  queue.q.ring: \"20s\" → \"30s\"", "  provider.a.token changed"]
    );
    assert_eq!(old.diff(&old), Vec::<String>::new());
    assert_ne!(old.settings.version, new.settings.version);
}

#[test]
fn check_prints_places_and_ends_with_78_when_the_file_cannot_be_used() {
    let run = |folder: &Folder, json: bool| {
        let mut out = Vec::new();
        let file = folder.path("navbat.toml");
        let code = check::run(&Sources::file(&file), json, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    };
    let (code, text) = run(&whole_example(), false);
    assert_eq!(code, 0, "{text}");
    assert!(text.ends_with("good, 0 warnings: 3 operators, 1 queue, 6 providers, 1 dialplan with 4 expectations kept\n"), "{text}");
    let bad = Folder::with("[queue.sales]\nrnig = \"25s\"\n");
    let (code, text) = run(&bad, false);
    assert_eq!(code, check::EXIT_CONFIGURATION);
    assert!(text.contains("navbat.toml:2:1: error[unknown-key]: unknown key `rnig` in `queue.sales`\n    did you mean `ring`?"), "{text}");
    let (code, text) = run(&bad, true);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, json["ok"].as_bool()), (78, Some(false)));
    let wrong =
        json["problems"].as_array().unwrap().iter().find(|p| p["level"] == "error").unwrap();
    assert_eq!((wrong["line"].as_u64(), wrong["col"].as_u64()), (Some(2), Some(1)));
    let (code, text) = run(&Folder(tempfile::tempdir().unwrap()), false);
    assert_eq!(code, 78, "{text}");
}

#[test]
fn no_text_makes_the_reader_fall_over() {
    let folder = whole_example();
    let whole = fs::read(folder.path("navbat.toml")).unwrap();
    let mut seed = Seed::new(11);
    let mut below = |end: usize| usize::try_from(seed.below(end as u64)).unwrap();
    for _ in 0..600 {
        let mut broken = whole.clone();
        for _ in 0..=below(4) {
            let at = below(broken.len());
            match below(5) {
                0 => broken[at] = b"\"[]{}=,.#\n0a-+:\xff"[below(16)],
                1 => drop(broken.remove(at)),
                2 if below(4) == 0 => broken.truncate(at.max(1)),
                3 => broken.insert(at, b"\"[]{}=,.\n9"[below(10)]),
                _ => {
                    let tail: Vec<u8> = broken[at..].iter().copied().take(60).collect();
                    let to = below(broken.len());
                    broken.splice(to..to, tail);
                }
            }
        }
        fs::write(folder.path("navbat.toml"), &broken).unwrap();
        if let Err(problems) = folder.load() {
            assert!(!problems.is_empty());
        }
    }
}
