//! When two texts are the same key.
//!
//! The service keeps rows in a SQL database whose comparison ignores trailing spaces and case. How far "case"
//! goes is not public, so [`KeyFolding`] has several answers. Stored text is never rewritten.

use super::switches::KeyFolding;

/// Appends the folded form of a text: equal forms are equal keys.
pub fn fold_into(text: &str, folding: KeyFolding, out: &mut Vec<u8>) {
    let text = text.trim_end_matches(' ');
    if folding == KeyFolding::CaseSensitive {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut utf8 = [0; 4];
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c.to_ascii_lowercase() as u8);
            continue;
        }
        match folding {
            KeyFolding::Simple => out.extend_from_slice(simple(c).encode_utf8(&mut utf8).as_bytes()),
            KeyFolding::Full => full(c, out),
            KeyFolding::Accents if ('\u{300}'..='\u{36f}').contains(&c) => {}
            KeyFolding::Accents => full(without_accent(c), out),
            KeyFolding::CaseSensitive => unreachable!("returned above"),
        }
    }
}

/// The folded form as text, for comparisons in filters.
pub fn folded(text: &str, folding: KeyFolding) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    fold_into(text, folding, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One character for one. Going up first joins letters with two lower forms, such as `σ` and `ς`.
fn simple(c: char) -> char {
    let up = only(c.to_uppercase()).unwrap_or(c);
    only(up.to_lowercase()).unwrap_or(up)
}

fn only(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

/// With expansions: `ß` goes up to `SS` and down to `ss`.
fn full(c: char, out: &mut Vec<u8>) {
    let mut utf8 = [0; 4];
    // Capital sharp s has a single lower form, `ß`, which must expand as well.
    let c = if c == '\u{1e9e}' { 'ß' } else { c };
    for down in c.to_uppercase().flat_map(char::to_lowercase) {
        out.extend_from_slice(down.encode_utf8(&mut utf8).as_bytes());
    }
}

/// The letter without its accent, for the composed letters of Latin-1 and Latin Extended-A.
fn without_accent(c: char) -> char {
    const GROUPS: [(&str, char); 26] = [
        ("ÀÁÂÃÄÅĀĂĄàáâãäåāăą", 'a'),
        ("ÇĆĈĊČçćĉċč", 'c'),
        ("ĎĐďđ", 'd'),
        ("ÈÉÊËĒĔĖĘĚèéêëēĕėęě", 'e'),
        ("ĜĞĠĢĝğġģ", 'g'),
        ("ĤĦĥħ", 'h'),
        ("ÌÍÎÏĨĪĬĮİìíîïĩīĭįı", 'i'),
        ("Ĵĵ", 'j'),
        ("Ķķ", 'k'),
        ("ĹĻĽĿŁĺļľŀł", 'l'),
        ("ÑŃŅŇñńņň", 'n'),
        ("ÒÓÔÕÖØŌŎŐòóôõöøōŏő", 'o'),
        ("ŔŖŘŕŗř", 'r'),
        ("ŚŜŞŠśŝşš", 's'),
        ("ŢŤŦţťŧ", 't'),
        ("ÙÚÛÜŨŪŬŮŰŲùúûüũūŭůűų", 'u'),
        ("Ŵŵ", 'w'),
        ("ÝŶŸýÿŷ", 'y'),
        ("ŹŻŽźżž", 'z'),
        ("ΆΑάα", 'α'),
        ("ΈΕέε", 'ε'),
        ("ΉΗήη", 'η'),
        ("ΊΙίι", 'ι'),
        ("ΌΟόο", 'ο'),
        ("ΎΥύυ", 'υ'),
        ("ΏΩώω", 'ω'),
    ];
    GROUPS.iter().find(|(letters, _)| letters.contains(c)).map_or(c, |(_, base)| *base)
}
