//! What of the service's texts may be shown.
//!
//! Some of them quote values of customers. A text about a data extension or a definition is shown with everything that looks like a value
//! blotted out; a text about rows is never shown, only its code and the field it names.

use outflow_domain::FieldName;

/// Most characters of a service's text that we show.
const CHARS_MAX: usize = 240;

/// Most characters of a code.
const CODE_CHARS_MAX: usize = 64;

/// A digit run of this length may be a customer's number; error codes have fewer.
const DIGITS_MAX: usize = 6;

/// Stands in for what was blotted out.
const BLOT: &str = "…";

/// Shown in place of a text about rows.
pub(crate) const WITHHELD: &str = "the service's text is withheld, since it may quote values";

/// A service's text about metadata in one line, without what looks like a value: quoted texts, addresses, long numbers.
pub(crate) fn without_values(text: &str) -> String {
    let mut shown = String::new();
    let mut words = unquoted(text);
    words.retain(|it| !it.is_control() || it.is_whitespace());
    for word in words.split_whitespace() {
        if !shown.is_empty() {
            shown.push(' ');
        }
        let longest_digits = word.split(|it: char| !it.is_ascii_digit()).map(str::len).max().unwrap_or(0);
        shown.push_str(if word.contains('@') || DIGITS_MAX < longest_digits { BLOT } else { word });
        if CHARS_MAX < shown.chars().count() {
            return shown.chars().take(CHARS_MAX).chain(BLOT.chars()).collect();
        }
    }
    shown
}

/// The text with everything between quotes blotted out. An apostrophe within a word is none.
fn unquoted(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut closing: Option<char> = None;
    let mut before = ' ';
    for it in text.chars() {
        match closing {
            Some(end) if it == end => {
                closing = None;
                kept.push(it);
            }
            Some(_) => {}
            None => {
                kept.push(it);
                closing = match it {
                    '"' => Some('"'),
                    '\'' if !before.is_alphanumeric() => Some('\''),
                    '`' => Some('`'),
                    '“' => Some('”'),
                    '‘' => Some('’'),
                    '«' => Some('»'),
                    _ => None,
                };
                if closing.is_some() {
                    kept.push_str(BLOT);
                }
            }
        }
        before = it;
    }
    kept
}

/// A code as the service spells it, such as `InvalidEmailAddress` or `310007`; `None` for a text that could be anything else.
pub(crate) fn code(text: &str) -> Option<String> {
    let text = text.trim();
    let is_code = !text.is_empty() && text.len() <= CODE_CHARS_MAX && text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    is_code.then(|| text.to_owned())
}

/// The field that a text about a row names: the one of `fields` that stands in it as a word of its own, first and longest. The answer is
/// always one of `fields`, so no value can pass.
pub(crate) fn field_named_in(text: &str, fields: &[FieldName]) -> Option<FieldName> {
    let text = text.to_lowercase();
    let places = fields.iter().filter_map(|field| {
        let name = field.folded();
        let place = text.match_indices(&name).map(|(at, _)| at).find(|&at| stands_alone(&text, at, at + name.len()))?;
        Some((place, std::cmp::Reverse(name.len()), field))
    });
    places.min_by_key(|(place, length, _)| (*place, *length)).map(|(_, _, field)| field.clone())
}

fn stands_alone(text: &str, begin: usize, end: usize) -> bool {
    let is_word = |it: char| it.is_alphanumeric() || it == '_' || it == '@';
    !text[..begin].chars().next_back().is_some_and(is_word) && !text[end..].chars().next().is_some_and(is_word)
}

/// Whether a refusal is about a permission.
pub(crate) fn is_about_permission(text: &str) -> bool {
    let text = text.to_lowercase();
    ["permission", "privilege", "not authorized", "unauthorized", "access denied", "no access", "does not have access", "forbidden"]
        .iter()
        .any(|it| text.contains(it))
}
