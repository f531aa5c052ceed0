//! One customer login at a provider: section `[[provider]]`, as the readers need it.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use secrecy::SecretString;

use super::map::Map;
use crate::model::{Alias, Name, NumberRules, Party, normalise};

/// Whose events an account sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Sipuni.
    Sipuni,
    /// OnlinePBX.
    OnlinePbx,
    /// Uztelecom and Uzbek cloud PBXs, in one of the profiles.
    Uztelecom,
    /// Sarkor Telecom: the generic mapping.
    Sarkor,
    /// Anything that can call a URL.
    Generic,
    /// Asterisk and its relatives; their events come over AMI, not over HTTP.
    Asterisk,
}

/// What an account of kind `uztelecom` speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// The hosted PBX of utel.uz.
    Utel,
    /// A cloud PBX on the ITooLabs platform.
    Itoolabs,
    /// The mapping of the configuration.
    Generic,
}

/// One account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Unique over all providers: `{account}` of the hook address.
    pub name: Name,
    /// Whose events it sends.
    pub kind: Kind,
    /// What it speaks; `None` for kinds that have one language, and for an `uztelecom` account
    /// that was never configured: it is told apart by its fields.
    pub profile: Option<Profile>,
    /// Of the hook address.
    pub token: SecretString,
    /// How it writes numbers.
    pub numbers: NumberRules,
    /// Of times that name no zone.
    pub timezone: TimeZone,
    /// Every alias of an operator that holds here; empty: no operator table, then what looks like
    /// an operator's code is one.
    pub aliases: BTreeSet<String>,
    /// Our numbers at this provider (OnlinePBX: the gateways). Where there are some, OnlinePBX
    /// events of another gateway are somebody else's.
    pub lines: Vec<String>,
    /// Schemes, groups and lines that lead to a queue of ours.
    pub queues: BTreeSet<String>,
    /// Sipuni: the cabinet.
    pub cabinet_id: Option<String>,
    /// OnlinePBX and `utel`: the PBX.
    pub domain: Option<String>,
    /// `itoolabs`: stands in every request.
    pub crm_token: Option<SecretString>,
    /// Generic accounts, and live events of `utel`: where the fields are.
    pub map: Option<Map>,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] = [
        Kind::Sipuni,
        Kind::OnlinePbx,
        Kind::Uztelecom,
        Kind::Sarkor,
        Kind::Generic,
        Kind::Asterisk,
    ];

    /// The word in the configuration, in hook addresses and in calls.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Sipuni => "sipuni",
            Kind::OnlinePbx => "onlinepbx",
            Kind::Uztelecom => "uztelecom",
            Kind::Sarkor => "sarkor",
            Kind::Generic => "generic",
            Kind::Asterisk => "asterisk",
        }
    }

    /// The kind of a word; `None` for words that name none.
    pub fn of(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 3] = [Profile::Utel, Profile::Itoolabs, Profile::Generic];

    /// The word in the configuration and in hook addresses.
    pub const fn word(self) -> &'static str {
        match self {
            Profile::Utel => "utel",
            Profile::Itoolabs => "itoolabs",
            Profile::Generic => "generic",
        }
    }

    /// The profile of a word; `None` for words that name none.
    pub fn of(word: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.word() == word)
    }
}

impl Account {
    /// An account with nothing configured but its address.
    pub fn new(name: Name, kind: Kind, token: SecretString) -> Account {
        Account {
            name,
            kind,
            profile: None,
            token,
            numbers: NumberRules::default(),
            timezone: TimeZone::get("Asia/Tashkent").unwrap_or(TimeZone::UTC),
            aliases: BTreeSet::new(),
            lines: Vec::new(),
            queues: BTreeSet::new(),
            cabinet_id: None,
            domain: None,
            crm_token: None,
            map: None,
        }
    }

    /// The account that a hook address stands for where no file configures one. `provider` is a
    /// kind or a profile; `None` for words that name neither and for kinds without hooks.
    pub fn of_path(provider: &str, name: Name, token: SecretString) -> Option<Account> {
        let kind = match provider {
            "utel" | "itoolabs" => Kind::Uztelecom,
            other => Kind::of(other).filter(|kind| *kind != Kind::Asterisk)?,
        };
        let mut account = Account::new(name, kind, token);
        if kind == Kind::Uztelecom {
            account.profile = Profile::of(provider);
        }
        Some(account)
    }

    /// Whether the operator table has this alias here; without a table nothing is known.
    pub(super) fn knows(&self, alias: &str) -> bool {
        self.aliases.contains(alias)
    }

    /// Whether the operator table tells operators' codes from those of queues, groups and menus:
    /// it does where it has any code at all.
    pub(super) fn is_told_apart(&self) -> bool {
        let (_, longest) = self.numbers.extension_digits;
        let is_code =
            |alias: &String| alias.len() <= longest && alias.bytes().all(|b| b.is_ascii_digit());
        self.aliases.iter().any(is_code)
    }

    /// An operator as the table writes them: whatever the spelling of a login or a number.
    pub(super) fn alias(&self, text: &str) -> Alias {
        let text = text.trim();
        if self.knows(text) {
            return Alias(text.to_owned());
        }
        let (party, _) = normalise(text, &self.numbers, |_| true);
        match party {
            Party::Number(number) | Party::Guessed(number) => {
                let digits = number.reveal().trim_start_matches('+');
                let national = digits.strip_prefix("998").unwrap_or(digits);
                let forms = [number.reveal(), digits, national];
                let known = forms.into_iter().find(|form| self.knows(form));
                Alias(known.unwrap_or(number.reveal()).to_owned())
            }
            Party::Extension(digits) => Alias(digits),
            Party::Hidden | Party::Unparsed(_) => {
                let same = self.aliases.iter().find(|alias| alias.eq_ignore_ascii_case(text));
                Alias(same.map_or(text, String::as_str).to_owned())
            }
        }
    }

    /// One side of a call whose field may hold a number or an operator's code.
    pub(super) fn party(&self, text: &str) -> Party {
        normalise(text, &self.numbers, |code| self.knows(code)).0
    }

    /// Whether a number is one of ours.
    pub(super) fn is_line(&self, text: &str) -> bool {
        let party = self.party(text);
        self.lines.iter().any(|line| {
            line == text.trim()
                || (party.e164().is_some() && self.party(line).e164() == party.e164())
        })
    }
}
