//! What the switch is told of telephones and trunks, beside what their wires need.

use std::sync::Arc;

use crate::model::{Name, Number, NumberRules};
use crate::sip::StackSettings;

/// Everything that joins calls to wires. Replaced as a whole by a reload.
#[derive(Debug, Clone)]
pub struct Wiring {
    /// What the SIP stack is told: users, carriers, limits.
    pub stack: Arc<StackSettings>,
    /// Operators with telephones that register here; names are unique.
    pub phones: Vec<PhoneSettings>,
    /// Carriers; the names are those of [`StackSettings::trunks`].
    pub trunks: Vec<TrunkSettings>,
    /// What an operator dials to take the call that has been ringing longest: `*8`.
    pub pickup: String,
    /// How operators dial: the rules that read what a telephone sends.
    pub dialled: NumberRules,
}

/// The telephones of one operator: key `sip` and `dial` of section `[[operator]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneSettings {
    /// The operator.
    pub operator: Name,
    /// The SIP user its telephones register as.
    pub user: String,
    /// What others dial to reach it, beside the SIP user: `201`.
    pub extensions: Vec<String>,
    /// Outside numbers it may dial; `None`: not one.
    pub outside: Option<Allowed>,
}

/// Outside calls of one operator: key `dial`. Every limit has to hold at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// How a number in E.164 has to begin: `+998`. An empty list allows nothing.
    pub prefixes: Vec<String>,
    /// Outside calls at the same moment.
    pub calls_max: u16,
    /// Attempts in any 60 seconds.
    pub per_minute: u16,
    /// Attempts in a day of the site; remembered over a restart.
    pub per_day: u32,
}

/// One carrier line: section `[[trunk]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkSettings {
    /// Unique.
    pub name: Name,
    /// Smaller is tried first for outgoing calls.
    pub priority: u16,
    /// Among trunks of one priority: how often this one is first. 0: only when no other is left.
    pub weight: u16,
    /// Numbers that are called over it; the first is shown on outgoing calls.
    pub lines: Vec<Number>,
    /// How it writes the numbers that it sends.
    pub numbers: NumberRules,
    /// Which header says who calls.
    pub caller_from: CallerFrom,
    /// How it wants numbers written.
    pub numbers_out: NumbersOut,
    /// Calls at once, both directions together.
    pub channels_max: u32,
    /// Codecs it may be offered, in order of liking (`PCMA`, `PCMU`); empty: whatever the
    /// telephone offers.
    pub codecs: Vec<String>,
    /// How it wants keys that are pressed.
    pub keys: Keys,
}

/// Key `dtmf` of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keys {
    /// In the media, as events (RFC 4733) or tones: the two ends agree on it themselves.
    #[default]
    Media,
    /// In the signalling (INFO).
    Info,
}

/// Key `caller_id_source` of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CallerFrom {
    /// `From`.
    #[default]
    From,
    /// `P-Asserted-Identity` (RFC 3325); `From` where it is absent.
    Asserted,
    /// `Remote-Party-ID`; `From` where it is absent.
    RemoteParty,
    /// The last `Diversion` (RFC 5806); `From` where it is absent.
    Diversion,
}

/// Key `number_format_out` of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NumbersOut {
    /// `998901234567`.
    #[default]
    Digits,
    /// `+998901234567`.
    Plus,
    /// `901234567`; numbers of other countries as `00` and digits.
    National,
}

/// The country whose numbers are written without a code in the national form.
const HOME: &str = "+998";

impl NumbersOut {
    /// A number as the trunk wants it.
    pub fn write(self, number: &Number) -> String {
        let whole = number.reveal();
        let digits = whole.strip_prefix('+').unwrap_or(whole);
        match self {
            NumbersOut::Digits => digits.to_owned(),
            NumbersOut::Plus => whole.to_owned(),
            NumbersOut::National => match whole.strip_prefix(HOME) {
                Some(national) => national.to_owned(),
                None => format!("00{digits}"),
            },
        }
    }
}

impl Wiring {
    /// No telephones and no trunks.
    pub fn new(stack: Arc<StackSettings>) -> Wiring {
        Wiring {
            stack,
            phones: Vec::new(),
            trunks: Vec::new(),
            pickup: String::from("*8"),
            dialled: NumberRules::default(),
        }
    }

    /// The telephones of an operator.
    pub fn phone_of(&self, operator: &Name) -> Option<&PhoneSettings> {
        self.phones.iter().find(|phone| phone.operator == *operator)
    }

    /// Whose telephones somebody means who dials this inside.
    pub fn phone_named(&self, dialled: &str) -> Option<&PhoneSettings> {
        let extension = |phone: &&PhoneSettings| phone.extensions.iter().any(|it| it == dialled);
        let user = |phone: &&PhoneSettings| phone.user.eq_ignore_ascii_case(dialled);
        self.phones.iter().find(user).or_else(|| self.phones.iter().find(extension))
    }

    /// A trunk by name.
    pub fn trunk(&self, name: &Name) -> Option<&TrunkSettings> {
        self.trunks.iter().find(|trunk| trunk.name == *name)
    }
}

impl TrunkSettings {
    /// A trunk with the defaults: one priority, numbers as digits, 30 channels, any codec.
    pub fn named(name: &str) -> TrunkSettings {
        TrunkSettings {
            name: name.into(),
            priority: 10,
            weight: 10,
            lines: Vec::new(),
            numbers: NumberRules::default(),
            caller_from: CallerFrom::default(),
            numbers_out: NumbersOut::default(),
            channels_max: 30,
            codecs: Vec::new(),
            keys: Keys::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_writes_a_number_its_own_way() {
        let home = Number::new("+998901234567").unwrap();
        assert_eq!(NumbersOut::Digits.write(&home), "998901234567");
        assert_eq!(NumbersOut::Plus.write(&home), "+998901234567");
        assert_eq!(NumbersOut::National.write(&home), "901234567");
        let abroad = Number::new("+74951234567").unwrap();
        assert_eq!(NumbersOut::National.write(&abroad), "0074951234567");
    }
}
