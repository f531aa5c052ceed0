//! From a stored request to what the switch hears, for fresh requests and for those that a
//! restart finds unheard.

use tracing::warn;

use crate::connect::provider::{self, Account, Request, What};
use crate::store::StoredRequest;
use crate::switch::Heard;

/// Reads a stored request with the account it came for.
///
/// A request that tells nothing (unknown event, question, undecodable, an account that is gone)
/// is heard too, without facts: the switch then knows that it was taken in.
pub fn heard(accounts: &[Account], stored: &StoredRequest) -> Heard {
    let request = &stored.request;
    let account = accounts.iter().find(|account| account.name == request.account);
    let facts = match account {
        Some(account) => facts(account, stored),
        None => {
            warn!(account = %request.account, request = stored.seq.0, "no such account any more");
            Vec::new()
        }
    };
    Heard {
        request: Some(stored.seq),
        account: request.account.clone(),
        received: request.received,
        facts,
    }
}

fn facts(account: &Account, stored: &StoredRequest) -> Vec<crate::model::Fact> {
    let request = &stored.request;
    let wire = Request {
        method: &request.method,
        query: &request.query,
        headers: &request.headers,
        body: &request.body,
    };
    match provider::read(account, &wire, request.received) {
        // Of a repeat only what it may tell anew (`NewRequest::retold`).
        Ok(reading) if stored.duplicate_of.is_some() => reading.of_repeat(),
        Ok(reading) => match reading.what {
            What::Facts(facts) => facts,
            What::Unknown | What::Question(_) => Vec::new(),
        },
        Err(_) => Vec::new(), // said and counted when it was received
    }
}
