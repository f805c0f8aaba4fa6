//! Files, as we and others read them.

use arrow_array::{Int32Array, StringArray};
use outflow_domain::FieldType;
use outflow_rows::{CsvEncoder, CsvFile, leading_cells};
use proptest::prelude::*;

use crate::support::{Model, TEXT, column, records};

fn people() -> Model {
    let keys = StringArray::from(vec!["007", "b"]);
    let names = StringArray::from(vec![Some("Ada \"the first\", Lovelace"), None]);
    Model::of(vec![column(TEXT, keys)], vec![column(TEXT, names), column(FieldType::Number, Int32Array::from(vec![None, Some(-7)]))])
}

#[test]
fn text_stands_in_quotes_and_a_blank_is_nothing() {
    assert_eq!(people().file(), "k00,v00,v01\n\"007\",\"Ada \"\"the first\"\", Lovelace\",\n\"b\",,-7\n");
}

#[test]
fn rows_are_picked_and_their_bytes_told() {
    let people = people();
    let (mut out, mut lengths) = (Vec::new(), Vec::new());
    let encoder = CsvEncoder::new(&people.mapping);
    encoder.encode(&people.canonical(), &[1], &mut out, &mut lengths);
    assert_eq!((out.as_slice(), lengths.as_slice()), (&b"\"b\",,-7\n"[..], &[8][..]));
    encoder.encode(&people.canonical(), &[0, 1], &mut out, &mut lengths);
    assert_eq!(lengths.iter().sum::<u32>() as usize, out.len());
}

#[test]
fn fields_are_picked_with_their_names() {
    let people = people();
    let encoder = CsvEncoder::of_fields(&people.mapping, vec![0, 2]);
    let mut file = encoder.header().to_vec();
    encoder.encode(&people.canonical(), &[0, 1], &mut file, &mut Vec::new());
    assert_eq!(file, b"k00,v01\n\"007\",\n\"b\",-7\n");
}

fn read(file: &str) -> Result<Vec<Vec<Option<String>>>, usize> {
    let own = |row: Vec<Option<std::borrow::Cow<'_, str>>>| row.into_iter().map(|it| it.map(|it| it.into_owned())).collect();
    CsvFile::new(file.as_bytes()).map(|it| it.map(own).map_err(|torn| torn.at)).collect()
}

#[test]
fn we_read_what_we_write() {
    let rows = read(&people().file()).unwrap();
    assert_eq!(rows[1], [Some("007".into()), Some("Ada \"the first\", Lovelace".into()), None]);
    assert_eq!(rows[2], [Some("b".into()), None, Some("-7".into())]);
}

#[test]
fn a_torn_file_says_where() {
    assert_eq!(read("a,b\n\"x\",\"y"), Err(8));
    assert_eq!(read("a,b\n1,2"), Err(7));
    assert_eq!(read("\"a\"b\n"), Err(3));
    let mut torn = CsvFile::new(b"a\n\"b");
    assert!(torn.next().unwrap().is_ok() && torn.next().unwrap().is_err() && torn.next().is_none());
    assert!(CsvFile::new(b"\"\xff\"\n").next().unwrap().is_err());
}

/// Cells that break readers which guess.
const NASTY: [&str; 24] = [
    "\"",
    "\"\"",
    "\"x\"",
    "a,b",
    "a\nb",
    "a\r\nb",
    "a\rb",
    " lead",
    "trail ",
    "\ttab\t",
    "007",
    "1e5",
    "-",
    "=1+1",
    "@SUM(A1)",
    "+49 30 1",
    "\u{202e}rtl",
    "\u{feff}bom",
    "e\u{301}",
    "\u{1f468}\u{200d}\u{1f469}",
    "NULL",
    "\\N",
    "'; DROP TABLE x; --",
    "\u{1}\u{7f}\u{85}",
];

/// The csv module of Python, in its strict mode, as a third reader beside the `csv` crate and our own.
#[test]
fn python_reads_what_we_write() {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };
    let keys = Int32Array::from_iter_values(0..NASTY.len() as i32);
    let texts = StringArray::from(NASTY.to_vec());
    let field = FieldType::Text { units_max: None };
    let file = Model::of(vec![column(FieldType::Number, keys)], vec![column(field, texts)]).file();
    let program = "import csv, io, json, sys\n\
        text = io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8', newline='')\n\
        print(json.dumps(list(csv.reader(text, strict=True))))";
    let python = Command::new("python3").args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut python = python.expect("python3 reads the file; install it with `apt-get install python3`");
    python.stdin.take().expect("a pipe").write_all(file.as_bytes()).expect("python reads");
    let output = python.wait_with_output().expect("python ends");
    assert!(output.status.success());
    let rows: Vec<Vec<String>> = serde_json::from_slice(&output.stdout).expect("JSON");
    let read: Vec<&str> = rows[1..].iter().map(|it| it[1].as_str()).collect();
    assert_eq!(read, NASTY);
}

fn hostile() -> impl Strategy<Value = Option<String>> {
    prop_oneof![Just(None), "[ \"',;\r\n\t=0-9a-zé😀]{0,12}".prop_map(Some), any::<String>().prop_map(|it| Some(it.replace('\0', ""))),]
}

proptest! {
    #[test]
    fn every_reader_finds_the_same_cells(cells in prop::collection::vec((hostile(), hostile(), any::<Option<i32>>()), 1..20)) {
        let rows = cells.len() as i32;
        let field = FieldType::Text { units_max: None };
        let model = Model::of(
            vec![column(FieldType::Number, Int32Array::from_iter_values(0..rows))],
            vec![
                column(field, StringArray::from_iter(cells.iter().map(|it| it.0.as_deref()))),
                column(field, StringArray::from_iter(cells.iter().map(|it| it.1.as_deref()))),
                column(FieldType::Number, Int32Array::from_iter(cells.iter().map(|it| it.2))),
            ],
        );
        let file = model.file();
        let theirs = records(&file);
        let ours = read(&file).unwrap();
        for (row, (a, b, number)) in cells.into_iter().enumerate() {
            let wanted = [row.to_string(), a.unwrap_or_default(), b.unwrap_or_default(), number.map(|it| it.to_string()).unwrap_or_default()];
            prop_assert_eq!(&theirs[row], &wanted);
            let ours: Vec<String> = ours[row + 1].iter().map(|it| it.clone().unwrap_or_default()).collect();
            prop_assert_eq!(&ours, &wanted);
        }
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in prop::collection::vec(prop::sample::select(b"\",\n\ra\xff".to_vec()), 0..30)) {
        let rows: usize = CsvFile::new(&bytes).count();
        prop_assert!(rows <= bytes.len());
    }
}

#[test]
fn the_first_cells_of_a_record_stand_as_they_were_written() {
    let record = b"\"a,\"\"b\"\"\",7,\"c\"\n";
    assert_eq!(leading_cells(record, 1).unwrap(), b"\"a,\"\"b\"\"\"");
    assert_eq!(leading_cells(record, 2).unwrap(), b"\"a,\"\"b\"\"\",7");
    assert_eq!(leading_cells(record, 3).unwrap(), &record[..record.len() - 1]);
    assert!(leading_cells(record, 4).is_err());
    assert!(leading_cells(b"\"a", 1).is_err() && leading_cells(b"7", 1).is_err());
}
