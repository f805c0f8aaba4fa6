//! What was meant by a name that nothing has.

use outflow_domain::mapping::most_similar;

/// The known name that is most likely meant: the same letters in another order (`form` for `from`), or few other letters.
pub(crate) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    let known: Vec<_> = known.collect();
    let letters = sorted_letters(name);
    let reordered = known.iter().find(|it| letters.len() > 2 && sorted_letters(it) == letters);
    reordered.map(|it| (*it).to_owned()).or_else(|| most_similar(name, known.into_iter()))
}

fn sorted_letters(text: &str) -> Vec<char> {
    let mut letters: Vec<_> = text.to_lowercase().chars().collect();
    letters.sort_unstable();
    letters
}

#[cfg(test)]
mod tests {
    use super::nearest;

    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(nearest(name, ["from", "to", "fields", "primary_key"].into_iter()).as_deref(), expected);
    }

    #[test]
    fn a_slip_of_the_fingers_is_understood() {
        check("form", Some("from"));
        check("field", Some("fields"));
        check("primarykey", Some("primary_key"));
        check("FIELDS", Some("fields"));
    }

    #[test]
    fn something_else_is_not() {
        check("colour", None);
        check("", None);
        check("ot", None);
    }
}
