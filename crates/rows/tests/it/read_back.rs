//! canonical(read back(write(v))) = canonical(v), whatever of its ways the service has of telling a value.

use arrow_array::{
    BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
    TimestampNanosecondArray,
};
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    fmt::strtime,
    tz::Offset,
};
use outflow_domain::{CellProblem, FieldType, KeyFingerprint, RowFingerprint};
use outflow_rows::{CsvFile, ReadBack, SERVER_OFFSET_SECONDS, Scheme, UnreadableRow, fingerprints, key_fingerprints};
use proptest::prelude::*;

use crate::support::{Model, TEXT, column, records};

/// How a service may keep and tell what was imported.
#[derive(Clone, Copy, Debug)]
struct Service {
    offset_seconds: i32,
    tells_blanks_as_empty: bool,
    tells_booleans_as_digits: bool,
    /// Digits that are always told after the point; otherwise as few as there are.
    decimal_digits: Option<usize>,
}

impl Service {
    /// What SOAP tells of a field after a cell of a file was imported into it.
    fn tells(self, field_type: FieldType, cell: &str) -> Option<String> {
        if cell.is_empty() {
            return self.tells_blanks_as_empty.then(String::new);
        }
        Some(match field_type {
            FieldType::Number => cell.parse::<i32>().unwrap().to_string(),
            FieldType::Decimal { .. } => self.decimal(cell),
            FieldType::Boolean => match (cell, self.tells_booleans_as_digits) {
                ("True", true) => "1".into(),
                ("False", true) => "0".into(),
                ("True" | "False", false) => cell.into(),
                other => panic!("{other:?}"),
            },
            FieldType::Date => self.date(cell),
            _ => cell.to_owned(),
        })
    }

    fn decimal(self, cell: &str) -> String {
        let (whole, fraction) = cell.split_once('.').unwrap_or((cell, ""));
        let fraction = fraction.trim_end_matches('0');
        match self.decimal_digits {
            Some(digits) => format!("{whole}.{fraction:0<digits$}"),
            None if fraction.is_empty() => whole.to_owned(),
            None => format!("{whole}.{fraction}"),
        }
    }

    fn date(self, cell: &str) -> String {
        let kept: DateTime = if let Ok(instant) = cell.parse::<Timestamp>() {
            Offset::from_seconds(self.offset_seconds).unwrap().to_datetime(instant)
        } else if cell.len() == 10 {
            cell.parse::<Date>().unwrap().into()
        } else {
            cell.parse().unwrap()
        };
        strtime::format("%-m/%-d/%Y %-I:%M:%S %p", kept).unwrap()
    }
}

fn scheme() -> Scheme {
    Scheme::derive(b"secret", "people")
}

type Fingerprints = (Vec<KeyFingerprint>, Vec<RowFingerprint>);

fn of_model(model: &Model) -> Fingerprints {
    let canonical = model.canonical();
    assert_eq!(canonical.problems(), []);
    let (mut keys, mut rows) = (Vec::new(), Vec::new());
    fingerprints(&canonical, &scheme(), &mut keys, &mut rows);
    (keys, rows)
}

fn read_back(model: &Model, service: Service) -> Fingerprints {
    let fields: Vec<FieldType> = model.mapping.fields().map(|it| it.field_type).collect();
    let told: Vec<Vec<Option<String>>> = records(&model.file())
        .iter()
        .map(|cells| cells.iter().zip(&fields).map(|(cell, field)| service.tells(*field, cell)).collect())
        .collect();
    let reader = ReadBack::new(&model.mapping, service.offset_seconds);
    let batch = reader.rows(told.len(), |row, field| told[row][field].as_deref());
    assert_eq!(batch.problems(), []);
    let (mut keys, mut rows) = (Vec::new(), Vec::new());
    fingerprints(&batch, &scheme(), &mut keys, &mut rows);
    // Row by row the same comes out.
    for (at, cells) in told.iter().enumerate() {
        let cells: Vec<Option<&str>> = cells.iter().map(Option::as_deref).collect();
        assert_eq!(reader.fingerprints(&scheme(), &cells, &[]), Ok((keys[at], rows[at])));
        let key = &cells[..model.mapping.keys().len()];
        assert_eq!(reader.key_fingerprint(&scheme(), key), Ok(keys[at]));
    }
    (keys, rows)
}

fn read_file(model: &Model) -> Fingerprints {
    let file = model.file();
    let cells: Vec<_> = CsvFile::new(file.as_bytes()).skip(1).map(Result::unwrap).collect();
    let reader = ReadBack::of_file(&model.mapping);
    let batch = reader.rows(cells.len(), |row, field| cells[row][field].as_deref());
    let (mut keys, mut rows) = (Vec::new(), Vec::new());
    fingerprints(&batch, &scheme(), &mut keys, &mut rows);
    let mut keys_alone = Vec::new();
    key_fingerprints(&reader.keys(cells.len(), |row, field| cells[row][field].as_deref()), &scheme(), &mut keys_alone);
    assert_eq!(keys, keys_alone);
    (keys, rows)
}

fn service() -> impl Strategy<Value = Service> {
    (any::<bool>(), any::<bool>(), prop::option::of(Just(12))).prop_map(|(empty, digits, decimal_digits)| Service {
        offset_seconds: SERVER_OFFSET_SECONDS,
        tells_blanks_as_empty: empty,
        tells_booleans_as_digits: digits,
        decimal_digits,
    })
}

#[derive(Clone, Debug)]
struct Row {
    id: u32,
    text: Option<String>,
    number: Option<i32>,
    big: Option<i64>,
    money: Option<i64>,
    score: Option<i32>,
    day: Option<i32>,
    instant: Option<i64>,
    wall: Option<i64>,
    flag: Option<bool>,
}

fn row() -> impl Strategy<Value = Row> {
    let micros = || prop::option::of(-6_800_000_000_000_000_i64..253_000_000_000_000_000);
    let texts = any::<Option<String>>().prop_map(|it| it.map(|it| it.replace('\0', "").chars().take(20).collect()));
    let one = (any::<u32>(), texts, any::<Option<i32>>(), any::<Option<i64>>(), prop::option::of(-999_999_999_i64..999_999_999));
    // Nanoseconds end in 2262, so a wall clock's reading is kept as seconds until the column is built.
    let two = (any::<Option<i32>>(), prop::option::of(-79_000..2_900_000), micros(), prop::option::of(-6_800_000_000_i64..9_000_000_000));
    (one, two, any::<Option<bool>>()).prop_map(|((id, text, number, big, money), (score, day, instant, wall), flag)| Row {
        id,
        text,
        number,
        big,
        money,
        score,
        day,
        instant,
        wall,
        flag,
    })
}

fn model(rows: &[Row], zone: Option<&str>) -> Model {
    let date_texts = rows.iter().map(|it| match (it.day, it.wall) {
        (Some(day), _) if day % 2 == 0 => Some("2026-11-23".to_owned()),
        (_, Some(wall)) if wall % 2 == 0 => Some(format!("2026-11-23 {:02}:00:00", wall.rem_euclid(24))),
        (_, Some(wall)) => Some(format!("2026-11-23T{:02}:00:00+05:30", wall.rem_euclid(24))),
        _ => None,
    });
    let wide = FieldType::Decimal { precision: 19, scale: 0 };
    Model::in_zone(
        vec![
            column(FieldType::Number, Int32Array::from_iter(rows.iter().map(|it| it.number.or(Some(0))))),
            column(TEXT, StringArray::from_iter_values(rows.iter().map(|it| format!("Id{}", it.id)))),
        ],
        vec![
            column(TEXT, StringArray::from_iter(rows.iter().map(|it| it.text.clone()))),
            column(FieldType::Number, Int32Array::from_iter(rows.iter().map(|it| it.number))),
            column(wide, Int64Array::from_iter(rows.iter().map(|it| it.big))),
            column(
                FieldType::Decimal { precision: 12, scale: 3 },
                Decimal128Array::from_iter(rows.iter().map(|it| it.money.map(i128::from))).with_precision_and_scale(12, 2).unwrap(),
            ),
            column(
                FieldType::Decimal { precision: 38, scale: 10 },
                Float64Array::from_iter(rows.iter().map(|it| it.score.map(|it| f64::from(it) / 100.0))),
            ),
            column(FieldType::Date, Date32Array::from_iter(rows.iter().map(|it| it.day))),
            column(FieldType::Date, TimestampMicrosecondArray::from_iter(rows.iter().map(|it| it.instant)).with_timezone("UTC")),
            column(FieldType::Date, TimestampNanosecondArray::from_iter(rows.iter().map(|it| it.wall.map(|it| it * 1_000_000_007)))),
            column(FieldType::Boolean, BooleanArray::from_iter(rows.iter().map(|it| it.flag))),
            column(FieldType::Date, StringArray::from_iter(date_texts)),
        ],
        zone,
    )
}

proptest! {
    #[test]
    fn what_was_written_is_read_back(
        rows in prop::collection::vec(row(), 1..12),
        service in service(),
        zone in prop::option::of(prop::sample::select(vec!["Europe/Paris", "Asia/Kolkata"])),
    ) {
        let model = model(&rows, zone);
        let wanted = of_model(&model);
        prop_assert_eq!(&read_back(&model, service), &wanted);
        prop_assert_eq!(&read_file(&model), &wanted);
    }

    #[test]
    fn no_cell_is_a_panic(cells in prop::collection::vec(prop::option::of("\\PC{0,12}|[0-9/: AMP.-]{0,22}"), 12)) {
        let model = model(&[], None);
        let cells: Vec<Option<&str>> = cells.iter().map(Option::as_deref).collect();
        let _ = ReadBack::new(&model.mapping, SERVER_OFFSET_SECONDS).fingerprints(&scheme(), &cells, &[]);
    }
}

#[test]
fn a_tenant_on_another_clock_tells_the_same_instants() {
    let value = column(FieldType::Date, TimestampMicrosecondArray::from(vec![1_795_435_200_000_000]).with_timezone("UTC"));
    let model = Model::of_value(value);
    let service =
        Service { offset_seconds: -7 * 3600, tells_blanks_as_empty: false, tells_booleans_as_digits: false, decimal_digits: None };
    assert_eq!(read_back(&model, service), of_model(&model));
}

#[test]
fn a_cell_that_is_not_of_its_type_is_an_error_without_the_value() {
    let model = Model::of_value(column(FieldType::Date, Date32Array::from(vec![0])));
    let reader = ReadBack::new(&model.mapping, SERVER_OFFSET_SECONDS);
    let error = reader.fingerprints(&scheme(), &[Some("1"), Some("private")], &[]).unwrap_err();
    assert_eq!(error, UnreadableRow::Cell { field: "v00".into(), problem: CellProblem::NotADate });
    assert!(!error.to_string().contains("private"), "{error}");
}

#[test]
fn a_key_that_is_blank_is_an_error() {
    let model = Model::of_value(column(TEXT, StringArray::from(vec!["x"])));
    let reader = ReadBack::new(&model.mapping, SERVER_OFFSET_SECONDS);
    let error = reader.key_fingerprint(&scheme(), &[Some("")]).unwrap_err();
    assert!(matches!(error, UnreadableRow::Cell { problem: CellProblem::NullKey, .. }));
    assert!(matches!(reader.key_fingerprint(&scheme(), &[]), Err(UnreadableRow::CellCount { wanted: 1, found: 0 })));
}
