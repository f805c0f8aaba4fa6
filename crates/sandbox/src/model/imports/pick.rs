//! Which file an import means.

use crate::model::clock::Civil;
use crate::model::files::{FileStat, FileStore};

/// The file in `folder` that a name or pattern means at a moment of the servers' clock.
///
/// `%%Year%%`, `%%Month%%` and `%%Day%%` stand for the date. Where no file has today's date, the one with the
/// nearest date is taken, without an error: that is what the service does.
pub fn pick(store: &FileStore, folder: &str, spec: &str, server_ms: i64) -> Option<FileStat> {
    let files: Vec<FileStat> = store.list(folder).into_iter().filter(|it| !it.is_dir).collect();
    let name = |file: &FileStat| file.path[folder.len()..].to_owned();
    if !spec.contains("%%") {
        let exact = files.iter().find(|it| name(it) == spec);
        return exact.or_else(|| files.iter().find(|it| name(it).eq_ignore_ascii_case(spec))).cloned();
    }
    let today = Civil { millis: 0, ..Civil::of(server_ms) }.to_ms()?;
    files
        .iter()
        .filter_map(|file| Some(((date_in(&name(file), spec, today)? - today).abs(), file)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, file)| file.clone())
}

/// The date that a name carries where the pattern has one, with today's for the parts it leaves out.
fn date_in(name: &str, spec: &str, today_ms: i64) -> Option<i64> {
    let mut date = Civil::of(today_ms);
    let (mut name, mut spec) = (name, spec);
    while !spec.is_empty() {
        if let Some(rest) = strip(spec, "%%year%%") {
            date.year = number(&mut name, 4)?;
            spec = rest;
        } else if let Some(rest) = strip(spec, "%%month%%") {
            date.month = number(&mut name, 2)?;
            spec = rest;
        } else if let Some(rest) = strip(spec, "%%day%%") {
            date.day = number(&mut name, 2)?;
            spec = rest;
        } else {
            let wanted = spec.chars().next()?;
            name = name.strip_prefix(wanted)?;
            spec = &spec[wanted.len_utf8()..];
        }
    }
    if name.is_empty() { date.to_ms() } else { None }
}

fn strip<'a>(text: &'a str, token: &str) -> Option<&'a str> {
    let head = text.get(..token.len())?;
    head.eq_ignore_ascii_case(token).then(|| &text[token.len()..])
}

fn number(text: &mut &str, digits: usize) -> Option<i64> {
    let number = text.get(..digits)?.parse().ok()?;
    *text = &text[digits..];
    Some(number)
}
