//! What a portal brings: its consent, its installation, and clicks on numbers.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::bitrix24::Bitrix24;
use super::bitrix24_bucket::Lane;
use super::bitrix24_event::{Click, EventError, read_click, read_installed};
use crate::connect::deliver::{Brought, Consent, Later, Unwelcome, Visits};
use crate::model::Number;

/// Clicks remembered at once; the oldest goes first. Nobody clicks faster than they talk.
const CLICKS_MAX: usize = 200;
/// A click that led to no call within this time led to none. Longer could take a later call of the
/// same number for it.
const CLICK_FOR: Duration = Duration::from_secs(600);

/// Clicks whose calls have not begun yet.
#[derive(Default)]
pub struct Clicks(Mutex<VecDeque<Clicked>>);

struct Clicked {
    user: u64,
    number: Number,
    call_id: String,
    at: Instant,
}

impl Clicks {
    fn add(&self, user: u64, number: Number, call_id: String) {
        let mut clicks = self.0.lock();
        if clicks.len() >= CLICKS_MAX {
            clicks.pop_front();
        }
        clicks.push_back(Clicked { user, number, call_id, at: Instant::now() });
    }

    /// The portal's id of a call that was clicked there: it is registered under it already. A
    /// click of the same user goes first.
    pub fn of(&self, user: u64, number: &Number) -> Option<String> {
        let mut clicks = self.0.lock();
        clicks.retain(|click| click.at.elapsed() < CLICK_FOR);
        let own = clicks.iter().position(|click| click.number == *number && click.user == user);
        let any = || clicks.iter().position(|click| click.number == *number);
        let at = own.or_else(any)?;
        clicks.remove(at).map(|click| click.call_id)
    }
}

impl Bitrix24 {
    async fn installed(&self, body: &[u8], address: &str) -> Result<Brought, Unwelcome> {
        let installed = read_installed(body).map_err(refusal)?;
        // A forged installation brings nothing that our own secret could exchange.
        self.adopt(installed).await.map_err(|_| Unwelcome::Forged)?;
        self.subscribe(address).await.map_err(Unwelcome::NotNow)?;
        tracing::info!(crm = %self.name, "the application was installed in the portal");
        Ok(Brought::Taken)
    }

    async fn clicked(&self, body: &[u8]) -> Result<Brought, Unwelcome> {
        let known = self.application_token().await.map_err(Unwelcome::NotNow)?;
        let Some(known) = known else { return Err(Unwelcome::Forged) };
        let click = read_click(body, &known).map_err(refusal)?;
        let number = number(&click).ok_or_else(|| useless("a number that nobody can dial"))?;
        // Without the list nobody is known by extension; a failure leaves what is configured.
        let _unread = self.learn_users(Lane::Live).await;
        let operator = self.users.operator(Some(click.user), None);
        let operator = operator.ok_or_else(|| useless("no operator is that user"))?;
        self.clicks.add(click.user, number.clone(), click.call_id);
        Ok(Brought::Click { operator, number })
    }
}

impl Visits for Bitrix24 {
    fn consent_page(&self, state: &str) -> Option<String> {
        Some(self.session.consent_page(state))
    }

    fn consent<'a>(
        &'a self,
        consent: &'a Consent,
        address: &'a str,
    ) -> Later<'a, Result<(), String>> {
        Box::pin(async move {
            if consent.account.as_deref().is_some_and(|host| !self.session.is_of(host)) {
                return Err(String::from("the consent is of another portal"));
            }
            self.connect(&consent.code).await?;
            self.subscribe(address).await
        })
    }

    fn take<'a>(
        &'a self,
        _content_type: &'a str,
        body: &'a [u8],
        address: &'a str,
    ) -> Later<'a, Result<Brought, Unwelcome>> {
        Box::pin(async move {
            match self.installed(body, address).await {
                Err(Unwelcome::Useless(why)) if why == EventError::Other.to_string() => {
                    self.clicked(body).await
                }
                taken => taken,
            }
        })
    }
}

fn useless(why: &str) -> Unwelcome {
    Unwelcome::Useless(why.to_owned())
}

fn refusal(error: EventError) -> Unwelcome {
    match error {
        EventError::Forged => Unwelcome::Forged,
        EventError::Other | EventError::Field(_) => Unwelcome::Useless(error.to_string()),
    }
}

/// The number of a click; the portal's international form has a plus in front.
fn number(click: &Click) -> Option<Number> {
    let plain: String = click.number.chars().filter(char::is_ascii_digit).collect();
    Number::new(&format!("+{plain}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_is_used_once_and_by_its_own_user_first() {
        let clicks = Clicks::default();
        let (one, other) = (Number::new("+998901112233"), Number::new("+998901112244"));
        let (one, other) = (one.unwrap(), other.unwrap());
        clicks.add(7, one.clone(), String::from("a"));
        clicks.add(8, one.clone(), String::from("b"));
        assert_eq!(clicks.of(8, &other), None);
        assert_eq!(clicks.of(8, &one).as_deref(), Some("b"));
        assert_eq!(clicks.of(8, &one).as_deref(), Some("a"));
        assert_eq!(clicks.of(8, &one), None);
    }
}
