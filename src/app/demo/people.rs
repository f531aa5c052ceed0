//! Who works in the demo and who calls it: the same people on every machine.

/// What an operator of the demo is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Answers after a few seconds.
    Steady,
    /// Her telephone rings and she never picks it up.
    NeverAnswers,
    /// His telephone is not registered anywhere; no provider can ring it.
    Unregistered,
    /// Went for a break and is over it.
    OverBreak,
}

/// One operator.
#[derive(Debug, Clone, Copy)]
pub struct Operator {
    /// As it stands in the configuration.
    pub name: &'static str,
    /// Of the panel, and the name by which one of the providers knows them.
    pub login: &'static str,
    /// By which the other providers know them.
    pub extension: &'static str,
    /// How they behave.
    pub habit: Habit,
}

/// The ten of them. The first is the visitor's: the printed operator link opens this panel.
pub const OPERATORS: [Operator; 10] = [
    operator("Dilnoza", "dilnoza", "201", Habit::Steady),
    operator("Sardor", "sardor", "202", Habit::Steady),
    operator("Jasur", "jasur", "203", Habit::Steady),
    operator("Malika", "malika", "204", Habit::NeverAnswers),
    operator("Bobur", "bobur", "205", Habit::Steady),
    operator("Rustam", "rustam", "206", Habit::Unregistered),
    operator("Gulnora", "gulnora", "207", Habit::Steady),
    operator("Aziz", "aziz", "208", Habit::OverBreak),
    operator("Kamola", "kamola", "209", Habit::Steady),
    operator("Oybek", "oybek", "210", Habit::Steady),
];

const fn operator(
    name: &'static str,
    login: &'static str,
    extension: &'static str,
    habit: Habit,
) -> Operator {
    Operator { name, login, extension, habit }
}

/// One operator with a SIP telephone.
#[derive(Debug, Clone, Copy)]
pub struct Telephone {
    /// Whose.
    pub owner: Operator,
    /// Whether they ever pick it up.
    pub answers: bool,
}

/// Those who answer the calls that navbat itself carries. They are others than the ten, whom
/// providers ring without asking whether they are in a call of ours.
pub const TELEPHONES: [Telephone; 5] = [
    telephone("Feruza", "feruza", "301", Habit::Steady),
    telephone("Temur", "temur", "302", Habit::Steady),
    telephone("Nodira", "nodira", "303", Habit::Steady),
    telephone("Sherzod", "sherzod", "304", Habit::NeverAnswers),
    telephone("Zilola", "zilola", "305", Habit::Steady),
];

const fn telephone(
    name: &'static str,
    login: &'static str,
    extension: &'static str,
    habit: Habit,
) -> Telephone {
    let answers = matches!(habit, Habit::Steady);
    Telephone { owner: operator(name, login, extension, habit), answers }
}

/// Everybody who answers calls.
pub fn operators() -> impl Iterator<Item = Operator> {
    OPERATORS.into_iter().chain(TELEPHONES.into_iter().map(|one| one.owner))
}

/// People who sign in and do not answer calls: login and role.
pub const OTHERS: [(&str, &str); 3] =
    [("nargiza", "supervisor"), ("admin", "admin"), ("ulugbek", "integrator")];

/// The number that no rule reads: the card says so and shows it as it came.
pub const UNREADABLE: &str = "8-90-12-3";

/// The forty clients, as the carriers write their numbers. One follows no rule and can not be read.
pub const CONTACTS: [&str; 40] = [
    "998901230001", // Anvar Karimov
    "998901230002", // Нодира Юсупова
    "998931230003", // Bekzod Aliyev
    "998931230004", // Шерзод Рахимов
    "998941230005", // Zulfiya Ergasheva
    "998941230006", // Ольга Ким
    "998951230007", // Ulug'bek To'rayev
    "998951230008", // Феруза Исмоилова
    "998971230009", // Jamshid Qodirov
    "998971230010", // Дилшод Норматов
    "998981230011", // Shahnoza Mirzayeva
    "998981230012", // Тимур Ахмедов
    "998991230013", // Otabek Sobirov
    "998991230014", // Мадина Холматова
    "998881230015", // Islom Nazarov
    "998881230016", // Елена Пак
    "998901230017", // Sevara Tosheva
    "998901230018", // Жавлон Эшматов
    "998931230019", // Rustam G'aniyev
    "998931230020", // Гулчехра Саидова
    "998941230021", // Akmal Xolboyev
    "998941230022", // Ирина Цой
    "998951230023", // Nilufar Abdullayeva
    "998951230024", // Бахтиёр Усмонов
    "998971230025", // Doston Yo'ldoshev
    "998971230026", // Лола Турсунова
    "998981230027", // Kamron Olimov
    "998981230028", // Азиза Шарипова
    "998991230029", // Mohira Saidova
    "998991230030", // Сергей Ли
    "998881230031", // Farrux Hamidov
    "998881230032", // Наргиза Бобоева
    "998901230033", // Laziz Jo'rayev
    "998901230034", // Виктория Тен
    "998931230035", // Umida Rasulova
    "998931230036", // Хуршид Зокиров
    "74951230037",  // Moscow office
    "77271230038",  // Алматы филиал
    "998711230039", // Tashkent landline
    UNREADABLE,     // No number that anybody can read
];
