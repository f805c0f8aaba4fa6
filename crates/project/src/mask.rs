//! Covers what may be a secret in a line that is shown to a person.
//!
//! Decoding covers what it knows to be secret by position. This here is for the rest: files that are not YAML, keys that are misspelled,
//! values in places where nothing was expected. It looks at the text alone and would rather cover too much.

use outflow_domain::mapping::most_similar;

use crate::{
    project::PROJECT,
    reference::is_variable_name,
    shape::{Kind, all_below},
};

/// What is shown instead.
pub(crate) const COVER: &str = "****";

/// Parts of words that make a key look as if a secret followed.
const SUSPICIOUS: [&str; 9] = ["pass", "pwd", "secret", "private", "token", "credential", "access_key", "phrase", "passwort"];

/// The line with the value after a suspicious key, and passwords within addresses, covered.
pub(crate) fn cover_suspicious(line: &str) -> String {
    let mut from = 0;
    while let Some(colon) = line[from..].find(':').map(|at| from + at) {
        let (before, after) = (&line[..colon], &line[colon + 1..]);
        if looks_secret(last_word(before)) && !after.trim().is_empty() && !is_reference(after) {
            return format!("{before}: {COVER}");
        }
        from = colon + 1;
    }
    cover_addresses(line)
}

/// A line of a file that is not YAML. What follows a key is shown only where the key is known to be no secret: whatever is broken may
/// have broken the name of one.
pub(crate) fn cover_unparsed(line: &str) -> String {
    for (colon, _) in line.match_indices(':') {
        let (before, after) = (&line[..colon], &line[colon + 1..]);
        let is_key = after.starts_with(char::is_whitespace) && !after.trim().is_empty();
        if is_key && !is_open(last_word(before)) && !is_reference(after) {
            return format!("{before}: {COVER}");
        }
    }
    cover_suspicious(line)
}

/// Whether the word is a key of a project whose value is no secret, nor an address that may hold one.
fn is_open(word: &str) -> bool {
    let mut keys = all_below(&PROJECT).into_iter().flat_map(|it| it.keys);
    word != "url" && keys.any(|it| it.name == word && !matches!(it.kind, Kind::Secret)) && !looks_secret(word)
}

/// The last key of a line, if a key stands on it.
pub(crate) fn last_key(line: &str) -> Option<&str> {
    let colon = line.rfind(": ").or_else(|| line.trim_end().strip_suffix(':').map(str::len))?;
    Some(last_word(&line[..colon]))
}

/// The text with the passwords of addresses (`scheme://user:password@host`) covered.
pub(crate) fn cover_addresses(text: &str) -> String {
    let mut pieces = text.split("//");
    let mut covered = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        covered.push_str("//");
        covered.push_str(&cover_user_info(piece).unwrap_or_else(|| piece.to_owned()));
    }
    covered
}

/// `user:password@host…` with the password covered, unless it is a reference.
fn cover_user_info(rest: &str) -> Option<String> {
    // A password that was not encoded may hold anything, so the last `@` counts.
    let address = rest.split('`').next()?;
    let (user_info, _) = address.rsplit_once('@')?;
    let (user, password) = user_info.split_once(':')?;
    let is_reference = variable(password) == Some("");
    (!is_reference).then(|| format!("{user}:{COVER}{}", &rest[user_info.len()..]))
}

/// Whether the word is, or nearly is, the name of a secret.
fn looks_secret(word: &str) -> bool {
    let word = word.to_lowercase();
    if SUSPICIOUS.iter().any(|it| word.contains(it)) {
        return true;
    }
    let secret = ["password", "passphrase", "client_secret", "private_key", "secret_access_key", "secret"];
    // These are no secrets, and so near to one that they would be taken for it.
    let open = ["primary_key", "host_key"];
    let nearest = most_similar(&word, secret.into_iter().chain(open)).filter(|_| word.len() > 3);
    nearest.is_some_and(|it| !open.contains(&it.as_str()))
}

fn last_word(before: &str) -> &str {
    let end = before.trim_end_matches([' ', '"', '\'']);
    let start = end.rfind(|it: char| !it.is_alphanumeric() && it != '_' && it != '-').map_or(0, |at| at + 1);
    // `rfind` gives the byte where a character begins; it may be longer than one byte.
    end.get(start..).unwrap_or(end)
}

/// Whether a value begins with a whole reference and ends there.
fn is_reference(value: &str) -> bool {
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    value.starts_with("file:")
        || variable(value).is_some_and(|after| after.is_empty() || after.starts_with(['"', '\'', ',', '}', ']', ' ']))
}

/// What follows the variable at the beginning.
fn variable(text: &str) -> Option<&str> {
    let (name, after) = text.strip_prefix("${")?.split_once('}')?;
    is_variable_name(name).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::cover_suspicious;

    fn check(line: &str, expected: &str) {
        assert_eq!(cover_suspicious(line), expected);
    }

    #[test]
    fn a_password_is_covered() {
        check("    password: hunter2", "    password: ****");
        check("{user: a, password: b, host: c}", "{user: a, password: ****");
    }

    #[test]
    fn a_misspelled_one_too() {
        check("passwrd: hunter2", "passwrd: ****");
        check("pasword : 'hunter2", "pasword : ****");
        check("client_secert: x", "client_secert: ****");
    }

    #[test]
    fn a_reference_is_shown() {
        check("password: ${PG_PASSWORD}", "password: ${PG_PASSWORD}");
        check("secret: file:.outflow/secret", "secret: file:.outflow/secret");
        check("{password: '${A}', secret: x}", "{password: '${A}', secret: ****");
        check("password: ${A}x${B}", "password: ****");
        check("password: ${A:-hunter2}", "password: ****");
    }

    #[test]
    fn a_password_within_an_address_is_covered() {
        check("url: postgres://ada:hunter2@db/crm", "url: postgres://ada:****@db/crm");
        check("url: postgres://ada:hun/t@er2@db/crm # a@b", "url: postgres://ada:****@b");
        check("url: postgres://ada:${PW}@db/crm", "url: postgres://ada:${PW}@db/crm");
        check("url: postgres://ada:${PW:-x}@db/crm", "url: postgres://ada:****@db/crm");
    }

    #[test]
    fn in_a_broken_file_only_known_keys_show_their_values() {
        let check = |line: &str, expected: &str| assert_eq!(super::cover_unparsed(line), expected);
        check("state: a: b", "state: a: ****");
        check("auth_url: https://a.b/ x", "auth_url: https://a.b/ x");
        check("s3: {bucket: acme, region: ${A}", "s3: {bucket: acme, region: ${A}");
        check("ssword: hunter2 [", "ssword: ****");
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        for line in ["primary_key: id", "from: customers", "", "ü: ü", "a:b:c", "password:"] {
            check(line, line);
        }
    }
}
