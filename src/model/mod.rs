//! Words everybody shares: ids, time, numbers, facts, records, rows and live views.
//!
//! Pure and free of behaviour beyond keeping each type's promise. Everything that crosses a
//! room's door is named here, so a reader who knows this room can read any other.

mod call;
mod card;
mod client;
mod cyrillic;
mod decision;
mod episode;
mod fact;
mod ids;
mod language;
mod live;
mod normalise;
mod note;
mod number;
mod offer_told;
mod outcome;
mod presence;
mod record;
mod record_kind;
mod seed;
mod time;

pub use call::{CallRow, EntryRow, OfferRow, Stage, StageName, TalkRow};
pub use card::{Pop, PopState};
pub use client::{ClientDeal, ClientMatch, ClientNews, ClientState, ClientView};
pub use decision::{Decision, First, Hop, HopTaken, Pick, Ruling, Tie, Why};
pub use episode::{Attempt, Closing, EpisodeRow, EpisodeState, EpisodeStep, StepKind};
pub use fact::{Alias, Ends, Fact, FactKind, Legs, Source, Totals};
pub use ids::{
    CallId, EntryId, EpisodeId, LegId, Name, OfferId, OperatorId, QueueId, Seq, TokenId,
};
pub use language::{Language, Text};
pub use live::{Live, OperatorView, QueueView};
pub use normalise::{NumberRules, Party, Raw, Rule, normalise};
pub use note::{Message, NoteBody};
pub use number::{Number, NumberError};
pub use offer_told::OfferTold;
pub use outcome::{
    Authority, Direction, Disposition, EndedBy, OfferEnd, Outcome, WithdrawnBecause,
};
pub use presence::{By, Intent, PauseCause, Reach, Work};
pub use record::{LegMove, PlanStep, Record, Stamped, TokenEnd, Whole};
pub use seed::Seed;
pub use time::{Mono, Now, Period, PeriodError, Wall};
