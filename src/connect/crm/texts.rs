//! The few words that people read in a CRM, in the language of the site.

/// Words of one language.
#[derive(Debug)]
pub struct Texts {
    /// A task to call somebody back; the number follows.
    pub call_back: &'static str,
    /// The result of such a task.
    pub reached: &'static str,
    /// The name of a lead of somebody unknown; the number follows.
    pub incoming: &'static str,
    /// The first line of a note that amends a call.
    pub amended: &'static str,
    /// A length of conversation follows, in seconds.
    pub talked: &'static str,
    /// Nobody talked.
    pub not_talked: &'static str,
    /// A name follows.
    pub answered_by: &'static str,
    /// What the operator noted follows.
    pub result: &'static str,
    /// A link follows.
    pub recording: &'static str,
}

/// The words of a language: `uz`, `uz-Cyrl`, `ru` or `en`; any other is `uz`.
pub fn texts(language: &str) -> &'static Texts {
    match language {
        "uz-Cyrl" => &CYRILLIC,
        "ru" => &RUSSIAN,
        "en" => &ENGLISH,
        _ => &UZBEK,
    }
}

const UZBEK: Texts = Texts {
    call_back: "Qayta qoʻngʻiroq qiling",
    reached: "Mijoz bilan gaplashildi",
    incoming: "Kiruvchi qoʻngʻiroq",
    amended: "Qoʻngʻiroq maʼlumotlari aniqlandi",
    talked: "Suhbat, soniya",
    not_talked: "Suhbat boʻlmagan",
    answered_by: "Javob bergan",
    result: "Natija",
    recording: "Yozuv",
};

const CYRILLIC: Texts = Texts {
    call_back: "Қайта қўнғироқ қилинг",
    reached: "Мижоз билан гаплашилди",
    incoming: "Кирувчи қўнғироқ",
    amended: "Қўнғироқ маълумотлари аниқланди",
    talked: "Суҳбат, сония",
    not_talked: "Суҳбат бўлмаган",
    answered_by: "Жавоб берган",
    result: "Натижа",
    recording: "Ёзув",
};

const RUSSIAN: Texts = Texts {
    call_back: "Перезвоните",
    reached: "С клиентом поговорили",
    incoming: "Входящий звонок",
    amended: "Сведения о звонке уточнены",
    talked: "Разговор, секунд",
    not_talked: "Разговора не было",
    answered_by: "Ответил(а)",
    result: "Итог",
    recording: "Запись",
};

const ENGLISH: Texts = Texts {
    call_back: "Call back",
    reached: "The client was reached",
    incoming: "Incoming call",
    amended: "The call was looked at again",
    talked: "Conversation, seconds",
    not_talked: "Nobody talked",
    answered_by: "Answered by",
    result: "Result",
    recording: "Recording",
};
