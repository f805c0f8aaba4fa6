//! A reader that shares nothing with this crate but the specification reads the same.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use outflow_baseline::{EntryState, Kind, Origin, Presence, Steps, TrailWriter, Update, Way};

use crate::support::{self, Changes, updates, write};

fn read(bytes: &[u8]) -> Output {
    read_files(&[bytes])
}

/// What the reader says of these files together.
fn read_files(files: &[&[u8]]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/read_baseline.py");
    let mut reader = Command::new("python3");
    reader.arg(script);
    for (number, bytes) in files.iter().enumerate() {
        let file = folder.path().join(number.to_string());
        std::fs::write(&file, bytes).expect("a file");
        reader.arg(file);
    }
    reader.output().expect("python3 runs")
}

fn changes(entries: u128) -> Changes {
    let change = |it: u128| (it % 7 != 3).then_some((it as u64 * 0x1234_5678_9abc, support::STATES[it as usize % 8]));
    (0..entries).map(|it| (it.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835), change(it))).collect()
}

fn line(update: &Update) -> String {
    let Update::Put(entry) = update else { return format!("{:032x} dropped", update.key().0) };
    let EntryState { presence, origin } = entry.state;
    let presence = match presence {
        Presence::Present => "present",
        Presence::LeftKept => "left-kept",
        Presence::LeftFlagged => "left-flagged",
        Presence::ValueUnknown => "value-unknown",
    };
    let origin = match origin {
        Origin::Created => "created",
        Origin::Adopted => "adopted",
    };
    format!("{:032x} {:015x} {presence} {origin}", entry.key.0, entry.row.bits())
}

#[test]
fn the_reader_prints_what_was_written() {
    for entries in [0, 1, 9, 3_000] {
        let changes = changes(entries);
        let (bytes, info) = write(Kind::Delta, updates(&changes));
        let output = read(&bytes);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut expected = format!(
            "delta scheme 3 folding 5 activation {} mapping {} key-check {} version 42 entries {entries} checksum {:016x}\n",
            hex(b"activation sixty"),
            hex(b"mapping digest 1"),
            hex(b"checkkey"),
            info.checksum
        );
        updates(&changes).iter().for_each(|it| expected.push_str(&(line(it) + "\n")));
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    }
}

#[test]
fn the_reader_walks_along_a_trail() {
    let rows: support::Rows = changes(6_000).into_iter().filter_map(|(key, change)| Some((key, change?))).collect();
    let (bytes, info) = write(Kind::Base, support::entries(&rows).into_iter().map(Update::Put));
    let baseline = support::baseline(&rows, &Changes::new(), true);
    // Not in the order of the keys.
    let mut order = support::entries(&rows);
    order.sort_by_key(|it| it.row.bits());
    let (keys, values): (Vec<_>, Vec<_>) = order.iter().map(|it| (it.key, it.row)).unzip();
    let mut way = Way::Noted(Steps::default());
    baseline.probe_along(&mut way, &keys, &values, &mut Vec::new());
    let Way::Noted(mut steps) = way else { unreachable!("a way stays what it is") };
    let mut trail = TrailWriter::new(Vec::new(), info).expect("a Vec takes a header");
    trail.append(&mut steps).expect("a Vec takes all");
    let mut trail = trail.finish().expect("a Vec takes all");
    let output = read_files(&[&trail, &bytes]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected: String =
        order.iter().filter(|it| it.state.presence == Presence::Present).map(|&it| line(&Update::Put(it)) + "\n").collect();
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    trail[100] ^= 1;
    assert!(is_refused(&read_files(&[&trail, &bytes])));
}

#[test]
fn the_reader_refuses_a_damaged_file() {
    let (whole, _) = write(Kind::Delta, updates(&changes(9)));
    for at in [0, 20, 130, 128 + 9 * 24, whole.len() - 66, whole.len() - 40] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        assert!(is_refused(&read(&bytes)), "byte {at}");
    }
    assert!(is_refused(&read(&whole[..whole.len() - 1])));
}

fn is_refused(output: &Output) -> bool {
    !output.status.success() && output.stderr.starts_with(b"refused: ") && output.stdout.is_empty()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
