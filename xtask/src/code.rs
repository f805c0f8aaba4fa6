//! Rust code without its texts, so that a word in a comment or a string is not taken for code.

/// The code with comments and the insides of strings and characters turned to blanks; line breaks stay.
pub fn without_texts(code: &str) -> String {
    let chars: Vec<char> = code.chars().collect();
    let mut out = String::with_capacity(code.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, is_text) = token(&chars, at);
        for &it in &chars[at..end] {
            out.push(if is_text && it != '\n' { ' ' } else { it });
        }
        at = end;
    }
    out
}

/// Where the token that starts `at` ends, and whether it is a text.
fn token(chars: &[char], at: usize) -> (usize, bool) {
    let next = chars.get(at + 1).copied();
    match (chars[at], next) {
        ('/', Some('/')) => (find(chars, at, |it| it == '\n'), true),
        ('/', Some('*')) => (end_of_block(chars, at), true),
        ('"', _) => (end_of_string(chars, at), true),
        ('r', Some('"' | '#')) if !follows_a_word(chars, at) => match end_of_raw_string(chars, at) {
            Some(end) => (end, true),
            None => (at + 1, false),
        },
        // A character, not a lifetime: `'x'` or `'\…'`.
        ('\'', Some('\\')) => (find(chars, at + 3, |it| it == '\'') + 1, true),
        ('\'', Some(_)) if chars.get(at + 2) == Some(&'\'') => (at + 3, true),
        _ => (at + 1, false),
    }
}

/// Whether the letter belongs to a longer word; `br"…"` begins a raw string too.
fn follows_a_word(chars: &[char], at: usize) -> bool {
    let before = |steps: usize| at.checked_sub(steps).map(|it| chars[it]);
    let is_word = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
    is_word(before(1)) && (before(1) != Some('b') || is_word(before(2)))
}

fn find(chars: &[char], from: usize, is_it: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|&it| is_it(chars[it])).unwrap_or(chars.len())
}

fn end_of_block(chars: &[char], at: usize) -> usize {
    let (mut depth, mut at) = (0_usize, at);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], at: usize) -> usize {
    let mut at = at + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn end_of_raw_string(chars: &[char], at: usize) -> Option<usize> {
    let quote = find(chars, at + 1, |it| it != '#');
    let hashes = quote - at - 1;
    if chars.get(quote) != Some(&'"') {
        return None; // a raw identifier
    }
    let closes = |&it: &usize| chars[it] == '"' && chars[it + 1..].iter().take_while(|&&it| it == '#').count() >= hashes;
    Some((quote + 1..chars.len()).find(closes).map_or(chars.len(), |it| it + 1 + hashes))
}

/// Whether `code` has the word, not as a part of a longer one.
pub fn has_word(code: &str, word: &str) -> bool {
    let is_word = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
    code.match_indices(word).any(|(at, _)| !is_word(code[..at].chars().next_back()) && !is_word(code[at + word.len()..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expected: &str) {
        let seen: Vec<String> = without_texts(code).split_whitespace().map(str::to_owned).collect();
        assert_eq!(seen.join(" "), expected, "{code}");
    }

    #[test]
    fn comments_go() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d */ e", "a e");
    }

    #[test]
    fn strings_go() {
        check(r#"a("b", "c \" d")e"#, "a( , )e");
        check(r##"a r#"b " c"# d"##, "a d");
        check(r#"a br"b\" c"#, "a b c");
    }

    #[test]
    fn characters_go_and_lifetimes_stay() {
        check(r"a '\'' b '/' c &'d e", "a b c &'d e");
    }

    #[test]
    fn raw_names_stay() {
        check("r#type = for", "r#type = for");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(without_texts("a /*\n*/ \"\n\" b").lines().count(), 3);
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("unsafe { }", "unsafe"));
        assert!(!has_word("unsafe_code", "unsafe") && !has_word("not_unsafe", "unsafe"));
    }
}
