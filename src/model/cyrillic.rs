//! Uzbek from Latin to Cyrillic letters, for the texts that the server says.

/// Letters that are written with two signs, before the single ones.
const PAIRS: [(&str, &str); 11] = [
    ("oʻ", "ў"),
    ("gʻ", "ғ"),
    ("Oʻ", "Ў"),
    ("Gʻ", "Ғ"),
    ("sh", "ш"),
    ("ch", "ч"),
    ("Sh", "Ш"),
    ("Ch", "Ч"),
    ("yo", "ё"),
    ("ya", "я"),
    ("yu", "ю"),
];

const LATIN: &str = "abdefghijklmnopqrstuvxyzABDEFGHIJKLMNOPQRSTUVXYZʼ";
const CYRILLIC: &str = "абдефгҳижклмнопқрстувхйзАБДЕФГҲИЖКЛМНОПҚРСТУВХЙЗъ";

/// Writes a text in Cyrillic letters; what stands in braces stays as it is.
pub fn to_cyrillic(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    let mut in_word = false;
    while let Some(first) = rest.chars().next() {
        if first == '{' {
            let end = rest.find('}').map_or(rest.len(), |at| at + 1);
            let (kept, after) = rest.split_at(end);
            out.push_str(kept);
            rest = after;
            in_word = true;
            continue;
        }
        if !in_word && matches!(first, 'e' | 'E') {
            out.push(if first == 'e' { 'э' } else { 'Э' });
            rest = rest.get(1..).unwrap_or_default();
            in_word = true;
            continue;
        }
        let pair = PAIRS.iter().find(|(latin, _)| rest.starts_with(latin));
        let taken = match pair {
            Some((latin, cyrillic)) => {
                out.push_str(cyrillic);
                latin.len()
            }
            None => {
                out.push(single(first));
                first.len_utf8()
            }
        };
        in_word = first.is_alphabetic() || matches!(first, 'ʻ' | 'ʼ');
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

fn single(letter: char) -> char {
    let at = LATIN.chars().position(|known| known == letter);
    at.and_then(|at| CYRILLIC.chars().nth(at)).unwrap_or(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uzbek_words_are_written_as_in_cyrillic_books() {
        for (latin, cyrillic) in [
            ("oʻtkazib yuborilgan qoʻngʻiroqlar", "ўтказиб юборилган қўнғироқлар"),
            ("eng uzoq kutish", "энг узоқ кутиш"),
            ("javob berish", "жавоб бериш"),
            ("{who} tanlanmadi", "{who} танланмади"),
            ("Nega shunday boʻldi?", "Нега шундай бўлди?"),
        ] {
            assert_eq!(to_cyrillic(latin), cyrillic);
        }
    }
}
