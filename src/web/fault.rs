//! What a client is told when something was not done: a code, a sentence and a trace id.
//!
//! Inner texts (of the database, the exchange, a library) stay in the log, under the same trace
//! id. A handler returns a [`Fault`]; the outermost layer writes the envelope, because only it
//! knows the trace id.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::switch::Refusal;

use super::changes::{ChangeError, FieldText};
use super::exchange::AskError;

/// Why a request was not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Something in the request cannot be read; the text is ours and names the field.
    #[error("{0}")]
    Bad(String),
    /// Not signed in, or signed out by now.
    #[error("sign in first")]
    SignIn,
    /// Login and password do not belong together, or the link is used up.
    #[error("login or password is wrong")]
    WrongPassword,
    /// The role may not do this.
    #[error("your role may not do this")]
    Forbidden,
    /// A change over a cookie without the page's token.
    #[error("the X-CSRF-Token header is missing or old; load the page again")]
    Csrf,
    /// Passwords do not travel in the open.
    #[error("sign in over HTTPS, or on this very machine; web.plain_http = true allows this")]
    PlainHttp,
    /// There is no such thing, or it is not theirs.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// The state of the thing does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// The request is larger than the endpoint takes.
    #[error("the request is too large")]
    TooLarge,
    /// Request line and headers are larger than anybody needs.
    #[error("the headers are too large")]
    LongHeaders,
    /// The request took too long to arrive or to be done.
    #[error("the request took too long")]
    TooSlow,
    /// Keys of something to make do not fit.
    #[error("some fields do not fit")]
    Fields(Vec<FieldText>),
    /// An action's key came with another action before.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// The server is about to end; another one, or the same, is there in a moment.
    #[error("the server is stopping; try again in a moment")]
    Stopping,
    /// Too many of them.
    #[error("too many requests; wait {0} s")]
    TooMany(u64),
    /// Storage or exchange does not answer.
    #[error("storage does not answer; try again in a moment")]
    Unavailable,
    /// A fault of ours.
    #[error("something went wrong on our side")]
    Broken,
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorText,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorText {
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// Finds the request in the log.
    pub trace: String,
    /// With `bad_fields`: what is wrong with which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldText>,
}

impl Fault {
    /// The status code.
    pub const fn status(&self) -> StatusCode {
        match self {
            Fault::Bad(_) | Fault::Fields(_) => StatusCode::BAD_REQUEST,
            Fault::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Fault::SignIn | Fault::WrongPassword => StatusCode::UNAUTHORIZED,
            Fault::Forbidden | Fault::Csrf | Fault::PlainHttp => StatusCode::FORBIDDEN,
            Fault::Missing(_) => StatusCode::NOT_FOUND,
            Fault::Conflict(_) => StatusCode::CONFLICT,
            Fault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Fault::LongHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Fault::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Fault::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Fault::Unavailable | Fault::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Fault::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Fault::Bad(_) => "bad_request",
            Fault::SignIn => "sign_in",
            Fault::WrongPassword => "wrong_password",
            Fault::Forbidden => "forbidden",
            Fault::Csrf => "csrf",
            Fault::PlainHttp => "plain_http",
            Fault::Missing(_) => "not_found",
            Fault::Conflict(_) => "conflict",
            Fault::TooLarge => "too_large",
            Fault::LongHeaders => "headers_too_large",
            Fault::TooSlow => "too_slow",
            Fault::TooMany(_) => "too_many",
            Fault::Unavailable => "unavailable",
            Fault::Stopping => "stopping",
            Fault::Fields(_) => "bad_fields",
            Fault::KeyReused => "key_reused",
            Fault::Broken => "broken",
        }
    }

    /// Seconds to wait before trying again, where that helps.
    const fn retry_after(&self) -> Option<u64> {
        match self {
            Fault::TooMany(seconds) => Some(*seconds),
            Fault::Unavailable => Some(2),
            Fault::Stopping => Some(5), // longer than a restart takes
            Fault::Bad(_)
            | Fault::SignIn
            | Fault::WrongPassword
            | Fault::Forbidden
            | Fault::Csrf
            | Fault::PlainHttp
            | Fault::Missing(_)
            | Fault::Conflict(_)
            | Fault::Fields(_)
            | Fault::KeyReused
            | Fault::TooLarge
            | Fault::LongHeaders
            | Fault::TooSlow
            | Fault::Broken => None,
        }
    }

    /// Writes the envelope.
    pub fn envelope(&self, trace: &str) -> String {
        let fields = if let Fault::Fields(fields) = self { fields.as_slice() } else { &[] };
        let error = ErrorText {
            code: self.code(),
            message: self.to_string(),
            trace: trace.to_owned(),
            fields: fields.to_vec(),
        };
        serde_json::to_string(&ErrorBody { error }).unwrap_or_default()
    }
}

impl IntoResponse for Fault {
    /// An empty answer that carries the fault; the outermost layer writes its body.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self, Fault::TooLarge | Fault::LongHeaders | Fault::TooSlow | Fault::Stopping) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<AskError> for Fault {
    fn from(error: AskError) -> Fault {
        match error {
            AskError::Refused(Refusal::Unknown(what)) => Fault::Missing(what),
            AskError::Refused(Refusal::Conflict(why)) => Fault::Conflict(why),
            AskError::Refused(refusal @ Refusal::ProvidersOwn(_)) => {
                Fault::Conflict(refusal.to_string())
            }
            AskError::Unanswered => Fault::Unavailable,
        }
    }
}

impl From<ChangeError> for Fault {
    fn from(error: ChangeError) -> Fault {
        match error {
            ChangeError::Unknown(what) => Fault::Missing(what),
            ChangeError::Conflict(why) => Fault::Conflict(why),
            ChangeError::Fields(fields) => Fault::Fields(fields),
            ChangeError::Unavailable => Fault::Unavailable,
        }
    }
}
