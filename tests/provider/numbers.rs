//! One number has one key, however a provider or a person writes it.

use navbat::model::{NumberRules, Party, Rule, normalise};
use proptest::prelude::*;

fn key(text: &str) -> Option<String> {
    let rules = NumberRules { national_prefix: String::from("8"), ..NumberRules::default() };
    normalise(text, &rules, |_| false).0.e164().map(|number| number.reveal().to_owned())
}

/// Every way of writing a national number.
fn forms(national: &str) -> Vec<String> {
    let (code, rest) = national.split_at(2);
    let (a, rest) = rest.split_at(3);
    let (b, c) = rest.split_at(2);
    let mut forms = vec![
        national.to_owned(),
        format!("8{national}"),
        format!("998{national}"),
        format!("+998{national}"),
        format!("00998{national}"),
        format!("810998{national}"),
        format!("+998 ({code}) {a}-{b}-{c}"),
        format!("998.{code}.{a}.{b}.{c}"),
        format!("+998\u{a0}{code}\u{a0}{a}\u{a0}{b}\u{a0}{c}"),
        format!("998{national}_id265648"),
        format!("tel:+998-{code}-{a}-{b}-{c};ext=1"),
        format!("SIP:998{national}@ats01.kz.sipuni.com:5060;user=phone"),
        format!("  +998{national}\t"),
    ];
    if let Some(local) = national.strip_prefix("71") {
        forms.push(local.to_owned());
        forms.push(format!("{}-{}", &local[..3], &local[3..]));
    }
    forms
}

proptest! {
    #[test]
    fn all_written_forms_of_a_number_have_one_key(national in "[1-9][0-9]{8}") {
        for form in forms(&national) {
            prop_assert_eq!(key(&form), Some(format!("+998{national}")), "{}", form);
        }
    }

    #[test]
    fn all_written_forms_of_a_foreign_number_have_one_key(digits in "[1-9][0-9]{10,14}") {
        prop_assume!(!digits.starts_with("810"));
        for form in [format!("+{digits}"), format!("00{digits}"), format!("+{digits}@host")] {
            prop_assert_eq!(key(&form), Some(format!("+{digits}")), "{}", form);
        }
    }

    #[test]
    fn a_key_is_its_own_key(text in ".{0,40}") {
        if let Some(once) = key(&text) {
            prop_assert_eq!(key(&once), Some(once.clone()));
        }
    }

    #[test]
    fn an_extension_is_never_a_number(code in "[1-9][0-9]{1,5}") {
        let (party, rule) = normalise(&code, &NumberRules::default(), |_| true);
        prop_assert_eq!((party, rule), (Party::Extension(code.clone()), Rule::Extension));
        prop_assert_eq!(key(&code), None);
    }
}
