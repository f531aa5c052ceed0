//! Events that Bitrix24 sends: a click on a number (`ONEXTERNALCALLSTART`) and the installation of
//! the application (`ONAPPINSTALL`). Pure readers; the addresses that receive them are elsewhere.

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::bitrix24_auth::Installed;

/// Fields that are read of one event; the vendor's have about thirty.
const FIELDS_MAX: usize = 200;

/// Somebody clicked a number: their telephone is to ring, then the number is called.
#[derive(Clone, PartialEq, Eq)]
pub struct Click {
    /// The user who clicked.
    pub user: u64,
    /// What to call, as the portal wrote it; the international form where it has one.
    pub number: String,
    /// What to dial after the answer.
    pub extension: Option<String>,
    /// From which of our lines, if one was chosen.
    pub line: Option<String>,
    /// The portal's id. The call is registered already: it is to be finished under this id and
    /// not registered again.
    pub call_id: String,
    /// The page it was clicked on, `contact:797`.
    pub entity: Option<String>,
}

/// Why an event is not acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It does not carry the portal's own token: somebody else sent it.
    #[error("the event does not prove that it comes from the portal")]
    Forged,
    /// Another kind of event.
    #[error("an event of another kind")]
    Other,
    /// A field that is needed is missing or unreadable.
    #[error("the field {0} is missing")]
    Field(&'static str),
}

/// A form of an event.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(body: &[u8]) -> Form {
        Form(form_urlencoded::parse(body).into_owned().take(FIELDS_MAX).collect())
    }

    /// A value that is not empty. The first of a name counts, so that none can be slipped in after.
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(own, _)| own == name)?;
        Some(found.1.trim()).filter(|value| !value.is_empty())
    }

    fn is(&self, event: &str) -> bool {
        self.get("event").is_some_and(|own| own.eq_ignore_ascii_case(event))
    }
}

/// Reads a click. `application_token` is what the portal told at its installation; whoever does
/// not know it is refused before anything else is read.
pub fn read_click(body: &[u8], application_token: &SecretString) -> Result<Click, EventError> {
    let form = Form::read(body);
    let token = form.get("auth[application_token]").unwrap_or_default();
    let known = application_token.expose_secret();
    if known.is_empty() || !bool::from(token.as_bytes().ct_eq(known.as_bytes())) {
        return Err(EventError::Forged);
    }
    if !form.is("ONEXTERNALCALLSTART") {
        return Err(EventError::Other);
    }
    let user = form.get("data[USER_ID]").and_then(|text| text.parse().ok());
    let number = form.get("data[PHONE_NUMBER_INTERNATIONAL]");
    let number = number.or_else(|| form.get("data[PHONE_NUMBER]"));
    let call_id = form.get("data[CALL_ID]");
    let kind = form.get("data[CRM_ENTITY_TYPE]").map(str::to_ascii_lowercase);
    let entity = kind.zip(form.get("data[CRM_ENTITY_ID]").filter(|id| *id != "0"));
    Ok(Click {
        user: user.ok_or(EventError::Field("USER_ID"))?,
        number: number.ok_or(EventError::Field("PHONE_NUMBER"))?.to_owned(),
        extension: form.get("data[EXTENSION]").map(str::to_owned),
        line: form.get("data[LINE_NUMBER]").map(str::to_owned),
        call_id: call_id.ok_or(EventError::Field("CALL_ID"))?.to_owned(),
        entity: entity.map(|(kind, id)| format!("{kind}:{id}")),
    })
}

/// Reads an installation. What it brings proves nothing by itself: `Bitrix24::adopt` has it
/// exchanged for tokens of the configured portal and keeps nothing when that fails.
pub fn read_installed(body: &[u8]) -> Result<Installed, EventError> {
    let form = Form::read(body);
    if !form.is("ONAPPINSTALL") {
        return Err(EventError::Other);
    }
    let secret = |name: &str| form.get(name).map(SecretString::from);
    let application_token = secret("auth[application_token]");
    let refresh_token = secret("auth[refresh_token]");
    Ok(Installed {
        application_token: application_token.ok_or(EventError::Field("application_token"))?,
        refresh_token: refresh_token.ok_or(EventError::Field("refresh_token"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn click(token: &str) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("event", "ONEXTERNALCALLSTART"),
                ("event_handler_id", "1055"),
                ("data[PHONE_NUMBER]", "90 123 45 67"),
                ("data[PHONE_NUMBER_INTERNATIONAL]", "+998901234567"),
                ("data[EXTENSION]", ""),
                ("data[USER_ID]", "1269"),
                ("data[CALL_LIST_ID]", "0"),
                ("data[LINE_NUMBER]", "+998712000011"),
                ("data[IS_MOBILE]", "0"),
                ("data[CALL_ID]", "externalCall.8935.1773236989"),
                ("data[CRM_ENTITY_TYPE]", "CONTACT"),
                ("data[CRM_ENTITY_ID]", "797"),
                ("ts", "1773236988"),
                ("auth[application_token]", token),
            ])
            .finish()
    }

    #[test]
    fn a_click_names_the_user_the_number_and_the_registered_call() {
        let click = read_click(click("right").as_bytes(), &"right".into()).unwrap_or_else(|e| {
            panic!("{e}");
        });
        assert_eq!((click.user, click.number.as_str()), (1269, "+998901234567"));
        assert_eq!(click.call_id, "externalCall.8935.1773236989");
        assert_eq!(click.entity.as_deref(), Some("contact:797"));
        assert_eq!(click.extension, None);
    }

    #[test]
    fn who_does_not_know_the_token_is_refused_whatever_else_it_says() {
        let refused = |body: &str, known: &str| read_click(body.as_bytes(), &known.into()).err();
        assert_eq!(refused(&click("wrong"), "right"), Some(EventError::Forged));
        assert_eq!(refused(&click(""), "right"), Some(EventError::Forged));
        assert_eq!(refused(&click(""), ""), Some(EventError::Forged), "no token is known yet");
        assert_eq!(refused("", "right"), Some(EventError::Forged));
        let twice = format!("{}&auth[application_token]=right", click("wrong"));
        assert_eq!(refused(&twice, "right"), Some(EventError::Forged));
        let other = click("right").replace("ONEXTERNALCALLSTART", "ONCRMDEALADD");
        assert_eq!(refused(&other, "right"), Some(EventError::Other));
        let short = "auth[application_token]=right&event=onexternalcallstart";
        assert_eq!(refused(short, "right"), Some(EventError::Field("USER_ID")));
    }
}
