//! How a call was told outside, in sentences: cards at the CRMs, and notes.

use jiff::tz::TimeZone;

use crate::model::{Language, Stage, StageName, Text, Wall};
use crate::store::{NoteRow, NoteState, PopToldRow};
use crate::web::view::{first_told, scrub};

use super::{Sentence, clock};

/// Explains how a call was told outside to a reader of a language.
pub fn explain_told(
    cards: &[PopToldRow],
    notes: &[NoteRow],
    language: Language,
    zone: &TimeZone,
) -> Vec<Sentence> {
    let mut told: Vec<(Wall, Sentence)> =
        cards.iter().map(|card| (card.at, of_card(card, language, zone))).collect();
    told.extend(notes.iter().map(|note| {
        let at = note.ended_at.unwrap_or(note.due_at);
        (at, of_note(note, language, zone))
    }));
    told.sort_by_key(|(at, _)| *at);
    told.into_iter().map(|(_, sentence)| sentence).collect()
}

/// Explains how far a call came and when, stage by stage: where it was lost is the first stage
/// without a time. The stages of the row end before the CRM; its notes tell of that.
pub fn explain_stages(
    passed: &[Stage],
    notes: &[NoteRow],
    language: Language,
    zone: &TimeZone,
) -> Sentence {
    let mut cites = vec![String::from("call")];
    let stages = STAGES.map(|(stage, words)| {
        let own = passed.iter().find(|one| one.stage == stage).map(|one| one.at);
        let told = first_told(notes).filter(|_| stage == StageName::Crm);
        cites.extend(told.map(|(note, _)| format!("note:{}", note.id)));
        let at = own.or(told.map(|(_, at)| at));
        let at = at.map_or_else(|| String::from("–"), |at| fine_clock(at, zone));
        format!("{} {at}", language.pick(words))
    });
    let text = fill(language.pick(LEDGER), &[("stages", &stages.join(", "))]);
    Sentence { text, cites }
}

/// The time of day to a millisecond: stages follow each other within a few of them.
fn fine_clock(at: Wall, zone: &TimeZone) -> String {
    let stamp = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    stamp.to_zoned(zone.clone()).strftime("%H:%M:%S%.3f").to_string()
}

fn of_card(card: &PopToldRow, language: Language, zone: &TimeZone) -> Sentence {
    let line = if card.shown { CARD_SHOWN } else { CARD_NOT_SHOWN };
    let at = clock(card.left_at.unwrap_or(card.at), zone);
    let with = [
        ("target", card.target.as_str()),
        ("who", card.operator.as_str()),
        ("at", at.as_str()),
        ("why", &why(card.why.as_deref())),
    ];
    let cites = vec![format!("pop:{}/{}", card.target, card.offer)];
    Sentence { text: fill(language.pick(line), &with), cites }
}

fn of_note(note: &NoteRow, language: Language, zone: &TimeZone) -> Sentence {
    let line = match note.state {
        NoteState::Done => NOTE_DONE,
        NoteState::Pending | NoteState::InFlight => NOTE_WAITS,
        NoteState::Ambiguous => NOTE_LOOKED_UP,
        NoteState::Skipped => NOTE_SKIPPED,
        NoteState::Dead => NOTE_DEAD,
        NoteState::Unclear => NOTE_UNCLEAR,
    };
    let what = language.pick(match note.kind.as_str() {
        "call" => ["qoʻngʻiroq yozuvi", "запись о звонке", "the record of the call"],
        "call_back" => ["qayta qoʻngʻiroq vazifasi", "задача перезвонить", "the task to call back"],
        "reached" => [
            "mijoz bilan gaplashilgani (vazifa yopiladi)",
            "что с клиентом поговорили (задача закрывается)",
            "that the client was reached (the task is closed)",
        ],
        "message" => ["xabar", "сообщение", "the message"],
        _ => ["hodisa", "событие", "the event"],
    });
    let at = clock(note.ended_at.unwrap_or(note.due_at), zone);
    let tries = note.tries.to_string();
    let with = [
        ("target", note.target.as_str()),
        ("what", what.as_str()),
        ("at", at.as_str()),
        ("n", tries.as_str()),
        ("why", &why(note.told.as_deref())),
    ];
    Sentence { text: fill(language.pick(line), &with), cites: vec![format!("note:{}", note.id)] }
}

fn fill(text: String, with: &[(&str, &str)]) -> String {
    with.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// What a peer said, for everybody's eyes: it may have repeated the number.
fn why(told: Option<&str>) -> String {
    told.map_or_else(|| String::from("–"), |told| scrub(told, &[]))
}

/// The stages as a person reads them, in the order a call passes them.
const STAGES: [(StageName, Text); 5] = [
    (StageName::Provider, ["provayderda", "у провайдера", "at the provider"]),
    (StageName::Journal, ["qabul qilindi", "принят", "received"]),
    (StageName::Routing, ["operator tanlandi", "оператор выбран", "operator chosen"]),
    (StageName::Pop, ["kartochka koʻrsatildi", "карточка показана", "card shown"]),
    (StageName::Crm, ["CRMga aytildi", "CRM знает", "CRM told"]),
];
const LEDGER: Text = ["Bosqichlar: {stages}.", "Этапы: {stages}.", "Stages: {stages}."];

const CARD_SHOWN: Text = [
    "{target}: {who} uchun kartochka {at} da yuborildi va qabul qilindi.",
    "{target}: карточка для {who} отправлена в {at} и принята.",
    "{target}: the card of {who} left at {at} and was taken.",
];
const CARD_NOT_SHOWN: Text = [
    "{target}: {who} uchun kartochka koʻrsatilmadi ({at}): {why}.",
    "{target}: карточка для {who} не показана ({at}): {why}.",
    "{target}: the card of {who} was not shown ({at}): {why}.",
];
const NOTE_DONE: Text = [
    "{target}: {what} {at} da yetib bordi, urinishlar: {n}.",
    "{target}: {what} – доставлено в {at}, попыток: {n}.",
    "{target}: {what} arrived at {at}, attempts: {n}.",
];
const NOTE_WAITS: Text = [
    "{target}: {what} kutmoqda, keyingi urinish {at} da, urinishlar: {n}; oxirgi javob: {why}.",
    "{target}: {what} – ожидает, следующая попытка в {at}, попыток: {n}; последний ответ: {why}.",
    "{target}: {what} waits, tried next at {at}, attempts: {n}; said last: {why}.",
];
const NOTE_LOOKED_UP: Text = [
    "{target}: {what} yetib borgan boʻlishi mumkin, {at} da tekshiriladi: {why}.",
    "{target}: {what} – возможно, доставлено, проверка в {at}: {why}.",
    "{target}: {what} may have arrived and is looked up at {at}: {why}.",
];
const NOTE_SKIPPED: Text = [
    "{target}: {what} yuborilmadi: {why}.",
    "{target}: {what} – не отправлено: {why}.",
    "{target}: {what} was not sent: {why}.",
];
const NOTE_DEAD: Text = [
    "{target}: {what} qabul qilinmadi va tuzatishni kutmoqda: {why}.",
    "{target}: {what} – не принято и ждёт исправления: {why}.",
    "{target}: {what} was refused and waits to be mended: {why}.",
];
const NOTE_UNCLEAR: Text = [
    "{target}: {what} yetib borgani nomaʼlum, odam tekshirishi kerak: {why}.",
    "{target}: {what} – неизвестно, доставлено ли; нужна проверка человеком: {why}.",
    "{target}: nobody knows whether {what} arrived; a person must look: {why}.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CallId, OfferId};

    #[test]
    fn cards_and_notes_are_told_in_every_language_without_numbers() {
        let zone = TimeZone::get("Asia/Tashkent").unwrap();
        let at = Wall::from_unix(1_795_150_800);
        let card = PopToldRow {
            call: CallId(uuid::Uuid::nil()),
            target: "amo".into(),
            offer: OfferId(7),
            operator: "Aziza".into(),
            rang_at: at,
            left_at: Some(at),
            shown: true,
            why: None,
            at,
        };
        let lost = PopToldRow { shown: false, why: Some(String::from("no user")), ..card.clone() };
        let notes = NoteState::ALL.map(|state| NoteRow {
            id: state.word().to_owned(),
            once_key: String::new(),
            target: "amo".into(),
            call: None,
            kind: String::from("call"),
            revision: 1,
            state,
            tries: 2,
            due_at: at,
            created_at: at,
            ended_at: None,
            told: Some(String::from("400 for +998901234567")),
            external: None,
            body: String::new(),
        });
        for language in Language::ALL {
            let told = explain_told(&[card.clone(), lost.clone()], &notes, language, &zone);
            assert_eq!(told.len(), 9);
            for one in &told {
                assert!(one.text.starts_with("amo: ") && !one.text.contains('{'), "{one:?}");
                assert!(!one.text.contains("90123") && one.cites.len() == 1, "{one:?}");
            }
            assert!(told[0].text.contains("10:00:00") && told[0].text.contains("Aziza"));
            assert!(told[1].text.contains("no user"));
            let journal = Stage { stage: StageName::Journal, at };
            let stages = explain_stages(&[journal], &notes, language, &zone);
            assert!(stages.text.contains(" 10:00:00.000, ") && !stages.text.contains('{'));
            assert_eq!(stages.text.matches('–').count(), 4, "nothing ended: {stages:?}");
            assert_eq!(stages.cites, ["call"]);
        }
    }
}
