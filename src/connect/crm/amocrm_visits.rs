//! Connecting an account of amoCRM: the page of consent, and what comes back from it.

use super::amocrm::AmoCrm;
use super::amocrm_auth::{Access, host};
use crate::connect::deliver::{Brought, Consent, Later, Unwelcome, Visits};

impl Visits for AmoCrm {
    fn consent_page(&self, state: &str) -> Option<String> {
        let (Access::OAuth(client), base) = self.access() else { return None };
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &client.id)
            .append_pair("state", state)
            .append_pair("mode", "popup")
            .finish();
        Some(format!("{}/oauth?{query}", root(base)))
    }

    fn consent<'a>(
        &'a self,
        consent: &'a Consent,
        _address: &'a str,
    ) -> Later<'a, Result<(), String>> {
        Box::pin(async move {
            let exchanged = self.exchange(&consent.code, consent.account.as_deref()).await;
            exchanged.map_err(|error| error.to_string())
        })
    }

    fn take<'a>(
        &'a self,
        _content_type: &'a str,
        _body: &'a [u8],
        _address: &'a str,
    ) -> Later<'a, Result<Brought, Unwelcome>> {
        let why = String::from("amoCRM is not asked to bring anything");
        Box::pin(std::future::ready(Err(Unwelcome::Useless(why))))
    }
}

/// Where people consent: the vendor's own host for the account's domain; a server of one's own
/// for itself.
fn root(base: &str) -> String {
    let host = host(base);
    let vendor = |domain: &&str| host.ends_with(&format!(".{domain}"));
    let domains = ["amocrm.ru", "amocrm.com", "kommo.com"];
    let domain = domains.iter().find(|domain| vendor(domain));
    domain.map_or_else(|| base.to_owned(), |domain| format!("https://www.{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_consent_at_the_vendors_host_of_their_domain() {
        for (base, page) in [
            ("https://savdo.amocrm.ru", "https://www.amocrm.ru"),
            ("https://savdo.kommo.com", "https://www.kommo.com"),
            ("http://127.0.0.1:8090", "http://127.0.0.1:8090"),
        ] {
            assert_eq!(root(base), page);
        }
    }
}
