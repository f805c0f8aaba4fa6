//! Examples that a report may show.

/// The first character of a text and its length in characters: `alice@example.com` becomes `a…(17)`.
///
/// Enough for a person to find the row in the model, too little to learn the value. A text of one or two characters shows none of
/// them, a line break or other control character is shown as `·`, and lengths from 20 are rounded down to tens.
#[must_use]
pub fn mask(text: &str) -> String {
    let length = text.chars().count();
    let first = text.chars().next().map_or('…', |it| if it.is_control() { '·' } else { it });
    match length {
        0 => String::from("(blank)"),
        1..=2 => format!("…({length})"),
        3..20 => format!("{first}…({length})"),
        _ => format!("{first}…({}+)", length / 10 * 10),
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[track_caller]
    fn check(text: &str, masked: &str) {
        assert_eq!(mask(text), masked);
    }

    #[test]
    fn a_text_shows_its_first_character_and_length() {
        check("alice@example", "a…(13)");
    }

    #[test]
    fn a_long_text_shows_only_its_class() {
        check("alice.liddell@example.com", "a…(20+)");
    }

    #[test]
    fn a_short_text_shows_nothing() {
        check("7", "…(1)");
        check("ok", "…(2)");
    }

    #[test]
    fn a_blank_says_so() {
        check("", "(blank)");
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        check("Ünïcödé", "Ü…(7)");
    }

    #[test]
    fn a_control_character_does_not_reach_the_terminal() {
        check("\u{1b}[31mred", "·…(8)");
    }
}
