//! Texts of other systems, made fit for a log and for people.

/// Covers runs of digits that may be a telephone number.
pub fn without_numbers(text: &str) -> String {
    /// Fewer digits are codes and counts.
    const DIGITS_MIN: usize = 7;
    let mut clean = String::new();
    let mut run = String::new();
    for letter in text.chars().chain(std::iter::once('\n')) {
        let gap = matches!(letter, ' ' | '-' | '(' | ')') && !run.is_empty();
        if letter.is_ascii_digit() || gap {
            run.push(letter);
            continue;
        }
        let digits = run.chars().filter(char::is_ascii_digit).count();
        if digits >= DIGITS_MIN {
            clean.push_str("***");
            let tail = run.len() - run.trim_end_matches(|c: char| !c.is_ascii_digit()).len();
            clean.push_str(run.get(run.len() - tail..).unwrap_or_default());
        } else {
            clean.push_str(&run);
        }
        run.clear();
        clean.push(letter);
    }
    clean.pop();
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_leave_a_text_and_codes_stay() {
        let text = "400 ERROR_CORE: Unsupported phone number +998 (90) 123-45-67 of user 1269";
        let clean = "400 ERROR_CORE: Unsupported phone number +*** of user 1269";
        assert_eq!(without_numbers(text), clean);
        assert_eq!(without_numbers("998901234567"), "***");
    }
}
