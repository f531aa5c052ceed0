//! The texts of alerts in four languages; Uzbek in Cyrillic is made from the Latin text.

use jiff::tz::TimeZone;

use super::rules::{Audience, Detail, Entry, Event, Item, Phase, RuleBook};
use crate::model::{Language, Message, Number, Text, Wall};

/// Lines of a message: for people who read, and where every letter costs.
const LINES_MAX: usize = 30;
const LINES_SHORT_MAX: usize = 3;

/// Between the parts of a line.
const DOT: &str = " · ";

const HIDDEN: Text = ["yashirin raqam", "скрытый номер", "hidden number"];
const OVER: Text = ["Bartaraf etildi: {what}", "Устранено: {what}", "Over: {what}"];
const ESCALATED: Text =
    ["Hali hal boʻlmadi: {what}", "До сих пор не решено: {what}", "Still not solved: {what}"];
const QUIET: Text = [
    "Tinch soatlardagi xabarlar: {n}",
    "Сообщения за тихие часы: {n}",
    "Messages of the quiet hours: {n}",
];
const WAITED: Text = ["{secs} s kutdi", "ждал {secs} с", "waited {secs} s"];
const CALLS: Text = ["qoʻngʻiroqlar: {n}", "звонков: {n}", "calls: {n}"];
const DUE: Text = ["muddati {at}", "срок {at}", "due {at}"];
const MORE: Text = ["va yana {n}", "и ещё {n}", "and {n} more"];
const WAITING: Text = ["kutmoqda: {n}", "ждут отправки: {n}", "waiting: {n}"];
const FREE: Text = [
    "boʻsh joy {mib} MiB ({percent} %)",
    "свободно {mib} МиБ ({percent} %)",
    "free: {mib} MiB ({percent} %)",
];
const LAST: Text = ["oxirgi xabar {at}", "последнее событие {at}", "last event {at}"];
const UNTIL: Text = ["{at} gacha", "до {at}", "until {at}"];
const TEST_TITLE: Text = ["Sinov xabari", "Проверочное сообщение", "Test message"];
const TEST_TEXT: Text = [
    "navbat bu manzilga yetib boradi.",
    "navbat может писать сюда.",
    "navbat reaches this target.",
];

/// One language and one zone.
struct Teller<'a> {
    audience: &'a Audience,
    zone: &'a TimeZone,
    now: Wall,
}

/// The message of some lines; `None` without any.
pub(super) fn say(
    book: &RuleBook,
    audience: &Audience,
    entries: &[Entry],
    more: u64,
    now: Wall,
) -> Option<Message> {
    let first = entries.first()?;
    let teller = Teller { audience, zone: &book.zone, now };
    let all = u64::try_from(entries.len()).unwrap_or(u64::MAX).saturating_add(more);
    let same = entries.iter().all(|one| (one.event, one.phase) == (first.event, first.phase));
    let title = if same {
        teller.title(first.event, first.phase, all)
    } else {
        teller.fill(QUIET, &[("n", all.to_string())])
    };
    let lines_max = if audience.is_short { LINES_SHORT_MAX } else { LINES_MAX };
    let line = |entry: &Entry| {
        let line = teller.line(entry);
        if same { line } else { format!("{}: {line}", teller.title(entry.event, entry.phase, 1)) }
    };
    let mut lines: Vec<String> = entries.iter().take(lines_max).map(line).collect();
    let told = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    if all > told {
        lines.push(teller.fill(MORE, &[("n", (all - told).to_string())]));
    }
    let call = match (&first.item, entries.len()) {
        (Item::Missed { call, .. }, 1) => Some(*call),
        (Item::Missed { .. } | Item::Due { .. } | Item::Fault { .. }, _) => None,
    };
    let page = match (first.event, call) {
        (Event::Missed, Some(call)) => format!("/calls/{call}"),
        (Event::Missed | Event::NotCalledBack, _) => String::from("/missed"),
        (
            Event::NobodyOnline
            | Event::IntegrationFault
            | Event::ProviderSilent
            | Event::TrunkDown
            | Event::OutboxGrowing
            | Event::DiskLow
            | Event::Certificate,
            _,
        ) => String::from("/board"),
    };
    Some(Message {
        event: first.event.word().to_owned(),
        title,
        text: lines.join("\n"),
        link: (!audience.is_short).then(|| format!("{}{page}", book.base)),
        call,
    })
}

/// The message by which a person sees whether a target works.
pub fn test_message(language: Language) -> Message {
    Message {
        event: super::TEST.to_owned(),
        title: language.pick(TEST_TITLE),
        text: language.pick(TEST_TEXT),
        link: None,
        call: None,
    }
}

impl Teller<'_> {
    fn fill(&self, text: Text, words: &[(&str, String)]) -> String {
        let mut out = self.audience.language.pick(text);
        for (name, value) in words {
            out = out.replace(&format!("{{{name}}}"), value);
        }
        out
    }

    fn title(&self, event: Event, phase: Phase, count: u64) -> String {
        let (one, many) = event_text(event);
        let what = self.audience.language.pick(if count == 1 { one } else { many });
        let what = if count == 1 { what } else { format!("{what}: {count}") };
        match phase {
            Phase::Begun => what,
            Phase::Escalated => self.fill(ESCALATED, &[("what", what)]),
            Phase::Over => self.fill(OVER, &[("what", what)]),
        }
    }

    fn line(&self, entry: &Entry) -> String {
        let mut parts = Vec::new();
        match &entry.item {
            Item::Missed { client, queue, waited, outcome, .. } => {
                parts.push(self.at(entry.since));
                parts.push(self.number(client.as_ref()));
                parts.extend(queue.as_ref().map(ToString::to_string));
                parts.extend(outcome.map(|outcome| self.audience.language.outcome(outcome)));
                let secs = waited.map(|waited| (waited.0 / 1000).to_string());
                parts.extend(secs.map(|secs| self.fill(WAITED, &[("secs", secs)])));
            }
            Item::Due { client, queue, owner, calls, due_at } => {
                parts.push(self.number(client.as_ref()));
                parts.push(queue.to_string());
                parts.extend(owner.as_ref().map(ToString::to_string));
                if *calls > 1 {
                    parts.push(self.fill(CALLS, &[("n", calls.to_string())]));
                }
                parts.push(self.fill(DUE, &[("at", self.at(*due_at))]));
            }
            Item::Fault { subject, detail } => {
                parts.push(subject.clone());
                parts.extend(self.detail(entry.event, detail));
                parts.push(match entry.until {
                    Some(until) => format!("{}–{}", self.at(entry.since), self.at(until)),
                    None => self.at(entry.since),
                });
            }
        }
        parts.retain(|part| !part.is_empty());
        parts.join(DOT)
    }

    fn detail(&self, event: Event, detail: &Detail) -> Option<String> {
        Some(match detail {
            Detail::None => return None,
            Detail::Said(text) => text.clone(),
            Detail::Count(count) => self.fill(WAITING, &[("n", count.to_string())]),
            Detail::Free { percent, mib } => {
                self.fill(FREE, &[("mib", mib.to_string()), ("percent", percent.to_string())])
            }
            Detail::At(at) if event == Event::Certificate => {
                self.fill(UNTIL, &[("at", self.date(*at))])
            }
            Detail::At(at) => self.fill(LAST, &[("at", self.at(*at))]),
        })
    }

    fn number(&self, client: Option<&Number>) -> String {
        match client {
            Some(number) if self.audience.is_trusted => number.grouped(),
            Some(number) => number.masked(),
            None => self.audience.language.pick(HIDDEN),
        }
    }

    /// The time of day, and the date where it is another day.
    fn at(&self, at: Wall) -> String {
        let (Some(at), Some(now)) = (self.local(at), self.local(self.now)) else {
            return String::new();
        };
        if at.date() == now.date() {
            at.strftime("%H:%M").to_string()
        } else {
            at.strftime("%d.%m %H:%M").to_string()
        }
    }

    fn date(&self, at: Wall) -> String {
        self.local(at).map(|at| at.strftime("%d.%m.%Y").to_string()).unwrap_or_default()
    }

    fn local(&self, at: Wall) -> Option<jiff::civil::DateTime> {
        Some(self.zone.to_datetime(jiff::Timestamp::from_millisecond(at.0).ok()?))
    }
}

/// What an event is called: one of it, and several.
const fn event_text(event: Event) -> (Text, Text) {
    match event {
        Event::Missed => (
            ["Oʻtkazib yuborilgan qoʻngʻiroq", "Пропущенный звонок", "Missed call"],
            ["Oʻtkazib yuborilgan qoʻngʻiroqlar", "Пропущенные звонки", "Missed calls"],
        ),
        Event::NotCalledBack => {
            let text =
                ["Qayta qoʻngʻiroq qilinmadi", "Не перезвонили в срок", "Not called back in time"];
            (text, text)
        }
        Event::NobodyOnline => (
            ["Navbatda operator yoʻq", "В очереди нет операторов", "Nobody is online in a queue"],
            ["Operatorsiz navbatlar", "Очереди без операторов", "Queues with nobody online"],
        ),
        Event::IntegrationFault => (
            ["Integratsiya ishlamayapti", "Интеграция не работает", "An integration does not work"],
            [
                "Ishlamayotgan integratsiyalar",
                "Не работают интеграции",
                "Integrations that do not work",
            ],
        ),
        Event::ProviderSilent => (
            ["Provayderdan xabar yoʻq", "Провайдер молчит", "A provider is silent"],
            ["Xabar bermayotgan provayderlar", "Молчащие провайдеры", "Silent providers"],
        ),
        Event::TrunkDown => (
            ["Trank ishlamayapti", "Транк не работает", "A trunk is down"],
            ["Ishlamayotgan tranklar", "Не работают транки", "Trunks that are down"],
        ),
        Event::OutboxGrowing => {
            let text = [
                "Yuborilmagan xabarlar koʻp",
                "Слишком много неотправленного",
                "The outbox is nearly full",
            ];
            (text, text)
        }
        Event::DiskLow => {
            let text = ["Diskda joy kam qoldi", "На диске мало места", "The disk is nearly full"];
            (text, text)
        }
        Event::Certificate => {
            let text = [
                "Sertifikat muddati tugayapti",
                "Истекает срок сертификата",
                "The certificate expires soon",
            ];
            (text, text)
        }
    }
}
