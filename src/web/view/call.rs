//! Calls as the API shows them, and everything that is stored about one.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{self, CallRow, Decision, Name, Pick, StageName, Wall, Why};
use crate::store::{NoteRow, PopToldRow};
use crate::web::sight::{Eyes, Phone, Sight, kind_word};

use super::{
    ClientView, DeliveryView, authority_word, direction_word, first_told, maybe_stamp, maybe_text,
    scrub, scrub_alias, seconds, stamp, text,
};

/// A call: the fields of PRODUCT section 6.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallView {
    /// Ours (UUID version 7).
    pub id: String,
    /// `account/` and the provider's own call id.
    pub call_key: String,
    /// The kind of the account.
    pub provider: String,
    /// The account.
    pub account: String,
    /// `owned`, `advised` or `observed`.
    pub authority: &'static str,
    /// `in`, `out` or `internal`.
    pub direction: Option<&'static str>,
    /// The external party.
    pub client_e164: Option<Phone>,
    /// `number`, `guessed`, `hidden`, `unparsed` or `extension`.
    pub client_kind: Option<&'static str>,
    /// Our number.
    pub line_e164: Option<Phone>,
    /// Our queue, of the last entry.
    pub queue: Option<String>,
    /// Operators that were offered the call, in order.
    pub rung: Vec<String>,
    /// Who first talked with the client.
    pub answered_by: Option<String>,
    /// Everybody who did, in order.
    pub handled_by: Vec<String>,
    /// Who placed an outbound call.
    pub placed_by: Option<String>,
    /// Inbound, over, and nobody talked.
    pub missed: bool,
    /// Conversation with operators.
    pub talk_seconds: Option<f64>,
    /// First offer to first answer or end.
    pub ring_seconds: Option<f64>,
    /// Start to first answer or end.
    pub wait_seconds: Option<f64>,
    /// What became of it.
    pub disposition: &'static str,
    /// The outcome of its last entry.
    pub outcome: Option<&'static str>,
    /// The provider's link; null for readers who may not listen.
    pub recording_url: Option<String>,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// False: late facts may still change it.
    pub settled: bool,
    /// What an operator said of it at wrap-up.
    pub result: Option<String>,
}

impl CallView {
    /// Shows a call.
    pub fn of(row: &CallRow, sight: Sight, eyes: &Eyes) -> CallView {
        let cover = Cover::of(row, sight);
        let names = |names: &[Name]| names.iter().map(|name| cover.name(name)).collect();
        let name = |name: &Option<Name>| name.as_ref().map(|name| cover.name(name));
        CallView {
            id: row.id.to_string(),
            call_key: cover.key(&row.call_key),
            provider: row.provider.clone(),
            account: text(&row.account),
            authority: authority_word(row.authority),
            direction: row.direction.map(direction_word),
            client_e164: eyes.party(row.client.as_ref(), sight),
            client_kind: kind_word(row.client.as_ref()),
            line_e164: eyes.party(row.line.as_ref(), sight),
            queue: maybe_text(row.queue.as_ref()),
            rung: names(&row.rung),
            answered_by: name(&row.answered_by),
            handled_by: names(&row.handled_by),
            placed_by: name(&row.placed_by),
            missed: row.missed,
            talk_seconds: seconds(row.talk),
            ring_seconds: seconds(row.ring),
            wait_seconds: seconds(row.wait),
            disposition: row.disposition.word(),
            outcome: row.outcome.map(|outcome| outcome.word()),
            recording_url: row.recording_url.as_deref().and_then(|url| cover.link(url)),
            started_at: stamp(row.started_at),
            ended_at: maybe_stamp(row.ended_at),
            settled: row.settled,
            result: row.result.clone(),
        }
    }
}

/// Covers numbers in the texts of one call for readers who may not see them.
struct Cover<'a> {
    row: &'a CallRow,
    sight: Sight,
}

impl<'a> Cover<'a> {
    const fn of(row: &'a CallRow, sight: Sight) -> Cover<'a> {
        Cover { row, sight }
    }

    /// An operator's name; an unknown alias may be a mobile number.
    fn name(&self, name: &Name) -> String {
        if self.sight == Sight::Whole { text(name) } else { scrub_alias(name.as_str()) }
    }

    /// A call key: only the digits of the call's own client are covered, ids stay readable.
    fn key(&self, key: &str) -> String {
        match self.client().filter(|_| self.sight != Sight::Whole) {
            Some(digits) if key.contains(digits) => scrub(key, &[]),
            Some(_) | None => key.to_owned(),
        }
    }

    /// A link; providers like to put the number in it, and a covered link leads nowhere.
    fn link(&self, url: &str) -> Option<String> {
        let shown = match self.sight {
            Sight::Whole => true,
            Sight::Masked => !self.client().is_some_and(|digits| url.contains(digits)),
            Sight::None => false,
        };
        shown.then(|| url.to_owned())
    }

    /// The last seven digits of the client's number: what every way of writing it contains.
    fn client(&self) -> Option<&'a str> {
        let number = self.row.client.as_ref()?.e164()?.reveal();
        number.get(number.len().saturating_sub(7)..)
    }
}

/// Everything that is stored about one call.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallDetailView {
    /// The call.
    pub call: CallView,
    /// Its waits in queues.
    pub entries: Vec<EntryView>,
    /// Its attempts at operators.
    pub offers: Vec<OfferView>,
    /// Who talked from when to when.
    pub talks: Vec<TalkView>,
    /// When it passed each stage.
    pub stages: Vec<StageView>,
    /// The provider's requests that told of it.
    pub raw: Vec<RawView>,
    /// Its decision records.
    pub decisions: Vec<DecisionView>,
    /// What the CRMs know of its client.
    pub clients: Vec<ClientView>,
    /// How it was told outside: cards at the CRMs, then notes.
    pub deliveries: Vec<DeliveryView>,
}

/// What is stored beside the row of a call.
pub struct About {
    /// The provider's requests.
    pub raw: Vec<RawView>,
    /// Its rounds.
    pub decisions: Vec<Decision>,
    /// What the CRMs know of its client.
    pub clients: Vec<model::ClientView>,
    /// How its cards fared.
    pub pops: Vec<PopToldRow>,
    /// How its notes fare.
    pub notes: Vec<NoteRow>,
}

/// One wait in one queue.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryView {
    /// Ours.
    pub id: u64,
    /// Where.
    pub queue: String,
    /// When it was put in.
    pub enqueued_at: String,
    /// When it ended.
    pub done_at: Option<String>,
    /// How it ended.
    pub outcome: Option<&'static str>,
    /// From the first entry of the chain to the answer or the end.
    pub wait_seconds: Option<f64>,
}

/// One attempt at one operator.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfferView {
    /// Ours.
    pub id: u64,
    /// The wait it belongs to.
    pub entry: Option<u64>,
    /// The operator.
    pub operator: String,
    /// When it was made.
    pub offered_at: String,
    /// When the telephone began to ring.
    pub ringing_at: Option<String>,
    /// When it was picked up.
    pub answered_at: Option<String>,
    /// When it was over.
    pub over_at: Option<String>,
    /// How it ended.
    pub end: Option<&'static str>,
    /// Whether the person is said not to have picked up.
    pub counts_as_miss: bool,
}

/// One stretch of conversation.
#[derive(Debug, Serialize, ToSchema)]
pub struct TalkView {
    /// The operator.
    pub operator: String,
    /// From.
    pub from: String,
    /// To; null while it lasts.
    pub to: Option<String>,
}

/// When the call first passed one stage.
#[derive(Debug, Serialize, ToSchema)]
pub struct StageView {
    /// `provider`, `journal`, `routing`, `pop` or `crm`.
    pub stage: &'static str,
    /// When.
    pub at: String,
}

/// One raw request of a provider.
#[derive(Debug, Serialize, ToSchema)]
pub struct RawView {
    /// Its place in the inbox.
    pub seq: u64,
    /// When it reached us.
    pub at: String,
    /// The event word.
    pub kind: String,
    /// The provider's kind.
    pub provider: String,
    /// GET or POST.
    pub method: String,
    /// The query, without secrets.
    pub query: String,
    /// The body, without secrets; numbers covered for readers who may not see them.
    pub body: String,
}

/// One round of one entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionView {
    /// The wait it is about.
    pub entry: u64,
    /// Where.
    pub queue: String,
    /// From 1, per entry.
    pub round: u32,
    /// When.
    pub at: String,
    /// How long the caller had waited.
    pub waited_seconds: f64,
    /// The strategy.
    pub strategy: String,
    /// Which configuration it was made with.
    pub config: String,
    /// The highest tier that was open.
    pub tier: u8,
    /// The seed of a random choice.
    pub seed: Option<u64>,
    /// The caller's class at that moment; the larger goes first.
    pub class: u8,
    /// The responsible operator, where the round began with one.
    pub first: Option<FirstView>,
    /// Skills of the queue that this caller did without, by a step of its overflow.
    pub relaxed: Vec<String>,
    /// The step of the overflow that was taken; such a record lists no members.
    pub hop: Option<HopView>,
    /// Whether every member of the queue is listed.
    pub whole: bool,
    /// The members.
    pub members: Vec<PickView>,
}

/// A step of the overflow that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct HopView {
    /// Its place in the queue's `overflow`, from 1.
    pub step: u16,
    /// `tier_opened`, `skill_relaxed`, `queue_added`, `moved`, `dialled_out`, `callback`,
    /// `voicemail`, `announced` or `ended`.
    pub is: &'static str,
    /// The tier, from 1, the skill, the queue or the announcement.
    pub of: Option<String>,
}

/// Who went before the others.
#[derive(Debug, Serialize, ToSchema)]
pub struct FirstView {
    /// The operator.
    pub operator: String,
    /// `owner`, `talked`, `dialled` or `deputy`.
    pub by: &'static str,
}

/// One member as a decision saw them.
#[derive(Debug, Serialize, ToSchema)]
pub struct PickView {
    /// The operator.
    pub operator: String,
    /// Their tier, from 0.
    pub tier: u8,
    /// The strategy's key; the smallest goes first.
    pub key: i64,
    /// Whether this round offered them the call.
    pub chosen: bool,
    /// Everything that stood against them.
    pub reasons: Vec<&'static str>,
}

impl CallDetailView {
    /// Shows a call with everything under it.
    pub fn of(row: &CallRow, about: About, sight: Sight, eyes: &Eyes) -> CallDetailView {
        let cover = Cover::of(row, sight);
        CallDetailView {
            call: CallView::of(row, sight, eyes),
            entries: row
                .entries
                .iter()
                .map(|entry| EntryView {
                    id: entry.id.0,
                    queue: text(&entry.queue),
                    enqueued_at: stamp(entry.enqueued_at),
                    done_at: maybe_stamp(entry.done_at),
                    outcome: entry.outcome.map(|outcome| outcome.word()),
                    wait_seconds: seconds(entry.wait),
                })
                .collect(),
            offers: offers(row, &cover),
            talks: row
                .talks
                .iter()
                .map(|talk| TalkView {
                    operator: cover.name(&talk.operator),
                    from: stamp(talk.from),
                    to: maybe_stamp(talk.to),
                })
                .collect(),
            stages: stages(row, &about.notes),
            clients: about.clients.iter().map(|view| ClientView::of(view, sight)).collect(),
            deliveries: deliveries(&about, sight),
            raw: about.raw,
            decisions: about.decisions.iter().map(DecisionView::of).collect(),
        }
    }
}

/// The stages of the row, and the first note of the call that arrived at a CRM.
fn stages(row: &CallRow, notes: &[NoteRow]) -> Vec<StageView> {
    let own = row.stages.iter().map(|stage| (stage.stage, stage.at));
    let crm = first_told(notes).map(|(_, at)| (StageName::Crm, at));
    own.chain(crm)
        .map(|(stage, at)| StageView { stage: stage_word(stage), at: stamp(at) })
        .collect()
}

fn deliveries(about: &About, sight: Sight) -> Vec<DeliveryView> {
    let pops = about.pops.iter().map(|told| DeliveryView::of_pop(told, sight));
    let notes = about.notes.iter().map(|note| DeliveryView::of_note(note, sight));
    pops.chain(notes).collect()
}

fn offers(row: &CallRow, cover: &Cover<'_>) -> Vec<OfferView> {
    row.offers
        .iter()
        .map(|offer| OfferView {
            id: offer.id.0,
            entry: offer.entry.map(|entry| entry.0),
            operator: cover.name(&offer.operator),
            offered_at: stamp(offer.offered_at),
            ringing_at: maybe_stamp(offer.ringing_at),
            answered_at: maybe_stamp(offer.answered_at),
            over_at: maybe_stamp(offer.over_at),
            end: offer.end.map(|end| end.word()),
            counts_as_miss: offer.counts_as_miss,
        })
        .collect()
}

const fn stage_word(stage: StageName) -> &'static str {
    match stage {
        StageName::Provider => "provider",
        StageName::Journal => "journal",
        StageName::Routing => "routing",
        StageName::Pop => "pop",
        StageName::Crm => "crm",
    }
}

impl DecisionView {
    /// Shows a round.
    pub fn of(decision: &Decision) -> DecisionView {
        DecisionView {
            entry: decision.entry.0,
            queue: text(&decision.queue),
            round: decision.round,
            at: stamp(decision.at),
            waited_seconds: decision.waited.as_secs(),
            strategy: decision.strategy.clone(),
            config: decision.config.clone(),
            tier: decision.tier,
            seed: decision.seed,
            class: decision.class,
            first: decision
                .first
                .as_ref()
                .map(|first| FirstView { operator: text(&first.operator), by: first.by.word() }),
            relaxed: decision.relaxed.iter().map(text).collect(),
            hop: decision.hop.as_ref().map(|taken| HopView {
                step: u16::from(taken.step) + 1,
                is: taken.hop.word(),
                of: taken.hop.of(),
            }),
            whole: decision.whole,
            members: decision.members.iter().map(pick).collect(),
        }
    }
}

fn pick(pick: &Pick) -> PickView {
    PickView {
        operator: text(&pick.operator),
        tier: pick.tier,
        key: pick.key,
        chosen: pick.chosen,
        reasons: pick.ruling.reasons().map(why_word).collect(),
    }
}

/// The word of a reason in JSON and in the texts of `explain`.
pub const fn why_word(why: Why) -> &'static str {
    match why {
        Why::Disabled => "disabled",
        Why::Offline => "offline",
        Why::OnBreak => "on_break",
        Why::Dnd => "dnd",
        Why::Unreachable => "unreachable",
        Why::ReachUnknown => "reach_unknown",
        Why::Ringing => "ringing",
        Why::Talking => "talking",
        Why::WrapUp => "wrap_up",
        Why::QueueClosed => "queue_closed",
        Why::NotMember => "not_member",
        Why::SkillMissing => "skill_missing",
        Why::BackOff => "back_off",
        Why::NoSeat => "no_seat",
        Why::Excluded => "excluded",
        Why::OutsideCall => "outside_call",
        Why::TierClosed => "tier_closed",
        Why::NotTheirTurn => "not_their_turn",
        Why::BeyondFanOut => "beyond_fan_out",
        Why::HeldForOther => "held_for_other",
        Why::StickyHold => "sticky_hold",
    }
}

/// What a raw request is shown from.
pub struct RawSource<'a> {
    /// Its place in the inbox.
    pub seq: u64,
    /// When it reached us.
    pub at: Wall,
    /// The event word.
    pub kind: &'a str,
    /// The provider's kind.
    pub provider: &'a str,
    /// GET or POST.
    pub method: &'a str,
    /// As it came.
    pub query: &'a str,
    /// As it came.
    pub body: &'a [u8],
}

impl RawView {
    /// Shows a raw request; bytes that are no text are replaced.
    pub fn of(source: &RawSource<'_>, call: &CallRow, sight: Sight) -> RawView {
        let known: Vec<_> = call.client.iter().filter_map(|party| party.e164()).collect();
        let show = |text: &str| {
            let text = super::hide_secrets(text);
            if sight == Sight::Whole { text } else { scrub(&text, &known) }
        };
        RawView {
            seq: source.seq,
            at: stamp(source.at),
            kind: source.kind.to_owned(),
            provider: source.provider.to_owned(),
            method: source.method.to_owned(),
            query: show(source.query),
            body: show(&String::from_utf8_lossy(source.body)),
        }
    }
}
