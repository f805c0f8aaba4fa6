//! Whether a licence expression can be met with the licences we take.

/// Whether the SPDX expression can be met; `/` is the old way to write `OR`. What cannot be read cannot be met.
pub fn can_be_met(expression: &str, is_taken: impl Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any_of(&words, &mut at, &is_taken);
    met == Some(true) && at == words.len()
}

type Taken<'a> = &'a dyn Fn(&str) -> bool;

fn any_of(words: &[&str], at: &mut usize, is_taken: Taken<'_>) -> Option<bool> {
    let mut met = all_of(words, at, is_taken)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all_of(words, at, is_taken)?;
    }
    Some(met)
}

fn all_of(words: &[&str], at: &mut usize, is_taken: Taken<'_>) -> Option<bool> {
    let mut met = one(words, at, is_taken)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, is_taken)?;
    }
    Some(met)
}

fn one(words: &[&str], at: &mut usize, is_taken: Taken<'_>) -> Option<bool> {
    let word = *words.get(*at)?;
    *at += 1;
    if word == "(" {
        let met = any_of(words, at, is_taken)?;
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return closed.then_some(met);
    }
    // An exception only permits more than the licence does.
    if words.get(*at) == Some(&"WITH") {
        *at += 2;
    }
    Some(is_taken(word))
}

#[cfg(test)]
mod tests {
    fn check(expression: &str, expected: bool) {
        assert_eq!(super::can_be_met(expression, |it| matches!(it, "MIT" | "Apache-2.0")), expected, "{expression}");
    }

    #[test]
    fn one_of_several_is_enough() {
        check("MIT", true);
        check("GPL-3.0 OR MIT", true);
        check("GPL-3.0/MIT", true);
        check("GPL-3.0", false);
    }

    #[test]
    fn all_of_several_are_needed() {
        check("MIT AND Apache-2.0", true);
        check("MIT AND GPL-3.0", false);
        check("(MIT OR GPL-3.0) AND Apache-2.0", true);
        check("(MIT OR Apache-2.0) AND GPL-3.0", false);
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        check("Apache-2.0 WITH LLVM-exception", true);
        check("GPL-3.0 WITH Classpath-exception-2.0", false);
    }

    #[test]
    fn what_cannot_be_read_cannot_be_met() {
        check("", false);
        check("MIT AND", false);
        check("(MIT", false);
        check("MIT Apache-2.0", false);
    }
}
