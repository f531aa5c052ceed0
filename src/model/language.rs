//! The languages of the product, and the words that several rooms say to people.
//!
//! Uzbek in Cyrillic is made from the Latin text, so that no text is written four times.

use super::Outcome;
use super::cyrillic::to_cyrillic;

/// Languages of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `uz`: Uzbek in Latin letters.
    Uzbek,
    /// `uz-Cyrl`: Uzbek in Cyrillic letters.
    UzbekCyrillic,
    /// `ru`.
    Russian,
    /// `en`.
    English,
}

/// Uzbek (Latin), Russian, English.
pub type Text = [&'static str; 3];

impl Language {
    /// All of them, in the order in which this market asks for them.
    pub const ALL: [Language; 4] =
        [Language::Uzbek, Language::Russian, Language::UzbekCyrillic, Language::English];

    /// The language of a tag; `None` when there are no texts in it.
    pub fn of(tag: &str) -> Option<Language> {
        Some(match tag {
            "uz" | "uz-Latn" => Language::Uzbek,
            "uz-Cyrl" => Language::UzbekCyrillic,
            "ru" => Language::Russian,
            "en" => Language::English,
            _ => return None,
        })
    }

    /// A text in this language; what stands in braces stays as it is.
    pub fn pick(self, [uzbek, russian, english]: Text) -> String {
        match self {
            Language::Uzbek => uzbek.to_owned(),
            Language::UzbekCyrillic => to_cyrillic(uzbek),
            Language::Russian => russian.to_owned(),
            Language::English => english.to_owned(),
        }
    }

    /// How a wait ended.
    pub fn outcome(self, outcome: Outcome) -> String {
        self.pick(outcome_text(outcome))
    }
}

const fn outcome_text(outcome: Outcome) -> Text {
    match outcome {
        Outcome::Answered => ["javob berildi", "ответили", "answered"],
        Outcome::AbandonedShort => ["darhol uzildi", "сразу положил трубку", "left at once"],
        Outcome::Abandoned => ["kutmasdan uzildi", "не дождался ответа", "abandoned"],
        Outcome::TimedOut => ["kutish vaqti tugadi", "истекло время ожидания", "timed out"],
        Outcome::NoOperators => ["operator yoʻq edi", "не было операторов", "nobody could serve"],
        Outcome::Full => ["navbat toʻla edi", "очередь переполнена", "the queue was full"],
        Outcome::Closed => ["ish vaqti emas", "нерабочее время", "out of hours"],
        Outcome::Blocked => ["bloklangan", "заблокирован", "blocked"],
        Outcome::CallbackTaken => {
            ["qayta qoʻngʻiroq tanlandi", "выбран обратный звонок", "a callback was chosen"]
        }
        Outcome::ExitedByKey => ["tugma bosib chiqdi", "вышел по кнопке", "left by a key"],
        Outcome::Overflowed => {
            ["boshqa navbatga oʻtdi", "перешёл в другую очередь", "moved to another queue"]
        }
        Outcome::Withdrawn => ["navbatdan olindi", "снят с очереди", "taken out"],
        Outcome::Failed => ["xatolik", "сбой", "failed"],
    }
}
