//! The rows of the tests' model, in each kind of file, and what a data extension must hold of them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    sync::Arc,
};

use arrow_array::{ArrayRef, Date32Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use jiff::civil::{Date, date};
use parquet::arrow::ArrowWriter;

/// Rows by key, each with the values of its fields as Marketing Cloud shows them.
pub type Rows = BTreeMap<String, BTreeMap<String, Option<String>>>;

/// One row of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub name: String,
    pub points: i32,
    pub born: Option<Date>,
    pub tier: &'static str,
}

/// The first `count` people.
pub fn people(count: u32) -> Vec<Person> {
    (0..count).map(person).collect()
}

/// The person of that number.
pub fn person(number: u32) -> Person {
    let days = i64::from(number * 37 % 9_000);
    Person {
        id: format!("P{number:05}"),
        email: format!("person.{number}@example.com"),
        // Texts that a careless CSV would break.
        name: ["Ada", "O'Neill, Grace", "José \"Pepe\"", "李小龙", "0042", "two\nlines"][number as usize % 6].to_owned(),
        points: number as i32 * 3 - 40,
        born: (!number.is_multiple_of(7)).then(|| date(1970, 1, 1).saturating_add(jiff::Span::new().days(days))),
        tier: ["gold", "silver", "bronze"][number as usize % 3],
    }
}

/// The rows that a data extension holds once every person is in it.
pub fn rows(people: &[Person]) -> Rows {
    people.iter().map(|it| (it.id.clone(), it.shown())).collect()
}

impl Person {
    fn shown(&self) -> BTreeMap<String, Option<String>> {
        let born = self.born.map(|it| format!("{}/{}/{} 12:00:00 AM", it.month(), it.day(), it.year()));
        BTreeMap::from([
            ("Id".to_owned(), Some(self.id.clone())),
            ("Email".to_owned(), Some(self.email.clone())),
            ("Name".to_owned(), Some(self.name.clone())),
            ("Points".to_owned(), Some(self.points.to_string())),
            ("Born".to_owned(), born),
            ("tier".to_owned(), Some(self.tier.to_owned())),
        ])
    }
}

/// Writes the model under a new name and moves it into place, as a careful warehouse export does.
pub fn write(people: &[Person], path: &Path) {
    let next = path.with_extension("new");
    match path.extension().and_then(|it| it.to_str()) {
        Some("csv") => fs::write(&next, csv(people)),
        Some("ndjson") => fs::write(&next, ndjson(people)),
        Some("parquet") => fs::write(&next, parquet(people)),
        other => panic!("{other:?} is no format of these tests"),
    }
    .expect("the model can be written");
    fs::rename(next, path).expect("the model can be moved into place");
}

fn csv(people: &[Person]) -> String {
    let quoted = |it: &str| format!("\"{}\"", it.replace('"', "\"\""));
    let mut text = "id,email,name,points,born,tier\n".to_owned();
    for it in people {
        let born = it.born.map(|it| it.to_string()).unwrap_or_default();
        text.push_str(&format!("{},{},{},{},{born},{}\n", it.id, it.email, quoted(&it.name), it.points, it.tier));
    }
    text
}

fn ndjson(people: &[Person]) -> String {
    let line = |it: &Person| {
        let born = it.born.map(|it| it.to_string());
        serde_json::json!({ "id": it.id, "email": it.email, "name": it.name, "points": it.points, "born": born, "tier": it.tier })
    };
    people.iter().map(|it| format!("{}\n", line(it))).collect()
}

fn parquet(people: &[Person]) -> Vec<u8> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("email", DataType::Utf8, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("points", DataType::Int32, true),
        Field::new("born", DataType::Date32, true),
        Field::new("tier", DataType::Utf8, true),
    ]));
    let text = |of: fn(&Person) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(people.iter().map(of))) };
    let days = people.iter().map(|it| it.born.map(|it| (it - date(1970, 1, 1)).get_days()));
    let columns: Vec<ArrayRef> = vec![
        text(|it| &it.id),
        text(|it| &it.email),
        text(|it| &it.name),
        Arc::new(Int32Array::from_iter_values(people.iter().map(|it| it.points))),
        Arc::new(Date32Array::from_iter(days)),
        text(|it| it.tier),
    ];
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, Arc::clone(&schema), None).expect("the schema is plain");
    writer.write(&RecordBatch::try_new(schema, columns).expect("the columns fit")).expect("memory takes it");
    writer.close().expect("memory takes it");
    bytes
}

/// Cuts a file to its first `bytes`.
pub fn truncate(path: &Path, bytes: u64) {
    let file = File::options().write(true).open(path).expect("the file is there");
    file.set_len(bytes).expect("a file can be cut");
}
