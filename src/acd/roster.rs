//! The settings in a form that answers questions: who an alias is, what a queue's rules are.
//!
//! Made anew from each configuration; waits that began under an earlier one find its rules as
//! long as they live.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::settings::{AccountSettings, OperatorSettings, QueueSettings, Settings};
use crate::model::{Alias, Name, Number, Party, normalise};
use crate::plan::Plan;

/// The name under which calls of accounts without a queue wait: they are counted like any other
/// call, and nobody can be a member.
pub const NO_QUEUE: &str = "";

/// One configuration, indexed.
#[derive(Debug, Clone)]
pub struct Roster {
    settings: Arc<Settings>,
    operators: BTreeMap<Name, usize>,
    /// Shared, because a queue may have ten thousand members and is handed out with every round.
    queues: BTreeMap<Name, Arc<QueueSettings>>,
    accounts: BTreeMap<Name, usize>,
    /// By account and alias; plain aliases have no account.
    aliases: BTreeMap<(Option<Name>, String), Name>,
}

impl Roster {
    /// Indexes a configuration.
    pub fn new(settings: Arc<Settings>) -> Roster {
        let mut aliases = BTreeMap::new();
        for operator in &settings.operators {
            for alias in &operator.aliases {
                let key = (alias.account.clone(), alias.alias.clone());
                aliases.insert(key, operator.name.clone());
            }
        }
        Roster {
            operators: places(settings.operators.iter().map(|it| &it.name)),
            queues: settings
                .queues
                .iter()
                .map(|queue| (queue.name.clone(), Arc::new(queue.clone())))
                .chain([(Name::from(NO_QUEUE), Arc::new(QueueSettings::named(NO_QUEUE)))])
                .collect(),
            accounts: places(settings.accounts.iter().map(|it| &it.name)),
            aliases,
            settings,
        }
    }

    /// The whole configuration.
    pub const fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// An operator's settings.
    pub fn operator(&self, name: &Name) -> Option<&OperatorSettings> {
        self.settings.operators.get(*self.operators.get(name)?)
    }

    /// A queue's rules.
    pub fn queue(&self, name: &Name) -> Option<&Arc<QueueSettings>> {
        self.queues.get(name)
    }

    /// A provider account.
    pub fn account(&self, name: &Name) -> Option<&AccountSettings> {
        self.settings.accounts.get(*self.accounts.get(name)?)
    }

    /// A dialplan by name.
    pub fn plan(&self, name: &Name) -> Option<Arc<Plan>> {
        self.settings.plans.iter().find(|plan| plan.name == *name).cloned()
    }

    /// The dialplan that answers for a number: the one that names it, else one for the rest.
    pub fn plan_for(&self, line: &Number) -> Option<Arc<Plan>> {
        let plans = &self.settings.plans;
        let named = plans.iter().find(|plan| plan.has_line(line));
        named.or_else(|| plans.iter().find(|plan| plan.has_rest())).cloned()
    }

    /// The queue of last resort: that of the first plan that has one.
    pub fn fallback_queue(&self) -> Option<Name> {
        let mut queues = self.settings.plans.iter().filter_map(|plan| plan.fallback.as_ref());
        queues.next().map(|queue| queue.name.clone())
    }

    /// Who an alias of an account is; `None` for an alias that nobody has.
    ///
    /// The account's own alias goes before a plain one. A text that is a telephone number is
    /// also looked for in E.164, because operators' mobile numbers are configured so.
    pub fn who(&self, account: &Name, alias: &Alias) -> Option<&Name> {
        if let Some(name) = self.exactly(account, &alias.0) {
            return Some(name);
        }
        let rules = &self.account(account)?.numbers;
        let (party, _) = normalise(&alias.0, rules, |_| true);
        match party {
            Party::Number(number) | Party::Guessed(number) => {
                self.exactly(account, number.reveal())
            }
            Party::Extension(digits) => self.exactly(account, &digits),
            Party::Hidden | Party::Unparsed(_) => None,
        }
    }

    fn exactly(&self, account: &Name, alias: &str) -> Option<&Name> {
        let own = (Some(account.clone()), alias.to_owned());
        self.aliases.get(&own).or_else(|| self.aliases.get(&(None, own.1)))
    }

    /// Our queue for a call of an account: by the provider's word for it, by the line, or the
    /// account's own. A word that is a name of ours stands for that queue.
    pub fn queue_for(
        &self,
        account: &Name,
        word: Option<&str>,
        line: Option<&Party>,
    ) -> Option<&Arc<QueueSettings>> {
        let account = self.account(account)?;
        let mapped = |text: &str| {
            let found = account.queues.iter().find(|(word, _)| word == text);
            found.map(|(_, name)| name)
        };
        let by_word = word.filter(|word| *word != NO_QUEUE).and_then(|word| {
            mapped(word).or_else(|| self.queues.get_key_value(word).map(|(name, _)| name))
        });
        // However either side writes the line: numbers are compared in E.164 only.
        let by_line = || {
            let line = line.and_then(Party::e164)?;
            let is_line =
                |word: &str| normalise(word, &account.numbers, |_| false).0.e164() == Some(line);
            account.queues.iter().find(|(word, _)| is_line(word)).map(|(_, name)| name)
        };
        let by_extension = || match line {
            Some(Party::Extension(text)) => mapped(text),
            Some(Party::Number(_) | Party::Guessed(_) | Party::Hidden | Party::Unparsed(_))
            | None => None,
        };
        let name = by_word.or_else(by_line).or_else(by_extension).or(account.queue.as_ref())?;
        self.queue(name).filter(|queue| queue.name.as_str() != NO_QUEUE)
    }
}

fn places<'a>(names: impl Iterator<Item = &'a Name>) -> BTreeMap<Name, usize> {
    names.enumerate().map(|(place, name)| (name.clone(), place)).collect()
}
