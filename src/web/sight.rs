//! How much of a telephone number a reader sees, and the references by which the rest dial.
//!
//! A number leaves the API only as a [`Phone`] made here. Who may not see numbers gets the masked
//! text and a reference: the number under a block cipher with a key of this installation, so that
//! equal numbers have equal references, nobody can go back without the key, and nothing is stored.

use std::collections::{BTreeMap, BTreeSet};

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

use crate::model::{Name, Number, Party};

use super::access::{Reader, Role};
use super::visits;

/// How much of a client's number is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// All of it.
    Whole,
    /// Operator code and last two digits, and a reference.
    Masked,
    /// Nothing.
    None,
}

/// What masking needs to know about the site.
#[derive(Clone)]
pub struct Eyes {
    key: [u8; 32],
    lines: BTreeSet<Number>,
    whole_in: BTreeSet<Name>,
    kinds: BTreeMap<Name, String>,
}

/// A number as one reader gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Phone {
    /// `+998901234567`.
    Whole(String),
    /// For readers who may not see numbers.
    Masked {
        /// `+998 90 ••• •• 67`.
        display: String,
        /// `n_` and 16 hexadecimal digits; stands for the number in filters and when dialling.
        #[serde(rename = "ref")]
        reference: String,
    },
}

impl Eyes {
    /// `key` must be the same over restarts, or references in open pages go stale. `lines` are
    /// the site's own numbers, which everybody may read. In the queues of `whole_in` operators
    /// see the callers' numbers.
    pub fn new(
        key: [u8; 32],
        lines: impl IntoIterator<Item = Number>,
        whole_in: impl IntoIterator<Item = Name>,
    ) -> Eyes {
        let (lines, whole_in) = (lines.into_iter().collect(), whole_in.into_iter().collect());
        Eyes { key, lines, whole_in, kinds: BTreeMap::new() }
    }

    /// The same eyes, which know the providers of accounts by their kinds.
    pub fn with_kinds(self, kinds: impl IntoIterator<Item = (Name, String)>) -> Eyes {
        Eyes { kinds: kinds.into_iter().collect(), ..self }
    }

    /// The kind of an account's provider; `None` for an account that is none of a provider.
    pub fn kind_of(&self, account: &Name) -> Option<&str> {
        self.kinds.get(account).map(String::as_str)
    }

    /// How much of the numbers of a queue's callers a reader sees.
    pub fn sight(&self, reader: &Reader, queue: Option<&Name>) -> Sight {
        match reader.role {
            Role::Supervisor | Role::Admin => Sight::Whole,
            Role::Operator if queue.is_some_and(|queue| self.whole_in.contains(queue)) => {
                Sight::Whole
            }
            Role::Operator | Role::Integrator => Sight::Masked,
            Role::Wallboard => Sight::None,
        }
    }

    /// A number as it may be shown; the site's own lines are no secret.
    pub fn phone(&self, number: &Number, sight: Sight) -> Option<Phone> {
        match sight {
            Sight::Whole => Some(Phone::Whole(number.reveal().to_owned())),
            Sight::Masked if self.lines.contains(number) => {
                Some(Phone::Whole(number.reveal().to_owned()))
            }
            Sight::Masked => {
                Some(Phone::Masked { display: number.masked(), reference: self.refer(number) })
            }
            Sight::None => None,
        }
    }

    /// The number of a party as it may be shown; `None` when it has none.
    pub fn party(&self, party: Option<&Party>, sight: Sight) -> Option<Phone> {
        self.phone(party.and_then(Party::e164)?, sight)
    }

    /// A tag of these words that nobody can make without this installation's key.
    pub fn seal(&self, words: &[&str]) -> String {
        visits::seal(&self.key, words)
    }

    /// Where the peer of a target reaches us, below our own address.
    pub fn visit_path(&self, target: &Name) -> String {
        visits::visit_path(&self.key, target)
    }

    /// The reference of a number.
    pub fn refer(&self, number: &Number) -> String {
        let digits = number.reveal().trim_start_matches('+');
        let plain: u64 = digits.parse().unwrap_or(0); // 15 digits fit in 50 bits
        format!("n_{:016x}", self.cipher(plain, &[0, 1, 2, 3, 4, 5, 6, 7]))
    }

    /// The number of a reference; `None` for anything that [`Eyes::refer`] did not make.
    pub fn number_of(&self, reference: &str) -> Option<Number> {
        let hex = reference.strip_prefix("n_").filter(|hex| hex.len() == 16)?;
        let code = u64::from_str_radix(hex, 16).ok()?;
        let swapped = code.rotate_left(32);
        let plain = self.cipher(swapped, &[7, 6, 5, 4, 3, 2, 1, 0]).rotate_left(32);
        Number::new(&format!("+{plain}")).ok()
    }

    /// Eight Feistel rounds over two halves of 32 bits, each keyed by HMAC-SHA-256. Backwards it
    /// is the same with the rounds in reverse and the halves swapped before and after.
    fn cipher(&self, block: u64, rounds: &[u8]) -> u64 {
        let (mut left, mut right) = ((block >> 32) as u32, block as u32);
        for round in rounds {
            let next = left ^ self.round(*round, right);
            (left, right) = (right, next);
        }
        (u64::from(left) << 32) | u64::from(right)
    }

    fn round(&self, round: u8, half: u32) -> u32 {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return 0 };
        mac.update(&[round]);
        mac.update(&half.to_be_bytes());
        let tag = mac.finalize().into_bytes();
        tag.iter().take(4).fold(0, |word, byte| (word << 8) | u32::from(*byte))
    }
}

/// What kind of party stands where a number would: `None` while nobody told.
pub const fn kind_word(party: Option<&Party>) -> Option<&'static str> {
    match party {
        None => None,
        Some(Party::Number(_)) => Some("number"),
        Some(Party::Guessed(_)) => Some("guessed"),
        Some(Party::Extension(_)) => Some("extension"),
        Some(Party::Hidden) => Some("hidden"),
        Some(Party::Unparsed(_)) => Some("unparsed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eyes() -> Eyes {
        let line = Number::new("+998781500001").unwrap();
        Eyes::new([7; 32], [line], [Name::from("vip")])
    }

    fn reader(role: Role) -> Reader {
        Reader { login: "x".into(), role, operator: None, queues: Vec::new(), language: None }
    }

    #[test]
    fn a_reference_leads_back_with_the_key_and_only_with_it() {
        for text in ["+998901234567", "+74951234567", "+12345678", "+123456789012345"] {
            let number = Number::new(text).unwrap();
            let reference = eyes().refer(&number);
            assert_eq!(eyes().number_of(&reference), Some(number.clone()));
            assert_ne!(Eyes::new([8; 32], [], []).number_of(&reference), Some(number));
        }
        for wrong in ["", "n_", "n_zz", "n_00000000000000000", "+998901234567"] {
            assert_eq!(eyes().number_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sight_follows_role_and_queue_and_lines_are_open() {
        let eyes = eyes();
        assert_eq!(eyes.sight(&reader(Role::Operator), None), Sight::Masked);
        assert_eq!(eyes.sight(&reader(Role::Operator), Some(&"vip".into())), Sight::Whole);
        assert_eq!(eyes.sight(&reader(Role::Integrator), Some(&"vip".into())), Sight::Masked);
        assert_eq!(eyes.sight(&reader(Role::Wallboard), Some(&"vip".into())), Sight::None);
        let line = Number::new("+998781500001").unwrap();
        assert_eq!(
            eyes.phone(&line, Sight::Masked),
            Some(Phone::Whole(String::from("+998781500001")))
        );
    }
}
