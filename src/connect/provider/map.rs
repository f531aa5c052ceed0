//! `[provider.map]`: where an event of any other platform keeps its fields.
//!
//! Keys and defaults are those of providers/common.md section 6; what it does not name
//! (`status`, `direction`, `queue`, `duration`, `talk`, `recording`) may be mapped too.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The mapping of one account. Each list holds field names or JSON pointers, tried in order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Map {
    /// The provider's id of the call.
    pub call_id: Vec<String>,
    /// The event's word.
    pub event: Vec<String>,
    /// Who calls.
    pub caller: Vec<String>,
    /// Who is called.
    pub callee: Vec<String>,
    /// Our number.
    pub line: Vec<String>,
    /// The operator whom the event is about.
    pub operator: Vec<String>,
    /// When it happened; nowhere: when it reached us.
    pub time: Vec<String>,
    /// How the call ended.
    pub status: Vec<String>,
    /// `in`, `out` or `internal`, in any of the usual words.
    pub direction: Vec<String>,
    /// Scheme, group or queue.
    pub queue: Vec<String>,
    /// Seconds from start to end.
    pub duration: Vec<String>,
    /// Seconds of conversation.
    pub talk: Vec<String>,
    /// Link to the recording.
    pub recording: Vec<String>,
    /// How times are written.
    pub time_format: TimeFormat,
    /// Zone of times that name none, by its IANA name; the account's unless given.
    pub time_zone: Option<String>,
    /// The event's word to its meaning.
    pub event_values: BTreeMap<String, Event>,
    /// The status word to its meaning.
    pub status_values: BTreeMap<String, Status>,
}

/// How times are written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "String")]
pub enum TimeFormat {
    /// Whatever of the following fits.
    #[default]
    Any,
    /// Unix seconds.
    EpochSeconds,
    /// Unix milliseconds.
    EpochMillis,
    /// ISO 8601.
    Iso8601,
    /// A form of strptime.
    Form(String),
    /// Several, tried in order.
    OneOf(Vec<TimeFormat>),
}

impl From<String> for TimeFormat {
    fn from(word: String) -> TimeFormat {
        if word.contains('|') {
            let each = word.split('|').map(|word| TimeFormat::from(word.to_owned()));
            return TimeFormat::OneOf(each.collect());
        }
        let word = word.trim();
        let quoted = word.strip_prefix('\'').and_then(|word| word.strip_suffix('\''));
        let word = quoted.unwrap_or(word);
        match word {
            "" => TimeFormat::Any,
            "epoch_s" => TimeFormat::EpochSeconds,
            "epoch_ms" => TimeFormat::EpochMillis,
            "iso8601" => TimeFormat::Iso8601,
            form => TimeFormat::Form(form.to_owned()),
        }
    }
}

/// What an event means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A call began.
    CallStarted,
    /// An operator's telephone rings.
    OperatorRinging,
    /// An operator picked up.
    OperatorAnswered,
    /// The client's telephone is dialled.
    ClientDialled,
    /// The client picked up.
    ClientAnswered,
    /// An operator's telephone stopped ringing.
    OperatorRingStopped,
    /// An operator left.
    OperatorLeft,
    /// The call was handed on.
    Transferred,
    /// The call is over.
    CallEnded,
    /// A row of the provider's history.
    CallSummary,
    /// Where the recording is.
    RecordingReady,
}

/// What a status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// There was a conversation.
    Answered,
    /// There was none.
    NotAnswered,
    /// The called side was busy.
    Busy,
    /// The caller gave up.
    Cancelled,
    /// The called side could not be reached.
    Failed,
}

impl Default for Map {
    fn default() -> Map {
        let places = |list: &[&str]| list.iter().map(|place| (*place).to_owned()).collect();
        Map {
            call_id: places(&["/data/call_id", "/call_id"]),
            event: places(&["/data/name", "/name", "/event"]),
            caller: places(&["/data/src", "/src"]),
            callee: places(&["/data/dst", "/dst"]),
            line: places(&["/data/external_number", "/external_number"]),
            operator: places(&["/data/user/extension", "/data/extension", "/extension"]),
            time: places(&["/data/date_time", "/time"]),
            status: places(&["/data/status", "/status"]),
            direction: places(&["/data/direction", "/direction"]),
            queue: places(&["/data/queue", "/queue"]),
            duration: places(&["/data/duration", "/duration"]),
            talk: places(&["/data/conversation", "/conversation"]),
            recording: places(&["/data/recorded_file_url", "/recorded_file_url"]),
            time_format: TimeFormat::Any,
            time_zone: None,
            event_values: Event::defaults(),
            status_values: Status::defaults(),
        }
    }
}

impl Event {
    /// The kinds by their own words, and the sheet's example.
    fn defaults() -> BTreeMap<String, Event> {
        let words = [
            ("incoming", Event::CallStarted),
            ("ringing", Event::OperatorRinging),
            ("answered", Event::OperatorAnswered),
            ("finished", Event::CallEnded),
        ];
        words.into_iter().map(|(word, event)| (word.to_owned(), event)).collect()
    }

    /// A kind by its own word.
    pub(super) fn of(word: &str) -> Option<Event> {
        Some(match word {
            "call_started" => Event::CallStarted,
            "operator_ringing" => Event::OperatorRinging,
            "operator_answered" => Event::OperatorAnswered,
            "client_dialled" => Event::ClientDialled,
            "client_answered" => Event::ClientAnswered,
            "operator_ring_stopped" => Event::OperatorRingStopped,
            "operator_left" => Event::OperatorLeft,
            "transferred" => Event::Transferred,
            "call_ended" => Event::CallEnded,
            "call_summary" => Event::CallSummary,
            "recording_ready" => Event::RecordingReady,
            _ => return None,
        })
    }
}

impl Status {
    fn defaults() -> BTreeMap<String, Status> {
        [("Answered", Status::Answered)].map(|(word, status)| (word.to_owned(), status)).into()
    }

    /// A status by one of the usual words.
    pub(super) fn of(word: &str) -> Option<Status> {
        Some(match word.to_ascii_lowercase().as_str() {
            "answered" | "answer" | "success" => Status::Answered,
            "not_answered" | "not answered" | "no_answer" | "no answer" | "noanswer" | "missed" => {
                Status::NotAnswered
            }
            "busy" => Status::Busy,
            "cancel" | "cancelled" | "canceled" => Status::Cancelled,
            "failed" => Status::Failed,
            _ => return None,
        })
    }
}
