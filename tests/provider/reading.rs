//! Captured requests, read as the server reads them, and the calls that come of them.

use std::collections::{BTreeMap, BTreeSet};

use navbat::acd::{Story, View};
use navbat::connect::provider::{Reading, Request, What, read};
use navbat::model::{Alias, Fact};

use super::capture::{Capture, Sent};

/// What was made of a request.
pub enum Taken {
    Facts(String, String, Vec<Fact>),
    Unknown(String),
    Duplicate(String),
    Question(String),
    Refused(String),
}

impl Capture {
    /// Reads every request in turn; repeats are told by their fingerprints.
    pub fn read(&self) -> Vec<Taken> {
        let mut seen = BTreeSet::new();
        self.requests.iter().map(|sent| self.take(sent, &mut seen)).collect()
    }

    fn take(&self, sent: &Sent, seen: &mut BTreeSet<String>) -> Taken {
        let reading = match self.reading(sent) {
            Ok(reading) => reading,
            Err(error) => return Taken::Refused(error),
        };
        let fingerprint = reading.fingerprint.unwrap_or_default();
        if !fingerprint.is_empty() && !seen.insert(fingerprint.clone()) {
            return Taken::Duplicate(reading.kind);
        }
        match reading.what {
            What::Facts(facts) => Taken::Facts(reading.kind, fingerprint, facts),
            What::Unknown => Taken::Unknown(reading.kind),
            What::Question(question) => {
                let client = question.client.e164().map(|number| number.reveal().to_owned());
                let (line, queue) = (question.line.is_some(), question.queue);
                let (key, kind) = (question.key, question.kind);
                Taken::Question(format!("{key:?} {client:?} line {line} {queue:?} {kind:?}"))
            }
        }
    }

    pub fn reading(&self, sent: &Sent) -> Result<Reading, String> {
        let headers = [(String::from("content-type"), sent.content_type.clone())];
        let request = Request {
            method: &sent.method,
            query: &sent.query,
            headers: &headers,
            body: &sent.body,
        };
        read(&self.account, &request, sent.received).map_err(|error| error.to_string())
    }

    /// The calls of all requests that are no repeats.
    pub fn calls(&self) -> BTreeMap<String, View> {
        let facts = self.read().into_iter().filter_map(|taken| match taken {
            Taken::Facts(_, _, facts) => Some(facts),
            _ => None,
        });
        self.views(facts.flatten())
    }

    /// The calls that these facts tell of.
    pub fn views(&self, facts: impl Iterator<Item = Fact>) -> BTreeMap<String, View> {
        let mut stories: BTreeMap<String, Story> = BTreeMap::new();
        for fact in facts {
            stories.entry(fact.key.clone()).or_default().learn(fact);
        }
        let known = |alias: &Alias| self.account.aliases.contains(&alias.0);
        stories.into_iter().map(|(key, story)| (key, story.view(&known))).collect()
    }
}
