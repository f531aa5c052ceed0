//! The texts of `explain` in four languages; Uzbek in Cyrillic is made from the Latin text.

use crate::model::{Hop, Language, OfferEnd, Text, Tie, Why};

/// The sentences. Names in braces are filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// We decided.
    Owned,
    /// The provider asked.
    Advised,
    /// The provider decided.
    Observed,
    /// A round that chose somebody.
    Round,
    /// A round that chose nobody.
    RoundEmpty,
    /// The caller went before others by their class.
    Class,
    /// The responsible operator went first.
    First,
    /// A step of the overflow was taken.
    Hop,
    /// Somebody was not chosen.
    NotChosen,
    /// A telephone rang.
    Rang,
    /// A call was offered and no ring was told.
    Offered,
    /// An offer without an end.
    StillOffered,
    /// A wait ended.
    EntryDone,
    /// Nobody was offered the call.
    NobodyRang,
    /// Somebody talked.
    Answered,
    /// Nobody did.
    Missed,
}

impl Language {
    /// A sentence, its names still in braces.
    pub fn line(self, line: Line) -> String {
        self.pick(line_text(line))
    }

    /// A reason why somebody was not chosen.
    pub fn why(self, why: Why) -> String {
        self.pick(why_text(why))
    }

    /// What makes somebody responsible.
    pub fn tie(self, tie: Tie) -> String {
        self.pick(tie_text(tie))
    }

    /// What a step of the overflow did; `{what}` is filled in.
    pub fn hop(self, hop: &Hop) -> String {
        self.pick(hop_text(hop))
    }

    /// How an offer ended.
    pub fn offer_end(self, end: OfferEnd) -> String {
        self.pick(end_text(end))
    }
}

/// The sentence about a caller of a class.
const CLASS: Text = [
    "{n}-tanlov paytida mijozning toifasi {class} edi: yuqori toifa oldin xizmat oladi.",
    "В раунде {n} класс клиента был {class}: старший класс обслуживается раньше.",
    "In round {n} the caller's class was {class}: a higher class is served first.",
];

/// The sentence about a responsible operator.
const FIRST: Text = [
    "{n}-tanlovda birinchi boʻlib {who} turdi: {why}.",
    "В раунде {n} первым идёт {who}: {why}.",
    "In round {n} {who} goes first: {why}.",
];

/// The sentence about a step of the overflow.
const HOP: Text = [
    "{at}: {secs} s kutishdan keyin {queue} navbatining {step}-qadami bajarildi: {did}.",
    "{at}: после {secs} с ожидания выполнен шаг {step} очереди {queue}: {did}.",
    "{at}: after {secs} s of waiting step {step} of queue {queue} was taken: {did}.",
];

const fn hop_text(hop: &Hop) -> Text {
    match hop {
        Hop::TierOpened { .. } => [
            "mijoz uchun {what}-bosqich ochildi",
            "для клиента открыт уровень {what}",
            "tier {what} was opened for the caller",
        ],
        Hop::SkillRelaxed { .. } => [
            "{what} koʻnikmasi talab qilinmaydigan boʻldi",
            "навык {what} больше не требуется",
            "the skill {what} was done without",
        ],
        Hop::QueueAdded { .. } => [
            "{what} navbati operatorlari ham qoʻshildi",
            "подключены операторы очереди {what}",
            "operators of {what} joined in",
        ],
        Hop::Moved { .. } => [
            "mijoz {what} navbatiga oʻtkazildi",
            "клиент переведён в очередь {what}",
            "the caller was moved to queue {what}",
        ],
        Hop::DialledOut => [
            "tashqi raqamga qoʻngʻiroq qilindi",
            "набран внешний номер",
            "a number outside was rung",
        ],
        Hop::Callback => [
            "mijozga qayta qoʻngʻiroq qilinadi, oʻrni saqlanadi",
            "клиенту перезвонят, место в очереди сохранено",
            "the client is called back and keeps the place",
        ],
        Hop::Voicemail => [
            "mijozdan xabar qoldirish soʻraldi",
            "клиенту предложено оставить сообщение",
            "a message was asked for",
        ],
        Hop::Announced { .. } => [
            "qoʻngʻiroq {what} eʼloni bilan tugashi kerak edi",
            "звонок должен был закончиться объявлением {what}",
            "the call was to end with the announcement {what}",
        ],
        Hop::Ended => ["qoʻngʻiroq tugatildi", "звонок завершён", "the call was ended"],
    }
}

const fn line_text(line: Line) -> Text {
    match line {
        Line::Owned => [
            "Kim jiringlashini navbat hal qildi.",
            "Кому звонить, решал navbat.",
            "navbat decided who rings.",
        ],
        Line::Advised => [
            "{account} provayderi kimga qoʻngʻiroq qilishni soʻradi, navbat tartibni aytdi.",
            "Провайдер {account} спросил, кому звонить; navbat назвал порядок.",
            "The provider {account} asked who should ring; navbat answered with an order.",
        ],
        Line::Observed => [
            "Qoʻngʻiroqni {account} provayderi taqsimladi, navbat undan xabar oldi.",
            "Звонок распределил провайдер {account}; navbat узнал об этом от него.",
            "The provider {account} distributed the call; navbat was told by it.",
        ],
        Line::Round => [
            "{at}, {queue} navbati ({strategy}), {n}-tanlov: {secs} s kutishdan keyin {who} tanlandi.",
            "{at}, очередь {queue} ({strategy}), раунд {n}: после {secs} с ожидания выбраны: {who}.",
            "{at}, queue {queue} ({strategy}), round {n}: after {secs} s of waiting {who} was chosen.",
        ],
        Line::RoundEmpty => [
            "{at}, {queue} navbati ({strategy}), {n}-tanlov: {secs} s kutishdan keyin ham hech kim \
             tanlanmadi.",
            "{at}, очередь {queue} ({strategy}), раунд {n}: после {secs} с ожидания выбрать было \
             некого.",
            "{at}, queue {queue} ({strategy}), round {n}: after {secs} s nobody could be chosen.",
        ],
        Line::NotChosen => [
            "{n}-tanlovda tanlanmadi: {who}. Sabab: {why}.",
            "В раунде {n} не выбраны: {who}. Причина: {why}.",
            "Not chosen in round {n}: {who}. Why: {why}.",
        ],
        Line::Class => CLASS,
        Line::First => FIRST,
        Line::Hop => HOP,
        Line::Rang => [
            "{at}: {who} telefoni {secs} s jiringladi; {end}.",
            "{at}: у {who} телефон звонил {secs} с; {end}.",
            "{at}: the telephone of {who} rang for {secs} s; {end}.",
        ],
        Line::Offered => [
            "{at}: qoʻngʻiroq {who} operatoriga taklif qilindi; {end}.",
            "{at}: звонок предложен: {who}; {end}.",
            "{at}: the call was offered to {who}; {end}.",
        ],
        Line::StillOffered => ["hali tugamagan", "ещё не завершено", "not over yet"],
        Line::EntryDone => [
            "{at}: {queue} navbatidagi kutish {secs} s dan keyin tugadi: {outcome}.",
            "{at}: ожидание в очереди {queue} закончилось через {secs} с: {outcome}.",
            "{at}: the wait in queue {queue} ended after {secs} s: {outcome}.",
        ],
        Line::NobodyRang => [
            "Qoʻngʻiroq hech bir operatorga taklif qilinmagan.",
            "Звонок не был предложен ни одному оператору.",
            "The call was offered to no operator.",
        ],
        Line::Answered => [
            "Mijoz bilan birinchi boʻlib {who} gaplashdi.",
            "Первым с клиентом говорил: {who}.",
            "{who} talked with the client first.",
        ],
        Line::Missed => [
            "Mijoz bilan hech kim gaplashmadi: qoʻngʻiroq oʻtkazib yuborilgan.",
            "С клиентом никто не поговорил: звонок пропущен.",
            "Nobody talked with the client: the call is missed.",
        ],
    }
}

const fn tie_text(tie: Tie) -> Text {
    match tie {
        Tie::Owner => [
            "CRMda mijoz uning nomida",
            "ответственный за клиента в CRM",
            "owns the client in the CRM",
        ],
        Tie::Talked => [
            "mijoz bilan oxirgi boʻlib gaplashgan",
            "последним говорил с клиентом",
            "talked with the client last",
        ],
        Tie::Dialled => [
            "mijozga oxirgi boʻlib qoʻngʻiroq qilgan",
            "последним звонил клиенту",
            "dialled the client last",
        ],
        Tie::Deputy => [
            "masʼul operator oʻrnida",
            "замещает ответственного",
            "stands in for the responsible operator",
        ],
    }
}

const fn why_text(why: Why) -> Text {
    match why {
        Why::Disabled => ["administrator oʻchirgan", "отключён администратором", "disabled"],
        Why::Offline => ["ishga kirmagan", "не на линии", "signed out"],
        Why::OnBreak => ["tanaffusda", "на перерыве", "on a break"],
        Why::Dnd => ["bezovta qilinmasin", "не беспокоить", "do not disturb"],
        Why::Unreachable => ["telefoni ulanmagan", "телефон недоступен", "telephone unreachable"],
        Why::ReachUnknown => {
            ["telefoni holati nomaʼlum", "состояние телефона неизвестно", "telephone state unknown"]
        }
        Why::Ringing => ["telefoni allaqachon jiringlayapti", "уже звонит", "already ringing"],
        Why::Talking => ["suhbatda", "разговаривает", "in a conversation"],
        Why::WrapUp => ["yakunlash vaqti", "поствызов", "in wrap-up"],
        Why::QueueClosed => ["navbat yopiq", "очередь закрыта", "the queue is closed"],
        Why::NotMember => ["navbat aʼzosi emas", "не в этой очереди", "not a member of the queue"],
        Why::SkillMissing => ["koʻnikma yetishmaydi", "нет нужного навыка", "a skill is missing"],
        Why::BackOff => [
            "shu mijozga hozirgina javob bermagan",
            "только что не ответил этому клиенту",
            "did not take this very caller a moment ago",
        ],
        Why::NoSeat => ["litsenziya joyi yoʻq", "нет места по лицензии", "no seat left"],
        Why::Excluded => {
            ["bu qoʻngʻiroqdan chiqarilgan", "исключён для этого звонка", "excluded for this call"]
        }
        Why::OutsideCall => [
            "navbatdan tashqari qoʻngʻiroqda",
            "в звонке вне очереди",
            "in a call outside the queue",
        ],
        Why::TierClosed => [
            "uning bosqichi hali ochilmagan",
            "его уровень ещё не открыт",
            "their tier is not open yet",
        ],
        Why::NotTheirTurn => ["navbati kelmagan", "не его очередь", "it was somebody else's turn"],
        Why::BeyondFanOut => [
            "bir vaqtda jiringlaydigan telefonlar chegarasi",
            "предел одновременных вызовов",
            "as many telephones rang as may at once",
        ],
        Why::HeldForOther => {
            ["boshqa kutayotgan mijoz uchun", "оставлен другому клиенту", "kept for another caller"]
        }
        Why::StickyHold => [
            "avval masʼul operator kutilmoqda",
            "сначала ждём ответственного",
            "the responsible operator goes first",
        ],
    }
}

const fn end_text(end: OfferEnd) -> Text {
    match end {
        OfferEnd::Won => ["javob berdi", "ответил", "answered"],
        OfferEnd::Lost => ["boshqasi javob berdi", "ответил другой", "somebody else answered"],
        OfferEnd::NoAnswer => ["koʻtarmadi", "не ответил", "did not pick up"],
        OfferEnd::Rejected => ["rad etdi", "отклонил", "refused"],
        OfferEnd::Busy => ["telefoni band edi", "телефон был занят", "the telephone was busy"],
        OfferEnd::Unreachable => {
            ["ulanib boʻlmadi", "не удалось дозвониться", "could not be reached"]
        }
        OfferEnd::Failed => ["xatolik yuz berdi", "произошла ошибка", "it failed"],
        OfferEnd::CallerGone => ["mijoz oldin uzdi", "клиент положил трубку", "the caller hung up"],
        OfferEnd::Withdrawn(_) => ["taklif qaytarib olindi", "предложение отозвано", "taken back"],
        OfferEnd::Expired => ["xabar kelmadi", "нет известий", "no news came"],
        OfferEnd::DroppedBeforeBridge => [
            "ulanishdan oldin uzildi",
            "прервано до соединения",
            "gone before the parties were joined",
        ],
    }
}
