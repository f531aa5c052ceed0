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
    "998901230001",
    "998901230002",
    "998931230003",
    "998931230004",
    "998941230005",
    "998941230006",
    "998951230007",
    "998951230008",
    "998971230009",
    "998971230010",
    "998981230011",
    "998981230012",
    "998991230013",
    "998991230014",
    "998881230015",
    "998881230016",
    "998901230017",
    "998901230018",
    "998931230019",
    "998931230020",
    "998941230021",
    "998941230022",
    "998951230023",
    "998951230024",
    "998971230025",
    "998971230026",
    "998981230027",
    "998981230028",
    "998991230029",
    "998991230030",
    "998881230031",
    "998881230032",
    "998901230033",
    "998901230034",
    "998931230035",
    "998931230036",
    "74951230037",
    "77271230038",
    "998711230039",
    UNREADABLE,
];

/// Their names, in the same order, but for the one whose number nobody can read.
pub const NAMES: [&str; 39] = [
    "Anvar Karimov",
    "Нодира Юсупова",
    "Bekzod Aliyev",
    "Шерзод Рахимов",
    "Zulfiya Ergasheva",
    "Ольга Ким",
    "Ulug'bek To'rayev",
    "Феруза Исмоилова",
    "Jamshid Qodirov",
    "Дилшод Норматов",
    "Shahnoza Mirzayeva",
    "Тимур Ахмедов",
    "Otabek Sobirov",
    "Мадина Холматова",
    "Islom Nazarov",
    "Елена Пак",
    "Sevara Tosheva",
    "Жавлон Эшматов",
    "Rustam G'aniyev",
    "Гулчехра Саидова",
    "Akmal Xolboyev",
    "Ирина Цой",
    "Nilufar Abdullayeva",
    "Бахтиёр Усмонов",
    "Doston Yo'ldoshev",
    "Лола Турсунова",
    "Kamron Olimov",
    "Азиза Шарипова",
    "Mohira Saidova",
    "Сергей Ли",
    "Farrux Hamidov",
    "Наргиза Бобоева",
    "Laziz Jo'rayev",
    "Виктория Тен",
    "Umida Rasulova",
    "Хуршид Зокиров",
    "Moscow office",
    "Алматы филиал",
    "Tashkent landline",
];

/// One of so many clients is in no CRM.
const STRANGERS: usize = 6;

/// The clients that the CRMs of the demo know: number, name, and a figure to tell them apart.
pub fn known_clients() -> impl Iterator<Item = (usize, &'static str, &'static str)> {
    let all = CONTACTS.into_iter().zip(NAMES).enumerate();
    all.filter(|(at, _)| at % STRANGERS != STRANGERS - 1)
        .map(|(at, (number, name))| (at, number, name))
}
